"""What `torch.save` wrote before 1.6, and does still when asked: pickles one after the other, then the storages.

A magic number, the protocol's number 1001, facts about the machine, the object, the list of storage keys; then for
each key the number of elements (int64) and the elements. Numbers are little-endian on any machine: what the facts say
of its byte order is not about the file (`torch.load` passes over it too).
"""

from __future__ import annotations

from typing import Any

from numpy.typing import NDArray

from certify.errors import InputError
from certify.network.arrays.file import shorten
from certify.network.arrays.pytorch.state import arrays, named_tensors, storages
from certify.network.arrays.pytorch.symbols import Storage
from certify.network.arrays.pytorch.unpickler import unpickle

MAGIC = 0x1950A86A20F9469CFC6C
PROTOCOL = 1001


def is_legacy(data: bytes) -> bool:
    """Tell whether the bytes begin as a binary pickle does."""
    return data[:1] == b"\x80" and data[1:2] in {b"\x02", b"\x03", b"\x04", b"\x05"}


def read_legacy(data: bytes) -> dict[str, NDArray[Any]]:
    """Return the tensors by their joined keys.

    Raises:
        InputError: the file is not as `torch.save` wrote it, or holds other things than tensors.
    """
    view = memoryview(data)
    magic, at = unpickle(view, 0)
    if type(magic) is not int or magic != MAGIC:
        raise InputError("expected PyTorch's magic number, found another pickle", "pickle, byte 0")
    protocol, after = unpickle(view, at)
    if type(protocol) is not int or protocol != PROTOCOL:
        raise InputError(f"expected protocol {PROTOCOL}, found another", f"pickle, byte {at}")
    _, at = unpickle(view, after)
    document, at = unpickle(view, at)
    keys, after = unpickle(view, at)
    tensors = named_tensors(document)
    expected = storages(tensors)
    if (
        not isinstance(keys, list)
        or not all(isinstance(key, str) for key in keys)
        or sorted(keys) != sorted(expected)
    ):
        raise InputError(
            "expected each tensor's storage in the list of storages once, found another list", f"byte {at}"
        )
    return arrays(tensors, _storages([expected[key] for key in keys], view, after), big_endian=False)


def _storages(expected: list[Storage], data: memoryview, at: int) -> dict[str, memoryview]:
    """Return the bytes of the storages, which begin at a byte and end with the file."""
    found = {}
    for storage in expected:
        size = int.from_bytes(data[at : at + 8], "little")
        end = at + 8 + storage.bytes
        if size != storage.size or end > len(data):
            problem = f"expected {storage.size} elements of storage {shorten(storage.key)}, found fewer or more"
            raise InputError(problem, f"byte {at}")
        found[storage.key] = data[at + 8 : end]
        at = end
    if at != len(data):
        raise InputError(f"expected the end of the file, found {len(data) - at} more bytes", f"byte {at}")
    return found
