"""Functions of one real number: Relu, Clip, tables, and what batch norm and other constants make of a channel.

They are only remembered here. The quantizer that follows decides whether they are bounds, a table or thresholds.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction

import numpy as np

from certify.errors import InputError
from certify.network.onnx.builder import Builder, attribute, described, expect_inputs, present
from certify.network.onnx.model import MICROSOFT, Node, tensor_place
from certify.network.onnx.quantizers import dequantized, read_quantizer
from certify.network.onnx.registry import Reader, Readers
from certify.network.onnx.single import scale_product
from certify.network.onnx.values import (
    Added,
    Affine,
    Between,
    Constant,
    Function,
    Grid,
    Joined,
    Real,
    Shifted,
    Value,
    exact,
    one_each,
    shape_of,
)

_ROOT_BITS = 256


def _relu(builder: Builder, node: Node) -> Value:
    expect_inputs(node, 1, 1)
    return _between(builder, node.inputs[0], Between(Fraction(0), None))


def _clip(builder: Builder, node: Node) -> Value:
    expect_inputs(node, 1, 3)
    ends = []
    for place, name in enumerate(("min", "max"), 1):
        if name in node.attributes:
            ends.append(_bound(attribute(node, name, float, 0.0)))
        elif present(node, place):
            array = builder.constant(present(node, place)).array
            if array.size != 1:
                raise InputError(f"expected one bound, found {array.size}", tensor_place(node.inputs[place]))
            ends.append(_bound(float(array.item())))
        else:
            ends.append(None)
    low, high = ends
    if low is not None and high is not None and low > high:
        raise InputError(f"expected a lower bound up to the upper one, found {float(low)} and {float(high)}")
    return _between(builder, node.inputs[0], Between(low, high))


def _bound(value: float) -> Fraction | None:
    """Return a bound, None for one that no float of finite size passes."""
    if math.isnan(value):
        raise InputError("expected a bound, found nan")
    return None if math.isinf(value) or abs(value) >= float(np.finfo(np.float32).max) else Fraction(value)


def _between(builder: Builder, name: str, bounds: Between) -> Value:
    found = builder.value(name)
    if isinstance(found, Real):
        return found.then(bounds)
    if isinstance(found, Added | Shifted | Joined):
        return replace(found, pending=(*found.pending, bounds))
    raise InputError(f"expected a dequantized activation, found {described(found)}", tensor_place(name))


def _sigmoid(builder: Builder, node: Node) -> Value:
    expect_inputs(node, 1, 1)
    return builder.real(node.inputs[0]).then(Function("Sigmoid"))


def _tanh(builder: Builder, node: Node) -> Value:
    expect_inputs(node, 1, 1)
    return builder.real(node.inputs[0]).then(Function("Tanh"))


def _slope(node: Node) -> Function | Between:
    slope = attribute(node, "alpha", float, 0.01)
    if not (math.isfinite(slope) and slope >= 0):
        raise InputError(f"expected alpha of at least 0, so that the function never falls, found {slope}")
    return Function("LeakyRelu", slope)


def _leaky_relu(builder: Builder, node: Node) -> Value:
    expect_inputs(node, 1, 1)
    return builder.real(node.inputs[0]).then(_slope(node))


def _quantized(function: Callable[[Node], Function | Between]) -> Reader:
    """Return a reader of com.microsoft's quantized form of a function."""

    def read(builder: Builder, node: Node) -> Value:
        expect_inputs(node, 4, 5)
        source = dequantized(builder, *node.inputs[:3])
        if not isinstance(source, Real):
            raise InputError("expected an activation, found a constant", tensor_place(node.inputs[0]))
        return read_quantizer(builder, node.inputs[3], present(node, 4)).quantize(source.then(function(node)))

    return read


def _same(builder: Builder, node: Node) -> Value:
    expect_inputs(node, 1, 3)
    return builder.value(node.inputs[0])


def add_constant(builder: Builder, name: str, constant: str) -> Real:
    """Return an activation after a constant is added, one or one for each channel.

    Raises:
        InputError: it is no activation of real numbers, or the constant does not fit.
    """
    real = builder.real(name)
    offsets, channel = _numbers(builder, constant, real)
    return _with(real, Affine((Fraction(1),), offsets), channel)


def _numbers(builder: Builder, name: str, real: Real) -> tuple[tuple[Fraction, ...], int | None]:
    """Return a constant's real numbers, and the dimension of the channels that have one each."""
    found = builder.value(name)
    shape = real.view.shape
    try:
        if isinstance(found, Constant) and found.array.dtype.kind == "f":
            numbers, channel = one_each(found.array, shape, "a constant")
            return exact(numbers), channel
        if isinstance(found, Grid):
            values = found.integers * np.ones_like(found.scales, dtype=np.int64)
            numbers, channel = one_each(values, shape, "a constant")
            scales = scale_product((np.broadcast_to(found.scales, values.shape),))
            return tuple(n * s for n, s in zip(numbers.tolist(), scales, strict=True)), channel
    except InputError as error:
        raise InputError(error.problem, tensor_place(name)) from None
    raise InputError(f"expected a constant of real numbers, found {described(found)}", tensor_place(name))


