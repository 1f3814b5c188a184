"""Theorem 1's ticket in a given network: which of somebody's own random weights to keep.

Kumar and Natale (arXiv:2508.11020), Theorem 1, with a base network of any weights in the place of one drawn from a
seed. A hidden unit has a weight for every input and can serve any one of them; pruning says which. The width is
what it is, so the units are shared out: an input takes, of those that are left, as many as its own weights need,
and gives back what none of its outputs took. A unit without a use for an input, with u = 0 or a sign that the
input's range excludes, stays for the others. When inputs go short they come first in another try, up to TRIES times.
An input that goes short with all units before it has no block in this network at all.

A bias is on the constant lines, whatever they carry. Digits D with Σ D·c = s·b are found from the largest |c| down,
each the nearest to what is left among those that leave a multiple of the smaller lines' greatest common divisor, and
each line is then one more input, with D for its weights.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray

from certify.base.mask import Mask, from_bits, from_positions
from certify.errors import TicketNotFoundError
from certify.network.bounds import network_bounds
from certify.network.matrix import Int64Array
from certify.network.model import Dense, Network, require_chain
from certify.ticket.block import Block, Half, TooLargeError, Wanted, certain_failures, search_block
from certify.ticket.digits import split
from certify.ticket.failure import Cause, Failure, explain
from certify.ticket.fitting import Fit, fit
from certify.work import ALONE, Crew

TRIES = 8
MAX_SUM = 1 << 62
SECONDS_A_WEIGHT = 1e-5

UNUSED = -1

_HELP: dict[Cause, str] = {
    "range": "a wider base network, or larger weights",
    "parity": "a base network of more precision bits, or a wider one",
    "density": "a wider base network",
}


@dataclass(frozen=True, eq=False)
class _Layer:
    """All that one layer's search depends on; sent to worker processes.

    Attributes:
        wanted: what the blocks have to give, over the greatest common divisor of all products.
        first: int64[units, inputs + lines], every u, over the divisor of them all.
        second: int64[outputs, units], every v, over theirs.
        useful: bool[units, inputs + lines]: where a unit's u is of a half that the column needs.
        bits: the precision bits of both, in words.
    """

    wanted: Wanted
    first: Int64Array
    second: Int64Array
    useful: NDArray[np.bool_]
    bits: str

    def __str__(self) -> str:
        return f"layers[{self.wanted.index}]"

    @property
    def seconds(self) -> float:
        """About how long its search takes."""
        return self.wanted.targets.size * SECONDS_A_WEIGHT

    @property
    def rarest_first(self) -> Int64Array:
        """int64[units]: those that few columns have a use for come first, as the others miss them least."""
        return np.argsort(self.useful.sum(axis=1), kind="stable")


@dataclass(frozen=True, eq=False)
class _Sharing:
    """Who got which units in one try.

    Attributes:
        owner: int64[units], the column that each unit serves, or UNUSED.
        taken: bool[outputs, units], who takes which.
        failures: by column, what went short.
    """

    owner: Int64Array
    taken: NDArray[np.bool_]
    failures: dict[int, tuple[Failure, ...]]


def find_ticket_in(target: Network, base: Network, crew: Crew = ALONE) -> tuple[Mask, ...]:
    """Return masks of the base network that leave the target, two for each of its layers, by construction.

    The prover decides whether they do. Every kept weight is one that the base network stores.

    Args:
        target: the network to represent.
        base: a dense network of twice the target's depth, with any weights.
        crew: who does the work; it has no influence on the masks.

    Raises:
        InputError: the base network does not fit the target, whatever its weights are; names the first place.
        TicketNotFoundError: names weights that are not in the base network, the cause and what would help.
    """
    layers = list(_layers(target, fit(target, base)))
    return tuple(mask for masks in crew.run(_search_layer, layers) for mask in masks)


def _layers(target: Network, fits: Sequence[Fit]) -> Iterator[_Layer]:
    low, high = target.input.low, target.input.high
    bounds = network_bounds(target)
    for index, (layer, pair) in enumerate(zip(require_chain(target), fits, strict=True)):
        yield _layer(index, layer, pair, low, high)
        low, high = bounds[index].output_low, bounds[index].output_high


def _layer(index: int, layer: Dense, pair: Fit, low: Sequence[int], high: Sequence[int]) -> _Layer:
    """Return one layer's search; low and high are its inputs' box, int[inputs] each."""
    first, second = pair.hidden.weights.to_dense(), pair.output.weights.to_dense()
    weights = layer.weights.to_dense()[:, : layer.inputs].astype(object) << pair.weight_bits
    divisors = _divisor(first), _divisor(second)
    if (weights % math.prod(divisors)).any():
        divisors = 1, 1
    first, second = first // divisors[0], second // divisors[1]
    _check_sums(index, pair, first, second)
    digits = _bias_digits(index, layer, pair, first, math.prod(divisors))
    # A target beyond all sums stays beyond them when it is clipped.
    targets = np.clip(np.hstack([weights // math.prod(divisors), digits]), -MAX_SUM, MAX_SUM)
    constants = pair.hidden.constants
    wanted = Wanted(
        index=index,
        targets=targets.astype(np.int64),
        positive=np.array([value > 0 or pair.divides for value in (*high, *constants)]),
        negative=np.array([value < 0 or pair.divides for value in (*low, *constants)]),
        inputs=layer.inputs,
    )
    useful = ((first > 0) & wanted.positive | (first < 0) & wanted.negative) & wanted.targets.any(axis=0)
    return _Layer(wanted, first, second, useful, _bits(pair))


def _divisor(weights: Int64Array) -> int:
    """Return the greatest common divisor of all weights, 1 where all are 0."""
    return int(np.gcd.reduce(weights, axis=None)) or 1


def _check_sums(index: int, pair: Fit, first: Int64Array, second: Int64Array) -> None:
    """Check that sums of all products stay within 62 bits."""
    largest = math.prod(max(int(weights.max()), -int(weights.min())) for weights in (first, second))
    if largest * first.shape[0] >= MAX_SUM:
        problem = f"{first.shape[0]} products of up to {largest}"
        raise _too_large(f"layers[{index}]", _bits(pair), problem)


def _bits(pair: Fit) -> str:
    return f"{pair.hidden.precision_bits} + {pair.output.precision_bits} bits"


def _too_large(place: str, bits: str, problem: str) -> TicketNotFoundError:
    helps = "a base network of fewer precision bits, or less wide"
    return TicketNotFoundError(f"{place}: the search is too large at {bits}: {problem}. What would help: {helps}")


def _bias_digits(index: int, layer: Dense, pair: Fit, first: Int64Array, divisor: int) -> NDArray[np.object_]:
    """Return int[outputs, lines]: digits with Σ digit·divisor·c = s·b, 0 for a line that no unit passes on."""
    constants = pair.hidden.constants
    lines = _lines(layer.inputs, constants, first)
    digits = np.zeros((layer.outputs, len(constants)), dtype=object)
    carried = [constants[line] * divisor for line in lines]
    for output, bias in enumerate(layer.offsets()):
        if bias:
            total = bias << (pair.input_bits + pair.weight_bits)
            _check_given(f"layers[{index}].bias[{output}]", f"base.layers[{2 * index}]", total, constants, carried)
            digits[output, lines] = split(total, carried)
    return digits


def _check_given(place: str, where: str, total: int, constants: Sequence[int], carried: Sequence[int]) -> None:
    """Check that the constant lines, of which products carry multiples of `carried`, give a bias at all."""
    if not carried:
        found = f"{list(constants)}, which no unit passes on" if constants else "none"
        problem = f"{place}: expected a constant line in {where}, found {found}"
        raise TicketNotFoundError(f"{problem}. What would help: constants in that layer, 1 among them")
    if total % math.gcd(*carried):
        problem = f"{place}: expected a multiple of {math.gcd(*carried)}, as units of {where} on constant lines carry"
        helps = "1 among the constants, or weights without a common divisor"
        raise TicketNotFoundError(f"{problem}, found {total} on the same scale: parity. What would help: {helps}")


def _lines(inputs: int, constants: Sequence[int], first: Int64Array) -> list[int]:
    """Return the constant lines of which some unit passes on what is above 0, magnitudes falling."""
    usable = [
        line
        for line, constant in enumerate(constants)
        if constant and (first[:, inputs + line] > 0 if constant > 0 else first[:, inputs + line] < 0).any()
    ]
    return sorted(usable, key=lambda line: -abs(constants[line]))


def _search_layer(layer: _Layer) -> tuple[Mask, Mask]:
    """Return the masks of one layer's two matrices."""
    order = list(range(layer.wanted.targets.shape[1]))
    found: list[_Sharing] = []
    for _ in range(TRIES):
        sharing = _share_out(layer, order)
        if not sharing.failures:
            return _masks(layer, sharing)
        found.append(sharing)
        if order[0] in sharing.failures:
            break
        order = [*sharing.failures, *(column for column in order if column not in sharing.failures)]
    raise _not_found(layer, min(found, key=lambda sharing: len(sharing.failures)))


