"""Counting over random subset sums, compiled: how many items it takes, and whether there is any solution.

`failures` adds items one by one to a bitset of the sums that they reach (Bellman), and stops at the first prefix that
reaches the goal. So one draw says the outcome for every number of items, and costs what its own solution
costs.

`solvable` looks for one sum only, among numbers too large for bits: E. Horowitz and S. Sahni, "Computing partitions
with applications to the knapsack problem" (1974). Each half of the items has 2^{n/2} sums; they are kept sorted while
items are added, by merging a list with itself shifted, and two fingers walk the lists.

Numbers come from SplitMix64 (G. Steele, D. Lea and C. Flood, 2014), one stream for every point of an experiment. A
word x becomes floor(x·N/2^64), uniform on N values up to N/2^64.
"""

from __future__ import annotations

import hashlib
from typing import Any

import numpy as np
from numpy.typing import NDArray

from solvers.jit import kernel, modular_kernel

Words = NDArray[np.uint64]

RANGE, PARITY, DENSITY = 0, 1, 2
"""Why a goal is not reached: beyond the sum of all items of its sign; odd where all items are even (or the like with
a higher power of two); neither, so the sums are too few."""

_WEYL = np.uint64(0x9E3779B97F4A7C15)
_MIX_1 = np.uint64(0xBF58476D1CE4E5B9)
_MIX_2 = np.uint64(0x94D049BB133111EB)
_LOW = np.uint64(0xFFFFFFFF)
_32 = np.uint64(32)
_31 = np.uint64(31)
_30 = np.uint64(30)
_27 = np.uint64(27)
_1 = np.uint64(1)


def stream(seed: int, name: str) -> Words:
    """Return the state, uint64[1], from which the numbers of a point come; `name` is the point's."""
    digest = hashlib.sha256(f"{seed} {name}".encode()).digest()
    return np.frombuffer(digest[:8], dtype="<u8").astype(np.uint64)


@modular_kernel
def _word(state: Any) -> Any:
    state[0] += _WEYL
    word = state[0]
    word = (word ^ (word >> _30)) * _MIX_1
    word = (word ^ (word >> _27)) * _MIX_2
    return word ^ (word >> _31)


@kernel
def below(state: Any, count: Any) -> Any:
    """Return an integer in 0..count-1, count below 2^62."""
    word, other = _word(state), np.uint64(count)
    a_low, a_high, b_low, b_high = word & _LOW, word >> _32, other & _LOW, other >> _32
    middle = a_high * b_low + ((a_low * b_low) >> _32)
    rest = a_low * b_high + (middle & _LOW)
    return np.int64(a_high * b_high + (middle >> _32) + (rest >> _32))


@kernel
def item(state: Any, first: Any, bits: Any) -> Any:
    """Return an item: v·first with v uniform on -2^bits..2^bits; for first = 0 uniform on ±1..±2^bits."""
    size = np.int64(1) << bits
    if first > 0:
        return first * (below(state, 2 * size + 1) - size)
    value = below(state, 2 * size) - size
    return value if value < 0 else value + 1


@kernel
def _add_positive(row: Any, low: Any, high: Any, shift: Any) -> None:
    """Set row |= row shifted up, in place; its bits lie in low..high."""
    words, bits = shift >> 6, np.uint64(shift & 63)
    first, last = (low >> 6) + words, (high + shift) >> 6
    if bits == np.uint64(0):
        for word in range(last, first - 1, -1):
            row[word] |= row[word - words]
        return
    rest = np.uint64(64) - bits
    for word in range(last, first - 1, -1):
        row[word] |= (row[word - words] << bits) | (row[word - words - 1] >> rest)


@kernel
def _add_negative(row: Any, low: Any, high: Any, shift: Any) -> None:
    """Set row |= row shifted down, in place; its bits lie in low..high."""
    words, bits = shift >> 6, np.uint64(shift & 63)
    first, last = (low - shift) >> 6, (high >> 6) - words
    if bits == np.uint64(0):
        for word in range(first, last + 1):
            row[word] |= row[word + words]
        return
    rest = np.uint64(64) - bits
    for word in range(first, last + 1):
        row[word] |= (row[word + words] >> bits) | (row[word + words + 1] << rest)


@kernel
def _reached(row: Any, centre: Any, low: Any, high: Any, goal: Any) -> bool:
    place = centre + goal
    return bool(low <= goal <= high and (row[place >> 6] >> np.uint64(place & 63)) & _1)


@kernel
def _cause(goal: Any, low: Any, high: Any, seen: Any) -> Any:
    """Why a goal is not reached; `seen` is the disjunction of all items' magnitudes."""
    if not low <= goal <= high:
        return RANGE
    if (goal & -goal) < (seen & -seen):
        return PARITY
    return DENSITY


