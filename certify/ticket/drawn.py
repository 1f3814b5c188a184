"""A pair of random matrices as the search reads them: weights that are drawn where they are looked at."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from certify.base.draw import random_rows, random_weights
from certify.base.law import Precision, Quantization
from certify.network.matrix import Int64Array

QUANTIZATION: Quantization = "floor"


@dataclass(frozen=True)
class Drawn:
    """The matrices 2·pair and 2·pair + 1 of the base network of a seed.

    Attributes:
        seed: of the base network.
        pair: which pair of matrices, from 0.
        precision: of both.
    """

    seed: str
    pair: int
    precision: Precision

    def first(self, column: int, units: Int64Array, groups: Int64Array) -> Int64Array:
        """Return int64[n], the weights u of some hidden units, of groups int64[n], with one column."""
        columns = np.full_like(units, column)
        return random_weights(self.seed, 2 * self.pair, self.precision, QUANTIZATION, units, columns, groups)

    def second(self, rows: Int64Array, first: Int64Array, count: int, groups: Int64Array) -> Int64Array:
        """Return int64[n, count], the weights v of rows within their groups, with the units from first[i] on."""
        return random_rows(self.seed, 2 * self.pair + 1, self.precision, QUANTIZATION, rows, first, count, groups)
