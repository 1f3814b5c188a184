"""Faults put between a program and its files: the n-th step fails as on a full disk, or the process is killed at it.

A step is a call by which the program changes what is on the disk. A write that fails, or at which the process dies,
has written half of what it was given.
"""

from __future__ import annotations

import contextlib
import errno
import io
import os
import signal
from collections.abc import Iterator
from pathlib import Path

CALLS = ("open", "mkdir", "fsync", "link", "replace", "unlink", "rmdir")
_UNTIL_THE_END = contextlib.ExitStack()
CHILD = "import faults; faults.child(); from certify.cli.main import main; main()"


class Steps:
    """The steps of a run below one folder, counted from 1.

    Attributes:
        names: what they were, so far.
    """

    def __init__(self, folder: Path, at: int = 0, fault: str = "fail") -> None:
        self._folder, self._at, self._fault = str(folder), at, fault
        self.names: list[str] = []

    def concerns(self, path: object) -> bool:
        """Whether a path, or an open file, lies in the folder."""
        if isinstance(path, int):
            with contextlib.suppress(OSError):
                path = Path(f"/proc/self/fd/{path}").readlink()
        return os.path.realpath(str(path)).startswith(self._folder)

    def take(self, name: str) -> bool:
        """Count one more step; return whether it is the one with the fault."""
        self.names.append(name)
        return len(self.names) == self._at

    def strike(self) -> None:
        """Let the fault happen."""
        if self._fault == "kill":
            os.kill(os.getpid(), signal.SIGKILL)
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


class _File(io.FileIO):
    """An open file whose writes are steps."""

    steps: Steps

    def write(self, data, /):
        if self.steps.take("write"):
            super().write(bytes(data)[: len(data) // 2])
            self.steps.strike()
        return super().write(data)


@contextlib.contextmanager
def installed(steps: Steps) -> Iterator[Steps]:
    """Have everything inside take its steps through these."""
    before = {name: getattr(os, name) for name in (*CALLS, "fdopen")}
    for name in CALLS:
        setattr(os, name, _counted(name, before[name], steps))
    os.fdopen = _opener(before["fdopen"], steps)
    try:
        yield steps
    finally:
        for name, function in before.items():
            setattr(os, name, function)


def _counted(name, function, steps):
    def call(path, *arguments, **options):
        if steps.concerns(path) and steps.take(name):
            steps.strike()
        return function(path, *arguments, **options)

    return call


def _opener(function, steps):
    def call(descriptor, mode="r", *arguments, **options):
        if mode != "wb" or not steps.concerns(descriptor):
            return function(descriptor, mode, *arguments, **options)
        file = _File(descriptor, "wb")
        file.steps = steps
        return io.BufferedWriter(file)

    return call


def child() -> None:
    """Install a kill in a process of its own, as its environment says."""
    steps = Steps(Path(os.environ["FAULTS_FOLDER"]), int(os.environ["FAULTS_AT"]), "kill")
    _UNTIL_THE_END.enter_context(installed(steps))
