"""Formulas over whole neurons and whole networks, and which of them are asked."""

from __future__ import annotations

import random
from dataclasses import replace

import mutants
import naive
import pytest
from mutants import dense, network, plain_ticket, with_layer, with_weight
from verdicts import finer_ticket

from certify.network.steps import Clamp, Offset, Relu, Requantize, RequantizeQ31, Sign, Threshold
from certify.proof import composition
from certify.proof.composition import check_network, check_neuron, is_small, sample
from certify.proof.structure import pair_up
from solvers.smt import session
from solvers.smt.session import Answer
from solvers.smt.smtlib import SmtLib

RLIMIT = 100_000_000


@pytest.mark.parametrize(
    ("outputs", "expected"),
    [
        (1, (0,)),
        (3, (0, 1, 2)),
        (10, tuple(range(10))),
        (11, (0, 1, 2, 3, 4, 5, 6, 7, 8, 10)),
        (19, (0, 2, 4, 6, 8, 10, 12, 14, 16, 18)),
        (1000, (0, 111, 222, 333, 444, 555, 666, 777, 888, 999)),
    ],
)
def test_sample(outputs, expected):
    assert sample(outputs) == expected


@pytest.mark.parametrize("outputs", range(1, 60))
def test_a_sample_has_both_ends_and_no_output_twice(outputs):
    chosen = sample(outputs)
    assert chosen == tuple(sorted(set(chosen)))
    assert (chosen[0], chosen[-1], len(chosen)) == (0, outputs - 1, min(outputs, 10))


def random_network(seed, steps):
    rng = random.Random(seed)
    return network(
        [-2, 0],
        [2, 3],
        dense(
            [[rng.randint(-4, 4) for _ in range(2)] for _ in range(2)], steps, bits=2, bias=[rng.randint(-9, 9), 2]
        ),
        dense([[rng.randint(-4, 4) for _ in range(2)]], bits=2, bias=[rng.randint(-9, 9)]),
    )


STEPS = {
    "relu": [Relu()],
    **{rule: [Relu(), Requantize(2, rule)] for rule in naive.ROUND},
    "clamp": [Clamp(-5, 6)],
    "offset": [Relu(), Offset(-4)],
    "step": [Threshold()],
    "sign": [Sign()],
}


@pytest.mark.parametrize("steps", STEPS.values(), ids=STEPS)
def test_networks_as_one_formula(steps):
    """`unsat` where they are equal; for a mutant, a model that plain Python confirms."""
    target = random_network(7, steps)
    ticket = plain_ticket(target)
    assert is_small(target, ticket)
    assert check_network(target, ticket, pair_up(target, ticket)).answer is Answer.UNSAT
    mutant = with_weight(ticket, 3, 0, 4, 1 + ticket.layers[3].weights.row(0)[1][4])
    outcome = check_network(target, mutant, pair_up(target, mutant))
    assert outcome.answer is Answer.SAT
    assert {"x0", "x1"} & set(outcome.model)
    point = [outcome.model.get(name, 0) for name in ("x0", "x1")]
    ours, theirs = mutants.document_of(target), mutants.document_of(mutant)
    assert naive.evaluate(ours, point) != naive.evaluate(theirs, point)


@pytest.mark.parametrize("number", range(10))
def test_mutants_as_one_formula(number):
    """z3 and the whole grid agree on mutants that still have the shape of a ticket."""
    case = mutants.small_case(number)
    for kind in ("base_weight", "second_mask_removed", "second_mask_added"):
        mutant = mutants.mutate(kind, case, random.Random(f"{kind} {number}"))
        answer = check_network(mutant.target, mutant.pruned, pair_up(mutant.target, mutant.pruned)).answer
        equal = naive.equal_on_grid(mutant.document, mutants.document_of(mutant.pruned))
        assert answer in {Answer.UNKNOWN, Answer.UNSAT if equal else Answer.SAT}, mutant.what


def test_a_neuron_differs_by_its_bias_its_constants_or_a_weight():
    target = network([-2], [2], dense([[3, 1]], bits=2, bias=[4], constants=[2]))
    ticket = plain_ticket(target)
    assert check_neuron(pair_up(target, ticket)[0], 0, RLIMIT).answer is Answer.UNSAT
    for changed in (
        with_layer(target, 0, bias=(5,)),
        with_layer(target, 0, constants=(3,)),
        with_weight(target, 0, 0, 0, 2),
    ):
        assert check_neuron(pair_up(changed, ticket)[0], 0, RLIMIT).answer is Answer.SAT


def test_a_neuron_on_a_finer_scale():
    """The second layer's inputs are the target's times 4, and its constant line has to be too."""
    target = network([-2], [2], dense([[1]]), dense([[1]], bias=[3]))
    first = dense([[1, None], [-1, None]], [Relu()], constants=[1]), dense([[4, -4]], bits=2)
    second = dense([[1, None], [-1, None], [None, 1]], [Relu()], constants=[4]), dense([[1, -1, 3]])
    ticket = network([-2], [2], *first, *second)
    pairs = pair_up(target, ticket)
    assert [check_neuron(pair, 0, RLIMIT).answer for pair in pairs] == [Answer.UNSAT] * 2
    unscaled = with_layer(ticket, 2, constants=(1,))
    assert check_neuron(pair_up(target, unscaled)[1], 0, RLIMIT).answer is Answer.SAT


