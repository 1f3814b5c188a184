"""dense: every output is a sum over all inputs, in whatever shape they come."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from certify.errors import InputError
from certify.network.matrix import Matrix
from certify.network.operators.form import Given, LinearForm, write_kernel
from certify.network.operators.operator import Interval, Linear, Shape, Tensor, column
from certify.network.steps import Step

SPARSE, SPARSE_FLOAT = 4, 50
"""Where fewer than one weight in so many is stored, a product for each beats numpy's matrix product of integers, and
that of floats, which is a BLAS."""
BLOCK_ELEMENTS = 2**19
"""How many numbers are written out at once: 4 MB."""


@dataclass(frozen=True, eq=False)
class Dense(Linear):
    """One accumulation and its steps: steps(weights · (x, constants) + bias).

    Attributes:
        weights: (outputs, inputs + constants) at precision_bits; the last columns meet the constants.
        precision_bits: k; a target's weights lie in [-2^k, 2^k], the set S_δ of Definition 4.
        bias: one integer per output, on the accumulator's scale.
        constants: values of the extra inputs appended after the layer's own, on the input's scale.
        steps: applied in this order to every output; one with a value for each output has as many as there are.
        name: for people; nothing depends on it.
        sources: as `Operator` has it.
    """

    weights: Matrix
    precision_bits: int
    bias: tuple[int, ...]
    constants: tuple[int, ...] = ()
    steps: tuple[Step, ...] = ()
    name: str = ""
    sources: tuple[int, ...] = ()

    @property
    def taps(self) -> int:
        """1: a dense kernel has one position."""
        return 1

    @property
    def groups(self) -> int:
        """1: every output reads all inputs."""
        return 1

    @property
    def inputs(self) -> int:
        """How many inputs of its own, constants not counted."""
        return self.channels

    def shape(self, shapes: Sequence[Shape]) -> Shape:
        """Return (outputs,)."""
        (found,) = shapes
        if math.prod(found) != self.inputs:
            raise InputError(f"expected an input of {self.inputs} elements, found {math.prod(found)}")
        return (self.outputs,)

    def accumulate(self, values: Sequence[Tensor]) -> Tensor:
        """Return int[batch, outputs]."""
        flat = values[0].reshape(len(values[0]), self.inputs)
        if flat.dtype == object:
            return self._accumulate_exactly(flat)
        found = self._by_entry(flat) if self.is_sparse(flat.dtype) else self._by_block(flat)
        found += np.array(self.offsets(), dtype=flat.dtype)
        return found

    def is_sparse(self, kind: Any) -> bool:
        """Tell whether going through the stored weights beats a matrix product of such numbers."""
        most = math.prod(self.weights.shape)
        return self.weights.entries * (SPARSE_FLOAT if np.dtype(kind) == np.float64 else SPARSE) < most

    def _by_block(self, flat: Tensor) -> Tensor:
        """Multiply by some rows at a time, written out; a ticket's whole matrix is large, and nearly all zeros."""
        found = np.empty((len(flat), self.outputs), dtype=flat.dtype)
        rows = max(1, BLOCK_ELEMENTS // max(1, self.weights.shape[1]))
        for first in range(0, self.outputs, rows):
            last = min(first + rows, self.outputs)
            kernel = self.weights.rows(first, last).to_dense(flat.dtype)[:, : self.inputs]
            found[:, first:last] = flat @ kernel.T
        return found

    def _by_entry(self, flat: Tensor) -> Tensor:
        """Add up the products of stored weights, of some rows at a time."""
        weights = self.weights.only(self.weights.columns < self.inputs)
        given = np.ascontiguousarray(flat.T)
        found = np.zeros((self.outputs, len(flat)), dtype=flat.dtype)
        most = max(1, BLOCK_ELEMENTS // max(1, len(flat)))
        first = 0
        while first < self.outputs:
            last = max(first + 1, int(np.searchsorted(weights.start, weights.start[first] + most, side="right")) - 1)
            part = weights.rows(first, last)
            products = given[part.columns] * part.values[:, None].astype(flat.dtype)
            kept = np.flatnonzero(np.diff(part.start))
            if len(kept):
                found[first + kept] = np.add.reduceat(products, part.start[kept], axis=0)
            first = last
        return found.T

    def _accumulate_exactly(self, flat: Tensor) -> Tensor:
        found = np.zeros((len(flat), self.outputs), dtype=object)
        for output, offset in enumerate(self.offsets()):
            columns, weights = self.weights.row(output)
            kept = [(c, w) for c, w in zip(columns, weights, strict=True) if c < self.inputs]
            for point in range(len(flat)):
                found[point, output] = offset + sum(w * flat[point, c] for c, w in kept)
        return found

    def reach(self, inputs: Sequence[Interval]) -> tuple[Interval, int]:
        """Return the bounds of the accumulators, int[outputs]."""
        low, high, largest = self.kernel_bounds(
            inputs[0].low.reshape(-1).tolist(), inputs[0].high.reshape(-1).tolist()
        )
        return Interval(column(low), column(high)), largest

    def multiplications(self, shapes: Sequence[Shape]) -> int:  # noqa: ARG002 - the weights say it
        """Return one for every stored weight."""
        return self.weights.entries

    def write(self) -> dict[str, Any]:
        """Return the fields of `DenseForm`."""
        return {"op": "dense"} | write_kernel(self)


class DenseForm(LinearForm, tag="dense"):
    """A dense layer in JSON."""

    def read(self, given: Given) -> Dense:
        """Return the operator.

        Raises:
            InputError: as `LinearForm.read_kernel`.
        """
        weights, bias, constants = self.read_kernel(math.prod(given.shapes[0]), "input", given.place)
        return Dense(weights, self.precision_bits, bias, constants)
