"""Exports from the command line, read by the programs that they are for."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import onnx
import pytest
import vnnlib
from exported import points, run, small_target
from program import TINY, certificate, issued, signing_key, target_bytes

from certify.base.prune import prune
from certify.export import arrays
from certify.network.evaluate import evaluate
from certify.network.reader import read_network
from certify.network.target import read_target
from certify.network.writer import write_network

ALICE = signing_key(1)
TARGETS = Path(__file__).parents[2] / "certificates" / "targets"
TARGET = read_target(target_bytes()).network
SUBJECT = issued().subject
TICKET = prune(TARGET, SUBJECT.base, SUBJECT.masks)


@pytest.fixture
def prepared(certify):
    certify.write("tiny.json")
    certify.write("c.json", certificate(ALICE))
    return certify


def assert_runs_as(data, network, count=40):
    """One point after the other, as the file takes them."""
    for point in points(network, count):
        assert run(data, point.reshape(1, *network.input.shape)).reshape(-1).tolist() == list(
            evaluate(network, point)
        )


def weights(network):
    return [layer.weights.to_dense().tolist() for layer in network.layers]


# ONNX.


@pytest.mark.parametrize("source", ["tiny.json", "c.json"])
@pytest.mark.parametrize(
    ("part", "network"), [((), TICKET), (("--of", "ticket"), TICKET), (("--of", "target"), TARGET)]
)
def test_onnx(prepared, source, part, network):
    ran = prepared("export", source, "--format", "onnx", *part, "-o", "x.onnx")
    assert (ran.code, ran.out, ran.err) == (0, "", "wrote x.onnx\n")
    assert_runs_as((prepared.folder / "x.onnx").read_bytes(), network)


@pytest.mark.compiled
def test_onnx_of_digits_and_of_its_ticket(certify):
    """A network that was deployed, and all of a ticket's 3,000 kept weights."""
    target = read_network((TARGETS / "digits.json").read_bytes())
    certify.write("digits.json", (TARGETS / "digits.json").read_bytes())
    given = points(target, 200)
    expected = [evaluate(target, point) for point in given.tolist()]
    for part in ("target", "ticket"):
        assert certify("export", "digits.json", "--format", "onnx", "--of", part, "-o", "d.onnx").code == 0
        data = (certify.folder / "d.onnx").read_bytes()
        bits = {entry.key: int(entry.value) for entry in onnx.load_from_string(data).metadata_props}
        finer = bits["output_precision_bits"] - target.output_precision_bits()
        found = [run(data, point.reshape(1, *target.input.shape)).reshape(-1) for point in given]
        assert [tuple((values >> finer).tolist()) for values in found] == expected
        assert all(((values >> finer) << finer == values).all() for values in found)


def test_onnx_that_int64_may_not_hold(prepared):
    wide = json.loads(target_bytes())
    wide["layers"][0]["name"] = "fc1"
    wide["layers"][0]["then"] = [{"op": "clamp", "low": 0, "high": 2**62}]
    prepared.write("wide.json", wide)
    ran = prepared("export", "wide.json", "--format", "onnx", "--of", "target", "-o", "x.onnx")
    problem = "expected numbers below 2^62 in dense fc1, found up to 63 bits: int64 may not hold them"
    assert (ran.code, ran.error) == (2, f"certify: wide.json: layers[0]: {problem}")
    assert not (prepared.folder / "x.onnx").exists()


def test_without_the_package_onnx(prepared, monkeypatch):
    monkeypatch.setitem(sys.modules, "onnx", None)
    ran = prepared("export", "tiny.json", "--format", "onnx", "-o", "x.onnx")
    assert ran.code == 2
    assert "expected the package onnx to be installed: pip install 'certify[onnx]'" in ran.error


# Tickets as arrays, and as networks.


@pytest.mark.parametrize("form", ["npz", "safetensors"])
def test_a_ticket_that_is_audited_from_its_arrays(prepared, form):
    prepared.write("one.json", dict(TINY, layers=TINY["layers"][:1]))
    for name, of in ((f"t.{form}", form), ("ticket.json", "network")):
        assert prepared("export", "one.json", "--format", of, "-o", name).code == 0
    claim = ("audit", "--target", "one.json", "--base", f"t.{form}", "--layout", "ticket.json", "--seed", "0")
    ran = prepared(*claim)
    assert (ran.code, ran.err) == (0, "")
    assert ran.out.startswith(f"proved: one.json equals t.{form}, pruned, on all 5^2 input points")


def test_a_ticket_of_convolutions_that_is_audited_from_its_arrays(certify):
    certify.write("small.json", write_network(small_target()))
    for name, of in (("t.npz", "npz"), ("ticket.json", "network")):
        assert certify("export", "small.json", "--format", of, "-o", name).code == 0
    ran = certify("audit", "--target", "small.json", "--base", "t.npz", "--layout", "ticket.json", "--seed", "0")
    assert (ran.code, ran.err) == (0, "")
    assert ran.out.startswith("proved: small.json equals t.npz, pruned, on all 16^24 input points")


