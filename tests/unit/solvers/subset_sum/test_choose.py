"""Positions chosen one after the other, against the same greedy choice written out in sets."""

from __future__ import annotations

import random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from subsets import boundary, naive_prefix, small

from solvers.subset_sum import Limits, choose
from solvers.subset_sum.choose import MAX_ITEM


def naive_choice(items, targets):
    """Always the first position that brings the most instances to their targets; None where they run out."""
    sums = [{0} for _ in targets]
    waiting = [who for who, target in enumerate(targets) if target]
    chosen = []
    free = list(range(len(items[0])))
    while waiting:
        if not free:
            return None
        worth = {at: sum(targets[who] - items[who][at] in sums[who] for who in waiting) for at in free}
        best = max(free, key=worth.__getitem__)
        free.remove(best)
        chosen.append(best)
        for who in waiting:
            sums[who] |= {total + items[who][best] for total in sums[who]}
        waiting = [who for who in waiting if targets[who] not in sums[who]]
    return chosen


def chosen_of(items, targets, **options):
    rows = np.array(items, dtype=np.int64).reshape(len(targets), -1)
    found = choose(rows, np.array(targets, dtype=np.int64), **options)
    return None if found is None else found.tolist()


@given(
    st.integers(1, 7).flatmap(
        lambda positions: st.lists(
            st.tuples(
                st.lists(small | boundary, min_size=positions, max_size=positions),
                st.integers(-70, 70) | boundary,
            ),
            min_size=1,
            max_size=5,
        )
    )
)
def test_the_same_positions(instances):
    items, targets = [list(side) for side in zip(*instances, strict=True)]
    assert chosen_of(items, targets) == naive_choice(items, targets)


def test_like_those_of_a_ticket():
    chance = random.Random(1)
    for _ in range(10):
        u = [chance.randint(1, 16) for _ in range(30)]
        items = [[chance.randint(-16, 16) * value for value in u] for _ in range(25)]
        targets = [2 * chance.randint(-60, 60) for _ in items]
        chosen = chosen_of(items, targets)
        assert chosen == naive_choice(items, targets)
        for row, target in zip(items, targets, strict=True):
            assert naive_prefix([row[at] for at in chosen], target) >= 0


@pytest.mark.parametrize(
    ("items", "targets", "expected"),
    [
        pytest.param([[5]], [0], [], id="nobody waits"),
        pytest.param([[5]], [6], None, id="nobody is served"),
        pytest.param([[5, 6]], [6], [1], id="the second"),
        pytest.param([[3, 3]], [3], [0], id="the first of two that are alike"),
        pytest.param([[3, 1, 2], [3, 4, 9]], [3, 3], [0], id="who serves both"),
        pytest.param([[1, 2, 4]], [7], [0, 1, 2], id="all of them"),
        pytest.param([[64, -64, 1]], [-63], [0, 1, 2], id="across words, down"),
    ],
)
def test_by_hand(items, targets, expected):
    assert chosen_of(items, targets) == expected == naive_choice(items, targets)


def test_bitsets_that_are_too_large_are_left_alone():
    assert chosen_of([[100, 28]], [128], limits=Limits(bytes=32)) == [0, 1]
    assert chosen_of([[100, 28]], [128], limits=Limits(bytes=31)) is None


def test_large_items_are_left_alone():
    assert chosen_of([[MAX_ITEM]], [MAX_ITEM]) == [0]
    assert chosen_of([[-MAX_ITEM - 1]], [-MAX_ITEM - 1]) is None


def test_what_does_not_fit_is_refused():
    with pytest.raises(ValueError, match="expected items"):
        choose(np.zeros((2, 3), dtype=np.int64), np.zeros(3, dtype=np.int64))
