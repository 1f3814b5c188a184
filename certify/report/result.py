"""The result of a command, `certify.result/1`, before it takes a form.

`verdict`, `signature` and `trusted` are kept apart: what was proved, what the signatures say, and whether the auditor
trusts who made them. The exit code follows from all three, here and nowhere else.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import TYPE_CHECKING, Any

from certify.certificate.statement import AnySubject
from certify.errors import (
    CertifyError,
    FalseClaimError,
    InputError,
    InvalidCertificateError,
    ReaderMissingError,
    TicketNotFoundError,
    TimeLimitError,
    printable,
)
from certify.report import claims
from certify.report.exit_codes import FAILED, HOLDS, REFUTED, UNDECIDED

if TYPE_CHECKING:
    from certify.certificate.audit import Audit
    from certify.certificate.signatures import SignatureCheck, Signer
    from certify.certificate.trust import TrustedKey
    from certify.proof.prover import Proof
    from certify.proof.second_opinion import SecondOpinion

FORMAT = "certify.result/1"
_AUDITS = ("audit", "sign")  # commands that audit certificates


@dataclass(frozen=True)
class Failure:
    """Why a command has no verdict to give.

    Attributes:
        kind: input, certificate, claim, reader, ticket, usage or internal.
        file: which file, empty where none is to blame.
        place: where in it.
        message: one line.
    """

    kind: str
    message: str
    file: str = ""
    place: str = ""

    def line(self) -> str:
        """Return everything in one line."""
        return ": ".join(printable(part) for part in (self.file, self.place, self.message) if part)


@dataclass(frozen=True)
class Result:
    """What one command found about one target, certificate or pair of networks.

    Attributes:
        command: prove, audit, equal or sign.
        exit_code: what the program exits with for this result.
        verdict: proved, refuted or undecided; None where something failed before one was reached.
        reason: why it is not proved.
        certificate: the certificate's path, written or audited.
        claim: relation, files, their digests and conversions, box, number of points as factors.
        witness: input, left (the target's outputs, or the first network's) and right, for refuted.
        obligations: count and digest by kind.
        checks: what was asked besides, of whom, and what each step decided.
        ticket: the base network's name and the ticket's sizes, where there is a ticket.
        signature: valid, too few, revoked, untimely, unknown signer or unchecked; empty where none was read.
        signer: key id and principals of whoever signed: of the first that counts, else of one that does not.
        signers: of every signature, in order: key id, principals (null for strangers), standing, and why it does not
            count; empty where signatures are unchecked.
        threshold: how many trusted keys were asked for.
        trusted: whether so many trusted keys signed.
        timings: seconds by phase.
        versions: of the program and what it rests on.
        error: for a failure.
    """

    command: str
    exit_code: int
    verdict: str | None = None
    reason: str = ""
    certificate: str = ""
    claim: Mapping[str, Any] = field(default_factory=dict)
    witness: Mapping[str, Any] | None = None
    obligations: Mapping[str, Any] = field(default_factory=dict)
    checks: Mapping[str, Any] = field(default_factory=dict)
    ticket: Mapping[str, Any] = field(default_factory=dict)
    signature: str = ""
    signer: Mapping[str, str] = field(default_factory=dict)
    signers: Sequence[Mapping[str, str | None]] = ()
    threshold: int = 1
    trusted: bool = False
    timings: Mapping[str, float] = field(default_factory=dict)
    versions: Mapping[str, str] = field(default_factory=dict)
    error: Failure | None = None


def of_proof(
    subject: AnySubject,
    proof: Proof,
    timings: Mapping[str, float],
    versions: Mapping[str, str],
    *,
    command: str = "prove",
) -> Result:
    """Return the result of proving what a command was asked, without a certificate to judge."""
    return Result(
        command=command,
        exit_code=_exit_code(proof),
        timings=timings,
        versions=versions,
        **_proof_parts(subject, proof),
    )


def of_audit(
    audit: Audit,
    path: str,
    timings: Mapping[str, float],
    versions: Mapping[str, str],
    *,
    any_signer: bool,
    any_claim: bool = False,
    threshold: int = 1,
    command: str = "audit",
) -> Result:
    """Return the result of auditing one certificate.

    Args:
        audit: what was found.
        path: the certificate's.
        timings: seconds by phase.
        versions: of the program and what it rests on.
        any_signer: no trusted signature is asked for.
        any_claim: less than equality on the whole box is enough.
        threshold: how many trusted keys have to have signed.
        command: which audits.
    """
    trusted = audit.trusted_keys >= threshold
    result = Result(
        command=command,
        exit_code=_exit_code(audit.proof) if trusted or any_signer else UNDECIDED,
        certificate=path,
        **signature_parts(audit.signature, threshold),
        timings=timings,
        versions=versions,
        **_proof_parts(audit.statement.subject, audit.proof),
    )
    missing = claims.what_is_missing(audit.statement.subject)
    if missing and not any_claim:
        return _less_than_asked(result, f"expected equality on the whole box, found a claim of {missing}")
    return result


def signature_parts(check: SignatureCheck | None, threshold: int = 1) -> dict[str, Any]:
    """Return what a result says of signatures; None where they were not checked."""
    if check is None:
        return {"signature": "unchecked"}
    signature, signer = _signature(check, threshold)
    return {
        "signature": signature,
        "signer": signer,
        "signers": [_signer(one) for one in check.signers],
        "threshold": threshold,
        "trusted": len(check.trusted) >= threshold,
    }


def _signature(check: SignatureCheck, threshold: int) -> tuple[str, dict[str, str]]:
    if check.trusted:
        count = len(check.trusted)
        few = f"too few: {count} of the {threshold} trusted keys that were asked for"
        return "valid" if count >= threshold else few, _known(check.trusted[0])
    # Imported only where there is a certificate: what is said of a wrong call does not wait for the library.
    from certify.certificate.signatures import Standing  # noqa: PLC0415

    for one in (*check.of(Standing.REVOKED), *check.of(Standing.UNTIMELY)):
        return f"{one.standing.value}: {one.reason}", {"key_id": one.key_id} if one.key is None else _known(one.key)
    return "unknown signer", {"key_id": ", ".join(check.unknown_key_ids)}


def _known(trusted: TrustedKey) -> dict[str, str]:
    return {"key_id": trusted.key.key_id, "principals": trusted.principals}


def _signer(one: Signer) -> dict[str, str | None]:
    principals = None if one.key is None else one.key.principals
    return {"key_id": one.key_id, "principals": principals, "standing": one.standing.value, "reason": one.reason}


def with_second_opinion(result: Result, opinion: SecondOpinion | None) -> Result:
    """Return a result of which another solver was asked; None where there was nothing to ask.

    The exit code no longer says that everything holds where the other solver has not refuted every obligation too.
    """
    if opinion is None:
        reason = "there are no obligations for another solver to check"
        return _less_than_asked(replace(result, checks={**result.checks, "cross_check": None}), reason)
    said = {
        "solver": opinion.solver,
        "version": opinion.version,
        "agreed": opinion.agreed,
        "unknown": opinion.unknown,
        "gave_up_on": dict(opinion.gave_up),
        "proofs": None if opinion.proofs is None else asdict(opinion.proofs),
    }
    result = replace(result, checks={**result.checks, "cross_check": said})
    if opinion.refuted_all:
        return result
    return _less_than_asked(result, f"{opinion.solver} gave up on some obligations")


def _less_than_asked(result: Result, reason: str) -> Result:
    if result.exit_code != HOLDS:
        return result
    return replace(result, exit_code=UNDECIDED, reason=reason)


def with_proofs_in(result: Result, file: str) -> Result:
    """Return the result with the file that the other solver's proofs were written to."""
    said = result.checks["cross_check"]
    named = {**said, "proofs": {"file": file, **said["proofs"]}}
    return replace(result, checks={**result.checks, "cross_check": named})


