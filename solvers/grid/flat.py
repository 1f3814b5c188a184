"""A program as the kernel reads it: one straight line of rows, each with its steps as rows of numbers.

Every opcode becomes one or two rows. Products and significant bits are rows of their own kinds; all others become
a clamp or a rounding shift:

    ((x + addend + ((x >> shift) & odd) + ((x >> 63) & negative)) >> shift) + zero_point

x >> 63 is -1 for a negative x and 0 for any other; (x >> shift) & 1 tells whether the quotient rounded down is
odd. With h = 2^(shift - 1), a tie goes up when h is added and down when h - 1 is, so half-even adds h - 1 and the
odd bit, and half-away adds h, less 1 for a negative x. Toward zero adds 2^shift - 1 to a negative x.
"""

from __future__ import annotations

import numpy as np

from solvers.grid.kernel import CLAMP, LANES, MULTIPLY, ROUND, SIGNIFICANT, Flat, Int64Array
from solvers.grid.program import Layer, Opcode, Program

_LARGEST = 2**63 - 1
_CHUNK_OPERATIONS = 2**25


def flatten(program: Program) -> Flat:
    """Return `program` as one straight line."""
    constants = np.concatenate([layer.constants for layer in program.layers])
    first_row = program.inputs + len(constants)
    rows = [layer.rows for layer in program.layers]
    starts = [np.diff(layer.start) for layer in program.layers]
    steps = [own for layer in program.layers for own in _step_rows(layer)]
    ends = np.cumsum([0, *map(len, steps)], dtype=np.int64)
    own = _steps_of_rows(program)
    return Flat(
        start=np.concatenate([np.zeros(1, dtype=np.int64), np.cumsum(np.concatenate(starts))]),
        nodes=_nodes_read(program, first_row),
        weights=np.concatenate([layer.values for layer in program.layers]),
        bias=np.concatenate([layer.bias for layer in program.layers]),
        steps_from=ends[own],
        steps_to=ends[own + 1],
        steps=np.concatenate(steps),
        constants=constants,
        inputs=program.inputs,
        first_row=first_row,
        first_output=first_row + sum(rows[:-1]),
        output_shift=program.output_shift,
    )


def work_array(flat: Flat) -> Int64Array:
    """Return an array int64[nodes, LANES] for `flat`'s values, with its constants filled in."""
    work = np.zeros((flat.first_row + len(flat.bias), LANES), dtype=np.int64)
    work[flat.inputs : flat.first_row] = flat.constants[:, np.newaxis]
    return work


def points_per_chunk(left: Flat, right: Flat) -> int:
    """Return how many points one call of a kernel takes: some hundredths of a second, in whole blocks."""
    operations = sum(
        flat.inputs + len(flat.nodes) + len(flat.bias) + 4 * int((flat.steps_to - flat.steps_from).sum())
        for flat in (left, right)
    )
    return LANES * max(1, _CHUNK_OPERATIONS // (LANES * max(1, operations)))


def check_comparable(left: Program, right: Program) -> None:
    """Check that two programs take points of one length and give as many outputs.

    Raises:
        ValueError: they do not.
    """
    if left.inputs != right.inputs:
        raise ValueError(f"expected {left.inputs} inputs as on the left, found {right.inputs}")
    if left.outputs != right.outputs:
        raise ValueError(f"expected {left.outputs} outputs as on the left, found {right.outputs}")


def _nodes_read(program: Program, first_row: int) -> Int64Array:
    """Return int64[entries]: the node for each entry's column, of all layers."""
    nodes = []
    first, given = 0, program.inputs
    first_constant, next_row = program.inputs, first_row
    for layer in program.layers:
        own = layer.columns < given
        nodes.append(layer.columns + np.where(own, first, first_constant - given))
        first_constant += len(layer.constants)
        first, given = next_row, layer.rows
        next_row += layer.rows
    return np.concatenate(nodes)


def _step_rows(layer: Layer) -> list[Int64Array]:
    """Return the rows of `Flat.steps` of each of the layer's lists of steps."""
    lowered = (
        [row for opcode, a, b, _ in steps for row in _lower(Opcode(opcode), a, b)] for steps in layer.steps.tolist()
    )
    return [np.array(rows, dtype=np.int64).reshape(-1, 6) for rows in lowered]


def _steps_of_rows(program: Program) -> Int64Array:
    """Return int64[rows]: which list of steps each row runs, all layers' lists counted on."""
    chosen: list[Int64Array] = []
    first = 0
    for layer in program.layers:
        variants = layer.steps.shape[0]
        chosen.append(first + (np.zeros(layer.rows, dtype=np.int64) if variants == 1 else np.arange(layer.rows)))
        first += variants
    return np.concatenate(chosen)


def _lower(opcode: Opcode, a: int, b: int) -> list[tuple[int, ...]]:
    """Return the one or two rows of `Flat.steps` that do what (opcode, a, b) says."""
    match opcode:
        case Opcode.RELU:
            return [_clamp(0, _LARGEST)]
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
