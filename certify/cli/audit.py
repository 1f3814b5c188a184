"""`certify audit`: reach the verdicts of certificates again."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import click

from certify.certificate import envelope
from certify.certificate.storage import read_capped
from certify.certificate.trust import Trust
from certify.cli.output import FILE, Output, output_options
from certify.cli.userkeys import default_trust, read_trust
from certify.errors import CertifyError, InputError
from certify.report.result import Result, of_audit, of_error


@click.command(name="audit")
@click.argument("certificates", metavar="CERT...", type=FILE, nargs=-1, required=True)
@click.option("--trust", type=FILE, help="Trusted keys (allowed_signers); else your own file and key.")
@click.option("--any-signer", is_flag=True, help="Do not check signatures: ask for the proof alone.")
@click.option(
    "--at", metavar="TIME", help="Judge keys at this moment (ISO 8601, UTC where it has no zone); else now."
)
@click.option("--workers", type=click.IntRange(1, 256), default=1, show_default=True, help="Processes.")
@output_options
def command(
    output: Output,
    certificates: tuple[Path, ...],
    trust: Path | None,
    any_signer: bool,
    at: str | None,
    workers: int,
) -> None:
    """Check each CERT: its signature, its base network from the seed, and the whole proof again.

    Nothing that a certificate says is believed, and no key in it: a key is trusted because --trust, or else your own
    configuration, says so.
    """
    try:
        moment = _moment(at)
        trusted = None if any_signer else _trust(trust)
    except CertifyError as error:
        output.finish([of_error("audit", error, "")])
    output.finish([_audit(path, trusted, moment, workers, output) for path in certificates])


def _audit(path: Path, trust: Trust | None, moment: datetime, workers: int, output: Output) -> Result:
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
        return of_audit(found, str(path), monitor.timings, versions(), any_signer=trust is None)
    except CertifyError as error:
        return of_error("audit", error, str(path), monitor.timings)


def _moment(text: str | None) -> datetime:
    if text is None:
        return datetime.now(UTC)
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise InputError(f"expected a moment such as 2026-11-22T12:00:00Z, found {text!r}", "--at") from None
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)


def _trust(path: Path | None) -> Trust:
    if path is None:
        return default_trust()
    try:
        return read_trust(path)
    except InputError as error:
        raise InputError(error.problem, f"{path}: {error.place}".rstrip(": ")) from None
