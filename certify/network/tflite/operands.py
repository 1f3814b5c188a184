"""What an operator may read or write: dense tensors of a known shape, int8 activations, constants.

Each function raises an InputError whose place is the tensor; the caller adds the operator.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from certify.errors import InputError
from certify.network.tflite.model import Tensor
from certify.network.tflite.multiplier import INT8_HIGH, INT8_LOW
from certify.network.tflite.options import MAX_RANK

INTEGER_WIDTHS = {"INT32": 4, "INT64": 8}
"""The types of integers that are not activations, and their bytes."""


@dataclass(frozen=True)
class Activation:
    """An int8 tensor with the scale and zero point of all its elements."""

    tensor: Tensor
    scale: np.float32
    zero_point: int


def dense_tensor(tensor: Tensor) -> Tensor:
    """Return the tensor, if it is nothing but its elements and its shape is known for a batch of 1.

    Raises:
        InputError: it is variable or sparse, or a dimension is not fixed or below 1.
    """
    if tensor.unread:
        raise InputError(f"expected a dense tensor, found {', '.join(tensor.unread)}", tensor.shown)
    if min(tensor.shape, default=1) < 1:
        raise InputError(f"expected dimensions of at least 1, found {list(tensor.shape)}", tensor.shown)
    fixed = tensor.shape
    if fixed and fixed[0] == 1 and tensor.signature and tensor.signature[0] == -1:
        fixed = (-1, *fixed[1:])
    if tensor.signature and tensor.signature != fixed:
        problem = f"expected a shape that is fixed but for a batch of 1, found {list(tensor.signature)}"
        raise InputError(f"{problem} for {list(tensor.shape)}", tensor.shown)
    return tensor


def expect_shape(tensor: Tensor, expected: tuple[int, ...]) -> None:
    """Check a tensor's shape.

    Raises:
        InputError: it has another.
    """
    if tensor.shape != expected:
        raise InputError(f"expected the shape {list(expected)}, found {list(tensor.shape)}", tensor.shown)


def expect_type(tensor: Tensor, *expected: str) -> None:
    """Check the type of a tensor's elements.

    Raises:
        InputError: it is another.
    """
    if tensor.dtype not in expected:
        raise InputError(f"expected {' or '.join(expected)}, found {tensor.dtype}", tensor.shown)


def activation(tensor: Tensor) -> Activation:
    """Return a tensor as an int8 activation.

    Raises:
        InputError: it has another type, is constant, or has no single scale and zero point.
    """
    expect_type(dense_tensor(tensor), "INT8")
    if tensor.data is not None:
        raise InputError("expected an activation, found a constant", tensor.shown)
    scales, zero_points = _scales(tensor)
    if len(scales) != 1:
        raise InputError(f"expected one scale, found {len(scales)}", tensor.shown)
    zero_point = int(zero_points[0])
    if not INT8_LOW <= zero_point <= INT8_HIGH:
        problem = f"expected a zero point from {INT8_LOW} to {INT8_HIGH}, found {zero_point}"
        raise InputError(problem, tensor.shown)
    return Activation(tensor, scales[0], zero_point)


def ratio_of(source: Activation, output: Activation) -> np.float32:
    """Return input scale / output scale in single precision, which may be infinite or 0."""
    with np.errstate(all="ignore"):
        return source.scale / output.scale


def constant_data(tensor: Tensor, width: int) -> bytes:
    """Return the bytes of a constant whose elements are `width` bytes wide.

    Raises:
        InputError: it is not constant, or has another number of bytes.
    """
    if tensor.data is None:
        raise InputError("expected a constant, found a tensor without data", tensor.shown)
    if len(tensor.data) != tensor.size * width:
        raise InputError(f"expected {tensor.size * width} bytes, found {len(tensor.data)}", tensor.shown)
    return tensor.data.tobytes()


def constant_scales(tensor: Tensor, rows: int, dimension: int = 0) -> NDArray[np.float32]:
    """Return the scales of a constant along a dimension, float32[1] or float32[rows].

    Raises:
        InputError: there is another number of them, a zero point other than 0, or another dimension.
    """
    scales, zero_points = _scales(tensor, dimension)
    if len(scales) not in (1, rows):
        raise InputError(f"expected 1 scale or {rows}, found {len(scales)}", tensor.shown)
    if zero_points.any():
        raise InputError(f"expected zero points 0, found {zero_points[zero_points != 0][0]}", tensor.shown)
    return scales


def small_integers(tensor: Tensor) -> tuple[int, ...]:
    """Return the integers of a constant of a few, in row-major order.

    Raises:
        InputError: it is not constant, not int32 or int64, or has too many.
    """
    expect_type(tensor, *INTEGER_WIDTHS)
    if tensor.size > 2 * MAX_RANK:
        raise InputError(f"expected at most {2 * MAX_RANK} integers, found {tensor.size}", tensor.shown)
    width = INTEGER_WIDTHS[tensor.dtype]
    return tuple(np.frombuffer(constant_data(tensor, width), f"<i{width}").tolist())


def int8_scalar(tensor: Tensor, like: Activation) -> int:
    """Return the one int8 of a constant that has the scale and zero point of an activation.

    Raises:
        InputError: it is something else.
    """
    expect_type(tensor, "INT8")
    if tensor.size != 1:
        raise InputError(f"expected one value, found {tensor.size}", tensor.shown)
    scales, zero_points = _scales(tensor)
    if (scales[0], int(zero_points[0])) != (like.scale, like.zero_point):
        problem = f"expected the scale and zero point {like.scale} and {like.zero_point}"
        raise InputError(f"{problem}, found {scales[0]} and {zero_points[0]}", tensor.shown)
    return int(np.frombuffer(constant_data(tensor, 1), np.int8)[0])


def _scales(tensor: Tensor, dimension: int = 0) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Return the scales and as many zero points."""
    quantization = tensor.quantization
    if quantization is None:
        raise InputError("expected scales and zero points, found no quantization", tensor.shown)
    scales, zero_points = quantization.scales, quantization.zero_points
    if quantization.details:
        problem = f"expected scales and zero points alone, found details of type {quantization.details}"
        raise InputError(problem, tensor.shown)
    if quantization.dimension not in ((0, dimension) if len(scales) == 1 else (dimension,)):
        raise InputError(f"expected scales along dimension {dimension}, found {quantization.dimension}", tensor.shown)
    if len(scales) != len(zero_points):
        problem = f"expected as many zero points as scales, {len(scales)}, found {len(zero_points)}"
        raise InputError(problem, tensor.shown)
    bad = ~(np.isfinite(scales) & (scales > 0))
    if bad.any():
        raise InputError(f"expected positive scales of finite size, found {scales[bad][0]}", tensor.shown)
    return scales, zero_points
