"""Dense layers and convolutions, tap by tap.

What a tap reads is a slice of the padded plane, and what it adds is a product with the tap's part of the kernel.
Where no row of that has more than one weight, as in depthwise convolutions and in the first matrix of every ticket's
pairs, the product is a selection of channels times one weight each; with groups of channels it is one for each.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from certify.export.onnx.arithmetic import add, multiply
from certify.export.onnx.graph import Graph
from certify.network.matrix import Int64Array
from certify.network.operators import Convolution, Dense, Linear
from certify.network.operators.operator import Shape
from certify.network.operators.window import Window


def dense(graph: Graph, layer: Dense, values: str, batch: int) -> str:
    """Return the accumulation [batch, outputs] of a tensor [batch, …]."""
    flat = graph.apply("Reshape", values, graph.constant([batch, layer.inputs]))
    kernel = layer.weights.to_dense()[:, : layer.inputs]
    rows = kernel[np.newaxis]
    found = _select(graph, flat, rows, 1) if _is_selection(rows) else _product(graph, flat, kernel)
    return add(graph, found, np.array(layer.offsets(), dtype=np.int64))


def convolution(graph: Graph, layer: Convolution, values: str, shape: Shape, batch: int) -> str:
    """Return the accumulation [batch, positions, positions, outputs] of a tensor [batch, *shape]."""
    plane = tuple(length + sum(around) for length, around in zip(shape, layer.window.padding, strict=False))
    padded = pad(graph, values, [(0, 0), *layer.window.padding, (0, 0)], 0)
    taps = _Taps(layer.window, (plane[0], plane[1]), layer.window.positions(shape[:2]))
    kernels = layer.by_tap().to_dense().reshape(layer.outputs, layer.taps, layer.channels).swapaxes(0, 1)
    offsets = np.array(layer.offsets(), dtype=np.int64)
    if layer.groups > 1 and not _is_selection(kernels.reshape(-1, layer.outputs, layer.channels)):
        found = _in_groups(graph, layer, padded, taps, kernels, batch)
    else:
        found = _sum(graph, [_tap(graph, layer, padded, taps, tap, kernels[tap]) for tap in _used(kernels)])
    return add(graph, found, offsets)


@dataclass(frozen=True)
class _Taps:
    """Where a window's taps read.

    Attributes:
        window: the window.
        plane: rows and columns, padding included.
        positions: of the window on it.
    """

    window: Window
    plane: tuple[int, int]
    positions: tuple[int, int]

    def read(self, graph: Graph, padded: str, tap: int, axis: int = 1) -> str:
        """Return what one tap reads of a tensor whose rows are the dimension `axis`, its columns the next."""
        place = divmod(tap, self.window.size[1])
        begin = [at * dilation for at, dilation in zip(place, self.window.dilation, strict=True)]
        inside = zip(begin, self.positions, self.window.stride, strict=True)
        end = [first + (count - 1) * stride + 1 for first, count, stride in inside]
        if begin == [0, 0] and tuple(end) == self.plane and self.window.stride == (1, 1):
            return padded
        spans = (begin, end, [axis, axis + 1], self.window.stride)
        return graph.apply("Slice", padded, *(graph.constant(span) for span in spans))


def read_taps(graph: Graph, window: Window, shape: Shape, padded: str) -> list[str]:
    """Return what every tap of a window reads of a plane of this shape, padded as the window says."""
    plane = [length + sum(around) for length, around in zip(shape, window.padding, strict=False)]
    taps = _Taps(window, (plane[0], plane[1]), window.positions(shape[:2]))
    return [taps.read(graph, padded, tap) for tap in range(window.taps)]


def pad(graph: Graph, values: str, around: list[tuple[int, int]], fill: int) -> str:
    """Return a tensor with so many elements of one value before and after, in each dimension, the batch's too."""
    if not any(map(any, around)):
        return values
    pads = [*(before for before, _ in around), *(after for _, after in around)]
    return graph.apply("Pad", values, graph.constant(pads), graph.constant(fill))


def _tap(graph: Graph, layer: Linear, padded: str, taps: _Taps, tap: int, kernel: Int64Array) -> str:
    view = taps.read(graph, padded, tap)
    rows = kernel.reshape(layer.groups, -1, layer.channels)
    return _select(graph, view, rows, 3) if _is_selection(rows) else _product(graph, view, kernel)


def _used(kernels: Int64Array) -> list[int]:
    """The taps with any weight; one where there is none, as something has to say how large the result is."""
    return [tap for tap, kernel in enumerate(kernels) if kernel.any()] or [0]


def _is_selection(rows: Int64Array) -> bool:
    """Whether no row of [..., outputs, channels] has more than one weight."""
    return bool((np.count_nonzero(rows, axis=-1) <= 1).all())


def _select(graph: Graph, values: str, rows: Int64Array, axis: int) -> str:
    """Return for each row [groups, outputs, channels] its one weight times its channel of the values."""
    groups, _, channels = rows.shape
    column = np.abs(rows).argmax(axis=-1)
    weights = np.take_along_axis(rows, column[..., np.newaxis], axis=-1).reshape(-1)
    chosen = (column + np.arange(groups)[:, np.newaxis] * channels).reshape(-1)
    if not np.array_equal(chosen, np.arange(groups * channels)):
        values = graph.apply("Gather", values, graph.constant(chosen), axis=axis)
    return multiply(graph, values, weights)


def _product(graph: Graph, values: str, kernel: Int64Array) -> str:
    """Return [..., outputs] of [..., channels] for a kernel of (outputs, channels)."""
    return graph.apply("MatMul", values, graph.constant(kernel.T))


def _sum(graph: Graph, parts: list[str]) -> str:
    total = parts[0]
    for part in parts[1:]:
        total = graph.apply("Add", total, part)
    return total


def _in_groups(graph: Graph, layer: Convolution, padded: str, taps: _Taps, kernels: Int64Array, batch: int) -> str:
    """Go with the groups before everything else, so that each tap is one product for all of them."""
    groups, channels, inner = layer.groups, layer.channels, layer.outputs // layer.groups
    count = batch * math.prod(taps.positions)
    apart = graph.apply("Reshape", padded, graph.constant([batch, *taps.plane, groups, channels]))
    first = graph.apply("Transpose", apart, perm=[3, 0, 1, 2, 4])
    parts = []
    for tap in _used(kernels):
        view = graph.apply("Reshape", taps.read(graph, first, tap, 2), graph.constant([groups, count, channels]))
        kernel = kernels[tap].reshape(groups, inner, channels).swapaxes(1, 2)
        parts.append(graph.apply("MatMul", view, graph.constant(kernel)))
    last = graph.apply("Transpose", _sum(graph, parts), perm=[1, 0, 2])
    return graph.apply("Reshape", last, graph.constant([batch, *taps.positions, layer.outputs]))
