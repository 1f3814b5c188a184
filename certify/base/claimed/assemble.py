"""A network out of a container's arrays and a layout.

Layers follow each other as they do in `certify.network/1`: a layer has a column for each weight of a row and then one
for each constant, and its accumulator's precision bits, the scale of its biases, are its input's plus its weights'.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import msgspec
import numpy as np

from certify.base.claimed.integers import INT64_LIMIT, Scale, to_integers
from certify.base.claimed.layout import Layer, Plan, layer_place
from certify.base.claimed.names import Arrays, find_array, find_weights
from certify.base.claimed.orientation import check_stored, to_rows
from certify.errors import InputError
from certify.network import reader
from certify.network.matrix import Int64Array, Matrix
from certify.network.model import INPUT, Box, Dense, Linear, Network, Operator
from certify.network.operators import Convolution
from certify.network.operators.convolution.model import ConvolutionForm
from certify.network.operators.form import Given, read_window
from certify.network.operators.operator import Shape
from certify.network.operators.window import Window
from certify.network.step_form import read_step
from certify.network.steps import precision_after
from certify.network.tensors import Vector, read_vector

MAX_WEIGHTS = 2**26
"""How many weights a base network may have: as many as a file in `certify.network/1` has room for."""


def assemble(arrays: Arrays, plans: Sequence[Plan], box: Box, round_to: int | None) -> tuple[Network, int]:
    """Return the network on this box, all its weights stored entries, and how many of its numbers rounding changed.

    Raises:
        InputError: an array that is not there, has another shape than what the layer reads needs, or holds a number
            that is none of its layer's; a layer that the layout leaves without precision bits, or that does not fit
            what it reads.
    """
    names = reader.Names(plans)
    shapes, bits = {INPUT: box.shape}, {INPUT: box.precision_bits}
    layers: list[Operator] = []
    rounded = weights = 0
    for index, plan in enumerate(plans):
        place = layer_place(index)
        given = _given(names, plan, index, shapes)
        if isinstance(plan, Layer):
            reading = _Reading(arrays, plan, place, round_to)
            weights += arrays[reading.name].size
            if weights > MAX_WEIGHTS:
                raise InputError(f"expected at most {MAX_WEIGHTS} weights in all, found more", place)
            layer: Operator = reading.layer(given, [bits[source] for source in given.sources])
            rounded += reading.rounded
        else:
            layer, _ = reader.read_layer(plan, given)
        layers.append(layer.replaced(sources=given.sources))
        shapes[index] = layer.shape(given.shapes)
        bits[index] = _bits(layer, [bits[source] for source in given.sources], place)
    return Network("base", box, tuple(layers)), rounded


def _given(names: reader.Names, plan: Plan, index: int, shapes: Mapping[int, Shape]) -> Given:
    place = layer_place(index)
    sources = names.resolve(plan, index, place) or (index - 1,)
    return Given(tuple(shapes[source] for source in sources), sources, place)


def _bits(layer: Operator, read: Sequence[int], place: str) -> int:
    try:
        return precision_after(layer.steps, layer.precision(read))
    except InputError as error:
        raise InputError(error.problem, place) from None


def full_rows(dense: Int64Array) -> Matrix:
    """Return int64[rows, columns] with every element a stored entry."""
    rows, columns = dense.shape
    start = np.arange(rows + 1, dtype=np.int64) * columns
    return Matrix((rows, columns), start, np.tile(np.arange(columns, dtype=np.int64), rows), dense.flatten())


class _Reading:
    """One layer being read; `rounded` counts the numbers that rounding changed."""

    def __init__(self, arrays: Arrays, plan: Layer, place: str, round_to: int | None) -> None:
        self.arrays, self.plan, self.place, self.round_to = arrays, plan, place, round_to
        self.name = find_weights(arrays, plan.weights)
        self.rounded = 0

    def layer(self, given: Given, input_bits: Sequence[int]) -> Linear:
        """Return the layer that reads these tensors, of these precision bits."""
        plan, stored = self.plan, self.arrays[self.name]
        constants = _integers(plan.constants, f"{self.place}.constants")
        width, bare = self._row(given)
        check_stored(stored, plan, width + len(constants), self.name)
        bits = self._precision_bits(is_float=stored.dtype.kind == "f")
        rows = to_rows(self._read(self.name, bits, 1 << bits), plan)
        bias = self._bias(len(rows), sum(input_bits) + bits)
        places = (f"{self.place}.then[{index}]" for index in range(len(plan.then)))
        steps = tuple(read_step(form, len(rows), place) for form, place in zip(plan.then, places, strict=True))
        if bare is None:
            return Dense(full_rows(rows), bits, bias, constants, steps, plan.name)
        if len(rows) % plan.groups:
            raise InputError(
                f"expected a divisor of {len(rows)} outputs, found {plan.groups}", f"{self.place}.groups"
            )
        return Convolution(full_rows(rows), bits, bias, bare, plan.groups, constants, steps, plan.name)

    def _row(self, given: Given) -> tuple[int, Window | None]:
        """Return how many weights a row has, constants' not counted, and the window of a convolution."""
        if self.plan.op == "dense":
            return math.prod(given.shapes[0]), None
        window, channels = read_window(_window_form(self.plan), given, (1, 1)), given.shapes[0][2]
        if channels % self.plan.groups:
            problem = f"expected a divisor of {channels} channels, found {self.plan.groups}"
            raise InputError(problem, f"{self.place}.groups")
        try:
            window.positions(given.shapes[0][:2])
        except InputError as error:
            raise InputError(error.problem, f"{self.place}.kernel") from None
        return window.taps * (channels // self.plan.groups), window

    def _precision_bits(self, *, is_float: bool) -> int:
        """The layer's own; of floats that are rounded, what rounding says where the layout says nothing."""
        said, place = self.plan.precision_bits, f"{self.place}.precision_bits"
        if isinstance(said, msgspec.UnsetType):
            if is_float and self.round_to is not None:
                return self.round_to
            problem = (
                f"expected the precision bits of {self.name}, {'floats' if is_float else 'integers'}, found none"
            )
            raise InputError(problem, place)
        if is_float and self.round_to not in (None, said):
            raise InputError(f"expected {self.round_to}, the bits to which floats are rounded, found {said}", place)
        return said

    def _bias(self, outputs: int, accumulator_bits: int) -> tuple[int, ...]:
        said = self.plan.bias
        if isinstance(said, msgspec.UnsetType):
            return (0,) * outputs
        if isinstance(said, str):
            place = find_array(self.arrays, said)
            values = self._read(place, accumulator_bits, INT64_LIMIT)
        else:
            place = f"{self.place}.bias"
            values = read_vector(said, place)
        if values.shape != (outputs,):
            raise InputError(f"expected the shape ({outputs},), one for each output, found {values.shape}", place)
        return tuple(values.tolist())

    def _read(self, name: str, bits: int, limit: int) -> Int64Array:
        is_rounded = self.round_to is not None
        values, changed = to_integers(self.arrays[name], Scale(bits, limit, is_rounded), name)
        self.rounded += changed
        return values


def _window_form(plan: Layer) -> ConvolutionForm:
    assert not isinstance(plan.kernel, msgspec.UnsetType)
    return ConvolutionForm(
        precision_bits=0,
        weights=[],
        kernel=plan.kernel,
        stride=plan.stride,
        dilation=plan.dilation,
        padding=plan.padding,
        groups=plan.groups,
    )


def _integers(raw: Vector | msgspec.UnsetType, place: str) -> tuple[int, ...]:
    return () if isinstance(raw, msgspec.UnsetType) else tuple(read_vector(raw, place).tolist())
