"""What layers the operators of a graph become."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from tflite_drawings import SCALE, ZERO, convolved, image, like
from tflite_models import (
    Drawing,
    Tensor,
    addition,
    convolution,
    dense,
    depthwise,
    integers,
    pooling,
)

from certify.network.evaluate import evaluate
from certify.network.operators import Addition, Convolution, Dense, Pad, Pooling, Reshape
from certify.network.operators.window import Window
from certify.network.rounding import RULES
from certify.network.steps import Clamp, Offset, Requantize, RequantizeQ31, Thresholds
from certify.network.tflite import read_tflite


def test_a_convolution_pads_after_the_zero_point_is_gone() -> None:
    drawing = image()
    kernel = np.arange(24).reshape(2, 3, 2, 2) - 12
    first = convolved(drawing, kernel, "a", shape=(1, 2, 4, 2), **convolution(stride=(2, 1)))
    convolved(drawing, np.ones((1, 1, 1, 2)), "b", source=first)
    one, two = read_tflite(drawing.model().pack(), "double").network.layers
    assert isinstance(one, Convolution)
    assert isinstance(two, Convolution)
    assert one.window == Window((3, 2), (2, 1), (1, 1), ((0, 1), (0, 1)))
    assert one.weights.to_dense().tolist() == kernel.reshape(2, -1).tolist()
    assert [type(step) for step in one.steps] == [RequantizeQ31, Clamp, Offset]
    assert one.steps[2] == Offset(-ZERO)
    assert [type(step) for step in two.steps] == [RequantizeQ31, Clamp]


def test_a_depthwise_convolution_has_a_group_for_each_channel() -> None:
    drawing = image(1, 1, 1, 2)
    made = drawing.weights("w", np.array([1, 2, 3, 4]).reshape(1, 1, 1, 4), [1.0] * 4, SCALE, dimension=3)
    drawing.op("DEPTHWISE_CONV_2D", [0, *made], like("out", 1, 1, 1, 4), **depthwise(2))
    network = read_tflite(drawing.model().pack(), "single").network
    (layer,) = network.layers
    assert isinstance(layer, Convolution)
    assert (layer.groups, layer.channels) == (2, 1)
    assert evaluate(network, (5, -7)) == (8, 13, -18, -25)


@pytest.mark.parametrize("rule", RULES)
def test_a_channel_without_weights_is_its_constant(rule: Any) -> None:
    """VWW's converter gave such channels biases near 2^30 and scales next to 0."""
    drawing = image(1, 1, 1, 1)
    scales = [0.5, 24 * 2.0**-30]
    made = drawing.weights("w", np.array([3, 0]).reshape(2, 1, 1, 1), scales, SCALE, [7, 2**30])
    drawing.op("CONV_2D", [0, *made], like("out", 1, 1, 1, 2), **convolution())
    network = read_tflite(drawing.model().pack(), rule).network
    assert network.linear[0].bias == (7, 24)
    assert evaluate(network, (5,))[1] == 24 + ZERO


def test_several_rows_are_a_convolution_with_one_tap() -> None:
    drawing = Drawing(like("tokens", 1, 5, 3))
    made = drawing.weights("w", [[1, 2, 3], [4, 5, 6]], [1.0], SCALE)
    drawing.op("FULLY_CONNECTED", [0, *made], like("out", 1, 5, 2), options_type=8, options=dense(keep_dims=True))
    network = read_tflite(drawing.model().pack(), "single").network
    assert [type(layer) for layer in network.layers] == [Reshape, Convolution]
    assert network.shapes() == ((5, 1, 3), (5, 1, 2))
    assert evaluate(network, tuple(range(15)))[:4] == (8 + ZERO, 17 + ZERO, 26 + ZERO, 62 + ZERO)


def test_a_residual_sum_under_each_rule() -> None:
    drawing = image()
    first = convolved(drawing, np.ones((2, 1, 1, 2)))
    drawing.op("ADD", [0, first], like("sum", 1, 4, 4, 2, scales=(0.75,)), **addition("RELU"))
    data = drawing.model().pack()
    sums = {rule: read_tflite(data, rule).network.layers[1] for rule in RULES}
    for layer in sums.values():
        assert isinstance(layer, Addition)
        assert layer.sources == (-1, 0)
        assert layer.steps[-1] == Clamp(ZERO, 127)
    assert [type(step) for step in sums["single"].terms[0].steps] == [RequantizeQ31, Requantize]
    assert [type(step) for step in sums["double"].terms[0].steps] == [RequantizeQ31]
    assert [term.steps for term in sums["float32"].terms] == [(), ()]
    # 0.5 / 0.75 with 21 bits.
    assert [term.weight for term in sums["float32"].terms] == [round(2**21 * 2 / 3)] * 2


