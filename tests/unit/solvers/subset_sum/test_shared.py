"""Instances that share their positions, against each instance's own shortest prefix."""

from __future__ import annotations

import random

import numpy as np
import pytest
from subsets import naive_fewest, naive_prefix

from solvers.subset_sum import ANY, NONE, Count, Shared, serve, shared


def instances(seed, rows, positions, groups=1, largest=30):
    chance = random.Random(seed)
    items = [[chance.randint(-largest, largest) for _ in range(positions)] for _ in range(rows)]
    targets = [chance.randint(-2 * largest, 2 * largest) for _ in range(rows)]
    group = [row * groups // rows for row in range(rows)]
    return Shared(np.array(items), np.array(targets), np.array(group), groups)


def naive_size(case, group, count):
    """The shortest prefix within which every instance of the group that has a subset at all has one."""
    sizes = [0]
    for items, target, own in zip(case.items.tolist(), case.targets.tolist(), case.group.tolist(), strict=True):
        if own == group and count == ANY:
            sizes.append(naive_prefix(items, target))
        elif own == group:
            lengths = (n for n in range(len(items) + 1) if naive_fewest(items[:n], target, count) is not None)
            sizes.append(next(lengths, 0))
    return max(sizes)


@pytest.mark.parametrize("count", [ANY, Count(0, 3), Count(2, 2)], ids=["any", "at most 3", "exactly 2"])
@pytest.mark.parametrize("groups", [1, 3])
@pytest.mark.parametrize("seed", range(4))
def test_sizes_and_subsets(seed, groups, count, monkeypatch):
    monkeypatch.setattr(shared, "_HARDEST", 1)
    case = instances(seed, 9, 10, groups)
    served = serve(case, count=count)
    assert served.sizes.tolist() == [naive_size(case, group, count) for group in range(groups)]
    for index, (items, target) in enumerate(zip(case.items.tolist(), case.targets.tolist(), strict=True)):
        size = int(served.sizes[case.group[index]])
        chosen = np.flatnonzero(served.solutions.chosen[index]).tolist()
        least = naive_fewest(items[:size], target, count)
        assert (served.solutions.prefix[index] >= 0) == (least is not None)
        if least is not None:
            assert sum(items[place] for place in chosen) == target
            assert all(place < served.solutions.prefix[index] <= size for place in chosen)
            assert len(chosen) == least or least > 6


@pytest.mark.parametrize("hardest", [1, 4, 100])
def test_who_is_asked_first_changes_nothing(hardest, monkeypatch):
    case = instances(7, 60, 14, largest=200)
    before = serve(case)
    monkeypatch.setattr(shared, "_HARDEST", hardest)
    after = serve(case)
    assert (after.sizes == before.sizes).all()
    assert (after.solutions.chosen == before.solutions.chosen).all()


def test_first():
    case = instances(1, 9, 10)
    served = serve(case, "first")
    prefixes = [naive_prefix(*row) for row in zip(case.items.tolist(), case.targets.tolist(), strict=True)]
    assert served.solutions.prefix.tolist() == prefixes
    assert served.sizes.tolist() == [max(prefixes)]


@pytest.mark.parametrize("objective", ["first", "sparsest"])
def test_fixed(objective):
    case = Shared(np.array([[2, 1, 3, 3]]), np.array([3]), np.array([0]), 1)
    served = serve(case, objective, fixed=True)
    assert served.sizes.tolist() == [4]
    assert served.solutions.chosen.tolist() == [[objective == "first"] * 2 + [objective == "sparsest", False]]


def test_what_is_not_there_says_so():
    case = Shared(np.array([[2, 4, 6], [1, 2, 4]]), np.array([3, 7]), np.array([0, 0]), 1)
    served = serve(case)
    assert served.solutions.prefix.tolist() == [NONE, 3]
    assert served.sizes.tolist() == [3]


def test_what_does_not_fit_is_refused():
    with pytest.raises(ValueError, match="expected items"):
        serve(Shared(np.zeros((2, 3), dtype=np.int64), np.zeros(3, dtype=np.int64), np.zeros(3, dtype=np.int64), 1))
