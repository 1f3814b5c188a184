"""Every experiment in its small size: points, tables, figures from tables alone."""

from __future__ import annotations

import math
from dataclasses import replace
from fractions import Fraction

import numba
import pytest

from certify.errors import InputError
from certify.theory.asymptotics import threshold
from certify.theory.bounds import success
from certify.theory.experiments import EXPERIMENTS, SIZES, load, style
from certify.theory.experiments.failure import bound, rates, ratio
from certify.theory.experiments.run import Item, check_keys, measured
from certify.theory.experiments.table import Heading, rows_of
from certify.theory.experiments.transition import bracket, limit
from certify.theory.experiments.width import least
from certify.theory.law import uniform
from certify.work import ALONE
from certify.work.task import seconds_of

KERNELS = ("transition", "failure", "width")


@pytest.mark.parametrize("name", EXPERIMENTS)
def test_points(name):
    experiment = load(name)
    for size in SIZES:
        points = experiment.points(size)
        assert len(check_keys(points)) == len(points)
        assert all(seconds_of(Item(name, point, 0)) > 0 for point in points)
    assert experiment.SUMMARY
    assert "," not in "".join(experiment.COLUMNS)


def test_none_of_that_name():
    with pytest.raises(InputError, match=r"one of transition, .*, found 'dice'"):
        load("dice")


def small(name):
    points = load(name).points("small")
    if not numba.config.DISABLE_JIT:
        return points
    return [replace(point, value=replace(point.value, draws=20)) for point in points]


@pytest.fixture(scope="module")
def tables():
    """The small tables of these experiments; of fewer draws where there is no compiled code."""
    found = {}
    for name in KERNELS:
        experiment = load(name)
        heading = Heading(name, "small", 0, "1", experiment.COLUMNS)
        found[name] = heading.text() + "".join(measured(name, small(name), 0, ALONE)), heading
    return found


@pytest.mark.parametrize("name", KERNELS)
def test_figures_come_from_the_table_alone(tables, name):
    experiment, rows = load(name), rows_of(*tables[name])
    png, svg = style.drawn(experiment.draw, rows)
    assert png.startswith(b"\x89PNG")
    assert b"<dc:date>" not in svg
    if name == "width":
        assert style.drawn(experiment.draw, rows) == (png, svg)


@pytest.mark.parametrize("name", KERNELS)
def test_a_point_alone_is_as_among_others(tables, name):
    points = small(name)
    (again,) = measured(name, [points[-1]], 0, ALONE)
    assert tables[name][0].endswith("\n" + again)
    assert list(measured(name, [points[-1]], 1, ALONE)) != [again]


@pytest.mark.compiled
def test_what_small_tables_say(tables):
    found = dict(rates(rows_of(*tables["failure"])))
    single, products = found["uniform k=8 bits=8 goals=1"], found["products k=8 bits=4 goals=1"]
    assert 0.5 < single.rate.estimate < 0.75
    assert 0.28 < products.rate.estimate < 0.45
    rows = rows_of(*tables["transition"])
    assert all(row["bound_low"] <= row["solved"] / row["draws"] + 0.1 for row in rows)
    shares = {
        row["kappa"]: row["solved"] / row["draws"] for row in rows if row["n"] == 10 and row["problem"] == "subset"
    }
    assert list(shares.values()) == sorted(shares.values(), reverse=True)
    rows = rows_of(*tables["width"])
    assert all(row["low"] <= row["items"] <= row["high"] for row in rows)
    assert all(row["items"] >= least(row["law"], row["k"], row["goals"]) for row in rows if row["quantile"] == 0.99)


@pytest.mark.parametrize(("n", "largest", "goal"), [(3, 2, 1), (5, 4, 2), (4, 7, 3)])
def test_the_bracket_is_that_of_the_exact_moments(n, largest, goal):
    exact = success(uniform(largest, zero=False), n, goal)
    assert bracket(n, largest, goal) == pytest.approx(
        (float(exact.low), float(min(exact.high, Fraction(1)))), abs=1e-9
    )


def test_the_limit_is_a_half_about_where_the_threshold_is():
    n = threshold(2**12)
    assert limit("subset", n + 4, 2**12, 0) > 0.99
    assert limit("subset", n, 2**12, 0) == pytest.approx(1 - math.exp(-1), abs=0.25)
    assert limit("partition", n - 5, 2**12, 0) < 0.1


def test_over_parameterization():
    assert bound(2) == pytest.approx(math.log2(9))
    assert ratio("products", 2, 3) == 2 * ratio("uniform", 2, 3)
    assert least("products", 8, 1) == pytest.approx(least("uniform", 8, 1) / 2)
