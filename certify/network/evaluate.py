"""Exact evaluation in plain Python integers: the arithmetic that a witness is replayed with.

No array, no machine word, no width to overflow. Fast evaluation of many points is the sweep's (`solvers.grid`).
"""

from __future__ import annotations

from collections.abc import Sequence
from operator import index

from certify.errors import InputError
from certify.network.model import Dense, Network
from certify.network.steps import apply_steps


def accumulate(layer: Dense, values: Sequence[int]) -> list[int]:
    """Return the layer's accumulators, before its steps, for int[inputs] `values`."""
    inputs = [*values, *layer.constants]
    accumulators = []
    for output, bias in enumerate(layer.bias):
        columns, weights = layer.weights.row(output)
        accumulators.append(bias + sum(w * inputs[c] for c, w in zip(columns, weights, strict=True)))
    return accumulators


def evaluate(network: Network, point: Sequence[int]) -> tuple[int, ...]:
    """Return the network's output integers at one grid point.

    Args:
        network: any network.
        point: int[features], inside the network's box.

    Raises:
        InputError: the point does not have the box's length, or lies outside it.
    """
    box = network.input
    if len(point) != box.features:
        raise InputError(f"expected a point of {box.features} features, found {len(point)}")
    for feature, (low, value, high) in enumerate(zip(box.low, point, box.high, strict=True)):
        if not low <= value <= high:
            raise InputError(f"expected an integer from {low} to {high}, found {value}", f"point[{feature}]")
    values = [index(value) for value in point]
    for layer in network.layers:
        values = [apply_steps(layer.steps_of(j), value) for j, value in enumerate(accumulate(layer, values))]
    return tuple(values)
