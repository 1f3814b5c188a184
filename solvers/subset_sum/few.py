"""The kernel: subsets of the fewest items, up to six, by tables of the sums of one, two and three items.

The sums of all subsets of up to three items are entered once; a subset of up to six is one of those and up to three
items more, so a target is looked up with its difference from every single item, pair and triple: n³ steps for n
items. Horowitz and Sahni (1974) split the items in two halves; here it is the subset that is split, in the order of
the sizes, so that what is found first has the fewest items.

No item may serve twice. A table holds for every sum the *least last* item of the subsets that give it, and a part is
joined only to items that all come after that one: if any way to split the subset in order exists, this one does.
Which subset it is that the entry stands for is found again from the tables, its last item first.

A table has one of two forms. Where items are small it is a row of bytes with one place for every sum, and one more
for all others: clearing it is cheaper than any hashing. Else it is a hash table of words, with open addressing, each
the sum and the last item; and a row of bytes, found by a sum's low bits, rules out most sums at once. The first 254
items that are not 0 are looked at, subsets of five and six of the first 64.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from solvers.jit import kernel, modular_kernel

MOST = 6
MAX_ITEMS = 254
MAX_TRIPLE_ITEMS = 64
DIRECT_MAX = 1 << 13
"""Items up to here have tables of bytes; the three together then fit a core's second cache."""

_NONE, _SEEN = 255, 0
_NONE_BYTE = np.uint8(_NONE)
_EMPTY = -(2**63)
_MULTIPLIER = np.uint64(0x9E3779B97F4A7C15)
_32 = np.uint64(32)


Bytes = NDArray[np.uint8]
Words = NDArray[np.int64]


def tables(largest: int, items: int) -> tuple[Bytes, Words | None, Bytes, Words | None, Bytes, Words | None]:
    """Return room for the sums of one, two and three of so many items, none above `largest` in magnitude.

    Each is a table of bytes and None, or bytes that say where no sum is, and a table of words.
    """
    if largest <= DIRECT_MAX:
        one, two, three = (np.empty(2 * size * largest + 3, dtype=np.uint8) for size in (1, 2, 3))
        return one, None, two, None, three, None
    many, few = min(items, MAX_ITEMS), min(items, MAX_TRIPLE_ITEMS)
    counts = many, many * (many - 1) // 2, few * (few - 1) * (few - 2) // 6
    one, two, three = (np.empty(1 << (8 * n + 1).bit_length(), dtype=np.uint8) for n in counts)
    one_sums, two_sums, three_sums = (np.empty(1 << (2 * n + 1).bit_length(), dtype=np.int64) for n in counts)
    return one, one_sums, two, two_sums, three, three_sums


@kernel
def _clear(table: Any, sums: Any) -> None:
    table[:] = _NONE_BYTE
    if sums is not None:
        sums[:] = _EMPTY


@modular_kernel
def _place(key: Any, size: int) -> int:
    return int((np.uint64(key) * _MULTIPLIER) >> _32) & (size - 1)


@kernel
def _enter(table: Any, sums: Any, key: Any, last: int) -> None:
    """Enter the sum of items of which `last` is the last one; those before have been entered before."""
    if sums is None:
        place = key + (len(table) >> 1)
        table[place] = min(table[place], last)
    else:
        table[key & (len(table) - 1)] = _SEEN
        mask = len(sums) - 1
        place = _place(key, len(sums))
        while sums[place] != _EMPTY:
            if sums[place] >> 8 == key:
                return
            place = (place + 1) & mask
        sums[place] = (key << 8) | last


@kernel
def _last(table: Any, sums: Any, key: Any) -> int:
    """Return the least last item of what gives this sum, or _NONE."""
    if sums is None:
        place = key + (len(table) >> 1)
        # Place 0 is never entered. Without a branch: whether a sum is inside is as good as random.
        place = place if 0 <= place < len(table) else 0
        return int(table[place])
    else:  # noqa: RET505 - numba leaves out the branch that a None excludes, where it is written so
        if table[key & (len(table) - 1)] == _NONE:
            return _NONE
        mask = len(sums) - 1
        place = _place(key, len(sums))
        while True:
            entry = sums[place]
            if entry == _EMPTY:
                return _NONE
            if entry >> 8 == key:
                return int(entry & 255)
            place = (place + 1) & mask


@kernel
def _fill_one(items: Any, length: int, table: Any, sums: Any) -> None:
    _clear(table, sums)
    for i in range(length):
        _enter(table, sums, items[i], i)


@kernel
def _fill_two(items: Any, length: int, table: Any, sums: Any) -> None:
    _clear(table, sums)
    for j in range(1, length):
        for i in range(j):
            _enter(table, sums, items[i] + items[j], j)


@kernel
def _fill_three(items: Any, length: int, table: Any, sums: Any) -> None:
    _clear(table, sums)
    for k in range(2, length):
        for j in range(1, k):
            pair = items[j] + items[k]
            for i in range(j):
                _enter(table, sums, items[i] + pair, k)


