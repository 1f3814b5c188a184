"""Drawing weights: any of them from its coordinates, and those that a mask keeps without the others."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

from certify.base import philox
from certify.base.law import BaseNetwork, Precision, Quantization, key_of, quantize
from certify.base.mask import Mask
from certify.network.matrix import Int64Array, Matrix


def random_weights(
    seed: str,
    matrix: int,
    precision: Precision,
    quantization: Quantization,
    rows: Int64Array,
    columns: Int64Array,
) -> Int64Array:
    """Return int64[n], one matrix's weights at (rows[i], columns[i]), each int64[n], at δ = 2^-precision.kept."""
    drawn: Int64Array = philox.draw(key_of(seed), matrix, precision.drawn, rows, columns)
    return quantize(drawn, precision, quantization)


def kept_weights(base: BaseNetwork, matrix: int, mask: Mask) -> Matrix:
    """Return what the mask leaves of one matrix; only kept weights are generated."""
    precision = base.precisions[matrix // 2]
    values = random_weights(base.seed, matrix, precision, base.quantization, mask.rows(), mask.columns)
    return Matrix(mask.shape, mask.start, mask.columns, values)


def kept_digest(kept: Iterable[Matrix]) -> str:
    """Return the SHA-256, in hexadecimal, of all kept weights at δ: in mask order, as int32 little-endian."""
    digest = hashlib.sha256()
    for matrix in kept:
        digest.update(matrix.values.astype("<i4").tobytes())
    return digest.hexdigest()
