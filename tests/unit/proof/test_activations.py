"""Tickets with other activations than ReLU: docs/activations.md."""

from __future__ import annotations

import itertools
import random
from dataclasses import replace

import pytest
import z3
from activations import divide, ticket, with_activation
from mutants import dense, document_of, naive, network, plain_ticket, with_layer, with_weight
from verdicts import (
    TWO_BY_TWO,
    assert_not_applicable,
    assert_proved,
    assert_refuted,
    decide,
    only_the_decomposition,
    unproved,
)

from certify.network.steps import Clamp, LeakyRelu, Offset, Relu, Requantize, apply_steps
from certify.proof import formulas
from certify.proof.activation import slopes
from certify.proof.claim import Verdict
from certify.proof.obligations import digest, obligations
from certify.proof.piece import UNFED
from certify.proof.questions import count, obligation_questions
from certify.proof.structure import NotApplicableError, pair_up
from solvers.smt import session
from solvers.smt.session import Answer
from solvers.smt.terms import Z3

DEEP = network(
    [-3, -2],
    [2, 3],
    dense([[3, -2], [1, 4]], [LeakyRelu(1), Requantize(1, "half_even")], bits=2, bias=[5, -7]),
    dense([[2, -3]], [Clamp(-9, 9)], bits=2, bias=[1]),
)
POSITIVE = replace(TWO_BY_TWO, input=replace(TWO_BY_TWO.input, low=(0, 1)))
TICKETS = {
    "both signs": (TWO_BY_TWO, ticket(TWO_BY_TWO, [2], [True])),
    "both signs, a slope of 1/2": (TWO_BY_TWO, ticket(TWO_BY_TWO, [1], [True])),
    "both signs, a slope of 2^-31": (TWO_BY_TWO, ticket(TWO_BY_TWO, [31], [True])),
    "inputs ≥ 0": (POSITIVE, ticket(POSITIVE, [3], [False])),
    "inputs ≥ 0, and divided all the same": (POSITIVE, ticket(POSITIVE, [3], [True])),
    "two layers of different slopes": (DEEP, ticket(DEEP, [1, 4], [True, True])),
    "a leaky pair after one of ReLUs": (
        DEEP,
        replace(DEEP, layers=(*plain_ticket(DEEP).layers[:2], *ticket(DEEP, [1, 4], [True, True]).layers[2:])),
    ),
    "a clamp that nothing reaches": (TWO_BY_TWO, with_activation(plain_ticket(TWO_BY_TWO), 0, Relu(), Clamp(-1, 3))),
    "ReLU twice": (TWO_BY_TWO, with_activation(plain_ticket(TWO_BY_TWO), 0, Relu(), Relu())),
    "a clamp of what is ≥ 0": (POSITIVE, with_activation(plain_ticket(POSITIVE), 0, Clamp(0, 3))),
    "a clamp beyond a leaky ReLU": (
        TWO_BY_TWO,
        with_activation(ticket(TWO_BY_TWO, [2], [True]), 0, LeakyRelu(2), Clamp(-3, 12)),
    ),
    "a hard tanh where it is linear": (
        network([-3, -2], [2, 3], dense([[1, 1]])),
        network([-3, -2], [2, 3], dense([[1, None], [None, 1]], [Clamp(-3, 3)]), dense([[1, 1]])),
    ),
}


@pytest.mark.parametrize(("target", "own"), TICKETS.values(), ids=TICKETS)
def test_proved(target, own):
    assert_proved(target, own)
    assert unproved(target, own) == []


WRONG = {
    "a clamp that some unit reaches": (Relu(), Clamp(0, 2)),
    "a clamp before the ReLU": (Clamp(-9, 2), Relu()),
    "a leaky ReLU": (LeakyRelu(1),),
    "a hard tanh": (Clamp(-3, 3),),
    "nothing": (Clamp(0, 0),),
}


