"""Instances that share their positions: the shortest prefix within which all of them have a subset.

Instance i has an item of its own at every position, and what is wanted is one number of positions for all instances
of a group. Most instances reach their target early; so the hardest are asked first, each for its shortest prefix,
then all for the fewest items within the longest of these, and only those that find none for a prefix of their own.
Where the number of items is bounded, an instance's shortest prefix is found by bisection.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from solvers.subset_sum.portfolio import (
    ANY,
    DEFAULT,
    Count,
    Int64Array,
    Limits,
    Objective,
    Solutions,
    check,
    solve,
)

_HARDEST = 16


@dataclass(frozen=True, eq=False)
class Served:
    """What all instances found.

    Attributes:
        sizes: int64[groups]: the shortest prefix within which all instances of a group have a subset, where they do.
        solutions: of each instance, within its group's prefix.
    """

    sizes: Int64Array
    solutions: Solutions


@dataclass(frozen=True, eq=False)
class Shared:
    """Instances of groups.

    Attributes:
        items: int64[instances, positions].
        targets: int64[instances].
        group: int64[instances], from 0 to groups - 1.
        groups: how many groups there are.
    """

    items: Int64Array
    targets: Int64Array
    group: Int64Array
    groups: int


def serve(
    shared: Shared,
    objective: Objective = "sparsest",
    count: Count = ANY,
    limits: Limits = DEFAULT,
    *,
    fixed: bool = False,
) -> Served:
    """Solve instances that share their positions.

    Args:
        shared: the instances.
        objective: as for `solve`; which subset is taken within a prefix.
        count: as for `solve`.
        limits: as for `solve`.
        fixed: the prefix is all positions.

    Raises:
        ValueError: as for `solve`.
    """
    check(shared.items, shared.targets)
    if fixed:
        sizes = np.full(shared.groups, shared.items.shape[1], dtype=np.int64)
        return Served(sizes, solve(shared.items, shared.targets, objective, count, limits))
    if objective == "first" and count == ANY:
        solutions = solve(shared.items, shared.targets, objective, count, limits)
        return Served(_longest(shared, np.arange(len(shared.targets)), solutions.prefix), solutions)
    return _grow(shared, count, limits)


def _grow(shared: Shared, count: Count, limits: Limits) -> Served:
    hardest = _hardest(shared)
    sizes = _longest(shared, hardest, _shortest(shared, hardest, count, limits).prefix)
    solutions = solve(shared.items, shared.targets, "sparsest", count, limits, sizes[shared.group])
    missing = np.flatnonzero(solutions.prefix < 0)
    if not len(missing):
        return Served(sizes, solutions)
    alone = _shortest(shared, missing, count, limits)
    grown = np.maximum(sizes, _longest(shared, missing, alone.prefix))
    again = np.flatnonzero((grown > sizes)[shared.group])
    lengths = grown[shared.group[again]]
    more = solve(shared.items[again], shared.targets[again], "sparsest", count, limits, lengths)
    for which, found in ((missing, alone), (again, more)):
        solutions.prefix[which], solutions.chosen[which] = found.prefix, found.chosen
    return Served(grown, solutions)


def _hardest(shared: Shared) -> Int64Array:
    """Return int64[n]: the instances of the largest targets, and the one of the largest in every group."""
    by_size = np.argsort(-np.abs(shared.targets), kind="stable")
    if shared.groups == 1:
        return by_size[:_HARDEST]
    _, first = np.unique(shared.group[by_size], return_index=True)
    return np.unique(np.concatenate([by_size[:_HARDEST], by_size[first]]))


def _longest(shared: Shared, which: Int64Array, prefix: Int64Array) -> Int64Array:
    """Return int64[groups]: the longest of the prefixes of some instances."""
    if shared.groups == 1:
        return np.array([max(0, int(prefix.max(initial=0)))])
    sizes = np.zeros(shared.groups, dtype=np.int64)
    np.maximum.at(sizes, shared.group[which], prefix)
    return sizes


def _shortest(shared: Shared, which: Int64Array, count: Count, limits: Limits) -> Solutions:
    """Return for some instances a subset within the shortest prefix that has one."""
    items, targets = shared.items[which], shared.targets[which]
    if count == ANY:
        return solve(items, targets, "first", count, limits)
    solutions = solve(items, targets, "sparsest", count, limits)
    for index in np.flatnonzero(solutions.found):
        low, high = 0, int(solutions.prefix[index])
        while low < high:
            middle = (low + high) // 2
            some = solve(items[index : index + 1, :middle], targets[index : index + 1], "sparsest", count, limits)
            if some.found[0]:
                high = int(some.prefix[0])
                solutions.prefix[index] = high
                solutions.chosen[index, :middle], solutions.chosen[index, middle:] = some.chosen[0], False
            else:
                low = middle + 1
    return solutions
