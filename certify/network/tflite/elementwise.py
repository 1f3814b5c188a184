"""Operators on single elements: activation functions of their own, tables, and QUANTIZE from int8 to int8.

They become steps of the layer before, if nothing else reads it, and of a reshape to the same shape if something does.
LOGISTIC and TANH are computed in single precision for each of the 256 inputs, alike in all kernels. LEAKY_RELU and
QUANTIZE are products with factors: XNNPACK (`float32`) takes them with 8 bits behind the point, where they lie from
2^-8 to 2^7, and leaves others to the optimised built-in kernels. Those and the reference kernels round a LEAKY_RELU
twice, the second time half away from zero; a QUANTIZE the reference kernel too, the optimised one half-up, in blocks
of 16 elements.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

from certify.errors import InputError
from certify.network.steps import Clamp, Offset, RequantizeQ31, Step, Thresholds, apply_steps
from certify.network.tflite.call import Call
from certify.network.tflite.layer import ELEMENTS_OF_A_BLOCK, clamp, in_blocks, multipliers, rounded_twice
from certify.network.tflite.multiplier import INT8_HIGH, INT8_LOW
from certify.network.tflite.operands import Activation, expect_shape, ratio_of
from certify.network.tflite.options import scalar, table

_LEAST, _MOST = np.float32(2.0**-8), np.float32(2.0**7)
_POINT = 8
_EXPECTED = {"LOGISTIC": (np.float32(1 / 256), -128), "TANH": (np.float32(1 / 128), 0)}

Function: TypeAlias = Callable[[float], float]


@table(75, "LeakyReluOptions")
@dataclass(frozen=True)
class LeakyReluOptions:
    """Options of LEAKY_RELU."""

    alpha: float = scalar(4, 0.0)


def read_relu(call: Call) -> None:
    """Read RELU, RELU6 or RELU_N1_TO_1: XNNPACK leaves them to TFLite's kernels, which round the bounds one way."""
    (source,) = call.operands(1, 1, "an activation")
    value = call.value(source)
    expect_shape(call.target, value.tensor.shape)
    call.same_result(value.activation)
    call.apply(source, (clamp(call.operator.name, value.activation, "single"),), rename=False)


def read_quantize(call: Call) -> None:
    """Read QUANTIZE of an int8 activation."""
    (source,) = call.operands(1, 1, "an activation")
    value, output = call.value(source), call.result()
    expect_shape(call.target, value.tensor.shape)
    before = value.activation
    call.apply(source, (Offset(-before.zero_point), *_product(call, before, output), Clamp(INT8_LOW, INT8_HIGH)))


def _product(call: Call, source: Activation, output: Activation) -> tuple[Step, ...]:
    """Return x · input scale / output scale, plus the zero point."""
    ratio = ratio_of(source, output)
    if call.rule == "float32" and _LEAST <= ratio <= _MOST:
        return _eight_bits(ratio, output.zero_point)
    ((multiplier, shift),) = multipliers([float(source.scale) / float(output.scale)], output, "single")
    if call.rule == "single" or not in_blocks(output.tensor.size, ELEMENTS_OF_A_BLOCK, "elements", output.tensor):
        return rounded_twice((multiplier,), (shift,), output.zero_point)
    return (RequantizeQ31(multiplier, shift, "double", output.zero_point),)


def _eight_bits(ratio: np.float32, zero_point: int) -> tuple[Step, ...]:
    multiplier = round(math.ldexp(float(ratio), _POINT))
    return (RequantizeQ31(multiplier, _POINT - 31, "single", zero_point),)


def read_table(call: Call) -> None:
    """Read LOGISTIC or TANH between other operators."""
    name = call.operator.name
    (source,) = call.operands(1, 1, "an activation")
    value, output = call.value(source), call.result()
    expect_shape(call.target, value.tensor.shape)
    if (output.scale, output.zero_point) != _EXPECTED[name]:
        scale, zero = _EXPECTED[name]
        problem = f"expected the scale {scale} and the zero point {zero}"
        raise InputError(f"{problem}, found {output.scale} and {output.zero_point}", call.target.shown)
    function = _logistic if name == "LOGISTIC" else math.tanh
    call.apply(source, (_rising([_entry(function, q, value.activation, output) for q in _INT8], call),))


def _logistic(x: float) -> float:
    """Return 1 / (1 + exp(-x)), in single precision but for the exponential's own rounding."""
    with np.errstate(over="ignore"):
        return float(np.float32(1) / (np.float32(1) + np.float32(math.exp(min(-x, 700.0)))))


def _entry(function: Function, q: int, source: Activation, output: Activation) -> int:
    """Return a table's entry as TFLite fills it: in single precision, rounded half away from zero."""
    with np.errstate(over="ignore"):
        real = source.scale * np.float32(q - source.zero_point)
    scaled = float(np.float32(function(float(real))) * (np.float32(1) / output.scale))
    return output.zero_point + int(math.copysign(math.floor(abs(scaled) + 0.5), scaled))


def read_leaky_relu(call: Call) -> None:
    """Read LEAKY_RELU whose alpha is not negative."""
    (source,) = call.operands(1, 1, "an activation")
    value, output = call.value(source), call.result()
    expect_shape(call.target, value.tensor.shape)
    alpha, before = np.float32(call.options.alpha), value.activation
    if not (math.isfinite(alpha) and alpha > 0):
        raise InputError(f"expected an alpha above 0, so that the function never falls, found {alpha}")
    with np.errstate(all="ignore"):
        straight, leaking = before.scale / output.scale, before.scale * alpha / output.scale
        short = straight * alpha
    if call.rule == "float32" and min(straight, short) >= _LEAST and max(straight, short) <= _MOST:
        halves = [_eight_bits(ratio, output.zero_point) for ratio in (straight, short)]
    else:
        pairs = multipliers([float(straight), float(leaking)], output, "single")
        halves = [rounded_twice((multiplier,), (shift,), output.zero_point) for multiplier, shift in pairs]
    entries = [apply_steps(halves[q < before.zero_point], q - before.zero_point) for q in _INT8]
    call.apply(source, (_rising(entries, call),))


def _rising(entries: Sequence[int], call: Call) -> Thresholds:
    """Return the int8 outputs for -128 to 127 as thresholds.

    Raises:
        InputError: the function falls somewhere.
    """
    bounded = [min(max(entry, INT8_LOW), INT8_HIGH) for entry in entries]
    at: list[int] = []
    for q, before, after in zip(range(INT8_LOW + 1, INT8_HIGH + 1), bounded, bounded[1:], strict=False):
        if after < before:
            problem = f"expected a function that never falls, found {before} and then {after} at {q}"
            raise InputError(problem, call.target.shown)
        at += [q] * (after - before)
    return Thresholds(tuple(at), bounded[0])


_INT8 = range(INT8_LOW, INT8_HIGH + 1)
READERS = {
    "QUANTIZE": read_quantize,
    "RELU": read_relu,
    "RELU6": read_relu,
    "RELU_N1_TO_1": read_relu,
    "LEAKY_RELU": read_leaky_relu,
    "LOGISTIC": read_table,
    "TANH": read_table,
}
OPTIONS = {"LEAKY_RELU": LeakyReluOptions}
