"""The law of the base network: seed, precisions, and how a drawn number becomes a weight at δ.

Definition 4 of Kumar and Natale (arXiv:2508.11020): weights uniform on S_δ_in, then reduced to δ by a named
quantization operator [b]_δ. The paper's rounding is lost in the copies at hand, so the operator is named in every
certificate; with δ_in = δ it does nothing. `floor` makes +1 rarer than the other weights.

Each construction has a law of its own: Theorem 1's weights are uniform on S_δ_in with 0, Theorem 2's without it, and
those of a binary network are ±1.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Literal, TypeAlias, get_args

import numpy as np
from numpy.typing import NDArray

from certify.errors import InputError
from certify.network.matrix import Int64Array

GENERATOR = "certify/base-network/1"
MAX_PRECISION_BITS = 30

Quantization: TypeAlias = Literal["floor", "toward_zero"]
QUANTIZATIONS: tuple[Quantization, ...] = get_args(Quantization)
Construction: TypeAlias = Literal["theorem-1", "theorem-2", "binary"]
"""A pair of matrices for each layer; a pair for the first and copies for the others; a pair of signs for each."""
CONSTRUCTIONS: tuple[Construction, ...] = get_args(Construction)
Law: TypeAlias = Literal["uniform", "nonzero", "signs"]
LAWS: dict[Construction, Law] = {"theorem-1": "uniform", "theorem-2": "nonzero", "binary": "signs"}
Blocks: TypeAlias = Literal["grown", "shared"] | int
"""How hidden units go to inputs: in blocks that end where they can, any unit to any input, or so many to each."""


@dataclass(frozen=True)
class Precision:
    """How finely the weights of one pair of matrices are drawn (δ_in = 2^-drawn) and kept (δ = 2^-kept)."""

    drawn: int
    kept: int

    def __post_init__(self) -> None:
        assert 0 <= self.kept <= self.drawn <= MAX_PRECISION_BITS


@dataclass(frozen=True)
class BaseNetwork:
    """A base network as a certificate names it.

    Attributes:
        seed: any text; all weights follow from it.
        widths: for each of the target's layers with weights, how many units it is given: hidden units of its pair,
            or copies of the neurons that it reads (`layout`).
        precisions: δ_in and δ, for each of them.
        quantization: the operator from δ_in to δ.
        construction: what stands for a layer, and so the law of all weights.
    """

    seed: str
    widths: tuple[int, ...]
    precisions: tuple[Precision, ...]
    quantization: Quantization = "floor"
    construction: Construction = "theorem-1"

    @property
    def law(self) -> Law:
        """The law of its weights."""
        return LAWS[self.construction]

    def precision_of(self, matrix: int) -> Precision:
        """Return δ_in and δ of one matrix, from 0."""
        return self.precisions[max(0, matrix - 1) if self.construction == "theorem-2" else matrix // 2]


def key_of(seed: str) -> NDArray[np.uint64]:
    """Return uint64[2]: bytes 0-7 and 8-15, little-endian, of SHA-256 over generator, newline and seed.

    Raises:
        InputError: the seed has a lone surrogate (a byte of the command line that is no UTF-8, say), so no UTF-8.
    """
    try:
        digest = hashlib.sha256(f"{GENERATOR}\n{seed}".encode()).digest()
    except UnicodeEncodeError:
        raise InputError(f"expected text that UTF-8 can hold, found {seed[:40]!a}", "seed") from None
    # An array made from Python integers would pass through float64 and lose bits.
    return np.frombuffer(digest[:16], dtype="<u8").astype(np.uint64)


def choices(law: Law, bits: int) -> int:
    """Return how many weights there are at δ_in = 2^-bits; each is as likely as every other."""
    match law:
        case "uniform":
            return (2 << bits) + 1
        case "nonzero":
            return 2 << bits
        case "signs":
            return 2


def weights_of(drawn: Int64Array, law: Law, bits: int) -> Int64Array:
    """Return int64[n], the weights that drawn numbers from 0 to choices - 1, int64[n], stand for, in their order."""
    match law:
        case "uniform":
            return drawn - (1 << bits)
        case "nonzero":
            return drawn - (1 << bits) + (drawn >= 1 << bits)
        case "signs":
            return 2 * drawn - 1


def quantize(drawn: Int64Array, precision: Precision, quantization: Quantization) -> Int64Array:
    """Return int64[n] at precision.kept from int64[n] at precision.drawn."""
    shift = precision.drawn - precision.kept
    if quantization == "floor":
        return drawn >> shift
    magnitude: Int64Array = np.abs(drawn) >> shift
    return np.where(drawn < 0, -magnitude, magnitude)
