"""How ONNX writes a dense layer: Gemm, QGemm, and MatMul, QLinearMatMul and MatMulInteger with constant weights.

A matrix product with several rows applies the same weights to each of them, which is a convolution of one tap.
"""

from __future__ import annotations

from certify.errors import InputError
from certify.network.matrix import from_dense
from certify.network.onnx.accumulate import (
    accumulated,
    channel_scales,
    integer_operands,
    read_bias,
    weights_of,
)
from certify.network.onnx.builder import Builder, attribute, expect_inputs, present
from certify.network.onnx.model import MICROSOFT, Node, tensor_place
from certify.network.onnx.quantizers import constant_grid, dequantized, read_quantizer
from certify.network.onnx.registry import Readers
from certify.network.onnx.values import UNIT, Grid, Integers, Real, Value, View
from certify.network.operators.convolution.model import Convolution
from certify.network.operators.dense.model import Dense
from certify.network.operators.window import Window


def linear(builder: Builder, node: Node, source: Real, weights: Grid, bias: str = "") -> Real:
    """Return the accumulation of source · weights.

    Args:
        builder: takes the layer.
        node: for its name.
        source: a quantized tensor [..., inputs].
        weights: [inputs, outputs].
        bias: the tensor that has it, may be empty.

    Raises:
        InputError: the shapes do not fit, or there are more than two dimensions of rows.
    """
    shape = source.view.shape
    if weights.integers.ndim != 2 or not shape or shape[-1] != len(weights.integers) or not weights.integers.size:
        raise InputError(
            f"expected weights of [{(shape or (0,))[-1]}, outputs], found {list(weights.integers.shape)}"
        )
    outputs, last = weights.integers.shape[1], len(shape) - 1
    rows = [place for place in range(last) if shape[place] > 1]
    if len(rows) > 2:
        raise InputError(f"expected at most two dimensions of rows, found {list(shape)}")
    scales = channel_scales(weights, 1)
    found = read_bias(builder, bias, outputs, source, scales, (*(1,) * last, outputs))
    matrix, order = from_dense(weights.integers.T.copy()), (*rows, *(UNIT,) * (2 - len(rows)), last)
    layer: Dense | Convolution
    if rows:
        sources = (builder.arrange(source.view, order),)
        layer = Convolution(
            matrix, weights.bits, found.integers, Window((1, 1)), name=node.outputs[0], sources=sources
        )
    else:
        order = (last,)
        sources = (builder.arrange(source.view, order),)
        layer = Dense(matrix, weights.bits, found.integers, name=node.outputs[0], sources=sources)
    view = View(builder.emit(layer), (*shape[:-1], outputs), order)
    return accumulated(layer, view, source, scales, (source.lows[0], source.highs[0]), last, found)


def oriented(node: Node, weights: Grid) -> Grid:
    """Return the weights of a Gemm as [inputs, outputs].

    Raises:
        InputError: it transposes its input, or multiplies by more than its operands.
    """
    if attribute(node, "transA", int, 0):
        raise InputError("expected an input that is not transposed, found transA")
    for name in ("alpha", "beta"):
        if (found := attribute(node, name, float, 1.0)) != 1:
            raise InputError(f"expected {name} 1, found {found}")
    if weights.integers.ndim != 2 or not attribute(node, "transB", int, 0):
        return weights
    return Grid(weights.integers.T, weights.scales.T, weights.bits)


def _gemm(builder: Builder, node: Node) -> Value:
    expect_inputs(node, 2, 3)
    source = builder.settled(node.inputs[0])
    return linear(builder, node, source, oriented(node, weights_of(builder, node.inputs[1])), present(node, 2))


def _qgemm(builder: Builder, node: Node) -> Value:
    expect_inputs(node, 6, 9)
    source = dequantized(builder, *node.inputs[:3])
    if not isinstance(source, Real):
        raise InputError("expected an activation, found a constant", tensor_place(node.inputs[0]))
    if not (present(node, 7) and present(node, 8)):
        raise InputError("expected an output scale and zero point, found none")
    axis = 0 if attribute(node, "transB", int, 0) else 1
    weights = oriented(node, constant_grid(builder, *node.inputs[3:6], axis=axis))
    found = linear(builder, node, source, weights, present(node, 6))
    return read_quantizer(builder, node.inputs[7], node.inputs[8]).quantize(found)


def _matmul_integer(builder: Builder, node: Node) -> Value:
    """Return the accumulators themselves, INT32."""
    expect_inputs(node, 2, 4)
    source, weights = integer_operands(builder, node)
    return Integers(builder.finish(linear(builder, node, source, weights), ()), 0, "INT32")


READERS: Readers = {
    ("", "Gemm"): _gemm,
    (MICROSOFT, "QGemm"): _qgemm,
    ("", "MatMulInteger"): _matmul_integer,
}
