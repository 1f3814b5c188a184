"""Quantizers in exact arithmetic: what QONNX's nodes mean, every number of the file taken as the rational it is.

A channel's whole epilogue (scale, bias, batch norm, ReLU, quantizer) is one function of its integer accumulator.
It never falls, once a row whose factor is negative has changed its sign, so it is a list of thresholds: the least
integer that reaches each level, found by bisection.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Literal

from certify.errors import InputError
from certify.network.onnx.builder import Builder, described
from certify.network.onnx.single import joined_view
from certify.network.onnx.values import (
    Added,
    Affine,
    Between,
    Joined,
    Mean,
    Pending,
    Real,
    Shifted,
    Value,
    View,
    common_order,
)
from certify.network.operators import Addition, Linear, Pooling, Term
from certify.network.steps import Thresholds

MAX_LEVELS = 2**10
MAX_THRESHOLDS = 2**20
Rounding = Literal["ROUND", "FLOOR", "CEIL", "DOWN"]
ROUNDINGS: dict[str, Rounding] = {
    "ROUND": "ROUND",
    "HALF_EVEN": "ROUND",
    "FLOOR": "FLOOR",
    "CEIL": "CEIL",
    "DOWN": "DOWN",
    "ROUND_TO_ZERO": "DOWN",
}
_ROUNDED: dict[Rounding, Callable[[Fraction], int]] = {
    "ROUND": round,
    "FLOOR": math.floor,
    "CEIL": math.ceil,
    "DOWN": math.trunc,
}


@dataclass(frozen=True)
class Levels:
    """A quantizer: real numbers to integers, which stand for integer · scale.

    Attributes:
        scale: above 0.
        low, high: the least and greatest integer, zero point taken off.
        zero_point: added before rounding, and taken off after it.
        rounding: how numbers are rounded; "" for a bipolar quantizer, which has -1 and 1 alone.
    """

    scale: Fraction
    low: int
    high: int
    zero_point: int
    rounding: Rounding | Literal[""]

    def level(self, value: Fraction) -> int:
        """Return the integer of a number."""
        if not self.rounding:
            return 1 if value >= 0 else -1
        rounded = _ROUNDED[self.rounding](value / self.scale + self.zero_point) - self.zero_point
        return min(max(rounded, self.low), self.high)


def quantize(builder: Builder, value: Value, levels: Levels) -> Real:
    """Return an activation on a quantizer's grid.

    Raises:
        InputError: something is pending on it that is not exact, or falls.
    """
    if levels.high - levels.low >= MAX_LEVELS:
        raise InputError(
            f"expected an activation of at most {MAX_LEVELS} levels, found {levels.high - levels.low + 1}"
        )
    view = _view(builder, value, levels)
    return Real(view, (levels.scale,), (levels.low,), (levels.high,), factors=())


def _view(builder: Builder, value: Value, levels: Levels) -> View:
    match value:
        case Real():
            return _real(builder, value, levels)
        case Added():
            return _real(builder, _sum(builder, value), levels)
        case Shifted():
            return _real(builder, _shifted(value), levels)
        case Mean():
            return _real(builder, _mean(builder, value), levels)
        case Joined():
            parts = [replace(part, pending=(*part.pending, *value.pending)) for part in value.parts]
            return joined_view(builder, [_real(builder, part, levels) for part in parts], value.axis)
    raise InputError(f"expected an activation whose arithmetic is exact, found {described(value)}")


def _real(builder: Builder, real: Real, levels: Levels) -> View:
    """Give an accumulation its thresholds, or a quantized tensor a step of them."""
    signs = [_sign(real, channel) for channel in range(_channels(real))]
    negated = [channel for channel, sign in enumerate(signs) if sign < 0]
    if negated and not (real.raw and isinstance(builder.layers[real.view.layer], Linear)):
        raise InputError("expected factors of at least 0, found one below where no kernel can take its sign")
    if not real.raw and not real.pending and real.scales == (levels.scale,) and levels.rounding:
        return builder.clamped(real.view, (real.lows[0], real.highs[0]), (levels.low, levels.high))
    found = [_thresholds(real, channel, signs[channel] < 0, levels) for channel in range(len(signs))]
    if sum(map(len, found)) > MAX_THRESHOLDS:
        raise InputError(f"expected at most {MAX_THRESHOLDS} thresholds, found {sum(map(len, found))}")
    same = all(each == found[0] for each in found)
    view = real.view
    if not same and not real.raw and real.channel == len(view.shape) - 1:
        view = View(builder.arrange(view, view.natural), view.shape, view.natural)
    elif not same and not (real.raw and isinstance(builder.layers[view.layer], Linear)):
        raise InputError("expected one function for all channels of a tensor that is no accumulation, found several")
    step = Thresholds(found[0] if same else tuple(found), levels.low)
    return builder.finish(real, [step], negated) if real.raw else builder.stepped(view, [step])


def _channels(real: Real) -> int:
    """Return how many channels the scales, bounds and pending functions tell apart; 1 where none do."""
    counts = {len(real.scales), len(real.lows)}
    affine = [each for each in real.pending if isinstance(each, Affine)]
    counts |= {len(numbers) for each in affine for numbers in (each.factors, each.offsets)}
    if len(counts - {1}) > 1:
        raise InputError(f"expected values for one number of channels, found {sorted(counts)}")
    return max(counts)


def _of(values: Sequence[Fraction], channel: int) -> Fraction:
    return values[channel if len(values) > 1 else 0]


def _sign(real: Real, channel: int) -> int:
    """Return 1, 0 or -1: whether a channel's function rises, is constant, or falls."""
    factors = [_of(real.scales, channel)]
    factors += [_of(each.factors, channel) for each in real.pending if isinstance(each, Affine)]
    return math.prod((factor > 0) - (factor < 0) for factor in factors)


