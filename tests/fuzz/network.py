"""`certify.network/1`: what is read is written and read back as the same, and nothing but InputError is raised."""

from __future__ import annotations

import json

from fuzz.mutations import edit_json
from fuzz.target import ROOT, Target
from networks import parts

from certify.errors import InputError
from certify.network.reader import read_network
from certify.network.writer import write_network

_BOX = {"shape": [2], "low": [-3, 0], "high": 4, "precision_bits": 1}
_ENCODED = {"shape": [2, 2], "dtype": "int8", "data": "AQL/AA=="}
_STEPS = [
    {"op": "relu"},
    {"op": "leaky_relu", "negative_shift": 3},
    {"op": "requantize", "shift": 2, "rounding": "half_even", "zero_point": 1},
    {"op": "clamp", "low": -9, "high": 9},
    {"op": "offset", "value": -1},
    {"op": "requantize", "multiplier": [2**30, 3], "shift": [1, -2], "rule": "single", "precision_bits": 2},
    {"op": "requantize", "multiplier": 2**30 + 1, "shift": 5, "rule": "float32", "zero_point": -7},
    {"op": "step"},
    {"op": "sign"},
]
_GRAPH = {
    "format": "certify.network/1",
    "input": {"shape": [3, 2, 2], "low": -3, "high": 3, "precision_bits": 0},
    "layers": [
        {
            "op": "conv2d",
            "name": "a",
            "precision_bits": 2,
            "kernel": [2, 1],
            "padding": [[1, 0], [0, 0]],
            "groups": 2,
            "weights": [[1, -2], [0, 3]],
            "then": [{"op": "table", "low": -3, "values": [-2, -2, 0, 5]}],
        },
        {"op": "add", "name": "b", "inputs": ["a", "input"], "terms": [{"weight": 3}, {"then": [{"op": "relu"}]}]},
        {"op": "average_pool", "kernel": [3, 1], "rounding": "half_away"},
        {"op": "transpose", "axes": [2, 0, 1], "name": "c"},
        {"op": "reshape", "shape": [2, 2]},
        {"op": "softmax", "table": [64, 31, 9], "scale": 255, "name": "d"},
        {"op": "matmul", "inputs": ["d", "d"], "then": [{"op": "thresholds", "at": [[0, 9], [4, 4]], "low": -1}]},
        {"op": "dense", "precision_bits": 1, "weights": [[1, 0, -2, 1]]},
    ],
}


def check(data: bytes) -> bool:
    try:
        network = read_network(data)
    except InputError:
        return False
    written = write_network(network)
    assert parts(read_network(written)) == parts(network)
    return True


def seeds() -> list[bytes]:
    layers = [
        {"op": "dense", "precision_bits": 3, "weights": [[1, 0, -8], [0, 7, 2]], "bias": [5, -6], "constants": [7]},
        {"op": "dense", "name": "b", "precision_bits": 2, "weights": _ENCODED},
    ]
    small = {"format": "certify.network/1", "name": "seed", "input": _BOX, "layers": layers}
    shown = {"output": {"scale": "0.25", "zero_point": 3}, "input": {**_BOX, "scale": "1e-3", "zero_point": -1}}
    written = [small, small | shown, _GRAPH]
    written += [small | {"layers": [layers[0] | {"then": [step]}, layers[1]]} for step in _STEPS]
    targets = [path.read_bytes() for path in sorted((ROOT / "certificates" / "targets").glob("*.json"))]
    return [json.dumps(document).encode() for document in written] + targets


WORDS = (
    *(b'"format":', b'"certify.network/1"', b'"input":', b'"shape":', b'"low":', b'"high":', b'"precision_bits":'),
    *(b'"layers":', b'"op":"dense"', b'"weights":', b'"bias":', b'"constants":', b'"then":', b'"scale":', b'"name":'),
    *(b'"relu"', b'"requantize"', b'"clamp"', b'"offset"', b'"step"', b'"sign"', b'"shift":', b'"rounding":'),
    *(b'"leaky_relu"', b'"negative_shift":'),
    *(b'"multiplier":', b'"rule":', b'"single"', b'"double"', b'"float32"', b'"half_away"', b'"toward_zero"'),
    *(
        b'"conv2d"',
        b'"add"',
        b'"inputs":',
        b'"terms":',
        b'"kernel":',
        b'"padding":',
        b'"stride":',
        b'"groups":',
        b'"reshape"',
    ),
    *(b'"thresholds"', b'"at":', b'"table"', b'"values":', b'"softmax"', b'"matmul"', b'"gather"', b'"indices":'),
    *(b'"dtype":', b'"int8"', b'"uint32"', b'"data":', b'"zero_point":', b"9223372036854775807", b"[[", b"]]", b"{}"),
)

TARGET = Target("network", check, seeds, edit_json, WORDS, max_megabytes=4096)
