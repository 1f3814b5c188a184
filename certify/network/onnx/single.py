"""What onnxruntime's quantized kernels compute in single precision, in integers.

Every formula was found by measurement (docs/onnx.md). A product or sum of floats is an exact integer on a grid of
some power of two, rounded half-even to 24 significant bits; floats themselves are used only to make constants, and
tables of functions of 8 bit integers.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from fractions import Fraction
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from certify.errors import InputError
from certify.network.onnx.builder import Builder, described
from certify.network.onnx.model import Array
from certify.network.onnx.values import (
    INTEGER_TYPES,
    Added,
    Between,
    Function,
    Integers,
    Joined,
    Mean,
    Pending,
    Real,
    Shifted,
    Soft,
    Value,
    View,
    common_order,
)
from certify.network.operators import Addition, Concatenate, Slice, Softmax, Term
from certify.network.rounding import Q31_BITS, round_significant
from certify.network.steps import Clamp, Offset, RequantizeQ31, RoundSignificant, Step, Thresholds

MAX_TAPS = 64
EXACT_FLOAT = 2**53
SOFTMAX_BITS = 40
_Floats = NDArray[np.float32]


class Quantizer:
    """QuantizeLinear: round(x / scale) + zero point, half-even, saturated to the type."""

    def __init__(self, builder: Builder, scale: np.float32, zero_point: int, dtype: str) -> None:
        """Quantize to a type of 8 bits.

        Args:
            builder: takes the layers.
            scale: positive and finite.
            zero_point: within the type.
            dtype: INT8 or UINT8.
        """
        self._builder = builder
        self._scale = scale
        self._zero_point = zero_point
        self._dtype = dtype
        low, high = INTEGER_TYPES[dtype]
        self._bounds = low - zero_point, high - zero_point

    def quantize(self, value: Value) -> Integers:
        """Return the integers of an activation.

        Raises:
            InputError: what is pending on it is nothing that onnxruntime computes in integers.
        """
        return Integers(self._view(value), self._zero_point, self._dtype)

    def _view(self, value: Value) -> View:
        match value:
            case Real() if value.raw:
                return self._accumulated(value)
            case Real():
                return self._mapped(value)
            case Added():
                return self._added(value)
            case Shifted():
                return self._shifted(value)
            case Joined():
                return self._joined(value)
            case Mean():
                return self._mean(value)
            case Soft():
                return self._soft(value)
        raise InputError(f"expected an activation of real numbers, found {described(value)}")

    def _accumulated(self, real: Real) -> View:
        """Requantize an accumulation, as MLAS does: float(x) · factor, then rounded."""
        clamps = self._clamps(real.pending)
        with np.errstate(all="ignore"):
            factors = real.factors[0]
            for other in real.factors[1:]:
                factors = factors * other
            factors = factors / (self._scale * np.float32(real.divisor))
        pairs = [significand(float(factor)) for factor in factors.reshape(-1).tolist()]
        multipliers, shifts = zip(*pairs, strict=True)
        requantize = RequantizeQ31(_collapse(multipliers), _collapse(shifts), "float32")
        return self._builder.finish(real, [requantize, Clamp(*self._bounds), *clamps])

    def _clamps(self, pending: tuple[Pending, ...]) -> list[Step]:
        """Return what Relu and Clip do to the quantized integers: quantizing rises, so they may come after it."""
        found: list[Step] = []
        for each in pending:
            if not isinstance(each, Between):
                kind = each.kind if isinstance(each, Function) else "an addition or multiplication of real numbers"
                raise InputError(f"expected nothing but Relu or Clip before QuantizeLinear, found {kind}")
            low, high = (
                bound if value is None else self._quantized_bound(value)
                for value, bound in zip((each.low, each.high), self._bounds, strict=True)
            )
            found.append(Clamp(min(low, high), high))
        return [step for step in found if step != Clamp(*self._bounds)]

    def _quantized_bound(self, bound: Fraction) -> int:
        low, high = self._bounds
        with np.errstate(all="ignore"):
            return int(np.clip(np.rint(np.float32(float(bound)) / self._scale), low, high))

    def _mapped(self, real: Real) -> View:
        """Requantize a quantized tensor through functions: a table of what single precision makes of each integer."""
        (low,), (high,) = real.lows, real.highs
        if not real.pending and real.scale == self._scale:
            return self._builder.clamped(real.view, (low, high), self._bounds)
        if real.scale == self._scale and all(isinstance(each, Between) for each in real.pending):
            view = self._builder.clamped(real.view, (low, high), self._bounds)
            return self._builder.stepped(view, self._clamps(real.pending))
        with np.errstate(all="ignore"):
            found = np.arange(low, high + 1).astype(np.float32) * real.scale
            for each in real.pending:
                found = _evaluate(each, found)
            results = np.rint(found / self._scale)
        table = np.clip(results, *self._bounds)
        if not np.isfinite(table).all() or (np.diff(table) < 0).any():
            kind = next((each.kind for each in real.pending if isinstance(each, Function)), "a function")
            raise InputError(f"expected a function that never falls, found {kind} falling somewhere")
        values = table.astype(np.int64).tolist()
        return self._builder.stepped(real.view, [Thresholds(rises(low, values), values[0])])

    def _added(self, value: Added) -> View:
        """Add as MLAS's AVX2 kernel does.

        With r = scale / output scale and F = zero point - (r_a·z_a + r_b·z_b), rounded as there, an element is
        round(a·r_a + round(b·r_b + F)), each round to 24 bits, a and b with their zero points on.
        """
        left, right = value.left, value.right
        zero_points = [self._zero_point_in_file(each) for each in (left, right)]
        ratios, fixed = self._sum_parts((left.scale, right.scale), zero_points)
        inner = ratios[1] * zero_points[1] + fixed
        bits = max(_bits(ratios[1]), _bits(inner))
        sources = self._builder.arrange(right.view, common_order(left.view, right.view))
        first = self._builder.emit(
            Addition(
                (sources, sources),
                (Term(int(ratios[1] * 2**bits)), Term(0)),
                (*_offset(inner, bits), RoundSignificant()),
            )
        )
        return self._second(value, ratios[0], zero_points[0], first, bits)

    def _zero_point_in_file(self, real: Real) -> int:
        """Return the zero point that a tensor's integers had in the file: where its type's range lies says it."""
        (low,), (high,) = real.lows, real.highs
        if high - low != 255:
            raise InputError("expected activations of 8 bits, found others")
        return (INTEGER_TYPES[self._dtype][0]) - low

    def _sum_parts(
        self, scales: tuple[np.float32, np.float32], zero_points: Sequence[int]
    ) -> tuple[list[Fraction], Fraction]:
        """Return r of both operands, and F."""
        with np.errstate(all="ignore"):
            ratios = [Fraction(float(_finite(scale / self._scale))) for scale in scales]
        parts = _round(ratios[0] * zero_points[0] + _round(ratios[1] * zero_points[1]))
        return ratios, _round(self._zero_point - parts)

    def _shifted(self, value: Shifted) -> View:
        """Add a vector: what `_added` computes, as a list of thresholds for each channel."""
        source, (low,), (high,) = value.source, value.source.lows, value.source.highs
        own, other = self._zero_point_in_file(source), value.addend.zero_point
        scales = source.scale, np.float32(value.addend.scales.item())
        zero_points = (other, own) if value.first else (own, other)
        ratios, fixed = self._sum_parts(scales[::-1] if value.first else scales, zero_points)
        found = []
        for addend in value.addend.integers.reshape(-1).tolist():
            table = []
            for x in range(low, high + 1):
                pair = (addend + other, x + own) if value.first else (x + own, addend + other)
                total = _round(pair[0] * ratios[0] + _round(pair[1] * ratios[1] + fixed))
                table.append(min(max(round(total) - self._zero_point, self._bounds[0]), self._bounds[1]))
            found.append(table)
        view = source.view
        layer = self._builder.arrange(view, view.natural)
        least = min(table[0] for table in found)
        step = Thresholds(tuple((*(low,) * (table[0] - least), *rises(low, table)) for table in found), least)
        steps = (step, *self._clamps(value.pending))
        return self._builder.stepped(View(layer, view.shape, view.natural), steps)

    def _second(self, value: Added, ratio: Fraction, zero_point: int, other: int, other_bits: int) -> View:
        outer = ratio * zero_point
        bits = max(other_bits, _bits(ratio), _bits(outer))
        left, order = value.left.view, common_order(value.left.view, value.right.view)
        steps = (
            *_offset(outer, bits),
            RequantizeQ31(1, bits - Q31_BITS, "float32", -self._zero_point),
            Clamp(*self._bounds),
            *self._clamps(value.pending),
        )
        sources = (self._builder.arrange(left, order), other)
        terms = (Term(int(ratio * 2**bits)), Term(1 << (bits - other_bits)))
        return View(self._builder.emit(Addition(sources, terms, steps)), left.shape, order)

    def _joined(self, value: Joined) -> View:
        """Quantize every part, and put them one after the other."""
        views = [self._mapped(part) for part in value.parts]
        joined = joined_view(self._builder, views, value.axis)
        return self._builder.stepped(joined, self._clamps(value.pending))

    def _mean(self, value: Mean) -> View:
        """Take means as QLinearAveragePool does: floats are added up in order, then divided twice."""
        window, source = value.window, value.source
        if window.taps > MAX_TAPS or window.padded:
            found = "padding" if window.padded else f"{window.taps} elements"
            raise InputError(f"expected windows of at most {MAX_TAPS} elements without padding, found {found}")
        scale = Fraction(float(source.scale))
        bits = _bits(scale)
        plane = self._builder.arrange(source.view, (2, 3, 1))
        floats = self._builder.emit(
            Addition((plane, plane), (Term(int(scale * 2**bits)), Term(0)), (RoundSignificant(),))
        )
        rows, columns, channels = self._builder.shape(plane)
        down, right = window.positions((rows, columns))
        total = -1
        for tap in range(window.taps):
            top, left = divmod(tap, window.size[1])
            end = (top + (down - 1) * window.stride[0] + 1, left + (right - 1) * window.stride[1] + 1, channels)
            part = self._builder.emit(Slice((top, left, 0), end, (*window.stride, 1), sources=(floats,)))
            last = tap == window.taps - 1
            steps = (RoundSignificant(), self._divided(value, bits)) if last else (RoundSignificant(),)
            total = part if tap == 0 else self._builder.emit(Addition((total, part), (Term(), Term()), steps))
        if window.taps == 1:
            total = self._builder.stepped(View(total, value.shape, (2, 3, 1)), [self._divided(value, bits)]).layer
        return View(total, value.shape, (2, 3, 1))

    def _divided(self, value: Mean, bits: int) -> Thresholds:
        """Return the quantized mean as a function of the sum, an integer on the grid 2^-bits."""
        count, unit = np.float32(value.window.taps), np.float64(2.0**-bits)

        def mean(sums: NDArray[np.int64]) -> NDArray[np.float64]:
            floats = (sums * unit).astype(np.float32) / count / self._scale + np.float32(self._zero_point)
            return np.asarray(np.clip(np.rint(floats) - self._zero_point, *self._bounds), dtype=np.float64)

        ends = [abs(each) for each in (*value.source.lows, *value.source.highs)]
        limit = int(max(ends) * value.window.taps * Fraction(float(value.source.scale)) * 2**bits) * 2 + 1
        if limit >= EXACT_FLOAT:
            raise InputError(f"expected a scale below 2^20 of what is averaged, found {value.source.scale!s}")
        levels = np.arange(self._bounds[0] + 1, self._bounds[1] + 1)
        low = np.full(len(levels), -limit, dtype=np.int64)
        high = np.full(len(levels), limit, dtype=np.int64)
        for _ in range(limit.bit_length() + 1):
            middle = (low + high) >> 1
            reached = mean(middle) >= levels
            low, high = np.where(reached, low, middle + 1), np.where(reached, middle, high)
        reachable = mean(high) >= levels
        least = int(mean(np.array([-limit]))[0])
        return Thresholds(tuple(high[reachable & (levels > least)].tolist()), least)

    def _soft(self, value: Soft) -> View:
        """Take the softmax as QLinearSoftmax does, but for the last bits of its floats."""
        source, shape = value.source, value.source.view.shape
        order = (*(place for place in source.view.natural if place != value.axis), value.axis)
        table = _exponentials(float(source.scale), shape[value.axis])
        with np.errstate(all="ignore"):
            one = int(np.floor(_finite(np.float32(1) / self._scale)))
        if not 1 <= one <= 2**16:
            raise InputError(f"expected an output scale from 2^-16 to 1 of a softmax, found {self._scale!s}")
        layer = self._builder.arrange(source.view, order)
        found = Softmax(tuple(table), one, steps=(Clamp(*self._bounds),), sources=(layer,))
        return View(self._builder.emit(found), shape, order)


def joined_view(builder: Builder, views: list[View], axis: int) -> View:
    """Return tensors one after the other along a dimension of the file."""
    order = next((v.order for v in views if axis in v.order and set(views[0].natural) <= set(v.order)), None)
    if order is None:
        order = views[0].natural if axis in views[0].natural else (axis, *views[0].natural)
    layers = tuple(builder.arrange(view, order) for view in views)
    layer = builder.emit(Concatenate(layers, order.index(axis)))
    length = sum(view.shape[axis] for view in views)
    shape = views[0].shape
    return View(layer, (*shape[:axis], length, *shape[axis + 1 :]), order)


def rises(low: int, values: list[int]) -> tuple[int, ...]:
    """Return where a rising table of the integers from `low` rises, as often as it does."""
    pairs = enumerate(pairwise(values), low + 1)
    return tuple(place for place, (before, after) in pairs for _ in range(after - before))


def significand(factor: float) -> tuple[int, int]:
    """Return (multiplier, shift) with multiplier · 2^-31 · 2^-shift = factor, a float of single precision.

    Raises:
        InputError: it is not positive and finite, or 2^31 and more.
    """
    if not (math.isfinite(factor) and factor > 0):
        raise InputError(f"expected a positive factor of finite size between scales, found {factor!r}")
    mantissa, exponent = math.frexp(factor)
    if exponent > Q31_BITS:
        raise InputError(f"expected a factor below 2^31 between scales, found {factor!r}")
    return int(mantissa * 2**Q31_BITS), -exponent


def _collapse(values: tuple[int, ...]) -> int | tuple[int, ...]:
    return values[0] if len(set(values)) == 1 else values


def _evaluate(function: Pending, values: _Floats) -> _Floats:
    """Return what single precision makes of numbers."""
    match function:
        case Between(low, high):
            ends = (
                None if low is None else np.float32(float(low)),
                None if high is None else np.float32(float(high)),
            )
            return values if ends == (None, None) else np.clip(values, *ends)
        case Function("Sigmoid"):
            return (1 / (1 + np.exp(-values.astype(np.float64)))).astype(np.float32)
        case Function("Tanh"):
            return np.tanh(values.astype(np.float64)).astype(np.float32)
        case Function("LeakyRelu", slope):
            return np.where(values >= 0, values, values * np.float32(slope))
    raise InputError("expected a function of one number, found an addition or multiplication of real numbers")


def _exponentials(scale: float, length: int) -> list[int]:
    """Return exp(-d · scale) for d = 0, 1, ... on a common scale, as onnxruntime's table of floats has them."""
    shift = max(0.0, math.log(float(np.finfo(np.float32).max) / length) - 5)
    floats = [float(np.float32(math.exp((-d + shift / scale) * scale))) for d in range(256)]
    _, exponent = math.frexp(floats[0])
    found = [round(Fraction(value) * Fraction(2) ** (SOFTMAX_BITS - exponent)) for value in floats]
    while found[-1] == 0:
        found.pop()
    return found


def _finite(value: Any) -> Any:
    if not (np.isfinite(value) and value > 0):
        raise InputError(f"expected a positive ratio of finite size between scales, found {value!s}")
    return value


def _bits(value: Fraction) -> int:
    """Return the least number of binary places that hold a float."""
    return value.denominator.bit_length() - 1


def _round(value: Fraction) -> Fraction:
    """Return a sum or product of floats rounded to 24 bits."""
    return Fraction(round_significant(value.numerator), value.denominator)


def _offset(value: Fraction, bits: int) -> tuple[Step, ...]:
    found = int(value * 2**bits)
    return (Offset(found),) if found else ()


def scale_product(factors: tuple[Array, ...], divisor: int = 1) -> tuple[Fraction, ...]:
    """Return the exact products of floats, one or one for each channel."""
    found = [Fraction(1, divisor)]
    for each in factors:
        own = [Fraction(float(value)) for value in each.reshape(-1).tolist()]
        found = [a * b for a in found for b in own] if 1 in (len(found), len(own)) else []
    return tuple(found)