def _share_out(layer: _Layer, order: Sequence[int]) -> _Sharing:
    """Return who gets which units when columns choose in this order; those that go short take none."""
    units = layer.rarest_first
    sharing = _Sharing(np.full(len(units), UNUSED, dtype=np.int64), np.zeros(layer.second.shape, dtype=np.bool_), {})
    for column in order:
        candidates = units[(sharing.owner[units] == UNUSED) & layer.useful[units, column]]
        block = _search(layer, column, candidates)
        if block.failures:
            sharing.failures[column] = block.failures
            continue
        used = np.flatnonzero(block.chosen.any(axis=0))
        sharing.owner[candidates[used]] = column
        sharing.taken[:, candidates[used]] = block.chosen[:, used]
    return sharing


def _search(layer: _Layer, column: int, candidates: Int64Array) -> Block:
    """Return one column's block of these units, int64[n]."""
    products = partial(_products, layer, column, candidates)
    try:
        return search_block(layer.wanted, column, products, len(candidates))
    except TooLargeError as error:
        failures = certain_failures(layer.wanted, column, products, len(candidates))
        if failures:
            return Block(np.zeros((layer.wanted.targets.shape[0], 0), dtype=np.bool_), failures)
        raise _too_large(error.place, layer.bits, error.problem) from None


