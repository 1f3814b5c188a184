"""softmax: an exponential from a table, divided by its sum, along the last dimension; integers throughout.

With d_i = max_j x_j - x_i ≥ 0, an element is (scale · T[d_i] + S div 2) div S, where S = Σ_j T[d_j] and `div` rounds
down: scale · softmax rounded half-up, for a table T of exp(-d · input scale) on any scale. Beyond its end the table
is 0.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from certify.errors import InputError
from certify.network.operators.operator import Interval, Operator, Shape, Tensor
from certify.network.steps import Step


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

    def precision(self, bits: Sequence[int]) -> int:
        """Return the declared precision bits."""
        return self.precision_bits

    def accumulate(self, values: Sequence[Tensor]) -> Tensor:
        """Return int[batch, ...]."""
        (x,) = values
        behind = x.max(axis=-1, keepdims=True) - x
        table = np.array([*self.table, 0], dtype=x.dtype)
        powers = table[np.minimum(behind, len(self.table)).astype(np.int64)]
        total = powers.sum(axis=-1, keepdims=True)
        return (powers * self.scale + total // 2) // total

    def reach(self, inputs: Sequence[Interval]) -> tuple[Interval, int]:
        """Return 0..scale."""
        shape = inputs[0].low.shape
        ends = [abs(value) for end in (inputs[0].low, inputs[0].high) for value in end.flat]
        largest = max(2 * max(ends) + 1, self.table[0] * (self.scale + shape[-1]))
        low, high = (np.full(shape, value, dtype=object) for value in (0, self.scale))
        return Interval(low, high), largest

    def multiplications(self, shapes: Sequence[Shape]) -> int:
        """Return one for every element."""
        return math.prod(shapes[0])
