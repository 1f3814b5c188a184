"""Convolutions and graphs by hand: targets, tickets without any search, and convolutions unrolled to dense layers.

`plain_ticket` is to graphs what `mutants.plain_ticket` is to chains: a unit of weight 1 and one of weight -1 for
every channel of every group, and one on a constant line for the biases.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from itertools import product
from typing import Any

import msgspec
import mutants
import numpy as np
from verdicts import RLIMIT

from certify.network.compare import same_values
from certify.network.evaluate import evaluate
from certify.network.matrix import Matrix
from certify.network.model import INPUT, Box, Dense, Linear, Network, Operator
from certify.network.operators import Convolution
from certify.network.operators.window import Window
from certify.network.steps import Relu, Requantize, RequantizeQ31, Step, Thresholds, rescale
from certify.proof import refutation
from certify.proof.obligations import obligations
from certify.proof.structure import NotApplicableError, pair_up

NO_PADDING = ((0, 0), (0, 0))
AROUND = ((1, 1), (1, 1))

Rows = Sequence[Sequence[int | None]]


def conv(
    rows: Rows,
    size: tuple[int, int] = (1, 1),
    steps: Sequence[Step] = (),
    *,
    bits: int = 0,
    bias: Sequence[int] = (),
    groups: int = 1,
    constants: Sequence[int] = (),
    stride: tuple[int, int] = (1, 1),
    dilation: tuple[int, int] = (1, 1),
    padding: Any = NO_PADDING,
    sources: tuple[int, ...] = (),
) -> Convolution:
    """A convolution from rows as `mutants.matrix` has them: tap by tap the channels of a group, then constants."""
    window = Window(size, stride, dilation, padding)
    given = tuple(bias) or (0,) * len(rows)
    return Convolution(
        mutants.matrix(rows), bits, given, window, groups, tuple(constants), tuple(steps), sources=sources
    )


def image(shape: tuple[int, ...], low: int, high: int, *layers: Operator) -> Network:
    """A network on a box that is the same for every element."""
    count = math.prod(shape)
    return Network("", Box(shape, (low,) * count, (high,) * count, 0), layers)


# Tickets.


def plain_pair(
    layer: Linear, input_bits: int = 0, finer_bits: int = 0, *, own_scale: bool = False, pad_output: bool = False
) -> tuple[Linear, Linear, int]:
    """The simplest pair for a linear layer, and how much finer its outputs are.

    Args:
        layer: of the target.
        input_bits: how much finer the ticket's inputs are.
        finer_bits: how much finer its products are.
        own_scale: whether the outputs come back to the target's own scale.
        pad_output: whether the output layer has the padding, which is right where there is no bias.
    """
    steps, left = rescale(layer.steps, input_bits + finer_bits)
    if own_scale and left:
        steps, left = (*steps, Requantize(left, "floor")), 0
    hidden, output = _hidden_rows(layer, finer_bits), _output_rows(layer)
    line, none = (1 << input_bits,), (0,) * layer.outputs
    if isinstance(layer, Dense):
        first: Linear = Dense(mutants.matrix(hidden), finer_bits, (0,) * len(hidden), line, (Relu(),))
        return first, Dense(mutants.matrix(output), layer.precision_bits, none, (), steps), left
    assert isinstance(layer, Convolution)
    padding = layer.window.padding
    small = Window((1, 1), padding=NO_PADDING if pad_output else padding)
    large = replace(layer.window, padding=padding if pad_output else NO_PADDING)
    zeros = (0,) * len(hidden)
    first = Convolution(mutants.matrix(hidden), finer_bits, zeros, small, layer.groups, line, (Relu(),))
    second = Convolution(mutants.matrix(output), layer.precision_bits, none, large, layer.groups, (), steps)
    return first, second, left


def _hidden_rows(layer: Linear, finer_bits: int) -> list[list[int | None]]:
    rows: list[list[int | None]] = []
    for _ in range(layer.groups):
        for channel, u in product(range(layer.channels), (1, -1)):
            rows.append([None] * (layer.channels + 1))
            rows[-1][channel] = u << finer_bits
        rows.append([None] * layer.channels + [1 << finer_bits])
    return rows


def _output_rows(layer: Linear) -> list[list[int | None]]:
    """Every weight on the units of its channel, the bias and what constants add on tap 0."""
    rows: list[list[int | None]] = []
    width = layer.taps * layer.channels
    for weights, offset in zip(layer.weights.to_dense()[:, :width].tolist(), layer.offsets(), strict=True):
        row: list[int | None] = []
        for tap in range(layer.taps):
            kernel = weights[tap * layer.channels : (tap + 1) * layer.channels]
            row += [v for w in kernel for v in (w, -w)]
            row.append(offset if tap == 0 and offset else None)
        rows.append(row)
    return rows


def plain_ticket(target: Network, finer_bits: int = 0, *, pad_output: bool = False) -> Network:
    """A ticket by hand for any graph."""
    layers: list[Operator] = []
    place, finer = {INPUT: INPUT}, {INPUT: 0}
    for index, layer in enumerate(target.layers):
        sources = target.sources(index)
        read = tuple(place[source] for source in sources)
        if isinstance(layer, Linear):
            shared = any(not isinstance(target.layers[reader], Linear) for reader in target.readers(index))
            hidden, output, left = plain_pair(
                layer, finer[sources[0]], finer_bits, own_scale=shared, pad_output=pad_output
            )
            layers += [replace(hidden, sources=read), output]
            finer[index] = left
        else:
            layers.append(replace(layer, sources=read))
            finer[index] = 0
        place[index] = len(layers) - 1
    return replace(target, layers=tuple(layers))


# What the decomposition says, and what plain evaluation says.


def left_over(target: Network, ticket: Network) -> list[str]:
    """What the decomposition could not prove: the condition that fails, or the obligations that z3 did not refute."""
    try:
        pairs = pair_up(target, ticket)
    except NotApplicableError as error:
        return [str(error)]
    items = [obligations(pair) for pair in pairs]
    return [left.what for item in items for task in refutation.tasks(item, RLIMIT) for left in task()]


def differing_point(left: Network, right: Network) -> tuple[int, ...] | None:
    """The first point of the left one's grid on which outputs have different values, looking at them all."""
    box = left.input
    right = replace(right, input=box)
    for point in product(*(range(low, high + 1) for low, high in zip(box.low, box.high, strict=True))):
        if not same_values(left, right, evaluate(left, point), evaluate(right, point)):
            return point
    return None


