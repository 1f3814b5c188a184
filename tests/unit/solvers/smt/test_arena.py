"""Terms as bare pointers: the same terms as z3's Python objects, word by word, and nothing left behind."""

from __future__ import annotations

import gc
import inspect
import weakref

import pytest
import z3
from hypothesis import given
from hypothesis import strategies as st
from strategies import ROUNDINGS

from solvers.smt import session
from solvers.smt.arena import Arena
from solvers.smt.session import Answer, Outcome, Refutation
from solvers.smt.terms import Z3
from solvers.smt.vocabulary import Vocabulary

WORDS = {
    "constant": lambda words, x, _y: words.equal(words.constant(-(2**70)), x),
    "times": lambda words, x, y: words.equal(words.times(1, words.times(0, x)), y),
    "total": lambda words, x, y: words.equal(words.total([x, y, x]), words.total([x])),
    "no total": lambda words, x, _y: words.equal(words.total([]), x),
    "minus": lambda words, x, y: words.equal(words.minus(x), y),
    "subtract": lambda words, x, y: words.equal(words.subtract(x, y), x),
    "divide": lambda words, x, y: words.equal(words.divide(x, 8), y),
    "modulo": lambda words, x, y: words.equal(words.modulo(x, 2**40), y),
    "at_most": lambda words, x, y: words.at_most(x, y),
    "equal": lambda words, x, y: words.equal(x, y),
    "differ": lambda words, x, y: words.differ(x, y),
    "all_of": lambda words, x, y: words.all_of([words.equal(x, y), words.at_most(y, x), words.differ(x, y)]),
    "all of none": lambda words, _x, _y: words.all_of([]),
    "any_of": lambda words, x, y: words.any_of([words.equal(x, y), words.at_most(y, x)]),
    "any of none": lambda words, _x, _y: words.any_of([]),
    "negate": lambda words, x, y: words.negate(words.equal(x, y)),
    "choose": lambda words, x, y: words.equal(words.choose(words.at_most(x, y), x, y), x),
    "variable": lambda words, _x, _y: words.equal(words.variable("z"), words.variable("x")),
    "relu": lambda words, x, y: words.equal(words.relu(x), y),
    "clamp": lambda words, x, y: words.equal(words.clamp(x, -4, 3), y),
    "significant": lambda words, x, y: words.equal(words.round_significant(x, 3, -99, 99), y),
    **{
        f"rounded {rounding}": lambda words, x, y, rounding=rounding: words.equal(
            words.shift_right(x, 3, rounding), y
        )
        for rounding in ROUNDINGS
    },
}


@pytest.mark.parametrize("write", WORDS.values(), ids=WORDS)
def test_every_word_makes_what_z3s_own_objects_make(write):
    with Arena() as words:
        made = words.formula(write(words, words.variable("x"), words.variable("y"))).translate(z3.main_ctx())
    assert made.eq(write(Z3, z3.Int("x"), z3.Int("y")))


def test_every_word_is_compared():
    names = {name for name, _ in inspect.getmembers(Vocabulary, inspect.isfunction)} & set(vars(Arena))
    assert names - {"let"} <= {*WORDS, "totals", "differences"}


@given(st.lists(st.integers(-3, 3)), st.lists(st.integers(0, 4), min_size=1))
def test_many_sums_at_once(factors, lengths):
    """As one by one, those of no term and of one included."""
    start = [0]
    for length in lengths:
        start.append(min(start[-1] + length, len(factors)))

    def written(words, totals, differences):
        x = words.variable("x")
        sums = totals(words, [words.times(factor, x) for factor in factors], start)
        return differences(words, sums, [words.times(7, x)] * len(sums))

    with Arena() as words:
        made = [words.formula(formula) for formula in written(words, Arena.totals, Arena.differences)]
        found = [formula.translate(z3.main_ctx()) for formula in made]
    expected = written(Z3, Vocabulary.totals, Vocabulary.differences)
    assert len(found) == len(expected) == len(lengths)
    assert all(one.eq(other) for one, other in zip(found, expected, strict=True))


def test_answers():
    with Arena() as words:
        x, y = words.variable("x"), words.variable("y")
        within = words.within(x, 0, 5)
        assert session.check([within, words.equal(x, words.constant(6))], words=words) == Outcome(Answer.UNSAT)
        asked = [within, words.equal(x, words.constant(4)), words.equal(y, words.constant(-(2**70)))]
        assert session.check(asked, words=words) == Outcome(Answer.SAT, {"x": 4, "y": -(2**70)})
        exhausted = session.check([within, words.differ(words.times(3, x), words.times(4, x))], 1, words)
        assert (exhausted.answer, exhausted.model) == (Answer.UNKNOWN, {})


@pytest.mark.parametrize("simple", [False, True])
def test_refutations(simple):
    with Arena() as words:
        x = words.variable("x")
        formulas = [words.equal(x, words.constant(number)) for number in (9, 2, -1, 5)]
        found = session.refute_all([words.within(x, 0, 5)], formulas, 10**6, words, simple=simple)
        assert found == Refutation(satisfiable=(1, 3))
        assert session.refute_all([words.within(x, 6, 8)], formulas, 10**6, words, simple=simple).complete
        exhausted = session.refute_all([words.within(x, 0, 5)], formulas, 1, words, simple=simple)
        assert (exhausted.satisfiable, exhausted.unknown) == ((), (0, 1, 2, 3))


@pytest.mark.parametrize("simple", [False, True])
@given(
    products=st.lists(st.tuples(st.integers(-9, 9), st.integers(0, 9)), max_size=5),
    w=st.integers(-40, 40),
    high=st.integers(0, 9),
)
def test_the_kernel_alone_decides_weight_obligations(simple, products, w, high):
    """Left ≠ right has a solution where sums differ and the range has more than 0."""
    with Arena() as words:
        p = words.variable("p")
        left = words.total([words.times(v, words.times(u, p)) for v, u in products])
        differ = words.differ(left, words.times(2, words.times(w, p)))
        found = session.refute_all([words.within(p, 0, high)], [differ], 10**7, words, simple=simple)
    assert not found.unknown
    assert found.complete == (high == 0 or sum(v * u for v, u in products) == 2 * w)


def test_two_at_a_time_do_not_meet():
    with Arena() as one, Arena() as other:
        x, y = one.variable("x"), other.variable("x")
        assert session.check([one.equal(x, one.constant(1))], words=one).model == {"x": 1}
        assert session.check([other.equal(y, other.constant(2))], words=other).model == {"x": 2}


def test_everything_goes_with_the_context():
    with Arena() as words:
        x = words.variable("x")
        session.check([words.within(x, 0, 3)], words=words)
        alive = weakref.ref(words.context)
        assert alive() is not None
    gc.collect()
    assert alive() is None


def test_a_term_that_z3_does_not_make_ends_the_run(monkeypatch):
    """Null, as when memory is out, must not pass for a term."""
    with Arena() as words:
        x = words.variable("x")
        monkeypatch.setattr("solvers.smt.arena._ADD", lambda *_: None)
        monkeypatch.setattr("solvers.smt.arena._EQUAL", lambda *_: None)
        with pytest.raises(RuntimeError, match="z3 made no term"):
            words.equal(x, x)
        with pytest.raises(RuntimeError, match="z3 made no term"):
            words.totals([x, x], [0, 2])
