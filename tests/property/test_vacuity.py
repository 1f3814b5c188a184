"""No way to decide says yes to everything: each against equal pairs that are written differently, and their mutants.

For every strategy of the prover there are pairs of networks that are equal but not written alike, which it has to
prove, and every network that differs from the ticket in one weight, which it must not. And where a formula is
refuted, its assumptions alone have to be satisfiable, to both solvers, or the refutation says nothing.
"""

from __future__ import annotations

import random
from dataclasses import replace

import mutants
import naive
import pytest
from mutants import dense, network, plain_ticket, with_weight
from verdicts import NO_SWEEP, finer_ticket, only_the_decomposition

from certify.network.steps import Clamp, Offset, Relu, Requantize, RequantizeQ31
from certify.proof import composition
from certify.proof.claim import Verdict
from certify.proof.obligations import digest, obligations
from certify.proof.prover import prove
from certify.proof.questions import composition_questions, obligation_questions
from certify.proof.second_opinion import SolversDisagreeError, ask_again
from certify.proof.structure import NotApplicableError, pair_up
from certify.work import ALONE
from solvers.smt import cvc5_session, session
from solvers.smt.session import Answer
from solvers.smt.smtlib import PREAMBLE, commands
from solvers.smt.terms import Z3

RLIMIT = 100_000_000


def by_hand():
    """Products two bits finer than the target's weights, several edges for a weight, and steps for them."""
    target = network([-2], [3], dense([[3]], [Requantize(1, "half_away"), Offset(-1)], bits=2, bias=[5]))
    hidden = dense([[1, None], [2, None], [-2, None], [-1, None], [None, 1]], [Relu()], constants=[4])
    output = dense([[2, 5, -5, -2, 5]], [Requantize(3, "half_away"), Offset(-1)], bits=4)
    return target, replace(target, layers=(hidden, output))


def with_multiplier(rule):
    steps = (RequantizeQ31((1518500250, 2**30), (-1, 1), rule, 1), Clamp(-7, 8))
    target = network([-4, 0], [3, 5], dense([[3, -2], [1, 4]], steps, bits=2, bias=[-9, 7]), dense([[2, -1]], bits=2))
    return target, finer_ticket(target, 2)


def found(number):
    case = mutants.small_case(number)
    return case.target, case.pruned


DEEP = network(
    [-2, 0],
    [2, 3],
    dense([[3, -2], [1, 4]], [Relu(), Requantize(1, "floor")], bits=2),
    dense([[2, -3]], [Clamp(-20, 30)], bits=2),
)
EQUAL = {
    "by hand": by_hand(),
    "finer": (DEEP, finer_ticket(DEEP, 3)),
    **{rule: with_multiplier(rule) for rule in ("single", "double", "float32")},
    **{f"found {number}": found(number) for number in range(4)},
}


def one_weight_mutants(ticket, count):
    """Copies of the ticket with one kept weight changed by a little."""
    rng = random.Random(0)
    for _ in range(count):
        index = rng.randrange(len(ticket.layers))
        weights = ticket.layers[index].weights
        entry = rng.randrange(weights.entries)
        values = weights.values.copy()
        values[entry] += rng.choice([-2, -1, 1, 2])
        yield mutants.with_layer(ticket, index, weights=replace(weights, values=values))


def is_equal(target, ticket):
    return naive.equal_on_grid(mutants.document_of(target), mutants.document_of(ticket))


def differing(pair, count=12):
    target, ticket = pair
    chosen = [mutant for mutant in one_weight_mutants(ticket, count) if not is_equal(target, mutant)]
    assert len(chosen) >= count // 4
    return target, chosen


@pytest.mark.parametrize("pair", EQUAL.values(), ids=EQUAL)
def test_equal_pairs_are_written_differently(pair):
    target, ticket = pair
    assert is_equal(target, ticket)
    assert len(ticket.layers) == 2 * len(target.layers)


@pytest.mark.parametrize("pair", EQUAL.values(), ids=EQUAL)
def test_decomposition(pair):
    proof = prove(*pair, NO_SWEEP)
    assert (proof.verdict, proof.strategy) == (Verdict.PROVED, "decomposition")
    target, wrong = differing(pair)
    for mutant in wrong:
        assert prove(target, mutant, NO_SWEEP).verdict is not Verdict.PROVED


@pytest.mark.parametrize("pair", EQUAL.values(), ids=EQUAL)
def test_decomposition_without_a_witness(monkeypatch, pair):
    """z3 alone has to withhold the proof: nobody looks for a point."""
    only_the_decomposition(monkeypatch)
    target, wrong = differing(pair)
    for mutant in wrong:
        assert prove(target, mutant, NO_SWEEP).verdict is Verdict.UNDECIDED


