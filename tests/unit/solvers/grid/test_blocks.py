from __future__ import annotations

import random

import naive_grid as naive
import numpy as np
import pytest

from solvers.grid import kernel
from solvers.grid.blocks import blocks_of, cut, sums_at
from solvers.grid.box import box_of
from solvers.grid.flat import LANES
from solvers.grid.program import Program

LEAST, MOST = -(2**63), 2**63 - 1

WALKS = {
    "strides in every digit": [(-2, 5), (0, 6), (-3, 3)],
    "powers of two": [(0, 3), (-2, 1), (0, 7), (5, 6)],
    "fixed features": [(4, 4), (0, 20), (7, 7), (-1, 29), (3, 3)],
    "one feature": [(-300, 700)],
    "a long last feature": [(0, 1), (-500, 499)],
    "a long feature before a short one": [(0, 1), (-100, 99), (0, 2)],
    "at the end of int64": [(LEAST, LEAST + 1), (MOST - 1, MOST), (LEAST, LEAST + 99), (MOST - 2, MOST)],
    "halves of int64": [(0, 0), (LEAST, LEAST), (MOST, MOST), (-1, 600)],
    "one point": [(5, 5), (-5, -5)],
    "no feature": [],
}


def program(features: int) -> Program:
    """Sums that show where a point is, as long as nothing is added up at the end of int64."""
    rows = [{feature: 1} for feature in range(features)]
    return Program(features, (naive.layer([*rows, {}], [0] * features + [7]),), 0)


@pytest.mark.parametrize("most", [1, 7, 64, LANES])
@pytest.mark.parametrize("ranges", WALKS.values(), ids=WALKS)
def test_every_point_is_in_one_block_and_in_order(ranges, most):
    """The kernel counts through the corners and the sums there; after the last block of the box comes its first."""
    low, high = [a for a, _ in ranges], [b for _, b in ranges]
    points = list(naive.grid(low, high))
    whole, two = cut(box_of(low, high), most), (program(len(low)), program(len(low)))
    blocks = blocks_of(two, whole)
    point, sums = np.array(whole.corner(0), dtype=np.int64), sums_at(two, low)
    found = []
    for block in range(whole.counted.points):
        corner = tuple(point.tolist())
        assert corner == whole.corner(block)
        assert sums.tolist() == 2 * [*corner, *low[len(corner) :], 7, *[0] * (1 - len(low) % 2)]
        assert whole.number(corner) == len(found)
        first = [*corner, *low[len(corner) :]]
        last = [*corner, *high[len(corner) :]]
        if corner:
            last[len(corner) - 1] = min(corner[-1] + whole.values - 1, high[len(corner) - 1])
        own = list(naive.grid(first, last))
        assert 0 < len(own) <= whole.points <= most
        found += own
        kernel._advance(blocks, point, sums)
    assert found == points
    assert sums.tolist() == sums_at(two, low).tolist()
    assert tuple(point.tolist()) == whole.corner(0)


def test_as_few_blocks_as_there_can_be_and_of_about_one_size():
    assert (cut(box_of([0, 0], [9, 9]), 100).features, cut(box_of([0, 0], [9, 9]), 99).features) == (0, 1)
    assert [cut(box_of([0], [size - 1]), 100).values for size in (100, 101, 199, 201)] == [1, 51, 100, 67]
    ten = cut(box_of([0, 0, 0], [3, 10, 9]), 64)
    assert (ten.features, ten.values, ten.each, ten.points, ten.counted.sizes) == (2, 6, 10, 60, (4, 2))


def test_as_many_blocks_as_can_be_visited():
    whole = cut(box_of([LEAST, 5], [LEAST + 2**31 - 1, 2**31 + 4]), 64)
    assert (whole.counted.points, whole.points) == (2**56, 64)
    corner = whole.corner(2**56 - 1)
    assert corner == (LEAST + 2**31 - 1, 2**31 + 4 - 63)
    assert whole.number(corner) == 2**62 - 64


@pytest.mark.parametrize("bits", [30, 63])
def test_differences_are_those_of_sums(bits):
    """At every point that a block has, whichever block."""
    rng = random.Random("differences")
    for _ in range(40):
        features = rng.randint(0, 4)
        layers = [naive.random_layer(rng, features, rng.randint(1, 5)) for _ in range(2)]
        low, high = naive.random_box(rng, features)
        whole = cut(box_of(low, high), rng.choice([1, 7, 30]))
        programs = tuple(Program(features, (layer,), 0, bits) for layer in layers)
        blocks = blocks_of((programs[0], programs[1]), whole)
        assert blocks.differences.dtype == (np.int32 if bits == 30 else np.int64)
        assert blocks.differences.shape[1] == whole.points
        corner = whole.corner(rng.randrange(whole.counted.points))
        points = list(naive.grid(low, high))[whole.number(corner) :][: whole.points]
        begin = 0
        for layer in layers:
            sums = [naive.sums(layer, point) for point in points]
            end = begin + layer.rows
            lanes = min(len(points), whole.points)
            expected = [[value[row] - sums[0][row] for value in sums] for row in range(layer.rows)]
            if not corner or corner[-1] + whole.values - 1 <= high[len(corner) - 1]:
                assert blocks.differences[begin:end, :lanes].tolist() == expected
            begin = end + layer.rows % 2


@pytest.mark.parametrize("bits", [30, 63])
def test_sums_are_those_before_any_step(bits):
    """Of the first layers of both programs, in pairs; constants and biases are in them."""
    rng = random.Random("sums")
    for _ in range(60):
        features = rng.randint(0, 4)
        layers = [naive.random_layer(rng, features, rng.randint(1, 5)) for _ in range(2)]
        left, right = (Program(features, (layer,), 0, bits) for layer in layers)
        point = [rng.randint(-9, 9) for _ in range(features)]
        expected = [[*naive.sums(layer, point), *[0] * (layer.rows % 2)] for layer in layers]
        found = sums_at((left, right), point)
        assert found.dtype == (np.int32 if bits == 30 else np.int64)
        assert found.tolist() == expected[0] + expected[1]


@pytest.mark.parametrize("bits", [30, 63])
def test_slopes_are_the_weights_of_counted_features(bits):
    layer = naive.layer([{0: 2, 1: 3, 3: 99}, {2: 5}, {0: -7}], constants=[4])
    left, right = Program(3, (layer,), 0, bits), Program(3, (naive.layer([{1: 8}]),), 0, bits)
    blocks = blocks_of((left, right), cut(box_of([0] * 3, [9] * 3), 10))
    assert blocks.slopes.tolist() == [[2, 0, -7, 0, 0, 0], [3, 0, 0, 0, 8, 0]]


def test_differences_beyond_the_lanes_are_refused():
    layer = naive.layer([{0: 2**30}])
    low, high = box_of([0], [1]), box_of([0], [2])
    narrow = Program(1, (layer,), 0, 30)
    assert blocks_of((narrow, narrow), cut(low, 64)).differences.max() == 2**30
    with pytest.raises(ValueError, match="expected numbers that fit 32 bits, found 0 to 2147483648"):
        blocks_of((narrow, narrow), cut(high, 64))
