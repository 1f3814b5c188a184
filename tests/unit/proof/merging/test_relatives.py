"""Units on several lines: identities, what is nearly one, and the limits after which nobody asks any more."""

from __future__ import annotations

import random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from merged import RLIMIT, grid, linear, new_atoms, simulated, unit

from certify.network.steps import Clamp, Relu, Requantize, Threshold
from certify.proof.merging import relatives
from certify.proof.merging.forms import Form, atom_form, combine
from certify.proof.merging.relatives import Relatives, _Independent
from solvers.smt.session import Answer, Outcome


def fire(atoms, form, *steps):
    return unit(atoms, form, *(steps or [Relu()]))


def plus(*parts, constant=0):
    return combine(parts, constant)


def larger(atoms, x, y):
    return plus((1, x), (1, fire(atoms, plus((1, y), (-1, x)))))


def smaller(atoms, x, y):
    return plus((1, x), (-1, fire(atoms, plus((1, x), (-1, y)))))


X, Y, Z = (atom_form(index) for index in range(3))


def distance(atoms, x, y):
    return plus((1, fire(atoms, plus((1, x), (-1, y)))), (1, fire(atoms, plus((1, y), (-1, x)))))


def parity(atoms, x, y):
    return plus((1, x), (1, y), (-2, fire(atoms, plus((1, x), (1, y), constant=-1))))


# Name: the box, and two ways to write one function.
IDENTITIES = {
    "max": ([(-2, 2)] * 2, lambda a: larger(a, X, Y), lambda a: larger(a, Y, X)),
    "max of three": (
        [(-1, 1)] * 3,
        lambda a: larger(a, larger(a, X, Y), Z),
        lambda a: larger(a, X, larger(a, Y, Z)),
    ),
    "median": (
        [(-1, 1)] * 3,
        lambda a: larger(a, smaller(a, X, Y), smaller(a, larger(a, X, Y), Z)),
        lambda a: larger(a, smaller(a, Z, X), smaller(a, larger(a, Z, X), Y)),
    ),
    "|x - y|": (
        [(-2, 2)] * 2,
        lambda a: distance(a, X, Y),
        lambda a: plus((1, larger(a, X, Y)), (-1, smaller(a, X, Y))),
    ),
    "||x| - |y||": (
        [(-2, 2)] * 2,
        lambda a: distance(a, distance(a, X, Form()), distance(a, Y, Form())),
        lambda a: plus(
            (1, larger(a, distance(a, X, Form()), distance(a, Y, Form()))),
            (-1, smaller(a, distance(a, Y, Form()), distance(a, X, Form()))),
        ),
    ),
    "xor": ([(0, 1)] * 2, lambda a: parity(a, X, Y), lambda a: distance(a, X, Y)),
    "parity": (
        [(0, 1)] * 3,
        lambda a: parity(a, parity(a, X, Y), Z),
        lambda a: parity(a, X, parity(a, Z, Y)),
    ),
    "parity, and three units": (
        [(0, 1)] * 3,
        lambda a: parity(a, parity(a, X, Y), Z),
        lambda a: plus(
            (1, X),
            (1, Y),
            (1, Z),
            (-2, fire(a, linear((1, 1, 1), -1))),
            (2, fire(a, linear((1, 1, 1), -2))),
        ),
    ),
    "relu of relu": (
        [(-3, 3)] * 2,
        lambda a: fire(a, plus((1, fire(a, linear((1, 1)))), constant=-2)),
        lambda a: fire(a, linear((1, 1), -2)),
    ),
    "majority of steps": (
        [(0, 1)] * 3,
        lambda a: fire(a, linear((1, 1, 1), -2), Threshold()),
        lambda a: plus((1, fire(a, linear((1, 1, 1), -1))), (-1, fire(a, linear((1, 1, 1), -2)))),
    ),
}


