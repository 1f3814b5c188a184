"""add: a weighted sum of tensors of one shape, each of which may go through steps of its own first.

A residual connection of an int8 network brings its inputs to one scale, adds them and requantizes; which runtime
rounds where is a choice of weights and steps (docs/tflite.md, docs/onnx.md).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce
from typing import Any

import msgspec
import numpy as np

from certify.errors import InputError
from certify.network.elementwise import bounds_after, magnitude, run_steps, shrunk
from certify.network.operators.form import Given, Inputs, LayerForm
from certify.network.operators.operator import Interval, Operator, Shape, Tensor
from certify.network.step_form import StepForm, read_step, write_step
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
        sources: the inputs, one or more.
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
        found: Tensor = reduce(np.add, parts)
        return found

    def reach(self, inputs: Sequence[Interval]) -> tuple[Interval, int]:
        """Return the bounds of the sums."""
        lows, highs, largest = [], [], 0
        for term, read in zip(self.terms, inputs, strict=True):
            low, high, met = bounds_after(term.steps, read.low, read.high)
            ends = (shrunk(low) * term.weight, shrunk(high) * term.weight)
            lows.append(np.minimum(*ends))
            highs.append(np.maximum(*ends))
            largest = max(largest, met, abs(term.weight))
        sizes = [np.maximum(np.abs(low), np.abs(high)) for low, high in zip(lows, highs, strict=True)]
        low, high, size = (reduce(np.add, parts) for parts in (lows, highs, sizes))
        shape = inputs[0].low.shape
        interval = Interval(np.broadcast_to(low, shape), np.broadcast_to(high, shape))
        return interval, max(largest, magnitude(size))

    def multiplications(self, shapes: Sequence[Shape]) -> int:
        """Return one for every element of every input."""
        return sum(math.prod(shape) for shape in shapes)

    def write(self) -> dict[str, Any]:
        """Return the fields of `AdditionForm`."""
        plain = all(term == Term() for term in self.terms)
        return {"op": "add"} | ({} if plain else {"terms": [_write_term(term) for term in self.terms]})


def _write_term(term: Term) -> dict[str, Any]:
    weight = {} if term.weight == 1 else {"weight": term.weight}
    return weight | ({"then": [write_step(step) for step in term.steps]} if term.steps else {})


class TermForm(msgspec.Struct, forbid_unknown_fields=True):
    """One input of a sum in JSON."""

    weight: int = 1
    then: list[StepForm] = msgspec.field(default_factory=list)


class AdditionForm(LayerForm, tag="add", kw_only=True):
    """A sum in JSON."""

    inputs: Inputs
    terms: list[TermForm] | msgspec.UnsetType = msgspec.UNSET

    def read(self, given: Given) -> Addition:
        """Return the operator.

        Raises:
            InputError: not one term for each input, or as `read_step`.
        """
        if isinstance(self.terms, msgspec.UnsetType):
            return Addition(given.sources, (Term(),) * len(given.sources))
        if len(self.terms) != len(given.sources):
            problem = f"expected one term per input, {len(given.sources)}, found {len(self.terms)}"
            raise InputError(problem, f"{given.place}.terms")
        terms = []
        for index, (form, shape) in enumerate(zip(self.terms, given.shapes, strict=True)):
            place = f"{given.place}.terms[{index}].then"
            steps = tuple(read_step(step, shape[-1], f"{place}[{i}]") for i, step in enumerate(form.then))
            terms.append(Term(form.weight, steps))
        return Addition(given.sources, tuple(terms))
