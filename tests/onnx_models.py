"""Small quantized ONNX models with random weights, written in QDQ, QOperator or QONNX form.

Weights lie within ±63: some kernels of onnxruntime add pairs of uint8 · int8 products in int16, which saturates for
larger ones on processors without VNNI.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

Style = Literal["qdq", "qop"]
MICROSOFT = "com.microsoft"
QONNX = "qonnx.custom_op.general"
OPSET = 17
Array = NDArray[Any]


@dataclass(frozen=True)
class Tensor:
    """A quantized tensor: its name, shape, scale and zero point."""

    name: str
    shape: tuple[int, ...]
    scale: float
    zero_point: int


@dataclass
class Maker:
    """A model as it grows; every method adds an operator and returns its output."""

    style: Style = "qdq"
    dtype: Any = np.int8
    seed: int = 0
    nodes: list[Any] = field(default_factory=list)
    constants: list[Any] = field(default_factory=list)
    input: Any = None
    count: int = 0
    used: int = 0

    def __post_init__(self) -> None:
        self.random = np.random.default_rng(self.seed)

    @property
    def least(self) -> int:
        return int(np.iinfo(self.dtype).min)

    @property
    def elements(self) -> int:
        return int(helper.np_dtype_to_tensor_dtype(np.dtype(self.dtype)))

    def fresh(self, stem: str) -> str:
        self.count += 1
        return f"{stem}_{self.count}"

    def constant(self, value: Any, dtype: Any, stem: str = "c") -> str:
        name = self.fresh(stem)
        self.constants.append(numpy_helper.from_array(np.array(value, dtype=dtype), name))
        return name

    def node(self, kind: str, inputs: list[str], domain: str = "", **attributes: Any) -> str:
        name = self.fresh(kind.lower())
        self.nodes.append(helper.make_node(kind, inputs, [name], name=f"n_{name}", domain=domain, **attributes))
        return name

    def pair(self, scale: float, zero_point: int) -> list[str]:
        return [self.constant(scale, np.float32, "scale"), self.constant(zero_point, self.dtype, "zero_point")]

    def of(self, x: Tensor) -> list[str]:
        return [x.name, *self.pair(x.scale, x.zero_point)]

    def float_of(self, x: Tensor) -> str:
        return self.node("DequantizeLinear", self.of(x))

    def quantized(self, name: str, shape: tuple[int, ...], scale: float, zero_point: int) -> Tensor:
        return Tensor(self.node("QuantizeLinear", [name, *self.pair(scale, zero_point)]), shape, scale, zero_point)

    def begin(self, shape: tuple[int, ...], scale: float = 0.03, zero_point: int | None = None) -> Tensor:
        zero_point = self.least + 100 if zero_point is None else zero_point
        self.input = helper.make_tensor_value_info("input", TensorProto.FLOAT, shape)
        if self.style == "qop":
            self.input = helper.make_tensor_value_info("input", self.elements, shape)
            return Tensor("input", shape, scale, zero_point)
        return self.quantized("input", shape, scale, zero_point)

    def weights(self, shape: tuple[int, ...], channels: int, *, each: bool) -> tuple[Array, Array]:
        found = self.random.integers(-63, 64, shape)
        scales = self.random.uniform(0.004, 0.02, channels if each else ())
        return found.astype(np.int8), scales.astype(np.float32)

    def conv(
        self,
        x: Tensor,
        outputs: int,
        kernel: int,
        *,
        relu: bool = False,
        each: bool = True,
        bias: bool = True,
        group: int = 1,
        **attributes: Any,
    ) -> Tensor:
        shape = (outputs, x.shape[1] // group, kernel, kernel)
        weights, scales = self.weights(shape, outputs, each=each)
        biases = self.random.integers(-2000, 2000, outputs)
        scale = x.scale * float(scales.mean()) * 36 * 60 * np.sqrt(weights[0].size) / 60
        zero_point = self.least if relu else self.least + 120
        named = {"group": group, "kernel_shape": [kernel, kernel], **attributes}
        if "auto_pad" in named:
            # What the padding comes to is said for the shape alone.
            del named["pads"]
        weight = self.constant(weights, np.int8, "weight")
        weight_scale = self.constant(scales, np.float32, "scale")
        weight_zero = self.constant(np.zeros_like(scales), np.int8, "zero_point")
        offset = self.constant(biases, np.int32, "bias")
        if self.style == "qop":
            inputs = [*self.of(x), weight, weight_scale, weight_zero, *self.pair(scale, zero_point)]
            name = self.node("QLinearConv", [*inputs, *([offset] if bias else [])], **named)
        else:
            products = (np.float32(x.scale) * scales).astype(np.float32)
            operands = [self.float_of(x), self.node("DequantizeLinear", [weight, weight_scale, weight_zero], axis=0)]
            if bias:
                zeros = self.constant(np.zeros_like(products), np.int32)
                operands.append(
                    self.node("DequantizeLinear", [offset, self.constant(products, np.float32), zeros], axis=0)
                )
            found = self.node("Conv", operands, **named)
            found = self.node("Relu", [found]) if relu else found
            name = self.node("QuantizeLinear", [found, *self.pair(scale, zero_point)])
        return Tensor(name, self.shape_after(x, outputs, kernel, attributes), scale, zero_point)

    @staticmethod
    def shape_after(x: Tensor, outputs: int, kernel: int, attributes: dict[str, Any]) -> tuple[int, ...]:
        pads, strides = attributes.get("pads", [0] * 4), attributes.get("strides", [1, 1])
        dilations = attributes.get("dilations", [1, 1])
        plane = [
            (x.shape[2 + d] + pads[d] + pads[d + 2] - dilations[d] * (kernel - 1) - 1) // strides[d] + 1
            for d in range(2)
        ]
        return (1, outputs, *plane)

    def gemm(self, x: Tensor, outputs: int, *, each: bool = True) -> Tensor:
        weights, scales = self.weights((outputs, x.shape[-1]), outputs, each=each)
        biases = self.random.integers(-2000, 2000, outputs)
        scale, zero_point = x.scale * float(scales.mean()) * 36 * np.sqrt(x.shape[-1]), self.least + 110
        weight, weight_scale = self.constant(weights, np.int8, "weight"), self.constant(scales, np.float32, "scale")
        weight_zero, offset = self.constant(np.zeros_like(scales), np.int8), self.constant(biases, np.int32, "bias")
        if self.style == "qop":
            inputs = [*self.of(x), weight, weight_scale, weight_zero, offset, *self.pair(scale, zero_point)]
            name = self.node("QGemm", inputs, domain=MICROSOFT, transB=1)
        else:
            products = (np.float32(x.scale) * scales).astype(np.float32)
            zeros = self.constant(np.zeros_like(products), np.int32)
            operands = [
                self.float_of(x),
                self.node("DequantizeLinear", [weight, weight_scale, weight_zero], axis=0),
                self.node("DequantizeLinear", [offset, self.constant(products, np.float32), zeros], axis=0),
            ]
            found = self.node("Gemm", operands, transB=1)
            name = self.node("QuantizeLinear", [found, *self.pair(scale, zero_point)])
        return Tensor(name, (*x.shape[:-1], outputs), scale, zero_point)

    def matmul(self, x: Tensor, other: Tensor | int) -> Tensor:
        """Return x times another activation, or times constant weights of so many outputs."""
        if isinstance(other, int):
            weights, scales = self.weights((x.shape[-1], other), other, each=False)
            right = [self.constant(weights, np.int8), self.constant(scales, np.float32), self.constant(0, np.int8)]
            shape, factor = (*x.shape[:-1], other), float(scales) * 36
        else:
            right, shape, factor = self.of(other), (*x.shape[:-1], other.shape[-1]), other.scale * 60
        scale, zero_point = x.scale * factor * np.sqrt(x.shape[-1]), self.least + 125
        if self.style == "qop":
            name = self.node("QLinearMatMul", [*self.of(x), *right, *self.pair(scale, zero_point)])
        else:
            found = self.node("MatMul", [self.float_of(x), self.node("DequantizeLinear", right)])
            name = self.node("QuantizeLinear", [found, *self.pair(scale, zero_point)])
        return Tensor(name, shape, scale, zero_point)

    def add(self, x: Tensor, y: Tensor, *, relu: bool = False, scale: float | None = None) -> Tensor:
        scale = (x.scale + y.scale) * 0.8 if scale is None else scale
        zero_point = self.least if relu else self.least + 131
        if self.style == "qop":
            inputs = [*self.of(x), *self.of(y), *self.pair(scale, zero_point)]
            return Tensor(self.node("QLinearAdd", inputs, domain=MICROSOFT), x.shape, scale, zero_point)
        found = self.node("Add", [self.float_of(x), self.float_of(y)])
        found = self.node("Relu", [found]) if relu else found
        return self.quantized(found, x.shape, scale, zero_point)

    def add_vector(self, x: Tensor, *, first: bool) -> Tensor:
        """Return x and a quantized vector along its last dimension, added in one order or the other."""
        values = self.random.integers(self.least, self.least + 256, x.shape[-1])
        vector = [self.constant(values, self.dtype, "vector"), *self.pair(x.scale * 0.37, self.least + 140)]
        scale, zero_point = x.scale * 1.25, self.least + 120
        if self.style == "qop":
            operands = [vector, self.of(x)] if first else [self.of(x), vector]
            inputs = [*operands[0], *operands[1], *self.pair(scale, zero_point)]
            return Tensor(self.node("QLinearAdd", inputs, domain=MICROSOFT), x.shape, scale, zero_point)
        names = [self.node("DequantizeLinear", vector), self.float_of(x)]
        return self.quantized(self.node("Add", names if first else names[::-1]), x.shape, scale, zero_point)

    def unary(self, kind: str, x: Tensor, scale: float, zero_point: int, **attributes: Any) -> Tensor:
        """Return a function of every element, or a softmax or a pool: QLinear and the name in QOperator form."""
        shape = x.shape
        if kind == "GlobalAveragePool":
            shape = (*shape[:2], 1, 1)
        elif kind == "AveragePool":
            shape = self.shape_after(x, shape[1], attributes["kernel_shape"][0], attributes)
        if self.style == "qop":
            inputs = [*self.of(x), *self.pair(scale, zero_point)]
            own = {**attributes, **({"opset": OPSET} if kind == "Softmax" else {})}
            return Tensor(self.node(f"QLinear{kind}", inputs, domain=MICROSOFT, **own), shape, scale, zero_point)
        return self.quantized(self.node(kind, [self.float_of(x)], **attributes), shape, scale, zero_point)

    def moved(self, kind: str, x: Tensor, shape: tuple[int, ...], *more: str, **attributes: Any) -> Tensor:
        """Return the result of an operator that computes nothing, or of a max pool."""
        if self.style == "qop":
            return Tensor(self.node(kind, [x.name, *more], **attributes), shape, x.scale, x.zero_point)
        found = self.node(kind, [self.float_of(x), *more], **attributes)
        return self.quantized(found, shape, x.scale, x.zero_point)

    def concat(self, parts: list[Tensor], axis: int, scale: float, zero_point: int) -> Tensor:
        length = sum(part.shape[axis] for part in parts)
        shape = (*parts[0].shape[:axis], length, *parts[0].shape[axis + 1 :])
        if self.style == "qop":
            inputs = [*self.pair(scale, zero_point), *(name for part in parts for name in self.of(part))]
            name = self.node("QLinearConcat", inputs, domain=MICROSOFT, axis=axis)
            return Tensor(name, shape, scale, zero_point)
        found = self.node("Concat", [self.float_of(part) for part in parts], axis=axis)
        return self.quantized(found, shape, scale, zero_point)

    def model(self, x: Tensor, *, dequantize: bool = False) -> bytes:
        name = self.float_of(x) if dequantize else x.name
        kind = TensorProto.FLOAT if dequantize else self.elements
        output = helper.make_tensor_value_info(name, kind, x.shape)
        return write(self.nodes, self.input, output, self.constants)


def write(nodes: list[Any], first: Any, last: Any, constants: list[Any], opset: int = OPSET) -> bytes:
    """Return the bytes of a model."""
    graph = helper.make_graph(nodes, "model", [first], [last], constants)
    domains = [helper.make_opsetid(domain, 1) for domain in (MICROSOFT, QONNX)]
    found = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset), *domains], ir_version=8)
    return bytes(found.SerializeToString())


def perceptron(style: Style, dtype: Any) -> bytes:
    """Gemm with scales per output, and with one; a Sigmoid in floats behind."""
    make = Maker(style, dtype, 1)
    x = make.gemm(make.begin((1, 24)), 16)
    x = make.unary("LeakyRelu", x, x.scale, x.zero_point, alpha=0.125)
    return make.model(make.gemm(x, 10, each=False), dequantize=style == "qdq")


def convolutional(style: Style, dtype: Any) -> bytes:
    """A convolution with unequal padding and stride, depthwise and pointwise ones, a mean over all, a dense layer."""
    make = Maker(style, dtype, 2)
    x = make.conv(make.begin((1, 3, 11, 9)), 8, 3, relu=True, pads=[0, 1, 2, 1], strides=[2, 1])
    x = make.conv(x, 8, 3, group=8, pads=[1, 1, 1, 1], relu=True)
    x = make.conv(x, 12, 1, each=False)
    x = make.conv(x, 12, 2, group=3, dilations=[2, 1], bias=False)
    x = make.moved("MaxPool", x, (1, 12, 3, 4), kernel_shape=[2, 2], pads=[0, 0, 1, 0], strides=[1, 2])
    x = make.unary("GlobalAveragePool", x, x.scale * 0.7, make.least + 90)
    x = make.moved("Flatten", x, (1, 12))
    return make.model(make.gemm(x, 5))


def residual(style: Style, dtype: Any) -> bytes:
    """Two blocks whose inputs are added to their outputs, the second through a projection."""
    make = Maker(style, dtype, 3)
    x = make.conv(make.begin((1, 4, 6, 6)), 8, 3, relu=True, pads=[1, 1, 1, 1])
    y = make.conv(x, 8, 3, pads=[1, 1, 1, 1], relu=True)
    x = make.add(x, make.conv(y, 8, 3, pads=[1, 1, 1, 1]), relu=True)
    y = make.conv(x, 16, 3, pads=[1, 1, 1, 1], strides=[2, 2])
    return make.model(make.add(make.conv(x, 16, 1, strides=[2, 2]), y, scale=x.scale * 2))


def attention(style: Style, dtype: Any) -> bytes:
    """One head: projections, scores, a softmax, values, an output projection, and the input added."""
    make = Maker(style, dtype, 4)
    x = make.begin((1, 6, 12))
    query, key, value = (make.matmul(x, 8) for _ in range(3))
    turned = make.moved("Transpose", key, (1, 8, 6), perm=[0, 2, 1])
    scores = make.matmul(query, turned)
    shares = make.unary(
        "Softmax", Tensor(scores.name, scores.shape, 0.04, scores.zero_point), 1 / 255, make.least, axis=-1
    )
    mixed = make.matmul(shares, value)
    return make.model(make.add(x, make.matmul(mixed, 12)))


def assorted(style: Style, dtype: Any) -> bytes:
    """What moves elements, tables, and tensors of different scales brought together."""
    make = Maker(style, dtype, 5)
    x = make.conv(make.begin((1, 2, 8, 8)), 8, 3)
    a = make.unary("Sigmoid", x, 1 / 256, make.least)
    b = make.unary("LeakyRelu", x, x.scale * 0.5, make.least + 60, alpha=0.1)
    x = make.concat([a, b, x], 1, x.scale * 0.9, make.least + 100)
    pads = make.constant([0, 0, 1, 0, 0, 0, 1, 2], np.int64)
    fill = make.constant(x.zero_point, dtype) if style == "qop" else make.constant(0, np.float32)
    x = make.moved("Pad", x, (1, 24, 8, 8), pads, fill)
    numbers = [make.constant(n, np.int64) for n in ([1, 0], [7, 8], [2, 3], [1, 2])]
    x = make.moved("Slice", x, (1, 24, 6, 4), *numbers)
    x = make.moved("DepthToSpace", x, (1, 6, 12, 8), blocksize=2, mode="DCR")
    x = make.moved("Transpose", x, (1, 12, 8, 6), perm=[0, 2, 3, 1])
    x = make.moved("Reshape", x, (1, 6, 96), make.constant([1, 6, -1], np.int64))
    return make.model(x)


def averaged(style: Style, dtype: Any) -> bytes:
    """Means of windows, which QLinearAveragePool adds up in floats."""
    make = Maker(style, dtype, 6)
    x = make.begin((1, 3, 6, 6))
    x = make.unary("AveragePool", x, x.scale, x.zero_point, kernel_shape=[2, 2], strides=[2, 2])
    return make.model(make.unary("AveragePool", x, x.scale * 0.6, make.least + 128, kernel_shape=[3, 3]))


def clipped(style: Style, dtype: Any) -> bytes:
    """Bounds that the quantizer has anyway, padding by name, dimensions of length 1 that come and go."""
    make = Maker(style, dtype, 8)
    x = make.conv(make.begin((1, 3, 7, 8)), 6, 3, strides=[2, 2], pads=[1, 0, 1, 1], auto_pad="SAME_UPPER")
    if style == "qdq":
        bounds = [make.constant(value, np.float32) for value in (0, 6)]
        x = make.quantized(make.node("Clip", [make.float_of(x), *bounds]), x.shape, 6 / 255, make.least)
    else:
        x = make.unary("LeakyRelu", x, 6 / 255, make.least, alpha=0.0)
    x = make.moved("MaxPool", x, (1, 6, 1, 4), kernel_shape=[4, 1])
    axes = make.constant([2], np.int64)
    x = make.moved("Squeeze", x, (1, 6, 4), axes)
    x = make.moved("Transpose", x, (1, 4, 6), perm=[0, 2, 1])
    x = make.moved("Unsqueeze", x, (1, 4, 1, 6), axes)
    x = make.moved("Flatten", x, (1, 24), axis=1)
    return make.model(make.gemm(x, 3))


def shifted(style: Style, dtype: Any) -> bytes:
    """Dense layers of several rows whose biases are added behind the quantizer, as in quantized transformers."""
    make = Maker(style, dtype, 9)
    x = make.add_vector(make.matmul(make.begin((1, 5, 12)), 10), first=False)
    return make.model(make.add_vector(make.matmul(x, 7), first=True))


MODELS = {
    "shifted": shifted,
    "clipped": clipped,
    "perceptron": perceptron,
    "convolutional": convolutional,
    "residual": residual,
    "attention": attention,
    "assorted": assorted,
    "averaged": averaged,
}


def onnx_type(dtype: Any) -> int:
    """Return ONNX's number of a numpy type."""
    return int(onnx.helper.np_dtype_to_tensor_dtype(np.dtype(dtype)))


