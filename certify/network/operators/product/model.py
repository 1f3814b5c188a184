"""matmul: the matrix product of two activations, as in attention: [..., n, k] times [..., k, m]."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from certify.errors import InputError
from certify.network.elementwise import magnitude
from certify.network.operators.form import Given, LayerForm, TwoInputs
from certify.network.operators.operator import Interval, Operator, Shape, Tensor
from certify.network.steps import Step

MAX_BITS = 2**16
"""Of a product's precision: each product of products may have twice as many, and n of them 2^n times."""


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
        if abs(sum(bits)) > MAX_BITS:
            raise InputError(f"expected precision bits of {MAX_BITS} at most, found {sum(bits)}")
        return sum(bits)

    def accumulate(self, values: Sequence[Tensor]) -> Tensor:
        """Return int[batch, ..., n, m]."""
        found: Tensor = np.matmul(values[0], values[1])
        return found

    def reach(self, inputs: Sequence[Interval]) -> tuple[Interval, int]:
        """Return the sums of the bounds of all products, one of the k terms after the other."""
        largest_input = magnitude(*(end for read in inputs for end in (read.low, read.high)))
        length = inputs[0].low.shape[-1]
        kind: Any = np.int64 if largest_input**2 * length < 2**62 else object
        left, right = ([end.astype(kind) for end in (read.low, read.high)] for read in inputs)
        low, high, sums = (np.zeros(self.shape([read.low.shape for read in inputs]), dtype=kind) for _ in range(3))
        for term in range(length):
            ends = [a[..., :, term, np.newaxis] * b[..., np.newaxis, term, :] for a in left for b in right]
            least, most = np.minimum.reduce(ends), np.maximum.reduce(ends)
            low, high, sums = low + least, high + most, sums + np.maximum(np.abs(least), np.abs(most))
        return Interval(low.astype(object), high.astype(object)), max(largest_input, magnitude(sums.astype(object)))

    def multiplications(self, shapes: Sequence[Shape]) -> int:
        """Return n · k · m for every product."""
        return math.prod(self.shape(shapes)) * shapes[0][-1]

    def write(self) -> dict[str, Any]:
        """Return the fields of `ProductForm`."""
        return {"op": "matmul"}


class ProductForm(LayerForm, tag="matmul", kw_only=True):
    """A matrix product in JSON."""

    inputs: TwoInputs

    def read(self, given: Given) -> Product:
        """Return the operator."""
        return Product(given.sources)
