"""Theorem 2's shape: a pair of layers for the target's first layer, then one for each, which reads copies of neurons.

Kumar and Natale, arXiv:2508.11020, Theorem 2 and Lemma 8, after Burkholz (arXiv:2205.02343); docs/proof.md, "Copies".
Read from the two networks alone, the target's layers in their order and the ticket's beside them:
- which units count: those that an output, or a unit that counts, keeps a weight for. Whatever nobody reads may be
  anything;
- which neurons of a layer are the same: those with exactly equal weights, offsets and steps. The first of them stands
  for all, and what the next layer has for all of them is its weight;
- whose copy each unit is. That is a guess (`guessing`), and nothing rests on it: every weight, bias and step of the
  unit is an obligation, against the neuron's. A wrong guess proves nothing.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import replace
from typing import Any

import msgspec
import numpy as np

from certify.network.bounds import box_interval
from certify.network.compare import common_scale
from certify.network.matrix import Int64Array, Matrix
from certify.network.model import INPUT, Dense, Network
from certify.network.operators.operator import Interval, column
from certify.network.steps import RequantizeQ31, Step, Thresholds, apply_steps
from certify.proof.conditions import Known, feeds, next_box, pair_of, single_of
from certify.proof.guessing import Units, owners, summed
from certify.proof.piece import UNFED, Copies, NotApplicableError, Piece


def may_be(target: Network, ticket: Network) -> bool:
    """Tell whether both are chains of dense layers and the ticket's is longer by one, where pairs would be more."""
    if target.chain is None or ticket.chain is None or len(target.chain) < 2:
        return False
    return len(ticket.chain) == len(target.chain) + 1


def line_up(target: Network, ticket: Network) -> tuple[Piece, ...]:
    """Return what stands for each of the target's layers: a pair for the first, a single layer for every other.

    Raises:
        NotApplicableError: a condition fails.
    """
    ours, theirs = target.chain or (), ticket.chain or ()
    _check_sizes(target, ticket)
    walk = _Walk(theirs, _alive(theirs), Known(INPUT, box_interval(target.input), 0), np.arange(ours[0].inputs))
    found = [walk.take(index, layer, last=index == len(ours) - 1) for index, layer in enumerate(ours)]
    if common_scale(target, ticket) != (found[-1].left_bits, 0):
        raise NotApplicableError("condition 0: the outputs' precision bits do not follow from the steps")
    return tuple(found)


def _check_sizes(target: Network, ticket: Network) -> None:
    if ticket.input.shape != target.input.shape:
        raise NotApplicableError("condition 0: the inputs have different shapes")
    theirs = ticket.chain or ()
    read = (target.input.features, *(layer.outputs for layer in theirs[:-1]))
    for place, (layer, inputs) in enumerate(zip(theirs, read, strict=True)):
        if layer.inputs != inputs:
            problem = f"expected {inputs} inputs, found {layer.inputs}"
            raise NotApplicableError(f"condition 0: layer {place} of the ticket: {problem}")
    if theirs[1].constants:
        # Its units are told apart by what the hidden layer's carry, before `pair_of` checks the pair.
        raise NotApplicableError("condition 0: pair 0: the output layer has constants")
    if ticket.outputs != target.outputs:
        raise NotApplicableError(f"condition 0: expected {target.outputs} outputs, found {ticket.outputs}")


def _alive(theirs: Sequence[Dense]) -> list[Int64Array]:
    """Return the rows of each of the ticket's layers, from the second on, that are outputs or read by such rows."""
    found = [np.arange(theirs[-1].outputs)]
    for layer in theirs[:1:-1]:
        read = layer.weights.only(np.isin(layer.weights.row_of_entry(), found[0])).columns
        found.insert(0, np.unique(read[read < layer.inputs]))
    return found


