"""The text of formulas: what stands in it, and that z3, cvc5 and plain Python read the same from it."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any, NamedTuple

import pytest
import z3
from hypothesis import given, settings
from hypothesis import strategies as st
from strategies import ROUNDINGS

from certify.network.rounding import round_significant, shift_right
from solvers.smt import cvc5_session, session
from solvers.smt.session import Answer
from solvers.smt.smtlib import PREAMBLE, SmtLib, commands
from solvers.smt.terms import Z3
from solvers.smt.vocabulary import Vocabulary

WORDS = SmtLib()
X = WORDS.variable("x")

WRITTEN: dict[str, tuple[str, str]] = {
    "a variable": (X, "x"),
    "a numeral": (WORDS.constant(5), "5"),
    "a negative numeral": (WORDS.constant(-5), "(- 5)"),
    "a long numeral": (WORDS.constant(-(2**70)), f"(- {2**70})"),
    "a product": (WORDS.times(3, X), "(* 3 x)"),
    "products within products": (WORDS.times(-3, WORDS.times(1, WORDS.times(0, X))), "(* (- 3) (* 1 (* 0 x)))"),
    "a sum of nothing": (WORDS.total([]), "0"),
    "a sum of one": (WORDS.total([WORDS.times(2, X)]), "(* 2 x)"),
    "a sum of equals": (WORDS.total([X, X, X]), "(+ x x x)"),
    "minus": (WORDS.minus(X), "(- x)"),
    "a difference": (WORDS.subtract(X, "y"), "(- x y)"),
    "an offset": (WORDS.add(X, -4), "(+ x (- 4))"),
    "a range": (WORDS.within(X, -2, 3), "(and (<= (- 2) x) (<= x 3))"),
    "relu": (WORDS.relu(X), "(ite (<= 0 x) x 0)"),
    "relu of a product": (WORDS.relu(WORDS.times(2, X)), "(let ((value (* 2 x))) (ite (<= 0 value) value 0))"),
    "a clamp": (WORDS.clamp(X, -1, 7), "(ite (<= x (- 1)) (- 1) (ite (<= 7 x) 7 x))"),
    "floor": (WORDS.shift_right(X, 3, "floor"), "(div x 8)"),
    "no shift": (WORDS.shift_right(X, 0, "half_even"), "x"),
    "half up": (WORDS.shift_right(X, 3, "half_up"), "(div (+ x 4) 8)"),
    "half even": (
        WORDS.shift_right(X, 1, "half_even"),
        (
            "(let ((quotient (div x 2))) (let ((rest (- x (* 2 quotient))))"
            " (ite (or (<= 2 rest) (and (= rest 1) (= (mod quotient 2) 1))) (+ quotient 1) quotient)))"
        ),
    ),
    "toward zero": (WORDS.shift_right(X, 1, "toward_zero"), "(ite (<= 0 x) (div x 2) (- (div (- x) 2)))"),
    "all of nothing": (WORDS.all_of([]), "true"),
    "any of nothing": (WORDS.any_of([]), "false"),
    "all of one": (WORDS.all_of(["a"]), "a"),
    "any of two": (WORDS.any_of(["a", "b"]), "(or a b)"),
    "not": (WORDS.negate(WORDS.equal(X, "0")), "(not (= x 0))"),
    "different": (WORDS.differ(X, "0"), "(distinct x 0)"),
}


@pytest.mark.parametrize(("written", "text"), WRITTEN.values(), ids=WRITTEN)
def test_what_is_written(written, text):
    assert written == text


def test_commands():
    def write(words):
        return [words.within(words.variable("p"), 0, 3), words.differ(words.variable("q"), words.variable("p"))]

    assert commands("a name", write, Answer.SAT) == (
        "; a name\n(push 1)\n(declare-const p Int)\n(declare-const q Int)\n"
        "(assert (and (<= 0 p) (<= p 3)))\n(assert (distinct q p))\n"
        "(set-info :status sat)\n(check-sat)\n(pop 1)\n"
    )


# Random terms: what they are in a vocabulary, and in plain Python.


class Recipe(NamedTuple):
    """A term of x: in a vocabulary, and in plain Python."""

    write: Callable[[Vocabulary, Any], Any]
    value: Callable[[int], int]


def leaf(rng):
    number = rng.choice([0, 1, -1, 2, rng.randint(-40, 40), rng.randint(-(2**66), 2**66)])
    return rng.choice(
        [
            Recipe(lambda _words, x: x, lambda x: x),
            Recipe(lambda words, _x: words.constant(number), lambda _x: number),
        ]
    )


def recipe(rng, depth):
    if depth == 0:
        return leaf(rng)
    first, second = recipe(rng, depth - 1), recipe(rng, rng.randrange(depth))
    number, shift, rounding = rng.randint(-9, 9), rng.randint(0, 5), rng.choice(ROUNDINGS)
    more = number + rng.randint(0, 9)
    return rng.choice(
        [
            Recipe(lambda w, x: w.times(number, first.write(w, x)), lambda x: number * first.value(x)),
            Recipe(
                lambda w, x: w.total([first.write(w, x), second.write(w, x), first.write(w, x)]),
                lambda x: 2 * first.value(x) + second.value(x),
            ),
            Recipe(lambda w, x: w.minus(first.write(w, x)), lambda x: -first.value(x)),
            Recipe(
                lambda w, x: w.subtract(first.write(w, x), second.write(w, x)),
                lambda x: first.value(x) - second.value(x),
            ),
            Recipe(lambda w, x: w.add(first.write(w, x), number), lambda x: first.value(x) + number),
            Recipe(lambda w, x: w.relu(first.write(w, x)), lambda x: max(first.value(x), 0)),
            Recipe(
                lambda w, x: w.clamp(first.write(w, x), number, more),
                lambda x: min(max(first.value(x), number), more),
            ),
            Recipe(
                lambda w, x: w.at_least_zero(first.write(w, x), second.write(w, x), w.constant(number)),
                lambda x: second.value(x) if first.value(x) >= 0 else number,
            ),
            Recipe(
                lambda w, x: w.shift_right(first.write(w, x), shift, rounding),
                lambda x: shift_right(first.value(x), shift, rounding),
            ),
            Recipe(
                lambda w, x: w.round_significant(first.write(w, x), 24, -(2**80), 2**80),
                lambda x: round_significant(first.value(x)),
            ),
        ]
    )


def z3_reads(text):
    solver = z3.Solver()
    solver.add(z3.parse_smt2_string(text))
    return str(solver.check())


@settings(max_examples=60)
@given(seed=st.integers(0, 2**32), x=st.integers(-300, 300) | st.integers(-(2**30), 2**30), wrong=st.booleans())
def test_all_who_read_a_term_agree(seed, x, wrong):
    """Its value is Python's, and no other, to z3 in memory, to z3 reading the text and to cvc5 reading it."""
    made = recipe(random.Random(seed), 3)
    expected = made.value(x) + wrong

    def write(words):
        variable = words.variable("x")
        term = made.write(words, variable)
        return [words.equal(variable, words.constant(x)), words.equal(term, words.constant(expected))]

    answer = Answer.UNSAT if wrong else Answer.SAT
    assert session.check(write(Z3)).answer is answer
    text = PREAMBLE + commands("", write, answer)
    assert cvc5_session.answers(text).replies[0].answer is answer
    assert z3_reads(text[: text.index("(set-info")]) == answer.value


