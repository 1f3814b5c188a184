"""What is asked about outputs, by each relation, against a walk over the whole box."""

from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from merged import RLIMIT, atoms_at, form_at, grid, linear, new_atoms, unit, winner

from certify.network.steps import Clamp, Relu, RequantizeQ31, Threshold
from certify.proof.claim import EQUAL, Relation
from certify.proof.merging import remainder
from certify.proof.merging.atoms import Definition
from certify.proof.merging.curves import Curve
from certify.proof.merging.forms import Form, atom_form, combine
from certify.proof.merging.remainder import Outputs, ask
from solvers.smt.session import Answer, Outcome

ARGMAX = Relation("argmax")


def within(bound):
    return Relation("within", bound)


def values_at(atoms, forms, point):
    values = atoms_at(atoms, point)
    found = [form_at(form, values) for form in forms]
    assert all(value.denominator == 1 for value in found)
    return [int(value) for value in found]


def failing(atoms, outputs, relation, output=None):
    """The points at which the relation fails, of one output or of all."""
    found = []
    for point in grid(atoms.ranges[: atoms.inputs]):
        left, right = values_at(atoms, outputs.left, point), values_at(atoms, outputs.right, point)
        if relation.name == "argmax":
            fails = winner(left) != winner(right)
        else:
            gaps = [abs(a - b) for a, b in zip(left, right, strict=True)]
            fails = (max(gaps) if output is None else gaps[output]) > relation.bound
        found += [point] * fails
    return found


def asked(atoms, left, right, relation, *, deeply=True, rlimit=RLIMIT):
    """What was asked, after each answer has been held against the box."""
    outputs = Outputs(tuple(left), tuple(right))
    found = ask(atoms, outputs, relation, rlimit, deeply=deeply)
    assert len(found) == (1 if relation.name == "argmax" else len(left))
    for index, item in enumerate(found):
        wrong = failing(atoms, outputs, relation, None if relation.name == "argmax" else index)
        assert not (item.proved and wrong)
        assert bool(item.reason) != item.proved
        if item.point is not None:
            assert not item.proved
            assert item.point in wrong
        if deeply and rlimit == RLIMIT:
            assert item.proved or item.point is not None
    return found


@pytest.fixture
def atoms():
    """Two inputs and σ(x - y), σ(x + y - 1), and a clamp of their sum."""
    made = new_atoms((-2, 2), (-1, 2))
    one, other = unit(made, linear((1, -1)), Relu()), unit(made, linear((1, 1), -1), Relu())
    unit(made, combine([(1, one), (1, other)]), Clamp(0, 2))
    return made


X, Y, ONE, OTHER, CLAMPED = (atom_form(index) for index in range(5))


def plus(*parts, constant=0):
    return combine(parts, constant)


