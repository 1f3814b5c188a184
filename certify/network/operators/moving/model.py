"""reshape, transpose, pad, slice, concatenate, gather: elements in other places, none computed.

All of them are one operator in what they mean, an output element is an input element or a constant, and differ in
how the places are written.
"""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from certify.errors import InputError
from certify.network.elementwise import magnitude
from certify.network.operators.operator import Interval, Operator, Shape, Tensor, surround
from certify.network.steps import Step
from certify.network.tensors import write_integers


class Moving(Operator):
    """An operator that only moves elements."""

    @abstractmethod
    def accumulate(self, values: Sequence[Tensor]) -> Tensor:
        """Return any[batch, …]; works on arrays of anything, indices among them."""

    def reach(self, inputs: Sequence[Interval]) -> tuple[Interval, int]:
        """Return the same bounds in other places."""
        low = self.accumulate([read.low[np.newaxis] for read in inputs])[0]
        high = self.accumulate([read.high[np.newaxis] for read in inputs])[0]
        return Interval(low, high), magnitude(low, high)

    def multiplications(self, shapes: Sequence[Shape]) -> int:  # noqa: ARG002 - there are none
        """Return 0."""
        return 0


@dataclass(frozen=True)
class Reshape(Moving):
    """The same elements, in row-major order, in another shape.

    Attributes:
        to: the shape, every dimension at least 1.
        steps, name, sources: as `Operator` has them.
    """

    to: Shape
    steps: tuple[Step, ...] = ()
    name: str = ""
    sources: tuple[int, ...] = ()

    def shape(self, shapes: Sequence[Shape]) -> Shape:
        """Return the shape."""
        (found,) = shapes
        if math.prod(found) != math.prod(self.to):
            raise InputError(f"expected {math.prod(self.to)} elements for {list(self.to)}, found {math.prod(found)}")
        return self.to

    def accumulate(self, values: Sequence[Tensor]) -> Tensor:
        """Return any[batch, *shape]."""
        return values[0].reshape(len(values[0]), *self.to)

    def write(self) -> dict[str, Any]:
        """Return the fields of `ReshapeForm`."""
        return {"op": "reshape", "shape": list(self.to)}


@dataclass(frozen=True)
class Transpose(Moving):
    """Dimensions in another order.

    Attributes:
        axes: dimension i of the result is dimension axes[i] of the input; a permutation of 0, 1, …
        steps, name, sources: as `Operator` has them.
    """

    axes: tuple[int, ...]
    steps: tuple[Step, ...] = ()
    name: str = ""
    sources: tuple[int, ...] = ()

    def shape(self, shapes: Sequence[Shape]) -> Shape:
        """Return the permuted shape."""
        (found,) = shapes
        if sorted(self.axes) != list(range(len(found))):
            raise InputError(f"expected the axes of {len(found)} dimensions, found {list(self.axes)}")
        return tuple(found[axis] for axis in self.axes)

    def accumulate(self, values: Sequence[Tensor]) -> Tensor:
        """Return any[batch, …]."""
        return values[0].transpose(0, *(axis + 1 for axis in self.axes))

    def write(self) -> dict[str, Any]:
        """Return the fields of `TransposeForm`."""
        return {"op": "transpose", "axes": list(self.axes)}


@dataclass(frozen=True)
class Pad(Moving):
    """A constant around a tensor.

    Attributes:
        around: for each dimension, how many before and after, at least 0.
        value: the constant, on the input's scale.
        steps, name, sources: as `Operator` has them.
    """

    around: tuple[tuple[int, int], ...]
    value: int = 0
    steps: tuple[Step, ...] = ()
    name: str = ""
    sources: tuple[int, ...] = ()

    def shape(self, shapes: Sequence[Shape]) -> Shape:
        """Return the larger shape."""
        (found,) = shapes
        if len(found) != len(self.around):
            raise InputError(f"expected an input of {len(self.around)} dimensions, found {len(found)}")
        return tuple(before + length + after for length, (before, after) in zip(found, self.around, strict=True))

    def accumulate(self, values: Sequence[Tensor]) -> Tensor:
        """Return any[batch, …]."""
        return surround(values[0], [(0, 0), *self.around], self.value)

    def write(self) -> dict[str, Any]:
        """Return the fields of `PadForm`."""
        value = {"value": self.value} if self.value else {}
        return {"op": "pad", "padding": [list(around) for around in self.around]} | value


