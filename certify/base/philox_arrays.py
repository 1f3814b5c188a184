"""Philox4x64-10 on whole arrays of counters, in numpy: the same numbers as `philox`, without compiled code.

An audit draws all kept weights of a base network once, and would wait longer for compiled code to load than for
this. A finder, which draws a few weights at a time, uses the other; so finder and prover have no code for drawing in
common, and a mistake of either would be an obligation that z3 does not refute.

Counters are taken some thousand at a time, so that the arrays of a round stay in a core's own cache.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from certify.network.matrix import Int64Array

Words = NDArray[np.uint64]

AT_ONCE = 1 << 14
_ROUNDS = 10
_MULTIPLIERS = 0xD2E7470EE14C6C93, 0xCA5A826395121157
_WEYL = np.array([0x9E3779B97F4A7C15, 0xBB67AE8584CAA73B], dtype=np.uint64)
_LOW = np.uint64(2**32 - 1)
_32 = np.uint64(32)


def draw(
    key: Words, matrix: int, choices: int, groups: Int64Array, rows: Int64Array, columns: Int64Array
) -> Int64Array:
    """Return the numbers drawn at the given coordinates, int64[n].

    Args:
        key: uint64[2].
        matrix: which matrix of the base network, from 0.
        choices: N, below 2^32; a drawn number is one of 0 to N - 1.
        groups: int64[n].
        rows: int64[n], within their groups.
        columns: int64[n]; neighbours in one row share a block when they follow each other here.
    """
    found = np.empty(len(rows), dtype=np.int64)
    for first in range(0, len(rows), AT_ONCE):
        span = slice(first, first + AT_ONCE)
        words = _words(key, matrix, groups[span], rows[span], columns[span])
        found[span] = _scaled(words, choices)
    return found


def _words(key: Words, matrix: int, groups: Int64Array, rows: Int64Array, columns: Int64Array) -> Words:
    """Return the word of every coordinate."""
    blocks = columns >> 2
    new = np.ones(len(rows), dtype=np.bool_)
    new[1:] = (np.diff(blocks) != 0) | (np.diff(rows) != 0) | (np.diff(groups) != 0)
    counter = [values[new].astype(np.uint64) for values in (blocks, rows, np.full_like(rows, matrix), groups)]
    words: Words = np.stack(block(key, *counter))[columns & 3, np.cumsum(new) - 1]
    return words


def block(key: Words, c0: Words, c1: Words, c2: Words, c3: Words) -> tuple[Words, Words, Words, Words]:
    """Return the four words, uint64[n] each, of every counter (c0, c1, c2, c3), uint64[n] each."""
    for _ in range(_ROUNDS):
        high_0, low_0 = _multiply(c0, _MULTIPLIERS[0])
        high_1, low_1 = _multiply(c2, _MULTIPLIERS[1])
        c0, c1, c2, c3 = high_1 ^ c1 ^ key[0], low_1, high_0 ^ c3 ^ key[1], low_0
        key = key + _WEYL
    return c0, c1, c2, c3


def _multiply(words: Words, factor: int) -> tuple[Words, Words]:
    """Return the upper and the lower 64 bits of the 128-bit products."""
    factor_low, factor_high = np.uint64(factor & 0xFFFFFFFF), np.uint64(factor >> 32)
    low, high = words & _LOW, words >> _32
    middle = high * factor_low
    middle += (low * factor_low) >> _32
    other = low * factor_high
    other += middle & _LOW
    middle >>= _32
    other >>= _32
    high *= factor_high
    high += middle
    high += other
    return high, words * np.uint64(factor)


def _scaled(words: Words, count: int) -> Int64Array:
    """Return floor(word · count / 2^64) for a count below 2^32."""
    assert 0 <= count < 2**32
    low = ((words & _LOW) * np.uint64(count)) >> _32
    return ((((words >> _32) * np.uint64(count)) + low) >> _32).astype(np.int64)
