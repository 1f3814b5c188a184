"""How ONNX writes a sum: Add of two activations between quantizers, or of a bias, and QLinearAdd."""

from __future__ import annotations

from certify.errors import InputError
from certify.network.onnx.builder import Builder, described, expect_inputs, present
from certify.network.onnx.functions import add_constant
from certify.network.onnx.model import MICROSOFT, Node, tensor_place
from certify.network.onnx.quantizers import dequantized, read_quantizer
from certify.network.onnx.registry import Readers
from certify.network.onnx.values import Added, Constant, Grid, Real, Value


def _added(left: Value, right: Value, names: tuple[str, str]) -> Added:
    for value, name in zip((left, right), names, strict=True):
        if not isinstance(value, Real):
            raise InputError(f"expected a dequantized activation, found {described(value)}", tensor_place(name))
    assert isinstance(left, Real)
    assert isinstance(right, Real)
    if left.view.shape != right.view.shape:
        shapes = f"{list(left.view.shape)} and {list(right.view.shape)}"
        raise InputError(f"expected activations of one shape, found {shapes}")
    return Added(left, right)


def _add(builder: Builder, node: Node) -> Value:
    expect_inputs(node, 2, 2)
    constants = [isinstance(builder.value(name), Constant | Grid) for name in node.inputs]
    if any(constants):
        return add_constant(builder, *(node.inputs if constants[1] else node.inputs[::-1]))
    left, right = node.inputs
    return _added(builder.settled(left), builder.settled(right), (left, right))


def _qlinear_add(builder: Builder, node: Node) -> Value:
    expect_inputs(node, 7, 8)
    left, right = dequantized(builder, *node.inputs[:3]), dequantized(builder, *node.inputs[3:6])
    found = _added(left, right, (node.inputs[0], node.inputs[3]))
    return read_quantizer(builder, node.inputs[6], present(node, 7)).quantize(found)


READERS: Readers = {("", "Add"): _add, (MICROSOFT, "QLinearAdd"): _qlinear_add}
