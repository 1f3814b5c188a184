"""From what was found to a result: verdict, signature and trust apart, and the exit code that follows from them."""

from __future__ import annotations

import dataclasses
from datetime import UTC, datetime

import pytest
from program import issued, sha256, signing_key, target_bytes

from certify.certificate.audit import Audit
from certify.certificate.signatures import SignatureCheck, Signer, Standing
from certify.certificate.statement import Statement
from certify.certificate.trust import TrustedKey
from certify.errors import (
    CertifyError,
    DisagreementError,
    InputError,
    InvalidCertificateError,
    TicketNotFoundError,
)
from certify.network.strict_json import NotJsonError
from certify.proof.claim import Verdict, Witness
from certify.report.result import Failure, Result, of_audit, of_error, of_proof

KEY = TrustedKey("alice", signing_key(1).public)
BOB = TrustedKey("bob", signing_key(2).public)
LATE = TrustedKey("alice", signing_key(1).public, valid_before=datetime(2025, 1, 1, tzinfo=UTC))
BY_ALICE, BY_BOB = (Signer(one.key.key_id, Standing.VALID, one) for one in (KEY, BOB))
STRANGERS = (Signer("SHA256:one", Standing.UNKNOWN), Signer("SHA256:two", Standing.UNKNOWN))
TRUSTED = SignatureCheck((BY_ALICE,))
UNTIMELY = SignatureCheck((Signer(KEY.key.key_id, Standing.UNTIMELY, LATE, "the key was too old"),))
REVOKED = SignatureCheck((*UNTIMELY.signers, Signer(BOB.key.key_id, Standing.REVOKED, BOB, "the key was revoked")))
UNKNOWN = SignatureCheck(STRANGERS)
WITNESS = Witness((1, -2), (3,), (-4,))
PROOFS = {
    "proved": issued().proof,
    "refuted": dataclasses.replace(
        issued().proof, verdict=Verdict.REFUTED, strategy=None, reason="they differ", witness=WITNESS
    ),
    "undecided": dataclasses.replace(issued().proof, verdict=Verdict.UNDECIDED, strategy=None, reason="no idea"),
}


def audited(verdict, check, *, any_signer=False, threshold=1):
    statement = Statement(issued().payload, issued().subject, {})
    audit = Audit(check, statement, PROOFS[verdict])
    return of_audit(audit, "c.json", {"reading": 0.5}, {"z3": "5"}, any_signer=any_signer, threshold=threshold)


@pytest.mark.parametrize(
    ("verdict", "check", "any_signer", "code"),
    [
        ("proved", TRUSTED, False, 0),
        ("refuted", TRUSTED, False, 1),
        ("undecided", TRUSTED, False, 3),
        ("proved", UNKNOWN, False, 3),
        ("refuted", UNKNOWN, False, 3),
        ("undecided", UNKNOWN, False, 3),
        ("proved", UNTIMELY, False, 3),
        ("refuted", UNTIMELY, False, 3),
        ("undecided", UNTIMELY, False, 3),
        ("proved", REVOKED, False, 3),
        ("refuted", REVOKED, False, 3),
        ("proved", None, True, 0),
        ("refuted", None, True, 1),
        ("undecided", None, True, 3),
    ],
)
def test_exit_code_of_an_audit(verdict, check, any_signer, code):
    result = audited(verdict, check, any_signer=any_signer)
    assert (result.exit_code, result.verdict) == (code, verdict)
    assert result.trusted == (check is TRUSTED)


@pytest.mark.parametrize(
    ("check", "signature", "signer"),
    [
        (TRUSTED, "valid", {"key_id": KEY.key.key_id, "principals": "alice"}),
        (UNTIMELY, "untimely: the key was too old", {"key_id": KEY.key.key_id, "principals": "alice"}),
        (REVOKED, "revoked: the key was revoked", {"key_id": BOB.key.key_id, "principals": "bob"}),
        (
            SignatureCheck((Signer("SHA256:one", Standing.REVOKED, None, "the key was revoked"),)),
            "revoked: the key was revoked",
            {"key_id": "SHA256:one"},
        ),
        (UNKNOWN, "unknown signer", {"key_id": "SHA256:one, SHA256:two"}),
        (None, "unchecked", {}),
    ],
    ids=["trusted", "untimely", "revoked", "revoked-stranger", "unknown", "unchecked"],
)
def test_signature(check, signature, signer):
    result = audited("proved", check)
    assert (result.signature, result.signer) == (signature, signer)


MANY = SignatureCheck((STRANGERS[0], BY_BOB, *UNTIMELY.signers, STRANGERS[1]))


def test_all_signers_are_listed_in_order():
    result = audited("proved", MANY)
    said = [(one["key_id"], one["principals"], one["standing"], one["reason"]) for one in result.signers]
    assert said == [
        ("SHA256:one", None, "unknown", ""),
        (BOB.key.key_id, "bob", "valid", ""),
        (KEY.key.key_id, "alice", "untimely", "the key was too old"),
        ("SHA256:two", None, "unknown", ""),
    ]
    assert result.signer == {"key_id": BOB.key.key_id, "principals": "bob"}
    assert audited("proved", None).signers == ()


