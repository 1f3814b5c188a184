"""Formulas as SMT-LIB 2.6 text: one that a person can read, and that any solver reads as it stands.

The printer is our own. z3's flattens products within products and gathers what is equal, and what it prints is what
z3 made of a formula; here every factor and every addend stands as it was written. Products have a numeral factor and
divisions a numeral divisor, so all is linear: the logic is QF_LIA.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from solvers.smt.session import Answer
from solvers.smt.vocabulary import Formula, Term, Vocabulary

PREAMBLE = "(set-logic QF_LIA)\n"


class SmtLib(Vocabulary):
    """Terms and formulas as text.

    Attributes:
        variables: the names that were used, each once.
    """

    def __init__(self) -> None:
        self.variables: dict[str, None] = {}

    def variable(self, name: str) -> Term:
        self.variables[name] = None
        return name

    def constant(self, value: int) -> Term:
        return str(value) if value >= 0 else f"(- {-value})"

    def times(self, factor: int, term: Term) -> Term:
        return f"(* {self.constant(factor)} {term})"

    def total(self, terms: Sequence[Term]) -> Term:
        return _joined("+", terms, "0")

    def minus(self, term: Term) -> Term:
        return f"(- {term})"

    def subtract(self, left: Term, right: Term) -> Term:
        return f"(- {left} {right})"

    def divide(self, term: Term, divisor: int) -> Term:
        return f"(div {term} {divisor})"

    def modulo(self, term: Term, divisor: int) -> Term:
        return f"(mod {term} {divisor})"

    def at_most(self, left: Term, right: Term) -> Formula:
        return f"(<= {left} {right})"

    def equal(self, left: Term, right: Term) -> Formula:
        return f"(= {left} {right})"

    def differ(self, left: Term, right: Term) -> Formula:
        return f"(distinct {left} {right})"

    def all_of(self, formulas: Sequence[Formula]) -> Formula:
        return _joined("and", formulas, "true")

    def any_of(self, formulas: Sequence[Formula]) -> Formula:
        return _joined("or", formulas, "false")

    def negate(self, formula: Formula) -> Formula:
        return f"(not {formula})"

    def choose(self, condition: Formula, then: Term, otherwise: Term) -> Term:
        return f"(ite {condition} {then} {otherwise})"

    def let(self, name: str, term: Term, body: Callable[[Term], Term]) -> Term:
        return f"(let (({name} {term})) {body(name)})" if term.startswith("(") else body(term)


def _joined(operator: str, operands: Sequence[str], of_none: str) -> str:
    """Return the operands under an operator, which SMT-LIB takes for two or more."""
    if len(operands) > 1:
        return f"({operator} {' '.join(operands)})"
    return operands[0] if operands else of_none


def commands(name: str, write: Callable[[Vocabulary], Sequence[Formula]], expected: Answer) -> str:
    """Return the commands that put one question, which leave the solver as it was.

    Args:
        name: of the question, for people; one line.
        write: returns the formulas that are to hold together.
        expected: the answer.
    """
    words = SmtLib()
    asserted = assertions(words, write(words))
    return f"; {name}\n(push 1)\n{asserted}(set-info :status {expected.value})\n(check-sat)\n(pop 1)\n"


def assertions(words: SmtLib, formulas: Sequence[Formula]) -> str:
    """Return the declarations of all variables of these words, and the assertions of formulas made of them."""
    declared = "".join(f"(declare-const {variable} Int)\n" for variable in words.variables)
    return declared + "".join(f"(assert {formula})\n" for formula in formulas)
