"""Any subset, within the shortest prefix that has one, against all subsets written out."""

from __future__ import annotations

import itertools
import random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from subsets import LARGE, WAYS, boundary, check_first, item_lists, large, naive_prefix, small, solve_one, way

from solvers.subset_sum import UNDECIDED, Limits, solve


def check(items, target):
    """Hold the answers of every way against the naive one, and return the last."""
    for name in WAYS:
        with way(name):
            found = solve_one(items, target)
        check_first(items, target, *found)
    return found


def test_the_oracle_counts_all_subsets():
    items = [3, -5, 0, 7, 64]
    sums = {sum(chosen) for n in range(6) for chosen in itertools.combinations(items, n)}
    for target in range(-80, 81):
        assert (naive_prefix(items, target) >= 0) == (target in sums)


@given(item_lists, st.data())
def test_targets_that_some_subset_reaches(items, data):
    chosen = data.draw(st.lists(st.booleans(), min_size=len(items), max_size=len(items)))
    target = sum(itertools.compress(items, chosen))
    check(items, target)


@given(item_lists, st.integers(-30, 30) | st.integers(-700, 700) | st.integers(-10 * LARGE, 10 * LARGE))
def test_any_targets(items, target):
    check(items, target)


@given(st.lists(small | boundary, max_size=8), st.integers(-2, 2))
def test_targets_beside_the_least_and_the_greatest_sum(items, beside):
    for extreme in (sum(min(i, 0) for i in items), sum(max(i, 0) for i in items)):
        check(items, extreme + beside)


@pytest.mark.parametrize(
    ("items", "target", "prefix", "chosen"),
    [
        pytest.param([], 0, 0, [], id="the empty subset of nothing"),
        pytest.param([], 1, -1, [], id="nothing reaches 1"),
        pytest.param([5, -5], 0, 0, [], id="0 needs no items even where some sum to it"),
        pytest.param([0, 0, 0], 0, 0, [], id="0 among zeros"),
        pytest.param([0, 0, 0], 1, -1, [], id="zeros reach nothing"),
        pytest.param([0, 7, 0], 7, 2, [1], id="zeros count for the prefix and are not chosen"),
        pytest.param([2, 2, 2], 6, 3, [0, 1, 2], id="all"),
        pytest.param([2, 2, 2], 8, -1, [], id="above the greatest sum"),
        pytest.param([-2, -2], -6, -1, [], id="below the least sum"),
        pytest.param([2, 4, 6], 7, -1, [], id="odd and all items even"),
        pytest.param([9, -4, -5, 7], 5, 2, [0, 1], id="a negative item helps"),
        pytest.param([1, 2, 3], 3, 2, [0, 1], id="the shortest prefix, not the fewest items"),
        pytest.param([64], 64, 1, [0], id="a whole word"),
        pytest.param([-64], -64, 1, [0], id="a whole word down"),
        pytest.param([63, 1], 64, 2, [0, 1], id="into the next word"),
        pytest.param([65, -65, -1], -66, 3, [1, 2], id="down across words"),
        pytest.param([64, 128, 192, 64], 448, 4, [0, 1, 2, 3], id="multiples of 64"),
        pytest.param([63] * 5 + [65] * 5, 63 * 3 + 65 * 2, 7, [0, 1, 2, 5, 6], id="63 and 65"),
        pytest.param([LARGE, -LARGE, LARGE - 1], 2 * LARGE - 1, 3, [0, 2], id="large"),
    ],
)
def test_by_hand(items, target, prefix, chosen):
    assert check(items, target) == (prefix, chosen)


@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize("item", [1, 31, 32, 62, 63, 64, 65, 66, 127, 128, 129])
def test_every_multiple_of_one_item(item, sign):
    items = [sign * item] * 6
    for target in range(-7 * item, 7 * item + 1):
        count, rest = divmod(sign * target, item)
        assert check(items, target)[0] == (count if rest == 0 and 0 <= count <= 6 else -1), target


@given(
    st.integers(1, 8).flatmap(
        lambda length: st.lists(
            st.tuples(
                st.lists(small | boundary | large, min_size=length, max_size=length),
                st.integers(-60, 60) | st.integers(-2 * LARGE, 2 * LARGE),
            ),
            min_size=1,
            max_size=6,
        )
    )
)
def test_many_instances_at_once_are_each_alone(instances):
    items, targets = (np.array(side, dtype=np.int64) for side in zip(*instances, strict=True))
    together = solve(items, targets, "first")
    assert together.prefix.dtype == np.int64
    assert together.chosen.dtype == np.bool_
    assert together.chosen.shape == items.shape
    for index, (row, target) in enumerate(instances):
        alone = solve_one(row, target)
        assert (int(together.prefix[index]), np.flatnonzero(together.chosen[index]).tolist()) == alone
        check_first(row, target, *alone)


