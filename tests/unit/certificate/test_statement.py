"""The statement: one form, built and read; what reading refuses and where it says so."""

from __future__ import annotations

import copy
import dataclasses
import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from program import TINY, b64, changed, issued, sha256, statement, target_bytes

from certify.base.draw import kept_digest
from certify.base.law import Precision
from certify.base.mask import from_bits
from certify.base.prune import prune
from certify.certificate.canonical import canonical
from certify.certificate.mask_codec import encode
from certify.certificate.statement import build, check_name, first_difference, read
from certify.errors import InputError, InvalidCertificateError
from certify.issue import Options
from certify.proof.claim import Claim
from certify.proof.enumeration import Sweep

PAYLOAD = issued().payload


def again(payload, proof):
    """What building from what was read gives."""
    said = read(payload)
    subject = said.subject
    ticket = prune(subject.target, subject.base, subject.masks)
    return build(subject, kept_digest(ticket.matrices), proof, said.versions)


@pytest.mark.parametrize("options", [Options(), Options("⊙"), Options("0", 100), Options("0", None, 3)])
@pytest.mark.parametrize(
    "document",
    [TINY, changed("layers", to=TINY["layers"][:1]), changed("input", "low", to=[-3, 1])],
    ids=["tiny", "one-layer", "box"],
)
def test_what_is_read_builds_the_same(document, options):
    made = issued(document, options)
    assert again(made.payload, made.proof) == made.payload
    said = read(made.payload)
    assert said.payload == made.payload
    assert said.subject.target_bytes == target_bytes(document)
    assert said.subject.base == made.subject.base
    assert said.subject.block_width == options.block_width
    for found, mask in zip(said.subject.masks, made.subject.masks, strict=True):
        assert found.shape == mask.shape
        assert np.array_equal(found.start, mask.start)
        assert np.array_equal(found.columns, mask.columns)


def test_payload_is_canonical():
    document = json.loads(PAYLOAD)
    assert json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode() == PAYLOAD
    assert canonical(document) == PAYLOAD


def test_what_it_says():
    document = statement()
    assert set(document) == {"_type", "subject", "predicateType", "predicate"}
    assert document["_type"] == "https://in-toto.io/Statement/v1"
    assert document["subject"] == [{"name": "tiny.json", "digest": {"sha256": sha256(target_bytes())}}]
    predicate = document["predicate"]
    assert set(predicate) == {"target", "base", "masks", "claim", "proof", "sizes", "versions"}
    assert predicate["target"] == {"format": "certify.network/1", "bytes": b64(target_bytes())}
    assert set(predicate["base"]) == {
        "generator",
        "seed",
        "construction",
        "blocks",
        "widths",
        "precisions",
        "quantization",
        "kept_sha256",
    }
    assert predicate["base"]["precisions"] == [{"drawn": 1, "kept": 1}] * 2
    assert predicate["claim"] == {"relation": "equal", "low": -2, "high": 2, "points": [[5, 2]]}
    assert (predicate["proof"]["result"], predicate["proof"]["strategy"]) == ("proved", "decomposition")
    assert all(set(mask) == {"data", "sha256"} for mask in predicate["masks"])


def test_digest_of_kept_weights():
    """Mask order, int32 little-endian."""
    made = issued()
    ticket = prune(made.subject.target, made.subject.base, made.subject.masks)
    values = [int(value) for layer in ticket.layers for value in layer.weights.values]
    expected = sha256(b"".join(value.to_bytes(4, "little", signed=True) for value in values))
    assert statement()["predicate"]["base"]["kept_sha256"] == expected


def test_large_integers_are_strings():
    claim = Claim((-(2**60), 0), (2**60, 0), ((1, 1), (2**61 + 1, 1)))
    sweep = Sweep(2**61 + 1, 2**70, None)
    made = issued()
    proof = dataclasses.replace(made.proof, claim=claim, sweep=sweep)
    predicate = json.loads(build(made.subject, "0" * 64, proof, {}))["predicate"]
    assert predicate["claim"]["low"] == [str(-(2**60)), 0]
    assert predicate["claim"]["points"] == [[1, 1], [str(2**61 + 1), 1]]
    assert predicate["proof"]["sweep"] == {"work": str(2**70)}
    assert read(canonical(statement() | {"predicate": predicate})).versions == {}


# Names.


@pytest.mark.parametrize("name", ["target.json", "a b.json", "ä.json", "-", "...", ".hidden", "x" * 255, "it's"])
def test_name(name):
    check_name(name)


@pytest.mark.parametrize(
    "name",
    [
        "",
        ".",
        "..",
        "../x",
        "/etc/passwd",
        "a/b",
        "a\\b",
        "C:x",
        'a"b',
        "a\nb",
        "a\0b",
        "a\x1b[2Jb",
        "a\u202eb",
        "a\ud800b",
        "x" * 256,
    ],
)
def test_no_name(name):
    with pytest.raises(InputError, match="expected a file name in printable text, without folders") as caught:
        check_name(name, "there")
    assert caught.value.place == "there"


