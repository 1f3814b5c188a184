"""Conditions 2 to 4: the obligations of a pair or a single layer, each one formula whose unsatisfiability is needed.

docs/proof.md, "The conditions". They are written from base ⊙ mask and the target alone, as plain
integers; `refutation` puts them before z3 unsimplified, and `digest` names them in a certificate. Kinds:

range   the box of an input is not empty: z3 must answer `sat` to it alone (condition 4)
relu    for one kept u and one input box: x = p - q with p = σ(x) in P and q = σ(-x) in Q, and σ(u·x) = u·p for
        u ≥ 0, |u|·q for u < 0 (condition 2)
weight  for one output, one input and one half: ∀p in P: Σ v·(u·p) = 2^r·(w·p), or
        ∀q in Q: Σ v·(|u|·q) = 2^r·(-w·q) (condition 3). p and q are the ticket's integers, finer than the target's
        by the pair's input scale, on which both sides depend alike; the scale left is the weights', 2^r = δ_t/δ².
        Of a convolution for every tap of the output's kernel, and for the inputs of the output's group.
        Of a single layer, whose units are copies, for one output and one neuron y before: ∀y in its box:
        Σ v·y = 2^r·(w·y), 2^r = δ_t/δ
bias    for one output: Σ v·σ(u·c) over the constant lines, of all taps, = s·(b + Σ w·constant) (condition 3). A unit
        that keeps no input is the constant σ(0), and its edges stand here too. Of a single layer Σ v·c
steps   for one layer: ∀a within its accumulators: the ticket's steps on s·a give the target's on a, rescaled.
        This holds for every rule (docs/proof.md); here z3 is asked. A multiplier is the target's own, once the
        ticket's finer bits are shifted out, and so are thresholds and a rounding to significant bits: up to the first
        of these, and from there on, are obligations by themselves. Where outputs have steps of their own there is one
        for each distinct pair of the target's steps and the ticket's, on the range of all that have them. So many are
        counted; the steps of the layer are hashed

A half is skipped only where the box excludes it and no kept edge is in it, so every kept edge stands in a formula.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import takewhile
from typing import Any, Literal, TypeAlias

import msgspec
import numpy as np
from numpy.typing import NDArray

from certify.network.matrix import Int64Array
from certify.network.operators import Convolution
from certify.network.steps import RequantizeQ31, RoundSignificant, Step, Thresholds, apply_steps
from certify.proof.piece import WHOLE, Pair, Piece

Kind: TypeAlias = Literal["range", "relu", "weight", "bias", "steps"]
QuestionKind: TypeAlias = Kind | Literal["neuron", "network", "curve", "sum", "unit", "output"]
KINDS: tuple[Kind, ...] = ("range", "relu", "weight", "bias", "steps")
Range: TypeAlias = tuple[int, int]

_OWN = {RequantizeQ31: "multiplier", RoundSignificant: "rounding to significant bits", Thresholds: "thresholds"}
"""Steps that are not rescaled: the ticket shifts its finer bits out first."""


@dataclass(frozen=True, eq=False)
class WeightObligations:
    """All weight obligations of a piece, in the order of output, tap, input, half.

    Attributes:
        output: int64[m], output · taps + tap.
        input, half: int64[m]; half is POSITIVE (p), NEGATIVE (q) or WHOLE (y).
        weight: int64[m], the target's w.
        start: int64[m + 1]; the edges of obligation i are start[i] to start[i + 1].
        u, v: int64[edges], the kept weights of the first and the second matrix; u is 1 where there is one matrix.
        ranges: for each half, the range of p, q or y for each input; empty for halves that are not there.
        taps: of a kernel.
    """

    output: Int64Array
    input: Int64Array
    half: Int64Array
    weight: Int64Array
    start: Int64Array
    u: Int64Array
    v: Int64Array
    ranges: tuple[tuple[Range, ...], ...]
    taps: int = 1

    def __len__(self) -> int:
        return len(self.output)

    def part(self, first: int, last: int) -> WeightObligations:
        """Return obligations first to last, the last not included."""
        span = slice(first, last)
        edges = slice(int(self.start[first]), int(self.start[last]))
        start = self.start[first : last + 1] - self.start[first]
        return WeightObligations(
            self.output[span],
            self.input[span],
            self.half[span],
            self.weight[span],
            start,
            self.u[edges],
            self.v[edges],
            self.ranges,
            self.taps,
        )

    def take(self, indices: Int64Array) -> WeightObligations:
        """Return the obligations with these indices, int64[n], in their order."""
        lengths = np.diff(self.start)[indices]
        start = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
        edges = np.arange(start[-1]) + np.repeat(self.start[indices] - start[:-1], lengths)
        return WeightObligations(
            self.output[indices],
            self.input[indices],
            self.half[indices],
            self.weight[indices],
            start,
            self.u[edges],
            self.v[edges],
            self.ranges,
            self.taps,
        )

    def range_of(self, index: int) -> Range:
        """Return the range of obligation `index`'s variable."""
        return self.ranges[int(self.half[index])][int(self.input[index])]


