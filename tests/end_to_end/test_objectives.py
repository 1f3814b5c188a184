"""`--objective` and `--kept-per-weight`, from the target to the audit."""

from __future__ import annotations

import json
from collections import Counter

import pytest
from program import payload_of, signed, signing_key, trust_line

from certify.base.draw import kept_weights
from certify.certificate import envelope, statement

pytestmark = pytest.mark.compiled

ALICE = signing_key(1)
TARGET = {
    "format": "certify.network/1",
    "name": "wide",
    "input": {"shape": [6], "low": -3, "high": 4, "precision_bits": 0},
    "layers": [
        {
            "op": "dense",
            "precision_bits": 4,
            "weights": [[3, -16, 0, 7, 1, 9], [5, 5, -2, 11, -13, 4], [0, 1, 2, -3, 4, -5]],
            "bias": [0, 100, -7],
            "then": [{"op": "relu"}],
        },
        {"op": "dense", "precision_bits": 4, "weights": [[1, -2, 3], [4, 0, -16]]},
    ],
}


@pytest.fixture
def program(certify):
    certify.write("target.json", json.dumps(TARGET))
    certify.write("key.pem", ALICE.to_pem())
    return certify


def proved(program, *arguments):
    ran = program("target.json", "--key", "key.pem", "-o", "c.json", "--format", "json", *arguments)
    assert ran.code == 0, ran.err
    audited = program("audit", "c.json", "--any-signer", "--format", "json")
    assert audited.code == 0, audited.err
    ticket = json.loads(ran.out)["ticket"]
    assert json.loads(audited.out)["ticket"] == ticket
    return ticket


def test_width(program):
    """The fewest units; the text says how they were shared out."""
    grown, shared = proved(program), proved(program, "--objective", "width")
    assert (grown["blocks"], shared["blocks"]) == ("grown", "shared")
    assert sum(shared["widths"]) * 3 < sum(grown["widths"]) * 2
    text = program("target.json", "--key", "key.pem", "-o", "c.json", "--objective", "width").out
    assert "(units shared out)" in text


def test_sparsest_is_the_default(program):
    assert proved(program) == proved(program, "--objective", "sparsest")
    assert proved(program)["kept"] < proved(program, "--objective", "first")["kept"]


@pytest.mark.parametrize("more", [[], ["--exactly"], ["--objective", "width"]], ids=["at most", "exactly", "width"])
def test_kept_per_weight(program, more):
    proved(program, "--kept-per-weight", "2", *more)
    kept = set(edges_of_each_weight(subject(program)))
    assert kept == {2} if "--exactly" in more else max(kept) == 2


def subject(program):
    return statement.read(envelope.read((program.folder / "c.json").read_bytes()).payload).subject


def edges_of_each_weight(read):
    """How many edges the first pair keeps for each output, column and half that has any."""
    first, second = (kept_weights(read.base, matrix, read.masks[matrix]) for matrix in (0, 1))
    owner = dict(zip(first.row_of_entry().tolist(), first.columns.tolist(), strict=True))
    sign = dict(zip(first.row_of_entry().tolist(), (first.values > 0).tolist(), strict=True))
    taken = zip(second.row_of_entry().tolist(), second.columns.tolist(), strict=True)
    return Counter((row, owner[unit], sign[unit]) for row, unit in taken).values()


@pytest.mark.parametrize("said", ["grown", 40], ids=["grown", "fixed"])
def test_shared_units_that_are_said_to_be_something_else(program, said):
    proved(program, "--objective", "width")
    document = payload_of((program.folder / "c.json").read_bytes())
    document["predicate"]["base"]["blocks"] = said
    program.write("lie.json", signed(document, ALICE))
    program.write("alice.pub", trust_line(ALICE))
    ran = program("audit", "lie.json", "--trust", "alice.pub")
    assert ran.code == 1
    assert "predicate.masks[0]: expected grown blocks" in ran.err or "predicate.base.widths[0]: expected" in ran.err


def test_blocks_that_are_said_to_be_shared(program):
    """Grown blocks are a way to share units out, but not what is said of this seed and these options."""
    proved(program)
    document = payload_of((program.folder / "c.json").read_bytes())
    document["predicate"]["base"]["blocks"] = "shared"
    program.write("other.json", signed(document, ALICE))
    assert program("audit", "other.json", "--any-signer").code == 0
