"""The statement of an equivalence: one form, built and read; what reading refuses and where it says so."""

from __future__ import annotations

import copy
import dataclasses
import json

import numpy as np
import pytest
from equivalences import CLAIMS, FAR, OTHER, WIDER, WITHIN, base_bytes, equivalence, file, permuted, proved, statement
from hypothesis import given
from hypothesis import strategies as st
from program import TINY, b64, changed, sha256, target_bytes

from certify.base.claimed import BaseFiles
from certify.certificate.audit import build
from certify.certificate.canonical import canonical
from certify.certificate.equivalence import NamedFile, PrunedBase, check_names
from certify.certificate.statement import read
from certify.errors import InputError, InvalidCertificateError
from certify.network.arrays.file import File
from certify.proof.claim import Relation
from certify.proof.enumeration import Sweep
from certify.proof.prover import Budget, Maximum

NAMES = [*CLAIMS, "pruned"]
PAYLOADS = {name: proved(name).payload for name in NAMES}


@pytest.mark.parametrize("name", NAMES)
def test_what_is_read_builds_the_same(name):
    made = proved(name)
    said = read(made.payload)
    assert build(said.subject, said.subject.networks()[1], made.proof, Budget(), said.versions) == made.payload
    assert said.rlimit == Budget().remainder_rlimit
    assert said.subject.left.file.data == target_bytes()
    assert said.subject.relation == made.subject.relation
    assert (said.subject.box.low, said.subject.box.high) == (made.subject.box.low, made.subject.box.high)
    assert said.subject.is_whole == (name not in {"part", "domain"})
    assert canonical(json.loads(made.payload)) == made.payload


def test_what_it_says():
    document = statement("within")
    assert document["predicateType"] == "urn:certify:equivalence:v1"
    assert document["subject"] == [{"name": "tiny.json", "digest": {"sha256": sha256(target_bytes())}}]
    predicate = document["predicate"]
    assert set(predicate) == {"left", "right", "claim", "proof", "versions"}
    assert predicate["left"] == {"format": "certify.network/1", "bytes": b64(target_bytes())}
    right = {"format": "certify.network/1", "bytes": b64(target_bytes(OTHER)), "name": "other.json"}
    assert predicate["right"] == right
    assert predicate["claim"] == {"relation": "within", "bound": FAR + 1, "low": -2, "high": 2, "points": [[5, 2]]}
    proof = predicate["proof"]
    assert set(proof) == {"result", "strategy", "obligations", "sweep", "maximum", "rlimit"}
    assert (proof["result"], proof["strategy"], proof["maximum"]) == ("proved", "sweep", FAR)


def test_what_it_says_of_a_pruned_base():
    right = statement("pruned")["predicate"]["right"]
    assert set(right) == {"format", "base", "masks"}
    assert right["format"] == "pruned-base"
    assert right["base"] == {
        "files": [{"name": "base.json", "bytes": b64(base_bytes())}],
        "layout": None,
        "round_to": None,
        "seed": None,
        "rounded": 0,
    }
    assert len(right["masks"]) == 4


def test_the_box_is_the_common_one():
    claim = statement("part")["predicate"]["claim"]
    assert (claim["low"], claim["high"], claim["points"]) == ([-1, -2], 2, [[4, 1], [5, 1]])


@pytest.mark.parametrize("name", ["equal", "argmax"])
def test_only_within_has_a_bound_and_a_maximum(name):
    predicate = statement(name)["predicate"]
    assert (predicate["claim"]["relation"], predicate["claim"]["bound"]) == (name, None)
    assert predicate["proof"]["maximum"] is None


def test_networks():
    left, right = equivalence(WIDER).networks()
    assert (left.input.low, left.input.high) == ((-1, -2), (2, 2))
    assert right.input.high == (9, 9)


def test_pruned_network():
    found = read(PAYLOADS["pruned"]).subject
    assert isinstance(found.right, PrunedBase)
    for pruned, base, mask in zip(
        found.networks()[1].matrices, found.right.base.network.matrices, found.right.masks, strict=True
    ):
        kept = np.zeros(mask.shape, dtype=np.int64)
        kept[mask.rows(), mask.columns] = 1
        assert np.array_equal(pruned.to_dense(), base.to_dense() * kept)


