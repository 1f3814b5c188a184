"""Masks: bytes that are none, bytes that are none of this network, and masks that keep something else.

A mask is, row by row, how many columns are kept and the gaps between them, in unsigned LEB128. TINY's first pair of
matrices has 73 units: mask 0 is 73 × 4 (two inputs, two constant lines), mask 1 is 2 × 73.
"""

from __future__ import annotations

import json
from collections.abc import Callable

from conformance import making
from conformance.case import Case, invalid, refuted
from conformance.making import lie_in, put, signed_statement, statement, with_mask
from program import TINY, b64, sha256

from certify.certificate import mask_codec
from certify.issue import Options

MASKS = "payload.predicate.masks"


def cases() -> list[Case]:
    """Return them all."""
    return [*_numbers(), *_rows(), *_forms(), *_others()]


def _numbers() -> list[Case]:
    """Mask 3 is four rows of gaps: 2 (13, 7) · 2 (42, 14) · 2 (1, 14) · 2 (2, 32)."""
    forms = {
        "gap_not_minimal": ("a gap in two bytes that fits one", _replaced(1, b"\x8d\x00")),
        "count_not_minimal": ("a count in two bytes that fits one", _replaced(0, b"\x82\x00")),
        "gap_of_zero": ("a gap of 0 would keep a column twice", _replaced(1, b"\x00")),
        "gap_past_the_end": ("a gap beyond all columns", _replaced(1, b"\x7f")),
        "gap_of_2_63": ("a gap that is negative in 64 bits", _replaced(1, b"\x80" * 9 + b"\x01")),
        "gap_of_2_64_and_13": (
            "a gap that wraps around to the true one",
            _replaced(1, b"\x8d" + b"\x80" * 8 + b"\x02"),
        ),
        "gap_of_two_kilobytes": (
            "a number that does not end for two kilobytes",
            _replaced(1, b"\xff" * 2048 + b"\x01"),
        ),
        "columns_past_the_end": ("gaps that add up to a column beyond the last", _replaced(2, b"\x30")),
        "cut_short": ("the last number does not end", lambda data: data[:-1] + bytes([data[-1] | 0x80])),
        "continued": ("the last gap is missing", lambda data: data[:-1]),
        "of_one_byte_that_goes_on": ("a number that never ends", lambda _: b"\x80"),
    }
    return [
        invalid(f"mask_{name}", f"{why}: a mask has one form only.", with_mask(3, change), f"{MASKS}[3].data")
        for name, (why, change) in forms.items()
    ]


def _replaced(index: int, number: bytes) -> Callable[[bytes], bytes]:
    """Another number in the place of the one-byte number at an index."""
    return lambda data: data[:index] + number + data[index + 1 :]


def _rows() -> list[Case]:
    forms = {
        "empty": ("there are no rows", 3, lambda _: b""),
        "rows_too_few": ("the last row is missing", 3, lambda data: data[:-3]),
        "rows_too_many": ("a fifth row of an output that is not there", 3, lambda data: data + b"\x00"),
        "rows_too_many_that_keep": ("a fifth row, which keeps a column", 3, lambda data: data + b"\x01\x01"),
        "count_too_large": ("a row that keeps more columns than there are", 0, _replaced(0, b"\x05")),
        "count_of_what_follows": ("a row whose count takes in the rows that follow", 3, _replaced(0, b"\x0b")),
        "count_huge": ("a count of 2^62", 3, _replaced(0, b"\xff" * 8 + b"\x3f")),
        "of_zeros": ("a thousand empty rows", 3, lambda _: bytes(1000)),
    }
    return [
        invalid(f"mask_{name}", f"{why}.", with_mask(index, change), f"{MASKS}[{index}].data")
        for name, (why, index, change) in forms.items()
    ]


