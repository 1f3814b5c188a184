"""Targets, tickets and mutants for the tests of the prover, and what plain Python says about them.

A *case* is a random target, a ticket that was found for it, and the network that pruning leaves. A *mutant* is a case
with one thing changed. Small cases have grids that `naive` walks whole. Large ones have 64 inputs and more, and are
shown to differ by the identities of docs/proof.md, computed here from the two documents with Python's own integers.
"""

from __future__ import annotations

import copy
import json
import random
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

import naive
import numpy as np
from numpy.typing import NDArray
from strategies import RULES

from certify.base.mask import Mask
from certify.base.prune import prune
from certify.network.matrix import Matrix
from certify.network.model import Box, Dense, Network
from certify.network.reader import read_network
from certify.network.steps import Clamp, Offset, Relu, Requantize, RequantizeQ31, Sign, Step, Threshold, Thresholds
from certify.ticket import Ticket, find_ticket

Document = dict[str, Any]


def read(document: Document) -> Network:
    return read_network(json.dumps(document).encode())


def _step_document(step: Step) -> Document:
    match step:
        case Relu():
            return {"op": "relu"}
        case Requantize(shift, rounding, zero_point):
            return {"op": "requantize", "shift": shift, "rounding": rounding, "zero_point": zero_point}
        case RequantizeQ31(multiplier, shift, rule, zero_point, bits):
            own = {
                name: list(of) if isinstance(of, tuple) else of
                for name, of in (("multiplier", multiplier), ("shift", shift))
            }
            return {"op": "requantize", **own, "rule": rule, "zero_point": zero_point, "precision_bits": bits}
        case Clamp(low, high):
            return {"op": "clamp", "low": low, "high": high}
        case Offset(value):
            return {"op": "offset", "value": value}
        case Threshold():
            return {"op": "step"}
        case Sign():
            return {"op": "sign"}
        case Thresholds(at, low, bits):
            lists = [list(own) for own in step.lists] if step.per_channel else list(at)
            return {"op": "thresholds", "at": lists, "low": low, "precision_bits": bits}
    raise AssertionError(step)


def _rows(matrix: Matrix) -> list[list[int]]:
    rows = [[0] * matrix.shape[1] for _ in range(matrix.shape[0])]
    for row, values in enumerate(rows):
        for column, value in zip(*matrix.row(row), strict=True):
            values[column] += value
    return rows


def document_of(network: Network) -> Document:
    """A network as `naive` reads it; integers may be larger than the format allows."""
    box = network.input
    layers = [
        {
            "op": "dense",
            "precision_bits": layer.precision_bits,
            "weights": _rows(layer.weights),
            "bias": list(layer.bias),
            "constants": list(layer.constants),
            "then": [_step_document(step) for step in layer.steps],
        }
        for layer in network.layers
    ]
    shape = {"shape": list(box.shape), "low": list(box.low), "high": list(box.high)}
    return {"input": shape | {"precision_bits": box.precision_bits}, "layers": layers}


# Networks by hand.


def matrix(rows: Sequence[Sequence[int | None]]) -> Matrix:
    """A matrix from lists in which None is what pruning removed, and 0 is a kept weight that is 0."""
    kept = [[column for column, value in enumerate(row) if value is not None] for row in rows]
    return Matrix(
        (len(rows), len(rows[0])),
        np.cumsum([0, *map(len, kept)], dtype=np.int64),
        np.array([column for row in kept for column in row], dtype=np.int64),
        np.array([value for row in rows for value in row if value is not None], dtype=np.int64),
    )


def dense(
    rows: Sequence[Sequence[int | None]],
    steps: Sequence[Step] = (),
    *,
    bits: int = 0,
    bias: Sequence[int] = (),
    constants: Sequence[int] = (),
) -> Dense:
    return Dense(matrix(rows), bits, tuple(bias) or (0,) * len(rows), tuple(constants), tuple(steps))


def network(low: Sequence[int], high: Sequence[int], *layers: Dense, bits: int = 0) -> Network:
    return Network("", Box((len(low),), tuple(low), tuple(high), bits), layers)


