"""Every step against the naive oracle, and what the prover leans on: rescaling, precision bits, magnitudes."""

from __future__ import annotations

import msgspec
import naive
import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import ROUNDINGS, step_lists, steps

from certify.network.steps import (
    Clamp,
    Offset,
    Relu,
    Requantize,
    Sign,
    Step,
    Threshold,
    apply_step,
    apply_steps,
    largest_intermediate,
    precision_after,
    rescale,
    shift_right,
)


def as_steps(written: list[dict]) -> list[Step]:
    return msgspec.convert(written, list[Step])


def apply_naive(written: list[dict], x: int) -> int:
    for step in written:
        x = naive.apply_step(step, x)
    return x


# What each rounding makes of -5/2, -3/2, -1/2, 1/2, 3/2 and 5/2, written down by hand.
TIES = {
    "floor": [-3, -2, -1, 0, 1, 2],
    "half_up": [-2, -1, 0, 1, 2, 3],
    "half_even": [-2, -2, 0, 0, 2, 2],
    "half_away": [-3, -2, -1, 1, 2, 3],
    "toward_zero": [-2, -1, 0, 0, 1, 2],
}


@pytest.mark.parametrize("rounding", ROUNDINGS)
def test_ties(rounding):
    assert [shift_right(x, 1, rounding) for x in (-5, -3, -1, 1, 3, 5)] == TIES[rounding]


@pytest.mark.parametrize("rounding", ROUNDINGS)
@pytest.mark.parametrize("shift", [0, 1, 2, 3, 5])
def test_shift_right_is_the_oracles_rounding(rounding, shift):
    step = {"op": "requantize", "shift": shift, "rounding": rounding}
    for x in range(-140, 141):
        assert shift_right(x, shift, rounding) == naive.apply_step(step, x), x


@pytest.mark.parametrize("rounding", ROUNDINGS)
@pytest.mark.parametrize("shift", [31, 63, 64, 1024])
def test_large_shifts_round_exactly_around_ties(rounding, shift):
    step = {"op": "requantize", "shift": shift, "rounding": rounding}
    half = 2 ** (shift - 1)
    for multiple in range(-5, 6):
        for beside in (-1, 0, 1):
            x = multiple * half + beside
            assert shift_right(x, shift, rounding) == naive.apply_step(step, x), (multiple, beside)


@pytest.mark.parametrize(
    ("step", "expected"),
    [
        pytest.param(Relu(), [0, 0, 0, 1, 7], id="relu"),
        pytest.param(Clamp(-1, 3), [-1, -1, 0, 1, 3], id="clamp"),
        pytest.param(Clamp(5, 5), [5, 5, 5, 5, 5], id="clamp to a point"),
        pytest.param(Offset(-4), [-11, -5, -4, -3, 3], id="offset"),
        pytest.param(Threshold(), [0, 0, 1, 1, 1], id="step is 1 at 0"),
        pytest.param(Sign(), [-1, -1, 1, 1, 1], id="sign is 1 at 0"),
        pytest.param(Requantize(1, "floor", 10), [6, 9, 10, 10, 13], id="zero point after rounding"),
        pytest.param(Requantize(0, "half_up", -2), [-9, -3, -2, -1, 5], id="shift 0"),
    ],
)
def test_steps(step, expected):
    assert [apply_step(step, x) for x in (-7, -1, 0, 1, 7)] == expected


@given(step_lists(), st.integers(-(2**70), 2**70) | st.integers(-600, 600))
def test_step_lists_are_the_oracles(written, x):
    assert apply_steps(as_steps(written), x) == apply_naive(written, x)


@given(steps(), st.integers(-600, 600), st.integers(-600, 600))
def test_every_step_is_monotone(written, x, y):
    [step] = as_steps([written])
    low, high = sorted([x, y])
    assert apply_step(step, low) <= apply_step(step, high)


@given(step_lists(), st.integers(0, 24), st.integers(-600, 600) | st.integers(-(2**70), 2**70))
def test_rescaled_steps_give_the_same_values(written, finer_bits, x):
    plain = as_steps(written)
    rescaled, left = rescale(plain, finer_bits)
    assert apply_steps(rescaled, x << finer_bits) == apply_steps(plain, x) << left


