"""BATCH_MATMUL: the product of two activations.

All runtimes leave it to one kernel, which multiplies by the factor left scale · right scale / output scale, the first
product in single precision, and rounds twice, the second time half away from zero.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from certify.errors import InputError
from certify.network.operators.moving.model import Transpose
from certify.network.operators.operator import Shape
from certify.network.operators.product.model import Product
from certify.network.steps import Clamp
from certify.network.tflite.call import Call, Value
from certify.network.tflite.layer import multipliers, rounded_twice
from certify.network.tflite.multiplier import INT8_HIGH, INT8_LOW
from certify.network.tflite.operands import expect_shape
from certify.network.tflite.options import scalar, table


@table(101, "BatchMatMulOptions")
@dataclass(frozen=True)
class ProductOptions:
    """Options of BATCH_MATMUL."""

    adj_x: bool = scalar(1, False)
    adj_y: bool = scalar(1, False)
    asymmetric_quantize_inputs: bool = scalar(1, False)


def read(call: Call) -> None:
    """Read BATCH_MATMUL of two activations."""
    left, right = (call.value(index) for index in call.operands(2, 2, "two activations"))
    output = call.result()
    sides = [_turned(call, left, turn=call.options.adj_x), _turned(call, right, turn=call.options.adj_y)]
    (_, first), (_, second) = sides
    if len(first) != len(second) or first[:-2] != second[:-2] or first[-1] != second[-2]:
        problem = f"expected [..., n, k] and [..., k, m], found {list(first)} and {list(second)}"
        raise InputError(problem, right.tensor.shown)
    shape = (*first[:-1], second[-1])
    expect_shape(call.target, (*left.tensor.shape[: -len(shape)], *shape))
    with np.errstate(all="ignore"):
        factor = float(left.activation.scale * right.activation.scale) / float(output.scale)
    ((multiplier, shift),) = multipliers([factor], output, "single")
    steps = (*rounded_twice((multiplier,), (shift,), output.zero_point), Clamp(INT8_LOW, INT8_HIGH))
    call.compute(sides, shape, lambda: Product((), steps, call.target.name))


def _turned(call: Call, value: Value, *, turn: bool) -> tuple[Value, Shape]:
    """Return a side and its shape, of at least two dimensions, the last two exchanged where the options say so."""
    shape = value.shape if len(value.shape) > 1 else value.tensor.shape
    if len(shape) < 2:
        raise InputError(f"expected at least 2 dimensions, found {list(shape)}", value.tensor.shown)
    if not turn:
        return value, shape
    axes = (*range(len(shape) - 2), len(shape) - 1, len(shape) - 2)
    turned = (*shape[:-2], shape[-1], shape[-2])
    return call.moved(value, shape, turned, Transpose(axes)), turned


READERS = {"BATCH_MATMUL": read}
OPTIONS = {"BATCH_MATMUL": ProductOptions}
