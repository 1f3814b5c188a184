"""Steps as `certify.network/1` writes them, and what they are once read.

In JSON a requantization is one step with two forms: by a `rounding` of a shift, or by a `multiplier` under a `rule`.
"""

from __future__ import annotations

from typing import Annotated, TypeAlias

import msgspec

from certify.errors import InputError
from certify.network.rounding import Q31_BITS, Rounding, Rule
from certify.network.steps import (
    MAX_SHIFT,
    MIN_Q31_SHIFT,
    Clamp,
    Offset,
    PerChannel,
    Relu,
    Requantize,
    RequantizeQ31,
    Sign,
    Step,
    Threshold,
)
from certify.network.tensors import Vector, read_vector

MAX_PRECISION_BITS = 60
PrecisionBits: TypeAlias = Annotated[int, msgspec.Meta(ge=0, le=MAX_PRECISION_BITS)]


class RequantizeForm(msgspec.Struct, forbid_unknown_fields=True, tag_field="op", tag="requantize"):
    """Either form of a requantization; which fields go together is checked by `read_step`."""

    shift: int | Vector
    rounding: Rounding | msgspec.UnsetType = msgspec.UNSET
    multiplier: int | Vector | msgspec.UnsetType = msgspec.UNSET
    rule: Rule | msgspec.UnsetType = msgspec.UNSET
    zero_point: int = 0
    precision_bits: PrecisionBits | msgspec.UnsetType = msgspec.UNSET


StepForm: TypeAlias = Relu | RequantizeForm | Clamp | Offset | Threshold | Sign


def read_step(form: StepForm, outputs: int, place: str) -> Step:
    """Return the step that a form is, for a layer of so many outputs.

    Raises:
        InputError: fields that do not go together, numbers out of their range, or not one for each output.
    """
    if isinstance(form, RequantizeForm):
        return _read_requantize(form, outputs, place)
    if isinstance(form, Clamp) and form.low > form.high:
        raise InputError(f"expected low ≤ high, found {form.low} > {form.high}", place)
    return form


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
