"""Networks with branches, convolutions and tables against LiteRT: every output, bit for bit, under every rule."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from tflite_models import (
    DEPLOYED,
    Drawing,
    Model,
    Tensor,
    addition,
    convolution,
    dense,
    depthwise,
    integers,
    number,
    pooling,
)
from tflite_runtime import OPTIMISED, REFERENCE, RULES, XNNPACK, differing, fed, int8_points, run

from certify.errors import InputError
from certify.network.batch import Batch
from certify.network.evaluate import evaluate
from certify.network.tflite import read_tflite

CONVOLUTIONAL = [
    "mlperf_tiny_image_classification",
    "mlperf_tiny_keyword_spotting",
    "mlperf_tiny_visual_wake_words",
]
SAMPLE = dict.fromkeys(CONVOLUTIONAL, 64) | {"mlperf_tiny_visual_wake_words": 32}
MANY = 1024

kernels = pytest.mark.parametrize("kernel", RULES, ids=["reference", "optimised", "xnnpack"])
Draw = Callable[[np.random.Generator], Model]


@pytest.mark.compiled
@kernels
@pytest.mark.parametrize("name", CONVOLUTIONAL)
def test_every_tensor_of_a_deployed_network(name: str, kernel: Any) -> None:
    data = DEPLOYED[name].read_bytes()
    found = read_tflite(data, RULES[kernel])
    assert differing(data, found, kernel, int8_points(found, SAMPLE[name], 5)) == {}


@pytest.mark.long
@kernels
@pytest.mark.parametrize("name", DEPLOYED)
def test_every_tensor_of_a_deployed_network_on_many_points(name: str, kernel: Any) -> None:
    data = DEPLOYED[name].read_bytes()
    found = read_tflite(data, RULES[kernel])
    assert differing(data, found, kernel, int8_points(found, MANY, 6)) == {}


@kernels
@pytest.mark.parametrize("name", CONVOLUTIONAL)
def test_nothing_depends_on_which_tensors_are_asked_for(name: str, kernel: Any) -> None:
    """A delegate may fuse what nobody asks for: the last tensor alone is the same."""
    data = DEPLOYED[name].read_bytes()
    found = read_tflite(data, RULES[kernel])
    points = int8_points(found, 3, 7)
    alone = run(data, kernel, fed(found, points), [found.output_tensor])[0]
    assert np.array_equal(Batch.of(found.network).run(points), alone)


def _scale(rng: np.random.Generator, *, powers: bool) -> float:
    return 2.0 ** int(rng.integers(-5, 0)) if powers else float(np.float32(10 ** rng.uniform(-1.7, -0.2)))


def _image(rng: np.random.Generator, *, channels: int = 0, least: int = 3) -> Tensor:
    rows, columns = (int(length) for length in rng.integers(least, 9, 2))
    channels = channels or int(rng.integers(1, 7))
    return Tensor("image", (1, rows, columns, channels), "INT8", (_scale(rng, powers=False),), (_zero(rng),))


def _zero(rng: np.random.Generator) -> int:
    return int(rng.integers(-128, 128))


def _convolve(
    drawing: Drawing, rng: np.random.Generator, source: int, name: str, outputs: int, kernel: Any = (1, 1), **how: Any
) -> int:
    """Return the output of one more CONV_2D, whose scale fits its accumulators."""
    before = drawing.tensors[source]
    groups, scale = how.pop("groups", 1), how.pop("scale", 0.0)
    weights = rng.integers(-128, 128, (outputs, *kernel, before.shape[3] // groups))
    scales = rng.uniform(0.002, 0.05, outputs).tolist() if rng.integers(2) else [float(rng.uniform(0.002, 0.05))]
    made = drawing.weights(name, weights, scales, before.scales[0], rng.integers(-3000, 3000, outputs))
    options = convolution(**how)
    spread = before.scales[0] * max(scales) * 128 * 74 * np.sqrt(weights[0].size) / 60
    output = Tensor(
        name + "_out", _plane(before.shape, kernel, how, outputs), "INT8", (scale or spread,), (_zero(rng),)
    )
    return drawing.op("CONV_2D", [source, *made], output, **options)


def _plane(shape: Any, kernel: Any, how: Any, outputs: int) -> tuple[int, ...]:
    stride, dilation = how.get("stride", (1, 1)), how.get("dilation", (1, 1))
    found = []
    for length, size, step, apart in zip(shape[1:3], kernel, stride, dilation, strict=True):
        inside = length if how.get("padding", "SAME") == "SAME" else length - apart * (size - 1)
        found.append(-(-inside // step))
    return (1, *found, outputs)


def _convolutions(rng: np.random.Generator) -> Model:
    drawing = Drawing(_image(rng))
    kernel = (int(rng.integers(1, 4)), int(rng.integers(1, 4)))
    apart = (int(rng.integers(1, 3)), int(rng.integers(1, 3)))
    first = _convolve(drawing, rng, 0, "a", 6, kernel, stride=(int(rng.integers(1, 3)), 2), activation="RELU")
    second = _convolve(drawing, rng, first, "b", 4, (2, 2), dilation=apart, groups=int(rng.integers(1, 3)))
    _convolve(drawing, rng, second, "c", 3, padding="VALID")
    return drawing.model()


def _depthwise(rng: np.random.Generator) -> Model:
    image = _image(rng, channels=int(rng.choice([1, 2, 3, 8])), least=5)
    multiplier, channels = int(rng.integers(1, 3)), image.shape[3]
    outputs, kernel = channels * multiplier, (3, int(rng.integers(1, 4)))
    drawing = Drawing(image)
    scales = rng.uniform(0.002, 0.05, outputs).tolist()
    weights = rng.integers(-128, 128, (1, *kernel, outputs))
    weights[..., 0] = 0
    bias = rng.integers(-3000, 3000, outputs)
    bias[0], scales[0] = 2**30, 60 * image.scales[0] * max(scales) / (2**30 * image.scales[0])
    made = drawing.weights("w", weights, scales, image.scales[0], bias, dimension=3)
    how: Any = {"padding": ["SAME", "VALID"][int(rng.integers(2))]}
    how |= {"stride": (1, int(rng.integers(1, 3)))} if rng.integers(2) else {"dilation": (1, int(rng.integers(1, 3)))}
    shape = _plane(image.shape, kernel, how, outputs)
    output = Tensor("out", shape, "INT8", (image.scales[0] * max(scales) * 400,), (_zero(rng),))
    drawing.op(
        "DEPTHWISE_CONV_2D",
        [0, *made],
        output,
        **depthwise(multiplier, **how, activation=["RELU6", "NONE"][int(rng.integers(2))]),
    )
    return drawing.model()


def _residual(rng: np.random.Generator, *, large: bool = True) -> Model:
    drawing, powers = Drawing(_image(rng)), bool(rng.integers(2))
    channels = 16 if large else 1
    first = _convolve(drawing, rng, 0, "a", channels, (3, 3), activation="RELU", scale=_scale(rng, powers=powers))
    second = _convolve(drawing, rng, first, "b", channels, scale=_scale(rng, powers=powers))
    shape = drawing.tensors[first].shape
    output = Tensor("sum", shape, "INT8", (_scale(rng, powers=powers),), (_zero(rng),))
    total = drawing.op("ADD", [first, second], output, **addition(["NONE", "RELU"][int(rng.integers(2))]))
    drawing.op(
        "ADD", [total, second], Tensor("twice", shape, "INT8", (_scale(rng, powers=powers),), (3,)), **addition()
    )
    return drawing.model()


def _pooled(rng: np.random.Generator) -> Model:
    image = _image(rng)
    drawing = Drawing(image)
    size = (int(rng.integers(1, 4)), int(rng.integers(1, 4)))
    how: Any = {"padding": ["SAME", "VALID"][int(rng.integers(2))], "stride": (2, int(rng.integers(1, 3)))}
    like: Any = {"scales": image.scales, "zeros": image.zeros}
    shape = _plane(image.shape, size, how, image.shape[3])
    most = drawing.op("MAX_POOL_2D", [0], Tensor("most", shape, **like), **pooling(size, **how, activation="RELU"))
    mean = drawing.op("AVERAGE_POOL_2D", [0], Tensor("mean", shape, **like), **pooling(size, **how))
    output = Tensor("both", (*shape[:3], 2 * shape[3]), **like)
    drawing.op("CONCATENATION", [most, mean], output, options_type=10, options={0: number("Int32", -1)})
    return drawing.model()


def _mean(rng: np.random.Generator, *, keep: bool) -> Model:
    image = _image(rng)
    drawing, shape = Drawing(image), image.shape
    axes = drawing.constant(integers("axes", [1, 2]))
    scale, zero = (image.scales[0], image.zeros[0]) if rng.integers(2) else (_scale(rng, powers=False), _zero(rng))
    output = Tensor("mean", (1, 1, 1, shape[3]) if keep else (1, shape[3]), "INT8", (scale,), (zero,))
    drawing.op("MEAN", [0, axes], output, options_type=27, options={0: number("Bool", keep)})
    return drawing.model()


def _moved(rng: np.random.Generator) -> Model:
    image = _image(rng)
    _, rows, columns, channels = image.shape
    like: Any = {"scales": image.scales, "zeros": image.zeros}
    drawing = Drawing(image)
    order = drawing.constant(integers("order", [0, 2, 3, 1]))
    turned = drawing.op("TRANSPOSE", [0, order], Tensor("turned", (1, columns, channels, rows), **like))
    around = drawing.constant(integers("around", [[0, 0], [1, 2], [0, 1], [0, 0]]))
    padded = drawing.op("PAD", [turned, around], Tensor("padded", (1, columns + 3, channels + 1, rows), **like))
    value = drawing.constant(Tensor("value", (), "INT8", image.scales, image.zeros, bytes([7])))
    again = drawing.op(
        "PADV2", [padded, around, value], Tensor("again", (1, columns + 6, channels + 2, rows), **like)
    )
    begin, size = (
        drawing.constant(integers(n, v)) for n, v in (("b", [0, 1, 0, 0]), ("s", [1, -1, channels + 1, 2]))
    )
    part = drawing.op("SLICE", [again, begin, size], Tensor("part", (1, columns + 5, channels + 1, 2), **like))
    ends = [
        drawing.constant(integers(n, v)) for n, v in (("f", [0, 0, 0, 1]), ("e", [1, -1, 0, 2]), ("t", [1, 2, 1, 1]))
    ]
    left = (1, -(-(columns + 4) // 2), channels + 1)
    masks = {1: number("Int32", 4), 4: number("Int32", 8)}
    cut = drawing.op("STRIDED_SLICE", [part, *ends], Tensor("cut", left, **like), options_type=32, options=masks)
    flat = drawing.op(
        "RESHAPE", [cut, drawing.constant(integers("to", [1, -1]))], Tensor("flat", (1, left[1] * left[2]), **like)
    )
    count = left[1] * left[2]
    made = drawing.weights("w", rng.integers(-128, 128, (5, count)), [0.01], image.scales[0])
    output = Tensor("out", (1, 5), "INT8", (image.scales[0] * 30,), (0,))
    drawing.op("FULLY_CONNECTED", [flat, *made], output, options_type=8, options=dense())
    return drawing.model()


def _tables(rng: np.random.Generator, *, large: bool = True) -> Model:
    image = _image(rng, channels=16) if large else Tensor("image", (1, 7), "INT8", (0.04,), (_zero(rng),))
    drawing, shape = Drawing(image), image.shape
    slope = {0: number("Float32", float(rng.choice([0.01, 0.1, 0.3, 0.7])))}
    leaky = Tensor("leaky", shape, "INT8", (image.scales[0] * float(rng.uniform(0.3, 2)),), (_zero(rng),))
    start = drawing.op("LEAKY_RELU", [0], leaky, options_type=75, options=slope)
    other = drawing.op(
        "QUANTIZE", [start], Tensor("other", shape, "INT8", (_scale(rng, powers=False),), (_zero(rng),))
    )
    curved = drawing.op("TANH", [other], Tensor("curved", shape, "INT8", (1 / 128,), (0,)))
    likely = drawing.op("LOGISTIC", [other], Tensor("likely", shape, "INT8", (1 / 256,), (-128,)))
    total = Tensor("sum", shape, "INT8", (0.011,), (_zero(rng),))
    drawing.op("ADD", [curved, likely], total, **addition("RELU_N1_TO_1"))
    return drawing.model()


def _attention(rng: np.random.Generator) -> Model:
    """Return a product of projections without its softmax: (Q Kᵀ) V, on several rows."""
    rows, width = int(rng.integers(2, 6)), int(rng.integers(2, 6))
    drawing = Drawing(Tensor("tokens", (1, rows, width), "INT8", (0.05,), (_zero(rng),)))
    kept: Any = {"options_type": 8, "options": dense(keep_dims=True)}
    sides = []
    for name in "qkv":
        made = drawing.weights(name, rng.integers(-128, 128, (3, width)), [0.01], 0.05, rng.integers(-99, 99, 3))
        side = Tensor(f"{name}_out", (1, rows, 3), "INT8", (0.1,), (_zero(rng),))
        sides.append(drawing.op("FULLY_CONNECTED", [0, *made], side, **kept))
    turned: Any = {"options_type": 101, "options": {1: number("Bool", True)}}
    scores = Tensor("scores", (1, rows, rows), "INT8", (0.7,), (_zero(rng),))
    weighed = drawing.op("BATCH_MATMUL", sides[:2], scores, **turned)
    result = Tensor("result", (1, rows, 3), "INT8", (3.0,), (_zero(rng),))
    drawing.op("BATCH_MATMUL", [weighed, sides[2]], result, options_type=101)
    return drawing.model()


BUILT: dict[str, Draw] = {
    "convolutions": _convolutions,
    "depthwise, with a dead channel": _depthwise,
    "residual": _residual,
    "pooling and concatenation": _pooled,
    "elements in other places": _moved,
    "tables": _tables,
    "tables, fewer elements than a block": lambda rng: _tables(rng, large=False),
    "products": _attention,
}


BUILT_IN_ONLY = {
    "mean": lambda rng: _mean(rng, keep=False),
    "mean, dimensions kept": lambda rng: _mean(rng, keep=True),
}


@pytest.mark.parametrize("kernel", [REFERENCE, OPTIMISED], ids=["reference", "optimised"])
@pytest.mark.parametrize("draw", BUILT_IN_ONLY.values(), ids=BUILT_IN_ONLY)
def test_a_mean_over_the_plane(draw: Draw, kernel: Any) -> None:
    rng = np.random.default_rng(20261122)
    for _ in range(25):
        data = draw(rng).pack()
        found = read_tflite(data, RULES[kernel])
        assert differing(data, found, kernel, int8_points(found, 60, 8)) == {}
    with pytest.raises(InputError, match="MEAN is not reproduced"):
        read_tflite(data, "float32")


@kernels
@pytest.mark.parametrize("draw", BUILT.values(), ids=BUILT)
def test_a_built_graph(draw: Draw, kernel: Any) -> None:
    rng = np.random.default_rng(20261122)
    for _ in range(8):
        data = draw(rng).pack()
        found = read_tflite(data, RULES[kernel])
        # A RESHAPE to constants has one row, and so has what is smaller than a block.
        one_by_one = draw is _moved or len(found.network.input.shape) == 1
        points = int8_points(found, 8 if one_by_one else 60, 8)
        assert differing(data, found, kernel, points, chunk=1 if one_by_one else 60) == {}
        last = run(data, kernel, points[:1] - 128 - found.network.input.low[0], [found.output_tensor])[0]
        assert evaluate(found.network, points[0].tolist()) == tuple(last[0].tolist())


@pytest.mark.parametrize("code", ["ADD", "QUANTIZE"])
def test_the_rest_behind_a_block_of_16_is_refused(code: str) -> None:
    start = Tensor("a", (1, 17), "INT8", (0.1,), (3,))
    drawing = Drawing(start)
    end = Tensor("c", (1, 17), "INT8", (0.3,), (0,))
    if code == "ADD":
        drawing.op(code, [0, 0], end, **addition())
    else:
        drawing.op(code, [0], end)
    data = drawing.model().pack()
    for rule in ("single", "float32"):
        assert read_tflite(data, rule).network.layers
    with pytest.raises(InputError, match="tensor 'c': expected fewer elements than 16 or a multiple of it, found 17"):
        read_tflite(data, "double")


@pytest.mark.parametrize("draw", (BUILT | BUILT_IN_ONLY).values(), ids=BUILT | BUILT_IN_ONLY)
def test_damaged_graphs(draw: Draw) -> None:
    """A network or an InputError of one line, never another exception."""
    data, rng = draw(np.random.default_rng(1)).pack(), np.random.default_rng(5)
    read = 0
    for _ in range(150):
        damaged = bytearray(data)
        at = int(rng.integers(len(data) // 4)) * 4
        value = int(rng.choice([0, 1, 3, 255, len(data), 2**31 - 1, 2**31, 2**32 - 1]))
        damaged[at : at + 4] = value.to_bytes(4, "little")
        read += _is_read(bytes(damaged))
    assert 0 < read < 150


def _is_read(data: bytes) -> bool:
    try:
        read_tflite(data, "single")
    except InputError as error:
        message = str(error)
    else:
        return True
    assert message.isprintable()
    return False


def _sum_of_scales(ratio: float) -> bytes:
    ends = [Tensor(name, (1, 4, 4, 2), "INT8", (scale,), (3,)) for name, scale in (("a", 0.1), ("c", 0.1 / ratio))]
    drawing = Drawing(ends[0])
    side = _convolve(drawing, np.random.default_rng(9), 0, "b", 2, scale=0.1)
    drawing.op("ADD", [0, side], ends[1], **addition())
    return drawing.model().pack()


@pytest.mark.parametrize("ratio", [2.0**-13, 2.0**-11, 2.0**-10, 2.0**-8, 2.0**5, 2.0**7.9], ids="{:.4g}".format)
def test_xnnpack_leaves_sums_of_far_scales_to_the_built_in_kernel(ratio: float) -> None:
    data = _sum_of_scales(ratio)
    found = read_tflite(data, "float32")
    assert differing(data, found, XNNPACK, int8_points(found, 60, 8)) == {}


@pytest.mark.parametrize(("ratio", "rule"), [(2.0**7.9, "double"), (2.0**8, "double"), (2.0**8, "float32")])
def test_a_sum_that_wraps_in_the_kernel_is_refused(ratio: float, rule: Any) -> None:
    data = _sum_of_scales(ratio)
    assert read_tflite(data, "single")
    with pytest.raises(InputError, match="tensor 'c': expected a scale under which no sum leaves int16"):
        read_tflite(data, rule)