Z = Form()
SOME = {
    "the same forms": ([X, ONE], [X, ONE], EQUAL, True),
    "a constant more": ([X], [plus((1, X), constant=1)], EQUAL, False),
    "a constant more, within": ([X], [plus((1, X), constant=-1)], within(1), True),
    "a constant more, not within": ([X], [plus((1, X), constant=-2)], within(1), False),
    "equal by what atoms are": (
        [plus((1, ONE), (-1, CLAMPED))],
        [plus((1, ONE), (-1, CLAMPED), (1, Z))],
        EQUAL,
        True,
    ),
    "a range that is just within": ([ONE], [Z], within(3), True),
    "a range that is just not": ([ONE], [Z], within(2), False),
    "within by what atoms are": ([plus((1, CLAMPED), constant=-1)], [Z], within(1), True),
    "within by what atoms are made of": ([plus((1, ONE), (1, OTHER), (-1, X))], [Z], within(2), True),
    "not within by what atoms are made of": ([plus((1, ONE), (1, OTHER), (-1, X))], [Z], within(1), False),
    "the difference on both sides": ([plus((1, X), (-1, Y))], [Z], within(4), True),
    "the difference on both sides, one less": ([plus((1, X), (-1, Y))], [Z], within(3), False),
    "one output of several": ([X, Y, ONE], [X, plus((1, Y), (1, CLAMPED)), ONE], EQUAL, False),
    "argmax, alike": ([X, Y], [X, Y], ARGMAX, True),
    "argmax, scaled": ([X, Y], [plus((3, X), constant=1), plus((3, Y), constant=1)], ARGMAX, True),
    "argmax, both constant and tied": ([Z, Z], [Form((), 5), Form((), 5)], ARGMAX, True),
    "argmax, a tie is the lower index's": ([Z, Z], [Z, Form((), 1)], ARGMAX, False),
    "argmax, the lower index is larger": ([Z, Z], [Form((), 1), Z], ARGMAX, True),
    "argmax, a tie won by the higher index": ([Form((), -1), Z], [Z, Z], ARGMAX, False),
    "argmax, three and the last two tied": (
        [Z, Form((), 1), Form((), 1)],
        [Z, Form((), 2), Form((), 1)],
        ARGMAX,
        True,
    ),
    "argmax, three and another of the tied": ([Z, Form((), 1), Form((), 1)], [Z, Z, Form((), 1)], ARGMAX, False),
    "argmax, ties at some points only": ([X, Y], [plus((2, X), constant=1), plus((2, Y))], ARGMAX, True),
    "argmax, ties broken": ([X, Y], [plus((2, X)), plus((2, Y), constant=1)], ARGMAX, False),
    "argmax, of one output": ([X], [plus((-1, X))], ARGMAX, True),
    "argmax, by what atoms are": ([X, Y], [ONE, plus((1, ONE), (-1, X), (1, Y))], ARGMAX, True),
    "argmax, max(x, y) is not x": ([X, Y], [plus((1, ONE), (1, Y)), Y], ARGMAX, False),
    "argmax, reversed": ([X, Y], [Y, X], ARGMAX, False),
}


@pytest.mark.parametrize(("left", "right", "relation", "expected"), SOME.values(), ids=SOME)
def test_relations(atoms, left, right, relation, expected):
    found = asked(atoms, left, right, relation)
    assert all(item.proved for item in found) == expected
    assert (not failing(atoms, Outputs(tuple(left), tuple(right)), relation)) == expected
    asked(atoms, left, right, relation, deeply=False)


FORMS = st.lists(
    st.tuples(st.integers(-2, 2), st.sampled_from([X, Y, ONE, OTHER, CLAMPED])), min_size=0, max_size=3
).flatmap(lambda parts: st.integers(-2, 2).map(lambda constant: combine(parts, constant)))
RELATIONS = st.one_of(st.just(EQUAL), st.just(ARGMAX), st.integers(1, 6).map(within))


@settings(max_examples=60)
@given(st.lists(st.tuples(FORMS, FORMS), min_size=1, max_size=3), RELATIONS, st.booleans())
def test_any_outputs(pairs, relation, deeply):
    made = new_atoms((-2, 2), (-1, 2))
    one, other = unit(made, linear((1, -1)), Relu()), unit(made, linear((1, 1), -1), Relu())
    unit(made, combine([(1, one), (1, other)]), Clamp(0, 2))
    left, right = zip(*pairs, strict=True)
    asked(made, left, right, relation, deeply=deeply)


@given(st.integers(0, 2**32), st.integers(2, 4))
def test_argmax_of_numbers(seed, count):
    """Ties everywhere."""
    rng = random.Random(seed)
    left, right = ([Form((), rng.randint(0, 2)) for _ in range(count)] for _ in range(2))
    asked(new_atoms((0, 0)), left, right, ARGMAX)


def halved():
    """Atoms of which σ(x) is half one: outputs over a denominator."""
    made = new_atoms((-3, 3), (-2, 2))
    unit(made, linear((2, 0)), RequantizeQ31(2**30, -1, "double"), Relu())
    return made, unit(made, linear((1, 0)), Relu())


