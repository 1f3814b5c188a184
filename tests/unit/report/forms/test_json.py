"""`certify.result/1`: its keys, for every outcome the same, and one document for several results."""

from __future__ import annotations

import json

import pytest
from program import issued
from written import to_json

from certify.errors import InputError
from certify.report.result import Result, of_error, of_proof

KEYS = [
    "format",
    "command",
    "exit_code",
    "verdict",
    "reason",
    "certificate",
    "claim",
    "witness",
    "obligations",
    "checks",
    "ticket",
    "signature",
    "signer",
    "signers",
    "threshold",
    "trusted",
    "timings",
    "versions",
    "error",
]
PROVED = of_proof(issued().subject, issued().proof, {"sweep": 0.123456789}, {"z3": "5"})
FAILED = of_error("audit", InputError("what", "where"), "file")


def test_failure_in_full():
    """The whole document, so that a change of the contract shows here."""
    assert json.loads(to_json([FAILED])) == {
        "format": "certify.result/1",
        "command": "audit",
        "exit_code": 2,
        "verdict": None,
        "reason": "",
        "certificate": "file",
        "claim": {},
        "witness": None,
        "obligations": {},
        "checks": {},
        "ticket": {},
        "signature": "",
        "signer": {},
        "signers": [],
        "threshold": 1,
        "trusted": False,
        "timings": {},
        "versions": {},
        "error": {"kind": "input", "message": "what", "file": "file", "place": "where"},
    }


@pytest.mark.parametrize("result", [PROVED, FAILED, Result("audit", 3)], ids=["proved", "failed", "empty"])
def test_keys(result):
    assert list(json.loads(to_json([result]))) == KEYS


def test_proved():
    document = json.loads(to_json([PROVED]))
    assert (document["verdict"], document["error"]) == ("proved", None)
    assert document["timings"] == {"sweep": 0.1235}
    assert set(document["claim"]) == {"relation", "target", "sha256", "low", "high", "points", "conversion"}
    checks = {"strategy", "portfolio", "solver", "neurons", "neurons_exhausted", "network", "sweep", "maximum"}
    assert set(document["checks"]) == checks


def test_witness_keeps_large_integers():
    witness = {"input": (2**70,), "left": (-(2**70),), "right": (0,)}
    document = json.loads(to_json([Result("audit", 1, verdict="refuted", witness=witness)]))
    assert document["witness"] == {"input": [2**70], "left": [-(2**70)], "right": [0]}


@pytest.mark.parametrize(
    ("results", "first"),
    [([PROVED, FAILED], FAILED), ([FAILED, PROVED], FAILED), ([PROVED, PROVED], PROVED)],
    ids=["last", "first", "all"],
)
def test_several(results, first):
    document = json.loads(to_json(results))
    assert list(document) == [*KEYS, "results"]
    assert document["results"] == [json.loads(to_json([result])) for result in results]
    assert {key: document[key] for key in KEYS} == json.loads(to_json([first]))


def test_none():
    assert json.loads(to_json([])) == {"format": "certify.result/1", "exit_code": 3, "results": []}


def test_ascii_only():
    """A file's name can hold bytes that are no UTF-8; it comes back as Python reads such names."""
    text = to_json([of_error("prove", InputError("≥"), "\udcff ä")])
    assert text.isascii()
    assert json.loads(text)["error"]["file"] == "\udcff ä"
