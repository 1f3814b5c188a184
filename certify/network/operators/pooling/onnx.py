"""How ONNX writes pooling: MaxPool, AveragePool, GlobalAveragePool and their quantized forms, channels first."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction

from certify.errors import InputError
from certify.network.onnx.builder import Builder, attribute, described, expect_inputs, present
from certify.network.onnx.model import MICROSOFT, Node, tensor_place
from certify.network.onnx.quantizers import dequantized, read_quantizer
from certify.network.onnx.registry import Reader, Readers
from certify.network.onnx.values import Integers, Mean, Real, Value, View
from certify.network.onnx.windows import TO_FIRST, TO_LAST, expect_image, expect_rank, read_window
from certify.network.operators.operator import Shape
from certify.network.operators.pooling.model import Pooling
from certify.network.operators.window import Window


def _pooled(shape: Shape, window: Window) -> Shape:
    return (1, shape[1], *window.positions(shape[2:]))


def _max_pool(builder: Builder, node: Node) -> Value:
    expect_inputs(node, 1, 1)
    return _maximum(builder, node, builder.value(node.inputs[0]))


def _max_pool_last(builder: Builder, node: Node) -> Value:
    """Read onnxruntime's NhwcMaxPool."""
    expect_inputs(node, 1, 1)
    found = builder.value(node.inputs[0])
    if not isinstance(found, Integers):
        raise InputError(f"expected integers, found {described(found)}", tensor_place(node.inputs[0]))
    expect_rank(found.view.shape)
    pooled = _maximum(builder, node, replace(found, view=found.view.permuted(TO_FIRST)))
    return replace(pooled, view=pooled.view.permuted(TO_LAST))


def _maximum(builder: Builder, node: Node, found: Value) -> Integers | Real:
    if isinstance(found, Real):
        found = builder.settled(node.inputs[0])
    elif not isinstance(found, Integers):
        raise InputError(f"expected an activation, found {described(found)}", tensor_place(node.inputs[0]))
    if attribute(node, "storage_order", int, 0):
        raise InputError("expected storage_order 0, found another")
    shape = expect_image(found.view.shape)
    window = read_window(node, None, shape[2:])
    plane = builder.arrange(found.view, (2, 3, 1))
    layer = builder.emit(Pooling("max", window, name=node.outputs[0], sources=(plane,)))
    return replace(found, view=View(layer, _pooled(shape, window), (2, 3, 1)))


def _mean(_: Builder, node: Node, source: Real) -> Value:
    shape = expect_image(source.view.shape)
    window = read_window(node, None, shape[2:])
    if window.dilation != (1, 1):
        raise InputError(f"expected no dilation, found {list(window.dilation)}")
    return Mean(source, window, _pooled(shape, window))


def _global_mean(builder: Builder, node: Node, source: Real) -> Value:
    """Return the sums of whole planes, whose mean is meant."""
    shape = expect_image(source.view.shape)
    size = math.prod(shape[2:])
    plane = builder.arrange(source.view, (2, 3, 1))
    layer = Pooling("sum", Window((shape[2], shape[3])), name=node.outputs[0], sources=(plane,))
    view = View(builder.emit(layer), (1, shape[1], 1, 1), (2, 3, 1))
    return Real(
        view,
        (source.scales[0] / Fraction(size),),
        (source.lows[0] * size,),
        (source.highs[0] * size,),
        factors=source.factors,
        raw=True,
        divisor=size,
    )


def _between_quantizers(pool: Callable[[Builder, Node, Real], Value]) -> Reader:
    def read(builder: Builder, node: Node) -> Value:
        expect_inputs(node, 1, 1)
        return pool(builder, node, builder.settled(node.inputs[0]))

    return read


def _quantized(pool: Callable[[Builder, Node, Real], Value]) -> Reader:
    def read(builder: Builder, node: Node) -> Value:
        expect_inputs(node, 4, 5)
        source = dequantized(builder, *node.inputs[:3])
        if not isinstance(source, Real):
            raise InputError("expected an activation, found a constant", tensor_place(node.inputs[0]))
        last = attribute(node, "channels_last", int, 0)
        if last:
            expect_rank(source.view.shape)
            source = replace(source, view=source.view.permuted(TO_FIRST))
        found = read_quantizer(builder, node.inputs[3], present(node, 4)).quantize(pool(builder, node, source))
        return replace(found, view=found.view.permuted(TO_LAST)) if last else found

    return read


READERS: Readers = {
    ("", "MaxPool"): _max_pool,
    ("", "AveragePool"): _between_quantizers(_mean),
    ("", "GlobalAveragePool"): _between_quantizers(_global_mean),
    (MICROSOFT, "NhwcMaxPool"): _max_pool_last,
    (MICROSOFT, "QLinearAveragePool"): _quantized(_mean),
    (MICROSOFT, "QLinearGlobalAveragePool"): _quantized(_global_mean),
}
