"""Networks as programs of integers: what the sweep and the search see is what the networks are."""

from __future__ import annotations

import random
from dataclasses import replace

import mutants
import naive
import naive_relation
import numpy as np
import pytest
from mutants import dense, network, plain_ticket, with_layer, with_weight

from certify.errors import DisagreementError
from certify.monitor import Monitor
from certify.network.steps import Clamp, LeakyRelu, Offset, Relu, Requantize, RequantizeQ31, Sign, Threshold
from certify.proof import enumeration
from certify.proof.claim import Claim, Relation, Verdict
from certify.proof.enumeration import TooWideError, program, search_difference, sweep_grid, sweep_work
from certify.proof.prover import prove
from solvers.grid.flat import flatten
from solvers.grid.program import Opcode
from solvers.grid.sweep import Sweep as GridSweep

SIGNED = network([-9, -9], [9, 9], dense([[3, -2]], bits=2, bias=[1]))
STEPS = {
    "relu": [Relu()],
    **{rule: [Requantize(2, rule, -3)] for rule in naive.ROUND},
    "no shift": [Requantize(0, "half_even", 4)],
    "clamp": [Clamp(-9, 12)],
    "offset": [Offset(-7)],
    "leaky ReLU": [Offset(-2), LeakyRelu(2), Clamp(-3, 9)],
    "step": [Offset(-2), Threshold()],
    "sign": [Offset(3), Sign()],
    "several": [Requantize(1, "half_away"), Relu(), Offset(-3), Sign(), Clamp(0, 1)],
}


def first_difference(left, right):
    """The first point, the last feature fastest, on which plain Python sees a difference."""
    ours, theirs = mutants.document_of(left), mutants.document_of(right)
    for point in naive.grid(ours):
        a, b = naive.evaluate(ours, point), naive.evaluate(theirs, point)
        if [naive.value(ours, x) for x in a] != [naive.value(theirs, x) for x in b]:
            return point
    return None


@pytest.mark.parametrize("steps", STEPS.values(), ids=STEPS)
@pytest.mark.parametrize("others", STEPS.values(), ids=STEPS)
def test_every_step_against_every_other(steps, others):
    left, right = (replace(SIGNED, layers=(replace(SIGNED.layers[0], steps=tuple(s)),)) for s in (steps, others))
    seen = sweep_grid(left, right, 2, Monitor())
    assert seen.difference == first_difference(left, right)
    assert seen.points == 19 * 19 or seen.difference is not None
    assert seen.work == sweep_work(left, right) == 19 * 19 * 4


ROWS = {
    "relu": (Relu(), [(Opcode.RELU, 0, 0, 0)]),
    "leaky ReLU": (LeakyRelu(3), [(Opcode.LEAKY_RELU, 8, 0, 0)]),
    "clamp": (Clamp(-9, 12), [(Opcode.CLAMP, -9, 12, 0)]),
    "offset": (Offset(-7), [(Opcode.OFFSET, -7, 0, 0)]),
    "step": (Threshold(), [(Opcode.STEP, 0, 0, 0)]),
    "sign": (Sign(), [(Opcode.SIGN, 0, 0, 0)]),
    "floor": (Requantize(2, "floor", -3), [(Opcode.SHIFT_RIGHT_FLOOR, 2, -3, 0)]),
    "half up": (Requantize(2, "half_up", -3), [(Opcode.SHIFT_RIGHT_HALF_UP, 2, -3, 0)]),
    "half even": (Requantize(2, "half_even", -3), [(Opcode.SHIFT_RIGHT_HALF_EVEN, 2, -3, 0)]),
    "half away": (Requantize(2, "half_away", -3), [(Opcode.SHIFT_RIGHT_HALF_AWAY, 2, -3, 0)]),
    "toward zero": (Requantize(2, "toward_zero", -3), [(Opcode.SHIFT_RIGHT_TOWARD_ZERO, 2, -3, 0)]),
    "single": (
        RequantizeQ31(5, 2, "single", -3),
        [(Opcode.MULTIPLY, 5, 0, 0), (Opcode.SHIFT_RIGHT_HALF_UP, 33, -3, 0)],
    ),
    "double": (
        RequantizeQ31(5, 2, "double", -3),
        [
            (Opcode.MULTIPLY, 5, 0, 0),
            (Opcode.SHIFT_RIGHT_HALF_UP, 31, 0, 0),
            (Opcode.SHIFT_RIGHT_HALF_UP, 2, -3, 0),
        ],
    ),
    "double, upwards": (
        RequantizeQ31(5, -2, "double", -3),
        [
            (Opcode.MULTIPLY, 20, 0, 0),
            (Opcode.SHIFT_RIGHT_HALF_UP, 31, 0, 0),
            (Opcode.SHIFT_RIGHT_HALF_UP, 0, -3, 0),
        ],
    ),
    "float32": (
        RequantizeQ31(5, 2, "float32", -3),
        [
            (Opcode.SIGNIFICANT, 24, 0, 0),
            (Opcode.MULTIPLY, 5, 0, 0),
            (Opcode.SIGNIFICANT, 24, 0, 0),
            (Opcode.SHIFT_RIGHT_HALF_EVEN, 33, -3, 0),
        ],
    ),
}


