"""What every operator with weights shares: int8 weights, an int32 bias, and the steps from the accumulator to int8.

Each function raises an InputError whose place is a tensor; the caller adds the operator.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

import msgspec
import numpy as np
from numpy.typing import NDArray

from certify.errors import InputError
from certify.network.rounding import Q31_BITS, Rule
from certify.network.steps import Clamp, Offset, Requantize, RequantizeQ31, Step, apply_steps
from certify.network.tflite.model import Tensor
from certify.network.tflite.multiplier import activation_range, factors, quantize_multiplier
from certify.network.tflite.operands import Activation, constant_data, constant_scales, expect_shape, expect_type

Pair: TypeAlias = tuple[int, int]
"""A factor as multiplier · 2^-31 · 2^-shift."""
Kernel: TypeAlias = Literal["dense", "convolution", "by the reference"]

WEIGHT_BITS = 7
ELEMENTS_OF_A_BLOCK = 16
_ONE: Pair = (1 << 30, -1)
MAX_BIAS_DIFFERENCE = 0.02
"""Of a bias's scale from input scale · weight scale, in units of the output scale: TFLite's own test."""


@dataclass(frozen=True)
class Accumulation:
    """What there is beside the weights.

    Attributes:
        bias: one int32 for each output channel.
        steps: from accumulators to q.
        factor: the largest of the factors between accumulator and output.
    """

    bias: tuple[int, ...]
    steps: tuple[Step, ...]
    factor: float


def accumulation(
    source: Activation,
    constants: Sequence[Tensor],
    channels: tuple[int, int],
    output: Activation,
    activation: str,
    rule: Rule,
    *,
    kernel: Kernel,
    constant: NDArray[np.bool_] | None = None,
) -> Accumulation:
    """Return bias and steps of one operator.

    Args:
        source: the activation that it reads.
        constants: weights, and a bias if there is one.
        channels: the dimension of the weights that the output channels are, and how many there are.
        output: the activation that it writes.
        activation: the fused activation function.
        rule: see `read_tflite`.
        kernel: which of TFLite's kernels computes it.
        constant: bool[channels], the channels whose accumulator is their bias, if they are to be simplified.

    Raises:
        InputError: a shape, type, scale or length does not fit, or is not read.
    """
    dimension, rows = channels
    scales = constant_scales(constants[0], rows, dimension)
    pairs = multipliers(factors(source.scale, scales, output.scale, rule, dense=kernel == "dense"), output, rule)
    bounds = clamp(activation, output, rule)
    bias = _bias(constants[1], source, scales, output, rows) if len(constants) > 1 else (0,) * rows
    if constant is not None and constant.any():
        bias, pairs = _folded(bias, pairs * (rows // len(pairs)), constant, rule, kernel)
    factor = max(math.ldexp(multiplier, -Q31_BITS - shift) for multiplier, shift in pairs)
    requantized = requantize(pairs, output.zero_point, rule, kernel)
    return Accumulation(bias, (*requantized, bounds), factor)


def _folded(
    bias: tuple[int, ...], pairs: list[Pair], constant: NDArray[np.bool_], rule: Rule, kernel: Kernel
) -> tuple[tuple[int, ...], list[Pair]]:
    """Return biases and factors where channels without weights have what becomes of their bias, times 1.

    Converters give such a channel a scale next to 0 and a bias near 2^30, which no other number of the layer needs.
    """
    folded, own = list(bias), list(pairs)
    for channel in np.flatnonzero(constant).tolist():
        folded[channel] = apply_steps(requantize([pairs[channel]], 0, rule, kernel), bias[channel])
        own[channel] = _ONE
    return tuple(folded), own


def int8_weights(tensor: Tensor, rank: int) -> NDArray[np.int8]:
    """Return constant weights.

    Raises:
        InputError: they are not int8, not constant, or have another number of dimensions.
    """
    expect_type(tensor, "INT8")
    if len(tensor.shape) != rank:
        raise InputError(f"expected weights of {rank} dimensions, found {len(tensor.shape)}", tensor.shown)
    return np.frombuffer(constant_data(tensor, 1), np.int8).reshape(tensor.shape)


def clamp(name: str, output: Activation, rule: Rule) -> Clamp:
    """Return what an activation function does to the integers of its output.

    Raises:
        InputError: see `activation_range`.
    """
    try:
        return Clamp(*activation_range(name, output.scale, output.zero_point, rule))
    except InputError as error:
        raise InputError(error.problem, output.tensor.shown) from None


def _bias(
    tensor: Tensor, source: Activation, weight_scales: NDArray[np.float32], output: Activation, rows: int
) -> tuple[int, ...]:
    expect_type(tensor, "INT32")
    expect_shape(tensor, (rows,))
    values: NDArray[Any] = np.frombuffer(constant_data(tensor, 4), "<i4")
    scales = constant_scales(tensor, rows)
    if len(scales) != len(weight_scales):
        problem = f"expected as many scales as the weights, {len(weight_scales)}, found {len(scales)}"
        raise InputError(problem, tensor.shown)
    expected = np.float64(source.scale) * weight_scales.astype(np.float64)
    difference = np.abs(expected - scales) / np.float64(output.scale)
    if not (difference <= MAX_BIAS_DIFFERENCE).all():
        worst = int(difference.argmax())
        problem = f"expected the product of the scales of input and weights, {expected[worst]:.8g}"
        raise InputError(f"{problem}, found {scales[worst]:.8g}", tensor.shown)
    return tuple(values.tolist())


def multipliers(products: Sequence[float], output: Activation, rule: Rule) -> list[Pair]:
    """Return factors as multipliers and shifts.

    Raises:
        InputError: see `quantize_multiplier`.
    """
    try:
        return [quantize_multiplier(factor, rule) for factor in products]
    except InputError as error:
        raise InputError(error.problem, output.tensor.shown) from None


def requantize(pairs: Sequence[Pair], zero_point: int, rule: Rule, kernel: Kernel) -> tuple[Step, ...]:
    """Return the multiplication by factors, one for all outputs or one for each, to q.

    Under `single` that is one rounding in a dense kernel; the reference kernels of convolutions round twice, half-up
    to the multiplier's scale and then half away from zero. Some of what is a convolution the optimised built-in
    kernels leave to them.
    """
    values, shifts = zip(*pairs, strict=True)
    if kernel == "dense" or rule == "float32" or (rule == "double" and kernel == "convolution"):
        return (RequantizeQ31(_collapse(values), _collapse(shifts), rule, zero_point),)
    return rounded_twice(values, shifts, zero_point)


def in_blocks(count: int, block: int, what: str, near: Tensor) -> bool:
    """Tell whether an optimised kernel takes all elements or channels in blocks, and not one by one.

    What is left after the blocks it computes one by one, as the reference kernel does and not as in a block.

    Raises:
        InputError: it does both; the tensor near it is named.
    """
    blocks, rest = divmod(count, block)
    if blocks and rest:
        problem = f"expected fewer {what} than {block} or a multiple of it, found {count}"
        raise InputError(f"{problem}, of which the optimised kernel rounds the last {rest} otherwise", near.shown)
    return not rest


def rounded_twice(
    values: tuple[int, ...], shifts: tuple[int, ...], zero_point: int, left: int = 0
) -> tuple[Step, ...]:
    """Return x · 2^left · factor rounded half-up to the multiplier's scale, and that half away from zero to q.

    Half away from zero, of 2h by a shift of 1 or more, is half-up of what is 1 less where h is below zero. So where
    channels have shifts of their own, (4h + 1) / 2 rounded half away from zero, less 1, comes before that.
    """
    right = tuple(max(shift, 0) for shift in shifts)
    high = RequantizeQ31(_collapse(values), _collapse(tuple(min(shift, 0) - left for shift in shifts)), "double")
    if len(set(right)) == 1:
        high = msgspec.structs.replace(high, precision_bits=right[0])
        return high, Requantize(right[0], "half_away", zero_point)
    raised = RequantizeQ31(1 << 30, -3, "single", precision_bits=1)
    shifted = RequantizeQ31(1 << 30, right, "single", zero_point)
    return high, raised, Offset(1), Requantize(1, "half_away", -1), shifted


def _collapse(values: tuple[int, ...]) -> int | tuple[int, ...]:
    return values[0] if len(set(values)) == 1 else values
