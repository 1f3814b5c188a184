"""`certify TARGET`: find, prove, sign."""

from __future__ import annotations

import os
import shlex
import shutil
import sys
from dataclasses import replace
from pathlib import Path

import click

from certify.certificate.keys import SigningKey
from certify.certificate.statement import check_name
from certify.certificate.storage import read_capped, write_atomic
from certify.cli.blame import about
from certify.cli.output import FILE, Output, failed, output_options
from certify.cli.second_opinion import CrossCheck, cross_check_options, second_opinion
from certify.cli.targets import check_output, rule_option, stem
from certify.cli.userkeys import KeyPair, check_free, default_key, load_key, make_key
from certify.errors import CertifyError, printable
from certify.network.reader import MAX_BYTES
from certify.network.rounding import Rule
from certify.network.target import read_target
from certify.report.exit_codes import HOLDS
from certify.report.result import of_proof


@click.command(name="prove")
@click.argument("target", type=FILE)
@click.option("-o", "--output", "out", type=FILE, help="The certificate; TARGET's name with .certificate.json.")
@click.option("--seed", default="0", show_default=True, help="Of the random base network; any text.")
@click.option("--width", type=click.IntRange(1, 1 << 20), help="Units in every input's block; else blocks grow.")
@click.option("--precision", type=click.IntRange(0, 30), help="Bits of the base network's weights; else the fewest.")
@click.option("--key", type=FILE, help="A private key (PEM); else the user's own, made on a first run.")
@rule_option
@click.option("--workers", type=click.IntRange(1, 256), default=1, show_default=True, help="Processes.")
@cross_check_options
@output_options
def command(
    output: Output,
    target: Path,
    out: Path | None,
    seed: str,
    width: int | None,
    precision: int | None,
    key: Path | None,
    rule: Rule | None,
    workers: int,
    cross_check: str | None,
    proof_format: str | None,
) -> None:
    """Find a ticket for TARGET, prove it, and write a signed certificate.

    TARGET is a quantized ReLU network in the format certify.network/1, or an int8 TFLite multilayer perceptron. The
    ticket is a pruning of a random network that is drawn from the seed; z3 proves that it equals TARGET on every
    point of TARGET's input grid.
    """
    monitor = output.monitor()
    asked = CrossCheck(cross_check, proof_format)
    try:
        asked.check()
        data = read_capped(target, MAX_BYTES, "a target network")
        file = read_target(data, rule)
        check_name(target.name)
        pair = default_key() if key is None else KeyPair(key)
        out = out or Path(f"{stem(target)}.certificate.json")
        with about(out):
            others = {"the target": target, "the private key": pair.private, "the public key": pair.public}
            check_output(out, "the certificate", others)
        signing_key = _existing_key(pair, own=key is None)
        # What computes is loaded only now: a bad file is answered at once.
        from certify.certificate.signatures import sign  # noqa: PLC0415
        from certify.cli.workers import worker_processes  # noqa: PLC0415
        from certify.issue import Options, issue, versions  # noqa: PLC0415

        options = Options(seed, width, precision)
        with worker_processes(workers) as run:
            issued = issue(target.name, file, options, workers=workers, run=run, monitor=monitor)
        result = of_proof(issued.subject, issued.proof, monitor.timings, versions())
        result = second_opinion(asked, result, issued.subject, issued.proof, out, workers, monitor)
        if result.exit_code == HOLDS:
            envelope = sign(issued.payload, signing_key or _new_key(pair, output))
            with about(out):
                write_atomic(out, envelope)
            result = replace(result, certificate=str(out))
            _say_how_to_audit(output, out, pair, own=key is None)
    except CertifyError as error:
        result = failed("prove", error, str(target), monitor.timings)
    output.finish([result])


def _existing_key(pair: KeyPair, *, own: bool) -> SigningKey | None:
    """Return the key to sign with; None where a first run will have to make it."""
    with about(pair.private):
        if own and not os.path.lexists(pair.private):
            check_free(pair)
            return None
        return load_key(pair.private)


def _new_key(pair: KeyPair, output: Output) -> SigningKey:
    with about(pair.private):
        key = make_key(pair)
    output.say(f"made a signing key, {key.public.key_id}, in {pair.private} (only you can read it)")
    return key


def _say_how_to_audit(output: Output, out: Path, pair: KeyPair, *, own: bool) -> None:
    output.say(f"wrote {printable(str(out))}")
    command = f"{_program()} audit {_argument(out)}"
    public = f"--trust {_argument(pair.public)}"
    if own:
        output.say(f"audit it with: {command}")
        output.say(f"whoever else audits it needs your public key: {command} {public}")
    elif pair.public.exists():
        output.say(f"audit it with: {command} {public}")
    else:
        output.say(f"audit it with: {command} --trust KEYS, an allowed_signers file with the key")


def _program() -> str:
    """Return how to call this program from the same shell."""
    called = sys.argv[0]
    if Path(called).stem != "certify" or shutil.which("certify") == called:
        return "certify"
    return shlex.quote(called)


def _argument(path: Path) -> str:
    """Return a path as a shell takes it, and never for an option."""
    text = str(path)
    return shlex.quote(f"./{text}" if text.startswith("-") else text)
