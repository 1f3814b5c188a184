"""A linear layer's offsets: its biases, and all that its constants add to them."""

from __future__ import annotations

import json

import naive
import numpy as np
from hypothesis import given
from strategies import documents

from certify.network.matrix import from_dense
from certify.network.model import Dense
from certify.network.operators import Convolution
from certify.network.operators.window import Window
from certify.network.reader import read_network


def dense(bits, bias, weights, constants):
    return Dense(from_dense(np.array(weights, dtype=np.int64)), bits, bias, constants)


def test_constants_are_taken_in():
    layer = dense(4, (10, -1), ((1, 2, 3), (0, -16, 5)), (7, -100))
    assert layer.inputs == 1
    assert layer.offsets() == (10 + 2 * 7 - 3 * 100, -1 - 16 * 7 - 5 * 100)


def test_constants_of_a_convolution_stand_after_all_taps():
    weights = from_dense(np.array([[1, 2, 3, 4], [5, 6, 0, -8]], dtype=np.int64))
    layer = Convolution(weights, 4, (10, -1), Window((1, 3)), constants=(7,))
    assert (layer.taps, layer.channels) == (3, 1)
    assert layer.offsets() == (10 + 4 * 7, -1 - 8 * 7)


def test_beyond_machine_words():
    layer = dense(60, (-(2**63),), ((0, -(2**60)),), (2**63 - 1,))
    assert layer.offsets() == (-(2**63) - 2**60 * (2**63 - 1),)


@given(documents(max_layers=1, max_points=1))
def test_they_are_the_accumulator_at_zero(document):
    [layer] = document["layers"]
    bare = {"layers": [layer | {"then": []}]}
    target = read_network(json.dumps(document).encode())
    assert list(target.layers[0].offsets()) == naive.evaluate(bare, [0] * target.input.features)
