"""Questions one by one: all that z3 is asked, each once, by name, and the same for another solver's parser."""

from __future__ import annotations

import random
from collections import Counter

import mutants
import pytest
import z3
from mutants import dense, network, plain_ticket, with_weight
from verdicts import finer_ticket

from certify.network.steps import Clamp, Relu, Requantize, RequantizeQ31
from certify.proof import composition
from certify.proof.obligations import digest, obligations
from certify.proof.questions import composition_questions, count, obligation_questions
from certify.proof.structure import pair_up
from solvers.smt import cvc5_session, session
from solvers.smt.session import Answer
from solvers.smt.smtlib import PREAMBLE
from solvers.smt.terms import Z3

CASES = [*(("small", number) for number in range(8)), ("large", 0)]
TARGET = network(
    [-2, 0],
    [3, 4],
    dense([[3, -2, 1], [0, 4, 2]], [Relu(), Requantize(1, "floor")], bits=2, bias=[5, -7], constants=[6]),
    dense([[2, -3]], [Clamp(-90, 90)], bits=2),
)


def all_questions(target, ticket):
    pairs = pair_up(target, ticket)
    return [
        *(question for pair in pairs for question in obligation_questions(obligations(pair))),
        *composition_questions(target, ticket, pairs),
    ]


def case_of(size, number):
    return (mutants.small_case if size == "small" else mutants.large_case)(number)


def is_same(parsed, term):
    """Node by node; but that text has -3 as (- 3), and nothing for sums, conjunctions and disjunctions of one."""
    if z3.is_int_value(term):
        return z3.simplify(parsed).as_long() == term.as_long()
    if term.decl().kind() in (z3.Z3_OP_ADD, z3.Z3_OP_AND, z3.Z3_OP_OR) and term.num_args() == 1:
        return is_same(parsed, term.arg(0))
    return (
        parsed.decl().eq(term.decl())
        and parsed.num_args() == term.num_args()
        and all(is_same(a, b) for a, b in zip(parsed.children(), term.children(), strict=True))
    )


@pytest.mark.parametrize(("size", "number"), CASES, ids=str)
def test_as_many_as_there_are_obligations(size, number):
    """Counted without any sharing; ranges and splits are asked for besides."""
    case = case_of(size, number)
    items = [obligations(pair) for pair in pair_up(case.target, case.pruned)]
    found = Counter(question.kind for item in items for question in obligation_questions(item))
    counts = digest(items)
    assert all(found[kind] == counts[kind].count for kind in ("weight", "bias", "steps"))
    assert found["relu"] == counts["relu"].count + counts["range"].count
    assert found["range"] >= counts["range"].count
    assert sum(found.values()) == sum(map(count, items))


@pytest.mark.parametrize(("size", "number"), CASES, ids=str)
def test_both_solvers_give_the_expected_answers(size, number):
    """z3 to the terms, cvc5 to the text; z3's own parser reads from the text what z3 was given."""
    case = case_of(size, number)
    questions = all_questions(case.target, case.pruned)
    replies = cvc5_session.answers(PREAMBLE + "".join(question.text() for question in questions)).replies
    for question, reply in zip(questions, replies, strict=True):
        terms = question.write(Z3)
        assert reply.answer is question.expected, question.name
        assert session.check(terms).answer in {question.expected, Answer.UNKNOWN}, question.name
        parsed = z3.parse_smt2_string(question.text().split("(set-info")[0].replace("(push 1)", ""))
        assert len(parsed) == len(terms)
        assert all(is_same(a, b) for a, b in zip(parsed, terms, strict=True)), question.name


@pytest.mark.parametrize("number", range(8))
def test_both_solvers_find_the_same_wrong(number):
    """Whatever a mutant breaks: question by question, one answer."""
    for kind in ("second_mask_removed", "second_mask_added", "base_weight"):
        mutant = mutants.mutate(kind, mutants.small_case(number), random.Random(f"{kind} {number}"))
        pairs = pair_up(mutant.target, mutant.pruned)
        questions = [question for pair in pairs for question in obligation_questions(obligations(pair))]
        replies = cvc5_session.answers(PREAMBLE + "".join(question.text() for question in questions)).replies
        answers = [session.check(question.write(Z3)).answer for question in questions]
        assert [reply.answer for reply in replies] == answers
        assert Answer.UNKNOWN not in answers