@dataclass(frozen=True)
class Slice(Moving):
    """A part of a tensor.

    Attributes:
        begin, end: for each dimension, the first index and the one after the last, begin < end.
        step: for each dimension, at least 1.
        steps, name, sources: as `Operator` has them.
    """

    begin: tuple[int, ...]
    end: tuple[int, ...]
    step: tuple[int, ...]
    steps: tuple[Step, ...] = ()
    name: str = ""
    sources: tuple[int, ...] = ()

    def shape(self, shapes: Sequence[Shape]) -> Shape:
        """Return the smaller shape."""
        (found,) = shapes
        if not len(found) == len(self.begin) == len(self.end) == len(self.step):
            raise InputError(f"expected an input of {len(self.begin)} dimensions, found {len(found)}")
        inside = zip(self.begin, self.end, found, strict=True)
        if not all(0 <= begin < end <= length for begin, end, length in inside):
            raise InputError(f"expected 0 ≤ begin < end within {list(found)}, found {self.begin} to {self.end}")
        return tuple(-((a - b) // s) for a, b, s in zip(self.begin, self.end, self.step, strict=True))

    def accumulate(self, values: Sequence[Tensor]) -> Tensor:
        """Return any[batch, …]."""
        spans = zip(self.begin, self.end, self.step, strict=True)
        return values[0][(slice(None), *(slice(*span) for span in spans))]

    def write(self) -> dict[str, Any]:
        """Return the fields of `SliceForm`."""
        step = {} if set(self.step) == {1} else {"step": list(self.step)}
        return {"op": "slice", "begin": list(self.begin), "end": list(self.end)} | step


@dataclass(frozen=True)
class Concatenate(Moving):
    """Tensors one after the other.

    Attributes:
        sources: the inputs, in order.
        axis: along which, from 0.
        steps, name: as `Operator` has them.
    """

    sources: tuple[int, ...]
    axis: int
    steps: tuple[Step, ...] = ()
    name: str = ""

    def shape(self, shapes: Sequence[Shape]) -> Shape:
        """Return the joined shape."""
        first = shapes[0]
        if not 0 <= self.axis < len(first):
            raise InputError(f"expected an axis below {len(first)}, found {self.axis}")
        without = {(*shape[: self.axis], *shape[self.axis + 1 :]) for shape in shapes}
        if len(without) != 1 or {len(shape) for shape in shapes} != {len(first)}:
            found = " and ".join(str(list(shape)) for shape in shapes)
            raise InputError(f"expected inputs alike but for dimension {self.axis}, found {found}")
        joined = sum(shape[self.axis] for shape in shapes)
        return (*first[: self.axis], joined, *first[self.axis + 1 :])

    def accumulate(self, values: Sequence[Tensor]) -> Tensor:
        """Return any[batch, …]."""
        return np.concatenate(values, axis=self.axis + 1)

    def write(self) -> dict[str, Any]:
        """Return the fields of `ConcatenateForm`."""
        return {"op": "concatenate", "axis": self.axis}


@dataclass(frozen=True)
class Gather(Moving):
    """Elements by their places, in any order, as often as wanted: any regular pattern is made of these.

    The patches that a group convolution reads, for every position and every element of its group, are gathered so.

    Attributes:
        indices: the row-major place of each element of the result in the input, or -1 for a 0.
        to: the shape of the result.
        steps, name, sources: as `Operator` has them.
    """

    indices: tuple[int, ...]
    to: Shape
    steps: tuple[Step, ...] = ()
    name: str = ""
    sources: tuple[int, ...] = ()

    def shape(self, shapes: Sequence[Shape]) -> Shape:
        """Return the shape of the result."""
        (found,) = shapes
        if len(self.indices) != math.prod(self.to):
            raise InputError(f"expected {math.prod(self.to)} indices for {list(self.to)}, found {len(self.indices)}")
        if not all(-1 <= index < math.prod(found) for index in self.indices):
            raise InputError(f"expected indices from -1 to {math.prod(found) - 1}")
        return self.to

    def accumulate(self, values: Sequence[Tensor]) -> Tensor:
        """Return any[batch, *shape]."""
        flat = values[0].reshape(len(values[0]), math.prod(values[0].shape[1:]))
        padded = np.concatenate([flat, np.zeros((len(flat), 1), dtype=flat.dtype)], axis=1)
        return padded[:, np.array(self.indices, dtype=np.int64)].reshape(len(flat), *self.to)

    def write(self) -> dict[str, Any]:
        """Return the fields of `GatherForm`."""
        return {"op": "gather", "indices": write_integers(self.indices), "shape": list(self.to)}
