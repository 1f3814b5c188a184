"""Many points at once, in machine words: for looking, comparing with runtimes and sweeping graphs.

Every number that a layer meets is bounded first, in Python integers. Sums of products below 2^53 run in float64,
which holds such integers and their sums exactly whatever the order, and is what matrix products are fast in; those
below 2^62 run in int64; anything wider is refused.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from certify.network.bounds import graph_reach
from certify.network.elementwise import run_steps
from certify.network.matrix import Int64Array
from certify.network.model import INPUT, Linear, Network
from certify.network.operators import Product

EXACT_FLOAT = 2**53
EXACT_WORD = 2**62


class TooWideError(Exception):
    """A layer's integers may leave the machine word; the message says which and how far."""


@dataclass(frozen=True, eq=False)
class Batch:
    """A network that is ready to be evaluated on many points.

    Attributes:
        network: the network.
        kinds: for every layer the dtype of its accumulation.
    """

    network: Network
    kinds: tuple[Any, ...] = field(repr=False)

    @staticmethod
    def of(network: Network, *, floats: bool = True) -> Batch:
        """Return the network, every layer's width checked on the network's box.

        Args:
            network: any network.
            floats: whether float64 may hold the sums of linear layers and of matrix products.

        Raises:
            TooWideError: int64 may not hold every number met.
        """
        kinds = []
        for index, (layer, reach) in enumerate(zip(network.layers, graph_reach(network), strict=True)):
            if reach.largest >= EXACT_WORD:
                raise TooWideError(f"layers[{index}]: numbers of {reach.largest.bit_length()} bits")
            exact = floats and isinstance(layer, Linear | Product) and reach.sums < EXACT_FLOAT
            kinds.append(np.float64 if exact else np.int64)
        return Batch(network, tuple(kinds))

    def run(self, points: Int64Array) -> Int64Array:
        """Return int64[batch, outputs] of int64[batch, features], points inside the box."""
        last = [np.empty(0, dtype=np.int64)]

        def keep(_: int, values: Int64Array) -> None:
            last[0] = values

        self.walk(points, keep)
        return last[0].reshape(len(points), math.prod(last[0].shape[1:]))

    def walk(self, points: Int64Array, visit: Callable[[int, Int64Array], None]) -> None:
        """Tell `visit` what every layer, by its index, gives: int64[batch, *shape]."""
        network, given = self.network, points.reshape(len(points), *self.network.input.shape)
        alive: dict[int, Int64Array] = {INPUT: given}
        last = {source: reader for reader in range(len(network.layers)) for source in network.sources(reader)}
        for index, (layer, kind) in enumerate(zip(network.layers, self.kinds, strict=True)):
            read = [alive[source].astype(kind, copy=False) for source in network.sources(index)]
            alive[index] = run_steps(layer.steps, layer.accumulate(read).astype(np.int64, copy=False))
            visit(index, alive[index])
            for source in {*network.sources(index), index}:
                if last.get(source, index) == index:
                    del alive[source]
