"""conv2d: one kernel for every output channel, applied at every position of a plane.

Depthwise convolutions have as many groups as channels, pointwise ones a kernel of one tap. Padding is with zeros: a
tensor with a zero point has it taken off by an `offset` first. Constants are not padded; they stand beside every
patch.

Ticket and proof are on kernels. A kernel read tap by tap, `by_tap`, is a dense matrix with a row for every output
channel and tap and a column for every channel, and where two convolutions have equal such matrices they are equal at
every position (docs/convolutions.md).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from certify.errors import InputError
from certify.network.matrix import Matrix
from certify.network.operators.operator import Interval, Linear, Shape, Tensor, column
from certify.network.operators.window import Window
from certify.network.steps import Step


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
        views = list(self.window.views(self.window.pad(values[0])))
        if values[0].dtype == object:
            return self._accumulate_exactly(views)
        dtype, channels = values[0].dtype, self.channels
        batch, rows, columns, _ = views[0].shape
        kernels = self.by_tap().to_dense().reshape(self.groups, -1, self.taps, channels).astype(dtype)
        total = np.zeros((self.groups, batch * rows * columns, self.outputs // self.groups), dtype=dtype)
        for tap, view in enumerate(views):
            patches = view.reshape(-1, self.groups, channels).swapaxes(0, 1)
            total += patches @ kernels[:, :, tap].swapaxes(1, 2)
        flat = total.swapaxes(0, 1).reshape(batch, rows, columns, self.outputs)
        return flat + np.array(self.offsets(), dtype=dtype)

    def _accumulate_exactly(self, views: Sequence[Tensor]) -> Tensor:
        """Go through the stored weights, and add up whole planes of Python integers."""
        found = np.zeros((*views[0].shape[:3], self.outputs), dtype=object)
        width, channels = self.taps * self.channels, self.channels
        reads = self.reads().tolist()
        for output, offset in enumerate(self.offsets()):
            plane = np.full(views[0].shape[:3], offset, dtype=object)
            first = int(self.weights.start[output])
            for entry, (place, weight) in enumerate(zip(*self.weights.row(output), strict=True), first):
                if place < width and weight:
                    plane = plane + weight * views[place // channels][..., reads[entry]]
            found[..., output] = plane
        return found

    def reach(self, inputs: Sequence[Interval]) -> tuple[Interval, int]:
        """Return the bounds of the accumulators; every position of a channel has the same."""
        low, high = self.channel_bounds(inputs[0])
        least, greatest, largest = self.kernel_bounds(low, high)
        shape = self.shape([inputs[0].low.shape])
        return Interval(np.broadcast_to(column(least), shape), np.broadcast_to(column(greatest), shape)), largest

    def channel_bounds(self, read: Interval) -> tuple[list[int], list[int]]:
        """Return the least and greatest value of every channel of the input, padding included."""
        around = [0] if self.window.padded else []
        low = [min([*set(read.low[..., c].flat), *around]) for c in range(read.low.shape[2])]
        high = [max([*set(read.high[..., c].flat), *around]) for c in range(read.high.shape[2])]
        return low, high

    def multiplications(self, shapes: Sequence[Shape]) -> int:
        """Return one for every stored weight at every position."""
        rows, columns, _ = self.shape(shapes)
        return rows * columns * self.weights.entries
