"""Theorem 1's ticket: every weight of the target as an exact subset sum of products of random weights.

Kumar and Natale (arXiv:2508.11020), Lemmas 5 to 7 and Theorem 1. Every input of a layer gets its own block of
hidden units (pruning makes the first matrix block-diagonal), found as `block` says. A convolution's inputs are its
channels, and its weights one for each output channel and tap: a subset sum serves all positions. Each group of
channels has blocks of its own; the base network has as many units for each as the group that needs most.

Two ways to share out the units. *Grown* blocks: an input's block ends at the unit with which the last of its
weights is reached, and the next input's begins there. *Fixed* blocks have the same number of units each, as in the
paper. Either way the base network is one draw from one seed, and which unit serves which input is only pruning.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray

from certify.base.draw import random_rows, random_weights
from certify.base.law import BaseNetwork, Precision, Quantization
from certify.base.layout import (
    Pair,
    check_precisions,
    constant_lines,
    default_precisions,
    linear_layers,
    pairs,
    radix_bits,
)
from certify.base.mask import Mask, from_positions
from certify.errors import TicketNotFoundError
from certify.network.bounds import box_interval, graph_reach
from certify.network.matrix import Int64Array
from certify.network.model import INPUT, Linear, Network
from certify.network.operators import Convolution
from certify.network.operators.operator import Interval
from certify.ticket.block import FIRST_LOOK, Block, Half, TooLargeError, Wanted, search_block
from certify.ticket.failure import Failure, explain
from certify.work import ALONE, Crew

MAX_BLOCK = 1 << 12
QUANTIZATION: Quantization = "floor"


@dataclass(frozen=True, eq=False)
class Ticket:
    """A base network and what pruning keeps of it.

    Attributes:
        base: the base network.
        masks: two for each layer of the target that has weights.
        block_width: units in every input's block, or None where blocks grew as needed.
    """

    base: BaseNetwork
    masks: tuple[Mask, ...]
    block_width: int | None


@dataclass(frozen=True, eq=False)
class _Layer:
    """All that one layer's search depends on; sent to worker processes. Its matrices are 2·pair and 2·pair + 1."""

    wanted: Wanted
    pair: int
    seed: str
    precision: Precision
    block_width: int | None

    def __str__(self) -> str:
        return f"layers[{self.wanted.index}]"


@dataclass(frozen=True, eq=False)
class _Found:
    """The masks of one layer's two matrices, and how many units each of its groups has."""

    width: int
    masks: tuple[Mask, Mask]


def find_ticket(
    target: Network,
    seed: str,
    *,
    block_width: int | None = None,
    precisions: Sequence[Precision] | None = None,
    crew: Crew = ALONE,
) -> Ticket:
    """Return a ticket that equals the target, by construction; the prover decides whether it does.

    Args:
        target: the network to represent.
        seed: of the base network.
        block_width: units in every input's block; None lets blocks grow.
        precisions: of each pair of matrices; None takes the coarsest that Theorem 1 allows.
        crew: who does the work; it has no influence on the ticket.

    Raises:
        InputError: the precisions are too coarse for the target.
        TicketNotFoundError: names weights that are not in the base network, the cause and what would help.
    """
    precisions = default_precisions(target) if precisions is None else tuple(precisions)
    check_precisions(target, precisions)
    layers = list(_layers(target, seed, precisions, block_width))
    found: list[_Found] = list((crew.run if crew.remote else map)(_search_layer, layers))
    widths = tuple(pair.width for pair in found)
    masks = tuple(mask for pair in found for mask in pair.masks)
    return Ticket(BaseNetwork(seed, widths, tuple(precisions)), masks, block_width)


def _layers(target: Network, seed: str, precisions: Sequence[Precision], block_width: int | None) -> Iterator[_Layer]:
    outputs = {INPUT: box_interval(target.input)}
    outputs |= {index: reach.output for index, reach in enumerate(graph_reach(target))}
    around = zip(linear_layers(target), pairs(target, precisions), precisions, strict=True)
    for number, ((index, layer), pair, precision) in enumerate(around):
        wanted = _wanted(index, layer, pair, outputs[target.sources(index)[0]])
        yield _Layer(wanted, number, seed, precision, block_width)


def _wanted(index: int, layer: Linear, pair: Pair, read: Interval) -> Wanted:
    """Return what the blocks of one layer have to give on inputs within bounds."""
    low, high = layer.channel_bounds(read) if isinstance(layer, Convolution) else (read.low.flat, read.high.flat)
    digits = _bias_digits(layer)
    halves = (np.array([value > 0 for value in high]), True), (np.array([value < 0 for value in low]), False)
    positive, negative = (
        np.hstack([half.reshape(layer.groups, -1), np.full((layer.groups, digits.shape[1]), lines)]).ravel()
        for half, lines in halves
    )
    weights = np.hstack([layer.by_tap().to_dense(), digits]) << pair.weight_bits
    return Wanted(index, weights, positive, negative, layer.channels, layer.taps, layer.groups)


