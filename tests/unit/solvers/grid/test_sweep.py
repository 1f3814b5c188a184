from __future__ import annotations

import dataclasses
import itertools
import random
import signal
import threading
from concurrent.futures import Executor, Future

import naive_grid as naive
import pytest

from solvers.grid import flat, kernel
from solvers.grid import sweep as grid_sweep
from solvers.grid.box import box_of
from solvers.grid.flat import LANES
from solvers.grid.program import SHIFTS, Opcode, Program
from solvers.grid.relation import EQUAL, SAME_WINNER, within
from solvers.grid.sweep import Sweep, SweepError, _in_order, sweep

BLOCK = 64
LEAST, MOST = -(2**63), 2**63 - 1
RELATIONS = [EQUAL, within(3), within(2**80), SAME_WINNER]
IDENTITY = Program(1, (naive.layer([{0: 1}]),), 0)


@pytest.fixture
def one_block_chunks(monkeypatch):
    """A chunk is no more than one block of 64 points, so that a small grid has many."""
    monkeypatch.setattr(grid_sweep, "_BLOCK", BLOCK)
    monkeypatch.setattr(grid_sweep, "_CHUNK_OPERATIONS", 1)


@pytest.mark.usefixtures("one_block_chunks")
@pytest.mark.parametrize("workers", [1, 2, 3])
def test_random_pairs_against_the_oracle(workers):
    rng = random.Random("pairs")
    differences = 0
    for _ in range(60):
        features, outputs = rng.randint(1, 4), rng.randint(1, 2)
        left = naive.random_program(rng, features, outputs, rng.randint(1, 3))
        right = naive.random_program(rng, features, outputs, 2) if rng.random() < 0.6 else left
        low, high = naive.random_box(rng, features)
        for relation in RELATIONS:
            seen = naive.look(left, right, naive.grid(low, high), relation)
            assert sweep(left, right, low, high, workers, relation=relation) == Sweep(*seen)
            differences += seen[1] is not None
    assert 20 < differences < 100


@pytest.mark.usefixtures("one_block_chunks")
@pytest.mark.parametrize("workers", [1, 2, 3])
@pytest.mark.parametrize(
    ("point", "index"),
    [
        pytest.param((-3, 0, -9), 0, id="first"),
        pytest.param((-3, 5, -9), 55, id="first of the second block"),
        pytest.param((-3, 4, 1), 54, id="last of the first block"),
        pytest.param((0, 3, 1), 373, id="middle"),
        pytest.param((2, 9, 1), 659, id="last"),
    ],
)
def test_one_differing_point_among_660_is_found(point, index, workers):
    low, high = (-3, 0, -9), (2, 9, 1)
    left, right = naive.point_detector(point, 1), naive.point_detector(point, 0)
    assert sweep(left, left, low, high, workers) == Sweep(660, None, 0)
    assert sweep(left, right, low, high, workers) == Sweep(index + 1, point, 1)
    assert sweep(right, left, low, high, workers) == Sweep(index + 1, point, 1)


@pytest.mark.usefixtures("one_block_chunks")
@pytest.mark.parametrize("workers", [1, 2, 3])
def test_the_lowest_of_many_differences_is_returned(workers):
    relu = Program(1, (naive.layer([{0: 1}], [-700], steps=[(Opcode.RELU,)]),), 0)
    nothing = Program(1, (naive.layer([{}]),), 0)
    assert sweep(relu, nothing, [0], [5000], workers) == Sweep(702, (701,), 1)


@pytest.mark.parametrize("workers", [1, 2])
@pytest.mark.parametrize(("operations", "chunks"), [(1, 60), (2**14, 15), (2**25, 1)])
def test_every_chunk_is_counted_and_reported(monkeypatch, operations, chunks, workers):
    monkeypatch.setattr(grid_sweep, "_BLOCK", BLOCK)
    monkeypatch.setattr(grid_sweep, "_CHUNK_OPERATIONS", operations)
    program = naive.point_detector((1, 1, 1), 1)
    done: list[int] = []
    found = sweep(program, program, [0, 0, 0], [19, 14, 9], workers, done.append)
    assert found == Sweep(20 * 15 * 10, None, 0)
    assert len(done) == chunks
    assert done == sorted(set(done))
    assert done[-1] == found.points


BOXES = {
    "single point": ([5], [5], 1),
    "single negative point": ([-5], [-5], 1),
    "negative bounds": ([-90], [-20], 71),
    "the lowest integers": ([LEAST], [LEAST + 65], 66),
    "the highest integers": ([MOST - 65], [MOST], 66),
    "one block exactly": ([0], [BLOCK - 1], BLOCK),
    "one point more than a block": ([0], [BLOCK], BLOCK + 1),
}


