from __future__ import annotations

import naive_grid as naive
import numpy as np
import pytest

from solvers.grid.flat import LANES, check_comparable, flatten, lanes_of, operations_per_point, work_array
from solvers.grid.kernel import CLAMP, LEAKY, MULTIPLY, ROUND, SIGNIFICANT
from solvers.grid.program import SHIFTS, Opcode, Program

RELU = (Opcode.RELU,)
LEAST, MOST = -(2**63), 2**63 - 1


def two_layers() -> Program:
    """Nodes: inputs 0 1, constants 2 3 4 (one of the first layer, two of the second), rows 5 6 7 8 and 9 10."""
    first = naive.layer([{0: 10, 2: 12}, {}, {1: 11}], [1, 2, 3], constants=[-7], steps=[RELU])
    second = naive.layer([{0: 20, 3: 23}, {2: 22, 4: 24}], [4, 5], [8, 9], [(Opcode.SIGN,), (Opcode.OFFSET, 6)])
    return Program(2, (first, second), 3)


def test_layers_become_one_line_of_rows():
    flat = flatten([two_layers()])
    assert (flat.inputs, flat.first_row) == (2, 5)
    assert flat.groups.tolist() == [0, 1, 2, 3]
    assert flat.nodes.tolist() == [[0, 2, 0, 0], [1, 0, 0, 0], [5, 7, 3, 4]]
    assert flat.weights.tolist() == [
        [[10, 12, 0, 0], [0, 0, 0, 0]],
        [[11, 0, 0, 0], [0, 0, 0, 0]],
        [[20, 0, 23, 0], [0, 22, 0, 24]],
    ]
    assert flat.bias.tolist() == [1, 2, 3, 0, 4, 5]
    assert flat.offsets.tolist() == [0, 2, -1]
    assert flat.clamps.tolist() == [[0, MOST]] * 3 + [[LEAST, MOST]] * 4
    assert flat.steps_from.tolist() == [0, 0, 0, 3, 0, 0]
    assert flat.steps_to.tolist() == [0, 0, 0, 3, 3, 3]
    assert flat.steps.tolist() == [[ROUND, 63, 0, 0, 0, 0], [ROUND, 0, 0, 0, -1, 1], [ROUND, 0, 0, 0, 0, 6]]
    assert flat.computed.tolist() == [5, 6, 7, 9, 10]
    assert (flat.outputs.tolist(), flat.scales.tolist()) == ([[9, 10]], [8])


def test_two_programs_become_one_line_over_the_same_inputs():
    """Nodes: inputs 0 1, constants 2 3 4 and 5, rows 6 7 8 9, 10 11, and 12 13 of the second program."""
    second = Program(2, (naive.layer([{1: 30, 2: 31}, {0: 32}], [6, 7], [50], [(Opcode.OFFSET, 8)]),), 1)
    flat = flatten([two_layers(), second])
    assert (flat.inputs, flat.first_row, flat.constants.tolist()) == (2, 6, [-7, 8, 9, 50])
    assert flat.groups.tolist() == [0, 1, 2, 3, 4]
    assert flat.nodes.tolist() == [[0, 2, 0, 0], [1, 0, 0, 0], [6, 8, 3, 4], [0, 1, 5, 0]]
    assert flat.weights.tolist()[3] == [[0, 30, 31, 0], [32, 0, 0, 0]]
    assert flat.offsets.tolist() == [0, 2, -1, 4]
    assert flat.steps_from.tolist() == [0, 0, 0, 4, 0, 0, 3, 3]
    assert flat.steps.tolist()[-1] == [ROUND, 0, 0, 0, 0, 8]
    assert flat.computed.tolist() == [6, 7, 8, 10, 11, 12, 13]
    assert (flat.outputs.tolist(), flat.scales.tolist()) == ([[10, 11], [12, 13]], [8, 2])


@pytest.mark.parametrize(("bits", "kind"), [(0, np.int32), (30, np.int32), (31, np.int64), (63, np.int64)])
def test_numbers_of_30_bits_take_narrow_lanes(bits, kind):
    """And leave a bit, for differences of two of them."""
    narrow, other = (
        Program(1, (naive.layer([{0: 1}], steps=[RELU]),), 0, bits),
        Program(1, (naive.layer([{0: 1}]),), 0, 30),
    )
    for programs in ([narrow], [narrow, other], [other, narrow]):
        flat = flatten(programs)
        numbers = (flat.weights, flat.bias, flat.clamps, flat.steps, flat.constants, flat.scales)
        assert {of.dtype.type for of in numbers} == {kind}
        assert work_array(flat).dtype == kind
        assert [0, np.iinfo(kind).max] in flat.clamps.tolist()
        assert flat.clamps.tolist()[-1] == [np.iinfo(kind).min, np.iinfo(kind).max]


