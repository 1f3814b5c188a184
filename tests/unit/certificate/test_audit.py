"""Auditing bytes: what is checked in which order, and what an audit hands back."""

from __future__ import annotations

import copy
import dataclasses
from datetime import UTC, datetime

import equivalences
import pytest
from program import TINY, certificate, issued, signed, signing_key, statement
from verdicts import only_the_decomposition

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
from certify.work import Crew
from solvers.smt.session import Answer

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
    assert found.signature.signers[0].key == late


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


def test_undecided_is_no_lie(monkeypatch):
    """An auditor who spends too little does not call the certificate invalid."""
    only_the_decomposition(monkeypatch)
    found = audit(TRUE, TRUST, AT, NOTHING)
    assert found.proof.verdict is Verdict.UNDECIDED
    assert found.trusted
    assert "obligations that z3 did not refute" in found.proof.reason


def test_proved_in_another_way_is_another_statement(monkeypatch):
    """Where z3 gives up and the sweep proves, what the certificate says of its proof is not what held."""
    monkeypatch.setattr("certify.proof.refutation.many.check", lambda *_, **__: Answer.UNKNOWN)
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

    assert audit(TRUE, TRUST, AT, crew=Crew(backwards)).proof == audit(TRUE, TRUST, AT).proof


def test_payload_of_another_target():
    other = TINY | {"name": "other"}
    found = audit(sign(issued(other).payload, ALICE), TRUST, AT)
    assert found.statement.subject.target.name == "other"


def test_too_large(monkeypatch):
    monkeypatch.setattr("certify.certificate.envelope.MAX_BYTES", 100)
    with pytest.raises(InputError, match="expected a certificate of at most 100 bytes, found"):
        audit(TRUE, TRUST, AT)


# Equivalences.


@pytest.mark.parametrize("name", [*equivalences.CLAIMS, "pruned"])
def test_true_equivalence(name):
    found = audit(equivalences.certificate(name, ALICE), TRUST, AT)
    made = equivalences.proved(name)
    assert found.trusted
    assert found.proof == made.proof
    assert found.proof.verdict is Verdict.PROVED
    assert found.proof.claim.relation == made.subject.relation
    assert found.statement.payload == made.payload


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("claim", "points"), [[5, 1], [5, 1]]),
        (("proof", "maximum"), equivalences.FAR + 1),
        (("proof", "strategy"), "merging"),
        (("proof", "sweep"), None),
    ],
    ids=lambda value: ".".join(value) if isinstance(value, tuple) else "",
)
def test_lie_of_an_equivalence(path, value):
    said = copy.deepcopy(equivalences.statement("within"))
    said["predicate"][path[0]][path[1]] = value
    with pytest.raises(InvalidCertificateError) as caught:
        audit(signed(said, ALICE), TRUST, AT)
    assert caught.value.place.startswith(f"payload.predicate.{path[0]}.{path[1]}")


def test_equivalence_that_does_not_hold():
    said = copy.deepcopy(equivalences.statement("within"))
    said["predicate"]["claim"]["bound"] = equivalences.FAR - 1
    found = audit(signed(said, ALICE), TRUST, AT)
    assert found.proof.verdict is Verdict.REFUTED
    assert found.proof.witness is not None


def test_an_equivalence_is_proved_under_its_own_budget(monkeypatch):
    """What its proof may spend decides how it is proved, and so its bytes."""
    budgets = []

    def watched(left, right, budget, **options):
        budgets.append(budget)
        return prover.prove(left, right, budget, **options)

    monkeypatch.setattr("certify.certificate.audit.prove", watched)
    said = copy.deepcopy(equivalences.statement("equal"))
    said["predicate"]["proof"]["rlimit"] = 12345
    audit(signed(said, ALICE), TRUST, AT)
    audit(TRUE, TRUST, AT)
    assert budgets == [Budget(remainder_rlimit=12345), Budget()]


def leaves(node, path=()):
    """Every place in a document where something stands that has no parts."""
    children = list(node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ())
    if not children:
        yield path
    for key, child in children:
        yield from leaves(child, (*path, key))


def another(value):
    """Something else of the same kind, that a reader cannot refuse for its type."""
    if isinstance(value, int):
        return value + 1
    if not isinstance(value, str):
        return {} if value == {} else 0
    return ("0" if value[:1] != "0" else "1") + value[1:] if value else "x"


# What a maker may choose without saying anything false: names, versions, what the proof may spend, a weaker bound,
# and to what numbers would be rounded of which none has to be.
FREE = {
    ("subject", 0, "name"),
    ("right", "name"),
    ("right", "base", "files", 0, "name"),
    ("right", "base", "round_to"),
    ("proof", "rlimit"),
}
WEAKER = ("claim", "bound")
TAMPERED = [
    pytest.param(name, path, id=f"{name}-{'.'.join(map(str, path))}")
    for name in ("within", "part", "pruned")
    for path in leaves(equivalences.statement(name))
]


@pytest.mark.parametrize(("name", "path"), TAMPERED)
def test_every_field_of_an_equivalence_counts(name, path):
    said = copy.deepcopy(equivalences.statement(name))
    node = said
    for key in path[:-1]:
        node = node[key]
    if node[path[-1]] == {}:
        node[path[-1]] = {"weight": {"count": 1, "sha256": "0" * 64}}
    else:
        node[path[-1]] = another(node[path[-1]])
    try:
        holds = audit(signed(said, ALICE), TRUST, AT).proof.verdict is Verdict.PROVED
    except InvalidCertificateError:
        holds = False
    within = path[1:] if path[0] == "predicate" else path
    assert holds == (within in FREE or within[0] == "versions" or (name, within) == ("within", WEAKER))
