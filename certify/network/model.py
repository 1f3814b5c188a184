"""What a quantized network is: integers, a box of inputs, linear maps and element-wise steps.

Definition 3 of Kumar and Natale (arXiv:2508.11020) with what deployed networks add: biases, constant inputs, and
named steps after each accumulation. A number of precision bits k is the integer a with the value a·2^-k; the model
holds the integer. Nothing here is rounded, and nothing is a float.
"""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass

from certify.network.matrix import Matrix
from certify.network.steps import Step, channel_steps, precision_after


@dataclass(frozen=True)
class Display:
    """How integers read in real units, scale · (integer - zero_point); no claim depends on it."""

    scale: str | None = None
    zero_point: int = 0


@dataclass(frozen=True)
class Box:
    """The finite input grid: every integer point with low[i] ≤ x[i] ≤ high[i], in row-major order of the shape."""

    shape: tuple[int, ...]
    low: tuple[int, ...]
    high: tuple[int, ...]
    precision_bits: int
    display: Display = Display()

    @property
    def features(self) -> int:
        """How many integers a point has."""
        return math.prod(self.shape)

    @property
    def sizes(self) -> tuple[int, ...]:
        """How many values each feature takes."""
        return tuple(high - low + 1 for low, high in zip(self.low, self.high, strict=True))

    def point_factors(self) -> tuple[tuple[int, int], ...]:
        """The number of grid points as factors (base, exponent), bases rising."""
        return tuple(sorted(Counter(self.sizes).items()))

    def points(self) -> int:
        """The number of grid points, a Python integer of any size."""
        return math.prod(base**exponent for base, exponent in self.point_factors())


@dataclass(frozen=True, eq=False)
class Dense:
    """One accumulation and its steps: steps(weights · (x, constants) + bias).

    Attributes:
        weights: (outputs, inputs + constants) at precision_bits; the last columns meet the constants.
        precision_bits: k; a target's weights lie in [-2^k, 2^k], the set S_δ of Definition 4.
        bias: one integer per output, on the accumulator's scale.
        constants: values of the extra inputs appended after the layer's own, on the input's scale.
        steps: applied in this order to every output; one with a value for each output has as many as there are.
        name: for people; nothing depends on it.
    """

    weights: Matrix
    precision_bits: int
    bias: tuple[int, ...]
    constants: tuple[int, ...] = ()
    steps: tuple[Step, ...] = ()
    name: str = ""

    @property
    def outputs(self) -> int:
        """How many outputs."""
        return self.weights.shape[0]

    @property
    def inputs(self) -> int:
        """How many inputs of its own, constants not counted."""
        return self.weights.shape[1] - len(self.constants)

    def steps_of(self, output: int) -> tuple[Step, ...]:
        """The steps of one output, each with one multiplier and shift."""
        return channel_steps(self.steps, output)


@dataclass(frozen=True, eq=False)
class Network:
    """A chain of layers on an input box."""

    name: str
    input: Box
    layers: tuple[Dense, ...]
    output: Display = Display()

    @property
    def outputs(self) -> int:
        """How many outputs."""
        return self.layers[-1].outputs

    @property
    def parameters(self) -> int:
        """How many weights the matrices have room for, zeros and constants' columns included, biases not."""
        return sum(math.prod(layer.weights.shape) for layer in self.layers)

    @property
    def matrices(self) -> tuple[Matrix, ...]:
        """The weights of every layer, in order."""
        return tuple(layer.weights for layer in self.layers)

    def output_precision_bits(self) -> int:
        """The precision bits of the outputs: an output's value is integer · 2^-bits."""
        bits = self.input.precision_bits
        for layer in self.layers:
            bits = precision_after(layer.steps, bits + layer.precision_bits)
        return bits
