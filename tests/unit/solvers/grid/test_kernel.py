from __future__ import annotations

import random

import naive_grid as naive
import numpy as np
import pytest

from certify.network.rounding import Rounding
from certify.network.steps import Clamp, LeakyRelu, Offset, Relu, Requantize, Sign, Step, Threshold, apply_step
from solvers.grid import kernel
from solvers.grid.flat import NARROW_BITS, flatten, work_array
from solvers.grid.program import MAX_SHIFT, SHIFTS, Opcode, Program

ROUNDINGS: dict[Opcode, Rounding] = {
    Opcode.SHIFT_RIGHT_FLOOR: "floor",
    Opcode.SHIFT_RIGHT_HALF_UP: "half_up",
    Opcode.SHIFT_RIGHT_HALF_EVEN: "half_even",
    Opcode.SHIFT_RIGHT_HALF_AWAY: "half_away",
    Opcode.SHIFT_RIGHT_TOWARD_ZERO: "toward_zero",
}
SMALL = range(-40, 41)
LARGE = [sign * (2**62 - offset) for sign in (1, -1) for offset in range(3)]


def as_step(opcode: Opcode, a: int, b: int) -> Step:
    match opcode:
        case Opcode.RELU:
            return Relu()
        case Opcode.LEAKY_RELU:
            return LeakyRelu(a.bit_length() - 1)
        case Opcode.CLAMP:
            return Clamp(a, b)
        case Opcode.OFFSET:
            return Offset(a)
        case Opcode.STEP:
            return Threshold()
        case Opcode.SIGN:
            return Sign()
        case _:
            return Requantize(a, ROUNDINGS[opcode], b)


def outputs(program: Program, points: list[tuple[int, ...]]) -> list[tuple[int, ...]]:
    """The kernel's outputs on any number of points, in blocks of 100; what is in other lanes stays there."""
    flat = flatten([program])
    work = work_array(flat)
    assert work.shape[1] > 100
    work[flat.first_row :] = 7
    found = []
    for first in range(0, len(points), 100):
        block = np.array(points[first : first + 100], dtype=np.int64)
        work[: program.inputs, : len(block)] = block.T
        kernel.evaluate(flat, work, len(block))
        found += [tuple(lane) for lane in work[flat.outputs[0], : len(block)].T.tolist()]
    assert (work[flat.first_row :, 100:] == 7).all()
    return found


def check_steps(steps: list[tuple[int, ...]], values: list[int]) -> None:
    """The kernel, `certify.network` and fractions agree on what the steps make of every value."""
    found = outputs(Program(1, (naive.layer([{0: 1}], steps=steps),), 0), [(value,) for value in values])
    for value, (result,) in zip(values, found, strict=True):
        expected = by_network = value
        for step in steps:
            opcode, a, b, _ = (*step, 0, 0, 0)[:4]
            expected = naive.step(opcode, a, b, expected)
            if opcode not in {Opcode.MULTIPLY, Opcode.SIGNIFICANT}:
                by_network = apply_step(as_step(Opcode(opcode), a, b), by_network)
            else:
                by_network = expected
        assert result == expected == by_network, (steps, value)


@pytest.mark.parametrize("bits", [1, 2, 3, 24, 61, 62])
def test_significant_bits_are_kept_half_even(bits):
    near = [sign * (2**exponent + more) for exponent in range(61) for more in (-1, 0, 1) for sign in (1, -1)]
    halves = range(2**bits, 2**bits + 9) if bits < 30 else []
    ties = [multiple << shift >> 1 for shift in (1, 5, 30) for multiple in halves]
    check_steps([(Opcode.SIGNIFICANT, bits)], [*SMALL, *near, *ties, *(-tie for tie in ties)])


def test_a_product():
    check_steps([(Opcode.MULTIPLY, -7)], [*SMALL, 2**59, -(2**59)])
    check_steps([(Opcode.MULTIPLY, 2**30 + 1), (Opcode.SHIFT_RIGHT_HALF_UP, 31, -3)], [*SMALL, 2**31, -(2**31)])


