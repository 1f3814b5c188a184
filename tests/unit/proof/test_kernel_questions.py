"""What z3 and cvc5 are asked of convolutions: steps with thresholds, kernels written out, sections of a script."""

from __future__ import annotations

import pytest
import z3
from kernels import AROUND, conv, image, left_over, plain_ticket
from mutants import with_weight

from certify.network.model import INPUT
from certify.network.operators import Addition, Term
from certify.network.steps import (
    Offset,
    Relu,
    RequantizeQ31,
    RoundSignificant,
    Thresholds,
    apply_step,
)
from certify.proof import composition, formulas, refutation
from certify.proof.obligations import digest, obligations
from certify.proof.questions import composition_questions, count
from certify.proof.refutation import steps_name
from certify.proof.script import script
from certify.proof.second_opinion import ask_again
from certify.proof.structure import pair_up
from certify.work import ALONE
from solvers.smt import cvc5_session
from solvers.smt.many import check
from solvers.smt.session import Answer
from solvers.smt.smtlib import SmtLib
from solvers.smt.terms import Z3

COUNTS = Thresholds(((-3, 0, 0, 5), (1, 1, 1, 2)), -2, 0)
TARGET = image(
    (2, 2, 2),
    -2,
    1,
    conv(
        [[1, -2, 3, 0], [2, 2, -1, 1]],
        (2, 2),
        [RequantizeQ31((2**30, 2**31 - 1), (0, 1), "double", -1)],
        bits=2,
        bias=[3, -1],
        groups=2,
        padding=AROUND,
    ),
    conv([[1, 3, -2, 1], [0, 1, 1, 2]], (1, 2), [Relu(), COUNTS], bits=2, bias=[1, 2]),
    conv([[1, 2], [3, -1]], bits=2, bias=[7, 0]),
    Addition((1, 2), (Term(1), Term(1, (Thresholds((0, 2, 2, 9)),)))),
)
TICKET = plain_ticket(TARGET, 1)


@pytest.mark.parametrize(
    "step",
    [
        Thresholds(()),
        Thresholds((), 4),
        Thresholds((0,), -7),
        Thresholds((-3, 0, 0, 5), -2),
        Thresholds((4, 4, 4)),
        Thresholds(tuple(range(-40, 40))),
    ],
    ids=lambda step: f"{len(step.at)} from {step.low}",
)
def test_what_thresholds_are_to_z3(step):
    for value in range(-45, 46):
        term = formulas.step_terms(Z3, [step], z3.IntVal(value), value, value)
        assert z3.simplify(term).as_long() == apply_step(step, value)


def test_what_significant_bits_are_to_z3():
    step = RoundSignificant()
    values = [
        sign * (2**power + beside)
        for power in (2, 23, 24, 25, 30)
        for beside in (-3, -1, 0, 1, 3)
        for sign in (1, -1)
    ]
    for value in values:
        for low, high in ((value, value), (-(2**34), 2**34)):
            term = formulas.step_terms(Z3, [step], z3.IntVal(value), low, high)
            assert z3.simplify(term).as_long() == apply_step(step, value)


def test_thresholds_for_each_output_are_not_those_of_one():
    with pytest.raises(TypeError, match="expected the steps of one output"):
        formulas.step_terms(Z3, [COUNTS], z3.IntVal(0), 0, 0)


def test_the_text_of_thresholds():
    words = SmtLib()
    assert formulas.step_terms(words, [Thresholds((-1, 3, 3), 5)], words.variable("a"), -9, 9) == (
        "(ite (<= 3 a) 8 (ite (<= (- 1) a) 6 5))"
    )


@pytest.mark.parametrize(
    ("step", "after", "named"),
    [
        (Thresholds((0, 5, 9)), (Offset(3),), "thresholds"),
        (RoundSignificant(), (Relu(),), "rounding to significant bits"),
        (RoundSignificant(), (COUNTS,), "rounding to significant bits"),
    ],
    ids=["thresholds", "significant bits", "both"],
)
def test_steps_are_asked_in_two_parts(step, after, named):
    """Up to what is the target's own on both sides, where the finer bits go, and from there on."""
    target = image((1, 1, 2), -9, 9, conv([[1, 2], [3, -1]], (1, 1), (Offset(1), step, *after), bits=2))
    pair = pair_up(target, plain_ticket(target, 3))[0]
    item = obligations(pair)
    own = 2 if COUNTS in after else 1
    assert [steps.part for steps in item.steps] == [f"up to the {named}"] + [f"from the {named} on"] * own
    assert [(steps.finer_before, steps.finer_after) for steps in item.steps] == [(3, 0)] + [(0, 0)] * own
    assert all(steps.target == steps.ticket for steps in item.steps[1:])
    assert steps_name(item, item.steps[0]) == f"steps of the outputs, up to the {named}"
    assert left_over(target, plain_ticket(target, 3)) == []


