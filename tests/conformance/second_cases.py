"""Tickets of the second version: of copies (Theorem 2) and of ±1 (binary), and what is refused of them."""

from __future__ import annotations

import json
from functools import cache
from typing import Any

import by_hand
import numpy as np
from conformance import making
from conformance.case import OPERATORS, Case, accepted, invalid, needing, refuted
from conformance.making import put, signed, signed_statement
from program import target_bytes

from certify.base.draw import random_weights
from certify.base.law import Precision
from certify.base.mask import Mask, from_positions
from certify.certificate.exact_ticket import Subject
from certify.certificate.form import EXACT_TICKET, EXACT_TICKET_2
from certify.issue import decide

PREDICATE = "payload.predicate"
BASE = f"{PREDICATE}.base"
FEW = 5
"""So few copies of each neuron that some cannot be made."""
CONVOLUTION = {
    "format": "certify.network/1",
    "input": {"shape": [1, 1, 2], "low": -2, "high": 2, "precision_bits": 2},
    "layers": [{"op": "conv2d", "kernel": [1, 1], "precision_bits": 1, "weights": [[1, 2]]}],
}


def cases() -> list[Case]:
    """Return them all."""
    return [*_true(), *_types(), *_of_copies(), *_of_signs(), *_masks()]


@cache
def _payload(subject: Subject) -> bytes:
    return making.with_versions(decide(subject))


@cache
def _binary() -> Subject:
    return by_hand.binary()


@cache
def _copied() -> Subject:
    return by_hand.copied()


@cache
def _few() -> Subject:
    return by_hand.copied(copies=FEW)


def _said(subject: Subject) -> Any:
    return json.loads(_payload(subject))


def _lie(subject: Subject, *path: Any, to: Any) -> bytes:
    """A certificate of a true statement with one value within the predicate replaced."""
    return signed_statement(put(_said(subject), "predicate", *path, to=to))


def _true() -> list[Case]:
    first = by_hand.SECOND | {"layers": by_hand.SECOND["layers"][:1]}
    return [
        accepted("binary_ticket", "a ticket of weights ±1.", signed(_payload(_binary()))),
        accepted("copies_ticket", "a ticket of copies, eight of every neuron.", signed(_payload(_copied()))),
        accepted(
            "copies_some_of_them_dead",
            "a copy that cannot be made keeps nothing, and nobody reads it.",
            signed(_payload(_few())),
        ),
        accepted(
            "copies_of_a_single_layer",
            "the last layer is not copied, and the first is a pair: of one layer a pair is all there is.",
            signed(_payload(by_hand.copied(first))),
        ),
    ]


def _types() -> list[Case]:
    pairs, construction = making.statement(), f"{BASE}.construction"
    second = put(pairs, "predicateType", to=EXACT_TICKET_2)
    return [
        invalid(
            "binary_in_v1",
            "v1 is of Theorem 1's pairs.",
            signed_statement(put(_said(_binary()), "predicateType", to=EXACT_TICKET)),
            construction,
        ),
        invalid(
            "copies_in_v1",
            "v1 is of Theorem 1's pairs.",
            signed_statement(put(_said(_copied()), "predicateType", to=EXACT_TICKET)),
            construction,
        ),
        invalid(
            "pairs_in_v2", "a ticket of pairs has one form, which is v1.", signed_statement(second), construction
        ),
        invalid(
            "pairs_called_binary",
            "signs have no bits after the point, and these weights have one.",
            signed_statement(put(second, "predicate", "base", "construction", to="binary")),
            f"{BASE}.precisions",
        ),
        invalid(
            "pairs_called_copies",
            "a matrix that reads copies needs δ_t ≥ δ, where a pair needs δ_t ≥ δ².",
            signed_statement(put(second, "predicate", "base", "construction", to="theorem-2")),
            f"{BASE}.precisions",
        ),
        *needing([_of_a_convolution(construction)], OPERATORS),
    ]


def _of_a_convolution(place: str) -> Case:
    said = making.with_target(target_bytes(CONVOLUTION), _said(_copied()))
    why = "Theorem 2 is about chains of dense layers."
    return invalid("copies_of_a_convolution", why, signed_statement(said), place)


