"""What all commands share: the options of every output, and the way from a result to streams and exit code.

The result goes to stdout, talk to stderr. A failure is one line on stderr, and a result on stdout where JSON was
asked for.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn, TypeVar, cast

import click

from certify.cli.blame import FileError
from certify.cli.streams import write
from certify.errors import CertifyError
from certify.monitor import Monitor
from certify.report.exit_codes import FAILED, worst
from certify.report.forms import FORMS, Manner, writer
from certify.report.result import Result, of_error

_Function = TypeVar("_Function", bound=Callable[..., Any])


@dataclass(frozen=True)
class Output:
    """How a command speaks.

    Attributes:
        form: one of FORMS.
        quiet: no talk, and of text only the verdict.
        verbose: timings and versions too.
    """

    form: str
    quiet: bool
    verbose: bool

    def say(self, text: str) -> None:
        """Talk to whoever watches."""
        if not self.quiet:
            click.echo(text, err=True)

    def monitor(self) -> Monitor:
        """Return a monitor: one with a progress bar on a terminal, a silent one elsewhere."""
        if self.quiet or not sys.stderr.isatty():
            return Monitor()
        from certify.cli.progress import ProgressMonitor  # noqa: PLC0415 - rich is for terminals only

        return ProgressMonitor()

    def finish(self, results: Sequence[Result]) -> NoReturn:
        """Print the results and leave with their exit code."""
        for result in results:
            if result.error is not None:
                click.echo(f"certify: {result.error.line()}", err=True)
        text = writer(self.form)(results, Manner(self.quiet, self.verbose))
        code = worst([result.exit_code for result in results])
        raise click.exceptions.Exit(code if write(text) else FAILED)


def failed(command: str, error: CertifyError, file: str, timings: Mapping[str, float] | None = None) -> Result:
    """Return the result of a command that failed on `file`, or on the file that the error itself names."""
    return of_error(command, error, error.file if isinstance(error, FileError) else file, timings)


def output_options(function: _Function) -> _Function:
    """Add --format, -q and -v; the command gets them as one `output`."""

    def command(form: str, quiet: bool, verbose: bool, **arguments: Any) -> Any:
        return function(output=Output(form, quiet, verbose), **arguments)

    command.__doc__ = function.__doc__
    command.__name__ = function.__name__
    # What click's decorators below have noted of their options so far.
    vars(command)["__click_params__"] = getattr(function, "__click_params__", [])
    options: list[Callable[[Any], Any]] = [
        click.option("--format", "form", type=click.Choice(FORMS), default="text", help="Of the result."),
        click.option("-q", "--quiet", is_flag=True, help="Only the verdict."),
        click.option("-v", "--verbose", is_flag=True, help="Timings and versions too."),
    ]
    decorated: Any = command
    for option in reversed(options):
        decorated = option(decorated)
    return cast("_Function", decorated)


FILE = click.Path(path_type=Path)
