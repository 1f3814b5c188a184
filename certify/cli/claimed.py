"""Base networks and masks that somebody has: the options that name them, and what their files hold."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar, cast

import click

from certify.certificate.storage import read_capped
from certify.cli.blame import about
from certify.cli.output import FILE
from certify.errors import InputError
from certify.network.step_form import MAX_PRECISION_BITS

if TYPE_CHECKING:
    from certify.base.claimed import Base, BaseFiles
    from certify.base.mask import Mask
    from certify.network.arrays.file import File
    from certify.network.model import Network

_Function = TypeVar("_Function", bound=Callable[..., Any])
_MEMBER = ".npy"


@dataclass(frozen=True)
class BaseOptions:
    """Which base network a user has.

    Attributes:
        base: a file, or a folder of .npy files; None where none was named.
        layout: the file that says what is where.
        round_to: bits; floats are rounded to multiples of 2^-round_to.
    """

    base: Path | None
    layout: Path | None
    round_to: int | None

    def check(self) -> None:
        """Check that nothing is said of a base network that is not named.

        Raises:
            UsageError: it is.
        """
        if self.base is None and (self.layout is not None or self.round_to is not None):
            raise click.UsageError("expected --base with --layout and --round-to: they say how the base is read")

    def inputs(self) -> dict[str, Path]:
        """Return the files by what they are, for outputs not to replace."""
        named = {"the base network": self.base, "the layout": self.layout}
        return {name: path for name, path in named.items() if path is not None}


def base_options(function: _Function) -> _Function:
    """Add --base, --layout and --round-to; the command gets them as one `given`."""

    def command(base: Path | None, layout: Path | None, round_to: int | None, **arguments: Any) -> Any:
        return function(given=BaseOptions(base, layout, round_to), **arguments)

    command.__doc__ = function.__doc__
    command.__name__ = function.__name__
    vars(command)["__click_params__"] = getattr(function, "__click_params__", [])
    options: list[Callable[[Any], Any]] = [
        click.option("--base", type=FILE, help="A given base network: a file, or a folder of .npy files."),
        click.option("--layout", type=FILE, help="What is where in the base network's files (docs/claims.md)."),
        click.option(
            "--round-to",
            type=click.IntRange(0, MAX_PRECISION_BITS),
            help="Round the base network's floats to so many bits after the point.",
        ),
    ]
    decorated: Any = command
    for option in reversed(options):
        decorated = option(decorated)
    return cast("_Function", decorated)


def read_given(given: BaseOptions, seed: str | None, target: Network) -> tuple[BaseFiles, Base]:
    """Return the files of the base network that a user has, and what they hold.

    Args:
        given: where they are.
        seed: every weight has to be this seed's; None asks for none.
        target: what the base network is for.

    Raises:
        FileError: something cannot be read.
        FalseClaimInFileError: a weight is not the seed's.
    """
    from certify.base.claimed import BaseFiles, read_base  # noqa: PLC0415 - drawing from a seed is slow to load

    assert given.base is not None
    layout = None if given.layout is None else read_files(given.layout, "a layout")[0]
    source = BaseFiles(read_files(given.base, "a base network"), layout, given.round_to, seed)
    with about(given.base):
        return source, read_base(source, target)


def read_given_masks(source: BaseFiles, base: Base, mask: Path | None, where: Path) -> tuple[Mask, ...]:
    """Return the masks in a file, or where none is named in the base network's own.

    Args:
        source: the base network's files.
        base: what they hold.
        mask: a file, or a folder of .npy files.
        where: the base network's path.

    Raises:
        FileError: they cannot be read.
        FalseClaimInFileError: they are no masks of this base network.
    """
    from certify.base.claimed import read_masks  # noqa: PLC0415 - drawing from a seed is slow to load

    files = () if mask is None else read_files(mask, "a mask file")
    with about(where if mask is None else mask):
        return read_masks(source, base.network, files)


def read_files(path: Path, what: str) -> tuple[File, ...]:
    """Return a file, or all .npy files of a folder in the order of their names.

    Args:
        path: of the file or the folder.
        what: a noun with its article for the errors.

    Raises:
        FileError: nothing there, not readable, above the limit of size, or a folder without .npy files.
    """
    from certify.network.arrays.file import MAX_BYTES, File  # noqa: PLC0415 - for commands that have arrays to read

    with about(path):
        members = _members(path, what) if _is_folder(path) else [path]
        left, files = MAX_BYTES, []
        for member in members:
            data = read_capped(member, left, what)
            left -= len(data)
            files.append(File(member.name, data))
        return tuple(files)


def _is_folder(path: Path) -> bool:
    try:
        return path.is_dir()
    except (OSError, ValueError):
        return False  # reading it says what is wrong


def _members(folder: Path, what: str) -> list[Path]:
    try:
        members = sorted(path for path in folder.iterdir() if path.suffix == _MEMBER)
    except OSError as error:
        raise InputError(f"expected {what}, found a folder that cannot be read: {error.strerror}") from None
    if not members:
        raise InputError(f"expected {what}, found a folder without {_MEMBER} files")
    return members
