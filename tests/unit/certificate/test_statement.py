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
from certify.certificate.exact_ticket import build
from certify.certificate.mask_codec import encode
from certify.certificate.parts import check_name
from certify.certificate.statement import first_difference, read
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
    assert said.subject.file.data == target_bytes(document)
    assert said.subject.base == made.subject.base
    assert said.subject.blocks == (options.block_width or "grown")
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
    assert document["predicateType"] == "urn:certify:exact-ticket:v1"
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


def test_bounds_that_are_all_the_same_are_one_number():
    made = issued()
    for low, said in (((-7,), -7), ((3, 3), 3), ((3, 4), [3, 4]), ((4, 3, 4), [4, 3, 4])):
        proof = dataclasses.replace(made.proof, claim=Claim(low, (9,) * len(low), ()))
        claim = json.loads(build(made.subject, "0" * 64, proof, {}))["predicate"]["claim"]
        assert claim == {"relation": "equal", "low": said, "high": 9, "points": []}


def test_only_what_is_proved_is_stated():
    made = issued()
    with pytest.raises(AssertionError):
        build(made.subject, "0" * 64, dataclasses.replace(made.proof, strategy=None), {})


# Names.


@pytest.mark.parametrize(
    "name", ["target.json", "a b.json", "ä.json", "-", "...", ".hidden", "x" * 255, "it's", "X.json"]
)
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
    with pytest.raises(InputError) as caught:
        check_name(name)
    assert caught.value.place == ""


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
        ("x" * 78, "y", ("p", f"expected '{'x' * 78}', found 'y'")),
        ("x" * 79, "y", ("p", f"expected '{'x' * 76}..., found 'y'")),
        ([1, 2], [1, 2], None),
        ([], [1], ("p", "expected [], found [1]")),
        ([2, 1], [1, 2], ("p[0]", "expected 2, found 1")),
        ({"a": 1, "b": 2}, {"a": 1, "b": 3}, ("p.b", "expected 2, found 3")),
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
    assert read(canonical(document)).subject.blocks == 100
    for row, column, wrong in ((100, 1, 0), (99, 0, 1)):
        moved = bits.copy()
        moved[row, [column, wrong]] = [False, True]
        with_mask(document["predicate"], 0, moved)
        refused(document, "payload.predicate.masks[0]", "expected blocks of 100 units, each for one input")


@pytest.mark.parametrize("times", [0, 2])
def test_one_subject(times):
    document = statement()
    refused(document | {"subject": document["subject"] * times}, "payload.subject", "length")


def test_fixed_blocks_of_the_second_layer_are_checked_too():
    document = json.loads(issued(options=Options("0", 100)).payload)
    bits = np.zeros(issued(options=Options("0", 100)).subject.masks[2].shape, dtype=np.bool_)
    bits[0, 1] = True
    with_mask(document["predicate"], 2, bits)
    refused(document, "payload.predicate.masks[2]", "expected blocks of 100 units, each for one input")


def test_precisions():
    def edit(predicate):
        predicate["base"]["precisions"][1] = {"drawn": 30, "kept": 1}

    assert read(canonical(edited(edit))).subject.base.precisions[1] == Precision(30, 1)

    def too_fine(predicate):
        predicate["base"]["precisions"][1] = {"drawn": 31, "kept": 1}

    refused(edited(too_fine), "payload.predicate.base.precisions[1].drawn")


# What is refused, and where it is said to be.


def put(*path, to):
    """The true statement with one value replaced."""
    document = copy.deepcopy(statement())
    node = document
    for key in path[:-1]:
        node = node[key]
    node[path[-1]] = to(node[path[-1]]) if callable(to) else to
    return document


def put_target(document):
    """The true statement about another target."""
    data = document if isinstance(document, bytes) else target_bytes(document)
    said = put("predicate", "target", "bytes", to=b64(data))
    said["subject"][0]["digest"]["sha256"] = sha256(data)
    return said


def put_mask(index, data):
    return put("predicate", "masks", index, to={"data": b64(data), "sha256": sha256(data)})


