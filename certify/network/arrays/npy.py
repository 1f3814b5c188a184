"""numpy's .npy, by the specification in `numpy.lib.format`: versions 1.0, 2.0 and 3.0.

The header is a Python dict literal. It is not given to a parser of Python: three items in any order, a string, a bool
and a tuple of integers, are all that it can be. A dtype of Python objects would be a pickle, and is not read.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from numpy.typing import NDArray

from certify.errors import InputError
from certify.network.arrays.elements import ELEMENTS, Element, Layout, Shape, column_major, count, read, row_major
from certify.network.arrays.file import shorten

MAGIC = b"\x93NUMPY"
MAX_HEADER_BYTES = 10_000
"""As in numpy: the header of an array of numbers has about 120 bytes."""

_LENGTH_BYTES = {b"\x01\x00": 2, b"\x02\x00": 4, b"\x03\x00": 4}
_STRUCTURED = re.compile(r"""(['"])descr\1\s*:\s*\[""", re.ASCII)
_ITEM = re.compile(
    r"""\s*(?P<q>['"])(?P<key>descr|fortran_order|shape)(?P=q)\s*:\s*
    (?:(?P<p>['"])(?P<text>[^'"\\]*)(?P=p) | (?P<flag>True|False) | \((?P<tuple>[-\d,\s]*)\))
    \s*(?:,|(?=\}))""",
    re.VERBOSE | re.ASCII,
)
_INTEGER = re.compile(r"-?\d{1,20}", re.ASCII)
_DESCRIPTION = re.compile(r"(?P<order>[<>|=]?)(?P<kind>[a-zA-Z?])(?P<size>\d{0,9})", re.ASCII)
_NUMBERS = {"b": "bool", "?": "bool", "i": "int", "u": "uint", "f": "float"}
_OTHERS = {
    "O": "Python objects, which are a pickle",
    "c": "complex numbers",
    "S": "text",
    "a": "text",
    "U": "text",
    "M": "dates",
    "m": "durations",
    "V": "raw bytes",
}


@dataclass(frozen=True)
class _Header:
    element: Element
    big_endian: bool
    fortran_order: bool
    shape: Shape


def read_npy(data: bytes | memoryview, place: str) -> NDArray[Any]:
    """Return the one array of a .npy file.

    Args:
        data: the file.
        place: what to call it in an error.

    Raises:
        InputError: these are not the bytes of one array of numbers and nothing else.
    """
    header, body = _read_header(memoryview(data), place)
    element, shape = header.element, header.shape
    expected = count(shape, place) * element.size
    if len(body) != expected:
        raise InputError(
            f"expected {expected} bytes for {element.name}{list(shape)} after the header, found {len(body)}", place
        )
    strides = (column_major if header.fortran_order else row_major)(shape)
    return read(Layout(element, shape, strides, big_endian=header.big_endian), body, place)


def _read_header(data: memoryview, place: str) -> tuple[_Header, memoryview]:
    if data[:6] != MAGIC:
        raise InputError(f"expected a .npy file, found bytes beginning with 0x{data[:8].hex()}", place)
    version = bytes(data[6:8])
    if version not in _LENGTH_BYTES:
        raise InputError(f"expected version 1.0, 2.0 or 3.0 of .npy, found {'.'.join(map(str, version))}", place)
    start = 8 + _LENGTH_BYTES[version]
    length = int.from_bytes(data[8:start], "little")
    if length > MAX_HEADER_BYTES:
        raise InputError(f"expected a header of at most {MAX_HEADER_BYTES} bytes, found {length}", place)
    if len(data) < start + length:
        raise InputError("expected a whole header, found the end of the file in it", place)
    try:
        text = str(data[start : start + length], "utf-8" if version == b"\x03\x00" else "latin-1")
    except UnicodeDecodeError:
        raise InputError("expected a header in UTF-8", place) from None
    return _parse(text.strip(), place), data[start + length :]


def _parse(text: str, place: str) -> _Header:
    if _STRUCTURED.search(text):
        raise InputError("expected an array of numbers, found one of structures", place)
    items = _items(text, place)
    description, order, shape = (items[key] for key in ("descr", "fortran_order", "shape"))
    if description["text"] is None or order["flag"] is None or shape["tuple"] is None:
        raise InputError("expected a text 'descr', a bool 'fortran_order' and a tuple 'shape' in the header", place)
    element, big_endian = _element(description["text"], place)
    return _Header(element, big_endian, order["flag"] == "True", _shape(shape["tuple"], place))


def _items(text: str, place: str) -> dict[str, re.Match[str]]:
    """Return the three items of the dict literal, each of them there once."""
    items: dict[str, re.Match[str]] = {}
    at = 1
    while text.startswith("{") and (match := _ITEM.match(text, at)) and match["key"] not in items:
        items[match["key"]] = match
        at = match.end()
    if len(items) != 3 or text[at:].strip() != "}":
        raise InputError(
            f"expected a header of descr, fortran_order and shape, each once, found {shorten(text)}", place
        )
    return items


def _shape(text: str, place: str) -> Shape:
    """Return the tuple between its parentheses; one length needs its comma."""
    parts = [part.strip() for part in text.split(",")]
    if len(parts) > 1 and not parts[-1]:
        parts.pop()
    elif len(parts) == 1 and not parts[0]:
        return ()
    elif len(parts) == 1:
        raise InputError("expected a tuple as shape, found an integer", place)
    if not all(_INTEGER.fullmatch(part) for part in parts):
        raise InputError(f"expected a tuple of integers as shape, found ({shorten(text)})", place)
    return tuple(int(part) for part in parts)


def _element(text: str, place: str) -> tuple[Element, bool]:
    """Return what numpy's array protocol calls by this text, and whether it is big-endian."""
    match = _DESCRIPTION.fullmatch(text)
    kind = match["kind"] if match else ""
    if match and kind in _NUMBERS:
        bits = 8 * int(match["size"] or 1)
        name = "bool" if _NUMBERS[kind] == "bool" and bits == 8 else f"{_NUMBERS[kind]}{bits}"
        if name in ELEMENTS and (match["order"] != "|" or bits == 8) and match["order"] != "=":
            return ELEMENTS[name], match["order"] == ">"
    found = f"{shorten(text)} ({_OTHERS[kind]})" if kind in _OTHERS else repr(shorten(text))
    raise InputError(f"expected a dtype of bools, integers or floats of at most 64 bits, found {found}", place)
