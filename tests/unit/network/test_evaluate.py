"""Exact evaluation against the naive oracle, on whole grids."""

from __future__ import annotations

import json

import naive
import numpy as np
import pytest
from hypothesis import given
from strategies import documents

from certify.errors import InputError
from certify.network.evaluate import accumulate, evaluate
from certify.network.reader import read_network

EXAMPLE = {
    "format": "certify.network/1",
    "name": "example",
    "input": {"shape": [2], "low": -16, "high": 16, "precision_bits": 4},
    "layers": [
        {
            "op": "dense",
            "precision_bits": 4,
            "weights": [[3, -16], [0, 7]],
            "bias": [0, 256],
            "then": [{"op": "relu"}, {"op": "requantize", "shift": 4, "rounding": "floor"}],
        },
        {"op": "dense", "precision_bits": 4, "weights": [[1, -2]], "then": []},
    ],
}


def network(document: dict):
    return read_network(json.dumps(document).encode())


@pytest.mark.parametrize(
    ("point", "expected"),
    [
        # 3·1 - 16·(-2) = 35 and 7·(-2) + 256 = 242, over 16 and floored: 2 and 15; 2 - 2·15.
        pytest.param((1, -2), -28, id="both units live"),
        # 3·1 - 16·2 = -29, so 0; 7·2 + 256 = 270, over 16: 16.
        pytest.param((1, 2), -32, id="one unit dead"),
        pytest.param((0, 0), -32, id="origin"),
        pytest.param((16, -16), 19 - 2 * 9, id="corner"),
    ],
)
def test_the_example_by_hand(point, expected):
    assert evaluate(network(EXAMPLE), point) == (expected,)
    assert naive.evaluate(EXAMPLE, point) == [expected]


@given(documents(max_points=60))
def test_evaluation_is_the_oracles(document):
    read = network(document)
    for point in naive.grid(document):
        assert list(evaluate(read, point)) == naive.evaluate(document, point)


def test_accumulators_take_the_constants_and_no_steps():
    layer = EXAMPLE["layers"][0] | {"weights": [[3, -16, 2], [0, 7, 1]], "constants": [100]}
    read = network(EXAMPLE | {"layers": [layer, EXAMPLE["layers"][1]]})
    assert accumulate(read.layers[0], [1, 2]) == [3 - 32 + 200, 14 + 100 + 256]


def test_numbers_beyond_machine_words_do_not_wrap():
    layer = {"op": "dense", "precision_bits": 60, "weights": [[2**60]]}
    box = {"shape": [1], "low": 2**63 - 1, "high": 2**63 - 1, "precision_bits": 0}
    read = network({"format": "certify.network/1", "input": box, "layers": [layer] * 4})
    assert evaluate(read, [2**63 - 1]) == ((2**63 - 1) * 2**240,)


def test_a_numpy_point_gives_python_integers():
    outputs = evaluate(network(EXAMPLE), np.array([1, -2]))
    assert outputs == (-28,)
    assert type(outputs[0]) is int


def test_a_float_is_not_rounded_silently():
    with pytest.raises(TypeError):
        evaluate(network(EXAMPLE), [1.5, 0])


@pytest.mark.parametrize(
    ("point", "place", "problem"),
    [
        pytest.param((17, 0), "point[0]", "expected an integer from -16 to 16, found 17", id="above"),
        pytest.param((0, -17), "point[1]", "expected an integer from -16 to 16, found -17", id="below"),
        pytest.param((0,), "", "expected a point of 2 features, found 1", id="too short"),
        pytest.param((0, 0, 0), "", "expected a point of 2 features, found 3", id="too long"),
    ],
)
def test_a_point_outside_the_box_is_refused(point, place, problem):
    with pytest.raises(InputError) as caught:
        evaluate(network(EXAMPLE), point)
    assert (caught.value.place, caught.value.problem) == (place, problem)
