"""Graphs: residual connections, operators without weights, attention, weights shared over a group."""

from __future__ import annotations

import random
from dataclasses import replace

import numpy as np
import pytest
from attention import attention, equivariant, motions
from kernels import AROUND, conv, differing_point, image, left_over, plain_ticket
from mutants import dense, with_layer, with_weight

from certify.base.prune import prune
from certify.network.batch import Batch
from certify.network.evaluate import evaluate
from certify.network.model import INPUT
from certify.network.operators import (
    Addition,
    Concatenate,
    Convolution,
    Gather,
    Pad,
    Pooling,
    Product,
    Reshape,
    Slice,
    Softmax,
    Term,
    Transpose,
)
from certify.network.operators.window import Window
from certify.network.steps import Clamp, Relu, Requantize
from certify.proof.claim import Verdict
from certify.proof.obligations import obligations
from certify.proof.prover import Budget, prove
from certify.proof.structure import pair_up
from certify.ticket import find_ticket

NO_SWEEP = Budget(sweep_work=0)


def kernel(*rows):
    return [list(row) for row in rows]


RESIDUAL = image(
    (1, 3, 1),
    -2,
    1,
    conv(kernel([1, 2, -1], [0, 3, 1]), (1, 3), [Relu()], bias=[1, -1], padding=((0, 0), (1, 1))),
    conv(kernel([1, -2], [3, 1]), (1, 1), bias=[2, 0]),
    Addition((0, 1), (Term(2, (Clamp(-3, 4),)), Term(-1)), (Clamp(-9, 9),)),
    conv(kernel([1, 1]), (1, 1), bias=[1]),
    Addition((INPUT, 3), (Term(2), Term(1, (Clamp(-5, 5),)))),
)


@pytest.mark.parametrize("finer_bits", [0, 1, 3])
def test_a_residual_network(finer_bits):
    ticket = plain_ticket(RESIDUAL, finer_bits)
    assert left_over(RESIDUAL, ticket) == []
    for budget in (None, NO_SWEEP):
        proof = prove(RESIDUAL, ticket, budget)
        assert (proof.verdict, proof.strategy) == (Verdict.PROVED, "decomposition")
    pairs = pair_up(RESIDUAL, ticket)
    assert [(pair.layer, pair.place) for pair in pairs] == [(0, 0), (1, 2), (3, 5)]


SHAPES = image(
    (2, 2, 1),
    -1,
    1,
    conv(kernel([1, 2], [3, -1]), (1, 2), [Relu()], bits=1, bias=[1, 0], padding=((0, 0), (0, 1))),
    Pooling("max", Window((2, 1), padding=((0, 1), (0, 0)))),
    Pooling("average", Window((1, 2), padding=((0, 0), (0, 1))), "half_away", sources=(0,)),
    Concatenate((1, 2), 2),
    Pad(((0, 0), (1, 0), (0, 0)), 3),
    Slice((0, 0, 1), (2, 3, 4), (1, 2, 1)),
    Transpose((1, 0, 2)),
    Reshape((2, 6)),
    Gather((0, 5, -1, 11), (2, 2)),
    Product((8, 7)),
    Softmax((8, 5, 1), 15),
    dense([[1, -2, 0, 1, 1, 1, 2, -1, 1, 0, 0, 3]], bits=1, bias=[4]),
)


def test_every_operator_without_weights():
    ticket = plain_ticket(SHAPES, 1)
    assert left_over(SHAPES, ticket) == []
    assert prove(SHAPES, ticket).strategy == "decomposition"


SHARED = {
    "swapped residual sources": (RESIDUAL, 4, {"sources": (3, 1)}),
    "another source": (RESIDUAL, 7, {"sources": (6, 6)}),
    "a term's weight": (RESIDUAL, 4, {"terms": (Term(3, (Clamp(-3, 4),)), Term(-1))}),
    "a term's step": (RESIDUAL, 4, {"terms": (Term(2, (Clamp(-3, 3),)), Term(-1))}),
    "a step of a sum": (RESIDUAL, 4, {"steps": (Clamp(-9, 8),)}),
    "a kind of pooling": (SHAPES, 2, {"kind": "average", "rounding": "floor"}),
    "a rounding of an average": (SHAPES, 3, {"rounding": "floor"}),
    "padding of pooling": (SHAPES, 2, {"window": Window((2, 1), padding=((1, 0), (0, 0)))}),
    "a value of padding": (SHAPES, 5, {"value": 2}),
    "a slice": (SHAPES, 6, {"begin": (0, 0, 0), "end": (2, 3, 3)}),
    "axes": (SHAPES, 7, {"axes": (0, 1, 2)}),
    "gathered places": (SHAPES, 9, {"indices": (0, 5, 10, 11)}),
    "the order of a concatenation": (SHAPES, 4, {"sources": (3, 2)}),
    "a table": (SHAPES, 11, {"table": (8, 4, 1)}),
    "a scale of softmax": (SHAPES, 11, {"scale": 16}),
}


