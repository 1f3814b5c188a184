"""`certify export`: a network, a ticket, or its proof, in a form that other programs read."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TypeAlias

import click

from certify.base.law import BaseNetwork
from certify.base.mask import Mask
from certify.base.prune import prune
from certify.certificate import envelope, statement
from certify.certificate.equivalence import Equivalence
from certify.certificate.storage import read_capped, replacing
from certify.cli.blame import about
from certify.cli.drawing import Drawing, drawing_options
from certify.cli.output import FILE, Output, failed
from certify.cli.reading import Reading, reading_options
from certify.cli.streams import write
from certify.cli.targets import check_output
from certify.errors import CertifyError, InputError, printable
from certify.network import strict_json
from certify.network.model import Network
from certify.network.reader import MAX_BYTES
from certify.report.exit_codes import FAILED, HOLDS

_PIECE = 1 << 16
_OF_ONE_NETWORK = ("onnx", "network")
_FOR_STDOUT = ("smtlib", "network", "sigstore-bundle")
_FORMATS = ("onnx", "network", "npz", "safetensors", "vnnlib", "smtlib", "sigstore-bundle")
_HELP = (
    "onnx: a network in integer operators. network: one in certify.network/1. npz, safetensors: the ticket's base"
    " weights and masks. vnnlib: the target and its ticket, or two networks. smtlib: all obligations."
    " sigstore-bundle: the certificate, for sigstore's verifiers."
)
_SIGNER_HELP = "For sigstore-bundle: the key id of the signature to take, where there are several."
_OF_HELP = "For onnx and network: which network; the ticket unless you say otherwise, base is it before pruning."

Pieces: TypeAlias = Iterable[bytes]


@dataclass(frozen=True)
class Choices:
    """What is chosen about a ticket that is yet to be found; nothing with a certificate, which has one."""

    drawing: Drawing
    reading: Reading


@dataclass(frozen=True)
class Asked:
    """What is to be written.

    Attributes:
        source: a certificate or a target.
        form: one of the formats.
        part: ticket, target or base; None takes the ticket.
        against: a second network.
        signer: the key id of a signature.
        out: where to write; None for standard output.
    """

    source: Path
    form: str
    part: str | None
    against: Path | None
    signer: str | None
    out: Path | None

    def check(self) -> None:
        """Check that what was asked goes together.

        Raises:
            UsageError: it does not.
        """
        if self.part is not None and self.form not in _OF_ONE_NETWORK:
            raise click.UsageError(f"expected --of with --format onnx or network, found {self.form}")
        if self.against is not None and self.form != "vnnlib":
            raise click.UsageError(f"expected --against with --format vnnlib, found {self.form}")
        if self.signer is not None and self.form != "sigstore-bundle":
            raise click.UsageError(f"expected --signer with --format sigstore-bundle, found {self.form}")
        if self.out is None and self.form not in _FOR_STDOUT:
            raise click.UsageError(f"expected -o with --format {self.form}: only text goes to standard output")

    def outputs(self) -> tuple[Path, ...]:
        """Return the files that will be written: of a query the models of both networks first."""
        if self.out is None:
            return ()
        if self.form != "vnnlib":
            return (self.out,)
        name = self.out.name.removesuffix(".vnnlib")
        return (*(self.out.with_name(f"{name}.{side}.onnx") for side in ("left", "right")), self.out)

    def inputs(self) -> dict[str, Path]:
        """Return the files by what they are, for outputs not to replace."""
        named = {"what is exported": self.source}
        return named if self.against is None else {**named, "the second network": self.against}


@dataclass(frozen=True, eq=False)
class Source:
    """A target and a ticket for it, which nobody has proved here.

    Attributes:
        name, sha256: of the target file.
        target: the network.
        find: returns the ticket's base network and masks.
    """

    name: str
    sha256: str
    target: Network
    find: Callable[[], tuple[BaseNetwork, tuple[Mask, ...]]]

    @cached_property
    def ticket(self) -> tuple[BaseNetwork, tuple[Mask, ...]]:
        """The base network and the masks."""
        return self.find()

    @property
    def pruned(self) -> Network:
        """The ticket as a network."""
        return prune(self.target, *self.ticket)


@click.command(name="export")
@click.argument("source", metavar="CERT|TARGET", type=FILE)
@click.option(
    "--format",
    "form",
    type=click.Choice(_FORMATS),
    required=True,
    help=_HELP,
)
@click.option("--of", "part", type=click.Choice(["ticket", "target", "base"]), help=_OF_HELP)
@click.option("--against", metavar="B", type=FILE, help="For vnnlib: a network, instead of TARGET's ticket.")
@click.option("--signer", metavar="KEYID", help=_SIGNER_HELP)
@click.option("-o", "--output", "out", type=FILE, help="Where to write; text goes to standard output without it.")
@drawing_options
@reading_options
def command(
    source: Path,
    form: str,
    part: str | None,
    against: Path | None,
    signer: str | None,
    out: Path | None,
    drawing: Drawing,
    reading: Reading,
) -> None:
    """Write a network, a ticket or what a proof consists of in a form that other programs read (docs/export.md).

    CERT is a certificate, of which only the networks are used, or for a bundle the envelope; for a TARGET a ticket
    is found first where one is written. Nothing is proved here and no signature is checked. A query, vnnlib, comes
    with both networks as ONNX beside it.
    """
    output, asked = Output("text", quiet=False, verbose=False), Asked(source, form, part, against, signer, out)
    asked.check()
    try:
        for path in asked.outputs():
            with about(path):
                check_output(path, _what(form), asked.inputs())
        pieces = _pieces(asked, Choices(drawing, reading))
        if out is None:
            texts = (piece.decode() for piece in pieces[0])
            raise click.exceptions.Exit(HOLDS if all(write(text[:-1]) for text in texts) else FAILED)
        for path, written in zip(asked.outputs(), pieces, strict=True):
            with about(path), replacing(path) as sink:
                for piece in written:
                    sink.write(piece)
            output.say(f"wrote {printable(str(path))}")
    except CertifyError as error:
        output.finish([failed("export", error, str(source))])


def _what(form: str) -> str:
    named = {"smtlib": "the obligations", "sigstore-bundle": "the bundle"}
    return named.get(form, "the ticket" if form in {"npz", "safetensors"} else "the network")


def _pieces(asked: Asked, choices: Choices) -> list[Pieces]:
    """Return what each output consists of, one for each of them."""
    if asked.form == "vnnlib":
        return _query(*_pair(asked, choices))
    if asked.form == "sigstore-bundle":
        return [[_bundle(asked, choices)]]
    source = _read(asked.source, choices)
    match asked.form:
        case "smtlib":
            return [(text.encode() for text in _smtlib(source))]
        case "npz" | "safetensors":
            return [_arrays(source, asked.form)]
        case _:
            if asked.part == "target":
                _check_unchosen(choices, "--of target")
            return [[_network(source, asked.form, asked.part or "ticket")]]


def _read(path: Path, choices: Choices) -> Source:
    data = _read_bytes(path)
    if not _is_envelope(data):
        return _target(path.name, data, choices)
    subject = _subject(data, choices)
    if isinstance(subject, Equivalence):
        raise InputError("expected a certificate of an exact ticket, found one of an equivalence: it is not exported")
    return Source(subject.name, subject.sha256, subject.target, lambda: (subject.base, subject.masks))


def _read_bytes(path: Path) -> bytes:
    return read_capped(path, max(MAX_BYTES, envelope.MAX_BYTES), "a certificate or a target")


def _is_envelope(data: bytes) -> bool:
    try:
        document = strict_json.parse(data)
    except InputError:
        return False
    return isinstance(document, dict) and "payload" in document


def _bundle(asked: Asked, choices: Choices) -> bytes:
    from certify.export.sigstore import write_bundle  # noqa: PLC0415 - only where it is asked for

    _check_all_unchosen(choices)
    data = read_capped(asked.source, envelope.MAX_BYTES, "a certificate")
    if not _is_envelope(data):
        raise InputError("expected a certificate, found something else: a bundle is made of one")
    return write_bundle(envelope.read(data), asked.signer)


def _check_all_unchosen(choices: Choices) -> None:
    if choices != Choices(Drawing(), Reading()):
        raise InputError("expected no choices about the ticket of a certificate, found some: it has one")


def _subject(data: bytes, choices: Choices) -> statement.AnySubject:
    _check_all_unchosen(choices)
    return statement.read(envelope.read(data).payload).subject


def _target(name: str, data: bytes, choices: Choices) -> Source:
    target = choices.reading.target(data).network
    return Source(name, hashlib.sha256(data).hexdigest(), target, lambda: _found(target, choices))


def _found(target: Network, choices: Choices) -> tuple[BaseNetwork, tuple[Mask, ...]]:
    from certify.issue import find  # noqa: PLC0415 - what computes is loaded only now

    ticket = find(target, choices.drawing.options())
    return ticket.base, ticket.masks


def _pair(asked: Asked, choices: Choices) -> tuple[Network, Network]:
    """Return the networks of a query: two files', those of an equivalence, or a target and its ticket."""
    data = _read_bytes(asked.source)
    if not _is_envelope(data):
        if asked.against is not None:
            return _two(asked.source, asked.against, choices)
        source = _target(asked.source.name, data, choices)
        return source.target, source.pruned
    if asked.against is not None:
        raise InputError("expected a network with --against, found a certificate: it has two")
    subject = _subject(data, choices)
    if isinstance(subject, Equivalence):
        return subject.networks()
    return subject.target, prune(subject.target, subject.base, subject.masks)


