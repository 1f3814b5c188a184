"""The law of the base network: seed, shapes, precisions, and the weight at any coordinate.

Definition 4 of Kumar and Natale (arXiv:2508.11020): weights uniform on S_δ_in, 0 included, then reduced to δ by a
named quantization operator [b]_δ. The paper's rounding is lost in the copies at hand, so the operator is named in
every certificate; with δ_in = δ it does nothing. `floor` makes +1 rarer than the other weights.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Literal, TypeAlias, get_args

import numpy as np

from certify.base import philox
from certify.base.mask import Mask
from certify.network.matrix import Int64Array, Matrix

GENERATOR = "certify/base-network/1"
MAX_PRECISION_BITS = 30

Quantization: TypeAlias = Literal["floor", "toward_zero"]
QUANTIZATIONS: tuple[Quantization, ...] = get_args(Quantization)


@dataclass(frozen=True)
class Precision:
    """How finely the weights of one pair of matrices are drawn (δ_in = 2^-drawn) and kept (δ = 2^-kept)."""

    drawn: int
    kept: int

    def __post_init__(self) -> None:
        assert 0 <= self.kept <= self.drawn <= MAX_PRECISION_BITS


@dataclass(frozen=True)
class BaseMatrices:
    """The random matrices of one seed, in pairs; matrices 2i and 2i + 1 (from 0) have precision i.

    Attributes:
        seed: any text.
        shapes: (rows, columns) of every matrix.
        precisions: one for each pair.
        quantization: the operator from δ_in to δ.
    """

    seed: str
    shapes: tuple[tuple[int, int], ...]
    precisions: tuple[Precision, ...]
    quantization: Quantization = "floor"

    @property
    def parameters(self) -> int:
        """How many weights the base network has."""
        return sum(rows * columns for rows, columns in self.shapes)

    def kept_weights(self, matrix: int, mask: Mask) -> Matrix:
        """Return the matrix that the mask leaves; only kept weights are generated."""
        assert mask.shape == self.shapes[matrix]
        precision = self.precisions[matrix // 2]
        values = random_weights(self.seed, matrix, precision, self.quantization, mask.rows(), mask.columns)
        return Matrix(mask.shape, mask.start, mask.columns, values)


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


def key_of(seed: str) -> philox.Words:
    """Return uint64[2]: bytes 0-7 and 8-15, little-endian, of SHA-256 over generator, newline and seed."""
    digest = hashlib.sha256(f"{GENERATOR}\n{seed}".encode()).digest()
    # An array made from Python integers would pass through float64 and lose bits.
    return np.frombuffer(digest[:16], dtype="<u8").astype(np.uint64)


def quantize(drawn: Int64Array, precision: Precision, quantization: Quantization) -> Int64Array:
    """Return int64[n] at precision.kept from int64[n] at precision.drawn."""
    shift = precision.drawn - precision.kept
    if quantization == "floor":
        return drawn >> shift
    magnitude: Int64Array = np.abs(drawn) >> shift
    return np.where(drawn < 0, -magnitude, magnitude)


def kept_digest(kept: tuple[Matrix, ...]) -> str:
    """Return the SHA-256, in hexadecimal, of all kept weights at δ: in mask order, as int32 little-endian."""
    digest = hashlib.sha256()
    for matrix in kept:
        digest.update(matrix.values.astype("<i4").tobytes())
    return digest.hexdigest()
