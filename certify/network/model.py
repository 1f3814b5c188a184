"""What a quantized network is: integers, a box of inputs, and a graph of operators with element-wise steps.

Definition 3 of Kumar and Natale (arXiv:2508.11020) with what deployed networks add: biases, constant inputs, and
named steps after each accumulation. A number of precision bits k is the integer a with the value a·2^-k; the model
holds the integer. Nothing here is rounded, and nothing is a float.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from certify.errors import InputError
from certify.network.matrix import Matrix
from certify.network.operators import INPUT, Dense, Linear, Operator
from certify.network.operators.operator import Shape
from certify.network.steps import precision_after

__all__ = ["INPUT", "Box", "Dense", "Display", "Linear", "Network", "Operator", "require_chain"]

T = TypeVar("T")


@dataclass(frozen=True)
class Display:
    """How integers read in real units, scale · (integer - zero_point); no claim depends on it."""

    scale: str | None = None
    zero_point: int = 0


@dataclass(frozen=True)
class Box:
    """The finite input grid: every integer point with low[i] ≤ x[i] ≤ high[i], in row-major order of the shape."""

    shape: tuple[int, ...]
    low: tuple[int, ...]
    high: tuple[int, ...]
    precision_bits: int
    display: Display = Display()

    @property
    def features(self) -> int:
        """How many integers a point has."""
        return math.prod(self.shape)

    @property
    def sizes(self) -> tuple[int, ...]:
        """How many values each feature takes."""
        return tuple(high - low + 1 for low, high in zip(self.low, self.high, strict=True))

    def point_factors(self) -> tuple[tuple[int, int], ...]:
        """The number of grid points as factors (base, exponent), bases rising."""
        return tuple(sorted(Counter(self.sizes).items()))

    def points(self) -> int:
        """The number of grid points, a Python integer of any size."""
        return math.prod(base**exponent for base, exponent in self.point_factors())


@dataclass(frozen=True, eq=False)
class Network:
    """A graph of operators on an input box: every layer reads layers before it, and the last one is the output.

    Attributes:
        name: for people.
        input: the box.
        layers: at least one, in an order in which they can be computed.
        output: how the outputs read in real units.
    """

    name: str
    input: Box
    layers: tuple[Operator, ...]
    output: Display = Display()

    def sources(self, index: int) -> tuple[int, ...]:
        """Return the layers that layer `index` reads, `INPUT` for the network's input."""
        return self.layers[index].sources or (index - 1,)

    def shapes(self) -> tuple[Shape, ...]:
        """Return the shape of every layer's output.

        Raises:
            InputError: a layer does not fit what it reads; the place names it.
        """
        return tuple(self._walk(self.input.shape, lambda layer, shapes: layer.shape(shapes)))

    def precisions(self) -> tuple[int, ...]:
        """Return the precision bits of every layer's output: a value is integer · 2^-bits.

        Raises:
            InputError: a layer reads inputs whose precision bits do not go together; the place names it.
        """
        return tuple(
            self._walk(
                self.input.precision_bits, lambda layer, bits: precision_after(layer.steps, layer.precision(bits))
            )
        )

    def _walk(self, first: T, result: Callable[[Operator, Sequence[T]], T]) -> list[T]:
        """Return what every layer makes of what it reads."""
        found: list[T] = []
        for index, layer in enumerate(self.layers):
            read = [first if source == INPUT else found[source] for source in self.sources(index)]
            try:
                found.append(result(layer, read))
            except InputError as error:
                raise InputError(error.problem, f"layers[{index}]") from None
        return found

    def readers(self, index: int) -> tuple[int, ...]:
        """Return the layers that read layer `index`, or the input for `INPUT`."""
        return tuple(reader for reader in range(len(self.layers)) if index in self.sources(reader))

    @property
    def outputs(self) -> int:
        """How many outputs."""
        return math.prod(self.shapes()[-1])

    @property
    def linear(self) -> tuple[Linear, ...]:
        """The layers with weights, in order."""
        return tuple(layer for layer in self.layers if isinstance(layer, Linear))

    @property
    def parameters(self) -> int:
        """How many weights the matrices have room for, zeros and constants' columns included, biases not."""
        return sum(math.prod(layer.weights.shape) for layer in self.linear)

    @property
    def matrices(self) -> tuple[Matrix, ...]:
        """The weights of every linear layer, in order."""
        return tuple(layer.weights for layer in self.linear)

    @property
    def chain(self) -> tuple[Dense, ...] | None:
        """The layers, where all of them are dense and each reads the one before; None for any other graph."""
        dense = tuple(layer for layer in self.layers if isinstance(layer, Dense))
        straight = all(self.sources(index) == (index - 1,) for index in range(len(self.layers)))
        return dense if straight and len(dense) == len(self.layers) else None

    def multiplications(self) -> int:
        """Return how many multiplications one evaluation takes."""
        shapes = dict(enumerate(self.shapes())) | {INPUT: self.input.shape}
        return sum(
            layer.multiplications([shapes[source] for source in self.sources(index)])
            for index, layer in enumerate(self.layers)
        )

    def output_precision_bits(self) -> int:
        """The precision bits of the outputs: an output's value is integer · 2^-bits."""
        return self.precisions()[-1]


def require_chain(network: Network, place: str = "layers") -> tuple[Dense, ...]:
    """Return the layers of a chain of dense layers.

    Raises:
        InputError: it has another operator, or a layer that does not read the one before.
    """
    for index, layer in enumerate(network.layers):
        if not isinstance(layer, Dense):
            problem = f"expected dense layers only, found {type(layer).__name__.lower()}"
            raise InputError(problem, f"{place}[{index}]")
    if network.chain is None:
        raise InputError("expected every layer to read the one before", place)
    return network.chain
