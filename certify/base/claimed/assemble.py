"""A network out of a container's arrays and a layout.

Layers chain as they do in `certify.network/1`: a layer has a column for each output of the one before and then one
for each constant, and its accumulator's precision bits, the scale of its biases, are its input's plus its weights'.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from certify.base.claimed.integers import INT64_LIMIT, Scale, to_integers
from certify.base.claimed.layout import Layer, layer_place
from certify.base.claimed.names import Arrays, find_array, find_weights
from certify.errors import InputError
from certify.network.matrix import Int64Array, Matrix
from certify.network.model import Box, Dense, Network
from certify.network.step_form import read_step
from certify.network.steps import precision_after
from certify.network.tensors import Vector, read_vector

MAX_WEIGHTS = 2**26
"""How many weights a base network may have: as many as a file in `certify.network/1` has room for."""


def assemble(arrays: Arrays, plans: Sequence[Layer], box: Box, round_to: int | None) -> tuple[Network, int]:
    """Return the network on this box, all its weights stored entries, and how many of its numbers rounding changed.

    Raises:
        InputError: an array that is not there, has another shape than the chain of layers needs, or holds a number
            that is none of its layer's; or a layer that the layout leaves without precision bits.
    """
    layers: list[Dense] = []
    inputs, bits, rounded, weights = box.features, box.precision_bits, 0, 0
    for index, plan in enumerate(plans):
        reading = _Reading(arrays, plan, layer_place(index), round_to)
        weights += arrays[reading.name].size
        if weights > MAX_WEIGHTS:
            raise InputError(f"expected at most {MAX_WEIGHTS} weights in all, found more", reading.place)
        layers.append(reading.layer(inputs, bits))
        rounded += reading.rounded
        inputs, bits = layers[-1].outputs, precision_after(layers[-1].steps, bits + layers[-1].precision_bits)
    return Network("base", box, tuple(layers)), rounded


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

    def layer(self, inputs: int, input_bits: int) -> Dense:
        """Return the layer that meets so many inputs of these precision bits."""
        plan, stored = self.plan, self.arrays[self.name]
        constants = _integers(plan.constants, f"{self.place}.constants")
        _check_shape(stored, inputs + len(constants), plan.transpose, self.name)
        bits = self._precision_bits(is_float=stored.dtype.kind == "f")
        values = self._read(self.name, bits, 1 << bits)
        weights = full_rows(values.T if plan.transpose else values)
        bias = self._bias(weights.shape[0], input_bits + bits)
        places = (f"{self.place}.then[{index}]" for index in range(len(plan.then)))
        steps = tuple(read_step(form, weights.shape[0], place) for form, place in zip(plan.then, places, strict=True))
        return Dense(weights, bits, bias, constants, steps)

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


def _check_shape(array: NDArray[Any], columns: int, is_transposed: bool, name: str) -> None:
    axis = 0 if is_transposed else 1
    if array.ndim != 2 or 0 in array.shape or array.shape[axis] != columns:
        expected = f"({columns}, outputs)" if is_transposed else f"(outputs, {columns})"
        raise InputError(f"expected the shape {expected}, found {array.shape}", name)


def _integers(raw: Vector | msgspec.UnsetType, place: str) -> tuple[int, ...]:
    return () if isinstance(raw, msgspec.UnsetType) else tuple(read_vector(raw, place).tolist())
