"""Curves against plain evaluation, and dependencies against linear algebra in fractions.

`dependency` is a guess that z3 confirms, and on the columns that it is given it is never wrong: where coefficients
are too large to come out of their residues it finds none.
"""

from __future__ import annotations

import math
from fractions import Fraction

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from merged import curve_at, steps_at
from strategies import RULES

from certify.network.rounding import ROUNDINGS
from certify.network.steps import Clamp, LeakyRelu, Offset, Relu, Requantize, RequantizeQ31, Sign, Threshold
from certify.proof.merging import curves
from certify.proof.merging.curves import STAIRS, Combination, Curve, dependency, points_of

BENDS = st.one_of(
    st.just(Relu()),
    st.just(Threshold()),
    st.builds(LeakyRelu, st.integers(1, 3)),
    st.just(Sign()),
    st.builds(Offset, st.integers(-9, 9)),
    st.tuples(st.integers(-9, 9), st.integers(0, 9)).map(lambda at: Clamp(at[0], at[0] + at[1])),
)
ROUNDS = st.one_of(
    st.builds(Requantize, st.integers(0, 3), st.sampled_from(ROUNDINGS), st.integers(-3, 3)),
    st.builds(
        RequantizeQ31,
        st.sampled_from([1, 2**30, 2**31 - 1, 1518500249]),
        st.sampled_from([-31, -30, -2, 0, 1]),
        st.sampled_from(RULES),
        st.integers(-3, 3),
    ),
)
FACTORS = st.integers(-5, 5).filter(bool)


def any_curve(steps):
    return st.builds(
        Curve, FACTORS, st.integers(-12, 12), st.integers(1, 4), st.lists(steps, min_size=1, max_size=3).map(tuple)
    )


SPANS = st.tuples(st.integers(-20, 10), st.integers(0, 30)).map(lambda at: (at[0], at[0] + at[1]))


def defined(curve, span):
    return [p for p in range(span[0], span[1] + 1) if (curve.factor * p + curve.constant) % curve.denominator == 0]


@given(any_curve(BENDS | ROUNDS), SPANS)
def test_values_and_ranges(curve, span):
    points = [p for p in range(span[0], span[1] + 1) if curve.is_defined(p)]
    assert points == defined(curve, span)
    low, high = curve.accumulator_range(span)
    ends = [Fraction(curve.factor * p + curve.constant, curve.denominator) for p in span]
    assert (low, high) == (math.ceil(min(ends)), math.floor(max(ends)))
    least, most = curve.output_range(span)
    for p in points:
        accumulator = Fraction(curve.factor * p + curve.constant, curve.denominator)
        assert curve.value(p) == curve_at(curve, p) == steps_at(curve.steps, int(accumulator))
        assert low <= accumulator <= high
        assert least <= curve.value(p) <= most
    if curve.denominator == 1:
        assert {curve.value(p) for p in span} == {least, most}


@given(any_curve(BENDS), SPANS)
def test_a_curve_is_straight_between_its_kinks(curve, span):
    """Three points in a row, as far as it is defined, with no kink from the first to the last are on a line."""
    points = defined(curve, (span[0] - 60, span[1] + 60))
    kinks = curve.kinks()
    assert STAIRS not in kinks
    for before, at, after in zip(points, points[1:], points[2:], strict=False):
        if kinks.isdisjoint(range(before, after + 1)):
            assert curve.value(after) - curve.value(at) == curve.value(at) - curve.value(before), (before, kinks)


@given(any_curve(ROUNDS), st.integers(-5, 5))
def test_equal_curves_on_other_lines_have_their_kinks_there(curve, move):
    """The same steps reached by another factor and constant: σ(x) and σ(2x), σ(x + 1), …"""
    bend = Curve(1, move, 1, (Relu(),))
    assert bend.kinks() & Curve(3, 3 * move, 1, (Relu(),)).kinks()
    assert bend.kinks() & Curve(-2, -2 * move, 1, (Relu(),)).kinks()
    assert (STAIRS in curve.kinks()) == any(
        isinstance(step, RequantizeQ31) or (isinstance(step, Requantize) and step.shift) for step in curve.steps
    )