@dataclass(frozen=True, eq=False)
class BiasObligations:
    """One for every output of a piece, over all taps.

    Attributes:
        start: int64[outputs + 1]; the edges of output j are start[j] to start[j + 1].
        u, v: int64[edges]; u is 0 for a unit that keeps no input, 1 where units are copies.
        line: int64[edges], the constant line of each edge, UNFED for such a unit.
    """

    start: Int64Array
    u: Int64Array
    v: Int64Array
    line: Int64Array


@dataclass(frozen=True)
class StepsObligation:
    """Some steps of some outputs of a piece that all have the same.

    Attributes:
        outputs: whose they are, rising.
        target, ticket: the steps of each.
        low, high: the range of the target's integers that these steps are applied to.
        finer_before, finer_after: the ticket's integers there, and what the steps leave, are finer by 2^these.
        part: which of the steps in words, where they are not all.
    """

    outputs: tuple[int, ...]
    target: tuple[Step, ...]
    ticket: tuple[Step, ...]
    low: int
    high: int
    finer_before: int
    finer_after: int
    part: str = ""


@dataclass(frozen=True, eq=False)
class PieceObligations:
    """Everything that has to be refuted for one piece, and the ranges that must be satisfiable.

    Attributes:
        piece: whose they are.
        boxes: the distinct boxes of inputs, on the ticket's scale.
        lemmas: the distinct (u, low, high) of condition 2.
        weights: condition 3 for inputs.
        biases: condition 3 for constant lines.
        steps: the distinct steps after the accumulators.
    """

    piece: Piece
    boxes: tuple[Range, ...]
    lemmas: tuple[tuple[int, int, int], ...]
    weights: WeightObligations
    biases: BiasObligations
    steps: tuple[StepsObligation, ...]


def obligations(piece: Piece) -> PieceObligations:
    """Return the obligations of one piece whose shape has been checked."""
    bits = piece.input_bits
    boxes = [(low << bits, high << bits) for low, high in zip(piece.low, piece.high, strict=True)]
    edge_input = piece.unit_input[piece.kept_units]
    variable = (edge_input >= 0) & (edge_input < len(boxes))
    return PieceObligations(
        piece=piece,
        boxes=tuple(sorted(set(boxes))),
        lemmas=_lemmas(piece, boxes) if isinstance(piece, Pair) else (),
        weights=_weight_obligations(piece, boxes, variable),
        biases=_bias_obligations(piece, ~variable),
        steps=_steps_obligations(piece),
    )


def _lemmas(pair: Pair, boxes: Sequence[Range]) -> tuple[tuple[int, int, int], ...]:
    """One for each distinct kept u and box; units on constant lines need none, z3 evaluates them."""
    fed = (pair.unit_input >= 0) & (pair.unit_input < len(boxes))
    units = zip(pair.unit_weight[fed].tolist(), pair.unit_input[fed].tolist(), strict=True)
    return tuple(sorted({(u, *boxes[column]) for u, column in units}))


