"""Two networks from their inputs to a verdict: pairs that are equal, pairs that nearly are, and the limits."""

from __future__ import annotations

import random
import re
from dataclasses import replace

import pairs
import pytest
from merged import RLIMIT, settle, walk
from mutants import dense, network, with_layer, with_weight

from certify.errors import DisagreementError
from certify.monitor import Monitor
from certify.network.steps import Clamp, Offset, Relu, Requantize, Sign, Threshold
from certify.proof.claim import EQUAL, Relation
from certify.proof.merging import facts
from certify.proof.merging import merge as module
from certify.proof.merging.forms import combine
from certify.proof.merging.merge import MAX_BITS, merge
from solvers.smt.session import Answer, Outcome, Refutation

RELU = (Relu(),)
ARGMAX = Relation("argmax")
BOX = ([-3, -2], [2, 3])


def within(bound):
    return Relation("within", bound)


def net(*layers, bits=0):
    return network(*BOX, *layers, bits=bits)


LEFT = net(dense([[1, -1], [2, 1]], RELU, bias=[0, -1]), dense([[1, 2], [0, 1]], bias=[1, 0]))
SAME = {
    "itself": LEFT,
    "units in another order": net(dense([[2, 1], [1, -1]], RELU, bias=[-1, 0]), dense([[2, 1], [1, 0]], bias=[1, 0])),
    "a unit in two": net(
        dense([[1, -1], [2, 1], [2, -2]], RELU, bias=[0, -1, 0]), dense([[-1, 2, 1], [0, 1, 0]], bias=[1, 0])
    ),
    "at another scale": net(
        dense([[1, -1], [2, 1]], RELU, bias=[0, -1]), dense([[4, 8], [0, 4]], bias=[4, 0], bits=2)
    ),
    # σ(y - x) = σ(x - y) - x + y, which 9 + x - y passes on.
    "a unit by the other side of it": net(
        dense([[-1, 1], [2, 1], [1, -1]], RELU, bias=[0, -1, 9]), dense([[1, 2, 1], [0, 1, 0]], bias=[-8, 0])
    ),
    "a dead unit": net(
        dense([[1, -1], [2, 1], [1, 1]], RELU, bias=[0, -1, -5]), dense([[1, 2, 9], [0, 1, 7]], bias=[1, 0])
    ),
    "a layer more": net(
        dense([[1, -1], [2, 1]], RELU, bias=[0, -1]),
        dense([[1, 0], [0, 1]], RELU),
        dense([[1, 2], [0, 1]], bias=[1, 0]),
    ),
}


@pytest.mark.parametrize("right", SAME.values(), ids=SAME)
@pytest.mark.parametrize("relation", [EQUAL, within(2), ARGMAX], ids=lambda relation: relation.name)
def test_equal_networks(right, relation):
    for one, other in [(LEFT, right), (right, LEFT)]:
        merging = settle(one, other, relation)
        assert merging.proved
        assert merging.points == ()
        assert [stage.name for stage in merging.stages] == ["merging"]


@pytest.mark.parametrize("right", SAME.values(), ids=SAME)
def test_every_weight_and_bias_matters(right):
    """One weight or bias of each unit one more or less: whatever is said is true, and something is."""
    for index, layer in enumerate(right.layers):
        for row in range(layer.outputs):
            biases = [tuple(b + by * (at == row) for at, b in enumerate(layer.bias)) for by in (-1, 1)]
            others = [with_layer(right, index, bias=bias) for bias in biases]
            for column, weight in zip(*layer.weights.row(row), strict=True):
                others += [with_weight(right, index, row, column, weight + by) for by in (-1, 1)]
            for other in random.Random(row).sample(others, 1):
                merging = settle(LEFT, other)
                assert merging.proved or merging.points


