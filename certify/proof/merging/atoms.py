"""The atoms: what all units of both networks are written in, made as they are needed, from the inputs up.

An atom is an input, or a unit that is no affine combination of atoms before it as far as is known: a curve on a line
of earlier atoms. A unit becomes a form in atoms by the first of these that works: the same curve on the same line
(structural hashing, which permutations and duplicates fall to); an affine combination of curves on its line, proved
by z3 for every value of it (scaling, splitting, units that are dead or linear on their range); a combination of any
atoms, which somebody else may propose (`relatives`); else it is an atom of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from math import gcd
from typing import TypeAlias

from certify.errors import DisagreementError
from certify.network.steps import Step, apply_steps
from certify.proof.formulas import step_terms
from certify.proof.merging.curves import Curve, Range, dependency, points_of
from certify.proof.merging.facts import Facts, GaveUpError
from certify.proof.merging.forms import Form, Terms, atom_form, combine, line_of
from certify.proof.merging.unscale import unscale
from solvers.smt.session import Answer
from solvers.smt.vocabulary import Formula, Term, Vocabulary

MOST_RELATED = 24
"""Curves on one line that a unit is compared with; it never needs more than those that share a kink with it."""


@dataclass(frozen=True)
class Definition:
    """An atom that is no input: a curve on a line of atoms."""

    line: Terms
    curve: Curve


Relatives: TypeAlias = Callable[["Atoms", Definition], Form | None]


class Atoms:
    """All atoms so far.

    Attributes:
        facts: what was proved of them.
        inputs: how many of them are inputs; they come first.
        ranges: of each atom, what its values lie in.
        definitions: of each atom; None for an input.
        own: how many units were nothing known, so that an atom was made for them.
        hashed: how many were the same curve on the same line as one before.
        related: how many became combinations of any atoms.
    """

    def __init__(self, ranges: Sequence[Range], facts: Facts, relatives: Relatives | None = None) -> None:
        self.facts = facts
        self.inputs = len(ranges)
        self.ranges: list[Range] = list(ranges)
        self.definitions: list[Definition | None] = [None] * len(ranges)
        self.own = self.hashed = self.related = 0
        self._relatives = relatives
        self._forms: dict[Definition, Form] = {}
        # On which line which atoms bend where.
        self._bending: dict[tuple[Terms, int | str], list[int]] = {}

    def unit(self, accumulator: Form, steps: tuple[Step, ...]) -> Form:
        """Return the form of a unit: steps on an accumulator that has this form."""
        if not steps:
            return accumulator
        if not accumulator.terms:
            return self._constant(accumulator.constant, steps)
        line = line_of(accumulator)
        unit = Definition(line.terms, Curve(line.factor, line.constant, line.denominator, steps))
        if unit in self._forms:
            self.hashed += 1
        else:
            self._forms[unit] = self._form(unit)
        return self._forms[unit]

    def range_of(self, line: Terms) -> Range:
        """Return what a line's values lie in."""
        return Form(line).numerator_range(self.ranges)

    def _constant(self, value: int, steps: tuple[Step, ...]) -> Form:
        result = apply_steps(steps, value)
        write = partial(_constant_differs, value=value, steps=steps, result=result)
        name = f"a unit at {value} is {result}"
        outcome = self.facts.holds(("constant", value, steps), "curve", name, write)
        if outcome.answer is Answer.SAT:
            raise DisagreementError(f"{name}: z3 denies what the steps make of it")
        if outcome.answer is Answer.UNKNOWN:
            raise GaveUpError(f"{name}: {outcome.reason or 'unknown'}")
        return Form((), result)

    def _form(self, unit: Definition) -> Form:
        self.facts.not_empty(self.range_of(unit.line))
        form = self._combination(unit)
        if form is not None:
            return form
        simplest = Definition(unit.line, _simplest(unit.curve))
        form = self._relatives(self, simplest) if self._relatives is not None else None
        if form is None:
            form = self._new(simplest)
            self.own += 1
        else:
            self.related += 1
        self._forms[simplest] = form
        if simplest == unit:
            return form
        # What is simpler has to be the same: a combination of one curve.
        multiple = self._multiple(unit, simplest)
        return combine([(multiple, form)]) if multiple else self._new(unit)

    def _new(self, unit: Definition) -> Form:
        self.definitions.append(unit)
        self.ranges.append(unit.curve.output_range(self.range_of(unit.line)))
        atom = len(self.ranges) - 1
        for kink in unit.curve.kinks():
            self._bending.setdefault((unit.line, kink), []).append(atom)
        return atom_form(atom)

    def _combination(self, unit: Definition) -> Form | None:
        """Return the unit as an affine combination of its line and atoms on it, if it is one."""
        span = self.range_of(unit.line)
        related = self._related(unit)
        curves = [self._curve(atom) for atom in related]
        points = points_of(span, [unit.curve, *curves])
        columns = [[1] * len(points), points, *([curve.value(p) for p in points] for curve in curves)]
        found = dependency(columns, [unit.curve.value(p) for p in points]) if len(points) > 1 else None
        if found is None:
            return None
        constant, slope, *factors = found.factors
        basis = tuple((factor, curve) for factor, curve in zip(factors, curves, strict=True) if factor)
        if not self._proved(span, unit.curve, found.denominator, basis, slope, constant):
            return None
        parts = [(factor, atom_form(atom)) for factor, atom in zip(factors, related, strict=True)]
        return combine([*parts, (slope, Form(unit.line))], constant, found.denominator)

    def _multiple(self, unit: Definition, simpler: Definition) -> int | None:
        """Return the integer by which a unit is a multiple of a simpler curve, proved; None where it is not."""
        span = self.range_of(unit.line)
        for p in points_of(span, [unit.curve, simpler.curve]):
            if simpler.curve.value(p):
                factor, rest = divmod(unit.curve.value(p), simpler.curve.value(p))
                proved = not rest and self._proved(span, unit.curve, 1, ((factor, simpler.curve),), 0, 0)
                return factor if proved else None
        return None

    def _curve(self, atom: int) -> Curve:
        definition = self.definitions[atom]
        assert definition is not None
        return definition.curve

    def _related(self, unit: Definition) -> list[int]:
        """Return atoms on the unit's line that share a kink with it, or with one that does, the latest."""
        found: set[int] = set()
        seen: set[int | str] = set()
        left = sorted(unit.curve.kinks(), key=str)
        while left and len(found) < MOST_RELATED:
            kink = left.pop()
            if kink not in seen:
                seen.add(kink)
                bending = self._bending.get((unit.line, kink), [])[-MOST_RELATED:]
                new = [atom for atom in bending if atom not in found]
                found.update(new)
                left += sorted({own for atom in new for own in self._curve(atom).kinks()}, key=str)
        return sorted(found)[-MOST_RELATED:]

    def _proved(
        self,
        span: Range,
        curve: Curve,
        denominator: int,
        basis: tuple[tuple[int, Curve], ...],
        slope: int,
        constant: int,
    ) -> bool:
        """Ask whether denominator · curve = Σ factor · curve' + slope · p + constant for all p of a range."""
        if basis == ((1, curve),) and (denominator, slope, constant) == (1, 0, 0):
            return True
        if (denominator, slope, constant) == (1, 0, 0) and len(basis) == 1 and basis[0][0] == 1:
            # Equal steps at the end take equal values to equal values; what differs before them may be alike after.
            shorter, other = _without_equal_ends(curve, basis[0][1])
            if shorter != curve and self._proved(span, shorter, 1, ((1, other),), 0, 0):
                return True
        key = (span, curve, denominator, basis, slope, constant)
        name = f"a unit on {span[0]}..{span[1]} is a combination of {len(basis)}"
        write = partial(
            _curve_differs,
            span=span,
            curve=curve,
            denominator=denominator,
            basis=basis,
            slope=slope,
            constant=constant,
        )
        return self.facts.holds(key, "curve", name, write).answer is Answer.UNSAT


