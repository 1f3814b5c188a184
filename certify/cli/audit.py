"""`certify audit`: reach the verdicts of certificates again, or that of a ticket that somebody claims."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from certify.certificate import envelope, reading
from certify.certificate.limits import MAX_RLIMIT, MAX_SIGNATURES
from certify.certificate.revocation import NOBODY, Revoked
from certify.certificate.storage import read_capped
from certify.certificate.trust import Trust
from certify.cli.audit_ticket import ClaimedTicket, audit_ticket, ticket_options
from certify.cli.crew import Workers, workers_options
from certify.cli.limit import limited, time_limit_option
from certify.cli.output import FILE, Output, failed, output_options
from certify.cli.second_opinion import CrossCheck, cross_check_options, second_opinion
from certify.cli.userkeys import default_trust, own_revoked, read_revoked, read_trust
from certify.errors import CertifyError, InputError, TimeLimitError, WorkLostError, printable
from certify.report.result import Result, of_audit, resting_on


@dataclass(frozen=True)
class Judging:
    """What is asked of a certificate besides its proof.

    Attributes:
        trust: a file of trusted keys; None for the user's own.
        revoked: a file of revoked keys, besides the user's own; None for no other.
        threshold: how many trusted keys have to have signed; None for one.
        any_signer: no trusted signature.
        any_claim: not equality on the whole box.
        at: the moment at which keys are judged.
    """

    trust: Path | None
    revoked: Path | None
    threshold: int | None
    any_signer: bool
    any_claim: bool
    at: str | None

    def check(self) -> None:
        """Check that nothing is asked of signatures that are not to be checked.

        Raises:
            UsageError: something is.
        """
        asked = {"--trust": self.trust, "--revoked": self.revoked, "--threshold": self.threshold}
        for name, value in asked.items():
            if self.any_signer and value is not None:
                raise click.UsageError(
                    f"expected {name} or --any-signer, found both: --any-signer checks no signature"
                )

    def moment(self) -> datetime:
        """Return that moment, aware.

        Raises:
            InputError: it is none.
        """
        return _moment(self.at)

    def trusted(self) -> Trust | None:
        """Return the keys that count, or None where none is asked for.

        Raises:
            FileError: they cannot be read.
            InputError: they are fewer than have to have signed, so that no certificate could pass.
        """
        if self.any_signer:
            return None
        trust = default_trust() if self.trust is None else read_trust(self.trust)
        if (self.threshold or 1) > max(len(trust.keys), 1):
            expected = f"at most {len(trust.keys)}, as many as you trust keys"
            raise InputError(f"expected {expected}, found {self.threshold}", "--threshold")
        return trust

    def revoked_keys(self) -> Revoked:
        """Return the keys that count no more: the user's own file's always.

        Raises:
            FileError: they cannot be read.
        """
        if self.any_signer:
            return NOBODY
        return own_revoked() if self.revoked is None else own_revoked().merge(read_revoked(self.revoked))


def _judging_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options of certificates; the command gets them as one `judging`."""

    def command(
        trust: Path | None,
        revoked: Path | None,
        threshold: int | None,
        any_signer: bool,
        any_claim: bool,
        at: str | None,
        **arguments: Any,
    ) -> Any:
        judging = Judging(trust, revoked, threshold, any_signer, any_claim, at)
        return function(judging=judging, **arguments)

    command.__doc__ = function.__doc__
    vars(command)["__click_params__"] = getattr(function, "__click_params__", [])
    options = (
        click.option("--trust", type=FILE, help="Trusted keys (allowed_signers); else your own file and key."),
        click.option("--revoked", type=FILE, help="Keys that count no more, besides those of your own revoked_keys."),
        click.option(
            "--threshold",
            type=click.IntRange(1, MAX_SIGNATURES),
            metavar="M",
            help="So many trusted keys have signed; else 1.",
        ),
        click.option("--any-signer", is_flag=True, help="Do not check signatures: ask for the proof alone."),
        click.option("--any-claim", is_flag=True, help="Accept a claim of less than equality on the whole box."),
        click.option(
            "--at", metavar="TIME", help="Judge keys at this moment (ISO 8601, UTC where it has no zone); else now."
        ),
    )
    for option in reversed(options):
        command = option(command)
    return command