def _products(
    layer: _Layer, column: int, candidates: Int64Array, half: Half, outputs: Int64Array, count: int
) -> Int64Array:
    """Return int64[outputs, count]: v·u of the first candidates that are of the half, 0 for the others."""
    units = candidates[:count]
    u = layer.first[units, column]
    return layer.second[np.ix_(outputs, units)] * np.where(u > 0 if half == "+" else u < 0, u, 0)


def _masks(layer: _Layer, sharing: _Sharing) -> tuple[Mask, Mask]:
    served = np.flatnonzero(sharing.owner != UNUSED)
    return from_positions(layer.first.shape, served, sharing.owner[served]), from_bits(sharing.taken)


def _not_found(layer: _Layer, sharing: _Sharing) -> TicketNotFoundError:
    """Return the error that names the weights that no units at all give, or else those that go short."""
    units, columns = layer.first.shape
    place = f"base.layers[{2 * layer.wanted.index}]"
    hopeless = [
        failure
        for column in sharing.failures
        for failure in _search(layer, column, np.flatnonzero(layer.useful[:, column])).failures
    ]
    if hopeless:
        return TicketNotFoundError(explain(hopeless, f"{units} units of {place}", _HELP))
    short = [failure for failures in sharing.failures.values() for failure in failures]
    served = f"{columns - len(sharing.failures)} of {columns} inputs and constant lines"
    return TicketNotFoundError(explain(short, f"units of {place} that {served} leave", _HELP))
