"""Affine forms: what a unit is in terms of atoms, in Python integers.

A form is (Σ coefficient · atom + constant) / denominator in lowest terms, so that two forms in the same atoms are
the same function of them only if they are the same form.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

Terms: TypeAlias = tuple[tuple[int, int], ...]


@dataclass(frozen=True)
class Form:
    """(Σ coefficient · atom + constant) / denominator.

    Attributes:
        terms: (atom, coefficient), atoms rising, no coefficient 0.
        constant: added to them.
        denominator: 1 or more; the greatest common divisor of all these numbers is 1.
    """

    terms: Terms = ()
    constant: int = 0
    denominator: int = 1

    def value(self, of_atom: Mapping[int, Any] | Sequence[Any]) -> Any:
        """Return denominator times the form's value, where `of_atom` has the atoms' values (or arrays of them)."""
        return sum((factor * of_atom[atom] for atom, factor in self.terms), start=self.constant)

    def numerator_range(self, ranges: Sequence[tuple[int, int]]) -> tuple[int, int]:
        """Return bounds of denominator times the form's value, by the atoms' ranges."""
        low = high = self.constant
        for atom, factor in self.terms:
            least, most = ranges[atom] if factor > 0 else ranges[atom][::-1]
            low += factor * least
            high += factor * most
        return low, high


@dataclass(frozen=True)
class Line:
    """A form as a function of one integer, its *line* P: (factor · P + constant) / denominator.

    Attributes:
        terms: of P; their coefficients have no common divisor, and the first is above 0.
        factor: not 0.
        constant, denominator: as of the form.
    """

    terms: Terms
    factor: int
    constant: int
    denominator: int


def atom_form(atom: int) -> Form:
    """Return the form that is an atom."""
    return Form(((atom, 1),))


def combine(parts: Iterable[tuple[int, Form]], constant: int = 0, denominator: int = 1) -> Form:
    """Return (Σ weight · form + constant) / denominator."""
    chosen = [(weight, form) for weight, form in parts if weight]
    common = math.lcm(*(form.denominator for _, form in chosen))
    sums: dict[int, int] = {}
    total = constant * common
    for weight, form in chosen:
        scale = weight * (common // form.denominator)
        total += scale * form.constant
        for atom, factor in form.terms:
            sums[atom] = sums.get(atom, 0) + scale * factor
    terms = tuple(sorted((atom, factor) for atom, factor in sums.items() if factor))
    return _reduced(terms, total, common * denominator)


def _reduced(terms: Terms, constant: int, denominator: int) -> Form:
    if denominator == 1:
        return Form(terms, constant)
    divisor = math.gcd(denominator, constant, *(factor for _, factor in terms))
    if divisor == 1:
        return Form(terms, constant, denominator)
    return Form(
        tuple((atom, factor // divisor) for atom, factor in terms), constant // divisor, denominator // divisor
    )


def line_of(form: Form) -> Line:
    """Return a form with at least one term as a function of its line."""
    factor = math.gcd(*(factor for _, factor in form.terms))
    if form.terms[0][1] < 0:
        factor = -factor
    terms = tuple((atom, own // factor) for atom, own in form.terms)
    return Line(terms, factor, form.constant, form.denominator)
