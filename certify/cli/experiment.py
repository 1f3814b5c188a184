"""`certify experiment NAME`: measure what theory is about, and draw it.

A table grows in NAME.csv.part, a point at a time, and becomes NAME.csv when it is whole; a figure is drawn from that
alone. So whatever ends a run, the same command goes on where it was, and a finished one only draws again.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import click

from certify import __version__
from certify.certificate.storage import read_capped, write_atomic
from certify.cli.blame import FileError, about
from certify.cli.crew import Workers, workers_options
from certify.cli.output import FILE, Output, failed
from certify.cli.streams import write
from certify.errors import CertifyError, InputError
from certify.report.exit_codes import FAILED, HOLDS
from certify.theory import experiments
from certify.theory.experiments import SIZES, Size, load, run, style, table

MAX_BYTES = 1 << 28
MAX_SEED = 2**63 - 1
_SEED_HELP = "An integer; the same seed gives the same table."
_OUT_HELP = "Where tables and figures go; it is made where it is missing."
_QUIET_HELP = "No talk."


@dataclass(frozen=True)
class Asked:
    """What is to be measured.

    Attributes:
        size: small or published.
        seed: 0 or more.
        folder: where tables and figures go.
        workers: who does the work.
    """

    size: Size
    seed: int
    folder: Path
    workers: Workers


@click.command(name="experiment")
@click.argument("name", metavar="[NAME|all]", required=False)
@click.option("--size", type=click.Choice(SIZES), default="published", show_default=True)
@click.option("--seed", type=click.IntRange(0, MAX_SEED), default=0, show_default=True, help=_SEED_HELP)
@click.option("-o", "--output", "folder", type=FILE, default="experiments", show_default=True, help=_OUT_HELP)
@workers_options
@click.option("-q", "--quiet", is_flag=True, help=_QUIET_HELP)
def command(name: str | None, size: Size, seed: int, folder: Path, workers: Workers, quiet: bool) -> None:
    """Measure an experiment, or all of them, and draw it; without a name, list what there is.

    Writes NAME.csv, NAME.png and NAME.svg. A run that was interrupted goes on when the same command is given again.
    """
    output = Output("text", quiet, verbose=False)
    if name is None:
        longest = max(map(len, experiments.EXPERIMENTS))
        listed = "\n".join(f"{known:<{longest}}  {load(known).SUMMARY}" for known in experiments.EXPERIMENTS)
        raise click.exceptions.Exit(HOLDS if write(listed) else FAILED)
    names = list(experiments.EXPERIMENTS) if name == "all" else [name]
    try:
        text = _run(names, Asked(size, seed, folder, workers), output)
    except CertifyError as error:
        output.finish([failed("experiment", error, "")])
    raise click.exceptions.Exit(HOLDS if write(text) else FAILED)


def _run(names: Sequence[str], asked: Asked, output: Output) -> str:
    """Return what was written, in lines.

    Raises:
        InputError: no such experiment; a table of another seed, size or version; a file cannot be written.
        ReaderMissingError: matplotlib is not installed.
        WorkLostError: whoever was to measure a point is gone.
    """
    style.check_installed()
    for name in names:
        load(name)
    _make(asked.folder)
    return "\n".join(_one(name, asked, output) for name in names)


def _make(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except (OSError, ValueError) as error:
        said = error.strerror if isinstance(error, OSError) else error
        raise FileError(folder, InputError(f"expected a folder, or a place to make one, found: {said}")) from None


def _one(name: str, asked: Asked, output: Output) -> str:
    """Measure what is missing of an experiment, and draw it."""
    experiment = load(name)
    heading = table.Heading(name, asked.size, asked.seed, __version__, experiment.COLUMNS)
    path = asked.folder / f"{name}.csv"
    if not path.exists():
        _measure(path, heading, asked, output)
    with about(path):
        rows = table.rows_of(_text(path), heading)
        table.check_points(rows, run.check_keys(experiment.points(asked.size)))
        figures = _drawn(experiment, rows)
    for kind, data in zip(("png", "svg"), figures, strict=True):
        figure = path.with_suffix(f".{kind}")
        with about(figure):
            write_atomic(figure, data)
    return f"{name}: {len(rows)} rows in {path}, figures beside it"


def _drawn(experiment: experiments.Experiment, rows: Sequence[table.Row]) -> tuple[bytes, bytes]:
    """Return the figure, which somebody's edits of the table may have made impossible to draw."""
    try:
        return style.drawn(experiment.draw, rows)
    except (ArithmeticError, LookupError, TypeError, ValueError) as error:
        problem = f"expected a table that can be drawn, found {type(error).__name__}: {error}: remove the file"
        raise InputError(problem) from error


def _measure(path: Path, heading: table.Heading, asked: Asked, output: Output) -> None:
    """Measure the points that are missing, and give the table its name."""
    points = load(heading.experiment).points(asked.size)
    part = path.with_name(f"{path.name}.part")
    with about(part):
        there = table.groups(_text(part), heading, run.check_keys(points)) if part.exists() else []
        write_atomic(part, "".join([heading.text(), *(f"{group}\n" for group in there)]).encode())
    if there:
        output.say(f"{heading.experiment}: {len(there)} of {len(points)} points are in {part}")
    monitor = output.monitor()
    try:
        with asked.workers.crew() as crew, monitor.phase(heading.experiment, len(points)):
            for group in run.measured(heading.experiment, points[len(there) :], asked.seed, crew):
                with about(part):
                    _append(part, f"{group}\n".encode())
                there.append(group)
                monitor.reach(len(there))
    except KeyboardInterrupt:
        said = f"{len(there)} of {len(points)} points are in {part}; the same command goes on from there"
        output.say(f"{heading.experiment}: {said}")
        raise
    with about(path):
        write_atomic(path, "".join([heading.text(), *there]).encode())
    part.unlink(missing_ok=True)


def _append(path: Path, data: bytes) -> None:
    try:
        with path.open("ab") as file:
            file.write(data)
    except OSError as error:
        said = f"expected room for {len(data)} bytes, found: {error.strerror}; the same command goes on from there"
        raise InputError(said) from None


def _text(path: Path) -> str:
    try:
        return read_capped(path, MAX_BYTES, "a table").decode()
    except UnicodeDecodeError:
        raise InputError("expected a table, found something that is no text") from None
