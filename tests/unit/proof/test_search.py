"""Relations in sweeps and searches of networks, and the power of the search for a witness."""

from __future__ import annotations

import random
from dataclasses import replace
from itertools import product

import naive_relation
import pytest
from mutants import dense, network, plain_ticket, with_weight

from certify.monitor import Monitor
from certify.network.steps import Relu, Requantize
from certify.proof import enumeration
from certify.proof.claim import EQUAL, Relation, replay
from certify.proof.enumeration import Search, Sweep, TooWideError, search_difference, sweep_grid, sweep_work
from solvers.grid import witness
from solvers.grid.search import sample

RELATIONS = [EQUAL, Relation("within", 1), Relation("within", 4), Relation("within", 2**70), Relation("argmax")]


@pytest.mark.parametrize("exactly", [False, True])
@pytest.mark.parametrize("relation", RELATIONS, ids=lambda relation: f"{relation.name} {relation.bound}")
def test_every_relation_compiled_and_in_python_integers(monkeypatch, relation, exactly):
    """Random networks of two outputs, the second at another scale and often much the same."""
    if exactly:
        monkeypatch.setattr(enumeration, "_programs", refuse)
    monkeypatch.setattr(enumeration, "SEARCH_POINTS", 1200)
    rng = random.Random("relations")
    verdicts = set()
    for _ in range(12):
        weights = [[rng.randint(-2, 2) for _ in range(2)] for _ in range(2)]
        left = network([-3, -3], [3, 3], dense(weights, [Relu()], bias=[rng.randint(-3, 3), 0]))
        others = [[4 * weight + rng.choice([0, 0, 0, 1]) for weight in row] for row in weights]
        right = network([-3, -3], [3, 3], dense(others, [Relu()], bias=[4 * b for b in left.layers[0].bias], bits=2))
        point, largest, count = naive_relation.look(left, right, product(range(-3, 4), repeat=2), relation)
        work = sweep_work(left, right)
        assert sweep_grid(left, right, 2, Monitor(), relation) == Sweep(count, work, point, largest)
        found = search_difference(left, right, relation)
        if point is None:
            assert (found.point, found.largest <= largest) == (None, True)
        else:
            assert naive_relation.look(left, right, [found.point], relation)[0] == found.point
        verdicts.add(point is None)
    assert verdicts == ({True} if relation.bound == 2**70 else {True, False})


def refuse(*_):
    raise TooWideError("said so")


def test_a_search_finds_what_a_corner_shows():
    target = network([0] * 70, [200] * 70, dense([[3] * 70], bits=2))
    ticket = plain_ticket(target)
    assert search_difference(target, ticket).point is None
    found = search_difference(target, with_weight(ticket, 1, 0, 138, 4)).point
    assert found is not None
    assert found[69] != 0


def test_a_search_is_the_same_every_time():
    target = network([-40] * 64, [200] * 64, dense([[3] * 64], [Requantize(8, "floor")], bits=2))
    ticket = with_weight(plain_ticket(target), 1, 0, 7, -2)
    assert search_difference(target, ticket) == search_difference(target, ticket)


def points_looked_at(monkeypatch, target, ticket):
    seen = []
    original = witness._Looking._block

    def block(looking, points):
        seen.extend(points.tolist())
        original(looking, points)

    monkeypatch.setattr(witness._Looking, "_block", block)
    found = search_difference(target, ticket)
    assert found == Search(None, 0, len(seen))
    return seen


def test_a_search_begins_with_these_points(monkeypatch):
    """The same in every version, so that a refuted ticket is refuted everywhere."""
    low, high = [-40] * 4, [200] * 4
    target = network(low, high, dense([[3] * 4], bits=2))
    expected = sample(low, high, 512, 250811020).tolist()
    monkeypatch.setattr(enumeration, "SEARCH_POINTS", 2000)
    looked_at = points_looked_at(monkeypatch, target, plain_ticket(target))
    assert len(looked_at) == 2000
    assert looked_at[: len(expected)] == expected


def test_a_search_is_shorter_where_points_cost_more(monkeypatch):
    low, high = [-40] * 4, [200] * 4
    target = network(low, high, dense([[3] * 4], bits=2))
    ticket = plain_ticket(target)
    multiplications = sum(layer.weights.entries for layer in (*target.layers, *ticket.layers))
    monkeypatch.setattr(enumeration, "SEARCH_POINTS", 2000)
    monkeypatch.setattr(enumeration, "SEARCH_WORK", 3 * multiplications)
    assert points_looked_at(monkeypatch, target, ticket) == sample(low, high, 3, 250811020).tolist()
    monkeypatch.setattr(enumeration, "SEARCH_WORK", 1000 * multiplications)
    assert len(points_looked_at(monkeypatch, target, ticket)) == 1000


def random_layer(rng, inputs, outputs, steps):
    """Weights of five bits; every step list ends as it is given."""
    rows = [[rng.randint(-16, 16) for _ in range(inputs)] for _ in range(outputs)]
    return dense(rows, steps, bits=4, bias=[rng.randint(-20, 20) for _ in range(outputs)])


ROUNDINGS = {
    "nothing rounded": ([Relu()], []),
    "hidden layer rounded": ([Relu(), Requantize(8, "floor")], []),
    "both layers rounded": ([Relu(), Requantize(8, "half_even")], [Requantize(8, "half_up")]),
}


@pytest.mark.compiled
@pytest.mark.parametrize("changed", [0, 1], ids=["first layer", "second layer"])
@pytest.mark.parametrize(("hidden", "last"), ROUNDINGS.values(), ids=ROUNDINGS)
@pytest.mark.parametrize("seed", range(4))
def test_networks_with_one_changed_weight_are_told_apart(seed, hidden, last, changed):
    """64-64-10 with 33 values an input, one weight one higher: what rounding hides shows on few points."""
    rng = random.Random(f"one weight of {seed}")
    target = network([-16] * 64, [16] * 64, random_layer(rng, 64, 64, hidden), random_layer(rng, 64, 10, last))
    row, column = rng.randrange(target.layers[changed].outputs), rng.randrange(64)
    weight = int(target.layers[changed].weights.to_dense()[row, column])
    mutant = with_weight(target, changed, row, column, weight + 1)
    found = search_difference(target, mutant)
    assert found.point is not None
    assert replay(target, mutant, found.point).input == found.point
    nothing = search_difference(target, replace(target))
    assert nothing == Search(None, 0, enumeration.SEARCH_POINTS)


@pytest.mark.compiled
def test_a_search_climbs_beyond_what_random_points_show():
    rng = random.Random("climb")
    target = network([-16] * 64, [16] * 64, random_layer(rng, 64, 64, [Relu()]), random_layer(rng, 64, 10, []))
    mutant = with_weight(target, 0, 5, 6, 17)
    sampled = search_difference(target, mutant, Relation("within", 2**80))
    bound = sampled.largest - 1
    found = search_difference(target, mutant, Relation("within", bound))
    assert found.largest == sampled.largest
    assert replay(target, mutant, found.point, Relation("within", bound)).input == found.point
