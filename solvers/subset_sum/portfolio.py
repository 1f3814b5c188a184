"""Exact subset sums: given integers and a target, which of them sum to it.

The random subset sum problem, Definition 2 of Kumar and Natale (arXiv:2508.11020), with items of any sign and
zeros. The answer is exact: a subset, or that there is none, or, where deciding would take more work or memory than
is allowed, that it is undecided.

Several ways behind one function, each where it is the fastest. The fewest items: tables of the sums of up to three
(`few`), and beyond six items bitsets by level (`levels`) or any subset. Any subset: a bitset dynamic program for
small integers (`bitset`), two halves that meet for wide ones (`halves`), and the dynamic program again where these
end without an answer.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from solvers.subset_sum import bitset, few, halves, levels
from solvers.subset_sum.halves import NONE, UNDECIDED

Int64Array = NDArray[np.int64]
BoolArray = NDArray[np.bool_]
Objective: TypeAlias = Literal["sparsest", "first"]

NARROW = 1 << 11
"""Up to here the dynamic program's bitsets are short, and faster than any hashing."""
_WORDS_A_SUM = 4
"""So many words of a bitset are gone through in the time that one sum is looked up."""
_IN_FRONT = 4
_FEW_MAX = 1 << 52
_HALVES_MAX = 1 << 42


@dataclass(frozen=True)
class Count:
    """How many items a subset may have: from `least` to `most`, None for any number; a least needs a most."""

    least: int = 0
    most: int | None = None

    def __post_init__(self) -> None:
        assert self.least == 0 if self.most is None else 0 <= self.least <= self.most

    def __str__(self) -> str:
        if self.most is None:
            return "any number"
        if self.least == self.most:
            return f"exactly {self.most}"
        return f"at most {self.most}" if self.least == 0 else f"{self.least} to {self.most}"


ANY = Count()


@dataclass(frozen=True)
class Limits:
    """What deciding may take.

    Attributes:
        bytes: of the bitsets of a dynamic program: as many bits for each item as the widest instance has sums.
        sums: of the second of two halves that meet, a power of two.
    """

    bytes: int = 2**28
    sums: int = 2**20


DEFAULT = Limits()


@dataclass(frozen=True, eq=False)
class Solutions:
    """One answer for each instance.

    Attributes:
        prefix: int64[instances]: the subset lies within so many leading items. Of the objective `first` it is the
            least number within which there is any, 0 for the target 0, unless it was found out of order
            (`_any_elsewhere`). NONE where no subset sums to the target, UNDECIDED where the limits end the search.
        chosen: bool[instances, n]: a subset within that prefix, all false where none was found.
    """

    prefix: Int64Array
    chosen: BoolArray

    @property
    def found(self) -> BoolArray:
        """bool[instances]: whether there is a subset."""
        return self.prefix >= 0


def solve(
    items: Int64Array,
    targets: Int64Array,
    objective: Objective = "sparsest",
    count: Count = ANY,
    limits: Limits = DEFAULT,
    lengths: Int64Array | None = None,
) -> Solutions:
    """Solve subset-sum instances.

    Args:
        items: int64[instances, n]; items of 0 are never chosen.
        targets: int64[instances].
        objective: `sparsest` finds a subset of the fewest items, up to six exactly, beyond that any; `first` any
            within the shortest prefix that has one.
        count: how many items a subset may have; where it says something, the objective is `sparsest`.
        limits: of work and memory.
        lengths: int64[instances]: how many leading items of each may be chosen; None for all.

    Raises:
        ValueError: the shapes do not fit, or sums could leave int64.
    """
    check(items, targets)
    items = np.ascontiguousarray(items)
    if objective == "first" and count == ANY:
        return _any(_within(items, lengths), targets, limits)
    return _fewest(items, targets, count, limits, lengths)


def _within(items: Int64Array, lengths: Int64Array | None) -> Int64Array:
    """Return the items with zeros past the lengths."""
    return items if lengths is None else np.where(np.arange(items.shape[1]) < lengths[:, None], items, 0)


