"""softmax: an exponential from a table, divided by its sum, along the last dimension; integers throughout.

With d_i = max_j x_j - x_i ≥ 0, an element is (scale · T[d_i] + S div 2) div S, where S = Σ_j T[d_j] and `div` rounds
down: scale · softmax rounded half-up, for a table T of exp(-d · input scale) on any scale. Beyond its end the table
is 0.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any

import msgspec
import numpy as np

from certify.errors import InputError
from certify.network.elementwise import magnitude
from certify.network.operators.form import Given, LayerForm
from certify.network.operators.operator import Interval, Operator, Shape, Tensor, column
from certify.network.step_form import PrecisionBits
from certify.network.steps import Step
from certify.network.tensors import Vector, read_vector, write_integers


@dataclass(frozen=True)
class Softmax(Operator):
    """The softmax of the last dimension.

    Attributes:
        table: T, never rising, none negative, the first above 0.
        scale: above 0; what stands for 1.
        precision_bits: of the result.
        steps: applied to every element.
        name: for people.
        sources: as `Operator` has it.
    """

    table: tuple[int, ...]
    scale: int
    precision_bits: int = 0
    steps: tuple[Step, ...] = ()
    name: str = ""
    sources: tuple[int, ...] = ()

    def shape(self, shapes: Sequence[Shape]) -> Shape:
        """Return the input's."""
        (found,) = shapes
        if not found:
            raise InputError("expected an input of one dimension or more, found none")
        return found

    def precision(self, bits: Sequence[int]) -> int:  # noqa: ARG002 - it does not depend on them
        """Return the declared precision bits."""
        return self.precision_bits

    def accumulate(self, values: Sequence[Tensor]) -> Tensor:
        """Return int[batch, ...]."""
        (x,) = values
        behind = x.max(axis=-1, keepdims=True) - x
        table = np.array([*self.table, 0], dtype=x.dtype)
        powers = table[np.minimum(behind, len(self.table)).astype(np.int64)]
        total = powers.sum(axis=-1, keepdims=True)
        found: Tensor = (powers * self.scale + total // 2) // total
        return found

    def reach(self, inputs: Sequence[Interval]) -> tuple[Interval, int]:
        """Return 0..scale."""
        shape = inputs[0].low.shape
        behind = 2 * magnitude(inputs[0].low, inputs[0].high)
        low, high = (np.broadcast_to(column([value]), shape) for value in (0, self.scale))
        return Interval(low, high), max(behind, self.table[0] * (self.scale + shape[-1]))

    def multiplications(self, shapes: Sequence[Shape]) -> int:
        """Return one for every element."""
        return math.prod(shapes[0])

    def write(self) -> dict[str, Any]:
        """Return the fields of `SoftmaxForm`."""
        written = {"op": "softmax", "table": write_integers(self.table), "scale": self.scale}
        return written | ({"precision_bits": self.precision_bits} if self.precision_bits else {})


class SoftmaxForm(LayerForm, tag="softmax", kw_only=True):
    """A softmax in JSON."""

    table: Vector
    scale: Annotated[int, msgspec.Meta(ge=1)]
    precision_bits: PrecisionBits = 0

    def read(self, given: Given) -> Softmax:
        """Return the operator.

        Raises:
            InputError: a table that is empty, rises, goes below 0 or begins with 0.
        """
        place = f"{given.place}.table"
        table = read_vector(self.table, place)
        if not len(table) or table[0] < 1:
            found = f"found {table[0]}" if len(table) else "found none"
            raise InputError(f"expected a first value above 0, {found}", place)
        rising = np.flatnonzero(table[1:] > table[:-1])
        if len(rising):
            index = int(rising[0]) + 1
            problem = f"expected values that never rise, found {table[index]} after {table[index - 1]}"
            raise InputError(problem, f"{place}[{index}]")
        if table[-1] < 0:
            index = int((table < 0).argmax())
            raise InputError(f"expected a value from 0, found {table[index]}", f"{place}[{index}]")
        return Softmax(tuple(table.tolist()), self.scale, self.precision_bits)
