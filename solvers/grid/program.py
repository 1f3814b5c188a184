"""What a network is to this package: sparse integer matrices, each followed by element-wise steps.

A program is a chain of layers. A layer appends its constants to the values it is given, multiplies by a matrix in
compressed sparse rows, adds its bias, and runs steps on every accumulator, the same on all rows or others on each.
All numbers are int64.

Not checked here: that no product, sum, addend or step leaves int64 on the points that a program is run on, or the
`bits` that it names, and that outputs on the common scale are below 2^62 in magnitude, so that the difference of two
of them fits. The caller guarantees it (`certify.proof` does, with interval bounds in Python integers); a program for
which it does not hold wraps silently.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

Int64Array = NDArray[np.int64]

MAX_SHIFT = 62


class Opcode(IntEnum):
    """What a step does to one integer x; a step is the row (opcode, a, b, c), c unused so far.

    The five SHIFT_RIGHT opcodes are x / 2^a rounded by the rule of their name, plus the zero point b; a shift of 0
    leaves x + b. SHIFT_RIGHT_HALF_AWAY rounds ties away from zero.
    """

    RELU = 0
    """max(x, 0)."""
    SHIFT_RIGHT_FLOOR = 1
    SHIFT_RIGHT_HALF_UP = 2
    SHIFT_RIGHT_HALF_EVEN = 3
    SHIFT_RIGHT_HALF_AWAY = 4
    SHIFT_RIGHT_TOWARD_ZERO = 5
    CLAMP = 6
    """min(max(x, a), b)."""
    OFFSET = 7
    """x + a."""
    STEP = 8
    """1 for x ≥ 0, else 0."""
    SIGN = 9
    """1 for x ≥ 0, else -1."""
    MULTIPLY = 10
    """x · a."""
    SIGNIFICANT = 11
    """x rounded half-even to a significant bits, 1 to 62, at any exponent."""
    LEAKY_RELU = 12
    """max(x, x · a), a from 1: x · a for x ≥ 0, else x. x · a is made either way."""


SHIFTS = frozenset(opcode for opcode in Opcode if opcode.name.startswith("SHIFT_RIGHT"))


@dataclass(frozen=True, eq=False)
class Layer:
    """One accumulation and its steps: steps(weights · (x, constants) + bias).

    The arrays become read-only.

    Attributes:
        start: int64[rows + 1]; row r holds the entries start[r] to start[r + 1].
        columns: int64[entries]; those from the number of the layer's inputs on meet the constants.
        values: int64[entries]; a stored zero is an entry like any other.
        bias: int64[rows].
        constants: int64[constants], appended to the layer's inputs.
        steps: int64[1 or rows, steps, 4]: for all rows or for each, (opcode, a, b, c), applied in this order.

    Raises:
        ValueError: a wrong dtype or shape, sizes that disagree, an unknown opcode, a shift outside 0..62, significant
            bits outside 1..62, a leaky ReLU's factor below 1.
    """

    start: Int64Array
    columns: Int64Array
    values: Int64Array
    bias: Int64Array
    constants: Int64Array
    steps: Int64Array

    def __post_init__(self) -> None:
        for name, dimensions in _DIMENSIONS.items():
            array = getattr(self, name)
            if array.dtype != np.int64 or array.ndim != dimensions:
                found = f"{array.dtype} in {array.ndim}"
                raise ValueError(f"{name}: expected int64 in {dimensions} dimension(s), found {found}")
        self._check_rows()
        self._check_steps()
        for name in _DIMENSIONS:
            getattr(self, name).setflags(write=False)

    def _check_rows(self) -> None:
        entries = len(self.columns)
        if len(self.values) != entries:
            raise ValueError(f"values: expected {entries} as there are columns, found {len(self.values)}")
        if len(self.start) != self.rows + 1:
            raise ValueError(f"start: expected {self.rows + 1}, one more than biases, found {len(self.start)}")
        if self.start[0] != 0 or self.start[-1] != entries or (np.diff(self.start) < 0).any():
            raise ValueError(f"start: expected to rise from 0 to {entries}, found {self.start.tolist()}")

    def _check_steps(self) -> None:
        variants, _, width = self.steps.shape
        if variants not in {1, self.rows} or width != 4:
            raise ValueError(f"steps: expected (1 or {self.rows}, steps, 4), found {self.steps.shape}")
        for opcode, a, _, _ in self.steps.reshape(-1, 4).tolist():
            if opcode not in set(Opcode):
                raise ValueError(f"steps: expected an opcode from 0 to {max(Opcode)}, found {opcode}")
            if opcode in SHIFTS and not 0 <= a <= MAX_SHIFT:
                raise ValueError(f"steps: expected a shift from 0 to {MAX_SHIFT}, found {a}")
            if opcode == Opcode.SIGNIFICANT and not 1 <= a <= MAX_SHIFT:
                raise ValueError(f"steps: expected 1 to {MAX_SHIFT} significant bits, found {a}")
            if opcode == Opcode.LEAKY_RELU and a < 1:
                raise ValueError(f"steps: expected a factor from 1, found {a}")

    @property
    def rows(self) -> int:
        """How many outputs."""
        return len(self.bias)

    def row_of_entry(self) -> Int64Array:
        """int64[entries]: the row each entry stands in."""
        return np.repeat(np.arange(self.rows, dtype=np.int64), np.diff(self.start))


_DIMENSIONS = {"start": 1, "columns": 1, "values": 1, "bias": 1, "constants": 1, "steps": 3}


@dataclass(frozen=True, eq=False)
class Program:
    """A chain of layers on a number of inputs.

    Attributes:
        inputs: how many integers a point has.
        layers: at least one; the first meets the point, each other one the layer before it.
        output_shift: the outputs are shifted left by it before they are compared, which brings two networks of
            different precision to a common scale.
        bits: every number met, the point's own and the shifted outputs included, is below 2^bits in magnitude, and
            so is every weight, bias, constant and number of a step, unless bits is 63.

    Raises:
        ValueError: no layer, a negative number of inputs, a shift outside 0..62, bits outside 0..63, or a column
            that a layer lacks.
    """

    inputs: int
    layers: tuple[Layer, ...]
    output_shift: int
    bits: int = 63

    def __post_init__(self) -> None:
        if self.inputs < 0 or not self.layers:
            raise ValueError(f"expected inputs and layers, found {self.inputs} and {len(self.layers)}")
        if not 0 <= self.output_shift <= MAX_SHIFT:
            raise ValueError(f"output_shift: expected 0 to {MAX_SHIFT}, found {self.output_shift}")
        if not 0 <= self.bits <= 63:
            raise ValueError(f"bits: expected 0 to 63, found {self.bits}")
        given = self.inputs
        for index, layer in enumerate(self.layers):
            width = given + len(layer.constants)
            if len(layer.columns) and not (layer.columns.min() >= 0 and layer.columns.max() < width):
                found = f"{layer.columns.min()} to {layer.columns.max()}"
                raise ValueError(f"layers[{index}].columns: expected 0 to {width - 1}, found {found}")
            given = layer.rows

    @property
    def outputs(self) -> int:
        """How many outputs."""
        return self.layers[-1].rows


def multiplications(program: Program) -> int:
    """Return how many multiplications one point takes: the stored entries of all layers."""
    return sum(len(layer.columns) for layer in program.layers)
