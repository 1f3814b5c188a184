"""Where reals become integers and integers reals: QuantizeLinear, DequantizeLinear, Quant and BipolarQuant."""

from __future__ import annotations

from fractions import Fraction

import numpy as np

from certify.errors import InputError
from certify.network.onnx.builder import Builder, attribute, axis_of, described, expect_inputs, present
from certify.network.onnx.exact import ROUNDINGS, Levels, quantize
from certify.network.onnx.model import QONNX_DOMAINS, Array, Node, tensor_place
from certify.network.onnx.registry import Readers
from certify.network.onnx.single import Quantizer
from certify.network.onnx.values import INTEGER_TYPES, Constant, Grid, Integers, Real, Value, View

ONNX_TYPES = {"int8": "INT8", "uint8": "UINT8", "int32": "INT32"}
MAX_WEIGHT_BITS = 16


def read_scale(builder: Builder, name: str) -> Array:
    """Return the scales that a tensor holds, float32[…], each positive and finite.

    Raises:
        InputError: it is not constant, of another type, or holds other numbers.
    """
    array = builder.constant(name).array
    if array.dtype != np.float32 or array.size < 1:
        raise InputError(f"expected scales of FLOAT, found {array.dtype.name}{list(array.shape)}", tensor_place(name))
    bad = ~(np.isfinite(array) & (array > 0))
    if bad.any():
        raise InputError(f"expected positive scales of finite size, found {array[bad][0]}", tensor_place(name))
    return array


def read_zero_point(builder: Builder, name: str, default: str) -> tuple[Array, str]:
    """Return zero points, int64[…], and their type; 0 of a default type where they are left out.

    Raises:
        InputError: they are not constant, or of a type that is not read.
    """
    if not name:
        return np.zeros((), dtype=np.int64), default
    array = builder.constant(name).array
    if array.dtype.name not in ONNX_TYPES:
        problem = f"expected zero points of {', '.join(INTEGER_TYPES)}, found {array.dtype.name.upper()}"
        raise InputError(problem, tensor_place(name))
    return array.astype(np.int64), ONNX_TYPES[array.dtype.name]


def scalar(array: Array, name: str) -> float:
    """Return the one number of a tensor.

    Raises:
        InputError: it has more.
    """
    if array.size != 1:
        raise InputError(f"expected one number for the whole tensor, found {array.size}", tensor_place(name))
    return float(array.item())


def read_quantizer(builder: Builder, scale: str, zero_point: str) -> Quantizer:
    """Return what quantizes an activation by a scale and a zero point, the names of tensors.

    Raises:
        InputError: they are not one positive number and one integer of 8 bits.
    """
    scales = read_scale(builder, scale)
    scalar(scales, scale)
    zero_points, dtype = read_zero_point(builder, zero_point, "UINT8")
    if dtype == "INT32":
        raise InputError("expected a zero point of INT8 or UINT8, found INT32", tensor_place(zero_point))
    return Quantizer(builder, np.float32(scales.item()), int(scalar(zero_points, zero_point)), dtype)


def dequantized(builder: Builder, name: str, scale: str, zero_point: str, *, axis: int = 1) -> Value:
    """Return a tensor in real numbers: an activation, or a constant on its grid.

    Args:
        builder: knows the tensors.
        name: of the tensor.
        scale: of the tensor that has the scales.
        zero_point: of the tensor that has the zero points, may be empty.
        axis: of scales in a list, for a constant.

    Raises:
        InputError: the numbers do not fit the tensor.
    """
    found = builder.value(name)
    if isinstance(found, Constant):
        return constant_grid(builder, name, scale, zero_point, axis=axis)
    if not isinstance(found, Integers):
        raise InputError(f"expected integers, found {described(found)}", tensor_place(name))
    zero_points, dtype = read_zero_point(builder, zero_point, found.dtype)
    if dtype != found.dtype or dtype == "INT32":
        raise InputError(f"expected {found.dtype} of 8 bits and its zero point, found {dtype}", tensor_place(name))
    scales, zero = read_scale(builder, scale), int(scalar(zero_points, zero_point))
    exact = (Fraction(scalar(scales, scale)),)
    low, high = (bound - zero for bound in INTEGER_TYPES[dtype])
    return Real(builder.centered(found, zero), exact, (low,), (high,), factors=(scales.reshape(1),))