@pytest.mark.parametrize(("box", "left", "right"), IDENTITIES.values(), ids=IDENTITIES)
def test_identities(box, left, right):
    """The second way adds no atom to the first that the outputs are written in."""
    atoms = simulated(*box)
    assert left(atoms) == right(atoms)
    atoms = simulated(*box)
    assert right(atoms) == left(atoms)


@pytest.mark.parametrize(("box", "left", "right"), IDENTITIES.values(), ids=IDENTITIES)
def test_identities_that_few_points_suggest(box, left, right):
    """On a few points much more seems to be equal than is, in some order or other: `unit` walks the box."""
    rng = random.Random(7)
    everything = grid(box)
    for count in (1, 2, 3, 5):
        atoms = simulated(*box, points=rng.choices(everything, k=count))
        forms = [left(atoms), right(atoms)]
        fire(atoms, plus((1, forms[0]), (1, forms[1]), (-1, X), constant=-1))
        fire(atoms, plus((2, forms[0]), (-1, forms[1])), Requantize(1, "floor"))


def shifted(way, at):
    """The way, with 1 added to what its unit number `at` gets."""
    count = -1

    def fired(atoms, form, *steps):
        nonlocal count
        count += 1
        return unit(atoms, plus((1, form), constant=int(count == at)), *(steps or [Relu()]))

    def run(atoms):
        with pytest.MonkeyPatch.context() as patch:
            patch.setitem(globals(), "fire", fired)
            return way(atoms)

    return run


@pytest.mark.parametrize("at", range(3))
@pytest.mark.parametrize(("box", "left", "right"), IDENTITIES.values(), ids=IDENTITIES)
def test_identities_with_a_bias_changed(box, left, right, at):
    """Whatever is related still is so at every point: `unit` walks the box after each."""
    for points in (grid(box), grid(box)[::4]):
        atoms = simulated(*box, points=points)
        left(atoms)
        shifted(right, at)(atoms)


def test_near_misses_at_one_point():
    """min(x, y, 2) and min(x, y) differ at one corner, which is not among the points."""
    box = [(0, 3), (0, 3)]
    atoms = simulated(*box, points=[point for point in grid(box) if point != (3, 3)])
    least = smaller(atoms, X, Y)
    clamped = unit(atoms, least, Clamp(0, 2))
    assert clamped != least
    assert atoms.related == 0


def test_several_points_of_one_value_suggest_a_constant():
    atoms = simulated((-2, 2), (-2, 2), points=[(x, 2) for x in range(-2, 3)])
    other = fire(atoms, linear((0, 1)))
    assert other.terms
    assert fire(atoms, plus((1, other), constant=-1)).terms


# Limits.


def bent(atoms):
    """σ(σ(x + y) - 2), which is σ(x + y - 2)."""
    outer = fire(atoms, linear((1, 1), -2))
    inner = fire(atoms, linear((1, 1)))
    return outer == fire(atoms, plus((1, inner), constant=-2))


def test_within_the_limits():
    assert bent(simulated((-3, 3), (-3, 3)))
    assert not bent(new_atoms((-3, 3), (-3, 3)))


@pytest.mark.parametrize("limit", ["MOST_IN_A_COMBINATION", "MOST_IN_A_CONE", "MOST_GIVEN_UP"])
def test_beyond_a_limit_nothing_is_related(monkeypatch, limit):
    monkeypatch.setattr(relatives, limit, 0)
    atoms = simulated((-3, 3), (-3, 3))
    asked = []
    holds = atoms.facts.holds
    monkeypatch.setattr(atoms.facts, "holds", lambda *args: asked.append(args[1]) or holds(*args))
    assert not bent(atoms)
    assert atoms.related == 0
    assert "unit" not in asked


@pytest.mark.parametrize(
    ("limit", "least"), [("MOST_IN_A_COMBINATION", 1), ("MOST_IN_A_CONE", 2), ("MOST_GIVEN_UP", 1)]
)
def test_at_a_limit_things_are_related(monkeypatch, limit, least):
    for value in (least - 1, least):
        monkeypatch.setattr(relatives, limit, value)
        assert bent(simulated((-3, 3), (-3, 3))) == (value == least)


