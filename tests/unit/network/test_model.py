"""Counting points and parameters, and precision bits, without a machine word anywhere."""

from __future__ import annotations

import json

import naive
import pytest
from hypothesis import given
from strategies import documents

from certify.network.model import Box
from certify.network.reader import read_network


@given(documents(max_points=100))
def test_counts_and_precision_are_the_oracles(document):
    network = read_network(json.dumps(document).encode())
    points = list(naive.grid(document))
    assert network.input.points() == len(points)
    assert network.input.low == points[0]
    assert network.input.high == points[-1]
    assert network.output_precision_bits() == naive.output_precision_bits(document)
    matrices = [naive.integers(layer["weights"]) for layer in document["layers"]]
    assert network.parameters == sum(len(rows) * len(rows[0]) for rows in matrices)
    assert network.outputs == len(matrices[-1])
    assert [layer.inputs for layer in network.layers[1:]] == [layer.outputs for layer in network.layers[:-1]]
    assert network.layers[0].inputs == network.input.features


@pytest.mark.parametrize(
    ("low", "high", "factors"),
    [
        # In 64 bits these counts wrap to 0, to 0, to 0, and to a small odd number.
        pytest.param((0,) * 64, (1,) * 64, ((2, 64),), id="2^64"),
        pytest.param((-(2**62),) * 64, (2**62 - 1,) * 64, ((2**63, 64),), id="64 features of 2^63"),
        pytest.param((-(2**63),), (2**63 - 1,), ((2**64, 1),), id="all of int64"),
        pytest.param((0,) * 64, (2**62,) * 64, ((2**62 + 1, 64),), id="64 features of 2^62 + 1"),
        pytest.param((0, -128, 3, 0), (0, 127, 3, 255), ((1, 2), (256, 2)), id="mixed"),
    ],
)
def test_points_are_counted_in_python_integers(low, high, factors):
    box = Box((len(low),), low, high, 0)
    assert box.point_factors() == factors
    expected = 1
    for a, b in zip(low, high, strict=True):
        expected *= b - a + 1
    assert box.points() == expected


def test_a_large_image_is_counted_as_factors():
    box = Box((96, 96, 3), (-128,) * 27648, (127,) * 27648, 0)
    assert box.point_factors() == ((256, 27648),)
    assert box.features == 27648


def test_precision_bits_fall_below_zero_after_large_shifts():
    shift = {"op": "requantize", "shift": 1024, "rounding": "floor"}
    document = {
        "format": "certify.network/1",
        "input": {"shape": [1], "low": 0, "high": 1, "precision_bits": 4},
        "layers": [{"op": "dense", "precision_bits": 3, "weights": [[1]], "then": [shift, shift]}],
    }
    assert read_network(json.dumps(document).encode()).output_precision_bits() == 7 - 2048
