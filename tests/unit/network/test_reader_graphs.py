"""Reading untrusted graphs: what connects layers, and what operators without weights may say."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from graphs import graphs
from hypothesis import given, settings
from hypothesis import strategies as st
from refusals import check_refused, check_refused_at_once, refused

from certify.errors import InputError
from certify.network.reader import read_network


def image(*layers: Any) -> bytes:
    """A document of these layers on an image of 4 · 4 · 2."""
    box = {"shape": [4, 4, 2], "low": 0, "high": 1, "precision_bits": 0}
    return json.dumps({"format": "certify.network/1", "input": box, "layers": list(layers)}).encode()


CONV = {"op": "conv2d", "kernel": [1, 1], "precision_bits": 1, "weights": [[1, 1], [1, 1]]}
FLAT = {"op": "flatten"}
POOL = {"op": "max_pool", "kernel": [2, 2]}

# name: (bytes, place, what the problem says)
BAD: dict[str, tuple[bytes, str, str]] = {
    "an input that no layer is": (
        image(FLAT | {"inputs": ["first"]}),
        "layers[0].inputs[0]",
        "expected an earlier layer's name, or input, found 'first'",
    ),
    "an input from later": (
        image(FLAT, FLAT | {"inputs": ["last"]}, FLAT | {"name": "last"}),
        "layers[1].inputs[0]",
        "expected an earlier layer's name, found that of layers[2]",
    ),
    "an input that two layers are": (
        image(FLAT | {"name": "a"}, FLAT | {"name": "a"}, FLAT | {"inputs": ["a"]}),
        "layers[2].inputs[0]",
        "expected a name that one layer has, found 'a', which 2 have",
    ),
    "an input of great length": (image(FLAT | {"inputs": ["x" * 10**6]}), "layers[0].inputs[0]", "found 'xxx"),
    "a kernel for other channels": (
        image(CONV | {"weights": [[1, 1, 1]]}),
        "layers[0].weights[0]",
        "expected 2 columns, one per tap and channel of a group, found 3",
    ),
    "a convolution of a list": (
        image(FLAT, CONV),
        "layers[1]",
        "expected an input of [rows, columns, channels], found [32]",
    ),
    "groups": (image(CONV | {"groups": 4}), "layers[0].groups", "expected a divisor of 2 channels, found 4"),
    "a large kernel": (image(POOL | {"kernel": [4, 5]}), "layers[0]", "expected a kernel within 4, found 5"),
    "a kernel of 0": (image(POOL | {"kernel": [0, 5]}), "layers[0].kernel[0]", "expected `int` >= 1, found 0"),
    "a channel's multipliers": (
        image(CONV | {"then": [{"op": "requantize", "multiplier": [1] * 3, "shift": 0, "rule": "single"}]}),
        "layers[0].then[0].multiplier",
        "expected one integer, or one per output, 2, found 3",
    ),
    "a channel's thresholds": (
        image(CONV | {"then": [{"op": "thresholds", "at": [[1], [1], [1]]}]}),
        "layers[0].then[0].at",
        "expected one list, or one per output, 2, found 3",
    ),
    "thresholds that fall": (
        image(CONV | {"then": [{"op": "thresholds", "at": [[1], [4, 3]]}]}),
        "layers[0].then[0].at[1][1]",
        "expected thresholds that never fall, found 3 after 4",
    ),
    "a table that falls": (
        image(CONV | {"then": [{"op": "table", "low": 0, "values": [1, 2, -2]}]}),
        "layers[0].then[0].values[2]",
        "expected values that never fall, found -2 after 2",
    ),
    "precision bits of a sum": (
        image(CONV | {"name": "a"}, {"op": "add", "inputs": ["a", "input"]}),
        "layers[1]",
        "expected inputs of the same precision bits, found 1, 0",
    ),
    "shapes of a sum": (
        image(POOL | {"name": "a"}, {"op": "add", "inputs": ["a", "input"]}),
        "layers[1]",
        "expected inputs of one shape, found [2, 2, 2] and [4, 4, 2]",
    ),
    "a step in a term": (
        image({"op": "add", "inputs": ["input"], "terms": [{"then": [{"op": "clamp", "low": 1, "high": 0}]}]}),
        "layers[0].terms[0].then[0]",
        "expected low ≤ high, found 1 > 0",
    ),
    "an average without a rounding": (image(POOL | {"op": "average_pool"}), "layers[0]", "`rounding`"),
}


# Sizes that must be refused before anything of that size is made.
HUGE: dict[str, tuple[bytes, str, str]] = {
    "2^48 elements of a gathering": (
        image({"op": "gather", "indices": [0], "shape": [2**24, 2**24]}),
        "layers[0].shape",
        f"found {2**48}",
    ),
    "2^48 elements of a padding": (
        image({"op": "pad", "padding": [[2**24, 0], [0, 2**24], [0, 0]]}),
        "layers[0]",
        "at most 16777216 elements in a layer",
    ),
    "2^48 elements of a convolution's padding": (
        image(CONV | {"padding": [[2**24, 0], [2**24, 0]]}),
        "layers[0].padding",
        "at most 16777216 elements in a layer",
    ),
    "a kernel of 2^48 taps": (image(POOL | {"kernel": [2**24, 2**24]}), "layers[0]", "expected a kernel within 4"),
    "thresholds of 2^24 outputs": (
        image(CONV | {"then": [{"op": "thresholds", "at": {"shape": [2**24, 1], "dtype": "int8", "data": ""}}]}),
        "layers[0].then[0].at.data",
        f"expected {2**24} bytes",
    ),
    "a table that rises by 2^63": (
        image(CONV | {"then": [{"op": "table", "low": 0, "values": [0, 2**63 - 1]}]}),
        "layers[0].then[0].values",
        f"found {2**63 - 1}",
    ),
}


@pytest.mark.parametrize(("data", "place", "problem"), BAD.values(), ids=BAD)
def test_bad_input(data, place, problem):
    check_refused(data, place, problem)


@pytest.mark.parametrize(("data", "place", "problem"), HUGE.values(), ids=HUGE)
def test_huge_shapes_are_refused_before_anything_is_allocated(data, place, problem):
    check_refused_at_once(data, place, problem)


@settings(max_examples=50)
@given(graphs(), st.data())
def test_damaged_graphs_raise_nothing_else(document, data):
    damaged = json.dumps(document)
    numbers = list(re.finditer(r"(?<=[ \[])-?[0-9]+", damaged))
    for match in sorted(data.draw(st.sets(st.sampled_from(numbers), max_size=3)), key=re.Match.start, reverse=True):
        number = data.draw(st.sampled_from([-1, 0, 1, 2, 3, 7, 2**20, 2**24, 2**63 - 1, -(2**63)]))
        damaged = f"{damaged[: match.start()]}{number}{damaged[match.end() :]}"
    try:
        read_network(damaged.encode())
    except InputError as error:
        assert error.problem  # noqa: PT017 - some are refused and some are not


def test_products_of_products_are_refused_while_their_numbers_are_small():
    layers = [{"op": "matmul", "name": f"l{i}", "inputs": [f"l{i - 1}" if i else "input"] * 2} for i in range(60)]
    box = {"shape": [1, 1], "low": 3, "high": 3, "precision_bits": 0}
    error = refused(json.dumps({"format": "certify.network/1", "input": box, "layers": layers}).encode())
    assert error.place == "layers[15]"
    assert error.problem.startswith("expected numbers of 65536 bits at most, found ")
