"""Asking z3: what each of its answers becomes, and that giving up is never taken for a refutation."""

from __future__ import annotations

import pytest
import z3
from hypothesis import given
from hypothesis import strategies as st

from solvers.smt import session
from solvers.smt.session import Answer, Outcome, Refutation
from solvers.smt.terms import Z3

X, Y = Z3.variable("x"), Z3.variable("y")


def is_value(variable, number):
    return Z3.equal(variable, Z3.constant(number))


def cubes(number):
    """x³ + y³ + z³ = number in a small box: decided within a hundredth of the default budget, and not at once."""
    variables = [X, Y, Z3.variable("z")]
    boxes = [Z3.within(variable, -9, 9) for variable in variables]
    return Z3.all_of([*boxes, Z3.equal(Z3.total([v * v * v for v in variables]), Z3.constant(number))])


CUBES = [
    pytest.param(504, Answer.SAT, id="8³ - 2³ + 0³"),
    pytest.param(4, Answer.UNSAT, id="no three cubes are 4 mod 9"),
]


def test_the_words_for_answers():
    """SMT-LIB's own, for they are printed as they are."""
    assert list(Answer) == ["unsat", "sat", "unknown"]


def test_an_answer_alone_has_no_model_and_no_reason():
    assert Outcome(Answer.UNSAT) == Outcome(Answer.UNSAT, {}, "")
    assert Refutation() == Refutation((), (), "")


def test_the_default_budget():
    """What is proved depends on it, so it is the same in every version."""
    assert session.DEFAULT_RLIMIT == 2_000_000_000


def test_ctrl_c_stays_pythons(monkeypatch):
    settings = []

    class Solver(z3.Solver):
        def set(self, *setting):
            settings.append(setting)
            super().set(*setting)

    monkeypatch.setattr(session.z3, "Solver", Solver)
    assert session.check([is_value(X, 1)], 1_000_000).answer is Answer.SAT
    assert settings == [("rlimit", 1_000_000), ("ctrl_c", False)]


def test_a_model_that_singles_nothing_out_ends_the_run(monkeypatch):
    monkeypatch.setattr(session.z3, "is_true", lambda _: False)
    with pytest.raises(RuntimeError, match="satisfies a disjunction and none of its members"):
        session.refute_all([], [is_value(X, 1), is_value(X, 2)])


def test_unsat():
    assert session.check([Z3.within(X, 0, 5), is_value(X, 6)]) == Outcome(Answer.UNSAT)


def test_sat_names_the_values_that_hold():
    outcome = session.check([is_value(X, -(2**70)), Z3.within(Y, 3, 3)])
    assert outcome == Outcome(Answer.SAT, {"x": -(2**70), "y": 3})


def test_formulas_hold_together():
    assert session.check([is_value(X, 1)]).answer is Answer.SAT
    assert session.check([is_value(X, 2)]).answer is Answer.SAT
    assert session.check([is_value(X, 1), is_value(X, 2)]).answer is Answer.UNSAT


def test_no_formulas_hold():
    assert session.check([]) == Outcome(Answer.SAT)


def test_nothing_is_left_of_one_question_for_the_next():
    assert session.check([is_value(X, 1), is_value(X, 2)]).answer is Answer.UNSAT
    assert session.check([is_value(X, 1)]) == Outcome(Answer.SAT, {"x": 1})