@pytest.mark.parametrize("bounds", [([-4, -2], [2, 3]), ([-3, -2], [9, 3]), ([-3, -2], [-3, 3]), ([0, 0], [0, 0])])
def test_the_left_box_is_the_domain(bounds):
    """σ(x + 3) is x + 3 from -3 on; the right network's box says nothing."""
    low, high = bounds
    left = network(low, high, dense([[1, 0], [0, 1]], RELU, bias=[3, 2]), dense([[1, 1]]))
    for box in (BOX, ([0, 0], [0, 0]), (low, high), ([5, 5], [6, 6])):
        assert settle(left, network(*box, dense([[1, 1]], bias=[5]))).proved == (low[0] >= -3)


UNEQUAL = {
    "a clamp that one point reaches": (
        net(dense([[1, -1]], [Clamp(-6, 4)]), dense([[1]])),
        net(dense([[1, -1]], [Clamp(-6, 3)]), dense([[1]])),
    ),
    "a ReLU that one corner bends": (
        net(dense([[1, 1]], RELU, bias=[4]), dense([[1]])),
        net(dense([[1, 1]], bias=[4])),
    ),
    "another rounding": (
        net(dense([[2, 2]], [Requantize(2, "half_even")]), dense([[1]])),
        net(dense([[2, 2]], [Requantize(2, "half_up")]), dense([[1]])),
    ),
    "signs and steps": (
        net(dense([[1, 2]], [Sign()]), dense([[1]])),
        net(dense([[1, 2]], [Threshold()]), dense([[2]])),
    ),
    "an offset": (net(dense([[1, 2]], [Offset(1), Relu()])), net(dense([[1, 2]], [Offset(2), Relu()]))),
}


@pytest.mark.parametrize(("left", "right"), UNEQUAL.values(), ids=UNEQUAL)
def test_networks_that_differ_at_few_points(left, right):
    for relation in (EQUAL, within(1), ARGMAX):
        for one, other in [(left, right), (right, left)]:
            merging = settle(one, other, relation)
            truth = walk(one, other, relation)
            assert merging.proved == (not truth.failing)
            assert bool(merging.points) == bool(truth.failing)


CUBE = network([0, 0, 0], [3, 3, 3], dense([[1, 1, 1], [1, -1, 0]], RELU), dense([[1, 1]], RELU), dense([[1]]))


@pytest.mark.parametrize("distance", [8, 9])
def test_networks_that_differ_at_one_point(distance):
    """σ(x + y + z - 8) is 1 at (3, 3, 3) alone, and σ(x + y + z - 9) is 0."""
    hidden = dense([[1, 1, 1], [1, -1, 0], [1, 1, 1]], RELU, bias=[0, 0, -distance])
    other = network([0, 0, 0], [3, 3, 3], hidden, dense([[1, 1, 1]], RELU), dense([[1]]))
    merging = settle(CUBE, other)
    assert merging.proved == (distance == 9)
    assert merging.points == (() if distance == 9 else ((3, 3, 3),))
    assert settle(CUBE, other, within(1)).proved


@pytest.mark.parametrize("kind", pairs.KINDS)
def test_pairs_of_every_kind(kind):
    """Equal, and with something changed; tests/property has thousands of them."""
    rng = random.Random(f"merge {kind}")
    left, right = pairs.equal(kind, rng, pairs.small(rng))
    merging = settle(left, right)
    assert merging.proved
    settle(left, replace(pairs.changed(right, rng), input=left.input), rng.choice([EQUAL, ARGMAX, within(2)]))


def test_outputs_at_other_precision():
    left = net(dense([[1, 2]]), bits=1)
    right = net(dense([[4, 8]], bits=2), bits=1)
    assert settle(left, right).proved
    assert not settle(left, net(dense([[1, 2]], bits=2), bits=1)).proved
    assert not settle(left, net(dense([[4, 8]], bits=2, bias=[1]), bits=1)).proved
    assert settle(left, net(dense([[4, 8]], bits=2, bias=[1]), bits=1), within(1)).proved


