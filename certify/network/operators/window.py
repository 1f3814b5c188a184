"""Where a kernel stands on a plane: size, stride, dilation and padding, of convolutions and pooling alike."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TypeAlias

from certify.errors import InputError
from certify.network.operators.operator import Tensor, surround

Both: TypeAlias = tuple[int, int]
"""One integer for the vertical and one for the horizontal direction."""
UNPADDED: tuple[Both, Both] = ((0, 0), (0, 0))


@dataclass(frozen=True)
class Window:
    """A kernel's reach and its positions on a plane.

    Attributes:
        size: of the kernel, at least 1.
        stride: from a position to the next, at least 1.
        dilation: from a tap to the next, at least 1.
        padding: rows before and after, columns before and after, at least 0.
    """

    size: Both
    stride: Both = (1, 1)
    dilation: Both = (1, 1)
    padding: tuple[Both, Both] = UNPADDED

    @property
    def taps(self) -> int:
        """How many taps the kernel has, row by row."""
        return self.size[0] * self.size[1]

    @property
    def padded(self) -> bool:
        """Whether there is any padding."""
        return self.padding != UNPADDED

    def positions(self, plane: tuple[int, ...]) -> Both:
        """Return how many rows and columns of positions there are on a plane of these rows and columns.

        Raises:
            InputError: there is none, as the kernel is larger than the padded plane.
        """
        found = []
        for length, size, stride, dilation, around in zip(
            plane, self.size, self.stride, self.dilation, self.padding, strict=True
        ):
            room = length + sum(around) - dilation * (size - 1) - 1
            if room < 0:
                raise InputError(
                    f"expected a kernel within {length + sum(around)}, found {dilation * (size - 1) + 1}"
                )
            found.append(room // stride + 1)
        return found[0], found[1]

    def pad(self, values: Tensor, fill: int = 0) -> Tensor:
        """Return [batch, rows, columns, …] with the padding around it."""
        if not self.padded:
            return values
        around = [(0, 0), *self.padding, *[(0, 0)] * (values.ndim - 3)]
        return surround(values, around, fill)

    def views(self, padded: Tensor) -> Iterator[Tensor]:
        """Yield for each tap, row by row, [batch, positions, positions, …]: what it reads of a padded tensor."""
        rows, columns = self.positions_inside(padded.shape[1:3])
        for down in range(self.size[0]):
            for right in range(self.size[1]):
                top, left = down * self.dilation[0], right * self.dilation[1]
                below, beside = top + (rows - 1) * self.stride[0] + 1, left + (columns - 1) * self.stride[1] + 1
                yield padded[:, top : below : self.stride[0], left : beside : self.stride[1]]

    def positions_inside(self, padded: tuple[int, ...]) -> Both:
        """Return how many rows and columns of positions there are on a plane that has its padding already."""
        return Window(self.size, self.stride, self.dilation).positions(padded)
