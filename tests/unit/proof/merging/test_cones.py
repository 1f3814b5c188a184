"""What z3 is told of atoms: what they are made of where they are defined, and where they are not, their ranges."""

from __future__ import annotations

import pytest
from merged import RLIMIT, atoms_at, grid, linear, new_atoms, unit

from certify.network.steps import Clamp, Relu, Requantize, RequantizeQ31
from certify.proof.merging.cones import cone, what_atoms_are, with_cone
from certify.proof.merging.forms import combine
from certify.proof.merging.walk import atom_term
from solvers.smt import session
from solvers.smt.session import Answer
from solvers.smt.terms import Z3

BOX = [(-3, 2), (0, 3), (1, 2)]


@pytest.fixture
def atoms():
    """t3 = σ(x - y), t4 = clamp(x + z), t5 = twice σ(t3 + t4), t6 on half of t5, t7 rounded."""
    made = new_atoms(*BOX)
    one = unit(made, linear((1, -1)), Relu())
    other = unit(made, linear((1, 0, 1)), Clamp(-1, 1))
    both = combine([(1, one), (1, other)])
    twice = unit(made, combine([(2, both)]), RequantizeQ31(2**30, -1, "double"), Relu())
    half = unit(made, both, Relu())
    unit(made, combine([(1, half)], -1), Relu())
    unit(made, combine([(3, one), (1, twice)]), Requantize(2, "half_even"))
    assert half.denominator == 2
    assert len(made.definitions) == 8
    return made


CONES = {
    "an input": ([1], [1]),
    "nothing": ([], []),
    "a unit of two inputs": ([3], [0, 1, 3]),
    "units of units": ([5], [0, 1, 2, 3, 4, 5]),
    "of a half": ([6], [0, 1, 2, 3, 4, 5, 6]),
    "several": ([3, 2], [0, 1, 2, 3]),
}


@pytest.mark.parametrize(("wanted", "expected"), CONES.values(), ids=CONES)
def test_cone(atoms, wanted, expected):
    assert cone(atoms, wanted) == expected


def told(formulas, fixed):
    """z3's answer where some atoms have these values."""
    values = [Z3.equal(atom_term(Z3, atom), Z3.constant(value)) for atom, value in fixed.items()]
    return session.check([*formulas, *values], RLIMIT)


def test_definitions_leave_each_atom_its_value(atoms):
    """For every point of the box there is a model, and its atoms are what they are there."""
    formulas = what_atoms_are(Z3, atoms, range(8))
    for point in grid(BOX):
        outcome = told(formulas, dict(enumerate(point)))
        assert outcome.answer is Answer.SAT
        assert [outcome.model[f"t{atom}"] for atom in range(8)] == atoms_at(atoms, point)


@pytest.mark.parametrize("atom", range(3, 8))
def test_a_definition_allows_no_other_value(atoms, atom):
    formulas = what_atoms_are(Z3, atoms, range(8))
    for point in grid(BOX)[::5]:
        value = atoms_at(atoms, point)[atom]
        for other in (value - 1, value + 1):
            assert told(formulas, {**dict(enumerate(point)), atom: other}).answer is Answer.UNSAT


def test_no_point_outside_the_box_is_left(atoms):
    formulas = what_atoms_are(Z3, atoms, [5])
    for atom in (0, 1, 3, 4, 5):
        low, high = atoms.ranges[atom]
        assert told(what_atoms_are(Z3, atoms, [atom]), {atom: low - 1}).answer is Answer.UNSAT
        assert told(what_atoms_are(Z3, atoms, [atom]), {atom: high + 1}).answer is Answer.UNSAT
    assert told(formulas, {3: -1}).answer is Answer.UNSAT


def test_what_is_not_defined_is_free_in_its_range(atoms):
    """σ(x - y) and clamp(x + z) cannot be 2 and -1 together; where only t5 is defined they can."""
    fixed = {3: 2, 4: -1}
    assert told(what_atoms_are(Z3, atoms, [3, 4]), fixed).answer is Answer.UNSAT
    assert told(what_atoms_are(Z3, atoms, [5]), fixed).answer is Answer.SAT
    assert told(what_atoms_are(Z3, atoms, [5]), {3: 3}).answer is Answer.UNSAT


LEVELS = {
    "nothing": ([], {3: 2, 4: -1, 5: 0}, Answer.SAT),
    "nothing, out of range": ([], {5: 99}, Answer.UNSAT),
    "one of them": ([5], {3: 2, 4: -1, 5: 0}, Answer.UNSAT),
    "one of them, as it is": ([5], {3: 2, 4: -1, 5: 2}, Answer.SAT),
    "everything": (range(6), {3: 2, 4: -1, 5: 2}, Answer.UNSAT),
    "everything, as it is": (range(6), {3: 2, 4: 1, 5: 6}, Answer.SAT),
}


@pytest.mark.parametrize(("defined", "fixed", "expected"), LEVELS.values(), ids=LEVELS)
def test_with_cone(atoms, defined, fixed, expected):
    """Everything that is used has at least its range; the violation is one of the formulas."""
    used = [3, 4, 5]
    formulas = with_cone(Z3, atoms, defined, used, lambda words: words.all_of([]))
    assert told(formulas, fixed).answer is expected
    formulas = with_cone(Z3, atoms, defined, used, lambda words: words.any_of([]))
    assert told(formulas, fixed).answer is Answer.UNSAT


@pytest.mark.parametrize(("bound", "expected"), [(3, Answer.SAT), (4, Answer.UNSAT)])
def test_a_violation_is_asked_where_the_ranges_hold(bound, expected):
    made = new_atoms((0, 3))
    formulas = with_cone(Z3, made, [], [0], lambda words: words.at_most(words.constant(bound), atom_term(words, 0)))
    assert session.check(formulas, RLIMIT).answer is expected