def test_every_row_runs_its_own_steps():
    rows = [[(Opcode.MULTIPLY, 2)], [(Opcode.MULTIPLY, -3)], [(Opcode.RELU,)]]
    first = naive.layer([{0: 1}] * 3, row_steps=rows)
    second = naive.layer([{0: 1}, {1: 1}, {2: 1}], steps=[(Opcode.OFFSET, 100)])
    assert outputs(Program(1, (first, second), 0), [(5,), (-4,)]) == [(110, 85, 105), (92, 112, 100)]


@pytest.mark.parametrize("opcode", sorted(SHIFTS), ids=lambda opcode: opcode.name)
def test_every_shift_rounds_exactly(opcode):
    for shift in range(MAX_SHIFT + 1):
        half = 2**shift // 2
        ties = [multiple * half + near for multiple in (-5, -3, -2, -1, 1, 2, 3, 5) for near in (-1, 0, 1)]
        values = [value for value in [*SMALL, *ties, *LARGE] if abs(value) <= 2**62]
        check_steps([(opcode, shift, 0)], values)
        check_steps([(opcode, shift, -7)], [*ties[8:16], *LARGE] if shift < 60 else [0, *LARGE])


@pytest.mark.parametrize(
    "steps",
    [
        pytest.param([(Opcode.RELU,)], id="relu"),
        pytest.param([(Opcode.OFFSET, 7), (Opcode.CLAMP, -99, 99), (Opcode.LEAKY_RELU, 8)], id="leaky relu"),
        pytest.param([(Opcode.CLAMP, -3, 5)], id="clamp"),
        pytest.param([(Opcode.CLAMP, 4, 4)], id="clamp to one value"),
        pytest.param([(Opcode.CLAMP, -(2**61), 2**61)], id="clamp far out"),
        pytest.param([(Opcode.OFFSET, 11)], id="offset"),
        pytest.param([(Opcode.OFFSET, -(2**61))], id="large negative offset"),
        pytest.param([(Opcode.STEP,)], id="step"),
        pytest.param([(Opcode.SIGN,)], id="sign"),
        pytest.param([(Opcode.SIGN,), (Opcode.OFFSET, 1), (Opcode.STEP,)], id="sign, offset, step"),
        pytest.param([(Opcode.SHIFT_RIGHT_HALF_EVEN, 1, 2), (Opcode.RELU,)], id="shift, then relu"),
        pytest.param([(Opcode.RELU,), (Opcode.SHIFT_RIGHT_HALF_EVEN, 1, -2)], id="relu, then shift"),
        pytest.param([(opcode, 2, 1) for opcode in sorted(SHIFTS)], id="all five shifts"),
        pytest.param([], id="no steps"),
    ],
)
def test_steps(steps):
    check_steps(steps, [*SMALL, *LARGE])


@pytest.mark.parametrize("depth", [1, 2, 3, 4])
def test_random_programs_on_whole_grids(depth):
    rng = random.Random(f"programs of depth {depth}")
    for _ in range(50):
        features = rng.randint(1, 3)
        program = naive.random_program(rng, features, rng.randint(1, 4), depth)
        points = list(naive.grid(*naive.random_box(rng, features)))
        assert outputs(program, points) == [naive.evaluate(program, point) for point in points]


@pytest.mark.parametrize("bits", [NARROW_BITS, 63])
def test_rows_of_any_length(bits):
    """Nodes are taken four at a time by two rows; narrow lanes give what wide ones do."""
    rng = random.Random("lengths")
    rows = [{column: rng.randint(-99, 99) for column in range(length)} for length in range(10)]
    steps = [[(opcode, 2, 1)] for opcode in sorted(SHIFTS)] * 2
    steps[-5:] = [
        [(Opcode.CLAMP, -50, 60)],
        [(Opcode.STEP,)],
        [(Opcode.SIGN,)],
        [(Opcode.MULTIPLY, -3)],
        [(Opcode.RELU,)],
    ]
    program = Program(9, (naive.layer(rows, list(range(10)), row_steps=steps),), 0, bits)
    points = [tuple(rng.randint(-9, 9) for _ in range(9)) for _ in range(30)]
    assert outputs(program, points) == [naive.evaluate(program, point) for point in points]


