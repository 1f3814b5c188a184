"""The networks against LiteRT's own kernels: every activation, bit for bit, under the rule that a kernel follows.

Where the reference kernel differs from its rule, docs/tflite.md says when, and so do the tests here.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from tflite_models import DEPLOYED, Layer, Model, Operator, Tensor, chain, dense, integers, number
from tflite_runtime import (
    OPTIMISED,
    REFERENCE,
    RULES,
    XNNPACK,
    layer_outputs,
    outputs_of,
    reference_kernel,
    run,
)

from certify.network.evaluate import evaluate
from certify.network.model import Network
from certify.network.steps import Offset, apply_steps
from certify.network.tflite import Converted, read_tflite
from certify.proof.enumeration import program
from solvers.grid.search import activations

POINTS = 10_000
NEAR_A_TIE = 2.0**-22

kernels = pytest.mark.parametrize("kernel", RULES, ids=["reference", "optimised", "xnnpack"])


@pytest.mark.long
@pytest.mark.compiled
@kernels
@pytest.mark.parametrize("name", ["ecg5000_autoencoder", "mlperf_tiny_anomaly_detection"])
def test_a_deployed_network(name: str, kernel: Any) -> None:
    data = DEPLOYED[name].read_bytes()
    found = read_tflite(data, RULES[kernel])
    network = found.network
    points = _points(network, POINTS)
    real = (points * np.float32(network.input.display.scale)).astype(np.float32)
    quantized, *theirs = run(data, kernel, real, _tensors(found))
    assert (quantized == points - 128 - network.input.low[0]).all()
    ours = np.split(
        activations(program(network), points), np.cumsum([l.outputs for l in network.layers])[:-1], axis=1
    )
    for layer, own, other in zip(network.layers, ours, theirs, strict=True):
        assert np.array_equal(_as_int8(layer.steps, own), other), layer.name
    for point, last in zip(points[:50].tolist(), ours[-1], strict=False):
        assert evaluate(network, point) == tuple(last)


def _channels(rng: np.random.Generator) -> Model:
    scales = [tuple(rng.uniform(0.003, 0.03, rows).tolist()) for rows in (24, 20, 9)]
    return chain(
        [
            Layer(_int8(rng, 24, 12), scales[0], rng.integers(-5000, 5000, 24), 0.3, -100, "RELU"),
            Layer(_int8(rng, 20, 24), scales[1], None, 1.2, 5),
            Layer(_int8(rng, 9, 20), scales[2], rng.integers(-99, 99, 9), 7.0, 0),
        ],
        input_zero=-9,
    )


def _large_factors(rng: np.random.Generator) -> Model:
    return chain(
        [
            Layer(rng.integers(-1, 2, (16, 6)), (0.5,), rng.integers(-10, 11, 16), 0.02, 0),
            Layer(rng.integers(-1, 2, (16, 16)), tuple(rng.uniform(0.4, 1.9, 16).tolist()), None, 0.01, 3, "RELU"),
        ],
        input_zero=2,
    )


def _bounded(rng: np.random.Generator) -> Model:
    return chain(
        [
            Layer(_int8(rng, 24, 12), (0.01,), rng.integers(-500, 500, 24), 0.047, -128, "RELU6"),
            Layer(_int8(rng, 20, 24), (0.002,), rng.integers(-500, 500, 20), 0.0157, 4, "RELU_N1_TO_1"),
        ]
    )


def _large_biases(rng: np.random.Generator) -> Model:
    output = 0.05 * 0.01 * 2**30 / 120
    return chain([Layer(_int8(rng, 32, 6), (0.01,), rng.integers(-(2**30), 2**30, 32), output)], input_zero=2)


def _powers_of_two(rng: np.random.Generator) -> Model:
    first = Layer(rng.integers(-3, 4, (16, 6)), (0.25,), rng.integers(-10, 11, 16), 1.0)
    return chain([first, Layer(rng.integers(-3, 4, (16, 16)), (0.125,), None, 4.0)], 0.5, 2)


def _with_shapes(rng: np.random.Generator) -> Model:
    """Return a model whose first layer is behind a RESHAPE to a shape computed in the model."""
    weights = _int8(rng, 16, 32)
    return Model(
        (
            Tensor("input", (1, 4, 8), "INT8", (0.05,), (2,)),
            Tensor("shape", (3,), "INT32"),
            integers("zero", [0]),
            integers("one", [1]),
            Tensor("batch", (), "INT32"),
            integers("columns", 32),
            Tensor("target", (2,), "INT32"),
            Tensor("flat", (1, 32), "INT8", (0.05,), (2,)),
            Tensor("weights", (16, 32), "INT8", (0.01,), (0,), weights.astype(np.int8).tobytes()),
            Tensor("layer", (1, 16), "INT8", (1.5,), (-3,)),
        ),
        (
            Operator("SHAPE", (0,), (1,), 55, {0: number("Int8", 2)}),
            Operator("STRIDED_SLICE", (1, 2, 3, 3), (4,), 32, {4: number("Int32", 1)}),
            Operator("PACK", (4, 5), (6,), 59, {0: number("Int32", 2)}),
            Operator("RESHAPE", (0, 6), (7,)),
            Operator("FULLY_CONNECTED", (7, 8), (9,), 8, dense()),
        ),
    )


BUILT = {
    "factors per channel": _channels,
    "factors of 1 and more": _large_factors,
    "fused bounds": _bounded,
    "biases near 2^30": _large_biases,
    "scales that are powers of two": _powers_of_two,
    "shape operators": _with_shapes,
}


@kernels
@pytest.mark.parametrize("build", BUILT.values(), ids=BUILT)
def test_a_built_network(build: Any, kernel: Any) -> None:
    data = build(np.random.default_rng(2)).pack()
    found = read_tflite(data, RULES[kernel])
    network = found.network
    points = _points(network, POINTS)
    theirs = run(data, kernel, points - 128 - network.input.low[0], _tensors(found))[1:]
    values = points
    for layer, other in zip(network.layers, theirs, strict=True):
        ours = outputs_of(layer, values)
        if kernel is REFERENCE:
            off = _as_int8(layer.steps, ours) != other
            assert (abs(_exactly(layer, values) % 1 - 0.5)[off] < NEAR_A_TIE).all()
            ours = np.where(off, ours + (other - _as_int8(layer.steps, ours)), ours)
        assert np.array_equal(_as_int8(layer.steps, ours), other), layer.name
        values = ours
    own = layer_outputs(network, points[:20])[-1]
    assert [evaluate(network, point) for point in points[:20].tolist()] == [tuple(row) for row in own]


@kernels
def test_one_row_alone(kernel: Any) -> None:
    data = _channels(np.random.default_rng(3)).pack()
    found = read_tflite(data, RULES[kernel])
    for point in _points(found.network, 20):
        last = run(data, kernel, point[None] - 128 - found.network.input.low[0], _tensors(found))[-1]
        assert np.array_equal(layer_outputs(found.network, point[None])[-1], last)


@pytest.mark.parametrize("channels", [1, 2], ids=["one scale", "scale for each output"])
@pytest.mark.parametrize("kernel", [OPTIMISED, XNNPACK], ids=["optimised", "xnnpack"])
def test_accumulators_next_to_ties(kernel: Any, channels: int) -> None:
    """Where the last bit of a multiplier decides: so its product is formed as the kernel forms it."""
    rng = np.random.default_rng(5)
    for _ in range(40):
        model, accumulators, _ = _ties(rng, channels)
        data = model.pack()
        found = read_tflite(data, RULES[kernel])
        theirs = run(data, kernel, np.zeros((1, 1)), _tensors(found))[-1][0]
        steps = [found.network.layers[0].steps_of(i) for i in range(len(accumulators))]
        assert list(map(apply_steps, steps, accumulators)) == theirs.tolist()


@pytest.mark.parametrize("channels", [1, 2], ids=["one scale", "scale for each output"])
def test_what_the_reference_kernel_computes(channels: int) -> None:
    """A product of doubles, rounded half away from zero; `single` differs from it next to ties alone."""
    rng, differing = np.random.default_rng(6), 0
    for _ in range(40):
        model, accumulators, factor = _ties(rng, channels)
        data = model.pack()
        found = read_tflite(data, "single")
        theirs = run(data, REFERENCE, np.zeros((1, 1)), _tensors(found))[-1][0]
        assert np.array_equal(np.clip(reference_kernel(np.array(accumulators), factor), -128, 127), theirs)
        for index, (accumulator, other) in enumerate(zip(accumulators, theirs.tolist(), strict=True)):
            if apply_steps(found.network.layers[0].steps_of(index), accumulator) != other:
                differing += 1
                assert abs(accumulator * factor % 1 - 0.5) < NEAR_A_TIE
    assert differing


@kernels
@pytest.mark.parametrize("alone", [False, True], ids=["fused", "alone"])
@pytest.mark.parametrize("activation", ["RELU", "RELU6", "RELU_N1_TO_1"])
def test_bounds_of_activations(activation: str, alone: bool, kernel: Any) -> None:
    bound = {"RELU": 0.1, "RELU6": 6.0, "RELU_N1_TO_1": 1.0}[activation]
    accumulators = np.arange(-4000, 4000, 40)
    for zero_point, halves in [(0, 1), (3, 5), (-4, 7), (-128, 41), (127, 3), (-73, 99), (50, 2)]:
        layer = Layer(
            np.zeros((len(accumulators), 1)),
            (0.05,),
            accumulators,
            2 * bound / halves,
            zero_point,
            "NONE" if alone else activation,
        )
        model = chain([layer], 0.7)
        if alone:
            model = model.then(activation, replace(model.tensors[-1], name="bounded"))
        data = model.pack()
        found = read_tflite(data, RULES[kernel])
        theirs = run(data, kernel, np.zeros((1, 1)), [found.output_tensor])[0]
        assert np.array_equal(layer_outputs(found.network, np.zeros((1, 1), np.int64))[-1], theirs)


def test_xnnpack_takes_no_factor_of_256() -> None:
    below = chain([Layer([[1]], (0.5,), None, 0.05 * 0.5 / 255.9)]).pack()
    run(below, XNNPACK, np.zeros((1, 1)), ["layer0"])
    read_tflite(below, "float32")
    above = chain([Layer([[1]], (0.5,), None, 0.05 * 0.5 / 256.1)]).pack()
    with pytest.raises((ValueError, RuntimeError)):
        run(above, XNNPACK, np.zeros((1, 1)), ["layer0"])


def _ties(rng: np.random.Generator, channels: int) -> tuple[Model, list[int], float]:
    """Return a model whose biases times the factor are next to half an odd integer, and the factor."""
    source, weight = (float(np.float32(round(rng.uniform(0.001, 0.1), 4))) for _ in range(2))
    output = float(np.float32(source * weight * 10 ** rng.uniform(0, 8)))
    if rng.integers(2):
        output = float(np.float32(source * weight * 2 * int(rng.integers(1, 1000))))
    factor = source * weight / output
    near = {round((k + 0.5) / factor) + d for k in range(-128, 128, 5) for d in (-1, 0, 1)}
    biases = [bias for bias in sorted(near) if abs(bias) < 2**30]
    scales = (weight,) * (1 if channels == 1 else len(biases))
    return chain([Layer(np.zeros((len(biases), 1)), scales, biases, output)], source), biases, factor


def _int8(rng: np.random.Generator, rows: int, columns: int) -> Any:
    return rng.integers(-128, 128, (rows, columns))


def _points(network: Network, count: int) -> Any:
    """Return points of every size: some anywhere in the box, some around 0, some at its ends."""
    rng = np.random.default_rng(20261122)
    low, high = network.input.low[0], network.input.high[0]
    points = rng.integers(low, high, (count, network.input.features), endpoint=True)
    spread = rng.integers(1, high - low, count)[:, None]
    points[::3] = np.clip(points[::3] % spread[::3] - spread[::3] // 2, low, high)
    points[::7] = np.where(points[::7] % 2 == 0, low, high)
    return points


def _tensors(found: Converted) -> list[str]:
    return [found.input_tensor, *(layer.name for layer in found.network.layers)]


def _as_int8(steps: Any, values: Any) -> Any:
    """Return the tensor's own integers: those before an Offset that a next layer needs."""
    return values - steps[-1].value if isinstance(steps[-1], Offset) else values


def _exactly(layer: Any, values: Any) -> Any:
    """Return the accumulators times their factors, in double."""
    sums = outputs_of(replace(layer, steps=()), values)
    multiplier, shift = (
        np.array(field, dtype=np.float64) for field in (layer.steps[0].multiplier, layer.steps[0].shift)
    )
    return sums * np.ldexp(multiplier, -31 - shift.astype(np.int64))