@pytest.mark.parametrize("pair", EQUAL.values(), ids=EQUAL)
def test_sweep(monkeypatch, pair):
    monkeypatch.setattr("certify.proof.prover.pair_up", not_applicable)
    proof = prove(*pair)
    assert (proof.verdict, proof.strategy) == (Verdict.PROVED, "sweep")
    target, wrong = differing(pair)
    for mutant in wrong:
        assert prove(target, mutant).verdict is Verdict.REFUTED


def not_applicable(*_):
    raise NotApplicableError("not asked here")


@pytest.mark.parametrize("pair", EQUAL.values(), ids=EQUAL)
def test_neurons(pair):
    """A wrong weight of the first pair is a wrong accumulator of one of its neurons, whatever comes after."""
    target, _ = pair
    assert {composition.check_neuron(p, j, RLIMIT).answer for p, j in composition.sampled(pair_up(*pair))} == {
        Answer.UNSAT
    }
    for mutant in differing(pair)[1]:
        answers = {
            composition.check_neuron(p, j, RLIMIT).answer for p, j in composition.sampled(pair_up(target, mutant))
        }
        assert Answer.SAT in answers


@pytest.mark.parametrize("pair", EQUAL.values(), ids=EQUAL)
def test_whole_networks(pair):
    """z3 may give up on a network as a whole; that is no answer either way."""
    target, ticket = pair
    assert composition.is_small(target, ticket)
    assert composition.check_network(target, ticket, pair_up(target, ticket)).answer is not Answer.SAT
    for mutant in differing(pair, 4)[1]:
        assert composition.check_network(target, mutant, pair_up(target, mutant)).answer is not Answer.UNSAT


def test_whole_networks_are_decided():
    """Where there are no multipliers it does not give up."""
    for name in ("by hand", "finer", "found 0"):
        target, ticket = EQUAL[name]
        assert composition.check_network(target, ticket, pair_up(target, ticket)).answer is Answer.UNSAT
        for mutant in differing((target, ticket), 4)[1]:
            assert composition.check_network(target, mutant, pair_up(target, mutant)).answer is Answer.SAT


@pytest.mark.parametrize("pair", EQUAL.values(), ids=EQUAL)
def test_cross_check(pair):
    """Were z3 to refute everything, cvc5 would not."""
    target, ticket = pair
    counts = digest([obligations(p) for p in pair_up(target, ticket)])
    assert ask_again(target, ticket, counts, ALONE).refuted_all
    for mutant in differing(pair, 4)[1]:
        counts = digest([obligations(p) for p in pair_up(target, mutant)])
        with pytest.raises(SolversDisagreeError, match="expected unsat, found sat"):
            ask_again(target, mutant, counts, ALONE)


@pytest.mark.parametrize("pair", EQUAL.values(), ids=EQUAL)
def test_every_refuted_formula_has_assumptions_that_hold(pair):
    """Of all formulas but the last, which is what is refuted, both solvers find a model."""
    target, ticket = pair
    pairs = pair_up(target, ticket)
    questions = [question for p in pairs for question in obligation_questions(obligations(p))]
    questions += [q for q in composition_questions(target, ticket, pairs) if q.kind == "neuron"]
    alone = [assumptions_of(question) for question in questions if question.expected is Answer.UNSAT]
    assert {session.check(write(Z3)).answer for write in alone} == {Answer.SAT}
    replies = cvc5_session.answers(PREAMBLE + "".join(commands("", write, Answer.SAT) for write in alone)).replies
    assert {reply.answer for reply in replies} == {Answer.SAT}


def assumptions_of(question):
    return lambda words: question.write(words)[:-1]


@pytest.mark.parametrize("low", [1, 5])
def test_an_empty_range_is_noticed_before_it_proves_anything(low):
    """On no values at all every formula is refuted; it is the range's own question that fails."""
    target = network([low], [0], dense([[3]], bits=2))
    wrong = with_weight(plain_ticket(target), 1, 0, 0, 2)
    item = obligations(pair_up(target, wrong)[0])
    questions = [question for question in obligation_questions(item) if question.kind == "range"]
    assert {session.check(question.write(Z3)).answer for question in questions} >= {Answer.UNSAT}
    replies = cvc5_session.answers(PREAMBLE + "".join(question.text() for question in questions)).replies
    assert Answer.UNSAT in {reply.answer for reply in replies}
    with pytest.raises(SolversDisagreeError, match=r"the range .* is not empty: .* expected sat, found unsat"):
        ask_again(target, wrong, digest([item]), ALONE)
