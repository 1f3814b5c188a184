"""What layers the operators of a graph become, and what of them is refused, by operator and tensor."""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from tflite_models import (
    Drawing,
    Model,
    Tensor,
    addition,
    convolution,
    dense,
    depthwise,
    integers,
    number,
    numbers,
    pooling,
)

from certify.errors import InputError
from certify.network.evaluate import evaluate
from certify.network.operators import Addition, Convolution, Dense, Pad, Pooling, Reshape
from certify.network.operators.window import Window
from certify.network.rounding import RULES
from certify.network.steps import Clamp, Offset, Requantize, RequantizeQ31, Thresholds
from certify.network.tflite import read_tflite

SCALE, ZERO = 0.5, 3


def like(name: str, *shape: int, **changes: Any) -> Tensor:
    """Return an int8 tensor of the scale and zero point that most tensors here have."""
    return Tensor(name, shape, "INT8", changes.get("scales", (SCALE,)), changes.get("zeros", (ZERO,)))


def image(*shape: int) -> Drawing:
    return Drawing(like("image", *(shape or (1, 4, 4, 2))))


def convolved(drawing: Drawing, values: Any, name: str = "w", *, source: int = 0, **how: Any) -> int:
    """Return the output of a CONV_2D with these weights, bias 0 and as many rows and columns as it reads."""
    weights = np.asarray(values)
    made = drawing.weights(name, weights, [0.5], SCALE, np.zeros(len(weights)))
    shape = how.pop("shape", (*drawing.tensors[source].shape[:3], len(weights)))
    return drawing.op("CONV_2D", [source, *made], like(f"{name}_out", *shape), **(how or convolution()))


def with_depthwise(multiplier: int = 1, dimension: int = 3, shape: Any = (1, 3, 3, 2)) -> Drawing:
    drawing = image()
    made = drawing.weights("w", np.ones(shape), [0.5] * shape[3], SCALE, dimension=dimension)
    drawing.op("DEPTHWISE_CONV_2D", [0, *made], like("out", 1, 4, 4, shape[3]), **depthwise(multiplier))
    return drawing


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


def _one(code: str, target: Tensor, constants: Any = (), shape: Any = (1, 4, 4, 2), **fields: Any) -> Model:
    """Return a model of one operator on an image, and constants of integers."""
    drawing = image(*shape)
    inputs = [
        0,
        *(drawing.constant(c if isinstance(c, Tensor) else integers(f"c{i}", c)) for i, c in enumerate(constants)),
    ]
    drawing.op(code, inputs, target, **fields)
    return drawing.model()


def _convolution(shape: Any, target: Any = (1, 4, 4, 1), **how: Any) -> Model:
    drawing = image()
    made = drawing.weights("w", np.ones(shape), [0.5], SCALE)
    drawing.op("CONV_2D", [0, *made], like("out", *target), **convolution(**how))
    return drawing.model()


def _sum(*shape: int, **changes: Any) -> Model:
    drawing = image()
    first = convolved(drawing, np.ones((2, 1, 1, 2)))
    drawing.op("ADD", [0, first], like("sum", *shape, **changes), **addition())
    return drawing.model()


def _product(right: Any) -> Model:
    drawing = Drawing(like("tokens", 1, 2, 3))
    flat = drawing.op("RESHAPE", [0, drawing.constant(integers("to", right))], like("other", *right))
    drawing.op("BATCH_MATMUL", [0, flat], like("out", 1, 2, 2), options_type=101)
    return drawing.model()


def _joined(**changes: Any) -> Model:
    drawing = image()
    drawing.op(
        "CONCATENATION",
        [0, 0],
        like("out", 1, 4, 4, 4, **changes),
        options_type=10,
        options={0: number("Int32", changes.get("axis", 3)), 1: number("Int8", changes.get("fused", 0))},
    )
    return drawing.model()


def _strided(begin: Any, end: Any, stride: Any, **masks: int) -> Model:
    slots = {
        i: number("Int32", masks[name])
        for i, name in enumerate(("begin", "end", "ellipsis", "new", "shrink"))
        if name in masks
    }
    return _one("STRIDED_SLICE", like("out", 1, 4, 4, 2), [begin, end, stride], options_type=32, options=slots)