@pytest.mark.parametrize(("number", "answer"), CUBES)
def test_a_budget_that_is_enough(number, answer):
    assert session.check([cubes(number)], session.DEFAULT_RLIMIT // 100).answer is answer


@pytest.mark.parametrize("number", [504, 4])
@pytest.mark.parametrize("rlimit", [1, 10, 100, 1000])
def test_an_exhausted_budget_is_unknown(number, rlimit):
    outcome = session.check([cubes(number)], rlimit)
    assert outcome.answer is Answer.UNKNOWN
    assert outcome.reason
    assert outcome.model == {}


def test_no_budget_turns_what_holds_into_a_refutation():
    holds = [Z3.within(X, 0, 255), Z3.differ(Z3.times(3, Z3.times(5, X)), Z3.times(16, X))]
    answers = {session.check(holds, rlimit).answer for rlimit in (*range(1, 40), 100, 1000)}
    assert answers == {Answer.SAT, Answer.UNKNOWN}


def test_no_budget_turns_what_fails_into_a_model():
    fails = [Z3.within(X, 0, 255), Z3.differ(Z3.times(3, Z3.times(5, X)), Z3.times(15, X))]
    answers = {session.check(fails, rlimit).answer for rlimit in (*range(1, 40), 100, 1000)}
    assert answers == {Answer.UNSAT, Answer.UNKNOWN}


def test_version():
    assert session.version() == z3.get_version_string()


# Refuting many at once.


@given(st.lists(st.integers(-8, 8), max_size=12), st.integers(-5, 5), st.integers(0, 6))
def test_exactly_the_satisfiable_ones_are_named(numbers, low, more):
    refutation = session.refute_all([Z3.within(X, low, low + more)], [is_value(X, number) for number in numbers])
    inside = tuple(index for index, number in enumerate(numbers) if low <= number <= low + more)
    assert refutation == Refutation(satisfiable=inside)
    assert refutation.complete == (not inside)


def test_several_that_one_model_satisfies_are_all_named():
    formulas = [is_value(X, 9), Z3.within(X, 0, 3), is_value(Y, 4), Z3.within(X, 2, 7), is_value(X, 2)]
    assert session.refute_all([is_value(X, 2)], formulas) == Refutation(satisfiable=(1, 2, 3, 4))


def test_a_formula_that_the_model_does_not_mention():
    # z3's model of the disjunction need not name y; completion gives it a value.
    formulas = [Z3.within(Y, -5, 5), Z3.all_of([Z3.within(Y, 5, 9), is_value(Y, 2)])]
    assert session.refute_all([is_value(X, 2)], formulas) == Refutation(satisfiable=(0,))


def test_the_same_formula_twice():
    assert session.refute_all([], [is_value(X, 1)] * 2).satisfiable == (0, 1)


def test_one_wrong_weight_among_many():
    p = Z3.variable("p")
    sides = [(3 * v, v) for v in range(-100, 101)]
    sides[37] = (sides[37][0] + 1, sides[37][1])
    formulas = [Z3.differ(Z3.times(left, p), Z3.times(3, Z3.times(v, p))) for left, v in sides]
    assert session.refute_all([Z3.within(p, 0, 15)], formulas).satisfiable == (37,)


@pytest.mark.parametrize("rlimit", [1, session.DEFAULT_RLIMIT])
def test_nothing_to_refute_is_complete(rlimit):
    assert session.refute_all([is_value(X, 1)], [], rlimit) == Refutation()
    assert Refutation().complete


def test_contradictory_assumptions_refute_everything():
    """As documented: the caller has to ask z3 first whether the assumptions can hold."""
    empty = Z3.within(X, 1, 0)
    assert session.refute_all([empty], [is_value(Y, 1), Z3.equal(X, X)]).complete
    assert session.check([empty]).answer is Answer.UNSAT


def test_all_of_them_are_unknown_when_z3_gives_up():
    refutation = session.refute_all([], [cubes(504), cubes(4)], rlimit=100)
    assert (refutation.satisfiable, refutation.unknown) == ((), (0, 1))
    assert refutation.reason
    assert not refutation.complete


class ScriptedSolver:
    """Stands in for z3's solver and answers as told, `real` meaning z3's own answer."""

    def __init__(self, script):
        self.script, self.real = script, z3.SimpleSolver()

    def __call__(self):
        return self

    def set(self, name, value):
        assert (name == "rlimit" and value > 0) or (name, value) == ("ctrl_c", False)

    def add(self, *formulas):
        self.real.reset()
        self.real.add(*formulas)

    def check(self):
        self.said = self.script.pop(0)
        return self.real.check() if self.said == "real" else z3.unknown

    def model(self):
        return self.real.model()

    def reason_unknown(self):
        return self.said


def test_what_was_found_before_z3_gave_up_is_kept(monkeypatch):
    monkeypatch.setattr(session.z3, "Solver", ScriptedSolver(["real", "memout"]))
    formulas = [is_value(X, 5), is_value(X, 1), is_value(X, 6)]
    refutation = session.refute_all([Z3.within(X, 0, 4)], formulas)
    assert refutation == Refutation(satisfiable=(1,), unknown=(0, 2), reason="memout")


@pytest.mark.parametrize(
    "reason", ["canceled", "max. resource limit exceeded", "(incomplete (theory arithmetic))", ""]
)
def test_every_reason_is_unknown(monkeypatch, reason):
    monkeypatch.setattr(session.z3, "Solver", ScriptedSolver([reason]))
    assert session.check([is_value(X, 1)]) == Outcome(Answer.UNKNOWN, reason=reason)


@pytest.mark.parametrize(
    ("refutation", "complete"),
    [
        (Refutation(), True),
        (Refutation(satisfiable=(0,)), False),
        (Refutation(unknown=(0,), reason="canceled"), False),
        (Refutation(reason="canceled"), True),
    ],
)
def test_complete_means_that_none_is_left(refutation, complete):
    assert refutation.complete is complete
