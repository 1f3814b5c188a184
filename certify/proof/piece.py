"""What the decomposition speaks of: a linear layer of the target, and what stands for it in the ticket.

There are two kinds. A *pair* of the ticket's layers, as in Theorem 1: hidden units, each of which carries one half of
one input. And a *single* layer, as Theorem 2 has them from the target's second layer on: its inputs are copies of
neurons, each of which carries a neuron's value as it is. In both, a *unit* is what the weights of the ticket's layer
that accumulates are multiplied by.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, ClassVar, Self

import numpy as np

from certify.network.matrix import Int64Array, Matrix
from certify.network.model import Linear

UNFED = -1
POSITIVE, NEGATIVE, WHOLE = 0, 1, 2
"""What a unit carries of an input x: a multiple of σ(x), one of σ(-x), or x as it is."""


class NotApplicableError(Exception):
    """The decomposition does not apply to this ticket; the message names the condition that fails."""


@dataclass(frozen=True)
class Copies:
    """Whose copies outputs and inputs are; see `certify.proof.copies`.

    Attributes:
        rows: int[outputs], the ticket's row of each output; the rows that nobody reads are left out.
        neurons: int[outputs], the neuron of the target's layer that each output is said to be a copy of.
        same: int[inputs], the first neuron of the layer before that is the same as each.
    """

    rows: tuple[int, ...]
    neurons: tuple[int, ...]
    same: tuple[int, ...]


@dataclass(frozen=True, eq=False, kw_only=True)
class Piece(ABC):
    """One linear layer of the target and what stands for it in the ticket.

    An input here is a channel, numbered through all groups, wherever a kernel reads it; all inputs of a dense layer
    are channels. Outputs are the ticket's.

    Attributes:
        index: of the target's linear layers.
        layer, place: of the target's layer among the target's, of the first of the ticket's among the ticket's.
        target: the target's layer; where outputs are copies, with the row of its neuron for each of them.
        output: the ticket's layer that accumulates what the target's does.
        low, high: int[inputs], the box of the target layer's inputs, 0 in it where there is padding.
        accumulator_low, accumulator_high: int[outputs], what the target's accumulators can reach on it.
        input_bits: the ticket's input integers are the target's times 2^input_bits.
        weight_bits: a ticket's weight on what a unit carries is finer than a target weight by 2^weight_bits.
        left_bits: the ticket's output integers are the target's times 2^left_bits.
        unit_input: int64[units], the input that each unit carries, constant lines after all inputs, or UNFED.
        unit_weight: int64[units], how many times it carries that, 0 for UNFED.
        copies: whose copies outputs and inputs are; None where they are no copies.
    """

    index: int
    layer: int
    place: int
    target: Linear
    output: Linear
    low: tuple[int, ...]
    high: tuple[int, ...]
    accumulator_low: tuple[int, ...]
    accumulator_high: tuple[int, ...]
    input_bits: int
    weight_bits: int
    left_bits: int
    unit_input: Int64Array
    unit_weight: Int64Array
    copies: Copies | None = None

    kind: ClassVar[str]
    halves: ClassVar[tuple[int, ...]]
    """What units carry of inputs, in the order in which obligations are listed."""

    @property
    @abstractmethod
    def lines(self) -> tuple[int, ...]:
        """The values of the ticket's constant lines."""

    @property
    @abstractmethod
    def kept(self) -> Matrix:
        """The output layer's kernels: (outputs · taps, units of a group)."""

    @abstractmethod
    def layers(self) -> tuple[Linear, ...]:
        """Return the layers that stand for the target's."""

    @property
    def name(self) -> str:
        """What the piece is called in questions."""
        return f"{self.kind} {self.index}"

    @property
    def scale_bits(self) -> int:
        """log2 s: the ticket's accumulators are the target's times 2^scale_bits."""
        return self.input_bits + self.weight_bits

    @property
    def taps(self) -> int:
        """How many positions a kernel reads."""
        return self.target.taps

    @property
    def groups(self) -> int:
        """How many groups of inputs, of units and of outputs are separate."""
        return self.target.groups

    @cached_property
    def weights(self) -> Matrix:
        """The target's kernels: (outputs · taps, channels of a group), row output · taps + tap."""
        return self.target.by_tap()

    @property
    def row_names(self) -> tuple[int, ...]:
        """int[outputs]: the number by which each output is called, the ticket's row."""
        return tuple(range(self.target.outputs)) if self.copies is None else self.copies.rows

    def group_of(self, rows: Int64Array) -> Int64Array:
        """Return the group of each of the rows of `weights` and `kept`."""
        return rows * self.groups // max(1, self.kept.shape[0])

    @cached_property
    def kept_units(self) -> Int64Array:
        """int64[entries]: the unit that each weight of `kept` is multiplied by."""
        return self.group_of(self.kept.row_of_entry()) * self.kept.shape[1] + self.kept.columns

    def only(self, outputs: Sequence[int]) -> Self:
        """Return the piece with the weights of these outputs alone: for who asks about no other."""
        target, output = (
            layer.replaced(weights=layer.weights.only(np.isin(layer.weights.row_of_entry(), list(outputs))))
            for layer in (self.target, self.output)
        )
        return replace(self, target=target, output=output, **self._shed())

    def without_kernels(self) -> Self:
        """Return the piece without weights of anything but the target's constants, and without units."""
        target = self.target
        beside = target.weights.only(target.weights.columns >= self.taps * target.channels)
        none = np.zeros(0, dtype=np.int64)
        return replace(
            self,
            target=target.replaced(weights=beside),
            output=self.output.replaced(weights=self.output.weights.empty()),
            unit_input=none,
            unit_weight=none,
            **self._shed(),
        )

    def _shed(self) -> dict[str, Any]:
        """Return fields without weights that nobody asks for who asks about outputs."""
        return {}


@dataclass(frozen=True, eq=False, kw_only=True)
class Pair(Piece):
    """A pair of layers that stands for one of the target's: a unit is a channel of the hidden layer.

    Attributes:
        hidden: the ticket's first layer of the two.
    """

    hidden: Linear

    kind = "pair"
    halves = (POSITIVE, NEGATIVE)

    @property
    def lines(self) -> tuple[int, ...]:
        """The values of the hidden layer's constants."""
        return self.hidden.constants

    @cached_property
    def kept(self) -> Matrix:
        """The output layer's kernels: (outputs · taps, units of a group)."""
        return self.output.by_tap()

    def layers(self) -> tuple[Linear, ...]:
        """Return both layers."""
        return self.hidden, self.output

    def _shed(self) -> dict[str, Any]:
        return {"hidden": self.hidden.replaced(weights=self.hidden.weights.empty())}


@dataclass(frozen=True, eq=False, kw_only=True)
class Single(Piece):
    """A dense layer that stands for one of the target's, and reads copies: a unit is a column, constants' too."""

    kind = "layer"
    halves = (WHOLE,)

    @property
    def lines(self) -> tuple[int, ...]:
        """The values of the layer's own constants."""
        return self.output.constants

    @property
    def kept(self) -> Matrix:
        """The layer's whole matrix: (outputs, columns)."""
        return self.output.weights

    def layers(self) -> tuple[Linear, ...]:
        """Return the layer."""
        return (self.output,)