def _leaky(alpha: float) -> Model:
    return _one("LEAKY_RELU", like("out", 1, 4, 4, 2), options_type=75, options={0: number("Float32", alpha)})


MANY = 2**20
REFUSED: dict[str, tuple[Callable[[], Model], str, str]] = {
    "weights for other channels": (lambda: _convolution((1, 3, 3, 3)), "CONV_2D, tensor 'w'", "2 channels"),
    "weights of two dimensions": (lambda: _convolution((1, 18)), "CONV_2D, tensor 'w'", "weights of 4 dimensions"),
    "a stride of 0": (
        lambda: _convolution((1, 3, 3, 2), stride=(0, 1)),
        "CONV_2D, tensor 'out'",
        "stride of at least 1",
    ),
    "a dilation of 0": (
        lambda: _convolution((1, 3, 3, 2), dilation=(1, 0)),
        "tensor 'out'",
        "dilation of at least 1",
    ),
    "a dilation of two billion": (
        lambda: _convolution((1, 3, 3, 2), dilation=(2**31 - 1, 1)),
        "CONV_2D, tensor 'out'",
        "elements in a tensor",
    ),
    "a kernel larger than the plane": (
        lambda: _convolution((1, 5, 5, 2), padding="VALID"),
        "CONV_2D, tensor 'out'",
        "a kernel within 4, found 5",
    ),
    "a shape that lies": (
        lambda: _convolution((1, 3, 3, 2), (1, 4, 5, 1)),
        "tensor 'out'",
        "[1, 4, 4, 1], found [1, 4, 5, 1]",
    ),
    "a convolution of a vector": (
        lambda: _one(
            "CONV_2D", like("out", 1, 1), [Tensor("w", (1, 1, 1, 1), "INT8", (1.0,), (0,), b"\1")], shape=(1, 4)
        ),
        "CONV_2D, tensor 'image'",
        "[1, rows, columns, channels], found [1, 4]",
    ),
    "a fused activation that is not read": (
        lambda: _convolution((1, 3, 3, 2), activation="TANH"),
        "CONV_2D, tensor 'out'",
        "found TANH",
    ),
    "another depth multiplier": (
        lambda: with_depthwise(2).model(),
        "DEPTHWISE_CONV_2D, tensor 'w'",
        "multiplier 1, found 2",
    ),
    "depthwise scales along another dimension": (
        lambda: with_depthwise(dimension=0).model(),
        "tensor 'w'",
        "scales along dimension 3, found 0",
    ),
    "depthwise weights for other channels": (
        lambda: with_depthwise(1, shape=(1, 3, 3, 3)).model(),
        "DEPTHWISE_CONV_2D, tensor 'w'",
        "a multiple of 2",
    ),
    "a sum of other shapes": (
        lambda: _one("ADD", like("out", 1, 4, 4, 2), [like("unwritten", 1, 4, 4, 2)], **addition()),
        "ADD, tensor 'unwritten'",
        "an activation that was written before",
    ),
    "a sum with a constant": (
        lambda: _one("ADD", like("out", 1, 4, 4, 2), [Tensor("c", (1,), "INT8", (1.0,), (0,), b"\1")], **addition()),
        "ADD, tensor 'c'",
        "expected an activation, found a constant",
    ),
    "a sum to another shape": (lambda: _sum(1, 4, 2, 4), "ADD, tensor 'sum'", "[1, 4, 4, 2], found [1, 4, 2, 4]"),
    "a sum to a scale that is too small": (
        lambda: _sum(1, 4, 4, 2, scales=(1e-7,)),
        "ADD, tensor 'sum'",
        "expected a scale above 2^-19 of the inputs'",
    ),
    "an average that requantizes": (
        lambda: _one("AVERAGE_POOL_2D", like("out", 1, 1, 1, 2, zeros=(0,)), **pooling((4, 4))),
        "AVERAGE_POOL_2D, tensor 'out'",
        "0.5 and 3, found 0.5 and 0",
    ),
    "a pool of nothing": (
        lambda: _one("MAX_POOL_2D", like("out", 1, 4, 4, 2), **pooling((0, 1))),
        "tensor 'out'",
        "kernel size",
    ),
    "a pool with huge windows": (
        lambda: _one("MAX_POOL_2D", like("out", 1, 4, 4, 2), **pooling((2**30, 1), padding="SAME")),
        "MAX_POOL_2D, tensor 'out'",
        "elements in a tensor",
    ),
    "a mean over channels": (
        lambda: _one("MEAN", like("out", 1, 4, 4, 1), [[3]], options_type=27, options={0: number("Bool", True)}),
        "MEAN, tensor 'out'",
        "1 and 2, found [3]",
    ),
    "a mean of another shape": (
        lambda: _one("MEAN", like("out", 1, 1, 1, 2), [[1, 2]]),
        "tensor 'out'",
        "shape [1, 2]",
    ),
    "a product that does not fit": (
        lambda: _product([1, 2, 3]),
        "BATCH_MATMUL, tensor 'other'",
        "[..., n, k] and [..., k, m]",
    ),
    "a pad to a huge tensor": (
        lambda: _one("PAD", like("out", 1, 4 + 2**30, 4, 2), [[[0, 0], [0, 2**30], [0, 0], [0, 0]]]),
        "PAD, tensor 'out'",
        "elements in a tensor",
    ),
    "a pad below 0": (
        lambda: _one("PAD", like("out", 1, 3, 4, 2), [[[0, 0], [-1, 0], [0, 0], [0, 0]]]),
        "PAD, tensor 'c0'",
        "at least 0, found -1",
    ),
    "paddings for other dimensions": (
        lambda: _one("PAD", like("out", 1, 4, 4, 2), [[[0, 0]]]),
        "tensor 'c0'",
        "[4, 2], found [1, 2]",
    ),
    "a padding with another scale": (
        lambda: _one(
            "PADV2", like("out", 1, 4, 4, 2), [[[0, 0]] * 4, Tensor("v", (), "INT8", (0.25,), (ZERO,), b"\1")]
        ),
        "PADV2, tensor 'v'",
        "0.5 and 3, found 0.25 and 3",
    ),
    "a transposition of other dimensions": (
        lambda: _one("TRANSPOSE", like("out", 1, 4, 4, 2), [[0, 1, 1, 3]]),
        "TRANSPOSE, tensor 'out'",
        "order of 4 dimensions",
    ),
    "a slice behind the end": (
        lambda: _one("SLICE", like("out", 1, 4, 4, 2), [[0, 1, 0, 0], [1, 4, 4, 2]]),
        "SLICE, tensor 'image'",
        "within [1, 4, 4, 2]",
    ),
    "a slice of nothing": (
        lambda: _one("SLICE", like("out", 1, 4, 4, 2), [[0, 1, 0, 0], [1, 0, 4, 2]]),
        "SLICE, tensor 'image'",
        "begin < end",
    ),
    "a slice backwards": (
        lambda: _strided([0, 3, 0, 0], [1, 0, 4, 2], [1, -1, 1, 1]),
        "STRIDED_SLICE",
        "strides above 0",
    ),
    "a slice with an ellipsis": (
        lambda: _strided([0] * 4, [1, 4, 4, 2], [1] * 4, ellipsis=1),
        "STRIDED_SLICE, tensor 'out'",
        "no ellipsis mask",
    ),
    "a slice to another shape": (
        lambda: _strided([0] * 4, [1, 4, 4, 2], [1, 2, 1, 1]),
        "tensor 'out'",
        "[1, 2, 4, 2]",
    ),
    "an index behind the end": (
        lambda: _strided([0, 9, 0, 0], [1, 4, 4, 2], [1] * 4, shrink=2),
        "STRIDED_SLICE, tensor 'image'",
        "within [1, 4, 4, 2]",
    ),
    "a concatenation that requantizes": (
        lambda: _joined(scales=(0.25,)),
        "CONCATENATION, tensor 'out'",
        "found 0.25",
    ),
    "a concatenation along no dimension": (
        lambda: _joined(axis=4),
        "CONCATENATION, tensor 'out'",
        "but for dimension 4",
    ),
    "a concatenation with an activation": (
        lambda: _joined(fused=1),
        "CONCATENATION, tensor 'out'",
        "found 2 and RELU",
    ),
    "a leaky function that falls": (lambda: _leaky(-0.5), "LEAKY_RELU, tensor 'out'", "alpha above 0"),
    "a leaky function of NaN": (lambda: _leaky(float("nan")), "LEAKY_RELU, tensor 'out'", "found nan"),
    "a function that may fall": (
        lambda: _one("HARD_SWISH", like("out", 1, 4, 4, 2)),
        "HARD_SWISH",
        "found HARD_SWISH",
    ),
    "a table to another scale": (
        lambda: _one("TANH", like("out", 1, 4, 4, 2)),
        "TANH, tensor 'out'",
        "expected the scale 0.0078125 and the zero point 0",
    ),
    "a table to another shape": (lambda: _one("TANH", like("out", 1, 32)), "TANH, tensor 'out'", "found [1, 32]"),
    "a softmax in the middle": (
        lambda: _one("SOFTMAX", like("s", 1, 4, 4, 2)).then("RELU", like("out", 1, 4, 4, 2)),
        "operator 0 SOFTMAX, tensor 's'",
        "expected SOFTMAX at the end",
    ),
    "float requantization": (
        lambda: _one("QUANTIZE", Tensor("out", (1, 4, 4, 2), "INT16", (0.1,), (0,))),
        "QUANTIZE, tensor 'out'",
        "expected INT8, found INT16",
    ),
    "a tensor of a billion elements": (
        lambda: Model((like("image", 1, 2**15, 2**15, 3),), ()).then(
            "MAX_POOL_2D", like("out", 1, 2**15, 2**15, 3), **pooling((1, 1))
        ),
        "tensor 'image'",
        "elements in a tensor",
    ),
    "a dynamic plane": (
        lambda: _convolution((1, 3, 3, 2)).with_tensor(0, signature=(1, -1, 4, 2)),
        "tensor 'image'",
        "fixed but for a batch of 1",
    ),
    "an unknown padding": (
        lambda: _convolution((1, 3, 3, 2)).with_operator(
            0, options={**convolution()["options"], 0: number("Int8", 7)}
        ),
        "CONV_2D, tensor 'out'",
        "SAME or VALID, found number 7",
    ),
    "options of pooling for a convolution": (
        lambda: _convolution((1, 3, 3, 2)).with_operator(0, options_type=5),
        "operator 0 CONV_2D",
        "expected Conv2DOptions, found options of type 5",
    ),
    "an input left out": (
        lambda: _sum(1, 4, 4, 2).with_operator(1, inputs=(0, -1)),
        "operator 1 ADD",
        "two activations",
    ),
    "nine axes": (
        lambda: _one("RESHAPE", like("out", 32), options_type=17, options={0: numbers("Int32", [32] + [1] * 8)}),
        "operator 0 RESHAPE",
        "at most 8 dimensions, found 9",
    ),
}


@pytest.mark.parametrize(("build", "place", "problem"), REFUSED.values(), ids=REFUSED)
def test_refused(build: Callable[[], Model], place: str, problem: str) -> None:
    data = build().pack()
    tracemalloc.start()
    with pytest.raises(InputError) as caught:
        read_tflite(data, "single")
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert place in caught.value.place
    assert problem in caught.value.problem
    assert str(caught.value).isprintable()
    assert peak < 2**22


def test_all_tensors_together_are_bounded() -> None:
    model = Model((like("image", 1, 2048, 2048, 1),), ())
    for index in range(5):
        model = model.then("MAX_POOL_2D", like(f"t{index}", 1, 2048, 2048, 1), **pooling((1, 1)))
    with pytest.raises(InputError, match="operator 3 MAX_POOL_2D, tensor 't3': expected at most 16777216 elements"):
        read_tflite(model.pack(), "single")


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