@pytest.mark.parametrize("constant", range(-2, 3))
def test_outputs_over_a_denominator(constant):
    made, half = halved()
    other = plus((1, half), constant=constant)
    assert [item.proved for item in asked(made, [half], [other], EQUAL)] == [constant == 0]
    for bound in (1, 2):
        assert [item.proved for item in asked(made, [half], [other], within(bound))] == [abs(constant) <= bound]
        asked(made, [half], [Form((), constant)], within(bound))
    asked(made, [half, Form((), 1)], [other, Form((), 1)], ARGMAX)
    asked(made, [Form((), 1), half], [Form((), 1), other], ARGMAX)


def test_the_upper_bound(atoms):
    zero = (Z, Z)
    for forms in [(X, Y), (ONE, CLAMPED), (plus((1, X), (-1, Y), constant=3), Form((), -9)), (Z, Form((), 7))]:
        upper = Outputs(forms, zero).upper(atoms)
        assert upper == Outputs(zero, forms).upper(atoms)
        assert upper >= max(
            abs(value) for point in grid(atoms.ranges[:2]) for value in values_at(atoms, forms, point)
        )
    assert Outputs((X,), (Z,)).upper(atoms) == 2
    assert Outputs((plus((1, X), constant=5),), (Z,)).upper(atoms) == 7
    assert Outputs((plus((1, X), constant=-5),), (Z,)).upper(atoms) == 7
    assert Outputs((Z,), (Z,)).upper(atoms) == 0


def test_the_upper_bound_over_a_denominator():
    made, half = halved()
    assert Outputs((half,), (Z,)).upper(made) == 3
    assert Outputs((half,), (Form((), 1),)).upper(made) == 2


# Parts that share no input.


def added(made, index, constant, *steps, sign=1):
    """An atom on one input, made by hand so that nothing is known of it but its definition."""
    curve = Curve(sign, constant, 1, steps)
    return made._new(Definition(((index, 1),), curve))


def nothing(made, index):
    """σ(t) - σ(-t) - t of an input, which is 0."""
    return plus(
        (1, added(made, index, 0, Relu())), (-1, added(made, index, 0, Relu(), sign=-1)), (-1, atom_form(index))
    )


def test_parts():
    """Of six inputs, what is connected through units; the constant is in the first part."""
    made = new_atoms(*[(-2, 2)] * 6)
    both, own = unit(made, linear((1, 0, 1)), Relu()), unit(made, linear((0, 1)), Relu())
    above = unit(made, combine([(1, both)], -1), Relu())
    difference = plus((2, atom_form(3)), (1, above), (3, atom_form(2)), (-1, own), (1, atom_form(0)), constant=7)
    parts = list(remainder._parts(made, difference))
    assert [form.terms for form in parts] == [((0, 1), (2, 3), (8, 1)), ((7, -1),), ((3, 2),)]
    assert [form.constant for form in parts] == [7, 0, 0]


def test_parts_that_are_each_constant():
    made = new_atoms((-2, 2), (-1, 3), (0, 2))
    total = plus(*((index + 1, nothing(made, index)) for index in range(3)))
    assert asked(made, [total], [Z], EQUAL)[0].proved
    assert made.facts.counts()["output"].count == 3
    assert not asked(made, [total], [Form((), 1)], EQUAL)[0].proved


def test_parts_whose_constants_add_up_to_nothing():
    """step(t + 9) is 1 for each: 1 + 1 - 2."""
    made = new_atoms((-2, 2), (-1, 3))
    total = plus(*((1, added(made, index, 9, Threshold())) for index in range(2)))
    assert asked(made, [total], [Form((), 2)], EQUAL)[0].proved
    assert not asked(made, [total], [Form((), 1)], EQUAL)[0].proved


