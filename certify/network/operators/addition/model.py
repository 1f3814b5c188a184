"""add: a weighted sum of tensors of one shape, each of which may go through steps of its own first.

A residual connection of an int8 network brings its inputs to one scale, adds them and requantizes; which runtime
rounds where is a choice of weights and steps (docs/tflite.md, docs/onnx.md).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from certify.errors import InputError
from certify.network.elementwise import bounds_after, run_steps
from certify.network.operators.operator import Interval, Operator, Shape, Tensor
from certify.network.steps import Step, precision_after


@dataclass(frozen=True)
class Term:
    """One input of a sum: weight · steps(x).

    Attributes:
        weight: any integer; it changes no precision bits.
        steps: applied to the input first.
    """

    weight: int = 1
    steps: tuple[Step, ...] = ()


@dataclass(frozen=True)
class Addition(Operator):
    """Σ weight · steps(x) over the inputs, and the steps.

    Attributes:
        sources: the inputs, two or more.
        terms: one for each input.
        steps: applied to every sum.
        name: for people.
    """

    sources: tuple[int, ...]
    terms: tuple[Term, ...]
    steps: tuple[Step, ...] = ()
    name: str = ""

    def shape(self, shapes: Sequence[Shape]) -> Shape:
        """Return the shape that all inputs have."""
        if len(set(shapes)) != 1:
            raise InputError(f"expected inputs of one shape, found {' and '.join(str(list(s)) for s in shapes)}")
        return shapes[0]

    def precision(self, bits: Sequence[int]) -> int:
        """Return the precision bits that all terms have."""
        return super().precision([precision_after(t.steps, b) for t, b in zip(self.terms, bits, strict=True)])

    def accumulate(self, values: Sequence[Tensor]) -> Tensor:
        """Return int[batch, …], the sums."""
        parts = [run_steps(t.steps, value) * t.weight for t, value in zip(self.terms, values, strict=True)]
        return sum(parts[1:], start=parts[0])

    def reach(self, inputs: Sequence[Interval]) -> tuple[Interval, int]:
        """Return the bounds of the sums."""
        lows, highs, largest = [], [], 0
        for term, read in zip(self.terms, inputs, strict=True):
            low, high, met = bounds_after(term.steps, read.low, read.high)
            ends = (low * term.weight, high * term.weight)
            lows.append(np.minimum(*ends))
            highs.append(np.maximum(*ends))
            largest = max(largest, met, abs(term.weight))
        magnitude = sum(np.maximum(np.abs(low), np.abs(high)) for low, high in zip(lows, highs, strict=True))
        return Interval(sum(lows), sum(highs)), max(largest, int(np.max(magnitude)))

    def multiplications(self, shapes: Sequence[Shape]) -> int:
        """Return one for every element of every input."""
        return sum(math.prod(shape) for shape in shapes)
