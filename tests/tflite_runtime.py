"""LiteRT's kernels on one side, a network of integers on the other: every activation of both.

The runtime hides what is between a model's input and output, and under a delegate it does not even keep it. So the
file's list of outputs is replaced by a longer one, written behind its end.
"""

from __future__ import annotations

import struct
from typing import Any

import numpy as np
import tflite
from ai_edge_litert.interpreter import Interpreter, OpResolverType

from certify.network.model import Dense, Network
from certify.network.steps import Clamp, Offset, RequantizeQ31

REFERENCE = OpResolverType.BUILTIN_REF
OPTIMISED = OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES
XNNPACK = OpResolverType.AUTO
RULES = {REFERENCE: "single", OPTIMISED: "double", XNNPACK: "float32"}
OUTPUTS_FIELD = 8


def tensor_indices(data: bytes) -> dict[str, int]:
    """Return the index of each tensor by its name."""
    graph = tflite.Model.GetRootAs(data, 0).Subgraphs(0)
    return {graph.Tensors(i).Name().decode(): i for i in range(graph.TensorsLength())}


def with_outputs(data: bytes, tensors: list[int]) -> bytes:
    """Return the file with these tensors as the model's outputs."""
    graph = tflite.Model.GetRootAs(data, 0).Subgraphs(0)
    at = graph._tab.Pos + graph._tab.Offset(OUTPUTS_FIELD)
    padded = bytearray(data + bytes(-len(data) % 4))
    struct.pack_into("<I", padded, at, len(padded) - at)
    return bytes(padded) + struct.pack(f"<{1 + len(tensors)}i", len(tensors), *tensors)


def run(data: bytes, kernel: Any, points: Any, tensors: list[str]) -> list[Any]:
    """Return the named tensors, int8[points, elements] each, for real or int8 points[points, features]."""
    indices = tensor_indices(data)
    wanted = [indices[name] for name in tensors]
    interpreter = Interpreter(
        model_content=with_outputs(data, wanted), experimental_op_resolver_type=kernel, num_threads=1
    )
    details = interpreter.get_input_details()[0]
    shape = [len(points), *details["shape"][1:]]
    interpreter.resize_tensor_input(details["index"], shape)
    interpreter.allocate_tensors()
    interpreter.set_tensor(details["index"], points.reshape(shape).astype(details["dtype"]))
    interpreter.invoke()
    return [interpreter.get_tensor(index).reshape(len(points), -1).copy() for index in wanted]


def layer_outputs(network: Network, points: Any) -> list[Any]:
    """Return what each layer leaves, int64[points, outputs] each, for int64[points, features]."""
    outputs = []
    for layer in network.layers:
        points = outputs_of(layer, points)
        outputs.append(points)
    return outputs


def outputs_of(layer: Dense, values: Any) -> Any:
    """Return the layer's outputs, int64[points, outputs], in numpy."""
    # Exact: every sum of products is an integer far below 2^53.
    values = (values.astype(np.float64) @ layer.weights.to_dense().T.astype(np.float64)).astype(np.int64)
    values += np.array(layer.bias, dtype=np.int64)
    for step in layer.steps:
        match step:
            case RequantizeQ31():
                values = _requantize(values, step) + step.zero_point
            case Clamp(low, high):
                values = np.clip(values, low, high)
            case Offset(value):
                values = values + value
    return values


def _requantize(values: Any, step: RequantizeQ31) -> Any:
    multiplier, shift = (np.array(field, dtype=np.int64) for field in (step.multiplier, step.shift))
    if step.rule == "single":
        return _half_up(values * multiplier, 31 + shift)
    if step.rule == "double":
        high = _half_up((values << np.maximum(-shift, 0)) * multiplier, np.int64(31))
        return _half_up(high, np.maximum(shift, 0))
    scale = np.ldexp(multiplier.astype(np.float64), -31 - shift).astype(np.float32)
    return np.rint(values.astype(np.float32) * scale).astype(np.int64)


def _half_up(values: Any, shift: Any) -> Any:
    # |values| is below 2^62, so a shift above 62 leaves 0.
    inside = np.minimum(shift, 62)
    return np.where(shift > 62, 0, (values + ((1 << inside) >> 1)) >> inside)


def reference_kernel(accumulators: Any, factor: float) -> Any:
    """Return what LiteRT's reference kernel makes of accumulators: a product of doubles, half away from zero."""
    product = accumulators.astype(np.float64) * factor
    return np.copysign(np.floor(np.abs(product) + 0.5), product).astype(np.int64)
