"""The kernel: few positions that serve all instances, chosen one after the other.

A greedy cover. Every instance has a bitset of the sums that it reaches with the positions chosen so far. A position
is worth as many as are the instances that it would bring to their targets, one bit to look at for each; the one that
is worth most is taken, the first of those that are worth the same, until all instances have arrived. What a set of
n positions reaches doubles with each, so the first few bring few instances home and the last ones, chosen among many,
bring home all that were left: that is where positions are saved.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from solvers.jit import kernel
from solvers.subset_sum.portfolio import DEFAULT, Int64Array, Limits, check

MAX_ITEM = 1 << 14
"""Beyond, bitsets are so long that going through them for every position costs more than it saves."""

_1 = np.uint64(1)


def choose(items: Int64Array, targets: Int64Array, limits: Limits = DEFAULT) -> Int64Array | None:
    """Return int64[chosen], positions among which every instance has a subset, in the order they were chosen.

    None where all positions together do not serve some instance, an item is larger than MAX_ITEM, or the bitsets
    need more than the limits' bytes.

    Args:
        items: int64[instances, positions].
        targets: int64[instances].
        limits: `bytes`: of the bitsets, as many bits for every instance as the widest has sums.

    Raises:
        ValueError: the shapes do not fit, or sums could leave int64.
    """
    check(items, targets)
    low, high = np.minimum(items, 0).sum(axis=1), np.maximum(items, 0).sum(axis=1)
    words = int((high - low).max(initial=0)) // 64 + 2
    if np.abs(items).max(initial=0) > MAX_ITEM or len(targets) * words * 8 > limits.bytes:
        return None
    reached = np.zeros((len(targets), words), dtype=np.uint64)
    ends = np.stack([np.zeros_like(low), np.zeros_like(low), low], axis=1)
    chosen = np.empty(items.shape[1], dtype=np.int64)
    count = _choose(np.ascontiguousarray(items.T), targets, ends, reached, chosen)
    return None if count < 0 else chosen[:count]


@kernel
def _reaches(reached: Any, who: int, total: Any, low: Any, high: Any, zero: Any) -> bool:
    """Tell whether an instance's bitset, whose bits lie within low..high and count from `zero`, holds a sum."""
    if total < low or total > high:
        return False
    place = total - zero
    return bool((reached[who, place >> 6] >> np.uint64(place & 63)) & _1)


@kernel
def _worth(items: Any, targets: Any, position: int, waiting: Any, left: int, reached: Any, ends: Any) -> int:
    """Return how many of those that wait a position would bring to their targets."""
    worth = 0
    for i in range(left):
        who = waiting[i]
        rest = targets[who] - items[position, who]
        if _reaches(reached, who, rest, ends[who, 0], ends[who, 1], ends[who, 2]):
            worth += 1
    return worth


@kernel
def _join(reached: Any, who: int, before: Any, item: Any, ends: Any) -> None:
    """Let an instance's bitset have its bits, and the same shifted by an item; `before` is room for them."""
    first, last = (ends[who, 0] - ends[who, 2]) >> 6, (ends[who, 1] - ends[who, 2]) >> 6
    whole, bits = item >> 6, np.uint64(item & 63)
    for word in range(first, last + 1):
        before[word] = reached[who, word]
    for word in range(first, last + 1):
        reached[who, word + whole] |= before[word] << bits
    if bits != np.uint64(0):
        rest = np.uint64(64) - bits
        for word in range(first, last + 1):
            if before[word] >> rest:
                reached[who, word + whole + 1] |= before[word] >> rest
    ends[who, 0] += min(item, 0)
    ends[who, 1] += max(item, 0)


@kernel
def _choose(items: Any, targets: Any, ends: Any, reached: Any, chosen: Any) -> int:
    """Fill `chosen` and return how many were chosen, -1 where not all are served.

    Args:
        items: int64[positions, instances].
        targets: int64[instances].
        ends: int64[instances, 3]: the least and the greatest sum reached, 0 and 0 at first, and the least of all.
        reached: uint64[instances, words], all 0.
        chosen: int64[positions].
    """
    positions, instances = items.shape
    before = np.empty(reached.shape[1], dtype=np.uint64)
    waiting = np.empty(instances, dtype=np.int64)
    free = np.ones(positions, dtype=np.bool_)
    left = count = 0
    for instance in range(instances):
        reached[instance, -ends[instance, 2] >> 6] = _1 << np.uint64(-ends[instance, 2] & 63)
        if targets[instance] != 0:
            waiting[left] = instance
            left += 1
    while left:
        if count == positions:
            return -1
        best, most = -1, -1
        for position in range(positions):
            if free[position]:
                worth = _worth(items, targets, position, waiting, left, reached, ends)
                if worth > most:
                    best, most = position, worth
        free[best] = False
        chosen[count] = best
        count += 1
        still = 0
        for i in range(left):
            who = waiting[i]
            _join(reached, who, before, items[best, who], ends)
            if not _reaches(reached, who, targets[who], ends[who, 0], ends[who, 1], ends[who, 2]):
                waiting[still] = who
                still += 1
        left = still
    return count