@dataclass
class QonnxMaker(Maker):
    """A QONNX model as it grows, on names of tensors."""

    def quant(
        self,
        x: str,
        scale: Any,
        bits: float,
        *,
        signed: int = 1,
        narrow: int = 0,
        zero_point: float = 0.0,
        mode: str = "ROUND",
    ) -> str:
        inputs = [x, *(self.constant(value, np.float32) for value in (scale, zero_point, bits))]
        return self.node("Quant", inputs, domain=QONNX, signed=signed, narrow=narrow, rounding_mode=mode)

    def weight(self, shape: tuple[int, ...], bits: int, *, each: bool = True) -> str:
        scales = self.random.uniform(0.01, 0.1, (shape[0], *(1,) * (len(shape) - 1)) if each else ())
        values = self.random.normal(0, 0.04 * 2 ** (bits - 1), shape)
        return self.quant(self.constant(values, np.float32, "weight"), scales, bits, narrow=1)

    def norm(self, x: str, channels: int) -> str:
        """Return a batch norm with a falling, a constant and rising channels."""
        scale = self.random.uniform(0.2, 1.5, channels)
        scale[0], scale[1] = -0.7, 0
        rest = self.random.normal(0, 0.5, (2, channels))
        variance = self.random.uniform(0.1, 2, channels)
        inputs = [self.constant(value, np.float32) for value in (scale, *rest, variance)]
        return self.node("BatchNormalization", [x, *inputs], epsilon=1e-5)

    def finish(self, x: str, shape: tuple[int, ...], first: tuple[int, ...]) -> bytes:
        given = helper.make_tensor_value_info("input", TensorProto.FLOAT, first)
        output = helper.make_tensor_value_info(x, TensorProto.FLOAT, shape)
        return write(self.nodes, given, output, self.constants)


