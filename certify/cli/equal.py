"""`certify equal A B`: is one network the other, on their common grid?"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path

import click

from certify.certificate.canonical import MAX_DIGITS
from certify.certificate.equivalence import Equivalence, NamedFile, check_names
from certify.certificate.storage import read_capped
from certify.cli.blame import about
from certify.cli.budget import rlimit_option
from certify.cli.crew import Workers, workers_options
from certify.cli.deciding import Question, decided
from certify.cli.limit import limited, time_limit_option
from certify.cli.output import FILE, Output, failed, output_options
from certify.cli.passphrase import passphrase_option
from certify.cli.reading import Reading, reading_options
from certify.cli.second_opinion import CrossCheck, cross_check_options
from certify.cli.signing import check_signs, prepare, write_certificate
from certify.cli.targets import stem
from certify.errors import CertifyError, InputError
from certify.network.compare import check_comparable, common_box
from certify.network.model import Box, Network
from certify.network.reader import MAX_BYTES, read_box
from certify.proof.claim import EQUAL, Relation
from certify.report.exit_codes import HOLDS, UNDECIDED
from certify.report.result import Result

_INTEGER = re.compile(rf"[0-9]{{1,{MAX_DIGITS}}}")
_DECIMAL = re.compile(rf"[0-9]{{1,{MAX_DIGITS}}}\.[0-9]{{1,{MAX_DIGITS}}}")
_SHOWN = 8
_NO_POINT = "the boxes have no point in common: there is nothing to check"


@dataclass(frozen=True)
class Asked:
    """What two networks are asked to be to each other, and where.

    Attributes:
        left, right: their files.
        within: E of `within E`, as text.
        argmax: whether only the argmax is asked for.
        domain: a file with a box.
        reading: how models are read.
    """

    left: Path
    right: Path
    within: str | None
    argmax: bool
    domain: Path | None
    reading: Reading

    def inputs(self) -> dict[str, Path]:
        """Return the files by what they are, for outputs not to replace."""
        named = {"the first network": self.left, "the second network": self.right}
        return named if self.domain is None else {**named, "the domain": self.domain}


@click.command(name="equal")
@click.argument("left", metavar="A", type=FILE)
@click.argument("right", metavar="B", type=FILE)
@click.option(
    "--within", metavar="E", help="Outputs differ by at most E: an integer on the common scale, or a decimal."
)
@click.option("--argmax", is_flag=True, help="The largest output has the same index, the lowest where several are.")
@click.option("--domain", type=FILE, help="A smaller box: JSON like a network's input (docs/formats.md).")
@click.option("-o", "--output", "out", type=FILE, help="Write a signed certificate where it is proved.")
@click.option("--key", type=FILE, help="With -o: a private key; else the user's own.")
@passphrase_option
@reading_options
@workers_options
@rlimit_option
@cross_check_options
@time_limit_option
@output_options
def command(
    output: Output,
    left: Path,
    right: Path,
    within: str | None,
    argmax: bool,
    domain: Path | None,
    out: Path | None,
    key: Path | None,
    passphrase_fd: int | None,
    reading: Reading,
    workers: Workers,
    rlimit: int | None,
    cross_check: str | None,
    proof_format: str | None,
    time_limit: float | None,
) -> None:
    """Prove that networks A and B are equal on every point of their common box, or find a point where they differ.

    A and B are networks in the format certify.network/1, or TFLite, ONNX or QONNX models. Their outputs are compared
    as values: as integers on the finer one's scale.
    """
    if within is not None and argmax:
        raise click.UsageError("expected --within or --argmax, found both")
    check_signs(out, key, passphrase_fd)
    cross = CrossCheck(cross_check, proof_format)
    cross.check_limit(time_limit)
    asked = Asked(left, right, within, argmax, domain, reading)
    try:
        cross.check()
        subject = _read(asked)
        if subject is None:
            output.finish([Result("equal", UNDECIDED, verdict="undecided", reason=_NO_POINT)])
        signing = None
        if out is not None:
            check_names(subject)
            signing = prepare(out, key, asked.inputs(), passphrase_fd)
        if not subject.is_whole:
            output.say(f"on {_said(subject.box)}, which is smaller than a network's own box")
        named = out or Path(f"{stem(left)}.equal.json")
        question = Question("equal", subject, rlimit, workers, cross, named, output)
        result, payload = limited(time_limit, decided, question)
        if signing is not None and result.exit_code == HOLDS:
            write_certificate(signing, payload, output)
            result = replace(result, certificate=str(out))
    except CertifyError as error:
        result = failed("equal", error, "")
    output.finish([result])


def _read(asked: Asked) -> Equivalence | None:
    """Return what is asked; None where the boxes have no point in common.

    Raises:
        FileError: a file cannot be read, or is not comparable with the first.
        InputError: a bound that is none.
    """
    left, right = _read_networks(asked)
    with about(asked.right):
        check_comparable(left.network, right.network)
    relation = _relation(asked, left.network, right.network)
    box = _box(asked, left.network, right.network)
    return None if box is None else Equivalence(left, right, relation, box)


def _read_networks(asked: Asked) -> tuple[NamedFile, NamedFile]:
    left, right = (_read_bytes(path) for path in (asked.left, asked.right))
    return _named(asked.left, left, right, asked.reading), _named(asked.right, right, left, asked.reading)


def _read_bytes(path: Path) -> bytes:
    with about(path):
        return read_capped(path, MAX_BYTES, "a network")


def _named(path: Path, data: bytes, other: bytes, reading: Reading) -> NamedFile:
    with about(path):
        return NamedFile(path.name, reading.target(data, [other]))


def _box(asked: Asked, left: Network, right: Network) -> Box | None:
    if asked.domain is None:
        return common_box(left, right)
    with about(asked.domain):
        return common_box(left, right, read_box(read_capped(asked.domain, MAX_BYTES, "a box")))


def _said(box: Box) -> str:
    shown = [f"{low} to {high}" for low, high in zip(box.low, box.high, strict=True)]
    if len(set(shown)) == 1:
        return f"the box {shown[0]}"
    more = f", … {len(shown)} inputs" if len(shown) > _SHOWN else ""
    return f"the box ({', '.join(shown[:_SHOWN])}{more})"


def _relation(asked: Asked, left: Network, right: Network) -> Relation:
    if asked.argmax:
        return Relation("argmax")
    if asked.within is None:
        return EQUAL
    return Relation("within", _bound(asked.within, max(left.output_precision_bits(), right.output_precision_bits())))


def _bound(text: str, bits: int) -> int:
    """Return E as an integer on the common scale: as it is, or a decimal's value times 2^bits.

    Raises:
        InputError: no such number, or a decimal that is no multiple of 2^-bits.
    """
    if _INTEGER.fullmatch(text):
        return int(text)
    if not _DECIMAL.fullmatch(text):
        expected = "an integer on the common scale or a decimal, 0 or more"
        raise InputError(f"expected {expected}, found {text[:24]!r}", "--within")
    scaled = Fraction(text) * Fraction(2) ** bits
    if scaled.denominator != 1:
        raise InputError(f"expected a multiple of 2^-{bits}, the common scale, found {text[:24]}", "--within")
    return int(scaled)
