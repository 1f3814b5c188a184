"""Deciding by looking: the whole grid where it is small enough, chosen and random points where it is not.

A grid of little work is walked in plain Python integers, which no word is too narrow for and which need not be
compiled. For others chains of dense layers become flat integer programs for `solvers.grid`, which computes in machine
words and trusts its caller that nothing overflows; here interval bounds in Python integers are what makes that trust
good. Other graphs, and chains with steps that the programs do not have, are looked at in blocks (`looking`).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice, product
from typing import TypeAlias

import numpy as np

from certify.errors import DisagreementError
from certify.monitor import Monitor
from certify.network.batch import TooWideError
from certify.network.bounds import network_bounds
from certify.network.compare import common_scale, common_values
from certify.network.elementwise import run_steps
from certify.network.model import INPUT, Box, Dense, Network, require_chain
from certify.network.operators.operator import Tensor, column
from certify.network.rounding import Q31_BITS, SIGNIFICANT_BITS, Rounding, Rule
from certify.network.steps import (
    Clamp,
    LeakyRelu,
    Offset,
    Relu,
    Requantize,
    RequantizeQ31,
    RoundSignificant,
    Sign,
    Step,
    Threshold,
    Thresholds,
    channels,
)
from certify.proof.claim import EQUAL, Relation, largest_difference
from certify.proof.looking import Both, search_blocks, sweep_blocks
from solvers.grid import relation as grid
from solvers.grid.box import box_of
from solvers.grid.kernel import Relation as GridRelation
from solvers.grid.program import MAX_SHIFT, Layer, Opcode, Program
from solvers.grid.search import sample
from solvers.grid.sweep import MAX_POINTS, SweepError, sweep
from solvers.grid.witness import search

__all__ = [
    "Search",
    "Sweep",
    "TooWideError",
    "program",
    "search_difference",
    "sweep_grid",
    "sweep_work",
]

SAFE_BITS = 62
SAMPLED_POINTS = 512
SEARCH_POINTS = 2**15
SEARCH_WORK = 2**30
EXACT_WORK = 2**20
_EXACT_BLOCK = 256
SEARCH_SEED = 2508_11020

_SHIFTS: dict[Rounding, Opcode] = {
    "floor": Opcode.SHIFT_RIGHT_FLOOR,
    "half_up": Opcode.SHIFT_RIGHT_HALF_UP,
    "half_even": Opcode.SHIFT_RIGHT_HALF_EVEN,
    "half_away": Opcode.SHIFT_RIGHT_HALF_AWAY,
    "toward_zero": Opcode.SHIFT_RIGHT_TOWARD_ZERO,
}


@dataclass(frozen=True)
class Sweep:
    """A whole grid, looked at.

    Attributes:
        points: how many points were visited, all of them where there is no difference.
        work: points times multiplications.
        difference: a point on which the relation fails.
        largest: the largest |left - right| of an output on the visited points, on the common scale.
    """

    points: int
    work: int
    difference: tuple[int, ...] | None
    largest: int = 0


@dataclass(frozen=True)
class Search:
    """Some points of a grid, looked at.

    Attributes:
        point: one on which the relation fails, or None where none was seen.
        largest: the largest |left - right| of an output on the points looked at, on the common scale.
        points: how many were looked at.
    """

    point: tuple[int, ...] | None
    largest: int
    points: int


def sweep_work(target: Network, other: Network) -> int:
    """Return points times multiplications of a sweep over the target's box, a Python integer.

    A point costs at least one: networks without a weight have a grid to walk too.
    """
    return target.input.points() * max(1, _multiplications(target, other))


def sweep_grid(target: Network, other: Network, workers: int, monitor: Monitor, relation: Relation = EQUAL) -> Sweep:
    """Compare two networks on every point of the target's box, until the relation fails on one.

    Raises:
        TooWideError: int64 may not hold every number met, or not even the number of points, and the grid is too
            large for Python integers.
        DisagreementError: another number of points was visited than the grid has.
        ValueError: the box is empty.
    """
    work = sweep_work(target, other)
    if min(target.input.sizes, default=1) < 1:
        raise ValueError("expected low ≤ high for every input, found a box without a point")
    if work <= EXACT_WORK:
        swept = _look_exactly(target, other, _points(target), relation)
        monitor.reach(swept.points)
    else:
        swept = _sweep_compiled(target, other, workers, monitor, relation)
    if swept.point is None and swept.points != target.input.points():
        # A count that wrapped, or a chunk left out, must never pass for the whole grid.
        raise DisagreementError(f"the sweep visited {swept.points} of {target.input.points()} points")
    return Sweep(swept.points, work, swept.point, swept.largest)


def _sweep_compiled(target: Network, other: Network, workers: int, monitor: Monitor, relation: Relation) -> Search:
    if target.input.points() > MAX_POINTS:
        raise TooWideError(f"more points than 2^{MAX_POINTS.bit_length() - 1}")
    box, wanted = target.input, _grid_relation(relation)
    if not _compiles(target, other):
        both = Both.of(target, other, relation, floats=False)
        looked = sweep_blocks(both, box, workers, monitor.reach)
        return Search(looked.point, looked.largest, looked.points)
    left, right = _programs(target, other)
    try:
        seen = sweep(left, right, box.low, box.high, workers, monitor.reach, wanted)
    except SweepError as error:
        raise DisagreementError(f"the sweep lost its way: {error}") from error
    return Search(seen.difference, seen.largest, seen.points)


def _points(target: Network) -> Iterator[tuple[int, ...]]:
    box = target.input
    return product(*(range(low, high + 1) for low, high in zip(box.low, box.high, strict=True)))


def _look_exactly(target: Network, other: Network, points: Iterator[tuple[int, ...]], relation: Relation) -> Search:
    """Compare in Python integers, one point after the other, until the relation fails on one."""
    visited = largest = 0
    while block := list(islice(points, _EXACT_BLOCK)):
        ours, theirs = _evaluate_exactly(target, block), _evaluate_exactly(other, block)
        for point, *outputs in zip(block, ours, theirs, strict=True):
            visited += 1
            values = common_values(target, other, *outputs)
            largest = max(largest, largest_difference(*values))
            if not relation.holds(*values):
                return Search(point, largest, visited)
    return Search(None, largest, visited)


def _evaluate_exactly(network: Network, points: Sequence[tuple[int, ...]]) -> list[list[int]]:
    """Return the outputs at some points in Python integers, as `evaluate` has them for one; no box is looked at."""
    rows = [column(point) for point in points]
    values: dict[int, Tensor] = {INPUT: np.stack(rows).reshape(len(rows), *network.input.shape)}
    for index, layer in enumerate(network.layers):
        read = [values[source] for source in network.sources(index)]
        values[index] = run_steps(layer.steps, layer.accumulate(read))
    found: list[list[int]] = values[len(network.layers) - 1].reshape(len(rows), -1).tolist()
    return found


def _compiles(target: Network, other: Network) -> bool:
    """Tell whether both networks are chains whose steps the compiled programs have."""
    return all(
        network.chain is not None
        and not any(isinstance(s, Thresholds) for layer in network.layers for s in layer.steps)
        for network in (target, other)
    )


def _grid_relation(relation: Relation) -> GridRelation:
    return grid.SAME_WINNER if relation.name == "argmax" else grid.within(relation.bound)


def search_difference(
    target: Network, other: Network, relation: Relation = EQUAL, *, briefly: bool = False
) -> Search:
    """Look for a point of the target's box on which the relation fails: on some thousand points, briefly on fewer."""
    box, multiplications = target.input, max(1, _multiplications(target, other))
    sampled = min(SAMPLED_POINTS, SEARCH_WORK // multiplications)
    points = min(SEARCH_POINTS, SEARCH_WORK // multiplications)
    try:
        if briefly or not _compiles(target, other):
            # A brief search would be over before compiled code is loaded.
            looked = search_blocks(Both.of(target, other, relation, floats=True), box, SEARCH_SEED, briefly=briefly)
            return Search(looked.point, looked.largest, looked.points)
        programs = _programs(target, other)
        found = search(*programs, box_of(box.low, box.high), sampled, points, SEARCH_SEED, _grid_relation(relation))
    except TooWideError:
        count = max(1, EXACT_WORK // multiplications)
        few = sample(box.low, box.high, min(sampled, count), SEARCH_SEED)[:count]
        return _look_exactly(target, other, map(tuple, few.tolist()), relation)
    return Search(found.point, found.largest, found.points)


def _multiplications(target: Network, other: Network) -> int:
    return target.multiplications() + other.multiplications()


def _programs(target: Network, other: Network) -> tuple[Program, Program]:
    left_shift, right_shift = common_scale(target, other)
    # Both run on the target's box, so that is where both are bounded.
    return program(target, left_shift), program(replace(other, input=target.input), right_shift)


def program(network: Network, output_shift: int = 0) -> Program:
    """Return the network as a program of `solvers.grid`, its outputs to be shifted left by `output_shift`.

    Raises:
        TooWideError: on the network's box a number may leave the machine word.
    """
    if output_shift > MAX_SHIFT:
        raise TooWideError(f"outputs {output_shift} bits apart, the sweep holds {MAX_SHIFT}")
    bounds = network_bounds(network)
    largest = max(layer.largest for layer in bounds)
    largest = max(largest, max(map(abs, (*bounds[-1].output_low, *bounds[-1].output_high))) << output_shift)
    if largest >= 1 << SAFE_BITS:
        raise TooWideError(f"numbers of up to {largest.bit_length()} bits, the sweep holds {SAFE_BITS}")
    layers = tuple(_layer(layer) for layer in require_chain(network))
    bits = max(largest, _largest_held(network.input, layers)).bit_length()
    return Program(network.input.features, layers, output_shift, min(bits, 63))


def _largest_held(box: Box, layers: Sequence[Layer]) -> int:
    """Return the largest |x| that stands in a box and its layers, met or not: a weight on an input that is 0, say."""
    arrays = [array for layer in layers for array in (layer.values, layer.bias, layer.constants, layer.steps)]
    ends = [int(end) for array in arrays for end in (array.min(initial=0), array.max(initial=0))]
    return max(map(abs, (*box.low, *box.high, *ends)))


def _layer(layer: Dense) -> Layer:
    lists = [layer.steps] if channels(layer.steps) is None else map(layer.steps_of, range(layer.outputs))
    steps = [[row for step in own for row in _step(step)] for own in lists]
    return Layer(
        start=layer.weights.start,
        columns=layer.weights.columns,
        values=layer.weights.values,
        bias=np.array(layer.bias, dtype=np.int64),
        constants=np.array(layer.constants, dtype=np.int64),
        steps=np.array(steps, dtype=np.int64).reshape(len(steps), len(steps[0]), 4),
    )


_Row: TypeAlias = tuple[int, int, int, int]


def _step(step: Step) -> Sequence[_Row]:
    match step:
        case Relu():
            return [(Opcode.RELU, 0, 0, 0)]
        case LeakyRelu(bits):
            return [(Opcode.LEAKY_RELU, 1 << bits, 0, 0)]
        case Requantize(shift, rounding, zero_point):
            return [_shift(rounding, shift, zero_point)]
        case RequantizeQ31(int(multiplier), int(shift), rule, zero_point):
            return _multiply(multiplier, shift, rule, zero_point)
        case RequantizeQ31():
            raise TypeError("expected the steps of one output, found a multiplier or shift for each")
        case Clamp(low, high):
            return [(Opcode.CLAMP, low, high, 0)]
        case Offset(value):
            return [(Opcode.OFFSET, value, 0, 0)]
        case Threshold():
            return [(Opcode.STEP, 0, 0, 0)]
        case Sign():
            return [(Opcode.SIGN, 0, 0, 0)]
        case RoundSignificant():
            return [(Opcode.SIGNIFICANT, SIGNIFICANT_BITS, 0, 0)]
        case Thresholds():
            raise TypeError("expected steps of compiled programs, found thresholds")


def _shift(rounding: Rounding, shift: int, zero_point: int) -> _Row:
    if shift > MAX_SHIFT:
        raise TooWideError(f"a shift by {shift} bits, the sweep holds {MAX_SHIFT}")
    return _SHIFTS[rounding], shift, zero_point, 0


def _multiply(multiplier: int, shift: int, rule: Rule, zero_point: int) -> list[_Row]:
    """The rows that do what `multiply_q31` does."""
    factor = (Opcode.MULTIPLY, multiplier, 0, 0)
    match rule:
        case "single":
            return [factor, _shift("half_up", Q31_BITS + shift, zero_point)]
        case "double":
            first = (Opcode.MULTIPLY, multiplier << max(-shift, 0), 0, 0)
            return [first, _shift("half_up", Q31_BITS, 0), _shift("half_up", max(shift, 0), zero_point)]
        case "float32":
            float_bits = (Opcode.SIGNIFICANT, SIGNIFICANT_BITS, 0, 0)
            return [float_bits, factor, float_bits, _shift("half_even", Q31_BITS + shift, zero_point)]
