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

from certify.network.batch import Batch
from certify.network.model import Dense, Network, Operator
from certify.network.steps import Clamp, Offset, RequantizeQ31
from certify.network.tflite import Converted

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


def int8_points(found: Converted, count: int, seed: int) -> Any:
    """Return int64[count, features]: a third anywhere in the box, a third in bands around 0, a third at its ends."""
    rng = np.random.default_rng(seed)
    low, high = found.network.input.low[0], found.network.input.high[0]
    points = rng.integers(low, high, (count, found.network.input.features), endpoint=True)
    spread = rng.integers(1, high - low, count)[:, None]
    points[1::3] = np.clip(points[1::3] % spread[1::3] - spread[1::3] // 2, low, high)
    points[2::3] = np.where(points[2::3] % 2 == 0, low, high)
    return points


def fed(found: Converted, points: Any) -> Any:
    """Return what a runtime has to be given for these points: int8, or the floats in front of a QUANTIZE."""
    if not found.after:
        return points - 128 - found.network.input.low[0]
    return (points * np.float32(found.network.input.display.scale)).astype(np.float32)


def differing(data: bytes, found: Converted, kernel: Any, points: Any, *, chunk: int = 64) -> dict[str, int]:
    """Return how many integers of each tensor a runtime has otherwise, for those of which it has any.

    Compared are the tensors that layers are named after, but for those that only move what they read, and the output.
    """
    network, indices = found.network, tensor_indices(data)
    last = len(network.layers) - 1
    computed = {index: layer.name for index, layer in enumerate(network.layers) if layer.steps}
    named = {index: name for index, name in computed.items() if name in indices}
    named[last] = found.output_tensor
    batch, off = Batch.of(network), dict.fromkeys(named.values(), 0)
    for start in range(0, len(points), chunk):
        part = points[start : start + chunk]
        theirs = dict(zip(named, run(data, kernel, fed(found, part), list(named.values())), strict=True))

        def visit(index: int, values: Any, theirs: dict[int, Any] = theirs) -> None:
            if index in theirs:
                own = stored(network.layers[index], values).reshape(len(values), -1)
                off[named[index]] += int((own != theirs[index]).sum())

        batch.walk(part, visit)
    return {name: count for name, count in off.items() if count}


def stored(layer: Operator, values: Any) -> Any:
    """Return the tensor's own integers: those before an Offset that a next layer needs."""
    return values - layer.steps[-1].value if layer.steps and isinstance(layer.steps[-1], Offset) else values


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