# Kernels written out.


def test_a_kernel_is_one_neuron():
    """Every tap's inputs of the output's group are variables of their own, and no others."""
    pair = pair_up(TARGET, TICKET)[0]
    for output in range(2):
        outcome = composition.check_neuron(pair, output, 10**8)
        assert outcome.answer is Answer.UNSAT
    texts = {name for formula in composition.neuron_formulas(Z3, pair, 1) for name in names(formula)}
    assert texts == {f"{half}{tap}" for half in "pq" for tap in range(4)}
    wide = pair_up(TARGET, TICKET)[1]
    texts = {name for formula in composition.neuron_formulas(Z3, wide, 1) for name in names(formula)}
    assert texts == {f"{half}{tap * 2 + channel}" for half in "pq" for tap in range(2) for channel in range(2)}


def names(term):
    if z3.is_const(term) and term.decl().kind() == z3.Z3_OP_UNINTERPRETED:
        return {str(term)}
    return {name for child in term.children() for name in names(child)}


@pytest.mark.parametrize(("row", "column"), [(0, 0), (1, 6), (1, 2)], ids=["tap 0", "tap 2", "a bias"])
def test_a_kernel_that_differs_is_found(row, column):
    value = dict(zip(*TICKET.layers[1].weights.row(row), strict=True))[column]
    wrong = with_weight(TICKET, 1, row, column, value + 1)
    pair = pair_up(TARGET, wrong)[0]
    assert composition.check_neuron(pair, row, 10**8).answer is Answer.SAT
    assert composition.check_neuron(pair, 1 - row, 10**8).answer is Answer.UNSAT


def test_graphs_are_not_one_formula():
    assert not composition.is_small(TARGET, TICKET)
    assert not any(
        question.kind == "network" for question in composition_questions(TARGET, TICKET, pair_up(TARGET, TICKET))
    )


# For other solvers.


def test_cvc5_agrees():
    items = [obligations(pair) for pair in pair_up(TARGET, TICKET)]
    opinion = ask_again(TARGET, TICKET, digest(items), ALONE)
    assert opinion.refuted_all
    assert opinion.unknown == 0
    assert opinion.agreed == sum(map(count, items)) + 6


def test_a_script():
    text = "".join(script("target.json", "0" * 64, "tests", TARGET, TICKET))
    assert "; Layers without weights are the same in both, and nothing is asked of them: addition.\n" in text
    assert "; Pair 2 of 3: layer 2 of the target, layers 4 and 5 of the ticket\n" in text
    kernel = "; 2 inputs, 6 hidden units, 2 outputs; kernels of 2 by 2, 2 groups, stride (1, 1), dilation (1, 1)"
    assert f"{kernel}, padding ((1, 1), (1, 1))\n" in text
    assert "; pair 0: weight [1][1] tap 2, inputs ≤ 0: w = -1, 1 edge\n" in text
    assert "; pair 2: weight [1][1], inputs ≥ 0: w = -1, 1 edge\n" in text
    assert all(reply.answer in {Answer.SAT, Answer.UNSAT} for reply in cvc5_session.answers(text).replies)


@pytest.mark.parametrize("pair", pair_up(TARGET, TICKET), ids=lambda pair: f"pair {pair.index}")
def test_pieces_of_work_carry_what_they_ask_about(pair):
    """Kernels of groups, of several taps, and without either: the same text without the weights of others."""
    item = obligations(pair)
    others = refutation._without_kernels(item)
    for output in range(pair.target.outputs):
        assert formulas.bias_formula(SmtLib(), others, output) == formulas.bias_formula(SmtLib(), item, output)
        alone = composition.neuron_formulas(SmtLib(), pair.only((output,)), output)
        assert alone == composition.neuron_formulas(SmtLib(), pair, output)


def test_neurons_of_several_groups_are_asked_about_each_for_itself():
    names = [str(task) for task in composition.tasks(pair_up(TARGET, TICKET), 10**7)]
    assert names == ["pair 0, neuron 0", "pair 0, neuron 1", "pair 1, neurons 0, 1", "pair 2, neurons 0, 1"]


def test_many_ranges_are_one_question(monkeypatch):
    """One for each range only where z3 does not say `sat` to all together."""
    asked = []

    def recorded(write, rlimit, **options):
        """Ranges are asked without options."""
        asked.extend([write] * (not options))
        return check(write, rlimit, **options)

    monkeypatch.setattr("certify.proof.refutation.many.check", recorded)
    assert left_over(TARGET, TICKET) == []
    assert len(asked) == 3


def test_input_is_read_twice():
    target = image((1, 2, 1), -1, 1, conv([[2]]), Addition((INPUT, 0), (Term(4), Term(1))))
    assert left_over(target, plain_ticket(target, 2)) == []
