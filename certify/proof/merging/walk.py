"""A network as forms: its sums by arithmetic that z3 confirms, its units by what `atoms` knows of them."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from math import lcm

from certify.network.evaluate import trace
from certify.network.model import INPUT, Box, Linear, Network, Operator
from certify.network.operators.operator import Shape
from certify.proof.merging.atoms import Atoms
from certify.proof.merging.curves import Range
from certify.proof.merging.forms import Form, atom_form, combine
from certify.proof.merging.rows import Part, bias_of, rounded, rows
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
        NotAffineError: a layer has accumulations that are no sums.
    """
    values = {
        INPUT: [
            atom_form(index) if low < high else Form((), low)
            for index, (low, high) in enumerate(input_ranges(network.input))
        ]
    }
    shapes = {INPUT: network.input.shape, **dict(enumerate(network.shapes()))}
    for index, layer in enumerate(network.layers):
        sources = network.sources(index)
        read = [form for source in sources for form in values[source]]
        values[index] = _layer(layer, read, atoms, f"{side}, layer {index}", [shapes[source] for source in sources])
    return [values[index] for index in range(len(network.layers))]


def _layer(
    layer: Operator, read: Sequence[Form], atoms: Atoms, name: str, shapes: Sequence[Shape] = ()
) -> list[Form]:
    """Return the forms of a layer's outputs from those of its inputs; a dense layer takes them in any shape."""
    listed = rows(layer, shapes)
    summed = [[(part.weight, _of_part(part, read, atoms)) for part in row] for row in listed]
    biases = bias_of(layer, len(listed))
    sums = [combine(row, bias) for row, bias in zip(summed, biases, strict=True)]
    asked = [
        (f"{name}: sum {output}", partial(_sum_differs, parts=tuple(row), bias=bias, total=total))
        for output, (row, bias, total) in enumerate(zip(summed, biases, sums, strict=True))
        if total != _word_for_word(row, bias)
    ]
    atoms.facts.all_hold("sum", asked)
    extra = rounded(layer)
    channels = layer.outputs if isinstance(layer, Linear) else _last(layer.shape(shapes))
    return [atoms.unit(total, (*extra, *layer.steps_of(place % channels))) for place, total in enumerate(sums)]


def _last(shape: Shape) -> int:
    return shape[-1] if shape else 1


def _of_part(part: Part, read: Sequence[Form], atoms: Atoms) -> Form:
    if part.place is None:
        return Form((), part.value)
    return atoms.unit(read[part.place], part.steps) if part.steps else read[part.place]


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
    for index, (signals, units) in enumerate(zip(trace(network, point), forms, strict=True)):
        for output, (signal, form) in enumerate(zip(signals.flat, units, strict=True)):
            if form.denominator * signal != form.value(values):
                found.append(f"layer {index}, unit {output}")
    return found
