"""A pair of random matrices as the search reads them: weights that are drawn where they are looked at."""

from __future__ import annotations

from concurrent.futures import Executor, Future
from dataclasses import dataclass

import numpy as np

from certify.base.draw import random_rows, random_weights
from certify.base.law import Law, Precision, Quantization
from certify.network.matrix import Int64Array

QUANTIZATION: Quantization = "floor"


@dataclass(frozen=True)
class Drawn:
    """The matrices 2·pair and 2·pair + 1 of the base network of a seed.

    Attributes:
        seed: of the base network.
        pair: which pair of matrices, from 0.
        precision: of both.
        law: of every weight.
    """

    seed: str
    pair: int
    precision: Precision
    law: Law = "uniform"

    def first(self, column: int, units: Int64Array, groups: Int64Array) -> Int64Array:
        """Return int64[n], the weights u of some hidden units, of groups int64[n], with one column."""
        columns = np.full_like(units, column)
        return random_weights(
            self.seed, 2 * self.pair, self.precision, QUANTIZATION, units, columns, groups, self.law
        )

    def second(self, rows: Int64Array, first: Int64Array, count: int, groups: Int64Array) -> Int64Array:
        """Return int64[n, count], the weights v of rows within their groups, with the units from first[i] on."""
        matrix = 2 * self.pair + 1
        return random_rows(self.seed, matrix, self.precision, QUANTIZATION, rows, first, count, groups, self.law)


class Strip:
    """The second matrix's weights of all rows, with the units that blocks are looked for among.

    Blocks follow each other, so their weights are drawn in strips, each once, and where there is another thread for
    it one strip ahead of the search. What lies before all blocks' first units is forgotten.
    """

    UNITS = 128

    def __init__(self, drawn: Drawn, rows: int, groups: int, ahead: Executor | None) -> None:
        self._drawn, self._ahead = drawn, ahead
        self._group, self._row = np.divmod(np.arange(rows, dtype=np.int64), max(1, rows // groups))
        self._first = self._end = 0
        self._weights = np.zeros((rows, 0), dtype=np.int64)
        self._next: Future[Int64Array] | None = None

    def at(self, rows: Int64Array, starts: Int64Array, count: int) -> Int64Array:
        """Return int64[n, count], the weights of some rows with the units from their group's start, int64[groups]."""
        self._forget(int(starts.min()))
        while self._end < int(starts.max()) + count:
            self._extend()
        if len(starts) == 1:
            only = int(starts[0]) - self._first
            return self._weights[rows, only : only + count]
        first = starts[self._group[rows]] - self._first
        found: Int64Array = self._weights[rows[:, None], first[:, None] + np.arange(count)]
        return found

    def _forget(self, before: int) -> None:
        if before > self._end:
            self._weights, self._next = self._weights[:, :0], None
            self._first = self._end = before
        elif before - self._first >= self.UNITS:
            self._weights = self._weights[:, before - self._first :]
            self._first = before

    def _extend(self) -> None:
        more = self._draw(self._end) if self._next is None else self._next.result()
        self._weights = np.hstack([self._weights, more])
        self._end += self.UNITS
        if self._ahead is not None:
            self._next = self._ahead.submit(self._draw, self._end)

    def _draw(self, first: int) -> Int64Array:
        return self._drawn.second(self._row, np.full_like(self._row, first), self.UNITS, self._group)
