"""Relations between two networks, in plain Python from their documents."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypeAlias

import mutants
import naive

from certify.network.model import Network
from certify.proof.claim import Relation

Seen: TypeAlias = tuple[tuple[int, ...] | None, int, int]


def look(left: Network, right: Network, points: Iterable[tuple[int, ...]], relation: Relation) -> Seen:
    """The first point on which the relation fails, the largest gap up to it, and how many points that took."""
    ours, theirs = mutants.document_of(left), mutants.document_of(right)
    finer = max(naive.output_precision_bits(ours), naive.output_precision_bits(theirs))
    largest = count = 0
    for point in points:
        count += 1
        a, b = (
            [value << finer - naive.output_precision_bits(document) for value in naive.evaluate(document, point)]
            for document in (ours, theirs)
        )
        largest = max(largest, *(abs(x - y) for x, y in zip(a, b, strict=True)))
        apart = a.index(max(a)) != b.index(max(b)) if relation.name == "argmax" else None
        if largest > relation.bound if apart is None else apart:
            return point, largest, count
    return None, largest, count