@pytest.mark.parametrize(("step", "rows"), ROWS.values(), ids=ROWS)
def test_each_step_becomes_these_rows(step, rows):
    found = program(network([-9], [9], dense([[1], [2]], [step, Offset(1)])))
    assert found.layers[0].steps.tolist() == [[*map(list, rows), [Opcode.OFFSET, 1, 0, 0]]]
    assert found.output_shift == 0


def test_a_multiplier_for_each_output_becomes_steps_for_each():
    steps = [Offset(1), RequantizeQ31((5, 7), (2, -1), "single", 4)]
    assert program(network([-9], [9], dense([[1], [2]], steps))).layers[0].steps.tolist() == [
        [[Opcode.OFFSET, 1, 0, 0], [Opcode.MULTIPLY, factor, 0, 0], [Opcode.SHIFT_RIGHT_HALF_UP, 31 + shift, 4, 0]]
        for factor, shift in ((5, 2), (7, -1))
    ]
    with pytest.raises(TypeError, match="expected the steps of one output"):
        enumeration._step(steps[1])


@pytest.mark.parametrize("others", ["single", "double", "float32"])
@pytest.mark.parametrize("rule", ["single", "double", "float32"])
def test_every_rule_of_multipliers_against_every_other(rule, others):
    layer = dense([[3001, -2003], [25, 7]], bits=12, bias=[1, -3])
    ours, theirs = (RequantizeQ31((0x5A82799A, 0x60000001), (11, -1), name) for name in (rule, others))
    left, right = (network([-9, -9], [9, 9], replace(layer, steps=(step,))) for step in (ours, theirs))
    seen = sweep_grid(left, right, 1, Monitor())
    assert seen.difference == first_difference(left, right)
    assert seen.points == 19 * 19 or seen.difference is not None


@pytest.mark.parametrize("number", range(16))
def test_found_tickets(number):
    case = mutants.small_case(number)
    assert sweep_grid(case.target, case.pruned, 1, Monitor()).difference is None
    for kind in ("base_weight", "seed", "first_mask_added", "second_mask_removed"):
        mutant = mutants.mutate(kind, case, random.Random(number))
        seen = sweep_grid(mutant.target, mutant.pruned, 1, Monitor())
        assert seen.difference == first_difference(mutant.target, mutant.pruned), mutant.what


def test_outputs_meet_on_the_common_scale():
    coarse = network([0], [7], dense([[4]], [Requantize(2, "floor")], bits=2))
    fine = network([0], [7], dense([[4]], bits=2))
    for left, right in ((coarse, fine), (fine, coarse)):
        assert sweep_grid(left, right, 1, Monitor()).difference is None
    unequal = network([0], [7], dense([[1]], bits=2))
    assert sweep_grid(coarse, unequal, 1, Monitor()).difference == (1,)


def test_progress_is_heard():
    class Listener(Monitor):
        reached = 0

        def reach(self, done):
            assert done > self.reached
            self.reached = done

    listener = Listener()
    sweep_grid(SIGNED, plain_ticket(SIGNED), 1, listener)
    assert listener.reached == 19 * 19


# The machine word: what is on the edge is computed right, what is beyond it is refused.

