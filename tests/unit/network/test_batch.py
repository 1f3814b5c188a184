"""Batches refuse what leaves the machine word, and the bounds that say so hold for every number met."""

from __future__ import annotations

import json
from typing import Any

import mutants
import naive
import naive_graph
import numpy as np
import pytest
from graphs import MOVING, graphs, points
from hypothesis import given, settings
from hypothesis import strategies as st

from certify.network.batch import Batch, TooWideError
from certify.network.bounds import graph_reach
from certify.network.evaluate import evaluate
from certify.network.operators.dense import model
from certify.network.reader import read_network


def network(document: dict):
    return read_network(json.dumps(document).encode())


def magnitudes(x: naive_graph.Tensor) -> naive_graph.Tensor:
    return {index: abs(value) for index, value in x.items()}


def without_signs(layer: dict) -> dict:
    """The layer with the magnitude of each weight, bias and constant: its sums bound all partial sums."""
    changed: dict[str, Any] = {}
    for name in ("bias", "constants"):
        changed |= {name: [abs(x) for x in naive.integers(layer[name])]} if name in layer else {}
    if "weights" in layer:
        changed["weights"] = [[abs(x) for x in row] for row in naive.integers(layer["weights"])]
    return layer | changed


def met(layer: dict, read: list[naive_graph.Tensor]) -> list[int]:
    """What a sum of magnitudes, in any order, comes to at most, and what else an accumulation meets."""
    found = [abs(value) for x in read for value in x.values()]
    if layer["op"] == "add":
        terms = layer.get("terms", [{}] * len(read))
        after = [naive_graph.then(term.get("then", []), x) for term, x in zip(terms, read, strict=True)]
        weights = [abs(term.get("weight", 1)) for term in terms]
        sums = [sum(w * abs(x[i]) for w, x in zip(weights, after, strict=True)) for i in after[0]]
        return [*found, *weights, *sums, *(abs(value) for x in after for value in x.values())]
    if layer["op"] == "softmax":
        table, line = naive.integers(layer["table"]), naive_graph.shape_of(read[0])[-1]
        spread = max(read[0].values()) - min(read[0].values()) if line == len(read[0]) else 0
        return [*found, spread, table[0] * layer["scale"], table[0] * line]
    if layer["op"] == "average_pool":
        taps, layer = layer["kernel"][0] * layer["kernel"][1], layer | {"op": "sum_pool"}
        return [*found, 2 * taps, *met(layer, read)]
    if layer["op"] in MOVING:
        found = []
    return [*found, *naive_graph.OPERATORS[layer["op"]](without_signs(layer), *map(magnitudes, read)).values()]


@settings(max_examples=200)
@given(st.data(), graphs())
def test_largest_bounds_every_number_met(data, document):
    point = data.draw(points(document))
    sums, found = naive_graph.accumulators(document, point)
    given_point = naive_graph.shaped(list(point), tuple(document["input"]["shape"]))
    named = {"input": given_point} | {
        layer["name"]: x for layer, x in zip(document["layers"], found, strict=True) if "name" in layer
    }
    for index, (layer, reach) in enumerate(zip(document["layers"], graph_reach(network(document)), strict=True)):
        names = layer.get("inputs")
        read = [named[name] for name in names] if names else [found[index - 1] if index else given_point]
        assert max(met(layer, read)) <= reach.sums <= reach.largest
        for place, x in sums[index].items():
            for step in layer.get("then", []):
                x = naive.apply_step(step, x, place[-1])  # noqa: PLW2901 - the next step takes it
                assert abs(x) <= reach.largest


def dense(*then: dict, weight: int = 3, low: int = -4) -> dict:
    layer = {"op": "dense", "precision_bits": 60, "weights": [[weight], [-weight]], "then": list(then)}
    box = {"shape": [1], "low": low, "high": 5, "precision_bits": 0}
    return {"format": "certify.network/1", "input": box, "layers": [layer]}


def multiply(**fields: Any) -> dict:
    return {"op": "requantize", "multiplier": 2**30, "shift": 0, "rule": "single"} | fields


# What lies at the edge of a machine word, and whether it is refused.
EDGES = {
    "weights of 2^60, sums of 2^63": (dense(weight=2**60), True),
    "weights of 2^58": (dense(weight=2**58), False),
    "weights beyond a float's integers": (dense(weight=2**53 + 1), False),
    "products of 2^53 and more": (dense(weight=2**51 + 1), False),
    "a clamp to 2^63 - 1": (dense({"op": "clamp", "low": -(2**63), "high": 2**63 - 1}), True),
    "a clamp below 2^62": (dense({"op": "clamp", "low": -(2**62) + 1, "high": 2**62 - 1}), False),
    "an offset of 2^63 - 1": (dense({"op": "offset", "value": 2**63 - 1}), True),
    "an offset below 2^61": (dense({"op": "offset", "value": 2**61 - 1}), False),
    "a zero point of -2^63": (dense(multiply(zero_point=-(2**63))), True),
    "a zero point below 2^61": (dense(multiply(zero_point=2**61)), False),
    "thresholds of 2^63 - 1": (dense({"op": "thresholds", "at": [-(2**63), 0, 2**63 - 1]}), True),
    "thresholds of each output": (dense({"op": "thresholds", "at": [[0, 2**63 - 1], [0]]}), True),
    "thresholds below 2^62": (dense({"op": "thresholds", "at": [[0, 2**62 - 1], [-(2**62) + 1, 9]]}), False),
    "a result of 2^63 - 1": (dense({"op": "thresholds", "at": [0], "low": 2**63 - 1}), True),
    "a shift of 61": (dense({"op": "requantize", "shift": 61, "rounding": "half_even"}), False),
    "a shift of 63": (dense({"op": "requantize", "shift": 63, "rounding": "half_up"}), True),
    "a shift of 1024": (dense({"op": "requantize", "shift": 1024, "rounding": "half_away"}), True),
    "a multiplier's shift of 30": (dense(multiply(shift=30)), False),
    "a multiplier's shift of 64": (dense(multiply(shift=[0, 64])), True),
    "a multiplier's shift of -31": (dense(multiply(shift=-31, multiplier=2**31 - 1)), True),
    "a multiplier's shift of -25": (dense(multiply(shift=[-25, 2], rule="double")), False),
    "significant bits of 2^61": (dense({"op": "round_significant"}, weight=2**58 + 2**34 + 1), False),
    "points of -2^63": (dense({"op": "relu"}, low=-(2**63), weight=0), True),
}


