"""The kernel: subsets of a given number of items, by bitsets with a level for every number.

Bellman's dynamic program again. Level c after i items holds the sums of c distinct ones among them: level(c, i) is
level(c, i - 1), and level(c - 1, i - 1) shifted by item i. Levels are filled in their order, so the first that
reaches the target has the fewest items, and where all are filled without it there is no such subset.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from solvers.jit import kernel

_1 = np.uint64(1)


@kernel
def _or_shifted(before: Any, after: Any, words: int, shift: int) -> None:
    """Set after |= before shifted by `shift` bits, either way, within the row."""
    whole, bits = shift >> 6, np.uint64(shift & 63)
    rest = np.uint64(64) - bits
    for word in range(max(0, -whole), min(words, words - whole)):
        after[word + whole] |= before[word] << bits
    if bits == np.uint64(0):
        return
    for word in range(max(0, -whole - 1), min(words, words - whole - 1)):
        after[word + whole + 1] |= before[word] >> rest


@kernel
def _has(row: Any, position: Any) -> bool:
    return bool((row[position >> 6] >> np.uint64(position & 63)) & _1)


@kernel
def _fill_level(items: Any, level: int, words: Any, table: Any) -> None:
    """Fill table[level, i] for every i from the level below."""
    table[level, 0, :words] = 0
    for index in range(len(items)):
        after = table[level, index + 1]
        after[:words] = table[level, index, :words]
        if items[index] != 0:
            _or_shifted(table[level - 1, index], after, words, items[index])


@kernel
def _walk_back(items: Any, table: Any, level: int, position: Any, chosen: Any) -> None:
    """Mark the items of a sum that the level holds after all items."""
    for index in range(len(items) - 1, -1, -1):
        if level > 0 and not _has(table[level, index], position):
            chosen[index] = True
            position -= items[index]
            level -= 1


@kernel
def _solve_one(items: Any, target: int, least: int, most: int, table: Any, chosen: Any) -> int:
    """Return how many items the smallest subset of `least` to `most` has, or -1; mark it in `chosen`."""
    negative, positive = np.int64(0), np.int64(0)
    for item in items:
        negative += min(item, 0)
        positive += max(item, 0)
    if not negative <= target <= positive:
        return -1
    words = ((positive - negative) >> 6) + 1
    position = target - negative
    table[0, :, :words] = 0
    table[0, :, -negative >> 6] = _1 << np.uint64(-negative & 63)
    for level in range(most + 1):
        if level > 0:
            _fill_level(items, level, words, table)
        if level >= least and _has(table[level, len(items)], position):
            _walk_back(items, table, level, position, chosen)
            return level
    return -1


@kernel
def solve_all(items: Any, targets: Any, least: int, most: int, table: Any, chosen: Any, sizes: Any) -> None:
    """Find the smallest subset of `least` to `most` items of every instance.

    Args:
        items: int64[instances, n]; zeros are no items.
        targets: int64[instances].
        least: the fewest items that a subset may have.
        most: the most.
        table: uint64[most + 1, n + 1, words], overwritten; enough words for any instance's range of sums.
        chosen: bool[instances, n], all false; filled.
        sizes: int64[instances], filled: how many items, or -1 where there is no such subset.
    """
    for instance in range(len(targets)):
        sizes[instance] = _solve_one(items[instance], targets[instance], least, most, table, chosen[instance])
