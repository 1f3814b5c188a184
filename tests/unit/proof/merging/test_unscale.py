"""Unscaled steps against the steps themselves: steps(divisor · x) is one fixed multiple of steps'(x), for every x.

Every case of `unscale` is exact, so this holds wherever it returns steps. `atoms` does not rely on it
(test_lies.py): the multiple is put before z3 as any other combination.
"""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st
from merged import steps_at
from strategies import RULES

from certify.network.rounding import ROUNDINGS
from certify.network.steps import (
    Clamp,
    LeakyRelu,
    Offset,
    Relu,
    Requantize,
    RequantizeQ31,
    Sign,
    Step,
    Threshold,
    rescale,
)
from certify.proof.merging.unscale import unscale

RANGE = range(-70, 71)


def multiple(steps, divisor, scaled):
    """The factor m with steps(divisor · x) = m · scaled(x) for all x of the range, if there is one.

    Where both are 0 everywhere, 1; values are far beyond what rounds away.
    """
    pairs = [(steps_at(steps, divisor * x * at), steps_at(scaled, x * at)) for at in (1, 10**8 + 7) for x in RANGE]
    factors = {Fraction(ours, theirs) for ours, theirs in pairs if theirs}
    if len(factors) > 1 or any(ours and not theirs for ours, theirs in pairs):
        return None
    return factors.pop() if factors else Fraction(1)


FINE = st.one_of(
    st.just(Relu()),
    st.just(LeakyRelu(2)),
    st.just(Threshold()),
    st.just(Sign()),
    st.builds(Offset, st.integers(-16, 16)),
    st.tuples(st.integers(-16, 16), st.integers(0, 16)).map(lambda at: Clamp(at[0], at[0] + at[1])),
    st.builds(Requantize, st.integers(0, 4), st.sampled_from(ROUNDINGS), st.integers(-4, 4)),
    st.builds(
        RequantizeQ31,
        st.sampled_from([1, 2**30, 2**31 - 1, 1518500249]),
        st.sampled_from([-31, -30, -28, -1, 0, 1, 3]),
        st.sampled_from(RULES),
        st.integers(-3, 3),
    ),
)
CHAINS = st.lists(FINE, min_size=1, max_size=4).map(tuple)


@given(CHAINS, st.sampled_from([1, 2, 3, 4, 6, 8, 16, 64]))
def test_unscaled_steps_are_the_steps(steps, divisor):
    scaled = unscale(steps, divisor)
    if scaled is not None:
        found = multiple(steps, divisor, scaled)
        assert found is not None
        assert found.denominator == 1
        assert found > 0


SHIFTS = st.lists(
    st.one_of(
        st.just(Relu()),
        st.just(Sign()),
        st.builds(Offset, st.integers(-9, 9)),
        st.tuples(st.integers(-9, 9), st.integers(0, 9)).map(lambda at: Clamp(at[0], at[0] + at[1])),
        st.builds(Requantize, st.integers(0, 3), st.sampled_from(ROUNDINGS)),
    ),
    max_size=4,
).map(tuple)


@given(SHIFTS, st.integers(0, 5))
def test_it_undoes_what_rescaling_does(steps, bits):
    """As far as what `rescale` leaves is written so that it can be: without zero points in between."""
    rescaled, left = rescale(steps, bits)
    scaled = unscale(rescaled, 1 << bits)
    assert scaled is not None
    assert all(steps_at(scaled, x) == steps_at(steps, x) for x in RANGE)
    assert multiple(rescaled, 1 << bits, scaled) in {Fraction(1 << left), Fraction(1)}


def q31(shift: int, rule: str = "single", zero_point: int = 0) -> RequantizeQ31:
    return RequantizeQ31(2**30 + 12345, shift, rule, zero_point, 3)


UNSCALED: dict[str, tuple[tuple[Step, ...], int, tuple[Step, ...]]] = {
    "a ReLU": ((Relu(),), 6, (Relu(),)),
    "a leaky ReLU": ((LeakyRelu(2), Clamp(-6, 9)), 3, (LeakyRelu(2), Clamp(-2, 3))),
    "a clamp": ((Clamp(-6, 9),), 3, (Clamp(-2, 3),)),
    "an offset": ((Offset(-8), Relu()), 4, (Offset(-2), Relu())),
    "a step, and what follows it": ((Threshold(), Offset(1)), 7, (Threshold(), Offset(1))),
    "a sign": ((Sign(), Clamp(0, 1)), 7, (Sign(), Clamp(0, 1))),
    "all of a shift": ((Requantize(2, "floor"),), 4, ()),
    "more than a shift": ((Requantize(2, "half_even", 6), Offset(4)), 8, (Requantize(0, "half_even", 3), Offset(2))),
    "less than a shift": ((Requantize(3, "half_up", 5),), 2, (Requantize(2, "half_up", 5),)),
    "the shift in front of a multiplier": ((Requantize(2, "floor"), q31(1)), 4, (q31(1),)),
    "a multiplier's own shift": ((q31(3),), 4, (q31(1),)),
    "one in float32 after its shift": ((Requantize(1, "floor"), q31(3, "float32")), 2, (q31(3, "float32"),)),
    "the least shift of a multiplier": ((q31(-30),), 2, (q31(-31),)),
    "a double one, as it is": ((q31(3, "double"),), 1, (q31(3, "double"),)),
    "a double one after its shift": ((Requantize(1, "floor"), q31(3, "double")), 2, (q31(3, "double"),)),
}


@pytest.mark.parametrize(("steps", "divisor", "expected"), UNSCALED.values(), ids=UNSCALED)
def test_what_comes_out(steps, divisor, expected):
    assert unscale(steps, divisor) == expected
    assert multiple(steps, divisor, expected) is not None


NONE: dict[str, tuple[tuple[Step, ...], int]] = {
    "a clamp that does not divide": ((Clamp(-6, 8),), 3),
    "an offset that does not divide": ((Offset(3), Relu()), 2),
    "a shift and no power of two": ((Requantize(1, "floor"),), 6),
    "a zero point that does not divide": ((Requantize(1, "floor", 1),), 4),
    "a multiplier and no power of two": ((q31(0),), 3),
    "a multiplier's shift at its end": ((q31(-31),), 2),
    "a double one": ((q31(3, "double"),), 2),
    "one in float32": ((q31(3, "float32", 1), Relu()), 2),
    "what follows": ((Relu(), Relu(), Offset(1)), 2),
}


@pytest.mark.parametrize(("steps", "divisor"), NONE.values(), ids=NONE)
def test_none(steps, divisor):
    assert unscale(steps, divisor) is None


def test_a_double_one_has_no_other_shift():
    """Its first rounding is at a fixed place, so neither shift - 1 nor anything else is right on all x."""
    steps = (q31(2, "double"),)
    assert multiple(steps, 2, (q31(1, "double"),)) is None
