"""matmul: the matrix product of two activations, as in attention: [..., n, k] times [..., k, m]."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from certify.errors import InputError
from certify.network.operators.operator import Interval, Operator, Shape, Tensor
from certify.network.steps import Step


@dataclass(frozen=True)
class Product(Operator):
    """left · right over the last two dimensions, for every index of those before, which both have alike.

    Attributes:
        sources: two, left and right.
        steps: applied to every element.
        name: for people.
    """

    sources: tuple[int, ...]
    steps: tuple[Step, ...] = ()
    name: str = ""

    def shape(self, shapes: Sequence[Shape]) -> Shape:
        """Return (..., n, m)."""
        left, right = shapes
        if min(len(left), len(right)) < 2 or left[:-2] != right[:-2] or left[-1] != right[-2]:
            raise InputError(f"expected [..., n, k] and [..., k, m], found {list(left)} and {list(right)}")
        return (*left[:-1], right[-1])

    def precision(self, bits: Sequence[int]) -> int:
        """Return the sum of both inputs' precision bits."""
        return sum(bits)

    def accumulate(self, values: Sequence[Tensor]) -> Tensor:
        """Return int[batch, ..., n, m]."""
        return np.matmul(values[0], values[1])

    def reach(self, inputs: Sequence[Interval]) -> tuple[Interval, int]:
        """Return the sums of the bounds of all products."""
        left, right = ([end[..., np.newaxis] for end in (read.low, read.high)] for read in inputs)
        ends = [a * np.moveaxis(b, -1, -3) for a in left for b in right]
        low, high = np.minimum.reduce(ends), np.maximum.reduce(ends)
        largest = int(np.maximum(np.abs(low), np.abs(high)).sum(axis=-2).max())
        return Interval(low.sum(axis=-2), high.sum(axis=-2)), largest

    def multiplications(self, shapes: Sequence[Shape]) -> int:
        """Return n · k · m for every product."""
        return math.prod(self.shape(shapes)) * shapes[0][-1]