# Convolutions as dense layers.


def unrolled(network: Network) -> Network:
    """The same network with every convolution, at every position, written out as a dense layer."""
    shapes = dict(enumerate(network.shapes())) | {INPUT: network.input.shape}
    layers = []
    for index, layer in enumerate(network.layers):
        assert network.sources(index) == (index - 1,)
        layers.append(unroll(layer, shapes[index - 1]) if isinstance(layer, Convolution) else layer)
    box = network.input
    return replace(network, input=replace(box, shape=(box.features,)), layers=tuple(layers))


def unroll(layer: Convolution, shape: tuple[int, ...]) -> Dense:
    """One convolution as a dense layer, its outputs in row-major order; a kept weight 0 stays kept."""
    rows, columns, _ = shape
    positions = layer.window.positions(shape[:2])
    width = math.prod(shape) + len(layer.constants)
    entries: list[dict[int, int]] = []
    for down, right, output in product(range(positions[0]), range(positions[1]), range(layer.outputs)):
        row: dict[int, int] = {}
        for place, weight in zip(*layer.weights.row(output), strict=True):
            column = _column(layer, (rows, columns), (down, right), output, place)
            if column is not None:
                row[column] = weight
        entries.append(dict(sorted(row.items())))
    weights = Matrix(
        (len(entries), width),
        np.cumsum([0, *map(len, entries)], dtype=np.int64),
        np.array([column for row in entries for column in row], dtype=np.int64),
        np.array([weight for row in entries for weight in row.values()], dtype=np.int64),
    )
    times = math.prod(positions)
    steps = tuple(_tiled(step, times) for step in layer.steps)
    return Dense(weights, layer.precision_bits, layer.bias * times, layer.constants, steps)


def _column(
    layer: Convolution, plane: tuple[int, int], position: tuple[int, int], output: int, place: int
) -> int | None:
    """The column of a dense layer that one weight of a kernel stands in at one position; None in the padding."""
    every = layer.groups * layer.channels
    if place >= layer.taps * layer.channels:
        return plane[0] * plane[1] * every + place - layer.taps * layer.channels
    tap, channel = divmod(place, layer.channels)
    at = []
    for axis, step in enumerate(divmod(tap, layer.window.size[1])):
        window = layer.window
        at.append(position[axis] * window.stride[axis] + step * window.dilation[axis] - window.padding[axis][0])
    if not (0 <= at[0] < plane[0] and 0 <= at[1] < plane[1]):
        return None
    group = output // (layer.outputs // layer.groups)
    return (at[0] * plane[1] + at[1]) * every + group * layer.channels + channel


def _tiled(step: Step, times: int) -> Step:
    """A step with a value for every channel, for every channel of so many positions."""
    match step:
        case RequantizeQ31():
            own = {
                name: field * times
                for name in ("multiplier", "shift")
                if isinstance(field := getattr(step, name), tuple)
            }
            return msgspec.structs.replace(step, **own)
        case Thresholds() if step.per_channel:
            return msgspec.structs.replace(step, at=step.at * times)
    return step