def test_names():
    names = [question.name for question in all_questions(TARGET, plain_ticket(TARGET))]
    assert len(set(names)) == len(names)
    assert [name for name in names if "weight [0][1]" in name] == [
        "pair 0: weight [0][1], inputs ≥ 0: w = -2, 1 edge",
        "pair 0: weight [0][1], inputs ≤ 0: w = -2, 1 edge",
        "pair 1: weight [0][1], inputs ≥ 0: w = -3, 1 edge",
        "pair 1: weight [0][1], inputs ≤ 0: w = -3, 1 edge",
    ]
    assert [name for name in names if name.startswith("pair 1:")][-2:] == [
        "pair 1: bias [0]",
        "pair 1: steps of the outputs",
    ]
    assert names[-4:] == ["pair 0, neuron 0", "pair 0, neuron 1", "pair 1, neuron 0", "the whole network"]


def test_every_question_of_a_pair_by_name():
    """3·x + 5, then a ReLU, on -2..3."""
    target = network([-2], [3], dense([[3]], [Relu()], bits=2, bias=[5]))
    asked = [(q.kind, q.name, q.expected.value) for q in all_questions(target, plain_ticket(target))]
    assert asked == [
        ("range", "pair 0: the range -2..3 is not empty", "sat"),
        ("range", "pair 0: the range -1..14 is not empty", "sat"),
        ("range", "pair 0: the range 0..2 is not empty", "sat"),
        ("range", "pair 0: the range 0..3 is not empty", "sat"),
        ("relu", "pair 0: ReLU on -2..3 x = p - q", "unsat"),
        ("relu", "pair 0: ReLU on -2..3 u = -1", "unsat"),
        ("relu", "pair 0: ReLU on -2..3 u = 1", "unsat"),
        ("weight", "pair 0: weight [0][0], inputs ≥ 0: w = 3, 1 edge", "unsat"),
        ("weight", "pair 0: weight [0][0], inputs ≤ 0: w = 3, 1 edge", "unsat"),
        ("bias", "pair 0: bias [0]", "unsat"),
        ("steps", "pair 0: steps of the outputs", "unsat"),
        ("neuron", "pair 0, neuron 0", "unsat"),
        ("network", "the whole network", "unsat"),
    ]


def test_edges_are_counted_in_names():
    """None for a weight of 0 that keeps nothing."""
    target = network([0], [3], dense([[0], [3]], bits=2))
    ticket = with_weight(with_weight(plain_ticket(target), 1, 0, 0, None), 1, 0, 1, None)
    names = [question.name for question in all_questions(target, ticket) if question.kind == "weight"]
    assert names == [
        "pair 0: weight [0][0], inputs ≥ 0: w = 0, 0 edges",
        "pair 0: weight [1][0], inputs ≥ 0: w = 3, 1 edge",
        "pair 0: weight [1][0], inputs ≤ 0: w = 3, 1 edge",
    ]
    target = network([0], [3], dense([[4]], bits=2))
    twice = network([0], [3], dense([[2], [2]], [Relu()]), dense([[1, 1]], bits=2))
    names = [question.name for question in all_questions(target, twice) if question.kind == "weight"]
    assert names == ["pair 0: weight [0][0], inputs ≥ 0: w = 4, 2 edges"]


def test_the_text_of_a_weight():
    """Every kept edge as it is, on the ticket's scale."""
    target = network([-2], [3], dense([[-3]], bits=2))
    hidden, output = dense([[2], [-1]], [Relu()], bits=1), dense([[-3, 6]], bits=2)
    (positive, negative) = [
        question.text()
        for question in all_questions(target, network([-2], [3], hidden, output))
        if question.kind == "weight"
    ]
    assert positive.splitlines()[1:5] == [
        "(push 1)",
        "(declare-const p Int)",
        "(assert (and (<= 0 p) (<= p 3)))",
        "(assert (distinct (* (- 3) (* 2 p)) (* 2 (* (- 3) p))))",
    ]
    assert negative.splitlines()[3:5] == [
        "(assert (and (<= 0 q) (<= q 2)))",
        "(assert (distinct (* 6 (* 1 q)) (* 2 (* 3 q))))",
    ]


