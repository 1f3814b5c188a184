"""Exact subset sums: given integers and a target, which of them sum to it.

The random subset sum problem, Definition 2 of Kumar and Natale (arXiv:2508.11020), with items of any sign and
zeros. The answer is exact both ways: a subset, or none exists.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from solvers.subset_sum import bitset
from solvers.subset_sum.fewest import fewest_all

MAX_BYTES = 2**28
FEWEST_LEVELS = 5
FEWEST_MAX_BYTES = 2**22
"""A table that no longer fits a core's cache costs more time than the items it saves are worth."""


class WorkLimitError(Exception):
    """The instances need more memory than the limit; the message says how much."""


@dataclass(frozen=True, eq=False)
class Solutions:
    """One answer for each instance.

    Attributes:
        prefix: int64[instances]; the least number of leading items among which a subset reaches the target, 0 for
            the target 0, and -1 where no subset of all the items does.
        chosen: bool[instances, n]; a subset within that prefix, all false where there is none.
    """

    prefix: NDArray[np.int64]
    chosen: NDArray[np.bool_]


def solve(items: NDArray[np.int64], targets: NDArray[np.int64], max_bytes: int = MAX_BYTES) -> Solutions:
    """Solve subset-sum instances.

    Args:
        items: int64[instances, n]; items of 0 are never chosen.
        targets: int64[instances].
        max_bytes: a bound on the kernel's memory: (n + 1) bitsets over the widest instance's range of sums.

    Raises:
        ValueError: the shapes do not fit, or sums could leave int64.
        WorkLimitError: more memory than max_bytes would be needed.
    """
    if items.ndim != 2 or targets.shape != items.shape[:1]:
        raise ValueError(f"expected items[m, n] and targets[m], found {items.shape} and {targets.shape}")
    instances, length = items.shape
    words = _words(items)
    needed = (length + 1) * words * 8
    if needed > max_bytes:
        largest = int(np.abs(items).max(initial=0))
        raise WorkLimitError(f"{length} items of up to {largest} need {needed} bytes, the limit is {max_bytes}")
    prefix = np.zeros(instances, dtype=np.int64)
    chosen = np.zeros(items.shape, dtype=np.bool_)
    bitset.solve_all(np.ascontiguousarray(items), targets, words, prefix, chosen)
    return Solutions(prefix, chosen)


def fewest(items: NDArray[np.int64], targets: NDArray[np.int64], chosen: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return subsets of the fewest items, from any that reach the targets.

    Where even FEWEST_LEVELS items do not reach a target, or the instances are too wide for a small table, a subset
    stays what it was.

    Args:
        items: int64[instances, n].
        targets: int64[instances].
        chosen: bool[instances, n], a subset for each.

    Raises:
        ValueError: the shapes do not fit, or a subset does not reach its target.
    """
    if items.ndim != 2 or targets.shape != items.shape[:1] or chosen.shape != items.shape:
        found = f"{items.shape}, {targets.shape} and {chosen.shape}"
        raise ValueError(f"expected items[m, n], targets[m] and chosen[m, n], found {found}")
    if ((items * chosen).sum(axis=1) != targets).any():
        raise ValueError("expected subsets that reach their targets")
    shape = (FEWEST_LEVELS + 1, items.shape[1] + 1, _words(items))
    smaller = chosen.copy()
    if math.prod(shape) * 8 <= FEWEST_MAX_BYTES:
        fewest_all(np.ascontiguousarray(items), targets, np.empty(shape, dtype=np.uint64), smaller)
    return smaller


def _words(items: NDArray[np.int64]) -> int:
    """Return how many 64-bit words hold the range of sums of the widest instance.

    Raises:
        ValueError: sums could leave int64.
    """
    length = items.shape[1]
    largest = max(abs(int(items.max(initial=0))), abs(int(items.min(initial=0))))
    if largest * max(length, 1) >= 2**62:
        raise ValueError(f"expected sums within 62 bits, found {length} items of up to {largest}")
    return int(np.abs(items).sum(axis=1).max(initial=0)) // 64 + 2
