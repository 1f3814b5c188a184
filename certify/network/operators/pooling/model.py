"""max_pool, sum_pool, average_pool: every channel of a plane, brought together window by window.

Padding takes part in nothing: a maximum is of what lies inside, a sum too, and an average divides by how many that
are. An average is rounded to an integer by a named rounding; `half_away` is that of TFLite's kernels.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce
from typing import Literal, TypeAlias

import numpy as np

from certify.errors import InputError
from certify.network.operators.operator import Interval, Operator, Shape, Tensor
from certify.network.operators.window import Window
from certify.network.rounding import Rounding, divide
from certify.network.steps import Step

Kind: TypeAlias = Literal["max", "sum", "average"]


@dataclass(frozen=True)
class Pooling(Operator):
    """Pooling of [rows, columns, channels].

    Attributes:
        kind: what is made of a window's elements.
        window: where it stands; every window has an element inside.
        rounding: of an average; "" for the others.
        steps: applied to every element.
        name: for people.
        sources: as `Operator` has it.
    """

    kind: Kind
    window: Window
    rounding: Rounding | Literal[""] = ""
    steps: tuple[Step, ...] = ()
    name: str = ""
    sources: tuple[int, ...] = ()

    def shape(self, shapes: Sequence[Shape]) -> Shape:
        """Return (positions, positions, channels)."""
        (found,) = shapes
        if len(found) != 3:
            raise InputError(f"expected an input of [rows, columns, channels], found {list(found)}")
        positions = self.window.positions(found[:2])
        if not self._counts(found).all():
            raise InputError("expected an element inside every window, found one of nothing but padding")
        return (*positions, found[2])

    def _counts(self, shape: Shape) -> Tensor:
        """Return int64[1, positions, positions, 1]: how many elements of the plane each window has."""
        inside = self.window.pad(np.ones((1, *shape[:2], 1), dtype=np.int64))
        return reduce(np.add, self.window.views(inside))

    def accumulate(self, values: Sequence[Tensor]) -> Tensor:
        """Return int[batch, positions, positions, channels]."""
        if self.kind == "max":
            # Padding must not win: below everything that is there.
            fill = min(values[0].flat) if self.window.padded else 0
            return reduce(np.maximum, self.window.views(self.window.pad(values[0], fill)))
        total = reduce(np.add, self.window.views(self.window.pad(values[0])))
        if self.kind == "sum":
            return total
        assert self.rounding
        return divide(total, self._counts(values[0].shape[1:]).astype(total.dtype), self.rounding)

    def reach(self, inputs: Sequence[Interval]) -> tuple[Interval, int]:
        """Return the bounds: all three kinds rise with every element."""
        low, high = (self.accumulate([end[np.newaxis]])[0] for end in (inputs[0].low, inputs[0].high))
        largest = max(abs(value) for end in (inputs[0].low, inputs[0].high) for value in (*end.flat, 0))
        return Interval(low, high), (largest + 1) * self.window.taps

    def multiplications(self, shapes: Sequence[Shape]) -> int:
        """Return one for every tap at every position."""
        return math.prod(self.shape(shapes)) * self.window.taps