def test_random_programs_in_narrow_lanes():
    rng = random.Random("narrow programs")
    narrow = 0
    for _ in range(200):
        wide = naive.random_program(rng, 2, 2, 2)
        if any(
            (layer.steps[..., 0] == Opcode.MULTIPLY).any() or (layer.steps[..., 1] == 62).any()
            for layer in wide.layers
        ):
            continue
        narrow += 1
        points = list(naive.grid(*naive.random_box(rng, 2)))
        assert outputs(Program(2, wide.layers, 0, NARROW_BITS), points) == [
            naive.evaluate(wide, point) for point in points
        ]
    assert narrow > 40


@pytest.mark.parametrize("opcode", sorted(SHIFTS), ids=lambda opcode: opcode.name)
def test_every_shift_in_narrow_lanes(opcode):
    """Up to the widest whose addends fit, on numbers that leave them room; floor has no addend."""
    for shift in range(MAX_SHIFT + 1 if opcode == Opcode.SHIFT_RIGHT_FLOOR else 31):
        half = 2**shift // 2
        ties = [multiple * half + near for multiple in (-5, -3, -2, -1, 1, 2, 3, 5) for near in (-1, 0, 1)]
        values = [value for value in [*SMALL, *ties, 2**30, -(2**30)] if abs(value) + 2 ** min(shift, 30) < 2**31]
        program = Program(1, (naive.layer([{0: 1}], steps=[(opcode, shift, 0)]),), 0, NARROW_BITS)
        assert outputs(program, [(value,) for value in values]) == [
            naive.evaluate(program, (value,)) for value in values
        ]


def test_products_and_sums_near_the_end_of_int32():
    rows = [{0: 2**15, 1: -(2**15)}, {0: 2**16 - 1}, {0: -1, 1: -1}]
    program = Program(2, (naive.layer(rows, [2**30 - 1, -(2**30), -(2**31) + 2**15]),), 0, NARROW_BITS)
    points = [(2**14, 0), (-(2**14), 0), (0, -(2**14)), (2**14, -(2**14)), (2**14, 2**14), (-3, 2**14)]
    found = outputs(program, points)
    assert found == [naive.evaluate(program, point) for point in points]
    assert max(map(max, found)) == 2**31 - 1
    assert min(map(min, found)) == -(2**31)


def test_random_programs_have_everything_in_them():
    rng = random.Random("what is in them")
    layers = [layer for _ in range(200) for layer in naive.random_program(rng, 2, 2, 4).layers]
    assert {int(opcode) for layer in layers for opcode in layer.steps[..., 0].flat} == set(Opcode)
    assert any((np.diff(layer.start) == 0).any() for layer in layers)
    assert any((layer.values == 0).any() for layer in layers)
    assert any(len(layer.constants) == 2 and layer.columns.max(initial=0) > 1 for layer in layers)
    assert any(not layer.steps.size for layer in layers)
    assert any(len(layer.steps) > 1 for layer in layers)


def test_products_and_sums_near_the_end_of_int64():
    rows = [{0: 2**31, 1: -(2**31)}, {0: 2**32 - 1}, {0: -1, 1: -1}]
    program = Program(2, (naive.layer(rows, [2**62 - 1, -(2**62), -(2**63) + 2**31]),), 0)
    points = [(2**30, 0), (-(2**30), 0), (0, -(2**30)), (2**30, -(2**30)), (2**30, 2**30), (-3, 2**30)]
    found = outputs(program, points)
    assert found == [naive.evaluate(program, point) for point in points]
    assert max(map(max, found)) == 2**63 - 1
    assert min(map(min, found)) == -(2**63)
