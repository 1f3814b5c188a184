"""Within E and equal argmax, held against a walk over the whole grid in plain Python.

Pairs are networks that differ a little or not at all; argmax pairs have outputs that tie. The largest difference that
the prover certifies is never below what the walk finds, nor is the largest that it has seen ever above.
"""

from __future__ import annotations

import random
from dataclasses import replace
from functools import cache

import mutants
import naive
import pairs
import pytest
import rewrites
from pairs import EQUAL, IDENTITIES, Size

from certify.network.model import Network
from certify.proof.claim import Relation, Verdict
from certify.proof.enumeration import Search
from certify.proof.prover import Budget, prove

NO_SWEEP = Budget(sweep_work=0, remainder_rlimit=2_000_000)
SWEEP = Budget(remainder_rlimit=2_000_000)
ARGMAX = Relation("argmax")
NUMBERS = range(14)
LONG = range(14, 70)


def kind_of(number: int) -> str:
    return (*EQUAL, *IDENTITIES)[number * 7 % (len(EQUAL) + len(IDENTITIES))]


@cache
def differing(number: int) -> tuple[Network, Network]:
    """Two networks, one of them perhaps changed once or twice."""
    rng = random.Random(f"relations {number}")
    left, right = pairs.equal(kind_of(number), rng, pairs.small(rng))
    for _ in range(rng.choice([0, 0, 1, 2])):
        right = pairs.changed(right, rng)
    return left, right


@cache
def classifiers(number: int) -> tuple[Network, Network]:
    """Two networks with three outputs that often tie, written differently, one perhaps changed."""
    rng = random.Random(f"argmax {number}")
    size = Size((2, rng.randint(2, 3), 3), rng.randint(4, 7))
    kind = rng.choice(list(EQUAL))
    left, right = pairs.equal(kind, rng, size)
    if rng.random() < 0.4:
        right = pairs.changed(right, rng)
    if rng.random() < 0.4:
        right = lifted(right, rng.randint(1, 9))
    return left, right


def lifted(network: Network, more: int) -> Network:
    """All outputs larger by as much before the last steps: another function, and often the same argmax."""
    last = network.layers[-1]
    return rewrites.put(network, -1 % len(network.layers), replace(last, bias=tuple(b + more for b in last.bias)))


@cache
def walk(left: Network, right: Network) -> list[tuple[list[int], list[int]]]:
    """The outputs of both on every point, as integers on the common scale."""
    documents = [mutants.document_of(network) for network in (left, right)]
    bits = max(naive.output_precision_bits(document) for document in documents)
    shifts = [bits - naive.output_precision_bits(document) for document in documents]
    return [
        tuple([x << shift for x in naive.evaluate(d, point)] for d, shift in zip(documents, shifts, strict=True))
        for point in naive.grid(documents[0])
    ]


def largest(left: Network, right: Network) -> int:
    return max(abs(a - b) for ours, theirs in walk(left, right) for a, b in zip(ours, theirs, strict=True))


def winner(outputs: list[int]) -> int:
    """The first output that no other is larger than."""
    return min(i for i, x in enumerate(outputs) if all(x >= y for y in outputs))


def same_winner(ours: list[int], theirs: list[int]) -> bool:
    return winner(ours) == winner(theirs)


def within(bound: int) -> Relation:
    return Relation("within", bound)


def check_within(left: Network, right: Network, bound: int, budget: Budget) -> Verdict:
    proof, most = prove(left, right, budget, relation=within(bound)), largest(left, right)
    allowed = Verdict.PROVED if most <= bound else Verdict.REFUTED
    assert proof.verdict in {allowed, Verdict.UNDECIDED}
    assert proof.claim.relation == within(bound)
    assert proof.maximum is not None
    assert proof.maximum.seen <= most
    assert proof.maximum.upper is None or proof.maximum.upper >= most
    if proof.verdict is Verdict.PROVED:
        assert proof.maximum.upper is not None
        assert proof.maximum.upper <= bound
    if proof.witness is not None:
        assert proof.maximum.seen > bound
        check_outputs(proof.witness, left, right)
    if proof.sweep is not None and proof.verdict is Verdict.PROVED:
        assert proof.maximum.upper == proof.maximum.seen == most
    return proof.verdict


