"""What the tests of the prover ask of a target and a ticket, every answer held against plain Python's.

The networks here are small enough for `naive` to walk their whole grid.
"""

from __future__ import annotations

from dataclasses import replace

import mutants
import naive
import pytest
from mutants import dense, network

from certify.network.steps import Relu, rescale
from certify.proof import prover, refutation
from certify.proof.claim import Verdict
from certify.proof.obligations import obligations
from certify.proof.portfolio import Decision
from certify.proof.prover import Budget, prove
from certify.proof.structure import NotApplicableError, pair_up

TWO_BY_TWO = network([-3, -2], [2, 3], dense([[3, -2], [1, 4]], [Relu()], bits=2, bias=[5, -7]))
NO_SWEEP = Budget(sweep_work=0)
RLIMIT = 10_000_000


def decide(target, ticket, budget=None):
    """The proof, after what plain Python says of the whole grid has been held against its verdict."""
    proof = prove(target, ticket, budget)
    ours, theirs = mutants.document_of(target), mutants.document_of(ticket)
    equal = naive.equal_on_grid(ours, theirs)
    if proof.verdict is not Verdict.UNDECIDED:
        assert (proof.verdict is Verdict.PROVED) == equal
    if proof.witness is not None:
        left, right = naive.evaluate(ours, proof.witness.input), naive.evaluate(theirs, proof.witness.input)
        assert (tuple(left), tuple(right)) == (proof.witness.left, proof.witness.right)
        assert [naive.value(ours, x) for x in left] != [naive.value(theirs, x) for x in right]
    return proof


def only_the_decomposition(monkeypatch):
    """Nobody looks for a point, or for another proof."""
    monkeypatch.setattr(prover, "decide", lambda *_, **__: Decision(left=("nothing else was tried",)))


def assert_proved(target, ticket):
    """By the decomposition, and so without a sweep too."""
    for budget in (None, NO_SWEEP):
        proof = decide(target, ticket, budget)
        assert (proof.verdict, proof.strategy, proof.reason) == (Verdict.PROVED, "decomposition", "")


def assert_refuted(target, ticket):
    for budget in (None, NO_SWEEP):
        assert decide(target, ticket, budget).verdict is Verdict.REFUTED


def unproved(target, ticket):
    """What z3 did not refute."""
    left = [item for pair in pair_up(target, ticket) for item in unproved_of(obligations(pair))]
    return [f"{item.what}: {item.reason}" for item in left]


def unproved_of(item):
    return [left for task in refutation.tasks(item, RLIMIT) for left in task()]


def assert_not_applicable(target, ticket, message):
    with pytest.raises(NotApplicableError, match=message):
        pair_up(target, ticket)
    proof = decide(target, ticket, NO_SWEEP)
    assert proof.strategy in {None, "merging"}
    if proof.verdict is Verdict.UNDECIDED:
        assert message.split(":")[0] in proof.reason
    return proof


def edges(target, ticket):
    """How many edges of second matrices stand in the obligations."""
    items = [obligations(pair) for pair in pair_up(target, ticket)]
    return sum(len(item.weights.u) + len(item.biases.u) for item in items)


def finer_ticket(target, finer_bits):
    """A plain ticket whose products are finer than the target's weights by 2^finer_bits."""
    layers = []
    input_bits = 0
    for layer in target.layers:
        hidden, output = mutants.plain_pair(layer, input_bits)
        steps, left = rescale(layer.steps, input_bits + finer_bits)
        weights = replace(hidden.weights, values=hidden.weights.values << finer_bits)
        layers += [replace(hidden, weights=weights, precision_bits=finer_bits), replace(output, steps=steps)]
        input_bits = left
    return replace(target, layers=tuple(layers))
