"""What pruning keeps of one matrix of the base network."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from certify.network.matrix import Int64Array, rise_within_rows


@dataclass(frozen=True, eq=False)
class Mask:
    """The kept positions of a matrix, row by row.

    Attributes:
        shape: (rows, columns) of the matrix.
        start: int64[rows + 1]; row r keeps columns[start[r]:start[r + 1]].
        columns: int64[kept], strictly rising within a row.
    """

    shape: tuple[int, int]
    start: Int64Array
    columns: Int64Array

    def __post_init__(self) -> None:
        assert self.start.shape == (self.shape[0] + 1,)
        assert self.start[0] == 0
        assert self.start[-1] == len(self.columns)
        assert (np.diff(self.start) >= 0).all()
        assert not len(self.columns) or (self.columns.min() >= 0 and self.columns.max() < self.shape[1])
        assert rise_within_rows(self.start, self.columns)
        for array in (self.start, self.columns):
            array.setflags(write=False)

    @property
    def kept(self) -> int:
        """How many weights are kept."""
        return len(self.columns)

    def rows(self) -> Int64Array:
        """int64[kept]: the row of each kept position."""
        return np.repeat(np.arange(self.shape[0], dtype=np.int64), np.diff(self.start))


def from_positions(shape: tuple[int, int], rows: NDArray[Any], columns: NDArray[Any]) -> Mask:
    """Return the mask that keeps (rows[i], columns[i]), int[kept] each, in any order, none twice."""
    start = np.concatenate([[0], np.cumsum(np.bincount(rows, minlength=shape[0]))]).astype(np.int64)
    keys = rows * np.int64(max(1, shape[1])) + columns
    keys.sort()
    return Mask(shape, start, keys - np.repeat(np.arange(shape[0]) * max(1, shape[1]), np.diff(start)))


def from_bits(bits: NDArray[np.bool_]) -> Mask:
    """Return the mask that keeps the true positions of bool[rows, columns]."""
    rows, columns = np.nonzero(bits)
    return from_positions((int(bits.shape[0]), int(bits.shape[1])), rows, columns)