def _apply(pending: Pending, value: Fraction, channel: int) -> Fraction:
    match pending:
        case Affine(factors, offsets):
            return value * _of(factors, channel) + _of(offsets, channel)
        case Between(low, high):
            raised = value if low is None else max(value, low)
            return raised if high is None else min(raised, high)
    raise InputError(f"expected functions that are exact, found {pending.kind}")


def _thresholds(real: Real, channel: int, negated: bool, levels: Levels) -> tuple[int, ...]:
    """Return the least integers that reach each level, those at the lower bound for levels that all reach."""

    def level(value: int) -> int:
        found = _of(real.scales, channel) * (-value if negated else value)
        for pending in real.pending:
            found = _apply(pending, found, channel)
        return levels.level(found)

    ends = [real.lows[channel if len(real.lows) > 1 else 0], real.highs[channel if len(real.highs) > 1 else 0]]
    low, high = (-ends[1], -ends[0]) if negated else ends
    first = level(low)
    return (*(low,) * (first - levels.low), *_between(level, (low, first), (high, level(high))))


def _between(level: Callable[[int], int], low: tuple[int, int], high: tuple[int, int]) -> list[int]:
    """Return a threshold for every level above that of the lower end, by bisection."""
    if low[1] == high[1]:
        return []
    if high[0] == low[0] + 1:
        return [high[0]] * (high[1] - low[1])
    middle = (low[0] + high[0]) // 2
    at = (middle, level(middle))
    return [*_between(level, low, at), *_between(level, at, high)]


def _sum(builder: Builder, value: Added) -> Real:
    """Return the exact sum of two quantized tensors, on the coarsest grid that has both."""
    left, right = value.left, value.right
    unit = Fraction(
        math.gcd(
            left.scales[0].numerator * right.scales[0].denominator,
            right.scales[0].numerator * left.scales[0].denominator,
        ),
        left.scales[0].denominator * right.scales[0].denominator,
    )
    weights = [int(each.scales[0] / unit) for each in (left, right)]
    order = common_order(left.view, right.view)
    sources = tuple(builder.arrange(each.view, order) for each in (left, right))
    layer = builder.emit(Addition(sources, tuple(Term(weight) for weight in weights)))
    low = sum(w * each.lows[0] for w, each in zip(weights, (left, right), strict=True))
    high = sum(w * each.highs[0] for w, each in zip(weights, (left, right), strict=True))
    view = View(layer, left.view.shape, order)
    return Real(view, (unit,), (low,), (high,), value.pending, raw=True)


def _shifted(value: Shifted) -> Real:
    """Return a quantized tensor with an exact number added in each place of its last dimension."""
    source, scale = value.source, Fraction(float(value.addend.scales.item()))
    offsets = tuple(scale * integer for integer in value.addend.integers.reshape(-1).tolist())
    pending = (*source.pending, Affine((Fraction(1),), offsets), *value.pending)
    return replace(source, pending=pending, channel=len(source.view.shape) - 1)


def _mean(builder: Builder, value: Mean) -> Real:
    """Return the exact means of windows: their sums, on a finer grid."""
    if value.window.padded:
        raise InputError("expected windows without padding, found padding")
    source, taps = value.source, value.window.taps
    layer = builder.emit(Pooling("sum", value.window, sources=(builder.arrange(source.view, (2, 3, 1)),)))
    view = View(layer, value.shape, (2, 3, 1))
    bounds = (taps * source.lows[0],), (taps * source.highs[0],)
    return Real(view, (source.scales[0] / taps,), *bounds, raw=True)