def _two(left: Path, right: Path, choices: Choices) -> tuple[Network, Network]:
    _check_unchosen(choices, "--against")
    first, second = _read_network(left), _read_network(right)
    with about(left):
        left_network = choices.reading.target(first, [second]).network
    with about(right):
        return left_network, choices.reading.target(second, [first]).network


def _check_unchosen(choices: Choices, where: str) -> None:
    if choices != Choices(Drawing(), choices.reading):
        raise InputError(f"expected no choices about a ticket with {where}, found some: there is none")


def _read_network(path: Path) -> bytes:
    with about(path):
        return read_capped(path, MAX_BYTES, "a network")


def _query(left: Network, right: Network) -> list[Pieces]:
    from certify.export.onnx import write_onnx  # noqa: PLC0415 - only where it is asked for
    from certify.export.vnnlib import write_query  # noqa: PLC0415

    query = write_query(left, right)
    return [[write_onnx(left)], [write_onnx(right)], (text.encode() for text in query)]


def _arrays(source: Source, form: str) -> Pieces:
    from certify.export.arrays import ticket_arrays  # noqa: PLC0415 - only where it is asked for
    from certify.export.npz import write_npz  # noqa: PLC0415
    from certify.export.safetensors import write_safetensors  # noqa: PLC0415

    arrays = ticket_arrays(source.target, *source.ticket)
    return [write_npz(arrays)] if form == "npz" else write_safetensors(arrays)


def _network(source: Source, form: str, part: str) -> bytes:
    from certify.export.networks import base_network, network_file  # noqa: PLC0415 - only where it is asked for
    from certify.export.onnx import write_onnx  # noqa: PLC0415

    if part == "target":
        network = source.target
    else:
        network = source.pruned if part == "ticket" else base_network(source.target, *source.ticket)
    return write_onnx(network) if form == "onnx" else network_file(network)


def _smtlib(source: Source) -> Iterator[str]:
    """Return the script in pieces, each ending with a line.

    Raises:
        InputError: the ticket has no obligations.
    """
    from certify.proof.script import script  # noqa: PLC0415 - z3 comes with it
    from certify.proof.structure import NotApplicableError  # noqa: PLC0415

    base, _ = source.ticket
    try:
        yield from _joined(script(source.name, source.sha256, base.seed, source.target, source.pruned))
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
