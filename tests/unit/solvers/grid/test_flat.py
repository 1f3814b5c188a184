from __future__ import annotations

import naive_grid as naive
import numpy as np
import pytest

from solvers.grid.flat import check_comparable, flatten, lanes_of, points_per_chunk, work_array
from solvers.grid.kernel import CLAMP, MULTIPLY, ROUND, SIGNIFICANT
from solvers.grid.program import SHIFTS, Opcode, Program

RELU = (Opcode.RELU,)


def two_layers() -> Program:
    """Nodes: inputs 0 1, constants 2 3 4 (one of the first layer, two of the second), rows 5 6 7 and 8 9."""
    first = naive.layer([{0: 10, 2: 12}, {}, {1: 11}], [1, 2, 3], constants=[-7], steps=[RELU])
    second = naive.layer([{0: 20, 3: 23}, {2: 22, 4: 24}], [4, 5], [8, 9], [(Opcode.SIGN,), (Opcode.OFFSET, 6)])
    return Program(2, (first, second), 3)


def test_layers_become_one_line_of_rows():
    flat = flatten([two_layers()])
    assert (flat.inputs, flat.first_row) == (2, 5)
    assert flat.start.tolist() == [0, 2, 2, 3, 5, 7]
    assert flat.nodes.tolist() == [0, 2, 1, 5, 3, 7, 4]
    assert flat.weights.tolist() == [10, 12, 11, 20, 23, 22, 24]
    assert flat.bias.tolist() == [1, 2, 3, 4, 5]
    assert flat.steps_from.tolist() == [0, 0, 0, 1, 1]
    assert flat.steps_to.tolist() == [1, 1, 1, 4, 4]
    assert flat.steps.tolist() == [
        [CLAMP, 0, 2**63 - 1, 0, 0, 0],
        [ROUND, 63, 0, 0, 0, 0],
        [ROUND, 0, 0, 0, -1, 1],
        [ROUND, 0, 0, 0, 0, 6],
    ]
    assert (flat.outputs.tolist(), flat.output_shifts.tolist()) == ([[8, 9]], [3])


def test_two_programs_become_one_line_over_the_same_inputs():
    """Nodes: inputs 0 1, constants 2 3 4 and 5, rows 6 7 8, 9 10, and 11 12 of the second program."""
    second = Program(2, (naive.layer([{1: 30, 2: 31}, {0: 32}], [6, 7], [50], [(Opcode.OFFSET, 8)]),), 1)
    flat = flatten([two_layers(), second])
    assert (flat.inputs, flat.first_row, flat.constants.tolist()) == (2, 6, [-7, 8, 9, 50])
    assert flat.start.tolist() == [0, 2, 2, 3, 5, 7, 9, 10]
    assert flat.nodes.tolist() == [0, 2, 1, 6, 3, 8, 4, 1, 5, 0]
    assert flat.weights.tolist() == [10, 12, 11, 20, 23, 22, 24, 30, 31, 32]
    assert flat.steps_from.tolist() == [0, 0, 0, 1, 1, 4, 4]
    assert flat.steps[-1].tolist() == [ROUND, 0, 0, 0, 0, 8]
    assert (flat.outputs.tolist(), flat.output_shifts.tolist()) == ([[9, 10], [11, 12]], [3, 1])


@pytest.mark.parametrize(("bits", "kind"), [(0, np.int32), (31, np.int32), (32, np.int64), (63, np.int64)])
def test_numbers_of_31_bits_take_narrow_lanes(bits, kind):
    narrow, other = (
        Program(1, (naive.layer([{0: 1}], steps=[RELU]),), 0, bits),
        Program(1, (naive.layer([{0: 1}]),), 0, 31),
    )
    for programs in ([narrow], [narrow, other], [other, narrow]):
        flat = flatten(programs)
        assert {of.dtype.type for of in (flat.weights, flat.bias, flat.steps, flat.constants)} == {kind}
        assert work_array(flat).dtype == kind
        assert flat.steps.tolist() == [[CLAMP, 0, np.iinfo(kind).max, 0, 0, 0]]


BEYOND = {
    "weight": naive.layer([{0: 2**31}]),
    "bias": naive.layer([{0: 1}], [-(2**31) - 1]),
    "constant": naive.layer([{0: 1}], constants=[2**31]),
    "bound": naive.layer([{0: 1}], steps=[(Opcode.CLAMP, -(2**31) - 1, 0)]),
    "offset": naive.layer([{0: 1}], steps=[(Opcode.OFFSET, 2**31)]),
    "factor": naive.layer([{0: 1}], steps=[(Opcode.MULTIPLY, 2**40)]),
    "addend": naive.layer([{0: 1}], steps=[(Opcode.SHIFT_RIGHT_HALF_UP, 32, 0)]),
}


