"""Steps on whole tensors: what `steps.apply_steps` does to one integer, done to all of a tensor.

int64 tensors run in machine words, for callers whose bounds say that nothing leaves them; object tensors of Python
integers run in `apply_steps` itself, one element after the other.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from certify.network.rounding import Q31_BITS, SIGNIFICANT_BITS, Rounding, Rule
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
    apply_steps,
    channel_steps,
    channels,
    largest_intermediate,
)

Integers = NDArray[Any]


def run_steps(steps: Sequence[Step], values: Integers) -> Integers:
    """Return what the steps make of int[…, channels]: int64 in, int64 out, and Python integers likewise."""
    if values.dtype == object:
        return _run_exactly(tuple(steps), values)
    for step in steps:
        values = _run_step(step, values)
    return values


def _run_exactly(steps: tuple[Step, ...], values: Integers) -> Integers:
    if not steps:
        return values
    found = np.empty(values.shape, dtype=object)
    for places, own in _by_channel(steps, values):
        results: dict[int, int] = {}
        flat = [_remembered(results, own, value) for value in values[places].flat]
        found[places] = _column(flat).reshape(values[places].shape)
    return found


def _by_channel(steps: tuple[Step, ...], values: Integers) -> list[tuple[Any, tuple[Step, ...]]]:
    """Return an index for each part of a tensor whose elements have the same steps, and those steps."""
    if channels(steps) is None or not values.ndim:
        return [(..., steps)]
    return [((..., channel), channel_steps(steps, channel)) for channel in range(values.shape[-1])]


def _remembered(results: dict[int, int], steps: tuple[Step, ...], value: int) -> int:
    if value not in results:
        results[value] = apply_steps(steps, value)
    return results[value]


def _column(values: Sequence[int]) -> Integers:
    found = np.empty(len(values), dtype=object)
    found[:] = values
    return found


def shrunk(values: Integers) -> Integers:
    """Return the tensor with a single index in each dimension along which np.broadcast_to has repeated it.

    The bounds of a convolution are the same at every position, and so are those of what follows; what is computed
    of the shrunk tensors and then broadcast is the same as what is computed of all.
    """
    return values[tuple(slice(None) if stride else slice(1) for stride in values.strides)]


def magnitude(*tensors: Integers) -> int:
    """Return the largest |x| in tensors of Python integers, 0 for empty ones."""
    return max((abs(value) for tensor in tensors for value in shrunk(tensor).flat), default=0)


def bounds_after(steps: Sequence[Step], low: Integers, high: Integers) -> tuple[Integers, Integers, int]:
    """Return the bounds of what the steps make of a tensor within bounds, and of every number met on the way.

    Every step is monotone, so the images of the end points span the image.

    Args:
        steps: in their order.
        low: object[…, channels], the least values.
        high: the greatest.
    """
    own_low, own_high = _distinct(steps, low, high)
    ends_low, ends_high = np.empty(own_low.shape, dtype=object), np.empty(own_low.shape, dtype=object)
    largest = 0
    for places, own in _by_channel(tuple(steps), own_low):
        pairs = list(zip(own_low[places].flat, own_high[places].flat, strict=True))
        images = {ends: (apply_steps(own, ends[0]), apply_steps(own, ends[1])) for ends in set(pairs)}
        shape = own_low[places].shape
        ends_low[places] = _column([images[ends][0] for ends in pairs]).reshape(shape)
        ends_high[places] = _column([images[ends][1] for ends in pairs]).reshape(shape)
        largest = max([largest, *(largest_intermediate(own, *ends) for ends in images)])
    return np.broadcast_to(ends_low, low.shape), np.broadcast_to(ends_high, low.shape), largest


def _distinct(steps: Sequence[Step], low: Integers, high: Integers) -> tuple[Integers, Integers]:
    """Return the bounds without what only repeats, in one shape, with all channels where the steps differ."""
    own_low, own_high = shrunk(low), shrunk(high)
    shape = np.broadcast_shapes(own_low.shape, own_high.shape)
    if channels(steps) is not None:
        shape = (*shape[:-1], low.shape[-1])
    return np.broadcast_to(own_low, shape), np.broadcast_to(own_high, shape)


def _run_step(step: Step, values: Integers) -> Integers:
    match step:
        case Relu():
            return np.maximum(values, 0)
        case LeakyRelu(bits):
            return np.asarray(np.maximum(values, values << bits))
        case Requantize(shift, rounding, zero_point):
            return shift_right(values, shift, rounding) + zero_point
        case RequantizeQ31(multiplier, shift, rule, zero_point):
            return multiply_q31(values, np.asarray(multiplier), np.asarray(shift), rule) + zero_point
        case Clamp(low, high):
            return np.clip(values, low, high)
        case Offset(value):
            return values + value
        case Threshold():
            return (values >= 0).astype(np.int64)
        case Sign():
            return np.where(values >= 0, 1, -1)
        case RoundSignificant():
            return round_significant(values)
        case Thresholds():
            return _count(step, values)


def _count(step: Thresholds, values: Integers) -> Integers:
    lists = [np.array(own, dtype=np.int64) for own in step.lists]
    if not step.per_channel:
        return np.asarray(np.searchsorted(lists[0], values, side="right") + step.low)
    found = np.empty_like(values)
    for channel, own in enumerate(lists):
        found[..., channel] = np.searchsorted(own, values[..., channel], side="right")
    return found + step.low


def shift_right(values: Integers, shift: Any, rounding: Rounding) -> Integers:
    """Return int64 values / 2^shift rounded to integers, as `rounding.shift_right`; shift may be int64[channels]."""
    shift = np.asarray(shift)
    half = np.where(shift > 0, np.int64(1) << np.maximum(shift - 1, 0), 0)
    match rounding:
        case "floor":
            found = values >> shift
        case "half_up":
            found = (values + half) >> shift
        case "half_even":
            down = values >> shift
            rest = values - (down << shift)
            found = down + ((rest > half) | ((rest == half) & (down & 1 == 1))) * (shift > 0)
        case "half_away":
            found = np.where(values >= 0, (values + half) >> shift, -((half - values) >> shift))
        case "toward_zero":
            found = np.where(values >= 0, values >> shift, -(-values >> shift))
    return np.asarray(found)


def round_significant(values: Integers) -> Integers:
    """Return int64 values rounded half-even to 24 significant bits, as `rounding.round_significant`."""
    magnitude = np.abs(values)
    excess = np.zeros(values.shape, dtype=np.int64)
    for step in (32, 16, 8, 4, 2, 1):
        excess += np.where(magnitude >> (excess + step + SIGNIFICANT_BITS - 1) > 0, step, 0)
    return np.asarray(shift_right(values, excess, "half_even") << excess)


def multiply_q31(values: Integers, multiplier: Any, shift: Any, rule: Rule) -> Integers:
    """Return int64 values · multiplier / 2^(31 + shift), as `rounding.multiply_q31`; factors may be per channel."""
    match rule:
        case "single":
            return shift_right(values * multiplier, Q31_BITS + shift, "half_up")
        case "double":
            high = shift_right((values << np.maximum(-shift, 0)) * multiplier, Q31_BITS, "half_up")
            return shift_right(high, np.maximum(shift, 0), "half_up")
        case "float32":
            product = round_significant(round_significant(values) * multiplier)
            return shift_right(product, Q31_BITS + shift, "half_even")
