"""Steps as `certify.network/1` writes them, and what they are once read.

In JSON a requantization is one step with two forms: by a `rounding` of a shift, or by a `multiplier` under a `rule`.
Thresholds have two as well: themselves, or as a `table` of the function's values.
"""

from __future__ import annotations

from typing import Annotated, Any, TypeAlias, get_args

import msgspec
import numpy as np

from certify.errors import InputError
from certify.network.matrix import Int64Array
from certify.network.rounding import Q31_BITS, Rounding, Rule
from certify.network.steps import (
    MAX_SHIFT,
    MIN_Q31_SHIFT,
    Clamp,
    LeakyRelu,
    Offset,
    PerChannel,
    Relu,
    Requantize,
    RequantizeQ31,
    RoundSignificant,
    Sign,
    Step,
    Threshold,
    Thresholds,
)
from certify.network.tensors import EncodedTensor, Vector, read_table, read_vector, write_integers

MAX_PRECISION_BITS = 60
MAX_RISE = 2**20
"""Between the first and the last value of a table."""
PrecisionBits: TypeAlias = Annotated[int, msgspec.Meta(ge=0, le=MAX_PRECISION_BITS)]


class RequantizeForm(msgspec.Struct, forbid_unknown_fields=True, tag_field="op", tag="requantize"):
    """Either form of a requantization; which fields go together is checked by `read_step`."""

    shift: int | Vector
    rounding: Rounding | msgspec.UnsetType = msgspec.UNSET
    multiplier: int | Vector | msgspec.UnsetType = msgspec.UNSET
    rule: Rule | msgspec.UnsetType = msgspec.UNSET
    zero_point: int = 0
    precision_bits: PrecisionBits | msgspec.UnsetType = msgspec.UNSET


class ThresholdsForm(msgspec.Struct, forbid_unknown_fields=True, tag_field="op", tag="thresholds"):
    """`Thresholds`, with one list for all outputs or one for each."""

    at: list[int | list[int]] | EncodedTensor
    low: int = 0
    precision_bits: PrecisionBits = 0


class TableForm(msgspec.Struct, forbid_unknown_fields=True, tag_field="op", tag="table"):
    """A function by its values at low, low + 1, …; below and above the nearest of them."""

    low: int
    values: Vector
    precision_bits: PrecisionBits = 0


StepForm: TypeAlias = (
    Relu
    | LeakyRelu
    | RequantizeForm
    | Clamp
    | Offset
    | Threshold
    | Sign
    | RoundSignificant
    | ThresholdsForm
    | TableForm
)
STEP_NAMES = tuple(str(form.__struct_config__.tag) for form in get_args(StepForm))


def read_step(form: StepForm, outputs: int, place: str) -> Step:
    """Return the step that a form is, for a layer of so many outputs.

    Raises:
        InputError: fields that do not go together, numbers out of their range, or not one for each output.
    """
    match form:
        case RequantizeForm():
            return _read_requantize(form, outputs, place)
        case ThresholdsForm():
            return Thresholds(_read_thresholds(form.at, outputs, f"{place}.at"), form.low, form.precision_bits)
        case TableForm():
            return _read_values(form, place)
        case Clamp(low, high) if low > high:
            raise InputError(f"expected low ≤ high, found {low} > {high}", place)
    return form


def write_step(step: Step) -> dict[str, Any]:
    """Return a step as JSON has it."""
    written: dict[str, Any] = msgspec.to_builtins(step)
    if isinstance(step, Thresholds) and len({len(own) for own in step.lists}) == 1:
        written["at"] = write_integers(np.array(step.at, dtype=np.int64))
    return written


def _read_thresholds(
    raw: list[int | list[int]] | EncodedTensor, outputs: int, place: str
) -> tuple[int, ...] | tuple[tuple[int, ...], ...]:
    lists = _lists_of_thresholds(raw, place)
    if not isinstance(lists, list):
        check_never_falls(lists, "thresholds", place)
        return tuple(lists.tolist())
    if len(lists) != outputs:
        raise InputError(f"expected one list, or one per output, {outputs}, found {len(lists)}", place)
    for output, own in enumerate(lists):
        check_never_falls(own, "thresholds", f"{place}[{output}]")
    return tuple(tuple(own.tolist()) for own in lists)