def test_the_ranges_of_a_neurons_formula():
    """p and q span what x's box allows on the ticket's scale, here 4 times finer; less would hide differences."""
    target = network([-2, 1, -5], [3, 4, -2], dense([[1, 1, 1]]))
    pair = replace(pair_up(target, plain_ticket(target))[0], input_bits=2)
    *bounds, _ = composition.neuron_formulas(SmtLib(), pair, 0)
    assert bounds == [
        "(and (<= 0 p0) (<= p0 12))",
        "(and (<= 0 q0) (<= q0 8))",
        "(and (<= 4 p1) (<= p1 16))",
        "(and (<= 0 q1) (<= q1 0))",
        "(and (<= 0 p2) (<= p2 0))",
        "(and (<= 8 q2) (<= q2 20))",
    ]


def test_the_ranges_of_a_networks_steps(monkeypatch):
    """What accumulators can reach, the ticket's on its finer scale."""
    target = network([-2], [3], dense([[3], [-1]], [Requantize(1, "floor")], bits=1, bias=[1, 0]))
    ticket = finer_ticket(target, 3)
    given = []
    monkeypatch.setattr(
        composition, "step_terms", lambda _words, _steps, term, low, high: given.append((low, high)) or term
    )
    composition.network_formulas(SmtLib(), target, ticket, pair_up(target, ticket))
    assert given == [(-40, 80), (-24, 16), (-5, 10), (-3, 2)]


def test_a_neuron_with_constants_on_a_finer_scale():
    target = network([-2], [2], dense([[3, 1]], bits=2, constants=[2]))
    hidden = dense([[1, None], [-1, None], [None, 1]], [Relu()], constants=[1])
    ticket = network([-2], [2], hidden, dense([[12, -12, 8]], bits=4))
    pairs = pair_up(target, ticket)
    assert check_neuron(pairs[0], 0, RLIMIT).answer is Answer.UNSAT
    assert check_network(target, ticket, pairs).answer is Answer.UNSAT
    coarse = with_weight(ticket, 1, 0, 2, 2)
    assert check_neuron(pair_up(target, coarse)[0], 0, RLIMIT).answer is Answer.SAT


def test_a_budget_that_runs_out_is_unknown():
    target = random_network(3, [Relu()])
    pairs = pair_up(target, plain_ticket(target))
    assert check_neuron(pairs[0], 0, 1).answer is Answer.UNKNOWN
    assert check_network(target, plain_ticket(target), pairs, 1).answer is Answer.UNKNOWN


WHAT_IS_SMALL = {
    "2-3-3": (2, 3, 3, True),
    "4-8-3": (4, 8, 3, True),
    "32 signs": (16, 16, 3, True),
    "33 signs": (17, 16, 3, False),
    "too many edges": (2, 30, 40, False),
    "64 inputs": (64, 1, 1, False),
}


@pytest.mark.parametrize(("inputs", "hidden", "outputs", "small"), WHAT_IS_SMALL.values(), ids=WHAT_IS_SMALL)
def test_what_is_small(inputs, hidden, outputs, small):
    layers = dense([[1] * inputs] * hidden, [Relu()]), dense([[1] * hidden] * outputs)
    target = network([0] * inputs, [3] * inputs, *layers)
    assert is_small(target, plain_ticket(target)) == small


def test_all_hidden_layers_have_signs():
    """2 inputs, 15 and 16 units."""
    layers = dense([[1] * 2] * 15, [Relu()]), dense([[1] * 15] * 16, [Relu()]), dense([[1] * 16])
    target = network([0, 0], [3, 3], *layers)
    assert not is_small(target, plain_ticket(target))


def test_as_many_edges_as_are_asked_about(monkeypatch):
    """Of target and ticket together."""
    target = network([0, 0], [3, 3], dense([[1, 1], [1, 1]], [Relu()]), dense([[1, 1]]))
    ticket = plain_ticket(target)
    edges = sum(layer.weights.entries for layer in (*target.layers, *ticket.layers))
    monkeypatch.setattr(composition, "NETWORK_MAX_EDGES", edges)
    assert is_small(target, ticket)
    monkeypatch.setattr(composition, "NETWORK_MAX_EDGES", edges - 1)
    assert not is_small(target, ticket)


@pytest.mark.parametrize(
    ("steps", "rlimit"),
    [([Relu()], 3_000_000), ([RequantizeQ31(2**30, 1, "single")], 500_000)],
    ids=["no multiplier", "a multiplier"],
)
def test_the_budget_of_a_networks_formula(monkeypatch, steps, rlimit):
    """Certificates say what came of it, so it is the same in every version."""
    target = network([0], [3], dense([[1]], steps), dense([[1]]))
    granted = []
    monkeypatch.setattr(session, "check", lambda _, rlimit: granted.append(rlimit))
    assert (composition.NETWORK_MAX_EDGES, composition.NETWORK_MAX_RELUS) == (2_000, 32)
    for own in (None, 7):
        check_network(target, target, (), own)
    assert granted == [rlimit, 7]
