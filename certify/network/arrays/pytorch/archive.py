"""What `torch.save` writes since 1.6: a zip archive with a pickle and one member for each storage.

`<name>/data.pkl`, `<name>/data/<key>`, `<name>/version` (a number), `<name>/byteorder` (little or big; little where
it is missing, as in `torch.load`), and others that say nothing of the numbers. An archive with `constants.pkl` is
TorchScript: its data.pkl is a program's state and not a dict.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from numpy.typing import NDArray

from certify.errors import InputError
from certify.network.arrays.archive import Member
from certify.network.arrays.file import shorten
from certify.network.arrays.pytorch.state import arrays, named_tensors, storages
from certify.network.arrays.pytorch.symbols import Storage
from certify.network.arrays.pytorch.unpickler import MAX_PICKLE_BYTES, unpickle

PICKLE = "data.pkl"
_VERSIONS = {str(version).encode() for version in range(1, 11)}
"""As in PyTorch (`caffe2/serialize/versions.h`)."""
_BIG_ENDIAN = {b"little": False, b"big": True}


def is_pytorch_archive(members: Mapping[str, Member]) -> bool:
    """Tell whether a zip archive is PyTorch's, by its members' names."""
    return any(name.rpartition("/")[2] == PICKLE for name in members)


def read_pytorch_archive(members: Mapping[str, Member]) -> dict[str, NDArray[Any]]:
    """Return the tensors by their joined keys.

    Raises:
        InputError: the archive is not as `torch.save` writes it, or holds other things than tensors.
    """
    root = _root(members)
    if _text(members, f"{root}/version") not in _VERSIONS:
        raise InputError("expected a version from 1 to 10, found another", f"{root}/version")
    order = _text(members, f"{root}/byteorder", b"little")
    if order not in _BIG_ENDIAN:
        raise InputError("expected little or big, found another byte order", f"{root}/byteorder")
    tensors = named_tensors(_pickled(members[f"{root}/{PICKLE}"]))
    data = {key: _storage(storage, root, members) for key, storage in storages(tensors).items()}
    return arrays(tensors, data, big_endian=_BIG_ENDIAN[order])


def _root(members: Mapping[str, Member]) -> str:
    """Return the folder in which everything lies."""
    roots = {name.partition("/")[0] for name in members}
    root = min(roots)
    if len(roots) > 1 or f"{root}/{PICKLE}" not in members:
        raise InputError(f"expected one folder with {PICKLE} in it, found others", shorten(root))
    if f"{root}/constants.pkl" in members:
        raise InputError("expected a file of torch.save, found TorchScript, which is a program", shorten(root))
    return root


def _text(members: Mapping[str, Member], name: str, default: bytes = b"") -> bytes:
    if name not in members:
        return default
    return bytes(members[name].read()).strip()


def _pickled(member: Member) -> Any:
    if member.size > MAX_PICKLE_BYTES:
        raise InputError(f"expected a pickle of at most {MAX_PICKLE_BYTES} bytes, found {member.size}", PICKLE)
    document, end = unpickle(memoryview(member.read()), 0)
    if end != member.size:
        raise InputError(f"expected the end of the pickle, found {member.size - end} more bytes", PICKLE)
    return document


def _storage(storage: Storage, root: str, members: Mapping[str, Member]) -> bytes | memoryview:
    name = f"{root}/data/{storage.key}"
    if name not in members:
        raise InputError("expected a member of this name for a storage, found none", shorten(name))
    if members[name].size != storage.bytes:
        raise InputError(f"expected {storage.bytes} bytes of a storage, found {members[name].size}", shorten(name))
    return members[name].read()
