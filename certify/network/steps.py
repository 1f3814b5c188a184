"""The element-wise steps after a linear map: what each does to an integer, exactly.

Every step is a monotone function of one integer, so an interval's image is spanned by the images of its end
points. A requantization by a multiplier may have one multiplier for every output; `channel_steps` gives one
output's own steps, and everything else here is about those.

A step also says what it does to the precision bits, and how it reads on integers that are finer by a power of two:
a ticket's accumulators are, and its steps are the target's rescaled (docs/proof.md, "The network": shift + log2 s,
and offset and clamp bounds times s; a step that ends at its own scale ends at the target's).
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from typing import Annotated, Any, TypeAlias

import msgspec

from certify.network.rounding import (
    Q31_BITS,
    SIGNIFICANT_BITS,
    Rounding,
    Rule,
    multiply_q31,
    round_significant,
    shift_right,
)

MAX_SHIFT = 1024
MIN_Q31_SHIFT = -Q31_BITS
PerChannel: TypeAlias = int | tuple[int, ...]


class Relu(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="op", tag="relu"):
    """max(x, 0)."""


class Requantize(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="op", tag="requantize"):
    """x / 2^shift, rounded to an integer by the named rule; then zero_point is added."""

    shift: Annotated[int, msgspec.Meta(ge=0, le=MAX_SHIFT)]
    rounding: Rounding
    zero_point: int = 0


class RequantizeQ31(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="op", tag="requantize"):
    """x · multiplier / 2^(31 + shift), rounded to an integer by the named rule; then zero_point is added.

    Attributes:
        multiplier: above 0 and below 2^31; one for all outputs, or one for each.
        shift: from -31; one for all outputs, or one for each. A negative one multiplies by 2^-shift.
        rule: see `multiply_q31`.
        zero_point: added after rounding.
        precision_bits: of the result, which has a scale of its own.
    """

    multiplier: PerChannel
    shift: PerChannel
    rule: Rule
    zero_point: int = 0
    precision_bits: int = 0


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


class RoundSignificant(
    msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="op", tag="round_significant"
):
    """x rounded half-even to 24 significant bits, as a single precision float holds it."""


class Thresholds(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="op", tag="thresholds"):
    """low + how many of the thresholds x reaches: any rising function of an integer, also one given as a table.

    Attributes:
        at: the thresholds, never falling; one list for all outputs, or one for each.
        low: the result below all of them.
        precision_bits: of the result, which has a scale of its own.
    """

    at: tuple[int, ...] | tuple[tuple[int, ...], ...]
    low: int = 0
    precision_bits: int = 0

    @property
    def per_channel(self) -> bool:
        """Whether every output has thresholds of its own."""
        return bool(self.at) and isinstance(self.at[0], tuple)

    @property
    def lists(self) -> tuple[tuple[int, ...], ...]:
        """The thresholds of every output, or the one list for all."""
        own = tuple(part for part in self.at if isinstance(part, tuple))
        return own or (tuple(part for part in self.at if isinstance(part, int)),)


Step: TypeAlias = (
    Relu | Requantize | RequantizeQ31 | Clamp | Offset | Threshold | Sign | RoundSignificant | Thresholds
)


def channels(steps: Sequence[Step]) -> int | None:
    """Return how many outputs the steps name something for, one by one; None where they name the same for all.

    Raises:
        ValueError: two of them name something for different numbers of outputs.
    """
    counts = {len(field) for step in steps for field in _per_channel(step)}
    if len(counts) > 1:
        raise ValueError(f"expected values for one number of outputs, found {sorted(counts)}")
    return next(iter(counts), None)


def _per_channel(step: Step) -> list[tuple[Any, ...]]:
    if isinstance(step, Thresholds):
        return [step.at] if step.per_channel else []
    fields = (step.multiplier, step.shift) if isinstance(step, RequantizeQ31) else ()
    return [field for field in fields if isinstance(field, tuple)]


def channel_steps(steps: tuple[Step, ...], channel: int) -> tuple[Step, ...]:
    """Return the steps of one output, each with one multiplier and shift."""
    if not any(_per_channel(step) for step in steps):
        return steps
    return tuple(_step_of(step, channel) for step in steps)


def _step_of(step: Step, channel: int) -> Step:
    match step:
        case RequantizeQ31(multiplier, shift):
            own = _of_channel(multiplier, channel), _of_channel(shift, channel)
            return msgspec.structs.replace(step, multiplier=own[0], shift=own[1])
        case Thresholds() if step.per_channel:
            return msgspec.structs.replace(step, at=step.at[channel])
    return step


def for_copies(steps: tuple[Step, ...], copies: int) -> tuple[Step, ...]:
    """Return the steps of so many copies of all outputs, one copy of all after the other."""
    return steps if copies == 1 else tuple(_step_for_copies(step, copies) for step in steps)


def _step_for_copies(step: Step, copies: int) -> Step:
    match step:
        case RequantizeQ31(multiplier, shift):
            own = _for_copies(multiplier, copies), _for_copies(shift, copies)
            return msgspec.structs.replace(step, multiplier=own[0], shift=own[1])
        case Thresholds() if step.per_channel:
            return msgspec.structs.replace(step, at=step.at * copies)
    return step


def _for_copies(field: PerChannel, copies: int) -> PerChannel:
    return field if isinstance(field, int) else field * copies


def _of_channel(field: PerChannel, channel: int) -> int:
    return field if isinstance(field, int) else field[channel]


def apply_step(step: Step, value: int) -> int:
    """Return what one step makes of one integer."""
    match step:
        case Relu():
            return max(value, 0)
        case Requantize(shift, rounding, zero_point):
            return shift_right(value, shift, rounding) + zero_point
        case RequantizeQ31(int(multiplier), int(shift), rule, zero_point):
            return multiply_q31(value, multiplier, shift, rule) + zero_point
        case RequantizeQ31():
            raise TypeError("expected the steps of one output, found a multiplier or shift for each")
        case Clamp(low, high):
            return min(max(value, low), high)
        case Offset(offset):
            return value + offset
        case Threshold():
            return 1 if value >= 0 else 0
        case Sign():
            return 1 if value >= 0 else -1
        case RoundSignificant():
            return round_significant(value)
        case Thresholds() if step.per_channel:
            raise TypeError("expected the steps of one output, found thresholds for each")
        case Thresholds(at, base):
            return base + bisect_right(at, value)


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
            case RequantizeQ31(int(multiplier), int(shift), rule, zero_point):
                magnitude = max(abs(low), abs(high))
                largest = max(largest, _largest_of_q31(magnitude, multiplier, shift, rule), abs(zero_point))
            case Clamp(clamp_low, clamp_high):
                largest = max(largest, abs(clamp_low), abs(clamp_high))
            case Offset(value):
                largest = max(largest, abs(value))
            case RoundSignificant():
                largest = max(largest, 2 * abs(low), 2 * abs(high))
            case Thresholds():
                ends = [abs(own[end]) for own in step.lists if own for end in (0, -1)]
                largest = max([largest, abs(step.low), *ends])
        low, high = apply_step(step, low), apply_step(step, high)
        largest = max(largest, abs(low), abs(high))
    return largest


def _largest_of_q31(magnitude: int, multiplier: int, shift: int, rule: Rule) -> int:
    """Return a bound on all numbers met while `multiply_q31` runs on values up to this magnitude."""
    if rule == "float32":
        product = round_significant(magnitude) * multiplier
        largest = product + (product >> (SIGNIFICANT_BITS - 1))
    else:
        largest = (magnitude << max(-shift, 0)) * multiplier
    return max(largest, multiplier << max(-shift, 0)) + (1 << (Q31_BITS + max(shift, 0)))


def precision_after(steps: Sequence[Step], precision_bits: int) -> int:
    """Return the precision bits of what the steps leave, from those of the accumulator."""
    for step in steps:
        match step:
            case Requantize(shift):
                precision_bits -= shift
            case RequantizeQ31() | Thresholds():
                precision_bits = step.precision_bits
            case Threshold() | Sign():
                precision_bits = 0
    return precision_bits


def rescale(steps: Sequence[Step], finer_bits: int) -> tuple[tuple[Step, ...], int]:
    """Return the same steps for integers that are finer by 2^finer_bits, and how much finer their results are.

    For every integer x: rescaled(x · 2^finer_bits) = steps(x) · 2^left, where (rescaled, left) is returned. The rules
    of a multiplier round at fixed places (`double` and `float32` twice), so the finer bits, all zero, are shifted out
    before it and the multiplication is the target's own.
    """
    rescaled: list[Step] = []
    for step in steps:
        match step:
            case Requantize(shift, rounding, zero_point):
                rescaled.append(Requantize(shift + finer_bits, rounding, zero_point))
                finer_bits = 0
            case RequantizeQ31() | RoundSignificant() | Thresholds():
                rescaled += [Requantize(finer_bits, "floor"), step] if finer_bits else [step]
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