class _Walk:
    """The target's layers and the ticket's, side by side.

    Attributes:
        known: what the next layer reads.
        same: int64[neurons read], the first neuron that is the same as each.
        units: int64[units read], the neuron that each unit of the ticket is a copy of, UNFED where nobody reads it.
    """

    def __init__(self, theirs: Sequence[Dense], alive: Sequence[Int64Array], known: Known, same: Int64Array) -> None:
        self._theirs, self._alive = theirs, alive
        self.known, self.same = known, same
        self.units = np.zeros(0, dtype=np.int64)

    def take(self, index: int, layer: Dense, *, last: bool) -> Piece:
        """Take the target's next layer and what stands for it."""
        merged, whole, alive = _merged(layer, self.same), self._theirs[index + 1], self._alive[index]
        output = _only_rows(whole, alive)
        units = self._read(index, layer.inputs)
        copied = np.arange(layer.outputs)
        if not last:
            copied = owners(merged, output, units, self.known)
            if (copied == UNFED).any():
                row = int(alive[np.argmax(copied == UNFED)])
                problem = f"row {row} is read, and a copy of no neuron"
                raise NotApplicableError(f"condition 0: layer {index + 1} of the ticket: {problem}")
        piece = self._piece(index, _only_rows(merged, copied), output, units)
        copies = Copies(tuple(alive.tolist()), tuple(copied.tolist()), tuple(self.same.tolist()))
        next_box(piece)
        self._go_on(piece, merged, whole.outputs, copies)
        return replace(piece, copies=copies)

    def _read(self, index: int, inputs: int) -> Units:
        if index:
            return Units.copying(self.units, inputs, self._theirs[index + 1].constants)
        hidden = self._theirs[0]
        return Units.hidden(*feeds(0, hidden), inputs, hidden.constants, hidden.precision_bits)

    def _piece(self, index: int, layer: Dense, output: Dense, units: Units) -> Piece:
        if index:
            return single_of((index, index, index + 1), layer, output, self.known, units.input)
        return pair_of((0, 0, 0), layer, (self._theirs[0], output), self.known)

    def _go_on(self, piece: Piece, layer: Dense, rows: int, copies: Copies) -> None:
        """Condition 5: the next layer reads the target's neurons, each on a box of its own, whoever copies them."""
        least, greatest, _ = layer.kernel_bounds(piece.low, piece.high)
        ends = [
            [apply_steps(layer.steps_of(neuron), accumulator) for neuron, accumulator in enumerate(side)]
            for side in (least, greatest)
        ]
        self.known = Known(piece.place, Interval(column(ends[0]), column(ends[1])), piece.left_bits)
        self.same = _same(layer, piece)
        self.units = np.full(rows, UNFED, dtype=np.int64)
        self.units[list(copies.rows)] = copies.neurons


def _same(layer: Dense, piece: Piece) -> Int64Array:
    """Return int64[outputs]: the first neuron with the same weights, offset and steps as each.

    Weights on inputs that are 0 in all of the box make no difference.
    """
    varied = np.array([ends != (0, 0) for ends in zip(piece.low, piece.high, strict=True)], dtype=bool)
    inner = layer.weights.columns < layer.inputs
    inner[inner] = varied[layer.weights.columns[inner]]
    weights, offsets = layer.weights.only(inner & (layer.weights.values != 0)), layer.offsets()
    first: dict[Hashable, int] = {}
    found = []
    for neuron in range(layer.outputs):
        columns, values = weights.row(neuron)
        key = tuple(columns), tuple(values), offsets[neuron], layer.steps_of(neuron)
        found.append(first.setdefault(key, neuron))
    return np.array(found, dtype=np.int64)


def _merged(layer: Dense, same: Int64Array) -> Dense:
    """Return the layer with all weights on neurons that are the same on the first of them.

    Raises:
        NotApplicableError: a sum might not fit into int64.
    """
    if (same == np.arange(len(same))).all():
        return layer
    weights = layer.weights
    largest = max(map(abs, (0, int(weights.values.min(initial=0)), int(weights.values.max(initial=0)))))
    if largest * len(same) >= 2**63:
        raise NotApplicableError("condition 0: weights on neurons that are the same add up to more than 64 bits")
    moved = np.concatenate([same, np.arange(len(same), weights.shape[1])])[weights.columns]
    return layer.replaced(weights=summed(weights.shape, weights.row_of_entry(), moved, weights.values))


def _only_rows(layer: Dense, rows: Int64Array) -> Dense:
    """Return a layer with these rows of another, which may be there several times."""
    lengths = np.diff(layer.weights.start)[rows]
    start = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
    entries = np.arange(start[-1]) + np.repeat(layer.weights.start[:-1][rows] - start[:-1], lengths)
    shape = (len(rows), layer.weights.shape[1])
    weights = Matrix(shape, start, layer.weights.columns[entries], layer.weights.values[entries])
    bias = tuple(layer.bias[row] for row in rows.tolist())
    return layer.replaced(weights=weights, bias=bias, steps=_steps_of(layer.steps, rows.tolist()))


def _steps_of(steps: Sequence[Step], rows: Sequence[int]) -> tuple[Step, ...]:
    """Return the steps of some outputs, in which each has its own where it had."""

    def chosen(field: Any) -> Any:
        return tuple(field[row] for row in rows) if isinstance(field, tuple) else field

    found: list[Step] = []
    for step in steps:
        match step:
            case RequantizeQ31(multiplier, shift):
                found.append(msgspec.structs.replace(step, multiplier=chosen(multiplier), shift=chosen(shift)))
            case Thresholds(at) if step.per_channel:
                found.append(msgspec.structs.replace(step, at=chosen(at)))
            case _:
                found.append(step)
    return tuple(found)
