"""Every step against the naive oracle, and what the prover leans on: rescaling, precision bits, magnitudes."""

from __future__ import annotations

import msgspec
import naive
import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import ALL_OPS, ROUNDINGS, RULES, multiplications, step_lists, steps

from certify.network.rounding import multiply_q31, round_significant, shift_right
from certify.network.step_form import StepForm, read_step
from certify.network.steps import (
    Clamp,
    LeakyRelu,
    Offset,
    Relu,
    Requantize,
    RequantizeQ31,
    RoundSignificant,
    Sign,
    Step,
    Threshold,
    Thresholds,
    apply_step,
    apply_steps,
    channel_steps,
    channels,
    largest_intermediate,
    precision_after,
    rescale,
)


def as_steps(written: list[dict]) -> list[Step]:
    return [read_step(form, 1, "step") for form in msgspec.convert(written, list[StepForm])]


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
        pytest.param(LeakyRelu(2), [-7, -1, 0, 4, 28], id="leaky relu of slope 1/4"),
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


@given(step_lists(ops=ALL_OPS), st.integers(-(2**70), 2**70) | st.integers(-600, 600))
def test_step_lists_are_the_oracles(written, x):
    assert apply_steps(as_steps(written), x) == apply_naive(written, x)


@given(steps(ops=ALL_OPS), st.integers(-600, 600), st.integers(-600, 600))
def test_every_step_is_monotone(written, x, y):
    [step] = as_steps([written])
    low, high = sorted([x, y])
    assert apply_step(step, low) <= apply_step(step, high)


@given(step_lists(ops=ALL_OPS), st.integers(0, 24), st.integers(-600, 600) | st.integers(-(2**70), 2**70))
def test_rescaled_steps_give_the_same_values(written, finer_bits, x):
    plain = as_steps(written)
    rescaled, left = rescale(plain, finer_bits)
    assert apply_steps(rescaled, x << finer_bits) == apply_steps(plain, x) << left


@pytest.mark.parametrize(
    ("step", "rescaled", "left"),
    [
        pytest.param(Relu(), Relu(), 3, id="relu keeps the scale"),
        pytest.param(LeakyRelu(2), LeakyRelu(2), 3, id="leaky relu keeps the scale"),
        pytest.param(Clamp(-2, 5), Clamp(-16, 40), 3, id="clamp"),
        pytest.param(Offset(-3), Offset(-24), 3, id="offset"),
        pytest.param(Requantize(4, "half_even", 9), Requantize(7, "half_even", 9), 0, id="requantize"),
        pytest.param(Threshold(), Threshold(), 0, id="step"),
        pytest.param(Sign(), Sign(), 0, id="sign"),
    ],
)
def test_rescale_by_hand(step, rescaled, left):
    assert rescale([step], 3) == ((rescaled,), left)


@pytest.mark.parametrize("rule", RULES)
def test_a_multiplier_is_rescaled_by_an_exact_shift_before_it(rule):
    step = RequantizeQ31(2**30 + 1, 4, rule, 9, 2)
    assert rescale([step, Offset(1)], 3) == ((Requantize(3, "floor"), step, Offset(1)), 0)
    assert rescale([step], 0) == ((step,), 0)


def test_a_longer_shift_alone_would_fail_for_rules_that_round_twice():
    """Why a multiplier is not rescaled as a shift is."""
    for rule in ("double",):
        ours, longer = RequantizeQ31(2**30 + 1, 4, rule), RequantizeQ31(2**30 + 1, 7, rule)
        assert any(apply_step(longer, x << 3) != apply_step(ours, x) for x in range(-500, 501))


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
        pytest.param([LeakyRelu(3)], 12, id="leaky relu"),
        pytest.param([LeakyRelu(3), Requantize(4, "floor"), LeakyRelu(1)], 9, id="leaky relus around a shift"),
        pytest.param([Requantize(4, "floor")], 5, id="shift"),
        pytest.param([Requantize(4, "floor"), Requantize(7, "floor")], -2, id="below 0"),
        pytest.param([Sign()], 0, id="sign"),
        pytest.param([Requantize(4, "floor"), Threshold(), Offset(1)], 0, id="step resets"),
        pytest.param([Threshold(), Requantize(2, "floor")], -2, id="shift after a reset"),
    ],
)
def test_precision_after(steps_, bits):
    assert precision_after(steps_, 9) == bits


