"""Questions about what atoms are, not only about what range they lie in: their definitions, as far down as asked."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence

from certify.proof.merging.atoms import Atoms, curve_term
from certify.proof.merging.forms import Form
from certify.proof.merging.walk import atom_term, form_term
from solvers.smt.vocabulary import Formula, Vocabulary


def cone(atoms: Atoms, wanted: Iterable[int]) -> list[int]:
    """Return the wanted atoms and all that they are made of, rising."""
    found: set[int] = set()
    left = list(wanted)
    while left:
        atom = left.pop()
        if atom not in found:
            found.add(atom)
            definition = atoms.definitions[atom]
            left += [] if definition is None else [lower for lower, _ in definition.line]
    return sorted(found)


def what_atoms_are(words: Vocabulary, atoms: Atoms, defined: Collection[int]) -> list[Formula]:
    """Return the definitions of some atoms, and the ranges of these and of all that their definitions name."""
    named = {lower for atom in defined for lower in _below(atoms, atom)} | set(defined)
    known = [words.within(atom_term(words, atom), *atoms.ranges[atom]) for atom in sorted(named)]
    for atom in sorted(defined):
        definition = atoms.definitions[atom]
        if definition is not None:
            line = form_term(words, Form(definition.line))
            span = atoms.range_of(definition.line)
            value = curve_term(words, definition.curve, line, span, f"q{atom}", known)
            known.append(words.equal(atom_term(words, atom), value))
    return known


def _below(atoms: Atoms, atom: int) -> Sequence[int]:
    definition = atoms.definitions[atom]
    return [] if definition is None else [lower for lower, _ in definition.line]


def with_cone(
    words: Vocabulary,
    atoms: Atoms,
    defined: Collection[int],
    used: Collection[int],
    violation: Callable[[Vocabulary], Formula],
) -> list[Formula]:
    """Return what holds together only where a violation can be: the atoms it uses, as far as they are defined."""
    free = [atom for atom in used if atom not in defined]
    ranges = [words.within(atom_term(words, atom), *atoms.ranges[atom]) for atom in free]
    return [*ranges, *what_atoms_are(words, atoms, defined), violation(words)]