@click.command(name="audit")
@click.argument("certificates", metavar="[CERT]...", type=FILE, nargs=-1)
@_judging_options
@ticket_options
@workers_options
@cross_check_options
@time_limit_option
@output_options
def command(
    output: Output,
    certificates: tuple[Path, ...],
    judging: Judging,
    claimed: ClaimedTicket,
    workers: Workers,
    cross_check: str | None,
    proof_format: str | None,
    time_limit: float | None,
) -> None:
    """Check each CERT: its signature, its base network from the seed, and the whole proof again.

    Nothing that a certificate says is believed, and no key in it: a key is trusted because --trust, or else your own
    configuration, says so.

    With --target and --base, and no CERT, the ticket is one that somebody claims: the base network and the masks are
    read from files, and whether base ⊙ mask is the target is proved.
    """
    asked = CrossCheck(cross_check, proof_format)
    asked.check_limit(time_limit)
    if claimed.check():
        if certificates or judging != Judging(None, None, None, any_signer=False, any_claim=False, at=None):
            raise click.UsageError("expected certificates (with --trust and such) or --target, found both")
        output.finish([audit_ticket(claimed, workers, asked, time_limit, output)])
    if not certificates:
        raise click.UsageError("expected CERT... or --target and --base, found neither")
    judging.check()
    try:
        asked.check()
        moment, trusted, revoked = judging.moment(), judging.trusted(), judging.revoked_keys()
    except CertifyError as error:
        output.finish([failed("audit", error, "")])
    job = _Job(trusted, revoked, moment, judging, workers, asked, claimed.rlimit or MAX_RLIMIT)
    results = [_audit_within(time_limit, path, job, output) for path in certificates]
    for result in results:
        if result.error is None and result.signature and not result.trusted and not judging.any_signer:
            click.echo(f"certify: {printable(result.certificate)}: {_why_not_trusted(result)}", err=True)
    output.finish(results)


@dataclass(frozen=True)
class _Job:
    """What is the same for all certificates of a run."""

    trust: Trust | None
    revoked: Revoked
    moment: datetime
    judging: Judging
    workers: Workers
    asked: CrossCheck
    max_rlimit: int


def _why_not_trusted(result: Result) -> str:
    if result.threshold > 1:
        expected = f"signatures by {result.threshold} keys that you trust"
        found = "; ".join(f"{one['key_id']} {one['standing']}" for one in result.signers)
        counted = sum(one["standing"] == "valid" for one in result.signers)
        return f"expected {expected}, found {counted} of {result.threshold}: {found}"
    found = f"found {result.signature}: {result.signer['key_id']}"
    return f"expected a signature by a key that you trust, {found} (--trust FILE says whom you trust)"


def _audit_within(seconds: float | None, path: Path, job: _Job, output: Output) -> Result:
    try:
        return limited(seconds, _audit, (path, job, output))
    except (TimeLimitError, WorkLostError) as error:
        return failed("audit", error, str(path))


def _audit(arguments: tuple[Path, _Job, Output]) -> Result:
    path, job, output = arguments
    monitor = output.monitor()
    try:
        with monitor.phase("reading"):
            received = reading.read(
                read_capped(path, envelope.MAX_BYTES, "a certificate"), job.trust, job.moment, job.revoked
            )
        # What computes is loaded only now: a bad file is answered at once.
        from certify.certificate.audit import audit_read  # noqa: PLC0415
        from certify.issue import versions  # noqa: PLC0415

        with job.workers.crew() as crew:
            found = audit_read(received, max_rlimit=job.max_rlimit, crew=crew, monitor=monitor)
        result = of_audit(
            found,
            str(path),
            monitor.timings,
            versions(),
            any_signer=job.judging.any_signer,
            any_claim=job.judging.any_claim,
            threshold=job.judging.threshold or 1,
        )
        result = resting_on(result, job.workers.scheduler)
        return second_opinion(job.asked, result, found.statement.subject, found.proof, path, job.workers, monitor)
    except CertifyError as error:
        return failed("audit", error, str(path), monitor.timings)


def _moment(text: str | None) -> datetime:
    if text is None:
        return datetime.now(UTC)
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise InputError(f"expected a moment such as 2026-11-22T12:00:00Z, found {text!r}", "--at") from None
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)
