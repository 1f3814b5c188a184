"""Lies that only drawing and proving again uncovers, signed by the trusted key: exit 1, never 0.

A liar who changes a mask, a seed or a target and leaves the rest is refuted by a witness, or contradicted by what the
audit recomputes. One who recomputes everything but the verdict is refuted all the same.
"""

from __future__ import annotations

import dataclasses
import itertools
import json
from functools import cache

import naive
import numpy as np
import pytest
from program import (
    TINY,
    b64,
    changed,
    issued,
    sha256,
    signed,
    signing_key,
    statement,
    target_bytes,
    trust_line,
)
from verdicts import only_the_decomposition

from certify.base.draw import kept_digest
from certify.base.law import Precision
from certify.base.mask import from_bits
from certify.base.prune import prune
from certify.certificate import exact_ticket as module
from certify.certificate import mask_codec
from certify.certificate.exact_ticket import Subject
from certify.certificate.signatures import sign
from certify.issue import Options
from certify.network.reader import read_network
from certify.network.target import Target
from certify.network.writer import write_network
from certify.proof.claim import Verdict
from certify.proof.prover import prove
from certify.ticket import find_ticket

ALICE = signing_key(1)
WIDE = changed("input", "low", to=-(2**40))  # a grid too large to sweep


def audited(program, data):
    program.write("c.json", data)
    program.write("alice.pub", trust_line(ALICE))
    return program("audit", "c.json", "--trust", "alice.pub", "--format", "json")


def bits(mask):
    kept = np.zeros(mask.shape, dtype=np.bool_)
    kept[mask.rows(), mask.columns] = True
    return kept


def with_mask(said, index, mask):
    data = mask_codec.encode(mask)
    said["predicate"]["masks"][index] = {"data": b64(data), "sha256": sha256(data)}
    return said


def flip(mask, row, column):
    kept = bits(mask)
    kept[row, column] ^= True
    return from_bits(kept)


def lying(subject):
    """The payload of someone who recomputes everything and lies about the verdict."""
    ticket = prune(subject.target, subject.base, subject.masks)
    proof = dataclasses.replace(issued().proof, verdict=Verdict.PROVED)
    return module.build(subject, kept_digest(ticket.matrices), proof, {})


def assert_witness_replays(witness, target, ticket):
    """The witness, in plain Python on the documents of both networks."""
    left, right = (
        naive.evaluate(json.loads(write_network(network)), witness["input"]) for network in (target, ticket)
    )
    assert witness["left"] == left
    assert witness["right"] == right
    assert left != right or target.output_precision_bits() != ticket.output_precision_bits()
    low, high = target.input.low, target.input.high
    assert all(a <= x <= b for a, x, b in zip(low, witness["input"], high, strict=True))


SUBJECT = issued().subject
POSITIONS = [
    (index, row, column)
    for index, mask in enumerate(SUBJECT.masks)
    for row, column in itertools.islice(np.ndindex(*mask.shape), 0, None, max(1, mask.shape[0] * mask.shape[1] // 12))
]


@pytest.mark.parametrize(("index", "row", "column"), POSITIONS)
def test_one_mask_bit(certify, index, row, column):
    mask = flip(SUBJECT.masks[index], row, column)
    ran = audited(certify, signed(with_mask(statement(), index, mask), ALICE))
    assert ran.code == ran.result["exit_code"] == 1
    if ran.result["verdict"] == "refuted":
        masks = (*SUBJECT.masks[:index], mask, *SUBJECT.masks[index + 1 :])
        assert_witness_replays(ran.result["witness"], SUBJECT.target, prune(SUBJECT.target, SUBJECT.base, masks))
    else:
        assert ran.result["error"]["place"].startswith("payload.predicate.")


def test_kept_mask_bits_matter(certify):
    """Every bit that is kept for an output is needed: without it, the witness is found."""
    mask = SUBJECT.masks[3]
    row, column = int(mask.rows()[0]), int(mask.columns[0])
    ran = audited(certify, signed(with_mask(statement(), 3, flip(mask, row, column)), ALICE))
    assert (ran.code, ran.result["verdict"], ran.result["trusted"]) == (1, "refuted", True)
    assert set(ran.result["witness"]) == {"input", "left", "right"}
    text = certify("audit", "c.json", "--trust", "alice.pub")
    assert (text.code, text.err) == (1, "")
    lines = text.out.splitlines()
    assert lines[0].startswith(
        "refuted: c.json: whether tiny.json equals its pruned random network on all 5^2 input points"
    )
    assert [line for line in lines if line.startswith("  witness")] == [
        f"  witness      input ({', '.join(map(str, ran.result['witness']['input']))})"
    ]


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("seed",), "another"),
        (("precisions", 1), {"drawn": 2, "kept": 1}),
        (("precisions", 1), {"drawn": 2, "kept": 2}),
    ],
    ids=["seed", "precision-drawn", "precision"],
)
def test_other_base_network(certify, path, value):
    said = statement()
    node = said["predicate"]["base"]
    for key in path[:-1]:
        node = node[key]
    assert node[path[-1]] != value
    node[path[-1]] = value
    ran = audited(certify, signed(said, ALICE))
    assert (ran.code, ran.result["verdict"]) == (1, "refuted")


