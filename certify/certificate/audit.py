"""Auditing a certificate: reach its verdict again, trusting nothing that it says.

1. The envelope is read, and its signatures are checked against keys that the auditor trusts.
2. The statement is read: networks, base network and masks, each under the strict rules of its own reader.
3. A ticket's kept weights are drawn again from the seed.
4. The prover decides the claim again: of a ticket, on the target's whole box.
5. The statement is built again from all that, and has to have the certificate's payload, byte for byte.

A certificate that says `proved` and is not comes back with the prover's verdict; every other lie is an
InvalidCertificateError. Whether a trusted key signed is kept apart from both.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from certify.base.draw import kept_digest, kept_weights
from certify.base.prune import prune
from certify.certificate import equivalence, exact_ticket, reading, statement
from certify.certificate.exact_ticket import Subject
from certify.certificate.limits import MAX_RLIMIT
from certify.certificate.reading import Received
from certify.certificate.revocation import NOBODY, Revoked
from certify.certificate.signatures import SignatureCheck
from certify.certificate.statement import AnySubject, Statement
from certify.certificate.trust import Trust
from certify.errors import InvalidCertificateError
from certify.monitor import Monitor
from certify.network import strict_json
from certify.network.model import Network
from certify.proof.claim import EQUAL, Claim, Relation, Verdict
from certify.proof.prover import Budget, Proof, prove
from certify.work import ALONE, Crew


@dataclass(frozen=True, eq=False)
class Audit:
    """What an audit found.

    Attributes:
        signature: who signed; None where signatures were not to be checked.
        statement: what the certificate says; everything in it was found to hold where `proof` is proved.
        proof: the auditor's own.
    """

    signature: SignatureCheck | None
    statement: Statement
    proof: Proof

    @property
    def trusted(self) -> bool:
        """Whether a trusted key signed."""
        return self.trusted_keys > 0

    @property
    def trusted_keys(self) -> int:
        """How many trusted keys signed and count."""
        return 0 if self.signature is None else len(self.signature.trusted)


def audit(
    data: bytes,
    trust: Trust | None,
    at: datetime,
    budget: Budget | None = None,
    *,
    revoked: Revoked = NOBODY,
    crew: Crew = ALONE,
    monitor: Monitor | None = None,
) -> Audit:
    """Return what an audit of one certificate's bytes found.

    Args:
        data: the certificate.
        trust: the keys that count; None leaves signatures unchecked.
        at: the moment, aware, at which their validity is judged.
        budget: of the prover; None for the one under which the certificate says it was proved.
        revoked: keys that count no more, whatever `trust` says of them.
        crew: as for the prover.
        monitor: told of phases and progress.

    Raises:
        InputError: the bytes are not JSON, so no certificate at all.
        InvalidCertificateError: the certificate breaks a rule or says what does not hold.
        DisagreementError: the prover's ways to decide disagree.
    """
    monitor = monitor or Monitor()
    with monitor.phase("reading"):
        received = reading.read(data, trust, at, revoked)
    return audit_read(received, budget, crew=crew, monitor=monitor)


def audit_read(
    received: Received,
    budget: Budget | None = None,
    *,
    max_rlimit: int = MAX_RLIMIT,
    crew: Crew = ALONE,
    monitor: Monitor | None = None,
) -> Audit:
    """Return what an audit found of a certificate that has been read: steps 3 to 5.

    Args:
        received: the certificate.
        budget: as for `audit`.
        max_rlimit: what a certificate may ask for each question; one that asks for more is not proved again.
        crew: as for the prover.
        monitor: told of phases and progress.

    Raises:
        InvalidCertificateError: the certificate says what does not hold.
        DisagreementError: the prover's ways to decide disagree.
    """
    monitor, said = monitor or Monitor(), received.statement
    with monitor.phase("base network"):
        left, right, relation = question(said.subject)
    spent = _budget(said)
    if budget is None and spent.remainder_rlimit > max_rlimit:
        return Audit(received.signature, said, _declined(left, relation, spent.remainder_rlimit, max_rlimit))
    proof = prove(left, right, budget or spent, relation=relation, crew=crew, monitor=monitor)
    if proof.verdict is Verdict.PROVED:
        _check_payload(said, build(said.subject, right, proof, spent, said.versions))
    return Audit(received.signature, said, proof)


def question(subject: AnySubject) -> tuple[Network, Network, Relation]:
    """Return what a subject asks of the prover: two networks, the first on the claim's box, and the relation."""
    if isinstance(subject, Subject):
        return subject.target, prune(subject.target, subject.base, subject.masks), EQUAL
    return (*subject.networks(), subject.relation)


def _declined(left: Network, relation: Relation, asked: int, granted: int) -> Proof:
    reason = f"the certificate asks for {asked} of z3's steps for each question, more than {granted} (see --rlimit)"
    return Proof(Verdict.UNDECIDED, Claim.of(left, relation), reason=reason)


def _budget(said: Statement) -> Budget:
    return Budget() if said.rlimit is None else Budget(remainder_rlimit=said.rlimit)


def build(subject: AnySubject, right: Network, proof: Proof, budget: Budget, versions: Mapping[str, str]) -> bytes:
    """Return the canonical payload of a proved claim.

    Args:
        subject: what was asked.
        right: the second network of its question.
        proof: a proof whose verdict is `proved`.
        budget: under which it was proved.
        versions: of the program and what it rests on, by name.
    """
    if isinstance(subject, Subject):
        return exact_ticket.build(subject, _kept_digest(subject, right), proof, versions)
    return equivalence.build(subject, proof, budget.remainder_rlimit, versions)


def _kept_digest(subject: Subject, ticket: Network) -> str:
    """Return the digest of all kept weights in mask order, in which a network with copies does not have them."""
    if subject.base.construction != "theorem-2":
        return kept_digest(ticket.matrices)
    return kept_digest(kept_weights(subject.base, number, mask) for number, mask in enumerate(subject.masks))


def _check_payload(said: Statement, expected: bytes) -> None:
    """Step 5."""
    if said.payload == expected:
        return
    difference = statement.first_difference(strict_json.parse(expected), strict_json.parse(said.payload))
    place, problem = difference or ("payload", "expected other bytes")
    raise InvalidCertificateError(problem, place)
