"""A file as the readers of arrays get it, and how much they take."""

from __future__ import annotations

from dataclasses import dataclass

MAX_BYTES = 2**28
"""Of all files that are read together; whoever opens them looks at this before reading."""
MAX_UNPACKED_BYTES = 2**30
"""Of all arrays that come out of them, and of all that a zip archive says it unpacks to."""
MAX_ARRAYS = 2**14
_SHOWN = 80


@dataclass(frozen=True, eq=False)
class File:
    """Bytes that somebody handed in.

    Attributes:
        name: without folders; of a directory of .npy files the member's own.
        data: what is in it.
    """

    name: str
    data: bytes


def shorten(text: str) -> str:
    """Return the text, or the beginning of a long one."""
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"
