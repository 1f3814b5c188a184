"""How ONNX writes a convolution: Conv between quantizers, QLinearConv and ConvInteger, channels first."""

from __future__ import annotations

from dataclasses import replace

from certify.errors import InputError
from certify.network.matrix import from_dense
from certify.network.onnx.accumulate import accumulated, channel_scales, integer_operands, read_bias, weights_of
from certify.network.onnx.builder import Builder, attribute, expect_inputs, present
from certify.network.onnx.model import MICROSOFT, Node, tensor_place
from certify.network.onnx.quantizers import constant_grid, dequantized, read_quantizer
from certify.network.onnx.registry import Readers
from certify.network.onnx.values import Grid, Integers, Real, Value, View
from certify.network.onnx.windows import TO_FIRST, TO_LAST, expect_image, expect_rank, read_window
from certify.network.operators.convolution.model import Convolution


def _convolve(builder: Builder, node: Node, source: Real, weights: Grid, bias: str) -> Real:
    """Return the accumulation of a convolution.

    Args:
        builder: takes the layer.
        node: has the window and the groups.
        source: a quantized tensor [1, channels, rows, columns].
        weights: [outputs, channels of a group, rows, columns].
        bias: the tensor that has it, may be empty.
    """
    shape = expect_image(source.view.shape)
    kernel = weights.integers
    groups = attribute(node, "group", int, 1)
    if kernel.ndim != 4:
        raise InputError(f"expected a kernel of 4 dimensions, found {kernel.ndim}")
    outputs, channels, rows, columns = kernel.shape
    if groups < 1 or shape[1] != groups * channels or outputs % groups or not outputs * channels:
        problem = f"expected {shape[1]} channels in {groups} groups, found a kernel {list(kernel.shape)}"
        raise InputError(problem)
    window = read_window(node, (rows, columns), shape[2:])
    flat = kernel.transpose(0, 2, 3, 1).reshape(outputs, -1)
    scales = channel_scales(weights, 0)
    found = read_bias(builder, bias, outputs, source, scales, (1, outputs, 1, 1))
    plane = builder.arrange(source.view, (2, 3, 1))
    layer = Convolution(
        from_dense(flat), weights.bits, found.integers, window, groups, name=node.outputs[0], sources=(plane,)
    )
    down, right = window.positions(shape[2:])
    low, high = source.lows[0], source.highs[0]
    if window.padded:
        low, high = min(low, 0), max(high, 0)
    view = View(builder.emit(layer), (1, outputs, down, right), (2, 3, 1))
    return accumulated(layer, view, source, scales, (low, high), 1, found)


def _conv(builder: Builder, node: Node) -> Value:
    expect_inputs(node, 2, 3)
    source = builder.settled(node.inputs[0])
    return _convolve(builder, node, source, weights_of(builder, node.inputs[1]), present(node, 2))


def _qlinear_conv(builder: Builder, node: Node) -> Value:
    expect_inputs(node, 8, 9)
    source = dequantized(builder, *node.inputs[:3])
    if not isinstance(source, Real):
        raise InputError("expected an activation, found a constant", tensor_place(node.inputs[0]))
    weights = constant_grid(builder, *node.inputs[3:6], axis=0)
    last = attribute(node, "channels_last", int, 0)
    if last:
        expect_rank(source.view.shape)
        source = replace(source, view=source.view.permuted(TO_FIRST))
    found = _convolve(builder, node, source, weights, present(node, 8))
    quantized = read_quantizer(builder, node.inputs[6], node.inputs[7]).quantize(found)
    return replace(quantized, view=quantized.view.permuted(TO_LAST)) if last else quantized


def _conv_integer(builder: Builder, node: Node) -> Value:
    """Return the accumulators themselves, INT32."""
    expect_inputs(node, 2, 4)
    source, weights = integer_operands(builder, node)
    found = _convolve(builder, node, source, weights, "")
    return Integers(builder.finish(found, ()), 0, "INT32")


READERS: Readers = {
    ("", "Conv"): _conv,
    ("", "QLinearConv"): _qlinear_conv,
    (MICROSOFT, "QLinearConv"): _qlinear_conv,
    ("", "ConvInteger"): _conv_integer,
}
