"""Files: the only module of this package that touches them.

Reading stops at a limit, whatever the file says of its own size. Writing is all or nothing: the new bytes go to a
file beside the target and take its name once they are on the disk, so a full disk, an interrupt or SIGKILL leaves
what was there before. Private keys are created for their owner alone from the first moment and never replace a file,
and one that others can read is not read: whoever can may have it already. That is judged of the opened file, not of
its name. A killed run leaves at most the file beside the target, which a later run removes (`certify.leftovers`).

What is not an ordinary file (a pipe, /dev/stdout) has no name worth replacing and is written to directly.
"""

from __future__ import annotations

import contextlib
import errno
import os
import re
import secrets
import shlex
import stat
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO

from certify import leftovers
from certify.errors import InputError

_CHUNK = 2**20
_TEMPORARY = re.compile(r"\.certify-[0-9a-f]{16}\.part")
_NO_HARD_LINKS = {errno.EPERM, errno.EACCES, errno.ENOSYS, errno.ENOTSUP, errno.EOPNOTSUPP, errno.EMLINK}


class TakenError(InputError):
    """Where a new file was to be, there is one already."""


def read_capped(path: Path, limit: int, what: str) -> bytes:
    """Return the bytes of a file, reading at most `limit` + 1 of them.

    Args:
        path: an ordinary file, or something like a pipe.
        limit: the most bytes it may have.
        what: a noun with its article for the errors, such as "a certificate".

    Raises:
        InputError: nothing there, a directory, not readable, or above the limit.
    """
    with _opened(path, what) as file:
        status = os.fstat(file.fileno())
        _check_size(status, limit, what)
        return _read(file, max(_CHUNK, status.st_size + 1), limit, what)


def read_private(path: Path, limit: int, what: str, is_secret: Callable[[bytes], bool]) -> bytes:
    """Return the bytes of a file that, where they are a secret, only whoever runs this can read.

    Args:
        path: as for `read_capped`, like `limit` and `what`.
        limit: the most bytes it may have.
        what: a noun with its article.
        is_secret: tells whether bytes are what nobody else may read; a wrong file has to be called wrong, not open.

    On Windows, whose permissions are not these, others are not looked for.

    Raises:
        InputError: as for `read_capped`; or a secret belongs to somebody else, or others may read or write it.
    """
    with _opened(path, what) as file:
        status = os.fstat(file.fileno())
        _check_size(status, limit, what)
        data = _read(file, _CHUNK, limit, what)
    if os.name == "posix" and is_secret(data):
        _check_private(status, path, what)
    return data


def _check_private(status: os.stat_result, path: Path, what: str) -> None:
    if status.st_uid != os.geteuid():
        whose = f"found one that belongs to user {status.st_uid}"
        raise InputError(f"expected {what} that belongs to you, {whose}: make a copy of your own, with mode 0600")
    if status.st_mode & 0o077:
        found = f"found one with mode {stat.S_IMODE(status.st_mode):04o}"
        raise InputError(f"expected {what} that only you can read, {found}: chmod 600 {shell_argument(path)}")


def shell_argument(path: Path) -> str:
    """Return a path as a shell takes it, and never for an option."""
    text = str(path)
    return shlex.quote(f"./{text}" if text.startswith("-") else text)


@contextlib.contextmanager
def _opened(path: Path, what: str) -> Iterator[BinaryIO]:
    try:
        with path.open("rb") as file:
            yield file
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

    A new file gets the permissions that the umask grants, and one that replaces another has its. A symbolic link
    stays, and what it names is replaced.

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
        temporary, file = _open_beside(final, 0o666)
    try:
        with _closed_after(file):
            yield Sink(file)
            with _as_input_error():
                _keep_permissions(file, final)
                _to_the_disk(file)
                temporary.replace(final)
    except BaseException:
        _remove(temporary)
        raise
    _folder_to_the_disk(final.parent)


def _keep_permissions(file: BinaryIO, final: Path) -> None:
    """Give a file the permissions of the one that it replaces, where there is one: others may not have read that."""
    if os.name == "posix" and final.exists():
        os.fchmod(file.fileno(), stat.S_IMODE(final.stat().st_mode))


def _open_beside(final: Path, mode: int) -> tuple[Path, BinaryIO]:
    """Open a new file in the folder of another, under a name that says whose it is, and remove what is nobody's."""
    temporary = final.parent / f".certify-{secrets.token_hex(8)}.part"
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0), mode)
    leftovers.hold(descriptor)
    leftovers.clear(final.parent, _TEMPORARY, os.fstat(descriptor))
    return temporary, os.fdopen(descriptor, "wb")


def _to_the_disk(file: BinaryIO) -> None:
    file.flush()
    os.fsync(file.fileno())
    file.close()


def _folder_to_the_disk(folder: Path) -> None:
    """Have a file's new name outlive a power cut, where the system takes that of a folder.

    Where it does not, the name is there all the same, with the old file or the new one whole.
    """
    with contextlib.suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


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

    It gets its name when it is whole, so nobody ever reads half of it, however this ends.

    Raises:
        TakenError: something is there already.
        InputError: the file cannot be written; then none is left behind.
    """
    with _as_input_error():
        _make_folders(path.parent)
        temporary, file = _open_beside(path, 0o600)
    try:
        with _closed_after(file), _as_input_error():
            file.write(data)
            _to_the_disk(file)
            _name(temporary, path)
    finally:
        _remove(temporary)
    _folder_to_the_disk(path.parent)


def _name(temporary: Path, path: Path) -> None:
    """Give a whole file its name, unless something has that.

    A hard link is refused where there is anything, in one step. On file systems without hard links the name is taken
    by an empty file first, which only a kill between two steps would leave.
    """
    try:
        try:
            os.link(temporary, path)
        except OSError as error:
            if error.errno not in _NO_HARD_LINKS:
                raise
            _take_name(temporary, path)
    except FileExistsError:
        raise TakenError("expected no file there yet, found one, and it is not overwritten") from None


def _take_name(temporary: Path, path: Path) -> None:
    os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
    try:
        temporary.replace(path)
    except BaseException:
        _remove(path)
        raise


def remove_second_names(path: Path) -> None:
    """Remove other names of a file, which `write_private` leaves where it is killed when the file has its own."""
    with contextlib.suppress(OSError), os.scandir(path.parent) as entries:
        for entry in entries:
            if _TEMPORARY.fullmatch(entry.name) and not entry.is_symlink() and path.samefile(entry.path):
                _remove(Path(entry.path))


def replace_private(path: Path, data: bytes) -> None:
    """Write a file that only its owner may read (0600) in the place of another, whole, or leave that untouched.

    It is the caller who keeps what was there. Of a symbolic link it is the link that is replaced.

    Raises:
        InputError: the file cannot be written.
    """
    with _as_input_error():
        temporary, file = _open_beside(path, 0o600)
    try:
        with _closed_after(file), _as_input_error():
            file.write(data)
            _to_the_disk(file)
            temporary.replace(path)
    except BaseException:
        _remove(temporary)
        raise
    _folder_to_the_disk(path.parent)


def _make_folders(folder: Path) -> None:
    if folder.is_dir():
        return
    _make_folders(folder.parent)
    try:
        folder.mkdir(mode=0o700)
    except FileExistsError:
        if not folder.is_dir():
            raise NotADirectoryError from None


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
