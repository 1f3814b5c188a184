"""Theorem 2's ticket: a pair of matrices for the first layer, and copies of its neurons for all that follow.

Kumar and Natale (arXiv:2508.11020), Lemma 8 and Theorem 2, after R. Burkholz, "Most activation functions can win the
lottery without excessive depth" (2022). From the second layer on a weight is a subset sum of *single* random weights,
those with which a neuron reads the copies of one neuron before it: no hidden layer, no products, no sign split.

Layers are searched from the last to the first. The last is not copied; the neurons before it have as many copies as
the worst of its weights needs, and of these only the copies that some weight takes have to be made, again out of
copies one layer before. The first layer makes its copies as Theorem 1 makes outputs. What is not needed is pruned.

With a fixed number of copies some of them may not exist: a weight of theirs has no subset. Such a copy is pruned
wholly, and the layer after it is searched again without it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
from numpy.typing import NDArray

from certify.base.draw import random_weights
from certify.base.law import BaseNetwork, Blocks, Construction, Precision
from certify.base.layout import Pair, check_precisions, check_target, default_precisions, pairs
from certify.base.mask import Mask, from_positions
from certify.errors import InputError, TicketNotFoundError
from certify.monitor import Monitor
from certify.network.bounds import box_interval
from certify.network.matrix import Int64Array
from certify.network.model import Dense, Network, require_chain
from certify.ticket.block import FIRST_LOOK, Half, TooLargeError, Wanted, search_block
from certify.ticket.drawn import QUANTIZATION, Drawn
from certify.ticket.failure import Cause, Failure, explain, help_with
from certify.ticket.goal import SPARSEST, Goal
from certify.ticket.theorem1 import MAX_BLOCK, PairLayer, Ticket, targets, try_pair, wanted_of_pair

MAX_COPIES = 1 << 10
_CONSTRUCTION: Construction = "theorem-2"
_HELP: dict[Cause, str] = {
    "range": "a larger --width",
    "parity": "a larger --width or another --seed",
    "density": "a larger --width, or none, so that there are as many copies as it takes",
}


@dataclass(frozen=True)
class _Single:
    """One layer that a single matrix stands for, and what is asked of it.

    Attributes:
        number: of the target's layers; its matrix is the one after.
        layer: the target's.
        pair: what the target fixes of it.
        base: the seed and the precisions.
        needed: bool[rows]: which of its rows some later layer reads, copy by copy.
        barred: bool[copies · neurons]: which of the units before it cannot be made; empty where all can.
    """

    number: int
    layer: Dense
    pair: Pair
    base: BaseNetwork
    needed: NDArray[np.bool_]
    barred: NDArray[np.bool_]


def find_copies(
    target: Network,
    seed: str,
    *,
    copies: int | None = None,
    precisions: Sequence[Precision] | None = None,
    goal: Goal = SPARSEST,
    monitor: Monitor | None = None,
) -> Ticket:
    """Return a ticket of copies that equals the target, by construction; the prover decides whether it does.

    Args:
        target: the network to represent, a chain of dense layers.
        seed: of the base network.
        copies: of every hidden neuron, and units in every input's block of the first layer; None takes what it needs.
        precisions: of the first layer's pair of matrices, and of each matrix after; None takes the coarsest.
        goal: what there should be little of; not `width`.
        monitor: told of the phase.

    Raises:
        InputError: the target is no chain of dense layers, or the precisions are too coarse for it.
        TicketNotFoundError: names weights that are not in the base network, the cause and what would help.
    """
    if goal.objective == "width":
        raise InputError("expected the objective sparsest or first with copies, found width", "objective")
    check_target(target, _CONSTRUCTION)
    precisions = default_precisions(target, _CONSTRUCTION) if precisions is None else tuple(precisions)
    check_precisions(target, precisions, _CONSTRUCTION)
    with (monitor or Monitor()).phase("subset sums"):
        base = BaseNetwork(seed, (), precisions, construction=_CONSTRUCTION)
        return _Search(target, base, copies, goal).ticket()


class _Search:
    """The layers of a chain, from the last to the first; one layer back wherever a copy turns out not to exist."""

    def __init__(self, target: Network, base: BaseNetwork, copies: int | None, goal: Goal) -> None:
        self.target, self.chain, self.base = target, require_chain(target), base
        self.copies, self.goal = copies, goal
        self.around = pairs(target, base.precisions, _CONSTRUCTION)
        last = len(self.chain) - 1
        self.needed = {last: np.ones(self.chain[last].outputs, dtype=np.bool_)}
        self.barred = {n: np.zeros((copies or 0) * layer.outputs, np.bool_) for n, layer in enumerate(self.chain)}

    def ticket(self) -> Ticket:
        number, last = len(self.chain) - 1, len(self.chain) - 1
        masks: dict[int, tuple[Mask, ...]] = {}
        while number >= 0:
            found = self._single(number, masks) if number else self._first(masks)
            if not found:
                number -= 1
                continue
            if self.copies is None or number == last:
                raise TicketNotFoundError(self._explain(number, found))
            self.barred[number][[failure.row for failure in found]] = True
            number += 1
        widths = (masks[0][0].shape[0], *(len(self.needed[number]) for number in range(last)))
        blocks: Blocks = "grown" if self.copies is None else self.copies
        return Ticket(replace(self.base, widths=widths), tuple(m for n in range(last + 1) for m in masks[n]), blocks)

    def _single(self, number: int, masks: dict[int, tuple[Mask, ...]]) -> Sequence[Failure]:
        """Put the mask of one layer's matrix; return what it lacks."""
        layer, needed, barred = self.chain[number], self.needed[number], self.barred[number - 1]
        single = _Single(number, layer, self.around[number], self.base, needed, barred)
        found = _search_single(single, self.copies, self.goal)
        if isinstance(found, list):
            return found
        mask, self.needed[number - 1] = found
        masks[number] = (mask,)
        return ()

    def _first(self, masks: dict[int, tuple[Mask, ...]]) -> Sequence[Failure]:
        """Put the first layer's pair of masks, with rows for all copies of its neurons; return what they lack."""
        layer = self.chain[0]
        wanted = wanted_of_pair(0, layer, self.around[0], box_interval(self.target.input))
        wanted = replace(wanted, targets=_copied(wanted.targets, self.needed[0]), copied=layer.outputs)
        drawn = Drawn(self.base.seed, 0, self.base.precisions[0], self.base.law)
        found = try_pair(PairLayer(wanted, drawn, self.copies, self.goal))
        if isinstance(found, list):
            return found
        masks[0] = found.masks
        return ()

    def _explain(self, number: int, failures: Sequence[Failure]) -> str:
        many = f"{self.copies}" if self.copies is not None else f"first {MAX_COPIES if number else MAX_BLOCK}"
        if number == 0:
            return explain(failures, f"{many} units of a block", help_with(self.goal.count, self.base.law))
        return explain(failures, f"{many} copies of a neuron", _HELP)


