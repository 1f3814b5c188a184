"""Formulas as z3 holds them in memory."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any

import z3

from solvers.smt.vocabulary import Formula, Term, Vocabulary

# Made now: z3 complains on stderr when Ctrl-C comes while it makes the context that all terms live in.
z3.main_ctx()


@lru_cache(maxsize=1 << 12)
def _numeral(value: int) -> Term:
    """Return a numeral, most of them once: making them again would be much of the work of making formulas."""
    return z3.IntVal(value)


def _asts(parts: Sequence[Any]) -> Any:
    return (z3.Ast * len(parts))(*(part.ast for part in parts))


class Z3Terms(Vocabulary):
    """Terms of z3's default context.

    They are made by z3's C functions: its Python operators look at every operand's sort first, which takes longer
    than the solving, and all terms here are integers. What a C function gets is bound to a name, lest z3 frees it.
    """

    def variable(self, name: str) -> Term:
        return z3.Int(name)

    def constant(self, value: int) -> Term:
        return _numeral(value)

    def times(self, factor: int, term: Term) -> Term:
        return _term(z3.Z3_mk_mul, [_numeral(factor), term])

    def total(self, terms: Sequence[Term]) -> Term:
        return _term(z3.Z3_mk_add, terms) if terms else _numeral(0)

    def minus(self, term: Term) -> Term:
        context = z3.main_ctx()
        return z3.ArithRef(z3.Z3_mk_unary_minus(context.ref(), term.ast), context)

    def subtract(self, left: Term, right: Term) -> Term:
        return _term(z3.Z3_mk_sub, [left, right])

    def divide(self, term: Term, divisor: int) -> Term:
        context, numeral = z3.main_ctx(), _numeral(divisor)
        return z3.ArithRef(z3.Z3_mk_div(context.ref(), term.ast, numeral.ast), context)

    def modulo(self, term: Term, divisor: int) -> Term:
        context, numeral = z3.main_ctx(), _numeral(divisor)
        return z3.ArithRef(z3.Z3_mk_mod(context.ref(), term.ast, numeral.ast), context)

    def at_most(self, left: Term, right: Term) -> Formula:
        context = z3.main_ctx()
        return z3.BoolRef(z3.Z3_mk_le(context.ref(), left.ast, right.ast), context)

    def equal(self, left: Term, right: Term) -> Formula:
        context = z3.main_ctx()
        return z3.BoolRef(z3.Z3_mk_eq(context.ref(), left.ast, right.ast), context)

    def differ(self, left: Term, right: Term) -> Formula:
        return _formula(z3.Z3_mk_distinct, [left, right])

    def all_of(self, formulas: Sequence[Formula]) -> Formula:
        return _formula(z3.Z3_mk_and, formulas)

    def any_of(self, formulas: Sequence[Formula]) -> Formula:
        return _formula(z3.Z3_mk_or, formulas)

    def negate(self, formula: Formula) -> Formula:
        context = z3.main_ctx()
        return z3.BoolRef(z3.Z3_mk_not(context.ref(), formula.ast), context)

    def choose(self, condition: Formula, then: Term, otherwise: Term) -> Term:
        context = z3.main_ctx()
        return z3.ArithRef(z3.Z3_mk_ite(context.ref(), condition.ast, then.ast, otherwise.ast), context)

    def let(self, name: str, term: Term, body: Callable[[Term], Term]) -> Term:  # noqa: ARG002 - z3 shares terms
        return body(term)


def _term(make: Callable[..., Any], terms: Sequence[Term]) -> Term:
    context = z3.main_ctx()
    return z3.ArithRef(make(context.ref(), len(terms), _asts(terms)), context)


def _formula(make: Callable[..., Any], parts: Sequence[Any]) -> Formula:
    context = z3.main_ctx()
    return z3.BoolRef(make(context.ref(), len(parts), _asts(parts)), context)


Z3 = Z3Terms()