def met_by_multiplying(x: int, multiplier: int, shift: int, rule: str) -> list[int]:
    """Every number that `multiply_q31` by machine meets."""
    if rule == "float32":
        rounded = round_significant(x)
        product = rounded * multiplier
        result = round_significant(product)
        half = 1 << max(30 + shift, 0)
        return [multiplier, rounded, product, product + abs(result - product), result, result + half, half]
    if rule == "single":
        product, half = x * multiplier, 1 << max(30 + shift, 0)
        return [multiplier, product, half, product + half]
    factor = multiplier << max(-shift, 0)
    high = (x * factor + 2**30) >> 31
    half = 1 << max(shift - 1, 0)
    return [factor, x * factor, x * factor + 2**30, high, half, high + half]


def intermediates(step: Step, x: int) -> list[int]:
    """Every number that computing the step by machine meets: operands, addends, shifted values, remainders."""
    result = apply_step(step, x)
    if isinstance(step, RequantizeQ31):
        return [x, result, step.zero_point, *met_by_multiplying(x, step.multiplier, step.shift, step.rule)]
    if isinstance(step, LeakyRelu):
        return [x, result, x << step.negative_shift]
    if isinstance(step, Thresholds):
        return [x, result, step.low, *step.at]
    if isinstance(step, RoundSignificant):
        excess = max(abs(x).bit_length() - 24, 0)
        up = (x >> excess) + (excess > 0)
        return [x, result, abs(x), up, up << excess]
    if not isinstance(step, Requantize) or step.shift == 0:
        operands = [getattr(step, name) for name in step.__struct_fields__]
        return [x, result, *(operand for operand in operands if isinstance(operand, int))]
    half = 1 << (step.shift - 1)
    quotient = x >> step.shift
    floor = quotient << step.shift
    rounded = shift_right(x, step.shift, step.rounding)
    met = [x, -x, half, x + half, half - x, quotient, quotient + 1, floor, x - floor, rounded]
    return [*met, step.zero_point, result]


@given(step_lists(ops=ALL_OPS), st.integers(-300, 300), st.integers(0, 40))
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


# Worked by hand: M = 3/4 (3·2^29 / 2^31). x·M at 2 and -2 is a tie, half-up goes to 2 and -1, half-even to 2 and -2.
BY_HAND = {"single": [-1, -1, 0, 1, 2, 2], "double": [-1, -1, 0, 1, 2, 2], "float32": [-2, -1, 0, 1, 2, 2]}


@pytest.mark.parametrize("rule", RULES)
def test_a_multiplier_by_hand(rule):
    step = RequantizeQ31(3 << 29, 0, rule)
    assert [apply_step(step, x) for x in (-2, -1, 0, 1, 2, 3)] == BY_HAND[rule]


@pytest.mark.parametrize(
    ("rule", "x", "multiplier", "shift", "expected"),
    [
        pytest.param("single", 1, 2**30, 1, 0, id="single: a quarter"),
        pytest.param("double", 1, 2**30, 1, 1, id="double: a quarter rounds to a half, and that to one"),
        pytest.param("double", -1, 2**30, 1, 0, id="double: half-up of -1/2"),
        pytest.param("double", -1, 2**30, -1, -1, id="double: a left shift comes first"),
        pytest.param("single", 5, 2**30, -31, 5 << 30, id="the largest left shift"),
        pytest.param("float32", 2**24 + 1, 2**30, -1, 2**24, id="float32: the accumulator's last bit is lost"),
        pytest.param("float32", 2**24 + 3, 2**30, -1, 2**24 + 4, id="float32: a tie goes to the even one"),
        pytest.param("float32", -(2**24) - 3, 2**30, -1, -(2**24) - 4, id="float32: below zero too"),
        pytest.param("float32", 2**24 - 1, 2**31 - 1, -7, (2**24 - 1) << 7, id="float32: the product is rounded"),
        pytest.param("single", 2**24 - 1, 2**31 - 1, -7, 2**31 - 2**7 - 1, id="single: it is not"),
        pytest.param("single", 2**40, 2**31 - 1, 1024, 0, id="the largest right shift"),
    ],
)
def test_rules_differ_where_they_say(rule, x, multiplier, shift, expected):
    assert multiply_q31(x, multiplier, shift, rule) == expected


