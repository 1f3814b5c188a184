"""The common form of the baselines: which numbers are drawn, how a weight takes some of them, and what came of it.

A target is a chain of dense layers without biases or constants, with a ReLU between two layers and nothing else. For
inputs that may be negative a layer has the two halves of Lemma 5, and units of either sign for them; for others only
units with u > 0 are of use.

Nothing falls back on anything worse: with an ε, a weight that no choice brings within it is a failure that is named.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

from certify.errors import InputError, TicketNotFoundError
from certify.network.matrix import Int64Array, Matrix
from certify.network.model import Dense, Network, require_chain
from certify.network.steps import Relu

Chosen: TypeAlias = NDArray[np.bool_]


class Select(Protocol):
    """How weights choose among their items."""

    def __call__(self, items: Int64Array, targets: Int64Array) -> Chosen:
        """Return bool[weights, n] for int64[weights, n], zeros being no items, and int64[weights]."""


class Method(Protocol):
    """A baseline."""

    def __call__(
        self, target: Network, units: Sequence[int], seed: str, epsilon: Fraction | None = None
    ) -> Approximation:
        """Return what a base network holds of a target.

        Args:
            target: as this module says.
            units: for each layer, how many items every input has for both halves together; copies for one that has
                single weights.
            seed: of the base network.
            epsilon: what no weight may be further off than; None takes what there is.

        Raises:
            InputError: the target is another network, or has finer weights than the items are.
            TicketNotFoundError: weights that nothing brings within ε.
        """


@dataclass(frozen=True, eq=False)
class Approximation:
    """A pruned network, and how near its weights are.

    Attributes:
        network: base ⊙ mask, on the target's box.
        parameters: how many weights the base network has.
        distances: of all weights from what stands for them, one for every half and copy, in units of 2^-bits.
        bits: of the items.
    """

    network: Network
    parameters: int
    distances: Int64Array
    bits: int

    @property
    def kept(self) -> int:
        """How many weights the mask keeps."""
        return sum(matrix.entries for matrix in self.network.matrices)

    @property
    def weight_error(self) -> Fraction:
        """The largest distance of a weight."""
        return Fraction(int(self.distances.max(initial=0)), 1 << self.bits)

    def missed(self, epsilon: Fraction) -> int:
        """Return how many weights (halves and copies counted) are further off than ε."""
        return int(np.count_nonzero(self.distances * epsilon.denominator > epsilon.numerator << self.bits))

    def within(self, epsilon: Fraction | None) -> Approximation:
        """Return this, if every weight is within ε.

        Raises:
            TicketNotFoundError: says how many are not, and how far the worst is.
        """
        if epsilon is not None and (missed := self.missed(epsilon)):
            raise TicketNotFoundError(
                f"{missed} of {len(self.distances)} weights are not within ε = {float(epsilon):g} of any choice, "
                f"the worst is {float(self.weight_error):g} off. What would help: more units, a larger ε"
            )
        return self


def layers_of(target: Network, bits: int) -> tuple[Dense, ...]:
    """Return the layers of a target that a baseline can be asked for.

    Raises:
        InputError: names what it has besides.
    """
    layers = require_chain(target)
    for index, layer in enumerate(layers):
        place, expected = f"layers[{index}]", () if index == len(layers) - 1 else (Relu(),)
        if layer.steps != expected:
            wanted = "one ReLU" if expected else "nothing"
            raise InputError(f"expected {wanted} after the sum, found {len(layer.steps)} steps", place)
        if any(layer.offsets()) or layer.constants:
            raise InputError("expected no bias and no constants, as in the papers", place)
        if layer.precision_bits > bits:
            raise InputError(f"expected weights of {bits} bits or fewer, found {layer.precision_bits}", place)
    return layers


def goals(layer: Dense, bits: int) -> Int64Array:
    """Return int64[outputs, inputs]: a layer's weights, as integers at `bits`."""
    return layer.weights.to_dense() << (bits - layer.precision_bits)


def dense(weights: Matrix, bits: int, *, relu: bool) -> Dense:
    """Return a layer of the pruned network."""
    return Dense(weights, bits, (0,) * weights.shape[0], steps=(Relu(),) if relu else ())


def distance(items: Int64Array, targets: Int64Array, chosen: Chosen) -> Int64Array:
    """Return |sum of the chosen - target|, counted anew whoever chose."""
    found: Int64Array = np.abs((items * chosen).sum(axis=1) - targets)
    return found
