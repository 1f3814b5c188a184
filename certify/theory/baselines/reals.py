"""Numbers that stand for reals: dyadic, drawn from the house's own generator, each from its coordinates.

A weight that stands alone has 20 bits; one of the two factors of a product has 10, so that products have 20 too and
need no rounding, which a network could not do between two weights. What is drawn follows from the seed alone, as a
base network's weights do (`certify.base.draw`), and so does which number is zero, which a real number never is: it
is an item that no subset takes.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

import numpy as np

from certify.base.draw import random_rows
from certify.base.law import Precision
from certify.network.matrix import Int64Array

BITS, FACTOR_BITS = 20, 10

Draw: TypeAlias = Callable[[str, int, int, Int64Array, int, int], Int64Array]
"""draw(seed, matrix, bits, rows, first, count): int64[rows, count] of a matrix, from column `first` on, at `bits`."""

_WORD = Precision(30, 30)


def uniform(seed: str, matrix: int, bits: int, rows: Int64Array, first: int, count: int) -> Int64Array:
    """Return numbers uniform on [-1, 1]."""
    return _drawn(seed, matrix, Precision(bits, bits), rows, first, count)


def hyperbolic(seed: str, matrix: int, bits: int, rows: Int64Array, first: int, count: int) -> Int64Array:
    """Return numbers of either sign whose magnitude falls in every octave below 1 as often, as 1/|w| has it.

    Within an octave they are uniform: the binary form of the hyperbolic law.
    """
    word = _drawn(seed, matrix, _WORD, rows, first, count)
    rest, octave = np.divmod(np.abs(word), bits)
    top = np.left_shift(1, octave)
    magnitude = top | (rest & (top - 1))
    found: Int64Array = np.where(word < 0, -magnitude, magnitude)
    return found


def ones(seed: str, matrix: int, bits: int, rows: Int64Array, first: int, count: int) -> Int64Array:  # noqa: ARG001
    """Return +1 and -1, row by row: what stands before numbers that are no products."""
    signs = np.where(rows % 2 == 0, 1 << bits, -1 << bits)
    return np.broadcast_to(signs[:, None], (len(rows), count))


def _drawn(seed: str, matrix: int, precision: Precision, rows: Int64Array, first: int, count: int) -> Int64Array:
    none = np.zeros_like(rows)
    return random_rows(seed, matrix, precision, "floor", rows, np.full_like(rows, first), count, none)
