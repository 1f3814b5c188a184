"""The four int8 networks of MLPerf Tiny and their tickets, as ONNX in onnxruntime."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnxruntime
import pytest
from exported import INPUT_NAME, points

from certify.base.prune import prune
from certify.export.onnx import write_onnx
from certify.network.batch import Batch
from certify.network.target import read_target
from certify.ticket import find_ticket

TARGETS = Path(__file__).parents[2] / "certificates" / "targets"
NAMES = ("anomaly_detection", "keyword_spotting", "image_classification", "visual_wake_words")


def read(name):
    return read_target((TARGETS / f"mlperf_tiny_{name}.int8.tflite").read_bytes()).network


def outputs(network, given):
    """What onnxruntime makes of int64[count, features], one point after the other."""
    session = onnxruntime.InferenceSession(write_onnx(network), providers=["CPUExecutionProvider"])
    shape = (1, *network.input.shape)
    found = [session.run(None, {INPUT_NAME: point.reshape(shape)})[0].reshape(-1) for point in given]
    return np.stack(found)


def assert_same(target, count, seed):
    given = points(target, count, seed)
    assert (outputs(target, given) == Batch.of(target).run(given)).all()


@pytest.mark.parametrize("name", NAMES)
def test_targets(name):
    assert_same(read(name), 12, 1)


@pytest.mark.long
@pytest.mark.parametrize("name", NAMES)
def test_targets_on_many_points(name):
    assert_same(read(name), 500, 2)


@pytest.mark.long
@pytest.mark.parametrize("name", NAMES)
def test_tickets(name):
    target = read(name)
    found = find_ticket(target, "0")
    ticket = prune(target, found.base, found.masks)
    finer = ticket.output_precision_bits() - target.output_precision_bits()
    given = points(target, 40, 3)
    assert (outputs(ticket, given) == Batch.of(target).run(given) << finer).all()
