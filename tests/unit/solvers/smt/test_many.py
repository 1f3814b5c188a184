"""Many formulas in one question: answers as of one by one, and giving up is no refutation."""

from __future__ import annotations

import gc
import weakref

import pytest
import z3
from hypothesis import given
from hypothesis import strategies as st

from solvers.smt import many, session
from solvers.smt.session import Answer, Refutation
from solvers.smt.terms import Z3

SIMPLE = pytest.mark.parametrize("simple", [False, True])


def values(low, high, numbers):
    """x in a range, and x = n for every number."""

    def write(words):
        x = words.variable("x")
        return [words.within(x, low, high)], [words.equal(x, words.constant(number)) for number in numbers]

    return write


def together(low, high, number):
    def write(words):
        known, formulas = values(low, high, [number])(words)
        return known + formulas

    return write


@SIMPLE
@given(st.integers(-(2**70), 2**70), st.integers(0, 9), st.integers(-3, 12))
def test_answers(simple, low, size, offset):
    found = many.check(together(low, low + size, low + offset), 10**6, simple=simple)
    assert found is (Answer.SAT if 0 <= offset <= size else Answer.UNSAT)


@SIMPLE
@given(st.integers(-4, 4), st.integers(0, 4), st.lists(st.integers(-6, 9), max_size=8))
def test_each_is_told_from_the_others(simple, low, size, numbers):
    write = values(low, low + size, numbers)
    found = many.refute(write, 10**6, simple=simple)
    assert found == session.refute_all(*write(Z3))
    assert found.satisfiable == tuple(at for at, number in enumerate(numbers) if low <= number <= low + size)


@SIMPLE
@given(
    products=st.lists(st.tuples(st.integers(-9, 9), st.integers(0, 9)), max_size=5),
    w=st.integers(-40, 40),
    high=st.integers(0, 9),
)
def test_sums_of_products(simple, products, w, high):
    """Left ≠ right has a solution where the sums differ and the range has more than 0."""

    def write(words):
        p = words.variable("p")
        left = words.total([words.times(v, words.times(u, p)) for v, u in products])
        return [words.within(p, 0, high)], [words.differ(left, words.times(2, words.times(w, p)))]

    found = many.refute(write, 10**7, simple=simple)
    assert not found.unknown
    assert found.complete == (high == 0 or sum(v * u for v, u in products) == 2 * w)


def hard(number):
    """Hundreds of equations with a remainder in each, of which z3 needs more than a few steps for any."""

    def write(words):
        x, y = words.variable("x"), words.variable("y")
        sums = [
            words.equal(
                words.total([words.times(n * n, x), words.times(m, y), words.modulo(x, 7)]), words.constant(number)
            )
            for n in range(1, 30)
            for m in range(1, 30)
        ]
        return [words.within(x, -999, 999), words.within(y, -999, 999)], sums

    return write


@SIMPLE
@pytest.mark.parametrize("rlimit", [1, 10, 100])
def test_an_exhausted_budget_is_unknown(simple, rlimit):
    found = many.refute(hard(5), rlimit, simple=simple)
    assert found.unknown
    assert found.reason
    assert not found.complete


@SIMPLE
@pytest.mark.parametrize("rlimit", [*range(1, 20), 100, 1000])
def test_no_budget_turns_what_holds_into_a_refutation(simple, rlimit):
    assert many.check(together(0, 9, 3), rlimit, simple=simple) is not Answer.UNSAT
    assert many.check(together(0, 9, 10), rlimit, simple=simple) is not Answer.SAT
    assert not many.refute(values(0, 9, [12, 3]), rlimit, simple=simple).complete


@SIMPLE
def test_what_z3_gives_up_on_is_asked_again_and_not_believed(monkeypatch, simple):
    monkeypatch.setattr(many, "check", lambda *_, **__: Answer.UNKNOWN)
    assert many.refute(values(0, 5, [9, 2]), 10**6, simple=simple) == Refutation(satisfiable=(1,))
    assert many.refute(values(0, 5, [9, 8]), 10**6, simple=simple).complete


def test_nothing_to_refute():
    assert many.refute(values(0, 1, [])).complete
    assert many.refute(lambda _: ([], [])).complete
    assert many.check(lambda _: []) is Answer.SAT


def test_contradictory_assumptions_refute_everything():
    """Which is why ranges are asked about alone."""
    assert many.refute(values(1, 0, [5])).complete
    assert many.check(lambda words: values(1, 0, [])(words)[0]) is Answer.UNSAT


def test_text_that_z3_does_not_read_ends_the_run():
    with pytest.raises(z3.Z3Exception):
        many.check(lambda _: ["(= x 1"])
    with pytest.raises(z3.Z3Exception):
        many.check(lambda words: [words.equal("y", words.variable("x"))])


def test_ctrl_c_stays_pythons_and_the_budget_is_set(monkeypatch):
    settings, contexts = [], []

    class Solver(z3.Solver):
        def __init__(self, **options):
            contexts.append(weakref.ref(options["ctx"]))
            super().__init__(**options)

        def set(self, *setting):
            settings.append(setting)
            super().set(*setting)

    monkeypatch.setattr(many.z3, "Solver", Solver)
    assert many.check(together(0, 3, 1), 1_000_000, simple=False) is Answer.SAT
    assert settings == [("rlimit", 1_000_000), ("ctrl_c", False)]
    gc.collect()
    assert [context() for context in contexts] == [None]


def test_the_default_budget(monkeypatch):
    granted = []

    class Solver(z3.Solver):
        def set(self, name, value):
            granted.append((name, value))

    monkeypatch.setattr(many.z3, "Solver", Solver)
    many.check(together(0, 3, 1), simple=False)
    assert granted[0] == ("rlimit", session.DEFAULT_RLIMIT)


def test_a_context_that_is_cut_short_says_nothing(monkeypatch, capsys):
    """Ctrl-C may come while z3 makes one; its destructor is called all the same."""

    def interrupted(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(many.z3.z3, "Z3_mk_config", interrupted)
    with pytest.raises(KeyboardInterrupt):
        many.check(lambda words: [words.at_most(words.constant(0), words.constant(1))])
    gc.collect()
    assert capsys.readouterr().err == ""
