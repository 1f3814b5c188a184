"""Subsets of the fewest items, and of a given number of them, against all subsets written out by size."""

from __future__ import annotations

import random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from subsets import ANY, WAYS, check_subset, item_lists, large, naive_fewest, naive_prefix, solve_one, way

from solvers.subset_sum import NONE, UNDECIDED, Count, Limits, few, solve

values = st.one_of(st.integers(-20, 20), st.sampled_from([-129, -128, -65, -64, -63, 63, 64, 65, 127, 128, 200]))
counts = st.tuples(st.integers(0, 8), st.integers(0, 8)).map(lambda pair: Count(min(pair), max(pair)))


def check(items, target, count=ANY):
    least = naive_fewest(items, target, count)
    for name in WAYS:
        with way(name):
            prefix, chosen = solve_one(items, target, "sparsest", count)
        check_subset(items, target, prefix, chosen)
        assert (prefix >= 0) == (least is not None)
        if least is not None and (least <= few.MOST or count != ANY):
            assert len(chosen) == least
    return prefix, chosen


@given(st.lists(values | large, max_size=9), st.data())
def test_no_smaller_subset_exists(items, data):
    chosen = data.draw(st.lists(st.booleans(), min_size=len(items), max_size=len(items)))
    check(items, sum(item for item, taken in zip(items, chosen, strict=True) if taken))


@given(item_lists, st.integers(-300, 300))
def test_any_target(items, target):
    check(items, target)


@given(st.lists(values, max_size=9), st.data(), counts)
def test_a_given_number_of_items(items, data, count):
    chosen = data.draw(st.lists(st.booleans(), min_size=len(items), max_size=len(items)))
    check(items, sum(item for item, taken in zip(items, chosen, strict=True) if taken), count)


@pytest.mark.parametrize(
    ("items", "target", "expected"),
    [
        pytest.param([1, 2, 4, 7], 7, [3], id="one for three"),
        pytest.param([1, 2, 4, -3, 10], 7, [3, 4], id="two for three"),
        pytest.param([64, 64, 128], 128, [2], id="whole words"),
        pytest.param([-64, -64, -128], -128, [2], id="whole words below zero"),
        pytest.param([0, 1, 0, 2, 3], 3, [4], id="zeros are not items"),
        pytest.param([5, 5, 5], 10, [0, 1], id="two that are alike"),
        pytest.param([5], 10, [], id="no item twice"),
        pytest.param([5, 3], 13, [], id="none twice beside another"),
        pytest.param([5, 3], 16, [], id="neither of them twice"),
        pytest.param([4, 9, 1], 27, [], id="none three times"),
        pytest.param([1, 1, 1, 1, 1], 5, [0, 1, 2, 3, 4], id="five"),
        pytest.param([1, 2, 4, 8, 16, 32, 100], 63, [0, 1, 2, 3, 4, 5], id="six"),
        pytest.param([1, 2, 4, 8, 16, 32, 100, 60, 3], 63, [7, 8], id="two for six"),
        pytest.param([1, 2, 4, 8, 16, 32, 64], 127, [0, 1, 2, 3, 4, 5, 6], id="seven, as any subset"),
        pytest.param([-1, -2, -4, -8, -16, -32], -63, [0, 1, 2, 3, 4, 5], id="six below zero"),
    ],
)
def test_by_hand(items, target, expected):
    prefix, chosen = check(items, target)
    assert chosen == expected
    assert (prefix == -1) == (expected == [])