@pytest.mark.parametrize(("document", "wide"), EDGES.values(), ids=EDGES)
def test_edges_of_the_machine_word(document, wide):
    read = network(document)
    if wide:
        with pytest.raises(TooWideError, match=r"^layers\[0\]: numbers of \d+ bits$"):
            Batch.of(read)
        return
    found = Batch.of(read).run(np.arange(-4, 6, dtype=np.int64)[:, None])
    assert list(map(tuple, found.tolist())) == [evaluate(read, [x]) for x in range(-4, 6)]


def image(layer: dict, *more: dict) -> dict:
    box = {"shape": [5, 4, 2], "low": -9, "high": 9, "precision_bits": 0}
    return {"format": "certify.network/1", "input": box, "layers": [layer, *more]}


CONV = {"op": "conv2d", "kernel": [2, 3], "padding": [[0, 1], [2, 1]], "precision_bits": 3, "weights": [[1] * 12] * 2}
POOL = {"op": "max_pool", "kernel": [2, 2], "padding": [[1, 0], [0, 1]]}
AVERAGE = {"op": "average_pool", "kernel": [2, 2], "padding": [[1, 0], [0, 1]], "rounding": "half_away"}


@pytest.mark.parametrize("layer", [CONV, POOL, AVERAGE], ids=["convolution", "maximum", "average"])
def test_a_batch_of_no_points_has_no_outputs(layer):
    read = network(image(layer))
    assert Batch.of(read).run(np.zeros((0, 40), dtype=np.int64)).shape == (0, read.outputs)


@pytest.mark.parametrize("most", [1, 300, 2**22])
def test_convolutions_in_parts(monkeypatch, most):
    monkeypatch.setattr("certify.network.operators.convolution.model.PATCH_ELEMENTS", most)
    document = image(CONV)
    given_points = np.random.default_rng(0).integers(-9, 10, (7, 40))
    found = Batch.of(network(document)).run(given_points)
    assert found.tolist() == [naive_graph.evaluate(document, point) for point in given_points.tolist()]


def test_sums_run_in_floats_where_they_are_exact_though_steps_need_more():
    large = multiply(multiplier=2**31 - 1)
    wide = dense(large, weight=2**20)
    assert Batch.of(network(wide)).kinds == (np.float64,)
    assert graph_reach(network(wide))[0].largest > 2**53
    assert Batch.of(network(dense(weight=2**51))).kinds == (np.int64,)
    assert Batch.of(network(wide), floats=False).kinds == (np.int64,)


def test_every_layer_is_visited_once_in_order():
    read = network(image(CONV | {"name": "a"}, POOL, {"op": "add", "inputs": ["a", "a"]}))
    seen: list[tuple[int, tuple[int, ...]]] = []
    Batch.of(read).walk(np.zeros((3, 40), dtype=np.int64), lambda index, x: seen.append((index, x.shape)))
    assert seen == [(index, (3, *shape)) for index, shape in enumerate(read.shapes())]


@pytest.mark.parametrize("block", [1, 5, 2**19])
@pytest.mark.parametrize("kind", [np.int64, np.float64])
@given(
    weights=st.lists(st.lists(st.none() | st.integers(-99, 99), min_size=5, max_size=5), min_size=1, max_size=6),
    inputs=st.lists(st.lists(st.integers(-9, 9), min_size=3, max_size=3), min_size=1, max_size=4),
)
def test_sums_entry_by_entry_and_row_by_row(kind, block, weights, inputs):
    """Both ways to accumulate, with two constants and cut anywhere; rows may be empty."""
    layer = mutants.dense(weights, bias=range(len(weights)), constants=[4, -7])
    expected = [
        [
            bias + sum((w or 0) * x for w, x in zip(row, [*point, 4, -7], strict=True))
            for bias, row in enumerate(weights)
        ]
        for point in inputs
    ]
    given_inputs = np.array(inputs, dtype=kind)
    for sparse in (True, False):
        with pytest.MonkeyPatch.context() as monkeypatch:
            monkeypatch.setattr(model, "BLOCK_ELEMENTS", block)
            monkeypatch.setattr(mutants.Dense, "is_sparse", lambda *_, sparse=sparse: sparse)
            found = layer.accumulate([given_inputs])
        assert (found.dtype, found.tolist()) == (kind, expected)


def test_a_layer_of_few_weights_is_sparse():
    few, many = mutants.dense([[1] + [None] * 99] * 2), mutants.dense([[1] * 20 + [None] * 80] * 2)
    assert [few.is_sparse(kind) for kind in (np.int64, np.float64)] == [True, True]
    assert [many.is_sparse(kind) for kind in (np.int64, np.float64)] == [True, False]
    assert not mutants.dense([[1, 2, 3, 4]]).is_sparse(np.int64)
