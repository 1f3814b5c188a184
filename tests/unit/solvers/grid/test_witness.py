from __future__ import annotations

import random

import naive_grid as naive
import numpy as np
import pytest

from solvers.grid import witness
from solvers.grid.box import box_of
from solvers.grid.program import Opcode, Program
from solvers.grid.relation import EQUAL, SAME_WINNER, within
from solvers.grid.search import sample
from solvers.grid.witness import Found, find_difference, search

RELU = (Opcode.RELU,)


def test_the_first_difference_against_the_oracle():
    rng = random.Random("searches")
    found = []
    for _ in range(120):
        left, right = (naive.random_program(rng, 3, 2, 2) for _ in range(2))
        points = sample([-4] * 3, [4] * 3, 70, rng.randrange(2**64))
        for relation in (EQUAL, within(2), within(2**90), SAME_WINNER):
            count, point, largest = naive.look(left, right, map(tuple, points.tolist()), relation)
            found.append(find_difference(left, right, points, relation))
            assert found[-1] == Found(point, largest, count)
    assert {seen.point is None for seen in found} == {True, False}
    assert len({seen.points for seen in found}) > 5


@pytest.mark.parametrize("index", [0, 1, 255, 256, 257, 511, 512, 599])
def test_one_differing_row_among_600(index):
    points = np.arange(1200, dtype=np.int64).reshape(600, 2) - 100
    left, right = (naive.point_detector(points[index].tolist(), height) for height in (0, 3))
    assert find_difference(left, right, points) == Found(tuple(points[index].tolist()), 3, index + 1)
    assert find_difference(left, right, np.delete(points, index, axis=0)) == Found(None, 0, 599)


def test_points_of_any_layout():
    left, right = naive.point_detector((4, 5), 1), naive.point_detector((4, 5), 0)
    points = np.array([[0, 0], [4, 5], [9, 9]], dtype=np.int64)
    points.setflags(write=False)
    for given in (points, np.asfortranarray(points), np.repeat(points, 2, axis=0)[::2]):
        assert find_difference(left, right, given) == Found((4, 5), 1, 2)
    assert find_difference(left, right, points[:0]) == Found(None, 0, 0)


@pytest.mark.parametrize(
    ("left", "right", "holds"),
    [
        pytest.param([5, 5, 0], [5, 0, 0], True, id="the lowest of two"),
        pytest.param([5, 5, 0], [0, 5, 0], False, id="not the higher of two"),
        pytest.param([3], [-4], True, id="a single output"),
        pytest.param([], [], True, id="no output"),
    ],
)
def test_winners(left, right, holds):
    ours, theirs = (Program(0, (naive.layer([{}] * len(bias), bias),), 0) for bias in (left, right))
    largest = max((abs(a - b) for a, b in zip(left, right, strict=True)), default=0)
    points = np.empty((1, 0), dtype=np.int64)
    assert find_difference(ours, theirs, points, SAME_WINNER) == Found(None if holds else (), largest, 1)


def test_refused():
    program = naive.point_detector((0, 0), 1)
    other = Program(2, (naive.layer([{}, {}]),), 0)
    with pytest.raises(ValueError, match="expected 1 outputs"):
        find_difference(program, other, np.zeros((1, 2), dtype=np.int64))
    with pytest.raises(ValueError, match="expected 1 outputs"):
        search(program, other, box_of([0, 0], [1, 1]), 1, 1, 0)
    with pytest.raises(ValueError, match=r"found int64\[1, 3\]"):
        find_difference(program, program, np.zeros((1, 3), dtype=np.int64))
    with pytest.raises(ValueError, match=r"found int64\[9, 3\]"):
        search(program, program, box_of([0] * 3, [1] * 3), 3, 1, 0)
    narrow = Program(2, program.layers, 0, 30)
    with pytest.raises(ValueError, match="expected numbers that fit 32 bits"):
        search(narrow, narrow, box_of([0, 0], [1, 2**31]), 3, 1, 0)


# What the search looks at, stage by stage.


class Spy:
    """Takes down every point that is looked at."""

    def __init__(self, monkeypatch):
        self.points = []
        original = witness._Looking._block

        def block(looking, points):
            self.points += map(tuple, points.tolist())
            original(looking, points)

        monkeypatch.setattr(witness._Looking, "_block", block)


