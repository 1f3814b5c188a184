"""Theorem 1's ticket: every weight of the target as an exact subset sum of products of random weights.

Kumar and Natale (arXiv:2508.11020), Lemmas 5 to 7 and Theorem 1. Every input of a layer gets its own block of
hidden units (pruning makes the first matrix block-diagonal), found as `block` says. A convolution's inputs are its
channels, and its weights one for each output channel and tap: a subset sum serves all positions. Each group of
channels has blocks of its own; the base network has as many units for each as the group that needs most.

Three ways to share out the units. *Grown* blocks: an input's block ends at the unit with which the last of its
weights is reached, and the next input's begins there. *Fixed* blocks have the same number of units each, as in the
paper. *Shared*: any unit may serve any input (`sharing`). Whichever it is, the base network is one draw from one
seed, and which unit serves which input is only pruning.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np

from certify.base.law import BaseNetwork, Blocks, Precision
from certify.base.layout import (
    Pair,
    check_precisions,
    constant_lines,
    default_precisions,
    linear_layers,
    pairs,
    radix_bits,
)
from certify.base.mask import Mask
from certify.errors import TicketNotFoundError
from certify.network.bounds import box_interval, graph_reach
from certify.network.matrix import Int64Array
from certify.network.model import INPUT, Linear, Network
from certify.network.operators import Convolution
from certify.network.operators.operator import Interval
from certify.ticket.block import FIRST_LOOK, Half, TooLargeError, Wanted, search_block
from certify.ticket.drawn import Drawn
from certify.ticket.failure import Failure, explain
from certify.ticket.goal import SPARSEST, Goal
from certify.ticket.sharing import share_out
from certify.ticket.taken import Found, Taken
from certify.work import ALONE, Crew

MAX_BLOCK = 1 << 12


@dataclass(frozen=True, eq=False)
class Ticket:
    """A base network and what pruning keeps of it.

    Attributes:
        base: the base network.
        masks: two for each layer of the target that has weights.
        blocks: how its hidden units were shared out among inputs.
    """

    base: BaseNetwork
    masks: tuple[Mask, ...]
    blocks: Blocks


@dataclass(frozen=True, eq=False)
class _Layer:
    """All that one layer's search depends on; sent to other machines."""

    wanted: Wanted
    drawn: Drawn
    block_width: int | None
    goal: Goal

    def __str__(self) -> str:
        return f"layers[{self.wanted.index}]"


def find_ticket(
    target: Network,
    seed: str,
    *,
    block_width: int | None = None,
    precisions: Sequence[Precision] | None = None,
    goal: Goal = SPARSEST,
    crew: Crew = ALONE,
) -> Ticket:
    """Return a ticket that equals the target, by construction; the prover decides whether it does.

    Args:
        target: the network to represent.
        seed: of the base network.
        block_width: units in every input's block; None lets blocks grow.
        precisions: of each pair of matrices; None takes the coarsest that Theorem 1 allows.
        goal: what there should be little of; `width` shares out units and has no fixed blocks.
        crew: who does the work; it has no influence on the ticket.

    Raises:
        InputError: the precisions are too coarse for the target.
        TicketNotFoundError: names weights that are not in the base network, the cause and what would help.
    """
    precisions = default_precisions(target) if precisions is None else tuple(precisions)
    check_precisions(target, precisions)
    assert block_width is None or goal.objective != "width"
    layers = list(_layers(target, seed, precisions, block_width, goal))
    found: list[Found] = list((crew.run if crew.remote else map)(_search_layer, layers))
    widths = tuple(pair.width for pair in found)
    masks = tuple(mask for pair in found for mask in pair.masks)
    grown: Blocks = "shared" if goal.objective == "width" else "grown"
    return Ticket(BaseNetwork(seed, widths, tuple(precisions)), masks, grown if block_width is None else block_width)


def _layers(
    target: Network, seed: str, precisions: Sequence[Precision], block_width: int | None, goal: Goal
) -> Iterator[_Layer]:
    outputs = {INPUT: box_interval(target.input)}
    outputs |= {index: reach.output for index, reach in enumerate(graph_reach(target))}
    around = zip(linear_layers(target), pairs(target, precisions), precisions, strict=True)
    for number, ((index, layer), pair, precision) in enumerate(around):
        wanted = _wanted(index, layer, pair, outputs[target.sources(index)[0]])
        yield _Layer(wanted, Drawn(seed, number, precision), block_width, goal)


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


def _search_layer(layer: _Layer) -> Found:
    """Return one layer's pair of masks."""
    taken = Taken(layer.wanted)
    search = _share_out if layer.goal.objective == "width" else _give_out
    try:
        width, failures = search(layer, taken)
    except TooLargeError as error:
        raise TicketNotFoundError(
            f"{error.place}: the search is too large at {layer.drawn.precision.kept} bits: {error.problem}. "
            "What would help: a target of fewer precision bits, a coarser --precision of its layer, a smaller --width"
        ) from None
    if failures:
        kind = f"{layer.block_width} units" if layer.block_width is not None else f"first {MAX_BLOCK} units"
        raise TicketNotFoundError(explain(failures, f"{kind} of a block"))
    return taken.masks(max(1, width))


def _share_out(layer: _Layer, taken: Taken) -> tuple[int, Sequence[Failure]]:
    return share_out(layer.wanted, layer.drawn, layer.goal, MAX_BLOCK, taken)


def _give_out(layer: _Layer, taken: Taken) -> tuple[int, Sequence[Failure]]:
    """Give out blocks, one after the other; return how many units there are, and what is missing."""
    failures: list[Failure] = []
    wanted, fixed = layer.wanted, layer.block_width is not None
    starts = np.zeros(wanted.groups, dtype=np.int64)
    most, look = layer.block_width or MAX_BLOCK, FIRST_LOOK
    for column in range(wanted.targets.shape[1]):
        products = partial(_products, layer, column, starts)
        block = search_block(wanted, column, products, most, goal=layer.goal, fixed=fixed, look=look)
        failures += block.failures
        takers, members = np.nonzero(block.chosen)
        taken.add(column, takers, starts[wanted.group_of(takers)] + members)
        starts = starts + block.sizes
        look = max(FIRST_LOOK, 3 * int(block.sizes.max()) // 2)
    return int(starts.max()), failures


def _products(layer: _Layer, column: int, starts: Int64Array, half: Half, rows: Int64Array, count: int) -> Int64Array:
    """Return int64[rows, count]: v·u of its group's units from the start on, 0 for those of the other half."""
    wanted = layer.wanted
    groups, place = _groups(wanted, rows)
    units = (starts[groups][:, None] + np.arange(count, dtype=np.int64)).ravel()
    u = layer.drawn.first(column, units, np.repeat(groups, count))
    u = np.where(u > 0 if half == "+" else u < 0, u, 0).reshape(len(groups), count)
    inner = rows - groups[place] * (len(wanted.targets) // wanted.groups)
    return layer.drawn.second(inner, starts[groups][place], count, groups[place]) * u[place]


def _groups(wanted: Wanted, rows: Int64Array) -> tuple[Int64Array, Int64Array]:
    """Return the groups that some rows are of, and for each row which of these."""
    if wanted.groups == 1:
        return np.zeros(1, dtype=np.int64), np.zeros(len(rows), dtype=np.int64)
    return np.unique(wanted.group_of(rows), return_inverse=True)
