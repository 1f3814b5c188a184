"""Subsets of the fewest items against all subsets, written out by size."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from solvers.subset_sum import fewest, solve
from solvers.subset_sum.solve import FEWEST_LEVELS


def naive_fewest(items, target):
    """The least number of items that sum to the target."""
    for size in range(len(items) + 1):
        if any(sum(chosen) == target for chosen in itertools.combinations(items, size)):
            return size
    return None


def shorten(items, target, chosen):
    given_items = np.array([items], dtype=np.int64)
    subset = np.zeros((1, len(items)), dtype=np.bool_)
    subset[0, list(chosen)] = True
    return np.flatnonzero(fewest(given_items, np.array([target], dtype=np.int64), subset)[0]).tolist()


def check(items, chosen):
    target = sum(items[index] for index in chosen)
    found = shorten(items, target, chosen)
    assert sum(items[index] for index in found) == target
    least = naive_fewest(items, target)
    if 0 < least <= FEWEST_LEVELS:
        assert len(found) == least
    elif least:
        assert len(found) <= len(chosen)


values = st.one_of(st.integers(-20, 20), st.sampled_from([-129, -128, -65, -64, -63, 63, 64, 65, 127, 128, 200]))


@given(st.data(), st.lists(values, min_size=1, max_size=9))
def test_no_smaller_subset_exists(data, items):
    nonzero = [index for index, item in enumerate(items) if item]
    chosen = data.draw(st.lists(st.sampled_from(nonzero), unique=True)) if nonzero else []
    if sum(items[index] for index in chosen) != 0:
        check(items, chosen)


@pytest.mark.parametrize(
    ("items", "chosen", "expected"),
    [
        pytest.param([1, 2, 4, 7], (0, 1, 2), [3], id="one for three"),
        pytest.param([1, 2, 4, -3, 10], (0, 1, 2), [3, 4], id="two for three"),
        pytest.param([5, -2, -3, 10], (0,), [0], id="one stays as it is"),
        pytest.param([64, 64, 128], (0, 1), [2], id="whole words"),
        pytest.param([-64, -64, -128], (0, 1), [2], id="whole words below zero"),
        pytest.param([63, 1, -1, 63, 64], (0, 1), [4], id="next to a word's end"),
        pytest.param([0, 1, 0, 2, 3], (1, 3), [4], id="zeros are not items"),
    ],
)
def test_by_hand(items, chosen, expected):
    assert shorten(items, sum(items[index] for index in chosen), chosen) == expected


def test_more_items_than_levels_stay():
    """Six powers of two are the only way to their sum."""
    items = [1, 2, 4, 8, 16, 32, 100]
    assert shorten(items, 63, range(6)) == [0, 1, 2, 3, 4, 5]
    assert shorten([*items, 60, 3], 63, range(6)) == [7, 8]


def test_instances_do_not_mix():
    items = np.array([[1, 2, 3], [5, 6, 11], [-1, -2, -3]], dtype=np.int64)
    targets = np.array([3, 11, -3], dtype=np.int64)
    chosen = solve(items, targets).chosen
    assert chosen.sum() == 6
    assert fewest(items, targets, chosen).tolist() == [[False, False, True]] * 3
    assert chosen.sum() == 6


def test_wide_instances_keep_what_they_have():
    items = np.array([[2**22, 2**22, 2**23]], dtype=np.int64)
    chosen = np.array([[True, True, False]])
    assert fewest(items, np.array([2**23], dtype=np.int64), chosen).tolist() == chosen.tolist()


def test_what_does_not_fit_is_refused():
    items, targets = np.array([[1, 2]], dtype=np.int64), np.array([3], dtype=np.int64)
    with pytest.raises(ValueError, match="reach their targets"):
        fewest(items, targets, np.array([[True, False]]))
    with pytest.raises(ValueError, match=r"found \(1, 2\), \(1,\) and \(1, 1\)"):
        fewest(items, targets, np.array([[True]]))
    with pytest.raises(ValueError, match="expected items"):
        fewest(items, np.array([3, 3], dtype=np.int64), np.array([[True, True]]))
    with pytest.raises(ValueError, match="sums within 62 bits"):
        fewest(np.array([[2**61, 0]], dtype=np.int64), np.array([2**61], dtype=np.int64), np.array([[True, False]]))
