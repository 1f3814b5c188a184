"""Factors and bounds against values worked out by hand; against the kernels in `test_conformance`."""

from __future__ import annotations

import math

import numpy as np
import pytest

from certify.errors import InputError
from certify.network.rounding import RULES, Rule, multiply_q31
from certify.network.tflite.multiplier import activation_range, factors, quantize_multiplier

SCALES = np.array([0.1, 0.3], dtype=np.float32)


@pytest.mark.parametrize(
    ("factor", "multiplier", "shift"),
    [
        (0.5, 2**30, 0),
        (1.0, 2**30, -1),
        (0.75, 3 * 2**29, 0),
        (3.0, 3 * 2**29, -2),
        (2.0**-32, 2**30, 31),
        (2.0**30 - 1, 2**31 - 2, -30),
        (1 - 2.0**-40, 2**30, -1),
        (0.5 + 2.0**-32, 2**30 + 1, 0),
        (0.5 + 2.0**-32 - 2.0**-50, 2**30, 0),
    ],
    ids=["half", "one", "inside", "above one", "least", "greatest", "carries", "half up", "below half"],
)
def test_a_factor_as_multiplier_and_shift(factor: float, multiplier: int, shift: int) -> None:
    assert quantize_multiplier(factor, "single") == (multiplier, shift)


@pytest.mark.parametrize(
    ("factor", "rule"),
    [
        (0.0, "single"),
        (-0.5, "single"),
        (math.nan, "double"),
        (math.inf, "double"),
        (2.0**30, "double"),
        (256.0, "float32"),
    ],
    ids=["zero", "negative", "nan", "infinite", "too large", "too large for XNNPACK"],
)
def test_a_factor_that_is_refused(factor: float, rule: Rule) -> None:
    with pytest.raises(InputError, match="expected a "):
        quantize_multiplier(factor, rule)


@pytest.mark.parametrize("factor", [2.0**-32 * (1 - 2.0**-31), 1e-30, 5e-324])
def test_a_factor_that_makes_0_of_every_int32(factor: float) -> None:
    for rule in RULES:
        pair = quantize_multiplier(factor, rule)
        for value in (-(2**31), -1, 0, 1, 2**30, 2**31 - 1):
            assert multiply_q31(value, *pair, rule) == 0


def test_a_factor_just_below_the_least_carries_into_it() -> None:
    assert quantize_multiplier(math.nextafter(2.0**-32, 0), "single") == (2**30, 31)


def test_each_rule_forms_its_own_product() -> None:
    source, output = np.float32(0.7), np.float32(0.9)
    exact = [float(source) * float(scale) / float(output) for scale in SCALES]
    in_single = [float(source * scale) / float(output) for scale in SCALES]
    throughout = [float(source * scale / output) for scale in SCALES]
    assert factors(source, SCALES, output, "single") == exact
    assert factors(source, SCALES[:1], output, "single") == exact[:1]
    assert factors(source, SCALES, output, "double") == exact
    assert factors(source, SCALES[:1], output, "double") == in_single[:1]
    assert factors(source, SCALES, output, "float32") == throughout
    assert len({exact[0], in_single[0], throughout[0]}) == 3


def test_factors_of_float32_have_24_significant_bits() -> None:
    for factor in factors(np.float32(0.7), SCALES, np.float32(0.9), "float32"):
        assert quantize_multiplier(factor, "float32")[0] % 2**7 == 0


@pytest.mark.parametrize(
    ("activation", "scale", "zero_point", "expected"),
    [
        ("NONE", 0.1, 5, (-128, 127)),
        ("RELU", 0.1, 5, (5, 127)),
        ("RELU", 0.1, -128, (-128, 127)),
        ("RELU6", 0.1, 0, (0, 60)),
        ("RELU6", 0.01, 0, (0, 127)),
        ("RELU_N1_TO_1", 0.1, 120, (110, 127)),
        ("RELU_N1_TO_1", 0.001, -128, (-128, 127)),
    ],
)
def test_the_range_of_an_activation(
    activation: str, scale: float, zero_point: int, expected: tuple[int, int]
) -> None:
    for rule in RULES:
        assert activation_range(activation, np.float32(scale), zero_point, rule) == expected


@pytest.mark.parametrize(("rule", "expected"), [("single", (-3, 9)), ("double", (-3, 9)), ("float32", (-2, 8))])
def test_bounds_half_way_between_integers(rule: Rule, expected: tuple[int, int]) -> None:
    low, _ = activation_range("RELU_N1_TO_1", np.float32(0.4), 0, rule)
    _, high = activation_range("RELU6", np.float32(12 / 17), 0, rule)
    assert (low, high) == expected


def test_xnnpack_adds_the_zero_point_before_it_rounds() -> None:
    assert activation_range("RELU_N1_TO_1", np.float32(0.4), 3, "float32") == (0, 6)
    assert activation_range("RELU_N1_TO_1", np.float32(0.4), 3, "double") == (0, 6)
    assert activation_range("RELU_N1_TO_1", np.float32(0.4), 4, "float32") == (2, 6)
    assert activation_range("RELU_N1_TO_1", np.float32(0.4), 4, "double") == (1, 7)


@pytest.mark.parametrize("scale", [1e-10, 1e-45], ids=["above int32", "infinite"])
def test_a_bound_that_does_not_fit_is_refused(scale: float) -> None:
    for rule in RULES:
        with pytest.raises(InputError, match="inside int32"):
            activation_range("RELU6", np.float32(scale), 0, rule)


def test_an_activation_that_is_not_read() -> None:
    with pytest.raises(InputError, match="NONE, RELU, RELU6, RELU_N1_TO_1 as fused activation, found TANH"):
        activation_range("TANH", np.float32(1), 0, "single")