def constant_grid(builder: Builder, name: str, scale: str, zero_point: str, *, axis: int) -> Grid:
    """Return a constant's integers with their scale.

    Raises:
        InputError: it is not constant, or the scales do not fit its shape.
    """
    array = builder.constant(name).array
    if array.dtype.name not in ONNX_TYPES:
        raise InputError(f"expected {', '.join(INTEGER_TYPES)}, found {array.dtype.name.upper()}", tensor_place(name))
    dtype = ONNX_TYPES[array.dtype.name]
    scales = read_scale(builder, scale)
    zero_points, own = read_zero_point(builder, zero_point, dtype)
    if own != dtype:
        raise InputError(f"expected zero points of {dtype}, found {own}", tensor_place(zero_point))
    scales = _along(scales, array.shape, axis, scale)
    integers = array.astype(np.int64) - _along(zero_points, array.shape, axis, zero_point)
    wide = max(int(integers.max(initial=0)), -int(integers.min(initial=0)))
    bits = 31 if dtype == "INT32" else (7 if wide <= 2**7 else 8)
    zero = int(zero_points.reshape(-1)[0]) if zero_points.size else 0
    return Grid(integers, scales, bits, zero)


def _along(values: Array, shape: tuple[int, ...], axis: int, name: str) -> Array:
    """Return one number, or one for each element of a dimension, so that it broadcasts with the shape."""
    if values.size == 1:
        return values.reshape((1,) * len(shape))
    place = axis_of(axis, len(shape)) if shape else 0
    if values.ndim != 1 or not shape or len(values) != shape[place]:
        problem = f"expected 1 number or {shape[place] if shape else 1}, found {list(values.shape)}"
        raise InputError(problem, tensor_place(name))
    return values.reshape(tuple(-1 if dimension == place else 1 for dimension in range(len(shape))))


def _quantize_linear(builder: Builder, node: Node) -> Value:
    expect_inputs(node, 2, 3)
    expect_plain(node)
    found = builder.value(node.inputs[0])
    zero_point = present(node, 2)
    if isinstance(found, Constant):
        return _quantized_constant(builder, node, found.array)
    return read_quantizer(builder, node.inputs[1], zero_point).quantize(found)


def _quantized_constant(builder: Builder, node: Node, array: Array) -> Constant:
    """Return a float constant's integers, in single precision as onnxruntime folds it."""
    if array.dtype != np.float32:
        raise InputError(f"expected FLOAT, found {array.dtype.name.upper()}", tensor_place(node.inputs[0]))
    axis = attribute(node, "axis", int, 1)
    scales = _along(read_scale(builder, node.inputs[1]), array.shape, axis, node.inputs[1])
    zero_points, dtype = read_zero_point(builder, present(node, 2), "UINT8")
    zero_points = _along(zero_points, array.shape, axis, present(node, 2))
    with np.errstate(all="ignore"):
        found = np.rint(array / scales) + zero_points
    if not np.isfinite(found).all():
        raise InputError("expected numbers of finite size, found others", tensor_place(node.inputs[0]))
    return Constant(np.clip(found, *INTEGER_TYPES[dtype]).astype(dtype.lower()))


def _dequantize_linear(builder: Builder, node: Node) -> Value:
    expect_inputs(node, 2, 3)
    expect_plain(node)
    return dequantized(
        builder, node.inputs[0], node.inputs[1], present(node, 2), axis=attribute(node, "axis", int, 1)
    )


def expect_plain(node: Node) -> None:
    """Check that a quantizer has no blocks and no type of its own.

    Raises:
        InputError: it has.
    """
    for name in ("block_size", "output_dtype", "precision"):
        if node.attributes.get(name):
            raise InputError(f"expected no attribute {name}, found {node.attributes[name]}")


def _levels(builder: Builder, node: Node) -> tuple[Levels, int]:
    """Return a Quant node's levels for a scale of 1, and how many precision bits they take."""
    expect_inputs(node, 4, 4)
    _, _, zero_point, width = node.inputs
    bits = scalar(builder.constant(width).array, width)
    if not (1 <= bits <= MAX_WEIGHT_BITS and bits == int(bits)):
        raise InputError(f"expected 1 to {MAX_WEIGHT_BITS} bits, found {bits}", tensor_place(width))
    offset = scalar(builder.constant(zero_point).array, zero_point)
    if not (abs(offset) <= 2**MAX_WEIGHT_BITS and offset == int(offset)):
        raise InputError(f"expected an integer of {MAX_WEIGHT_BITS} bits, found {offset}", tensor_place(zero_point))
    mode = attribute(node, "rounding_mode", str, "ROUND").upper()
    if mode not in ROUNDINGS:
        raise InputError(f"expected a rounding mode of {', '.join(ROUNDINGS)}, found {mode}")
    signed, narrow = attribute(node, "signed", int, 1), attribute(node, "narrow", int, 0)
    low = (-(1 << (int(bits) - 1)) + (1 if narrow else 0)) if signed else 0
    high = (1 << (int(bits) - 1)) - 1 if signed else (1 << int(bits)) - 1 - (1 if narrow else 0)
    zero = int(offset)
    return Levels(Fraction(1), low - zero, high - zero, zero, ROUNDINGS[mode]), int(bits) - 1 if signed else int(bits)


