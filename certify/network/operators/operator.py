"""What every operator of a network says about itself.

An operator makes one accumulation out of integer tensors, and element-wise steps follow. Tensors are row-major and
have no batch dimension; the last dimension is the channel, for which steps may name something one by one. Where a
docstring says int[batch, …], the array's dtype is int64, float64 that holds integers, or object that holds Python
integers, and the result has the same: whoever calls has seen to it that no number leaves what the dtype holds
exactly.

An operator's ticket and proof rule follow from its kind. A `Linear` operator is represented by a pair of random
matrices, and proved by obligations on its kernel. Every other one has no weights: a ticket has the same operator, on
tensors that are equal already, and equal integers stay equal.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Self, TypeAlias, cast

import numpy as np
from numpy.typing import NDArray

from certify.errors import InputError
from certify.network.matrix import Int64Array, Matrix
from certify.network.steps import Step, channel_steps

Shape: TypeAlias = tuple[int, ...]
Tensor: TypeAlias = NDArray[Any]
INPUT = -1
"""The network's own input, where an operator names the layers that it reads."""


@dataclass(frozen=True, eq=False)
class Interval:
    """Bounds of every element of a tensor.

    Attributes:
        low, high: object[shape] of Python integers.
    """

    low: Tensor
    high: Tensor


class Operator(ABC):
    """One layer of a network: an accumulation and its steps.

    Attributes:
        steps: applied in this order to every element of the accumulation.
        name: for people; nothing depends on it.
        sources: the layers that are read, by index, `INPUT` for the network's input; empty for the layer before.
    """

    steps: tuple[Step, ...]
    name: str
    sources: tuple[int, ...]

    @abstractmethod
    def shape(self, shapes: Sequence[Shape]) -> Shape:
        """Return the shape of what is accumulated from tensors of these shapes.

        Raises:
            InputError: they do not fit; no place, which the caller knows.
        """

    @abstractmethod
    def accumulate(self, values: Sequence[Tensor]) -> Tensor:
        """Return int[batch, …], the accumulation before the steps, from int[batch, …] of every input."""

    @abstractmethod
    def reach(self, inputs: Sequence[Interval]) -> tuple[Interval, int]:
        """Return bounds of the accumulation, and what no product, partial sum or addend exceeds in magnitude."""

    @abstractmethod
    def multiplications(self, shapes: Sequence[Shape]) -> int:
        """Return how many multiplications, or what costs as much, one evaluation takes."""

    def precision(self, bits: Sequence[int]) -> int:
        """Return the accumulation's precision bits, from those of the inputs.

        Raises:
            InputError: they do not go together; no place.
        """
        if len(set(bits)) != 1:
            raise InputError(f"expected inputs of the same precision bits, found {', '.join(map(str, bits))}")
        return bits[0]

    @abstractmethod
    def write(self) -> dict[str, Any]:
        """Return the operator's own fields in `certify.network/1`, with `op`; name, inputs and steps come besides."""

    def replaced(self, **fields: Any) -> Self:
        """Return the operator with other values for these of its fields."""
        # Every operator is a dataclass, which an abstract class cannot say.
        found: Self = replace(cast("Any", self), **fields)
        return found

    def steps_of(self, channel: int) -> tuple[Step, ...]:
        """Return the steps of one channel, each with one value."""
        return channel_steps(self.steps, channel)