@pytest.mark.parametrize("steps", WRONG.values(), ids=WRONG)
def test_in_a_ticket_of_relus(steps):
    own = with_activation(plain_ticket(TWO_BY_TWO), 0, *steps)
    assert_refuted(TWO_BY_TWO, own)


WRONG_LEAKY = {
    "another slope": (LeakyRelu(1),),
    "a ReLU": (Relu(),),
    "a clamp that is reached above": (LeakyRelu(2), Clamp(-9, 11)),
    "a clamp that is reached below": (LeakyRelu(2), Clamp(-2, 99)),
    "a slope of a slope": (LeakyRelu(1), LeakyRelu(2)),
}


@pytest.mark.parametrize("steps", WRONG_LEAKY.values(), ids=WRONG_LEAKY)
@pytest.mark.parametrize("index", [0, 1])
def test_in_one_layer_of_a_leaky_ticket(monkeypatch, steps, index):
    own = with_activation(ticket(DEEP, [2, 2], [True, True]), index, *steps)
    assert_refuted(DEEP, own)
    only_the_decomposition(monkeypatch)
    assert decide(DEEP, own).verdict is not Verdict.PROVED


def test_the_identity_is_what_refuses():
    own = ticket(TWO_BY_TWO, [2], [True])
    left = unproved(TWO_BY_TWO, with_activation(own, 0, LeakyRelu(2), Clamp(-2, 99)))
    assert "pair 0: activation on -3..2 σ(x) - σ(-x) is linear: sat" in left
    assert "pair 0: activation on -3..2 u = 1: sat" in left
    message = r"condition 5: pair 0: its first step does not divide by 3, as σ\(x\) - σ\(-x\) = 3·x asks for"
    assert_not_applicable(TWO_BY_TWO, with_activation(own, 0, LeakyRelu(1)), message)


@pytest.mark.parametrize("unit", [0, 3, 5])
def test_a_unit_less_or_another_weight(unit):
    """Without its other side, or with another weight there, a unit of a leaky layer says something else."""
    own = ticket(TWO_BY_TWO, [2], [True])
    for value in (None, 1):
        assert_refuted(TWO_BY_TWO, with_weight(own, 1, 0, unit, value))


def test_another_division():
    own = ticket(TWO_BY_TWO, [2], [True])
    steps = own.layers[1].steps
    assert_proved(TWO_BY_TWO, with_layer(own, 1, steps=(divide(5, 1, 2), *steps[1:])))
    for first in (divide(4, 2, 2), divide(5, 2, 3), replace_multiplier(steps[0], -(2**26))):
        assert_refuted(TWO_BY_TWO, with_layer(own, 1, steps=(first, *steps[1:])))
    assert_refuted(TWO_BY_TWO, with_layer(own, 1, steps=steps[1:]))


def replace_multiplier(step, more):
    return type(step)(step.multiplier + more, step.shift, step.rule, step.zero_point, step.precision_bits)


def test_a_division_that_rounds_far_out():
    """A multiplier is exact up to some accumulator, and the farther the worse."""
    target = network([-(2**24)], [2**24], dense([[2**7]], bits=7))
    with pytest.raises(NotApplicableError, match="condition 5: pair 0: its first step does not divide by 5"):
        pair_up(target, ticket(target, [2], [True]))
    nearer = network([-(2**22)], [2**22], dense([[2**7]], bits=7))
    assert unproved(nearer, ticket(nearer, [2], [True])) == []


def test_slopes_that_leave_the_machine_word():
    target = network([0], [1], dense([[1]]))
    own = network([0], [1], dense([[2**40]], [LeakyRelu(31)], bits=40), dense([[1]], [Requantize(71, "floor")]))
    assert_not_applicable(target, own, "pair 0: the slopes of hidden units leave the machine word")


@pytest.mark.parametrize("steps", [(Relu(), Offset(1)), (Requantize(1, "floor"),), (Clamp(1, 4),), ()])
def test_what_is_no_activation(steps):
    own = with_activation(plain_ticket(TWO_BY_TWO), 0, *steps)
    assert_not_applicable(
        TWO_BY_TWO, own, "condition 0: pair 0: the hidden layer's steps are not exactly a ReLU, nor"
    )


