"""Interval bounds of every accumulator and output, exact.

The sums run in int64 where a bound computed first in Python integers says that nothing can overflow, and in Python
integers (numpy's object arrays) where it does not; the results are Python integers either way.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from certify.network.matrix import Matrix
from certify.network.model import Dense, Network
from certify.network.steps import apply_steps, largest_intermediate


@dataclass(frozen=True)
class LayerBounds:
    """What one layer can reach on a box of inputs.

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


def layer_bounds(layer: Dense, low: Sequence[int], high: Sequence[int]) -> LayerBounds:
    """Return the bounds of one layer for inputs in low..high (int[inputs] each)."""
    inputs_low, inputs_high = [*low, *layer.constants], [*high, *layer.constants]
    sums_low, sums_high, sums_abs = _interval_products(layer.weights, inputs_low, inputs_high)
    lows = tuple(total + bias for total, bias in zip(sums_low, layer.bias, strict=True))
    highs = tuple(total + bias for total, bias in zip(sums_high, layer.bias, strict=True))
    magnitude = max((total + abs(bias) for total, bias in zip(sums_abs, layer.bias, strict=True)), default=0)
    steps = [layer.steps_of(output) for output in range(layer.outputs)]
    for own, a, b in zip(steps, lows, highs, strict=True):
        magnitude = max(magnitude, largest_intermediate(own, a, b))
    return LayerBounds(
        low=lows,
        high=highs,
        output_low=tuple(map(apply_steps, steps, lows)),
        output_high=tuple(map(apply_steps, steps, highs)),
        largest=max(magnitude, *map(abs, (0, *inputs_low, *inputs_high))),
    )


def network_bounds(network: Network) -> tuple[LayerBounds, ...]:
    """Return the bounds of every layer on the network's own box."""
    low, high = network.input.low, network.input.high
    bounds = []
    for layer in network.layers:
        bounds.append(layer_bounds(layer, low, high))
        low, high = bounds[-1].output_low, bounds[-1].output_high
    return tuple(bounds)


def _interval_products(
    weights: Matrix, low: Sequence[int], high: Sequence[int]
) -> tuple[list[int], list[int], list[int]]:
    """Return per row the least and the greatest sum of products, and the sum of their largest magnitudes."""
    largest_input = max(map(abs, (0, *low, *high)))
    largest_weight = max(map(abs, (1, int(weights.values.max(initial=0)), int(weights.values.min(initial=0)))))
    fits = largest_input * largest_weight * (weights.entries + 1) < 2**63
    kind: Any = np.int64 if fits else object
    values = weights.values.astype(kind)
    at_low = values * np.array(low, dtype=kind)[weights.columns]
    at_high = values * np.array(high, dtype=kind)[weights.columns]
    least, greatest = np.minimum(at_low, at_high), np.maximum(at_low, at_high)
    magnitude = np.maximum(np.abs(at_low), np.abs(at_high))
    return (_row_sums(weights, least), _row_sums(weights, greatest), _row_sums(weights, magnitude))


def _row_sums(weights: Matrix, entries: NDArray[Any]) -> list[int]:
    """Return the sum of each row's entries as Python integers."""
    total = np.concatenate([np.zeros(1, dtype=entries.dtype), np.cumsum(entries, dtype=entries.dtype)])
    sums = total[weights.start[1:]] - total[weights.start[:-1]]
    return [int(value) for value in sums]
