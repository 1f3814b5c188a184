"""Programs as the kernel reads them: one straight line of rows, each with its steps as rows of numbers.

Two programs to be compared become one line over the same inputs.

Every opcode becomes one or two rows. Products, significant bits and leaky ReLUs are rows of their own kinds; all
others become a clamp or a rounding shift:

    ((x + addend + ((x >> shift) & odd) + (negative if x < 0 else 0)) >> shift) + zero_point

A shift by all bits but one gives -1 for a negative x and 0 for any other; (x >> shift) & 1 tells whether the quotient
rounded down is odd. With h = 2^(shift - 1), a tie goes up when h is added and down when h - 1 is, so half-even adds
h - 1 and the odd bit, and half-away adds h, less 1 for a negative x. Toward zero adds 2^shift - 1 to a negative x.

A clamp that comes first is no step of its own: it is made where the sum is.

Programs that all say of themselves that their numbers are below 2^30 are written with int32 numbers, all others with
int64. One bit more than a number needs stays free, for differences of two (`blocks.py`, and the gap between two
outputs). Nothing is cut off unseen: a number of a program that does not fit after all is refused.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

import numpy as np

from solvers.grid.kernel import CLAMP, LEAKY, MULTIPLY, ROUND, SIGNIFICANT, Flat, Int64Array, Lanes
from solvers.grid.pairs import GROUP, Pairs, padded, pairs_of
from solvers.grid.program import Layer, Opcode, Program

NARROW_BITS = 30
LANES = 528
"""Points at a time: room for 512 and some more, and no power of two (`kernel.py` says why)."""
_FEW_LANES = 80
_WORK_BYTES = 2**23
LaneType: TypeAlias = type[np.int32] | type[np.int64]


def lane_type(programs: Sequence[Program]) -> LaneType:
    """Return the type of the lanes on which the programs run: int32 where the numbers of all of them fit it."""
    narrow = all(program.bits <= NARROW_BITS and program.output_shift <= NARROW_BITS for program in programs)
    return np.int32 if narrow else np.int64


def flatten(programs: Sequence[Program]) -> Flat:
    """Return programs of as many inputs and outputs as one straight line.

    Raises:
        ValueError: a weight, bias, constant or number of a step does not fit the bits that its program names.
    """
    kind, inputs = lane_type(programs), programs[0].inputs
    layers = [layer for program in programs for layer in program.layers]
    pairs = [pairs_of(layer) for layer in layers]
    constants = np.concatenate([layer.constants for layer in layers])
    first_row = inputs + len(constants)
    clamps, steps = _clamps_first([own for layer in layers for own in _step_rows(layer, kind)], kind)
    ends = np.cumsum([0, *map(len, steps)], dtype=np.int64)
    own = _steps_of_rows(layers)
    nodes = _computed(layers, first_row)
    ours = len(programs[0].layers)
    return Flat(
        groups=np.cumsum(np.concatenate([[0], *(of.groups for of in pairs)])),
        nodes=_nodes_read(programs, pairs, first_row),
        weights=as_lanes(kind, np.concatenate([of.weights for of in pairs])),
        bias=as_lanes(kind, np.concatenate([_even(layer.bias) for layer in layers])),
        clamps=as_lanes(kind, clamps[np.append(own, -1)]),
        offsets=_offsets(layers, {0, ours}),
        steps_from=ends[own],
        steps_to=np.where(own < 0, ends[own], ends[own + 1]),
        steps=as_lanes(kind, np.concatenate(steps)),
        constants=as_lanes(kind, constants),
        inputs=inputs,
        first_row=first_row,
        computed=np.concatenate(nodes),
        outputs=np.stack([nodes[last] for last in np.cumsum([len(program.layers) for program in programs]) - 1]),
        scales=as_lanes(kind, np.array([1 << program.output_shift for program in programs], dtype=np.int64)),
    )


def work_array(flat: Flat) -> Lanes:
    """Return an array [nodes, lanes] for `flat`'s values, with its constants filled in."""
    work = np.zeros((_nodes(flat), lanes_of(flat)), flat.weights.dtype)
    work[flat.inputs : flat.first_row] = flat.constants[:, np.newaxis]
    return work


def lanes_of(flat: Flat) -> int:
    """Return how many points are evaluated at a time: LANES, or few where these would take many megabytes."""
    return LANES if _nodes(flat) * LANES * flat.weights.itemsize <= _WORK_BYTES else _FEW_LANES


def _nodes(flat: Flat) -> int:
    return flat.first_row + len(flat.bias)


def operations_per_point(flat: Flat) -> int:
    """Return about how many operations the programs take on a point, at least one."""
    steps = int((flat.steps_to - flat.steps_from).sum())
    return max(1, flat.nodes.size + len(flat.bias) + 4 * steps)


def check_comparable(left: Program, right: Program) -> None:
    """Check that two programs take points of one length and give as many outputs.

    Raises:
        ValueError: they do not.
    """
    if left.inputs != right.inputs:
        raise ValueError(f"expected {left.inputs} inputs as on the left, found {right.inputs}")
    if left.outputs != right.outputs:
        raise ValueError(f"expected {left.outputs} outputs as on the left, found {right.outputs}")


