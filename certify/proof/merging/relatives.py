"""Units on other lines: simulate, find what depends affinely on what, and have z3 prove it down to the inputs.

Every atom has its values at some points of the box. A unit whose values are an affine combination of atoms' values
there may be one everywhere: z3 is asked, first with the definitions of just the atoms in question (what they are made
of is then free in its range), then with everything down to the inputs. Dependencies are found modulo a prime, atoms
being independent of each other unless z3 could not say, and then solved exactly on the few atoms that take part.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import numpy as np
from numpy.typing import NDArray

from certify.proof.merging import cones
from certify.proof.merging.atoms import Atoms, Definition, curve_term
from certify.proof.merging.curves import dependency
from certify.proof.merging.forms import Form, atom_form, combine
from certify.proof.merging.walk import form_term
from solvers.smt.session import Answer
from solvers.smt.vocabulary import Formula, Vocabulary

_PRIME = 2**31 - 1
MOST_IN_A_COMBINATION = 24
MOST_IN_A_CONE = 64
MOST_GIVEN_UP = 6
"""After so many questions that z3 gives up on, no more are asked: the units are too large for it."""


class Relatives:
    """What atoms have been at some points, and which of them are independent there.

    Attributes:
        rlimit: z3's steps for each question.
        gave_up: how many questions z3 gave up on.
    """

    def __init__(self, points: Sequence[Sequence[int]], rlimit: int) -> None:
        self.rlimit = rlimit
        self.gave_up = 0
        self._points = points
        self._columns: list[list[int]] = [list(column) for column in zip(*points, strict=True)]
        self._independent = _Independent(len(points))
        self._independent.add(-1, [1] * len(points))
        for index, column in enumerate(self._columns):
            self._independent.add(index, column)

    def __call__(self, atoms: Atoms, unit: Definition) -> Form | None:
        """Return a unit as a combination of atoms, proved; None where it seems to be none, or z3 does not show it.

        The unit is about to become an atom if the answer is None.
        """
        self._complete(atoms)
        values = self._values(unit)
        support = self._independent.support(values)
        if support is None or len(support) > MOST_IN_A_COMBINATION or self.gave_up >= MOST_GIVEN_UP:
            return None
        named = [atom for atom in support if atom >= 0]
        columns = [[1] * len(self._points), *(self._columns[atom] for atom in named)]
        found = dependency(columns, values)
        if found is None:
            return None
        constant, *factors = found.factors
        parts = [(factor, atom_form(atom)) for factor, atom in zip(factors, named, strict=True)]
        form = combine(parts, constant, found.denominator)
        return form if self._proved(atoms, unit, form) else None

    def _complete(self, atoms: Atoms) -> None:
        """Take in the atoms that are new since the last time."""
        for atom in range(len(self._columns), len(atoms.definitions)):
            definition = atoms.definitions[atom]
            assert definition is not None
            self._columns.append(self._values(definition))
            self._independent.add(atom, self._columns[atom])

    def _values(self, unit: Definition) -> list[int]:
        lines = [
            sum(values)
            for values in zip(
                *([factor * value for value in self._columns[atom]] for atom, factor in unit.line), strict=True
            )
        ]
        return [unit.curve.value(p) for p in lines]

    def _proved(self, atoms: Atoms, unit: Definition, form: Form) -> bool:
        """Ask with ever more definitions."""
        used = {atom for atom, _ in (*unit.line, *form.terms)}
        everything = set(cones.cone(atoms, used))
        levels = [used, everything] if used != everything else [everything]
        for defined in levels:
            if sum(atoms.definitions[atom] is not None for atom in defined) > MOST_IN_A_CONE:
                return False
            write = partial(_unit_differs, atoms=atoms, unit=unit, form=form, defined=frozenset(defined))
            outcome = atoms.facts.holds(None, "unit", "a unit is a combination of others", write, self.rlimit)
            if outcome.answer is Answer.UNSAT:
                return True
            self.gave_up += outcome.answer is Answer.UNKNOWN
        return False


def _unit_differs(
    words: Vocabulary, atoms: Atoms, unit: Definition, form: Form, defined: frozenset[int]
) -> list[Formula]:
    known: list[Formula] = []
    line = form_term(words, Form(unit.line))
    value = curve_term(words, unit.curve, line, atoms.range_of(unit.line), "q", known)
    used = {atom for atom, _ in (*unit.line, *form.terms)}
    differs = words.differ(words.times(form.denominator, value), form_term(words, form))
    return [*known, *cones.with_cone(words, atoms, defined, used, lambda _: differs)]


class _Independent:
    """Vectors modulo a prime, of which none is a combination of the others."""

    def __init__(self, length: int) -> None:
        self._rows: list[NDArray[np.int64]] = []
        self._pivots: list[int] = []
        self._names: list[int] = []
        # For every kept vector, the combination of named vectors that it is.
        self._made_of: list[NDArray[np.int64]] = []
        self._length = length

    def add(self, name: int, values: Sequence[int]) -> None:
        """Keep a vector unless it is a combination of those that are kept."""
        rest, used = self._reduced(values)
        pivots = np.flatnonzero(rest)
        if not len(pivots):
            return
        inverse = pow(int(rest[pivots[0]]), -1, _PRIME)
        own = np.zeros(len(self._names) + 1, dtype=np.int64)
        own[:-1], own[-1] = used, 1
        self._rows.append(rest * inverse % _PRIME)
        self._pivots.append(int(pivots[0]))
        self._names.append(name)
        self._made_of.append(own * inverse % _PRIME)

    def support(self, values: Sequence[int]) -> list[int] | None:
        """Return the names of the vectors that these values are a combination of; None where they are none."""
        rest, used = self._reduced(values)
        return None if rest.any() else [self._names[index] for index in np.flatnonzero(used)]

    def _reduced(self, values: Sequence[int]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Return what is left of a vector, and the combination of named ones that was added to it."""
        rest = np.array([value % _PRIME for value in values], dtype=np.int64)
        used = np.zeros(len(self._names), dtype=np.int64)
        for row, pivot, made_of in zip(self._rows, self._pivots, self._made_of, strict=True):
            factor = int(rest[pivot])
            if factor:
                rest = (rest - factor * row) % _PRIME
                used[: len(made_of)] = (used[: len(made_of)] - factor * made_of) % _PRIME
        return rest, used
