from __future__ import annotations

import naive_grid as naive
import pytest

from solvers.grid.flat import check_comparable, flatten, points_per_chunk, work_array
from solvers.grid.kernel import CLAMP, LANES, MULTIPLY, ROUND, SIGNIFICANT
from solvers.grid.program import SHIFTS, Opcode, Program

RELU = (Opcode.RELU,)


def two_layers() -> Program:
    """Nodes: inputs 0 1, constants 2 3 4 (one of the first layer, two of the second), rows 5 6 7 and 8 9."""
    first = naive.layer([{0: 10, 2: 12}, {}, {1: 11}], [1, 2, 3], constants=[-7], steps=[RELU])
    second = naive.layer([{0: 20, 3: 23}, {2: 22, 4: 24}], [4, 5], [8, 9], [(Opcode.SIGN,), (Opcode.OFFSET, 6)])
    return Program(2, (first, second), 3)


def test_layers_become_one_line_of_rows():
    flat = flatten(two_layers())
    assert (flat.inputs, flat.first_row, flat.first_output, flat.output_shift) == (2, 5, 8, 3)
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
    flat = flatten(Program(1, (naive.layer([{0: 1}], steps=[step]),), 0))
    assert list(map(tuple, flat.steps.tolist())) == rows


def test_work_holds_the_constants_in_every_lane():
    work = work_array(flatten(two_layers()))
    assert work.shape == (10, LANES)
    assert (work[2:5].T == [-7, 8, 9]).all()


def test_a_chunk_is_whole_blocks_and_shrinks_with_the_work():
    small = flatten(two_layers())
    large = flatten(Program(1, (naive.layer([{0: 1}] * 100_000, [0] * 100_000),), 0))
    assert points_per_chunk(large, large) % LANES == points_per_chunk(small, small) % LANES == 0
    assert LANES <= points_per_chunk(large, large) < points_per_chunk(small, small)


def test_a_step_counts_as_four_operations():
    """Two inputs, seven entries, five rows and nine steps, which one list for each row shares out."""
    flat = flatten(two_layers())
    assert points_per_chunk(flat, flat) == LANES * (2**25 // (LANES * 2 * (2 + 7 + 5 + 4 * 9)))


def test_programs_without_operations_have_chunks():
    nothing = flatten(Program(0, (naive.layer([]),), 0))
    assert points_per_chunk(nothing, nothing) == 2**25


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