@pytest.mark.parametrize(
    ("step", "rescaled", "left"),
    [
        pytest.param(Relu(), Relu(), 3, id="relu keeps the scale"),
        pytest.param(Clamp(-2, 5), Clamp(-16, 40), 3, id="clamp"),
        pytest.param(Offset(-3), Offset(-24), 3, id="offset"),
        pytest.param(Requantize(4, "half_even", 9), Requantize(7, "half_even", 9), 0, id="requantize"),
        pytest.param(Threshold(), Threshold(), 0, id="step"),
        pytest.param(Sign(), Sign(), 0, id="sign"),
    ],
)
def test_rescale_by_hand(step, rescaled, left):
    assert rescale([step], 3) == ((rescaled,), left)


@pytest.mark.parametrize("rounding", ROUNDINGS)
def test_unscaled_shifts_would_fail(rounding):
    """Why rescaling matters: the target's own shift on finer integers gives other results nearly everywhere."""
    step = Requantize(4, rounding)
    differing = sum(apply_step(step, x << 4) != apply_step(step, x) for x in range(-200, 201))
    assert differing > 370


@pytest.mark.parametrize(
    ("steps_", "bits"),
    [
        pytest.param([], 9, id="none"),
        pytest.param([Relu(), Clamp(0, 9), Offset(4)], 9, id="same scale"),
        pytest.param([Requantize(4, "floor")], 5, id="shift"),
        pytest.param([Requantize(4, "floor"), Requantize(7, "floor")], -2, id="below 0"),
        pytest.param([Sign()], 0, id="sign"),
        pytest.param([Requantize(4, "floor"), Threshold(), Offset(1)], 0, id="step resets"),
        pytest.param([Threshold(), Requantize(2, "floor")], -2, id="shift after a reset"),
    ],
)
def test_precision_after(steps_, bits):
    assert precision_after(steps_, 9) == bits


def intermediates(step: Step, x: int) -> list[int]:
    """Every number that computing the step by machine meets: operands, addends, shifted values, remainders."""
    result = apply_step(step, x)
    if not isinstance(step, Requantize) or step.shift == 0:
        operands = [getattr(step, name) for name in step.__struct_fields__]
        return [x, result, *(operand for operand in operands if isinstance(operand, int))]
    half = 1 << (step.shift - 1)
    quotient = x >> step.shift
    floor = quotient << step.shift
    rounded = shift_right(x, step.shift, step.rounding)
    met = [x, -x, half, x + half, half - x, quotient, quotient + 1, floor, x - floor, rounded]
    return [*met, step.zero_point, result]


@given(step_lists(), st.integers(-300, 300), st.integers(0, 40))
def test_largest_intermediate_bounds_everything_met(written, low, size):
    applied = as_steps(written)
    largest = largest_intermediate(applied, low, low + size)
    for start in range(low, low + size + 1):
        x = start
        for step in applied:
            assert all(abs(number) <= largest for number in intermediates(step, x)), (step, x)
            x = apply_step(step, x)
        assert abs(x) <= largest


@pytest.mark.parametrize(
    ("steps_", "low", "high", "largest"),
    [
        pytest.param([], -8, 5, 8, id="the input"),
        pytest.param([Offset(100)], -8, 5, 105, id="the result"),
        pytest.param([Offset(-100), Relu()], -8, 5, 108, id="a value that a later step hides"),
        pytest.param([Offset(-100)], 8, 16, 100, id="an addend larger than the result"),
        pytest.param([Requantize(1, "floor", -100)], 8, 16, 100, id="a zero point larger than the result"),
        pytest.param([Requantize(0, "floor", -100)], 8, 16, 100, id="the same without a shift"),
        pytest.param([Clamp(-1, 999)], -8, 5, 999, id="a bound that is never reached"),
        pytest.param([Requantize(1024, "half_up")], -8, 5, 8 + 2**1024, id="the addend of a rounding"),
    ],
)
def test_largest_intermediate_by_hand(steps_, low, high, largest):
    assert largest_intermediate(steps_, low, high) == largest
