"""AVERAGE_POOL_2D, MAX_POOL_2D and MEAN over rows and columns.

An average is one of q, the zero point included, and is rounded half away from zero; all runtimes do that, as XNNPACK
leaves it to the built-in kernels. Padding counts neither in the sum nor in the number. A MEAN is a sum that is
multiplied by a factor and rounded twice; under `float32` it is refused.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from certify.errors import InputError
from certify.network.operators.operator import Operator
from certify.network.operators.pooling.model import Pooling
from certify.network.operators.window import Window
from certify.network.steps import Clamp, Step
from certify.network.tflite.call import Call
from certify.network.tflite.layer import clamp, multipliers, rounded_twice
from certify.network.tflite.multiplier import INT8_HIGH, INT8_LOW
from certify.network.tflite.operands import Activation, expect_shape
from certify.network.tflite.options import scalar, table
from certify.network.tflite.plane import expect_plane, plane_of, window


@table(5, "Pool2DOptions")
@dataclass(frozen=True)
class PoolingOptions:
    """Options of both."""

    padding: str = scalar(1, "SAME", "Padding")
    stride_w: int = scalar(4, 0)
    stride_h: int = scalar(4, 0)
    filter_width: int = scalar(4, 0)
    filter_height: int = scalar(4, 0)
    fused_activation_function: str = scalar(1, "NONE", "ActivationFunctionType")


@table(27, "ReducerOptions")
@dataclass(frozen=True)
class MeanOptions:
    """Options of MEAN."""

    keep_dims: bool = scalar(1, False)


def read(call: Call) -> None:
    """Read AVERAGE_POOL_2D or MAX_POOL_2D."""
    (source,) = call.operands(1, 1, "an activation")
    value, options = call.value(source), call.options
    output, plane = call.same_result(value.activation), plane_of(value)
    size, stride = (options.filter_height, options.filter_width), (options.stride_h, options.stride_w)
    found = window(plane, size, stride, (1, 1), options.padding)
    shape = expect_plane(call.target, found, plane, plane[2])
    bounds = clamp(options.fused_activation_function, output, call.rule)
    name = call.target.name
    if call.operator.name == "AVERAGE_POOL_2D":
        average = Pooling("average", found, "half_away", (bounds,), name)
        call.compute([(value, plane)], shape, lambda: average, reads="stored")
        return

    def maximum(zero: int) -> Operator:
        off = output.zero_point - zero
        steps = () if (bounds.low, bounds.high) == (-128, 127) else (Clamp(bounds.low - off, bounds.high - off),)
        return Pooling("max", found, "", steps, name)

    call.move([(value, plane)], shape, maximum)


def read_mean(call: Call) -> None:
    """Read MEAN over rows and columns."""
    operands = call.operands(2, 2, "an activation and axes")
    value, output = call.value(operands[0]), call.result()
    rows, columns, channels = plane_of(value)
    axes = call.integers(operands[1]).values
    if sorted(axis % 4 if -4 <= axis < 4 else axis for axis in axes) != [1, 2]:
        raise InputError(f"expected the axes of rows and columns, 1 and 2, found {list(axes)}")
    if call.rule == "float32":
        raise InputError("expected the rule single or double, as XNNPACK's MEAN is not reproduced, found float32")
    expect_shape(call.target, (1, 1, 1, channels) if call.options.keep_dims else (1, channels))
    stored = call.rule == "double" and bool(call.options.keep_dims)
    mean = _mean_of_q if stored else _mean_of_x
    steps = (*mean(value.activation, output, rows * columns), Clamp(INT8_LOW, INT8_HIGH))
    layer = Pooling("sum", Window((rows, columns)), "", steps, call.target.name)
    plane = (rows, columns, channels)
    call.compute([(value, plane)], (1, 1, channels), lambda: layer, reads="stored" if stored else "centred")


def _mean_of_x(source: Activation, output: Activation, count: int) -> tuple[Step, ...]:
    """Return what makes q of a sum of x: TFLite divides the multiplier, shifted left as far as there is room."""
    ((multiplier, shift),) = multipliers([float(source.scale) / float(output.scale)], output, "single")
    more = min(count.bit_length() - 1, 32, 31 + shift)
    return rounded_twice(((multiplier << more) // count,), (shift + more,), output.zero_point)


def _mean_of_q(source: Activation, output: Activation, count: int) -> tuple[Step, ...]:
    """Return what makes q of a sum of q: the optimised kernel brings the zero point to the new scale by itself."""
    ((multiplier, shift),) = multipliers([float(source.scale) / (float(output.scale) * count)], output, "single")
    moved = source.zero_point * float(source.scale) / float(output.scale)
    zero_point = output.zero_point - int(math.copysign(math.floor(abs(moved) + 0.5), moved))
    return rounded_twice((multiplier,), (shift,), zero_point)


READERS = {"AVERAGE_POOL_2D": read, "MAX_POOL_2D": read, "MEAN": read_mean}
OPTIONS = {"AVERAGE_POOL_2D": PoolingOptions, "MAX_POOL_2D": PoolingOptions, "MEAN": MeanOptions}
