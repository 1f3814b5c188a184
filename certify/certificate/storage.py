"""Files: the only module of this package that touches them.

Reading stops at a limit, whatever the file says of its own size. Writing is all or nothing: the new bytes go to a
file beside the target and take its name once they are on the disk, so a full disk or an interrupt leaves what was
there before. Private keys are created for their owner alone from the first moment and never replace a file.

What is not an ordinary file (a pipe, /dev/stdout) has no name worth replacing and is written to directly.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from certify.errors import InputError

_CHUNK = 2**20


def read_capped(path: Path, limit: int, what: str) -> bytes:
    """Return the bytes of a file, reading at most `limit` + 1 of them.

    Args:
        path: an ordinary file, or something like a pipe.
        limit: the most bytes it may have.
        what: a noun with its article for the errors, such as "a certificate".

    Raises:
        InputError: nothing there, a directory, not readable, or above the limit.
    """
    try:
        with path.open("rb") as file:
            status = os.fstat(file.fileno())
            _check_size(status, limit, what)
            return _read(file, max(_CHUNK, status.st_size + 1), limit, what)
    except (OSError, ValueError) as error:
        raise InputError(f"expected {what}, found {_found(error)}") from None


def _check_size(status: os.stat_result, limit: int, what: str) -> None:
    if stat.S_ISREG(status.st_mode) and status.st_size > limit:
        raise InputError(f"expected {what} of at most {limit} bytes, found {status.st_size}")


def _read(file: BinaryIO, size: int, limit: int, what: str) -> bytes:
    """Read so many bytes at a time: a file that has as many as it says is never held twice."""
    chunks: list[bytes] = []
    total = 0
    while chunk := file.read(min(size, limit + 1 - total)):
        chunks.append(chunk)
        total += len(chunk)
    if total > limit:
        raise InputError(f"expected {what} of at most {limit} bytes, found more")
    return b"".join(chunks)


def _found(error: OSError | ValueError) -> str:
    if isinstance(error, FileNotFoundError):
        return "no such file"
    if isinstance(error, IsADirectoryError):
        return "a directory"
    if isinstance(error, PermissionError):
        return "a file that may not be read"
    if isinstance(error, OSError):
        return f"a file that cannot be read: {os.strerror(error.errno or 0)}"
    return "a name that no file can have"


def write_atomic(path: Path, data: bytes) -> None:
    """Write `data` to `path` whole, or leave what was there untouched.

    A new file gets the permissions that the umask grants. A symbolic link stays, and what it names is replaced.

    Raises:
        InputError: the folder is missing or not writable, the disk is full, the path is a directory.
    """
    with replacing(path) as sink:
        sink.write(data)


class Sink:
    """Where `replacing` takes bytes, one piece after another."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file

    def write(self, data: bytes) -> None:
        """Write more.

        Raises:
            InputError: the disk is full, or what is written to is gone.
        """
        with _as_input_error():
            self._file.write(data)


@contextlib.contextmanager
def replacing(path: Path) -> Iterator[Sink]:
    """Take what is written to `path` piece by piece; it is there whole afterwards, or what was there before.

    Any error inside leaves what was there. What is not an ordinary file is written to as the pieces come.

    Raises:
        InputError: as for `write_atomic`.
    """
    with _as_input_error():
        special = _is_special(path)
    with _write_directly(path) if special else _replace(path) as sink:
        yield sink


@contextlib.contextmanager
def _write_directly(path: Path) -> Iterator[Sink]:
    with _as_input_error():
        file = path.open("wb")
    with _closed_after(file):
        yield Sink(file)
        with _as_input_error():
            file.close()


@contextlib.contextmanager
def _replace(path: Path) -> Iterator[Sink]:
    with _as_input_error():
        final = Path(os.path.realpath(path))
        temporary = final.parent / f".certify-{secrets.token_hex(8)}"
        file = temporary.open("xb")
    try:
        with _closed_after(file):
            yield Sink(file)
            with _as_input_error():
                file.flush()
                os.fsync(file.fileno())
                file.close()
                temporary.replace(final)
    except BaseException:
        _remove(temporary)
        raise


@contextlib.contextmanager
def _closed_after(file: BinaryIO) -> Iterator[None]:
    """Close a file, whatever happens, and whether or not what it still holds can be written."""
    try:
        yield
    finally:
        with contextlib.suppress(OSError):
            file.close()


@contextlib.contextmanager
def _as_input_error() -> Iterator[None]:
    try:
        yield
    except (OSError, ValueError) as error:
        raise InputError(_not_written(error)) from None


def _is_special(path: Path) -> bool:
    """Whether something is there that is neither an ordinary file nor a folder."""
    try:
        mode = path.stat().st_mode
    except FileNotFoundError:
        return False
    if stat.S_ISDIR(mode):
        raise IsADirectoryError
    return not stat.S_ISREG(mode)


def write_private(path: Path, data: bytes) -> None:
    """Write a new file that only its owner may read (0600), in folders made for the owner alone (0700).

    Raises:
        InputError: something is there already, or the file cannot be written; then none is left behind.
    """
    try:
        _make_folders(path.parent)
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        raise InputError("expected no file there yet, found one, and it is not overwritten") from None
    except (OSError, ValueError) as error:
        raise InputError(_not_written(error)) from None
    try:
        with os.fdopen(descriptor, "wb") as file:
            _write_through(file, data)
    except BaseException as error:
        _remove(path)
        if isinstance(error, OSError):
            raise InputError(_not_written(error)) from None
        raise


def _make_folders(folder: Path) -> None:
    if folder.is_dir():
        return
    _make_folders(folder.parent)
    try:
        folder.mkdir(mode=0o700)
    except FileExistsError:
        if not folder.is_dir():
            raise NotADirectoryError from None


def _write_through(file: BinaryIO, data: bytes) -> None:
    file.write(data)
    file.flush()
    os.fsync(file.fileno())


def _remove(path: Path) -> None:
    with contextlib.suppress(OSError):
        path.unlink(missing_ok=True)


def _not_written(error: OSError | ValueError) -> str:
    expected = "expected a place to write to"
    if isinstance(error, FileNotFoundError):
        return f"{expected}, found no such folder"
    if isinstance(error, IsADirectoryError):
        return f"{expected}, found a directory"
    if isinstance(error, NotADirectoryError):
        return f"{expected}, found a file where a folder should be"
    if isinstance(error, OSError):
        return f"{expected}, found one that fails: {os.strerror(error.errno or 0)}"
    return f"{expected}, found a name that no file can have"