def test_a_wide_instance_leaves_nothing_behind_for_a_narrow_one():
    items = np.array([[LARGE, -LARGE, 3], [2, -4, 6], [LARGE, LARGE, 1], [1, 1, 1]], dtype=np.int64)
    targets = np.array([LARGE + 3, 5, 2 * LARGE + 1, 4], dtype=np.int64)
    assert solve(items, targets, "first").prefix.tolist() == [3, -1, 3, -1]


def test_random_products_like_those_of_a_ticket():
    chance = random.Random(5)
    rows = [[chance.randint(-16, 16) * chance.randint(1, 16) for _ in range(14)] for _ in range(60)]
    targets = [chance.randint(-256, 256) for _ in rows]
    solutions = solve(np.array(rows, dtype=np.int64), np.array(targets, dtype=np.int64), "first")
    for row, target, prefix, chosen in zip(rows, targets, solutions.prefix, solutions.chosen, strict=True):
        check_first(row, target, int(prefix), np.flatnonzero(chosen).tolist())
    # The test means something only where both answers occur.
    assert -1 in solutions.prefix
    assert (solutions.prefix > 2).any()


def test_no_instances():
    solutions = solve(np.zeros((0, 5), dtype=np.int64), np.zeros(0, dtype=np.int64))
    assert (solutions.prefix.shape, solutions.chosen.shape) == ((0,), (0, 5))


def test_no_items():
    solutions = solve(np.zeros((3, 0), dtype=np.int64), np.array([0, 1, -1], dtype=np.int64))
    assert solutions.prefix.tolist() == [0, -1, -1]
    assert solutions.chosen.shape == (3, 0)


def test_what_is_handed_in_is_not_changed():
    items, targets = np.array([[3, -5, 7]], dtype=np.int64), np.array([2], dtype=np.int64)
    for array in (items, targets):
        array.setflags(write=False)
    assert solve(items, targets).chosen.tolist() == [[False, True, True]]
    assert solve(items[:, ::-1], targets).chosen.tolist() == [[True, True, False]]


@pytest.mark.parametrize(
    ("items", "targets", "problem"),
    [
        pytest.param(np.zeros(3), np.zeros(3), "found .3,. and .3,.", id="one dimension"),
        pytest.param(np.zeros((2, 3)), np.zeros(3), "found .2, 3. and .3,.", id="a target too many"),
        pytest.param(np.zeros((2, 3)), np.zeros((2, 1)), "and .2, 1.", id="targets in two dimensions"),
        pytest.param(np.full((1, 4), 2**60), np.zeros(1), f"4 items of up to {2**60}", id="sums of 2^62"),
        pytest.param(np.full((1, 1), -(2**63)), np.zeros(1), f"1 items of up to {2**63}", id="the least int64"),
    ],
)
def test_refused(items, targets, problem):
    with pytest.raises(ValueError, match=problem):
        solve(items.astype(np.int64), targets.astype(np.int64))


WIDE = [3**25 * 2 ** (index % 3) for index in range(30)]


def test_what_the_limits_end_is_undecided():
    """Sums of 30 items that are alike, a target beside them all: neither halves nor bitsets get to an end."""
    few_sums = Limits(bytes=2**16, sums=2**6)
    assert solve_one(WIDE, 3**25 * 2 + 1, limits=few_sums) == (UNDECIDED, [])
    assert solve_one(WIDE, 2**62, limits=few_sums) == (UNDECIDED, [])
    assert solve_one(WIDE[:5], 3**25 * 2 + 1, limits=few_sums) == (-1, [])


def test_enough_sums_decide():
    items = [7 * 2**20 + 2 * index for index in range(20)]
    for sums, prefix in ((2**6, UNDECIDED), (2**7, -1)):
        with way("halves and words"):
            assert solve_one(items, 7 * 2**20 + 1, limits=Limits(bytes=0, sums=sums))[0] == prefix


def test_enough_bytes_decide():
    items = [100, -30, 2]
    needed = 4 * (132 // 64 + 2) * 8
    assert solve_one(items, 72, limits=Limits(bytes=needed)) == (3, [0, 1, 2])
    with way("bitsets and bytes"):
        assert solve_one(items, 72, limits=Limits(bytes=needed - 1, sums=1)) == (3, [0, 1, 2])


@pytest.mark.parametrize("odd", [38, 39])
def test_what_lacks_is_found_far_behind(odd):
    """All items are even but one, which no prefix of reasonable length has."""
    chance = random.Random(odd)
    items = [2 * chance.randint(-(2**22), 2**22) for _ in range(40)]
    items[odd] += 1
    prefix, chosen = solve_one(items, 2**20 + 1, limits=Limits(bytes=2**20))
    assert prefix == odd + 1
    assert odd in chosen
    assert sum(items[index] for index in chosen) == 2**20 + 1


def test_many_large_items_are_tried_in_front():
    items = [1, 2, 3, 4] * 8 + [2**30] * 12
    prefix, chosen = solve_one(items, 4 * 2**30 + 6, limits=Limits(bytes=2**10, sums=2**10))
    assert prefix > 32
    assert sum(items[index] for index in chosen) == 4 * 2**30 + 6
