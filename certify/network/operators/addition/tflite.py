"""ADD: two tensors brought to one scale.

The built-in kernels shift both inputs left by 20 bits and multiply each by input scale / (2 · the larger scale); the
sum they multiply by twice the larger scale / (2^20 · output scale). A multiplier has 31 bits. The reference kernel
(`single`) rounds each of the three products twice, half-up to the multiplier's scale and then half away from zero;
the optimised one (`double`) rounds a term once and the sum twice, in blocks of 16 elements. XNNPACK (`float32`)
multiplies both inputs by integers of up to 21 bits, the ratios of their scales to the output's in single precision,
and rounds the sum once, half-up; ratios outside 2^-10 to 2^8 it leaves to the optimised kernel.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from certify.errors import InputError
from certify.network.operators.addition.model import Addition, Term
from certify.network.rounding import Rule
from certify.network.steps import RequantizeQ31, Step
from certify.network.tflite.call import Call
from certify.network.tflite.layer import ELEMENTS_OF_A_BLOCK, clamp, in_blocks, multipliers, rounded_twice
from certify.network.tflite.operands import Activation, expect_shape, ratio_of
from certify.network.tflite.options import scalar, table

LEFT_SHIFT = 20
_LEAST_RATIO, _MOST_RATIO = 2.0**-10, 2.0**8


@table(11, "AddOptions")
@dataclass(frozen=True)
class AdditionOptions:
    """Options of ADD."""

    fused_activation_function: str = scalar(1, "NONE", "ActivationFunctionType")
    pot_scale_int16: bool = scalar(1, True)


def read(call: Call) -> None:
    """Read ADD."""
    left, right = (call.value(index) for index in call.operands(2, 2, "two activations"))
    output = call.result()
    if left.shape != right.shape:
        problem = f"expected inputs of one shape, found {list(left.tensor.shape)} and {list(right.tensor.shape)}"
        raise InputError(problem, right.tensor.shown)
    expect_shape(call.target, left.tensor.shape)
    terms, steps = sum_of((left.activation, right.activation), output, call.rule)
    steps = (*steps, clamp(call.options.fused_activation_function, output, call.rule))
    layer = Addition((), terms, steps, call.target.name)
    call.compute([(left, left.shape), (right, left.shape)], left.shape, lambda: layer)


def sum_of(
    sources: tuple[Activation, Activation], output: Activation, rule: Rule
) -> tuple[tuple[Term, Term], tuple[Step, ...]]:
    """Return the terms of q - zero point each, and what makes q of their sum.

    Raises:
        InputError: the scales are too far apart for the kernels.
    """
    ratios = [ratio_of(source, output) for source in sources]
    if rule == "float32" and all(_LEAST_RATIO <= ratio < _MOST_RATIO for ratio in ratios):
        return _integers(ratios, output.zero_point)
    return _shifted(sources, output, rule)


def _integers(ratios: list[np.float32], zero_point: int) -> tuple[tuple[Term, Term], tuple[Step, ...]]:
    """Return what XNNPACK computes: the larger multiplier has 21 bits, and the sum is rounded half-up."""
    shift = LEFT_SHIFT + 1 - math.frexp(float(max(ratios)))[1]
    left, right = (Term(round(math.ldexp(float(ratio), shift))) for ratio in ratios)
    return (left, right), (RequantizeQ31(1 << 30, shift - 1, "single", zero_point),)


def _shifted(
    sources: tuple[Activation, Activation], output: Activation, rule: Rule
) -> tuple[tuple[Term, Term], tuple[Step, ...]]:
    twice = 2 * float(max(source.scale for source in sources))
    with np.errstate(over="ignore"):
        total = twice / float(np.float32(1 << LEFT_SHIFT) * output.scale)
    if not total < 1:
        problem = f"expected a scale above 2^-{LEFT_SHIFT - 1} of the inputs', found {output.scale}"
        raise InputError(problem, output.tensor.shown)
    if (
        rule != "single"
        and 256 * (1 + sum(float(source.scale) for source in sources) / float(output.scale)) >= 1 << 15
    ):
        problem = "expected a scale under which no sum leaves int16, where the optimised kernel wraps"
        raise InputError(f"{problem}, found {output.scale}", output.tensor.shown)
    once = rule != "single" and in_blocks(output.tensor.size, ELEMENTS_OF_A_BLOCK, "elements", output.tensor)
    left, right = (Term(1, _term(source, twice, once=once)) for source in sources)
    multiplier, shift = _multiplier(total, output)
    return (left, right), rounded_twice((multiplier,), (shift,), output.zero_point)


def _term(source: Activation, twice: float, *, once: bool) -> tuple[Step, ...]:
    multiplier, shift = _multiplier(float(source.scale) / twice, source)
    if not once:
        return rounded_twice((multiplier,), (shift,), 0, LEFT_SHIFT)
    return (RequantizeQ31(multiplier, shift - LEFT_SHIFT, "single"),)


def _multiplier(factor: float, near: Activation) -> tuple[int, int]:
    ((multiplier, shift),) = multipliers([factor], near, "single")
    return multiplier, shift


READERS = {"ADD": read}
OPTIONS = {"ADD": AdditionOptions}
