"""Forms against plain fractions: whatever is combined, reduced or taken for a line is the same function."""

from __future__ import annotations

import math
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st
from merged import form_at, grid

from certify.proof.merging.forms import Form, Line, atom_form, combine, line_of

ATOMS = 4
SMALL = st.integers(-6, 6)
VALUES = st.lists(st.integers(-9, 9), min_size=ATOMS, max_size=ATOMS)


@st.composite
def forms(draw):
    """Any form, in lowest terms as `combine` leaves them."""
    parts = [(draw(SMALL), atom_form(atom)) for atom in range(ATOMS)]
    return combine(parts, draw(SMALL), draw(st.integers(1, 6)))


def assert_lowest_terms(form):
    atoms = [atom for atom, _ in form.terms]
    factors = [factor for _, factor in form.terms]
    assert atoms == sorted(set(atoms))
    assert all(factors)
    assert form.denominator >= 1
    assert math.gcd(form.denominator, form.constant, *factors) == 1


@given(st.lists(st.tuples(SMALL, forms()), max_size=4), SMALL, st.integers(1, 6), VALUES)
def test_combine(parts, constant, denominator, values):
    found = combine(parts, constant, denominator)
    exact = sum((weight * form_at(form, values) for weight, form in parts), Fraction(constant)) / denominator
    assert form_at(found, values) == exact
    assert_lowest_terms(found)


@given(forms(), forms())
def test_forms_are_the_same_function_only_if_they_are_the_same(one, other):
    """An affine function is its values at 0 and at the unit vectors."""
    points = [[0] * ATOMS, *([int(index == atom) for index in range(ATOMS)] for atom in range(ATOMS))]
    same = all(form_at(one, point) == form_at(other, point) for point in points)
    assert (one == other) == same
    assert (combine([(1, one), (-1, other)]) == Form()) == same


@given(forms(), VALUES)
def test_value_is_times_the_denominator(form, values):
    assert form.value(values) == form.denominator * form_at(form, values)
    assert form.value(dict(enumerate(values))) == form.value(values)


@given(forms(), st.lists(st.tuples(st.integers(-4, 4), st.integers(0, 2)), min_size=ATOMS, max_size=ATOMS))
def test_numerator_range_is_the_least_and_the_most(form, starts):
    ranges = [(low, low + width) for low, width in starts]
    values = [form.value(point) for point in grid(ranges)]
    assert form.numerator_range(ranges) == (min(values), max(values))


@given(forms().filter(lambda form: form.terms), VALUES)
def test_line_of(form, values):
    line = line_of(form)
    p = sum(factor * values[atom] for atom, factor in line.terms)
    assert Fraction(line.factor * p + line.constant, line.denominator) == form_at(form, values)
    assert line.factor != 0
    assert line.terms[0][1] > 0
    assert math.gcd(*(factor for _, factor in line.terms)) == 1


@given(forms().filter(lambda form: form.terms), st.integers(-5, 5).filter(bool), SMALL, st.integers(1, 5))
def test_all_that_is_affine_in_a_line_is_on_it(form, factor, constant, denominator):
    assert line_of(combine([(factor, form)], constant, denominator)).terms == line_of(form).terms


X, Y = atom_form(0), atom_form(1)
COMBINED = {
    "nothing": (combine([]), Form()),
    "a constant": (combine([], 6, 4), Form((), 3, 2)),
    "weights that are 0": (combine([(0, X), (0, Form((), 1, 7))], 2), Form((), 2)),
    "what cancels": (combine([(2, X), (1, Y), (-2, X)]), Y),
    "all cancels": (combine([(1, X), (-1, X)], 0, 3), Form()),
    "halves add up": (combine([(1, Form(((0, 1),), 0, 2)), (1, Form(((0, 1),), 0, 2))]), X),
    "halves and thirds": (
        combine([(1, Form(((0, 1),), 1, 2)), (1, Form(((1, 1),), -1, 3))]),
        Form(((0, 3), (1, 2)), 1, 6),
    ),
    "reduced": (combine([(4, X), (-6, Y)], 2, 8), Form(((0, 2), (1, -3)), 1, 4)),
    "a constant that does not divide": (combine([(2, X)], 1, 2), Form(((0, 2),), 1, 2)),
    "atoms out of order": (combine([(1, Y), (1, X)]), Form(((0, 1), (1, 1)))),
    "numbers of any size": (combine([(2**100, X)], 2**99, 2**98), Form(((0, 4),), 2)),
}


@pytest.mark.parametrize(("found", "expected"), COMBINED.values(), ids=COMBINED)
def test_what_combining_gives(found, expected):
    assert found == expected


LINES = {
    "an atom": (X, Line(((0, 1),), 1, 0, 1)),
    "a negative first coefficient": (Form(((0, -4), (1, 6)), 5), Line(((0, 2), (1, -3)), -2, 5, 1)),
    "a negative one that is not first": (Form(((0, 4), (1, -6)), 5), Line(((0, 2), (1, -3)), 2, 5, 1)),
    "a denominator": (Form(((1, 3),), 1, 2), Line(((1, 1),), 3, 1, 2)),
}


@pytest.mark.parametrize(("form", "expected"), LINES.values(), ids=LINES)
def test_the_line_of(form, expected):
    assert line_of(form) == expected


def test_near_misses_are_other_forms():
    form = Form(((0, 2), (1, -3)), 1, 4)
    others = [
        Form(((0, 2), (1, -3)), 1, 5),
        Form(((0, 2), (1, -3)), 2, 4),
        Form(((0, 2), (1, 3)), 1, 4),
        Form(((0, 2), (2, -3)), 1, 4),
        Form(((0, 2),), 1, 4),
    ]
    assert all(combine([(1, form), (-1, other)]) != Form() for other in others)
