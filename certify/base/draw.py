"""Drawing weights: any of them from its coordinates, and those that a mask keeps without the others.

The matrices of a convolution with groups have the groups' rows one after the other; a weight's coordinates are its
group and its row within it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

import numpy as np

from certify.base import philox, philox_arrays
from certify.base.law import BaseNetwork, Law, Precision, Quantization, choices, key_of, quantize, weights_of
from certify.base.mask import Mask
from certify.network.matrix import Int64Array, Matrix


def random_weights(
    seed: str,
    matrix: int,
    precision: Precision,
    quantization: Quantization,
    rows: Int64Array,
    columns: Int64Array,
    group: Int64Array | int = 0,
    law: Law = "uniform",
) -> Int64Array:
    """Return int64[n], one matrix's weights at (rows[i], columns[i]), each int64[n], at δ = 2^-precision.kept.

    `group` is that of all of them, or int64[n]; rows count within their groups.
    """
    groups = np.full(len(rows), group, dtype=np.int64) if isinstance(group, int) else group
    drawn = philox.draw(key_of(seed), matrix, choices(law, precision.drawn), groups, rows, columns)
    return quantize(weights_of(drawn, law, precision.drawn), precision, quantization)


def random_rows(
    seed: str,
    matrix: int,
    precision: Precision,
    quantization: Quantization,
    rows: Int64Array,
    first: Int64Array,
    count: int,
    group: Int64Array,
    law: Law = "uniform",
) -> Int64Array:
    """Return int64[n, count]: of some rows, int64[n] within their groups, `count` weights from column first[i] on."""
    drawn = philox.draw_rows(key_of(seed), matrix, choices(law, precision.drawn), group, rows, first, count)
    return quantize(weights_of(drawn, law, precision.drawn), precision, quantization)


def kept_weights(base: BaseNetwork, matrix: int, mask: Mask, groups: int = 1) -> Matrix:
    """Return what the mask leaves of one matrix, whose rows are those of so many groups; only that is generated."""
    precision = base.precision_of(matrix)
    group, rows = np.divmod(mask.rows(), max(1, mask.shape[0] // groups))
    many = choices(base.law, precision.drawn)
    drawn = philox_arrays.draw(key_of(base.seed), matrix, many, group, rows, mask.columns)
    weights = quantize(weights_of(drawn, base.law, precision.drawn), precision, base.quantization)
    return Matrix(mask.shape, mask.start, mask.columns, weights)


def kept_digest(kept: Iterable[Matrix]) -> str:
    """Return the SHA-256, in hexadecimal, of all kept weights at δ: in mask order, as int32 little-endian."""
    digest = hashlib.sha256()
    for matrix in kept:
        digest.update(matrix.values.astype("<i4").tobytes())
    return digest.hexdigest()
