"""Reading stops at its limit; writing is all or nothing; private is private from the first moment."""

from __future__ import annotations

import contextlib
import errno
import io
import os
import re
import resource
import stat
import threading
from pathlib import Path

import pytest

from certify.certificate import storage
from certify.certificate.storage import (
    TakenError,
    read_capped,
    read_private,
    remove_second_names,
    replacing,
    write_atomic,
    write_private,
)
from certify.errors import InputError


@pytest.fixture(params=[0o000, 0o022, 0o077], ids=["umask 000", "umask 022", "umask 077"])
def umask(request):
    before = os.umask(request.param)
    yield request.param
    os.umask(before)


@contextlib.contextmanager
def small_disk():
    """No file of this process can grow beyond 1000 bytes inside, pytest's own log among them."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def failing(error):
    def fail(*_arguments, **_options):
        raise error

    return fail


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def permissions(path):
    return stat.S_IMODE(path.stat().st_mode)


# Reading.


@pytest.mark.parametrize("size", [0, 1, 99, 100])
def test_read_up_to_the_limit(tmp_path, size):
    (tmp_path / "f").write_bytes(b"x" * size)
    assert read_capped(tmp_path / "f", 100, "a target") == b"x" * size


def test_read_more_than_a_chunk(tmp_path):
    data = os.urandom(2**20 + 17)
    (tmp_path / "f").write_bytes(data)
    assert read_capped(tmp_path / "f", 2**21, "a target") == data


@pytest.mark.parametrize(
    ("name", "problem"),
    [
        pytest.param("missing", "no such file", id="missing"),
        pytest.param("missing/f", "no such file", id="missing folder"),
        pytest.param("", "a directory", id="directory"),
        pytest.param("file/x", "a file that cannot be read: Not a directory", id="below a file"),
        pytest.param("n" * 300, "a file that cannot be read: File name too long", id="name too long"),
        pytest.param("a\0b", "a name that no file can have", id="null byte"),
        pytest.param("a\ud800b", "a name that no file can have", id="name of no encoding"),
        pytest.param("loop", "a file that cannot be read: Too many levels of symbolic links", id="links in a circle"),
    ],
)
def test_unreadable(tmp_path, name, problem):
    (tmp_path / "file").write_bytes(b"")
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    with pytest.raises(InputError) as caught:
        read_capped(tmp_path / name, 100, "a target")
    assert str(caught.value) == f"expected a target, found {problem}"


def test_not_permitted(tmp_path, monkeypatch):
    # Tests may run as root, to whom every file is readable.
    monkeypatch.setattr(Path, "open", failing(PermissionError(errno.EACCES, "no")))
    with pytest.raises(InputError, match="found a file that may not be read"):
        read_capped(tmp_path / "f", 100, "a target")


def test_failure_while_reading(tmp_path, monkeypatch):
    (tmp_path / "f").write_bytes(b"x")
    monkeypatch.setattr(storage, "_read", failing(OSError(errno.EIO, "no")))
    with pytest.raises(InputError, match="cannot be read: Input/output error"):
        read_capped(tmp_path / "f", 100, "a target")


def test_large_file_is_judged_before_reading(tmp_path, monkeypatch):
    with (tmp_path / "f").open("wb") as file:
        file.truncate(2**31)
    monkeypatch.setattr(storage, "_read", failing(AssertionError("was read")))
    with pytest.raises(InputError, match="at most 1000 bytes, found 2147483648"):
        read_capped(tmp_path / "f", 1000, "a target")


def test_endless_device_is_read_up_to_the_limit():
    with pytest.raises(InputError, match="at most 3000000 bytes, found more"):
        read_capped(Path("/dev/zero"), 3_000_000, "a target")


def test_no_more_is_read_than_shows_that_it_is_too_much():
    file = io.BytesIO(bytes(100))
    with pytest.raises(InputError, match="at most 10 bytes, found more"):
        storage._read(file, 4, 10, "a target")
    assert file.tell() == 11


@pytest.mark.parametrize("limit", [300_000, 299_999])
def test_pipe(tmp_path, limit):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    data = b"x" * 300_000

    def write():
        with pipe.open("wb", buffering=0) as file:
            for start in range(0, len(data), 7000):
                file.write(data[start : start + 7000])

    writer = threading.Thread(target=write)
    writer.start()
    try:
        if limit < len(data):
            with pytest.raises(InputError, match="found more"):
                read_capped(pipe, limit, "a target")
        else:
            assert read_capped(pipe, limit, "a target") == data
    finally:
        writer.join()


# Writing.


def test_write_new_and_over(tmp_path):
    path = tmp_path / "f"
    write_atomic(path, b"one")
    assert path.read_bytes() == b"one"
    write_atomic(path, b"")
    assert path.read_bytes() == b""
    assert names(tmp_path) == ["f"]


@pytest.mark.parametrize("write", [write_atomic, write_private])
def test_all_bytes_are_handed_to_the_disk(tmp_path, monkeypatch, write):
    """The file before it has its name, and the folder after that."""
    seen = []

    def note(descriptor):
        status = os.fstat(descriptor)
        folder = stat.S_ISDIR(status.st_mode)
        seen.append(("folder" if folder else status.st_size, "f" in names(tmp_path)))

    monkeypatch.setattr(os, "fsync", note)
    write(tmp_path / "f", b"x" * 77)
    assert seen == [(77, False), ("folder", True)]


@pytest.mark.parametrize("write", [write_atomic, write_private])
def test_a_folder_that_cannot_be_handed_to_the_disk(tmp_path, monkeypatch, write):
    """The file is there whole, so nothing has failed."""
    fsync = os.fsync

    def only_files(descriptor):
        if stat.S_ISDIR(os.fstat(descriptor).st_mode):
            raise OSError(errno.EINVAL, "no")
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", only_files)
    write(tmp_path / "f", b"x")
    assert (names(tmp_path), (tmp_path / "f").read_bytes()) == (["f"], b"x")


def test_until_it_is_whole_a_file_has_a_hidden_name_beside_its_own(tmp_path, monkeypatch):
    seen = []
    monkeypatch.setattr(os, "fsync", lambda _descriptor: seen.extend(names(tmp_path)))
    write_atomic(tmp_path / "f", b"x")
    temporary, after = seen
    assert re.fullmatch(r"\.certify-[0-9a-f]{16}\.part", temporary)
    assert after == "f"
    assert names(tmp_path) == ["f"]


@pytest.mark.usefixtures("umask")
@pytest.mark.parametrize("mode", [0o600, 0o640, 0o666])
def test_permissions_of_what_is_replaced_stay(tmp_path, mode):
    (tmp_path / "f").write_bytes(b"before")
    (tmp_path / "f").chmod(mode)
    write_atomic(tmp_path / "f", b"after")
    assert ((tmp_path / "f").read_bytes(), permissions(tmp_path / "f")) == (b"after", mode)


def test_permissions_of_a_new_file(tmp_path, umask):
    write_atomic(tmp_path / "f", b"x")
    assert permissions(tmp_path / "f") == 0o666 & ~umask


def test_name_of_the_longest_length(tmp_path):
    write_atomic(tmp_path / ("n" * 255), b"x")
    assert (tmp_path / ("n" * 255)).read_bytes() == b"x"


def test_relative_path(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_atomic(Path("f"), b"x")
    assert (tmp_path / "f").read_bytes() == b"x"


def test_symbolic_link_stays(tmp_path):
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder/f").write_bytes(b"old")
    (tmp_path / "link").symlink_to("folder/f")
    write_atomic(tmp_path / "link", b"new")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "folder/f").read_bytes() == b"new"


@pytest.mark.parametrize(
    ("name", "error"),
    [
        pytest.param("fsync", OSError(errno.ENOSPC, "full"), id="disk full"),
        pytest.param("fsync", OSError(errno.EIO, "broken"), id="disk broken"),
        pytest.param("fsync", KeyboardInterrupt(), id="interrupt while writing"),
        pytest.param("replace", OSError(errno.EACCES, "no"), id="not permitted"),
        pytest.param("replace", KeyboardInterrupt(), id="interrupt before the last step"),
    ],
)
@pytest.mark.parametrize("old", [None, b"old"], ids=["nothing there", "a file there"])
def test_failure_leaves_what_was_there(tmp_path, monkeypatch, name, error, old):
    path = tmp_path / "f"
    if old is not None:
        path.write_bytes(old)
    with monkeypatch.context() as patched:
        patched.setattr(*((os, "fsync") if name == "fsync" else (Path, "replace")), failing(error))
        expected = InputError if isinstance(error, OSError) else KeyboardInterrupt
        with pytest.raises(expected, match=os.strerror(error.errno) if isinstance(error, OSError) else None):
            write_atomic(path, b"new")
    assert names(tmp_path) == ([] if old is None else ["f"])
    assert old is None or path.read_bytes() == old


def test_disk_that_runs_full(tmp_path):
    path = tmp_path / "f"
    path.write_bytes(b"old")
    with small_disk(), pytest.raises(InputError, match="File too large"):
        write_atomic(path, b"x" * 5000)
    assert names(tmp_path) == ["f"]
    assert path.read_bytes() == b"old"


@pytest.mark.parametrize(
    ("name", "problem"),
    [
        pytest.param("", "a directory", id="directory"),
        pytest.param("missing/f", "no such folder", id="missing folder"),
        pytest.param("file/f", "a file where a folder should be", id="below a file"),
        pytest.param("n" * 256, "one that fails: File name too long", id="name too long"),
        pytest.param("a\0b", "a name that no file can have", id="null byte"),
    ],
)
def test_nowhere_to_write(tmp_path, name, problem):
    (tmp_path / "file").write_bytes(b"old")
    with pytest.raises(InputError) as caught:
        write_atomic(tmp_path / name, b"x")
    assert str(caught.value) == f"expected a place to write to, found {problem}"
    assert names(tmp_path) == ["file"]


@pytest.mark.parametrize("size", [1, 100_000])
def test_device_is_written_to_directly(monkeypatch, size):
    # Whoever runs this as root must not lose the device to a defect here: the replacing is taken away first.
    monkeypatch.setattr(storage, "_replace", failing(AssertionError("would replace a device")))
    with pytest.raises(InputError, match="No space left on device"):
        write_atomic(Path("/dev/full"), b"x" * size)


def test_pipe_is_written_to_directly():
    reading, writing = os.pipe()
    with os.fdopen(reading, "rb") as file:
        write_atomic(Path(f"/dev/fd/{writing}"), b"certificate")
        os.close(writing)
        assert file.read() == b"certificate"


# Private files.


@pytest.mark.usefixtures("umask")
def test_private_from_the_first_moment(tmp_path, monkeypatch):
    seen = []
    monkeypatch.setattr(os, "fsync", lambda descriptor: seen.append(os.fstat(descriptor).st_mode & 0o777))
    path = tmp_path / "a/b/key.pem"
    write_private(path, b"secret")
    assert path.read_bytes() == b"secret"
    assert seen == [0o600, 0o700]
    assert permissions(path) == 0o600
    assert permissions(tmp_path / "a") == permissions(tmp_path / "a/b") == 0o700


def test_folder_that_exists_keeps_its_permissions(tmp_path):
    (tmp_path / "a").mkdir()
    (tmp_path / "a").chmod(0o755)
    write_private(tmp_path / "a/key.pem", b"secret")
    assert permissions(tmp_path / "a") == 0o755


@pytest.mark.parametrize("kind", ["file", "directory", "link", "dangling link"])
def test_private_never_overwrites(tmp_path, kind):
    path, other = tmp_path / "key.pem", tmp_path / "other"
    if kind == "file":
        path.write_bytes(b"old")
    elif kind == "directory":
        path.mkdir()
    else:
        path.symlink_to(other)
    if kind == "link":
        other.write_bytes(b"old")
    with pytest.raises(TakenError, match="found one, and it is not overwritten"):
        write_private(path, b"secret")
    assert [name for name in names(tmp_path) if name.startswith(".certify-")] == []
    assert other.exists() == (kind == "link")
    assert not path.is_file() or path.read_bytes() == b"old"


@pytest.mark.parametrize("error", [OSError(errno.ENOSPC, "full"), KeyboardInterrupt()])
def test_private_failure_leaves_nothing(tmp_path, monkeypatch, error):
    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", failing(error))
        with pytest.raises(InputError if isinstance(error, OSError) else KeyboardInterrupt):
            write_private(tmp_path / "key.pem", b"secret")
    assert names(tmp_path) == []


def test_private_on_a_disk_that_runs_full(tmp_path):
    with small_disk(), pytest.raises(InputError, match="File too large"):
        write_private(tmp_path / "key.pem", b"x" * 5000)
    assert names(tmp_path) == []


def test_private_files_have_their_name_when_they_are_whole(tmp_path, monkeypatch):
    seen = []
    monkeypatch.setattr(os, "fsync", lambda _descriptor: seen.append("key.pem" in names(tmp_path)))
    write_private(tmp_path / "key.pem", b"secret")
    assert seen == [False, True]
    assert (tmp_path / "key.pem").stat().st_nlink == 1


@pytest.mark.parametrize("code", [errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS])
def test_private_where_there_are_no_hard_links(tmp_path, monkeypatch, code):
    monkeypatch.setattr(os, "link", failing(OSError(code, "no")))
    write_private(tmp_path / "key.pem", b"secret")
    assert (names(tmp_path), (tmp_path / "key.pem").read_bytes()) == (["key.pem"], b"secret")
    assert permissions(tmp_path / "key.pem") == 0o600
    with pytest.raises(TakenError):
        write_private(tmp_path / "key.pem", b"another")
    assert (names(tmp_path), (tmp_path / "key.pem").read_bytes()) == (["key.pem"], b"secret")


def test_private_where_neither_a_link_nor_a_new_name_works(tmp_path, monkeypatch):
    monkeypatch.setattr(os, "link", failing(OSError(errno.EPERM, "no")))
    monkeypatch.setattr(Path, "replace", failing(OSError(errno.EIO, "broken")))
    with pytest.raises(InputError, match="Input/output error"):
        write_private(tmp_path / "key.pem", b"secret")
    assert names(tmp_path) == []


def test_second_names(tmp_path):
    """Those of the file itself go, at once; what else looks like one stays."""
    path, other = tmp_path / "key.pem", tmp_path / f".certify-{'0' * 16}.part"
    path.write_bytes(b"secret")
    other.write_bytes(b"secret")
    os.link(path, tmp_path / f".certify-{'1' * 16}.part")
    os.link(path, tmp_path / "mine")
    (tmp_path / f".certify-{'2' * 16}.part").symlink_to(path)
    remove_second_names(path)
    assert names(tmp_path) == [other.name, f".certify-{'2' * 16}.part", "key.pem", "mine"]
    remove_second_names(tmp_path / "missing/key.pem")


@pytest.mark.parametrize("name", ["file/key.pem", "file/a/key.pem", "dangling/key.pem"])
def test_private_below_what_is_no_folder(tmp_path, name):
    (tmp_path / "file").write_bytes(b"old")
    (tmp_path / "dangling").symlink_to(tmp_path / "nowhere")
    with pytest.raises(InputError, match="found a file where a folder should be"):
        write_private(tmp_path / name, b"secret")


@pytest.mark.parametrize("mode", [0o600, 0o400, 0o700])
def test_private_files_are_read(tmp_path, mode):
    path = tmp_path / "key.pem"
    write_private(path, b"secret")
    path.chmod(mode)
    (tmp_path / "link").symlink_to(path)
    assert read_private(path, 100, "a key", bool) == read_private(tmp_path / "link", 100, "a key", bool) == b"secret"


@pytest.mark.parametrize("mode", [0o644, 0o640, 0o604, 0o660, 0o620, 0o602, 0o610, 0o601, 0o777])
def test_what_others_can_reach_is_not_read(tmp_path, mode):
    path = tmp_path / "my key.pem"
    path.write_bytes(b"secret")
    path.chmod(mode)
    with pytest.raises(InputError) as caught:
        read_private(path, 100, "a key", bool)
    found = f"found one with mode {mode:04o}: chmod 600 '{path}'"
    assert caught.value.problem == f"expected a key that only you can read, {found}"


def test_what_others_can_reach_is_not_read_through_a_link(tmp_path):
    """The file is judged, not the name; and a link has mode 0777."""
    (tmp_path / "key.pem").write_bytes(b"secret")
    (tmp_path / "key.pem").chmod(0o644)
    (tmp_path / "link").symlink_to("key.pem")
    with pytest.raises(InputError, match="mode 0644"):
        read_private(tmp_path / "link", 100, "a key", bool)


def test_what_belongs_to_somebody_else_is_not_read(tmp_path, monkeypatch):
    write_private(tmp_path / "key.pem", b"secret")
    monkeypatch.setattr(os, "geteuid", lambda: os.getuid() + 1)
    with pytest.raises(InputError, match=f"found one that belongs to user {os.getuid()}: make a copy of your own"):
        read_private(tmp_path / "key.pem", 100, "a key", bool)


def test_permissions_are_not_judged_where_they_are_others(tmp_path, monkeypatch):
    (tmp_path / "key.pem").write_bytes(b"secret")
    (tmp_path / "key.pem").chmod(0o644)
    with monkeypatch.context() as patched:
        patched.setattr(os, "name", "nt")
        read = read_private(tmp_path / "key.pem", 100, "a key", bool)
    assert read == b"secret"


def test_what_is_no_secret_may_be_open(tmp_path):
    """Somebody may have given a wrong file: what it is not is what they have to hear."""
    (tmp_path / "target.json").write_bytes(b"{}")
    (tmp_path / "target.json").chmod(0o644)
    assert read_private(tmp_path / "target.json", 100, "a key", lambda data: b"secret" in data) == b"{}"


@pytest.mark.parametrize(("name", "problem"), [("missing", "no such file"), ("", "a directory")])
def test_no_private_file(tmp_path, name, problem):
    with pytest.raises(InputError, match=f"expected a key, found {problem}"):
        read_private(tmp_path / name, 100, "a key", bool)


def test_private_files_have_a_limit_too(tmp_path):
    write_private(tmp_path / "key.pem", b"x" * 101)
    with pytest.raises(InputError, match="at most 100 bytes, found 101"):
        read_private(tmp_path / "key.pem", 100, "a key", bool)


# Piece by piece.


def test_pieces_are_there_whole_or_not_at_all(tmp_path):
    path = tmp_path / "x"
    path.write_bytes(b"old")
    with replacing(path) as sink:
        for piece in (b"one, ", b"two, ", b"", b"three"):
            sink.write(piece)
            assert path.read_bytes() == b"old"
            assert len(names(tmp_path)) == 2
    assert (path.read_bytes(), names(tmp_path)) == (b"one, two, three", ["x"])


@pytest.mark.parametrize("error", [RuntimeError("no"), KeyboardInterrupt(), OSError(errno.EIO, "another file's")])
@pytest.mark.parametrize("old", [None, b"old"], ids=["nothing there", "a file there"])
def test_an_error_between_pieces_is_passed_on(tmp_path, error, old):
    """An OSError too: it is not about this file."""
    path = tmp_path / "x"
    if old is not None:
        path.write_bytes(old)

    def write():
        with replacing(path) as sink:
            sink.write(b"new")
            raise error

    with pytest.raises(type(error)) as caught:
        write()
    assert caught.value is error
    assert names(tmp_path) == ([] if old is None else ["x"])
    assert old is None or path.read_bytes() == old


@pytest.mark.parametrize("pieces", [1, 50])
def test_disk_that_runs_full_between_pieces(tmp_path, pieces):
    path = tmp_path / "x"
    path.write_bytes(b"old")

    def write():
        with replacing(path) as sink:
            for _ in range(pieces):
                sink.write(bytes(100_000 // pieces))

    with small_disk(), pytest.raises(InputError, match="found one that fails: File too large"):
        write()
    assert (path.read_bytes(), names(tmp_path)) == (b"old", ["x"])


def test_pieces_into_a_device():
    with replacing(Path("/dev/null")) as sink:
        sink.write(b"one")
        sink.write(b"two")
    with pytest.raises(InputError, match="No space left on device"), replacing(Path("/dev/full")) as sink:
        sink.write(b"one")