def _copied(rows: Int64Array, needed: NDArray[np.bool_]) -> Int64Array:
    """Return the targets of all copies of a layer's rows, nothing for those that nobody needs."""
    return np.tile(rows, (len(needed) // max(1, len(rows)), 1)) * needed[:, None]


def _search_single(single: _Single, copies: int | None, goal: Goal) -> tuple[Mask, NDArray[np.bool_]] | list[Failure]:
    """Return the mask of one layer's matrix and which copies of the neurons before it are taken, or what is missing.

    Raises:
        TicketNotFoundError: the sums are too many or too large.
    """
    wanted = _wanted(single)
    rows, sources = wanted.targets.shape
    most, look = (MAX_COPIES, FIRST_LOOK) if copies is None else (copies, copies)
    takers: list[Int64Array] = []
    columns: list[Int64Array] = []
    failures: list[Failure] = []
    for source in range(sources):
        items = partial(_weights, single, sources, source)
        try:
            block = search_block(wanted, source, items, most, goal=goal, fixed=copies is not None, look=look)
        except TooLargeError as error:
            raise TicketNotFoundError(_too_large(error, single)) from None
        failures += [replace(failure, half="all inputs") for failure in block.failures]
        taking, copy = np.nonzero(block.chosen)
        takers.append(taking)
        columns.append(copy * sources + source)
    return failures or _pruned(single, rows, sources, np.concatenate(takers), np.concatenate(columns), copies)


def _wanted(single: _Single) -> Wanted:
    rows = _copied(targets(single.layer, single.pair), single.needed)
    every = np.ones(rows.shape[1], dtype=np.bool_)
    return Wanted(single.number, rows, every, ~every, single.layer.channels, copied=single.layer.outputs)


def _weights(single: _Single, sources: int, source: int, _: Half, rows: Int64Array, count: int) -> Int64Array:
    """Return int64[rows, count]: the weights with which rows read the first copies of one source; 0 for none."""
    columns = np.arange(count, dtype=np.int64) * sources + source
    places = np.repeat(rows, count), np.tile(columns, len(rows))
    base, matrix = single.base, single.number + 1
    drawn = random_weights(base.seed, matrix, base.precision_of(matrix), QUANTIZATION, *places, law=base.law)
    weights = drawn.reshape(len(rows), count)
    if len(single.barred) and source < single.layer.channels:
        weights[:, single.barred.reshape(count, -1)[:, source]] = 0
    return weights


def _pruned(
    single: _Single, rows: int, sources: int, takers: Int64Array, columns: Int64Array, copies: int | None
) -> tuple[Mask, NDArray[np.bool_]]:
    """Return the mask that keeps what is taken, and bool[copies · neurons], whom it reads."""
    many = max(1, int(columns.max(initial=0)) // sources + 1) if copies is None else copies
    neurons = single.layer.channels
    copy, source = np.divmod(columns, sources)
    read = np.zeros(many * neurons, dtype=np.bool_)
    read[(copy * neurons + source)[source < neurons]] = True
    return from_positions((rows, many * sources), takers, columns), read


def _too_large(error: TooLargeError, single: _Single) -> str:
    bits = single.base.precision_of(single.number + 1).kept
    return (
        f"{error.place}: the search is too large at {bits} bits: {error.problem}. "
        "What would help: a target of fewer precision bits, a coarser --precision of its layer, a smaller --width"
    )
