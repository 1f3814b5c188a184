"""What was asked, as results and `certify show` say it: the claim, the networks it is about, a ticket's sizes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from certify.base.activation import RELU, activation_name
from certify.certificate.equivalence import Equivalence, NamedFile, PrunedBase, Right
from certify.certificate.exact_ticket import Subject
from certify.certificate.parts import digest
from certify.certificate.sizes import sizes
from certify.certificate.statement import AnySubject
from certify.network.target import Target

if TYPE_CHECKING:
    from certify.base.law import Construction
    from certify.network.arrays.file import File
    from certify.proof.claim import Claim

CONSTRUCTIONS: dict[Construction, str] = {
    "theorem-1": "pairs (Theorem 1)",
    "theorem-2": "copies (Theorem 2)",
    "binary": "binary",
}
"""What stands for a layer of the target, in words."""


def claim(subject: AnySubject, proved: Claim) -> dict[str, Any]:
    """Return what was to be proved, and on which box."""
    box = {
        "low": _bound(proved.low),
        "high": _bound(proved.high),
        "points": [list(factor) for factor in proved.point_factors],
    }
    return {**networks(subject), **box}


def networks(subject: AnySubject) -> dict[str, Any]:
    """Return the relation, and what it is between."""
    if isinstance(subject, Equivalence):
        return {
            "relation": subject.relation.name,
            "bound": subject.relation.bound if subject.relation.name == "within" else None,
            "left": _file(subject.left),
            "right": right(subject.right),
            "whole_box": subject.is_whole,
        }
    return {
        "relation": "equal",
        "target": subject.name,
        "sha256": subject.sha256,
        "conversion": conversion(subject.file),
    }


def right(source: Right) -> dict[str, Any]:
    """Return what is compared with the left file: another, or a pruned base network's files."""
    if isinstance(source, NamedFile):
        return _file(source)
    files = source.source
    return {
        "base": [_digest(file) for file in files.files],
        "layout": None if files.layout is None else _digest(files.layout),
        "round_to": files.round_to,
        "rounded": source.base.rounded,
        "seed": files.seed,
    }


def _file(source: NamedFile) -> dict[str, Any]:
    return {"name": source.name, "sha256": source.sha256, "conversion": conversion(source.file)}


def _digest(file: File) -> dict[str, str]:
    return {"name": file.name, "sha256": digest(file.data)}


def conversion(file: Target) -> dict[str, str] | None:
    """Return how a model became a network, and between which of its tensors; None for a network."""
    if file.conversion is None:
        return None
    said = asdict(file.conversion)
    return {name: value for name, value in said.items() if name != "notes" and (value or name != "input_grid")}


def ticket(subject: AnySubject) -> dict[str, Any]:
    """Return the base network's name, where it has one, and the ticket's sizes; nothing where there is no ticket."""
    if isinstance(subject, Subject):
        base = subject.base
        return {
            "seed": base.seed,
            "construction": CONSTRUCTIONS[base.construction],
            "blocks": subject.blocks,
            "widths": list(base.widths),
            "precisions": [precision.kept for precision in base.precisions],
            **({} if base.activation == RELU else {"activation": activation_name(base.activation)}),
            **asdict(sizes(subject.target, subject.masks)),
        }
    if isinstance(subject.right, PrunedBase):
        return asdict(sizes(subject.left.network, subject.right.masks))
    return {}


def what_is_missing(subject: AnySubject) -> str:
    """Return what a claim is less than equality on the whole box, in words; nothing where it is that."""
    if isinstance(subject, Subject):
        return ""
    relation = subject.relation
    weaker = {"equal": "", "within": f"outputs within {relation.bound}", "argmax": "the same argmax"}[relation.name]
    part = "" if subject.is_whole else "a part of the box"
    return " on ".join(said for said in (weaker, part) if said) if weaker else part and f"equality on {part}"


def _bound(values: Sequence[int]) -> int | list[int]:
    return values[0] if len(set(values)) == 1 else list(values)
