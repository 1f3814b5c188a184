"""Layers in a few words: what they are and what they give."""

from __future__ import annotations

import json

from certify.network.reader import read_network
from certify.report.layers import layer_texts

KERNEL = {"op": "conv2d", "precision_bits": 1, "kernel": [1, 2]}
LAYERS = [
    {**KERNEL, "weights": [[1] * 8] * 4},
    {**KERNEL, "weights": [[1] * 2] * 4, "groups": 4},
    {**KERNEL, "weights": [[1] * 4] * 6, "groups": 2},
    {"op": "max_pool", "kernel": [2, 1]},
    {"op": "transpose", "axes": [2, 1, 0]},
    {"op": "dense", "precision_bits": 1, "weights": [[1] * 48]},
]
TEXTS = [
    "1x2 convolution to 4x6x4",
    "1x2 depthwise convolution to 4x5x4",
    "1x2 2-group convolution to 4x4x6",
    "max pooling to 2x4x6",
    "transpose to 6x4x2",
    "48 to 1",
]


def test_every_layer_has_a_text():
    box = {"shape": [4, 7, 4], "low": 0, "high": 1, "precision_bits": 0}
    network = read_network(json.dumps({"format": "certify.network/1", "input": box, "layers": LAYERS}).encode())
    assert layer_texts(network) == TEXTS
