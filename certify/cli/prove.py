"""`certify TARGET`: find, prove, sign."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click

from certify.certificate.equivalence import Equivalence, PrunedBase
from certify.certificate.mask_file import write_masks
from certify.certificate.parts import check_name
from certify.certificate.statement import AnySubject
from certify.certificate.storage import read_capped, write_atomic
from certify.cli.blame import about
from certify.cli.claimed import BaseOptions, base_options, read_given
from certify.cli.crew import Workers, workers_options
from certify.cli.drawing import Drawing, drawing_options
from certify.cli.output import FILE, Output, failed, output_options
from certify.cli.passphrase import passphrase_option
from certify.cli.reading import Reading, reading_options
from certify.cli.second_opinion import CrossCheck, cross_check_options, second_opinion
from certify.cli.signing import prepare, write_certificate
from certify.cli.targets import check_output, stem
from certify.errors import CertifyError, printable
from certify.network.reader import MAX_BYTES
from certify.network.target import Target
from certify.report.exit_codes import HOLDS
from certify.report.result import of_proof, resting_on

if TYPE_CHECKING:
    from certify.issue import Issued


@click.command(name="prove")
@click.argument("target", type=FILE)
@click.option("-o", "--output", "out", type=FILE, help="The certificate; TARGET's name with .certificate.json.")
@drawing_options
@base_options
@click.option("--mask-out", type=FILE, help="With --base: write the masks too, as npz.")
@click.option("--key", type=FILE, help="A private key; else the user's own, made on a first run.")
@passphrase_option
@reading_options
@workers_options
@cross_check_options
@output_options
def command(
    output: Output,
    target: Path,
    out: Path | None,
    drawing: Drawing,
    given: BaseOptions,
    mask_out: Path | None,
    key: Path | None,
    passphrase_fd: int | None,
    reading: Reading,
    workers: Workers,
    cross_check: str | None,
    proof_format: str | None,
) -> None:
    """Find a ticket for TARGET, prove it, and write a signed certificate.

    TARGET is a quantized network in the format certify.network/1, an int8 TFLite model, or a quantized ONNX or QONNX
    model. The ticket is a pruning of a random network that is drawn from the seed, or with --base of a network that
    you have; z3 proves that it equals TARGET on every point of TARGET's input grid.
    """
    monitor, asked = output.monitor(), CrossCheck(cross_check, proof_format)
    _check(drawing, given, mask_out)
    try:
        asked.check()
        data = read_capped(target, MAX_BYTES, "a target network")
        file = reading.target(data)
        check_name(target.name)
        out = out or Path(f"{stem(target)}.certificate.json")
        inputs = {"the target": target, **given.inputs()}
        others = inputs if mask_out is None else {**inputs, "the mask file": mask_out}
        signing = prepare(out, key, others, passphrase_fd)
        if mask_out is not None:
            with about(mask_out):
                check_output(mask_out, "the masks", {**inputs, "the private key": signing.pair.private})
        issue = _issuer(target.name, file, drawing, given)
        # What computes is loaded only now: a bad file is answered at once.
        from certify.issue import versions  # noqa: PLC0415

        with workers.crew() as crew, about(given.base or target):
            issued = issue(crew=crew, monitor=monitor)
        if mask_out is not None:
            _write_masks(issued.subject, mask_out, output)
        result = of_proof(issued.subject, issued.proof, monitor.timings, versions())
        result = resting_on(result, workers.scheduler)
        result = second_opinion(asked, result, issued.subject, issued.proof, out, workers, monitor)
        if result.exit_code == HOLDS:
            write_certificate(signing, issued.payload, output)
            result = replace(result, certificate=str(out))
    except CertifyError as error:
        result = failed("prove", error, str(target), monitor.timings)
    output.finish([result])


def _check(drawing: Drawing, given: BaseOptions, mask_out: Path | None) -> None:
    """Check that a base network is either drawn or given.

    Raises:
        UsageError: something is said of both.
    """
    given.check()
    if given.base is None and mask_out is not None:
        raise click.UsageError("expected --base with --mask-out: masks of a drawn network are in its certificate")
    if given.base is not None and drawing != Drawing():
        drawn = "--seed, --construction, --width, --precision, --objective, --kept-per-weight, --activation"
        raise click.UsageError(f"expected --base or a base network that is drawn ({drawn})")


def _issuer(name: str, file: Target, drawing: Drawing, given: BaseOptions) -> Callable[..., Issued]:
    """Return what finds a ticket in the network that is drawn, or in the one that a user has, which is read first."""
    if given.base is not None:
        source, base = read_given(given, None, file.network)
        from certify.issue import issue_in  # noqa: PLC0415 - what computes is loaded only now

        return partial(issue_in, name, file, source, base)
    from certify.issue import issue  # noqa: PLC0415

    return partial(issue, name, file, drawing.options())


def _write_masks(subject: AnySubject, path: Path, output: Output) -> None:
    assert isinstance(subject, Equivalence)
    assert isinstance(subject.right, PrunedBase)
    with about(path):
        write_atomic(path, write_masks(subject.right.masks))
    output.say(f"wrote {printable(str(path))}")