def _with(real: Real, affine: Affine, channel: int | None) -> Real:
    """Return the activation after an affine function whose numbers may be for each of its channels."""
    if channel is not None and not (real.raw and real.channel == channel):
        problem = "expected one number, or one for each channel of an accumulation"
        raise InputError(f"{problem}, found some along dimension {channel}")
    return real.then(affine)


def _mul(builder: Builder, node: Node) -> Value:
    expect_inputs(node, 2, 2)
    left, right = node.inputs
    swapped = isinstance(builder.value(left), Constant | Grid)
    real = builder.real(right if swapped else left)
    factors, channel = _numbers(builder, left if swapped else right, real)
    return _with(real, Affine(factors, (Fraction(0),)), channel)


def _div(builder: Builder, node: Node) -> Value:
    expect_inputs(node, 2, 2)
    real = builder.real(node.inputs[0])
    divisors, channel = _numbers(builder, node.inputs[1], real)
    if 0 in divisors:
        raise InputError("expected divisors other than 0, found 0", tensor_place(node.inputs[1]))
    return _with(real, Affine(tuple(1 / each for each in divisors), (Fraction(0),)), channel)


def _sub(builder: Builder, node: Node) -> Value:
    expect_inputs(node, 2, 2)
    real = builder.real(node.inputs[0])
    offsets, channel = _numbers(builder, node.inputs[1], real)
    return _with(real, Affine((Fraction(1),), tuple(-each for each in offsets)), channel)


def _batch_norm(builder: Builder, node: Node) -> Value:
    """(x - mean) · scale / root + bias, where root is the float64 nearest to sqrt(variance + epsilon)."""
    expect_inputs(node, 5, 5)
    if attribute(node, "training_mode", int, 0):
        raise InputError("expected a batch norm for inference, found training_mode")
    real = builder.real(node.inputs[0])
    shape = shape_of(real)
    if len(shape) < 2:
        raise InputError(f"expected an input of [1, channels, ...], found {list(shape)}")
    scale, bias, mean, variance = (_per_channel(builder, name, shape[1]) for name in node.inputs[1:])
    epsilon = exact([attribute(node, "epsilon", float, 1e-5)])[0]
    if min(variance) + epsilon <= 0:
        raise InputError("expected variances above 0 with epsilon, found one below", tensor_place(node.inputs[4]))
    factors = tuple(a / nearest_root(b + epsilon) for a, b in zip(scale, variance, strict=True))
    offsets = tuple(b - m * f for b, m, f in zip(bias, mean, factors, strict=True))
    same = len(set(factors)) == len(set(offsets)) == 1
    affine = Affine(factors[:1], offsets[:1]) if same else Affine(factors, offsets)
    return _with(real, affine, None if same else 1)


def _per_channel(builder: Builder, name: str, channels: int) -> tuple[Fraction, ...]:
    array = builder.constant(name).array
    if array.dtype.kind != "f" or array.shape != (channels,):
        problem = f"expected {channels} real numbers, found {array.dtype.name}{list(array.shape)}"
        raise InputError(problem, tensor_place(name))
    try:
        return exact(array)
    except InputError as error:
        raise InputError(error.problem, tensor_place(name)) from None


def nearest_root(value: Fraction) -> Fraction:
    """Return the float64 nearest to the square root of a positive number, as a fraction."""
    shifted = value * 4**_ROOT_BITS
    whole = math.isqrt(shifted.numerator // shifted.denominator)
    sticky = 0 if whole * whole == shifted else 1
    return Fraction(float(Fraction(2 * whole + sticky, 2 ** (_ROOT_BITS + 1))))


READERS: Readers = {
    ("", "Relu"): _relu,
    ("", "Clip"): _clip,
    ("", "Sigmoid"): _sigmoid,
    ("", "Tanh"): _tanh,
    ("", "LeakyRelu"): _leaky_relu,
    ("", "Identity"): _same,
    ("", "Dropout"): _same,
    ("", "Mul"): _mul,
    ("", "Div"): _div,
    ("", "Sub"): _sub,
    ("", "BatchNormalization"): _batch_norm,
    (MICROSOFT, "QLinearSigmoid"): _quantized(lambda _: Function("Sigmoid")),
    (MICROSOFT, "QLinearLeakyRelu"): _quantized(_slope),
}
