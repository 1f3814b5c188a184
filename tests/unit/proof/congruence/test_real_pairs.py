"""Networks of MLPerf Tiny before and after what other people's tools made of them (certificates/pairs/README.md)."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx_runtime
import pytest
import tflite_runtime
from large_graphs import linear_layers

from certify.monitor import Monitor
from certify.network.compare import check_comparable
from certify.network.onnx.convert import read_onnx
from certify.network.operators import Convolution
from certify.network.target import read_target
from certify.network.tflite import read_tflite
from certify.proof.claim import replay
from certify.proof.congruence.decide import number
from certify.proof.enumeration import search_difference

FOLDER = Path(__file__).parents[4] / "certificates"
DETECTION = FOLDER / "targets" / "mlperf_tiny_anomaly_detection.int8.tflite"
INTEGERS = FOLDER / "pairs" / "mlperf_tiny_anomaly_detection.qoperator.onnx"


def pair_of(name):
    return [read_target((FOLDER / "pairs" / f"{name}.{kind}.onnx").read_bytes()) for kind in ("qdq", "qoperator")]


@pytest.mark.parametrize("name", ["mlperf_tiny_image_classification", "mlperf_tiny_visual_wake_words"])
def test_qdq_and_qoperator_are_equal(name):
    left, right = pair_of(name)
    check_comparable(left.network, right.network)
    assert number(left.network, right.network, Monitor()).proved
    assert linear_layers(left.network) == {"i": 10, "v": 28}[name[12]]


@pytest.mark.compiled
def test_qdq_and_another_bias():
    left, right = (target.network for target in pair_of("mlperf_tiny_image_classification"))
    index, layer = next((i, layer) for i, layer in enumerate(right.layers) if isinstance(layer, Convolution))
    other = replace(layer, bias=(layer.bias[0] + 1, *layer.bias[1:]))
    changed = replace(right, layers=(*right.layers[:index], other, *right.layers[index + 1 :]))
    assert not number(left, changed, Monitor()).proved


@pytest.mark.compiled
def test_tflite_and_what_onnx_tools_made_of_it_are_equal_under_one_rule():
    left = read_target(DETECTION.read_bytes(), "float32").network
    right = read_target(INTEGERS.read_bytes()).network
    found = number(left, right, Monitor())
    assert found.proved
    assert found.obligations == {}


def test_they_differ_under_the_rule_of_the_reference_kernels():
    """By one, and the runtimes themselves show it."""
    left, right = read_tflite(DETECTION.read_bytes(), "single"), read_onnx(INTEGERS.read_bytes())
    point = search_difference(left.network, right.network).point
    assert point is not None
    witness = replay(left.network, right.network, point)
    points = np.array([point], dtype=np.int64)
    given = tflite_runtime.fed(left, points)
    (theirs,) = tflite_runtime.run(DETECTION.read_bytes(), tflite_runtime.REFERENCE, given, [left.output_tensor])
    assert tuple(theirs[0].tolist()) == witness.left
    answered = onnx_runtime.run(INTEGERS.read_bytes(), onnx_runtime.as_given(INTEGERS.read_bytes(), right, points))
    display = right.network.output
    integers = np.rint(answered.reshape(-1) / np.float32(display.scale)) + display.zero_point
    assert tuple(integers.astype(int).tolist()) == witness.right
