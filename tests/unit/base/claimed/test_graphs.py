"""Claimed base networks with convolutions and branches."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from claimed_files import json_file, layout, npy_directory, npz, safetensors

from certify.base.claimed import BaseFiles, pruned, read_base, read_masks
from certify.base.draw import random_weights
from certify.base.law import Precision
from certify.errors import FalseClaimError, InputError
from certify.network.evaluate import evaluate
from certify.network.model import Network
from certify.network.operators import Addition, Convolution
from certify.network.reader import read_network

RANDOM = np.random.default_rng(5)
# [outputs, rows, columns, channels of a group]
FIRST = RANDOM.integers(-4, 5, (4, 3, 2, 2))
SECOND = RANDOM.integers(-4, 5, (4, 1, 1, 2))
LAST = RANDOM.integers(-4, 5, (3, 4 * 3 * 4))
PLACE: dict[str, Any] = {"kernel": [3, 2], "padding": [[1, 1], [1, 0]], "precision_bits": 2}
POINT: dict[str, Any] = {"kernel": [1, 1], "groups": 2, "precision_bits": 2}
SHIFT = {"op": "requantize", "shift": 2, "rounding": "floor"}
BASE: dict[str, Any] = {
    "format": "certify.network/1",
    "input": {"shape": [4, 3, 2], "low": -3, "high": 3, "precision_bits": 0},
    "layers": [
        {"op": "conv2d", "name": "a", **PLACE, "weights": FIRST.reshape(4, -1).tolist(), "then": [SHIFT]},
        {"op": "conv2d", "name": "b", **POINT, "weights": SECOND.reshape(4, -1).tolist(), "then": [SHIFT]},
        {"op": "add", "inputs": ["a", "b"], "then": [{"op": "relu"}]},
        {"op": "dense", "precision_bits": 2, "weights": LAST.tolist()},
    ],
}
TARGET = read_network(json.dumps(BASE).encode())
KEPT = {
    "layers.0.weights": RANDOM.integers(0, 2, (4, 12)),
    "layers.1.weights": RANDOM.integers(0, 2, (4, 2)),
    "layers.3.weights": RANDOM.integers(0, 2, (3, 48)),
}
LAYERS: tuple[dict[str, Any], ...] = (
    {"op": "conv2d", "name": "a", "weights": "first", "axes": "ohwi", **PLACE, "then": [SHIFT]},
    {"op": "conv2d", "name": "b", "weights": "second", "axes": "ohwi", **POINT, "then": [SHIFT]},
    {"op": "add", "inputs": ["a", "b"], "then": [{"op": "relu"}]},
    {"weights": "last", "precision_bits": 2},
)
ARRAYS = {"first": FIRST, "second": SECOND, "last": LAST}


def masked() -> dict[str, Any]:
    """BASE with what KEPT leaves of its weights."""
    document: dict[str, Any] = json.loads(json.dumps(BASE))
    for name, kept in KEPT.items():
        layer = document["layers"][int(name.split(".")[1])]
        layer["weights"] = (np.array(layer["weights"]) * kept).tolist()
    return document


def same(left: Network, right: Network) -> bool:
    points = RANDOM.integers(-3, 4, (20, 24)).tolist()
    return all(evaluate(left, point) == evaluate(right, point) for point in points)


def test_masks_stand_for_layers_with_weights():
    source = BaseFiles((json_file(BASE),))
    base = read_base(source, TARGET).network
    ticket = pruned(base, read_masks(source, base, npz(KEPT)))
    assert same(ticket, read_network(json.dumps(masked()).encode()))
    assert [matrix.entries for matrix in ticket.matrices] == [int(kept.sum()) for kept in KEPT.values()]
    assert not same(ticket, base)


def test_a_pruned_graph():
    source = BaseFiles((json_file(BASE),))
    base = read_base(source, TARGET).network
    document = masked()
    ticket = pruned(base, read_masks(source, base, (json_file(document),)))
    assert same(ticket, read_network(json.dumps(document).encode()))


def changed(place: str, value: Any) -> dict[str, Any]:
    *parents, last = [int(key) if key.isdigit() else key for key in place.split(".")]
    document: Any = masked()
    node = document
    for key in parents:
        node = node[key]
    node[last] = value
    return dict(document)


# place in the pruned network, another value: the place that is named
CHANGES: dict[str, tuple[str, Any, str]] = {
    "padding": ("layers.0.padding", [[0, 2], [1, 0]], "layers[0]"),
    "order of the branches": ("layers.2.inputs", ["b", "a"], "layers[2].inputs"),
    "another sum": ("layers.2.terms", [{"weight": 2}, {}], "layers[2]"),
    "steps of the sum": ("layers.2.then", [], "layers[2].then[0]"),
    "another operator": (
        "layers.2",
        {"op": "concatenate", "inputs": ["a"], "axis": 0, "then": [{"op": "relu"}]},
        "layers[2].inputs",
    ),
    "a weight": ("layers.1.weights.0.0", 9, "layers[1].weights[0][0]"),
}


@pytest.mark.parametrize(("place", "value", "named"), CHANGES.values(), ids=CHANGES.keys())
def test_a_graph_changed_but_by_pruning_is_false(place, value, named):
    source = BaseFiles((json_file(BASE),))
    base = read_base(source, TARGET).network
    document = changed(place, value)
    if named.startswith("layers[1].weights"):
        document["layers"][1]["precision_bits"] = 2
        document["layers"][1]["weights"][0][0] = 4 if SECOND.reshape(4, -1)[0, 0] != 4 else -4
    with pytest.raises(FalseClaimError) as caught:
        read_masks(source, base, (json_file(document),))
    assert caught.value.place == named


@pytest.mark.parametrize("axes", ["ohwi", "oihw", "hwio", "iwho"])
@pytest.mark.parametrize("container", [npz, npy_directory, safetensors], ids=["npz", "npy", "safetensors"])
def test_kernels_lie_as_the_layout_says(axes, container):
    order = ["ohwi".index(axis) for axis in axes]
    arrays = ARRAYS | {name: ARRAYS[name].transpose(order) for name in ("first", "second")}
    laid = [layer | {"axes": axes} if "axes" in layer else layer for layer in LAYERS]
    source = BaseFiles(container(arrays), layout=layout(*laid))
    base = read_base(source, TARGET).network
    assert same(base, TARGET)
    kept = {
        "layers.0.weights": KEPT["layers.0.weights"].reshape(FIRST.shape).transpose(order),
        "layers.1.weights": KEPT["layers.1.weights"].reshape(SECOND.shape).transpose(order),
        "layers.3.weights": KEPT["layers.3.weights"],
    }
    ticket = pruned(base, read_masks(source, base, container(kept)))
    assert same(ticket, read_network(json.dumps(masked()).encode()))


def test_a_graph_stands_in_for_a_layout():
    arrays = {
        f"layers.{index}.weights": value.reshape(len(value), -1)
        for index, value in zip((0, 1, 3), ARRAYS.values(), strict=True)
    }
    base = read_base(BaseFiles(npz(arrays), layout=json_file(BASE)), TARGET).network
    assert same(base, TARGET)
    assert isinstance(base.layers[0], Convolution)
    assert isinstance(base.layers[2], Addition)


# name: (layers of the layout, arrays, place, what the problem says)
BAD: dict[str, tuple[tuple[dict[str, Any], ...], dict[str, Any], str, str]] = {
    "axes with a letter twice": (
        (LAYERS[0] | {"axes": "oohw"}, *LAYERS[1:]),
        ARRAYS,
        "layout.layers[0].axes",
        "letters of ohwi",
    ),
    "axes and transpose": (
        (LAYERS[0] | {"transpose": True}, *LAYERS[1:]),
        ARRAYS,
        "layout.layers[0]",
        "axes or transpose",
    ),
    "a dense layer with a kernel": (
        (*LAYERS[:3], LAYERS[3] | {"kernel": [1, 1]}),
        ARRAYS,
        "layout.layers[3].kernel",
        "of a conv2d only",
    ),
    "a convolution without a kernel": (
        ({"op": "conv2d", "weights": "first", "precision_bits": 2}, *LAYERS[1:]),
        ARRAYS,
        "layout.layers[0].kernel",
        "expected the kernel",
    ),
    "a kernel larger than the plane": (
        (LAYERS[0] | {"kernel": [9, 2], "name": "a"}, *LAYERS[1:]),
        ARRAYS,
        "layout.layers[0].kernel",
        "expected a kernel within",
    ),
    "groups that do not divide": (
        (LAYERS[0], LAYERS[1] | {"groups": 3}, *LAYERS[2:]),
        ARRAYS,
        "layout.layers[1].groups",
        "divisor of 4 channels",
    ),
    "a kernel of another shape": (
        LAYERS,
        ARRAYS | {"first": FIRST[:, :2]},
        "first",
        "expected the shape (outputs, 3, 2, 2)",
    ),
    "rows where axes were said": (LAYERS, ARRAYS | {"first": FIRST.reshape(4, -1)}, "first", "expected the shape"),
    "an operator that is none": (
        ({"op": "convolve"}, *LAYERS[1:]),
        ARRAYS,
        "layout.layers[0].op",
        "dense, conv2d",
    ),
    "a branch that nothing is called": (
        (*LAYERS[:2], LAYERS[2] | {"inputs": ["a", "c"]}, LAYERS[3]),
        ARRAYS,
        "layout.layers[2].inputs[1]",
        "'c'",
    ),
    "weights of an operator that has none": (
        (*LAYERS[:2], LAYERS[2] | {"weights": "first"}, LAYERS[3]),
        ARRAYS,
        "layout.layers[2]",
        "`weights`",
    ),
    "branches on different scales": (
        (LAYERS[0], LAYERS[1] | {"then": []}, *LAYERS[2:]),
        ARRAYS,
        "layout.layers[2]",
        "precision bits",
    ),
}


@pytest.mark.parametrize(("layers", "arrays", "place", "says"), BAD.values(), ids=BAD.keys())
def test_what_is_refused(layers, arrays, place, says):
    with pytest.raises(InputError) as caught:
        read_base(BaseFiles(npz(arrays), layout=layout(*layers)), TARGET)
    assert caught.value.place == place
    assert says in caught.value.problem


def drawn(matrix: int, groups: int, rows: int, columns: int) -> np.ndarray[Any, Any]:
    """What the seed gives a matrix whose groups have so many rows each, weight by weight."""
    found = np.zeros((groups * rows, columns), dtype=np.int64)
    for group, row, column in np.ndindex(groups, rows, columns):
        at = [np.array([value], dtype=np.int64) for value in (row, column)]
        found[group * rows + row, column] = random_weights("s", matrix, Precision(2, 2), "floor", *at, group=group)[0]
    return found


def seeded() -> dict[str, Any]:
    document: dict[str, Any] = json.loads(json.dumps(BASE))
    weights = drawn(0, 1, 4 * 6, 2).reshape(4, 12), drawn(1, 2, 2, 2), drawn(2, 1, 3, 48)
    for index, values in zip((0, 1, 3), weights, strict=True):
        document["layers"][index]["weights"] = values.tolist()
    return document


def test_a_seed_gives_kernels_tap_by_tap_and_group_by_group():
    document = seeded()
    read_base(BaseFiles((json_file(document),), seed="s"), TARGET)
    with pytest.raises(FalseClaimError):
        read_base(BaseFiles((json_file(document),), seed="t"), TARGET)


@pytest.mark.parametrize(("layer", "row", "column"), [(0, 3, 7), (1, 2, 1), (3, 0, 40)])
def test_one_weight_that_the_seed_does_not_give(layer, row, column):
    document = seeded()
    value = document["layers"][layer]["weights"][row][column]
    document["layers"][layer]["weights"][row][column] = value - 1 if value > 0 else value + 1
    with pytest.raises(FalseClaimError) as caught:
        read_base(BaseFiles((json_file(document),), seed="s"), TARGET)
    assert caught.value.place == f"layers[{layer}].weights[{row}][{column}]"


def test_constants_beside_a_kernel_have_no_seed():
    document = seeded()
    first = document["layers"][0]
    first["constants"] = [1]
    first["weights"] = [[*row, 1] for row in first["weights"]]
    with pytest.raises(InputError) as caught:
        read_base(BaseFiles((json_file(document),), seed="s"), TARGET)
    assert caught.value.place == "layers[0].constants"