def check(items: Int64Array, targets: Int64Array) -> None:
    """Check what `solve` takes.

    Raises:
        ValueError: the shapes do not fit, or sums could leave int64.
    """
    if items.ndim != 2 or targets.shape != items.shape[:1]:
        raise ValueError(f"expected items[m, n] and targets[m], found {items.shape} and {targets.shape}")
    largest, length = _largest(items), items.shape[1]
    if largest * max(length, 1) >= 2**62:
        raise ValueError(f"expected sums within 62 bits, found {length} items of up to {largest}")


def _largest(items: Int64Array) -> int:
    return max(abs(int(items.max(initial=0))), abs(int(items.min(initial=0))))


def _fewest(
    items: Int64Array, targets: Int64Array, count: Count, limits: Limits, lengths: Int64Array | None
) -> Solutions:
    """The fewest items; where those are more than six, by levels if their number is bounded, else any subset."""
    solutions = _few(items, targets, lengths, count)
    left = np.flatnonzero(solutions.prefix < 0)
    if len(left):
        rest = _within(items[left], None if lengths is None else lengths[left]), targets[left]
        if count.most is None:
            more = _any(*rest, limits)
        else:
            more = _bounded(*rest, count, limits, by_few=_largest(items) < _FEW_MAX)
        solutions.prefix[left], solutions.chosen[left] = more.prefix, more.chosen
    return solutions


def _few(items: Int64Array, targets: Int64Array, lengths: Int64Array | None, count: Count) -> Solutions:
    """The fewest items up to six; NONE says that of these."""
    chosen = np.zeros(items.shape, dtype=np.bool_)
    prefix = np.full(len(targets), NONE, dtype=np.int64)
    if (largest := _largest(items)) < _FEW_MAX:
        most = few.MOST if count.most is None else min(count.most, few.MOST)
        looked = np.full(len(targets), items.shape[1], dtype=np.int64) if lengths is None else lengths
        tables = few.tables(largest, items.shape[1])
        few.fewest_all(items, looked, targets, count.least, most, *tables, chosen, prefix)
    return Solutions(prefix, chosen)


def _last_chosen(chosen: BoolArray) -> Int64Array:
    """int64[instances]: the shortest prefix that holds all that is chosen."""
    if not chosen.shape[1]:
        return np.zeros(len(chosen), dtype=np.int64)
    last = chosen.shape[1] - chosen[:, ::-1].argmax(axis=1)
    return np.where(chosen.any(axis=1), last, 0).astype(np.int64)


def _bounded(items: Int64Array, targets: Int64Array, count: Count, limits: Limits, *, by_few: bool) -> Solutions:
    """Subsets of a bounded number of items, for instances of which `few` found none, if it was asked at all."""
    assert count.most is not None
    nothing = np.zeros(items.shape, dtype=np.bool_)
    seen = few.MAX_ITEMS if count.most < 5 else few.MAX_TRIPLE_ITEMS
    seen_all = by_few and np.count_nonzero(items, axis=1).max() <= seen
    if seen_all and count.most <= few.MOST:
        return Solutions(np.full(len(targets), NONE, dtype=np.int64), nothing)
    most, words = min(count.most, items.shape[1]), _words(items)
    if (most + 1) * (items.shape[1] + 1) * words * 8 > limits.bytes:
        return Solutions(np.full(len(targets), UNDECIDED, dtype=np.int64), nothing)
    sizes = np.empty(len(targets), dtype=np.int64)
    table = np.empty((most + 1, items.shape[1] + 1, words), dtype=np.uint64)
    levels.solve_all(items, targets, count.least, most, table, nothing, sizes)
    return Solutions(np.where(sizes >= 0, _last_chosen(nothing), NONE), nothing)