@pytest.mark.parametrize(("target", "place", "changes"), SHARED.values(), ids=SHARED.keys())
def test_an_operator_without_weights_is_the_targets_own(target, place, changes):
    ticket = with_layer(plain_ticket(target), place, **changes)
    (left,) = left_over(target, ticket)
    assert left.startswith(f"condition 0: layer {place} of the ticket: ")
    point = differing_point(target, ticket)
    proof = prove(target, ticket)
    assert proof.strategy != "decomposition"
    assert (proof.verdict is Verdict.REFUTED) == (point is not None)


def test_most_of_these_changes_show():
    seen = [
        name
        for name, (target, place, changes) in SHARED.items()
        if differing_point(target, with_layer(plain_ticket(target), place, **changes)) is not None
    ]
    assert len(seen) > 2 * len(SHARED) // 3


def test_a_name_means_nothing():
    ticket = with_layer(plain_ticket(RESIDUAL), 4, name="another")
    assert left_over(RESIDUAL, ticket) == []


def test_an_operator_of_another_kind():
    ticket = plain_ticket(SHAPES)
    layers = list(ticket.layers)
    layers[2] = Pooling("sum", layers[2].window)
    layers[7] = Reshape(SHAPES.shapes()[6])
    assert left_over(SHAPES, replace(ticket, layers=tuple(layers))) == [
        "condition 0: layer 2 of the ticket: not the target's pooling"
    ]
    layers[2] = ticket.layers[2]
    assert left_over(SHAPES, replace(ticket, layers=tuple(layers))) == [
        "condition 0: layer 7 of the ticket: not the target's transpose"
    ]


def test_what_reads_finer_integers_must_be_linear():
    """Where a branch ends on a finer scale, the sum would add numbers of two scales."""
    ticket = plain_ticket(RESIDUAL, 2)
    assert ticket.layers[1].steps[-1] == Requantize(2, "floor")
    finer = with_layer(ticket, 1, steps=ticket.layers[1].steps[:-1])
    finer = with_layer(finer, 2, constants=(4,))
    finer = with_layer(finer, 3, steps=(Requantize(4, "floor"),))
    assert left_over(RESIDUAL, finer) == [
        "condition 0: layer 4 of the ticket: reads integers that are finer by 2 bits"
    ]


@pytest.mark.parametrize(
    "step", [Requantize(2, "half_up"), Requantize(2, "floor", 1), Requantize(1, "floor"), Requantize(3, "floor")]
)
def test_only_one_step_brings_back_the_targets_scale(step):
    ticket = plain_ticket(RESIDUAL, 2)
    other = with_layer(ticket, 1, steps=(*ticket.layers[1].steps[:-1], step))
    assert left_over(RESIDUAL, other) == ["condition 0: pair 0: the steps are not the target's, rescaled"]
    if step.shift == 2:
        assert prove(RESIDUAL, other).strategy != "decomposition"


def test_a_scale_that_is_brought_back_twice():
    """Where nothing is finer, nothing may be taken away, not even by a shift of 0."""
    ticket = plain_ticket(RESIDUAL, 2)
    steps = ticket.layers[3].steps
    for more in (Requantize(2, "floor"), Requantize(0, "floor")):
        other = with_layer(ticket, 3, steps=(*steps, more))
        assert left_over(RESIDUAL, other) == ["condition 0: pair 1: the steps are not the target's, rescaled"]


def test_layers_that_nobody_asked_for():
    ticket = plain_ticket(RESIDUAL)
    more = replace(ticket, layers=(*ticket.layers, Reshape((1, 3, 1))))
    assert left_over(RESIDUAL, more) == ["condition 0: expected 8 layers, found 9"]
    fewer = replace(ticket, layers=ticket.layers[:-1])
    assert left_over(RESIDUAL, fewer) == ["condition 0: expected 8 layers, found 7"]


def test_a_linear_layer_in_place_of_an_operator_without_weights():
    """One layer less in one place and one more in another: as many as expected, and not these."""
    target = image((1, 2, 1), -1, 1, conv([[1]], bits=1), Pooling("max", Window((1, 2))))
    ticket = plain_ticket(target)
    swapped = replace(ticket, layers=(ticket.layers[0], Pooling("max", Window((1, 2))), ticket.layers[1]))
    assert left_over(target, swapped) == [
        "condition 0: pair 0: expected two linear layers, found convolution and pooling"
    ]


