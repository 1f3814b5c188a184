"""Floats to integers: exact or refused, held against fractions."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from certify.base.claimed.integers import INT64_LIMIT, Scale, to_bits, to_integers
from certify.errors import FalseClaimError, InputError

FINE = Scale(4, 16, rounded=False)
KINDS = [np.float16, np.float32, np.float64]


def read(values, scale, kind=np.float64):
    integers, changed = to_integers(np.array(values, dtype=kind), scale, "w")
    assert integers.dtype == np.int64
    return integers.tolist(), changed


@pytest.mark.parametrize(
    ("values", "kind", "expected"),
    [
        pytest.param([1.0, -1.0, 0.0625, -0.0], np.float64, [16, -16, 1, 0], id="double"),
        pytest.param([1.0, -1.0, 0.0625, -0.0], np.float32, [16, -16, 1, 0], id="single"),
        pytest.param([1.0, -1.0, 0.0625, -0.0], np.float16, [16, -16, 1, 0], id="half"),
        pytest.param([16, -16, 0], np.int8, [16, -16, 0], id="integers are themselves"),
        pytest.param([16, 0], np.uint64, [16, 0], id="unsigned"),
    ],
)
def test_what_is_on_the_grid_is_read(values, kind, expected):
    assert read(values, FINE, kind) == (expected, 0)
    assert read(values, Scale(4, 16, rounded=True), kind) == (expected, 0)


MULTIPLE = "expected a multiple of 2^-4, as no rounding was asked for, found "
REACH = "expected a magnitude of at most 16·2^-4, found "
INTEGER = "expected an integer from -16 to 16, found "


@pytest.mark.parametrize(
    ("values", "kind", "place", "problem"),
    [
        pytest.param([[0, 1], [0.1, 0.3]], np.float64, "w[1][0]", MULTIPLE + "0.1", id="off the grid"),
        pytest.param([0, 0.1], np.float32, "w[1]", MULTIPLE + "0.10000000149011612", id="a single, in full"),
        pytest.param([0.03125], np.float64, "w[0]", MULTIPLE + "0.03125", id="half a unit"),
        pytest.param([5e-324], np.float64, "w[0]", MULTIPLE + "5e-324", id="the least double"),
        pytest.param([1 + 2**-52], np.float64, "w[0]", MULTIPLE + repr(1 + 2**-52), id="one ulp above"),
        pytest.param([1, 1.0625], np.float64, "w[1]", REACH + "1.0625", id="above 1"),
        pytest.param([-1.0625], np.float64, "w[0]", REACH + "-1.0625", id="below -1"),
        pytest.param([1.7e308], np.float64, "w[0]", REACH + "1.7e+308", id="huge"),
        pytest.param([3, math.nan], np.float64, "w[0]", REACH + "3.0", id="the first of two"),
        pytest.param([0.1, 3], np.float64, "w[0]", MULTIPLE + "0.1", id="the first of two, the other way"),
        pytest.param([math.nan], np.float64, "w[0]", "expected a number, found nan", id="nan"),
        pytest.param([-math.inf], np.float16, "w[0]", "expected a number, found -inf", id="inf"),
        pytest.param([3, 17], np.int64, "w[1]", INTEGER + "17", id="integer above"),
        pytest.param([-17], np.int8, "w[0]", INTEGER + "-17", id="integer below"),
        pytest.param([2**64 - 1], np.uint64, "w[0]", INTEGER + str(2**64 - 1), id="far above"),
        pytest.param([-(2**63)], np.int64, "w[0]", INTEGER + str(-(2**63)), id="far below"),
        pytest.param([True], np.bool_, "w", "expected integers or floats, found bool", id="bool"),
    ],
)
def test_what_is_not_is_named(values, kind, place, problem):
    with pytest.raises(InputError) as caught:
        to_integers(np.array(values, dtype=kind), FINE, "w")
    assert (caught.value.place, caught.value.problem) == (place, problem)
    assert not isinstance(caught.value, FalseClaimError)


def test_rounding_is_half_even_and_counted():
    values = [0.03125, 0.09375, -0.03125, -0.09375, 0.07, 1.03, 0.5, -0.0, 1e-300]
    assert read(values, Scale(4, 16, rounded=True)) == ([0, 2, 0, -2, 1, 16, 8, 0, 0], 7)


@pytest.mark.parametrize("value", [1.04, -1.04, math.inf, math.nan, 1e300])
def test_rounding_does_not_bring_back_what_is_outside(value):
    with pytest.raises(InputError):
        read([value], Scale(4, 16, rounded=True))


@pytest.mark.parametrize("bits", [-1100, -70, -4, 0, 4, 60, 1100])
@pytest.mark.parametrize("value", [0.0, 5e-324, -(2.0**-1022), 1.0, 48.0, 2.0**62, 2.0**63, -(2.0**63), 1.7e308])
@pytest.mark.parametrize("rounded", [False, True])
def test_extreme_scales_are_exact_too(bits, value, rounded):
    check_against_fractions(value, Scale(bits, INT64_LIMIT, rounded))


@given(
    st.floats(allow_nan=False, allow_infinity=False),
    st.integers(-80, 80),
    st.booleans(),
    st.sampled_from([INT64_LIMIT, 16, 1, 2**60]),
)
@example(0.5, 0, True, 1)
@example(1.5, 0, True, 1)
def test_against_fractions(value, bits, rounded, limit):
    check_against_fractions(value, Scale(bits, limit, rounded))


@given(st.integers(-(2**53), 2**53), st.integers(0, 60), st.booleans())
def test_multiples_against_fractions(integer, bits, rounded):
    check_against_fractions(math.ldexp(integer, -bits), Scale(bits, 1 << bits, rounded))


def check_against_fractions(value, scale):
    exact = Fraction(value) * Fraction(2) ** scale.bits
    nearest = round(exact)
    if abs(nearest) > scale.limit or (nearest != exact and not scale.rounded):
        with pytest.raises(InputError):
            read([value], scale)
    else:
        assert read([value], scale) == ([nearest], int(nearest != exact))


@pytest.mark.parametrize("kind", [np.bool_, np.int8, np.uint64, np.int64, *KINDS])
def test_bits_of_any_kind(kind):
    bits = to_bits(np.array([[0, 1], [1, 0]], dtype=kind), "m")
    assert bits.dtype == np.bool_
    assert bits.tolist() == [[False, True], [True, False]]


@pytest.mark.parametrize(
    ("values", "kind", "place", "found"),
    [
        pytest.param([[0, 1], [2, 3]], np.int8, "m[1][0]", "2", id="two"),
        pytest.param([-1], np.int8, "m[0]", "-1", id="minus one"),
        pytest.param([255], np.uint8, "m[0]", "255", id="a white pixel"),
        pytest.param([0.5], np.float32, "m[0]", "0.5", id="half"),
        pytest.param([1, 1 - 2**-53], np.float64, "m[1]", repr(1 - 2**-53), id="almost one"),
        pytest.param([math.nan], np.float64, "m[0]", "nan", id="nan"),
        pytest.param([math.inf], np.float16, "m[0]", "inf", id="inf"),
        pytest.param([5e-324], np.float64, "m[0]", "5e-324", id="almost zero"),
    ],
)
def test_what_is_no_mask(values, kind, place, found):
    with pytest.raises(FalseClaimError) as caught:
        to_bits(np.array(values, dtype=kind), "m")
    assert (caught.value.place, caught.value.problem) == (place, f"expected 0 or 1 in a mask, found {found}")