BASE, CLAIM = ("predicate", "base"), ("predicate", "claim")
REFUSED = {
    "other predicate": (put("predicateType", to="x" * 90), "predicateType", f"found '{'x' * 80}'"),
    "other statement": (put("_type", to="x"), "_type", "expected https://in-toto.io/Statement/v1"),
    "white space": (json.dumps(statement(), sort_keys=True).encode(), "", "expected canonical JSON"),
    "keys in another order": (
        json.dumps(dict(sorted(statement().items(), reverse=True)), separators=(",", ":")).encode(),
        "",
        "expected canonical JSON",
    ),
    "float in a key that ends in X": (b'{"MAX":1.5}', "MAX", "expected an integer, found 1.5"),
    "low as text": (put(*CLAIM, "low", to="-2"), "predicate.claim.low", "expected an integer from"),
    "high as text": (put(*CLAIM, "high", to="2"), "predicate.claim.high", "expected an integer from"),
    "a low as text": (put(*CLAIM, "low", to=[-2, "-2"]), "predicate.claim.low[1]", "expected an integer from"),
    "a high as text": (put(*CLAIM, "high", to=["2", 2]), "predicate.claim.high[0]", "expected an integer from"),
    "points as text": (
        put(*CLAIM, "points", to=[[5, 2], [5, "2"]]),
        "predicate.claim.points[1][1]",
        "expected an integer from",
    ),
    "work as text": (
        put("predicate", "proof", "sweep", to={"work": "1"}),
        "predicate.proof.sweep.work",
        "expected an integer from",
    ),
    "name with a folder": (put("subject", 0, "name", to="a/b"), "subject[0].name", "expected a file name"),
    "target not base64": (put("predicate", "target", "bytes", to="?"), "predicate.target.bytes", "expected base64"),
    "digest of another target": (
        put("subject", 0, "digest", "sha256", to="0" * 64),
        "subject[0].digest.sha256",
        f"expected the digest of the target's bytes, {sha256(target_bytes())}",
    ),
    "digest of yet another": (
        put("subject", 0, "digest", "sha256", to="f" * 64),
        "subject[0].digest.sha256",
        "expected the digest of the target's bytes",
    ),
    "target no JSON": (put_target(b"{"), "predicate.target.bytes", "expected JSON"),
    "target refused": (put_target(changed("name", to=1)), "predicate.target.bytes", "name: expected `str`"),
    "widths missing": (
        put(*BASE, "widths", to=[73]),
        "predicate.base.widths",
        "expected 2, one for each layer with weights, found 1",
    ),
    "widths left over": (put(*BASE, "widths", to=[73, 56, 1]), "predicate.base.widths", "found 3"),
    "precisions missing": (
        put(*BASE, "precisions", to=[{"drawn": 1, "kept": 1}]),
        "predicate.base.precisions",
        "expected 2, one for each layer with weights, found 1",
    ),
    "precisions left over": (
        put(*BASE, "precisions", to=[{"drawn": 1, "kept": 1}] * 3),
        "predicate.base.precisions",
        "found 3",
    ),
    "kept finer than drawn": (
        put(*BASE, "precisions", 1, to={"drawn": 1, "kept": 2}),
        "predicate.base.precisions[1]",
        "expected kept ≤ drawn, found 2 > 1",
    ),
    "kept too coarse": (
        put(*BASE, "precisions", 1, to={"drawn": 1, "kept": 0}),
        "predicate.base.precisions",
        "(layers[1].precision_bits of the target)",
    ),
    "masks missing": (
        put("predicate", "masks", to=lambda masks: masks[:3]),
        "predicate.masks",
        "expected 4 masks, found 3",
    ),
    "masks left over": (put("predicate", "masks", to=lambda masks: [*masks, masks[0]]), "predicate.masks", "found 5"),
    "mask not base64": (put("predicate", "masks", 1, "data", to="?"), "predicate.masks[1].data", "expected base64"),
    "mask's digest": (
        put("predicate", "masks", 2, "sha256", to="0" * 64),
        "predicate.masks[2].sha256",
        "expected the digest of the mask's bytes",
    ),
    "mask's digest, a later one": (
        put("predicate", "masks", 2, "sha256", to="f" * 64),
        "predicate.masks[2].sha256",
        "expected the digest of the mask's bytes",
    ),
    "mask cut off": (put_mask(3, b"\x80"), "predicate.masks[3].data", "expected the last number to end"),
    "widths of another ticket": (put(*BASE, "widths", 0, to=74), "predicate.masks[0].data", "expected 74 rows"),
    "fixed blocks of a larger width": (
        put(*BASE, "blocks", to=100),
        "predicate.base.widths[0]",
        "expected 4 blocks of 100 units, found 73 units",
    ),
    "fixed blocks of a smaller width": (
        put(*BASE, "blocks", to=7),
        "predicate.base.widths[0]",
        "expected 4 blocks of 7 units, found 73 units",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_place_of_what_is_refused(name):
    document, place, says = REFUSED[name]
    refused(document, f"payload.{place}".rstrip("."), says)


def test_equal_precisions_and_equal_bounds_are_read():
    assert read(canonical(put(*BASE, "precisions", 0, to={"drawn": 1, "kept": 1}))).payload == PAYLOAD


def test_blocks_of_the_second_layer_are_checked_too():
    widths = statement()["predicate"]["base"]["widths"]
    columns = issued().subject.masks[2].shape[1]
    bits = np.zeros((widths[1], columns), dtype=np.bool_)
    bits[0, 1] = bits[widths[1] - 1, 0] = True

    def falling(predicate):
        with_mask(predicate, 2, bits)

    refused(edited(falling), "payload.predicate.masks[2]", "expected grown blocks, in the order")


def test_a_first_matrix_that_keeps_nothing_has_one_unit():
    """Grown blocks of nothing: the fewest units there can be."""

    def edit(predicate, units):
        predicate["base"]["widths"][0] = units
        with_mask(predicate, 0, np.zeros((units, 4), dtype=np.bool_))
        with_mask(predicate, 1, np.zeros((2, units), dtype=np.bool_))

    assert read(canonical(edited(lambda predicate: edit(predicate, 1)))).subject.masks[0].kept == 0
    refused(
        edited(lambda predicate: edit(predicate, 2)),
        "payload.predicate.base.widths[0]",
        "1 units up to the last kept one, found 2",
    )


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
