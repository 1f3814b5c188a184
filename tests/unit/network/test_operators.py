"""Every operator by itself: many shapes against plain loops, results worked out by hand, and what does not fit."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import naive_graph
import numpy as np
import pytest
from graphs import OPERATORS, graphs, points
from hypothesis import given, settings
from hypothesis import strategies as st
from networks import parts

from certify.errors import InputError
from certify.network.batch import Batch
from certify.network.bounds import graph_reach
from certify.network.evaluate import evaluate
from certify.network.model import INPUT, Box, Network
from certify.network.operators import OPERATOR_NAMES, Addition, Concatenate, Convolution, Pooling, Reshape, Term
from certify.network.operators.window import Window
from certify.network.reader import read_network
from certify.network.writer import write_network


def network(document: dict):
    return read_network(json.dumps(document).encode())


def image(shape: list[int], *layers: dict, low: int = -100, high: int = 100) -> dict:
    box = {"shape": shape, "low": low, "high": high, "precision_bits": 0}
    return {"format": "certify.network/1", "input": box, "layers": list(layers)}


def test_the_strategy_knows_every_operator():
    assert set(OPERATOR_NAMES) == set(OPERATORS) == set(naive_graph.OPERATORS)


@pytest.mark.parametrize("op", OPERATORS)
@settings(max_examples=40)
@given(st.data())
def test_an_operator_is_the_oracles(op, data):
    shapes = ((5, 4, 2), (3, 5, 4), (2, 2, 3)) if op != "matmul" else ((2, 3, 2), (3, 4), (1, 5))
    document = data.draw(graphs(ops=(op,), shapes=shapes, max_layers=1))
    given_points = [data.draw(points(document)) for _ in range(2)]
    expected = [naive_graph.evaluate(document, point) for point in given_points]
    read = network(document)
    assert [list(evaluate(read, point)) for point in given_points] == expected
    assert Batch.of(read).run(np.array(given_points, dtype=np.int64)).tolist() == expected
    assert Batch.of(read, floats=False).run(np.array(given_points, dtype=np.int64)).tolist() == expected
    assert parts(read_network(write_network(read))) == parts(read)


ROW = {"op": "conv2d", "kernel": [1, 3], "precision_bits": 3, "weights": [[1, 2, 4]]}
X = [1, 10, 100, -100]
WINDOW = {"kernel": [1, 3], "stride": [1, 1], "padding": [[0, 0], [1, 1]]}

BY_HAND: dict[str, tuple[dict, list[int], list[int]]] = {
    "a kernel": (image([1, 4, 1], ROW), X, [421, -190 - 0 + 0]),
    "a kernel with padding": (image([1, 4, 1], ROW | {"padding": [[0, 0], [1, 0]]}), X, [42, 421, -190]),
    "a stride": (image([1, 4, 1], ROW | {"padding": [[0, 0], [1, 0]], "stride": [1, 2]}), X, [42, -190]),
    "a dilation": (image([1, 5, 1], ROW | {"dilation": [1, 2]}), [*X, 7], [1 + 200 + 28]),
    "a bias and a constant, in the padding too": (
        image(
            [1, 1, 1], ROW | {"weights": [[1, 2, 4, 8]], "bias": [5], "constants": [-3], "padding": [[0, 0], [2, 2]]}
        ),
        [10],
        [40 - 19, 20 - 19, 10 - 19],
    ),
    "a depthwise kernel": (
        image([1, 2, 2], ROW | {"kernel": [1, 2], "groups": 2, "weights": [[1, 2], [3, 4]]}),
        [1, 10, 100, -100],
        [201, 30 - 400],
    ),
    "two outputs of each group": (
        image([1, 1, 2], ROW | {"kernel": [1, 1], "groups": 2, "weights": [[1], [2], [3], [4]]}),
        [1, 10],
        [1, 2, 30, 40],
    ),
    "channels of a tap stand together": (
        image([1, 2, 2], ROW | {"kernel": [1, 2], "precision_bits": 4, "weights": [[1, 2, 4, 8]]}),
        [1, 10, 100, -100],
        [1 + 20 + 400 - 800],
    ),
    "a maximum of negative values ignores the padding": (
        image([1, 4, 1], {"op": "max_pool"} | WINDOW),
        [-5, -3, -9, -7],
        [-3, -3, -3, -7],
    ),
    "a sum ignores it": (image([1, 4, 1], {"op": "sum_pool"} | WINDOW), X, [11, 111, 10, 0]),
    "an average divides by what is inside": (
        image([1, 4, 1], {"op": "average_pool", "rounding": "floor"} | WINDOW),
        X,
        [5, 37, 3, 0],
    ),
    "a softmax": (
        # T(0), T(1), T(2) = 8, 4, 2: sums 8 + 4 = 12; 9·8/12 = 6, 9·4/12 = 3. Four behind is beyond the end.
        image([3], {"op": "softmax", "table": [8, 4, 2], "scale": 9}),
        [5, 4, 1],
        [6, 3, 0],
    ),
    "a softmax rounds half up": (image([2], {"op": "softmax", "table": [1], "scale": 3}), [7, 7], [2, 2]),
    "a weighted sum": (
        image(
            [2],
            {
                "op": "add",
                "inputs": ["input", "input"],
                "terms": [{"weight": -3}, {"then": [{"op": "relu"}, {"op": "offset", "value": 1}]}],
            },
        ),
        [5, -5],
        [-15 + 6, 15 + 1],
    ),
    "gathered": (image([2], {"op": "gather", "indices": [1, -1, 1, 0], "shape": [2, 2]}), [5, -5], [-5, 0, -5, 5]),
    "a pattern of steps, channel by channel": (
        image(
            [2, 2],
            {"op": "flatten"},
            {"op": "reshape", "shape": [2, 2], "then": [{"op": "thresholds", "at": [[0], []]}]},
        ),
        [5, -5, -1, 1],
        [1, 0, 0, 0],
    ),
}


@pytest.mark.parametrize(("document", "point", "expected"), BY_HAND.values(), ids=BY_HAND)
def test_by_hand(document, point, expected):
    assert list(evaluate(network(document), point)) == expected
    assert Batch.of(network(document)).run(np.array([point])).tolist() == [expected]
    assert naive_graph.evaluate(document, point) == expected


@pytest.mark.parametrize("rounding", ["floor", "half_up", "half_even", "half_away", "toward_zero"])
def test_averages_around_ties(rounding):
    document = image([1, 2, 1], {"op": "average_pool", "kernel": [1, 2], "rounding": rounding})
    for low in range(-5, 6):
        assert list(evaluate(network(document), (low, 0))) == naive_graph.evaluate(document, (low, 0))


def test_bounds_of_what_is_alike_everywhere_are_not_held_for_every_position():
    """A convolution's bounds are one per channel, and so are those of what follows on the plane."""
    conv = ROW | {"kernel": [3, 3], "weights": [[1] * 9] * 2, "padding": [[1, 1], [1, 1]], "name": "a"}
    add = {"op": "add", "inputs": ["a", "a"], "then": [{"op": "relu"}]}
    pool = {"op": "average_pool", "kernel": [2, 2], "rounding": "half_away", "padding": [[1, 1], [0, 0]]}
    for reach in graph_reach(network(image([2000, 2000, 1], conv, add, pool))):
        assert reach.output.low.strides[:2] == reach.output.high.strides[:2] == (0, 0)


