"""Certificates of small tickets in which one thing is changed, and all that follows from it is said as a liar would.

A true certificate of a random small target is taken apart, something is changed, and the statement is built again
with the house's own writers: digests, sizes, box, and of the proof the obligations that there would be, all fit. Only
the lie is left to find. `lie(seed)` gives the same certificate every time.
"""

from __future__ import annotations

import copy
import json
import random
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import mutants
import naive
import numpy as np
from program import signed, signing_key

from certify.base.draw import kept_digest
from certify.base.law import BaseNetwork, Precision
from certify.base.layout import matrix_shapes
from certify.base.mask import Mask
from certify.base.prune import prune
from certify.certificate import exact_ticket
from certify.certificate.exact_ticket import Subject
from certify.network.model import Network
from certify.network.target import read_target
from certify.proof import composition
from certify.proof.claim import Claim, Verdict
from certify.proof.enumeration import Sweep, sweep_work
from certify.proof.obligations import digest, obligations
from certify.proof.prover import Composition, Proof
from certify.proof.structure import NotApplicableError, pair_up

KEY = signing_key(1)
CASES = 500
MOST_POINTS = 400
VERSIONS = {"certify": "0.1.0"}


@dataclass
class Parts:
    """A certificate taken apart, to be changed."""

    document: dict[str, Any]
    base: BaseNetwork
    masks: list[np.ndarray]


@dataclass(frozen=True)
class Lie:
    """A certificate, what was changed in it, and the two networks that it is about."""

    kind: str
    data: bytes
    document: dict[str, Any]
    pruned: Network

    @property
    def is_true(self) -> bool:
        """What the oracle says of every point of the grid."""
        return naive.equal_on_grid(self.document, mutants.document_of(self.pruned))


def _flip(rng: random.Random, parts: Parts, half: int, kept: bool) -> None:
    index = 2 * rng.randrange(len(parts.document["layers"])) + half
    bits = parts.masks[index]
    used = parts.masks[index - half].any(axis=1) & parts.masks[index - half + 1].any(axis=0)
    allowed = (bits == kept) & (used[:, None] if half == 0 else used) if rng.random() < 0.8 else bits == kept
    places = np.argwhere(allowed if allowed.any() else bits == kept).tolist()
    if places:
        bits[tuple(rng.choice(places))] = not kept


def _move(rng: random.Random, parts: Parts) -> None:
    """Some other unit of the same input in the place of a kept edge."""
    index = 2 * rng.randrange(len(parts.document["layers"])) + 1
    bits = parts.masks[index]
    row, column = rng.choice(np.argwhere(bits).tolist() or [[0, 0]])
    bits[row, column] = False
    bits[row, rng.randrange(bits.shape[1])] = True


def _number(rng: random.Random, parts: Parts, field: str) -> None:
    layer = rng.choice(parts.document["layers"])
    row = layer["bias"] if field == "bias" else rng.choice(layer["weights"])
    at = rng.randrange(len(row))
    limit = 1 << layer["precision_bits"]
    row[at] = row[at] + rng.choice([-4, -1, 1, 2]) if field == "bias" else rng.randint(-limit, limit)


def _steps(rng: random.Random, parts: Parts) -> None:
    then = rng.choice(parts.document["layers"])["then"]
    new: list[dict[str, Any]] = [
        {"op": "relu"},
        {"op": "clamp", "low": rng.randint(-9, 0), "high": rng.randint(0, 30)},
        {"op": "offset", "value": rng.randint(-3, 3)},
        {"op": "requantize", "shift": rng.randint(0, 3), "rounding": rng.choice(sorted(naive.ROUND))},
        {
            "op": "requantize",
            "multiplier": rng.randint(2**30, 2**31 - 1),
            "shift": rng.randint(-1, 3),
            "rule": "single",
        },
        {"op": "requantize", "multiplier": 2**30 + 1, "shift": 0, "rule": rng.choice(["double", "float32"])},
        {"op": "sign"},
        {"op": "step"},
    ]
    at = rng.randrange(len(then) + 1)
    then[at : at + rng.randint(0, 1)] = [rng.choice(new)] * rng.randint(0, 1)


def _box(rng: random.Random, parts: Parts) -> None:
    box = parts.document["input"]
    feature, side = rng.randrange(len(box["low"])), rng.choice(["low", "high"])
    box[side][feature] += rng.choice([-3, -2, -1, 1, 2, 3])
    low, high = sorted([box["low"][feature], box["high"][feature]])
    box["low"][feature], box["high"][feature] = low, high


def _base(rng: random.Random, parts: Parts) -> None:
    """Another precision, drawn more finely, or another operator; then all weights are others."""
    precisions = list(parts.base.precisions)
    index = rng.randrange(len(precisions))
    kept = precisions[index].kept + rng.choice([0, 0, 1])
    precisions[index] = Precision(kept + rng.choice([0, 1, 3]), kept)
    quantization = rng.choice(["floor", "toward_zero"])
    parts.base = replace(parts.base, precisions=tuple(precisions), quantization=quantization)


def _seed(rng: random.Random, parts: Parts) -> None:
    parts.base = replace(parts.base, seed=f"another, {rng.random()}")


