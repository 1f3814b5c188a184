"""The accumulation of every operator in ONNX's integer operators."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import reduce

import numpy as np

from certify.errors import InputError
from certify.export.onnx.arithmetic import divide, multiply
from certify.export.onnx.graph import Graph
from certify.export.onnx.linear import convolution, dense, pad, read_taps
from certify.export.onnx.steps import run_steps
from certify.network.operators import (
    Addition,
    Concatenate,
    Convolution,
    Dense,
    Gather,
    Operator,
    Pad,
    Pooling,
    Product,
    Reshape,
    Slice,
    Softmax,
    Transpose,
)
from certify.network.operators.operator import Shape

_BELOW_ALL = -(2**62)
"""Below every number that a network may meet."""


def accumulate(
    graph: Graph, layer: Operator, read: Sequence[str], shapes: Sequence[Shape], batch: int, largest: int
) -> str:
    """Return what one operator makes of the tensors that it reads, before its steps.

    Args:
        graph: gets the nodes.
        layer: the operator.
        read: names of tensors [batch, *shape].
        shapes: of these, without the batch.
        batch: how many points.
        largest: no number met on the way exceeds it in magnitude.

    Raises:
        InputError: an operator that is not written.
    """
    match layer:
        case Dense():
            return dense(graph, layer, read[0], batch)
        case Convolution():
            return convolution(graph, layer, read[0], shapes[0], batch)
        case Addition():
            return _addition(graph, layer, read, largest)
        case Pooling():
            return _pooling(graph, layer, read[0], shapes[0])
        case Product():
            return graph.apply("MatMul", *read)
        case Softmax():
            return _softmax(graph, layer, read[0], len(shapes[0]))
        case _:
            return _move(graph, layer, read, shapes, batch)


def _addition(graph: Graph, layer: Addition, read: Sequence[str], largest: int) -> str:
    parts = [
        multiply(graph, run_steps(graph, term.steps, values, largest), np.array(term.weight))
        for term, values in zip(layer.terms, read, strict=True)
    ]
    total = parts[0]
    for part in parts[1:]:
        total = graph.apply("Add", total, part)
    return total


def _pooling(graph: Graph, layer: Pooling, values: str, shape: Shape) -> str:
    fill = _BELOW_ALL if layer.kind == "max" else 0
    padded = pad(graph, values, [(0, 0), *layer.window.padding, (0, 0)], fill)
    total, *others = read_taps(graph, layer.window, shape, padded)
    for view in others:
        total = graph.apply("Max" if layer.kind == "max" else "Add", total, view)
    if layer.kind != "average":
        return total
    assert layer.rounding
    inside = layer.window.pad(np.ones((1, *shape[:2], 1), dtype=np.int64))
    return divide(graph, total, reduce(np.add, layer.window.views(inside)), layer.rounding)


def _softmax(graph: Graph, layer: Softmax, values: str, dimensions: int) -> str:
    last = graph.constant([dimensions])
    behind = graph.apply("Sub", graph.apply("ReduceMax", values, last, keepdims=1), values)
    entry = graph.apply("Min", behind, graph.constant(len(layer.table)))
    powers = graph.apply("Gather", graph.constant([*layer.table, 0]), entry, axis=0)
    total = graph.apply("ReduceSum", powers, last, keepdims=1)
    half = graph.apply("Div", total, graph.constant(2))
    return graph.apply("Div", graph.apply("Add", multiply(graph, powers, np.array(layer.scale)), half), total)


def _move(graph: Graph, layer: Operator, read: Sequence[str], shapes: Sequence[Shape], batch: int) -> str:
    match layer:
        case Reshape(to):
            return graph.apply("Reshape", read[0], graph.constant([batch, *to]))
        case Transpose(axes):
            return graph.apply("Transpose", read[0], perm=[0, *(axis + 1 for axis in axes)])
        case Pad(around, value):
            return pad(graph, read[0], [(0, 0), *around], value)
        case Slice(begin, end, step):
            axes = tuple(range(1, len(begin) + 1))
            return graph.apply("Slice", read[0], *(graph.constant(span) for span in (begin, end, axes, step)))
        case Concatenate(_, axis):
            return graph.apply("Concat", *read, axis=axis + 1)
        case Gather():
            return _gather(graph, layer, read[0], shapes[0], batch)
    raise InputError(f"expected an operator that is written as ONNX, found {type(layer).__name__.lower()}")


def _gather(graph: Graph, layer: Gather, values: str, shape: Shape, batch: int) -> str:
    """Index -1 is the place after all others, where a 0 is put."""
    count = math.prod(shape)
    flat = graph.apply("Reshape", values, graph.constant([batch, count]))
    if -1 in layer.indices:
        flat = pad(graph, flat, [(0, 0), (0, 1)], 0)
    places = [count if index == -1 else index for index in layer.indices]
    chosen = graph.apply("Gather", flat, graph.constant(places), axis=1)
    return graph.apply("Reshape", chosen, graph.constant([batch, *layer.to]))