@kernel
def _with_one(items: Any, length: int, target: Any, table: Any, sums: Any, found: Any, at: int) -> bool:
    """Look for one item after what a table holds: found[at] is the item, and found[at - 1] the one before."""
    for last in range(length):
        before = _last(table, sums, target - items[last])
        if before < last:
            found[at - 1], found[at] = before, last
            return True
    return False


@kernel
def _with_two(items: Any, length: int, target: Any, table: Any, sums: Any, found: Any, at: int) -> bool:
    """Look for two items after what a table holds."""
    for last in range(length):
        left = target - items[last]
        for middle in range(last):
            before = _last(table, sums, left - items[middle])
            if before < middle:
                found[at - 1], found[at], found[at + 1] = before, middle, last
                return True
    return False


@kernel
def _with_three(items: Any, length: int, target: Any, table: Any, sums: Any, found: Any, at: int) -> bool:
    """Look for three items after what a table holds."""
    for last in range(length):
        for late in range(last):
            left = target - items[last] - items[late]
            for middle in range(late):
                before = _last(table, sums, left - items[middle])
                if before < middle:
                    found[at - 1], found[at], found[at + 1], found[at + 2] = before, middle, late, last
                    return True
    return False


@kernel
def _of_size(
    size: int,
    items: Any,
    length: int,
    target: Any,
    one: Any,
    one_sums: Any,
    two: Any,
    two_sums: Any,
    three: Any,
    three_sums: Any,
    found: Any,
) -> bool:
    """Look for a subset of one size, from 2 to 6; all smaller sizes were looked for before, so tables are filled."""
    if size == 2:
        return _with_one(items, length, target, one, one_sums, found, 1)
    if size == 3:
        return _with_two(items, length, target, one, one_sums, found, 1)
    if size == 4:
        hit = _with_two(items, length, target, two, two_sums, found, 2)
    elif size == 5:
        hit = _with_three(items, length, target, two, two_sums, found, 2)
    else:
        hit = _with_three(items, length, target, three, three_sums, found, 3)
    if not hit:
        return False
    rest = target
    for index in range(3 if size == 6 else 2, size):
        rest -= items[found[index]]
    if size == 6:
        rest -= items[found[2]]
        found[1] = _last(two, two_sums, rest)
    found[0] = _last(one, one_sums, rest - items[found[1]])
    return True


@kernel
def _one_of(items: Any, length: int, target: Any, found: Any) -> bool:
    for i in range(length):
        if items[i] == target:
            found[0] = i
            return True
    return False


@kernel
def _fewest(
    items: Any,
    length: int,
    target: Any,
    least: int,
    most: int,
    one: Any,
    one_sums: Any,
    two: Any,
    two_sums: Any,
    three: Any,
    three_sums: Any,
    found: Any,
) -> int:
    """Return how many items there are in the smallest subset of `least` to `most`, or -1; they are in `found`."""
    if target == 0 and least == 0:
        return 0
    if least <= 1 <= most and _one_of(items, length, target, found):
        return 1
    few = min(length, MAX_TRIPLE_ITEMS)
    for size in range(2, most + 1):
        if size > length:
            break
        if size == 2:
            _fill_one(items, length, one, one_sums)
        elif size == 4:
            _fill_two(items, length, two, two_sums)
        elif size == 6:
            _fill_three(items, few, three, three_sums)
        looked = length if size <= 4 else few
        if size >= least and _of_size(
            size, items, looked, target, one, one_sums, two, two_sums, three, three_sums, found
        ):
            return size
    return -1


@kernel
def fewest_all(
    items: Any,
    lengths: Any,
    targets: Any,
    least: int,
    most: int,
    one: Any,
    one_sums: Any,
    two: Any,
    two_sums: Any,
    three: Any,
    three_sums: Any,
    chosen: Any,
    prefix: Any,
) -> None:
    """Find the smallest subset of every instance.

    Args:
        items: int64[instances, n]; zeros are no items.
        lengths: int64[instances]: how many leading items of each are looked at.
        targets: int64[instances].
        least: the fewest items that a subset may have.
        most: the most, at most MOST.
        one: with the five that follow it as `tables` makes them.
        one_sums: as above.
        two: as above.
        two_sums: as above.
        three: as above.
        three_sums: as above.
        chosen: bool[instances, n], all false; filled.
        prefix: int64[instances], filled: how many leading items hold the subset, or -1 where there is none.
    """
    nonzero = np.empty(MAX_ITEMS, dtype=np.int64)
    where = np.empty(MAX_ITEMS, dtype=np.int64)
    found = np.empty(MOST, dtype=np.int64)
    for instance in range(len(targets)):
        length = 0
        for index in range(lengths[instance]):
            if items[instance, index] != 0 and length < MAX_ITEMS:
                nonzero[length], where[length] = items[instance, index], index
                length += 1
        size = _fewest(
            nonzero, length, targets[instance], least, most, one, one_sums, two, two_sums, three, three_sums, found
        )
        prefix[instance] = size
        for index in range(size):
            chosen[instance, where[found[index]]] = True
        if size > 0:
            prefix[instance] = where[found[size - 1]] + 1