def test_other_quantization(certify):
    """Where δ_in is finer than δ the operator matters."""
    target = read_network(target_bytes())
    ticket = find_ticket(target, "0", precisions=(Precision(3, 1),) * 2)
    pruned = prune(target, ticket.base, ticket.masks)
    proof = prove(target, pruned)
    subject = Subject("tiny.json", Target(target_bytes(), target), ticket.base, ticket.blocks, ticket.masks)
    payload = module.build(subject, kept_digest(pruned.matrices), proof, {})
    assert audited(certify, sign(payload, ALICE)).code == 0
    said = json.loads(payload)
    said["predicate"]["base"]["quantization"] = "toward_zero"
    ran = audited(certify, signed(said, ALICE))
    assert (ran.code, ran.result["verdict"]) == (1, "refuted")


WEIGHTS = [
    (layer, row, column)
    for layer, entry in enumerate(TINY["layers"])
    for row, values in enumerate(entry["weights"])
    for column in range(len(values))
]


@pytest.mark.parametrize(("layer", "row", "column"), WEIGHTS)
def test_target_changed_in_one_weight(certify, layer, row, column):
    """The target's bytes are exchanged, its digest with them, and the ticket is the old one's."""
    weight = TINY["layers"][layer]["weights"][row][column]
    other = changed("layers", layer, "weights", row, column, to=weight - 1 if weight > 0 else weight + 1)
    said = statement()
    said["subject"][0]["digest"]["sha256"] = sha256(target_bytes(other))
    said["predicate"]["target"]["bytes"] = b64(target_bytes(other))
    ran = audited(certify, signed(said, ALICE))
    assert not naive.equal_on_grid(other, TINY)
    assert (ran.code, ran.result["verdict"]) == (1, "refuted")


OTHER_TARGETS = {
    "bias": changed("layers", 0, "bias", to=[1, 5]),
    "rounding": changed("layers", 0, "then", 1, "rounding", to="half_up"),
    "shift": changed("layers", 0, "then", 1, "shift", to=1),
    "step": changed("layers", 0, "then", to=[]),
    "box": changed("input", "high", to=9),
}


@pytest.mark.parametrize("name", OTHER_TARGETS)
def test_other_target(certify, name):
    other = OTHER_TARGETS[name]
    said = statement()
    said["subject"][0]["digest"]["sha256"] = sha256(target_bytes(other))
    said["predicate"]["target"]["bytes"] = b64(target_bytes(other))
    assert audited(certify, signed(said, ALICE)).code == 1


@pytest.mark.parametrize("index", range(4))
def test_lying_builder(certify, index):
    """Everything recomputed for the changed ticket, the verdict alone a lie."""
    mask = SUBJECT.masks[index]
    row, column = int(mask.rows()[0]), int(mask.columns[0])
    masks = (*SUBJECT.masks[:index], flip(mask, row, column), *SUBJECT.masks[index + 1 :])
    subject = dataclasses.replace(SUBJECT, masks=masks)
    ran = audited(certify, sign(lying(subject), ALICE))
    assert (ran.code, ran.result["verdict"], ran.result["trusted"]) == (1, "refuted", True)
    assert_witness_replays(ran.result["witness"], subject.target, prune(subject.target, subject.base, masks))


@cache
def unprovable():
    """A ticket on a grid too large to sweep, one of whose units keeps two inputs that no output reads.

    It equals its target, and the decomposition cannot say so: condition 1 fails, and no point is there to differ on.
    """
    for seed in range(100):
        subject = issued(WIDE, Options(str(seed))).subject
        first, read = bits(subject.masks[0]), bits(subject.masks[1]).any(axis=0)
        for unit in np.flatnonzero(~read):
            before, after = first[:unit].any(axis=0), first[unit + 1 :].any(axis=0)
            if not before[1:].any() and not after[0]:  # between the blocks of inputs 0 and 1
                first[unit, :2] = True
                return dataclasses.replace(subject, masks=(from_bits(first), *subject.masks[1:]))
    raise AssertionError("no seed leaves a unit unread there")


def test_undecided(certify, monkeypatch):
    """What cannot be proved and has no witness is neither refuted nor invalid: exit 3 with the reason."""
    only_the_decomposition(monkeypatch)
    ran = audited(certify, sign(lying(unprovable()), ALICE))
    assert ran.code == ran.result["exit_code"] == 3
    assert (ran.result["verdict"], ran.result["trusted"], ran.result["witness"]) == ("undecided", True, None)
    assert "condition 1: pair 0: hidden unit" in ran.result["reason"]
    assert ran.result["reason"].endswith("; nothing else was tried")
    text = certify("audit", "c.json", "--trust", "alice.pub", "-q")
    assert (text.code, text.err) == (3, "")
    assert text.out.startswith("undecided: c.json: whether tiny.json equals its pruned random network on all ")
    assert "condition 1" in text.out
