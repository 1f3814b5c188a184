"""`certify sign`: a signature more, by somebody who has reached the verdict again.

A signature says that its maker holds what is signed for true, so nothing is signed that was not audited first, in
full and just now. What others signed stays as it is, in its order; they need not be trusted, but a signature under
the id of a key that the signer trusts has to verify. The payload's bytes never change.
"""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import click

from certify.certificate import envelope
from certify.certificate.envelope import MAX_BYTES, Envelope
from certify.certificate.keys import SigningKey
from certify.certificate.limits import MAX_SIGNATURES
from certify.certificate.revocation import Revoked
from certify.certificate.storage import read_capped, write_atomic
from certify.certificate.trust import Trust
from certify.cli.blame import about
from certify.cli.crew import Workers, workers_options
from certify.cli.output import FILE, Output, failed, output_options
from certify.cli.passphrase import passphrase_option
from certify.cli.signing import unlock
from certify.cli.targets import check_output
from certify.cli.userkeys import KeyPair, default_key, default_trust, own_revoked
from certify.errors import CertifyError, InputError, printable
from certify.monitor import Monitor
from certify.report.exit_codes import HOLDS
from certify.report.result import Result, of_audit, resting_on, signature_parts


@click.command(name="sign")
@click.argument("certificates", metavar="CERT...", type=FILE, nargs=-1, required=True)
@click.option("-o", "--output", "out", type=FILE, help="Of one CERT: write here and leave it as it is.")
@click.option("--key", type=FILE, help="A private key; else the user's own.")
@passphrase_option
@click.option("--any-claim", is_flag=True, help="Sign a claim of less than equality on the whole box too.")
@workers_options
@output_options
def command(
    output: Output,
    certificates: tuple[Path, ...],
    out: Path | None,
    key: Path | None,
    passphrase_fd: int | None,
    any_claim: bool,
    workers: Workers,
) -> None:
    """Audit each CERT, the whole proof again, and add a signature to it where it is proved.

    Nobody who signed it before has to be trusted. CERT is replaced by the same certificate with one signature more;
    exit codes are those of `certify audit`, and with any but 0 it stays as it is.
    """
    if out is not None and len(certificates) > 1:
        raise click.UsageError("expected one CERT with -o, found several")
    pair = default_key() if key is None else KeyPair(key)
    try:
        for path in certificates:
            _check_place(path, out, pair)
        job = _job(pair, key is None, passphrase_fd, any_claim, workers)
    except CertifyError as error:
        output.finish([failed("sign", error, str(pair.private))])
    output.finish([_sign(path, out or path, job, output) for path in certificates])


@dataclass(frozen=True)
class _Job:
    """What is the same for all certificates of a run."""

    key: SigningKey
    trust: Trust
    revoked: Revoked
    any_claim: bool
    workers: Workers


def _check_place(path: Path, out: Path | None, pair: KeyPair) -> None:
    with about(path):
        if out is None and not _may_be_ordinary(path):
            raise InputError("expected an ordinary file, or -o OUT to write to, found neither")
    place = out or path
    with about(place):
        check_output(place, "the certificate", {"the private key": pair.private, "the public key": pair.public})


def _may_be_ordinary(path: Path) -> bool:
    """Whether a certificate can be replaced where it is; True also where there is none to be read."""
    try:
        return stat.S_ISREG(path.stat().st_mode)
    except OSError:
        return True


def _job(pair: KeyPair, own: bool, passphrase_fd: int | None, any_claim: bool, workers: Workers) -> _Job:
    """Return how to sign: the key, opened before any work, is trusted besides those that the user trusts."""
    if not os.path.lexists(pair.private):
        with about(pair.private):
            raise InputError("expected a key to sign with, found none: certify keygen makes one")
    key = unlock(pair, own=own, passphrase_fd=passphrase_fd)
    trust = default_trust().merge(Trust.of_key("signing-key", key.public))
    return _Job(key, trust, own_revoked(), any_claim, workers)


def _sign(path: Path, out: Path, job: _Job, output: Output) -> Result:
    monitor = output.monitor()
    try:
        data = read_capped(path, MAX_BYTES, "a certificate")
        signed_before = _signed_before(envelope.read(data), job.key)
        result = _audit(path, data, job, monitor)
        if result.exit_code != HOLDS:
            output.say(f"{printable(str(path))}: not signed")
            return result
        if not signed_before:
            return _with_signature(result, path, out, data, job, output)
        output.say(f"{printable(str(path))}: {job.key.public.key_id} has signed it already")
        if out != path:
            _write(path, out, data, data)
        return replace(result, certificate=str(out))
    except CertifyError as error:
        return failed("sign", error, str(path), monitor.timings)


def _audit(path: Path, data: bytes, job: _Job, monitor: Monitor) -> Result:
    # What computes is loaded only now: a bad file is answered at once.
    from certify.certificate.audit import audit  # noqa: PLC0415
    from certify.issue import versions  # noqa: PLC0415

    with job.workers.crew() as crew:
        found = audit(data, job.trust, datetime.now(UTC), revoked=job.revoked, crew=crew, monitor=monitor)
    timings, said = monitor.timings, versions()
    result = of_audit(found, str(path), timings, said, any_signer=True, any_claim=job.any_claim, command="sign")
    return resting_on(result, job.workers.scheduler)


def _signed_before(enclosed: Envelope, key: SigningKey) -> bool:
    """Return whether a key has signed; whether that verifies, the audit finds out.

    Raises:
        InputError: it has not, and there is no room for one signature more.
    """
    if any(signature.key_id == key.public.key_id for signature in enclosed.signatures):
        return True
    if len(enclosed.signatures) >= MAX_SIGNATURES:
        raise InputError(f"expected fewer than {MAX_SIGNATURES} signatures, found as many", "signatures")
    return False


def _with_signature(result: Result, path: Path, out: Path, data: bytes, job: _Job, output: Output) -> Result:
    from certify.certificate.signatures import add_signature, check_signatures  # noqa: PLC0415 - slow to load

    signed = add_signature(envelope.read(data), job.key)
    _write(path, out, data, signed)
    written = envelope.read(signed)
    output.say(
        f"wrote {printable(str(out))}, {len(written.signatures)} signatures: {job.key.public.key_id} is the last"
    )
    check = check_signatures(written, job.trust, datetime.now(UTC), job.revoked)
    return replace(result, certificate=str(out), **signature_parts(check))


def _write(path: Path, out: Path, audited: bytes, signed: bytes) -> None:
    """Write what was signed, where the certificate is still what was audited.

    Raises:
        FileError: it is not, would be larger than any that is read, or cannot be written.
    """
    with about(out):
        if len(signed) > MAX_BYTES:
            raise InputError(f"expected a certificate of at most {MAX_BYTES} bytes, found {len(signed)}")
        if out == path and read_capped(path, MAX_BYTES, "a certificate") != audited:
            raise InputError("expected the certificate that was audited, found that it has changed meanwhile")
        write_atomic(out, signed)