def _bias_digits(layer: Linear) -> Int64Array:
    """Return int64[outputs · taps, lines]: digits in S_δ_t with Σ digit·R^line = bias, all of the bias's sign.

    They stand in the rows of each output's first tap.
    """
    lines, bits, most = constant_lines(layer), radix_bits(layer.precision_bits), 1 << layer.precision_bits
    digits = np.zeros((layer.outputs, layer.taps, lines), dtype=np.int64)
    for output, bias in enumerate(layer.offsets()):
        rest = abs(bias)
        for line in reversed(range(lines)):
            digit = min(rest >> (bits * line), most)
            digits[output, 0, line] = digit if bias > 0 else -digit
            rest -= digit << (bits * line)
    return digits.reshape(layer.outputs * layer.taps, lines)


def _search_layer(layer: _Layer) -> _Found:
    """Return one layer's pair of masks."""
    failures: list[Failure] = []
    starts = np.zeros(layer.wanted.groups, dtype=np.int64)
    taken = _Taken(layer.wanted)
    look = FIRST_LOOK
    for column in range(layer.wanted.targets.shape[1]):
        block = _search_block(layer, column, starts, look)
        failures += block.failures
        taken.add(column, starts, block)
        starts = starts + block.sizes
        look = max(FIRST_LOOK, 3 * int(block.sizes.max()) // 2)
    if failures:
        kind = f"{layer.block_width} units" if layer.block_width is not None else f"first {MAX_BLOCK} units"
        raise TicketNotFoundError(explain(failures, f"{kind} of a block"))
    return taken.masks(max(1, int(starts.max())))


def _search_block(layer: _Layer, column: int, starts: Int64Array, look: int) -> Block:
    """Return one input's block in every group, whose first units are `starts`, int64[groups]."""
    most = layer.block_width if layer.block_width is not None else MAX_BLOCK
    products = partial(_products, layer, column, starts)
    try:
        fixed = layer.block_width is not None
        return search_block(layer.wanted, column, products, most, fixed=fixed, look=look)
    except TooLargeError as error:
        raise TicketNotFoundError(
            f"{error.place}: the search is too large at {layer.precision.kept} bits: {error.problem}. "
            "What would help: a target of fewer precision bits, a coarser --precision of its layer, a smaller --width"
        ) from None


def _products(layer: _Layer, column: int, starts: Int64Array, half: Half, rows: Int64Array, count: int) -> Int64Array:
    """Return int64[rows, count]: v·u of its group's units from the start on, 0 for those of the other half."""
    wanted, of = layer.wanted, (layer.precision, QUANTIZATION)
    groups, place = _groups(wanted, rows)
    units = (starts[groups][:, None] + np.arange(count, dtype=np.int64)).ravel()
    columns, group = np.full_like(units, column), np.repeat(groups, count)
    u = random_weights(layer.seed, 2 * layer.pair, *of, rows=units, columns=columns, group=group)
    u = np.where(u > 0 if half == "+" else u < 0, u, 0).reshape(len(groups), count)
    inner = rows - groups[place] * (len(wanted.targets) // wanted.groups)
    return (
        random_rows(layer.seed, 2 * layer.pair + 1, *of, inner, starts[groups][place], count, groups[place])
        * u[place]
    )


def _groups(wanted: Wanted, rows: Int64Array) -> tuple[Int64Array, Int64Array]:
    """Return the groups that some rows are of, and for each row which of these."""
    if wanted.groups == 1:
        return np.zeros(1, dtype=np.int64), np.zeros(len(rows), dtype=np.int64)
    return np.unique(wanted.group_of(rows), return_inverse=True)


class _Taken:
    """Which rows take which units, as far as the blocks were searched."""

    def __init__(self, wanted: Wanted) -> None:
        self._wanted = wanted
        self._parts: list[tuple[NDArray[np.int32], NDArray[np.int32], int]] = []

    def add(self, column: int, starts: Int64Array, block: Block) -> None:
        """Take in one column's block, whose first units in every group are `starts`."""
        takers, members = np.nonzero(block.chosen)
        units = starts[self._wanted.group_of(takers)] + members
        self._parts.append((takers.astype(np.int32), units.astype(np.int32), column))

    def masks(self, width: int) -> _Found:
        """Return the first matrix's mask, block-diagonal over units that any row takes, and the second's."""
        (rows, columns), groups = self._wanted.targets.shape, self._wanted.groups
        takers = np.concatenate([np.zeros(0, dtype=np.int32), *(takers for takers, _, _ in self._parts)])
        units = np.concatenate([np.zeros(0, dtype=np.int32), *(units for _, units, _ in self._parts)])
        served = np.repeat([column for *_, column in self._parts], [len(takers) for takers, *_ in self._parts])
        owner = np.full(groups * width, -1, dtype=np.int64)
        owner[self._wanted.group_of(takers) * width + units] = served
        kept = np.flatnonzero(owner >= 0)
        hidden = from_positions((groups * width, columns), kept, owner[kept])
        return _Found(width, (hidden, from_positions((rows, width), takers, units)))