# Where two payloads differ.


@pytest.mark.parametrize(
    ("expected", "found", "difference"),
    [
        (1, 1, None),
        ({"a": [1, {"b": "x"}]}, {"a": [1, {"b": "x"}]}, None),
        (1, 2, ("p", "expected 1, found 2")),
        (1, True, ("p", "expected 1, found True")),
        (1, "1", ("p", "expected 1, found '1'")),
        ({"a": 1}, {}, ("p.a", "expected such a key")),
        ({}, {"a": 1}, ("p.a", "expected no such key")),
        ({"b": 1, "a": 1}, {"b": 2, "a": 2}, ("p.a", "expected 1, found 2")),
        ([1, 2], [1, 3], ("p[1]", "expected 2, found 3")),
        ([1, 2], [1], ("p", "expected [1, 2], found [1]")),
        ({"a": [{"b": 1}]}, {"a": [{"b": None}]}, ("p.a[0].b", "expected 1, found None")),
        ("x" * 100, "y", ("p", f"expected '{'x' * 76}..., found 'y'")),
    ],
)
def test_first_difference(expected, found, difference):
    assert first_difference(expected, found, "p") == difference


# Reading.


def refused(document, place, says=""):
    payload = document if isinstance(document, bytes) else canonical(document)
    with pytest.raises(InvalidCertificateError) as caught:
        read(payload)
    assert caught.value.place == place
    assert says in caught.value.problem


def edited(edit):
    document = statement()
    edit(document["predicate"])
    return document


def with_mask(predicate, index, bits):
    data = encode(from_bits(bits))
    predicate["masks"][index] = {"data": b64(data), "sha256": sha256(data)}


def bits_of(index):
    mask = issued().subject.masks[index]
    bits = np.zeros(mask.shape, dtype=np.bool_)
    bits[mask.rows(), mask.columns] = True
    return bits


def test_grown_blocks_in_order():
    first = bits_of(0)
    refused(
        edited(lambda predicate: with_mask(predicate, 0, first[::-1])),
        "payload.predicate.masks[0]",
        "expected grown blocks, in the order of their inputs",
    )


def test_grown_blocks_end_at_a_kept_unit():
    """A hidden layer with a unit more, which nothing keeps."""

    def edit(predicate):
        predicate["base"]["widths"][0] += 1
        with_mask(predicate, 0, np.pad(bits_of(0), ((0, 1), (0, 0))))
        with_mask(predicate, 1, np.pad(bits_of(1), ((0, 0), (0, 1))))

    refused(edited(edit), "payload.predicate.base.widths[0]", "expected grown blocks")


def test_fixed_blocks_serve_one_input():
    document = json.loads(issued(options=Options("0", 100)).payload)
    bits = np.zeros((400, 4), dtype=np.bool_)
    bits[99, 0] = bits[100, 1] = bits[399, 3] = True
    with_mask(document["predicate"], 0, bits)
    assert read(canonical(document)).subject.block_width == 100
    bits[100, :2] = [True, False]
    with_mask(document["predicate"], 0, bits)
    refused(document, "payload.predicate.masks[0]", "expected blocks of 100 units, each for one input")


def test_precisions():
    def edit(predicate):
        predicate["base"]["precisions"][1] = {"drawn": 30, "kept": 1}

    assert read(canonical(edited(edit))).subject.base.precisions[1] == Precision(30, 1)

    def too_fine(predicate):
        predicate["base"]["precisions"][1] = {"drawn": 31, "kept": 1}

    refused(edited(too_fine), "payload.predicate.base.precisions[1].drawn")


@pytest.mark.parametrize(
    "payload",
    [b"", b"{}", b"[]", b"null", b'"x"', b"\xff", b'{"predicateType":1}', b"[" * 100_000],
)
def test_no_statement(payload):
    with pytest.raises(InvalidCertificateError) as caught:
        read(payload)
    assert caught.value.place.startswith("payload")


def paths(node, path=()):
    """Every place in a document."""
    yield path
    children = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    for key, child in children:
        yield from paths(child, (*path, key))


PLACES = [path for path in paths(statement()) if path]
VALUES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**53) + 1, 2**53 - 1),
    st.text(max_size=4),
    st.sampled_from(["grown", "equal", "0" * 64, str(2**60), "-0", "A" * 8]),
    st.lists(st.integers(-2, 2), max_size=3),
    st.dictionaries(st.sampled_from(["sha256", "data", "count"]), st.integers(0, 3), max_size=2),
)


@given(st.sampled_from(PLACES), VALUES, st.booleans())
def test_any_change_is_read_or_refused(path, value, remove):
    """One error type, whatever a statement holds; and what is read differs from the true one in nothing it hides."""
    document = copy.deepcopy(statement())
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
        assert said.subject.name.isprintable()
        assert all(f"{name}{version}".isprintable() for name, version in said.versions.items())


def read_or_error(payload):
    try:
        return read(payload)
    except InvalidCertificateError as error:
        return error
