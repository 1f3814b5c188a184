"""Subset sums written out: oracles, and one instance solved in every way that there is."""

from __future__ import annotations

import contextlib
import itertools
from unittest import mock

import numpy as np
from hypothesis import strategies as st

from solvers.subset_sum import Count, Limits, few, portfolio, solve

LARGE = 2**20
ANY, LIMITS = Count(), Limits()

small = st.integers(-20, 20)
boundary = st.builds(
    lambda word, near, sign: sign * (64 * word + near),
    st.integers(0, 5),
    st.integers(-1, 1),
    st.sampled_from([1, -1]),
)
large = st.integers(-LARGE, LARGE) | st.sampled_from([LARGE, -LARGE])
item_lists = st.one_of(
    *(st.lists(items, max_size=10) for items in (small, boundary, large, small | boundary | large))
)


@contextlib.contextmanager
def way(name):
    """Have small integers solved as wide ones are, or wide ones as small ones."""
    narrow, direct = {"bitsets and bytes": (2**60, 2**12), "halves and words": (0, 0)}[name]
    with mock.patch.object(portfolio, "NARROW", narrow), mock.patch.object(few, "DIRECT_MAX", direct):
        yield


WAYS = ("bitsets and bytes", "halves and words")


def naive_prefix(items, target):
    """The least n such that some subset of the first n items, each subset summed, gives the target; else -1."""
    sums = [0]
    if target == 0:
        return 0
    for length, item in enumerate(items, start=1):
        sums += [total + item for total in sums]
        if target in sums:
            return length
    return -1


def naive_fewest(items, target, count=ANY):
    """The least number of items, as many as may be, that are not 0 and sum to the target; else None."""
    nonzero = [item for item in items if item]
    most = len(nonzero) if count.most is None else min(count.most, len(nonzero))
    for size in range(count.least, most + 1):
        if any(sum(chosen) == target for chosen in itertools.combinations(nonzero, size)):
            return size
    return None


def solve_one(items, target, objective="first", count=ANY, limits=LIMITS):
    """(prefix, indices of the chosen)."""
    rows = np.array([items], dtype=np.int64).reshape(1, -1)
    solutions = solve(rows, np.array([target], dtype=np.int64), objective, count, limits)
    return int(solutions.prefix[0]), np.flatnonzero(solutions.chosen[0]).tolist()


def check_subset(items, target, prefix, chosen):
    """Hold one answer to what every answer has to be."""
    if prefix < 0:
        assert chosen == []
        return
    assert sum(items[index] for index in chosen) == target
    assert all(index < prefix for index in chosen)
    assert all(items[index] != 0 for index in chosen)


def check_first(items, target, prefix, chosen):
    """Hold one answer for the shortest prefix against the naive one."""
    assert prefix == naive_prefix(items, target)
    check_subset(items, target, prefix, chosen)
