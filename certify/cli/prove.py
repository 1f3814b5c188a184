"""`certify TARGET`: find, prove, sign."""

from __future__ import annotations

import shlex
from dataclasses import replace
from pathlib import Path

import click

from certify.certificate.keys import SigningKey
from certify.certificate.storage import read_capped, write_atomic
from certify.cli.output import FILE, Output, output_options
from certify.cli.userkeys import KeyPair, default_key, load_key, make_key
from certify.errors import CertifyError, InputError
from certify.network.reader import MAX_BYTES, read_network
from certify.report.exit_codes import HOLDS
from certify.report.result import of_error, of_proof


@click.command(name="prove")
@click.argument("target", type=FILE)
@click.option("-o", "--output", "out", type=FILE, help="The certificate; TARGET's name with .certificate.json.")
@click.option("--seed", default="0", show_default=True, help="Of the random base network; any text.")
@click.option("--width", type=click.IntRange(1, 1 << 20), help="Units in every input's block; else blocks grow.")
@click.option("--precision", type=click.IntRange(0, 30), help="Bits of the base network's weights; else the fewest.")
@click.option("--key", type=FILE, help="A private key (PEM); else the user's own, made on a first run.")
@click.option("--workers", type=click.IntRange(1, 256), default=1, show_default=True, help="Processes.")
@output_options
def command(
    output: Output,
    target: Path,
    out: Path | None,
    seed: str,
    width: int | None,
    precision: int | None,
    key: Path | None,
    workers: int,
) -> None:
    """Find a ticket for TARGET, prove it, and write a signed certificate.

    TARGET is a quantized ReLU network in the format certify.network/1. The ticket is a pruning of a random network
    that is drawn from the seed; z3 proves that it equals TARGET on every point of TARGET's input grid.
    """
    monitor = output.monitor()
    try:
        data = read_capped(target, MAX_BYTES, "a target network")
        network = read_network(data)
        out = out or Path(f"{target.name.removesuffix('.json')}.certificate.json")
        _check_output(target, out)
        pair, signing_key = _existing_key(key)
        # What computes is loaded only now: a bad file is answered at once.
        from certify.certificate.signatures import sign  # noqa: PLC0415
        from certify.cli.workers import worker_processes  # noqa: PLC0415
        from certify.issue import Options, issue, versions  # noqa: PLC0415

        options = Options(seed, width, precision)
        with worker_processes(workers) as run:
            issued = issue(target.name, data, network, options, workers=workers, run=run, monitor=monitor)
        result = of_proof(issued.subject, issued.proof, monitor.timings, versions())
        if result.exit_code == HOLDS:
            signing_key = signing_key or _new_key(pair, output)
            write_atomic(out, sign(issued.payload, signing_key))
            result = replace(result, certificate=str(out))
            _say_how_to_audit(output, out, pair, own=key is None)
    except CertifyError as error:
        result = of_error("prove", error, str(target), monitor.timings)
    output.finish([result])


def _check_output(target: Path, out: Path) -> None:
    """Check, before any work, that the certificate can be written where it is wanted."""
    if out.exists() and target.exists() and out.samefile(target):
        raise InputError("expected another file for the certificate, found the target itself", "--output")
    if not out.parent.is_dir():
        raise InputError(f"expected a folder to write to, found none at {out.parent}", "--output")


def _existing_key(path: Path | None) -> tuple[KeyPair, SigningKey | None]:
    """Return the key pair to sign with, and its private half where it is there already."""
    pair = default_key() if path is None else KeyPair(path)
    if path is None and not pair.private.exists():
        return pair, None
    try:
        return pair, load_key(pair.private)
    except InputError as error:
        raise InputError(error.problem, str(pair.private)) from None


def _new_key(pair: KeyPair, output: Output) -> SigningKey:
    key = make_key(pair)
    output.say(f"made a signing key, {key.public.key_id}, in {pair.private} (only you can read it)")
    return key


def _say_how_to_audit(output: Output, out: Path, pair: KeyPair, *, own: bool) -> None:
    command = f"certify audit {shlex.quote(str(out))}"
    if own:
        output.say(f"wrote {out}; audit it with: {command}")
        output.say(f"others need your public key: {command} --trust {shlex.quote(str(pair.public))}")
    else:
        output.say(f"wrote {out}; audit it with: {command} --trust KEYS, an allowed_signers file with the key")
