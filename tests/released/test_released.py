"""Certificates of released formats: they audit as on the day they were made, and none is ever made again.

README.md says why, and what each of them is there for.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from program import b64, payload_of, sha256

from certify.certificate import statement
from certify.certificate.canonical import canonical
from certify.certificate.form import CHOICES
from certify.network.target import ONNX, TFLITE

FOLDER = Path(__file__).parent
TRUST = FOLDER / "allowed_signers"
FILES = {path.name.removesuffix(".certificate.json"): path for path in sorted(FOLDER.glob("*.certificate.json"))}
EACH = pytest.mark.parametrize("name", FILES)
PAYLOADS = {name: payload_of(path.read_bytes()) for name, path in FILES.items()}


@EACH
def test_it_still_audits(certify, name):
    ran = certify("audit", FILES[name], "--trust", TRUST, "--any-claim", "--format", "json")
    assert (ran.code, ran.err) == (0, "")
    assert (ran.result["verdict"], ran.result["trusted"]) == ("proved", True)


@EACH
def test_nothing_of_it_can_be_changed(certify, name):
    """What an audit of it says is about these bytes: of another file's name it is not even signed."""
    document = json.loads(FILES[name].read_bytes())
    subject = [PAYLOADS[name]["subject"][0] | {"name": "another.json"}]
    payload = PAYLOADS[name] | {"subject": subject}
    document["payload"] = b64(canonical(payload))
    certify.write("changed.json", canonical(document) + b"\n")
    ran = certify("audit", "changed.json", "--trust", TRUST, "--any-claim")
    assert (ran.code, ran.out) == (1, "")
    assert "expected a signature by SHA256:" in ran.error


def test_they_are_the_files_that_were_made_then():
    listed = dict(reversed(line.split("  ")) for line in (FOLDER / "SHA256SUMS").read_text().splitlines())
    found = {path.name: sha256(path.read_bytes()) for path in [*FILES.values(), TRUST]}
    assert found == listed


def test_every_predicate_type_that_is_read_has_one():
    assert {payload["predicateType"] for payload in PAYLOADS.values()} == set(statement._KINDS)


def test_the_name_says_the_predicate_type():
    for name, payload in PAYLOADS.items():
        kind, version, _ = name.split(".")
        assert payload["predicateType"] == f"urn:certify:{kind}:{version}"


def test_every_strategy_relation_and_format_has_one():
    predicates = [payload["predicate"] for payload in PAYLOADS.values()]
    strategies = {predicate["proof"]["strategy"] for predicate in predicates}
    assert strategies == set(CHOICES["strategy"].replace(" or ", ", ").split(", "))
    assert {predicate["claim"]["relation"] for predicate in predicates} == {"equal", "within", "argmax"}
    formats = {predicate.get("target", predicate.get("left"))["format"] for predicate in predicates}
    assert formats == {"certify.network/1", TFLITE, ONNX}
    assert {predicate["right"]["format"] for predicate in predicates if "right" in predicate} > {"pruned-base", ONNX}
    blocks = {predicate["base"]["blocks"] for predicate in predicates if "target" in predicate}
    assert {"grown", "shared", 60} == blocks
    masked = [predicate["right"]["base"] for predicate in predicates if "masks" in predicate.get("right", {})]
    assert {base["seed"] for base in masked} == {None, "0"}
    assert {base["round_to"] for base in masked} == {None, 2}


def test_the_page_names_every_one():
    page = (FOLDER / "README.md").read_text()
    assert all(f"`{name.split('.')[2]}`" in page for name in FILES)
    [command] = [line for line in page.splitlines() if line.startswith("certify audit ")]
    assert f".venv/bin/{command}\n" in (FOLDER.parents[1] / ".ci/run").read_text()
