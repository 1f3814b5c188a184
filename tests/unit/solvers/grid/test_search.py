from __future__ import annotations

import itertools
import random

import naive_grid as naive
import numpy as np
import pytest

from solvers.grid.program import Program
from solvers.grid.search import _high_product, activations, sample, splitmix64

LEAST, MOST = -(2**63), 2**63 - 1
MASK = 2**64 - 1


def naive_splitmix64(seed: int, count: int) -> list[int]:
    words = []
    for index in range(1, count + 1):
        word = (seed + index * 0x9E3779B97F4A7C15) & MASK
        word = ((word ^ (word >> 30)) * 0xBF58476D1CE4E5B9) & MASK
        word = ((word ^ (word >> 27)) * 0x94D049BB133111EB) & MASK
        words.append(word ^ (word >> 31))
    return words


def test_splitmix64_gives_its_published_values():
    assert splitmix64(1234567, 5).tolist() == [
        6457827717110365317,
        3203168211198807973,
        9817491932198370423,
        4593380528125082431,
        16408922859458223821,
    ]


@pytest.mark.parametrize("seed", [0, 1, 2**63, MASK])
def test_splitmix64_against_python_integers(seed):
    assert splitmix64(seed, 100).tolist() == naive_splitmix64(seed, 100)


def test_high_products_against_python_integers():
    edges = [0, 1, 2, 2**31, 2**32 - 1, 2**32, 2**32 + 1, 2**63 - 1, 2**63, MASK - 1, MASK]
    pairs = list(itertools.product([*edges, *naive_splitmix64(3, 20)], repeat=2))
    x, y = np.array(pairs, dtype=np.uint64).T
    assert _high_product(x, y).tolist() == [a * b >> 64 for a, b in pairs]


def test_a_sample_is_the_same_everywhere():
    assert sample([-8, 0, 3], [7, 255, 3], 4, 2026).tolist() == [
        [-8, 0, 3],
        [7, 255, 3],
        [0, 0, 3],
        [-8, 0, 3],
        [7, 0, 3],
        [0, 255, 3],
        [5, 120, 3],
        [-2, 202, 3],
        [7, 205, 3],
        [-5, 85, 3],
    ]


def test_a_sample_begins_with_corners():
    points = sample([-5, 2, -9, 0], [5, 8, -3, 0], 10, 1).tolist()
    assert points[:7] == [
        [-5, 2, -9, 0],
        [5, 8, -3, 0],
        [0, 2, -3, 0],
        [-5, 2, -3, 0],
        [5, 2, -3, 0],
        [0, 8, -3, 0],
        [0, 2, -9, 0],
    ]
    assert len(points) == 7 + 10


@pytest.mark.parametrize(("count", "corners"), [(0, 0), (1, 1), (3, 3), (20, 20), (21, 20)])
def test_count_bounds_the_one_hot_corners_and_is_the_number_of_random_points(count, corners):
    points = sample([-1] * 10, [1] * 10, count, 7)
    assert points.shape == (3 + corners + count, 10)
    assert (np.count_nonzero(points[3 : 3 + corners], axis=1) == 1).all()


RANGES = {
    "small": ([-3, 0, 5], [4, 1, 5]),
    "around 2^32": ([-(2**31), 0, 0], [2**31, 2**32 - 1, 2**32]),
    "around 2^63": ([-(2**62), LEAST, 0], [2**62, -1, MOST]),
    "all of int64": ([LEAST, LEAST, LEAST + 1], [MOST, MOST - 1, MOST]),
    "the ends": ([LEAST, MOST, MOST - 1], [LEAST, MOST, MOST]),
}


