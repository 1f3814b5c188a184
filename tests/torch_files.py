"""Files as `torch.save` writes them, made without PyTorch.

`save` gives both containers for nested dicts of numpy arrays: the pickles and the legacy file byte for byte as
PyTorch 2.13 does (where the keys of storages, which are addresses there, are the same), the zip archive with the same
members, without the padding that PyTorch puts before them. The files in data/claims are PyTorch's own, and
test_pytorch.py holds this module against them.

The pickles come from Python's own pickler: what stands for a name of PyTorch is a `Name`, written as a global.
"""

from __future__ import annotations

import io
import pickle
import struct
import zipfile
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np

MAGIC = 0x1950A86A20F9469CFC6C
SYSTEM = {"protocol_version": 1001, "little_endian": True, "type_sizes": {"short": 2, "int": 4, "long": 4}}
STORAGE_TYPES = {
    "bool": "BoolStorage",
    "int8": "CharStorage",
    "int16": "ShortStorage",
    "int32": "IntStorage",
    "int64": "LongStorage",
    "uint8": "ByteStorage",
    "float16": "HalfStorage",
    "float32": "FloatStorage",
    "float64": "DoubleStorage",
    "bfloat16": "BFloat16Storage",
}


@dataclass(frozen=True)
class Name:
    """A function or class, by its name alone."""

    module: str
    name: str

    def __call__(self) -> None:
        """Python's pickler asks for what it writes a call of to be callable."""


@cache
def torch(name: str) -> Name:
    """Return the same object each time, as a pickler writes a name once and then refers to it."""
    return Name("torch", name)


V2 = Name("torch._utils", "_rebuild_tensor_v2")
V3 = Name("torch._utils", "_rebuild_tensor_v3")
PARAMETER = Name("torch._utils", "_rebuild_parameter")
UNTYPED = Name("torch.storage", "UntypedStorage")


@dataclass(frozen=True, eq=False)
class Storage:
    """`values` are a vector; `dtype` is PyTorch's name, for bfloat16 is uint16 to numpy; untyped as for uint16."""

    values: np.ndarray
    dtype: str = ""
    untyped: bool = False

    @property
    def kind(self) -> Name:
        return UNTYPED if self.untyped else torch(STORAGE_TYPES[self.dtype or self.values.dtype.name])

    @property
    def size(self) -> int:
        return self.values.nbytes if self.untyped else self.values.size


@dataclass(frozen=True, eq=False)
class Call:
    """What a pickle is to call, with what."""

    function: Name
    arguments: tuple[Any, ...]
    state: Any = None


def tensor(
    array: Any, *, storage: Storage | None = None, offset: int = 0, strides: Sequence[int] | None = None
) -> Call:
    """Return a tensor of an array, or of a storage with the array's shape; strides in elements."""
    array = np.asarray(array)
    untyped = array.dtype.name in {"uint16", "uint32", "uint64"}
    source = storage or Storage(array.reshape(-1), untyped=untyped)
    steps = tuple(step // array.itemsize for step in np.empty(array.shape, array.dtype).strides)
    arguments = (source, offset, array.shape, steps if strides is None else tuple(strides), False, OrderedDict())
    return Call(V3, (*arguments, torch(array.dtype.name))) if source.untyped else Call(V2, arguments)


@dataclass
class State:
    """An OrderedDict with attributes, as `state_dict()` returns it."""

    items: Mapping[str, Any]
    metadata: Any = None


class _Pickler(pickle._Pickler):
    def __init__(self, file: io.BytesIO, protocol: int, extra: tuple[Any, ...], keys: Sequence[str]) -> None:
        super().__init__(file, protocol)
        self.extra = extra
        self.names = keys
        self.storages: dict[str, Storage] = {}
        self.keys: dict[int, str] = {}

    def persistent_id(self, obj: Any) -> Any:
        if not isinstance(obj, Storage):
            return None
        if id(obj) not in self.keys:
            self.keys[id(obj)] = self.names[len(self.keys)] if self.names else str(len(self.keys))
        key = self.keys[id(obj)]
        self.storages[key] = obj
        return ("storage", obj.kind, key, "cpu", obj.size, *self.extra)

    def reducer_override(self, obj: Any) -> Any:
        match obj:
            case Name():
                return obj.name
            case Call():
                return (obj.function, obj.arguments, obj.state)
            case State():
                attributes = None if obj.metadata is None else {"_metadata": obj.metadata}
                return (OrderedDict, (), attributes, None, iter(obj.items.items()))
            case np.ndarray():
                made = tensor(obj)
                return (made.function, made.arguments)
        return NotImplemented

    def save_global(self, obj: Any, name: str | None = None) -> None:
        if not isinstance(obj, Name):
            super().save_global(obj, name)
        elif self.proto >= 4:
            self.save(obj.module)
            self.save(obj.name)
            self.write(pickle.STACK_GLOBAL)
            self.memoize(obj)
        else:
            self.write(pickle.GLOBAL + f"{obj.module}\n{obj.name}\n".encode())
            self.memoize(obj)


def pickled(
    value: Any, protocol: int = 2, extra: tuple[Any, ...] = (), keys: Sequence[str] = ()
) -> tuple[bytes, dict[str, Storage]]:
    """Return the pickle and the storages that it names: by these keys, or by numbers."""
    file = io.BytesIO()
    pickler = _Pickler(file, protocol, extra, keys)
    pickler.dump(value)
    return file.getvalue(), pickler.storages


def save(
    value: Any, *, legacy: bool = False, protocol: int = 2, big: bool = False, keys: Sequence[str] = ()
) -> bytes:
    """Return the file; in a big-endian one, which is never a legacy one, the numbers are so too."""
    program, storages = pickled(value, protocol, (None,) if legacy else (), keys)
    return legacy_file(program, storages, protocol) if legacy else zip_file(program, storages, big=big)


def legacy_file(program: bytes, storages: Mapping[str, Storage], protocol: int = 2) -> bytes:
    head = [pickle._dumps(part, protocol) for part in (MAGIC, 1001, SYSTEM)]
    keys = sorted(storages)
    data = [struct.pack("<q", storages[key].size) + storages[key].values.tobytes() for key in keys]
    return b"".join([*head, program, pickle._dumps(keys, protocol), *data])


def zip_file(program: bytes, storages: Mapping[str, Storage], *, name: str = "archive", big: bool = False) -> bytes:
    return zipped({f"{name}/{member}": data for member, data in zip_members(program, storages, big=big).items()})


def zip_members(program: bytes, storages: Mapping[str, Storage], *, big: bool = False) -> dict[str, bytes]:
    members = {"data.pkl": program, ".format_version": b"1", ".storage_alignment": b"64"}
    members["byteorder"] = b"big" if big else b"little"
    for key, storage in storages.items():
        values = storage.values.astype(storage.values.dtype.newbyteorder(">" if big else "<"))
        members[f"data/{key}"] = values.tobytes()
    return members | {"version": b"3\n", ".data/serialization_id": b"0" * 40}


def zipped(members: Mapping[str, bytes], compression: int = zipfile.ZIP_STORED) -> bytes:
    """Return a zip archive, the same each time."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", compression) as archive:
        for name, data in members.items():
            archive.writestr(zipfile.ZipInfo(name), data, compression)
    return file.getvalue()
