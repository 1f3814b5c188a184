"""Tickets in base networks whose hidden units have a leaky ReLU: found, proved, swept; mutants are not."""

from __future__ import annotations

import json
import random
from dataclasses import replace

import mutants
import naive
import numpy as np
import pytest

from certify.base.activation import activation_name, read_activation
from certify.base.law import BaseNetwork, Precision
from certify.base.layout import matrix_shapes, pairs
from certify.base.mask import from_bits
from certify.base.prune import prune
from certify.errors import InputError
from certify.network.matrix import from_dense
from certify.network.reader import read_network
from certify.network.steps import LeakyRelu, Relu, RequantizeQ31
from certify.proof.claim import Verdict
from certify.proof.prover import prove
from certify.ticket import find_ticket
from certify.ticket.given import find_ticket_in
from certify.ticket.goal import Goal

LEAKY = {"op": "leaky_relu", "negative_shift": 2}
IMAGE = {
    "format": "certify.network/1",
    "input": {"shape": [2, 2, 1], "low": -2, "high": 1, "precision_bits": 0},
    "layers": [
        {
            "op": "conv2d",
            "precision_bits": 2,
            "kernel": [2, 2],
            "padding": [[1, 0], [0, 1]],
            "weights": [[1, -4, 2, 3], [0, 3, -1, 1]],
            "bias": [5, -3],
            "then": [LEAKY, {"op": "requantize", "shift": 3, "rounding": "half_up"}],
        },
        {"op": "max_pool", "kernel": [2, 1]},
        {"op": "dense", "precision_bits": 3, "weights": [[1, -8, 3, 2]], "bias": [-40], "then": [LEAKY]},
    ],
}
GOALS = (Goal(), Goal("width"), Goal("first"))


def small(number):
    """A random target of one or two layers, with leaky ReLUs in some, and a ticket."""
    rng = random.Random(f"leaky {number}")
    inputs = rng.randint(1, 2)
    low = [rng.choice([0, -1, -3, 1, -6]) for _ in range(inputs)]
    high = [least + rng.randint(0 if inputs > 1 else 3, 6) for least in low]
    layers = mutants._random_layers(rng, inputs, (2, 3), [rng.randint(1, 2) for _ in range(rng.choice([1, 2]))])
    for layer in layers:
        layer["then"][:0] = [LEAKY] if rng.random() < 0.7 else []
    document = mutants._document(low, high, layers)
    return rng, document, read_network(json.dumps(document).encode())


@pytest.mark.parametrize("number", range(3))
def test_found_proved_and_swept(number):
    rng, document, target = small(number)
    bits = rng.randint(1, 5)
    ticket = find_ticket(target, f"{number}", activation=LeakyRelu(bits), goal=GOALS[number % 3])
    pruned = prune(target, ticket.base, ticket.masks)
    assert {layer.steps for layer in pruned.layers[::2]} == {(LeakyRelu(bits),)}
    proof = prove(target, pruned)
    assert (proof.verdict, proof.strategy, proof.reason) == (Verdict.PROVED, "decomposition", "")
    assert naive.equal_on_grid(document, mutants.document_of(pruned))
    for base in (replace(ticket.base, activation=LeakyRelu(bits + 1)), replace(ticket.base, activation=Relu())):
        check(document, target, prune(target, base, ticket.masks))
    for steps in (LeakyRelu(bits + 1), Relu()):
        index = 2 * rng.randrange(len(target.layers))
        check(document, target, mutants.with_layer(pruned, index, steps=(steps,)))


def check(document, target, other):
    """The verdict on a mutant is the oracle's; where inputs are ≥ 0 and the steps fit, another slope is right too."""
    proof = prove(target, other)
    assert (proof.verdict is Verdict.PROVED) == naive.equal_on_grid(document, mutants.document_of(other))


def test_convolutions():
    target = read_network(json.dumps(IMAGE).encode())
    ticket = find_ticket(target, "image", activation=LeakyRelu(3))
    pruned = prune(target, ticket.base, ticket.masks)
    proof = prove(target, pruned)
    assert (proof.verdict, proof.strategy) == (Verdict.PROVED, "decomposition")
    assert proof.sweep.points == 256
    assert [isinstance(layer.steps[0], RequantizeQ31) for layer in (pruned.layers[1], pruned.layers[4])] == [True] * 2