def plain_pair(layer: Dense, input_bits: int = 0) -> tuple[Dense, Dense]:
    """The simplest pair of layers for one: units of weight 1 and -1 for every input, and one for the biases."""
    rows: list[list[int | None]] = []
    for column in range(layer.inputs):
        for u in (1, -1):
            rows.append([None] * (layer.inputs + 1))
            rows[-1][column] = u
    rows.append([None] * layer.inputs + [1])
    outputs: list[list[int | None]] = []
    for weights, bias in zip(_rows(layer.weights), layer.bias, strict=True):
        constants = sum(w * c for w, c in zip(weights[layer.inputs :], layer.constants, strict=True))
        halves = [v for w in weights[: layer.inputs] for v in (w, -w)]
        outputs.append([*halves, bias + constants])
    hidden = dense(rows, [Relu()], constants=[1 << input_bits])
    return hidden, dense(outputs, layer.steps, bits=layer.precision_bits)


def plain_ticket(target: Network) -> Network:
    """A ticket by hand: no search, no generator, and no finer than the target, so that its steps are the target's."""
    return replace(target, layers=tuple(half for layer in target.layers for half in plain_pair(layer)))


def with_layer(network: Network, index: int, **changes: Any) -> Network:
    layers = list(network.layers)
    layers[index] = replace(layers[index], **changes)
    return replace(network, layers=tuple(layers))


def with_weight(network: Network, index: int, row: int, column: int, value: int | None) -> Network:
    """The network with one weight of layer `index` replaced, removed by None, or added."""
    layer = network.layers[index]
    rows: list[list[int | None]] = [[None] * layer.weights.shape[1] for _ in range(layer.outputs)]
    for other in range(layer.outputs):
        for kept, weight in zip(*layer.weights.row(other), strict=True):
            rows[other][kept] = weight
    rows[row][column] = value
    return with_layer(network, index, weights=matrix(rows))


# Cases.


@dataclass(frozen=True, eq=False)
class Case:
    """A target, the ticket found for it, and base ⊙ mask."""

    document: Document
    target: Network
    ticket: Ticket
    pruned: Network


def find(document: Document, seed: str = "tests", **options: Any) -> Case:
    target = read(document)
    ticket = find_ticket(target, seed, **options)
    return Case(document, target, ticket, prune(target, ticket.base, ticket.masks))


def _random_layers(rng: random.Random, inputs: int, bits: Sequence[int], outputs: Sequence[int]) -> list[Document]:
    """Layers with biases; one of them requantizes, some of the others do."""
    layers: list[Document] = []
    requantizes = rng.randrange(len(outputs))
    for index, count in enumerate(outputs):
        k = rng.choice(bits)
        rows = [[rng.choice([0, rng.randint(-(2**k), 2**k)]) for _ in range(inputs)] for _ in range(count)]
        rows = [row if any(row) else [2**k, *row[1:]] for row in rows]
        then: list[Document] = [{"op": "relu"}] if index + 1 < len(outputs) and rng.random() < 0.7 else []
        if index == requantizes or rng.random() < 0.3:
            then.append({"op": "requantize", "shift": rng.randint(1, 2), "rounding": rng.choice(sorted(naive.ROUND))})
        if rng.random() < 0.3:
            then.append({"op": "offset", "value": rng.randint(-4, 2)})
        bias = [rng.randint(-20, 20) for _ in rows]
        layers.append({"op": "dense", "precision_bits": k, "weights": rows, "bias": bias, "then": then})
        inputs = count
    return layers


def _document(low: list[int], high: list[int], layers: list[Document]) -> Document:
    box = {"shape": [len(low)], "low": low, "high": high, "precision_bits": 2}
    return {"format": "certify.network/1", "input": box, "layers": layers}


@cache
def small_case(number: int) -> Case:
    """One or two inputs, at most 49 points, one or two layers."""
    rng = random.Random(f"small {number}")
    inputs = rng.randint(1, 2)
    low = [rng.choice([0, -1, -3, 1, -6]) for _ in range(inputs)]
    high = [least + rng.randint(0 if inputs > 1 else 3, 6) for least in low]
    outputs = [rng.randint(1, 2) for _ in range(rng.choice([1, 1, 2]))]
    return find(_document(low, high, _random_layers(rng, inputs, (2, 3), outputs)), f"small {number}")


@cache
def large_case(number: int) -> Case:
    """64 to 72 inputs, some signed, some not, some never positive; 0 is in every range. One or two layers."""
    rng = random.Random(f"large {number}")
    inputs = rng.choice([64, 64, 72])
    sides = [rng.choice([(0, 3), (0, 15), (-2, 2), (-7, 1), (-3, 0)]) for _ in range(inputs)]
    low, high = [list(side) for side in zip(*sides, strict=True)]
    outputs = rng.choice([[2], [2], [3], [2, 2]])
    return find(_document(low, high, _random_layers(rng, inputs, (2, 3), outputs)), f"large {number}")


# Mutants.

