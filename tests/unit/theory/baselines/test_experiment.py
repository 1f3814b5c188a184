"""The experiment on its small targets: a row for every method, the same again, and what was not found said."""

from certify.theory.baselines import METHODS
from certify.theory.experiments import baselines


def test_rows_are_of_every_method_and_the_same_again():
    points = baselines.points("small")
    rows = [row for point in points for row in baselines.measure(point, 0)]
    assert len(rows) == len(points) * (1 + len(METHODS))
    assert {len(row) for row in rows} == {len(baselines.COLUMNS)}
    exact = [row for row in rows if row[1] == baselines.EXACT]
    assert [row[7] for row in exact] == [baselines.NONE, baselines.NONE, 0.0]
    assert all(row[7] > 0 for row in rows if row[1] in METHODS)
    assert baselines.measure(points[0], 0) == rows[:6]
    assert baselines.measure(points[0], 1) != rows[:6]


def test_the_published_size_has_the_reference_shape_by_its_name():
    large = [point for point in baselines.points("published") if point.value.synthetic]
    assert large
    assert all(point.key.startswith("synthetic 784-500-10") for point in large)
