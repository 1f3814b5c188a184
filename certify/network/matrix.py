"""Integer matrices kept row by row: the weights of targets and of pruned networks alike.

Compressed sparse rows. An entry may be a stored zero: in a pruned network it is a weight that the mask keeps and
that happens to be 0, which is not the same as one that pruning removed.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Int64Array = NDArray[np.int64]


def rise_within_rows(start: Int64Array, columns: Int64Array) -> bool:
    """Tell whether columns, int64[entries], rise strictly in every row of compressed sparse rows."""
    inside = np.ones(len(columns), dtype=np.bool_)
    inside[start[:-1][np.diff(start) > 0]] = False
    return bool((np.diff(columns)[inside[1:]] > 0).all())


@dataclass(frozen=True, eq=False)
class Matrix:
    """A sparse integer matrix.

    Attributes:
        shape: (rows, columns): outputs, inputs.
        start: int64[rows + 1]; row r holds the entries start[r] to start[r + 1].
        columns: int64[entries], strictly rising within a row.
        values: int64[entries].
    """

    shape: tuple[int, int]
    start: Int64Array
    columns: Int64Array
    values: Int64Array

    def __post_init__(self) -> None:
        rows, width = self.shape
        assert self.start.shape == (rows + 1,)
        assert self.start[0] == 0
        assert self.start[-1] == len(self.columns) == len(self.values)
        assert not len(self.columns) or (self.columns.min() >= 0 and self.columns.max() < width)
        assert rise_within_rows(self.start, self.columns)
        for array in (self.start, self.columns, self.values):
            array.setflags(write=False)

    @property
    def entries(self) -> int:
        """How many weights are stored (kept), zeros among them."""
        return len(self.columns)

    def row_of_entry(self) -> Int64Array:
        """int64[entries]: the row each entry stands in."""
        return np.repeat(np.arange(self.shape[0], dtype=np.int64), np.diff(self.start))

    def row(self, index: int) -> tuple[list[int], list[int]]:
        """Return (columns, values) of one row as Python integers."""
        span = slice(int(self.start[index]), int(self.start[index + 1]))
        return self.columns[span].tolist(), self.values[span].tolist()

    def rows(self, first: int, last: int) -> Matrix:
        """Return rows first to last, the last not included."""
        begin, end = int(self.start[first]), int(self.start[last])
        start = self.start[first : last + 1] - begin
        return Matrix((last - first, self.shape[1]), start, self.columns[begin:end], self.values[begin:end])

    def only(self, chosen: NDArray[np.bool_]) -> Matrix:
        """Return the matrix of the chosen entries, bool[entries]."""
        start = np.concatenate([[0], np.cumsum(chosen)]).astype(np.int64)[self.start]
        return Matrix(self.shape, start, self.columns[chosen], self.values[chosen])

    def empty(self) -> Matrix:
        """Return a matrix of the same shape without an entry."""
        return self.only(np.zeros(self.entries, dtype=np.bool_))

    def to_dense(self, kind: Any = np.int64) -> NDArray[Any]:
        """Return [rows, columns] of the dtype `kind`."""
        dense = np.zeros(self.shape, dtype=kind)
        dense[self.row_of_entry(), self.columns] = self.values
        return dense


def from_dense(dense: Int64Array) -> Matrix:
    """Return the nonzero entries of int64[rows, columns]."""
    start = np.zeros(dense.shape[0] + 1, dtype=np.int64)
    np.cumsum(np.count_nonzero(dense, axis=1), out=start[1:])
    shape = (int(dense.shape[0]), int(dense.shape[1]))
    columns = np.flatnonzero(dense).astype(np.int64, copy=False)
    values = dense.ravel()[columns].astype(np.int64, copy=False)
    columns %= max(1, shape[1])
    return Matrix(shape, start, columns, values)
