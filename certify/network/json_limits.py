"""How much JSON may be: how deep, and of how many values, held against the bytes before anything is made of them.

A parser makes an object of some 30 to 60 bytes of every value, and goes down by a call into every bracket. So both
are counted first, in one pass over the bytes that makes nothing: only quotes matter, and outside of strings brackets
and commas. Whether the rest is JSON at all is the parser's to say.

The most that is listed in honest files are weights, and from 4096 on our writer puts them in base64, where they count
as one value. A file of more than `MAX_VALUES` listed numbers is to do that too.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from certify.errors import InputError

MAX_DEPTH = 64
"""Brackets that are open at once. Networks have 6, statements 7."""
MAX_VALUES = 2**21
"""Values of one document: numbers, texts, lists and objects."""

_CHUNK = 1 << 20
_QUOTE, _OPEN, _CLOSE, _COMMA = 1, 2, 3, 4
_MARKS = np.zeros(256, dtype=np.uint8)
for _kind, _characters in ((_QUOTE, b'"'), (_OPEN, b"[{"), (_CLOSE, b"]}"), (_COMMA, b",")):
    _MARKS[list(_characters)] = _kind
_STEP = np.array([0, 0, 1, -1, 0], dtype=np.int32)


class TooDeepError(InputError):
    """More brackets are open at once than `MAX_DEPTH`."""


def check_limits(data: bytes) -> None:
    """Check that a document has no more depth and no more values than are read.

    Raises:
        TooDeepError: more than `MAX_DEPTH` brackets are open at once.
        InputError: more than `MAX_VALUES` values.
    """
    depth, values = 0, 1
    for marks in _marks_outside_strings(data):
        levels = depth + np.cumsum(_STEP[marks])
        depth = int(levels[-1])
        values += int(np.count_nonzero(marks != _CLOSE))
        _check_depth(int(levels.max()))
        _check_values(values)


def _check_depth(depth: int) -> None:
    if depth > MAX_DEPTH:
        raise TooDeepError(f"expected JSON nested less deeply: at most {MAX_DEPTH} levels, found more")


def _check_values(values: int) -> None:
    if values > MAX_VALUES:
        raise InputError(f"expected a document of at most {MAX_VALUES} values (long tensors in base64), found more")


def _marks_outside_strings(data: bytes) -> Iterator[NDArray[np.uint8]]:
    """Yield the brackets and commas that are not within strings, some at a time, never none."""
    inside = 0
    for chunk in _without_escapes(data):
        codes = _MARKS[np.frombuffer(chunk, dtype=np.uint8)]
        marks = codes[codes != 0]
        quotes = marks == _QUOTE
        within = (np.cumsum(quotes) + inside) & 1
        if len(marks):
            inside = int(within[-1])
        outside = marks[(within == 0) & ~quotes]
        if len(outside):
            yield outside


def _without_escapes(data: bytes) -> Iterator[bytes]:
    """Yield the bytes in pieces, without escaped quotes and backslashes; no escape is cut in two."""
    start = 0
    while start < len(data):
        chunk = data[start : start + _CHUNK]
        if (len(chunk) - len(chunk.rstrip(b"\\"))) % 2:
            chunk = data[start : start + _CHUNK + 1]
        start += len(chunk)
        yield chunk.replace(b"\\\\", b"").replace(b'\\"', b"") if b"\\" in chunk else chunk
