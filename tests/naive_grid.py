"""Programs of `solvers.grid` in plain Python integers and fractions, and small random ones to try it on."""

from __future__ import annotations

import itertools
import math
import random
from collections.abc import Iterable, Iterator, Sequence
from fractions import Fraction

import numpy as np

from solvers.grid.kernel import Relation
from solvers.grid.program import Layer, Opcode, Program
from solvers.grid.relation import EQUAL, SAME_WINNER

HALF = Fraction(1, 2)


def step(opcode: int, a: int, b: int, x: int) -> int:
    exact = Fraction(x, 2**a) if Opcode(opcode).name.startswith("SHIFT_RIGHT") else Fraction(x)
    match Opcode(opcode):
        case Opcode.RELU:
            return max(x, 0)
        case Opcode.SHIFT_RIGHT_FLOOR:
            return math.floor(exact) + b
        case Opcode.SHIFT_RIGHT_HALF_UP:
            return math.floor(exact + HALF) + b
        case Opcode.SHIFT_RIGHT_HALF_EVEN:
            return round(exact) + b
        case Opcode.SHIFT_RIGHT_HALF_AWAY:
            return (math.floor(abs(exact) + HALF) if x >= 0 else -math.floor(abs(exact) + HALF)) + b
        case Opcode.SHIFT_RIGHT_TOWARD_ZERO:
            return math.trunc(exact) + b
        case Opcode.CLAMP:
            return min(max(x, a), b)
        case Opcode.OFFSET:
            return x + a
        case Opcode.STEP:
            return 1 if x >= 0 else 0
        case Opcode.SIGN:
            return 1 if x >= 0 else -1
        case Opcode.LEAKY_RELU:
            return x * a if x >= 0 else x
        case Opcode.MULTIPLY:
            return x * a
        case Opcode.SIGNIFICANT:
            return significant(x, a)


def significant(x: int, bits: int) -> int:
    """The nearest of the two neighbours with so many significant bits; in a tie the one with an even last bit."""
    unit = 1
    while abs(x) >= unit << bits:
        unit *= 2
    return round(Fraction(x, unit)) * unit


def evaluate(program: Program, point: Sequence[int]) -> tuple[int, ...]:
    """The outputs, not yet shifted to the common scale."""
    values = list(point)
    for layer in program.layers:
        values = sums(layer, values)
        for row in range(layer.rows):
            for opcode, a, b, _ in layer.steps[row % len(layer.steps)].tolist():
                values[row] = step(opcode, a, b, values[row])
    return tuple(values)


def sums(layer: Layer, values: Sequence[int]) -> list[int]:
    """What every row of a layer is before its steps."""
    given = [*values, *layer.constants.tolist()]
    found = layer.bias.tolist()
    for row in range(layer.rows):
        for entry in range(int(layer.start[row]), int(layer.start[row + 1])):
            found[row] += int(layer.values[entry]) * given[int(layer.columns[entry])]
    return found


def common_values(program: Program, point: Sequence[int]) -> list[int]:
    return [value << program.output_shift for value in evaluate(program, point)]


def gap(left: Program, right: Program, point: Sequence[int]) -> int:
    """The largest |left - right| of an output on the common scale."""
    values = zip(common_values(left, point), common_values(right, point), strict=True)
    return max((abs(a - b) for a, b in values), default=0)


def winner(values: Sequence[int]) -> int:
    return min(range(len(values)), key=lambda index: (-values[index], index), default=0)


def differ(left: Program, right: Program, point: Sequence[int], relation: Relation = EQUAL) -> bool:
    """Whether the relation fails."""
    if relation == SAME_WINNER:
        return winner(common_values(left, point)) != winner(common_values(right, point))
    return gap(left, right, point) > relation.bound


def grid(low: Sequence[int], high: Sequence[int]) -> Iterator[tuple[int, ...]]:
    return itertools.product(*(range(a, b + 1) for a, b in zip(low, high, strict=True)))