def _bipolar(node: Node) -> tuple[Levels, int]:
    expect_inputs(node, 2, 2)
    return Levels(Fraction(1), -1, 1, 0, ""), 0


def _quant(builder: Builder, node: Node) -> Value:
    levels, bits = _levels(builder, node)
    return _on_grid(builder, node.inputs[0], node.inputs[1], levels, bits)


def _bipolar_quant(builder: Builder, node: Node) -> Value:
    levels, bits = _bipolar(node)
    return _on_grid(builder, node.inputs[0], node.inputs[1], levels, bits)


def begin(builder: Builder, node: Node, view: View) -> Real:
    """Return what a quantizer makes of the model's float input: all integers that it may make.

    Args:
        builder: knows the constants.
        node: QuantizeLinear, Quant or BipolarQuant.
        view: the network's input.

    Raises:
        InputError: as the quantizer itself.
    """
    if node.kind == "QuantizeLinear":
        expect_inputs(node, 2, 3)
        expect_plain(node)
        scales = read_scale(builder, node.inputs[1])
        zero_points, dtype = read_zero_point(builder, present(node, 2), "UINT8")
        if dtype == "INT32":
            raise InputError("expected a zero point of INT8 or UINT8, found INT32", tensor_place(node.inputs[2]))
        zero = int(scalar(zero_points, present(node, 2)))
        low, high = (bound - zero for bound in INTEGER_TYPES[dtype])
    else:
        levels, _ = _bipolar(node) if node.kind == "BipolarQuant" else _levels(builder, node)
        scales, low, high = read_scale(builder, node.inputs[1]), levels.low, levels.high
    exact = Fraction(scalar(scales, node.inputs[1]))
    return Real(view, (exact,), (low,), (high,), factors=(scales.reshape(1),))


def _on_grid(builder: Builder, name: str, scale: str, unscaled: Levels, bits: int) -> Value:
    scales = read_scale(builder, scale)
    found = builder.value(name)
    if isinstance(found, Constant):
        return _constant_levels(found.array, scales, unscaled, bits, name)
    exact = Fraction(scalar(scales, scale))
    levels = Levels(exact, unscaled.low, unscaled.high, unscaled.zero_point, unscaled.rounding)
    real = quantize(builder, found, levels)
    return Real(real.view, real.scales, real.lows, real.highs, factors=(scales.reshape(1),))


def _constant_levels(array: Array, scales: Array, unscaled: Levels, bits: int, name: str) -> Grid:
    """Return a float constant on a quantizer's grid: each exact quotient rounded."""
    if array.dtype != np.float32 or not np.isfinite(array).all():
        raise InputError("expected FLOAT numbers of finite size, found others", tensor_place(name))
    if scales.size == 1:
        scales = scales.reshape((1,) * array.ndim)
    fits = scales.ndim == array.ndim and all(a in (1, b) for a, b in zip(scales.shape, array.shape, strict=True))
    if not fits:
        problem = f"expected scales that broadcast with {list(array.shape)}, found {list(scales.shape)}"
        raise InputError(problem, tensor_place(name))
    pairs = zip(array.reshape(-1).tolist(), np.broadcast_to(scales, array.shape).reshape(-1).tolist(), strict=True)
    known: dict[tuple[float, float], int] = {}
    found = []
    for pair in pairs:
        if pair not in known:
            known[pair] = unscaled.level(Fraction(pair[0]) / Fraction(pair[1]))
        found.append(known[pair])
    wide = max([*map(abs, found), 1]).bit_length()
    integers = np.array(found, dtype=np.int64).reshape(array.shape)
    return Grid(integers, scales, max(bits, wide - 1 if max(map(abs, found), default=0) <= 1 << (wide - 1) else wide))


READERS: Readers = {
    ("", "QuantizeLinear"): _quantize_linear,
    ("", "DequantizeLinear"): _dequantize_linear,
    ("com.microsoft", "QuantizeLinear"): _quantize_linear,
    ("com.microsoft", "DequantizeLinear"): _dequantize_linear,
    **{(domain, "Quant"): _quant for domain in QONNX_DOMAINS},
    **{(domain, "BipolarQuant"): _bipolar_quant for domain in QONNX_DOMAINS},
}