BOUNDARIES = sorted(
    {
        sign * (2**power + beside)
        for power in (0, 22, 23, 24, 25, 26, 31, 48, 54)
        for beside in (-3, -2, -1, 0, 1, 2, 3)
        for sign in (1, -1)
    }
)


def wrong_rounding(numbers, wrong):
    """Some of these numbers at which a rounded term is not what Python says, and 1 more at `wrong`."""

    def write(words):
        x = words.variable("x")
        rounded = words.round_significant(x, 24, min(numbers), max(numbers))
        expected = {n: words.constant(round_significant(n) + (n == wrong)) for n in numbers}
        return [
            words.any_of(
                [
                    words.all_of([words.equal(x, words.constant(n)), words.differ(rounded, expected[n])])
                    for n in numbers
                ]
            )
        ]

    return write


def test_rounding_to_significant_bits_at_its_boundaries():
    """One question for all of them; to cvc5, for which it is harder, for those of up to 27 bits."""
    assert session.check(wrong_rounding(BOUNDARIES, None)(Z3)).answer is Answer.UNSAT
    for wrong in (2**24 + 1, -(2**54) + 3):
        outcome = session.check(wrong_rounding(BOUNDARIES, wrong)(Z3))
        assert (outcome.answer, outcome.model) == (Answer.SAT, {"x": wrong})
    short = [n for n in BOUNDARIES if abs(n) < 2**27]
    for wrong, answer in ((None, Answer.UNSAT), (-(2**25) - 1, Answer.SAT)):
        text = PREAMBLE + commands("", wrong_rounding(short, wrong), answer)
        assert cvc5_session.answers(text, 10**7).replies[0].answer is answer


@pytest.mark.parametrize("n", BOUNDARIES)
def test_rounding_numerals_to_significant_bits(n):
    """With bounds that are just wide enough, whichever side they are on."""
    rounded = Z3.round_significant(Z3.constant(n), 24, min(n, 0), max(n, 0))
    assert z3.simplify(rounded).as_long() == round_significant(n)


@pytest.mark.parametrize(
    ("bits", "n", "rounded"), [(3, 9, 8), (3, 11, 12), (3, 10, 10), (2, -7, -8), (2, 5, 4), (1, 3, 4)]
)
def test_rounding_to_few_bits(bits, n, rounded):
    """By hand: 9 = 1001 lies between 100|0 and 101|0, a tie that goes to the even one."""
    assert z3.simplify(Z3.round_significant(Z3.constant(n), bits, -16, 16)).as_long() == rounded


def test_what_needs_no_rounding_stays():
    assert WORDS.round_significant("x", 24, -(2**24) + 1, 2**24 - 1) == "x"
    assert WORDS.round_significant("x", 24, 0, 2**24) != "x"
    assert WORDS.round_significant("x", 24, -(2**24), 0) != "x"


def test_names_within_names():
    """A clamp of a shift of a clamp: every name is bound to what it was when it was given."""

    def write(words):
        x = words.variable("x")
        inner = words.clamp(words.times(3, x), -20, 20)
        outer = words.clamp(words.shift_right(inner, 1, "half_even"), -7, 8)
        return [words.within(x, -9, 9), words.differ(outer, words.constant(min(max(0, -7), 8)))]

    values = {min(max(shift_right(min(max(3 * x, -20), 20), 1, "half_even"), -7), 8) for x in range(-9, 10)}
    assert values != {0}
    text = commands("", write, Answer.SAT)
    assert "(let ((value (let ((value " in text
    assert cvc5_session.answers(PREAMBLE + text).replies[0].answer is Answer.SAT
    assert session.check(write(Z3)).answer is Answer.SAT
