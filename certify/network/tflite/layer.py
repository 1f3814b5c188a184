"""One FULLY_CONNECTED operator as a layer: weights, bias, and the steps from the accumulator to int8.

Each function raises an InputError whose place is a tensor; the caller adds the operator.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from certify.errors import InputError
from certify.network.matrix import Matrix, from_dense
from certify.network.model import Dense
from certify.network.rounding import Rule
from certify.network.steps import Clamp, RequantizeQ31, Step
from certify.network.tflite.model import DenseOptions, Tensor
from certify.network.tflite.multiplier import activation_range, factors, quantize_multiplier
from certify.network.tflite.operands import (
    Activation,
    activation,
    constant_data,
    constant_scales,
    expect_shape,
    expect_type,
)

WEIGHT_BITS = 7
MAX_BIAS_DIFFERENCE = 0.02
"""Of a bias's scale from input scale · weight scale, in units of the output scale: TFLite's own test."""


@dataclass
class Layer:
    """A layer whose steps are still being collected.

    Attributes:
        weights: int8[outputs, inputs].
        bias: one int32 per output.
        steps: so far.
        name: the tensor that the operator writes.
        factor: the largest of the factors between accumulator and output.
    """

    weights: Matrix
    bias: tuple[int, ...]
    steps: list[Step]
    name: str
    factor: float

    def dense(self) -> Dense:
        """Return the finished layer."""
        return Dense(self.weights, WEIGHT_BITS, self.bias, (), tuple(self.steps), self.name)


def read_layer(
    options: DenseOptions, source: Activation, constants: Sequence[Tensor], target: Tensor, rule: Rule
) -> tuple[Layer, Activation]:
    """Return the layer of one operator and the activation that it writes.

    Args:
        options: the operator's.
        source: the activation that it reads, one row.
        constants: weights, and a bias if there is one.
        target: the tensor that it writes.
        rule: see `read_tflite`.

    Raises:
        InputError: a shape, type, scale or length does not fit, or is not read.
    """
    if options.weights_format != "DEFAULT":
        raise InputError(f"expected weights format DEFAULT, found {options.weights_format}", constants[0].shown)
    weights = _weights(constants[0], source.tensor)
    rows = len(weights)
    scales = constant_scales(constants[0], rows)
    output = activation(target)
    expect_shape(target, (*source.tensor.shape[:-1], rows) if options.keep_num_dims else (1, rows))
    products = factors(source.scale, scales, output.scale, rule)
    steps = [_requantize(products, output, rule), clamp(options.activation, output, rule)]
    bias = _bias(constants[1], source, scales, output) if len(constants) > 1 else (0,) * rows
    return Layer(from_dense(weights.astype(np.int64)), bias, steps, target.name, max(products)), output


def clamp(name: str, output: Activation, rule: Rule) -> Step:
    """Return what an activation function does to the integers of its output.

    Raises:
        InputError: see `activation_range`.
    """
    try:
        return Clamp(*activation_range(name, output.scale, output.zero_point, rule))
    except InputError as error:
        raise InputError(error.problem, output.tensor.shown) from None


def _weights(tensor: Tensor, source: Tensor) -> NDArray[np.int8]:
    expect_type(tensor, "INT8")
    if len(tensor.shape) != 2:
        raise InputError(f"expected weights of 2 dimensions, found {len(tensor.shape)}", tensor.shown)
    if source.size != tensor.shape[1]:
        raise InputError(f"expected one row of {tensor.shape[1]} values, found {source.size} of them", source.shown)
    return np.frombuffer(constant_data(tensor, 1), np.int8).reshape(tensor.shape)


def _bias(
    tensor: Tensor, source: Activation, weight_scales: NDArray[np.float32], output: Activation
) -> tuple[int, ...]:
    expect_type(tensor, "INT32")
    rows = output.tensor.shape[-1]
    expect_shape(tensor, (rows,))
    values = np.frombuffer(constant_data(tensor, 4), "<i4")
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


def _requantize(products: list[float], output: Activation, rule: Rule) -> Step:
    try:
        pairs = [quantize_multiplier(factor, rule) for factor in products]
    except InputError as error:
        raise InputError(error.problem, output.tensor.shown) from None
    multipliers, shifts = zip(*pairs, strict=True)
    return RequantizeQ31(_collapse(multipliers), _collapse(shifts), rule, output.zero_point)


def _collapse(values: tuple[int, ...]) -> int | tuple[int, ...]:
    return values[0] if len(set(values)) == 1 else values
