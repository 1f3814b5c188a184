"""The nearest subset sum: of all subsets, one whose sum is as near to the target as any.

Horowitz and Sahni (1974). The sums of the subsets of either half are put in order, by merging with every item the
list that is there with itself shifted; then two fingers, one rising in the first list and one falling in the second,
meet the nearest sum of one of each. It is exact: every subset of up to 32 items is accounted for. Where several
subsets are as near, which one is taken is a matter of their order, and always the same.

The exact solvers of this package look for one sum and can stop at the first item that reaches it. Here there is
always an answer, and only its distance says what it is worth.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from solvers.jit import kernel

MAX_ITEMS = 32
_MAX_SUM = 2**62


@kernel
def _enter(items: Any, first: int, last: int, sums: Any, subsets: Any, spare: Any, spares: Any) -> int:
    """Fill sums, rising, and the subsets that give them, of items first to last; return how many there are."""
    sums[0], subsets[0] = 0, 0
    size = 1
    for index in range(first, last):
        item, bit = items[index], 1 << (index - first)
        old = new = 0
        for place in range(2 * size):
            if new == size or (old < size and sums[old] <= sums[new] + item):
                spare[place], spares[place] = sums[old], subsets[old]
                old += 1
            else:
                spare[place], spares[place] = sums[new] + item, subsets[new] | bit
                new += 1
        size *= 2
        sums[:size], subsets[:size] = spare[:size], spares[:size]
    return size


@kernel
def _meet(left: Any, low: int, right: Any, high: int, target: Any) -> Any:
    """Return the places of the two sums that come nearest, and how near they come."""
    best_left = best_right = 0
    best = abs(left[0] + right[0] - target)
    i, j = 0, high - 1
    while i < low and j >= 0 and best > 0:
        gap = left[i] + right[j] - target
        if abs(gap) < best:
            best, best_left, best_right = abs(gap), i, j
        if gap > 0:
            j -= 1
        else:
            i += 1
    return best_left, best_right, best


@kernel
def _nearest_all(items: Any, targets: Any, half: int, chosen: Any, distance: Any) -> None:
    """Solve every instance; half: of the most items that any of them has, rounded up."""
    sums, subsets = np.empty((2, 1 << half), dtype=np.int64), np.empty((2, 1 << half), dtype=np.int64)
    spare, spares = np.empty(1 << half, dtype=np.int64), np.empty(1 << half, dtype=np.int64)
    nonzero, where = np.empty(2 * half, dtype=np.int64), np.empty(2 * half, dtype=np.int64)
    for instance in range(len(targets)):
        length = 0
        for index in range(items.shape[1]):
            if items[instance, index] != 0:
                nonzero[length], where[length] = items[instance, index], index
                length += 1
        middle = length // 2
        low = _enter(nonzero, 0, middle, sums[0], subsets[0], spare, spares)
        high = _enter(nonzero, middle, length, sums[1], subsets[1], spare, spares)
        i, j, distance[instance] = _meet(sums[0], low, sums[1], high, targets[instance])
        taken = subsets[0, i] | (subsets[1, j] << middle)
        for index in range(length):
            if (taken >> index) & 1:
                chosen[instance, where[index]] = True


def nearest(items: NDArray[np.int64], targets: NDArray[np.int64]) -> tuple[NDArray[np.bool_], NDArray[np.int64]]:
    """Return for every instance a subset whose sum is nearest to the target, and how far it is from it.

    Args:
        items: int64[instances, n]; zeros are no items.
        targets: int64[instances].

    Returns:
        bool[instances, n], and the distances |sum - target|, int64[instances].

    Raises:
        ValueError: an instance has more than 32 items that are not 0, or numbers that int64 may not add up.
    """
    most = int(np.count_nonzero(items, axis=1).max(initial=0))
    if most > MAX_ITEMS:
        raise ValueError(f"expected {MAX_ITEMS} items or fewer, found {most}")
    largest = max((int(abs(array).max(initial=0)) for array in (items, targets)), default=0)
    if largest * (most + 1) >= _MAX_SUM:
        raise ValueError(f"expected sums below 2^62, found items of up to {largest.bit_length()} bits")
    chosen, distance = np.zeros(items.shape, dtype=np.bool_), np.zeros(len(targets), dtype=np.int64)
    _nearest_all(items, targets, (most + 1) // 2, chosen, distance)
    return chosen, distance
