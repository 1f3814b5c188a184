"""A network's units as forms: right at every point, whatever a layer is made of."""

from __future__ import annotations

import random

import pairs
import pytest
from merged import atoms_at, form_at, grid, new_atoms, simulated
from mutants import dense, network, with_layer

from certify.errors import DisagreementError
from certify.network.evaluate import accumulate
from certify.network.steps import Clamp, Offset, Relu, Requantize, RequantizeQ31, Sign, Threshold, apply_steps
from certify.proof.merging import facts, walk
from certify.proof.merging.facts import GaveUpError
from certify.proof.merging.forms import Form, atom_form
from certify.proof.merging.walk import atom_values, disagreements, input_ranges, layers
from solvers.smt.session import Refutation


def formed(network, make=new_atoms):
    """Atoms and forms of every layer, each unit held against evaluation on the whole box."""
    atoms = make(*input_ranges(network.input))
    forms = layers(network, atoms, "first")
    assert [len(units) for units in forms] == [layer.outputs for layer in network.layers]
    for point in grid(input_ranges(network.input)):
        values = atoms_at(atoms, point)
        assert atom_values(atoms, point) == values
        signals = point
        for layer, units in zip(network.layers, forms, strict=True):
            sums = accumulate(layer, signals)
            signals = [apply_steps(layer.steps_of(output), total) for output, total in enumerate(sums)]
            assert [form_at(form, values) for form in units] == signals
        assert disagreements(network, forms, atoms, point) == []
    return atoms, forms


NETWORKS = {
    "a layer without steps": network([-2], [2], dense([[3], [-1]], bias=[1, 0])),
    "two of them": network([-2, 0], [2, 2], dense([[3, 1], [-1, 2]]), dense([[1, -2]], bias=[4])),
    "constants": network([-2], [2], dense([[3, 2, -1]], [Relu()], constants=[5, -7], bias=[1]), dense([[1]])),
    "constants of a later layer": network([-2], [2], dense([[3]], [Relu()]), dense([[1, 4]], constants=[-3])),
    "an input that never varies": network([-2, 3], [2, 3], dense([[3, 2], [0, 1]], [Relu()]), dense([[1, 1]])),
    "no input varies": network([4, -3], [4, -3], dense([[1, 2]], [Relu()]), dense([[2]], [Sign()])),
    "stored zeros": network([-2, 0], [2, 1], dense([[0, 1], [0, 0]], [Relu()]), dense([[0, 1], [1, 0]])),
    "a row without weights": network([-2], [2], dense([[None], [1]], [Relu()], bias=[-4, 0]), dense([[1, 1]])),
    "no weights at all": network([-2], [2], dense([[None]], bias=[3]), dense([[None]])),
    "units that are multiples": network([-2, -2], [2, 2], dense([[1, 1], [2, 2]], [Relu()]), dense([[2, -1]])),
    "steps after the last layer": network([-9], [9], dense([[1]], [Relu(), Requantize(1, "half_even"), Offset(-1)])),
    "units that are dead": network([-2], [2], dense([[1], [1]], [Relu()], bias=[-9, 9]), dense([[5, 1]], [Relu()])),
    "a multiplier for each output": network(
        [-9],
        [9],
        dense([[40], [40]], [RequantizeQ31((2**30, 2**30 + 2**20), (1, 2), "single", 1), Clamp(0, 9)]),
        dense([[1, -1]]),
    ),
    "halves": network(
        [-3], [4], dense([[2], [2]], [RequantizeQ31(2**30, (-1, 0), "double"), Relu()]), dense([[3, 1]], [Relu()])
    ),
    "steps and signs": network([-2, -2], [2, 2], dense([[1, -1], [2, 1]], [Threshold()]), dense([[1, 1]], [Sign()])),
}


@pytest.mark.parametrize("make", [new_atoms, simulated], ids=["by lines", "by simulation"])
@pytest.mark.parametrize("network", NETWORKS.values(), ids=NETWORKS)
def test_every_unit_is_its_form(network, make):
    formed(network, make)


@pytest.mark.parametrize("number", range(8))
def test_every_unit_of_random_networks_is_its_form(number):
    rng = random.Random(number)
    formed(pairs.random_network(rng, pairs.small(rng)))


def test_what_never_varies_is_a_number():
    _, forms = formed(NETWORKS["an input that never varies"])
    assert forms[0][1] == Form((), 3)
    _, forms = formed(NETWORKS["no input varies"])
    assert forms == [[Form((), 0)], [Form((), 1)]]


def test_a_layer_without_steps_adds_no_atom():
    atoms, forms = formed(NETWORKS["two of them"])
    assert forms[1] == [Form(((0, 5), (1, -3)), 4)]
    assert len(atoms.definitions) == 2
    assert atoms.facts.counts()["sum"].count == 1


