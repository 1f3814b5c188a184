"""The law of the base network: seed, precisions, and how a drawn weight becomes one at δ.

Definition 4 of Kumar and Natale (arXiv:2508.11020): weights uniform on S_δ_in, 0 included, then reduced to δ by a
named quantization operator [b]_δ. The paper's rounding is lost in the copies at hand, so the operator is named in
every certificate; with δ_in = δ it does nothing. `floor` makes +1 rarer than the other weights.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Literal, TypeAlias, get_args

import numpy as np
from numpy.typing import NDArray

from certify.base.activation import RELU, Activation
from certify.errors import InputError
from certify.network.matrix import Int64Array

GENERATOR = "certify/base-network/1"
MAX_PRECISION_BITS = 30

Quantization: TypeAlias = Literal["floor", "toward_zero"]
QUANTIZATIONS: tuple[Quantization, ...] = get_args(Quantization)
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
        widths: hidden units of each pair of matrices; matrices 2i and 2i + 1 (from 0) are pair i.
        precisions: δ_in and δ of each pair.
        quantization: the operator from δ_in to δ.
        activation: of the hidden units.
    """

    seed: str
    widths: tuple[int, ...]
    precisions: tuple[Precision, ...]
    quantization: Quantization = "floor"
    activation: Activation = RELU


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


def quantize(drawn: Int64Array, precision: Precision, quantization: Quantization) -> Int64Array:
    """Return int64[n] at precision.kept from int64[n] at precision.drawn."""
    shift = precision.drawn - precision.kept
    if quantization == "floor":
        return drawn >> shift
    magnitude: Int64Array = np.abs(drawn) >> shift
    return np.where(drawn < 0, -magnitude, magnitude)