def as_lanes(kind: LaneType, numbers: Int64Array) -> Lanes:
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


def _even(rows: Int64Array) -> Int64Array:
    return np.append(rows, np.zeros(len(rows) % 2, dtype=np.int64))


def _computed(layers: Sequence[Layer], first_row: int) -> list[Int64Array]:
    """Return int64[rows] of each layer: the nodes of its rows."""
    found, next_row = [], first_row
    for layer in layers:
        found.append(np.arange(next_row, next_row + layer.rows, dtype=np.int64))
        next_row += padded(layer.rows)
    return found


def _offsets(layers: Sequence[Layer], first: set[int]) -> Int64Array:
    """Return int64[pairs]: where the pair's rows are among those of the first layers, -1 for those of others."""
    found, next_row = [], 0
    for index, layer in enumerate(layers):
        own = np.arange(0, padded(layer.rows), 2, dtype=np.int64)
        found.append(next_row + own if index in first else np.full_like(own, -1))
        next_row += padded(layer.rows) if index in first else 0
    return np.concatenate(found)


def _nodes_read(programs: Sequence[Program], pairs: Sequence[Pairs], first_row: int) -> Int64Array:
    """Return int64[groups, 4]: the node for each column of a group, of all layers; 0 where nothing is read."""
    nodes, of_layer = [np.empty((0, GROUP), dtype=np.int64)], iter(pairs)
    next_constant, next_row = programs[0].inputs, first_row
    for program in programs:
        first, given = 0, program.inputs
        for layer in program.layers:
            columns = next(of_layer).columns
            read = columns + np.where(columns < given, first, next_constant - given)
            nodes.append(np.where(columns < 0, 0, read))
            next_constant += len(layer.constants)
            first, given = next_row, layer.rows
            next_row += padded(layer.rows)
    return np.concatenate(nodes)


def _step_rows(layer: Layer, kind: LaneType) -> list[Int64Array]:
    """Return the rows of `Flat.steps` of each of the layer's lists of steps."""
    lowered = (
        [row for opcode, a, b, _ in steps for row in _lower(Opcode(opcode), a, b, kind)]
        for steps in layer.steps.tolist()
    )
    return [np.array(rows, dtype=np.int64).reshape(-1, 6) for rows in lowered]


def _clamps_first(lists: Sequence[Int64Array], kind: LaneType) -> tuple[Int64Array, list[Int64Array]]:
    """Return int64[lists + 1, 2], what each list of steps clamps to at its beginning, and the steps after that.

    The type's own bounds stand for a list that does not begin with a clamp, and in the last place.
    """
    limits = np.iinfo(kind)
    clamps = np.full((len(lists) + 1, 2), (limits.min, limits.max), dtype=np.int64)
    rest = []
    for index, steps in enumerate(lists):
        begins = len(steps) > 0 and steps[0, 0] == CLAMP
        if begins:
            clamps[index] = steps[0, 1:3]
        rest.append(steps[1:] if begins else steps)
    return clamps, rest


def _steps_of_rows(layers: Sequence[Layer]) -> Int64Array:
    """Return int64[rows]: which list of steps each row runs, all layers' lists counted on; -1 for none."""
    chosen: list[Int64Array] = []
    first = 0
    for layer in layers:
        variants = layer.steps.shape[0]
        chosen.append(first + (np.zeros(layer.rows, dtype=np.int64) if variants == 1 else np.arange(layer.rows)))
        chosen.append(np.full(layer.rows % 2, -1, dtype=np.int64))
        first += variants
    return np.concatenate(chosen)


def _lower(opcode: Opcode, a: int, b: int, kind: LaneType) -> list[tuple[int, ...]]:
    """Return the one or two rows of `Flat.steps` that do what (opcode, a, b) says, on numbers of the type."""
    limits = np.iinfo(kind)
    signs = limits.bits - 1
    match opcode:
        case Opcode.RELU:
            return [_clamp(0, limits.max)]
        case Opcode.CLAMP:
            return [_clamp(a, b)]
        case Opcode.OFFSET:
            return [_round(0, zero_point=a)]
        case Opcode.STEP:
            return [_round(signs, zero_point=1)]
        case Opcode.SIGN:  # -1 or 0, then -1 - 1 + 1 or 0 + 1
            return [_round(signs), _round(0, negative=-1, zero_point=1)]
        case Opcode.MULTIPLY:
            return [(MULTIPLY, a, 0, 0, 0, 0)]
        case Opcode.SIGNIFICANT:
            return [(SIGNIFICANT, a, 0, 0, 0, 0)]
        case Opcode.LEAKY_RELU:
            return [(LEAKY, a, 0, 0, 0, 0)]
        case _:
            return [_lower_shift(opcode, a, b, signs)]


def _lower_shift(opcode: Opcode, shift: int, zero_point: int, signs: int) -> tuple[int, ...]:
    half = 1 << shift >> 1
    if shift == 0 or opcode == Opcode.SHIFT_RIGHT_FLOOR:
        return _round(min(shift, signs), zero_point=zero_point)
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
