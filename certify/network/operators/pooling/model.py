"""max_pool, sum_pool, average_pool: every channel of a plane, brought together window by window.

Padding takes part in nothing: a maximum is of what lies inside, a sum too, and an average divides by how many that
are. An average is rounded to an integer by a named rounding; `half_away` is that of TFLite's kernels.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce
from typing import Any, Literal, TypeAlias

import msgspec
import numpy as np

from certify.errors import InputError
from certify.network.elementwise import magnitude, shrunk
from certify.network.matrix import Int64Array
from certify.network.operators.form import Around, Given, LayerForm, Two, read_window, write_window
from certify.network.operators.operator import Interval, Operator, Shape, Tensor
from certify.network.operators.window import UNPADDED, Window
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
        """Return int64[positions, positions, 1]: how many elements of the plane each window has."""
        rows, columns = (self._counts_along(axis, shape) for axis in (0, 1))
        return np.asarray(np.multiply.outer(rows, columns))[..., np.newaxis]

    def _counts_along(self, axis: int, shape: Shape) -> Int64Array:
        """Return int64[positions]: how many rows, or columns, of a window are those of the plane."""
        window, length = self.window, shape[axis]
        positions = window.positions(shape[:2])[axis]
        first = np.arange(positions, dtype=np.int64) * window.stride[axis] - window.padding[axis][0]
        taps = np.arange(window.size[axis], dtype=np.int64) * window.dilation[axis]
        begin = np.searchsorted(taps, -first, side="left")
        end = np.searchsorted(taps, length - first, side="left")
        return np.asarray(end - begin, dtype=np.int64)

    def accumulate(self, values: Sequence[Tensor]) -> Tensor:
        """Return int[batch, positions, positions, channels]."""
        if self.kind == "max":
            # Padding must not win: it is not above anything that is there.
            fill = values[0].min(initial=0) if self.window.padded else 0
            return reduce(np.maximum, self.window.views(self.window.pad(values[0], fill)))
        total: Tensor = reduce(np.add, self.window.views(self.window.pad(values[0])))
        if self.kind == "sum":
            return total
        assert self.rounding
        return divide(total, self._counts(values[0].shape[1:]).astype(total.dtype), self.rounding)

    def reach(self, inputs: Sequence[Interval]) -> tuple[Interval, int]:
        """Return the bounds: all three kinds rise with every element."""
        low, high = (self._end(end) for end in (inputs[0].low, inputs[0].high))
        return Interval(low, high), (magnitude(inputs[0].low, inputs[0].high) + 2) * self.window.taps

    def _end(self, values: Tensor) -> Tensor:
        """Return what is made of one point; where all positions are alike, so are a maximum and an average."""
        alike = shrunk(values)
        if alike.shape[:2] != (1, 1) or (self.kind == "sum" and self.window.padded):
            whole: Tensor = self.accumulate([values[np.newaxis]])[0]
            return whole
        factor = self.window.taps if self.kind == "sum" else 1
        found: Tensor = np.broadcast_to(alike * factor, self.shape([values.shape]))
        return found

    def multiplications(self, shapes: Sequence[Shape]) -> int:
        """Return one for every tap at every position."""
        return math.prod(self.shape(shapes)) * self.window.taps

    def write(self) -> dict[str, Any]:
        """Return the fields of the form of its kind."""
        rounding = {"rounding": self.rounding} if self.rounding else {}
        return {"op": f"{self.kind}_pool"} | write_window(self.window) | rounding


class PoolingForm(LayerForm, kw_only=True):
    """What pooling of every kind has in JSON."""

    kernel: Two
    stride: Two | msgspec.UnsetType = msgspec.UNSET
    dilation: Two = (1, 1)
    padding: tuple[Around, Around] = UNPADDED


class MaxPoolForm(PoolingForm, tag="max_pool"):
    """A max_pool in JSON."""

    def read(self, given: Given) -> Pooling:
        """Return the operator, or raise an InputError as `read_window` does."""
        return Pooling("max", read_window(self, given, self.kernel))


class SumPoolForm(PoolingForm, tag="sum_pool"):
    """A sum_pool in JSON."""

    def read(self, given: Given) -> Pooling:
        """Return the operator, or raise an InputError as `read_window` does."""
        return Pooling("sum", read_window(self, given, self.kernel))


class AveragePoolForm(PoolingForm, tag="average_pool", kw_only=True):
    """An average_pool in JSON."""

    rounding: Rounding

    def read(self, given: Given) -> Pooling:
        """Return the operator, or raise an InputError as `read_window` does."""
        return Pooling("average", read_window(self, given, self.kernel), self.rounding)
