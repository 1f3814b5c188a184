"""The kernel: any subset of wide integers, by meeting in the middle of a growing prefix.

Horowitz and Sahni (1974). The sums of all subsets of the first half are entered in a hash table; then one item after
the other joins the second half, and every new sum of that is looked up. So the first hit is in the shortest prefix
that reaches the target, and the second half is no longer than that prefix needs; its list doubles with every item,
and where it would pass its limit nothing is decided.

A slot of the table holds a sum and, in its low 16 bits, the subset that gives it. Most sums that are looked up are
not there, and a smaller table of bytes says so first.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from solvers.jit import kernel, modular_kernel

MAX_HALF = 16
NONE, UNDECIDED = -1, -2

_EMPTY = -(2**63)
_MULTIPLIER = np.uint64(0x9E3779B97F4A7C15)
_32 = np.uint64(32)


@modular_kernel
def _place(key: Any, size: int) -> int:
    return int((np.uint64(key) * _MULTIPLIER) >> _32) & (size - 1)


@kernel
def _enter(table: Any, seen: Any, key: Any, subset: int) -> None:
    seen[key & (len(seen) - 1)] = True
    place = _place(key, len(table))
    while table[place] != _EMPTY:
        if table[place] >> MAX_HALF == key:
            return
        place = (place + 1) & (len(table) - 1)
    table[place] = (key << MAX_HALF) | subset


@kernel
def _subset(table: Any, seen: Any, key: Any) -> int:
    """Return a subset of the first half with this sum, or NONE."""
    if not seen[key & (len(seen) - 1)]:
        return NONE
    place = _place(key, len(table))
    while table[place] != _EMPTY:
        if table[place] >> MAX_HALF == key:
            return int(table[place] & ((1 << MAX_HALF) - 1))
        place = (place + 1) & (len(table) - 1)
    return NONE


@kernel
def _mark(chosen: Any, where: Any, first: int, subset: int) -> None:
    while subset:
        if subset & 1:
            chosen[where[first]] = True
        subset >>= 1
        first += 1


@kernel
def _solve_one(
    items: Any,
    length: int,
    where: Any,
    target: Any,
    half: int,
    table: Any,
    seen: Any,
    sums: Any,
    limit: int,
    chosen: Any,
) -> int:
    """Return how many of the items that are not 0 the shortest prefix has, NONE or UNDECIDED."""
    if target == 0:
        return 0
    table[:], seen[:] = _EMPTY, False
    _enter(table, seen, 0, 0)
    sums[0] = 0
    size = 1
    for index in range(min(half, length)):
        for subset in range(size):
            total = sums[subset] + items[index]
            if total == target:
                _mark(chosen, where, 0, size + subset)
                return index + 1
            sums[size + subset] = total
            _enter(table, seen, total, size + subset)
        size *= 2
    sums[0] = target
    size = 1
    for index in range(half, length):
        if 2 * size > limit:
            return UNDECIDED
        for subset in range(size):
            rest = sums[subset] - items[index]
            sums[size + subset] = rest
            other = _subset(table, seen, rest)
            if other != NONE:
                _mark(chosen, where, 0, other)
                _mark(chosen, where, half, size + subset)
                return index + 1
        size *= 2
    return NONE


@kernel
def solve_all(
    items: Any, targets: Any, half: int, table: Any, seen: Any, sums: Any, limit: int, prefix: Any, chosen: Any
) -> None:
    """Solve every instance.

    Args:
        items: int64[instances, n]; zeros are no items.
        targets: int64[instances].
        half: how many items the first half has, at most MAX_HALF.
        table: int64[a power of two above 2^half], overwritten.
        seen: bool[a power of two, some times 2^half], overwritten: by a sum's low bits, whether it may be there.
        sums: int64[at least 2^half and limit], overwritten.
        limit: how many sums the second half may have, a power of two.
        prefix: int64[instances], filled: the shortest prefix that reaches the target, NONE, or UNDECIDED where it
            is longer than `limit` allows, or there is none.
        chosen: bool[instances, n], all false; filled with one subset of that prefix.
    """
    nonzero = np.empty(items.shape[1], dtype=np.int64)
    where = np.empty(items.shape[1], dtype=np.int64)
    for instance in range(len(targets)):
        length = 0
        for index in range(items.shape[1]):
            if items[instance, index] != 0:
                nonzero[length], where[length] = items[instance, index], index
                length += 1
        found = _solve_one(
            nonzero, length, where, targets[instance], half, table, seen, sums, limit, chosen[instance]
        )
        prefix[instance] = where[found - 1] + 1 if found > 0 else found
