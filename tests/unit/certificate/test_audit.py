"""Auditing bytes: what is checked in which order, and what an audit hands back."""

from __future__ import annotations

import dataclasses
from datetime import UTC, datetime

import pytest
from program import TINY, certificate, issued, signed, signing_key, statement

from certify.certificate.audit import audit
from certify.certificate.signatures import sign
from certify.certificate.trust import Trust, TrustedKey
from certify.errors import DisagreementError, InputError, InvalidCertificateError
from certify.issue import Options
from certify.monitor import Monitor
from certify.network.strict_json import NotJsonError
from certify.proof import prover
from certify.proof.claim import Verdict
from certify.proof.prover import Budget
from solvers.smt.session import Answer, Outcome

ALICE, BOB = signing_key(1), signing_key(2)
AT = datetime(2026, 1, 1, tzinfo=UTC)
TRUST = Trust.of_key("alice", ALICE.public)
TRUE = certificate(ALICE)
NOTHING = Budget(rlimit=1, sweep_work=0)


def test_true():
    found = audit(TRUE, TRUST, AT)
    assert found.trusted
    assert found.signature.signer.key == ALICE.public
    assert found.proof.verdict is Verdict.PROVED
    assert found.proof.obligations == issued().proof.obligations
    assert found.statement.subject.name == "tiny.json"


@pytest.mark.parametrize("options", [Options("1"), Options("0", 100), Options("0", None, 4)])
def test_true_under_other_options(options):
    assert audit(certificate(ALICE, options=options), TRUST, AT).proof.verdict is Verdict.PROVED


def test_signatures_unchecked_without_trust():
    found = audit(TRUE, None, AT)
    assert found.signature is None
    assert not found.trusted


def test_trust_in_nobody():
    found = audit(TRUE, Trust(()), AT)
    assert not found.trusted
    assert found.signature.unknown_key_ids == (ALICE.public.key_id,)
    assert found.proof.verdict is Verdict.PROVED


def test_key_out_of_time():
    late = TrustedKey("alice", ALICE.public, valid_before=datetime(2025, 1, 1, tzinfo=UTC))
    found = audit(TRUE, Trust((late,)), AT)
    assert not found.trusted
    assert found.signature.untimely[0].key == late


def test_forged_before_anything_is_proved(monkeypatch):
    """A signature under a trusted key's id is judged first; nothing of the payload is even read."""
    monkeypatch.setattr("certify.certificate.audit.statement.read", lambda *_: pytest.fail("it was read"))
    forged = TRUE.replace(ALICE.public.key_id.encode(), BOB.public.key_id.encode())
    with pytest.raises(InvalidCertificateError) as caught:
        audit(forged, Trust.of_key("bob", BOB.public), AT)
    assert caught.value.place == "signatures[0]"


def test_no_json():
    with pytest.raises(NotJsonError):
        audit(b"{", TRUST, AT)


def test_no_certificate():
    with pytest.raises(InvalidCertificateError):
        audit(b"{}", TRUST, AT)


@pytest.mark.parametrize("change", [1, -1], ids=["more", "fewer"])
def test_lie(change):
    said = statement()
    said["predicate"]["sizes"]["kept"] += change
    with pytest.raises(InvalidCertificateError) as caught:
        audit(signed(said, ALICE), TRUST, AT)
    assert caught.value.place == "payload.predicate.sizes.kept"


def test_undecided_is_no_lie():
    """An auditor who spends too little does not call the certificate invalid."""
    found = audit(TRUE, TRUST, AT, NOTHING)
    assert found.proof.verdict is Verdict.UNDECIDED
    assert found.trusted
    assert "obligations that z3 did not refute" in found.proof.reason


def test_proved_in_another_way_is_another_statement(monkeypatch):
    """Where z3 gives up and the sweep proves, what the certificate says of its proof is not what held."""
    unknown = Outcome(Answer.UNKNOWN, reason="z3 gave up")
    monkeypatch.setattr("certify.proof.refutation.session.check", lambda *_: unknown)
    with pytest.raises(InvalidCertificateError) as caught:
        audit(TRUE, TRUST, AT)
    assert caught.value.place.startswith("payload.predicate.proof.")


def test_ways_that_disagree_stop_it(monkeypatch):
    swept = dataclasses.replace(issued().proof.sweep, difference=(0, 0))
    monkeypatch.setattr(prover, "sweep_grid", lambda *_: swept)
    with pytest.raises(DisagreementError):
        audit(TRUE, TRUST, AT)


def test_phases():
    monitor = Monitor()
    audit(TRUE, TRUST, AT, monitor=monitor)
    names = ["reading", "base network", "obligations", "refutation", "composition", "sweep"]
    assert list(monitor.timings) == names
    assert all(seconds >= 0 for seconds in monitor.timings.values())


def test_order_of_work_changes_nothing():
    def backwards(function, work):
        return list(map(function, list(work)[::-1]))[::-1]

    assert audit(TRUE, TRUST, AT, run=backwards).proof == audit(TRUE, TRUST, AT).proof


def test_payload_of_another_target():
    other = TINY | {"name": "other"}
    found = audit(sign(issued(other).payload, ALICE), TRUST, AT)
    assert found.statement.subject.target.name == "other"


def test_too_large(monkeypatch):
    monkeypatch.setattr("certify.certificate.envelope.MAX_BYTES", 100)
    with pytest.raises(InputError, match="expected a certificate of at most 100 bytes, found"):
        audit(TRUE, TRUST, AT)
