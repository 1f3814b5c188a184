"""Integer tensors in their two JSON forms: nested lists, or base64 of little-endian row-major bytes."""

from __future__ import annotations

import base64
import math
from collections.abc import Sequence
from typing import Annotated, Any, Literal, TypeAlias, get_args

import msgspec
import numpy as np

from certify.errors import InputError
from certify.network.base64_text import decode_base64
from certify.network.limits import MAX_TENSOR
from certify.network.matrix import Int64Array

Dtype: TypeAlias = Literal["int8", "int16", "int32", "int64", "uint8", "uint16", "uint32"]
DTYPES: tuple[str, ...] = get_args(Dtype)
MAX_ELEMENTS = 2**28
"""Of an array in a file of arrays; of a tensor in JSON there is `MAX_TENSOR`."""
MAX_DIMENSIONS = 8
LISTED = 4096
"""How many integers the writer lists; more are written in base64."""

Shape: TypeAlias = Annotated[
    list[Annotated[int, msgspec.Meta(ge=0)]], msgspec.Meta(min_length=1, max_length=MAX_DIMENSIONS)
]


class EncodedTensor(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A tensor as bytes: `data` is the base64 of its elements, little-endian, row-major."""

    shape: Shape
    dtype: Dtype
    data: str


Vector: TypeAlias = list[int] | EncodedTensor
Table: TypeAlias = list[list[int]] | EncodedTensor


def read_vector(tensor: Vector, place: str) -> Int64Array:
    """Return int64[length].

    Raises:
        InputError: an encoded tensor that does not hold together, or is not a vector.
    """
    if isinstance(tensor, list):
        return np.array(tensor, dtype=np.int64)
    if len(tensor.shape) != 1:
        raise InputError(f"expected one dimension, found {len(tensor.shape)}", f"{place}.shape")
    return _decode(tensor, place)


def read_table(tensor: Table, place: str) -> Int64Array:
    """Return int64[rows, columns].

    Raises:
        InputError: ragged lists, no rows or columns, or an encoded tensor that does not hold together.
    """
    if not isinstance(tensor, list):
        if len(tensor.shape) != 2 or 0 in tensor.shape:
            raise InputError(f"expected two dimensions above 0, found {tensor.shape}", f"{place}.shape")
        return _decode(tensor, place)
    if not tensor or not tensor[0]:
        raise InputError("expected at least one row and one column", place)
    for row, values in enumerate(tensor):
        if len(values) != len(tensor[0]):
            problem = f"expected {len(tensor[0])} entries as in the first row, found {len(values)}"
            raise InputError(problem, f"{place}[{row}]")
    return np.array(tensor, dtype=np.int64)


def _decode(tensor: EncodedTensor, place: str) -> Int64Array:
    elements = math.prod(tensor.shape)
    if elements > MAX_TENSOR:
        raise InputError(f"expected at most {MAX_TENSOR} elements, found {elements}", f"{place}.shape")
    kind = np.dtype(tensor.dtype).newbyteorder("<")
    data = decode_base64(tensor.data, f"{place}.data")
    if len(data) != elements * kind.itemsize:
        expected = f"{elements * kind.itemsize} bytes for {tensor.shape} of {tensor.dtype}"
        raise InputError(f"expected {expected}, found {len(data)}", f"{place}.data")
    return np.frombuffer(data, dtype=kind).astype(np.int64).reshape(tensor.shape)


def encode(array: Sequence[int] | Int64Array) -> EncodedTensor:
    """Return integers in base64, in the narrowest signed dtype that holds them."""
    values = np.asarray(array, dtype=np.int64)
    low, high = int(values.min(initial=0)), int(values.max(initial=0))
    kinds = (np.int8, np.int16, np.int32, np.int64)
    kind = next(np.dtype(k) for k in kinds if np.iinfo(k).min <= low and high <= np.iinfo(k).max)
    data = values.astype(kind.newbyteorder("<")).tobytes()
    # The dtype's name is one of the literals because it was taken from the four above.
    dtype: Dtype = next(name for name in get_args(Dtype) if name == kind.name)
    return EncodedTensor(list(values.shape), dtype, base64.b64encode(data).decode())


def write_integers(array: Sequence[int] | Int64Array) -> Any:
    """Return a vector or matrix as JSON has it: listed, or in base64 where it is long."""
    values = np.asarray(array, dtype=np.int64)
    return msgspec.to_builtins(encode(values)) if values.size > LISTED else values.tolist()