@pytest.mark.parametrize(
    ("items", "target", "count", "expected"),
    [
        pytest.param([1, 2, 3, 6], 6, Count(3, 3), [0, 1, 2], id="exactly three though one would do"),
        pytest.param([1, 2, 3, 6], 6, Count(2, 2), [], id="exactly two are not there"),
        pytest.param([1, 1, 1, 1], 3, Count(0, 2), [], id="more than may be"),
        pytest.param([1] * 9, 8, Count(0, 8), list(range(8)), id="eight by levels"),
        pytest.param([1] * 9, 8, Count(0, 7), [], id="eight and seven may be"),
        pytest.param([3, -3, 5], 0, Count(2, 2), [0, 1], id="two that cancel"),
        pytest.param([3, -3, 5], 0, Count(0, 2), [], id="nothing for 0"),
    ],
)
def test_counts_by_hand(items, target, count, expected):
    _, chosen = check(items, target, count)
    assert chosen == expected


def test_a_count_is_none_or_in_order():
    with pytest.raises(AssertionError):
        Count(3, 2)
    with pytest.raises(AssertionError):
        Count(1)


@pytest.mark.parametrize("name", WAYS)
def test_more_items_than_tables_hold(name):
    """What stands behind the items that tables hold is found as any subset, or by levels."""
    items = [2] * few.MAX_ITEMS + [3]
    with way(name):
        assert solve_one(items, 3, "sparsest")[1] == [few.MAX_ITEMS]
        assert solve_one(items, 3, "sparsest", Count(1, 1))[1] == [few.MAX_ITEMS]
        assert solve_one(items, 3, "sparsest", Count(1, 1), Limits(bytes=100))[0] == UNDECIDED


def test_five_of_many_items():
    """Subsets of five are looked for among the first 64; more of them by levels."""
    items = [1000] * few.MAX_TRIPLE_ITEMS + [1, 2, 4, 8, 16]
    for name in WAYS:
        with way(name):
            assert solve_one(items, 31, "sparsest", Count(0, 5))[1] == [64, 65, 66, 67, 68]


def test_instances_do_not_mix():
    items = np.array([[1, 2, 3], [5, 6, 11], [-1, -2, -3]], dtype=np.int64)
    targets = np.array([3, 11, -3], dtype=np.int64)
    assert solve(items, targets).chosen.tolist() == [[False, False, True]] * 3


def test_lengths_are_each_instance_s_own():
    items = np.array([[1, 2, 3]] * 3, dtype=np.int64)
    solutions = solve(items, np.full(3, 3, dtype=np.int64), lengths=np.array([3, 2, 1]))
    assert solutions.chosen.tolist() == [[False, False, True], [True, True, False], [False, False, False]]
    assert solutions.prefix.tolist() == [3, 2, -1]
    first = solve(items, np.full(3, 3, dtype=np.int64), "first", lengths=np.array([3, 2, 1]))
    assert first.prefix.tolist() == [2, 2, -1]


def test_none_is_not_said_where_tables_were_not_asked():
    """An item beyond the length is too large for tables; those before it have the subset all the same."""
    items = np.array([[3, 2, 2**53]], dtype=np.int64)
    for count in (Count(1, 1), Count(0, 2)):
        solutions = solve(items, np.array([3]), count=count, lengths=np.array([2]))
        assert solutions.chosen.tolist() == [[True, False, False]]
    assert solve(items, np.array([4]), count=Count(0, 2), lengths=np.array([2])).prefix.tolist() == [NONE]


@pytest.mark.parametrize("bits", [4, 6, 8, 10])
def test_random_products_like_those_of_a_ticket(bits):
    chance = random.Random(bits)
    half = 2 ** (bits // 2)
    rows = [[chance.randint(-half, half) * chance.randint(0, half) for _ in range(11)] for _ in range(12)]
    answers = [check(row, chance.randint(-half * half, half * half)) for row in rows]
    assert any(prefix >= 0 for prefix, _ in answers)


def test_the_first_prefix_is_no_longer_than_the_sparsest():
    chance = random.Random(3)
    for _ in range(50):
        items = [chance.randint(-50, 50) for _ in range(10)]
        sparse, _ = solve_one(items, 37, "sparsest")
        assert naive_prefix(items, 37) <= sparse or sparse == -1