def _of_copies() -> list[Case]:
    said = _said(_copied())["predicate"]
    widths, precisions, masks = said["base"]["widths"], said["base"]["precisions"], said["masks"]
    coarse = {"drawn": 0, "kept": 0}
    return [
        invalid(name, f"{why}.", _lie(_copied(), *path, to=to), f"{PREDICATE}.{place}")
        for name, why, path, to, place in (
            ("copies_widths_too_few", "every layer has a width", ["base", "widths"], widths[:2], "base.widths"),
            (
                "copies_widths_too_many",
                "every layer has one width, and the last is not copied",
                ["base", "widths"],
                [*widths, 1],
                "base.widths",
            ),
            (
                "copies_precisions_too_few",
                "every layer has a precision",
                ["base", "precisions"],
                precisions[:2],
                "base.precisions",
            ),
            (
                "copies_precision_too_coarse",
                "a matrix that reads copies needs δ_t ≥ δ",
                ["base", "precisions", 2],
                coarse,
                "base.precisions",
            ),
            (
                "copies_precision_of_the_pair_too_coarse",
                "the first layer is a pair, which needs δ_t ≥ δ²",
                ["base", "precisions", 0],
                coarse,
                "base.precisions",
            ),
            (
                "copies_that_are_not_whole",
                "a layer of two neurons has no seventeenth unit",
                ["base", "widths", 1],
                widths[1] + 1,
                "base.widths[1]",
            ),
            (
                "copies_more_than_rows",
                "one copy more of a layer than its mask has rows for",
                ["base", "widths", 1],
                widths[1] + 2,
                "masks[1].data",
            ),
            (
                "copies_too_many",
                "millions of copies, and of the constant lines beside them",
                ["base", "widths", 1],
                2**24,
                "base.widths",
            ),
            ("copies_mask_missing", "there are three masks for four matrices", ["masks"], masks[:3], "masks"),
            (
                "copies_masks_of_pairs",
                "there are six masks, as if every layer were a pair",
                ["masks"],
                [*masks, *masks[2:]],
                "masks",
            ),
            (
                "copies_size_wrong",
                "the base network has the weights of four matrices",
                ["sizes", "base_parameters"],
                said["sizes"]["base_parameters"] + 1,
                "sizes.base_parameters",
            ),
            (
                "copies_kept_digest_wrong",
                "the digest is not that of the weights the seed draws, in the order of the masks",
                ["base", "kept_sha256"],
                making.NOBODY,
                "base.kept_sha256",
            ),
        )
    ]


def _of_signs() -> list[Case]:
    bit = {"drawn": 1, "kept": 1}
    return [
        invalid(
            "binary_precision_of_a_bit",
            "a sign has no bits after the point.",
            _lie(_binary(), "base", "precisions", 1, to=bit),
            f"{BASE}.precisions",
        ),
        invalid(
            "binary_precision_drawn_finer",
            "a sign is not drawn more finely than it is kept.",
            _lie(_binary(), "base", "precisions", 1, to=bit | {"kept": 0}),
            f"{BASE}.precisions",
        ),
        invalid(
            "binary_count_wrong",
            "there are not so many obligations.",
            _lie(_binary(), "proof", "obligations", "weight", "count", to=lambda count: count + 1),
            f"{PREDICATE}.proof.obligations.weight.count",
        ),
        refuted(
            "binary_of_another_law",
            "an edge is kept that would be 0 if weights were -1, 0 and 1.",
            signed_statement(_with_mask(_said(_binary()), 1, _with_a_zero(_binary()))),
        ),
    ]


def _masks() -> list[Case]:
    return [
        invalid(
            "copies_with_an_edge_of_a_dead_one",
            "a copy that nobody reads keeps an edge: it changes nothing but what is kept.",
            signed_statement(_with_mask(_said(_few()), 2, _revived(_few().masks[2]))),
            f"{BASE}.kept_sha256",
        ),
        refuted(
            "copies_that_read_a_dead_one",
            "the output reads a copy that keeps nothing in the place of one that is made.",
            signed_statement(_with_mask(_said(_few()), 3, _reading(_few().masks[3], _dead(_few().masks[2])))),
        ),
        refuted(
            "copies_of_another_law",
            "the masks were chosen among weights with 0.",
            signed_statement(_drawn_otherwise(by_hand.copied(law="uniform"), _said(_copied()))),
        ),
    ]


def _with_mask(said: Any, index: int, mask: Mask) -> Any:
    return put(said, "predicate", "masks", index, to=making.mask_form(making.mask_codec.encode(mask)))


def _drawn_otherwise(subject: Subject, said: Any) -> Any:
    """A statement with the masks and widths of a ticket whose weights have another law."""
    said = put(said, "predicate", "base", "widths", to=list(subject.base.widths))
    for index, mask in enumerate(subject.masks):
        said = _with_mask(said, index, mask)
    return said


def _with_a_zero(subject: Subject) -> Mask:
    """The second mask with an edge more, to a unit that is kept, whose weight is 0 under the law of Definition 4."""
    units, mask = np.unique(subject.masks[0].rows()), subject.masks[1]
    weights = random_weights(subject.base.seed, 1, Precision(0, 0), "floor", 0 * units, units)
    free = (int(unit) for unit in units[weights == 0] if (0, int(unit)) not in _positions(mask))
    return _of({*_positions(mask), (0, next(free))}, mask.shape)


def _dead(mask: Mask) -> int:
    """The first row that keeps nothing."""
    rows = set(mask.rows().tolist())
    return next(row for row in range(mask.shape[0]) if row not in rows)


def _revived(mask: Mask) -> Mask:
    """The mask with an edge of its first dead row."""
    return _of({*_positions(mask), (_dead(mask), 0)}, mask.shape)


def _reading(mask: Mask, dead: int) -> Mask:
    """The last matrix's mask with an edge from a neuron moved to a copy of it that is dead; its one line is last."""
    neuron = dead % 2
    moved = next(edge for edge in sorted(_positions(mask)) if edge[1] % 3 == neuron)
    return _of({*_positions(mask) - {moved}, (0, dead // 2 * 3 + neuron)}, mask.shape)


def _positions(mask: Mask) -> set[tuple[int, int]]:
    return set(zip(mask.rows().tolist(), mask.columns.tolist(), strict=True))


def _of(positions: set[tuple[int, int]], shape: tuple[int, int]) -> Mask:
    ordered = np.array(sorted(positions))
    return from_positions(shape, ordered[:, 0], ordered[:, 1])
