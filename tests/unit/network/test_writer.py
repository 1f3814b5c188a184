"""The writer is the reader's inverse, and writes what the published schema allows."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from jsonschema import Draft202012Validator
from networks import parts
from strategies import documents

from certify.network.reader import read_network
from certify.network.schema import network_schema
from certify.network.tensors import LISTED
from certify.network.writer import write_network

SCHEMA = Draft202012Validator(network_schema())


@given(documents())
def test_what_was_written_is_read_back(document):
    network = read_network(json.dumps(document).encode())
    written = write_network(network)
    assert parts(read_network(written)) == parts(network)
    assert write_network(read_network(written)) == written
    SCHEMA.validate(json.loads(written))


FULL = {
    "format": "certify.network/1",
    "name": 'Grüße "1"\n',
    "input": {"shape": [1, 2], "low": [0, -1], "high": 5, "precision_bits": 3, "scale": "0.25", "zero_point": -4},
    "layers": [
        {
            "op": "dense",
            "name": "first",
            "precision_bits": 2,
            "weights": [[1, 0, -4]],
            "bias": [-(2**63)],
            "constants": [7],
            "then": [
                {"op": "relu"},
                {"op": "requantize", "shift": 3, "rounding": "half_even", "zero_point": 9},
                {"op": "clamp", "low": -1, "high": 2**63 - 1},
                {"op": "offset", "value": -9},
                {"op": "step"},
                {"op": "sign"},
            ],
        }
    ],
    "output": {"scale": "1e-3", "zero_point": 12},
}


def test_every_field_is_written():
    written = json.loads(write_network(read_network(json.dumps(FULL).encode())))
    assert written == FULL


def test_what_is_absent_stays_absent():
    least = {
        "format": "certify.network/1",
        "name": "",
        "input": {"shape": [1], "low": 0, "high": 1, "precision_bits": 0},
        "layers": [{"op": "dense", "precision_bits": 0, "weights": [[1]], "then": []}],
    }
    assert json.loads(write_network(read_network(json.dumps(least).encode()))) == least


@pytest.mark.parametrize(
    ("size", "kind"),
    [pytest.param(LISTED, list, id="listed"), pytest.param(LISTED + 1, dict, id="encoded")],
)
def test_large_matrices_are_encoded(size, kind):
    layer = {"op": "dense", "precision_bits": 7, "weights": [[(i * 37) % 257 - 128 for i in range(size)]]}
    box = {"shape": [size], "low": 0, "high": 1, "precision_bits": 0}
    network = read_network(json.dumps({"format": "certify.network/1", "input": box, "layers": [layer]}).encode())
    written = write_network(network)
    assert isinstance(json.loads(written)["layers"][0]["weights"], kind)
    assert parts(read_network(written)) == parts(network)