def test_bounds_of_a_padded_sum_differ_at_the_border():
    conv = ROW | {"kernel": [1, 1], "weights": [[1]], "bias": [10]}
    pool = {"op": "sum_pool"} | WINDOW
    reach = graph_reach(network(image([1, 3, 1], conv, pool, low=-2, high=3)))[-1]
    assert reach.output.low.reshape(-1).tolist() == [16, 24, 16]
    assert reach.output.high.reshape(-1).tolist() == [26, 39, 26]


def test_a_network_that_no_name_fits_is_written_with_others():
    """Names are for people; where layers are read by name, each of those gets one that is its own."""
    box = Box((2,), (0, 0), (3, 3), 0)
    same = Reshape((2,), name="input")
    layers = (same, Reshape((2,), name="input"), Addition((0, 1, INPUT), (Term(), Term(3), Term(9))))
    made = Network("", box, (*layers, Concatenate((2, 0), 0)))
    back = read_network(write_network(made))
    assert [back.sources(index) for index in range(4)] == [(-1,), (0,), (0, 1, -1), (2, 0)]
    assert evaluate(back, (1, 2)) == evaluate(made, (1, 2)) == (13, 26, 1, 2)
    assert len({layer.name for layer in back.layers[:3]}) == 3
    assert write_network(back) == write_network(made)


def test_other_fields():
    layer = Reshape((2,), name="a")
    assert layer.replaced(sources=(3,)) == Reshape((2,), name="a", sources=(3,))


MISFITS: dict[str, tuple[Any, tuple[int, ...], str]] = {
    "pooling of a list": (Pooling("max", Window((1, 1))), (4,), "expected an input of [rows, columns, channels]"),
    "a reshape": (Reshape((3,)), (4,), "expected 3 elements for [3], found 4"),
    "a window of padding": (
        Pooling("max", Window((1, 1), padding=((0, 1), (0, 0)))),
        (1, 1, 1),
        "expected an element inside every window, found one of nothing but padding",
    ),
    "a window between its taps": (
        Pooling("average", Window((1, 2), (1, 1), (1, 2), ((0, 0), (1, 1))), "floor"),
        (1, 1, 1),
        "expected an element inside every window, found one of nothing but padding",
    ),
}


@pytest.mark.parametrize(("operator", "shape", "problem"), MISFITS.values(), ids=MISFITS)
def test_what_does_not_fit(operator, shape, problem):
    with pytest.raises(InputError) as caught:
        operator.shape([shape])
    assert caught.value.problem.startswith(problem)


def test_a_kernel_of_the_wrong_width_is_no_convolution():
    [made] = network(image([1, 4, 1], ROW)).layers
    assert isinstance(made, Convolution)
    with pytest.raises(AssertionError):
        made.replaced(window=Window((2, 1)))
    with pytest.raises(AssertionError):
        made.replaced(groups=2)


def test_the_documented_examples_are_read():
    text = Path(__file__).parents[3].joinpath("docs", "formats.md").read_text(encoding="utf-8")
    examples = re.findall(r"```json\n(.*?)```", text, re.DOTALL)
    assert [read_network(example.encode()).name for example in examples] == ["example", "residual"]