def brevitas(mode: str = "ROUND", *, bipolar: bool = False, seed: int = 7) -> bytes:
    """Convolutions with float biases, batch norms, ReLUs and quantizers, a sum, a mean, a dense layer."""
    make = QonnxMaker(seed=seed)
    x = make.quant("input", 0.0625, 6, zero_point=3.0, mode=mode)
    bias = make.constant(make.random.normal(0, 0.3, 8), np.float32)
    x = make.node("Conv", [x, make.weight((8, 2, 3, 3), 4), bias], pads=[1, 1, 1, 1], kernel_shape=[3, 3])
    x = make.node("Relu", [make.norm(x, 8)])
    x = make.quant(x, 0.171, 4, signed=0, mode=mode)
    y = make.node("Conv", [x, make.weight((8, 1, 3, 3), 3)], pads=[1, 1, 1, 1], kernel_shape=[3, 3], group=8)
    y = make.norm(y, 8)
    y = (
        make.node("BipolarQuant", [y, make.constant(0.43, np.float32)], domain=QONNX)
        if bipolar
        else (make.quant(y, 0.0837, 4, narrow=1, mode=mode))
    )
    x = make.quant(make.node("Relu", [make.node("Add", [x, y])]), 0.149, 5, signed=0, mode=mode)
    x = make.node("MaxPool", [x], kernel_shape=[2, 2], strides=[2, 2])
    x = make.quant(make.node("GlobalAveragePool", [x]), 0.061, 6, mode=mode)
    x = make.node("Flatten", [x])
    shift = make.quant(make.constant(make.random.normal(0, 0.5, (1, 8)), np.float32), 0.04, 5)
    x = make.quant(make.node("Add", [x, shift]), 0.07, 6, mode=mode)
    weights = make.quant(make.constant(make.random.normal(0, 0.2, (8, 5)), np.float32), 0.031, 5)
    x = make.node("Add", [make.node("MatMul", [x, weights]), make.constant(make.random.normal(0, 1, 5), np.float32)])
    return make.finish(make.quant(x, 0.0531, 6, mode=mode), (1, 5), (1, 2, 6, 4))