# Steps with multipliers.

MULTIPLIERS = (1518500250, 1073741824, 1518500250)
RULES = ("single", "double", "float32")


def multiplied(rule, multiplier=MULTIPLIERS, shift=(3, -2, 3)):
    """Three outputs, the first and the last with the same multiplier; biases that leave 24 bits."""
    steps = (RequantizeQ31(multiplier, shift, rule, -3), Clamp(-128, 127))
    layer = dense([[7, -3], [4, 4], [-9, 1]], steps, bits=4, bias=[2**27, -20, 5])
    return network([-128, 0], [127, 255], layer, dense([[3, -3, 1]], [RequantizeQ31(2**30, -1, rule)], bits=4))


@pytest.mark.parametrize("finer", [0, 5])
@pytest.mark.parametrize("rule", RULES)
def test_steps_of_a_multiplier_are_asked_in_two_parts(rule, finer):
    target = multiplied(rule)
    ticket = finer_ticket(target, finer)
    first, second = [obligations(pair) for pair in pair_up(target, ticket)]
    assert [(steps.outputs, steps.part) for steps in first.steps] == [
        ((0, 1, 2), "up to the multiplier"),
        ((0, 2), "from the multiplier on"),
        ((1,), "from the multiplier on"),
    ]
    pair = first.piece
    whole, alike, other = first.steps
    assert (whole.low, whole.high) == (min(pair.accumulator_low), max(pair.accumulator_high))
    assert (alike.low, alike.high) == (pair.accumulator_low[2], pair.accumulator_high[0])
    assert (other.low, other.high) == (pair.accumulator_low[1], pair.accumulator_high[1])
    assert (whole.finer_before, whole.finer_after, alike.finer_before, alike.finer_after) == (finer, 0, 0, 0)
    assert digest([first])["steps"].count == 3
    assert len(second.steps) == 2
    assert [q.name for item in (first, second) for q in obligation_questions(item) if q.kind == "steps"] == [
        "pair 0: steps of the outputs, up to the multiplier",
        "pair 0: steps of output 0 and 1 more, from the multiplier on",
        "pair 0: steps of output 1, from the multiplier on",
        "pair 1: steps of the outputs, up to the multiplier",
        "pair 1: steps of the outputs, from the multiplier on",
    ]


@pytest.mark.parametrize("finer", [0, 5])
@pytest.mark.parametrize("rule", RULES)
def test_both_solvers_refute_steps_with_multipliers(rule, finer):
    target = multiplied(rule)
    questions = [q for q in all_questions(target, finer_ticket(target, finer)) if q.kind != "network"]
    replies = cvc5_session.answers(PREAMBLE + "".join(question.text() for question in questions)).replies
    assert [reply.answer for reply in replies] == [question.expected for question in questions]
    assert [session.check(question.write(Z3)).answer for question in questions] == [q.expected for q in questions]


def test_a_multiplier_after_other_steps():
    """Up to the multiplier the scale is in play, and these are the steps before it."""
    steps = (Relu(), Requantize(2, "half_even"), RequantizeQ31(2**30, 0, "single"), Clamp(0, 9))
    target = network([-9], [9], dense([[3]], steps, bits=2))
    (item,) = [obligations(pair) for pair in pair_up(target, finer_ticket(target, 3))]
    before, after = item.steps
    assert (before.target, before.ticket) == (steps[:2], (Relu(), Requantize(5, "half_even")))
    assert (after.target, after.ticket) == (steps[2:], steps[2:])
    assert (after.low, after.high) == (0, 7)
    assert all(session.check(q.write(Z3)).answer is q.expected for q in obligation_questions(item))


def test_a_whole_network_with_multipliers_has_a_small_budget(monkeypatch):
    asked = []
    monkeypatch.setattr(composition.session, "check", lambda _formulas, rlimit: asked.append(rlimit))
    for target in (multiplied("single"), TARGET):
        ticket = plain_ticket(target)
        composition.check_network(target, ticket, pair_up(target, ticket))
    assert asked == [composition.MULTIPLIERS_RLIMIT, composition.NETWORK_RLIMIT]
