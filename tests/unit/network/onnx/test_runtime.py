"""Converted models beside onnxruntime: every output of random inputs, bit for bit."""

from __future__ import annotations

import numpy as np
import onnx_models
import onnx_runtime
import pytest

from certify.network.batch import Batch
from certify.network.evaluate import evaluate
from certify.network.onnx.convert import read_onnx

CASES = [
    pytest.param(name, style, dtype, id=f"{name}-{style}-{dtype.__name__}")
    for name in onnx_models.MODELS
    for style in ("qdq", "qop")
    for dtype in (np.int8, np.uint8)
]


@pytest.mark.parametrize(("name", "style", "dtype"), CASES)
def test_no_output_differs(name, style, dtype):
    data = onnx_models.MODELS[name](style, dtype)
    differing, compared = onnx_runtime.differing(data, read_onnx(data), 24)
    assert compared
    assert differing == 0


@pytest.mark.long
@pytest.mark.parametrize(("name", "style", "dtype"), CASES)
def test_no_output_of_2000_inputs_differs(name, style, dtype):
    data = onnx_models.MODELS[name](style, dtype)
    assert onnx_runtime.differing(data, read_onnx(data), 2000, seed=1)[0] == 0


@pytest.mark.parametrize("name", onnx_models.MODELS)
@pytest.mark.parametrize("dtype", [np.int8, np.uint8])
def test_both_forms_are_one_network(name, dtype):
    found = [read_onnx(onnx_models.MODELS[name](style, dtype)).network for style in ("qdq", "qop")]
    points = np.random.default_rng(0).integers(-20, 20, (8, found[0].input.features))
    assert found[0].input.low == found[1].input.low
    assert (Batch.of(found[0]).run(points) == Batch.of(found[1]).run(points)).all()


@pytest.mark.parametrize("name", onnx_models.MODELS)
def test_the_fast_evaluation_is_the_exact_one(name):
    network = read_onnx(onnx_models.MODELS[name]("qdq", np.int8)).network
    point = np.random.default_rng(2).integers(network.input.low[0], network.input.high[0] + 1, network.input.features)
    assert tuple(Batch.of(network).run(point[None])[0]) == evaluate(network, point.tolist())


@pytest.mark.parametrize(("name", "differ"), [("assorted", False), ("perceptron", True), ("convolutional", True)])
def test_what_holds_without_optimisations(name, differ):
    """QDQ models then run in floats: most outputs agree, and tables and moves do all."""
    data = onnx_models.MODELS[name]("qdq", np.uint8)
    differing, compared = onnx_runtime.differing(data, read_onnx(data), 400, optimized=False)
    assert differing <= 0.03 * compared
    assert bool(differing) == differ


@pytest.mark.parametrize(("dtype", "differ"), [(np.uint8, False), (np.int8, True)])
def test_what_holds_where_int8_is_not_fused(dtype, differ):
    """The default on x86: means of int8 stay in floats, and ties go either way."""
    data = onnx_models.averaged("qdq", dtype)
    assert (onnx_runtime.differing(data, read_onnx(data), 100, fused=False)[0] > 0) == differ


def test_operators_on_integers_run_the_same_without_optimisations():
    data = onnx_models.residual("qop", np.uint8)
    assert onnx_runtime.differing(data, read_onnx(data), 16, optimized=False)[0] == 0


@pytest.mark.parametrize("kind", ["Sigmoid", "LeakyRelu", "Tanh"])
@pytest.mark.parametrize("dtype", [np.int8, np.uint8])
@pytest.mark.parametrize("scale", [0.003, 0.05, 0.11])
def test_every_entry_of_a_table(kind, dtype, scale):
    make = onnx_models.Maker("qdq", dtype)
    x = make.begin((1, 256), scale, make.least + 117)
    attributes = {"alpha": 0.2} if kind == "LeakyRelu" else {}
    data = make.model(make.unary(kind, x, 0.0078, make.least + 100, **attributes))
    network = read_onnx(data).network
    points = np.arange(network.input.low[0], network.input.high[0] + 1)[None]
    given = (points * np.float32(scale)).astype(np.float32).reshape(1, 1, 256)
    computed = onnx_runtime.run(data, given)[0].reshape(1, -1).astype(np.int64)
    assert (Batch.of(network).run(points) == computed).all()


@pytest.mark.parametrize("seed", range(6))
def test_every_sum_of_two_integers(seed):
    """All pairs of 8 bit integers, with scales in ratios that make ties."""
    random = np.random.default_rng(seed)
    left, right, out = (float(np.float32(value)) for value in random.uniform(0.01, 0.1, 3))
    if seed % 3:
        out = 2 * left
    if seed % 3 == 2:
        right = left
    make = onnx_models.Maker("qop", [np.int8, np.uint8][seed % 2])
    x = make.begin((1, 2, 256, 256), left, make.least + int(random.integers(0, 256)))
    first = onnx_models.Tensor(make.node("Slice", [x.name, *_bounds(make, 0)]), (1, 1, 256, 256), left, x.zero_point)
    second = onnx_models.Tensor(make.node("Slice", [x.name, *_bounds(make, 1)]), first.shape, right, x.zero_point)
    data = make.model(make.add(first, second, scale=out))
    found = read_onnx(data)
    low = found.network.input.low[0]
    pairs = np.stack(np.meshgrid(np.arange(256), np.arange(256))).reshape(1, -1) + low
    given = onnx_runtime.as_given(data, found, pairs)
    computed = onnx_runtime.run(data, given).reshape(1, -1).astype(np.int64)
    assert (Batch.of(found.network).run(pairs) == computed).all()


def _bounds(make, channel):
    return [make.constant([value], np.int64) for value in (channel, channel + 1, 1)]


def test_integer_operators_end_at_their_accumulators():
    make = onnx_models.Maker("qop", np.uint8)
    x = make.begin((3, 8), 1.0, 7)
    weights = make.constant(np.random.default_rng(0).integers(-63, 64, (8, 4)), np.int8)
    name = make.node("MatMulInteger", [x.name, weights, make.constant(7, np.uint8)])
    output = onnx_models.helper.make_tensor_value_info(name, onnx_models.TensorProto.INT32, (3, 4))
    data = onnx_models.write(make.nodes, make.input, output, make.constants)
    assert onnx_runtime.differing(data, read_onnx(data), 16)[0] == 0


SHAPES = {
    "perceptron": "Dense Dense",
    "convolutional": "Transpose Convolution Convolution Convolution Convolution Pooling Pooling Dense",
    "residual": "Transpose Convolution Convolution Convolution Addition Addition Convolution Convolution Addition "
    "Addition Transpose",
    "shifted": "Reshape Convolution Reshape Reshape Convolution Reshape",
}


@pytest.mark.parametrize("name", SHAPES)
@pytest.mark.parametrize("style", ["qdq", "qop"])
def test_nothing_moves_that_need_not(name, style):
    layers = read_onnx(onnx_models.MODELS[name](style, np.uint8)).network.layers
    assert " ".join(type(layer).__name__ for layer in layers) == SHAPES[name]