KINDS = (
    "first_mask_removed",
    "first_mask_added",
    "second_mask_removed",
    "second_mask_added",
    "base_weight",
    "target_weight",
    "bias",
    "rounding",
    "box",
    "seed",
)


@dataclass(frozen=True, eq=False)
class Mutant:
    """Two networks and the target's document, one thing changed; `what` names it."""

    what: str
    document: Document
    target: Network
    pruned: Network


def bits_of(mask: Mask) -> NDArray[np.bool_]:
    kept = np.zeros(mask.shape, dtype=np.bool_)
    kept[mask.rows(), mask.columns] = True
    return kept


def mask_of(kept: NDArray[np.bool_]) -> Mask:
    start = np.concatenate([[0], np.cumsum(kept.sum(axis=1))]).astype(np.int64)
    return Mask((kept.shape[0], kept.shape[1]), start, np.nonzero(kept)[1].astype(np.int64))


def _flip(rng: random.Random, case: Case, matrix_of_pair: int, kept: bool) -> Mutant:
    """One bit of a mask, `kept` before; mostly at a unit that both matrices use, where it makes a difference."""
    pair = rng.randrange(len(case.target.layers))
    index, masks = 2 * pair + matrix_of_pair, list(case.ticket.masks)
    bits = bits_of(masks[index])
    used = bits_of(masks[2 * pair]).any(axis=1) & bits_of(masks[2 * pair + 1]).any(axis=0)
    allowed = bits == kept
    if rng.random() < 0.8:
        allowed &= used[:, np.newaxis] if matrix_of_pair == 0 else used
    row, column = rng.choice(np.argwhere(allowed if allowed.any() else bits == kept).tolist())
    bits[row, column] = not kept
    masks[index] = mask_of(bits)
    return _pruned(f"masks[{index}][{row}][{column}]", case, masks)


def _pruned(what: str, case: Case, masks: Sequence[Mask], seed: str | None = None) -> Mutant:
    base = case.ticket.base if seed is None else replace(case.ticket.base, seed=seed)
    return Mutant(what, case.document, case.target, prune(case.target, base, masks))


def _base_weight(rng: random.Random, case: Case) -> Mutant:
    index = rng.randrange(len(case.pruned.layers))
    layer = case.pruned.layers[index]
    entry = rng.randrange(layer.weights.entries)
    values = layer.weights.values.copy()
    limit = 1 << layer.precision_bits
    values[entry] = rng.choice([value for value in range(-limit, limit + 1) if value != values[entry]])
    changed = replace(layer.weights, values=values)
    return Mutant(
        f"ticket layer {index}, entry {entry}",
        case.document,
        case.target,
        with_layer(case.pruned, index, weights=changed),
    )


def _edited(what: str, case: Case, document: Document) -> Mutant:
    return Mutant(what, document, read(document), case.pruned)


def _target_weight(rng: random.Random, case: Case) -> Mutant:
    document = copy.deepcopy(case.document)
    index = rng.randrange(len(document["layers"]))
    layer = document["layers"][index]
    row = rng.randrange(len(layer["weights"]))
    column = rng.randrange(len(layer["weights"][row]))
    limit = 1 << layer["precision_bits"]
    old = layer["weights"][row][column]
    layer["weights"][row][column] = rng.choice([w for w in range(-limit, limit + 1) if w != old])
    return _edited(f"layers[{index}].weights[{row}][{column}]", case, document)


def _bias(rng: random.Random, case: Case) -> Mutant:
    document = copy.deepcopy(case.document)
    index = rng.randrange(len(document["layers"]))
    bias = document["layers"][index]["bias"]
    output = rng.randrange(len(bias))
    bias[output] += rng.choice([-4, -2, -1, 1, 3, 8])
    return _edited(f"layers[{index}].bias[{output}]", case, document)


def _rounding(rng: random.Random, case: Case) -> Mutant:
    document = copy.deepcopy(case.document)
    steps = [
        (index, step)
        for index, layer in enumerate(document["layers"])
        for step in layer["then"]
        if step["op"] == "requantize"
    ]
    index, step = rng.choice(steps)
    name, rules = ("rule", RULES) if "rule" in step else ("rounding", sorted(naive.ROUND))
    step[name] = rng.choice([rule for rule in rules if rule != step[name]])
    return _edited(f"layers[{index}].then: {step[name]}", case, document)


