"""Arrays of a container as the integers that a claim is about.

An array of integers holds the integers themselves. One of floats holds values: x stands for the integer x·2^bits
where that is one, and for nothing unless rounding was asked for, which is half-even. There is no tolerance. A double
times a power of two is exact unless it leaves the range of doubles, so the product is formed in doubles and taken for
exact where dividing it again gives x: what leaves the range upwards is far outside every limit here, and what leaves
it downwards is no multiple of 2^-bits.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from certify.errors import FalseClaimError, InputError
from certify.network.matrix import Int64Array

INT64_LIMIT = 2**63 - 1


@dataclass(frozen=True)
class Scale:
    """The integers that an array may hold: those from -limit to limit, each a multiple of 2^-bits.

    Attributes:
        bits: may be negative, after a shift beyond all precision bits.
        limit: at most 2^63 - 1.
        rounded: whether floats that are no multiples are rounded to one.
    """

    bits: int
    limit: int
    rounded: bool


def to_integers(array: NDArray[Any], scale: Scale, name: str) -> tuple[Int64Array, int]:
    """Return the array as int64 of the same shape, and how many elements rounding changed.

    Raises:
        InputError: names the first element that is no number, off the grid or outside the limit; or a bool array.
    """
    if array.dtype.kind == "b":
        raise InputError("expected integers or floats, found bool", name)
    if array.dtype.kind == "f":
        return _from_floats(array.astype(np.float64), scale, name)
    outside = (array > scale.limit) | (array < -scale.limit)
    if outside.any():
        place, value = _first(array, outside, name)
        raise InputError(f"expected an integer from {-scale.limit} to {scale.limit}, found {value}", place)
    return array.astype(np.int64), 0


def to_bits(array: NDArray[Any], name: str) -> NDArray[np.bool_]:
    """Return a mask's array as bool of the same shape.

    Raises:
        FalseClaimError: names the first element that is neither 0 nor 1.
    """
    wrong = (array != 0) & (array != 1)
    if wrong.any():
        place, value = _first(array, wrong, name)
        raise FalseClaimError(f"expected 0 or 1 in a mask, found {value}", place)
    return array.astype(np.bool_)


def _from_floats(values: NDArray[np.float64], scale: Scale, name: str) -> tuple[Int64Array, int]:
    with np.errstate(over="ignore", under="ignore", invalid="ignore"):
        whole = np.rint(np.ldexp(values, scale.bits))
        off_grid = np.ldexp(whole, -scale.bits) != values
    outside = ~(np.abs(whole) <= _largest_double(scale.limit))
    refused = outside if scale.rounded else outside | off_grid
    if refused.any():
        place, value = _first(values, refused, name)
        raise InputError(
            f"expected {_expected(values[refused][0], outside[refused][0], scale)}, found {value}", place
        )
    return whole.astype(np.int64), int(off_grid.sum())


def _largest_double(limit: int) -> float:
    """The largest double that is not above the limit."""
    nearest = float(limit)
    return nearest if int(nearest) <= limit else math.nextafter(nearest, 0.0)


def _expected(value: np.float64, is_outside: np.bool_, scale: Scale) -> str:
    unit = f"2^{-scale.bits}"
    if not math.isfinite(value):
        return "a number"
    if is_outside:
        return f"a magnitude of at most {scale.limit}·{unit}"
    return f"a multiple of {unit}, as no rounding was asked for"


def first_place(marked: NDArray[np.bool_], name: str) -> str:
    """Return the place of the first marked element of the array of this name, such as `fc1.weight[2][0]`."""
    indices = np.unravel_index(int(marked.argmax()), marked.shape)
    return name + "".join(f"[{index}]" for index in indices)


def _first(array: NDArray[Any], marked: NDArray[np.bool_], name: str) -> tuple[str, str]:
    """The place of the first marked element, and the element as Python shows it."""
    return first_place(marked, name), repr(array[marked][0].item())