def _simplest(curve: Curve) -> Curve:
    """Return a curve of which this one is a multiple, with smaller numbers: what unscaling its steps gives."""
    if curve.denominator > 1:
        return curve
    whole = gcd(curve.factor, curve.constant)
    even = whole & -whole
    for divisor in dict.fromkeys([whole, even, *(even >> bits for bits in range(1, even.bit_length()))]):
        steps = unscale(curve.steps, divisor)
        if steps is not None:
            return Curve(curve.factor // divisor, curve.constant // divisor, 1, steps)
    return curve


def _constant_differs(words: Vocabulary, value: int, steps: tuple[Step, ...], result: int) -> list[Formula]:
    return [words.differ(step_terms(words, steps, words.constant(value), value, value), words.constant(result))]


def _curve_differs(
    words: Vocabulary,
    span: Range,
    curve: Curve,
    denominator: int,
    basis: tuple[tuple[int, Curve], ...],
    slope: int,
    constant: int,
) -> list[Formula]:
    p = words.variable("p")
    known = [words.within(p, *span)]
    ours = words.times(denominator, curve_term(words, curve, p, span, "a", known))
    theirs = [
        words.times(factor, curve_term(words, own, p, span, f"b{index}", known))
        for index, (factor, own) in enumerate(basis)
    ]
    line = [words.times(slope, p), words.constant(constant)]
    return [*known, words.differ(ours, words.total([*theirs, *line]))]


def _without_equal_ends(curve: Curve, other: Curve) -> tuple[Curve, Curve]:
    ours, theirs = curve.steps, other.steps
    while ours and theirs and ours[-1] == theirs[-1]:
        ours, theirs = ours[:-1], theirs[:-1]
    return (
        Curve(curve.factor, curve.constant, curve.denominator, ours),
        Curve(other.factor, other.constant, other.denominator, theirs),
    )


def curve_term(words: Vocabulary, curve: Curve, line: Term, span: Range, name: str, known: list[Formula]) -> Term:
    """Return a curve's value on a line that lies in `span`; where it divides, `known` gets what the quotient is."""
    accumulator = words.total([words.times(curve.factor, line), words.constant(curve.constant)])
    low, high = curve.accumulator_range(span)
    if curve.denominator > 1:
        quotient = words.variable(name)
        known += [
            words.equal(words.times(curve.denominator, quotient), accumulator),
            words.within(quotient, low, high),
        ]
        accumulator = quotient
    return step_terms(words, curve.steps, accumulator, low, high)