def _forms() -> list[Case]:
    data = statement()["predicate"]["masks"][3]["data"]
    digest = statement()["predicate"]["masks"][3]["sha256"]
    return [
        invalid(
            "mask_digest_wrong",
            "the digest is not that of the bytes.",
            lie_in("masks", 3, "sha256", to=making.NOBODY),
            f"{MASKS}[3].sha256",
        ),
        invalid(
            "mask_digest_in_capitals",
            "a digest is written in lower case.",
            lie_in("masks", 3, "sha256", to=digest.upper()),
            f"{MASKS}[3].sha256",
        ),
        invalid(
            "mask_digest_with_a_line_end",
            "a digest has 64 characters, no more.",
            lie_in("masks", 3, "sha256", to=digest + "\n"),
            f"{MASKS}[3].sha256",
        ),
        invalid(
            "mask_base64_with_a_line_end",
            "base64 has one form.",
            lie_in("masks", 3, "data", to=data + "\n"),
            f"{MASKS}[3].data",
        ),
        invalid(
            "mask_base64_without_padding",
            "base64 has its padding.",
            lie_in("masks", 0, "data", to=statement()["predicate"]["masks"][0]["data"].rstrip("=")),
            f"{MASKS}[0].data",
        ),
        invalid(
            "mask_missing",
            "there are three masks for four matrices.",
            lie_in("masks", to=lambda masks: masks[:3]),
            MASKS,
        ),
        invalid("mask_none", "there are no masks.", lie_in("masks", to=[]), MASKS),
        invalid(
            "mask_more",
            "a fifth mask for a matrix that is not there.",
            lie_in("masks", to=lambda masks: [*masks, masks[3]]),
            MASKS,
        ),
        invalid(
            "mask_with_a_shape",
            "a shape follows from target and widths, and is not for a mask to say.",
            lie_in("masks", 3, to=lambda mask: mask | {"shape": [4, 56]}),
            f"{MASKS}[3]",
        ),
        invalid(
            "mask_in_a_list",
            "a mask is base64, not a list of columns.",
            lie_in("masks", 3, "data", to=[[12, 19]]),
            f"{MASKS}[3].data",
        ),
    ]


def _others() -> list[Case]:
    masks = statement()["predicate"]["masks"]
    other = json.loads(making.payload_for(TINY, Options("1")))["predicate"]["masks"]
    first = mask_codec.encode(making.tiny_masks()[3])
    return [
        invalid(
            "masks_in_another_order",
            "masks stand in the order of their matrices.",
            lie_in("masks", to=[masks[1], masks[0], *masks[2:]]),
            f"{MASKS}[0].data",
        ),
        invalid(
            "masks_of_another_seed",
            "the masks are of a true ticket for the same target in another seed's network, whose widths differ.",
            lie_in("masks", to=other),
            f"{MASKS}[0].data",
        ),
        refuted(
            "mask_with_an_edge_less",
            "an output lost one of its edges, and the digest is right: there are points where outputs differ.",
            with_mask(3, b"\x01" + first[1:2] + first[3:]),
        ),
        refuted(
            "mask_with_an_edge_elsewhere",
            "an output keeps the next column, whose weight is another.",
            with_mask(3, first[:2] + bytes([first[2] + 1]) + first[3:]),
        ),
        refuted(
            "mask_with_rows_exchanged",
            "two outputs have each other's edges.",
            with_mask(3, first[3:6] + first[:3] + first[6:]),
        ),
        refuted("mask_of_nothing", "nothing is kept: all outputs are 0.", with_mask(3, bytes(4))),
        invalid(
            "mask_with_an_edge_that_nobody_reads",
            "a hidden unit that no output reads keeps an edge more: it changes nothing but what is kept.",
            signed_statement(_with_idle_edge()),
            "payload.predicate.base.kept_sha256",
        ),
    ]


def _with_idle_edge() -> object:
    """TINY's statement with the first unit, which keeps nothing and which nothing reads, on the first input."""
    data = mask_codec.encode(making.tiny_masks()[0])
    assert data[0] == 0
    assert 0 not in making.tiny_masks()[1].columns
    data = b"\x01\x01" + data[1:]
    return put(statement(), "predicate", "masks", 0, to={"data": b64(data), "sha256": sha256(data)})
