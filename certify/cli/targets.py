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
        if not _takes_files(out):
            raise InputError("expected a place to write to, found a folder that takes no new files")
    except OSError as error:
        raise InputError(f"expected a place to write to, found one that fails: {error.strerror}") from None


def _takes_files(out: Path) -> bool:
    """Whether a new file may be made where this one is; what is written to directly needs none."""
    if out.exists() and not out.is_file():
        return True
    return os.access(Path(os.path.realpath(out)).parent, os.W_OK | os.X_OK)


def _same(first: Path, second: Path) -> bool:
    """Whether both are one file, or would be."""
    try:
        return first.samefile(second)
    except OSError:
        return os.path.realpath(first) == os.path.realpath(second)