@pytest.mark.parametrize(
    ("check", "threshold", "code"),
    [
        (MANY, 1, 0),
        (MANY, 2, 3),
        (SignatureCheck((BY_ALICE, BY_BOB)), 2, 0),
        (SignatureCheck((BY_ALICE, *STRANGERS, BY_BOB)), 2, 0),
        (SignatureCheck((BY_ALICE, BY_BOB)), 3, 3),
        (REVOKED, 1, 3),
        (UNKNOWN, 2, 3),
    ],
)
def test_threshold(check, threshold, code):
    result = audited("proved", check, threshold=threshold)
    assert (result.exit_code, result.trusted, result.threshold) == (code, code == 0, threshold)
    assert (result.signature == "valid") == (code == 0)
    assert audited("refuted", check, threshold=threshold).exit_code == (1 if code == 0 else 3)


def test_too_few():
    result = audited("proved", MANY, threshold=2)
    assert result.signature == "too few: 1 of the 2 trusted keys that were asked for"


@pytest.mark.parametrize(("verdict", "code"), [("proved", 0), ("undecided", 3)])
def test_exit_code_of_a_proof(verdict, code):
    result = of_proof(issued().subject, PROOFS[verdict], {}, {})
    assert (result.command, result.exit_code, result.verdict) == ("prove", code, verdict)
    assert (result.signature, result.trusted) == ("", False)


@pytest.mark.parametrize(
    ("error", "kind", "code", "verdict"),
    [
        (InputError("what", "where"), "input", 2, None),
        (NotJsonError("what", "where"), "input", 2, None),
        (InvalidCertificateError("what", "where"), "certificate", 1, None),
        (TicketNotFoundError("what"), "ticket", 3, "undecided"),
        (DisagreementError("what"), "internal", 2, None),
        (CertifyError("what"), "internal", 2, None),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else "",
)
def test_error(error, kind, code, verdict):
    result = of_error("audit", error, "file", {"reading": 1.0})
    place = "where" if isinstance(error, InputError) else ""
    assert result.error == Failure(kind, "what", "file", place)
    assert (result.exit_code, result.verdict, result.timings) == (code, verdict, {"reading": 1.0})
    assert result.reason == ("what" if code == 3 else "")
    assert result.certificate == "file"
    assert of_error("prove", error, "file").certificate == ""


@pytest.mark.parametrize(
    ("failure", "line"),
    [
        (Failure("input", "what"), "what"),
        (Failure("input", "what", "file"), "file: what"),
        (Failure("input", "what", "file", "where"), "file: where: what"),
        (Failure("input", "what", "", "where"), "where: what"),
        (Failure("input", "a\nb", "c\x1bd", "\u202e"), r"c\x1bd: \u202e: a\nb"),
        (Failure("input", "what", "\udcff"), r"\udcff: what"),
    ],
)
def test_one_line(failure, line):
    assert failure.line() == line


def test_what_a_proof_leaves():
    result = of_proof(issued().subject, issued().proof, {"sweep": 1.0}, {"z3": "5"})
    assert result.claim == {
        "relation": "equal",
        "target": "tiny.json",
        "sha256": sha256(target_bytes()),
        "conversion": None,
        "low": -2,
        "high": 2,
        "points": [[5, 2]],
    }
    assert result.witness is None
    assert result.reason == ""
    assert result.checks == {
        "strategy": "decomposition",
        "portfolio": [dataclasses.asdict(stage) for stage in issued().proof.portfolio],
        "maximum": None,
        "solver": "z3",
        "neurons": 6,
        "neurons_exhausted": 0,
        "network": "unsat",
        "sweep": {"points": 25, "multiplications": issued().proof.sweep.work},
    }
    assert set(result.ticket) == {
        "seed",
        "construction",
        "blocks",
        "widths",
        "precisions",
        "target_parameters",
        "base_parameters",
        "kept",
        "lower_bound",
        "ratio",
    }
    assert all(set(count) == {"count", "sha256"} for count in result.obligations.values())


def test_witness_and_nothing_swept():
    proof = dataclasses.replace(PROOFS["refuted"], sweep=None, obligations={})
    statement = Statement(issued().payload, issued().subject, {})
    result = of_audit(Audit(TRUSTED, statement, proof), "c.json", {}, {}, any_signer=False)
    assert result.witness == {"input": (1, -2), "left": (3,), "right": (-4,)}
    assert (result.reason, result.obligations, result.checks["sweep"]) == ("they differ", {}, None)


def test_results_are_values():
    assert Result("audit", 0) == Result("audit", 0)
    with pytest.raises(dataclasses.FrozenInstanceError):
        Result("audit", 0).exit_code = 1