def test_an_average_reads_the_zero_point_with_the_rest() -> None:
    drawing = image()
    first = convolved(drawing, np.ones((2, 1, 1, 2)))
    drawing.op("AVERAGE_POOL_2D", [first], like("mean", 1, 1, 1, 2), **pooling((4, 4)))
    one, two = read_tflite(drawing.model().pack(), "double").network.layers
    assert [type(step) for step in one.steps] == [RequantizeQ31, Clamp]
    assert isinstance(two, Pooling)
    assert (two.kind, two.rounding, two.steps) == ("average", "half_away", (Clamp(-128, 127),))


def test_a_tensor_that_is_wanted_with_and_without_its_zero_point() -> None:
    drawing = image()
    first = convolved(drawing, np.ones((2, 1, 1, 2)))
    mean = drawing.op("AVERAGE_POOL_2D", [first], like("mean", 1, 4, 4, 2), **pooling((1, 1)))
    drawing.op("ADD", [mean, first], like("sum", 1, 4, 4, 2), **addition())
    layers = read_tflite(drawing.model().pack(), "float32").network.layers
    assert [type(layer) for layer in layers] == [Convolution, Reshape, Pooling, Addition]
    assert layers[1].steps == (Offset(ZERO),)
    assert layers[3].sources == (2, 0)


@pytest.mark.parametrize(("code", "fill"), [("PAD", 0), ("PADV2", 4)])
def test_padding_is_on_the_scale_of_what_it_pads(code: str, fill: int) -> None:
    drawing = image()
    around = drawing.constant(integers("around", [[0, 0], [1, 0], [0, 2], [0, 0]]))
    value = [drawing.constant(Tensor("v", (1,), "INT8", (SCALE,), (ZERO,), bytes([ZERO + 4])))] if fill else []
    padded = drawing.op(code, [0, around, *value], like("padded", 1, 5, 6, 2))
    convolved(drawing, np.ones((1, 1, 1, 2)), source=padded)
    layer = read_tflite(drawing.model().pack(), "single").network.layers[0]
    assert isinstance(layer, Pad)
    assert (layer.around, layer.value) == (((1, 0), (0, 2), (0, 0)), fill)


def test_a_table_joins_the_layer_before() -> None:
    drawing = Drawing(like("input", 1, 2))
    made = drawing.weights("w", [[1, 0], [0, 1]], [1.0], SCALE)
    first = drawing.op("FULLY_CONNECTED", [0, *made], like("one", 1, 2), options_type=8, options=dense())
    curved = Tensor("curved", (1, 2), "INT8", (1 / 128,), (0,))
    table = drawing.op("TANH", [first], curved)
    made = drawing.weights("v", [[1, 1]], [1.0], 1 / 128)
    drawing.op("FULLY_CONNECTED", [table, *made], like("two", 1, 1), options_type=8, options=dense())
    network = read_tflite(drawing.model().pack(), "single").network
    assert network.chain is not None
    assert [type(step) for step in network.layers[0].steps] == [RequantizeQ31, Clamp, Thresholds, Offset]
    thresholds = network.layers[0].steps[2]
    assert isinstance(thresholds, Thresholds)
    assert thresholds.low == -128
    # tanh(0.5 · (q - 3)) · 128 at q = 3, 4, 5.
    assert [sum(at <= q for at in thresholds.at) - 128 for q in (3, 4, 5)] == [0, 59, 97]


def test_dense_layers_after_a_change_of_shape_need_no_layer_for_it() -> None:
    drawing = image()
    first = convolved(drawing, np.ones((2, 1, 1, 2)))
    flat = drawing.op("RESHAPE", [first, drawing.constant(integers("to", [1, -1]))], like("flat", 1, 32))
    made = drawing.weights("v", np.ones((3, 32)), [1.0], SCALE)
    drawing.op("FULLY_CONNECTED", [flat, *made], like("out", 1, 3), options_type=8, options=dense())
    layers = read_tflite(drawing.model().pack(), "single").network.layers
    assert [type(layer) for layer in layers] == [Convolution, Dense]


def test_a_thousand_activations_in_a_row() -> None:
    drawing = image()
    last = convolved(drawing, np.ones((2, 1, 1, 2)))
    for index in range(2000):
        last = drawing.op("RELU", [last], like(f"r{index}", 1, 4, 4, 2))
    (layer,) = read_tflite(drawing.model().pack(), "double").network.layers
    assert len(layer.steps) == 2002


def test_an_activation_of_what_others_read_is_a_layer_of_its_own() -> None:
    drawing = image()
    first = convolved(drawing, np.ones((2, 1, 1, 2)))
    bounded = drawing.op("RELU", [first], like("bounded", 1, 4, 4, 2))
    drawing.op("ADD", [first, bounded], like("sum", 1, 4, 4, 2), **addition())
    layers = read_tflite(drawing.model().pack(), "single").network.layers
    assert [type(layer) for layer in layers] == [Convolution, Reshape, Reshape, Addition]
    assert layers[0].steps[-1] == Offset(-ZERO)
    assert layers[2].steps == (Clamp(ZERO, 127), Offset(-ZERO))
    assert layers[3].sources == (0, 2)
