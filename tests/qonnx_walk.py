"""A QONNX model executed node by node in float64, by nothing of the program that is tested.

Every float of the file is a float64 exactly; what arithmetic adds to that is the rounding of float64. `shifted` gives
a model for another plane, as a convolution computes the same at every position.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import numpy_helper

Array = NDArray[Any]
_ROUND = {"ROUND": np.round, "HALF_EVEN": np.round, "FLOOR": np.floor, "CEIL": np.ceil, "DOWN": np.trunc}


def resized(data: bytes, rows: int, columns: int) -> bytes:
    """Return the model with a smaller input plane."""
    model = onnx.load_model_from_string(data)
    constants = {tensor.name for tensor in model.graph.initializer}
    (info,) = [each for each in model.graph.input if each.name not in constants]
    for place, length in ((2, rows), (3, columns)):
        info.type.tensor_type.shape.dim[place].dim_value = length
    del model.graph.value_info[:]
    return bytes(model.SerializeToString())


def walk(data: bytes, images: Array) -> Array:
    """Return what a model makes of float64[batch, …] of inputs."""
    model = onnx.load_model_from_string(data)
    values = {t.name: numpy_helper.to_array(t).astype(np.float64) for t in model.graph.initializer}
    (name,) = [each.name for each in model.graph.input if each.name not in values]
    values[name] = images
    for node in model.graph.node:
        operands = [values[each] if each else None for each in node.input]
        attributes = {each.name: onnx.helper.get_attribute_value(each) for each in node.attribute}
        values[node.output[0]] = _NODES[node.op_type](attributes, *operands)
    return values[model.graph.output[0].name]


def _quant(attributes: dict[str, Any], x: Array, scale: Array, zero_point: Array, width: Array) -> Array:
    bits, signed, narrow = float(width), attributes["signed"], attributes["narrow"]
    low = -(2 ** (bits - 1)) + narrow if signed else 0
    high = 2 ** (bits - 1) - 1 if signed else 2**bits - 1 - narrow
    rounded = _ROUND[attributes["rounding_mode"].decode()](np.clip(x / scale + zero_point, low, high))
    return (rounded - zero_point) * scale


def _bipolar(_: dict[str, Any], x: Array, scale: Array) -> Array:
    return np.where(x >= 0, scale, -scale)


def _conv(attributes: dict[str, Any], x: Array, kernel: Array, bias: Array | None = None) -> Array:
    top, left, bottom, right = attributes.get("pads", (0, 0, 0, 0))
    down, across = attributes.get("strides", (1, 1))
    groups = attributes.get("group", 1)
    padded = np.pad(x, ((0, 0), (0, 0), (top, bottom), (left, right)))
    patches = np.lib.stride_tricks.sliding_window_view(padded, kernel.shape[2:], axis=(2, 3))[:, :, ::down, ::across]
    parts = [
        np.einsum("bcijkl,ockl->boij", patch, own, optimize=True)
        for patch, own in zip(np.split(patches, groups, axis=1), np.split(kernel, groups), strict=True)
    ]
    found = np.concatenate(parts, axis=1)
    return found if bias is None else found + bias.reshape(1, -1, 1, 1)


def _batch_norm(attributes: dict[str, Any], x: Array, *parameters: Array) -> Array:
    scale, bias, mean, variance = (each.reshape(1, -1, *(1,) * (x.ndim - 2)) for each in parameters)
    return (x - mean) * (scale / np.sqrt(variance + attributes["epsilon"])) + bias


def _depth_to_space(attributes: dict[str, Any], x: Array) -> Array:
    batch, depth, rows, columns = x.shape
    block = attributes["blocksize"]
    split = x.reshape(batch, depth // block**2, block, block, rows, columns)
    return split.transpose(0, 1, 4, 2, 5, 3).reshape(batch, depth // block**2, rows * block, columns * block)


_NODES: dict[str, Any] = {
    "Quant": _quant,
    "BipolarQuant": _bipolar,
    "Conv": _conv,
    "BatchNormalization": _batch_norm,
    "DepthToSpace": _depth_to_space,
    "Relu": lambda _, x: np.maximum(x, 0),
    "MatMul": lambda _, x, y: x @ y,
    "Add": lambda _, x, y: x + y,
    "Mul": lambda _, x, y: x * y,
    "GlobalAveragePool": lambda _, x: x.mean(axis=(2, 3), keepdims=True),
    "Flatten": lambda _, x: x.reshape(len(x), -1),
    "MaxPool": lambda _, x: np.maximum.reduce([x[:, :, i::2, j::2] for i in (0, 1) for j in (0, 1)]),
}