def test_large_integers_are_strings():
    made = proved("within")
    subject = dataclasses.replace(made.subject, relation=Relation("within", 2**60))
    proof = dataclasses.replace(made.proof, maximum=Maximum(2**59, 0), sweep=Sweep(25, 2**70, None))
    predicate = json.loads(build(subject, subject.networks()[1], proof, Budget(), {}))["predicate"]
    assert predicate["claim"]["bound"] == str(2**60)
    assert (predicate["proof"]["maximum"], predicate["proof"]["sweep"]) == (str(2**59), {"work": str(2**70)})
    assert read(canonical(statement("within") | {"predicate": predicate})).subject.relation.bound == 2**60


def test_no_bound_found_is_none():
    made = proved("within")
    proof = dataclasses.replace(made.proof, maximum=Maximum(None, 3))
    payload = build(made.subject, made.subject.networks()[1], proof, Budget(), {})
    assert json.loads(payload)["predicate"]["proof"]["maximum"] is None


def test_the_rlimit_of_the_proof_is_in_it():
    made = proved("equal")
    payload = build(made.subject, made.subject.networks()[1], made.proof, Budget(remainder_rlimit=7), {})
    assert read(payload).rlimit == 7


def test_what_is_whole():
    same = equivalence(permuted())
    box = same.box
    assert same.is_whole
    for low, high in (((-1, -2), box.high), (box.low, (2, 1))):
        assert not dataclasses.replace(same, box=dataclasses.replace(box, low=low, high=high)).is_whole
    assert not equivalence(changed("input", "high", to=3)).is_whole


# Names.


@pytest.mark.parametrize("name", ["a/b", "", 'a"b'])
def test_names_that_a_statement_cannot_hold(name):
    with pytest.raises(InputError, match="expected a file name"):
        check_names(equivalence(permuted(), name=name))
    same = equivalence(permuted())
    with pytest.raises(InputError, match="expected a file name"):
        check_names(dataclasses.replace(same, left=NamedFile(name, same.left.file)))
    pruned = proved("pruned").subject
    for source in (BaseFiles((File(name, b""),)), BaseFiles((File("x", b""),), File(name, b""))):
        with pytest.raises(InputError, match="expected a file name"):
            check_names(dataclasses.replace(pruned, right=dataclasses.replace(pruned.right, source=source)))


def test_names_that_it_can():
    check_names(equivalence(permuted()))
    check_names(proved("pruned").subject)


# What is refused, and where it is said to be.


def put(name, *path, to):
    """A true statement with one value replaced."""
    document = copy.deepcopy(statement(name))
    node = document
    for key in path[:-1]:
        node = node[key]
    node[path[-1]] = to(node[path[-1]]) if callable(to) else to
    return document


def put_right(document):
    return put("equal", "predicate", "right", "bytes", to=b64(target_bytes(document)))


