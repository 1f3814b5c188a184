"""Reading `certify.network/1`: bytes in, a valid network out, or one InputError that names the place.

The rules that JSON Schema can express are published in `network.schema.json`; a test holds the two against each
other. Those that it cannot, shapes that chain and sizes that agree, are checked here.
"""

from __future__ import annotations

import math
import re
from typing import Annotated, Any, Literal

import msgspec

from certify.errors import InputError
from certify.network import strict_json
from certify.network.matrix import Int64Array, from_dense
from certify.network.model import Box, Dense, Display, Network
from certify.network.rounding import ROUNDINGS, RULES
from certify.network.step_form import PrecisionBits, StepForm, read_step
from certify.network.tensors import DTYPES, MAX_DIMENSIONS, EncodedTensor, Table, Vector, read_table, read_vector

FORMAT = "certify.network/1"
MAX_BYTES = 2**26
MAX_FEATURES = 2**24
_STEPS = "clamp, offset, relu, requantize, sign or step"
_CHOICES = {
    "rounding": ", ".join(ROUNDINGS),
    "rule": ", ".join(RULES),
    "dtype": ", ".join(DTYPES),
    "op": f"dense, or as a step {_STEPS}",
}
_DECIMAL = re.compile(r"(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?")


class _Input(msgspec.Struct, forbid_unknown_fields=True):
    shape: Annotated[list[Annotated[int, msgspec.Meta(ge=1)]], msgspec.Meta(min_length=1, max_length=MAX_DIMENSIONS)]
    low: int | list[int] | EncodedTensor
    high: int | list[int] | EncodedTensor
    precision_bits: PrecisionBits
    scale: str | msgspec.UnsetType = msgspec.UNSET
    zero_point: int = 0


class _Output(msgspec.Struct, forbid_unknown_fields=True):
    scale: str | msgspec.UnsetType = msgspec.UNSET
    zero_point: int = 0


class _Dense(msgspec.Struct, forbid_unknown_fields=True):
    op: Literal["dense"]
    precision_bits: PrecisionBits
    weights: Table
    bias: Vector | msgspec.UnsetType = msgspec.UNSET
    constants: Vector | msgspec.UnsetType = msgspec.UNSET
    then: list[StepForm] = msgspec.field(default_factory=list)
    name: str = ""


class _Network(msgspec.Struct, forbid_unknown_fields=True):
    format: str
    input: _Input
    layers: Annotated[list[_Dense], msgspec.Meta(min_length=1)]
    name: str = ""
    output: _Output = msgspec.field(default_factory=_Output)


def read_network(data: bytes) -> Network:
    """Return the network that `data` describes.

    Raises:
        InputError: the bytes break a rule of `certify.network/1`; the place of the first is named.
    """
    document = strict_json.parse(data)
    _check_format(document)
    raw = strict_json.convert(document, _Network, _CHOICES)
    _check_features(raw.input.shape, len(data))
    box = _read_box(raw.input, "input.")
    layers: list[Dense] = []
    for index, layer in enumerate(raw.layers):
        inputs = layers[-1].outputs if layers else box.features
        layers.append(_read_dense(layer, inputs, f"layers[{index}]"))
    return Network(raw.name, box, tuple(layers), _read_display(raw.output, "output"))


def _check_format(document: Any) -> None:
    if not isinstance(document, dict):
        raise InputError(f'expected an object with "format": "{FORMAT}"')
    if "format" not in document:
        raise InputError(f'expected "{FORMAT}", found no such key', "format")
    found = document["format"]
    if found != FORMAT:
        shown = repr(found[:60]) if isinstance(found, str) else "something other than a string"
        raise InputError(f'expected "{FORMAT}", found {shown}', "format")


def read_box(data: bytes) -> Box:
    """Return the box that `data` describes: an object like the `input` of a network.

    Raises:
        InputError: the bytes break one of its rules; the place of the first is named.
    """
    raw = strict_json.convert(strict_json.parse(data), _Input, _CHOICES)
    if (features := math.prod(raw.shape)) > MAX_FEATURES:
        raise InputError(f"expected at most {MAX_FEATURES} features, found {features}", "shape")
    return _read_box(raw, "")