@pytest.mark.parametrize("layer", BEYOND.values(), ids=BEYOND)
def test_numbers_beyond_what_a_program_says_are_refused(layer):
    flatten([Program(1, (layer,), 0, 32)])
    with pytest.raises(ValueError, match="expected numbers that fit 32 bits, found"):
        flatten([Program(1, (layer,), 0, 31)])


LOWERED = {
    "relu": ((Opcode.RELU,), [(CLAMP, 0, 2**63 - 1, 0, 0, 0)]),
    "clamp": ((Opcode.CLAMP, -3, 5), [(CLAMP, -3, 5, 0, 0, 0)]),
    "offset": ((Opcode.OFFSET, -7), [(ROUND, 0, 0, 0, 0, -7)]),
    "step": ((Opcode.STEP,), [(ROUND, 63, 0, 0, 0, 1)]),
    "sign": ((Opcode.SIGN,), [(ROUND, 63, 0, 0, 0, 0), (ROUND, 0, 0, 0, -1, 1)]),
    "multiply": ((Opcode.MULTIPLY, -9), [(MULTIPLY, -9, 0, 0, 0, 0)]),
    "significant": ((Opcode.SIGNIFICANT, 24), [(SIGNIFICANT, 24, 0, 0, 0, 0)]),
    "floor": ((Opcode.SHIFT_RIGHT_FLOOR, 3, 2), [(ROUND, 3, 0, 0, 0, 2)]),
    "half up": ((Opcode.SHIFT_RIGHT_HALF_UP, 3, 2), [(ROUND, 3, 4, 0, 0, 2)]),
    "half even": ((Opcode.SHIFT_RIGHT_HALF_EVEN, 3, 2), [(ROUND, 3, 3, 1, 0, 2)]),
    "half away": ((Opcode.SHIFT_RIGHT_HALF_AWAY, 3, 2), [(ROUND, 3, 4, 0, -1, 2)]),
    "toward zero": ((Opcode.SHIFT_RIGHT_TOWARD_ZERO, 3, 2), [(ROUND, 3, 0, 0, 7, 2)]),
    **{f"{shift.name} of 0": ((shift, 0, 2), [(ROUND, 0, 0, 0, 0, 2)]) for shift in sorted(SHIFTS)},
}


@pytest.mark.parametrize(("step", "rows"), LOWERED.values(), ids=LOWERED)
def test_each_step_becomes_these_rows(step, rows):
    flat = flatten([Program(1, (naive.layer([{0: 1}], steps=[step]),), 0)])
    assert list(map(tuple, flat.steps.tolist())) == rows


def test_work_holds_the_constants_in_every_lane():
    work = work_array(flatten([two_layers()]))
    assert work.shape == (10, lanes_of(np.int64))
    assert (work[2:5].T == [-7, 8, 9]).all()
    assert lanes_of(np.int32) == 2 * lanes_of(np.int64)


def test_a_chunk_is_whole_blocks_and_shrinks_with_the_work():
    lanes = lanes_of(np.int64)
    small = flatten([two_layers()])
    large = flatten([Program(1, (naive.layer([{0: 1}] * 1_000_000, [0] * 1_000_000),), 0)])
    assert points_per_chunk(large) % lanes == points_per_chunk(small) % lanes == 0
    assert lanes <= points_per_chunk(large) < points_per_chunk(small)


def test_a_step_counts_as_four_operations():
    """Two inputs, seven entries, five rows and nine steps, which one list for each row shares out."""
    lanes = lanes_of(np.int64)
    assert points_per_chunk(flatten([two_layers()])) == lanes * (2**27 // (lanes * (2 + 7 + 5 + 4 * 9)))


def test_programs_without_operations_have_chunks():
    nothing = flatten([Program(0, (naive.layer([]),), 0)])
    assert points_per_chunk(nothing) == 2**27


def test_incomparable_programs_are_refused():
    one, other = Program(2, (naive.layer([{}]),), 0), Program(3, (naive.layer([{}]),), 0)
    wider = Program(2, (naive.layer([{}, {}]),), 0)
    with pytest.raises(ValueError, match="expected 2 inputs as on the left, found 3"):
        check_comparable(one, other)
    with pytest.raises(ValueError, match="expected 3 inputs as on the left, found 2"):
        check_comparable(other, one)
    with pytest.raises(ValueError, match="expected 1 outputs as on the left, found 2"):
        check_comparable(one, wider)
    with pytest.raises(ValueError, match="expected 2 outputs as on the left, found 1"):
        check_comparable(wider, one)