KINKS = {
    "a ReLU": (Curve(1, 0, 1, (Relu(),)), {0}),
    "a ReLU at 5": (Curve(2, -10, 1, (Relu(),)), {5}),
    "between two integers": (Curve(2, -9, 1, (Relu(),)), {4, 5}),
    "a clamp": (Curve(1, 0, 1, (Clamp(-3, 7),)), {-3, 7}),
    "after an offset": (Curve(1, 0, 1, (Offset(4), Clamp(-3, 7))), {-7, 3}),
    "a leaky ReLU, after an offset, and what follows": (
        Curve(1, 0, 1, (Offset(2), LeakyRelu(2), Offset(1), Clamp(-3, 21))),
        {-2, -6, 3},
    ),
    "of a quotient": (Curve(1, 0, 3, (Clamp(1, 2),)), {3, 6}),
    "after a shift": (Curve(1, 0, 1, (Requantize(2, "floor", 1), Clamp(0, 3))), {STAIRS, -4, 8}),
}


@pytest.mark.parametrize(("curve", "among"), KINKS.values(), ids=KINKS)
def test_kinks(curve, among):
    assert among <= curve.kinks()


def test_a_short_range_is_looked_at_whole():
    halves = Curve(1, 0, 2, (Relu(),))
    assert points_of((-3, 60), [Curve(1, 0, 1, (Relu(),))]) == list(range(-3, 61))
    assert points_of((-3, 5), [halves]) == [-2, 0, 2, 4]
    assert points_of((-3, 5), [halves, Curve(1, 1, 3, (Relu(),))]) == [2]
    assert points_of((7, 7), [halves]) == []


@given(st.integers(-(10**6), 10**6), st.integers(64, 10**7), st.integers(-(10**6), 10**6))
def test_of_a_long_range_ends_zero_and_kinks_are_looked_at(low, width, kink):
    span = (low, low + width)
    points = points_of(span, [Curve(1, -kink, 1, (Relu(),))])
    assert points == sorted(set(points))
    assert {*span} <= set(points)
    assert all(span[0] <= p <= span[1] for p in points)
    for at in (0, kink):
        assert {p for p in (at - 1, at, at + 1) if span[0] <= p <= span[1]} <= set(points)


# Dependencies.


def solutions(columns, values):
    """By elimination in fractions: None for none, else coefficients in which unneeded columns have 0."""
    rows = [[Fraction(column[row]) for column in columns] + [Fraction(value)] for row, value in enumerate(values)]
    pivots, at = [], 0
    for column in range(len(columns)):
        found = next((row for row in range(at, len(rows)) if rows[row][column]), None)
        if found is None:
            continue
        rows[at], rows[found] = rows[found], rows[at]
        rows[at] = [value / rows[at][column] for value in rows[at]]
        for row in range(len(rows)):
            if row != at and rows[row][column]:
                rows[row] = [a - rows[row][column] * b for a, b in zip(rows[row], rows[at], strict=True)]
        pivots.append(column)
        at += 1
    if any(row[-1] for row in rows[at:]):
        return None
    found = [Fraction(0)] * len(columns)
    for row, column in enumerate(pivots):
        found[column] = rows[row][-1]
    return found


VECTORS = st.integers(1, 6).flatmap(
    lambda rows: st.lists(st.lists(st.integers(-8, 8), min_size=rows, max_size=rows), min_size=1, max_size=5)
)


@given(VECTORS, st.data())
def test_dependency_is_elimination(vectors, data):
    *columns, values = vectors
    if columns and data.draw(st.booleans()):
        factors = data.draw(st.lists(st.integers(-5, 5), min_size=len(columns), max_size=len(columns)))
        values = [
            sum(f * column[row] for f, column in zip(factors, columns, strict=True)) for row in range(len(values))
        ]
    expected = solutions(columns, values)
    found = dependency(columns, values)
    if expected is None:
        assert found is None
        return
    assert found is not None
    assert [Fraction(factor, found.denominator) for factor in found.factors] == expected


