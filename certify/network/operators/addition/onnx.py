"""How ONNX writes a sum: Add of two activations between quantizers, or of a bias, and QLinearAdd."""

from __future__ import annotations

from certify.errors import InputError
from certify.network.onnx.builder import Builder, described, expect_inputs, present
from certify.network.onnx.functions import add_constant
from certify.network.onnx.model import MICROSOFT, Node, tensor_place
from certify.network.onnx.quantizers import dequantized, read_quantizer
from certify.network.onnx.registry import Readers
from certify.network.onnx.values import Added, Constant, Grid, Real, Shifted, Value


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


def _is_vector(source: Value, constant: Value) -> bool:
    """Tell whether a quantized constant is a vector along the last dimension of a quantized tensor."""
    if not isinstance(source, Real) or source.raw or source.pending or not source.view.shape:
        return False
    length = source.view.shape[-1]
    vector = isinstance(constant, Grid) and constant.scales.size == 1 and constant.integers.size == length > 1
    return vector and isinstance(constant, Grid) and constant.integers.shape[-1] == length


def _shifted(source: Value, constant: Value, *, first: bool) -> Shifted:
    assert isinstance(source, Real)
    assert isinstance(constant, Grid)
    return Shifted(source, constant, first)


def _add(builder: Builder, node: Node) -> Value:
    expect_inputs(node, 2, 2)
    left, right = node.inputs
    values = builder.value(left), builder.value(right)
    if _is_vector(*values):
        return _shifted(*values, first=False)
    if _is_vector(*values[::-1]):
        return _shifted(*values[::-1], first=True)
    if isinstance(values[0], Constant | Grid):
        return add_constant(builder, right, left)
    if isinstance(values[1], Constant | Grid):
        return add_constant(builder, left, right)
    return _added(builder.settled(left), builder.settled(right), (left, right))


def _qlinear_add(builder: Builder, node: Node) -> Value:
    expect_inputs(node, 7, 8)
    left, right = dequantized(builder, *node.inputs[:3]), dequantized(builder, *node.inputs[3:6])
    found: Value
    if _is_vector(left, right):
        found = _shifted(left, right, first=False)
    elif _is_vector(right, left):
        found = _shifted(right, left, first=True)
    else:
        found = _added(left, right, (node.inputs[0], node.inputs[3]))
    return read_quantizer(builder, node.inputs[6], present(node, 7)).quantize(found)


READERS: Readers = {("", "Add"): _add, (MICROSOFT, "QLinearAdd"): _qlinear_add}
