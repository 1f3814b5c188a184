"""What every element of a layer's accumulation is a sum of: the rows of the dense matrix that a layer would be.

A convolution unrolls to one row for every position and output channel, an addition to a row for every element, a
pooling that sums or averages to the elements of its windows, and what only moves elements to rows of one. Maxima,
products of activations and softmax are no sums, and are not merged; `congruence` knows them.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from certify.network.matrix import Int64Array
from certify.network.operators import Addition, Convolution, Dense, Linear, Moving, Operator, Pad, Pooling
from certify.network.operators.operator import Shape
from certify.network.operators.window import Window
from certify.network.steps import Requantize, Step, channel_steps


class NotAffineError(Exception):
    """A layer's accumulations are no sums of what it reads; the message names it."""


@dataclass(frozen=True)
class Part:
    """One addend: weight · steps(element), or weight · value.

    Attributes:
        weight: an integer.
        place: of the element among all elements of all inputs, one input after the other; None for a constant.
        value: the constant.
        steps: applied to the element first.
    """

    weight: int
    place: int | None
    value: int = 0
    steps: tuple[Step, ...] = ()


def rows(layer: Operator, shapes: Sequence[Shape]) -> list[list[Part]]:
    """Return the addends of every element of a layer's accumulation, in row-major order, biases left out.

    Raises:
        NotAffineError: they are no sums, or averages of a number that is no power of two.
    """
    if isinstance(layer, Dense):
        return _dense(layer)
    if isinstance(layer, Convolution):
        return _convolution(layer, shapes[0])
    if isinstance(layer, Addition):
        return _addition(layer, shapes)
    if isinstance(layer, Pooling) and layer.kind != "max":
        rounded(layer)
        return _pooling(layer, shapes[0])
    if isinstance(layer, Moving):
        return _moving(layer, shapes)
    name = f"{layer.kind} pooling" if isinstance(layer, Pooling) else type(layer).__name__.lower()
    raise NotAffineError(f"merging does not go through {name}")


def bias_of(layer: Operator, elements: int) -> list[int]:
    """Return what is added to every element."""
    if not isinstance(layer, Linear):
        return [0] * elements
    return list(layer.bias) * (elements // layer.outputs)


def rounded(layer: Operator) -> tuple[Step, ...]:
    """Return the division of an average as a step; nothing for other layers.

    Raises:
        NotAffineError: windows do not all have the same number of elements, or not a power of two.
    """
    if not isinstance(layer, Pooling) or layer.kind != "average":
        return ()
    taps = layer.window.taps
    if layer.window.padded or taps & (taps - 1):
        raise NotAffineError(f"merging does not go through averages of {taps} with padding or of no power of two")
    assert layer.rounding
    return (Requantize(taps.bit_length() - 1, layer.rounding),)


def stepped(layer: Operator) -> int:
    """Return how many units with steps an element of the layer is."""
    terms = layer.terms if isinstance(layer, Addition) else ()
    return bool(layer.steps or rounded(layer)) + sum(bool(term.steps) for term in terms)


def _dense(layer: Dense) -> list[list[Part]]:
    found = []
    for output in range(layer.outputs):
        row = zip(*layer.weights.row(output), strict=True)
        found.append([_weighted(layer, weight, column, column) for column, weight in row])
    return found


def _weighted(layer: Linear, weight: int, column: int, place: int) -> Part:
    """Return the addend of one weight, whose column may be that of a constant."""
    first = layer.taps * layer.channels
    return Part(weight, place) if column < first else Part(weight, None, layer.constants[column - first])


def _convolution(layer: Convolution, shape: Shape) -> list[list[Part]]:
    views = _views(layer.window, shape)
    reads, found = layer.reads(), []
    for row in range(views.shape[1]):
        for output in range(layer.outputs):
            first = int(layer.weights.start[output])
            parts = []
            for entry, (column, weight) in enumerate(zip(*layer.weights.row(output), strict=True), first):
                tap, channel = column // max(1, layer.channels), int(reads[entry])
                inside = column < layer.taps * layer.channels
                place = int(views[tap, row, channel]) if inside else 0
                parts += [] if place < 0 else [_weighted(layer, weight, column, place)]
            found.append(parts)
    return found


def _views(window: Window, shape: Shape) -> Int64Array:
    """Return int64[taps, positions, channels]: the element that is read, -1 for padding."""
    places = np.arange(math.prod(shape), dtype=np.int64).reshape(1, *shape)
    views = [view.reshape(-1, shape[2]) for view in window.views(window.pad(places, -1))]
    return np.stack(views)


def _addition(layer: Addition, shapes: Sequence[Shape]) -> list[list[Part]]:
    size, channels = math.prod(shapes[0]), shapes[0][-1] if shapes[0] else 1
    own = [[channel_steps(term.steps, channel) for term in layer.terms] for channel in range(channels)]
    return [
        [
            Part(term.weight, place + index * size, steps=own[place % channels][index])
            for index, term in enumerate(layer.terms)
        ]
        for place in range(size)
    ]


def _pooling(layer: Pooling, shape: Shape) -> list[list[Part]]:
    views = _views(layer.window, shape)
    flat = views.reshape(len(views), -1)
    return [[Part(1, place) for place in column.tolist() if place >= 0] for column in flat.T]


def _moving(layer: Moving, shapes: Sequence[Shape]) -> list[list[Part]]:
    """What stands for a constant is the number 0, so that the elements are numbered from 1."""
    sizes = [math.prod(shape) for shape in shapes]
    numbered, first = [], 1
    for shape, size in zip(shapes, sizes, strict=True):
        numbered.append(np.arange(first, first + size, dtype=np.int64).reshape(1, *shape))
        first += size
    places = replace(layer, value=0).accumulate(numbered) if isinstance(layer, Pad) else layer.accumulate(numbered)
    constant = layer.value if isinstance(layer, Pad) else 0
    return [[Part(1, place - 1) if place else Part(1, None, constant)] for place in places.reshape(-1).tolist()]
