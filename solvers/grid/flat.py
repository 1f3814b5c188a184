"""Programs as the kernel reads them: one straight line of rows, each with its steps as rows of numbers.

Two programs to be compared become one line over the same inputs.

Every opcode becomes one or two rows. Products and significant bits are rows of their own kinds; all others become
a clamp or a rounding shift:

    ((x + addend + ((x >> shift) & odd) + ((x >> 63) & negative)) >> shift) + zero_point

x >> 63 is -1 for a negative x and 0 for any other; (x >> shift) & 1 tells whether the quotient rounded down is
odd. With h = 2^(shift - 1), a tie goes up when h is added and down when h - 1 is, so half-even adds h - 1 and the
odd bit, and half-away adds h, less 1 for a negative x. Toward zero adds 2^shift - 1 to a negative x.

Programs that all say of themselves that their numbers fit 32 bits are written with int32 numbers, all others with
int64. Nothing is cut off unseen: a number of a program that does not fit after all is refused.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

import numpy as np

from solvers.grid.kernel import CLAMP, MULTIPLY, ROUND, SIGNIFICANT, Flat, Int64Array, Lanes
from solvers.grid.program import Layer, Opcode, Program

_BYTES_PER_NODE = 2048
_CHUNK_OPERATIONS = 2**27
LaneType: TypeAlias = type[np.int32] | type[np.int64]


def lane_type(programs: Sequence[Program]) -> LaneType:
    """Return the type of the lanes on which the programs run: int32 where the numbers of all of them fit it."""
    return np.int32 if all(program.bits <= 31 for program in programs) else np.int64


def flatten(programs: Sequence[Program]) -> Flat:
    """Return programs of as many inputs and outputs as one straight line.

    Raises:
        ValueError: a weight, bias, constant or number of a step does not fit the bits that its program names.
    """
    kind, inputs = lane_type(programs), programs[0].inputs
    layers = [layer for program in programs for layer in program.layers]
    constants = np.concatenate([layer.constants for layer in layers])
    first_row = inputs + len(constants)
    steps = [own for layer in layers for own in _step_rows(layer, kind)]
    ends = np.cumsum([0, *map(len, steps)], dtype=np.int64)
    own = _steps_of_rows(layers)
    last_rows = np.cumsum([sum(layer.rows for layer in program.layers) for program in programs])
    return Flat(
        start=np.cumsum(np.concatenate([[0], *(np.diff(layer.start) for layer in layers)])),
        nodes=_nodes_read(programs, first_row),
        weights=_of_type(kind, np.concatenate([layer.values for layer in layers])),
        bias=_of_type(kind, np.concatenate([layer.bias for layer in layers])),
        steps_from=ends[own],
        steps_to=ends[own + 1],
        steps=_of_type(kind, np.concatenate(steps)),
        constants=_of_type(kind, constants),
        inputs=inputs,
        first_row=first_row,
        outputs=first_row + last_rows[:, np.newaxis] + np.arange(-programs[0].outputs, 0),
        output_shifts=np.array([program.output_shift for program in programs], dtype=np.int64),
    )


def work_array(flat: Flat) -> Lanes:
    """Return an array [nodes, lanes] for `flat`'s values, with its constants filled in."""
    kind: LaneType = flat.weights.dtype.type
    work = np.zeros((flat.first_row + len(flat.bias), lanes_of(kind)), kind)
    work[flat.inputs : flat.first_row] = flat.constants[:, np.newaxis]
    return work


def lanes_of(kind: LaneType) -> int:
    """Return how many points are evaluated at a time."""
    return _BYTES_PER_NODE // np.dtype(kind).itemsize


