"""Elements in other places: RESHAPE and its like, TRANSPOSE, PAD, PADV2, SLICE, STRIDED_SLICE, CONCATENATION.

Scale and zero point stay the same, and so do the integers, in every runtime. No layer is written for a change of
shape alone: what reads the tensor has it in the shape it needs. A leading batch of one is left out, unless the
operator does something to it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from certify.errors import InputError
from certify.network.operators.moving.model import Concatenate, Pad, Slice, Transpose
from certify.network.operators.operator import Shape
from certify.network.tflite.call import Call, Value
from certify.network.tflite.graph import elements
from certify.network.tflite.operands import expect_shape, int8_scalar, small_integers
from certify.network.tflite.options import SliceOptions, scalar, table, vector
from certify.network.tflite.shapes import reshape_target


@table(17, "ReshapeOptions")
@dataclass(frozen=True)
class ReshapeOptions:
    """Options of RESHAPE, used where it has no second input."""

    new_shape: tuple[int, ...] | None = vector()


@table(10, "ConcatenationOptions")
@dataclass(frozen=True)
class ConcatenationOptions:
    """Options of CONCATENATION."""

    axis: int = scalar(4, 0)
    fused_activation_function: str = scalar(1, "NONE", "ActivationFunctionType")


def read_reshape(call: Call) -> None:
    """Read RESHAPE."""
    operands = call.operands(1, 2, "an activation and a shape")
    value = call.value(operands[0])
    target = call.integers(operands[1]).values if len(operands) > 1 else call.options.new_shape
    if target is None:
        raise InputError("expected a shape as second input or option, found none", value.tensor.shown)
    call.same_result(value.activation)
    expect_shape(call.target, reshape_target(target, value.tensor.size))
    call.alias(value)


def read_trivial(call: Call) -> None:
    """Read SQUEEZE or EXPAND_DIMS; where the dimensions of 1 go, the written tensor's shape says."""
    operands = call.operands(1, 2, "an activation and an axis")
    value = call.value(operands[0])
    call.same_result(value.activation)
    if call.target.size != value.tensor.size:
        raise InputError(f"expected {value.tensor.size} elements, found {call.target.size}", call.target.shown)
    call.alias(value)


def read_transpose(call: Call) -> None:
    """Read TRANSPOSE."""
    operands = call.operands(2, 2, "an activation and an order of dimensions")
    value, axes = call.value(operands[0]), call.integers(operands[1]).values
    shape = value.tensor.shape
    if sorted(axes) != list(range(len(shape))):
        raise InputError(f"expected an order of {len(shape)} dimensions, found {list(axes)}")
    call.same_result(value.activation)
    expect_shape(call.target, tuple(shape[axis] for axis in axes))
    first = _first(value, untouched=axes[:1] == (0,))
    layer = Transpose(tuple(axis - first for axis in axes[first:]), (), call.target.name)
    call.move([(value, shape[first:])], call.target.shape[first:], lambda _: layer)


def read_pad(call: Call) -> None:
    """Read PAD, with the zero point, or PADV2, with a constant."""
    with_value = call.operator.name == "PADV2"
    operands = call.operands(2 + with_value, 2 + with_value, "an activation, paddings and, for PADV2, a constant")
    value, tensor = call.value(operands[0]), call.constant(operands[1])
    shape, output = value.tensor.shape, call.same_result(value.activation)
    expect_shape(tensor, (len(shape), 2))
    paddings = small_integers(tensor)
    around = tuple(zip(paddings[::2], paddings[1::2], strict=True))
    if min(paddings) < 0:
        raise InputError(f"expected paddings of at least 0, found {min(paddings)}", tensor.shown)
    expect_shape(call.target, tuple(a + length + b for length, (a, b) in zip(shape, around, strict=True)))
    elements(call.target.shape)
    fill = int8_scalar(call.constant(operands[2]), output) if with_value else output.zero_point
    first = _first(value, untouched=around[0] == (0, 0))
    off, name = output.zero_point, call.target.name
    call.move(
        [(value, shape[first:])],
        call.target.shape[first:],
        lambda zero: Pad(around[first:], fill - off + zero, (), name),
    )


def read_slice(call: Call) -> None:
    """Read SLICE."""
    operands = call.operands(3, 3, "an activation, a begin and a size")
    value = call.value(operands[0])
    begin, size = (call.integers(index).values for index in operands[1:])
    if not len(begin) == len(size) == len(value.tensor.shape):
        raise InputError(f"expected a begin and a size for {len(value.tensor.shape)} dimensions")
    ends = [
        length if count == -1 else start + count
        for start, count, length in zip(begin, size, value.tensor.shape, strict=True)
    ]
    kept = _slice(call, value, begin, ends, [1] * len(begin))
    expect_shape(call.target, kept)