def _check_features(shape: list[int], file_size: int) -> None:
    features = math.prod(shape)
    if features > MAX_FEATURES:
        raise InputError(f"expected at most {MAX_FEATURES} features, found {features}", "input.shape")
    if features > file_size:
        # Every feature has a weight in the first row, and every weight takes a byte or more.
        problem = f"expected weights for every feature, found {features} features in {file_size} bytes"
        raise InputError(problem, "input.shape")


def _read_box(raw: _Input, where: str) -> Box:
    low = _read_bounds(raw.low, raw.shape, f"{where}low")
    high = _read_bounds(raw.high, raw.shape, f"{where}high")
    for index, (a, b) in enumerate(zip(low, high, strict=True)):
        if a > b:
            raise InputError(f"expected low ≤ high, found {a} > {b}", f"{where}{_bound_place(raw, index)}")
    return Box(tuple(raw.shape), low, high, raw.precision_bits, _read_display(raw, where.removesuffix(".")))


def _bound_place(raw: _Input, index: int) -> str:
    if not isinstance(raw.low, int):
        return f"low[{index}]"
    return "low" if isinstance(raw.high, int) else f"high[{index}]"


def _read_bounds(raw: int | list[int] | EncodedTensor, shape: list[int], place: str) -> tuple[int, ...]:
    features = math.prod(shape)
    if isinstance(raw, int):
        return (raw,) * features
    if isinstance(raw, EncodedTensor) and raw.shape == shape:
        raw = EncodedTensor([features], raw.dtype, raw.data)
    values = read_vector(raw, place)
    if len(values) != features:
        raise InputError(f"expected one integer per feature, {features}, found {len(values)}", place)
    return tuple(values.tolist())


def _read_display(raw: _Input | _Output, place: str) -> Display:
    if isinstance(raw.scale, msgspec.UnsetType):
        return Display(None, raw.zero_point)
    if not _DECIMAL.fullmatch(raw.scale):
        raise InputError(
            f"expected a decimal number as a string, found {raw.scale[:24]!r}", f"{place}.scale".lstrip(".")
        )
    return Display(raw.scale, raw.zero_point)


def _read_dense(raw: _Dense, inputs: int, place: str) -> Dense:
    weights = read_table(raw.weights, f"{place}.weights")
    constants = _read_optional(raw.constants, f"{place}.constants")
    outputs, columns = weights.shape
    if columns != inputs + len(constants):
        expected = f"{inputs} columns, one per input"
        if constants:
            expected = f"{inputs} + {len(constants)} columns, one per input and constant"
        raise InputError(f"expected {expected}, found {columns}", f"{place}.weights[0]")
    _check_weights(weights, raw.precision_bits, f"{place}.weights")
    bias = _read_optional(raw.bias, f"{place}.bias")
    if not isinstance(raw.bias, msgspec.UnsetType) and len(bias) != outputs:
        raise InputError(f"expected one integer per output, {outputs}, found {len(bias)}", f"{place}.bias")
    steps = tuple(read_step(form, outputs, f"{place}.then[{index}]") for index, form in enumerate(raw.then))
    bias = bias or (0,) * outputs
    return Dense(from_dense(weights), raw.precision_bits, bias, constants, steps, raw.name)


def _read_optional(raw: Vector | msgspec.UnsetType, place: str) -> tuple[int, ...]:
    return () if isinstance(raw, msgspec.UnsetType) else tuple(read_vector(raw, place).tolist())


def _check_weights(weights: Int64Array, precision_bits: int, place: str) -> None:
    limit = 1 << precision_bits
    outside = (weights > limit) | (weights < -limit)
    if outside.any():
        row, column = (int(index) for index in divmod(int(outside.argmax()), weights.shape[1]))
        problem = f"expected an integer from {-limit} to {limit} (precision_bits {precision_bits})"
        raise InputError(f"{problem}, found {weights[row, column]}", f"{place}[{row}][{column}]")
