"""Theorem 1's ticket: every weight of the target as an exact subset sum of products of random weights.

Kumar and Natale (arXiv:2508.11020), Lemmas 5 to 7 and Theorem 1. Every input of a layer gets its own block of
hidden units (pruning makes the first matrix block-diagonal), found as `block` says. A convolution's inputs are its
channels, and its weights one for each output channel and tap: a subset sum serves all positions. Each group of
channels has blocks of its own; the base network has as many units for each as the group that needs most.

Three ways to share out the units. *Grown* blocks: an input's block ends at the unit with which the last of its
weights is reached, and the next input's begins there. *Fixed* blocks have the same number of units each, as in the
paper. *Shared*: any unit may serve any input (`sharing`). Whichever it is, the base network is one draw from one
seed, and which unit serves which input is only pruning.

The same search serves a binary network, whose weights are ±1: a weight w takes |w| products of its sign in each half
that it needs, so blocks have at least twice as many units as the largest weight of either sign.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import nullcontext
from dataclasses import dataclass, replace
from functools import partial

import numpy as np

from certify.base.activation import RELU, Activation, channel_bounds
from certify.base.law import BaseNetwork, Blocks, Construction, Precision
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
from certify.monitor import Monitor
from certify.network.bounds import box_interval, graph_reach
from certify.network.matrix import Int64Array
from certify.network.model import INPUT, Linear, Network
from certify.network.operators.operator import Interval
from certify.ticket.block import FIRST_LOOK, Half, TooLargeError, Wanted, search_block
from certify.ticket.drawn import Drawn, Strip
from certify.ticket.failure import Failure, explain, help_with
from certify.ticket.goal import SPARSEST, Goal
from certify.ticket.sharing import Reach, share_out
from certify.ticket.taken import Found, Taken
from certify.work import ALONE, Crew
from solvers.subset_sum import ANY

MAX_BLOCK = 1 << 12


@dataclass(frozen=True, eq=False)
class Ticket:
    """A base network and what pruning keeps of it.

    Attributes:
        base: the base network.
        masks: of every matrix: two for each layer of the target that has weights, or one (`certify.base.layout`).
        blocks: how its hidden units were shared out among inputs.
    """

    base: BaseNetwork
    masks: tuple[Mask, ...]
    blocks: Blocks


@dataclass(frozen=True, eq=False)
class PairLayer:
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
    construction: Construction = "theorem-1",
    activation: Activation = RELU,
    crew: Crew = ALONE,
    monitor: Monitor | None = None,
) -> Ticket:
    """Return a ticket of pairs that equals the target, by construction; the prover decides whether it does.

    Args:
        target: the network to represent.
        seed: of the base network.
        block_width: units in every input's block; None lets blocks grow.
        precisions: of each pair of matrices; None takes the coarsest that the construction allows.
        goal: what there should be little of; `width` shares out units and has no fixed blocks.
        construction: theorem-1 or binary, both of which have a pair for every layer with weights.
        activation: of the hidden units.
        crew: who does the work; it has no influence on the ticket.
        monitor: told how many weights have their subset sums.

    Raises:
        InputError: the precisions are too coarse for the target.
        TicketNotFoundError: names weights that are not in the base network, the cause and what would help.
    """
    assert construction != "theorem-2"
    assert block_width is None or goal.objective != "width"
    precisions = default_precisions(target, construction) if precisions is None else tuple(precisions)
    check_precisions(target, precisions, construction)
    base = BaseNetwork(seed, (), precisions, construction=construction, activation=activation)
    layers = list(_layers(target, base, block_width, goal))
    progress = _Progress(monitor or Monitor())
    with progress.monitor.phase("subset sums", sum(layer.wanted.targets.size for layer in layers)):
        found = list(_search(layers, crew, progress))
    widths = tuple(pair.width for pair in found)
    masks = tuple(mask for pair in found for mask in pair.masks)
    grown: Blocks = "shared" if goal.objective == "width" else "grown"
    base = replace(base, widths=widths)
    return Ticket(base, masks, grown if block_width is None else block_width)


class _Progress:
    """How many weights were searched for, in whichever thread."""

    def __init__(self, monitor: Monitor) -> None:
        self.monitor = monitor
        self._done = 0
        self._lock = threading.Lock()

    def add(self, weights: int) -> None:
        """Hear of more."""
        with self._lock:
            self._done += weights
            self.monitor.reach(self._done)


def _search(layers: Sequence[PairLayer], crew: Crew, progress: _Progress) -> Iterator[Found]:
    """Yield what is found for each layer: searched for elsewhere, or here by as many threads as there are."""
    if crew.remote:
        for layer, found in zip(layers, crew.run(search_pair, layers), strict=True):
            progress.add(layer.wanted.targets.size)
            yield found
        return
    search = partial(search_pair, ahead=crew.threads > 1, reach=progress.add)
    if crew.threads == 1:
        yield from map(search, layers)
        return
    with ThreadPoolExecutor(crew.threads) as pool:
        yield from pool.map(search, layers)


def _layers(target: Network, base: BaseNetwork, block_width: int | None, goal: Goal) -> Iterator[PairLayer]:
    """Yield what has to be searched for in a base network whose widths are not known yet."""
    outputs = {INPUT: box_interval(target.input)}
    outputs |= {index: reach.output for index, reach in enumerate(graph_reach(target))}
    pruned = pairs(target, base.precisions, base.construction, activation=base.activation)
    around = zip(linear_layers(target), pruned, base.precisions, strict=True)
    for number, ((index, layer), pair, precision) in enumerate(around):
        wanted = wanted_of_pair(index, layer, pair, outputs[target.sources(index)[0]])
        yield PairLayer(wanted, Drawn(base.seed, number, precision, base.law), block_width, goal)


def wanted_of_pair(index: int, layer: Linear, pair: Pair, read: Interval) -> Wanted:
    """Return what the blocks of one layer have to give on inputs within bounds."""
    low, high = channel_bounds(layer, read)
    weights, both = targets(layer, pair), pair.divides
    lines = weights.shape[1] - layer.channels
    halves = (
        (np.array([value > 0 or both for value in high]), True),
        (np.array([value < 0 or both for value in low]), both),
    )
    positive, negative = (
        np.hstack([half.reshape(layer.groups, -1), np.full((layer.groups, lines), always)]).ravel()
        for half, always in halves
    )
    return Wanted(index, weights, positive, negative, layer.channels, layer.taps, layer.groups)


def targets(layer: Linear, pair: Pair) -> Int64Array:
    """Return int64[outputs · taps, channels + lines]: what sums of products have to be."""
    weights: Int64Array = np.hstack([layer.by_tap().to_dense(), _bias_digits(layer)]) << pair.weight_bits
    return weights


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


def search_pair(layer: PairLayer, *, ahead: bool = False, reach: Reach = lambda _: None) -> Found:
    """Return one layer's pair of masks; with another thread, weights are drawn ahead of the search."""
    found = try_pair(layer, ahead=ahead, reach=reach)
    if isinstance(found, Found):
        return found
    kind = f"{layer.block_width} units" if layer.block_width is not None else f"first {MAX_BLOCK} units"
    help_for = help_with(layer.goal.count, layer.drawn.law)
    raise TicketNotFoundError(explain(found, f"{kind} of a block", help_for))