def read_strided_slice(call: Call) -> None:
    """Read STRIDED_SLICE of an activation, with strides above 0."""
    operands = call.operands(4, 4, "an activation with a begin, an end and strides")
    value, options = call.value(operands[0]), call.options
    shape = value.tensor.shape
    bounds = [call.integers(index).values for index in operands[1:]]
    if any(len(bound) != len(shape) for bound in bounds):
        raise InputError(f"expected a begin, an end and strides for {len(shape)} dimensions")
    if options.ellipsis_mask or options.new_axis_mask or options.offset or min(bounds[2]) < 1:
        raise InputError("expected strides above 0 and no ellipsis mask, new axis mask or offset")
    spans = [_span(options, axis, shape[axis], *(bound[axis] for bound in bounds)) for axis in range(len(shape))]
    begin, end, stride = (list(column) for column in zip(*spans, strict=True))
    kept = _slice(call, value, begin, end, stride)
    left = tuple(length for axis, length in enumerate(kept) if not options.shrink_axis_mask >> axis & 1)
    expect_shape(call.target, left)


def _span(options: SliceOptions, axis: int, length: int, begin: int, end: int, stride: int) -> tuple[int, int, int]:
    """Return begin, end and stride of one dimension, in its bounds."""
    if options.shrink_axis_mask >> axis & 1:
        start = begin + length if begin < 0 else begin
        return start, start + 1, 1
    first, last, _ = slice(
        None if options.begin_mask >> axis & 1 else begin, None if options.end_mask >> axis & 1 else end, stride
    ).indices(length)
    return first, last, stride


def _slice(call: Call, value: Value, begin: Sequence[int], end: Sequence[int], stride: Sequence[int]) -> Shape:
    """Write a part of a tensor, and return its shape before dimensions are left out."""
    shape = value.tensor.shape
    call.same_result(value.activation)
    inside = zip(begin, end, shape, strict=True)
    if not all(0 <= start < stop <= length for start, stop, length in inside):
        problem = f"expected 0 ≤ begin < end within {list(shape)}, found {list(begin)} to {list(end)}"
        raise InputError(problem, value.tensor.shown)
    first = _first(value, untouched=True)
    kept = tuple(-((start - stop) // step) for start, stop, step in zip(begin, end, stride, strict=True))
    layer = Slice(tuple(begin[first:]), tuple(end[first:]), tuple(stride[first:]), (), call.target.name)
    call.move([(value, shape[first:])], kept[first:], lambda _: layer)
    return kept


def read_concatenation(call: Call) -> None:
    """Read CONCATENATION of activations with one scale and zero point."""
    values = [call.value(index) for index in call.operator.inputs]
    if not values or call.options.fused_activation_function != "NONE":
        found = call.options.fused_activation_function
        raise InputError(f"expected activations, and no fused activation function, found {len(values)} and {found}")
    for value in values:
        call.same_result(value.activation)
    shapes = [value.tensor.shape for value in values]
    rank = len(shapes[0])
    axis = call.options.axis % rank if rank and -rank <= call.options.axis < rank else rank
    alike = {(*shape[:axis], *shape[axis + 1 :]) for shape in shapes}
    if axis == rank or len(alike) > 1 or {len(shape) for shape in shapes} != {rank}:
        problem = f"expected tensors alike but for dimension {call.options.axis}"
        raise InputError(f"{problem}, found {' and '.join(str(list(shape)) for shape in shapes)}")
    joined = (*shapes[0][:axis], sum(shape[axis] for shape in shapes), *shapes[0][axis + 1 :])
    expect_shape(call.target, joined)
    first = min(_first(value, untouched=axis > 0) for value in values)
    layer = Concatenate((), axis - first, (), call.target.name)
    call.move([(value, value.tensor.shape[first:]) for value in values], joined[first:], lambda _: layer)


def _first(value: Value, *, untouched: bool) -> int:
    """Return 1 where a leading batch of one is left out, else 0."""
    shape = value.tensor.shape
    return int(untouched and len(shape) > 1 and shape[0] == 1)


READERS = {
    "RESHAPE": read_reshape,
    "SQUEEZE": read_trivial,
    "EXPAND_DIMS": read_trivial,
    "TRANSPOSE": read_transpose,
    "PAD": read_pad,
    "PADV2": read_pad,
    "SLICE": read_slice,
    "STRIDED_SLICE": read_strided_slice,
    "CONCATENATION": read_concatenation,
}
OPTIONS = {"RESHAPE": ReshapeOptions, "STRIDED_SLICE": SliceOptions, "CONCATENATION": ConcatenationOptions}