def _box(rng: random.Random, case: Case) -> Mutant:
    document = copy.deepcopy(case.document)
    box = document["input"]
    feature = rng.randrange(len(box["low"]))
    side, move = rng.choice([("low", -1), ("low", -2), ("low", 1), ("high", 1), ("high", 2), ("high", -1)])
    at_zero = [(i, end, step) for end, step in (("low", -1), ("high", 1)) for i, x in enumerate(box[end]) if x == 0]
    if at_zero and rng.random() < 0.7:  # a half that the range excluded is in it now
        feature, side, move = rng.choice(at_zero)
    box[side][feature] += move
    if box["low"][feature] > box["high"][feature]:
        box[side][feature] -= 2 * move
    return _edited(f"input.{side}[{feature}]", case, document)


def mutate(kind: str, case: Case, rng: random.Random) -> Mutant:
    """One mutant of that kind, out of `KINDS`."""
    match kind:
        case "first_mask_removed" | "first_mask_added":
            return _flip(rng, case, 0, kept=kind.endswith("removed"))
        case "second_mask_removed" | "second_mask_added":
            return _flip(rng, case, 1, kept=kind.endswith("removed"))
        case "base_weight":
            return _base_weight(rng, case)
        case "target_weight":
            return _target_weight(rng, case)
        case "bias":
            return _bias(rng, case)
        case "rounding":
            return _rounding(rng, case)
        case "box":
            return _box(rng, case)
        case "seed":
            return _pruned("seed", case, case.ticket.masks, f"another seed, {rng.random()}")
    raise AssertionError(kind)


# The identities of docs/proof.md, from documents.


def _intervals(layer: Document, low: Sequence[int], high: Sequence[int]) -> tuple[list[int], list[int]]:
    """What the outputs of a layer can be."""
    constants = layer.get("constants", [])
    ends = list(zip([*low, *constants], [*high, *constants], strict=True))
    lows, highs = [], []
    for output, (row, bias) in enumerate(zip(layer["weights"], layer["bias"], strict=True)):
        least = bias + sum(min(w * a, w * b) for w, (a, b) in zip(row, ends, strict=True))
        most = bias + sum(max(w * a, w * b) for w, (a, b) in zip(row, ends, strict=True))
        for step in layer["then"]:
            least, most = naive.apply_step(step, least, output), naive.apply_step(step, most, output)
        lows.append(least)
        highs.append(most)
    return lows, highs


def _hidden(row: list[int], inputs: int, constants: list[int], column: int | None, x: int) -> int:
    """A hidden unit's output where one input is x, if any, and all others are 0."""
    fixed = sum(u * c for u, c in zip(row[inputs:], constants, strict=True))
    return max(0, fixed + (0 if column is None else row[column] * x))


def _finer_bits(target: Document, ticket: Document, layers: int) -> int:
    """How many bits the ticket's integers are finer after so many layers of the target."""
    ours = naive.output_precision_bits(target | {"layers": target["layers"][:layers]})
    return naive.output_precision_bits(ticket | {"layers": ticket["layers"][: 2 * layers]}) - ours


def broken_identities(target: Document, ticket: Document) -> list[str]:
    """Where Σ v·σ(u·x) over what is kept is not s·w·x, for x = 1, x = -1 and, as the bias, for x = 0.

    With 0 in every range these are accumulators of the first layer at points with one feature other than 0.
    """
    broken: list[str] = []
    low, high = naive.bounds(target, "low"), naive.bounds(target, "high")
    for index, layer in enumerate(target["layers"]):
        hidden, output = ticket["layers"][2 * index], ticket["layers"][2 * index + 1]
        unit = 1 << _finer_bits(target, ticket, index)
        s = unit << (hidden["precision_bits"] + output["precision_bits"] - layer["precision_bits"])
        fixed = [_hidden(row, len(low), hidden["constants"], None, 0) for row in hidden["weights"]]
        for j, (kept, weights) in enumerate(zip(output["weights"], layer["weights"], strict=True)):
            units = [number for number, v in enumerate(kept) if v]
            bias = layer["bias"][j]
            if sum(kept[n] * fixed[n] for n in units) != s * bias:
                broken.append(f"layers[{index}].bias[{j}]")
            for i, w in enumerate(weights):
                for x in [x for x, needed in ((1, high[i] > 0), (-1, low[i] < 0)) if needed]:
                    moved = (
                        kept[n]
                        * (_hidden(hidden["weights"][n], len(low), hidden["constants"], i, x * unit) - fixed[n])
                        for n in units
                    )
                    if sum(moved) != s * w * x:
                        broken.append(f"layers[{index}].weights[{j}][{i}], x = {x}")
        low, high = _intervals(layer, low, high)
    return broken
