"""A network as forms: its sums by arithmetic that z3 confirms, its units by what `atoms` knows of them."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from math import lcm

from certify.network.evaluate import accumulate
from certify.network.model import Box, Dense, Network
from certify.network.steps import apply_steps
from certify.proof.merging.atoms import Atoms
from certify.proof.merging.curves import Range
from certify.proof.merging.forms import Form, atom_form, combine
from solvers.smt.vocabulary import Formula, Term, Vocabulary


def input_ranges(box: Box) -> list[Range]:
    """Return the range of every input."""
    return list(zip(box.low, box.high, strict=True))


def layers(network: Network, atoms: Atoms, side: str) -> list[list[Form]]:
    """Return the forms of every layer's outputs, steps done, in atoms whose first are the inputs of the box.

    Args:
        network: one of the two.
        atoms: get what is new in it.
        side: the network's name in questions.

    Raises:
        DisagreementError: z3 denies a sum.
        GaveUpError: z3 gives up on one.
    """
    values = [
        atom_form(index) if low < high else Form((), low)
        for index, (low, high) in enumerate(input_ranges(network.input))
    ]
    found: list[list[Form]] = []
    for index, layer in enumerate(network.layers):
        values = _layer(layer, values, atoms, f"{side}, layer {index}")
        found.append(values)
    return found


def _layer(layer: Dense, values: Sequence[Form], atoms: Atoms, name: str) -> list[Form]:
    inputs = [*values, *(Form((), value) for value in layer.constants)]
    rows = [
        [(weight, inputs[column]) for column, weight in zip(*layer.weights.row(output), strict=True)]
        for output in range(layer.outputs)
    ]
    sums = [combine(row, bias) for row, bias in zip(rows, layer.bias, strict=True)]
    asked = [
        (f"{name}: sum {output}", partial(_sum_differs, parts=tuple(row), bias=bias, total=total))
        for output, (row, bias, total) in enumerate(zip(rows, layer.bias, sums, strict=True))
        if total != _word_for_word(row, bias)
    ]
    atoms.facts.all_hold("sum", asked)
    return [atoms.unit(total, layer.steps_of(output)) for output, total in enumerate(sums)]


def _word_for_word(row: Sequence[tuple[int, Form]], bias: int) -> Form | None:
    """Return a sum of different atoms as it stands, which is a form; None for any other."""
    atoms = [form.terms[0][0] for _, form in row if len(form.terms) == 1]
    if len(set(atoms)) < len(row) or any(form != atom_form(atom) for atom, (_, form) in zip(atoms, row, strict=True)):
        return None
    weighted = ((atom, weight) for atom, (weight, _) in zip(atoms, row, strict=True) if weight)
    return Form(tuple(sorted(weighted)), bias)


def _sum_differs(words: Vocabulary, parts: Sequence[tuple[int, Form]], bias: int, total: Form) -> list[Formula]:
    """Σ weight · form + bias ≠ total, times every denominator there is."""
    common = lcm(*(form.denominator for _, form in parts))
    ours = words.total(
        [
            *(words.times(weight * (common // form.denominator), form_term(words, form)) for weight, form in parts),
            words.constant(common * bias),
        ]
    )
    return [
        words.differ(words.times(total.denominator, ours), words.times(common, form_term(words, total))),
    ]


def form_term(words: Vocabulary, form: Form) -> Term:
    """Return denominator times a form, its atoms the variables t0, t1, …"""
    terms = [words.times(factor, atom_term(words, atom)) for atom, factor in form.terms]
    return words.total([*terms, words.constant(form.constant)])


def atom_term(words: Vocabulary, atom: int) -> Term:
    """Return the variable that an atom is in questions."""
    return words.variable(f"t{atom}")


def atom_values(atoms: Atoms, point: Sequence[int]) -> list[int]:
    """Return the value of every atom at a point of the box, in plain Python integers."""
    values = list(point)
    for definition in atoms.definitions[len(point) :]:
        assert definition is not None
        values.append(definition.curve.value(Form(definition.line).value(values)))
    return values


def disagreements(network: Network, forms: Sequence[Sequence[Form]], atoms: Atoms, point: Sequence[int]) -> list[str]:
    """Return the units whose forms do not have the units' values at a point: none, or something is broken."""
    values = atom_values(atoms, point)
    found: list[str] = []
    signals: Sequence[int] = point
    for index, (layer, units) in enumerate(zip(network.layers, forms, strict=True)):
        sums = accumulate(layer, signals)
        signals = [apply_steps(layer.steps_of(output), total) for output, total in enumerate(sums)]
        for output, (signal, form) in enumerate(zip(signals, units, strict=True)):
            if form.denominator * signal != form.value(values):
                found.append(f"layer {index}, unit {output}")
    return found