def look(
    left: Program, right: Program, points: Iterable[tuple[int, ...]], relation: Relation = EQUAL
) -> tuple[int, tuple[int, ...] | None, int]:
    """How many points were looked at, the first on which the relation fails, and the largest gap so far."""
    count = largest = 0
    for point in points:
        count += 1
        largest = max(largest, gap(left, right, point))
        if differ(left, right, point, relation):
            return count, point, largest
    return count, None, largest


def layer(
    rows: Sequence[dict[int, int]],
    bias: Sequence[int] | None = None,
    constants: Sequence[int] = (),
    steps: Sequence[tuple[int, ...]] = (),
    row_steps: Sequence[Sequence[tuple[int, ...]]] | None = None,
) -> Layer:
    """A layer from {column: weight} for each row and steps of one to four numbers, for all rows or for each."""
    lists = [steps] if row_steps is None else row_steps
    padded = [[(*step, 0, 0, 0)[:4] for step in own] for own in lists]
    return Layer(
        start=np.cumsum([0, *map(len, rows)], dtype=np.int64),
        columns=np.array([column for row in rows for column in row], dtype=np.int64),
        values=np.array([weight for row in rows for weight in row.values()], dtype=np.int64),
        bias=np.array(bias or [0] * len(rows), dtype=np.int64),
        constants=np.array(constants, dtype=np.int64),
        steps=np.array(padded, dtype=np.int64).reshape(len(lists), -1, 4),
    )


def random_step(rng: random.Random) -> tuple[int, ...]:
    opcode = rng.choice(list(Opcode))
    match opcode:
        case Opcode.CLAMP:
            low = rng.randint(-20, 10)
            return opcode, low, rng.randint(low, 20)
        case Opcode.OFFSET:
            return opcode, rng.randint(-9, 9)
        case Opcode.RELU | Opcode.STEP | Opcode.SIGN:
            return (opcode,)
        case Opcode.LEAKY_RELU:
            return opcode, rng.choice([1, 2, 8])
        case Opcode.MULTIPLY:
            return opcode, rng.randint(-5, 5)
        case Opcode.SIGNIFICANT:
            return opcode, rng.choice([1, 2, 3, 24])
        case _:
            return opcode, rng.choice([0, 1, 1, 2, 3, 5, 62]), rng.randint(-3, 3)


def random_layer(rng: random.Random, inputs: int, outputs: int) -> Layer:
    """Weights in -3..3, zeros stored among them; about every fifth row is empty."""
    constants = [rng.randint(-4, 4) for _ in range(rng.randint(0, 2))]
    columns = range(inputs + len(constants))
    rows: list[dict[int, int]] = []
    for _ in range(outputs):
        kept = [] if rng.random() < 0.2 else [column for column in columns if rng.random() < 0.7]
        rows.append({column: rng.randint(-3, 3) for column in kept})
    count, bias = rng.randint(0, 3), [rng.randint(-5, 5) for _ in rows]
    lists = [[random_step(rng) for _ in range(count)] for _ in range(rng.choice([1, 1, len(rows)]))]
    return layer(rows, bias, constants, row_steps=lists)


def random_program(rng: random.Random, inputs: int, outputs: int, depth: int) -> Program:
    widths = [inputs, *(rng.randint(1, 5) for _ in range(depth - 1)), outputs]
    layers = [random_layer(rng, *pair) for pair in itertools.pairwise(widths)]
    return Program(inputs, tuple(layers), rng.choice([0, 0, 1, 7]))


def random_box(rng: random.Random, features: int) -> tuple[tuple[int, ...], tuple[int, ...]]:
    low = tuple(rng.randint(-6, 4) for _ in range(features))
    return low, tuple(bound + rng.randint(0, 7 if features < 3 else 4) for bound in low)


def point_detector(point: Sequence[int], height: int) -> Program:
    """A program that gives `height` on one point and 0 on every other: height·relu(1 - Σ|x - point|)."""
    features = len(point)
    sides = [{index: sign} for index in range(features) for sign in (1, -1)]
    bias = [sign * -value for value in point for sign in (1, -1)]
    distance = layer(sides, bias, steps=[(Opcode.RELU,)])
    near = layer([dict.fromkeys(range(2 * features), -1)], [1], steps=[(Opcode.RELU,)])
    return Program(features, (distance, near, layer([{0: height}])), 0)