def check_outputs(witness, left: Network, right: Network):
    documents = [mutants.document_of(network) for network in (left, right)]
    assert [list(witness.left), list(witness.right)] == [naive.evaluate(d, witness.input) for d in documents]


def check_argmax(left: Network, right: Network, budget: Budget) -> Verdict:
    proof = prove(left, right, budget, relation=ARGMAX)
    same = all(same_winner(ours, theirs) for ours, theirs in walk(left, right))
    assert proof.verdict in {Verdict.PROVED if same else Verdict.REFUTED, Verdict.UNDECIDED}
    assert proof.maximum is None
    assert (proof.witness is not None) == (proof.verdict is Verdict.REFUTED)
    if proof.witness is not None:
        check_outputs(proof.witness, left, right)
        assert not same_winner(list(proof.witness.left), list(proof.witness.right))
    return proof.verdict


def bounds_around(most: int) -> list[int]:
    """The largest difference itself, one less and one more, and far more; above 0 all of them."""
    return sorted({max(1, bound) for bound in (most - 1, most, most + 1, 3 * most + 5)})


@pytest.mark.parametrize("number", NUMBERS)
def test_within_by_a_sweep(number):
    left, right = differing(number)
    most = largest(left, right)
    for bound in bounds_around(most):
        verdict = check_within(left, right, bound, SWEEP)
        assert verdict is (Verdict.PROVED if most <= bound else Verdict.REFUTED)


@pytest.mark.compiled
@pytest.mark.parametrize("number", NUMBERS)
def test_within_without_a_sweep(number):
    left, right = differing(number)
    for bound in bounds_around(largest(left, right)):
        check_within(left, right, bound, NO_SWEEP)


@pytest.mark.compiled
@pytest.mark.parametrize("number", NUMBERS)
def test_within_without_a_search(monkeypatch, number):
    """z3 alone has to withhold the proof of a bound that is one too small."""
    monkeypatch.setattr("certify.proof.portfolio.search_difference", lambda *_: Search(None, 0, 0))
    left, right = differing(number)
    for bound in {max(1, largest(left, right) - 1), max(1, largest(left, right))}:
        check_within(left, right, bound, NO_SWEEP)


@pytest.mark.parametrize("number", NUMBERS)
def test_argmax_by_a_sweep(number):
    assert check_argmax(*classifiers(number), SWEEP) is not Verdict.UNDECIDED


@pytest.mark.compiled
@pytest.mark.parametrize("number", NUMBERS)
def test_argmax_without_a_sweep(number):
    check_argmax(*classifiers(number), NO_SWEEP)


@pytest.mark.compiled
@pytest.mark.parametrize("number", NUMBERS)
def test_argmax_without_a_search(monkeypatch, number):
    monkeypatch.setattr("certify.proof.portfolio.search_difference", lambda *_: Search(None, 0, 0))
    check_argmax(*classifiers(number), NO_SWEEP)


def test_pairs_differ_and_do_not():
    most = [largest(*differing(number)) for number in NUMBERS]
    assert 3 <= most.count(0) <= len(most) - 3
    same = [all(same_winner(*values) for values in walk(*classifiers(number))) for number in NUMBERS]
    assert 3 <= sum(same) <= len(same) - 3


def test_argmax_is_asked_where_values_differ_and_where_outputs_tie():
    """Else it would be equality over again."""
    values = [walk(*classifiers(number)) for number in NUMBERS]
    same = [rows for rows in values if all(same_winner(*row) for row in rows)]
    assert any(ours != theirs for rows in same for ours, theirs in rows)
    assert sum(ours.count(max(ours)) > 1 for rows in values for ours, _ in rows) > 50


@pytest.mark.long
@pytest.mark.compiled
def test_many_more_within():
    for number in LONG:
        left, right = differing(number)
        for bound in bounds_around(largest(left, right)):
            check_within(left, right, bound, NO_SWEEP)


@pytest.mark.long
@pytest.mark.compiled
def test_many_more_argmax():
    for number in LONG:
        check_argmax(*classifiers(number), NO_SWEEP)