def test_a_proof_has_no_reason_left():
    assert settle(LEFT, SAME["a unit in two"]).reason == ""


SCALED_STEPS = net(dense([[3, 3], [1, 1], [-2, 2]], [Threshold()], bias=[3, 1, -1]), dense([[1, 2, 1]]))


@pytest.mark.parametrize("right", [*SAME.values(), SCALED_STEPS], ids=[*SAME, "steps"])
def test_what_it_says_adds_up(right):
    """Units, those of their own, those hashed, those combined."""
    stage = settle(right, right).stages[0]
    units, *kinds = map(int, re.findall(r"-?\d+", stage.outcome.split(";")[0]))
    assert units == sum(kinds) == 2 * sum(layer.outputs for layer in right.layers if layer.steps)
    assert min(kinds) >= 0


# The upper bound.


@pytest.mark.parametrize("change", [-3, 0, 2, 11])
@pytest.mark.parametrize("bound", [1, 2, 3, 20])
def test_the_upper_bound(change, bound):
    """It is the difference where that is a number."""
    merging = settle(LEFT, with_layer(LEFT, 1, bias=(1, change)), within(bound))
    assert merging.proved == (abs(change) <= bound)
    assert merging.upper == abs(change)


def test_a_proof_bounds_what_ranges_do_not():
    """max(x, y) ≥ x: x - max(x, y) + 5 within 5 of 0, by what the atom is made of."""
    left = net(dense([[-1, 1], [1, 0]], [Clamp(-9, 9)]), dense([[0, 0]]))
    right = net(dense([[-1, 1], [1, 0]], RELU, bias=[0, 3]), dense([[1, 1]], bias=[-3]))
    truth = walk(left, right)
    assert settle(left, right, within(truth.largest)).upper == truth.largest
    assert settle(left, right, within(truth.largest - 1)).points


def test_there_is_no_upper_bound_of_an_argmax():
    assert settle(LEFT, SAME["a unit in two"], ARGMAX).upper is None


# What an error looks like.


@pytest.mark.parametrize("side", [0, 1])
def test_a_form_that_is_not_its_unit(monkeypatch, side):
    networks = [LEFT, LEFT]
    networks[side] = SAME["units in another order"]
    unit, calls = module.Atoms.unit, []

    def lying(self, accumulator, steps):
        calls.append(steps)
        found = unit(self, accumulator, steps)
        wrong = steps == RELU and len(calls) == (1 if side == 0 else 5)
        return combine([(1, found)], 1) if wrong else found

    monkeypatch.setattr(module.Atoms, "unit", lying)
    name = ("first", "second")[side]
    with pytest.raises(DisagreementError, match=f"the {name} network's layer 0, unit 0 is not the form"):
        merge(*networks, EQUAL, RLIMIT, Monitor())


# Few points.


@pytest.mark.parametrize("count", [1, 3])
@pytest.mark.parametrize("kind", ["relu: max", "bits: parity", "step: majority", "re-pruned"])
def test_a_simulation_of_few_points_changes_no_verdict(monkeypatch, kind, count):
    """On these points networks agree that differ elsewhere: z3 denies what they suggest."""
    sample = module.sample
    monkeypatch.setattr(module, "sample", lambda low, high, _, seed: sample(low, high, 9, seed)[:count])
    rng = random.Random(f"few {kind}")
    left, right = pairs.equal(kind, rng, pairs.small(rng))
    settle(left, right)
    settle(left, replace(pairs.changed(right, rng), input=left.input))


# Limits.


def large(weight):
    return net(
        dense([[3, 1], [1, -2], [-2, 1], [2, 2]], RELU, bias=[1, 2, -1, 0]),
        dense([[1, -1, 1, weight], [weight, 1, -1, 1]], RELU),
        dense([[1, 1]], RELU, bias=[-2]),
        dense([[1]]),
    )


