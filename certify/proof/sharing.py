"""Equal obligations once: which weight obligations of a pair say the same.

Two do where half, range and right side are the same, and the edges on the left, in whatever order they stand. Only
such ones share a place before z3, and only within one run. They are found by numbering: obligations have equal
numbers as long as all that was looked at of them is the same, first half, range and weight, and then their edges,
sorted, as many at a time as fit into a machine word. Numbers are ranks among what is there, not hashes, so equal ones
mean equal obligations; how large they can become is counted in Python integers.
"""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from certify.network.matrix import Int64Array
from certify.proof.obligations import Range, WeightObligations

WORD = 2**62
_SPREAD = 4
"""Up to so many times as far apart as there are values, they are ranks as they stand, without being sorted."""


def distinct(listed: WeightObligations) -> WeightObligations:
    """Return the first of all obligations that say the same, those of one half and range behind each other."""
    spans = _spans(listed)
    _, first = np.unique(numbers(listed), return_index=True)
    return listed.take(first[np.lexsort((first, spans[first]))])


def runs(listed: WeightObligations) -> list[tuple[int, int]]:
    """Return where obligations of one half and range, which stand behind each other, begin and end."""
    cuts = np.flatnonzero(np.diff(_spans(listed))) + 1
    ends = [0, *cuts.tolist(), len(listed)]
    return [(first, last) for first, last in pairwise(ends) if first < last]


def numbers(listed: WeightObligations) -> Int64Array:
    """Return int64[m], equal for two obligations exactly where both say the same."""
    found, count = _pack(_ranks(_spans(listed)), _ranks(listed.weight))
    edges, kinds = _pack(_ranks(listed.v), _ranks(listed.u))
    lengths, at = np.diff(listed.start), 0
    edges = _sorted_within(edges, kinds, lengths)
    left = np.flatnonzero(lengths)
    while len(left):
        _check_fits(count * (kinds + 1))
        packed, room = found[left], count
        while room * (kinds + 1) <= WORD and (lengths[left] > at).any():
            # 0 for an obligation that has no more edges.
            has = lengths[left] > at
            digit = np.zeros(len(left), dtype=np.int64)
            digit[has] = edges[listed.start[left[has]] + at] + 1
            packed, room, at = packed * (kinds + 1) + digit, room * (kinds + 1), at + 1
        ranks, more = _ranks(packed, dense=False)
        # Beyond all numbers so far, which obligations with fewer edges keep.
        found[left], count = count + ranks, count + more
        left = left[lengths[left] > at]
    return found


def _spans(listed: WeightObligations) -> Int64Array:
    """Return int64[m], equal for two obligations exactly where half and range are the same."""
    known: dict[tuple[int, Range], int] = {}
    table = np.zeros((len(listed.ranges), max(map(len, listed.ranges))), dtype=np.int64)
    for half, spans in enumerate(listed.ranges):
        table[half, : len(spans)] = [known.setdefault((half, span), len(known)) for span in spans]
    found: Int64Array = table[listed.half, listed.input]
    return found


def _ranks(values: Int64Array, *, dense: bool = True) -> tuple[Int64Array, int]:
    """Return numbers from 0 on that are equal exactly where the values are, and how many there may be.

    Values that are dense enough are taken as they stand, from the least one on.
    """
    if not len(values):
        return values, 1
    low, high = int(values.min()), int(values.max())
    if dense and high - low < _SPREAD * len(values):
        return values - low, high - low + 1
    found, ranks = np.unique(values, return_inverse=True)
    return ranks.astype(np.int64, copy=False), len(found)


def _pack(left: tuple[Int64Array, int], right: tuple[Int64Array, int]) -> tuple[Int64Array, int]:
    """Return ranks of pairs of ranks."""
    _check_fits(left[1] * right[1])
    return _ranks(left[0] * right[1] + right[0])


def _check_fits(count: int) -> None:
    """Check that so many numbers fit into a word: one that wrapped could be another obligation's.

    Raises:
        OverflowError: they do not.
    """
    if count > WORD:
        raise OverflowError(f"expected at most 2^{WORD.bit_length() - 1} numbers for obligations, found {count}")


def _sorted_within(edges: Int64Array, kinds: int, lengths: Int64Array) -> Int64Array:
    """Return every obligation's edges in rising order."""
    _check_fits(len(lengths) * kinds)
    first = np.repeat(np.arange(len(lengths), dtype=np.int64) * kinds, lengths)
    found: Int64Array = np.sort(first + edges) - first
    return found
