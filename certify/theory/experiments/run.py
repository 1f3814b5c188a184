"""Running an experiment: which points are missing, and their rows, one after another, whoever measures them.

Results come in the order of the points (`certify.work`), so what is there after an interruption is the first so many
of them, and a table that went on is, byte for byte, the table of a run that was left alone.

Nothing here writes: see `certify.cli.experiment`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from certify.theory.experiments import load
from certify.theory.experiments.table import Point, Value, group
from certify.work import Crew


@dataclass(frozen=True)
class Item:
    """A point of an experiment, to be measured by anybody.

    Attributes:
        experiment: its name.
        point: what is measured.
        seed: 0 or more.
    """

    experiment: str
    point: Point
    seed: int

    @property
    def seconds(self) -> float:
        """About how long it takes on one core."""
        return self.point.seconds

    def __str__(self) -> str:
        return f"{self.experiment}: {self.point.key}"


def measured(name: str, missing: Iterable[Point], seed: int, crew: Crew) -> Iterator[str]:
    """Return the lines of the missing points, in their order.

    Raises:
        WorkLostError: whoever was to measure a point is gone.
    """
    columns = load(name).COLUMNS
    points = tuple(missing)
    found = crew.run(_measure, [Item(name, point, seed) for point in points])
    for point, rows in zip(points, found, strict=True):
        yield group(point.key, rows, columns)


def _measure(item: Item) -> list[tuple[Value, ...]]:
    return load(item.experiment).measure(item.point, item.seed)


def check_keys(points: Sequence[Point]) -> tuple[str, ...]:
    """Return the keys of an experiment's points, which differ."""
    keys = tuple(point.key for point in points)
    assert len(set(keys)) == len(keys), "two points with one key"
    return keys