class Linear(Operator):
    """An operator with weights: one kernel, applied wherever the operator says.

    Attributes:
        weights: (outputs, taps · channels + constants) at precision_bits. A row is one output channel's kernel: tap
            by tap the channels of its group, then what the constants are multiplied by.
        precision_bits: k; a target's weights lie in [-2^k, 2^k], the set S_δ of Definition 4.
        bias: one integer per output channel, on the accumulator's scale.
        constants: values of extra inputs, the same at every position, on the input's scale.
    """

    weights: Matrix
    precision_bits: int
    bias: tuple[int, ...]
    constants: tuple[int, ...]

    @property
    @abstractmethod
    def taps(self) -> int:
        """How many positions a kernel reads: 1 for a dense layer, height times width for a convolution."""

    @property
    @abstractmethod
    def groups(self) -> int:
        """How many groups of channels are separate: output j of m reads group j·groups // m of the channels only."""

    @property
    def outputs(self) -> int:
        """How many output channels; all outputs of a dense layer."""
        return self.weights.shape[0]

    @property
    def channels(self) -> int:
        """How many channels of the input a group has; all inputs of a dense layer."""
        return (self.weights.shape[1] - len(self.constants)) // self.taps

    def precision(self, bits: Sequence[int]) -> int:
        """Return the accumulator's: the input's and the weights'."""
        return super().precision(bits) + self.precision_bits

    def offsets(self) -> tuple[int, ...]:
        """Return int[outputs]: each bias and all that the constants, which never vary, add to it."""
        if not self.constants:
            return self.bias
        beside = self.weights.columns >= self.taps * self.channels
        rows, weights = self.weights.row_of_entry()[beside].tolist(), self.weights.values[beside].tolist()
        columns = (self.weights.columns[beside] - self.taps * self.channels).tolist()
        totals = list(self.bias)
        for output, column, weight in zip(rows, columns, weights, strict=True):
            totals[output] += weight * self.constants[column]
        return tuple(totals)

    def by_tap(self) -> Matrix:
        """Return the kernels as (outputs · taps, channels), row output · taps + tap, without the constants."""
        inner = self.weights.columns < self.taps * self.channels
        place = self.weights.row_of_entry()[inner] * self.taps * self.channels + self.weights.columns[inner]
        rows, width = self.outputs * self.taps, max(1, self.channels)
        start = np.concatenate([[0], np.cumsum(np.bincount(place // width, minlength=rows))]).astype(np.int64)
        return Matrix((rows, self.channels), start, place % width, self.weights.values[inner])

    def kernel_bounds(self, low: Sequence[int], high: Sequence[int]) -> tuple[list[int], list[int], int]:
        """Return the least and greatest accumulator of every output channel, and a bound on all met on the way.

        Args:
            low: int[groups · channels], the least value of every channel wherever the kernel reads it.
            high: the greatest.
        """
        inputs_low, inputs_high = [*low, *self.constants], [*high, *self.constants]
        least, greatest, magnitude = interval_products(self.weights, self.reads(), inputs_low, inputs_high)
        lows = [total + bias for total, bias in zip(least, self.bias, strict=True)]
        highs = [total + bias for total, bias in zip(greatest, self.bias, strict=True)]
        largest = max((total + abs(bias) for total, bias in zip(magnitude, self.bias, strict=True)), default=0)
        return lows, highs, max(largest, *map(abs, (0, *inputs_low, *inputs_high)))

    def reads(self) -> Int64Array:
        """Return int64[entries]: the channel each stored weight is multiplied by, constants after all channels."""
        columns, width = self.weights.columns, self.taps * self.channels
        if self.taps == self.groups == 1:
            return columns
        group = self.weights.row_of_entry() * self.groups // max(1, self.outputs)
        channel = group * self.channels + columns % max(1, self.channels)
        return np.where(columns < width, channel, self.groups * self.channels + columns - width)


def column(values: Sequence[int]) -> Tensor:
    """Return object[length], Python integers of any size."""
    found = np.empty(len(values), dtype=object)
    found[:] = values
    return found


def surround(values: Tensor, around: Sequence[tuple[int, int]], fill: int) -> Tensor:
    """Return a tensor with so many elements of one value before and after, in each dimension.

    numpy's own pad would put machine words among Python integers.
    """
    inside = zip(values.shape, around, strict=True)
    padded = np.full([before + length + after for length, (before, after) in inside], fill, dtype=values.dtype)
    padded[tuple(slice(before, before + n) for n, (before, _) in zip(values.shape, around, strict=True))] = values
    return padded


def interval_products(
    weights: Matrix, reads: Int64Array, low: Sequence[int], high: Sequence[int]
) -> tuple[list[int], list[int], list[int]]:
    """Return per row the least and the greatest sum of products, and the sum of their largest magnitudes.

    Sums run in int64 where a bound computed first in Python integers says that nothing can overflow, and in Python
    integers where it does not; the results are Python integers either way.

    Args:
        weights: (rows, width).
        reads: int64[entries], which value every entry is multiplied by.
        low: the least values.
        high: the greatest.
    """
    largest_input = max(map(abs, (0, *low, *high)))
    largest_weight = max(map(abs, (1, int(weights.values.max(initial=0)), int(weights.values.min(initial=0)))))
    fits = largest_input * largest_weight * (weights.entries + 1) < 2**63
    kind: Any = np.int64 if fits else object
    values = weights.values.astype(kind)
    at_low = values * np.array(low, dtype=kind)[reads]
    at_high = values * np.array(high, dtype=kind)[reads]
    least, greatest = np.minimum(at_low, at_high), np.maximum(at_low, at_high)
    magnitude = np.maximum(np.abs(at_low), np.abs(at_high))
    return (_row_sums(weights, least), _row_sums(weights, greatest), _row_sums(weights, magnitude))


def _row_sums(weights: Matrix, entries: Tensor) -> list[int]:
    """Return the sum of each row's entries as Python integers."""
    total = np.concatenate([np.zeros(1, dtype=entries.dtype), np.cumsum(entries, dtype=entries.dtype)])
    sums = total[weights.start[1:]] - total[weights.start[:-1]]
    return [int(value) for value in sums]