def test_parts_that_only_cancel_at_the_corner():
    """x + 2 and y + 1 are 0 at the low corner: the point lies elsewhere."""
    made = new_atoms((-2, 2), (-1, 3))
    [found] = asked(made, [plus((1, X), (1, Y))], [Form((), -3)], EQUAL)
    assert found.point != (-2, -1)


@pytest.mark.parametrize("which", range(3))
def test_one_part_that_is_not_constant(which):
    """The point moves the input of that part alone, so no other part makes up for it."""
    made = new_atoms((-2, 2), (-1, 3), (-1, 2))
    parts = [nothing(made, index) for index in range(3)]
    parts[which] = plus((1, parts[which]), (1, added(made, which, -1, Relu())))
    [found] = asked(made, [plus(*((1, part) for part in parts))], [Z], EQUAL)
    corner = (-2, -1, -1)
    assert [index for index in range(3) if found.point[index] != corner[index]] == [which]


# Levels and limits.


def test_only_ranges_are_known_where_it_is_not_asked_deeply(atoms):
    left, right = [plus((1, ONE), (1, OTHER))], [plus((1, ONE), (1, OTHER), constant=1)]
    assert asked(atoms, left, right, EQUAL, deeply=False)[0].reason == "the forms differ"
    [found] = asked(atoms, [plus((1, CLAMPED), (-1, ONE))], [Z], within(3), deeply=False)
    assert found.proved
    [found] = asked(atoms, [plus((1, CLAMPED), (-1, ONE))], [Z], within(1), deeply=False)
    assert (found.proved, found.point) == (False, None)


def test_the_same_deeply(atoms):
    """Between the ranges and all there is stand the definitions of the atoms in question."""
    assert asked(atoms, [plus((1, ONE), (-1, X), (1, Y))], [Z], within(4))[0].proved


def test_levels(atoms):
    levels = [sorted(level) for level in remainder._levels(atoms, {4}, deeply=True)]
    assert levels == [[], [4], [0, 1, 2, 3, 4]]
    assert [sorted(level) for level in remainder._levels(atoms, {4}, deeply=False)] == [[]]
    assert [sorted(level) for level in remainder._levels(atoms, {0, 1}, deeply=True)] == [[], [0, 1]]


def test_too_many_units_for_one_formula(atoms, monkeypatch):
    monkeypatch.setattr(remainder, "MOST_DEFINED", 2)
    found = ask(atoms, Outputs((CLAMPED,), (Form((), 1),)), EQUAL, RLIMIT, deeply=True)
    assert [(item.proved, item.point) for item in found] == [(False, None)]
    assert found[0].reason == "3 units in one formula, at most 2 are asked"


@pytest.mark.parametrize("relation", [EQUAL, within(1), ARGMAX], ids=lambda relation: relation.name)
def test_z3_that_gives_up_decides_nothing(atoms, monkeypatch, relation):
    monkeypatch.setattr(atoms.facts, "holds", lambda *_: Outcome(Answer.UNKNOWN, reason="canceled"))
    outputs = Outputs((CLAMPED, ONE), (ONE, OTHER))
    for item in ask(atoms, outputs, relation, 1234, deeply=True):
        assert (item.proved, item.point) == (False, None)
        assert item.reason == "canceled, rlimit 1,234"


@pytest.mark.parametrize("relation", [EQUAL, within(1), ARGMAX], ids=lambda relation: relation.name)
def test_a_model_of_less_than_everything_is_no_point(atoms, monkeypatch, relation):
    """`sat` where atoms are free says nothing."""
    holds, asked_ = atoms.facts.holds, []

    def stubborn(*args):
        asked_.append(args)
        return holds(*args) if len(asked_) < 2 else Outcome(Answer.UNKNOWN, reason="canceled")

    monkeypatch.setattr(atoms.facts, "holds", stubborn)
    [item, *_] = ask(atoms, Outputs((CLAMPED, X), (ONE, X)), relation, RLIMIT, deeply=True)
    assert (item.proved, item.point) == (False, None)
