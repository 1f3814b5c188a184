"""The base network a second time, in plain Python integers, written from design.md's section on it alone.

Philox4x64-10, the key from the seed, the counter and word of a coordinate, the map of a word to S_δ_in and the
quantization operators. Nothing here is fast, shared or clever; a product of 64-bit words is one Python product.
"""

from __future__ import annotations

import hashlib
import math
from fractions import Fraction

WORD = 2**64


def philox4x64_10(key: tuple[int, int], counter: tuple[int, int, int, int]) -> tuple[int, int, int, int]:
    """The four words of a block (Salmon et al. 2011: ten rounds, the key bumped between them)."""
    k0, k1 = key
    c0, c1, c2, c3 = counter
    for number in range(10):
        if number:
            k0, k1 = (k0 + 0x9E3779B97F4A7C15) % WORD, (k1 + 0xBB67AE8584CAA73B) % WORD
        high0, low0 = divmod(0xD2E7470EE14C6C93 * c0, WORD)
        high1, low1 = divmod(0xCA5A826395121157 * c2, WORD)
        c0, c1, c2, c3 = high1 ^ c1 ^ k0, low1, high0 ^ c3 ^ k1, low0
    return c0, c1, c2, c3


def key_of_seed(seed: str) -> tuple[int, int]:
    digest = hashlib.sha256(b"certify/base-network/1\n" + seed.encode("utf-8")).digest()
    return int.from_bytes(digest[0:8], "little"), int.from_bytes(digest[8:16], "little")


def word_at(key: tuple[int, int], matrix: int, row: int, column: int, group: int = 0) -> int:
    block, word = divmod(column, 4)
    return philox4x64_10(key, (block, row, matrix, group))[word]


def weight_of_word(word: int, bits: int) -> int:
    """floor(x·N / 2^64) - 2^k with N = 2^(k+1) + 1."""
    return word * (2 ** (bits + 1) + 1) // WORD - 2**bits


def nonzero_weight_of_word(word: int, bits: int) -> int:
    """One of the 2^(k+1) integers of [-2^k, 2^k] that are not 0, in their order."""
    values = [*range(-(2**bits), 0), *range(1, 2**bits + 1)] if bits < 12 else None
    place = word * 2 ** (bits + 1) // WORD
    if values is not None:
        return values[place]
    return place - 2**bits if place < 2**bits else place - 2**bits + 1


def sign_of_word(word: int) -> int:
    return -1 if word < WORD // 2 else 1


def quantize(weight: int, drawn_bits: int, kept_bits: int, quantization: str) -> int:
    exact = Fraction(weight, 2 ** (drawn_bits - kept_bits))
    return {"floor": math.floor, "toward_zero": math.trunc}[quantization](exact)


def weight(
    seed: str,
    matrix: int,
    row: int,
    column: int,
    drawn_bits: int,
    kept_bits: int | None = None,
    quantization: str = "floor",
    group: int = 0,
) -> int:
    """One weight of the base network at δ = 2^-kept_bits, which is δ_in where it is not given; row is the group's."""
    drawn = weight_of_word(word_at(key_of_seed(seed), matrix, row, column, group), drawn_bits)
    return quantize(drawn, drawn_bits, drawn_bits if kept_bits is None else kept_bits, quantization)