@given(multiplications(), st.integers(-600, 600) | st.integers(-(2**33), 2**33) | st.integers(-(2**70), 2**70))
def test_multipliers_are_the_oracles(written, x):
    [step] = as_steps([written])
    assert apply_step(step, x) == naive.apply_step(written, x)


@given(multiplications(), st.integers(-(2**33), 2**33), st.integers(0, 2**10))
def test_multipliers_are_monotone(written, low, more):
    [step] = as_steps([written])
    assert apply_step(step, low) <= apply_step(step, low + more)


def test_steps_of_one_output():
    step = RequantizeQ31((2**30, 2**31 - 1), (1, 2), "single", 3)
    assert channels([Relu(), step]) == 2
    assert channel_steps((Relu(), step), 1) == (Relu(), RequantizeQ31(2**31 - 1, 2, "single", 3))
    mixed = RequantizeQ31(2**30, (1, 2), "single")
    assert channel_steps((mixed,), 0) == (RequantizeQ31(2**30, 1, "single"),)
    alike = (Relu(), RequantizeQ31(2**30, 1, "single"))
    assert channels(alike) is None
    assert channel_steps(alike, 5) is alike


def test_thresholds_of_one_output():
    step = Thresholds(((1, 5), ()), -3, 2)
    assert channels([step]) == 2
    assert step.lists == ((1, 5), ())
    assert channel_steps((step,), 0) == (Thresholds((1, 5), -3, 2),)
    assert channel_steps((step,), 1) == (Thresholds((), -3, 2),)
    with pytest.raises(TypeError, match="steps of one output"):
        apply_step(step, 1)


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        pytest.param({"op": "thresholds", "at": [-1, 2, 2]}, [0, 1, 1, 1, 3, 3], id="thresholds, one twice"),
        pytest.param({"op": "thresholds", "at": [], "low": 4}, [4] * 6, id="no thresholds"),
        pytest.param({"op": "table", "low": -1, "values": [-5, 0, 0, 7]}, [-5, -5, 0, 0, 7, 7], id="a table"),
        pytest.param({"op": "table", "low": 9, "values": [6]}, [6] * 6, id="a table of one value"),
    ],
)
def test_rising_functions_by_hand(written, expected):
    [step] = as_steps([written])
    assert [apply_step(step, x) for x in (-2, -1, 0, 1, 2, 3)] == expected


@pytest.mark.parametrize(
    ("x", "expected"),
    [
        pytest.param(2**24 - 1, 2**24 - 1, id="24 bits stay"),
        pytest.param(2**24 + 1, 2**24, id="a tie goes to the even one"),
        pytest.param(2**24 + 3, 2**24 + 4, id="a tie goes up to the even one"),
        pytest.param(-(2**24) - 3, -(2**24) - 4, id="below zero alike"),
        pytest.param(2**25 - 1, 2**25, id="up to the next power"),
        pytest.param(2**90 + 2**66, 2**90, id="beyond machine words"),
    ],
)
def test_significant_bits_by_hand(x, expected):
    assert apply_step(RoundSignificant(), x) == expected


def test_steps_for_different_numbers_of_outputs_are_none():
    with pytest.raises(ValueError, match=r"one number of outputs, found \[2, 3\]"):
        channels([RequantizeQ31(2**30, (1, 2), "single"), RequantizeQ31(2**30, (1, 2, 3), "single")])


def test_a_multiplier_for_each_output_is_not_applied_to_one():
    with pytest.raises(TypeError, match="steps of one output"):
        apply_step(RequantizeQ31((2**30,), 0, "single"), 1)
