"""Interval bounds of every accumulation and output, exact, in Python integers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from certify.errors import InputError
from certify.network.elementwise import bounds_after
from certify.network.model import INPUT, Box, Dense, Network, Operator
from certify.network.operators.operator import Interval, Shape, Tensor, column

MAX_NUMBER_BITS = 2**16


@dataclass(frozen=True, eq=False)
class Reach:
    """What one layer can reach.

    Attributes:
        accumulator: bounds of every element before the steps.
        output: bounds of every element after them.
        largest: no product, partial sum, addend or intermediate of a step exceeds this in magnitude.
        sums: no product, partial sum or addend of the accumulation does.
    """

    accumulator: Interval
    output: Interval
    largest: int
    sums: int


@dataclass(frozen=True)
class LayerBounds:
    """What one dense layer can reach on a box of inputs.

    Attributes:
        low, high: bounds of each accumulator.
        output_low, output_high: bounds of each output, after the steps.
        largest: no product, partial sum, addend or intermediate of a step exceeds this in magnitude.
    """

    low: tuple[int, ...]
    high: tuple[int, ...]
    output_low: tuple[int, ...]
    output_high: tuple[int, ...]
    largest: int


def box_interval(box: Box) -> Interval:
    """Return the bounds of the network's input."""
    return Interval(_end(box.low, box.shape), _end(box.high, box.shape))


def _end(values: tuple[int, ...], shape: Shape) -> Tensor:
    if len(set(values)) == 1:
        return np.broadcast_to(column(values[:1]), shape)
    return column(values).reshape(shape)


def layer_reach(layer: Operator, inputs: Sequence[Interval]) -> Reach:
    """Return what one layer can reach on inputs within bounds."""
    accumulator, largest = layer.reach(inputs)
    low, high, met = bounds_after(layer.steps, accumulator.low, accumulator.high)
    return Reach(accumulator, Interval(low, high), max(largest, met), largest)


def graph_reach(network: Network) -> tuple[Reach, ...]:
    """Return what every layer can reach on the network's own box.

    Raises:
        InputError: numbers of more than 2^16 bits; products of products grow so fast that few layers are enough.
    """
    first = box_interval(network.input)
    found: list[Reach] = []
    for index, layer in enumerate(network.layers):
        read = [first if source == INPUT else found[source].output for source in network.sources(index)]
        found.append(layer_reach(layer, read))
        if (bits := found[-1].largest.bit_length()) > MAX_NUMBER_BITS:
            raise InputError(f"expected numbers of {MAX_NUMBER_BITS} bits at most, found {bits}", f"layers[{index}]")
    return tuple(found)


def layer_bounds(layer: Dense, low: Sequence[int], high: Sequence[int]) -> LayerBounds:
    """Return the bounds of one dense layer for inputs in low..high (int[inputs] each)."""
    return _listed(layer_reach(layer, [Interval(column(low), column(high))]))


def network_bounds(network: Network) -> tuple[LayerBounds, ...]:
    """Return the bounds of every layer on the network's own box, in one list for each."""
    return tuple(_listed(reach) for reach in graph_reach(network))


def _listed(reach: Reach) -> LayerBounds:
    accumulator, output = reach.accumulator, reach.output
    ends = (accumulator.low, accumulator.high, output.low, output.high)
    low, high, output_low, output_high = (tuple(end.reshape(-1).tolist()) for end in ends)
    return LayerBounds(low, high, output_low, output_high, reach.largest)
