"""The program `certify`: which command, and what happens when something goes wrong.

Commands are loaded when they are called, and what computes only after the input was read, so that help, `show`
and a bad file answer at once.
"""

from __future__ import annotations

import errno
import importlib
import io
import sys
import traceback
from collections.abc import Sequence
from itertools import pairwise

import click

from certify import __version__
from certify.cli.interrupt import INTERRUPTED, Interrupts, watched_interrupts
from certify.cli.streams import flushed, write
from certify.errors import printable
from certify.report.exit_codes import FAILED

_UNWRITABLE = {errno.ENOSPC, errno.EFBIG, errno.EIO, errno.EPIPE}

_COMMANDS = {
    "prove": "find a ticket for a target, prove it and sign a certificate (the default command)",
    "audit": "check certificates: signature, base network from its seed, the whole proof again; or a claimed ticket",
    "sign": "audit certificates, and add a signature to those that are proved",
    "equal": "prove two networks equal on their common grid, or find where they differ",
    "plan": "how wide a base network has to be for a wanted probability of success, by construction and precision",
    "convert": "a TFLite or ONNX model as a network in certify.network/1",
    "export": "a network, a ticket or a proof in a form that other programs read",
    "show": "what a certificate says, unchecked",
    "keygen": "make a key pair",
    "experiment": "measure what the theory says at finite sizes, and draw it",
    "supports": "what is read and what is not",
}


class _Commands(click.Group):
    """Commands by name; anything else is a target to prove."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002 - click's
        if cmd_name not in _COMMANDS:
            return None
        command: click.Command = importlib.import_module(f"certify.cli.{cmd_name}").command
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002 - click's
        with formatter.section("Commands"):
            formatter.write_dl(list(_COMMANDS.items()))

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        if args and args[0] not in {*_COMMANDS, "--help", "--version"}:
            args = ["prove", *args]
        return super().parse_args(ctx, args)


@click.group(
    cls=_Commands,
    invoke_without_command=False,
    subcommand_metavar="TARGET [OPTIONS] | COMMAND ...",
    context_settings={"max_content_width": 100},
)
@click.version_option(__version__, prog_name="certify")
def commands() -> None:
    """Exact strong lottery tickets of quantized ReLU networks: found, proved with z3 and signed.

    certify TARGET finds a pruning of a random network that equals the target network on every point of its input
    grid, proves it, and writes a signed certificate. Exit codes: 0 everything asked was checked and holds, 1 refuted
    or an invalid certificate, 2 a wrong call or input, or an internal error, 3 undecided.
    """


def main() -> None:
    """Run the program and exit."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            # Not every terminal's encoding has ≥ or δ; an escape is better than no verdict.
            stream.reconfigure(errors="backslashreplace")
    code = _run()
    if not flushed():
        code = code or FAILED
    sys.exit(code)


def _run() -> int:
    """Run a command and return its exit code: the one that it leaves with, or that of its error."""
    try:
        with watched_interrupts() as interrupts:
            return _command(interrupts)
    except (click.Abort, KeyboardInterrupt):
        sys.stderr.write("certify: interrupted\n")
        return INTERRUPTED


def _command(interrupts: Interrupts) -> int:
    try:
        code = commands.main(prog_name="certify", standalone_mode=False)
    except click.exceptions.NoArgsIsHelpError as error:
        click.echo(error.format_message(), err=True)
        return FAILED
    except click.UsageError as error:
        where = error.ctx.command_path if error.ctx is not None else "certify"
        return _fail("usage", f"{printable(error.format_message())} ({where} --help says what there is)")
    except click.Abort:
        raise
    except SystemExit:
        # click's way out when nobody reads a help text to its end.
        return FAILED
    except Exception as error:
        if interrupts.received:
            raise KeyboardInterrupt from error
        return _fail("internal", _defect(error))
    return code if isinstance(code, int) else 0


def _defect(error: Exception) -> str:
    """Return what to say of an error that no command expects, after printing where it came from."""
    if isinstance(error, MemoryError):
        return "out of memory"
    if isinstance(error, OSError) and error.errno in _UNWRITABLE and error.filename is None:
        return f"the result cannot be written: {error.strerror}"
    traceback.print_exc()
    return f"internal error: {type(error).__name__}: {printable(str(error))}"


def _fail(kind: str, message: str) -> int:
    """Return the exit code of a failure, after saying it in one line, and as JSON where that was asked for."""
    click.echo(f"certify: {message}", err=True)
    if _asks_for_json(sys.argv[1:]):
        from certify.report.forms import Manner, writer  # noqa: PLC0415 - slow to load for a wrong call
        from certify.report.result import Failure, Result  # noqa: PLC0415

        failed = Result(command="", exit_code=FAILED, error=Failure(kind, message))
        write(writer("json")([failed], Manner()))
    return FAILED


def _asks_for_json(arguments: Sequence[str]) -> bool:
    return "--format=json" in arguments or ("--format", "json") in pairwise(arguments)