def test_z3_that_gives_up_relates_nothing_and_is_asked_less_and_less(monkeypatch):
    atoms = new_atoms((-3, 3), (-3, 3))
    found = Relatives(grid([(-3, 3), (-3, 3)]), RLIMIT)
    atoms._relatives = found
    holds, asked = atoms.facts.holds, []

    def giving_up(key, kind, *rest):
        if kind != "unit":
            return holds(key, kind, *rest)
        asked.append(kind)
        return Outcome(Answer.UNKNOWN, reason="canceled")

    monkeypatch.setattr(atoms.facts, "holds", giving_up)
    for constant in range(-2, 4):
        inner = fire(atoms, linear((1, 1), constant))
        fire(atoms, plus((1, inner), constant=-1))
    assert atoms.related == 0
    assert found.gave_up == len(asked)
    assert relatives.MOST_GIVEN_UP <= len(asked) <= relatives.MOST_GIVEN_UP + 1


@pytest.mark.parametrize("answer", [Answer.SAT, Answer.UNKNOWN])
def test_only_unsat_relates(monkeypatch, answer):
    atoms = simulated((-3, 3), (-3, 3))
    holds = atoms.facts.holds
    told = Outcome(answer, reason="told to")
    monkeypatch.setattr(
        atoms.facts, "holds", lambda key, kind, *rest: told if kind == "unit" else holds(key, kind, *rest)
    )
    assert not bent(atoms)
    assert "unit" not in atoms.facts.counts()


# Independence modulo the prime.

VECTORS = st.integers(1, 5).flatmap(
    lambda rows: st.lists(st.lists(st.integers(-6, 6), min_size=rows, max_size=rows), min_size=1, max_size=6)
)


def rank(vectors):
    return int(np.linalg.matrix_rank(np.array(vectors, dtype=float))) if len(vectors) else 0


@given(VECTORS)
def test_what_is_kept_is_independent_and_spans_all(vectors):
    """Entries this small are dependent modulo the prime where they are: determinants stay below it."""
    kept = _Independent(len(vectors[0]))
    for name, vector in enumerate(vectors):
        before = [vectors[other] for other in kept._names]
        kept.add(name, vector)
        assert (name in kept._names) == (rank([*before, vector]) > rank(before))
    assert len(kept._names) == rank(vectors)


@given(VECTORS, st.data())
def test_support(vectors, data):
    kept = _Independent(len(vectors[0]))
    for name, vector in enumerate(vectors):
        kept.add(name, vector)
    chosen = [vectors[name] for name in kept._names]
    values = data.draw(st.lists(st.integers(-6, 6), min_size=len(vectors[0]), max_size=len(vectors[0])))
    found = kept.support(values)
    assert (found is None) == (rank([*chosen, values]) > rank(chosen))
    if found is not None:
        assert rank([*(vectors[name] for name in found), values]) == len(found)


def test_support_of_a_combination_is_what_it_is_made_of():
    kept = _Independent(4)
    rows = {5: [1, 0, 2, 0], 7: [0, 1, 1, 0], 9: [1, 1, 3, 0], 11: [0, 0, 0, 2**80]}
    for name, values in rows.items():
        kept.add(name, values)
    assert kept.support([2, -3, 1, 0]) == [5, 7]
    assert kept.support([0, 0, 0, 2**80]) == [11]
    assert kept.support([0, 0, 0, 0]) == []
    assert kept.support([0, 0, 1, 0]) is None


def test_values_that_are_0_modulo_the_prime_relate_nothing():
    """Of the atom x, all values but one 0 modulo the prime: exact arithmetic, and z3, have the last word."""
    prime = 2**31 - 1
    atoms = simulated((0, 3 * prime), points=[(0,), (prime,), (2 * prime,), (3 * prime,)])
    one = atoms.unit(linear(1, -prime), (Relu(),))
    assert one.terms
    assert atoms.related == 0
