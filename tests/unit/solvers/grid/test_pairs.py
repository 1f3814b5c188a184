from __future__ import annotations

import random

import naive_grid as naive
import numpy as np
import pytest

from solvers.grid.pairs import Pairs, padded, pairs_of
from solvers.grid.program import Layer


def dense(pairs: Pairs, width: int) -> list[list[int]]:
    """The matrix, with a row of zeros where there is an odd number of rows."""
    found = []
    begin = 0
    for groups in pairs.groups.tolist():
        rows = [[0] * width, [0] * width]
        for group in range(begin, begin + groups):
            for row, weights in zip(rows, pairs.weights[group].tolist(), strict=True):
                for column, weight in zip(pairs.columns[group].tolist(), weights, strict=True):
                    assert column >= 0 or weight == 0
                    row[column] += weight
        found += rows
        begin += groups
    assert begin == len(pairs.weights) == len(pairs.columns)
    return found


def expected(layer: Layer, width: int) -> list[list[int]]:
    found = [[0] * width for _ in range(padded(layer.rows))]
    for row in range(layer.rows):
        for entry in range(int(layer.start[row]), int(layer.start[row + 1])):
            found[row][int(layer.columns[entry])] += int(layer.values[entry])
    return found


def test_random_layers_are_the_same_matrix():
    rng = random.Random("pairs")
    for _ in range(200):
        inputs = rng.randint(1, 12)
        layer = naive.random_layer(rng, inputs, rng.randint(1, 7))
        width = inputs + len(layer.constants)
        assert dense(pairs_of(layer), width) == expected(layer, width)


def test_two_rows_read_the_nodes_of_either_in_groups_of_four():
    pairs = pairs_of(naive.layer([{0: 1, 2: 2, 9: 3}, {1: 4, 2: 5, 3: 6}, {7: 8}]))
    assert pairs.groups.tolist() == [2, 1]
    assert pairs.columns.tolist() == [[0, 1, 2, 3], [9, -1, -1, -1], [7, -1, -1, -1]]
    assert pairs.weights.tolist() == [
        [[1, 0, 2, 0], [0, 4, 5, 6]],
        [[3, 0, 0, 0], [0, 0, 0, 0]],
        [[8, 0, 0, 0], [0, 0, 0, 0]],
    ]


def test_entries_of_one_column_are_added():
    arrays = [np.array(of, dtype=np.int64) for of in ([0, 3, 4], [5, 0, 5, 5], [7, 1, -2, 3], [0, 0], [])]
    pairs = pairs_of(Layer(*arrays, steps=np.empty((1, 0, 4), dtype=np.int64)))
    assert pairs.columns.tolist() == [[0, 5, -1, -1]]
    assert pairs.weights.tolist() == [[[1, 5, 0, 0], [0, 3, 0, 0]]]


def test_the_widest_weights():
    weights = [2**63 - 1, -(2**63)]
    assert pairs_of(naive.layer([{0: weights[0]}, {0: weights[1]}])).weights[0, :, 0].tolist() == weights


@pytest.mark.parametrize(("rows", "groups"), [(0, 0), (1, 1), (2, 1), (3, 2)])
def test_rows_that_read_nothing(rows, groups):
    """They have a group all the same, which adds their bias."""
    pairs = pairs_of(naive.layer([{}] * rows))
    assert pairs.groups.tolist() == [1] * groups
    assert (pairs.columns == -1).all()
    assert pairs.weights.shape == (groups, 2, 4)