def test_inputs_of_one_sign_need_no_division():
    document = {**mutants._document([0, -5], [3, 0], [layer(4, -3)])}
    target = read_network(json.dumps(document).encode())
    ticket = find_ticket(target, "0", activation=LeakyRelu(3))
    plain = find_ticket(target, "0")
    assert ticket.masks[0].columns.tolist() == plain.masks[0].columns.tolist()
    pruned = prune(target, ticket.base, ticket.masks)
    assert pruned.layers[1].steps == ()
    assert prove(target, pruned).strategy == "decomposition"


def layer(*weights, bits=2, then=()):
    return {"op": "dense", "precision_bits": bits, "weights": [list(weights)], "bias": [3], "then": list(then)}


def refused(match, *layers, low=-4, bits=0):
    document = mutants._document([low], [4], list(layers)) | {"input": {"shape": [1], "low": low, "high": 4}}
    document["input"]["precision_bits"] = bits
    target = read_network(json.dumps(document).encode())
    with pytest.raises(InputError, match=match):
        find_ticket(target, "0", activation=LeakyRelu(1))


def test_what_a_division_cannot_do():
    refused("exact after a division by 3, found 51539607555", layer(3 * 2**32, bits=34))
    refused("of 0 to 60 precision bits, found 62", layer(3, bits=2), bits=60)
    shifted = {"op": "requantize", "shift": 3, "rounding": "floor"}
    refused("of 0 to 60 precision bits, found -1", layer(3, bits=2, then=[shifted]), layer(1, bits=0))


@pytest.mark.parametrize("activation", [Relu(), LeakyRelu(1), LeakyRelu(31)])
def test_names(activation):
    assert read_activation(activation_name(activation)) == activation


@pytest.mark.parametrize("name", ["", "ReLU", "leaky_relu", "leaky_relu:0", "leaky_relu:32", "leaky_relu:+1", "tanh"])
def test_names_refused(name):
    with pytest.raises(InputError, match=r"expected relu, or leaky_relu:A with A from 1 to 31, found "):
        read_activation(name)


def test_a_relu_is_what_it_was():
    """Shapes, steps and masks without an activation are those of a ReLU."""
    target = read_network(json.dumps(IMAGE).encode())
    precisions = (Precision(1, 1), Precision(2, 2))
    assert BaseNetwork("s", (1, 1), precisions).activation == Relu()
    assert pairs(target, precisions) == pairs(target, precisions, activation=Relu())
    leaky = BaseNetwork("s", (3, 2), precisions, activation=LeakyRelu(1))
    assert matrix_shapes(target, leaky) == matrix_shapes(target, replace(leaky, activation=Relu()))


def given(target, bits, seed, width=150, kept=2):
    """A whole base network of leaky ReLUs, of random weights."""
    precisions = (Precision(kept, kept),) * len(target.layers)
    base = BaseNetwork(seed, (width,) * len(precisions), precisions, activation=LeakyRelu(bits))
    whole = tuple(from_bits(np.ones(shape, dtype=np.bool_)) for shape in matrix_shapes(target, base))
    return prune(target, base, whole)


def kept_by(network, masks):
    layers = zip(network.layers, masks, strict=True)
    return replace(network, layers=tuple(replace(own, weights=only(own.weights, mask)) for own, mask in layers))


def only(weights, mask):
    kept = np.zeros(mask.shape, dtype=np.bool_)
    kept[mask.rows(), mask.columns] = True
    return from_dense(np.where(kept, weights.to_dense(), 0))


@pytest.mark.parametrize("number", [0, 3])
def test_found_in_a_given_network(number):
    _, document, target = small(number)
    base = given(target, 2, f"given {number}")
    pruned = kept_by(base, find_ticket_in(target, base))
    proof = prove(target, pruned)
    assert (proof.verdict, proof.strategy) == (Verdict.PROVED, "decomposition")
    assert naive.equal_on_grid(document, mutants.document_of(pruned))


def test_a_given_network_that_does_not_divide():
    target = read_network(json.dumps(mutants._document([-2], [2], [layer(3)])).encode())
    base = given(target, 2, "0")
    for steps in ((), (RequantizeQ31(2**30, 2, "single", 0, 4),)):
        with pytest.raises(InputError, match=r"base.layers\[1\].then: expected first .* has both signs, found"):
            find_ticket_in(target, mutants.with_layer(base, 1, steps=steps))