def points_per_chunk(flat: Flat) -> int:
    """Return how many points one call of a kernel takes: some hundredths of a second, in whole blocks."""
    steps = int((flat.steps_to - flat.steps_from).sum())
    operations = flat.inputs + len(flat.nodes) + len(flat.bias) + 4 * steps
    lanes = lanes_of(flat.weights.dtype.type)
    return lanes * max(1, _CHUNK_OPERATIONS // (lanes * max(1, operations)))


def check_comparable(left: Program, right: Program) -> None:
    """Check that two programs take points of one length and give as many outputs.

    Raises:
        ValueError: they do not.
    """
    if left.inputs != right.inputs:
        raise ValueError(f"expected {left.inputs} inputs as on the left, found {right.inputs}")
    if left.outputs != right.outputs:
        raise ValueError(f"expected {left.outputs} outputs as on the left, found {right.outputs}")


def _of_type(kind: LaneType, numbers: Int64Array) -> Lanes:
    if numbers.size:
        check_fits(kind, int(numbers.min()), int(numbers.max()))
    return numbers.astype(np.int32) if kind is np.int32 else numbers


def check_fits(kind: LaneType, low: int, high: int) -> None:
    """Check that the lanes hold low..high.

    Raises:
        ValueError: they do not.
    """
    limits = np.iinfo(kind)
    if low < limits.min or high > limits.max:
        raise ValueError(f"expected numbers that fit {limits.bits} bits, found {low} to {high}")


def _nodes_read(programs: Sequence[Program], first_row: int) -> Int64Array:
    """Return int64[entries]: the node for each entry's column, of all layers."""
    nodes = []
    next_constant, next_row = programs[0].inputs, first_row
    for program in programs:
        first, given = 0, program.inputs
        for layer in program.layers:
            own = layer.columns < given
            nodes.append(layer.columns + np.where(own, first, next_constant - given))
            next_constant += len(layer.constants)
            first, given = next_row, layer.rows
            next_row += layer.rows
    return np.concatenate(nodes)


def _step_rows(layer: Layer, kind: LaneType) -> list[Int64Array]:
    """Return the rows of `Flat.steps` of each of the layer's lists of steps."""
    largest = int(np.iinfo(kind).max)
    lowered = (
        [row for opcode, a, b, _ in steps for row in _lower(Opcode(opcode), a, b, largest)]
        for steps in layer.steps.tolist()
    )
    return [np.array(rows, dtype=np.int64).reshape(-1, 6) for rows in lowered]


def _steps_of_rows(layers: Sequence[Layer]) -> Int64Array:
    """Return int64[rows]: which list of steps each row runs, all layers' lists counted on."""
    chosen: list[Int64Array] = []
    first = 0
    for layer in layers:
        variants = layer.steps.shape[0]
        chosen.append(first + (np.zeros(layer.rows, dtype=np.int64) if variants == 1 else np.arange(layer.rows)))
        first += variants
    return np.concatenate(chosen)


def _lower(opcode: Opcode, a: int, b: int, largest: int) -> list[tuple[int, ...]]:
    """Return the one or two rows of `Flat.steps` that do what (opcode, a, b) says, on numbers up to `largest`."""
    match opcode:
        case Opcode.RELU:
            return [_clamp(0, largest)]
        case Opcode.CLAMP:
            return [_clamp(a, b)]
        case Opcode.OFFSET:
            return [_round(0, zero_point=a)]
        case Opcode.STEP:
            return [_round(63, zero_point=1)]
        case Opcode.SIGN:  # -1 or 0, then -1 - 1 + 1 or 0 + 1
            return [_round(63), _round(0, negative=-1, zero_point=1)]
        case Opcode.MULTIPLY:
            return [(MULTIPLY, a, 0, 0, 0, 0)]
        case Opcode.SIGNIFICANT:
            return [(SIGNIFICANT, a, 0, 0, 0, 0)]
        case _:
            return [_lower_shift(opcode, a, b)]


def _lower_shift(opcode: Opcode, shift: int, zero_point: int) -> tuple[int, ...]:
    half = 1 << shift >> 1
    if shift == 0 or opcode == Opcode.SHIFT_RIGHT_FLOOR:
        return _round(shift, zero_point=zero_point)
    if opcode == Opcode.SHIFT_RIGHT_HALF_UP:
        return _round(shift, addend=half, zero_point=zero_point)
    if opcode == Opcode.SHIFT_RIGHT_HALF_EVEN:
        return _round(shift, addend=half - 1, odd=1, zero_point=zero_point)
    if opcode == Opcode.SHIFT_RIGHT_HALF_AWAY:
        return _round(shift, addend=half, negative=-1, zero_point=zero_point)
    return _round(shift, negative=(1 << shift) - 1, zero_point=zero_point)


def _clamp(low: int, high: int) -> tuple[int, ...]:
    return (CLAMP, low, high, 0, 0, 0)


def _round(shift: int, addend: int = 0, odd: int = 0, negative: int = 0, zero_point: int = 0) -> tuple[int, ...]:
    return (ROUND, shift, addend, odd, negative, zero_point)
