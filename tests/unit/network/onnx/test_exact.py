"""QONNX models: thresholds from exact arithmetic, beside a walk over the file in float64."""

from __future__ import annotations

import math
from fractions import Fraction
from pathlib import Path

import numpy as np
import onnx
import onnx_models
import pytest
import qonnx_walk

from certify.errors import InputError
from certify.network.batch import Batch
from certify.network.evaluate import evaluate
from certify.network.onnx.convert import InputGrid, read_onnx
from certify.network.onnx.functions import nearest_root
from certify.network.steps import Thresholds
from certify.network.target import read_target
from certify.network.writer import write_network

ESPCN = Path(__file__).parents[4] / "certificates" / "targets" / "espcn_subpixel.qonnx.onnx"
GRID = InputGrid.parse("1/255:0..255")


def _compare(data, count, seed=0, grid=None):
    """Return how many outputs of random inputs differ from the walk's, and how many values there are."""
    network = read_onnx(data, grid).network
    box = network.input
    points = np.random.default_rng(seed).integers(box.low[0], box.high[0] + 1, (count, box.features))
    scale = float(grid.scale) if grid else float(np.float32(box.display.scale))
    images = points.reshape(count, *box.shape) * scale
    computed = np.rint(qonnx_walk.walk(data, images) / float(np.float32(network.output.scale))).astype(np.int64)
    found = Batch.of(network).run(points)
    assert len(np.unique(found)) > 4
    return int((found != computed.reshape(count, -1)).sum()), found.size


@pytest.mark.parametrize("mode", ["ROUND", "HALF_EVEN", "FLOOR", "CEIL", "DOWN"])
@pytest.mark.parametrize("bipolar", [False, True])
def test_no_output_differs(mode, bipolar):
    assert _compare(onnx_models.brevitas(mode, bipolar=bipolar), 200)[0] == 0


@pytest.mark.long
@pytest.mark.parametrize("seed", range(4))
def test_no_output_of_2000_inputs_differs(seed):
    assert _compare(onnx_models.brevitas(seed=seed, bipolar=seed % 2 == 1), 2000, seed)[0] == 0


def test_falling_channels_change_sign_and_constant_ones_have_one_level():
    network = read_onnx(onnx_models.brevitas()).network
    first = network.linear[0]
    (step,) = first.steps
    assert isinstance(step, Thresholds)
    assert len(set(step.at[1])) <= 1
    assert all(list(at) == sorted(at) for at in step.at)
    point = [network.input.low[0]] * network.input.features
    assert tuple(Batch.of(network).run(np.array([point]))[0]) == evaluate(network, point)


def test_a_model_without_a_grid_is_refused_in_one_line():
    with pytest.raises(InputError, match=r"Conv_5', tensor 'x\.7': expected a quantized input, or an input grid"):
        read_onnx(ESPCN.read_bytes())


def test_super_resolution_agrees_with_the_walk_on_small_planes():
    assert _compare(qonnx_walk.resized(ESPCN.read_bytes(), 8, 7), 40, grid=GRID) == (0, 40 * 3 * 16 * 14)


def test_super_resolution_is_read_whole():
    target = read_target(ESPCN.read_bytes(), grid=GRID)
    assert target.network.input.shape == (3, 128, 128)
    assert target.network.shapes()[-1] == (3, 256, 256)
    assert [layer.precision_bits for layer in target.network.linear] == [7, 3, 3, 7]
    assert target.conversion is not None
    assert (target.conversion.input_grid, target.conversion.input_tensor) == ("1/255:0..255", "x.7")


@pytest.mark.long
def test_super_resolution_agrees_with_the_walk_on_2000_inputs():
    data = qonnx_walk.resized(ESPCN.read_bytes(), 12, 12)
    found = [_compare(data, 50, seed, GRID) for seed in range(40)]
    assert [sum(column) for column in zip(*found, strict=True)] == [0, 2000 * 3 * 24 * 24]


@pytest.mark.long
def test_super_resolution_agrees_with_the_walk_on_the_declared_plane():
    assert _compare(ESPCN.read_bytes(), 1, grid=GRID) == (0, 3 * 256 * 256)


GRIDS = {
    "1/255:0..255": InputGrid(Fraction(1, 255), 0, 255),
    "0.5:-8..7": InputGrid(Fraction(1, 2), -8, 7),
    "2:3..3": InputGrid(Fraction(2), 3, 3),
    "2/4:0..1": InputGrid(Fraction(1, 2), 0, 1),
}


@pytest.mark.parametrize("text", GRIDS)
def test_a_grid_is_read(text):
    assert InputGrid.parse(text) == GRIDS[text]
    assert InputGrid.parse(str(GRIDS[text])) == GRIDS[text]


@pytest.mark.parametrize(
    "text", ["", "1/0:0..1", "0:0..1", "1:2..1", "-1:0..1", "1e3:0..1", "1:0", "1:0..1 ", "1:0.5..1", "1/2/3:0..1"]
)
def test_another_grid_is_refused(text):
    with pytest.raises(InputError, match=r"expected an input grid such as 1/255:0\.\.255"):
        InputGrid.parse(text)


@pytest.mark.parametrize(
    "value", [Fraction(2), Fraction(9, 4), Fraction(10**-40), Fraction(3, 2**149), Fraction(1e300)]
)
def test_a_root_is_the_nearest_float(value):
    root = nearest_root(value)
    below, above = (Fraction(math.nextafter(float(root), side)) for side in (0, math.inf))
    assert ((below + root) / 2) ** 2 <= value <= ((root + above) / 2) ** 2


def test_quantizers_need_no_opset_of_their_own():
    """qonnx's own tools leave it out."""
    model = onnx.load_from_string(onnx_models.brevitas())
    named = [entry for entry in model.opset_import if not entry.domain]
    assert len(named) < len(model.opset_import)
    del model.opset_import[:]
    model.opset_import.extend(named)
    left, right = (read_onnx(data).network for data in (onnx_models.brevitas(), model.SerializeToString()))
    assert write_network(left) == write_network(right)