def test_a_ticket_that_is_audited_from_its_networks(prepared):
    for part in ("base", "ticket"):
        assert prepared("export", "c.json", "--format", "network", "--of", part, "-o", f"{part}.json").code == 0
    ran = prepared("audit", "--target", "tiny.json", "--base", "base.json", "--mask", "ticket.json", "--seed", "0")
    assert ran.code == 0
    assert ran.out.startswith("proved: ")


def test_network_on_standard_output(prepared):
    ran = prepared("export", "c.json", "--format", "network", "--of", "target")
    assert (ran.code, ran.err) == (0, "")
    assert weights(read_network(ran.out.encode())) == weights(TARGET)
    ran = prepared("export", "c.json", "--format", "network")
    assert weights(read_network(ran.out.encode())) == weights(TICKET)


def test_choices_for_a_target(prepared):
    ran = prepared(
        "export", "tiny.json", "--format", "network", "--seed", "two", "--precision", "3,4", "--width", "60"
    )
    found = read_network(ran.out.encode())
    assert [layer.precision_bits for layer in found.layers] == [3, 3, 4, 4]
    assert found.layers[0].outputs % 60 == 0


def test_arrays_beyond_the_limit(prepared, monkeypatch):
    monkeypatch.setattr(arrays, "MAX_WEIGHTS", 10)
    ran = prepared("export", "c.json", "--format", "npz", "-o", "t.npz")
    assert ran.code == 2
    assert "c.json: expected a base network of at most 10 weights to write out, found" in ran.error
    assert not (prepared.folder / "t.npz").exists()


# Queries.


def assert_is_query(folder, name, left, right):
    query = vnnlib.parse_query_file(str(folder / f"{name}.vnnlib"))
    assert [network.name for network in query.networks] == ["left", "right"]
    for network, side in ((left, "left"), (right, "right")):
        assert_runs_as((folder / f"{name}.{side}.onnx").read_bytes(), network, 10)


@pytest.mark.parametrize("source", ["tiny.json", "c.json"])
def test_query_of_a_target_and_its_ticket(prepared, source):
    ran = prepared("export", source, "--format", "vnnlib", "-o", "q.vnnlib")
    assert (ran.code, ran.err) == (0, "wrote q.left.onnx\nwrote q.right.onnx\nwrote q.vnnlib\n")
    assert_is_query(prepared.folder, "q", TARGET, TICKET)


def other_network():
    document = json.loads(target_bytes())
    document["layers"][1]["weights"][0][0] = 2
    return document


def test_query_of_two_files(prepared):
    prepared.write("other.json", other_network())
    ran = prepared("export", "tiny.json", "--against", "other.json", "--format", "vnnlib", "-o", "pair")
    assert ran.code == 0
    (prepared.folder / "pair").rename(prepared.folder / "pair.vnnlib")
    assert_is_query(prepared.folder, "pair", TARGET, read_target(target_bytes(other_network())).network)


def test_query_of_an_equivalence(prepared):
    prepared.write("same.json", dict(TINY, name="same"))
    assert prepared("equal", "tiny.json", "same.json", "-o", "e.json").code == 0
    assert prepared("export", "e.json", "--format", "vnnlib", "-o", "q.vnnlib").code == 0
    assert_is_query(prepared.folder, "q", TARGET, TARGET)


# What is refused.


