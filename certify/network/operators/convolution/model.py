"""conv2d: one kernel for every output channel, applied at every position of a plane.

Depthwise convolutions have as many groups as channels, pointwise ones a kernel of one tap. Padding is with zeros: a
tensor with a zero point has it taken off by an `offset` first. Constants are not padded; they stand beside every
patch.

Ticket and proof are on kernels. A kernel read tap by tap, `by_tap`, is a dense matrix with a row for every output
channel and tap and a column for every channel, and where two convolutions have equal such matrices they are equal at
every position (docs/convolutions.md).
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import reduce
from typing import Any

import msgspec
import numpy as np

from certify.errors import InputError
from certify.network.elementwise import shrunk
from certify.network.matrix import Matrix
from certify.network.operators.form import (
    Around,
    Given,
    Length,
    LinearForm,
    Two,
    read_window,
    write_kernel,
    write_window,
)
from certify.network.operators.operator import Interval, Linear, Shape, Tensor, column
from certify.network.operators.window import UNPADDED, Window
from certify.network.steps import Step

SPARSE = 8
"""Where fewer than one weight in so many is stored, going through them beats a matrix product: tickets are such."""
PATCH_ELEMENTS = 2**22
"""What is laid out at once of all that the kernels read."""


@dataclass(frozen=True, eq=False)
class Convolution(Linear):
    """A convolution of [rows, columns, groups · channels] to [positions, positions, outputs].

    Attributes:
        weights: (outputs, taps · channels + constants), taps row by row; `Linear` says what stands in a row.
        precision_bits: of the weights.
        bias: one integer per output channel.
        window: where the kernel reads.
        groups: how many groups of channels are separate.
        constants: values of extra inputs at every position.
        steps: applied to every element; one with a value for each output has one for each channel.
        name: for people.
        sources: as `Operator` has it.
    """

    weights: Matrix
    precision_bits: int
    bias: tuple[int, ...]
    window: Window
    groups: int = 1
    constants: tuple[int, ...] = ()
    steps: tuple[Step, ...] = ()
    name: str = ""
    sources: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        assert (self.weights.shape[1] - len(self.constants)) % self.taps == 0
        assert self.outputs % self.groups == 0

    @property
    def taps(self) -> int:
        """How many positions the kernel reads."""
        return self.window.taps

    def shape(self, shapes: Sequence[Shape]) -> Shape:
        """Return (positions, positions, outputs)."""
        (found,) = shapes
        if len(found) != 3 or found[2] != self.groups * self.channels:
            problem = f"expected an input of [rows, columns, {self.groups * self.channels}], found {list(found)}"
            raise InputError(problem)
        return (*self.window.positions(found[:2]), self.outputs)

    def accumulate(self, values: Sequence[Tensor]) -> Tensor:
        """Return int[batch, positions, positions, outputs]."""
        padded = self.window.pad(values[0])
        exact = padded.dtype == object
        offsets = column(self.offsets()) if exact else np.array(self.offsets(), dtype=padded.dtype)
        if exact or self.weights.entries * SPARSE < math.prod(self.weights.shape):
            return self._accumulate_by_weight(padded) + offsets
        parts = [self._accumulate_part(padded[points]) for points in self._parts(padded)]
        found: Tensor = np.concatenate(parts) + offsets
        return found

    def _parts(self, padded: Tensor) -> Iterator[slice]:
        """Yield the points of a batch in parts whose patches are not too many at once."""
        rows, columns = self.window.positions_inside(padded.shape[1:3])
        most = max(1, PATCH_ELEMENTS // (rows * columns * self.groups * self.taps * self.channels))
        return (slice(first, first + most) for first in range(0, max(1, len(padded)), most))

    def _accumulate_part(self, padded: Tensor) -> Tensor:
        views = list(self.window.views(padded))
        shape, channels = views[0].shape[:3], self.channels
        # By group: (outputs of the group, taps, channels).
        kernels = self.by_tap().to_dense().reshape(self.groups, -1, self.taps, channels).astype(padded.dtype)
        if self.groups == 1:
            flat = np.concatenate(views, axis=-1).reshape(math.prod(shape), self.taps * channels)
            found: Tensor = flat @ kernels[0].reshape(self.outputs, -1).T
            return found.reshape(*shape, self.outputs)
        split = [view.reshape(*shape, self.groups, channels) for view in views]
        if channels == 1:
            found = reduce(np.add, (view * kernels[:, :, tap, 0] for tap, view in enumerate(split)))
            return found.reshape(*shape, self.outputs)
        stacked = np.stack(split, axis=-2).reshape(math.prod(shape), self.groups, self.taps * channels)
        patches = stacked.swapaxes(0, 1)
        found = patches @ kernels.reshape(self.groups, -1, self.taps * channels).swapaxes(1, 2)
        return found.swapaxes(0, 1).reshape(*shape, self.outputs)

    def _accumulate_by_weight(self, padded: Tensor) -> Tensor:
        """Go through the stored weights, and add up whole planes; of Python integers, or where weights are few."""
        planes = (
            np.ascontiguousarray(np.moveaxis(padded, -1, 1)) if padded.dtype != object else np.moveaxis(padded, -1, 1)
        )
        views = [np.moveaxis(view, -1, 1) for view in self.window.views(np.moveaxis(planes, 1, -1))]
        batch, _, *positions = views[0].shape
        kind = padded.dtype
        found = np.zeros((batch, self.outputs, *positions), dtype=kind)
        inner = (self.weights.columns < self.taps * self.channels) & (self.weights.values != 0)
        taps = (self.weights.columns[inner] // max(1, self.channels)).tolist()
        entries = zip(self.weights.row_of_entry()[inner].tolist(), self.reads()[inner].tolist(), taps, strict=True)
        for (output, channel, tap), weight in zip(entries, self.weights.values[inner].tolist(), strict=True):
            found[:, output] += views[tap][:, channel] * weight
        return np.moveaxis(found, 1, -1)

    def reach(self, inputs: Sequence[Interval]) -> tuple[Interval, int]:
        """Return the bounds of the accumulators; every position of a channel has the same."""
        low, high = self.channel_bounds(inputs[0])
        least, greatest, largest = self.kernel_bounds(low, high)
        shape = self.shape([inputs[0].low.shape])
        return Interval(np.broadcast_to(column(least), shape), np.broadcast_to(column(greatest), shape)), largest

    def channel_bounds(self, read: Interval) -> tuple[list[int], list[int]]:
        """Return the least and greatest value of every channel of the input, padding included."""
        channels = self.groups * self.channels
        low, high = (
            np.broadcast_to(end, (*end.shape[:2], channels)) for end in (shrunk(read.low), shrunk(read.high))
        )
        least, greatest = low.min(axis=(0, 1)).tolist(), high.max(axis=(0, 1)).tolist()
        if self.window.padded:
            return [min(value, 0) for value in least], [max(value, 0) for value in greatest]
        return least, greatest

    def multiplications(self, shapes: Sequence[Shape]) -> int:
        """Return one for every stored weight at every position."""
        rows, columns, _ = self.shape(shapes)
        return rows * columns * self.weights.entries

    def write(self) -> dict[str, Any]:
        """Return the fields of `ConvolutionForm`."""
        groups = {} if self.groups == 1 else {"groups": self.groups}
        return {"op": "conv2d"} | write_window(self.window, (1, 1)) | groups | write_kernel(self)


class ConvolutionForm(LinearForm, tag="conv2d", kw_only=True):
    """A convolution in JSON."""

    kernel: Two
    stride: Two | msgspec.UnsetType = msgspec.UNSET
    dilation: Two = (1, 1)
    padding: tuple[Around, Around] = UNPADDED
    groups: Length = 1

    def read(self, given: Given) -> Convolution:
        """Return the operator.

        Raises:
            InputError: it reads no plane, its groups do not divide the channels of input or output, or as
                `read_window` and `LinearForm.read_kernel`.
        """
        window = read_window(self, given, (1, 1))
        channels = given.shapes[0][2]
        if channels % self.groups:
            raise InputError(
                f"expected a divisor of {channels} channels, found {self.groups}", f"{given.place}.groups"
            )
        width = window.taps * (channels // self.groups)
        weights, bias, constants = self.read_kernel(width, "tap and channel of a group", given.place)
        if weights.shape[0] % self.groups:
            problem = f"expected a divisor of {weights.shape[0]} outputs, found {self.groups}"
            raise InputError(problem, f"{given.place}.groups")
        return Convolution(weights, self.precision_bits, bias, window, self.groups, constants)
