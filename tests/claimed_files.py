"""Files of a claimed ticket, built in memory."""

from __future__ import annotations

import io
import json
from collections.abc import Mapping
from typing import Any

import numpy as np

from certify.network.arrays import File

SAFETENSORS = {"f2": "F16", "f4": "F32", "f8": "F64", "i1": "I8", "i2": "I16", "i4": "I32", "i8": "I64", "b1": "BOOL"}
Arrays = Mapping[str, Any]


def json_file(document: Any, name: str = "file.json") -> File:
    return File(name, json.dumps(document).encode())


def npz(arrays: Arrays) -> tuple[File, ...]:
    buffer = io.BytesIO()
    np.savez(buffer, **arrays)
    return (File("arrays.npz", buffer.getvalue()),)


def npy_directory(arrays: Arrays) -> tuple[File, ...]:
    files = []
    for name, array in arrays.items():
        buffer = io.BytesIO()
        np.save(buffer, np.ascontiguousarray(array))
        files.append(File(f"{name}.npy", buffer.getvalue()))
    return tuple(files)


def safetensors(arrays: Arrays) -> tuple[File, ...]:
    header, data = {}, b""
    for name, array in arrays.items():
        raw = np.ascontiguousarray(array).tobytes()
        kind = SAFETENSORS[np.asarray(array).dtype.str[1:]]
        header[name] = {"dtype": kind, "shape": array.shape, "data_offsets": [len(data), len(data) + len(raw)]}
        data += raw
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    return (File("arrays.safetensors", len(text).to_bytes(8, "little") + text + data),)


def layout(*layers: dict[str, Any]) -> File:
    return json_file({"format": "certify.layout/1", "layers": list(layers)}, "layout.json")