def try_pair(layer: PairLayer, *, ahead: bool = False, reach: Reach = lambda _: None) -> Found | list[Failure]:
    """Return one layer's pair of masks, or what its blocks do not give.

    Raises:
        TicketNotFoundError: the sums are too many or too large.
    """
    taken = Taken(layer.wanted)
    try:
        if layer.goal.objective == "width":
            width, failures = share_out(layer.wanted, layer.drawn, layer.goal, MAX_BLOCK, taken, reach)
        else:
            with ThreadPoolExecutor(1) if ahead else nullcontext() as thread:
                width, failures = _give_out(layer, taken, thread, reach)
    except TooLargeError as error:
        less = "--width" if layer.goal.count == ANY else "--width or --kept-per-weight"
        raise TicketNotFoundError(
            f"{error.place}: the search is too large at {layer.drawn.precision.kept} bits: {error.problem}. "
            f"What would help: a target of fewer precision bits, a coarser --precision of its layer, a smaller {less}"
        ) from None
    return failures or taken.masks(max(1, width))


def _give_out(layer: PairLayer, taken: Taken, thread: Executor | None, reach: Reach) -> tuple[int, list[Failure]]:
    """Give out blocks, one after the other; return how many units there are, and what is missing."""
    failures: list[Failure] = []
    wanted, fixed = layer.wanted, layer.block_width is not None
    starts = np.zeros(wanted.groups, dtype=np.int64)
    strip = Strip(layer.drawn, len(wanted.targets), wanted.groups, thread)
    most, look = layer.block_width or MAX_BLOCK, FIRST_LOOK
    for column in range(wanted.targets.shape[1]):
        products = partial(_products, layer, strip, column, starts)
        block = search_block(wanted, column, products, most, goal=layer.goal, fixed=fixed, look=look)
        failures += block.failures
        takers, members = np.nonzero(block.chosen)
        taken.add(column, takers, starts[wanted.group_of(takers)] + members)
        reach(len(wanted.targets))
        starts = starts + block.sizes
        look = max(FIRST_LOOK, 3 * int(block.sizes.max()) // 2)
    return int(starts.max()), failures


def _products(
    layer: PairLayer, strip: Strip, column: int, starts: Int64Array, half: Half, rows: Int64Array, count: int
) -> Int64Array:
    """Return int64[rows, count]: v·u of its group's units from the start on, 0 for those of the other half."""
    groups = np.arange(len(starts), dtype=np.int64)
    units = (starts[:, None] + np.arange(count, dtype=np.int64)).ravel()
    u = layer.drawn.first(column, units, np.repeat(groups, count))
    u = np.where(u > 0 if half == "+" else u < 0, u, 0).reshape(len(groups), count)
    return strip.at(rows, starts, count) * (u if len(u) == 1 else u[layer.wanted.group_of(rows)])


def demands(target: Network) -> tuple[Wanted, ...]:
    """Return what the blocks of every layer have to give, on the target's own scale; biases are split into digits."""
    outputs = {INPUT: box_interval(target.input)}
    outputs |= {index: reach.output for index, reach in enumerate(graph_reach(target))}
    found: list[Wanted] = []
    for (index, layer), pair in zip(linear_layers(target), pairs(target, default_precisions(target)), strict=True):
        wanted = wanted_of_pair(index, layer, pair, outputs[target.sources(index)[0]])
        found.append(replace(wanted, targets=wanted.targets >> pair.weight_bits))
    return tuple(found)