@kernel
def _one(state: Any, goal: Any, bits: Any, firsts: Any, drawn: Any, row: Any, causes: Any, counted: Any) -> Any:
    """Return how many items reach a goal, or as many as there are causes; row: zeros, and zeros again afterwards.

    firsts: the first factors, of which `drawn` are known; of none where it is empty. What is missing with fewer items
    than `counted` has its cause already.
    """
    centre = (len(row) >> 1) << 6
    row[centre >> 6] = _1
    low, high, seen = np.int64(0), np.int64(0), np.int64(0)
    items = 0
    while items < len(causes) and not _reached(row, centre, low, high, goal):
        if items >= counted:
            causes[items, _cause(goal, low, high, seen)] += 1
        items += 1
        first = np.int64(0)
        if len(firsts) > 0:
            if items > drawn:
                firsts[items - 1] = below(state, np.int64(1) << bits) + 1
            first = firsts[items - 1]
        value = item(state, first, bits)
        if value > 0:
            _add_positive(row, centre + low, centre + high, value)
            high += value
        elif value < 0:
            _add_negative(row, centre + low, centre + high, -value)
            low += value
        seen |= abs(value)
    row[(centre + low) >> 6 : ((centre + high) >> 6) + 1] = 0
    return items


@kernel
def _failures(
    state: Any, draws: Any, bits: Any, largest: Any, scale: Any, goals: Any, firsts: Any, row: Any, causes: Any
) -> None:
    for _ in range(draws):
        needed = 0
        for _ in range(goals):
            goal = scale * (below(state, 2 * largest + 1) - largest)
            needed = max(needed, _one(state, goal, bits, firsts, needed, row, causes, needed))


def failures(
    state: Words, draws: int, most: int, *, products: bool, bits: int, target_bits: int, goals: int = 1
) -> NDArray[np.int64]:
    """Return by number of items, 0..most, how many draws had not reached all goals, and why: int64[most + 1, 3].

    Args:
        state: uint64[1], of `stream`; it moves on.
        draws: how many.
        most: items.
        products: whether items are v·u, and the goals on their scale, 4^-bits; u > 0, as units of one half have it.
        bits: of the random weights.
        target_bits: of a goal, which is uniform on -2^k..2^k; at most 2·bits of products and bits of uniform items.
        goals: how many independent goals a draw has, each with items of its own; but of products the u are the same
            for all, as a hidden unit has one weight from its input and one to every output. The cause is that of the
            first goal that is missing.
    """
    item_bits = 2 * bits if products else bits
    assert target_bits <= item_bits <= 40
    row = np.zeros(2 * (((most + 1) << item_bits >> 6) + 3), dtype=np.uint64)
    causes = np.zeros((most + 1, 3), dtype=np.int64)
    firsts = np.zeros(most + 1 if products else 0, dtype=np.int64)
    scale = 1 << (item_bits - target_bits)
    _failures(state, draws, bits, 1 << target_bits, scale, goals, firsts, row, causes)
    return causes


@kernel
def _sums(items: Any, sums: Any, spare: Any) -> Any:
    """Return the sums of all subsets, rising; sums, spare: int64[2^n]."""
    sums[0] = 0
    length = 1
    for value in items:
        a, b = 0, 0
        for index in range(2 * length):
            if b == length or (a < length and sums[a] <= sums[b] + value):
                spare[index] = sums[a]
                a += 1
            else:
                spare[index] = sums[b] + value
                b += 1
        sums, spare = spare, sums
        length *= 2
    return sums[:length]


@kernel
def _meets(left: Any, right: Any, goal: int) -> bool:
    """Whether some left + right is the goal; both rise."""
    a, b = 0, len(right) - 1
    while a < len(left) and b >= 0:
        total = left[a] + right[b]
        if total == goal:
            return True
        if total < goal:
            a += 1
        else:
            b -= 1
    return False


@kernel
def has_subset(items: Any, goal: int) -> bool:
    """Whether some subset of items, int64[n], has the sum `goal`."""
    half = len(items) // 2
    size = 1 << (len(items) - half)
    left = _sums(items[:half], np.empty(size, np.int64), np.empty(size, np.int64))
    right = _sums(items[half:], np.empty(size, np.int64), np.empty(size, np.int64))
    return _meets(left, right, goal)


@kernel
def perfect_partitions(state: Any, draws: int, count: int, largest: int) -> int:
    """Return how many draws of `count` items on {1..largest} have two parts that differ by 0, or by 1 if odd."""
    found = 0
    items = np.empty(count, dtype=np.int64)
    for _ in range(draws):
        for index in range(count):
            items[index] = below(state, largest) + 1
        found += has_subset(items, items.sum() // 2)
    return found


@kernel
def solvable(state: Any, draws: int, count: int, largest: int, goal: int) -> int:
    """Return in how many draws of `count` items on ±{1..largest} some subset has the sum `goal`."""
    found = 0
    items = np.empty(count, dtype=np.int64)
    for _ in range(draws):
        for index in range(count):
            value = below(state, 2 * largest) - largest
            items[index] = value if value < 0 else value + 1
        found += has_subset(items, goal)
    return found
