"""One document, one string of bytes.

A signature covers bytes, and a certificate made twice from the same input has to be the same file. So a document
is written in one way only: keys sorted by code point, no white space, UTF-8, strings escaped no more than JSON
demands.

Numbers are where readers of JSON differ most: many hold them as doubles. Floats are therefore refused, and
integers are written as numbers only within ±(2^53 - 1), where every reader agrees. Larger ones are decimal
strings, and `integer` and `read_integer` keep it to one form for every value: a string for what fits a number is
refused too.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

from certify.errors import InputError, InvalidCertificateError
from certify.network.json_limits import check_limits
from certify.network.strict_json import EXACT_IN_DOUBLES

MAX_DIGITS = 1000
_LOW, _HIGH = EXACT_IN_DOUBLES
_FORM: dict[str, Any] = {"ensure_ascii": False, "sort_keys": True, "separators": (",", ":")}
_PIECE = 2**20
_ESCAPED = b'"\\' + bytes(range(32))
_DECIMAL = re.compile(rf"-?[1-9][0-9]{{0,{MAX_DIGITS - 1}}}")


def canonical(document: Any) -> bytes:
    """Return the bytes of a document of dicts, lists, strings, integers, booleans and None.

    Raises:
        InputError: at the place of a float, an integer beyond ±(2^53 - 1), a lone surrogate, a key that is not a
            string or a value of any other type; or of more depth or values than are read again.
    """
    try:
        _check(document, "")
        data = _written(document)
    except RecursionError:
        raise InputError("expected a document nested less deeply") from None
    check_limits(data)
    return data


def is_canonical(document: Any, data: bytes) -> bool:
    """Tell whether `data` is canonical; `document` is what the strict reader makes of it.

    It is written again piece by piece, so that a text of many megabytes is never held once more.
    """
    position = 0
    for piece in _pieces(document):
        if not data.startswith(piece, position):
            return False
        position += len(piece)
    return position == len(data)


def _pieces(node: Any) -> Iterator[bytes]:
    """Yield what `canonical` writes; texts that need no escapes in pieces, lists without such texts whole."""
    if isinstance(node, dict):
        yield b"{"
        for index, key in enumerate(sorted(node)):
            yield (b"," if index else b"") + _written(key) + b":"
            yield from _pieces(node[key])
        yield b"}"
    elif isinstance(node, list) and any(isinstance(child, dict) or _is_long(child) for child in node):
        yield b"["
        for index, child in enumerate(node):
            yield b"," if index else b""
            yield from _pieces(child)
        yield b"]"
    elif _is_long(node) and node.isascii() and all(map(_is_plain, _cut(node))):
        yield b'"'
        yield from _cut(node)
        yield b'"'
    else:
        yield _written(node)


def _cut(text: str) -> Iterator[bytes]:
    return (text[start : start + _PIECE].encode() for start in range(0, len(text), _PIECE))


def _is_plain(piece: bytes) -> bool:
    """Whether ASCII stands in JSON as it is."""
    return len(piece.translate(None, _ESCAPED)) == len(piece)


def _is_long(node: Any) -> bool:
    return isinstance(node, str) and len(node) > _PIECE


def _written(node: Any) -> bytes:
    return json.dumps(node, **_FORM).encode()


def integer(value: int) -> int | str:
    """Return the one form in which an integer stands in a document.

    Raises:
        InputError: more than `MAX_DIGITS` digits.
    """
    if abs(value) >= 10**MAX_DIGITS:
        raise InputError(f"expected an integer of at most {MAX_DIGITS} digits")
    return value if _LOW <= value <= _HIGH else str(value)


def read_integer(value: object, place: str) -> int:
    """Return the integer that `integer` wrote as `value`.

    Raises:
        InvalidCertificateError: not an integer, or not in the one form for it.
    """
    if isinstance(value, int) and not isinstance(value, bool) and _LOW <= value <= _HIGH:
        return value
    if isinstance(value, str) and _DECIMAL.fullmatch(value) and not _LOW <= int(value) <= _HIGH:
        return int(value)
    expected = f"an integer from {_LOW} to {_HIGH}, or a larger one of at most {MAX_DIGITS} digits as a string"
    found = repr(value)[:24] if isinstance(value, str | float | bool) else type(value).__name__
    raise InvalidCertificateError(f"expected {expected}, found {found}", place)


def _check(node: Any, place: str) -> None:
    if isinstance(node, dict):
        for key, child in node.items():
            _check_key(key, place)
            _check(child, f"{place}.{key}".lstrip("."))
    elif isinstance(node, list):
        for index, child in enumerate(node):
            _check(child, f"{place}[{index}]")
    elif isinstance(node, str):
        _check_text(node, place)
    elif isinstance(node, int):
        if not _LOW <= node <= _HIGH:
            raise InputError(f"expected integers from {_LOW} to {_HIGH}, larger ones as strings", place)
    elif node is not None:
        raise InputError(f"expected JSON without floats, found {type(node).__name__}", place)


def _check_key(key: object, place: str) -> None:
    if not isinstance(key, str):
        raise InputError(f"expected strings as keys, found {type(key).__name__}", place)
    _check_text(key, place)


def _check_text(text: str, place: str) -> None:
    try:
        text.encode()
    except UnicodeEncodeError as error:
        found = f"a lone surrogate at {error.start}"
        raise InputError(f"expected text that UTF-8 can hold, found {found}", place) from None