def test_z3_that_gives_up_is_named():
    merging = settle(large(1), large(2), within(40), rlimit=1)
    assert not merging.proved
    assert merging.points == ()
    assert "output 0: " in merging.reason
    assert "rlimit 1" in merging.reason
    assert [stage.name for stage in merging.stages] == ["merging", "simulation", "remainder"]


def test_z3_that_gives_up_on_everything(monkeypatch):
    monkeypatch.setattr(facts.session, "check", lambda *_: Outcome(Answer.UNKNOWN, reason="canceled"))
    merging = merge(LEFT, LEFT, EQUAL, RLIMIT, Monitor())
    assert (merging.proved, merging.points, merging.obligations) == (False, (), {})
    assert merging.reason == "z3 gave up: the range -6..4 is not empty: canceled"


def test_z3_that_gives_up_on_sums(monkeypatch):
    monkeypatch.setattr(facts.session, "refute_all", lambda *_: Refutation(unknown=(0,), reason="canceled"))
    merging = merge(LEFT, SAME["a unit in two"], EQUAL, RLIMIT, Monitor())
    assert (merging.proved, merging.obligations) == (False, {})
    assert merging.reason == "z3 gave up: second, layer 1: sum 0: canceled"


def test_more_units_than_are_simulated(monkeypatch):
    monkeypatch.setattr(module, "MOST_SIMULATED", 3)
    merging = settle(LEFT, with_layer(LEFT, 1, bias=(1, 1)))
    outcomes = {stage.name: stage.outcome for stage in merging.stages}
    assert outcomes["simulation"] == "not done: 8 units, at most 3 are compared with each other"


@pytest.mark.parametrize("side", [0, 1])
def test_numbers_that_are_too_long(side):
    networks = [LEFT, LEFT]
    networks[side] = with_layer(LEFT, 0, bias=(0, 1 << MAX_BITS))
    merging = merge(*networks, EQUAL, RLIMIT, Monitor())
    assert (merging.proved, merging.points, merging.stages) == (False, (), ())
    assert merging.reason == f"numbers of {MAX_BITS + 1 + 1} bits, merging holds {MAX_BITS}"


def test_long_numbers():
    long = [with_layer(LEFT, 0, bias=(0, bias)) for bias in (1 << 300, (1 << 300) + 1)]
    assert merge(long[0], long[0], EQUAL, RLIMIT, Monitor()).proved
    assert not merge(*long, EQUAL, RLIMIT, Monitor()).proved
    assert merge(*long, within(2), RLIMIT, Monitor()).upper == 2


# Obligations.


def test_obligations_come_again_and_depend_on_the_networks():
    right = SAME["a unit in two"]
    found = [merge(LEFT, right, EQUAL, RLIMIT, Monitor()).obligations for _ in range(2)]
    assert found[0] == found[1]
    assert {"sum", "curve", "range", "output"} >= found[0].keys() >= {"sum", "range", "output"}
    turned = merge(right, LEFT, EQUAL, RLIMIT, Monitor()).obligations
    assert turned["sum"] != found[0]["sum"]
    assert "sum" not in merge(LEFT, LEFT, EQUAL, RLIMIT, Monitor()).obligations


def test_a_second_try_owes_nothing_to_the_first():
    """The first output is proved quickly, the second by simulation; the proof rests on one question for each."""
    over = dense([[1, 0], [0, 1]])
    hidden = dense([[1, -1], [1, 1]], RELU)
    left = net(hidden, dense([[1, 0], [0, 1]], RELU, bias=[0, -2]), over)
    right = net(replace(hidden, bias=(0, -2)), dense([[1, 0], [0, 1]], RELU), over)
    merging = settle(left, right)
    assert merging.proved
    assert [stage.name for stage in merging.stages] == ["merging", "simulation", "remainder"]
    assert merging.stages[0].outcome.endswith("1 of 2 outputs proved")
    assert merging.obligations["output"].count == 2
    assert merging.obligations["unit"].count == 1
