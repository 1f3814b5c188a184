"""The roundings of `certify.network.rounding` in ONNX's integer operators.

`Mod` is the remainder with the divisor's sign, which ONNX defines for integers. Of `Div` runtimes have been seen to
truncate and to floor, so it is given only what leaves no remainder or is not negative, where both are the same.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from certify.export.onnx.graph import INT64, Graph
from certify.network.rounding import Q31_BITS, SIGNIFICANT_BITS, Rounding, Rule

Integers = NDArray[np.int64]


def divide(graph: Graph, values: str, divisor: Integers, rounding: Rounding) -> str:
    """Return values / divisor rounded to integers, as `rounding.divide`.

    Args:
        graph: gets the nodes.
        values: a tensor's name.
        divisor: int64 that broadcasts to the values, each at least 1.
        rounding: the rule.
    """
    if (divisor == 1).all():
        return values
    by = graph.constant(divisor)
    match rounding:
        case "floor":
            return _floor(graph, values, by)
        case "half_up":
            return _floor(graph, graph.apply("Add", values, graph.constant(divisor // 2)), by)
        case "half_even":
            return _half_even(graph, values, by)
        case "half_away":
            magnitude = graph.apply("Add", graph.apply("Abs", values), graph.constant(divisor // 2))
            return _signed(graph, values, graph.apply("Div", magnitude, by))
        case "toward_zero":
            return _signed(graph, values, graph.apply("Div", graph.apply("Abs", values), by))


def _floor(graph: Graph, values: str, divisor: str) -> str:
    multiple = graph.apply("Sub", values, graph.apply("Mod", values, divisor))
    return graph.apply("Div", multiple, divisor)


def _signed(graph: Graph, values: str, magnitude: str) -> str:
    return graph.apply("Mul", graph.apply("Sign", values), magnitude)


def _half_even(graph: Graph, values: str, divisor: str) -> str:
    """The quotient rounded down; 1 more where twice the rest exceeds the divisor, or is it and the quotient odd."""
    two = graph.constant(2)
    rest = graph.apply("Mod", values, divisor)
    down = graph.apply("Div", graph.apply("Sub", values, rest), divisor)
    twice = graph.apply("Add", graph.apply("Mul", rest, two), graph.apply("Mod", down, two))
    return graph.apply("Add", down, graph.apply("Cast", graph.apply("Greater", twice, divisor), to=INT64))


def shift_right(graph: Graph, values: str, shift: Integers, rounding: Rounding) -> str:
    """Return values / 2^shift rounded to integers, as `rounding.shift_right`; shift is one or one per channel."""
    return divide(graph, values, np.left_shift(np.int64(1), shift), rounding)


def round_significant(graph: Graph, values: str, largest: int) -> str:
    """Return the values rounded half-even to 24 significant bits, as `rounding.round_significant`.

    The unit of the last of these bits is found by halving: where 2^s units leave more than 24 bits, they are taken.

    Args:
        graph: gets the nodes.
        values: a tensor's name.
        largest: none of the values exceeds it in magnitude.
    """
    excess = largest.bit_length() - SIGNIFICANT_BITS
    if excess <= 0:
        return values
    one = graph.constant(1)
    magnitude, unit = graph.apply("Abs", values), one
    for bit in reversed(range(excess.bit_length())):
        step = 1 << bit
        reaches = graph.apply("GreaterOrEqual", magnitude, graph.constant(1 << (SIGNIFICANT_BITS - 1 + step)))
        factor = graph.apply("Where", reaches, graph.constant(1 << step), one)
        magnitude, unit = graph.apply("Div", magnitude, factor), graph.apply("Mul", unit, factor)
    return graph.apply("Mul", _half_even(graph, values, unit), unit)


def multiply_q31(graph: Graph, values: str, factor: tuple[Integers, Integers], rule: Rule, largest: int) -> str:
    """Return values · multiplier / 2^(31 + shift), as `rounding.multiply_q31`.

    Args:
        graph: gets the nodes.
        values: a tensor's name.
        factor: multiplier and shift, int64 each, one or one per channel.
        rule: which rounding.
        largest: no number met on the way exceeds it in magnitude.
    """
    multiplier, shift = factor
    match rule:
        case "single":
            product = multiply(graph, values, multiplier)
            return shift_right(graph, product, Q31_BITS + shift, "half_up")
        case "double":
            wide = multiply(graph, values, np.left_shift(multiplier, np.maximum(-shift, 0)))
            high = shift_right(graph, wide, np.full_like(shift, Q31_BITS), "half_up")
            return shift_right(graph, high, np.maximum(shift, 0), "half_up")
        case "float32":
            product = multiply(graph, round_significant(graph, values, largest), multiplier)
            return shift_right(graph, round_significant(graph, product, largest), Q31_BITS + shift, "half_even")


def multiply(graph: Graph, values: str, factor: Integers) -> str:
    """Return values · factor; factor broadcasts to the values."""
    return values if (factor == 1).all() else graph.apply("Mul", values, graph.constant(factor))


def add(graph: Graph, values: str, addend: Integers) -> str:
    """Return values + addend; addend broadcasts to the values."""
    return graph.apply("Add", values, graph.constant(addend)) if addend.any() else values
