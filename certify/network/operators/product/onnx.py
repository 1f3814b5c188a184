"""How ONNX writes a matrix product: MatMul and QLinearMatMul, of two activations or by constant weights."""

from __future__ import annotations

from certify.errors import InputError
from certify.network.onnx.builder import Builder, described, expect_inputs
from certify.network.onnx.model import Node, tensor_place
from certify.network.onnx.quantizers import dequantized, read_quantizer
from certify.network.onnx.registry import Readers
from certify.network.onnx.values import Grid, Real, Value, View
from certify.network.operators.dense.onnx import linear
from certify.network.operators.product.model import Product


def _multiply(builder: Builder, node: Node, left: Value, right: Value, names: tuple[str, str]) -> Real:
    """Return the accumulation of a product."""
    if not isinstance(left, Real):
        raise InputError(f"expected a dequantized activation, found {described(left)}", tensor_place(names[0]))
    if isinstance(right, Grid):
        return linear(builder, node, left, right)
    if not isinstance(right, Real):
        problem = f"expected a dequantized activation or quantized weights, found {described(right)}"
        raise InputError(problem, tensor_place(names[1]))
    return _product(builder, node, left, right)


def _product(builder: Builder, node: Node, left: Real, right: Real) -> Real:
    shapes = left.view.shape, right.view.shape
    if len(shapes[0]) != len(shapes[1]) or len(shapes[0]) < 2 or shapes[0][:-2] != shapes[1][:-2]:
        raise InputError(f"expected [..., n, k] and [..., k, m], found {list(shapes[0])} and {list(shapes[1])}")
    # A matrix whose only row is one keeps it: a batch is a dimension before the last two.
    batched = len(shapes[0]) > 2 and shapes[0][0] == 1
    order = tuple(range(1 if batched else 0, len(shapes[0])))
    sources = tuple(builder.arrange(each.view, order) for each in (left, right))
    layer = builder.emit(Product(sources, name=node.outputs[0]))
    view = View(layer, (*shapes[0][:-1], shapes[1][-1]), order)
    ends = [a * b * shapes[0][-1] for a in (*left.lows, *left.highs) for b in (*right.lows, *right.highs)]
    factors = (*left.factors, *right.factors) if left.factors and right.factors else ()
    scale = left.scales[0] * right.scales[0]
    return Real(view, (scale,), (min(ends),), (max(ends),), factors=factors, raw=True)


def _matmul(builder: Builder, node: Node) -> Value:
    expect_inputs(node, 2, 2)
    left, right = node.inputs
    second = builder.value(right)
    second = second if isinstance(second, Grid) else builder.settled(right)
    return _multiply(builder, node, builder.settled(left), second, (left, right))


def _qlinear_matmul(builder: Builder, node: Node) -> Value:
    expect_inputs(node, 8, 8)
    left = dequantized(builder, *node.inputs[:3])
    right = dequantized(builder, *node.inputs[3:6], axis=1)
    found = _multiply(builder, node, left, right, (node.inputs[0], node.inputs[3]))
    return read_quantizer(builder, node.inputs[6], node.inputs[7]).quantize(found)


READERS: Readers = {("", "MatMul"): _matmul, ("", "QLinearMatMul"): _qlinear_matmul}
