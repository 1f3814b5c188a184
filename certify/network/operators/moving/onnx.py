"""How ONNX writes what only moves elements.

Transpose, Squeeze, Unsqueeze and what Reshape does to dimensions of length 1 change how a tensor is looked at, and no
layer. The others are done once their input stands in the file's order.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from typing import TypeAlias

import numpy as np

from certify.errors import InputError
from certify.network.onnx.builder import Builder, attribute, axis_of, described, expect_inputs, present
from certify.network.onnx.model import MICROSOFT, Node, tensor_place
from certify.network.onnx.quantizers import dequantized, read_quantizer
from certify.network.onnx.registry import Reader, Readers
from certify.network.onnx.single import joined_view
from certify.network.onnx.values import INTEGER_TYPES, UNIT, Affine, Grid, Integers, Joined, Real, Value, View
from certify.network.operators.moving.model import Pad, Slice
from certify.network.operators.operator import Shape

Placed: TypeAlias = Integers | Real
Move: TypeAlias = Callable[[Builder, Node, Placed], View]


def _moving(move: Move, most: int = 1) -> Reader:
    """Return a reader of an operator that reads one activation, and constants."""

    def read(builder: Builder, node: Node) -> Value:
        expect_inputs(node, 1, most)
        found = builder.value(node.inputs[0])
        if isinstance(found, Grid) and node.kind == "Transpose":
            axes = _axes(node, found.integers.ndim)
            return Grid(found.integers.transpose(axes), found.scales.transpose(axes), found.bits)
        if not isinstance(found, Integers | Real):
            raise InputError(f"expected an activation, found {described(found)}", tensor_place(node.inputs[0]))
        if isinstance(found, Real) and (found.channel is not None and not _uniform(found)):
            problem = "expected one scale and bias for all channels where an accumulation is moved, found several"
            raise InputError(problem, tensor_place(node.inputs[0]))
        moved = replace(found, view=move(builder, node, found))
        if isinstance(moved, Real):
            return replace(moved, channel=None, lows=(min(moved.lows),), highs=(max(moved.highs),))
        return moved

    return read


def _uniform(real: Real) -> bool:
    counts = [len(real.scales)]
    counts += [max(len(each.factors), len(each.offsets)) for each in real.pending if isinstance(each, Affine)]
    return max(counts) == 1


def _axes(node: Node, rank: int) -> tuple[int, ...]:
    axes: tuple[int, ...] = attribute(node, "perm", tuple, tuple(range(rank))[::-1])
    if sorted(axes) != list(range(rank)):
        raise InputError(f"expected the axes of {rank} dimensions, found {list(axes)[:12]}")
    return axes


def _transpose(_: Builder, node: Node, value: Placed) -> View:
    return value.view.permuted(_axes(node, len(value.view.shape)))


def reshaped(builder: Builder, view: View, shape: Shape) -> View:
    """Return a tensor with the same elements in another shape; moved only if other dimensions than 1 change."""
    long = [place for place in view.order if place != UNIT and view.shape[place] > 1]
    target = [place for place, length in enumerate(shape) if length > 1]
    if long == sorted(long) and [view.shape[place] for place in long] == [shape[place] for place in target]:
        places = iter(target)
        order = tuple(UNIT if place == UNIT or view.shape[place] == 1 else next(places) for place in view.order)
        return View(view.layer, shape, order)
    layer = builder.arrange(view, view.natural)
    fresh = View(layer, shape, ())
    return View(builder.reshape(layer, tuple(shape[place] for place in fresh.natural)), shape, fresh.natural)


def _reshape(builder: Builder, node: Node, value: Placed) -> View:
    target = builder.integers(node.inputs[1]) if len(node.inputs) > 1 else ()
    own = value.view.shape
    if not attribute(node, "allowzero", int, 0):
        if any(length == 0 and place >= len(own) for place, length in enumerate(target)):
            raise InputError(f"expected a 0 only where the input has a dimension, found {list(target)[:12]}")
        target = tuple(own[place] if length == 0 else length for place, length in enumerate(target))
    known, size = math.prod(length for length in target if length != -1), math.prod(own)
    shape = tuple(size // known if length == -1 and known > 0 else length for length in target)
    if target.count(-1) > 1 or len(shape) > 8 or min(shape, default=1) < 1 or math.prod(shape) != size:
        raise InputError(f"expected a shape of {size} elements, found {list(target)[:12]}")
    return reshaped(builder, value.view, shape)


def _flatten(builder: Builder, node: Node, value: Placed) -> View:
    shape = value.view.shape
    axis = attribute(node, "axis", int, 1)
    if not -len(shape) <= axis <= len(shape):
        raise InputError(f"expected an axis of {len(shape)} dimensions, found {axis}")
    place = axis if axis >= 0 else axis + len(shape)
    return reshaped(builder, value.view, (math.prod(shape[:place]), math.prod(shape[place:])))


def _listed_axes(builder: Builder, node: Node) -> tuple[int, ...] | None:
    """Return axes, which older opsets have as an attribute and newer ones as an input."""
    if present(node, 1):
        return builder.integers(node.inputs[1])
    axes: tuple[int, ...] | None = attribute(node, "axes", tuple, None)
    return axes


def _squeeze(builder: Builder, node: Node, value: Placed) -> View:
    shape = value.view.shape
    axes = _listed_axes(builder, node)
    gone = [place for place, length in enumerate(shape) if length == 1]
    if axes is not None:
        gone = [axis_of(axis, len(shape)) for axis in axes]
    if any(shape[place] != 1 for place in gone):
        raise InputError(f"expected dimensions of length 1, found {[shape[place] for place in gone]}")
    return reshaped(builder, value.view, tuple(n for place, n in enumerate(shape) if place not in gone))


def _unsqueeze(builder: Builder, node: Node, value: Placed) -> View:
    axes = _listed_axes(builder, node) or ()
    rank = len(value.view.shape) + len(axes)
    places = sorted({axis_of(axis, rank) for axis in axes})
    if len(places) != len(axes) or not axes or rank > 8:
        raise InputError(f"expected different axes of at most 8 dimensions, found {list(axes)[:12]}")
    shape = list(value.view.shape)
    for place in places:
        shape.insert(place, 1)
    return reshaped(builder, value.view, tuple(shape))


def _slice(builder: Builder, node: Node, value: Placed) -> View:
    shape = value.view.shape
    if len(node.inputs) < 3:
        raise InputError(f"expected starts and ends as inputs, found {len(node.inputs)} inputs")
    starts = builder.integers(node.inputs[1])
    ends = builder.integers(node.inputs[2], len(starts))
    axes = builder.integers(node.inputs[3], len(starts)) if present(node, 3) else tuple(range(len(starts)))
    strides = builder.integers(node.inputs[4], len(starts)) if present(node, 4) else (1,) * len(starts)
    spans = [(0, length, 1) for length in shape]
    for start, end, axis, stride in zip(starts, ends, axes, strides, strict=True):
        place = axis_of(axis, len(shape))
        if stride < 1:
            raise InputError(f"expected steps of at least 1, found {stride}")
        begin, stop, _ = slice(start, end).indices(shape[place])
        if begin >= stop:
            raise InputError(f"expected a part of {shape[place]} elements, found {start} to {end}")
        spans[place] = (begin, stop, stride)
    order = value.view.natural
    begins, stops, steps = (tuple(spans[place][which] for place in order) for which in range(3))
    layer = builder.emit(Slice(begins, stops, steps, sources=(builder.arrange(value.view, order),)))
    small = tuple(-((begin - stop) // stride) for begin, stop, stride in spans)
    return View(layer, small, order)


def _pad(builder: Builder, node: Node, value: Placed) -> View:
    shape = value.view.shape
    if attribute(node, "mode", str, "constant") != "constant" or present(node, 3):
        raise InputError("expected constant padding of all dimensions, found another mode or axes")
    pads = builder.integers(node.inputs[1]) if present(node, 1) else attribute(node, "pads", tuple, ())
    if len(pads) != 2 * len(shape) or not all(isinstance(n, int) and 0 <= n <= 2**12 for n in pads):
        raise InputError(f"expected {2 * len(shape)} pads from 0 to 4096, found {list(pads)[:16]!s}")
    order = value.view.natural
    around = tuple((pads[place], pads[place + len(shape)]) for place in range(len(shape)))
    if any(around[place] != (0, 0) for place in range(len(shape)) if place not in order):
        raise InputError("expected no padding of the batch, found some")
    fill = _fill(builder, node, value)
    source = builder.arrange(value.view, order)
    layer = builder.emit(Pad(tuple(around[place] for place in order), fill, sources=(source,)))
    return View(layer, tuple(n + sum(each) for n, each in zip(shape, around, strict=True)), order)


def _fill(builder: Builder, node: Node, value: Placed) -> int:
    """Return the integer that stands for the padding."""
    given = (
        builder.constant(node.inputs[2]).array if present(node, 2) else np.array(attribute(node, "value", float, 0.0))
    )
    if given.size != 1 or not np.isfinite(given).all():
        raise InputError(f"expected one number to pad with, found {list(given.shape)}")
    if isinstance(value, Integers):
        low, high = INTEGER_TYPES[value.dtype]
        if not low <= given.item() <= high:
            raise InputError(f"expected padding of {value.dtype}, found {given.item()}")
        return int(given.item()) - value.center
    if value.pending or value.raw:
        raise InputError("expected a quantized activation, found one that was not quantized after the last operator")
    found = Fraction(float(given.item())) / value.scales[0]
    if found.denominator != 1 or not value.lows[0] <= found <= value.highs[0]:
        raise InputError(f"expected padding on the activation's grid, found {float(given.item())}")
    return int(found)


def _depth_to_space(builder: Builder, node: Node, value: Placed) -> View:
    shape = value.view.shape
    block, mode = attribute(node, "blocksize", int, 0), attribute(node, "mode", str, "DCR")
    if (
        len(shape) != 4
        or shape[0] != 1
        or not 1 <= block <= 64
        or shape[1] % (block * block)
        or mode not in ("DCR", "CRD")
    ):
        raise InputError(
            f"expected [1, channels · {block}², rows, columns], mode DCR or CRD, found {list(shape)}, {mode}"
        )
    depth, rows, columns = shape[1] // (block * block), shape[2], shape[3]
    # Stands as rows, columns, channels, if it comes from a convolution: then one transpose does.
    layer = builder.arrange(value.view, (2, 3, 1))
    inner = (depth, block, block) if mode == "CRD" else (block, block, depth)
    split = builder.reshape(layer, (rows, columns, *inner))
    down, right, channel = (3, 4, 2) if mode == "CRD" else (2, 3, 4)
    taken = View(split, (rows, columns, *inner), (0, 1, 2, 3, 4))
    moved = builder.arrange(taken, (0, down, 1, right, channel))
    found = builder.reshape(moved, (rows * block, columns * block, depth))
    return View(found, (1, depth, rows * block, columns * block), (2, 3, 1))


def _concat(builder: Builder, node: Node) -> Value:
    expect_inputs(node, 1, 64)
    parts = [builder.value(name) for name in node.inputs]
    shapes = [part.view.shape for part in parts if isinstance(part, Integers | Real)]
    if len(shapes) != len(parts):
        raise InputError("expected activations alone, or constants alone, found both or others")
    axis = _common_axis(shapes, attribute(node, "axis", int, 0))
    integers = [part for part in parts if isinstance(part, Integers)]
    if len(integers) == len(parts):
        first = integers[0]
        if any((part.center, part.dtype) != (first.center, first.dtype) for part in integers):
            raise InputError("expected parts of one type and zero point, found several")
        return replace(first, view=joined_view(builder, [part.view for part in integers], axis))
    return joined(builder, [builder.settled(name) for name in node.inputs], axis)


def joined(builder: Builder, reals: list[Real], axis: int) -> Value:
    """Return dequantized tensors one after the other: on one grid, or for a quantizer to bring to one."""
    first = reals[0]
    if all((each.scales, each.lows, each.highs) == (first.scales, first.lows, first.highs) for each in reals):
        return replace(first, view=joined_view(builder, [each.view for each in reals], axis))
    return Joined(tuple(reals), axis)


def _common_axis(shapes: list[Shape], axis: int) -> int:
    place = axis_of(axis, len(shapes[0]))
    alike = {(len(shape), shape[:place], shape[place + 1 :]) for shape in shapes}
    if len(alike) != 1:
        raise InputError(f"expected inputs alike but for dimension {place}, found {[list(s) for s in shapes[:4]]}")
    return place


def _qlinear_concat(builder: Builder, node: Node) -> Value:
    expect_inputs(node, 5, 2 + 3 * 64)
    if len(node.inputs) % 3 != 2:
        raise InputError(f"expected a scale and a zero point for every input, found {len(node.inputs)} inputs")
    parts = []
    for place in range(2, len(node.inputs), 3):
        found = dequantized(builder, *node.inputs[place : place + 3])
        if not isinstance(found, Real):
            raise InputError("expected an activation, found a constant", tensor_place(node.inputs[place]))
        parts.append(found)
    axis = _common_axis([part.view.shape for part in parts], attribute(node, "axis", int, 0))
    return read_quantizer(builder, node.inputs[0], node.inputs[1]).quantize(Joined(tuple(parts), axis))


READERS: Readers = {
    ("", "Reshape"): _moving(_reshape, 2),
    ("", "Flatten"): _moving(_flatten),
    ("", "Squeeze"): _moving(_squeeze, 2),
    ("", "Unsqueeze"): _moving(_unsqueeze, 2),
    ("", "Transpose"): _moving(_transpose),
    ("", "Slice"): _moving(_slice, 5),
    ("", "Pad"): _moving(_pad, 4),
    ("", "DepthToSpace"): _moving(_depth_to_space),
    ("", "Concat"): _concat,
    (MICROSOFT, "QLinearConcat"): _qlinear_concat,
}
