"""Philox4x64-10, compiled: the counter-based generator behind every random weight.

J. Salmon, M. Moraes, R. Dror and D. Shaw, "Parallel Random Numbers: As Easy as 1, 2, 3", SC 2011. A block of four
64-bit words is a pure function of a key and a counter, so any weight can be had alone, rows in parallel, in any
language. Written out here because a certificate must mean the same weights decades from now, and no library
promises that of its streams: numpy's Philox, for one, increments the counter before its first block.

A weight's coordinates give its counter (c0, c1, c2, c3) = (column div 4, row, matrix, group) and its word, column
mod 4; rows count from 0 in every group of a convolution, and a dense layer has the group 0 alone. A word x becomes
floor(x·N / 2^64), one of N numbers, each as likely as every other up to 2^-64; `law` says which weight it is.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from solvers.jit import kernel, modular_kernel

Words = NDArray[np.uint64]

_ROUNDS = 10
_MULTIPLIER_0 = np.uint64(0xD2E7470EE14C6C93)
_MULTIPLIER_1 = np.uint64(0xCA5A826395121157)
_WEYL_0 = np.uint64(0x9E3779B97F4A7C15)
_WEYL_1 = np.uint64(0xBB67AE8584CAA73B)
_LOW = np.uint64(0xFFFFFFFF)
_32 = np.uint64(32)


@kernel
def _multiply_high(a: Any, b: Any) -> Any:
    """The upper 64 bits of the 128-bit product of two uint64."""
    a_low, a_high, b_low, b_high = a & _LOW, a >> _32, b & _LOW, b >> _32
    middle = a_high * b_low + ((a_low * b_low) >> _32)
    other = a_low * b_high + (middle & _LOW)
    return a_high * b_high + (middle >> _32) + (other >> _32)


@modular_kernel
def _block(key: Words, c0: Any, c1: Any, c2: Any, c3: Any, out: Words) -> None:
    """Fill out: uint64[4] with the block of counter (c0, c1, c2, c3)."""
    k0, k1 = key[0], key[1]
    for _ in range(_ROUNDS):
        high_0, low_0 = _multiply_high(_MULTIPLIER_0, c0), _MULTIPLIER_0 * c0
        high_1, low_1 = _multiply_high(_MULTIPLIER_1, c2), _MULTIPLIER_1 * c2
        c0, c1, c2, c3 = high_1 ^ c1 ^ k0, low_1, high_0 ^ c3 ^ k1, low_0
        k0, k1 = k0 + _WEYL_0, k1 + _WEYL_1
    out[0], out[1], out[2], out[3] = c0, c1, c2, c3


@kernel
def draw(key: Words, matrix: int, choices: int, groups: Any, rows: Any, columns: Any) -> Any:
    """Return the numbers drawn at the given coordinates.

    Args:
        key: uint64[2].
        matrix: which matrix of the base network, from 0.
        choices: N, at least 1 and at most 2^63; a drawn number is one of 0 to N - 1.
        groups: int64[n].
        rows: int64[n], within their groups.
        columns: int64[n]; neighbours in one row share a block when they follow each other here.

    Returns:
        int64[n].
    """
    drawn = np.empty(len(rows), dtype=np.int64)
    words = np.empty(4, dtype=np.uint64)
    count = np.uint64(choices)
    last_group, last_row, last_block = np.int64(-1), np.int64(-1), np.int64(-1)
    for i in range(len(rows)):
        group, row, block = groups[i], rows[i], columns[i] >> 2
        if block != last_block or row != last_row or group != last_group:
            _block(key, np.uint64(block), np.uint64(row), np.uint64(matrix), np.uint64(group), words)
            last_group, last_row, last_block = group, row, block
        drawn[i] = np.int64(_multiply_high(words[columns[i] & 3], count))
    return drawn


@kernel
def draw_rows(key: Words, matrix: int, choices: int, groups: Any, rows: Any, first: Any, count: int) -> Any:
    """Return the numbers drawn in some rows, `count` columns of each from its own first column on.

    Args:
        key: uint64[2].
        matrix: which matrix of the base network, from 0.
        choices: N, as for `draw`.
        groups: int64[n].
        rows: int64[n], within their groups.
        first: int64[n], the first column.
        count: how many columns.

    Returns:
        int64[n, count].
    """
    drawn = np.empty((len(rows), count), dtype=np.int64)
    words = np.empty(4, dtype=np.uint64)
    values = np.uint64(choices)
    for i in range(len(rows)):
        last = first[i] + count
        for block in range(first[i] >> 2, (last + 3) >> 2):
            _block(key, np.uint64(block), np.uint64(rows[i]), np.uint64(matrix), np.uint64(groups[i]), words)
            for column in range(max(first[i], 4 * block), min(last, 4 * block + 4)):
                drawn[i, column - first[i]] = np.int64(_multiply_high(words[column & 3], values))
    return drawn