FOUND = {
    "none": ([[1, 1, 1], [0, 1, 2]], [0, 1, 4], None),
    "one": ([[1, 1, 1], [0, 1, 2]], [3, 5, 7], Combination(1, (3, 2))),
    "a rational coefficient": ([[2, 4, 6]], [1, 2, 3], Combination(2, (1,))),
    "several denominators": ([[2, 0], [0, 3]], [1, 1], Combination(6, (3, 2))),
    "negative": ([[1, 0], [0, 1]], [-7, 5], Combination(1, (-7, 5))),
    "a negative fraction": ([[3, 6]], [-1, -2], Combination(3, (-1,))),
    "several solutions": ([[1, 2], [2, 4], [0, 1]], [3, 7], Combination(1, (3, 0, 1))),
    "a column that is 0": ([[0, 0], [1, 2]], [2, 4], Combination(1, (0, 2))),
    "nothing to explain": ([[1, 2]], [0, 0], Combination(1, (0,))),
    "no columns": ([], [0, 0], Combination(1, ())),
    "no columns, and something to explain": ([], [0, 1], None),
    "large values, small coefficients": ([[2**200, 3**150]], [-3 * 2**200, -(3**151)], Combination(1, (-3,))),
    "a coefficient as large as can be": ([[1, 2]], [2**30 - 1, 2**31 - 2], Combination(1, (2**30 - 1,))),
    "too large a coefficient": ([[1, 2]], [2**31, 2**32], None),
    "far too large a one": ([[1, 2]], [2**90, 2**91], None),
    "too large a denominator": ([[2**31 + 11]], [1], None),
    "denominators that are too large together": ([[2**20, 0], [0, 3**13]], [1, 1], None),
    "0 modulo the prime": ([[1, 0]], [0, 2**61 - 1], None),
    "the same modulo the prime": ([[1, 1]], [5, 5 + 2**61 - 1], None),
    "a column that is 0 modulo the prime": ([[2**61 - 1]], [2**61 - 1], None),
}


@pytest.mark.parametrize(("columns", "values", "expected"), FOUND.values(), ids=FOUND)
def test_dependencies(columns, values, expected):
    assert dependency(columns, values) == expected


@given(st.lists(st.integers(-(2**70), 2**70), min_size=2, max_size=4), st.integers(1, 2**40), st.data())
def test_a_dependency_holds_exactly_whatever_the_size(factors, denominator, data):
    rows = len(factors) + 2
    columns = [
        data.draw(st.lists(st.integers(-9, 9).map(lambda x: x * denominator), min_size=rows, max_size=rows))
        for _ in factors
    ]
    values = [
        sum(f * column[row] for f, column in zip(factors, columns, strict=True)) // denominator for row in range(rows)
    ]
    found = dependency(columns, values)
    if found is not None:
        for row, value in enumerate(values):
            total = sum(f * column[row] for f, column in zip(found.factors, columns, strict=True))
            assert found.denominator * value == total


@given(VECTORS, st.integers(0, 5), st.sampled_from([-1, 1, 2**61 - 1]))
def test_a_near_miss_is_none(vectors, row, change):
    """One value off, by the prime too: a solution may still exist, and then is right, else there is none."""
    values = [1 + sum(vector) for vector in zip(*vectors, strict=True)]
    columns = [*vectors, [1] * len(values)]
    assume(dependency(columns, values) is not None)
    changed = [value + change * (index == row % len(values)) for index, value in enumerate(values)]
    expected = solutions(columns, changed)
    found = dependency(columns, changed)
    assert expected is not None or found is None


@pytest.mark.parametrize("residue", [0, 1, 2, 2**61 - 2, 2**60, (2**61 - 1) // 3, 12345678901234567])
def test_a_fraction_has_its_residue(residue):
    numerator, denominator = curves._rational(residue)
    assert denominator > 0
    assert (numerator - residue * denominator) % (2**61 - 1) == 0
