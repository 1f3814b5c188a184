"""Reading files of named arrays from strangers: bytes in, arrays or one `InputError` out.

.npy, .npz, .safetensors, and PyTorch's .pt in both its containers, told apart by their bytes. Nothing is executed,
whatever a file asks for, and memory is bounded by `MAX_BYTES` and `MAX_UNPACKED_BYTES`. What the arrays mean is not
known here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from numpy.typing import NDArray

from certify.errors import InputError
from certify.network.arrays import archive, npy
from certify.network.arrays.file import MAX_BYTES, File, shorten
from certify.network.arrays.npz import SUFFIX, read_npz
from certify.network.arrays.pytorch import is_legacy, is_pytorch_archive, read_legacy, read_pytorch_archive
from certify.network.arrays.safetensors import is_safetensors, read_safetensors

__all__ = ["MAX_BYTES", "File", "read_arrays"]


def read_arrays(files: Sequence[File]) -> Mapping[str, NDArray[Any]]:
    """Return the arrays in a file, or in the .npy files of a directory, by name.

    A name is the array's own: that of a .npy file or of a .npz member, without its ending; the key in a safetensors
    header; the keys of PyTorch's nested dicts, joined with dots.

    Returns:
        C-contiguous arrays that are nobody else's, in native byte order: bool, int8 to int64, uint8 to uint64,
        float16, float32 (for bfloat16 too, which it holds exactly) and float64. At least one.

    Raises:
        InputError: with what was expected and found; its place is an array's or a member's name, or a byte.
    """
    if not files:
        raise InputError("expected a file of arrays, found none")
    if (total := sum(len(file.data) for file in files)) > MAX_BYTES:
        raise InputError(f"expected at most {MAX_BYTES} bytes, found {total}")
    found = _read_one(files[0]) if len(files) == 1 else _read_directory(files)
    if not found:
        raise InputError("expected at least one array, found none")
    return found


def _read_directory(files: Sequence[File]) -> dict[str, NDArray[Any]]:
    found: dict[str, NDArray[Any]] = {}
    for file in files:
        if not file.name.endswith(SUFFIX):
            raise InputError("expected several files to be .npy, found another", shorten(file.name))
        if (name := file.name.removesuffix(SUFFIX)) in found:
            raise InputError("expected every array once, found it twice", shorten(name))
        found[name] = npy.read_npy(file.data, shorten(file.name))
    return found


def _read_one(file: File) -> dict[str, NDArray[Any]]:
    data = file.data
    if data.startswith(npy.MAGIC):
        return {file.name.removesuffix(SUFFIX): npy.read_npy(data, shorten(file.name))}
    if data.startswith(archive.BEGINNINGS):
        members = archive.members(data)
        return read_pytorch_archive(members) if is_pytorch_archive(members) else read_npz(members)
    # The length that a safetensors file begins with may look like a pickle's first opcodes; no pickle has its brace.
    if is_safetensors(data):
        return read_safetensors(data)
    if is_legacy(data):
        return read_legacy(data)
    found = f"one beginning with 0x{data[:8].hex()}" if data else "an empty one"
    raise InputError(f"expected a file of .npy, .npz, .safetensors or PyTorch, found {found}")
