from __future__ import annotations

import dataclasses

import naive_grid as naive
import pytest

from solvers.grid.box import box_of

LEAST, MOST = -(2**63), 2**63 - 1

BOXES = {
    "one feature": ([-2], [3]),
    "last feature fastest": ([0, -1, 5], [2, 1, 6]),
    "single point": ([4, -4], [4, -4]),
    "a fixed feature between": ([0, 7, 0], [1, 7, 1]),
    "no features": ([], []),
}


@pytest.mark.parametrize(("low", "high"), BOXES.values(), ids=BOXES)
def test_points_are_numbered_in_the_grids_order(low, high):
    box = box_of(low, high)
    points = list(naive.grid(low, high))
    assert box.points == len(points)
    assert [box.point(index) for index in range(box.points)] == points


def test_the_whole_of_int64():
    box = box_of([LEAST] * 3, [MOST] * 3)
    assert box.points == 2**192
    assert box.point(0) == (LEAST,) * 3
    assert box.point(2**192 - 1) == (MOST,) * 3


def test_a_box_stays_as_it_was_checked():
    box = box_of([0], [1])
    with pytest.raises(dataclasses.FrozenInstanceError):
        box.high = (-1,)


REFUSED = {
    "low above high": (([0, 1], [0, 0]), "feature 1: .* found 1 and 0"),
    "below int64": (([LEAST - 1], [0]), "feature 0: .* 64 bits"),
    "above int64": (([0], [MOST + 1]), "feature 0: .* 64 bits"),
    "lengths differ": (([0, 0], [1]), "expected 2 upper bounds as lower ones, found 1"),
    "more upper bounds": (([0], [1, 1]), "expected 1 upper bounds as lower ones, found 2"),
    "not the number of features": (([0], [1], 2), "expected bounds of 2 features, found 1"),
}


@pytest.mark.parametrize(("arguments", "problem"), REFUSED.values(), ids=REFUSED)
def test_boxes_refused(arguments, problem):
    with pytest.raises(ValueError, match=problem):
        box_of(*arguments)
