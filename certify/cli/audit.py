"""`certify audit`: reach the verdicts of certificates again."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import click

from certify.certificate import envelope
from certify.certificate.storage import read_capped
from certify.certificate.trust import Trust
from certify.cli.output import FILE, Output, failed, output_options
from certify.cli.second_opinion import CrossCheck, cross_check_options, second_opinion
from certify.cli.userkeys import default_trust, read_trust
from certify.errors import CertifyError, InputError, printable
from certify.report.result import Result, of_audit


@click.command(name="audit")
@click.argument("certificates", metavar="CERT...", type=FILE, nargs=-1, required=True)
@click.option("--trust", type=FILE, help="Trusted keys (allowed_signers); else your own file and key.")
@click.option("--any-signer", is_flag=True, help="Do not check signatures: ask for the proof alone.")
@click.option(
    "--at", metavar="TIME", help="Judge keys at this moment (ISO 8601, UTC where it has no zone); else now."
)
@click.option("--workers", type=click.IntRange(1, 256), default=1, show_default=True, help="Processes.")
@cross_check_options
@output_options
def command(
    output: Output,
    certificates: tuple[Path, ...],
    trust: Path | None,
    any_signer: bool,
    at: str | None,
    workers: int,
    cross_check: str | None,
    proof_format: str | None,
) -> None:
    """Check each CERT: its signature, its base network from the seed, and the whole proof again.

    Nothing that a certificate says is believed, and no key in it: a key is trusted because --trust, or else your own
    configuration, says so.
    """
    if any_signer and trust is not None:
        raise click.UsageError("expected --trust or --any-signer, found both: --any-signer checks no signature")
    asked = CrossCheck(cross_check, proof_format)
    try:
        asked.check()
        moment = _moment(at)
        trusted = None if any_signer else default_trust() if trust is None else read_trust(trust)
    except CertifyError as error:
        output.finish([failed("audit", error, "")])
    results = [_audit(path, trusted, moment, workers, asked, output) for path in certificates]
    for result in results:
        if result.error is None and not result.trusted and not any_signer:
            click.echo(f"certify: {printable(result.certificate)}: {_why_not_trusted(result)}", err=True)
    output.finish(results)


def _why_not_trusted(result: Result) -> str:
    found = f"found {result.signature}: {result.signer['key_id']}"
    return f"expected a signature by a key that you trust, {found} (--trust FILE says whom you trust)"


def _audit(
    path: Path, trust: Trust | None, moment: datetime, workers: int, asked: CrossCheck, output: Output
) -> Result:
    monitor = output.monitor()
    try:
        data = read_capped(path, envelope.MAX_BYTES, "a certificate")
        envelope.read(data)
        # What computes is loaded only now: a bad file is answered at once.
        from certify.certificate.audit import audit  # noqa: PLC0415
        from certify.cli.workers import worker_processes  # noqa: PLC0415
        from certify.issue import versions  # noqa: PLC0415

        with worker_processes(workers) as run:
            found = audit(data, trust, moment, workers=workers, run=run, monitor=monitor)
        result = of_audit(found, str(path), monitor.timings, versions(), any_signer=trust is None)
        return second_opinion(asked, result, found.statement.subject, found.proof, path, workers, monitor)
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
