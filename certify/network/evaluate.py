"""Exact evaluation in plain Python integers: the arithmetic that a witness is replayed with.

No machine word, no width to overflow: arrays hold Python integers. Fast evaluation of many points is `batch`'s and
the sweep's (`solvers.grid`).
"""

from __future__ import annotations

from collections.abc import Sequence
from operator import index

from certify.errors import InputError
from certify.network.elementwise import run_steps
from certify.network.model import INPUT, Dense, Network
from certify.network.operators.operator import Tensor, column


def accumulate(layer: Dense, values: Sequence[int]) -> list[int]:
    """Return the layer's accumulators, before its steps, for int[inputs] `values`."""
    found: list[int] = layer.accumulate([column(values)[None]])[0].tolist()
    return found


def evaluate(network: Network, point: Sequence[int]) -> tuple[int, ...]:
    """Return the network's output integers at one grid point.

    Args:
        network: any network.
        point: int[features], inside the network's box.

    Raises:
        InputError: the point does not have the box's length, or lies outside it.
    """
    return tuple(trace(network, point)[-1].reshape(-1).tolist())


def trace(network: Network, point: Sequence[int]) -> list[Tensor]:
    """Return what every layer gives at one grid point, object[shape] each.

    Raises:
        InputError: as `evaluate`.
    """
    box = network.input
    if len(point) != box.features:
        raise InputError(f"expected a point of {box.features} features, found {len(point)}")
    for feature, (low, value, high) in enumerate(zip(box.low, point, box.high, strict=True)):
        if not low <= value <= high:
            raise InputError(f"expected an integer from {low} to {high}, found {value}", f"point[{feature}]")
    given = column([index(value) for value in point]).reshape(1, *box.shape)
    found: list[Tensor] = []
    for place, layer in enumerate(network.layers):
        read = [given if source == INPUT else found[source] for source in network.sources(place)]
        found.append(run_steps(layer.steps, layer.accumulate(read)))
    return [values[0] for values in found]
