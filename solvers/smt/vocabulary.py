"""The words in which formulas about integers are written, once, whoever is to read them.

A formula is a function of a vocabulary. What every reader has to have of its own (variables, numerals, products,
comparisons, …) is abstract here; what is made of those (ReLU, a shift rounded half-even, …) is written here alone.
`terms` builds what z3 holds in memory, `smtlib` the text that any solver reads. Nothing is summed or multiplied in
either: the solver is the judge, not a calculator.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

Term: TypeAlias = Any
Formula: TypeAlias = Any


class Vocabulary(ABC):
    """Integer terms and formulas about them."""

    @abstractmethod
    def variable(self, name: str) -> Term:
        """Return an integer variable."""

    @abstractmethod
    def constant(self, value: int) -> Term:
        """Return an integer numeral."""

    @abstractmethod
    def times(self, factor: int, term: Term) -> Term:
        """Return the product factor · term, written out even where factor is 0 or 1."""

    @abstractmethod
    def total(self, terms: Sequence[Term]) -> Term:
        """Return the sum of the terms, 0 for none."""

    @abstractmethod
    def minus(self, term: Term) -> Term:
        """Return -term."""

    @abstractmethod
    def subtract(self, left: Term, right: Term) -> Term:
        """Return left - right."""

    @abstractmethod
    def divide(self, term: Term, divisor: int) -> Term:
        """Return term / divisor rounded down, for a divisor above 0."""

    @abstractmethod
    def modulo(self, term: Term, divisor: int) -> Term:
        """Return what `divide` leaves, from 0 to divisor - 1."""

    @abstractmethod
    def at_most(self, left: Term, right: Term) -> Formula:
        """Return left ≤ right."""

    @abstractmethod
    def equal(self, left: Term, right: Term) -> Formula:
        """Return left = right."""

    @abstractmethod
    def differ(self, left: Term, right: Term) -> Formula:
        """Return left ≠ right."""

    @abstractmethod
    def all_of(self, formulas: Sequence[Formula]) -> Formula:
        """Return the conjunction, true for none."""

    @abstractmethod
    def any_of(self, formulas: Sequence[Formula]) -> Formula:
        """Return the disjunction, false for none."""

    @abstractmethod
    def negate(self, formula: Formula) -> Formula:
        """Return the negation."""

    @abstractmethod
    def choose(self, condition: Formula, then: Term, otherwise: Term) -> Term:
        """Return `then` where the condition holds, else `otherwise`."""

    @abstractmethod
    def let(self, name: str, term: Term, body: Callable[[Term], Term]) -> Term:
        """Return body(term); where terms are text, the term stands in it once, under this name.

        Nothing in the body may mean something else by the name.
        """

    def within(self, term: Term, low: int, high: int) -> Formula:
        """Return low ≤ term ≤ high."""
        return self.all_of([self.at_most(self.constant(low), term), self.at_most(term, self.constant(high))])

    def add(self, term: Term, value: int) -> Term:
        """Return term + value."""
        return self.total([term, self.constant(value)])

    def at_least_zero(self, term: Term, then: Term, otherwise: Term) -> Term:
        """Return `then` where term ≥ 0, else `otherwise`."""
        return self.choose(self.at_most(self.constant(0), term), then, otherwise)

    def relu(self, term: Term) -> Term:
        """Return max(term, 0)."""
        return self.let("value", term, lambda value: self.at_least_zero(value, value, self.constant(0)))

    def leaky_relu(self, term: Term, factor: int) -> Term:
        """Return factor · term where term ≥ 0, else term."""
        return self.let("value", term, lambda value: self.at_least_zero(value, self.times(factor, value), value))

    def clamp(self, term: Term, low: int, high: int) -> Term:
        """Return min(max(term, low), high)."""
        least, most = self.constant(low), self.constant(high)

        def clamped(value: Term) -> Term:
            at_most_high = self.choose(self.at_most(most, value), most, value)
            return self.choose(self.at_most(value, least), least, at_most_high)

        return self.let("value", term, clamped)

    def shift_right(self, term: Term, shift: int, rounding: str) -> Term:
        """Return term / 2^shift rounded: floor, half_up, half_even, half_away or toward_zero."""
        if shift == 0:
            return term
        divisor, half = 1 << shift, 1 << (shift - 1)
        match rounding:
            case "floor":
                return self.divide(term, divisor)
            case "half_up":
                return self.divide(self.add(term, half), divisor)
            case "half_even":
                return self._half_even(term, divisor)
            case "half_away":
                return self._odd(term, lambda value: self.divide(self.add(value, half), divisor))
            case "toward_zero":
                return self._odd(term, lambda value: self.divide(value, divisor))
            case _:
                raise ValueError(f"expected a known rounding, found {rounding!r}")

    def _half_even(self, term: Term, divisor: int) -> Term:
        half = divisor // 2

        def up(quotient: Term, rest: Term) -> Formula:
            odd = self.equal(self.modulo(quotient, 2), self.constant(1))
            tie = self.all_of([self.equal(rest, self.constant(half)), odd])
            return self.any_of([self.at_most(self.constant(half + 1), rest), tie])

        def nearest(quotient: Term, rest: Term) -> Term:
            return self.choose(up(quotient, rest), self.add(quotient, 1), quotient)

        def rounded(value: Term, quotient: Term) -> Term:
            rest = self.subtract(value, self.times(divisor, quotient))
            return self.let("rest", rest, lambda rest: nearest(quotient, rest))

        def divided(value: Term) -> Term:
            return self.let("quotient", self.divide(value, divisor), lambda quotient: rounded(value, quotient))

        return self.let("value", term, divided)

    def _odd(self, term: Term, of_positive: Callable[[Term], Term]) -> Term:
        """Return of_positive(x) for x ≥ 0 and -of_positive(-x) below."""

        def both(value: Term) -> Term:
            return self.at_least_zero(value, of_positive(value), self.minus(of_positive(self.minus(value))))

        return self.let("value", term, both)

    def round_significant(self, term: Term, bits: int, low: int, high: int) -> Term:
        """Return a term, known to lie in low..high, rounded half-even to so many significant bits.

        A case for every power of two up to the largest magnitude: a number of `bits` + e bits loses e of them.
        """
        largest_excess = max(max(abs(low), abs(high)).bit_length() - bits, 0)

        def rounded(value: Term) -> Term:
            cases = self._rounded_by(value, largest_excess)
            for excess in reversed(range(largest_excess)):
                below = (1 << (bits + excess)) - 1
                cases = self.choose(self.within(value, -below, below), self._rounded_by(value, excess), cases)
            return cases

        return self.let("value", term, rounded) if largest_excess else term

    def _rounded_by(self, value: Term, excess: int) -> Term:
        if excess == 0:
            return value
        return self.times(1 << excess, self.shift_right(value, excess, "half_even"))
