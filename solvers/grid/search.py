"""Chosen and random points of a box, and what programs make of points.

Random points come from splitmix64 (Steele, Lea and Flood, OOPSLA 2014) used as a counter-based generator: word i
depends on the seed and on i alone. A word x becomes an offset of 0..size-1 as floor(x·size / 2^64). All of it is
arithmetic on 64-bit words, so the points are the same on every platform and with every version of numpy.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from solvers.grid import kernel
from solvers.grid.box import Box, box_of
from solvers.grid.flat import check_fits, flatten, lane_type, work_array
from solvers.grid.program import Int64Array, Program

Words = NDArray[np.uint64]


def activations(program: Program, points: Int64Array) -> Int64Array:
    """Return int64[n, rows of all layers]: what every row gives, its steps done, on int64[n, inputs] points.

    That no value leaves int64 on these points is not checked here; `program.py` says who does.

    Raises:
        ValueError: points of another shape or dtype, or beyond the program's bits.
    """
    check_points((program,), points)
    flat = flatten((program,))
    work = work_array(flat)
    found = np.empty((len(points), len(flat.computed)), dtype=np.int64)
    for first in range(0, len(points), work.shape[1]):
        block = points[first : first + work.shape[1]]
        work[: flat.inputs, : len(block)] = block.T
        kernel.evaluate(flat, work, len(block))
        found[first : first + len(block)] = work[flat.computed, : len(block)].T
    return found


def check_points(programs: Sequence[Program], points: Int64Array) -> None:
    """Check that points are int64[n, inputs] and within the programs' bits.

    Raises:
        ValueError: they are not.
    """
    inputs = programs[0].inputs
    if points.dtype != np.int64 or points.ndim != 2 or points.shape[1] != inputs:
        found = f"{points.dtype}{list(points.shape)}"
        raise ValueError(f"expected int64[n, {inputs}] points, found {found}")
    check_fits(lane_type(programs), int(points.min(initial=0)), int(points.max(initial=0)))


def sample(low: Sequence[int], high: Sequence[int], count: int, seed: int) -> Int64Array:
    """Return points of a box at which to look for a difference first.

    In this order: the low corner, the high corner, the point nearest zero; at most `count` points that differ from
    the one nearest zero in one feature, which stands at its low or its high bound; `count` random points.

    Args:
        low: int[features]; bounds may span all 64 bits.
        high: int[features].
        count: 0 or more.
        seed: 0 to 2^64 - 1.

    Returns:
        int64[n, features] with n from 3 + count to 3 + 2·count; some may be equal.

    Raises:
        ValueError: no box, a negative count, a seed of more than 64 bits.
    """
    box = box_of(low, high)
    if count < 0 or not 0 <= seed < 2**64:
        raise ValueError(f"expected a count from 0 and a seed of 64 bits, found {count} and {seed}")
    nearest = tuple(min(max(0, least), most) for least, most in zip(box.low, box.high, strict=True))
    chosen = [box.low, box.high, nearest, *_one_hot(box, nearest, count)]
    return np.concatenate([np.array(chosen, dtype=np.int64).reshape(len(chosen), -1), uniform(box, count, seed)])


def splitmix64(seed: int, count: int) -> Words:
    """Return uint64[count], the first words of splitmix64 from `seed`."""
    words = np.arange(1, count + 1, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15) + np.uint64(seed)
    words = (words ^ (words >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    words = (words ^ (words >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return words ^ (words >> np.uint64(31))


def _one_hot(box: Box, nearest: tuple[int, ...], count: int) -> list[tuple[int, ...]]:
    """Return the first `count` points with one feature at a bound that is not its value nearest zero."""
    moves = [
        (feature, bound)
        for feature, bounds in enumerate(zip(box.low, box.high, strict=True))
        for bound in dict.fromkeys(bounds)
        if bound != nearest[feature]
    ]
    return [(*nearest[:feature], bound, *nearest[feature + 1 :]) for feature, bound in moves[:count]]


def uniform(box: Box, count: int, seed: int) -> Int64Array:
    """Return int64[count, features] random points, feature by feature within a point, from a seed of 64 bits."""
    features = len(box.low)
    words = splitmix64(seed, count * features).reshape(count, features)
    full = np.array([size == 2**64 for size in box.sizes], dtype=np.bool_)
    sizes = np.array([size % 2**64 for size in box.sizes], dtype=np.uint64)
    offsets = np.where(full, words, _high_product(words, sizes))
    # Two's complement: the sum modulo 2^64 is the right integer, because that integer lies in the box.
    return (np.array(box.low, dtype=np.int64).view(np.uint64) + offsets).view(np.int64)


def _high_product(words: Words, sizes: Words) -> Words:
    """Return floor(words · sizes / 2^64), element by element, from products of 32-bit halves."""
    half, mask = np.uint64(32), np.uint64(2**32 - 1)
    low_low = (words & mask) * (sizes & mask)
    high_low = (words >> half) * (sizes & mask)
    low_high = (words & mask) * (sizes >> half)
    carried = (low_low >> half) + (high_low & mask) + (low_high & mask)
    high_high = (words >> half) * (sizes >> half)
    high: Words = high_high + (high_low >> half) + (low_high >> half) + (carried >> half)
    return high
