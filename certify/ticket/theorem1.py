"""Theorem 1's ticket: every weight of the target as an exact subset sum of products of random weights.

Kumar and Natale (arXiv:2508.11020), Lemmas 5 to 7 and Theorem 1. Every input of a layer gets its own block of
hidden units (pruning makes the first matrix block-diagonal), found as `block` says.

Two ways to share out the units. *Grown* blocks: an input's block ends at the unit with which the last of its
weights is reached, and the next input's begins there. *Fixed* blocks have the same number of units each, as in the
paper. Either way the base network is one draw from one seed, and which unit serves which input is only pruning.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeAlias

import numpy as np

from certify.base.draw import random_weights
from certify.base.law import BaseNetwork, Precision
from certify.base.layout import (
    check_precisions,
    constant_lines,
    default_precisions,
    effective_bias,
    pairs,
    radix_bits,
)
from certify.base.mask import Mask, from_positions
from certify.errors import TicketNotFoundError
from certify.network.bounds import network_bounds
from certify.network.matrix import Int64Array
from certify.network.model import Dense, Network
from certify.ticket.block import Block, Half, TooLargeError, Wanted, search_block
from certify.ticket.failure import Failure, explain

MAX_BLOCK = 1 << 12

Run: TypeAlias = Callable[[Callable[[Any], Any], Iterable[Any]], Iterable[Any]]


@dataclass(frozen=True, eq=False)
class Ticket:
    """A base network and what pruning keeps of it.

    Attributes:
        base: the base network.
        masks: two for each layer of the target.
        block_width: units in every input's block, or None where blocks grew as needed.
    """

    base: BaseNetwork
    masks: tuple[Mask, ...]
    block_width: int | None


@dataclass(frozen=True, eq=False)
class _Layer:
    """All that one layer's search depends on; sent to worker processes. Its matrices are 2·index and 2·index + 1."""

    wanted: Wanted
    seed: str
    precision: Precision
    block_width: int | None


def find_ticket(
    target: Network,
    seed: str,
    *,
    block_width: int | None = None,
    precisions: Sequence[Precision] | None = None,
    run: Run = map,
) -> Ticket:
    """Return a ticket that equals the target, by construction; the prover decides whether it does.

    Args:
        target: the network to represent.
        seed: of the base network.
        block_width: units in every input's block; None lets blocks grow.
        precisions: of each pair of matrices; None takes the coarsest that Theorem 1 allows.
        run: maps a function over the layers, `map` or an executor's; it has no influence on the ticket.

    Raises:
        InputError: the precisions are too coarse for the target.
        TicketNotFoundError: names weights that are not in the base network, the cause and what would help.
    """
    precisions = default_precisions(target) if precisions is None else tuple(precisions)
    check_precisions(target, precisions)
    layers = list(_layers(target, seed, precisions, block_width))
    found = list(run(_search_layer, layers))
    widths = tuple(masks[0].shape[0] for masks in found)
    masks = tuple(mask for layer_masks in found for mask in layer_masks)
    return Ticket(BaseNetwork(seed, widths, tuple(precisions)), masks, block_width)


def _layers(target: Network, seed: str, precisions: Sequence[Precision], block_width: int | None) -> Iterator[_Layer]:
    low, high = target.input.low, target.input.high
    bounds = network_bounds(target)
    for index, (layer, pair) in enumerate(zip(target.layers, pairs(target, precisions), strict=True)):
        digits = _bias_digits(layer)
        weights = np.hstack([layer.weights.to_dense()[:, : layer.inputs], digits])
        lines = [True] * digits.shape[1]
        wanted = Wanted(
            index=index,
            targets=weights << pair.weight_bits,
            positive=np.array([value > 0 for value in high] + lines),
            negative=np.array([value < 0 for value in low] + [False] * len(lines)),
            inputs=layer.inputs,
        )
        yield _Layer(wanted, seed, precisions[index], block_width)
        low, high = bounds[index].output_low, bounds[index].output_high


def _bias_digits(layer: Dense) -> Int64Array:
    """Return int64[outputs, lines]: digits in S_δ_t with Σ digit·R^line = bias, all of the bias's sign."""
    lines, bits, most = constant_lines(layer), radix_bits(layer.precision_bits), 1 << layer.precision_bits
    digits = np.zeros((layer.outputs, lines), dtype=np.int64)
    for output, bias in enumerate(effective_bias(layer)):
        rest = abs(bias)
        for line in reversed(range(lines)):
            digit = min(rest >> (bits * line), most)
            digits[output, line] = digit if bias > 0 else -digit
            rest -= digit << (bits * line)
    return digits


def _search_layer(layer: _Layer) -> tuple[Mask, Mask]:
    """Return the masks of one layer's two matrices."""
    blocks: list[Block] = []
    failures: list[Failure] = []
    start = 0
    for column in range(layer.wanted.targets.shape[1]):
        block = _search_block(layer, column, start)
        blocks.append(block)
        failures += block.failures
        start += block.units
    if failures:
        kind = f"{layer.block_width} units" if layer.block_width is not None else f"first {MAX_BLOCK} units"
        raise TicketNotFoundError(explain(failures, f"{kind} of a block"))
    return _masks(blocks, layer.wanted.targets.shape)


def _search_block(layer: _Layer, column: int, start: int) -> Block:
    """Return one input's block, whose first unit is `start`."""
    most = layer.block_width if layer.block_width is not None else MAX_BLOCK
    products = partial(_products, layer, column, start)
    try:
        return search_block(layer.wanted, column, products, most, fixed=layer.block_width is not None)
    except TooLargeError as error:
        raise TicketNotFoundError(
            f"{error.place}: the search is too large at {layer.precision.kept} bits: {error.problem}. "
            "What would help: a target of fewer precision bits, a coarser --precision, a smaller --width"
        ) from None


def _products(layer: _Layer, column: int, start: int, half: Half, outputs: Int64Array, count: int) -> Int64Array:
    """Return int64[outputs, count]: v·u of the units from `start` on that are of the half, 0 for the others."""
    random = partial(random_weights, layer.seed, precision=layer.precision, quantization="floor")
    units = np.arange(start, start + count, dtype=np.int64)
    index = layer.wanted.index
    u = random(2 * index, rows=units, columns=np.full(count, column, dtype=np.int64))
    u = np.where(u > 0 if half == "+" else u < 0, u, 0)
    rows, columns = np.repeat(outputs, count), np.tile(units, len(outputs))
    v = random(2 * index + 1, rows=rows, columns=columns)
    return v.reshape(len(outputs), count) * u


def _masks(blocks: Sequence[Block], shape: tuple[int, ...]) -> tuple[Mask, Mask]:
    """Return the first matrix's mask, block-diagonal over units that any output takes, and the second's."""
    outputs, columns = shape
    sizes = np.array([block.units for block in blocks], dtype=np.int64)
    width = max(1, int(sizes.sum()))
    starts = np.cumsum(sizes) - sizes
    taken_by = [np.nonzero(block.chosen) for block in blocks]
    rows = np.concatenate([outputs for outputs, _ in taken_by])
    units = np.concatenate([members + start for (_, members), start in zip(taken_by, starts, strict=True)])
    taken = np.unique(units)
    served = np.repeat(np.arange(columns, dtype=np.int64), sizes)
    return from_positions((width, columns), taken, served[taken]), from_positions((outputs, width), rows, units)
