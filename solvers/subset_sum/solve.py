"""Exact subset sums: given integers and a target, which of them sum to it.

The random subset sum problem, Definition 2 of Kumar and Natale (arXiv:2508.11020), with items of any sign and
zeros. The answer is exact both ways: a subset, or none exists.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from solvers.subset_sum import bitset

MAX_BYTES = 2**28


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
    largest = max(abs(int(items.max(initial=0))), abs(int(items.min(initial=0))))
    if largest * max(length, 1) >= 2**62:
        raise ValueError(f"expected sums within 62 bits, found {length} items of up to {largest}")
    spread = int(np.abs(items).sum(axis=1).max(initial=0))
    words = spread // 64 + 2
    needed = (length + 1) * words * 8
    if needed > max_bytes:
        raise WorkLimitError(f"{length} items of up to {largest} need {needed} bytes, the limit is {max_bytes}")
    prefix = np.zeros(instances, dtype=np.int64)
    chosen = np.zeros(items.shape, dtype=np.bool_)
    bitset.solve_all(np.ascontiguousarray(items), targets, words, prefix, chosen)
    return Solutions(prefix, chosen)