def test_a_hidden_layer_that_reads_another_branch():
    ticket = plain_ticket(RESIDUAL)
    hidden = ticket.layers[2]
    other = with_layer(ticket, 2, sources=(0,))
    assert isinstance(hidden, Convolution)
    assert left_over(RESIDUAL, other) == [
        "condition 0: layer 2 of the ticket: expected it to read layer 1, found layer 0"
    ]
    other = with_layer(ticket, 0, sources=(INPUT,))
    assert left_over(RESIDUAL, other) == []


def test_the_output_layer_reads_its_own_hidden_layer():
    ticket = plain_ticket(RESIDUAL)
    assert left_over(RESIDUAL, with_layer(ticket, 3, sources=(0,)))[0].startswith(
        "condition 0: layer 3 of the ticket"
    )


def test_boxes_go_through_operators_without_weights():
    target = image(
        (1, 2, 1), -1, 2, Addition((INPUT, INPUT), (Term(3), Term(-1, (Relu(),)))), conv([[1]], bits=1, bias=[7])
    )
    pair = pair_up(target, plain_ticket(target))[0]
    assert (pair.low, pair.high) == ((-5,), (6,))
    assert (pair.accumulator_low, pair.accumulator_high) == ((2,), (13,))


# Attention.


def test_an_attention_block_is_found_and_proved():
    target = attention()
    found = find_ticket(target, "attention")
    ticket = prune(target, found.base, found.masks)
    proof = prove(target, ticket)
    assert (proof.verdict, proof.strategy, proof.reason) == (Verdict.PROVED, "decomposition", "")
    assert proof.obligations["weight"].count == 4 * 2 * 64
    points = np.random.default_rng(1).integers(-128, 128, (200, target.input.features))
    outputs = Batch.of(target).run(points)
    assert (outputs == Batch.of(ticket).run(points)).all()
    assert len(np.unique(outputs)) > 100


@pytest.mark.parametrize(("layer", "name"), [(0, "Q"), (2, "K"), (4, "V"), (14, "O")])
def test_an_attention_block_with_one_weight_off(layer, name):
    target = attention(2, 3)
    ticket = plain_ticket(target)
    assert left_over(target, ticket) == []
    weight = ticket.layers[layer + 1].weights.row(1)[1][2]
    mutant = with_weight(ticket, layer + 1, 1, 2, weight + 40)
    assert left_over(target, mutant) == [f"pair {'QKVO'.index(name)}: weight [1][1], inputs ≥ 0"]
    assert prove(target, mutant, NO_SWEEP).verdict in {Verdict.REFUTED, Verdict.UNDECIDED}


def test_a_key_in_place_of_a_query_is_not_proved():
    target = attention(2, 3)
    ticket = plain_ticket(target)
    layers = list(ticket.layers)
    layers[6], layers[7] = replace(layers[6], sources=(3,)), replace(layers[7], sources=(1,))
    assert left_over(target, replace(ticket, layers=tuple(layers)))[0].startswith(
        "condition 0: layer 6 of the ticket"
    )


# Weights that a group shares.


def test_a_group_convolution_is_found_and_proved():
    target = equivariant()
    found = find_ticket(target, "group")
    ticket = prune(target, found.base, found.masks)
    proof = prove(target, ticket)
    assert (proof.verdict, proof.strategy, proof.reason) == (Verdict.PROVED, "decomposition", "")
    # One subset sum per kernel weight and half, whatever the number of positions and motions.
    first = obligations(pair_up(target, ticket)[0])
    assert len(first.weights) == 3 * 9 * 2


def test_a_group_convolution_does_not_see_turns_and_flips():
    target = equivariant()
    rng = random.Random(5)
    point = [rng.randint(-8, 7) for _ in range(16)]
    outputs = {
        evaluate(target, [point[r * 4 + c] for r, c in (motion(divmod(i, 4)) for i in range(16))])
        for motion in motions(4)
    }
    assert len(outputs) == 1
    assert outputs != {evaluate(target, point[::-1][1:] + point[:1])}
    assert len({motion((0, 1)) for motion in motions(4)}) == 8


def test_a_group_convolution_whose_patches_are_turned_otherwise():
    target = equivariant(3, 2, 2)
    ticket = plain_ticket(target)
    assert left_over(target, ticket) == []
    moved = list(ticket.layers[0].indices)
    moved[4], moved[5] = moved[5], moved[4]
    assert left_over(target, with_layer(ticket, 0, indices=tuple(moved))) == [
        "condition 0: layer 0 of the ticket: not the target's gather"
    ]


def test_padding_of_a_convolution_behind_an_operator():
    """What a zero point does: an offset step leaves 0 where the padding is 0."""
    target = image(
        (2, 2, 1),
        0,
        2,
        Pooling("max", Window((1, 1))),
        conv([[1, 2, 3, 4, 5, 6, 7, 8, 9]], (3, 3), bits=4, bias=[3], padding=AROUND),
    )
    ticket = plain_ticket(target, 1)
    assert left_over(target, ticket) == []
    assert differing_point(target, ticket) is None
