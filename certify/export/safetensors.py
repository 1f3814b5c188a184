"""safetensors, by its own description of the format (https://github.com/huggingface/safetensors, "Format").

Eight bytes little-endian with the header's length, the header in JSON, padded with spaces so that the elements begin
at a multiple of eight, and the elements of one array after the other.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any

from certify.export.arrays import Array

_DTYPES = {"int8": "I8", "int16": "I16", "int32": "I32", "uint8": "U8"}


def write_safetensors(arrays: Sequence[Array]) -> Iterator[bytes]:
    """Yield the file in pieces.

    Args:
        arrays: their names differ.
    """
    entries: dict[str, Any] = {}
    end = 0
    for array in arrays:
        begin, end = end, end + array.size
        entries[array.name] = {
            "dtype": _DTYPES[array.dtype.name],
            "shape": list(array.shape),
            "data_offsets": [begin, end],
        }
    header = json.dumps(entries, separators=(",", ":")).encode()
    header += b" " * (-len(header) % 8)
    yield len(header).to_bytes(8, "little") + header
    for array in arrays:
        yield from array.pieces()
