"""Nothing that is only a guess may be believed: guesses that lie, and z3 which denies them.

Every lie is told twice. With z3 every form is right at every point. With a z3 that says `unsat` to everything some
form is wrong, and walking the box shows it: so it is z3 that stands in the way of the lie, and the walk would see it.
"""

from __future__ import annotations

from dataclasses import replace

import pytest
from merged import RLIMIT, linear, new_atoms, settle, simulated, unit
from mutants import dense, network

from certify.monitor import Monitor
from certify.network.steps import Clamp, Offset, Relu, Requantize, RequantizeQ31, Sign, Threshold
from certify.proof.claim import EQUAL
from certify.proof.merging import atoms, facts, relatives
from certify.proof.merging.curves import Combination, dependency
from certify.proof.merging.forms import combine
from certify.proof.merging.merge import merge
from certify.proof.merging.unscale import unscale
from solvers.smt.session import Answer, Outcome

RELU = (Relu(),)


def of_few_rows(columns, values, rows=3):
    """Right at the first points, and perhaps nowhere else."""
    return dependency([column[:rows] for column in columns], values[:rows])


def of_all_but_the_first(columns, values):
    return dependency([column[1:] for column in columns], values[1:])


def of_all_but_the_last(columns, values):
    return dependency([column[:-1] for column in columns], values[:-1])


def off_by_one(columns, values):
    found = dependency(columns, values)
    return found and replace(found, factors=(found.factors[0] + 1, *found.factors[1:]))


def of_another_factor(columns, values):
    found = dependency(columns, values)
    return found and replace(found, factors=(*found.factors[:-1], found.factors[-1] + 1))


def of_another_denominator(columns, values):
    found = dependency(columns, values)
    return found and replace(found, denominator=found.denominator + 1)


def always_the_last(columns, values):
    """The same as the latest curve, or the line."""
    return Combination(1, (*[0] * (len(columns) - 1), 1)) if values else None


def always_constant(columns, values):
    return Combination(1, (values[0], *[0] * (len(columns) - 1)))


DEPENDENCIES = {
    "of the first points": of_few_rows,
    "of all but the first": of_all_but_the_first,
    "of all but the last": of_all_but_the_last,
    "one more": off_by_one,
    "another factor": of_another_factor,
    "another denominator": of_another_denominator,
    "always the last": always_the_last,
    "always constant": always_constant,
}
UNITS = [
    (1, 0, RELU),
    (2, 0, RELU),
    (-1, 0, RELU),
    (1, -3, RELU),
    (1, 9, RELU),
    (1, 0, (Clamp(0, 3),)),
    (1, 0, (Clamp(0, 4),)),
    (1, 0, (Clamp(-3, 9),)),
    (1, 0, (Clamp(-9, 4),)),
    (3, 1, (Requantize(1, "floor"),)),
    (3, 1, (Requantize(1, "half_up"),)),
    (1, 0, (Threshold(),)),
    (2, 1, (Sign(),)),
    (4, 4, (RequantizeQ31(2**30 + 5, 1, "single", 1), Relu())),
]


def add_units(into):
    for factor, constant, steps in UNITS:
        unit(into, linear(factor, constant), *steps)
    return into


def believe_everything(monkeypatch):
    monkeypatch.setattr(facts.session, "check", lambda *_: Outcome(Answer.UNSAT))
    monkeypatch.setattr(facts.Facts, "not_empty", lambda *_: None)


@pytest.mark.parametrize("lie", DEPENDENCIES.values(), ids=DEPENDENCIES)
def test_a_dependency_that_lies(monkeypatch, lie):
    monkeypatch.setattr(atoms, "dependency", lie)
    add_units(new_atoms((-4, 5)))
    believe_everything(monkeypatch)
    with pytest.raises(AssertionError):
        add_units(new_atoms((-4, 5)))


def doubled(steps, divisor):
    """What is right for another divisor."""
    return unscale(steps, 2 * divisor)


UNSCALES = {
    "the steps as they are": lambda steps, _: tuple(steps),
    "no steps": lambda *_: (),
    "others": lambda steps, _: (Offset(1), *steps),
    "for another divisor": doubled,
    "a step less": lambda steps, _: tuple(steps[:-1]),
}
SCALED = [
    (2, 4, (Clamp(-2, 6),)),
    (2, 4, (Clamp(-4, 8),)),
    (6, -12, (Offset(6), Relu())),
    (4, 8, (Requantize(1, "floor", 2), Clamp(-2, 6))),
    (8, 8, (Requantize(4, "half_up"),)),
    (8, 0, (RequantizeQ31(2**30, 1, "double"), Relu())),
    (4, 0, (RequantizeQ31(2**30 + 9, 2, "single"), Clamp(-1, 1))),
]


