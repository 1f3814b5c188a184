"""safetensors, by its own description of the format (https://github.com/huggingface/safetensors, "Format").

Eight bytes little-endian say how long the header is; the header is JSON, an object of {"dtype", "shape",
"data_offsets"} by name; the rest is the buffer that the offsets count in. As there, arrays fill the buffer without
holes or overlaps. Narrower than there: an entry has no other keys, and dtypes that no claim can hold (F8, C64 and so
on) are refused by name.
"""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
from numpy.typing import NDArray

from certify.errors import InputError
from certify.network.arrays.elements import ELEMENTS, Layout, count, read, row_major
from certify.network.arrays.file import MAX_ARRAYS, shorten
from certify.network.strict_json import convert, parse

MAX_HEADER_BYTES = 2**23
METADATA = "__metadata__"

_DTYPES = {
    "BOOL": "bool",
    **{
        f"{letter}{bits}": f"{kind}{bits}"
        for letter, kind in (("I", "int"), ("U", "uint"))
        for bits in (8, 16, 32, 64)
    },
    **{f"F{bits}": f"float{bits}" for bits in (16, 32, 64)},
    "BF16": "bfloat16",
}
_Size = Annotated[int, msgspec.Meta(ge=0)]


class _Entry(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    dtype: str
    shape: list[_Size]
    data_offsets: tuple[_Size, _Size]


def is_safetensors(data: bytes) -> bool:
    """Tell whether the bytes could be a safetensors file: it has no magic, but its header is an object of JSON."""
    return data[8:9] == b"{"


def read_safetensors(data: bytes) -> dict[str, NDArray[Any]]:
    """Return the arrays by name, in the order of the header.

    Raises:
        InputError: something in the file is not as the format wants it, or a dtype is not read.
    """
    length = int.from_bytes(data[:8], "little")
    if length > MAX_HEADER_BYTES:
        raise InputError(
            f"expected a safetensors header of at most {MAX_HEADER_BYTES} bytes, found {length}", "header"
        )
    if len(data) < 8 + length:
        raise InputError(f"expected a safetensors header of {length} bytes, found {len(data) - 8}", "header")
    entries = _entries(data[8 : 8 + length])
    buffer = memoryview(data)[8 + length :]
    _check_filled(entries, len(buffer))
    return {name: _array(name, entry, buffer) for name, entry in entries.items()}


def _entries(header: bytes) -> dict[str, _Entry]:
    document = parse(header)
    if not isinstance(document, dict):
        raise InputError("expected an object of arrays", "header")
    metadata = document.pop(METADATA, {})
    if not isinstance(metadata, dict) or not all(isinstance(value, str) for value in metadata.values()):
        raise InputError("expected an object of texts", METADATA)
    if len(document) > MAX_ARRAYS:
        raise InputError(f"expected at most {MAX_ARRAYS} arrays, found {len(document)}", "header")
    return {name: _entry(name, entry) for name, entry in document.items()}


def _entry(name: str, document: Any) -> _Entry:
    try:
        return convert(document, _Entry)
    except InputError as error:
        place = f"{shorten(name)}.{error.place}" if error.place else shorten(name)
        raise InputError(error.problem, place) from None


def _check_filled(entries: dict[str, _Entry], size: int) -> None:
    """Check that the arrays follow each other from the first byte of the buffer to the last."""
    end = 0
    for name, entry in sorted(entries.items(), key=lambda item: item[1].data_offsets):
        begin, following = entry.data_offsets
        if begin != end or following < begin:
            found = f"{begin} to {following}"
            raise InputError(
                f"expected bytes from {end} on in the buffer, found {found}", f"{shorten(name)}.data_offsets"
            )
        end = following
    if end != size:
        raise InputError(f"expected {end} bytes in the buffer, found {size}")


def _array(name: str, entry: _Entry, buffer: memoryview) -> NDArray[Any]:
    place, shape = shorten(name), tuple(entry.shape)
    if entry.dtype not in _DTYPES:
        raise InputError(f"expected one of {', '.join(_DTYPES)}, found {shorten(entry.dtype)}", f"{place}.dtype")
    element = ELEMENTS[_DTYPES[entry.dtype]]
    begin, end = entry.data_offsets
    expected = count(shape, f"{place}.shape") * element.size
    if end - begin != expected:
        raise InputError(f"expected {expected} bytes for {entry.dtype}{list(shape)}, found {end - begin}", place)
    return read(Layout(element, shape, row_major(shape)), buffer[begin:end], place)
