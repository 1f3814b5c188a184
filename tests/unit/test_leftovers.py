"""What killed runs leave is removed: old, held by nobody, one's own, and of the form; and nothing else is."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import threading

import pytest
from program import SOURCE

from certify import leftovers
from certify.certificate.storage import replacing, write_atomic, write_private
from certify.leftovers import OLD, clear, hold
from certify.work.shared import Store

FORM = re.compile("left-[0-9]")


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def aged(path, seconds=OLD):
    """A file or folder that was changed so long before now, as the file system has it."""
    now = path.stat().st_mtime
    os.utime(path, (now - seconds, now - seconds))
    return path


def left(folder, name, *, seconds=OLD + 10, is_folder=False):
    path = folder / name
    if is_folder:
        path.mkdir()
    else:
        path.write_bytes(b"half")
    return aged(path, seconds)


def now(folder):
    """The status of something made just now, in another folder of the same file system."""
    path = folder.parent / f"now-{folder.name}"
    path.touch()
    return path.stat()


@pytest.mark.parametrize("is_folder", [False, True])
def test_what_is_old_and_nobodys_goes(tmp_path, is_folder):
    left(tmp_path, "left-1", is_folder=is_folder)
    clear(tmp_path, FORM, now(tmp_path))
    assert names(tmp_path) == []


def test_a_folder_goes_with_its_files(tmp_path):
    folder = left(tmp_path, "left-1", is_folder=True)
    (folder / "0").write_bytes(b"array")
    aged(folder, OLD + 10)
    clear(tmp_path, FORM, now(tmp_path))
    assert names(tmp_path) == []


@pytest.mark.parametrize("inside", ["folder", "link"])
def test_a_folder_with_more_than_files_stays(tmp_path, inside):
    folder = left(tmp_path, "left-1", is_folder=True)
    (folder / "x").mkdir() if inside == "folder" else (folder / "x").symlink_to(tmp_path)
    aged(folder, OLD + 10)
    clear(tmp_path, FORM, now(tmp_path))
    assert names(folder) == ["x"]


@pytest.mark.parametrize("seconds", [0, OLD - 60, -OLD])
def test_what_is_young_stays(tmp_path, seconds):
    """What seems to come from the future too: somebody's clock was set back."""
    left(tmp_path, "left-1", seconds=seconds)
    clear(tmp_path, FORM, now(tmp_path))
    assert names(tmp_path) == ["left-1"]


@pytest.mark.parametrize("is_folder", [False, True])
def test_what_is_held_stays_until_its_owner_ends(tmp_path, is_folder):
    path = left(tmp_path, "left-1", is_folder=is_folder)
    descriptor = os.open(path, os.O_RDONLY)
    hold(descriptor)
    clear(tmp_path, FORM, now(tmp_path))
    assert names(tmp_path) == ["left-1"]
    os.close(descriptor)
    clear(tmp_path, FORM, now(tmp_path))
    assert names(tmp_path) == []


def test_what_has_another_name_stays(tmp_path):
    for name in ("left-12", "Left-1", "left-", "xleft-1", "left-1\n"):
        left(tmp_path, name)
    before = names(tmp_path)
    clear(tmp_path, FORM, now(tmp_path))
    assert names(tmp_path) == before


def test_what_is_neither_file_nor_folder_stays(tmp_path):
    os.mkfifo(tmp_path / "left-1")
    (tmp_path / "target").write_bytes(b"mine")
    (tmp_path / "left-2").symlink_to("target")
    for name in ("left-1", "left-2"):
        os.utime(tmp_path / name, (0, 0), follow_symlinks=False)
    clear(tmp_path, FORM, now(tmp_path))
    assert names(tmp_path) == ["left-1", "left-2", "target"]


def test_what_belongs_to_another_user_stays(tmp_path):
    left(tmp_path, "left-1")
    mine = now(tmp_path)
    somebody = os.stat_result((*mine[:4], mine.st_uid + 1, *mine[5:10]))
    clear(tmp_path, FORM, somebody)
    assert names(tmp_path) == ["left-1"]


def test_nothing_goes_where_there_are_no_locks(tmp_path, monkeypatch):
    left(tmp_path, "left-1")
    monkeypatch.setattr(leftovers, "fcntl", None)
    with (tmp_path / "held").open("wb") as file:
        hold(file.fileno())
    clear(tmp_path, FORM, now(tmp_path))
    assert names(tmp_path) == ["held", "left-1"]


def test_a_folder_that_cannot_be_listed(tmp_path):
    clear(tmp_path / "missing", FORM, now(tmp_path))


# Where it is used.


@pytest.mark.parametrize("write", [write_atomic, write_private])
def test_writing_removes_what_a_killed_run_left(tmp_path, write):
    left(tmp_path, f".certify-{'a' * 16}.part")
    left(tmp_path, ".certify-mine.part")
    write(tmp_path / "f", b"x")
    assert names(tmp_path) == [".certify-mine.part", "f"]


def test_writing_leaves_what_another_run_is_at(tmp_path):
    with replacing(tmp_path / "slow") as sink:
        sink.write(b"one, ")
        [temporary] = names(tmp_path)
        aged(tmp_path / temporary, OLD + 10)
        other = threading.Thread(target=write_atomic, args=(tmp_path / "quick", b"x"))
        other.start()
        other.join()
        sink.write(b"two")
    assert names(tmp_path) == ["quick", "slow"]
    assert (tmp_path / "slow").read_bytes() == b"one, two"


KILLED = """
import os, signal
from certify.work.shared import Store
store = Store()
store.folder
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_a_store_removes_what_a_killed_run_left(tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    environment = os.environ | {"TMPDIR": str(tmp_path), "PYTHONPATH": str(SOURCE)}
    ran = subprocess.run([sys.executable, "-c", KILLED], env=environment, check=False)
    assert ran.returncode == -signal.SIGKILL
    [killed] = names(tmp_path)
    first, second = Store(), Store()
    kept = [first.folder.name]
    assert names(tmp_path) == sorted([killed, *kept])
    for name in (killed, *kept):
        aged(tmp_path / name, OLD + 10)
    kept.append(second.folder.name)
    assert names(tmp_path) == sorted(kept)
    first.close()
    second.close()
    assert names(tmp_path) == []