def test_a_sum_of_different_atoms_is_not_asked_about():
    """It is its form, word for word; one in which an atom stands twice is not."""
    atoms = new_atoms((-3, 3), (0, 2))
    x, y = atom_form(0), atom_form(1)
    walk._layer(dense([[3, -2], [0, 0], [None, 5]], bias=[1, 0, 2]), [x, y], atoms, "")
    assert not atoms.facts.counts()
    for values in ([x, x], [x, Form(((1, 2),))], [x, Form(((1, 1),), 1)], [x, Form((), 4)]):
        walk._layer(dense([[3, -2]]), values, atoms, str(values))
    assert atoms.facts.counts()["sum"].count == 4


def test_a_second_network_is_written_in_the_same_atoms():
    one = network([-3, 0], [2, 3], dense([[1, -1], [2, 1]], [Relu()]), dense([[1, 2]]))
    other = network([-3, 0], [2, 3], dense([[4, 2], [1, -1]], [Relu()]), dense([[1, 1]]))
    atoms = new_atoms(*input_ranges(one.input))
    assert layers(one, atoms, "first")[-1] == layers(other, atoms, "second")[-1]
    assert len(atoms.definitions) == 4


# What is wrong is seen.

NETWORK = network(
    [-3, 0], [2, 3], dense([[1, -1], [2, 1]], [Relu()], bias=[0, -1]), dense([[1, 2], [1, 0]], bias=[1, 0])
)
TAMPERED = {
    "a unit's constant": (0, 1, lambda form: Form(form.terms, form.constant + 1, form.denominator)),
    "a unit's atom": (0, 0, lambda _: atom_form(0)),
    "a denominator": (0, 1, lambda form: Form(form.terms, form.constant, form.denominator + 1)),
    "an output": (1, 0, lambda form: Form(form.terms[:-1], form.constant, form.denominator)),
}


@pytest.mark.parametrize(("layer", "output", "change"), TAMPERED.values(), ids=TAMPERED)
def test_a_form_that_was_tampered_with_is_named(layer, output, change):
    atoms, forms = formed(NETWORK)
    forms[layer][output] = change(forms[layer][output])
    assert disagreements(NETWORK, forms, atoms, (2, 1)) == [f"layer {layer}, unit {output}"]


def test_forms_of_another_network_are_named():
    atoms, forms = formed(NETWORK)
    other = with_layer(NETWORK, 0, bias=(1, -1))
    assert disagreements(other, forms, atoms, (2, 1)) == ["layer 0, unit 0", "layer 1, unit 0", "layer 1, unit 1"]


def test_a_sum_that_arithmetic_gets_wrong_is_denied(monkeypatch):
    combine = walk.combine
    monkeypatch.setattr(walk, "combine", lambda row, bias=0: combine(row, bias + 1))
    with pytest.raises(DisagreementError, match="second, layer 0: sum 0: z3 denies what arithmetic says"):
        layers(NETWORK, new_atoms(*input_ranges(NETWORK.input)), "second")


DENIED = {
    "another weight": Form(((0, 2), (1, -1))),
    "another bias": Form(((0, 1), (1, -1)), 1),
    "another denominator": Form(((0, 1), (1, -1)), 0, 2),
    "an atom less": Form(((0, 1),)),
}


@pytest.mark.parametrize("wrong", DENIED.values(), ids=DENIED)
def test_each_sum_is_asked_about(monkeypatch, wrong):
    combine = walk.combine
    monkeypatch.setattr(walk, "combine", lambda row, bias=0: wrong if bias == 0 else combine(row, bias))
    with pytest.raises(DisagreementError, match="sum 0"):
        layers(NETWORK, new_atoms((-3, 2), (0, 3)), "first")


QUOTIENTS = [Form(((0, 1),), 1, 2), Form(((1, 2),), 0, 3)]


def test_a_sum_of_quotients():
    atoms = new_atoms((-3, 3), (-3, 3))
    assert walk._layer(dense([[3, -2]], bias=[5]), QUOTIENTS, atoms, "") == [Form(((0, 9), (1, -8)), 39, 6)]


@pytest.mark.parametrize("wrong", [Form(((0, 9), (1, -8)), 38, 6), Form(((0, 9), (1, -8)), 39, 3)], ids=str)
def test_a_sum_of_quotients_that_arithmetic_gets_wrong(monkeypatch, wrong):
    monkeypatch.setattr(walk, "combine", lambda *_: wrong)
    with pytest.raises(DisagreementError, match="sum 0"):
        walk._layer(dense([[3, -2]], bias=[5]), QUOTIENTS, new_atoms((-3, 3), (-3, 3)), "")


def test_z3_that_gives_up_on_a_sum(monkeypatch):
    monkeypatch.setattr(facts.session, "refute_all", lambda *_: Refutation(unknown=(1,), reason="canceled"))
    with pytest.raises(GaveUpError, match="first, layer 0: sum 1: canceled"):
        walk._layer(dense([[3, -2], [1, 1]]), QUOTIENTS, new_atoms((-3, 3), (-3, 3)), "first, layer 0")
