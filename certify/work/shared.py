"""Values for other processes, whose arrays lie in a mapped file: written once, never sent.

A pickle of protocol 5 (PEP 574) leaves large buffers out, and these go into one file, which whoever unpickles maps:
its arrays are views of the file's pages. The mapping is private, so that what is done to such an array stays where
it is done, as with a copy, and compiled code sees no difference either.

It is an ordinary file in a folder for temporary files, and no shared memory of the system: that is often 64 MB in a
container, beyond which writing ends the process, and nobody cleans it up after one that was killed. A file that finds
no room is an error, and then the arrays go into the pickle.

Who began a worker and is killed leaves the folder to the worker, which removes it; and if no worker had begun, to a
later run (`certify.leftovers`).
"""

from __future__ import annotations

import contextlib
import itertools
import mmap
import os
import pickle
import re
import shutil
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from certify import leftovers

LEAST = 1 << 16
"""Bytes of a buffer that is worth a place in a file."""

_ALIGNED = 64
_PREFIX = "certify-work-"
_FORM = re.compile(rf"{_PREFIX}[a-z0-9_]{{8}}")


@dataclass(frozen=True)
class Packed:
    """A value on its way to another process.

    Attributes:
        pickled: the value, without its large buffers where there is a file.
        path: of the file; empty for none.
        sizes: of the buffers in it, in bytes; each begins at a multiple of 64.
    """

    pickled: bytes
    path: str = ""
    sizes: tuple[int, ...] = ()


class Store:
    """A folder of files on their way. It is made for the first of them, and gone when it is closed."""

    def __init__(self) -> None:
        self._folder: Path | None = None
        self._held: int | None = None
        self._numbers = itertools.count()

    @property
    def folder(self) -> Path:
        """Where the files are."""
        if self._folder is None:
            self._folder = Path(tempfile.mkdtemp(prefix=_PREFIX))
            self._held = _hold(self._folder)
        return self._folder

    def pack(self, value: Any) -> Packed:
        """Return a value, packed."""
        buffers: list[memoryview] = []

        def stays(buffer: pickle.PickleBuffer) -> bool:
            raw = buffer.raw()
            if raw.nbytes >= LEAST:
                buffers.append(raw)
            return raw.nbytes < LEAST

        pickled = pickle.dumps(value, protocol=5, buffer_callback=stays)
        if not buffers:
            return Packed(pickled)
        try:
            path = self._write(buffers)
        except OSError:
            return Packed(pickle.dumps(value, protocol=5))
        return Packed(pickled, str(path), tuple(buffer.nbytes for buffer in buffers))

    def _write(self, buffers: Sequence[memoryview]) -> Path:
        path = self.folder / str(next(self._numbers))
        try:
            with path.open("xb") as file:
                for buffer in buffers:
                    file.write(buffer)
                    file.write(bytes(-buffer.nbytes % _ALIGNED))
        except OSError:
            path.unlink(missing_ok=True)
            raise
        return path

    def drop(self, packed: Packed) -> None:
        """Remove what was written for a value that nobody waits for any more."""
        if packed.path:
            # Where a process still has it mapped, Windows keeps it until the folder goes.
            with contextlib.suppress(OSError):
                Path(packed.path).unlink()

    def close(self) -> None:
        """Remove the folder and all that is in it."""
        if self._folder is not None:
            remove(self._folder)
            self._folder = None
        if self._held is not None:
            os.close(self._held)
            self._held = None


def _hold(folder: Path) -> int | None:
    """Lock a new folder, and remove others that nobody holds; None where folders cannot be opened."""
    try:
        descriptor = os.open(folder, os.O_RDONLY)
    except OSError:
        return None
    leftovers.hold(descriptor)
    leftovers.clear(folder.parent, _FORM, os.fstat(descriptor))
    return descriptor


def remove(folder: Path) -> None:
    """Remove a store's folder; whoever sees the last of its owner may."""
    shutil.rmtree(folder, ignore_errors=True)


def unpack(packed: Packed) -> Any:
    """Return the value; its large arrays are views of the file, which is no longer needed by name."""
    if not packed.path:
        return pickle.loads(packed.pickled)  # noqa: S301 - what the process that began this one has packed
    with Path(packed.path).open("rb") as file:
        mapped = memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_COPY))
    starts = itertools.accumulate((size + -size % _ALIGNED for size in packed.sizes), initial=0)
    buffers = [mapped[start : start + size] for start, size in zip(starts, packed.sizes, strict=False)]
    return pickle.loads(packed.pickled, buffers=buffers)  # noqa: S301 - as above