def resting_on(result: Result, scheduler: str | None) -> Result:
    """Return the result with who has to be believed: a cluster's workers, where they refuted what it rests on."""
    if scheduler is None or result.checks.get("strategy") != "decomposition":
        return result
    return replace(result, checks={**result.checks, "rests_on": {"workers_of": scheduler}})


def of_error(command: str, error: CertifyError, file: str, timings: Mapping[str, float] | None = None) -> Result:
    """Return the result of a command that failed."""
    kind, code = _kind(command, error)
    place = error.place if isinstance(error, InputError) else ""
    message = error.problem if isinstance(error, InputError) else str(error)
    if command in _AUDITS and isinstance(error, ReaderMissingError):
        message = f"conversion not checked: {message}"
    return Result(
        command=command,
        exit_code=code,
        verdict="undecided" if code == UNDECIDED else None,
        reason=message if code == UNDECIDED else "",
        certificate=file if command in _AUDITS else "",
        timings=timings or {},
        error=Failure(kind, message, file, place),
    )


def _kind(command: str, error: CertifyError) -> tuple[str, int]:
    match error:
        case FalseClaimError():
            return "claim", REFUTED
        case InvalidCertificateError():
            return "certificate", REFUTED
        case InputError():
            return "input", FAILED
        case ReaderMissingError():
            return "reader", UNDECIDED if command in _AUDITS else FAILED
        case TicketNotFoundError():
            return "ticket", UNDECIDED
        case TimeLimitError():
            return "limit", UNDECIDED
        case _:
            return "internal", FAILED


def _exit_code(proof: Proof) -> int:
    return {"proved": HOLDS, "refuted": REFUTED}.get(proof.verdict, UNDECIDED)


def _proof_parts(subject: AnySubject, proof: Proof) -> dict[str, Any]:
    return {
        "verdict": proof.verdict.value,
        "reason": proof.reason,
        "claim": claims.claim(subject, proof.claim),
        "witness": None if proof.witness is None else asdict(proof.witness),
        "obligations": {kind: asdict(count) for kind, count in proof.obligations.items()},
        "checks": _checks(proof),
        "ticket": claims.ticket(subject),
    }


def _checks(proof: Proof) -> dict[str, Any]:
    composed, swept = proof.composition, proof.sweep
    return {
        "strategy": proof.strategy,
        "portfolio": [asdict(stage) for stage in proof.portfolio],
        "solver": "z3",
        "neurons": composed.neurons,
        "neurons_exhausted": composed.exhausted,
        "network": None if composed.network is None else composed.network.value,
        "sweep": None if swept is None else {"points": swept.points, "multiplications": swept.work},
        "maximum": None if proof.maximum is None else asdict(proof.maximum),
    }
