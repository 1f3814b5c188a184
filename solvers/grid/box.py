"""A box of integer points, low[i] ≤ x[i] ≤ high[i], counted and numbered in Python integers."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

_INT64 = range(-(2**63), 2**63)


@dataclass(frozen=True)
class Box:
    """The points between two corners; point 0 is `low`, and the last feature moves fastest.

    Attributes:
        low, high: int[features].

    Raises:
        ValueError: the corners have different lengths, leave int64, or low > high somewhere.
    """

    low: tuple[int, ...]
    high: tuple[int, ...]

    def __post_init__(self) -> None:
        if len(self.low) != len(self.high):
            raise ValueError(f"expected {len(self.low)} upper bounds as lower ones, found {len(self.high)}")
        for index, (low, high) in enumerate(zip(self.low, self.high, strict=True)):
            if low not in _INT64 or high not in _INT64 or low > high:
                raise ValueError(f"feature {index}: expected low ≤ high in 64 bits, found {low} and {high}")

    @property
    def sizes(self) -> tuple[int, ...]:
        """How many values each feature takes."""
        return tuple(high - low + 1 for low, high in zip(self.low, self.high, strict=True))

    @property
    def points(self) -> int:
        """How many points there are."""
        return math.prod(self.sizes)

    def point(self, index: int) -> tuple[int, ...]:
        """Return the point of that number, 0 ≤ index < points."""
        return tuple(low + digit for low, digit in zip(self.low, self.digits(index), strict=True))

    def digits(self, number: int) -> tuple[int, ...]:
        """Return number modulo points in the mixed radix of `sizes`, the last feature's digit the lowest."""
        reversed_digits = []
        for size in reversed(self.sizes):
            number, digit = divmod(number, size)
            reversed_digits.append(digit)
        return tuple(reversed(reversed_digits))


def box_of(low: Sequence[int], high: Sequence[int], features: int | None = None) -> Box:
    """Return the box between two corners, of `features` features when that is given.

    Raises:
        ValueError: as `Box`, or another number of features.
    """
    if features is not None and len(low) != features:
        raise ValueError(f"expected bounds of {features} features, found {len(low)}")
    return Box(tuple(map(int, low)), tuple(map(int, high)))
