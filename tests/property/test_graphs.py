"""Random graphs: every way to look or to prove agrees with walking the whole grid in Python integers."""

from __future__ import annotations

import random
from dataclasses import replace

import numpy as np
import pytest
from graph_pairs import are_equal, changed, grid, random_graph

from certify.monitor import Monitor
from certify.network.compare import same_values
from certify.network.evaluate import evaluate
from certify.proof.claim import Relation
from certify.proof.congruence.decide import number
from certify.proof.enumeration import sweep_grid
from certify.proof.merging.merge import merge
from certify.proof.portfolio import decide

SEEDS = range(40)


def pair(seed):
    """Two graphs, the second with a thing or two changed."""
    rng = random.Random(seed)
    left = random_graph(rng)
    right = changed(rng, left)
    return left, changed(rng, right) if rng.random() < 0.3 else right


@pytest.mark.parametrize("seed", SEEDS)
def test_nothing_is_proved_that_differs(seed):
    left, right = pair(seed)
    equal = are_equal(left, right)
    assert equal or not number(left, right, Monitor()).proved
    assert number(left, left, Monitor()).proved


@pytest.mark.parametrize("seed", range(100, 112))
def test_merging_of_graphs_proves_nothing_that_differs(seed):
    left, right = pair(seed)
    found = merge(left, right, Relation(), 10_000, Monitor())
    assert not found.proved or are_equal(left, right)
    for point in found.points:
        assert not same_values(left, right, evaluate(left, point), evaluate(right, point))


@pytest.mark.parametrize("seed", range(200, 212))
def test_a_sweep_agrees_with_plain_evaluation(seed):
    left, right = pair(seed)
    points = [tuple(point) for point in grid(left.input).tolist()]
    failing = [p for p in points if not same_values(left, right, evaluate(left, p), evaluate(right, p))]
    swept = sweep_grid(left, right, 2, Monitor())
    assert swept.difference == (failing[0] if failing else None)
    assert swept.points == (points.index(failing[0]) + 1 if failing else len(points))


@pytest.mark.parametrize("seed", range(300, 316))
@pytest.mark.parametrize("relation", [Relation(), Relation("within", 1), Relation("argmax")], ids=lambda r: r.name)
def test_the_portfolio_agrees_with_the_grid(seed, relation):
    left, right = pair(seed)
    right = replace(right, input=left.input)
    ours, theirs = (
        [[int(v) for v in evaluate(net, point)] for point in grid(left.input).tolist()] for net in (left, right)
    )
    shifts = max(net.output_precision_bits() for net in (left, right))
    ours, theirs = (
        [[v << (shifts - net.output_precision_bits()) for v in row] for row in rows]
        for net, rows in ((left, ours), (right, theirs))
    )
    holds = all(relation.holds(a, b) for a, b in zip(ours, theirs, strict=True))
    found = decide(left, right, relation, sweep_budget=1, rlimit=10_000, workers=1, monitor=Monitor())
    assert not (found.proved and not holds)
    assert not (found.witness is not None and holds)
    if relation.name != "argmax" and found.maximum.upper is not None:
        largest = max(np.abs(np.array(ours) - np.array(theirs)).max(initial=0), 0)
        assert found.maximum.seen <= largest <= found.maximum.upper
