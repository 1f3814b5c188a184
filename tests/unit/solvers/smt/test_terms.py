"""What z3 makes of each term, against the exact steps of `certify.network`: on numerals, and asked of a range."""

from __future__ import annotations

import pytest
import z3
from hypothesis import given
from hypothesis import strategies as st
from strategies import ROUNDINGS

from certify.network.steps import Clamp, Offset, Relu, Requantize, Sign, Threshold, apply_step
from solvers.smt import session
from solvers.smt.session import Answer
from solvers.smt.terms import Z3

INTEGERS = st.integers(-300, 300) | st.integers(-(2**70), 2**70)
RANGE = range(-70, 71)


def value(term):
    """What z3 evaluates a term without variables to."""
    return z3.simplify(term).as_long()


def truth(formula):
    simple = z3.simplify(formula)
    assert z3.is_true(simple) or z3.is_false(simple)
    return z3.is_true(simple)


def rounded(shift, rounding):
    return lambda x: Z3.shift_right(x, shift, rounding)


STEPS = [
    pytest.param(Z3.relu, Relu(), id="relu"),
    pytest.param(lambda x: Z3.add(x, -9), Offset(-9), id="offset"),
    pytest.param(lambda x: Z3.clamp(x, -5, 11), Clamp(-5, 11), id="clamp"),
    pytest.param(lambda x: Z3.clamp(x, 3, 3), Clamp(3, 3), id="clamp to a point"),
    pytest.param(lambda x: Z3.at_least_zero(x, Z3.constant(1), Z3.constant(0)), Threshold(), id="step"),
    pytest.param(lambda x: Z3.at_least_zero(x, Z3.constant(1), Z3.constant(-1)), Sign(), id="sign"),
    *(
        pytest.param(rounded(shift, rounding), Requantize(shift, rounding), id=f"{rounding}, shift {shift}")
        for rounding in ROUNDINGS
        for shift in (0, 1, 2, 5)
    ),
]


def difference(term_of, step_of):
    """Some x in RANGE at which the term is not what the step makes of x."""
    x = Z3.variable("x")
    cases = [Z3.all_of([Z3.equal(x, Z3.constant(n)), Z3.differ(term_of(x), Z3.constant(step_of(n)))]) for n in RANGE]
    return [Z3.within(x, RANGE[0], RANGE[-1]), Z3.any_of(cases)]


@pytest.mark.parametrize(("term_of", "step"), STEPS)
def test_z3_finds_no_difference_on_a_range(term_of, step):
    assert session.check(difference(term_of, lambda n: apply_step(step, n))).answer is Answer.UNSAT


@pytest.mark.parametrize(("term_of", "step"), STEPS)
@pytest.mark.parametrize("wrong", [RANGE[0], -1, 0, RANGE[-1]])
def test_z3_finds_the_one_place_where_a_step_is_wrong(term_of, step, wrong):
    outcome = session.check(difference(term_of, lambda n: apply_step(step, n) + (n == wrong)))
    assert outcome.answer is Answer.SAT
    assert outcome.model["x"] == wrong


@pytest.mark.parametrize(("term_of", "step"), STEPS)
@given(x=INTEGERS)
def test_numerals(term_of, step, x):
    assert value(term_of(Z3.constant(x))) == apply_step(step, x)


# What each rounding makes of -5/2, -3/2, -1/2, 1/2, 3/2 and 5/2, written down by hand.
TIES = {
    "floor": [-3, -2, -1, 0, 1, 2],
    "half_up": [-2, -1, 0, 1, 2, 3],
    "half_even": [-2, -2, 0, 0, 2, 2],
    "half_away": [-3, -2, -1, 1, 2, 3],
    "toward_zero": [-2, -1, 0, 0, 1, 2],
}


@pytest.mark.parametrize("rounding", ROUNDINGS)
def test_ties(rounding):
    assert [value(Z3.shift_right(Z3.constant(x), 1, rounding)) for x in (-5, -3, -1, 1, 3, 5)] == TIES[rounding]


