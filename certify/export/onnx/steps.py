"""The steps of `certify.network.steps` in ONNX's integer operators; the last dimension is the channel."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from certify.export.onnx.arithmetic import add, multiply_q31, round_significant, shift_right
from certify.export.onnx.graph import INT64, Graph
from certify.network.matrix import Int64Array
from certify.network.steps import (
    Clamp,
    LeakyRelu,
    Offset,
    Relu,
    Requantize,
    RequantizeQ31,
    RoundSignificant,
    Sign,
    Step,
    Threshold,
    Thresholds,
)

_NEVER = 2**63 - 1


def run_steps(graph: Graph, steps: Sequence[Step], values: str, largest: int) -> str:
    """Return what the steps make of a tensor.

    Args:
        graph: gets the nodes.
        steps: in their order.
        values: the tensor's name.
        largest: no number met on the way exceeds it in magnitude.
    """
    for step in steps:
        values = _run_step(graph, step, values, largest)
    return values


def _run_step(graph: Graph, step: Step, values: str, largest: int) -> str:
    match step:
        case Relu():
            return graph.apply("Max", values, graph.constant(0))
        case LeakyRelu(bits):
            return graph.apply("Max", values, graph.apply("Mul", values, graph.constant(1 << bits)))
        case Requantize(shift, rounding, zero_point):
            return add(graph, shift_right(graph, values, np.array(shift), rounding), np.array(zero_point))
        case RequantizeQ31(multiplier, shift, rule, zero_point):
            factor = np.array(multiplier, dtype=np.int64), np.array(shift, dtype=np.int64)
            return add(graph, multiply_q31(graph, values, factor, rule, largest), np.array(zero_point))
        case Clamp(low, high):
            return graph.apply("Clip", values, graph.constant(low), graph.constant(high))
        case Offset(value):
            return add(graph, values, np.array(value))
        case Threshold():
            return graph.apply("Cast", graph.apply("GreaterOrEqual", values, graph.constant(0)), to=INT64)
        case Sign():
            reaches = graph.apply("GreaterOrEqual", values, graph.constant(0))
            return graph.apply("Where", reaches, graph.constant(1), graph.constant(-1))
        case RoundSignificant():
            return round_significant(graph, values, largest)
        case Thresholds():
            return add(graph, _count(graph, step, values), np.array(step.low))


def _count(graph: Graph, step: Thresholds, values: str) -> str:
    """How many thresholds each value reaches, by bisection in a table that is filled up with what nothing reaches."""
    lists = step.at if step.per_channel else (step.at,)
    rounds = max((len(each).bit_length() for each in lists if isinstance(each, tuple)), default=0)
    width = (1 << rounds) - 1
    table = np.full((len(lists), width), _NEVER, dtype=np.int64)
    for row, each in enumerate(lists):
        assert isinstance(each, tuple)
        table[row, : len(each)] = each
    before = np.arange(len(lists), dtype=np.int64) * width - 1 if step.per_channel else np.array(-1)
    return _bisect(graph, values, table.reshape(-1), before, rounds)


def _bisect(graph: Graph, values: str, table: Int64Array, before: Int64Array, rounds: int) -> str:
    """Return the number of leading entries of each value's part of the table that it reaches.

    Args:
        graph: gets the nodes.
        values: a tensor's name.
        table: int64[parts · (2^rounds - 1)], rising in each part.
        before: the index before each part's first entry; it broadcasts to the values.
        rounds: of bisection.
    """
    count = graph.apply("Mul", values, graph.constant(0))
    entries, start = graph.constant(table), graph.constant(before)
    for bit in reversed(range(rounds)):
        more = graph.apply("Add", count, graph.constant(1 << bit))
        threshold = graph.apply("Gather", entries, graph.apply("Add", more, start), axis=0)
        count = graph.apply("Where", graph.apply("GreaterOrEqual", values, threshold), more, count)
    return count