WIDE = {
    "bias": lambda x: dense([[1]], bias=[x - 2]),
    "offset": lambda x: dense([[1]], [Offset(x - 2)]),
    "clamp": lambda x: dense([[1]], [Clamp(-abs(x), abs(x))]),
    "zero point": lambda x: dense([[1]], [Requantize(1, "half_even", x - 1)]),
    "constant": lambda x: dense([[1, 1]], constants=[x - 2]),
    "product": lambda x: dense([[x // 2]]),
    "sum": lambda x: dense([[x // 4, x // 4]], constants=[2]),
    "partial sum": lambda x: dense([[x // 2, -(x // 2)]], constants=[1]),
}


@pytest.mark.usefixtures("compiled_only")
@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize("layer", WIDE.values(), ids=WIDE)
def test_the_edge_of_the_word(layer, sign):
    other = network([-2], [2], dense([[0]], [Offset(5)]))
    for x in (2**60, 2**61 - 8, 2**62 - 8, 2**62 - 1, 2**62, 2**62 + 8, 2**63 - 8, 2**63 + 8, 2**64 - 8):
        left = network([-2], [2], layer(sign * x))
        fits = True
        try:
            assert sweep_grid(left, left, 1, Monitor()).difference is None
            assert sweep_grid(left, other, 1, Monitor()).difference == first_difference(left, other)
        except TooWideError:
            fits = False
        assert fits or x > 2**61 - 8
        assert not fits or x <= 2**62


@pytest.mark.usefixtures("compiled_only")
@pytest.mark.parametrize("rule", sorted(naive.ROUND))
def test_the_widest_shift(rule):
    """Its addends need as many bits as the shift has."""
    left = network([-2], [2], dense([[2**56]], [Requantize(58, rule)], bits=56))
    right = network([-2], [2], dense([[2**56]], [Requantize(58, "floor")], bits=56))
    assert sweep_grid(left, right, 1, Monitor()).difference == first_difference(left, right)
    for shift in (62, 63, 64, 1024):
        with pytest.raises(TooWideError):
            sweep_grid(network([-2], [2], dense([[1]], [Requantize(shift, rule)])), right, 1, Monitor())


@pytest.mark.usefixtures("compiled_only")
@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize("layer", WIDE.values(), ids=WIDE)
def test_the_edge_of_narrow_lanes(monkeypatch, layer, sign):
    """Whatever it is that reaches 30 bits, the largest difference is what Python says it is."""
    monkeypatch.setattr(enumeration, "SEARCH_POINTS", 20)
    other, everything = network([-2], [2], dense([[0]], [Offset(5)])), Relation("within", 2**80)
    kinds = set()
    for x in (2**29, 2**30 - 8, 2**30 - 5, *range(2**30 - 3, 2**30 + 6), 2**31 - 8, 2**31, 2**31 + 8, 2**32):
        left = network([-2], [2], layer(sign * x))
        _, largest, count = naive_relation.look(left, other, naive.grid(mutants.document_of(left)), everything)
        seen = sweep_grid(left, other, 1, Monitor(), everything)
        assert (seen.largest, seen.points) == (largest, count)
        assert search_difference(left, left).largest == 0
        kinds.add(flatten([program(left)]).weights.dtype.type)
    assert kinds == {np.int32, np.int64}


UNMET = {
    "a weight on an input that is 0": ([0, -3], [0, 3], dense([[2**40, 1]])),
    "a negative one": ([0, -3], [0, 3], dense([[-(2**40), 1]])),
    "a constant that nothing reads": ([-3], [3], dense([[1, None]], constants=[2**40])),
    "an input that nothing reads": ([2**40, -3], [2**40, 3], dense([[None, 1]])),
    "a multiplier of nothing": ([-3], [3], dense([[0]], [RequantizeQ31(2**31 - 1, -25, "double", 0)])),
}


@pytest.mark.usefixtures("compiled_only")
@pytest.mark.parametrize("case", UNMET.values(), ids=UNMET)
def test_numbers_that_are_never_met_are_too_wide_for_narrow_lanes(case):
    low, high, layer = case
    left = network(low, high, layer)
    same = sweep_grid(left, left, 1, Monitor())
    assert (same.points, same.difference) == (7, None)
    differs = sweep_grid(left, network(low, high, replace(layer, steps=(*layer.steps, Offset(1)))), 1, Monitor())
    assert (differs.points, differs.largest) == (1, 1)
    assert search_difference(left, left).point is None
    assert flatten([program(left)]).weights.dtype == np.int64


def test_the_bits_of_a_program():
    """Exact to one: products, sums, biases, inputs, and outputs on the common scale."""
    most = 2**31 - 1
    for more, bits in ((0, 31), (1, 32)):
        assert program(network([0], [0], dense([[1]], bias=[most + more]))).bits == bits
        assert program(network([0], [0], dense([[1]], bias=[-most - more]))).bits == bits
        assert program(network([-most - more], [0], dense([[0]]))).bits == bits
        assert program(network([0], [most + more], dense([[1]]))).bits == bits
        assert program(network([0, 0], [1, 1], dense([[2**30, 2**30 - 1 + more]]))).bits == bits
        assert program(network([0], [0], dense([[1]], [Clamp(0, most + more)]))).bits == bits
        assert program(network([0], [0], dense([[1]], [Offset(-most - more)]))).bits == bits
        hidden = dense([[1]], bias=[most + more])
        assert program(network([0], [0], hidden, dense([[1]], [Clamp(0, 1)]))).bits == bits
    assert program(network([0], [1], dense([[2**29]])), 1).bits == 31
    assert program(network([0], [1], dense([[2**29]])), 2).bits == 32
    for rule in naive.ROUND:
        assert program(network([0], [0], dense([[1]], [Requantize(30, rule)]))).bits == 31
        assert program(network([0], [0], dense([[1]], [Requantize(31, rule)]))).bits == 32


def test_the_widest_numbers():
    at_most = network([0], [0], dense([[1]], bias=[2**62 - 1]))
    assert program(at_most).layers[0].bias == [2**62 - 1]
    with pytest.raises(TooWideError, match="numbers of up to 63 bits, the sweep holds 62"):
        program(network([0], [0], dense([[1]], bias=[2**62])))


@pytest.mark.parametrize("sign", [1, -1])
def test_the_widest_outputs_on_the_common_scale(sign):
    """The last layer's, here wider than the first's."""
    first = dense([[1]])
    assert program(network([0], [1], first, dense([[sign * (2**40 - 1)]])), 22).output_shift == 22
    with pytest.raises(TooWideError, match="numbers of up to 63 bits"):
        program(network([0], [1], first, dense([[sign * 2**40]])), 22)


def test_the_widest_common_scale():
    zero = network([0], [0], dense([[1]]))
    assert program(zero, 62).output_shift == 62
    with pytest.raises(TooWideError, match="outputs 63 bits apart, the sweep holds 62"):
        program(zero, 63)


@pytest.mark.parametrize(("rule", "shift"), [("single", 32), ("double", 63), ("float32", 32)])
def test_multipliers_with_shifts_that_are_too_wide(rule, shift):
    with pytest.raises(TooWideError):
        program(network([0], [0], dense([[1]], [RequantizeQ31(1, shift, rule)])))


@pytest.mark.usefixtures("compiled_only")
def test_as_many_points_as_can_be_counted():
    side = 2**31 - 1
    left, right = (network([0, 0], [side, side], dense([[1, 1]], bias=[bias])) for bias in (0, 1))
    assert sweep_grid(left, right, 1, Monitor()).difference == (0, 0)
    left, right = (replace(one, input=replace(one.input, high=(side, side + 1))) for one in (left, right))
    with pytest.raises(TooWideError, match=r"more points than 2\^62"):
        sweep_grid(left, right, 1, Monitor())


@pytest.mark.usefixtures("compiled_only")
def test_wide_numbers_in_a_hidden_layer():
    hidden = dense([[2**31]], bits=31)
    with pytest.raises(TooWideError):
        sweep_grid(
            network([0], [4], hidden, dense([[2**30]], [Clamp(0, 1)], bits=30)),
            network([0], [4], hidden),
            1,
            Monitor(),
        )


@pytest.mark.usefixtures("compiled_only")
def test_a_common_scale_beyond_the_word():
    left = network([0], [1], dense([[1]], [Requantize(40, "floor")]))
    right = network([0], [1], dense([[2**30]], bits=30))
    with pytest.raises(TooWideError, match="outputs 70 bits apart, the sweep holds 62"):
        sweep_grid(left, right, 1, Monitor())


# A count of points that wraps.


def wide_target(high):
    return network([0] * 64, [high] * 64, dense([[1] * 64], bits=1))


@pytest.mark.parametrize(("high", "factors"), [(1, ((2, 64),)), (3, ((4, 64),)), (255, ((256, 64),))])
def test_a_number_of_points_that_wraps_to_0(high, factors):
    target = wide_target(high)
    assert target.input.points() % 2**64 == 0
    assert Claim.of(target).point_factors == factors
    proof = prove(target, plain_ticket(target))
    assert (proof.verdict, proof.strategy, proof.sweep) == (Verdict.PROVED, "decomposition", None)
    wrong = prove(target, with_weight(plain_ticket(target), 1, 0, 6, 2))
    assert (wrong.verdict, wrong.sweep) == (Verdict.REFUTED, None)


def test_a_number_of_points_that_wraps_to_1():
    """2^64 + 1 = 274177 · 67280421310721."""
    sizes = (274177, 67280421310721)
    target = network([0, 0], [size - 1 for size in sizes], dense([[1, 1]], bits=1))
    assert Claim.of(target).point_factors == tuple((size, 1) for size in sizes)
    assert target.input.points() % 2**64 == 1
    assert prove(target, plain_ticket(target)).sweep is None
    wrong = with_layer(plain_ticket(target), 0, steps=())
    assert prove(target, with_weight(wrong, 1, 0, 0, 1)).verdict is not Verdict.PROVED


def test_networks_without_a_weight_on_a_grid_that_wraps():
    """No multiplication at all: points times multiplications would be nothing."""
    target = network([0] * 64, [255] * 64, dense([[0] * 64], bias=[3]))
    empty = replace(target, layers=(dense([[None] * 64]),))
    assert enumeration.sweep_work(empty, empty) == 256**64
    assert prove(empty, empty).sweep is None


@pytest.mark.usefixtures("compiled_only")
@pytest.mark.parametrize("visited", [0, 24, 26, 25 + 2**64])
def test_a_sweep_that_visits_another_number_of_points(monkeypatch, visited):
    target = network([-2, -2], [2, 2], dense([[1, 2]], bits=1))
    monkeypatch.setattr(enumeration, "sweep", lambda *_: GridSweep(visited, None, 0))
    with pytest.raises(DisagreementError, match=rf"the sweep visited {visited} of 25 points"):
        prove(target, plain_ticket(target))


# What is too wide for int64 and little enough is looked at in Python integers.

HIGH = 2**62


@pytest.mark.parametrize("at", [-2, 0, 2])
def test_wide_networks_that_differ_in_one_point(at):
    """clamp(x - at) to 0 or 1, in accumulators of 63 bits, against its neighbour below `at` and above it."""
    bump = [Offset(HIGH - at), Clamp(HIGH, HIGH + 1), Offset(-HIGH)]
    left = network([-2], [2], dense([[1]], bump))
    right = network([-2], [2], dense([[1]], [Offset(HIGH - at + 1), Clamp(HIGH, HIGH + 1), Offset(-HIGH)]))
    expected = first_difference(left, right)
    assert expected == (at,)
    seen = sweep_grid(left, right, 1, Monitor())
    assert (seen.difference, seen.points) == (expected, at + 3)
    assert search_difference(left, right).point == expected


def test_wide_networks_that_are_equal():
    left = network([-2, -1], [2, 3], dense([[1, HIGH]], bits=62, bias=[HIGH]))
    seen = sweep_grid(left, left, 1, Monitor())
    assert (seen.difference, seen.points) == (None, 25)
    assert search_difference(left, left).point is None


def test_as_much_work_as_is_done_in_python_integers(monkeypatch):
    left = network([-2, -1], [2, 3], dense([[1, HIGH]], bits=62, bias=[HIGH]))
    work = sweep_work(left, left)
    monkeypatch.setattr(enumeration, "EXACT_WORK", work)
    assert sweep_grid(left, left, 1, Monitor()).points == 25
    monkeypatch.setattr(enumeration, "EXACT_WORK", work - 1)
    with pytest.raises(TooWideError):
        sweep_grid(left, left, 1, Monitor())


@pytest.mark.parametrize(("exact_work", "found"), [(0, [True, False]), (3, [True, False]), (4, [True, True])])
def test_a_search_in_python_integers_takes_one_point_or_what_is_granted(monkeypatch, exact_work, found):
    """The low corner first, then the high one; a point costs two multiplications."""
    monkeypatch.setattr(enumeration, "EXACT_WORK", exact_work)
    left = network([-2], [2], dense([[1]], [Offset(HIGH)]))
    low = network([-2], [2], dense([[1]], [Clamp(-1, 2), Offset(HIGH)]))
    high = network([-2], [2], dense([[1]], [Clamp(-2, 1), Offset(HIGH)]))
    assert [search_difference(left, other).point is not None for other in (low, high)] == found


def test_wide_networks_on_too_many_points():
    left = network([0], [2**20], dense([[HIGH]], bits=62))
    with pytest.raises(TooWideError):
        sweep_grid(left, left, 1, Monitor())
    assert search_difference(left, left).point is None
    assert search_difference(left, network([0], [2**20], dense([[HIGH - 1]], bits=62))).point is not None
