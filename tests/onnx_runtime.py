"""onnxruntime beside a converted network: the same inputs, every output compared."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from certify.network.batch import Batch
from certify.network.onnx.convert import Converted

onnxruntime.set_default_logger_severity(4)


def run(data: bytes, points: NDArray[Any], *, optimized: bool = True, fused: bool = True) -> NDArray[Any]:
    """Return what onnxruntime computes, one point after the other."""
    options = onnxruntime.SessionOptions()
    levels = onnxruntime.GraphOptimizationLevel
    options.graph_optimization_level = levels.ORT_ENABLE_ALL if optimized else levels.ORT_DISABLE_ALL
    options.intra_op_num_threads = 1
    # Else int8 sums, means and softmaxes of QDQ models stay in floats on x86 (docs/onnx.md).
    options.add_session_config_entry("session.qdqisint8allowed", "1" if fused else "0")
    session = onnxruntime.InferenceSession(data, options, providers=["CPUExecutionProvider"])
    name = session.get_inputs()[0].name
    return np.stack([session.run(None, {name: point})[0] for point in points])


def differing(
    data: bytes, found: Converted, count: int, seed: int = 0, *, optimized: bool = True, fused: bool = True
) -> tuple[int, int]:
    """Return how many outputs of random inputs differ, and how many there are.

    A float input is drawn on the grid of the quantizer behind it, and a float output brought back to integers.
    """
    box = found.network.input
    points = np.random.default_rng(seed).integers(box.low[0], box.high[0] + 1, (count, box.features))
    expected = Batch.of(found.network).run(points)
    given = as_given(data, found, points)
    computed = run(data, given, optimized=optimized, fused=fused).reshape(count, -1)
    display = found.network.output
    if computed.dtype.kind == "f":
        scale = np.float32(display.scale)
        computed = np.rint(computed / scale) + display.zero_point
    return int((computed.astype(np.int64) != expected).sum()), expected.size


def as_given(data: bytes, found: Converted, points: NDArray[Any]) -> NDArray[Any]:
    """Return the network's points as the model's own inputs."""
    session = onnxruntime.InferenceSession(data, providers=["CPUExecutionProvider"])
    (info,) = session.get_inputs()
    shape = (len(points), *info.shape)
    if info.type == "tensor(float)":
        scale = np.float32(found.network.input.display.scale)
        return (points.astype(np.float32) * scale).reshape(shape)
    dtype = np.int8 if info.type == "tensor(int8)" else np.uint8
    low = int(np.iinfo(dtype).min) - found.network.input.low[0]
    return (points + low).astype(dtype).reshape(shape)