VNNLIB = ("--format", "vnnlib", "-o", "q.vnnlib")
REFUSED = {
    "onnx without -o": (["c.json", "--format", "onnx"], "expected -o with --format onnx: only text goes to"),
    "npz without -o": (["c.json", "--format", "npz"], "expected -o with --format npz"),
    "a query without -o": (["c.json", "--format", "vnnlib"], "expected -o with --format vnnlib"),
    "a part of arrays": (
        ["c.json", "--format", "npz", "--of", "base", "-o", "x"],
        "expected --of with --format onnx or network, found npz",
    ),
    "another part": (["c.json", "--format", "onnx", "--of", "all", "-o", "x"], "'all' is not one of"),
    "onnx against": (
        ["tiny.json", "--format", "onnx", "--against", "tiny.json", "-o", "x"],
        "expected --against with --format vnnlib, found onnx",
    ),
    "a certificate against": (["c.json", "--against", "tiny.json", *VNNLIB], "found a certificate: it has two"),
    "choices against": (
        ["tiny.json", "--against", "tiny.json", "--seed", "1", *VNNLIB],
        "expected no choices about a ticket with --against",
    ),
    "choices for a target": (
        ["tiny.json", "--format", "onnx", "--of", "target", "--width", "4", "-o", "x"],
        "expected no choices about a ticket with --of target",
    ),
    "against nothing": (["tiny.json", "--against", "none.json", *VNNLIB], "none.json: expected a network, found no"),
    "against rubbish": (["tiny.json", "--against", "bad.json", *VNNLIB], "bad.json: "),
    "a rule for two networks": (
        ["tiny.json", "--against", "tiny.json", "--rule", "double", *VNNLIB],
        "tiny.json: expected no rule",
    ),
    "other inputs": (["tiny.json", "--against", "three.json", *VNNLIB], "input.shape: expected (2,) as in the first"),
    "a seed for a certificate": (
        ["c.json", "--format", "onnx", "--seed", "1", "-o", "x"],
        "expected no choices about the ticket of a certificate",
    ),
    "a bundle of a target": (
        ["tiny.json", "--format", "sigstore-bundle", "-o", "x"],
        "expected a certificate, found something else",
    ),
    "a bundle by another": (
        ["c.json", "--format", "sigstore-bundle", "--signer", "SHA256:x", "-o", "x"],
        f"expected a signature by SHA256:x, found {ALICE.public.key_id}",
    ),
    "a bundle and choices": (
        ["c.json", "--format", "sigstore-bundle", "--seed", "two", "-o", "x"],
        "expected no choices about the ticket of a certificate",
    ),
    "a signer of another format": (
        ["c.json", "--format", "npz", "--signer", ALICE.public.key_id, "-o", "x"],
        "expected --signer with --format sigstore-bundle, found npz",
    ),
    "a bundle onto itself": (
        ["c.json", "--format", "sigstore-bundle", "-o", "c.json"],
        "expected another file for the bundle, found what is exported itself",
    ),
    "onto itself": (["c.json", "--format", "npz", "-o", "c.json"], "found what is exported itself"),
    "onto the second": (
        ["tiny.json", "--against", "q.vnnlib", *VNNLIB],
        "expected another file for the network, found the second network itself",
    ),
    "a model onto what is exported": (
        ["q.left.onnx", *VNNLIB],
        "expected another file for the network, found what is exported itself",
    ),
    "no such folder": (["c.json", "--format", "onnx", "-o", "none/x"], "expected a folder to write to"),
    "a folder": (["c.json", "--format", "onnx", "-o", "home"], "found a directory"),
}


@pytest.mark.parametrize(("arguments", "problem"), REFUSED.values(), ids=REFUSED)
def test_exports_that_are_refused(prepared, arguments, problem):
    three = json.loads(target_bytes())
    three["input"]["shape"] = [3]
    three["layers"][0]["weights"] = [[1, 2, 3], [1, 1, 1]]
    for name, document in {"three.json": three, "bad.json": {}, "q.vnnlib": TINY, "q.left.onnx": TINY}.items():
        prepared.write(name, document)
    before = prepared.files()
    ran = prepared("export", *arguments)
    assert (ran.code, ran.out) == (2, "")
    assert problem in ran.err.splitlines()[-1]
    assert prepared.files() == before


# Bundles.


def test_bundle(prepared):
    ran = prepared("export", "c.json", "--format", "sigstore-bundle", "-o", "b.json")
    assert (ran.code, ran.out, ran.err) == (0, "", "wrote b.json\n")
    written = (prepared.folder / "b.json").read_bytes()
    assert json.loads(written)["dsseEnvelope"] == json.loads(certificate(ALICE))
    for arguments in ([], ["--signer", ALICE.public.key_id]):
        ran = prepared("export", "c.json", "--format", "sigstore-bundle", *arguments)
        assert (ran.code, ran.out.encode(), ran.err) == (0, written, "")


def test_bundle_of_an_equivalence(prepared):
    prepared.write("same.json", dict(TINY, name="same"))
    assert prepared("equal", "tiny.json", "same.json", "-o", "e.json").code == 0
    assert prepared("export", "e.json", "--format", "sigstore-bundle", "-o", "b.json").code == 0
    bundle, envelope = (json.loads((prepared.folder / name).read_bytes()) for name in ("b.json", "e.json"))
    assert bundle["dsseEnvelope"] == envelope


@pytest.mark.parametrize("form", ["onnx", "npz", "safetensors", "network"])
def test_equivalences_are_no_tickets(prepared, form):
    prepared.write("same.json", dict(TINY, name="same"))
    assert prepared("equal", "tiny.json", "same.json", "-o", "e.json").code == 0
    ran = prepared("export", "e.json", "--format", form, "-o", "x")
    assert ran.code == 2
    assert "expected a certificate of an exact ticket, found one of an equivalence" in ran.error


def test_a_disk_that_is_full(prepared):
    (prepared.folder / "full").symlink_to("/dev/full")
    ran = prepared("export", "c.json", "--format", "safetensors", "-o", "full")
    assert ran.code == 2
    assert ran.error.startswith("certify: full: expected a place to write to, found one that fails: No space left")


def test_the_same_bytes_every_time(prepared):
    for form in ("onnx", "npz", "safetensors"):
        written = []
        for _ in range(2):
            assert prepared("export", "c.json", "--format", form, "-o", "x").code == 0
            written.append((prepared.folder / "x").read_bytes())
        assert written[0] == written[1]


def test_weights_of_arrays_are_integers(prepared):
    assert prepared("export", "c.json", "--format", "npz", "-o", "t.npz").code == 0
    with np.load(prepared.folder / "t.npz") as found:
        assert {array.dtype.name for array in found.values()} == {"int8", "uint8"}
