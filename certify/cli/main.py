"""The program `certify`: which command, and what happens when something goes wrong.

Commands are loaded when they are called, and what computes only after the input was read, so that help, `show`
and a bad file answer at once.
"""

from __future__ import annotations

import importlib
import sys
import traceback
from typing import Any

import click

from certify import __version__
from certify.report.exit_codes import FAILED

INTERRUPTED = 130

_COMMANDS = {
    "prove": "find a ticket for a target, prove it and sign a certificate (the default command)",
    "audit": "check certificates: signature, base network from its seed, the whole proof again",
    "show": "what a certificate says, unchecked",
    "keygen": "make a key pair",
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
    try:
        code = commands.main(standalone_mode=False)
    except click.UsageError as error:
        error.show()
        code = _fail("usage", error.format_message())
    except click.exceptions.NoArgsIsHelpError as error:
        error.show()
        code = FAILED
    except (click.Abort, KeyboardInterrupt):
        sys.stderr.write("certify: interrupted, nothing was written\n")
        code = INTERRUPTED
    except MemoryError:
        code = _fail("internal", "out of memory", say=True)
    except Exception as error:  # noqa: BLE001 - Python's own exit code for it, 1, would read as refuted
        traceback.print_exc()
        code = _fail("internal", f"internal error: {type(error).__name__}: {error}", say=True)
    sys.exit(code if isinstance(code, int) else 0)


def _fail(kind: str, message: str, *, say: bool = False) -> int:
    """Return the exit code of a failure, after printing it as JSON where that was asked for."""
    if say:
        sys.stderr.write(f"certify: {message}\n")
    if _asks_for_json(sys.argv[1:]):
        from certify.report.json_form import to_json  # noqa: PLC0415 - slow to load for a wrong call
        from certify.report.result import Failure, Result  # noqa: PLC0415

        failure = Failure(kind, message)
        sys.stdout.write(to_json([Result(command="", exit_code=FAILED, error=failure)]) + "\n")
    return FAILED


def _asks_for_json(arguments: list[Any]) -> bool:
    following = zip(arguments, [*arguments[1:], ""], strict=True)
    return any(first == "--format=json" or (first == "--format" and second == "json") for first, second in following)