@pytest.mark.parametrize("lie", UNSCALES.values(), ids=UNSCALES)
def test_an_unscaling_that_lies(monkeypatch, lie):
    def units():
        for factor, constant, steps in SCALED:
            for first in ((), ((factor, constant, steps),)):
                made = new_atoms((-4, 5))
                for own in (*first, (factor // 2, constant // 2, steps), (factor, constant, steps)):
                    unit(made, linear(own[0], own[1]), *own[2])

    monkeypatch.setattr(atoms, "unscale", lie)
    units()
    believe_everything(monkeypatch)
    with pytest.raises(AssertionError):
        units()


def test_a_double_multiplier_is_not_what_a_smaller_shift_makes_of_it(monkeypatch):
    """The guess that a reader of the other two rules would make."""

    def as_the_others(steps, divisor):
        [step] = steps
        return (RequantizeQ31(step.multiplier, step.shift - divisor.bit_length() + 1, "single"),)

    monkeypatch.setattr(atoms, "unscale", as_the_others)
    made = new_atoms((-60, 60))
    for factor in (2, 4, 2):
        unit(made, linear(factor, 0), RequantizeQ31(2**30 + 2**20 + 1, 2, "double"))


# Units of several lines.


def on_two_lines(few=()):
    """σ(x - y), σ(2x + y) and σ(x - y - 1), and bent sums of the first two; the last of the three is one of those."""
    made = simulated((-2, 2), (-2, 2), points=few)
    left, right = (unit(made, linear(factors), Relu()) for factors in [(1, -1), (2, 1)])
    unit(made, linear((1, -1), -1), Relu())
    for parts, constant in [((1, 1), 0), ((1, -1), 1), ((1, 0), -1), ((2, 1), -3)]:
        unit(made, combine(zip(parts, (left, right), strict=True), constant), Relu())
        unit(made, combine(zip(parts, (left, right), strict=True), constant), Clamp(0, 3))
    unit(made, linear((1, -1)), Clamp(-3, 9))
    unit(made, linear((2, 1)), Clamp(-9, 5))
    return made


FEW = {
    "one point": [(0, 0)],
    "the low corner twice": [(-2, -2), (-2, -2)],
    "a diagonal": [(x, x) for x in range(-2, 3)],
    "one side": [(x, -2) for x in range(-2, 3)],
    "four corners": [(-2, -2), (-2, 2), (2, -2), (2, 2)],
}


@pytest.mark.parametrize("points", FEW.values(), ids=FEW)
def test_a_simulation_that_sees_few_points(points, monkeypatch):
    on_two_lines(points)
    believe_everything(monkeypatch)
    with pytest.raises(AssertionError):
        on_two_lines(points)


OF_UNITS = {name: lie for name, lie in DEPENDENCIES.items() if "all but" not in name}


@pytest.mark.parametrize("lie", OF_UNITS.values(), ids=OF_UNITS)
def test_a_dependency_of_units_that_lies(monkeypatch, lie):
    support = relatives._Independent.support
    monkeypatch.setattr(
        relatives._Independent, "support", lambda self, values: support(self, values) or self._names[-3:]
    )
    monkeypatch.setattr(relatives, "dependency", lie)
    on_two_lines()
    believe_everything(monkeypatch)
    with pytest.raises(AssertionError):
        on_two_lines()


def test_an_independence_that_lies(monkeypatch):
    """Every unit seems to be a combination of the first atoms; no fraction of them is its values."""
    monkeypatch.setattr(relatives._Independent, "support", lambda self, _: self._names[:2])
    assert on_two_lines().related == 0


# Whole networks.

LEFT = network([-3, 0], [2, 3], dense([[1, -1], [2, 1]], RELU, bias=[0, -1]), dense([[1, 2]], bias=[1]))
MUTANTS = {
    "a weight": network([-3, 0], [2, 3], dense([[1, -1], [2, 2]], RELU, bias=[0, -1]), dense([[1, 2]], bias=[1])),
    "a bias": network([-3, 0], [2, 3], dense([[1, -1], [2, 1]], RELU, bias=[1, -1]), dense([[1, 2]], bias=[1])),
    "an output's weight": network(
        [-3, 0], [2, 3], dense([[1, -1], [2, 1]], RELU, bias=[0, -1]), dense([[1, 3]], bias=[1])
    ),
    "a clamp that one point reaches": network(
        [-3, 0], [2, 3], dense([[1, -1], [2, 1]], [Clamp(0, 5)], bias=[0, -1]), dense([[1, 2]], bias=[1])
    ),
}


@pytest.mark.parametrize("lie", DEPENDENCIES.values(), ids=DEPENDENCIES)
@pytest.mark.parametrize("right", MUTANTS.values(), ids=MUTANTS)
def test_networks_that_differ_are_not_merged_by_lies(monkeypatch, right, lie):
    monkeypatch.setattr(atoms, "dependency", lie)
    monkeypatch.setattr(relatives, "dependency", lie)
    monkeypatch.setattr(relatives._Independent, "support", lambda self, _: self._names[-2:])
    assert not settle(LEFT, right).proved


@pytest.mark.parametrize("answer", [Answer.UNKNOWN, Answer.SAT])
def test_a_z3_that_never_says_unsat_proves_nothing(monkeypatch, answer):
    """It is asked about each sum by `refute_all`; all else is by `check`."""
    hidden = dense([[2, 1], [2, -2]], RELU, bias=[-1, 0])
    right = network([-3, 0], [2, 3], hidden, dense([[4, 1]], bias=[2], bits=1))
    assert settle(LEFT, right).proved
    real = facts.session.check

    def check(formulas, rlimit):
        outcome = real(formulas, rlimit)
        return outcome if outcome.answer is Answer.SAT else Outcome(answer, reason="told to")

    monkeypatch.setattr(facts.session, "check", check)
    assert not merge(LEFT, right, EQUAL, RLIMIT, Monitor()).proved