@given(st.sampled_from(ROUNDINGS), st.integers(0, 90), st.integers(-9, 9), st.integers(-1, 1))
def test_large_shifts_around_ties(rounding, shift, multiple, beside):
    x = multiple * 2**shift // 2 + beside
    assert value(Z3.shift_right(Z3.constant(x), shift, rounding)) == apply_step(Requantize(shift, rounding), x)


def test_an_unknown_rounding():
    with pytest.raises(ValueError, match="expected a known rounding, found 'up'"):
        Z3.shift_right(Z3.variable("x"), 1, "up")


@pytest.mark.parametrize("factor", [-(2**80), -1, 0, 1, 2, 2**80])
@pytest.mark.parametrize("of", ["a variable", "a numeral", "a product"])
def test_a_product_is_left_to_z3(factor, of):
    x = {
        "a variable": Z3.variable("x"),
        "a numeral": Z3.constant(7),
        "a product": Z3.times(1, Z3.variable("x")),
    }[of]
    product = Z3.times(factor, x)
    assert product.decl().kind() == z3.Z3_OP_MUL
    assert product.num_args() == 2
    assert product.arg(0).as_long() == factor
    assert product.arg(1).eq(x)


def test_products_within_products_stay():
    # Asked of the term itself: z3's printer writes nested products as one.
    product = Z3.times(0, Z3.times(1, Z3.variable("p")))
    inner = product.arg(1)
    assert [(term.decl().kind(), term.num_args()) for term in (product, inner)] == [(z3.Z3_OP_MUL, 2)] * 2
    assert [term.as_long() for term in (product.arg(0), inner.arg(0))] == [0, 1]


def test_many_products_do_not_share_what_was_freed():
    x = Z3.variable("x")
    products = [Z3.times(factor, x) for factor in range(-500, 500)]
    assert [product.arg(0).as_long() for product in products] == list(range(-500, 500))


@pytest.mark.parametrize("count", [1, 2, 3, 70])
def test_a_sum_keeps_every_addend(count):
    x = Z3.variable("x")
    # Equal addends and zeros too: a simplifier would have gathered them.
    addends = [Z3.times(index % 3, x) for index in range(count)]
    addition = Z3.total(addends)
    assert addition.decl().kind() == z3.Z3_OP_ADD
    assert [addend.sexpr() for addend in addition.children()] == [addend.sexpr() for addend in addends]


def test_the_sum_of_nothing():
    assert value(Z3.total([])) == 0


@given(st.lists(st.tuples(st.integers(-9, 9), st.integers(-9, 9)), max_size=8))
def test_sums_of_products(pairs):
    addition = Z3.total([Z3.times(v, Z3.times(u, Z3.constant(3))) for v, u in pairs])
    assert value(addition) == sum(v * u * 3 for v, u in pairs)


@given(INTEGERS, INTEGERS)
def test_arithmetic_and_comparison(a, b):
    left, right = Z3.constant(a), Z3.constant(b)
    assert value(left) == a
    assert value(Z3.minus(left)) == -a
    assert value(Z3.subtract(left, right)) == a - b
    assert value(Z3.add(left, b)) == a + b
    assert truth(Z3.equal(left, right)) == (a == b)
    assert truth(Z3.differ(left, right)) == (a != b)
    assert truth(Z3.negate(Z3.equal(left, right))) == (a != b)


@pytest.mark.parametrize(("low", "high"), [(-3, 5), (0, 0), (4, 3)], ids=["across 0", "a point", "empty"])
def test_within_has_both_ends(low, high):
    found = [x for x in range(-9, 10) if truth(Z3.within(Z3.constant(x), low, high))]
    assert found == list(range(low, high + 1))


@pytest.mark.parametrize("held", [[], [True], [False], [True, False], [True, True], [False, False]])
def test_all_of_and_any_of(held):
    formulas = [Z3.equal(Z3.constant(1), Z3.constant(int(holds))) for holds in held]
    assert truth(Z3.all_of(formulas)) == all(held)
    assert truth(Z3.any_of(formulas)) == any(held)
