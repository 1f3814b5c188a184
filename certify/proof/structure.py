"""Conditions 0, 1 and 5 of the proof: is this a shape for which the decomposition holds?

docs/proof.md, "The conditions", and docs/convolutions.md. Read from the two networks alone, the target's layers in
their order and the ticket's beside them.
0. The ticket has a pair of layers for each of the target's linear ones, and the target's own operator for every
   other, reading what the target's reads. Hidden layers have no bias and exactly the step ReLU; output layers have no
   bias, no constants and the target's steps, rescaled. Of a convolution's pair the hidden layer has a kernel of one
   tap, the output layer the target's kernel size, stride and dilation; one of them has the target's padding.
1. In the first matrix of a pair every hidden unit keeps weights from one input only.
5. The box that the next layer is proved on contains every value of this one, for target and ticket.

That is Theorem 1's shape; Theorem 2's, a chain of dense layers that is longer than its target by one, is `copies`'.
`conditions` has what is asked of one piece.

When one of them fails, nothing is refuted: the decomposition does not apply, and says why.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields
from typing import Any

import numpy as np

from certify.network.bounds import box_interval, layer_reach
from certify.network.compare import common_scale
from certify.network.model import INPUT, Linear, Network, Operator
from certify.network.operators.operator import Interval, column
from certify.proof import copies
from certify.proof.conditions import Known, next_box, pair_of
from certify.proof.piece import UNFED, NotApplicableError, Pair, Piece

__all__ = ["UNFED", "NotApplicableError", "Pair", "Piece", "pair_up"]


def pair_up(target: Network, ticket: Network) -> tuple[Piece, ...]:
    """Return what stands for each of the target's linear layers, conditions 0, 1 and 5 checked.

    Raises:
        NotApplicableError: a condition fails.
    """
    if copies.may_be(target, ticket):
        return copies.line_up(target, ticket)
    expected = len(target.layers) + len(target.linear)
    if len(ticket.layers) != expected:
        raise NotApplicableError(f"condition 0: expected {expected} layers, found {len(ticket.layers)}")
    if ticket.input.shape != target.input.shape:
        raise NotApplicableError("condition 0: the inputs have different shapes")
    if target.chain is None and min(target.input.sizes, default=1) < 1:
        # Of a chain every feature's range is asked about; a hull over positions would hide an empty one.
        raise NotApplicableError("condition 4: the box is empty")
    walk = _Walk(target, ticket)
    for index, layer in enumerate(target.layers):
        walk.go(index, layer)
    walk.check_shapes()
    last = walk.known[len(target.layers) - 1]
    if common_scale(target, ticket) != (last.finer_bits, 0):
        raise NotApplicableError("condition 0: the outputs' precision bits do not follow from the steps")
    return tuple(walk.pairs)


class _Walk:
    """The target's layers and the ticket's, side by side."""

    def __init__(self, target: Network, ticket: Network) -> None:
        self.target, self.ticket = target, ticket
        self.shapes = target.shapes()
        self.known = {INPUT: Known(INPUT, box_interval(target.input), 0)}
        self.pairs: list[Pair] = []
        self.place = 0

    def go(self, index: int, layer: Operator) -> None:
        """Take the target's next layer, and the one or two of the ticket's that stand for it."""
        read = [self.known[source] for source in self.target.sources(index)]
        theirs = [self._take([known.place for known in read])]
        if isinstance(layer, Linear):
            theirs.append(self._take([self.place - 1]))
            self.known[index] = self._pair(index, layer, theirs[0], theirs[1], read[0])
        else:
            self.known[index] = self._shared(layer, theirs[0], read)

    def check_shapes(self) -> None:
        """Check that the ticket has every layer's output in the target's shape, now that its layers are known."""
        theirs = self.ticket.shapes()
        for index, shape in enumerate(self.shapes):
            if theirs[self.known[index].place] != shape:
                raise NotApplicableError(f"condition 0: layer {index} of the target has another shape in the ticket")

    def _take(self, sources: Sequence[int]) -> Operator:
        """Return the ticket's next layer, which has to read these."""
        place, self.place = self.place, self.place + 1
        found = self.ticket.sources(place)
        if found != tuple(sources):
            expected = ", ".join(map(_source_name, sources))
            problem = f"expected it to read {expected}, found {', '.join(map(_source_name, found))}"
            raise NotApplicableError(f"condition 0: layer {place} of the ticket: {problem}")
        return self.ticket.layers[place]

    def _pair(self, index: int, layer: Linear, hidden: Operator, output: Operator, read: Known) -> Known:
        where = len(self.pairs)
        if not (isinstance(hidden, Linear) and isinstance(output, Linear)):
            found = f"{type(hidden).__name__.lower()} and {type(output).__name__.lower()}"
            raise NotApplicableError(f"condition 0: pair {where}: expected two linear layers, found {found}")
        pair = pair_of((where, index, self.place - 2), layer, (hidden, output), read)
        self.pairs.append(pair)
        low, high = (np.broadcast_to(column(end), self.shapes[index]) for end in next_box(pair))
        return Known(self.place - 1, Interval(low, high), pair.left_bits)

    def _shared(self, layer: Operator, theirs: Operator, read: Sequence[Known]) -> Known:
        """Equal operators on equal integers give equal integers."""
        if _meaning(layer) != _meaning(theirs):
            problem = f"not the target's {type(layer).__name__.lower()}"
            raise NotApplicableError(f"condition 0: layer {self.place - 1} of the ticket: {problem}")
        finer = max((known.finer_bits for known in read), default=0)
        if finer:
            problem = f"reads integers that are finer by {finer} bits"
            raise NotApplicableError(f"condition 0: layer {self.place - 1} of the ticket: {problem}")
        reach = layer_reach(layer, [known.values for known in read])
        return Known(self.place - 1, reach.output, 0)


def _source_name(source: int) -> str:
    return "the input" if source == INPUT else f"layer {source}"


def _meaning(layer: Any) -> tuple[Any, ...]:
    """Return all that an operator computes from what it reads."""
    names = [field.name for field in fields(layer) if field.name not in {"name", "sources"}]
    return type(layer), *(getattr(layer, name) for name in names)
