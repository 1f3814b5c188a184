"""The element-wise steps after a linear map: what each does to an integer, exactly.

Every step is a monotone function of one integer, so an interval's image is spanned by the images of its end
points. A step also says what it does to the precision bits, and how it reads on integers that are finer by a
power of two: a ticket's accumulators are, and its steps are the target's rescaled (docs/proof.md, "The
network": shift + log2 s, and offset and clamp bounds times s; a step that ends at its own scale ends at the
target's).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Literal, TypeAlias, get_args

import msgspec

MAX_SHIFT = 1024

Rounding: TypeAlias = Literal["floor", "half_up", "half_even", "half_away", "toward_zero"]
ROUNDINGS: tuple[Rounding, ...] = get_args(Rounding)


class Relu(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="op", tag="relu"):
    """max(x, 0)."""


class Requantize(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="op", tag="requantize"):
    """x / 2^shift, rounded to an integer by the named rule; then zero_point is added."""

    shift: Annotated[int, msgspec.Meta(ge=0, le=MAX_SHIFT)]
    rounding: Rounding
    zero_point: int = 0


class Clamp(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="op", tag="clamp"):
    """min(max(x, low), high)."""

    low: int
    high: int


class Offset(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="op", tag="offset"):
    """x + value."""

    value: int


class Threshold(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="op", tag="step"):
    """1 for x ≥ 0, else 0."""


class Sign(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="op", tag="sign"):
    """1 for x ≥ 0, else -1."""


Step: TypeAlias = Relu | Requantize | Clamp | Offset | Threshold | Sign
STEP_NAMES = tuple(str(kind.__struct_config__.tag) for kind in get_args(Step))


def shift_right(value: int, shift: int, rounding: Rounding) -> int:
    """Return value / 2^shift rounded to an integer."""
    if shift == 0:
        return value
    half = 1 << (shift - 1)
    match rounding:
        case "floor":
            return value >> shift
        case "half_up":
            return (value + half) >> shift
        case "half_even":
            quotient = value >> shift
            rest = value - (quotient << shift)
            return quotient + (rest > half or (rest == half and quotient % 2 == 1))
        case "half_away":
            return (value + half) >> shift if value >= 0 else -((half - value) >> shift)
        case "toward_zero":
            return value >> shift if value >= 0 else -(-value >> shift)


def apply_step(step: Step, value: int) -> int:
    """Return what one step makes of one integer."""
    match step:
        case Relu():
            return max(value, 0)
        case Requantize(shift, rounding, zero_point):
            return shift_right(value, shift, rounding) + zero_point
        case Clamp(low, high):
            return min(max(value, low), high)
        case Offset(offset):
            return value + offset
        case Threshold():
            return 1 if value >= 0 else 0
        case Sign():
            return 1 if value >= 0 else -1


def apply_steps(steps: Sequence[Step], value: int) -> int:
    """Return what the steps, in their order, make of one integer."""
    for step in steps:
        value = apply_step(step, value)
    return value


def largest_intermediate(steps: Sequence[Step], low: int, high: int) -> int:
    """Return a bound on |x| for every number met while the steps run on low..high, addends included."""
    largest = max(abs(low), abs(high))
    for step in steps:
        match step:
            case Requantize(shift, _, zero_point) if shift:
                largest = max(largest, max(abs(low), abs(high)) + (1 << shift), abs(zero_point))
            case Requantize(_, _, zero_point):
                largest = max(largest, abs(zero_point))
            case Clamp(clamp_low, clamp_high):
                largest = max(largest, abs(clamp_low), abs(clamp_high))
            case Offset(value):
                largest = max(largest, abs(value))
        low, high = apply_step(step, low), apply_step(step, high)
        largest = max(largest, abs(low), abs(high))
    return largest


def precision_after(steps: Sequence[Step], precision_bits: int) -> int:
    """Return the precision bits of what the steps leave, from those of the accumulator."""
    for step in steps:
        match step:
            case Requantize(shift):
                precision_bits -= shift
            case Threshold() | Sign():
                precision_bits = 0
    return precision_bits


def rescale(steps: Sequence[Step], finer_bits: int) -> tuple[tuple[Step, ...], int]:
    """Return the same steps for integers that are finer by 2^finer_bits, and how much finer their results are.

    For every integer x: rescaled(x · 2^finer_bits) = steps(x) · 2^left, where (rescaled, left) is returned.
    """
    rescaled: list[Step] = []
    for step in steps:
        match step:
            case Requantize(shift, rounding, zero_point):
                rescaled.append(Requantize(shift + finer_bits, rounding, zero_point))
                finer_bits = 0
            case Clamp(low, high):
                rescaled.append(Clamp(low << finer_bits, high << finer_bits))
            case Offset(value):
                rescaled.append(Offset(value << finer_bits))
            case Threshold() | Sign():
                rescaled.append(step)
                finer_bits = 0
            case Relu():
                rescaled.append(step)
    return tuple(rescaled), finer_bits
