"""`certify export`: a ticket, or its proof, in a form that other programs read."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import click

from certify.base.law import BaseNetwork
from certify.base.mask import Mask
from certify.base.prune import prune
from certify.certificate import envelope, statement
from certify.certificate.exact_ticket import Subject
from certify.certificate.storage import read_capped, replacing
from certify.cli.blame import about
from certify.cli.output import FILE, Output, failed
from certify.cli.streams import write
from certify.cli.targets import check_output, rule_option
from certify.errors import CertifyError, InputError, printable
from certify.network import strict_json
from certify.network.model import Network
from certify.network.reader import MAX_BYTES
from certify.network.rounding import Rule
from certify.network.target import read_target
from certify.report.exit_codes import FAILED, HOLDS

_PIECE = 1 << 16


@dataclass(frozen=True)
class Choices:
    """What is chosen about a ticket that is yet to be found; all None with a certificate, which has one."""

    seed: str | None
    width: int | None
    precision: int | None
    rule: Rule | None


@dataclass(frozen=True, eq=False)
class Source:
    """A target and a ticket for it, which nobody has proved here.

    Attributes:
        name, sha256: of the target file.
        target: the network.
        base, masks: the ticket.
    """

    name: str
    sha256: str
    target: Network
    base: BaseNetwork
    masks: tuple[Mask, ...]


@click.command(name="export")
@click.argument("source", metavar="CERT|TARGET", type=FILE)
@click.option("--format", "form", type=click.Choice(["smtlib"]), required=True, help="smtlib: all obligations.")
@click.option("-o", "--output", "out", type=FILE, help="Where to write; else standard output.")
@click.option("--seed", help="For a TARGET: of the random base network; 0 unless you say otherwise.")
@click.option("--width", type=click.IntRange(1, 1 << 20), help="For a TARGET: units in every input's block.")
@click.option("--precision", type=click.IntRange(0, 30), help="For a TARGET: bits of the base network's weights.")
@rule_option
def command(
    source: Path,
    form: str,  # noqa: ARG001 - one format so far
    out: Path | None,
    seed: str | None,
    width: int | None,
    precision: int | None,
    rule: Rule | None,
) -> None:
    """Write what a proof consists of, for any SMT-LIB 2.6 solver to refute: one question for every obligation.

    CERT is a certificate, of which only the target and the ticket are used; for a TARGET a ticket is found first.
    Nothing is proved here and no signature is checked.
    """
    output = Output("text", quiet=False, verbose=False)
    try:
        if out is not None:
            with about(out):
                check_output(out, "the obligations", {"what is exported": source})
        pieces = _smtlib(_read(source, Choices(seed, width, precision, rule)))
        if out is None:
            raise click.exceptions.Exit(HOLDS if all(write(piece[:-1]) for piece in pieces) else FAILED)
        with about(out), replacing(out) as sink:
            for piece in pieces:
                sink.write(piece.encode())
        output.say(f"wrote {printable(str(out))}")
    except CertifyError as error:
        output.finish([failed("export", error, str(source))])


def _read(path: Path, choices: Choices) -> Source:
    data = read_capped(path, max(MAX_BYTES, envelope.MAX_BYTES), "a certificate or a target")
    if not _is_envelope(data):
        return _found(path.name, data, choices)
    if choices != Choices(None, None, None, None):
        raise InputError("expected no choices about the ticket of a certificate, found some: it has one")
    subject = statement.read(envelope.read(data).payload).subject
    if not isinstance(subject, Subject):
        raise InputError("expected a certificate of an exact ticket, found one of an equivalence: it is not exported")
    return Source(subject.name, subject.sha256, subject.target, subject.base, subject.masks)


def _is_envelope(data: bytes) -> bool:
    try:
        document = strict_json.parse(data)
    except InputError:
        return False
    return isinstance(document, dict) and "payload" in document


def _found(name: str, data: bytes, choices: Choices) -> Source:
    from certify.issue import Options  # noqa: PLC0415 - what computes is loaded only now
    from certify.ticket import find_ticket  # noqa: PLC0415

    target = read_target(data, choices.rule).network
    options = Options("0" if choices.seed is None else choices.seed, choices.width, choices.precision)
    ticket = find_ticket(target, options.seed, block_width=options.block_width, precisions=options.precisions(target))
    return Source(name, hashlib.sha256(data).hexdigest(), target, ticket.base, ticket.masks)


def _smtlib(source: Source) -> Iterator[str]:
    """Return the script in pieces, each ending with a line.

    Raises:
        InputError: the ticket has no obligations.
    """
    from certify.proof.script import script  # noqa: PLC0415 - z3 comes with it
    from certify.proof.structure import NotApplicableError  # noqa: PLC0415

    ticket = prune(source.target, source.base, source.masks)
    try:
        yield from _joined(script(source.name, source.sha256, source.base.seed, source.target, ticket))
    except NotApplicableError as error:
        raise InputError(f"expected a ticket that is proved by obligations, found one that is not: {error}") from None


def _joined(texts: Iterable[str]) -> Iterator[str]:
    piece: list[str] = []
    size = 0
    for text in texts:
        piece.append(text)
        size += len(text)
        if size >= _PIECE:
            yield "".join(piece)
            piece, size = [], 0
    if piece:
        yield "".join(piece)