def _lists_of_thresholds(raw: list[int | list[int]] | EncodedTensor, place: str) -> Int64Array | list[Int64Array]:
    """Return int64[thresholds], or one of them for each output."""
    if isinstance(raw, EncodedTensor):
        return list(read_table(raw, place)) if len(raw.shape) == 2 else read_vector(raw, place)
    numbers = [own for own in raw if isinstance(own, int)]
    lists = [own for own in raw if isinstance(own, list)]
    if numbers and lists:
        raise InputError("expected thresholds, or a list of them per output, found both", place)
    return [np.array(own, dtype=np.int64) for own in lists] if lists else np.array(numbers, dtype=np.int64)


def _read_values(form: TableForm, place: str) -> Thresholds:
    """A value that is higher than the one before by n has n thresholds where it stands."""
    values = read_vector(form.values, f"{place}.values")
    if not len(values):
        raise InputError("expected at least one value, found none", f"{place}.values")
    check_never_falls(values, "values", f"{place}.values")
    first, last = int(values[0]), int(values[-1])
    if last - first > MAX_RISE:
        raise InputError(f"expected values that rise by {MAX_RISE} at most, found {last - first}", f"{place}.values")
    rises = np.diff(values)
    at = [form.low + 1 + int(i) for i in np.repeat(np.arange(len(rises)), rises)]
    return Thresholds(tuple(at), first, form.precision_bits)


def check_never_falls(values: Int64Array, what: str, place: str) -> None:
    """Check that int64[length] never falls.

    Raises:
        InputError: it does; the place is that of the first element that is less than the one before.
    """
    falling = np.flatnonzero(values[1:] < values[:-1])
    if len(falling):
        index = int(falling[0]) + 1
        problem = f"expected {what} that never fall, found {values[index]} after {values[index - 1]}"
        raise InputError(problem, f"{place}[{index}]")


def _read_requantize(form: RequantizeForm, outputs: int, place: str) -> Step:
    if isinstance(form.multiplier, msgspec.UnsetType):
        return _read_shift(form, place)
    if not isinstance(form.rounding, msgspec.UnsetType):
        raise InputError("expected rounding, or multiplier and rule, found both", place)
    if isinstance(form.rule, msgspec.UnsetType):
        raise InputError("expected a rule with a multiplier, found none", place)
    multiplier = _read_per_channel(form.multiplier, outputs, f"{place}.multiplier")
    shift = _read_per_channel(form.shift, outputs, f"{place}.shift")
    _check_range(multiplier, 1, (1 << Q31_BITS) - 1, f"{place}.multiplier")
    _check_range(shift, MIN_Q31_SHIFT, MAX_SHIFT, f"{place}.shift")
    bits = 0 if isinstance(form.precision_bits, msgspec.UnsetType) else form.precision_bits
    return RequantizeQ31(multiplier, shift, form.rule, form.zero_point, bits)


def _read_shift(form: RequantizeForm, place: str) -> Requantize:
    for name in ("rule", "precision_bits"):
        if not isinstance(getattr(form, name), msgspec.UnsetType):
            raise InputError(f"expected {name} with a multiplier only", place)
    if isinstance(form.rounding, msgspec.UnsetType):
        raise InputError("expected rounding, or multiplier and rule, found neither", place)
    if not isinstance(form.shift, int):
        raise InputError("expected one integer, as there is no multiplier", f"{place}.shift")
    _check_range(form.shift, 0, MAX_SHIFT, f"{place}.shift")
    return Requantize(form.shift, form.rounding, form.zero_point)


def _read_per_channel(raw: int | Vector, outputs: int, place: str) -> PerChannel:
    if isinstance(raw, int):
        return raw
    values = tuple(read_vector(raw, place).tolist())
    if len(values) != outputs:
        raise InputError(f"expected one integer, or one per output, {outputs}, found {len(values)}", place)
    return values


def _check_range(values: PerChannel, low: int, high: int, place: str) -> None:
    for index, value in enumerate(values if isinstance(values, tuple) else (values,)):
        if not low <= value <= high:
            inside = f"{place}[{index}]" if isinstance(values, tuple) else place
            raise InputError(f"expected an integer from {low} to {high}, found {value}", inside)
