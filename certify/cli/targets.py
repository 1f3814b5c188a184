"""What commands that read a target file share."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from certify.errors import InputError


def stem(target: Path) -> str:
    """Return a target file's name without folders and its format's ending."""
    return target.name.removesuffix(".json").removesuffix(".tflite").removesuffix(".onnx")


def check_output(out: Path, what: str, others: Mapping[str, Path]) -> None:
    """Check, before any work, that a result has a place to be written to and replaces none of `others`.

    Raises:
        InputError: it has none, or would.
    """
    for name, other in others.items():
        if _same(out, other):
            raise InputError(f"expected another file for {what}, found {name} itself")
    try:
        if not out.parent.is_dir():
            raise InputError(f"expected a folder to write to, found none at {out.parent}")
        if out.is_dir():
            raise InputError("expected a place to write to, found a directory")
        if not _is_special(out):
            check_takes_files(Path(os.path.realpath(out)).parent)
    except OSError as error:
        raise InputError(f"expected a place to write to, found one that fails: {error.strerror}") from None


def check_takes_files(folder: Path) -> None:
    """Check, before any work, that new files may be made in a folder, as far as its permissions say.

    Raises:
        InputError: they may not.
    """
    if not os.access(folder, os.W_OK | os.X_OK):
        raise InputError(f"expected a place to write to, found a folder that takes no new files: {folder}")


def _is_special(out: Path) -> bool:
    """Whether something is there that is written to directly, such as a pipe."""
    return out.exists() and not out.is_file()


def _same(first: Path, second: Path) -> bool:
    """Whether both are one file, or would be."""
    try:
        return first.samefile(second)
    except OSError:
        return os.path.realpath(first) == os.path.realpath(second)
