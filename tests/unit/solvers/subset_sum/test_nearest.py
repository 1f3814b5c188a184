"""The nearest subset sum against all subsets written out."""

import itertools

import numpy as np
import pytest

from solvers.subset_sum import nearest
from solvers.subset_sum.nearest import MAX_ITEMS


def naive(items, target):
    return min(
        abs(sum(taken) - target) for size in range(len(items) + 1) for taken in itertools.combinations(items, size)
    )


@pytest.mark.parametrize("largest", [3, 60, 2**40])
def test_no_subset_is_nearer(largest):
    rng = np.random.default_rng(largest)
    items = rng.integers(-largest, largest + 1, (25, 7)) * rng.integers(0, 2, (25, 7))
    targets = rng.integers(-4 * largest, 4 * largest, 25)
    chosen, distance = nearest(items, targets)
    assert distance.tolist() == [
        naive(row.tolist(), target) for row, target in zip(items, targets.tolist(), strict=True)
    ]
    assert np.abs((items * chosen).sum(axis=1) - targets).tolist() == distance.tolist()
    assert not chosen[items == 0].any()


def test_nothing_to_choose_from():
    chosen, distance = nearest(np.zeros((2, 0), dtype=np.int64), np.array([5, -3]))
    assert chosen.shape == (2, 0)
    assert distance.tolist() == [5, 3]


def test_what_it_cannot_search_is_refused():
    with pytest.raises(ValueError, match="expected 32 items or fewer, found 33"):
        nearest(np.ones((1, MAX_ITEMS + 1), dtype=np.int64), np.array([1]))
    with pytest.raises(ValueError, match="below 2\\^62"):
        nearest(np.full((1, 2), 2**61), np.array([1]))