ACTIVATIONS = [
    (Relu(), Relu()),
    (LeakyRelu(1),),
    (LeakyRelu(3), LeakyRelu(1)),
    (Clamp(-4, 9),),
    (LeakyRelu(2), Clamp(-3, 20)),
    (Relu(), Clamp(0, 6)),
]


@pytest.mark.parametrize("steps", ACTIVATIONS, ids=str)
def test_what_z3_says_is_so_on_every_point(steps):
    """The lemma and the identity, held against every point of some boxes."""
    for low, high in ((-4, 3), (0, 5), (-2, 0), (1, 2), (0, 0)):
        points = range(low, high + 1)
        holds = all(apply_steps(steps, x) - apply_steps(steps, -x) == 3 * x for x in points)
        asked = [formulas.range_formula(Z3, low, high), formulas.identity_formula(Z3, steps, 3, (low, high))]
        assert (session.check(asked).answer is Answer.UNSAT) == holds
        for u in (-3, -1, 0, 1, 2):
            above, below = slopes(steps, u, low, high)
            holds = all(apply_steps(steps, u * x) == (above if x > 0 else below) * x for x in points)
            asked = formulas.relu_assumptions(Z3, low, high)
            asked.append(formulas.activation_formula(Z3, steps, u, (low, high)))
            assert (session.check(asked).answer is Answer.UNSAT) == holds


def test_the_questions_are_the_obligations():
    """One by one too; a kind of its own, which tickets of ReLUs do not have."""
    target, own = TICKETS["both signs"]
    items = [obligations(pair) for pair in pair_up(target, own)]
    asked = [question for item in items for question in obligation_questions(item)]
    assert len(asked) == sum(map(count, items))
    assert all(session.check(question.write(Z3)).answer is question.expected for question in asked)
    assert digest(items)["activation"].count == 6
    assert digest(items)["relu"].count == 0
    assert "activation" not in digest([obligations(pair) for pair in pair_up(target, plain_ticket(target))])


@pytest.mark.parametrize("number", range(2))
def test_random_tickets_and_their_mutants(number):
    """Proved, and the oracle agrees; with another slope in one layer, or one weight changed, as the oracle says."""
    rng = random.Random(f"activations {number}")
    low = [rng.choice([-3, -1, 0]) for _ in range(2)]
    widths, layers = [2, rng.randint(1, 2), 1], []
    for inputs, outputs in itertools.pairwise(widths):
        rows = [[rng.randint(-4, 4) for _ in range(inputs)] for _ in range(outputs)]
        steps = [rng.choice([Relu(), LeakyRelu(1), Clamp(-30, 12)]), Requantize(2, "half_even")]
        layers.append(dense(rows, steps, bits=2, bias=[rng.randint(-9, 9) for _ in rows]))
    target = network(low, [2, 3], *layers)
    slopes_of = [rng.randint(1, 4) for _ in layers]
    own = ticket(target, slopes_of, [True] * len(layers))
    assert_proved(target, own)
    assert naive.equal_on_grid(document_of(target), document_of(own))
    index = rng.randrange(len(layers))
    decide(target, with_activation(own, index, LeakyRelu(slopes_of[index] + 1)))
    unit = rng.randrange(2 * (layers[index].inputs + 1))
    decide(target, with_weight(own, 2 * index + 1, 0, unit, rng.randint(-4, 4)))


def test_z3_terms_of_a_constant_line():
    own = ticket(TWO_BY_TWO, [2], [True])
    pair = pair_up(TWO_BY_TWO, own)[0]
    for u, line, value in ((1, 0, 1), (-2, 0, 1), (0, UNFED, 0)):
        term = z3.simplify(formulas.line_term(Z3, pair, u, line))
        assert term.as_long() == apply_steps((LeakyRelu(2),), u * value)
