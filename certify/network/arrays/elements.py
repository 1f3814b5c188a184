"""From bytes in a file to an array: what its numbers may be, its shape, and where in the bytes they lie.

All containers end here. A `Layout` is what each of them says of an array in its own words; `read` checks that it
stays inside the bytes before numpy is asked for memory. What comes out is a copy: C-contiguous, native byte order.

numpy has no bfloat16. Its 16 bits are the upper half of a float32 with the same value, so that is what is given.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import accumulate
from operator import mul
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from certify.errors import InputError
from certify.network.arrays.file import shorten
from certify.network.tensors import MAX_DIMENSIONS, MAX_ELEMENTS

Shape: TypeAlias = tuple[int, ...]


@dataclass(frozen=True)
class Element:
    """One kind of number.

    Attributes:
        name: numpy's name of it, or bfloat16.
        code: numpy's code of the bits in the file, without byte order: kind and bytes.
    """

    name: str
    code: str

    @property
    def size(self) -> int:
        """How many bytes one of them has in the file."""
        return int(self.code[1:])


_CODES = {
    "bool": "u1",
    **{f"int{8 * size}": f"i{size}" for size in (1, 2, 4, 8)},
    **{f"uint{8 * size}": f"u{size}" for size in (1, 2, 4, 8)},
    **{f"float{8 * size}": f"f{size}" for size in (2, 4, 8)},
    "bfloat16": "u2",
}
ELEMENTS = {name: Element(name, code) for name, code in _CODES.items()}


@dataclass(frozen=True)
class Layout:
    """Where the numbers of an array lie.

    Attributes:
        element: what each is.
        shape: () for a single one.
        strides: in elements, one for each dimension.
        offset: of the first, in elements.
        big_endian: whether the highest byte comes first.
    """

    element: Element
    shape: Shape
    strides: Shape
    offset: int = 0
    big_endian: bool = False


def count(shape: Shape, place: str) -> int:
    """Return how many elements an array of this shape has.

    Raises:
        InputError: more dimensions or elements than are read, or a dimension that is no length.
    """
    if len(shape) > MAX_DIMENSIONS:
        raise InputError(f"expected at most {MAX_DIMENSIONS} dimensions, found {len(shape)}", place)
    for length in shape:
        if not 0 <= length <= MAX_ELEMENTS:
            found = shorten(str(length))
            raise InputError(f"expected dimensions from 0 to {MAX_ELEMENTS}, found {found}", place)
    if math.prod(length for length in shape if length) > MAX_ELEMENTS:
        raise InputError(f"expected at most {MAX_ELEMENTS} elements, found the shape {list(shape)}", place)
    return math.prod(shape)


def row_major(shape: Shape) -> Shape:
    """Return the strides of an array whose last index runs fastest."""
    return column_major(shape[::-1])[::-1]


def column_major(shape: Shape) -> Shape:
    """Return the strides of an array whose first index runs fastest."""
    return tuple(accumulate(shape[:-1], mul, initial=1)) if shape else ()


def read(layout: Layout, data: memoryview | bytes, place: str) -> NDArray[Any]:
    """Return the array: a C-contiguous copy of `layout.shape` in native byte order; float32 where bfloat16 was.

    Raises:
        InputError: the shape is none, an element lies outside of `data`, or a bool is neither 0 nor 1.
    """
    size, item, steps = count(layout.shape, place), layout.element.size, _steps(layout)
    held = len(data) // item
    last = layout.offset + sum((n - 1) * step for n, step in zip(layout.shape, steps, strict=True))
    if size and (layout.offset < 0 or min(steps, default=0) < 0 or last >= held):
        raise InputError(f"expected elements among the {held} that there are, found some behind them", place)
    code = np.dtype(layout.element.code).newbyteorder(">" if layout.big_endian else "<")
    if size:
        lies = np.ndarray(layout.shape, code, data, layout.offset * item, tuple(step * item for step in steps))
    else:
        lies = np.empty(layout.shape, code)
    return _values(np.array(lies, dtype=lies.dtype.newbyteorder("="), order="C"), layout.element, place)


def _steps(layout: Layout) -> Shape:
    """Return the strides; 0 where there is nowhere to step, for there a file may say anything."""
    return tuple(step if length > 1 else 0 for length, step in zip(layout.shape, layout.strides, strict=True))


def _values(bits: NDArray[Any], element: Element, place: str) -> NDArray[Any]:
    if element.name == "bool":
        if bits.size and bits.max() > 1:
            raise InputError(f"expected bools of 0 or 1, found {bits.max()}", place)
        return bits.view(np.bool_)
    if element.name == "bfloat16":
        return (bits.astype(np.uint32) << np.uint32(16)).view(np.float32)
    return bits
