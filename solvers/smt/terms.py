"""Integer terms as z3 sees them. Nothing is summed or multiplied here: z3 is the judge, not a calculator."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeAlias

import z3

Term: TypeAlias = Any
Formula: TypeAlias = Any


def variable(name: str) -> Term:
    """Return an integer variable."""
    return z3.Int(name)


def constant(value: int) -> Term:
    """Return an integer numeral."""
    return z3.IntVal(value)


def within(term: Term, low: int, high: int) -> Formula:
    """Return low ≤ term ≤ high."""
    return z3.And(constant(low) <= term, term <= constant(high))


def times(factor: int, term: Term) -> Term:
    """Return the product factor · term, written out even where factor is 0 or 1."""
    context = term.ctx
    # Bound to a name: z3 may free a numeral whose last Python reference is gone before the product holds it.
    numeral = z3.IntVal(factor, context)
    factors = (z3.Ast * 2)(numeral.as_ast(), term.as_ast())
    return z3.ArithRef(z3.Z3_mk_mul(context.ref(), 2, factors), context)


def total(terms: Sequence[Term]) -> Term:
    """Return the sum of the terms, 0 for none."""
    if not terms:
        return constant(0)
    context = terms[0].ctx
    addends = (z3.Ast * len(terms))(*(term.as_ast() for term in terms))
    return z3.ArithRef(z3.Z3_mk_add(context.ref(), len(terms), addends), context)


def relu(term: Term) -> Term:
    """Return max(term, 0)."""
    return z3.If(term >= 0, term, constant(0))


def minus(term: Term) -> Term:
    """Return -term."""
    return -term


def subtract(left: Term, right: Term) -> Term:
    """Return left - right."""
    return left - right


def add(term: Term, value: int) -> Term:
    """Return term + value."""
    return term + constant(value)


def clamp(term: Term, low: int, high: int) -> Term:
    """Return min(max(term, low), high)."""
    return z3.If(term < low, constant(low), z3.If(term > high, constant(high), term))


def at_least_zero(term: Term, then: int, otherwise: int) -> Term:
    """Return `then` where term ≥ 0, else `otherwise`."""
    return z3.If(term >= 0, constant(then), constant(otherwise))


def shift_right(term: Term, shift: int, rounding: str) -> Term:
    """Return term / 2^shift rounded: floor, half_up, half_even, half_away or toward_zero.

    SMT-LIB's integer division by a positive number rounds down.
    """
    if shift == 0:
        return term
    divisor, half = constant(1 << shift), constant(1 << (shift - 1))
    match rounding:
        case "floor":
            return term / divisor
        case "half_up":
            return (term + half) / divisor
        case "half_even":
            quotient = term / divisor
            rest = term - divisor * quotient
            tie = z3.If(quotient % 2 == 0, quotient, quotient + 1)
            return z3.If(rest > half, quotient + 1, z3.If(rest < half, quotient, tie))
        case "half_away":
            return z3.If(term >= 0, (term + half) / divisor, -((-term + half) / divisor))
        case "toward_zero":
            return z3.If(term >= 0, term / divisor, -(-term / divisor))
        case _:
            raise ValueError(f"expected a known rounding, found {rounding!r}")


def all_of(formulas: Sequence[Formula]) -> Formula:
    """Return the conjunction."""
    return z3.And(*formulas)


def any_of(formulas: Sequence[Formula]) -> Formula:
    """Return the disjunction, false for none."""
    return z3.Or(*formulas)


def equal(left: Term, right: Term) -> Formula:
    """Return left = right."""
    return left == right


def differ(left: Term, right: Term) -> Formula:
    """Return left ≠ right."""
    return left != right


def negate(formula: Formula) -> Formula:
    """Return the negation."""
    return z3.Not(formula)
