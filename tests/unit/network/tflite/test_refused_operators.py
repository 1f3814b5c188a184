"""What of a graph's operators is refused, by operator and tensor, in memory that is bounded."""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from tflite_drawings import SCALE, ZERO, convolved, image, like, with_depthwise
from tflite_models import (
    Drawing,
    Model,
    Tensor,
    addition,
    convolution,
    integers,
    number,
    numbers,
    pooling,
)

from certify.errors import InputError
from certify.network.tflite import read_tflite


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