LEFT, RIGHT, CLAIM, PROOF = (("predicate", name) for name in ("left", "right", "claim", "proof"))
BASE = (*RIGHT, "base")
TALLER = changed("layers", 1, "weights", to=[[1, 1]] * 3)
REFUSED = {
    "digest of another left file": (
        put("equal", "subject", 0, "digest", "sha256", to="0" * 64),
        "subject[0].digest.sha256",
        f"expected the digest of the target's bytes, {sha256(target_bytes())}",
    ),
    "name with a folder": (put("equal", "subject", 0, "name", to="a/b"), "subject[0].name", "expected a file name"),
    "two subjects": (put("equal", "subject", to=lambda said: said * 2), "subject", "length"),
    "unknown key": (put("equal", "predicate", "note", to=1), "predicate", "`note`"),
    "left pruned": (
        put("equal", *LEFT, to=statement("pruned")["predicate"]["right"]),
        "predicate.left.format",
        "expected certify.network/1, tflite or onnx",
    ),
    "left named": (put("equal", *LEFT, "name", to="x"), "predicate.left", "`name`"),
    "right without a name": (
        put("equal", *RIGHT, to={"format": "certify.network/1", "bytes": b64(target_bytes())}),
        "predicate.right",
        "`name`",
    ),
    "right name with a folder": (put("equal", *RIGHT, "name", to="../x"), "predicate.right.name", "expected a file"),
    "right format": (put("equal", *RIGHT, "format", to="nnef"), "predicate.right.format", "on the right pruned-base"),
    "right no base64": (put("equal", *RIGHT, "bytes", to="?"), "predicate.right.bytes", "expected base64"),
    "right no JSON": (put("equal", *RIGHT, "bytes", to=b64(b"{")), "predicate.right.bytes", "expected JSON"),
    "right of other outputs": (put_right(TALLER), "predicate.right", "outputs: expected 4"),
    "right of other precision": (
        put_right(changed("input", "precision_bits", to=3)),
        "predicate.right",
        "input.precision_bits: expected 2",
    ),
    "relation unknown": (put("equal", *CLAIM, "relation", to="similar"), "predicate.claim.relation", "within"),
    "bound of equal": (put("equal", *CLAIM, "bound", to=0), "predicate.claim.bound", "expected null, as equal has"),
    "bound of argmax": (put("argmax", *CLAIM, "bound", to=1), "predicate.claim.bound", "expected null"),
    "no bound of within": (put("within", *CLAIM, "bound", to=None), "predicate.claim.bound", "expected an integer"),
    "negative bound": (
        put("within", *CLAIM, "bound", to=-1),
        "predicate.claim.bound",
        "expected 0 or more, found -1",
    ),
    "small bound as text": (put("within", *CLAIM, "bound", to="4"), "predicate.claim.bound", "expected an integer"),
    "low as text": (put("equal", *CLAIM, "low", to="-2"), "predicate.claim.low", "expected an integer"),
    "high as text": (put("part", *CLAIM, "high", to=[2, "2"]), "predicate.claim.high[1]", "expected an integer"),
    "points as text": (put("equal", *CLAIM, "points", to=[["5", 2]]), "predicate.claim.points[0][0]", "an integer"),
    "low of three": (put("equal", *CLAIM, "low", to=[0, 0, 0]), "predicate.claim.low", "for each input, 2, found 3"),
    "high of one": (put("equal", *CLAIM, "high", to=[0]), "predicate.claim.high", "for each input, 2, found 1"),
    "empty box": (
        put("equal", *CLAIM, "low", to=[-2, 3]),
        "predicate.claim.low",
        "expected low ≤ high, found 3 > 2 for input 1",
    ),
    "low outside the left box": (put("equal", *CLAIM, "low", to=-3), "predicate.claim.low", "expected -2 or more"),
    "high outside the left box": (
        put("equal", *CLAIM, "high", to=[2, 3]),
        "predicate.claim.high",
        "expected 2 or less for input 1, found 3",
    ),
    "low outside the right box": (put("part", *CLAIM, "low", to=-2), "predicate.claim.low", "expected -1 or more"),
    "high outside the right box": (
        put("part", *RIGHT, "bytes", to=b64(target_bytes(changed("input", "high", to=1)))),
        "predicate.claim.high",
        "expected 1 or less",
    ),
    "maximum as text": (put("within", *PROOF, "maximum", to="3"), "predicate.proof.maximum", "expected an integer"),
    "work as text": (put("equal", *PROOF, "sweep", to={"work": "1"}), "predicate.proof.sweep.work", "an integer"),
    "neurons": (put("equal", *PROOF, "neurons", to=1), "predicate.proof", "`neurons`"),
    "strategy": (put("equal", *PROOF, "strategy", to="faith"), "predicate.proof.strategy", "merging"),
    "no rlimit": (put("equal", *PROOF, "rlimit", to=0), "predicate.proof.rlimit", "expected"),
    "rlimit of none": (put("equal", *PROOF, "rlimit", to=2**32), "predicate.proof.rlimit", "expected"),
    "sizes": (put("pruned", "predicate", "sizes", to={}), "predicate", "`sizes`"),
    "part of the box of a pruned base": (
        put("pruned", *CLAIM, "high", to=1),
        "predicate.claim",
        "expected the left network's whole box",
    ),
    "no files": (put("pruned", *BASE, "files", to=[]), "predicate.right.base.files", "length"),
    "a file with a folder": (
        put("pruned", *BASE, "files", 0, "name", to="a/b"),
        "predicate.right.base.files[0].name",
        "expected a file name",
    ),
    "a file that is no base64": (
        put("pruned", *BASE, "files", 0, "bytes", to="?"),
        "predicate.right.base.files[0].bytes",
        "expected base64",
    ),
    "a file that is no network": (
        put("pruned", *BASE, "files", 0, "bytes", to=b64(b"{}")),
        "predicate.right.base",
        "format: expected",
    ),
    "another network": (
        put("pruned", *BASE, "files", 0, "bytes", to=b64(target_bytes())),
        "predicate.right.masks",
        "expected 2 masks, found 4",
    ),
    "a network of other inputs": (
        put("pruned", *BASE, "files", 0, "bytes", to=b64(target_bytes(changed("input", "precision_bits", to=3)))),
        "predicate.right.base",
        "input.precision_bits: expected 2",
    ),
    "a layout for a network": (
        put("pruned", *BASE, "layout", to={"name": "l.json", "bytes": b64(b"{}")}),
        "predicate.right.base",
        "expected no layout",
    ),
    "a layout with a folder": (
        put("pruned", *BASE, "layout", to={"name": "", "bytes": ""}),
        "predicate.right.base.layout.name",
        "expected a file name",
    ),
    "not the seed's": (put("pruned", *BASE, "seed", to="0"), "predicate.right.base", "which the seed gives here"),
    "rounded to more than there is": (put("pruned", *BASE, "round_to", to=2**40), "predicate.right.base", "expected"),
    "rounded to fewer than none": (put("pruned", *BASE, "round_to", to=-1), "predicate.right.base.round_to", ""),
    "masks missing": (
        put("pruned", *RIGHT, "masks", to=lambda masks: masks[:3]),
        "predicate.right.masks",
        "expected 4 masks, found 3",
    ),
    "mask's digest": (
        put("pruned", *RIGHT, "masks", 2, "sha256", to="0" * 64),
        "predicate.right.masks[2].sha256",
        "expected the digest of the mask's bytes",
    ),
    "mask cut off": (
        put("pruned", *RIGHT, "masks", 1, to={"data": b64(b"\x80"), "sha256": sha256(b"\x80")}),
        "predicate.right.masks[1].data",
        "expected the last number to end",
    ),
    "a ticket's predicate": (
        {**statement("equal"), "predicateType": "urn:certify:exact-ticket:v1"},
        "predicate.claim",
        "`bound`",
    ),
    "the next version": (
        {**statement("equal"), "predicateType": "urn:certify:equivalence:v2"},
        "predicateType",
        "or urn:certify:equivalence:v1, found 'urn:certify:equivalence:v2'",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_place_of_what_is_refused(name):
    document, place, says = REFUSED[name]
    with pytest.raises(InvalidCertificateError) as caught:
        read(canonical(document))
    assert caught.value.place == f"payload.{place}"
    assert says in caught.value.problem


READ = {
    "a part of the box": put("equal", *CLAIM, "low", to=0),
    "one point": put("equal", *CLAIM, to={**statement("equal")["predicate"]["claim"], "low": [1, 2], "high": [1, 2]}),
    "a bound of 0": put("within", *CLAIM, "bound", to=0),
    "another rlimit": put("equal", *PROOF, "rlimit", to=2**32 - 1),
    "another name": put("equal", *RIGHT, "name", to="b.json"),
}


@pytest.mark.parametrize("name", READ)
def test_what_is_read(name):
    assert read(canonical(READ[name])).payload == canonical(READ[name])


def paths(node, path=()):
    """Every place in a document."""
    yield path
    children = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    for key, child in children:
        yield from paths(child, (*path, key))


PLACES = [(name, path) for name in ("part", "within", "pruned") for path in paths(statement(name)) if path]
VALUES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**53) + 1, 2**53 - 1),
    st.text(max_size=4),
    st.sampled_from(["equal", "within", "pruned-base", "0" * 64, str(2**60), "-0", "A" * 8]),
    st.lists(st.integers(-2, 2), max_size=3),
    st.dictionaries(st.sampled_from(["sha256", "data", "name"]), st.integers(0, 3), max_size=2),
)


@given(st.sampled_from(PLACES), VALUES, st.booleans())
def test_any_change_is_read_or_refused(place, value, remove):
    """One error type, whatever a statement holds."""
    name, path = place
    document = copy.deepcopy(statement(name))
    node = document
    for key in path[:-1]:
        node = node[key]
    if remove:
        del node[path[-1]]
    else:
        node[path[-1]] = value
    said = read_or_error(canonical(document))
    if isinstance(said, InvalidCertificateError):
        assert said.place.startswith("payload")
        assert str(said).isprintable()
    else:
        assert said.payload == canonical(document)


def read_or_error(payload):
    try:
        return read(payload)
    except InvalidCertificateError as error:
        return error


def test_named_file():
    found = file("a.json", TINY)
    assert found.network is found.file.network
    assert found.sha256 == sha256(target_bytes())


def test_within_is_as_it_was_asked():
    assert read(PAYLOADS["within"]).subject.relation == WITHIN
