"""How layers are written in `certify.network/1`, as far as it is the same for many operators.

A form is what stands in the JSON of a layer, with types and ranges that msgspec holds; `read` makes an operator of
it, given the shapes of what the layer reads. Steps, name and sources are added by `certify.network.reader`, which
knows the shape of the result by then. `Operator.write` is the inverse.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Annotated, Any, Protocol, TypeAlias

import msgspec

from certify.errors import InputError
from certify.network.limits import MAX_INPUTS, MAX_STEPS
from certify.network.matrix import Int64Array, Matrix, from_dense
from certify.network.operators.operator import Linear, Operator, Shape
from certify.network.operators.window import Window
from certify.network.step_form import PrecisionBits, StepForm
from certify.network.tensors import MAX_DIMENSIONS, Table, Vector, read_table, read_vector, write_integers

MAX_ELEMENTS = 2**24
"""Of the input and of every layer's result, padding included."""

Length: TypeAlias = Annotated[int, msgspec.Meta(ge=1, le=MAX_ELEMENTS)]
Count: TypeAlias = Annotated[int, msgspec.Meta(ge=0, le=MAX_ELEMENTS)]
Lengths: TypeAlias = Annotated[list[Length], msgspec.Meta(min_length=1, max_length=MAX_DIMENSIONS)]
Counts: TypeAlias = Annotated[list[Count], msgspec.Meta(min_length=1, max_length=MAX_DIMENSIONS)]
OneInput: TypeAlias = Annotated[list[str], msgspec.Meta(min_length=1, max_length=1)]
TwoInputs: TypeAlias = Annotated[list[str], msgspec.Meta(min_length=2, max_length=2)]
Inputs: TypeAlias = Annotated[list[str], msgspec.Meta(min_length=1, max_length=MAX_INPUTS)]


@dataclass(frozen=True)
class Given:
    """What is known of a layer before its own fields are read.

    Attributes:
        shapes: of the tensors it reads.
        sources: which they are, as `Operator` has them.
        place: of the layer, such as `layers[3]`.
    """

    shapes: tuple[Shape, ...]
    sources: tuple[int, ...]
    place: str


class LayerForm(msgspec.Struct, forbid_unknown_fields=True, tag_field="op", kw_only=True):
    """What every layer may have."""

    name: str = ""
    inputs: OneInput | msgspec.UnsetType = msgspec.UNSET
    then: Annotated[list[StepForm], msgspec.Meta(max_length=MAX_STEPS)] = msgspec.field(default_factory=list)

    def read(self, given: Given) -> Operator:
        """Return the operator, without steps and name.

        Raises:
            InputError: its fields break a rule; the place names it.
        """
        raise NotImplementedError


class LinearForm(LayerForm, kw_only=True):
    """What a layer with weights has."""

    precision_bits: PrecisionBits
    weights: Table
    bias: Vector | msgspec.UnsetType = msgspec.UNSET
    constants: Vector | msgspec.UnsetType = msgspec.UNSET

    def read_kernel(self, width: int, column: str, place: str) -> tuple[Matrix, tuple[int, ...], tuple[int, ...]]:
        """Return weights, bias and constants.

        Args:
            width: how many columns there are besides those of the constants.
            column: what one of them is for.
            place: of the layer.

        Raises:
            InputError: sizes that do not agree, or weights outside S_δ.
        """
        weights = read_table(self.weights, f"{place}.weights")
        constants = _read_optional(self.constants, f"{place}.constants")
        outputs, columns = weights.shape
        if columns != width + len(constants):
            expected = f"{width} columns, one per {column}"
            if constants:
                expected = f"{width} + {len(constants)} columns, one per {column} and constant"
            raise InputError(f"expected {expected}, found {columns}", f"{place}.weights[0]")
        _check_weights(weights, self.precision_bits, f"{place}.weights")
        bias = _read_optional(self.bias, f"{place}.bias")
        if not isinstance(self.bias, msgspec.UnsetType) and len(bias) != outputs:
            raise InputError(f"expected one integer per output, {outputs}, found {len(bias)}", f"{place}.bias")
        return from_dense(weights), bias or (0,) * outputs, constants


def _read_optional(raw: Vector | msgspec.UnsetType, place: str) -> tuple[int, ...]:
    return () if isinstance(raw, msgspec.UnsetType) else tuple(read_vector(raw, place).tolist())


def _check_weights(weights: Int64Array, precision_bits: int, place: str) -> None:
    limit = 1 << precision_bits
    outside = (weights > limit) | (weights < -limit)
    if outside.any():
        row, column = (int(index) for index in divmod(int(outside.argmax()), weights.shape[1]))
        problem = f"expected an integer from {-limit} to {limit} (precision_bits {precision_bits})"
        raise InputError(f"{problem}, found {weights[row, column]}", f"{place}[{row}][{column}]")


def write_kernel(layer: Linear) -> dict[str, Any]:
    """Return the fields that `LinearForm.read_kernel` reads."""
    written: dict[str, Any] = {"precision_bits": layer.precision_bits}
    written["weights"] = write_integers(layer.weights.to_dense())
    if any(layer.bias):
        written["bias"] = list(layer.bias)
    if layer.constants:
        written["constants"] = list(layer.constants)
    return written


Two: TypeAlias = tuple[Length, Length]
Around: TypeAlias = tuple[Count, Count]


class WindowForm(Protocol):
    """What a layer with a window has."""

    kernel: Two
    stride: Two | msgspec.UnsetType
    dilation: Two
    padding: tuple[Around, Around]


def read_window(form: WindowForm, given: Given, stride: tuple[int, int]) -> Window:
    """Return the window of a layer that reads one plane.

    Args:
        form: what is written.
        given: what is known of the layer.
        stride: where none is written.

    Raises:
        InputError: the layer reads something else, or has more padding than a layer may have.
    """
    (shape,) = given.shapes
    if len(shape) != 3:
        raise InputError(f"expected an input of [rows, columns, channels], found {list(shape)}", given.place)
    own = stride if isinstance(form.stride, msgspec.UnsetType) else form.stride
    padded = [length + sum(around) for length, around in zip(shape[:2], form.padding, strict=True)]
    check_elements((*padded, shape[2]), f"{given.place}.padding")
    return Window(form.kernel, own, form.dilation, form.padding)


def write_window(window: Window, stride: tuple[int, int] | None = None) -> dict[str, Any]:
    """Return the fields of a window; `stride` is the one that need not be written."""
    written: dict[str, Any] = {"kernel": list(window.size)}
    if window.stride != stride:
        written["stride"] = list(window.stride)
    if window.dilation != (1, 1):
        written["dilation"] = list(window.dilation)
    if window.padded:
        written["padding"] = [list(around) for around in window.padding]
    return written


def check_elements(shape: Shape, place: str) -> None:
    """Rule: a tensor has no more elements than a layer may have.

    Raises:
        InputError: it has.
    """
    if (elements := math.prod(shape)) > MAX_ELEMENTS:
        raise InputError(f"expected at most {MAX_ELEMENTS} elements in a layer, found {elements}", place)