@pytest.mark.parametrize("lanes", [BLOCK, LANES])
@pytest.mark.parametrize(("low", "high", "points"), BOXES.values(), ids=BOXES)
def test_the_ends_of_boxes(monkeypatch, low, high, points, lanes):
    monkeypatch.setattr(grid_sweep, "_BLOCK", lanes)
    assert sweep(IDENTITY, IDENTITY, low, high) == Sweep(points, None, 0)
    clamped = Program(1, (naive.layer([{0: 1}], steps=[(Opcode.CLAMP, LEAST, high[0] - 1)]),), 0)
    if high[0] > LEAST:
        assert sweep(IDENTITY, clamped, low, high) == Sweep(points, tuple(high), 1)


@pytest.mark.parametrize("bits", [30, 62])
def test_sums_may_fall_and_rise_by_twice_what_they_are(bits):
    """From the lowest to the highest one within a block, either way."""
    most = 2**bits - 1
    for sign in (1, -1):
        layer = naive.layer([{0: sign * (most // 2), 1: sign * (most - most // 2)}])
        identity = Program(2, (layer,), 0, bits)
        zero = Program(2, (naive.layer([{}]),), 0, bits)
        left, right = [-1, -1], [1, 1]
        expected = naive.look(identity, zero, naive.grid(left, right), within(most))
        assert sweep(identity, zero, left, right, relation=within(most)) == Sweep(*expected) == Sweep(9, None, most)
        for bound in (most - 1, 0):
            expected = naive.look(identity, zero, naive.grid(left, right), within(bound))
            assert sweep(identity, zero, left, right, relation=within(bound)) == Sweep(*expected)


@pytest.mark.parametrize("bits", [30, 62])
def test_large_programs_run_on_few_lanes(monkeypatch, bits):
    """And blocks are no larger than these; 80 lanes for 11·12·13 points."""
    monkeypatch.setattr(flat, "_WORK_BYTES", 0)
    low, high = (-5, 0, 3), (5, 11, 15)
    for index in (0, 77, 78, 79, 80, 1715):
        point = box_of(low, high).point(index)
        left, right = (Program(3, naive.point_detector(point, height).layers, 0, bits) for height in (3, 0))
        assert sweep(left, right, low, high) == Sweep(index + 1, point, 3)
        assert sweep(left, right, low, high, relation=within(3)) == Sweep(11 * 12 * 13, None, 3)


@pytest.mark.parametrize("bits", [30, 62])
def test_gaps_of_the_widest_outputs(bits):
    most = 2**bits - 1
    up, down = (Program(1, (naive.layer([{0: sign * most}]),), 0, bits) for sign in (1, -1))
    assert sweep(up, down, [-1], [1], relation=within(2 * most)) == Sweep(3, None, 2 * most)
    assert sweep(up, down, [0], [1], relation=within(2 * most - 1)) == Sweep(2, (1,), 2 * most)


@pytest.mark.parametrize("bits", [30, 62])
@pytest.mark.parametrize("index", [0, 527, 528, 1000, 1055, 1056, 1583])
def test_one_differing_point_is_found_in_blocks_of_full_size(bits, index):
    """Three features of 11, 12 and 12 values: blocks of 48 to 528 points."""
    low, high = (-5, 0, 3), (5, 11, 14)
    point = box_of(low, high).point(index)
    program = naive.point_detector(point, 2**20)
    left, right = Program(3, program.layers, 0, bits), Program(3, naive.point_detector(point, 0).layers, 0, bits)
    assert sweep(left, right, low, high) == Sweep(index + 1, point, 2**20)
    assert sweep(left, right, low, high, relation=within(2**20)) == Sweep(11 * 12 * 12, None, 2**20)


def random_wide(rng: random.Random, features: int, bits: int) -> Program:
    """Two layers whose sums, products and outputs have up to so many bits, with a shift between them."""
    half = bits // 2 - 3
    weights = [{f: rng.randint(-(2**half), 2**half) for f in range(features)} for _ in range(rng.randint(1, 5))]
    shift = (rng.choice(sorted(SHIFTS)), half, rng.randint(-3, 3))
    steps = [[rng.choice([(Opcode.RELU,), (Opcode.OFFSET, 5)]), shift] for _ in weights]
    hidden = naive.layer(weights, [rng.randint(-(2**half), 2**half) for _ in weights], row_steps=steps)
    outputs = naive.layer([{u: rng.randint(-(2**half), 2**half) for u in range(len(weights))} for _ in range(2)])
    return Program(features, (hidden, outputs), rng.choice([0, 1]), bits)


@pytest.mark.parametrize("bits", [30, 62])
def test_random_wide_pairs_against_the_oracle(bits):
    rng = random.Random(f"wide {bits}")
    for _ in range(30):
        features = rng.randint(1, 3)
        left, right = (random_wide(rng, features, bits) for _ in range(2))
        low, high = naive.random_box(rng, features)
        for relation in (EQUAL, within(2 ** (bits // 2)), within(2**80), SAME_WINNER):
            seen = naive.look(left, right, naive.grid(low, high), relation)
            assert sweep(left, right, low, high, relation=relation) == Sweep(*seen)


def test_what_a_sweep_saw_stays():
    with pytest.raises(dataclasses.FrozenInstanceError):
        sweep(IDENTITY, IDENTITY, [0], [1]).difference = (0,)


TIES = {
    "the lowest of two": ([5, 5, 0], [5, 0, 0], True),
    "not the higher of two": ([5, 5, 0], [0, 5, 0], False),
    "all the same": ([1, 1, 1], [9, 8, 8], True),
    "the last": ([1, 1, 2], [8, 8, 9], True),
    "another": ([1, 2, 1], [1, 1, 2], False),
    "negative": ([-3, -2, -2], [-9, 0, 0], True),
    "a single output": ([3], [-4], True),
    "no output": ([], [], True),
}


@pytest.mark.parametrize(("left", "right", "holds"), TIES.values(), ids=TIES)
def test_winners(left, right, holds):
    """Scales differ, which changes no winner and the gap by a factor."""
    ours, theirs = (
        Program(0, (naive.layer([{}] * len(bias), bias),), shift) for bias, shift in ((left, 0), (right, 2))
    )
    largest = max((abs(a - 4 * b) for a, b in zip(left, right, strict=True)), default=0)
    assert sweep(ours, theirs, [], [], relation=SAME_WINNER) == Sweep(1, None if holds else (), largest)
    assert sweep(theirs, ours, [], [], relation=SAME_WINNER) == Sweep(1, None if holds else (), largest)


@pytest.mark.usefixtures("one_block_chunks")
@pytest.mark.parametrize("workers", [1, 2])
@pytest.mark.parametrize(("bound", "points"), [(0, 102), (1, 103), (63, 165), (64, 166), (99, 201), (100, 201)])
def test_the_largest_difference_ends_with_the_point_beyond_the_bound(bound, points, workers):
    """relu(x - 100) against nothing: 0 on 0 to 100, then 1, 2, … 100, the last point's."""
    ramp = Program(1, (naive.layer([{0: 1}], [-100], steps=[(Opcode.RELU,)]),), 0)
    nothing = Program(1, (naive.layer([{}]),), 0)
    failing = None if bound == 100 else (points - 1,)
    expected = Sweep(points, failing, points - 101)
    assert sweep(ramp, nothing, [0], [200], workers, relation=within(bound)) == expected
    assert sweep(nothing, ramp, [0], [200], workers, relation=within(bound)) == expected


def test_the_widest_differences_and_bounds():
    """Of two numbers of 62 bits, which fit the word; a bound that does not fit it bounds everything."""
    highest, lowest = (Program(0, (naive.layer([{}], [sign * (2**62 - 1)]),), 0) for sign in (1, -1))
    widest = 2**63 - 2
    for bound in (widest, widest + 1, widest + 2, 2**64, 2**64 + 1):
        assert sweep(highest, lowest, [], [], relation=within(bound)) == Sweep(1, None, widest)
    assert sweep(highest, lowest, [], [], relation=within(widest - 1)) == Sweep(1, (), widest)
    with pytest.raises(ValueError, match="expected a bound of 0 or more, found -1"):
        within(-1)


def test_a_point_without_features():
    five, six = (Program(0, (naive.layer([{}], [value]),), 0) for value in (5, 6))
    assert sweep(five, five, [], []) == Sweep(1, None, 0)
    assert sweep(five, six, [], []) == Sweep(1, (), 1)


def test_outputs_meet_on_the_common_scale():
    eightfold = Program(1, (naive.layer([{0: 8}]),), 0)
    assert sweep(Program(1, IDENTITY.layers, 3), eightfold, [-50], [50]) == Sweep(101, None, 0)
    assert sweep(eightfold, Program(1, IDENTITY.layers, 3), [-50], [50]) == Sweep(101, None, 0)
    assert sweep(Program(1, IDENTITY.layers, 2), eightfold, [0], [50]) == Sweep(2, (1,), 4)
    highest = Program(1, IDENTITY.layers, 61)
    assert sweep(highest, Program(1, (naive.layer([{0: 2**61}]),), 0), [-1], [1]) == Sweep(3, None, 0)
    shifted = Program(1, IDENTITY.layers, 62)
    assert sweep(shifted, IDENTITY, [0], [0]) == Sweep(1, None, 0)


def test_every_output_is_compared():
    rows = [{0: 1}, {0: 2}, {0: 3}]
    left = Program(1, (naive.layer(rows),), 0)
    for changed in range(3):
        other = [row if index != changed else {0: 9} for index, row in enumerate(rows)]
        right = Program(1, (naive.layer(other),), 0)
        assert sweep(left, right, [-1], [1]) == Sweep(1, (-1,), 8 - changed)


@pytest.mark.usefixtures("one_block_chunks")
@pytest.mark.parametrize("workers", [1, 3])
def test_2_to_the_62_points_are_begun(workers):
    """However many threads there are, chunks are handed out as they are needed."""
    left, right = naive.point_detector((0, 0), 1), naive.point_detector((0, 0), 0)
    assert sweep(left, right, [0, 0], [2**31 - 1, 2**31 - 1], workers) == Sweep(1, (0, 0), 1)


def test_more_than_2_to_the_62_points_are_refused():
    left, right = naive.point_detector((0, 0), 1), naive.point_detector((0, 0), 0)
    with pytest.raises(ValueError, match=r"at most 2\^62 points, found 4611686020574871552"):
        sweep(left, right, [0, 0], [2**31 - 1, 2**31])
    with pytest.raises(ValueError, match=r"at most 2\^62 points"):
        sweep(left, right, [LEAST, LEAST], [MOST, MOST])


REFUSED = {
    "other number of inputs": ((IDENTITY, naive.point_detector((1, 2), 1), [0], [1]), "expected 1 inputs"),
    "box of other length": ((IDENTITY, IDENTITY, [0, 0], [1, 1]), "bounds of 1 features, found 2"),
    "empty box": ((IDENTITY, IDENTITY, [1], [0]), "low ≤ high"),
    "no worker": ((IDENTITY, IDENTITY, [0], [1], 0), "at least one worker, found 0"),
}


@pytest.mark.parametrize(("arguments", "problem"), REFUSED.values(), ids=REFUSED)
def test_refused(arguments, problem):
    with pytest.raises(ValueError, match=problem):
        sweep(*arguments)


@pytest.mark.usefixtures("one_block_chunks")
@pytest.mark.parametrize("error", [-1, 1])
def test_points_that_were_not_visited_are_noticed(monkeypatch, error):
    def miscount(*arguments):
        point, _, count = arguments[-3:]
        return 50 * count + (error if point[0] == 50 else 0), 0, False

    monkeypatch.setattr(kernel, "compare_blocks", miscount)
    with pytest.raises(SweepError, match=f"expected 200 points to be visited, found {200 + error}"):
        sweep(IDENTITY, IDENTITY, [0], [199])


class Held(Executor):
    """Hands out futures and runs nothing."""

    def __init__(self) -> None:
        self.handed_out: list[Future[int]] = []

    def submit(self, _fn, /, *_args, **_kwargs):
        self.handed_out.append(Future())
        return self.handed_out[-1]


def test_few_chunks_are_handed_out_ahead_and_those_left_are_cancelled():
    executor = Held()
    results = _in_order(executor, abs, itertools.count(), window=3)
    first = threading.Timer(0.01, lambda: executor.handed_out[0].set_result(11))
    first.start()
    assert next(results) == 11
    assert len(executor.handed_out) == 3
    results.close()
    assert [future.cancelled() for future in executor.handed_out] == [False, True, True]


@pytest.mark.usefixtures("one_block_chunks")
@pytest.mark.parametrize("workers", [1, 2])
def test_an_interrupt_stops_it(workers):
    """Seconds of sweeping are left when the signal comes; the sweep ends by it and leaves no thread."""
    program = naive.point_detector((0, 0), 1)
    interrupt = threading.Timer(0.05, signal.raise_signal, [signal.SIGINT])
    done: list[int] = []

    def start_timer(points: int) -> None:
        if not done:
            interrupt.start()
        done.append(points)

    before = threading.active_count()
    with pytest.raises(KeyboardInterrupt):
        sweep(program, program, [0, 0], [2**11 - 1, 2**11 - 1], workers, start_timer)
    interrupt.join()
    assert done[-1] < 2**22
    assert threading.active_count() == before