def two_units() -> Program:
    """3x - 2y + z - 4 and -x + 5, z in neither of the two."""
    first = naive.layer([{0: 3, 1: -2, 3: 1}, {0: -1}], [-10, 5], constants=[6], steps=[RELU])
    return Program(3, (first, naive.layer([{0: 1, 1: 1}])), 0)


def test_the_stages_of_a_search(monkeypatch):
    low, high = (-1, 0, 7), (9, 8, 7)
    spy = Spy(monkeypatch)
    program = two_units()
    found = search(program, program, box_of(low, high), 5, 2000, 11)
    assert found == Found(None, 0, 2000)
    assert len(spy.points) == 2000
    assert all(a <= x <= b for point in spy.points for a, x, b in zip(low, point, high, strict=True))
    first = [tuple(point) for point in sample(low, high, 5, 11).tolist()]
    assert spy.points[: len(first)] == first
    units = spy.points[len(first) : len(first) + 8]
    assert units[:4] == [(-1, 8, 7), (9, 0, 7), (-1, 8, 7), (9, 8, 7)]
    assert units[4:] == [(9, 8, 7), (-1, 0, 7), (9, 8, 7), (-1, 8, 7)]
    kink_neighbours = {(0, 8, 7), (2, 8, 7), (-1, 7, 7), (-1, 5, 7)}
    assert kink_neighbours <= set(spy.points)
    assert len(set(spy.points)) > 80


def test_a_unit_changes_its_sign_between_two_of_its_points():
    rng = random.Random("kinks")
    crossed = 0
    for _ in range(50):
        weights = {column: rng.randint(-9, 9) for column in range(5)}
        program = Program(5, (naive.layer([weights], [rng.randint(-20, 20)]),), 0)
        low = [rng.randint(-5, 3) for _ in range(5)]
        box = box_of(low, [bound + rng.randint(0, 6) for bound in low])
        (points,) = witness._unit_points(program, box, 1)
        values = [naive.evaluate(program, point)[0] for point in points.tolist()]
        everywhere = [naive.evaluate(program, point)[0] for point in naive.grid(box.low, box.high)]
        assert values[:2] == [min(everywhere), max(everywhere)]
        if min(everywhere) < 0 <= max(everywhere):
            crossed += 1
            assert values[2] < 0 <= values[3]
            assert (points[2] != points[3]).sum() == 1
    assert crossed > 20


