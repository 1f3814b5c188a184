"""How ONNX writes a softmax: Softmax between quantizers, and QLinearSoftmax."""

from __future__ import annotations

from certify.errors import InputError
from certify.network.onnx.builder import Builder, attribute, axis_of, described, expect_inputs, present
from certify.network.onnx.model import MICROSOFT, Node, tensor_place
from certify.network.onnx.quantizers import dequantized, read_quantizer
from certify.network.onnx.registry import Readers
from certify.network.onnx.values import Real, Soft, Value

_NEW_AXES = 13
"""The opset from which a softmax is along one dimension; before, along all from an axis on."""


def _soft(node: Node, source: Value, opset: int) -> Soft:
    if not isinstance(source, Real):
        raise InputError(
            f"expected a dequantized activation, found {described(source)}", tensor_place(node.inputs[0])
        )
    shape = source.view.shape
    axis = axis_of(attribute(node, "axis", int, -1 if opset >= _NEW_AXES else 1), len(shape))
    if opset < _NEW_AXES and any(length != 1 for length in shape[axis + 1 :]):
        raise InputError(f"expected a softmax along one dimension, found one from {axis} on of {list(shape)}")
    return Soft(source, axis)


def _softmax(builder: Builder, node: Node) -> Value:
    expect_inputs(node, 1, 1)
    return _soft(node, builder.settled(node.inputs[0]), node.opset)


def _qlinear_softmax(builder: Builder, node: Node) -> Value:
    expect_inputs(node, 4, 5)
    found = _soft(node, dequantized(builder, *node.inputs[:3]), attribute(node, "opset", int, _NEW_AXES))
    return read_quantizer(builder, node.inputs[3], present(node, 4)).quantize(found)


READERS: Readers = {("", "Softmax"): _softmax, (MICROSOFT, "QLinearSoftmax"): _qlinear_softmax}
