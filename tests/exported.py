"""Exported networks, run by onnxruntime and held against exact evaluation."""

from __future__ import annotations

import numpy as np
import onnx
import onnxruntime

from certify.base.law import BaseNetwork, Precision
from certify.base.layout import matrix_shapes
from certify.base.mask import from_bits
from certify.export.onnx import INPUT_NAME, write_onnx
from certify.network.evaluate import evaluate
from certify.network.matrix import from_dense
from certify.network.model import INPUT, Box, Network
from certify.network.operators import Addition, Convolution, Dense, Term
from certify.network.operators.window import Window
from certify.network.steps import Clamp, RequantizeQ31

onnxruntime.set_default_logger_severity(3)


def box(shape, low=-128, high=127, precision_bits=0):
    """A box with the same bounds for every feature."""
    features = int(np.prod(shape))
    return Box(tuple(shape), (low,) * features, (high,) * features, precision_bits)


def points(network, count, seed=0):
    """int64[count, features]: both corners of the box, and random points."""
    low, high = np.array(network.input.low), np.array(network.input.high)
    random = np.random.default_rng(seed).integers(low, high, endpoint=True, size=(count - 2, len(low)))
    return np.concatenate([low[None], high[None], random])


def run(data, given):
    """What onnxruntime makes of int64[batch, *shape]."""
    session = onnxruntime.InferenceSession(data, providers=["CPUExecutionProvider"])
    (found,) = session.run(None, {INPUT_NAME: given})
    return found


def run_exported(network, given):
    """int64[batch, outputs]: what onnxruntime makes of the exported network, after ONNX's own checks of it."""
    data = write_onnx(network, batch=len(given))
    onnx.checker.check_model(onnx.load_from_string(data), full_check=True)
    found = run(data, given.reshape(len(given), *network.input.shape))
    assert found.shape == (len(given), *network.shapes()[-1])
    assert found.dtype == np.int64
    return found.reshape(len(given), -1)


def assert_same(network, count=24, seed=0):
    """Every output is the one that evaluation in Python integers gives."""
    assert isinstance(network, Network)
    given = points(network, count, seed)
    expected = [evaluate(network, point) for point in given.tolist()]
    assert run_exported(network, given).tolist() == list(map(list, expected))


def small_target():
    """A target with a depthwise convolution that pads, a sum with its input, and a dense layer."""
    rng = np.random.default_rng(7)
    steps = (RequantizeQ31(2**30, 5, "single"), Clamp(-8, 7))
    depthwise = from_dense(rng.integers(-8, 8, size=(2, 9), endpoint=True))
    dense = from_dense(rng.integers(-8, 8, size=(3, 24), endpoint=True))
    window = Window((3, 3), padding=((1, 1), (1, 1)))
    layers = (
        Convolution(depthwise, 3, (5, -60), window, 2, (), steps),
        Addition((0, INPUT), (Term(), Term(-2))),
        Dense(dense, 3, (1, 2, -77)),
    )
    return Network("small", box((3, 4, 2), -8, 7), layers)


def random_ticket(target, seed="ticket", width=9):
    """A base network for the target, and masks of its matrices that keep about every third weight."""
    bits = ((layer.precision_bits + 1) // 2 for layer in target.linear)
    base = BaseNetwork(seed, (width,) * len(target.linear), tuple(Precision(kept, kept) for kept in bits))
    rng = np.random.default_rng(8)
    return base, tuple(from_bits(rng.random(shape) < 0.3) for shape in matrix_shapes(target, base))
