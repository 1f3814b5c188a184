"""Folding of the operators that compute shapes, and of the shapes that they end in.

Converters leave SHAPE, STRIDED_SLICE and PACK in front of a RESHAPE whose batch was not fixed. Here the batch is 1
and every shape is known, so what they compute is a constant.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from certify.errors import InputError
from certify.network.tflite.model import Tensor
from certify.network.tflite.operands import INTEGER_WIDTHS, expect_type, small_integers
from certify.network.tflite.options import MAX_RANK, PackOptions, SliceOptions

SHAPE_OPERATORS = ("SHAPE", "STRIDED_SLICE", "PACK")


@dataclass(frozen=True)
class Folded:
    """A constant of integers: a scalar, or a vector of a few."""

    values: tuple[int, ...]
    scalar: bool = False


def read_constant(tensor: Tensor) -> Folded:
    """Return the integers of a constant tensor.

    Raises:
        InputError: it is not constant, not int32 or int64, not a scalar or a vector of at most eight.
    """
    expect_type(tensor, *INTEGER_WIDTHS)
    if len(tensor.shape) > 1 or tensor.size > MAX_RANK:
        raise InputError(f"expected at most {MAX_RANK} integers, found the shape {list(tensor.shape)}", tensor.shown)
    return Folded(small_integers(tensor), not tensor.shape)


def strided_slice(operands: list[Folded], options: SliceOptions) -> Folded:
    """Return the elements of a vector from begin to end by stride, Python's rules for each.

    Raises:
        InputError: not a vector and three vectors of one, or a stride or mask that is not read.
    """
    if options.ellipsis_mask or options.new_axis_mask or options.offset:
        raise InputError("expected no ellipsis mask, new axis mask or offset, found one")
    if [operand.scalar for operand in operands] != [False] * 4 or any(len(b.values) != 1 for b in operands[1:]):
        raise InputError("expected a vector with its begin, end and stride, found something else")
    values, *bounds = operands
    begin, end, stride = (bound.values[0] for bound in bounds)
    if stride == 0:
        raise InputError("expected a stride other than 0")
    if options.shrink_axis_mask & 1:
        if options.begin_mask & 1 or stride < 0:
            raise InputError("expected a begin and a stride above 0 where the axis shrinks")
        if not -len(values.values) <= begin < len(values.values):
            raise InputError(f"expected an index below {len(values.values)}, found {begin}")
        return Folded((values.values[begin],), scalar=True)
    span = slice(None if options.begin_mask & 1 else begin, None if options.end_mask & 1 else end, stride)
    return Folded(values.values[span])


def pack(operands: list[Folded], options: PackOptions) -> Folded:
    """Return scalars as a vector.

    Raises:
        InputError: an operand is a vector, the axis is not 0, or there are none or more than eight.
    """
    if options.axis not in (0, -1) or not all(operand.scalar for operand in operands):
        raise InputError("expected scalars on axis 0, found something else")
    if not 1 <= len(operands) <= MAX_RANK:
        raise InputError(f"expected 1 to {MAX_RANK} scalars, found {len(operands)}")
    return Folded(tuple(operand.values[0] for operand in operands))


def reshape_target(target: tuple[int, ...], size: int) -> tuple[int, ...]:
    """Return the shape that a RESHAPE of `size` elements makes, a single -1 filled in.

    Raises:
        InputError: it does not have that many elements.
    """
    known = math.prod(dimension for dimension in target if dimension != -1)
    filled = tuple(size // known if dimension == -1 and known > 0 else dimension for dimension in target)
    if target.count(-1) > 1 or min(filled, default=1) < 1 or math.prod(filled) != size:
        raise InputError(f"expected a shape of {size} elements, found {list(target)}")
    return filled
