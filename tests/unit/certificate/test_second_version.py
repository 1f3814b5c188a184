"""Statements of copies and of binary tickets: what is read builds the same, and digests go by the masks."""

from __future__ import annotations

import hashlib
import json
import struct
from functools import cache

import by_hand
import naive_base
import pytest

from certify.certificate.audit import build, question
from certify.certificate.canonical import canonical
from certify.certificate.exact_ticket import check_limits
from certify.certificate.statement import read
from certify.errors import InputError, InvalidCertificateError
from certify.issue import decide
from certify.proof.prover import Budget

MAKERS = {"theorem-2": by_hand.copied, "binary": by_hand.binary}


@cache
def made(construction):
    return decide(MAKERS[construction]())


def statement(construction):
    return json.loads(made(construction).payload)


@pytest.mark.parametrize("construction", MAKERS)
def test_what_is_read_builds_the_same(construction):
    issued = made(construction)
    said = read(issued.payload)
    assert said.subject.base == issued.subject.base
    assert said.subject.base.construction == construction
    ticket = question(said.subject)[1]
    assert build(said.subject, ticket, issued.proof, Budget(), said.versions) == issued.payload
    assert statement(construction)["predicateType"] == "urn:certify:exact-ticket:v2"


@pytest.mark.parametrize("construction", MAKERS)
def test_the_digest_of_kept_weights_goes_by_the_masks(construction):
    """Constant lines stand between copies in a mask, and after all of them in the network."""
    subject, digest = made(construction).subject, hashlib.sha256()
    key = naive_base.key_of_seed(subject.base.seed)
    for number, mask in enumerate(subject.masks):
        for row, column in zip(mask.rows().tolist(), mask.columns.tolist(), strict=True):
            word = naive_base.word_at(key, number, row, column, 0)
            bits = subject.base.precisions[max(0, number - 1) if construction == "theorem-2" else 0].kept
            signs = construction == "binary"
            weight = naive_base.sign_of_word(word) if signs else naive_base.nonzero_weight_of_word(word, bits)
            digest.update(struct.pack("<i", weight))
    assert statement(construction)["predicate"]["base"]["kept_sha256"] == digest.hexdigest()


def test_sizes_are_those_of_all_matrices():
    sizes = statement("theorem-2")["predicate"]["sizes"]
    pair, copies, lines = by_hand.copied().base.widths[0], 16, 2
    first = pair * (2 + lines) + copies * pair
    assert sizes["base_parameters"] == first + copies * 8 * (2 + lines) + 8 * (2 + 1)
    assert sizes["lower_bound"] == 27  # 9^4·5^6 is above 2^26


@pytest.mark.parametrize(
    ("width", "place", "says"),
    [
        (2**19, "masks[1].data", "expected 524288 rows, found"),
        (2**24, "base.widths", "copies and their constant lines"),
    ],
)
def test_shapes_alone_ask_for_nothing(width, place, says):
    """A matrix of millions of rows, another of as many columns, and masks that have a few bytes."""
    document = statement("theorem-2")
    document["predicate"]["base"]["widths"][1] = width
    with pytest.raises(InvalidCertificateError) as caught:
        read(canonical(document))
    assert caught.value.place == f"payload.predicate.{place}"
    assert says in caught.value.problem


def test_what_is_not_read_is_not_written():
    subject = by_hand.copied()
    wide = [type(mask)((mask.shape[0], 2**24), mask.start, mask.columns) for mask in subject.masks]
    with pytest.raises(InputError, match="at most 4194304 copies and their constant lines"):
        check_limits(type(subject)(subject.name, subject.file, subject.base, subject.blocks, tuple(wide)))


def test_blocks_are_those_of_the_pair():
    document = statement("theorem-2")
    document["predicate"]["base"]["blocks"] = 3
    with pytest.raises(InvalidCertificateError, match=r"widths\[0\]: expected 4 blocks of 3 units, found 78"):
        read(canonical(document))
