"""What a run that was killed leaves behind, and when somebody else may remove it.

A process that gets SIGKILL cleans up nothing. What it may leave is a file beside the one that it was to replace, and
a folder of what was on its way to its worker processes. Whoever makes such a thing holds a lock on it (flock(2)),
which the system takes back when the process ends, however it ends. So what nobody holds is nobody's, and the next run
that writes at the same place removes it.

Between making a thing and locking it there is a moment; so what is younger than an hour stays. How old it is says the
file system, which dates it and something that was made just now, so a clock that was set back, or another machine's,
changes nothing. What stays besides: what belongs to another user, what has a name of another form, a folder with
anything in it but files, and everything where the system has no such locks.
"""

from __future__ import annotations

import contextlib
import os
import re
import stat
from pathlib import Path

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

OLD = 3600
"""Seconds after which something that nobody holds is nobody's."""


def hold(descriptor: int) -> None:
    """Lock an open file or folder until it is closed; where that is not possible, nothing is ever removed either."""
    _try_lock(descriptor)


def clear(folder: Path, form: re.Pattern[str], now: os.stat_result) -> None:
    """Remove from a folder the files and folders of killed runs.

    Args:
        folder: where they are.
        form: of their names, whole.
        now: of something that was made there just now.
    """
    with contextlib.suppress(OSError), os.scandir(folder) as entries:
        for entry in entries:
            if form.fullmatch(entry.name):
                _remove_unless_held(Path(entry.path), now)


def _remove_unless_held(path: Path, now: os.stat_result) -> None:
    with contextlib.suppress(OSError):
        status = path.lstat()
        if not _is_old(status, now) or status.st_uid != now.st_uid:
            return
        is_folder = stat.S_ISDIR(status.st_mode)
        if not is_folder and not stat.S_ISREG(status.st_mode):
            return
        # Some file systems lock only what is open for writing; a folder never is.
        descriptor = os.open(path, os.O_RDONLY if is_folder else os.O_RDWR)
        try:
            if _try_lock(descriptor):
                _remove(path, is_folder=is_folder)
        finally:
            os.close(descriptor)


def _is_old(status: os.stat_result, now: os.stat_result) -> bool:
    return now.st_mtime - status.st_mtime >= OLD


def _try_lock(descriptor: int) -> bool:
    if fcntl is None:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def _remove(path: Path, *, is_folder: bool) -> None:
    if not is_folder:
        path.unlink()
        return
    with os.scandir(path) as entries:
        files = [entry.path for entry in entries if entry.is_file(follow_symlinks=False)]
    for file in files:
        Path(file).unlink()
    path.rmdir()
