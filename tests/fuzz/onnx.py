"""Quantized ONNX models: a network that can be written and read back, or InputError."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import onnx_models
from fuzz.mutations import damage
from fuzz.target import Target
from networks import parts

from certify.errors import InputError
from certify.network.model import Network
from certify.network.onnx.convert import InputGrid, read_onnx
from certify.network.reader import read_network
from certify.network.writer import write_network

_GRID = InputGrid.parse("1/16:-32..31")


def check(data: bytes) -> bool:
    read = [_is_read(data, grid) for grid in (None, _GRID)]
    return any(read)


def _is_read(data: bytes, grid: InputGrid | None) -> bool:
    try:
        network = read_onnx(data, grid).network
    except InputError:
        return False
    assert parts(_unnamed(read_network(write_network(network)))) == parts(_unnamed(network))
    return True


def _unnamed(network: Network) -> Network:
    """What is written names layers that others read."""
    return replace(network, layers=tuple(layer.replaced(name="") for layer in network.layers))


def seeds() -> list[bytes]:
    models = (onnx_models.perceptron, onnx_models.convolutional, onnx_models.residual, onnx_models.attention)
    quantized = [model(style, np.int8) for model in models for style in ("qdq", "qop")]
    return [*quantized, onnx_models.brevitas(), onnx_models.brevitas(bipolar=True)]


WORDS = (b"QLinearConv", b"QuantizeLinear", b"DequantizeLinear", b"Quant", b"Reshape", b"Transpose", b"com.microsoft")

TARGET = Target("onnx", check, seeds, damage, WORDS, peak=lambda size: 2**25 + 400 * size)
