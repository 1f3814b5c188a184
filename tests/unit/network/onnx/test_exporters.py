"""Models that somebody else's tool wrote: onnxruntime's quantizer, and its graph optimiser."""

from __future__ import annotations

import logging

import numpy as np
import onnx
import onnx_models
import onnx_runtime
import onnxruntime
import pytest
from onnx import TensorProto, helper, numpy_helper
from onnxruntime import quantization

from certify.network.batch import Batch
from certify.network.onnx.convert import read_onnx


def _float_model():
    """Convolutions, a sum, pools, a reshape to a computed shape, a dense layer and a softmax, all in floats."""
    random = np.random.default_rng(0)

    def constant(name, *shape):
        values = random.normal(0, 1 / np.sqrt(np.prod(shape[1:])), shape).astype(np.float32)
        return numpy_helper.from_array(values, name)

    constants = [constant("w1", 8, 3, 3, 3), constant("b1", 8), constant("w2", 8, 1, 3, 3), constant("b2", 8)]
    constants += [constant("w3", 8, 8, 1, 1), constant("b3", 8), constant("w4", 10, 8), constant("b4", 10)]
    numbers = {"zero": 0, "axis": [0], "rest": [-1]}
    constants += [numpy_helper.from_array(np.array(value, dtype=np.int64), name) for name, value in numbers.items()]
    nodes = [
        helper.make_node("Conv", ["x", "w1", "b1"], ["c1"], pads=[1, 1, 1, 1], kernel_shape=[3, 3]),
        helper.make_node("Relu", ["c1"], ["r1"]),
        helper.make_node("Conv", ["r1", "w2", "b2"], ["c2"], pads=[1, 1, 1, 1], kernel_shape=[3, 3], group=8),
        helper.make_node("Relu", ["c2"], ["r2"]),
        helper.make_node("Conv", ["r2", "w3", "b3"], ["c3"], kernel_shape=[1, 1]),
        helper.make_node("Add", ["c3", "r1"], ["a"]),
        helper.make_node("Relu", ["a"], ["ra"]),
        helper.make_node("MaxPool", ["ra"], ["m"], kernel_shape=[2, 2], strides=[2, 2]),
        helper.make_node("GlobalAveragePool", ["m"], ["g"]),
        helper.make_node("Shape", ["g"], ["shape"]),
        helper.make_node("Gather", ["shape", "zero"], ["batch"]),
        helper.make_node("Unsqueeze", ["batch", "axis"], ["batches"]),
        helper.make_node("Concat", ["batches", "rest"], ["flat"], axis=0),
        helper.make_node("Reshape", ["g", "flat"], ["f"]),
        helper.make_node("Gemm", ["f", "w4", "b4"], ["z"], transB=1),
        helper.make_node("Softmax", ["z"], ["y"], axis=-1),
    ]
    first = helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 3, 12, 12])
    return onnx_models.write(nodes, first, helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, 10]), constants)


class _Samples(quantization.CalibrationDataReader):
    def __init__(self):
        random = np.random.default_rng(1)
        self._left = iter([{"x": random.normal(0, 1, (1, 3, 12, 12)).astype(np.float32)} for _ in range(4)])

    def get_next(self):
        return next(self._left, None)


@pytest.mark.parametrize("form", ["QDQ", "QOperator"])
@pytest.mark.parametrize("activation", ["QUInt8", "QInt8"])
@pytest.mark.parametrize("per_channel", [False, True])
def test_what_the_quantizer_writes_is_read(form, activation, per_channel, tmp_path):
    logging.disable(logging.WARNING)
    written = tmp_path / "quantized.onnx"
    quantization.quantize_static(
        onnx.load_model_from_string(_float_model()),
        written,
        _Samples(),
        quant_format=quantization.QuantFormat[form],
        activation_type=quantization.QuantType[activation],
        weight_type=quantization.QuantType.QInt8,
        per_channel=per_channel,
        reduce_range=True,
    )
    logging.disable(logging.NOTSET)
    data = written.read_bytes()
    whole = read_onnx(data)
    assert (whole.after, whole.before) == ("QuantizeLinear", "DequantizeLinear")
    model = onnx.load_model_from_string(data)
    kind = TensorProto.INT8 if activation == "QInt8" else TensorProto.UINT8
    model.graph.output[0].CopyFrom(helper.make_tensor_value_info(whole.output_tensor, kind, None))
    ended = bytes(model.SerializeToString())
    differing, compared = onnx_runtime.differing(ended, read_onnx(ended), 40)
    assert compared == 400
    assert differing == 0


@pytest.mark.parametrize("level", ["BASIC", "EXTENDED", "ALL"])
@pytest.mark.parametrize("name", onnx_models.MODELS)
@pytest.mark.parametrize("dtype", [np.int8, np.uint8])
def test_what_the_optimiser_writes_is_the_same_network(level, name, dtype, tmp_path):
    """The last level is that of the machine: channels last, Transposes at both ends."""
    data = onnx_models.MODELS[name]("qdq", dtype)
    written = tmp_path / "optimized.onnx"
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = getattr(onnxruntime.GraphOptimizationLevel, f"ORT_ENABLE_{level}")
    options.optimized_model_filepath = str(written)
    options.log_severity_level = 4
    options.add_session_config_entry("session.qdqisint8allowed", "1")
    onnxruntime.InferenceSession(data, options, providers=["CPUExecutionProvider"])
    left, right = read_onnx(data).network, read_onnx(written.read_bytes()).network
    assert left.input.low == right.input.low
    low, high = left.input.low[0], left.input.high[0] + 1
    points = np.random.default_rng(0).integers(low, high, (8, left.input.features))
    assert (Batch.of(left).run(points) == Batch.of(right).run(points)).all()
