"""Formulas as z3 holds them in memory."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import z3

from solvers.smt.vocabulary import Formula, Term, Vocabulary

# Made now: z3 complains on stderr when Ctrl-C comes while it makes the context that all terms live in.
z3.main_ctx()


class Z3Terms(Vocabulary):
    """Terms of z3's default context."""

    def variable(self, name: str) -> Term:
        return z3.Int(name)

    def constant(self, value: int) -> Term:
        return z3.IntVal(value)

    def times(self, factor: int, term: Term) -> Term:
        context = term.ctx
        # Bound to a name: z3 may free a numeral whose last Python reference is gone before the product holds it.
        numeral = z3.IntVal(factor, context)
        factors = (z3.Ast * 2)(numeral.as_ast(), term.as_ast())
        return z3.ArithRef(z3.Z3_mk_mul(context.ref(), 2, factors), context)

    def total(self, terms: Sequence[Term]) -> Term:
        if not terms:
            return z3.IntVal(0)
        context = terms[0].ctx
        addends = (z3.Ast * len(terms))(*(term.as_ast() for term in terms))
        return z3.ArithRef(z3.Z3_mk_add(context.ref(), len(terms), addends), context)

    def minus(self, term: Term) -> Term:
        return -term

    def subtract(self, left: Term, right: Term) -> Term:
        return left - right

    def divide(self, term: Term, divisor: int) -> Term:
        return term / z3.IntVal(divisor)

    def modulo(self, term: Term, divisor: int) -> Term:
        return term % z3.IntVal(divisor)

    def at_most(self, left: Term, right: Term) -> Formula:
        # Not `left <= right`: Python turns that round where the right side is a numeral, of a class of its own.
        return z3.ArithRef.__le__(left, right)

    def equal(self, left: Term, right: Term) -> Formula:
        return z3.ExprRef.__eq__(left, right)

    def differ(self, left: Term, right: Term) -> Formula:
        return z3.ExprRef.__ne__(left, right)

    def all_of(self, formulas: Sequence[Formula]) -> Formula:
        return z3.And(*formulas)

    def any_of(self, formulas: Sequence[Formula]) -> Formula:
        return z3.Or(*formulas)

    def negate(self, formula: Formula) -> Formula:
        return z3.Not(formula)

    def choose(self, condition: Formula, then: Term, otherwise: Term) -> Term:
        return z3.If(condition, then, otherwise)

    def let(self, name: str, term: Term, body: Callable[[Term], Term]) -> Term:  # noqa: ARG002 - z3 shares terms
        return body(term)


Z3 = Z3Terms()
