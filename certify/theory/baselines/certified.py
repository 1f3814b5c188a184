"""The certified largest output error of an approximation on its target's whole grid.

Where the grid can be swept, the prover decides `within` and its sweep gives the largest difference itself. For any
other an upper bound is worked out here, in Python integers, from the two networks alone. Let a layer of the target be
W, what the pruned network has for it P on inputs x ≥ 0 and N on x < 0, and let its inputs be off by e at most. Then

    |W·x - P·x'| ≤ |(W - P)·x| + |P|·e

and the first term is bounded on the interval of every x, whose ends (and 0, for an input of both signs) are where
each of its summands is extreme; the ReLU moves nothing further apart. x is the target's; copies of it are added up in
W - P and kept apart in |P|·e. The bound adds up what cannot all happen at one point, so it is no maximum.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Literal, TypeAlias

import numpy as np

from certify.errors import DisagreementError, InputError
from certify.network.bounds import graph_reach
from certify.network.compare import check_comparable, common_scale
from certify.network.model import Dense, Network, require_chain
from certify.network.operators.operator import Tensor
from certify.network.steps import Relu
from certify.proof.claim import EQUAL, Relation, Verdict
from certify.proof.enumeration import search_difference, sweep_work
from certify.proof.prover import prove

Means: TypeAlias = Literal["sweep", "bound"]
SWEEP_WORK = 2**31
"""Points times multiplications that are swept: a few seconds."""


@dataclass(frozen=True)
class Certified:
    """How far an approximation's outputs are from its target's, in units of 2^-bits.

    Attributes:
        upper: no output differs by more, anywhere on the grid.
        seen: the largest difference that was met; `upper` itself after a sweep.
        bits: the precision bits of the common scale.
        means: what `upper` rests on.
    """

    upper: int
    seen: int
    bits: int
    means: Means

    @property
    def error(self) -> Fraction:
        """The bound as a number."""
        return Fraction(self.upper, 1 << self.bits)


def certify_error(target: Network, network: Network, sweep_budget: int = SWEEP_WORK) -> Certified:
    """Return the largest output error of a network, certified on the target's whole grid.

    Args:
        target: its box is the grid.
        network: what stands for it: of depth 2ℓ, or of depth ℓ+1 with copies, as the baselines make them.
        sweep_budget: points times multiplications up to which the grid is swept.

    Raises:
        InputError: the networks are not comparable, or the network is of another form.
        DisagreementError: the prover refutes the bound.
    """
    bound = error_bound(target, network)
    bits = max(target.output_precision_bits(), network.output_precision_bits())
    relation = Relation("within", bound) if bound else EQUAL
    if sweep_work(target, network) > sweep_budget:
        seen = search_difference(target, network, relation)
        if seen.point is not None:
            raise DisagreementError(f"the outputs are to be within {bound}, and differ by {seen.largest}")
        return Certified(bound, seen.largest, bits, "bound")
    proof = prove(target, network, relation=relation)
    if proof.verdict is Verdict.REFUTED:
        raise DisagreementError(f"the outputs are to be within {bound}: {proof.reason}")
    if proof.sweep is None:
        return Certified(bound, proof.maximum.seen if proof.maximum else 0, bits, "bound")
    return Certified(proof.sweep.largest, proof.sweep.largest, bits, "sweep")


def error_bound(target: Network, network: Network) -> int:
    """Return an upper bound of the largest output difference on the target's box, as an integer on the common scale.

    Raises:
        InputError: the networks are not comparable, or the network is of another form.
    """
    check_comparable(target, network)
    parts = _parts(target, network)
    low, high = (np.array(end, dtype=object) for end in (target.input.low, target.input.high))
    error = np.zeros(len(low), dtype=object)
    bits = target.input.precision_bits
    for layer, part, reach in zip(require_chain(target), parts, graph_reach(target), strict=True):
        finer = part.bits - layer.precision_bits
        if finer < 0:
            raise InputError(f"expected items of {layer.precision_bits} bits or more, found {part.bits}")
        error = _through(layer.weights.to_dense(object) << finer, part, low, high, error)
        bits += part.bits
        scale = bits - target.precisions()[part.index]
        low, high = reach.output.low.ravel() << scale, reach.output.high.ravel() << scale
    return int(max(error)) << common_scale(target, network)[1]


@dataclass(frozen=True, eq=False)
class _Part:
    """What a network has for layer `index` of its target: object[rows, columns] on x ≥ 0 and x < 0, at `bits`."""

    index: int
    positive: Tensor
    negative: Tensor
    bits: int


def _parts(target: Network, network: Network) -> list[_Part]:
    wanted, layers = require_chain(target), require_chain(network)
    depth = len(wanted)
    if len(layers) == 2 * depth:
        groups: list[Sequence[Dense]] = [layers[2 * index : 2 * index + 2] for index in range(depth)]
    elif len(layers) == depth + 1:
        groups = [layers[:2], *([layer] for layer in layers[2:])]
    else:
        raise InputError(f"expected {2 * depth} or {depth + 1} layers, found {len(layers)}", "layers")
    _check_form(wanted, "target")
    _check_form([group[-1] for group in groups], "layers")
    return [_pair(index, *group) if len(group) == 2 else _one(index, group[0]) for index, group in enumerate(groups)]


def _check_form(layers: Sequence[Dense], place: str) -> None:
    """Check that there is a ReLU between two layers, and nothing else but weights."""
    for index, layer in enumerate(layers):
        expected = () if index == len(layers) - 1 else (Relu(),)
        if layer.steps != expected or any(layer.offsets()) or layer.constants:
            raise InputError("expected weights, and a ReLU between two layers, alone", f"{place}[{index}]")


def _pair(index: int, first: Dense, second: Dense) -> _Part:
    """Return a pair as one layer: v·u of the units with u > 0 on x ≥ 0, of those with u < 0 on x < 0."""
    if first.steps != (Relu(),) or any(first.offsets()) or first.constants:
        raise InputError("expected hidden units without bias, and a ReLU")
    entries = np.diff(first.weights.start)
    if entries.max(initial=0) > 1:
        raise InputError("expected hidden units that read one input each")
    used = entries[second.weights.columns] == 1
    place = first.weights.start[second.weights.columns[used]]
    u = first.weights.values[place].astype(object)
    products = second.weights.values[used].astype(object) * u
    at = second.weights.row_of_entry()[used], first.weights.columns[place]
    parts = []
    for half in (u > 0, u < 0):
        found = np.zeros((second.outputs, first.inputs), dtype=object)
        np.add.at(found, at, np.where(half.astype(np.bool_), products, 0))
        parts.append(found)
    return _Part(index, parts[0], parts[1], first.precision_bits + second.precision_bits)


def _one(index: int, layer: Dense) -> _Part:
    weights = layer.weights.to_dense(object)
    return _Part(index, weights, weights, layer.precision_bits)


def _through(weights: Tensor, part: _Part, low: Tensor, high: Tensor, error: Tensor) -> Tensor:
    """Return how far each row of a part may be off, where inputs are in low..high and off by `error` at most.

    Args:
        weights: object[outputs, inputs], the target's at the part's bits.
        part: row r stands for output r mod outputs, column c for input c mod inputs.
        low: object[inputs], of the target's inputs.
        high: the same.
        error: object[columns].
    """
    rows, columns = part.positive.shape
    outputs, inputs = weights.shape
    if rows % outputs or columns % inputs or len(error) != columns:
        raise InputError(f"expected copies of a layer of {outputs} x {inputs}, found {rows} x {columns}")
    wanted = np.tile(weights, (rows // outputs, 1))
    up, down = (wanted - _gathered(each, inputs) for each in (part.positive, part.negative))
    corners = _corners(up, down, low, high)
    highest, lowest = corners.max(axis=0).sum(axis=1), corners.min(axis=0).sum(axis=1)
    found: Tensor = np.maximum(highest, -lowest) + _spread(part, error)
    return found


def _gathered(matrix: Tensor, inputs: int) -> Tensor:
    """Return the matrix with the columns of all copies of an input added up."""
    found: Tensor = matrix.reshape(len(matrix), -1, inputs).sum(axis=1)
    return found


def _corners(up: Tensor, down: Tensor, low: Tensor, high: Tensor) -> Tensor:
    """Return what every summand is at both ends of its input, and at 0 where the input has both signs."""
    inside = np.where((low < 0) & (high > 0), 0, high)
    return np.stack([up * np.maximum(x, 0) + down * np.minimum(x, 0) for x in (low, inside, high)])


def _spread(part: _Part, error: Tensor) -> Tensor:
    if not any(error):
        return np.zeros(len(part.positive), dtype=object)
    found: Tensor = (np.abs(part.positive) * error).sum(axis=1)
    return found