def _weight_obligations(piece: Piece, boxes: Sequence[Range], variable: NDArray[np.bool_]) -> WeightObligations:
    ranges = _ranges(piece, boxes)
    (rows, channels), kept = piece.weights.shape, piece.kept
    unit, row = piece.kept_units[variable], kept.row_of_entry()[variable]
    u, v = piece.unit_weight[unit], kept.values[variable]
    column = piece.unit_input[unit] - piece.group_of(row) * channels
    assert not len(column) or (column.min() >= 0 and column.max() < channels)
    # The key of an obligation: output, tap, input, half as one number, in the order they are listed in.
    halves = len(piece.halves)
    key = (row * channels + column) * halves + (u < 0)
    order = np.argsort(key, kind="stable")
    edges = np.bincount(key, minlength=rows * channels * halves)
    each = np.repeat(_possible(piece, ranges), rows // piece.groups, axis=0)
    listed = np.flatnonzero((edges > 0) | each.reshape(-1))
    row, column = listed // (channels * halves), (listed // halves) % channels
    half = np.array(piece.halves, dtype=np.int64)[listed % halves]
    weight = piece.weights.to_dense()[row, column]
    start = np.concatenate([[0], np.cumsum(edges[listed])]).astype(np.int64)
    column = column + piece.group_of(row) * channels
    names = np.array(piece.row_names, dtype=np.int64)
    row = names[row // piece.taps] * piece.taps + row % piece.taps
    return WeightObligations(row, column, half, weight, start, u[order], v[order], ranges, piece.taps)


def _ranges(piece: Piece, boxes: Sequence[Range]) -> tuple[tuple[Range, ...], ...]:
    """Return the ranges of what units carry, 1 times."""
    if piece.halves == (WHOLE,):
        return (), (), tuple(boxes)
    positive = tuple((max(low, 0), max(high, 0)) for low, high in boxes)
    negative = tuple((max(-high, 0), max(-low, 0)) for low, high in boxes)
    return positive, negative


def _possible(piece: Piece, ranges: Sequence[Sequence[Range]]) -> NDArray[np.bool_]:
    """Return bool[groups, channels · halves]: what is asked of an input even where no edge is kept."""
    spans = zip(*(ranges[half] for half in piece.halves), strict=True)
    found = [
        [half == WHOLE or span != (0, 0) for half, span in zip(piece.halves, each, strict=True)] for each in spans
    ]
    return np.array(found, dtype=bool).reshape(piece.groups, -1)


def _bias_obligations(piece: Piece, constant: NDArray[np.bool_]) -> BiasObligations:
    kept, unit = piece.kept, piece.kept_units[constant]
    output = kept.row_of_entry()[constant] // piece.taps
    counts = np.bincount(output, minlength=piece.target.outputs)
    start = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
    column = piece.unit_input[unit]
    line = np.where(column >= 0, column - len(piece.low), column)
    return BiasObligations(start, piece.unit_weight[unit], kept.values[constant], line)


def _steps_obligations(piece: Piece) -> tuple[StepsObligation, ...]:
    merged: dict[Any, StepsObligation] = {}
    for output in range(piece.target.outputs):
        for steps in _steps_of(piece, output):
            key = steps.part, steps.target, steps.ticket
            merged[key] = _joined(merged[key], steps) if key in merged else steps
    return tuple(merged.values())


def _steps_of(piece: Piece, output: int) -> Iterator[StepsObligation]:
    """Yield all steps of one output, in two parts where there is a multiplier."""
    target, ticket = piece.target.steps_of(output), piece.output.steps_of(output)
    low, high = piece.accumulator_low[output], piece.accumulator_high[output]
    ours, theirs = _before_own(target), _before_own(ticket)
    whose = (piece.row_names[output],)
    if (ours, theirs) == (target, ticket):
        yield StepsObligation(whose, target, ticket, low, high, piece.scale_bits, piece.left_bits)
        return
    cut = _OWN[type(target[len(ours)])]
    yield StepsObligation(whose, ours, theirs, low, high, piece.scale_bits, 0, f"up to the {cut}")
    low, high = apply_steps(ours, low), apply_steps(ours, high)
    rest = target[len(ours) :], ticket[len(theirs) :]
    yield StepsObligation(whose, *rest, low, high, 0, piece.left_bits, f"from the {cut} on")


def _before_own(steps: tuple[Step, ...]) -> tuple[Step, ...]:
    """Return the steps up to the first that is the target's own on the ticket's side too."""
    return tuple(takewhile(lambda step: type(step) not in _OWN, steps))


def _joined(first: StepsObligation, second: StepsObligation) -> StepsObligation:
    return replace(
        first,
        outputs=(*first.outputs, *second.outputs),
        low=min(first.low, second.low),
        high=max(first.high, second.high),
    )


@dataclass(frozen=True)
class Count:
    """How many obligations of one kind there are, and the SHA-256 of them all, before any sharing."""

    count: int
    sha256: str


def digest(listed: Sequence[PieceObligations]) -> dict[QuestionKind, Count]:
    """Return count and digest of every kind, over all pieces in order.

    What is hashed for each piece is a line of canonical JSON with its index, scales, boxes, constants and steps, and
    then the arrays of the kind as int64 little-endian. Where there are copies, the line says whose they are.
    """
    hashes = {kind: hashlib.sha256() for kind in KINDS}
    counts = dict.fromkeys(KINDS, 0)
    for item in listed:
        header = _header(item)
        for kind, (count, arrays) in _contents(item).items():
            counts[kind] += count
            hashes[kind].update(kind.encode() + b"\n" + header)
            for array in arrays:
                hashes[kind].update(array.astype("<i8").tobytes())
    return {kind: Count(counts[kind], hashes[kind].hexdigest()) for kind in KINDS}


def _header(item: PieceObligations) -> bytes:
    piece = item.piece
    described = {
        piece.kind: piece.index,
        "bits": [piece.input_bits, piece.weight_bits, piece.left_bits],
        "box": [[str(value) for value in piece.low], [str(value) for value in piece.high]],
        "accumulator": [[str(value) for value in side] for side in (piece.accumulator_low, piece.accumulator_high)],
        "bias": [str(value) for value in piece.target.bias],
        "constants": [[str(value) for value in side] for side in (piece.target.constants, piece.lines)],
        "steps": msgspec.to_builtins([piece.target.steps, piece.output.steps]),
        "lemmas": [[str(value) for value in lemma] for lemma in item.lemmas],
        **_place(piece),
        **_copies(piece),
    }
    return json.dumps(described, sort_keys=True, separators=(",", ":")).encode() + b"\n"


def _place(piece: Piece) -> dict[str, Any]:
    """Return where a convolution's kernels stand; nothing for a dense layer."""
    layers = [layer for layer in (piece.target, *piece.layers()) if isinstance(layer, Convolution)]
    windows = [
        [layer.window.size, layer.window.stride, layer.window.dilation, layer.window.padding] for layer in layers
    ]
    return {"windows": windows, "groups": piece.groups} if windows else {}


def _copies(piece: Piece) -> dict[str, Any]:
    """Return whose copies outputs and inputs are; nothing where there are no copies."""
    return {} if piece.copies is None else {"copies": [piece.copies.rows, piece.copies.neurons, piece.copies.same]}


def _contents(item: PieceObligations) -> dict[Kind, tuple[int, tuple[Int64Array, ...]]]:
    weights, biases = item.weights, item.biases
    target = item.piece.target
    constants = target.weights.to_dense()[:, target.taps * target.channels :]
    return {
        "range": (len(item.boxes), ()),
        "relu": (len(item.lemmas), ()),
        "weight": (
            len(weights),
            (weights.output, weights.input, weights.half, weights.weight, weights.start, weights.u, weights.v),
        ),
        "bias": (item.piece.target.outputs, (biases.start, biases.u, biases.v, biases.line, constants)),
        "steps": (len(item.steps), ()),
    }
