"""What numbering proves: every rewrite of `graph_pairs`, and never a pair that differs somewhere on its grid."""

from __future__ import annotations

import random
from dataclasses import replace

import numpy as np
import pytest
from graph_pairs import PAIRS, are_equal, body, changed, conv, first, grid, network, window
from large_graphs import resnet8, with_channels

from certify.errors import DisagreementError
from certify.monitor import Monitor
from certify.network.batch import Batch
from certify.network.steps import Clamp, Offset, Relu, Requantize, RequantizeQ31
from certify.proof import looking
from certify.proof.claim import Relation
from certify.proof.congruence import decide as module
from certify.proof.congruence import questions
from certify.proof.congruence.decide import number
from certify.proof.congruence.questions import Asked
from certify.proof.congruence.table import Table
from certify.proof.congruence.walk import numbered
from certify.proof.merging import facts
from certify.proof.portfolio import decide
from solvers.smt.session import Answer, Outcome


def both_ways(left, right):
    return {number(left, right, Monitor()).proved, number(right, left, Monitor()).proved}


@pytest.mark.parametrize("pair", PAIRS.values(), ids=PAIRS)
def test_rewritten_graphs_are_proved(pair):
    left, right = pair()
    assert are_equal(left, right)
    assert both_ways(left, right) == {True}


@pytest.mark.parametrize("pair", PAIRS.values(), ids=PAIRS)
def test_changed_graphs_are_never_proved_where_they_differ(pair):
    left, right = pair()
    rng = random.Random(5)
    verdicts = []
    for _ in range(12):
        other = changed(rng, right)
        equal = are_equal(left, other)
        assert equal or not number(left, other, Monitor()).proved
        verdicts.append(equal)
    assert False in verdicts


@pytest.mark.parametrize("pair", PAIRS.values(), ids=PAIRS)
def test_elements_of_one_base_have_one_value_at_every_point(pair):
    table, values = Table(Asked()), {}
    for net in pair():
        side, points = numbered(net, table), grid(net.input)
        found = []
        Batch.of(net).walk(points, lambda _, tensor, found=found: found.append(tensor))
        for elements, tensor in zip(side, found, strict=True):
            plain = tensor.reshape(len(points), -1) - elements.offset.reshape(-1)
            for base, column in zip(elements.base.reshape(-1).tolist(), plain.T, strict=True):
                assert np.array_equal(values.setdefault(base, column), column)
                assert column.min() >= 0
                assert column.max() <= table.high(np.array([base]))[0]
    assert not values.get(0, np.zeros(1)).any()


# Large graphs.


@pytest.fixture(scope="module")
def large():
    return resnet8(3)


def test_a_large_graph_with_channels_moved_and_removed(large):
    order = [3, None, *[place for place in reversed(range(16)) if place != 3], None]
    other = with_channels(with_channels(large, 1, order), 4, [*range(20, 32), None, *range(20)])
    found = number(large, other, Monitor())
    assert found.proved
    assert found.obligations == {}
    assert "10 of 10 outputs the same" in found.stages[0].outcome


@pytest.mark.parametrize("layer", [0, 2, 6])
def test_a_large_graph_with_one_bias_changed(large, layer):
    own = large.layers[layer]
    other = replace(own, bias=(own.bias[0] + 1, *own.bias[1:]))
    layers = (*large.layers[:layer], other, *large.layers[layer + 1 :])
    found = number(large, replace(large, layers=layers), Monitor())
    assert not found.proved
    assert found.reason == "congruence leaves 10 of 10 outputs"


# The portfolio.


def test_the_portfolio_proves_by_congruence(monkeypatch, large):
    monkeypatch.setattr(looking, "SEARCH_PRODUCTS", 1)
    other = with_channels(large, 1, [*range(8, 16), *range(8)])
    found = decide(large, other, Relation(), sweep_budget=2**20, rlimit=1000, workers=1, monitor=Monitor())
    assert (found.means, found.congruent, found.merged, found.proved) == ("congruence", True, False, True)
    assert [stage.name for stage in found.stages] == ["search", "congruence"]
    assert (found.maximum.upper, found.maximum.seen) == (0, 0)


@pytest.mark.parametrize("relation", [Relation("within", 3), Relation("argmax")], ids=["within", "argmax"])
def test_equal_graphs_are_in_every_relation(relation):
    left, right = PAIRS["a residual block"]()
    found = decide(left, right, relation, sweep_budget=1, rlimit=1000, workers=1, monitor=Monitor())
    assert found.means == "congruence"


