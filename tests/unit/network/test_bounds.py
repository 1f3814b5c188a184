"""Interval bounds: they contain what is reached, they are tight for one layer, and large numbers do not wrap."""

from __future__ import annotations

import json

import naive
import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import documents

from certify.network.bounds import layer_bounds, network_bounds
from certify.network.reader import read_network


def network(document: dict):
    return read_network(json.dumps(document).encode())


def up_to(document: dict, index: int, *, steps: bool) -> dict:
    """The document cut off after a layer, or before that layer's steps."""
    last = document["layers"][index]
    return document | {"layers": [*document["layers"][:index], last if steps else last | {"then": []}]}


def columns(rows: list[list[int]]) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """The least and the greatest entry of each column."""
    turned = list(zip(*rows, strict=True))
    return tuple(map(min, turned)), tuple(map(max, turned))


@given(documents(max_points=60))
def test_bounds_contain_every_value_reached(document):
    for index, bounds in enumerate(network_bounds(network(document))):
        for steps, low, high in (
            (False, bounds.low, bounds.high),
            (True, bounds.output_low, bounds.output_high),
        ):
            reached = [naive.evaluate(up_to(document, index, steps=steps), point) for point in naive.grid(document)]
            least, greatest = columns(reached)
            assert all(a <= b for a, b in zip(low, least, strict=True))
            assert all(a <= b for a, b in zip(greatest, high, strict=True))


@given(documents(max_layers=1, max_points=60))
def test_bounds_of_one_layer_are_reached(document):
    [bounds] = network_bounds(network(document))
    points = list(naive.grid(document))
    accumulators = columns([naive.evaluate(up_to(document, 0, steps=False), point) for point in points])
    outputs = columns([naive.evaluate(document, point) for point in points])
    assert (bounds.low, bounds.high) == accumulators
    assert (bounds.output_low, bounds.output_high) == outputs


@given(documents(max_layers=2, max_points=60))
def test_largest_bounds_products_and_partial_sums_in_any_order(document):
    for index, bounds in enumerate(network_bounds(network(document))):
        layer = document["layers"][index]
        rows = naive.integers(layer["weights"])
        biases = naive.integers(layer.get("bias", [0] * len(rows)))
        before = document | {"layers": document["layers"][:index]}
        for point in naive.grid(document):
            inputs = naive.evaluate(before, point) + naive.integers(layer.get("constants", []))
            assert max(map(abs, inputs)) <= bounds.largest
            for row, bias in zip(rows, biases, strict=True):
                products = [abs(w * x) for w, x in zip(row, inputs, strict=True)]
                assert sum(products) + abs(bias) <= bounds.largest


def test_bounds_by_hand():
    layer = {
        "op": "dense",
        "precision_bits": 3,
        "weights": [[2, -3, 8], [0, 0, 0]],
        "bias": [-7, 5],
        "constants": [10],
        "then": [{"op": "clamp", "low": -2, "high": 80}],
    }
    box = {"shape": [2], "low": [-1, 0], "high": [4, 5], "precision_bits": 0}
    [bounds] = network_bounds(network({"format": "certify.network/1", "input": box, "layers": [layer]}))
    assert bounds.low == (-2 - 15 + 80 - 7, 5)
    assert bounds.high == (8 - 0 + 80 - 7, 5)
    assert (bounds.output_low, bounds.output_high) == ((56, 5), (80, 5))
    assert bounds.largest == 8 + 15 + 80 + 7


def interval_product(row: list[int], low: list[int], high: list[int]) -> tuple[int, int]:
    pairs = [sorted([w * a, w * b]) for w, a, b in zip(row, low, high, strict=True)]
    return sum(least for least, _ in pairs), sum(greatest for _, greatest in pairs)


def chain(low: list[int], high: list[int], *matrices: list[list[int]]) -> dict:
    box = {"shape": [len(low)], "low": low, "high": high, "precision_bits": 0}
    layers = [{"op": "dense", "precision_bits": 60, "weights": matrix} for matrix in matrices]
    return {"format": "certify.network/1", "input": box, "layers": layers}


WORD = st.integers(-(2**63), 2**63 - 1)
# Products around 2^63, on both sides of where the sums leave int64.
NEAR = st.integers(-(2**34), 2**34)
WEIGHT = st.integers(-(2**60), 2**60) | st.integers(-(2**29), 2**29) | st.just(0)


@given(st.data(), st.integers(1, 3), st.integers(1, 2))
def test_bounds_above_int64_are_exact(data, inputs, hidden):
    pairs = data.draw(st.lists(st.tuples(WORD, WORD) | st.tuples(NEAR, NEAR), min_size=inputs, max_size=inputs))
    low, high = [min(pair) for pair in pairs], [max(pair) for pair in pairs]
    rows = data.draw(st.lists(st.lists(WEIGHT, min_size=inputs, max_size=inputs), min_size=hidden, max_size=hidden))
    last = data.draw(st.lists(WEIGHT, min_size=hidden, max_size=hidden))
    for bounds, matrix in zip(network_bounds(network(chain(low, high, rows, [last]))), (rows, [last]), strict=True):
        expected = [interval_product(row, low, high) for row in matrix]
        assert list(zip(bounds.low, bounds.high, strict=True)) == expected
        low, high = list(bounds.low), list(bounds.high)


@pytest.mark.parametrize("weight", [0, 1, -(2**60)])
def test_inputs_above_int64(weight):
    """A weight of 0 makes every product small and the inputs stay as large as they are."""
    bounds = network_bounds(network(chain([-(2**63)], [2**63 - 1], [[2**60]], [[weight]])))[-1]
    ends = sorted([weight * -(2**123), weight * (2**63 - 1) * 2**60])
    assert [bounds.low[0], bounds.high[0]] == ends
    assert bounds.largest == max(2**123, *map(abs, ends))


def test_a_sum_that_just_leaves_int64():
    """Every product fits into int64; only their sum, 2^63, does not."""
    weights = [[2**60] * 8]
    layer = network(chain([0] * 8, [1] * 8, weights)).layers[0]
    assert layer_bounds(layer, [0] * 8, [1] * 8).high == (2**63,)
    assert layer_bounds(layer, [-1] * 8, [0] * 8).low == (-(2**63),)
    assert layer_bounds(layer, [-1] * 8, [1] * 8).largest == 2**63
