"""The kernel: reachable sums as bits of machine words, one row of words for every prefix of the items.

Bellman's dynamic program. Adding an item shifts the set of reachable sums by it, 64 sums to a word operation, over
the live range only: from the sum of the negative items so far to that of the positive ones. It stops at the first
prefix that reaches the target, so what it finds is shortest in the items looked at; a run to the end proves that
no subset reaches the target. The rows of earlier prefixes serve to walk back: an item is taken only where its
prefix reaches the sum and the one before does not.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from solvers.jit import kernel

_6 = np.uint64(6)
_63 = np.uint64(63)
_1 = np.uint64(1)


@kernel
def _reaches(row: Any, position: Any) -> bool:
    return bool((row[position >> 6] >> np.uint64(position & 63)) & _1)


@kernel
def _shift_or(before: Any, after: Any, item: Any, low: Any, high: Any) -> None:
    """Set after = before | (before shifted by item); all set bits of `before` lie in low..high."""
    first, last = low >> 6, high >> 6
    for word in range(first, last + 1):
        after[word] |= before[word]
    words, bits = item >> 6, np.uint64(item & 63)
    if bits == np.uint64(0):
        for word in range(first, last + 1):
            after[word + words] |= before[word]
        return
    rest = np.uint64(64) - bits
    for word in range(first, last + 1):
        value = before[word]
        if value:
            after[word + words] |= value << bits
            if value >> rest:
                after[word + words + 1] |= value >> rest


@kernel
def _walk_back(history: Any, items: Any, last: int, position: Any, chosen: Any) -> None:
    for index in range(last, -1, -1):
        if items[index] != 0 and not _reaches(history[index], position):
            chosen[index] = True
            position -= items[index]


@kernel
def _solve_one(items: Any, target: int, history: Any, chosen: Any) -> int:
    """Return the length of the shortest prefix that reaches the target, or -1; mark the subset in `chosen`."""
    if target == 0:
        return 0
    negative, positive = np.int64(0), np.int64(0)
    for item in items:
        negative += min(item, 0)
        positive += max(item, 0)
    if not negative <= target <= positive:
        return -1
    words = ((positive - negative) >> 6) + 1
    goal = target - negative
    low = high = -negative
    history[0, :words] = 0
    history[0, low >> 6] = _1 << np.uint64(low & 63)
    for index in range(len(items)):
        history[index + 1, :words] = 0
        _shift_or(history[index], history[index + 1], items[index], low, high)
        low += min(items[index], 0)
        high += max(items[index], 0)
        if _reaches(history[index + 1], goal):
            _walk_back(history, items, index, goal, chosen)
            return index + 1
    return -1


@kernel
def solve_all(items: Any, targets: Any, words: int, prefix: Any, chosen: Any) -> None:
    """Solve every instance.

    Args:
        items: int64[instances, n].
        targets: int64[instances].
        words: at least as many 64-bit words as any instance's range of sums needs.
        prefix: int64[instances], filled: the shortest prefix that reaches the target, or -1.
        chosen: bool[instances, n], all false; filled with one subset of that prefix.
    """
    history = np.empty((items.shape[1] + 1, words), dtype=np.uint64)
    for instance in range(len(targets)):
        prefix[instance] = _solve_one(items[instance], targets[instance], history, chosen[instance])


@kernel
def _arrive(items: Any, targets: Any, rows: Any, waiting: Any, counts: Any) -> None:
    """Count for one instance after how many items each target is reached; `rows` is room for two bitsets."""
    negative, positive = np.int64(0), np.int64(0)
    for item in items:
        negative += min(item, 0)
        positive += max(item, 0)
    words = ((positive - negative) >> 6) + 1
    zero = low = high = -negative
    rows[0, :words] = 0
    rows[0, zero >> 6] = _1 << np.uint64(zero & 63)
    waiting[:] = True
    left, now = len(targets), 0
    for index in range(len(items)):
        if items[index] == 0:
            continue
        rows[1 - now, :words] = 0
        _shift_or(rows[now], rows[1 - now], items[index], low, high)
        now = 1 - now
        low += min(items[index], 0)
        high += max(items[index], 0)
        for which in range(len(targets)):
            place = targets[which] + zero
            if waiting[which] and low <= place <= high and _reaches(rows[now], place):
                waiting[which] = False
                counts[which, index + 1] += 1
                left -= 1
        if left == 0:
            return
    for which in range(len(targets)):
        counts[which, 0] += waiting[which]


@kernel
def arrive_all(items: Any, targets: Any, words: int, counts: Any) -> None:
    """Count after how many leading items subsets reach each of several targets.

    Args:
        items: int64[instances, n].
        targets: int64[targets], none of them 0.
        words: as for `solve_all`.
        counts: int64[targets, n + 1], added to: in how many instances so many items are the fewest, from the front,
            and at 0, in how many not even all of them reach the target.
    """
    rows = np.zeros((2, words), dtype=np.uint64)
    waiting = np.zeros(len(targets), dtype=np.bool_)
    for instance in range(len(items)):
        _arrive(items[instance], targets, rows, waiting, counts)