def test_axes_corners_and_neighbours():
    box = box_of([0, -5, 3], [1000, 5, 3])
    base = np.array([[500, 0, 3]], dtype=np.int64)
    along_first, along_second, along_last = witness._axes(box, base, 100)
    assert along_first[:, 0].tolist() == [step * 1000 // 32 for step in range(33)]
    assert along_second.tolist() == [[500, value, 3] for value in range(-5, 6)]
    assert along_last.tolist() == [[500, 0, 3]]
    assert [len(points) for points in witness._axes(box, base, 44)] == [33, 11]
    corners = witness._corners(box, 50, 3).tolist()
    assert {tuple(corner) for corner in corners} == {(x, y, 3) for x in (0, 1000) for y in (-5, 5)}
    moved = witness._neighbours(box, np.array([1, 5, 3], dtype=np.int64)).tolist()
    assert moved == [[2, 5, 3], [0, 5, 3], [1, 4, 3], [4, 5, 3], [1, 2, 3]]


def test_some_hundred_of_very_many_features_are_moved():
    box = box_of([0] * 1000, [9] * 1000)
    moved = witness._neighbours(box, np.zeros(1000, dtype=np.int64))
    assert moved.shape == (2 * 256, 1000)
    assert (moved.sum(axis=1) == [1] * 256 + [3] * 256).all()


def test_the_ends_of_int64():
    """No bound, size or step leaves the word."""
    least, most = -(2**62) + 1, 2**62 - 1
    program = Program(2, (naive.layer([{0: 1}], steps=[RELU]), naive.layer([{0: 1}])), 0)
    assert search(program, program, box_of([least, most], [most, most]), 20, 3000, 1) == Found(None, 0, 3000)


# What the search finds and the sample alone does not.


@pytest.mark.compiled
def test_a_climb_reaches_a_difference_beyond_the_bound():
    """|l - r| falls with the distance from a point inside, which no corner and no random point is near to."""
    rng = random.Random("climbs")
    for _ in range(5):
        top = [rng.randint(20, 80) for _ in range(6)]
        sides = [{index: sign} for index in range(6) for sign in (1, -1)]
        bias = [sign * -value for value in top for sign in (1, -1)]
        away = naive.layer(sides, bias, steps=[RELU])
        left = Program(6, (away, naive.layer([dict.fromkeys(range(12), -1)], [1000])), 0, 31)
        right = Program(6, (away, naive.layer([{}])), 0, 31)
        box = box_of([0] * 6, [100] * 6)
        found = search(left, right, box, 50, 2**14, 5, within(999))
        assert found == Found(tuple(top), 1000, found.points)
        assert find_difference(left, right, sample(box.low, box.high, 50, 5), within(999)).point is None
        everywhere = search(left, right, box, 50, 2**14, 5, within(1000))
        assert everywhere == Found(None, 1000, 2**14)


def test_a_climb_reaches_another_winner():
    """s + 1 against s + 2·relu(s - 790), which wins only where the sum s of the features is near its largest, 792."""
    wide = dict.fromkeys(range(8), 1)
    first = naive.layer([wide, wide], [0, -790], steps=[RELU])
    left = Program(8, (first, naive.layer([{0: 1}, {0: 1, 1: 2}], [1, 0])), 0, 31)
    right = Program(8, (first, naive.layer([{0: 1}, {0: 1}], [1, 0])), 0, 31)
    box = box_of([0] * 8, [99] * 8)
    found = search(left, right, box, 0, 2**13, 5, SAME_WINNER)
    assert found.point is not None
    assert naive.differ(left, right, found.point, SAME_WINNER)


@pytest.mark.parametrize("relation", [EQUAL, within(4), SAME_WINNER], ids=["equal", "within", "winner"])
def test_what_is_found_fails_and_is_found_again(relation):
    rng = random.Random("found")
    found = 0
    for number in range(60):
        left, right = (naive.random_program(rng, 4, 2, 2) for _ in range(2))
        box = box_of(*naive.random_box(rng, 4))
        seen = search(left, right, box, 10, 400, number, relation)
        assert seen == search(left, right, box, 10, 400, number, relation)
        if seen.point is None:
            assert seen.points == 400
            assert seen.largest <= relation.bound or relation == SAME_WINNER
        else:
            found += 1
            assert naive.differ(left, right, seen.point, relation)
            assert seen.largest >= naive.gap(left, right, seen.point)
    assert found > 10


def test_no_more_points_than_granted(monkeypatch):
    program = two_units()
    box = box_of((-1, 0, 7), (9, 8, 7))
    for granted in (0, 9, 10, 13, 20, 257, 1000):
        for relation in (EQUAL, within(5), SAME_WINNER):
            spy = Spy(monkeypatch)
            found = search(program, program, box, 3, granted, 11, relation)
            sampled = len(sample(box.low, box.high, 3, 11))
            assert found.points == len(spy.points) == max(granted, sampled)
            monkeypatch.undo()


@pytest.mark.parametrize("relation", [EQUAL, within(1), SAME_WINNER], ids=["equal", "within", "winner"])
def test_boxes_of_one_point(relation):
    """The same point over and over is all that there is to look at."""
    five, six = (Program(0, (naive.layer([{}], [value]),), 0) for value in (5, 6))
    assert search(five, five, box_of([], []), 4, 30, 0, relation) == Found(None, 0, 30)
    assert search(five, six, box_of([], []), 4, 30, 0, EQUAL) == Found((), 1, 1)
    fixed = naive.point_detector((1, 2), 3)
    assert search(fixed, fixed, box_of([1, 2], [1, 2]), 4, 30, 0, relation) == Found(None, 0, 30)


def test_near_misses_are_different_points():
    program = naive.point_detector((3, 3), 9)
    nothing = naive.point_detector((3, 3), 0)
    looking = witness._Looking(program, nothing, within(9), 1000)
    points = np.array([[3, 3]] * 20 + [[0, 0], [1, 1]], dtype=np.int64)
    looking.at(points)
    looking.at(points)
    assert looking.near.tolist() == [[3, 3], [0, 0], [1, 1]]