def test_a_difference_is_refuted_before_anything_is_numbered():
    left, right = PAIRS["depthwise"]()
    wrong = replace(right.layers[1], bias=(1, 2, 4))
    other = replace(right, layers=(right.layers[0], wrong))
    found = decide(left, other, Relation(), sweep_budget=1, rlimit=1000, workers=1, monitor=Monitor())
    assert (found.means, found.proved) == (None, False)
    assert found.witness is not None
    assert [stage.name for stage in found.stages] == ["search"]


def test_what_numbering_leaves_merging_may_prove():
    """A channel of twice the size, and half the weight: no element is the same."""
    left = network((1, 2, 1), -3, 3, conv([[1], [-2]], window(1), [1, 0], (Relu(),)), conv([[2, 4]], window(1)))
    doubled = conv([[2], [-2]], window(1), [2, 0], (Relu(),))
    right = network((1, 2, 1), -3, 3, doubled, conv([[1, 4]], window(1)))
    assert are_equal(left, right)
    found = decide(left, right, Relation(), sweep_budget=1, rlimit=10**6, workers=1, monitor=Monitor())
    assert found.means == "merging"
    assert [stage.name for stage in found.stages] == ["search", "congruence", "merging"]


# Functions that z3 is asked about.


def of_one_input(*steps, weight=3):
    box = network((1, 1, 1), -(2**22), 2**22).input
    return replace(body(conv([[weight]], window(1), [5], steps)), input=box)


HALF_UP = (Requantize(1, "half_up"),)
SAME_WORDS = (Offset(1), Requantize(1, "floor"))
OTHER = (Offset(0), Requantize(1, "half_even"))


def test_a_wide_function_in_other_words_is_put_before_z3():
    found = number(of_one_input(*HALF_UP), of_one_input(*SAME_WORDS), Monitor())
    assert found.proved
    assert {kind: count.count for kind, count in found.obligations.items()} == {"curve": 1, "range": 1}
    assert [question.kind for question in found.questions] == ["range", "curve"]
    assert all("(check-sat)" in question.text() for question in found.questions)
    again = number(of_one_input(*HALF_UP), of_one_input(*SAME_WORDS), Monitor())
    assert again.obligations == found.obligations


def test_a_wide_function_that_is_another():
    assert not number(of_one_input(*HALF_UP), of_one_input(*OTHER), Monitor()).proved


def test_a_wide_function_that_differs_at_one_point(monkeypatch):
    """No point that is tried shows it, so that z3 has to."""
    monkeypatch.setattr(questions, "_TRIED", 2)
    box = network((1, 1, 1), 0, 2**22).input
    steps = (Requantize(1, "floor"), Clamp(-1, 2**30))
    rounded = RequantizeQ31(2**30 + 1, 0, "single")
    left, right = (replace(of_one_input(*s, weight=1), input=box) for s in (steps, (rounded, Offset(-1))))
    assert not number(left, right, Monitor()).proved


def test_z3_that_does_not_know(monkeypatch):
    answers = iter([Outcome(Answer.SAT), Outcome(Answer.UNKNOWN, reason="canceled")])
    monkeypatch.setattr(facts.session, "check", lambda *_: next(answers))
    found = number(of_one_input(*HALF_UP), of_one_input(*SAME_WORDS), Monitor())
    assert not found.proved
    assert "(1 left apart)" in found.stages[0].outcome
    assert found.obligations == {}


# Limits, and what must not happen.


def test_numbers_beyond_a_machine_word():
    box = network((1, 1, 1), -(2**61), 2**61).input
    left = replace(body(conv([[4]], window(1))), input=box)
    found = number(left, left, Monitor())
    assert not found.proved
    assert found.reason.startswith("congruence holds numbers of ")


def test_inputs_beyond_a_machine_word():
    box = network((1, 1, 1), -(2**70), 2**70).input
    left = replace(body(conv([[1]], window(1))), input=box)
    assert number(left, left, Monitor()).reason == "congruence holds inputs of more than 62 bits"


@pytest.mark.parametrize("side", [0, 1])
def test_numbers_that_are_not_the_values(monkeypatch, side):
    calls = []

    def lying(net, table):
        found = numbered(net, table)
        calls.append(net)
        if len(calls) == side + 1:
            found[0].offset.flat[0] += 100
        return found

    monkeypatch.setattr(module, "numbered", lying)
    net = body(first(), conv([[1, 2, 3]], window(1)))
    name = ("first", "second")[side]
    with pytest.raises(DisagreementError, match=f"element 0 of layer 0 of the {name} network is not"):
        number(net, net, Monitor())