@pytest.mark.parametrize(("low", "high"), RANGES.values(), ids=RANGES)
def test_samples_lie_in_the_box_and_are_what_the_words_say(low, high):
    points = sample(low, high, 300, 5)
    assert points.dtype == np.int64
    assert (points >= low).all()
    assert (points <= high).all()
    words = naive_splitmix64(5, 900)
    bounds = list(zip(low, high, strict=True)) * 300
    expected = [a + (word * (b - a + 1) >> 64) for (a, b), word in zip(bounds, words, strict=True)]
    assert points[-300:].reshape(-1).tolist() == expected
    assert len(np.unique(points[-300:, 0])) > min(300, high[0] - low[0] + 1) - 10


def test_random_points_are_spread_evenly():
    counts = np.bincount(sample([0], [9], 10_000, 11)[-10_000:, 0])
    assert counts.min() > 850
    assert counts.max() < 1150


def test_the_seed_matters_and_nothing_else_does():
    first, second = sample([0] * 3, [99] * 3, 20, 1), sample([0] * 3, [99] * 3, 20, 2)
    assert (first == sample([0] * 3, [99] * 3, 20, 1)).all()
    assert (first[:6] == second[:6]).all()
    assert (first[-20:] != second[-20:]).any()


def test_a_box_without_features():
    assert sample([], [], 2, 0).shape == (5, 0)


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        pytest.param(([0], [1], -1, 0), "found -1 and 0", id="negative count"),
        pytest.param(([0], [1], 1, -1), "found 1 and -1", id="negative seed"),
        pytest.param(([0], [1], 1, 2**64), "a seed of 64 bits", id="long seed"),
        pytest.param(([0], [1], 1, 2**64 + 1), "a seed of 64 bits", id="longer seed"),
        pytest.param(([1], [0], 1, 0), "low ≤ high", id="empty box"),
    ],
)
def test_samples_refused(arguments, problem):
    with pytest.raises(ValueError, match=problem):
        sample(*arguments)


@pytest.mark.parametrize("count", [0, 1, 255, 256, 257, 300])
def test_activations_are_what_every_row_gives(count):
    rng = random.Random(f"activations of {count}")
    for _ in range(4):
        program = naive.random_program(rng, 3, 2, 3)
        points = sample([-4] * 3, [4] * 3, count, rng.randrange(2**64))[:count]
        until = [Program(3, program.layers[: depth + 1], 0) for depth in range(3)]
        expected = [[value for part in until for value in naive.evaluate(part, point)] for point in points.tolist()]
        found = activations(program, points)
        assert (found.dtype, found.shape) == (np.int64, (count, sum(layer.rows for layer in program.layers)))
        assert found.tolist() == expected


@pytest.mark.parametrize(
    ("points", "problem"),
    [
        pytest.param(np.zeros((3, 2), dtype=np.int32), r"found int32\[3, 2\]", id="narrow"),
        pytest.param(np.zeros((3, 2)), r"found float64\[3, 2\]", id="floating"),
        pytest.param(np.zeros((3, 2, 1), dtype=np.int64), r"found int64\[3, 2, 1\]", id="three dimensions"),
        pytest.param(np.zeros((3, 1), dtype=np.int64), r"found int64\[3, 1\]", id="too few features"),
        pytest.param(np.zeros((3, 3), dtype=np.int64), r"found int64\[3, 3\]", id="too many features"),
        pytest.param(np.zeros(2, dtype=np.int64), r"found int64\[2\]", id="one point alone"),
    ],
)
def test_points_refused(points, problem):
    program = naive.point_detector((0, 0), 1)
    with pytest.raises(ValueError, match=problem):
        activations(program, points)


@pytest.mark.parametrize("value", [2**31, -(2**31) - 1])
def test_points_beyond_the_bits_of_a_program_are_refused(value):
    one = (naive.layer([{0: 1}]),)
    points = np.array([[0], [value]], dtype=np.int64)
    assert activations(Program(1, one, 0, 32), points).tolist() == [[0], [value]]
    with pytest.raises(ValueError, match="expected numbers that fit 32 bits"):
        activations(Program(1, one, 0, 30), points)