def _any(items: Int64Array, targets: Int64Array, limits: Limits) -> Solutions:
    """Any subset, within the shortest prefix that has one."""
    largest, words = _largest(items), _words(items)
    fits = (items.shape[1] + 1) * words * 8 <= limits.bytes
    if fits and largest <= NARROW:
        return _by_bitsets(items, targets, words)
    sums = limits.sums
    if fits:
        sums = min(sums, 1 << max(1, items.shape[1] * words // _WORDS_A_SUM).bit_length())
    met = _by_halves(items, targets, sums)
    prefix, chosen = met.prefix, met.chosen
    left = np.flatnonzero(prefix == UNDECIDED)
    if len(left):
        rest = items[left], targets[left]
        more = _by_bitsets(*rest, words) if fits else _any_elsewhere(*rest, limits)
        prefix[left], chosen[left] = more.prefix, more.chosen
    return Solutions(prefix, chosen)


def _by_halves(items: Int64Array, targets: Int64Array, limit: int) -> Solutions:
    chosen = np.zeros(items.shape, dtype=np.bool_)
    prefix = np.full(len(targets), UNDECIDED, dtype=np.int64)
    if (largest := _largest(items)) < _HALVES_MAX:
        half = _half(largest)
        table, seen = np.empty(4 << half, dtype=np.int64), np.empty(8 << half, dtype=np.bool_)
        sums = np.empty(max(limit, 1 << half), dtype=np.int64)
        halves.solve_all(items, targets, half, table, seen, sums, limit, prefix, chosen)
    return Solutions(prefix, chosen)


def _half(largest: int) -> int:
    return min(halves.MAX_HALF, largest.bit_length() // 2 + 2)


def _by_bitsets(items: Int64Array, targets: Int64Array, words: int) -> Solutions:
    prefix = np.zeros(len(targets), dtype=np.int64)
    chosen = np.zeros(items.shape, dtype=np.bool_)
    bitset.solve_all(items, targets, words, prefix, chosen)
    return Solutions(prefix, chosen)


def _any_elsewhere(items: Int64Array, targets: Int64Array, limits: Limits) -> Solutions:
    """Any subset of instances that no short prefix and no bitset decides; where none is found it stays undecided.

    What they lack is most often an odd item, or large ones of the target's sign; so halves are tried with those in
    front, and then subsets of up to six items.
    """
    order = _useful_first(items, targets)
    front = _by_halves(np.take_along_axis(items, order, axis=1), targets, limits.sums)
    chosen = np.zeros(items.shape, dtype=np.bool_)
    np.put_along_axis(chosen, order, front.chosen, axis=1)
    left = np.flatnonzero(~front.found)
    if len(left):
        chosen[left] = _few(items[left], targets[left], None, ANY).chosen
    found = chosen.any(axis=1) | (targets == 0)
    none = np.where(front.prefix == NONE, NONE, UNDECIDED)
    return Solutions(np.where(found, _last_chosen(chosen), none), chosen)


def _useful_first(items: Int64Array, targets: Int64Array) -> Int64Array:
    """int64[instances, n], an order of each instance's items: some that few powers of two divide, some large, all."""
    nothing = items == 0
    powers = np.where(nothing, np.iinfo(np.int64).max, items & -items)
    signed = np.where(nothing, 0, items * np.where(targets < 0, -1, 1)[:, None])
    rank = np.full(items.shape, 2, dtype=np.int64)
    np.put_along_axis(rank, np.argsort(-signed, axis=1, kind="stable")[:, :_IN_FRONT], 1, axis=1)
    np.put_along_axis(rank, np.argsort(powers, axis=1, kind="stable")[:, :_IN_FRONT], 0, axis=1)
    return np.argsort(rank, axis=1, kind="stable")


def _words(items: Int64Array) -> int:
    """Return how many 64-bit words hold the range of sums of the widest instance."""
    return int(np.abs(items).sum(axis=1).max(initial=0)) // 64 + 2


def arrivals(items: Int64Array, targets: Int64Array) -> Int64Array:
    """Return int64[targets, n + 1]: in how many instances a target needs so many leading items; at 0, more than all.

    Args:
        items: int64[instances, n], small integers: bitsets hold all their sums.
        targets: int64[targets], none of them 0.
    """
    counts = np.zeros((len(targets), items.shape[1] + 1), dtype=np.int64)
    bitset.arrive_all(np.ascontiguousarray(items), targets, _words(items), counts)
    return counts