CHANGES: dict[str, Callable[[random.Random, Parts], None]] = {
    "first mask: removed": lambda rng, parts: _flip(rng, parts, 0, True),
    "first mask: added": lambda rng, parts: _flip(rng, parts, 0, False),
    "second mask: removed": lambda rng, parts: _flip(rng, parts, 1, True),
    "second mask: added": lambda rng, parts: _flip(rng, parts, 1, False),
    "second mask: moved": _move,
    "target: a weight": lambda rng, parts: _number(rng, parts, "weights"),
    "target: a bias": lambda rng, parts: _number(rng, parts, "bias"),
    "target: steps": _steps,
    "target: box": _box,
    "base: precision": _base,
    "base: seed": _seed,
}
FIELDS = ("claim narrowed", "points", "sizes", "obligations", "neurons", "strategy", "blocks", "kept digest")
KINDS = ("nothing", *CHANGES, "several", *FIELDS)


def lie(seed: int) -> Lie:
    """Return the certificate of this number."""
    rng = random.Random(f"lie {seed}")
    case = mutants.small_case(rng.randrange(CASES))
    kind = rng.choice(KINDS)
    parts = Parts(copy.deepcopy(case.document), case.ticket.base, [mutants.bits_of(m) for m in case.ticket.masks])
    for name in rng.sample(sorted(CHANGES), rng.randint(2, 3)) if kind == "several" else [kind]:
        CHANGES.get(name, lambda *_: None)(rng, parts)
    statement, pruned = _said(rng, parts)
    if kind in FIELDS:
        _change_field(rng, statement["predicate"], kind)
    return Lie(kind, signed(statement, KEY), parts.document, pruned)


def _said(rng: random.Random, parts: Parts) -> tuple[dict[str, Any], Network]:
    """Return the statement that says it is proved, whatever it is, and the pruned network."""
    target = read_target(json.dumps(parts.document).encode())
    widths = []
    for first in range(0, len(parts.masks), 2):  # units end with the last one kept
        units = int(max(np.flatnonzero(parts.masks[first].any(axis=1)), default=0)) + 1
        parts.masks[first], parts.masks[first + 1] = parts.masks[first][:units], parts.masks[first + 1][:, :units]
        widths.append(units)
    base = replace(parts.base, widths=tuple(widths))
    shapes = matrix_shapes(target.network, base)
    masks = tuple(_as_wide(bits, columns) for bits, (_, columns) in zip(parts.masks, shapes, strict=True))
    pruned = prune(target.network, base, masks)
    proof = _proof(target.network, pruned, "decomposition" if rng.random() < 0.6 else "sweep")
    subject = Subject("small.json", target, base, _blocks(masks), masks)
    return json.loads(exact_ticket.build(subject, kept_digest(pruned.matrices), proof, VERSIONS)), pruned


def _as_wide(bits: np.ndarray, columns: int) -> Mask:
    """Return the mask with so many columns: another bias needs more constant lines, or fewer."""
    wide = np.zeros((len(bits), columns), dtype=np.bool_)
    least = min(columns, bits.shape[1])
    wide[:, :least] = bits[:, :least]
    return mutants.mask_of(wide)


def _blocks(masks: tuple[Mask, ...]) -> Any:
    grown = all((np.diff(mask.columns) >= 0).all() for mask in masks[::2])
    return "grown" if grown else "shared"


def _proof(target: Network, pruned: Network, strategy: Any) -> Proof:
    """Return what a proof by that strategy would leave."""
    counts: Any = {}
    neurons = 0
    try:
        pairs = pair_up(target, pruned)
        counts = digest([obligations(pair) for pair in pairs])
        neurons = len(composition.sampled(pairs)) if strategy == "decomposition" else 0
    except NotApplicableError:
        pass
    swept = Sweep(target.input.points(), sweep_work(target, pruned), None)
    composed = Composition(neurons)
    return Proof(Verdict.PROVED, Claim.of(target), strategy, obligations=counts, composition=composed, sweep=swept)


def _change_field(rng: random.Random, said: dict[str, Any], kind: str) -> None:
    proof, sizes, base = said["proof"], said["sizes"], said["base"]
    match kind:
        case "claim narrowed":
            said["claim"][rng.choice(["low", "high"])] = rng.randint(-3, 3)
        case "points":
            factor = rng.choice(said["claim"]["points"])
            factor[rng.randrange(2)] += rng.choice([-1, 1])
        case "sizes":
            field = rng.choice(["target_parameters", "base_parameters", "kept", "lower_bound"])
            sizes[field] += 1
        case "obligations" if proof["obligations"]:
            proof["obligations"][rng.choice(sorted(proof["obligations"]))]["count"] += 1
        case "neurons" | "obligations":
            proof["neurons"] += rng.choice([1, 7])
        case "strategy":
            proof["strategy"] = {"decomposition": "sweep"}.get(proof["strategy"], "decomposition")
        case "blocks":
            base["blocks"] = rng.choice(["grown", "shared", 1, 2, 5, base["widths"][0]])
        case "kept digest":
            base["kept_sha256"] = base["kept_sha256"][::-1]
