"""What Conv, Gemm and MatMul have in common: quantized weights, a bias, and an accumulation with a scale."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from certify.errors import InputError
from certify.network.onnx.builder import Builder, described, present
from certify.network.onnx.model import Array, Node, tensor_place
from certify.network.onnx.single import scale_product
from certify.network.onnx.values import Affine, Constant, Grid, Integers, Real, View, exact, one_each
from certify.network.operators import Linear
from certify.network.operators.operator import Shape

MAX_WEIGHT_BITS = 16
MAX_BIAS_DIFFERENCE = 1e-5
"""Relative, of a bias's scale from input scale · weight scale: exporters multiply them in single precision."""


@dataclass(frozen=True)
class Bias:
    """A bias on the accumulator's scale, and what of it is none: real numbers to be added, None for nothing."""

    integers: tuple[int, ...]
    reals: Affine | None


def weights_of(builder: Builder, name: str) -> Grid:
    """Return quantized weights.

    Raises:
        InputError: the tensor is something else, such as weights in float.
    """
    found = builder.value(name)
    if not isinstance(found, Grid):
        raise InputError(f"expected quantized weights, found {described(found)}", tensor_place(name))
    return found


def channel_scales(weights: Grid, axis: int) -> Array:
    """Return the scales of weights, float32[1] or one for each output channel.

    Raises:
        InputError: they vary along another dimension, or the weights are wider than `MAX_WEIGHT_BITS`.
    """
    if weights.bits > MAX_WEIGHT_BITS:
        raise InputError(f"expected weights of at most {MAX_WEIGHT_BITS} bits, found INT32")
    scales, place = one_each(weights.scales, weights.integers.shape, "scales")
    if place not in (None, axis):
        raise InputError(f"expected scales for each output channel, found scales along dimension {place}")
    return scales


def read_bias(builder: Builder, name: str, outputs: int, source: Real, scales: Array, shape: Shape) -> Bias:
    """Return the bias that a tensor holds, none if the name is empty.

    Args:
        builder: knows the tensor.
        name: of a tensor of INT32, a dequantized one, or floats.
        outputs: how many output channels.
        source: what is multiplied.
        scales: of the weights.
        shape: with as many dimensions as the result, 1 where the bias may not vary.

    Raises:
        InputError: it has another shape, or scales that are not those of the accumulator.
    """
    if not name:
        return Bias((0,) * outputs, None)
    found = builder.value(name)
    try:
        if isinstance(found, Grid):
            _expect_scales(found.scales, source, scales)
            return Bias(_per_output(found.integers, outputs, shape), None)
        if isinstance(found, Constant) and found.array.dtype == np.int32:
            return Bias(_per_output(found.array, outputs, shape), None)
        if isinstance(found, Constant) and found.array.dtype == np.float32:
            offsets = _per_output(found.array, outputs, shape)
            return Bias((0,) * outputs, Affine((Fraction(1),), exact(offsets)))
    except InputError as error:
        raise InputError(error.problem, tensor_place(name)) from None
    raise InputError(f"expected a bias of INT32 or FLOAT, found {described(found)}", tensor_place(name))


def _per_output(values: Array, outputs: int, shape: Shape) -> tuple[int, ...]:
    trimmed = values.reshape(-1) if values.ndim == 1 else None
    if trimmed is None or len(trimmed) != outputs:
        trimmed, place = one_each(values, shape, "a bias")
        if place is not None and len(trimmed) != outputs:
            raise InputError(f"expected 1 or {outputs} numbers, found {len(trimmed)}")
    found: tuple[int, ...] = tuple(np.broadcast_to(trimmed, (outputs,)).tolist())
    return found


def _expect_scales(found: Array, source: Real, scales: Array) -> None:
    """Check that a bias lies on the accumulator's grid."""
    expected = float(source.scales[0]) * scales.astype(np.float64)
    own = found.astype(np.float64).reshape(-1)
    if len(own) not in (1, len(expected)) and len(expected) != 1:
        raise InputError(f"expected 1 scale or {len(expected)}, found {len(own)}")
    with np.errstate(all="ignore"):
        difference = np.abs(own / expected - 1)
    if not (difference <= MAX_BIAS_DIFFERENCE).all():
        worst = int(np.argmax(difference))
        wanted, met = expected[worst % len(expected)], own[worst % len(own)]
        raise InputError(f"expected the product of the scales of input and weights, {wanted:.8g}, found {met:.8g}")


def accumulated(
    layer: Linear, view: View, source: Real, scales: Array, bounds: tuple[int, int], channel: int, bias: Bias
) -> Real:
    """Return a linear layer's accumulation in real numbers.

    Args:
        layer: the layer.
        view: where its accumulators are.
        source: what it reads.
        scales: of its weights.
        bounds: of what it reads, padding included.
        channel: the file's dimension of its outputs.
        bias: its own.
    """
    count = layer.groups * layer.channels
    lows, highs, _ = layer.kernel_bounds((bounds[0],) * count, (bounds[1],) * count)
    products = tuple(source.scales[0] * each for each in scale_product((scales,)))
    factors = (source.factors[0], scales) if source.factors else ()
    pending = () if bias.reals is None else (bias.reals,)
    return Real(view, products, tuple(lows), tuple(highs), pending, channel, factors, raw=True)


def integer_operands(builder: Builder, node: Node) -> tuple[Real, Grid]:
    """Return the activation and the constant of an operator on bare integers, as if of scale 1.

    Raises:
        InputError: they are something else, or have zero points for each row or column.
    """
    places = [present(node, place) for place in (2, 3)]
    zeros = [0 if not name else _zero(builder, name) for name in places]
    source, weights = builder.value(node.inputs[0]), builder.value(node.inputs[1])
    if not isinstance(source, Integers) or source.dtype == "INT32":
        raise InputError(f"expected an activation of 8 bits, found {described(source)}", tensor_place(node.inputs[0]))
    if not isinstance(weights, Constant) or weights.array.dtype not in (np.int8, np.uint8):
        raise InputError(f"expected weights of 8 bits, found {described(weights)}", tensor_place(node.inputs[1]))
    low, high = (bound - zeros[0] for bound in ((-128, 127) if source.dtype == "INT8" else (0, 255)))
    one = np.ones((1,) * weights.array.ndim, dtype=np.float32)
    integers = weights.array.astype(np.int64) - zeros[1]
    bits = 7 if max(int(integers.max(initial=0)), -int(integers.min(initial=0))) <= 2**7 else 8
    view = builder.centered(source, zeros[0])
    real = Real(view, (Fraction(1),), (low,), (high,), factors=(np.ones(1, dtype=np.float32),))
    return real, Grid(integers, one, bits)


def _zero(builder: Builder, name: str) -> int:
    array = builder.constant(name).array
    if array.size != 1 or array.dtype not in (np.int8, np.uint8):
        problem = f"expected one zero point of 8 bits, found {array.dtype.name}{list(array.shape)}"
        raise InputError(problem, tensor_place(name))
    return int(array.item())