@pytest.mark.parametrize(("shift", "kind"), [(30, np.int32), (31, np.int64), (62, np.int64)])
def test_scales_beyond_30_bits_take_wide_lanes(shift, kind):
    """However small the outputs are: all of them may be 0."""
    flat = flatten([Program(1, (naive.layer([{}]),), shift, 0)])
    assert (flat.scales.dtype, flat.scales.tolist()) == (kind, [2**shift])


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
        flatten([Program(1, (layer,), 0, 30)])


LOWERED = {
    "relu": ((Opcode.RELU,), [(CLAMP, 0, MOST, 0, 0, 0)]),
    "clamp": ((Opcode.CLAMP, -3, 5), [(CLAMP, -3, 5, 0, 0, 0)]),
    "offset": ((Opcode.OFFSET, -7), [(ROUND, 0, 0, 0, 0, -7)]),
    "step": ((Opcode.STEP,), [(ROUND, 63, 0, 0, 0, 1)]),
    "sign": ((Opcode.SIGN,), [(ROUND, 63, 0, 0, 0, 0), (ROUND, 0, 0, 0, -1, 1)]),
    "multiply": ((Opcode.MULTIPLY, -9), [(MULTIPLY, -9, 0, 0, 0, 0)]),
    "leaky ReLU": ((Opcode.LEAKY_RELU, 8), [(LEAKY, 8, 0, 0, 0, 0)]),
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
    """After another one, because a clamp that comes first is none."""
    flat = flatten([Program(1, (naive.layer([{0: 1}], steps=[(Opcode.OFFSET, 0), step]),), 0)])
    assert list(map(tuple, flat.steps.tolist()))[1:] == rows


NARROW = {
    "relu": (RELU, (CLAMP, 0, 2**31 - 1, 0, 0, 0)),
    "step": ((Opcode.STEP,), (ROUND, 31, 0, 0, 0, 1)),
    "floor of 31": ((Opcode.SHIFT_RIGHT_FLOOR, 31, 2), (ROUND, 31, 0, 0, 0, 2)),
    "floor of 62": ((Opcode.SHIFT_RIGHT_FLOOR, 62, 2), (ROUND, 31, 0, 0, 0, 2)),
}


@pytest.mark.parametrize(("step", "row"), NARROW.values(), ids=NARROW)
def test_steps_of_narrow_lanes(step, row):
    """No shift is by as many bits as a lane has."""
    flat = flatten([Program(1, (naive.layer([{0: 1}], steps=[(Opcode.OFFSET, 0), step]),), 0, 30)])
    assert tuple(flat.steps[1].tolist()) == row


@pytest.mark.parametrize(
    ("steps", "clamp", "left"),
    [
        pytest.param([], [LEAST, MOST], 0, id="no step"),
        pytest.param([RELU], [0, MOST], 0, id="relu"),
        pytest.param([(Opcode.CLAMP, -3, 5), RELU], [-3, 5], 1, id="the first of two"),
        pytest.param([(Opcode.OFFSET, 1), RELU], [LEAST, MOST], 2, id="not first"),
    ],
)
def test_a_clamp_that_comes_first_is_no_step(steps, clamp, left):
    flat = flatten([Program(1, (naive.layer([{0: 1}], steps=steps),), 0)])
    assert (flat.clamps.tolist()[0], len(flat.steps)) == (clamp, left)


def test_work_holds_the_constants_in_every_lane():
    work = work_array(flatten([two_layers()]))
    assert work.shape == (11, LANES)
    assert (work[2:5].T == [-7, 8, 9]).all()


@pytest.mark.parametrize(("bits", "most"), [(30, 3971), (62, 1985)])
def test_more_than_8_megabytes_are_spread_over_few_lanes(bits, most):
    """An input and an even number of rows."""
    for rows, lanes in ((most - 1, LANES), (most + 1, 80)):
        assert lanes_of(flatten([Program(1, (naive.layer([{}] * rows),), 0, bits)])) == lanes


def test_a_step_counts_as_four_operations():
    """Three groups of four nodes, six rows and six steps, which one list for each row shares out."""
    assert operations_per_point(flatten([two_layers()])) == 12 + 6 + 4 * 6


def test_no_operations_count_as_one():
    assert operations_per_point(flatten([Program(0, (naive.layer([]),), 0)])) == 1


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
