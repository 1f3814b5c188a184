"""Obligations are shared only where everything is the same, and no kept edge gets lost on the way to them."""

from __future__ import annotations

from dataclasses import replace

import mutants
import pytest
from mutants import dense, network, plain_ticket, with_layer, with_weight
from verdicts import TWO_BY_TWO, assert_proved, assert_refuted, edges, unproved

from certify.base.prune import prune
from certify.network.steps import Clamp, Relu
from certify.proof import refutation
from certify.proof.obligations import digest, obligations
from certify.proof.piece import NEGATIVE, POSITIVE
from certify.proof.prover import prove
from certify.proof.structure import UNFED, pair_up


def one_wrong_of_two(low, high, weights, vs):
    """Two inputs with a unit for each half; the second matrix is `vs`."""
    target = network(low, high, dense([weights], bits=2))
    hidden = dense([[1, None], [-1, None], [None, 1], [None, -1]], [Relu()])
    return target, network(low, high, hidden, dense([vs], bits=2))


def test_sharing_across_ranges():
    """The same edges for the same weight: right where the input is always 0, wrong where it is not."""
    wrong = [2, None, 2, None]
    target, ticket = one_wrong_of_two([0, 0], [0, 3], [3, 3], wrong)
    assert unproved(target, ticket) == ["pair 0: weight [0][1], inputs ≥ 0: sat"]
    assert_refuted(target, ticket)
    target, ticket = one_wrong_of_two([0, 0], [3, 0], [3, 3], wrong)
    assert unproved(target, ticket) == ["pair 0: weight [0][0], inputs ≥ 0: sat"]
    assert_refuted(target, ticket)


def test_items_of_work_say_what_they_are(monkeypatch):
    """So that whoever loses one can say which; of the weight obligations that are equal the first."""
    monkeypatch.setattr(refutation, "PART", 3)
    target = network([0, -1], [3, 3], dense([[3, 3], [1, 0]]))
    item = obligations(pair_up(target, plain_ticket(target))[0])
    assert [str(task) for task in refutation.tasks(item, 10**7)] == [
        "pair 0: ranges, biases and steps",
        "pair 0: ReLU on -1..3 to ReLU on 0..3",
        "pair 0: 3 different ones, weight [0][0], inputs ≥ 0 to weight [1][1], inputs ≥ 0",
        "pair 0: 3 different ones, weight [0][0], inputs ≤ 0 to weight [0][1], inputs ≤ 0",
        "pair 0: weight [1][1], inputs ≤ 0",
    ]


def test_sharing_across_halves():
    """Edges without effect on one half, equal to those of the other half in v, weight and range."""
    target, ticket = one_wrong_of_two([-2, 0], [2, 2], [0, 0], [None, None, 0, None])
    assert_proved(target, ticket)
    item = obligations(pair_up(target, with_weight(ticket, 1, 0, 1, 0))[0])
    assert item.weights.half.tolist() == [POSITIVE, NEGATIVE, POSITIVE]
    target, ticket = one_wrong_of_two([-2, 0], [2, 2], [3, 3], [3, 3, 3, None])
    assert unproved(target, ticket) == ["pair 0: weight [0][0], inputs ≤ 0: sat"]
    assert_refuted(target, ticket)


def test_sharing_across_weights():
    target = network([0], [3], dense([[2], [1], [2]], bits=1))
    ticket = network([0], [3], dense([[1]], [Relu()]), dense([[2], [2], [2]], bits=1))
    assert unproved(target, ticket) == ["pair 0: weight [1][0], inputs ≥ 0: sat"]
    assert_refuted(target, ticket)


def test_sharing_across_signs():
    """Of a weight, of one v, and of one u, which is another half."""
    hidden = dense([[1, None], [-1, None], [None, 1], [None, -1]], [Relu()])
    for weights, vs, left in (
        ([2, -2], [2, -2, 2, 2], ["≥ 0"]),
        ([2, 2], [2, -2, 2, 2], ["≤ 0"]),
        ([2, 2], [2, -2, -2, -2], ["≥ 0"]),
    ):
        target = network([-1, -1], [1, 1], dense([weights], bits=1))
        ticket = network([-1, -1], [1, 1], hidden, dense([vs], bits=1))
        assert unproved(target, ticket) == [f"pair 0: weight [0][1], inputs {half}: sat" for half in left]
        assert_refuted(target, ticket)


def test_sharing_across_edges_of_one_sum():
    """[2]·[3] and [3]·[2] are the same product, [3]·[3] is not."""
    target = network([0, 0, 0], [1, 1, 1], dense([[6, 6, 6]], bits=3))
    hidden = dense([[3, None, None], [None, 2, None], [None, None, 3]], [Relu()])
    ticket = replace(target, layers=(hidden, dense([[2, 3, 3]], bits=3)))
    assert unproved(target, ticket) == ["pair 0: weight [0][2], inputs ≥ 0: sat"]


def test_sharing_across_pairs():
    """Both pairs have the same edges, weights and ranges; only the scale of the second pair's products differs."""
    layer = dense([[2]], bits=1)
    target = network([0], [1], with_layer(network([0], [1], layer), 0, steps=(Clamp(0, 1),)).layers[0], layer)
    ticket = network(
        [0],
        [1],
        dense([[1]], [Relu()]),
        dense([[2]], [Clamp(0, 1)], bits=1),
        dense([[1]], [Relu()]),
        dense([[2]], bits=2),
    )
    assert unproved(target, ticket) == ["pair 1: weight [0][0], inputs ≥ 0: sat"]
    assert_refuted(target, ticket)


@pytest.mark.parametrize("part", [1, 2, 3, 7])
def test_obligations_cut_into_parts(monkeypatch, part):
    """Where the cut falls does not matter, to what is proved nor to the names of what is not."""
    ticket = with_weight(with_weight(plain_ticket(TWO_BY_TWO), 1, 1, 3, 3), 1, 0, 0, None)
    whole = unproved(TWO_BY_TWO, ticket)
    monkeypatch.setattr(refutation, "PART", part)
    assert sorted(unproved(TWO_BY_TWO, ticket)) == sorted(whole)
    assert unproved(TWO_BY_TWO, plain_ticket(TWO_BY_TWO)) == []
    assert len(whole) == 2


# Bits of the masks that contribute nothing still stand in a formula.


def test_units_of_weight_0():
    target = network([-2], [2], dense([[3]], bits=2))
    hidden = dense([[1], [-1], [0], [0]], [Relu()])
    ticket = replace(target, layers=(hidden, dense([[3, -3, 7, None]], bits=2)))
    assert_proved(target, ticket)
    assert edges(target, ticket) == 3
    item = obligations(pair_up(target, ticket)[0])
    assert (0, -2, 2) in item.lemmas
    assert (item.weights.half.tolist(), item.weights.u.tolist()) == ([POSITIVE, NEGATIVE], [1, 0, -1])


def test_units_without_an_input():
    target = network([-2], [2], dense([[3]], bits=2, bias=[4]))
    ticket = plain_ticket(target)
    unfed = with_layer(
        with_layer(
            ticket, 0, weights=mutants.matrix([[1, None], [-1, None], [None, 1], [None, None]]), bias=(0,) * 4
        ),
        1,
        weights=mutants.matrix([[3, -3, 4, 9]]),
    )
    assert_proved(target, unfed)
    assert edges(target, unfed) == 4
    item = obligations(pair_up(target, unfed)[0])
    assert item.lemmas == ((-1, -2, 2), (1, -2, 2))
    biases = item.biases
    assert (biases.line.tolist(), biases.u.tolist(), biases.v.tolist()) == ([0, UNFED], [1, 0], [4, 9])


def test_kept_weights_of_0_in_the_second_matrix():
    ticket = with_weight(plain_ticket(TWO_BY_TWO), 1, 0, 0, 0)
    assert edges(TWO_BY_TWO, ticket) == 10
    assert_refuted(TWO_BY_TWO, ticket)


def test_the_same_edge_twice_counts_twice():
    target = network([0], [3], dense([[4]], bits=2))
    once = replace(target, layers=(dense([[2], [2]], [Relu()]), dense([[1, None]], bits=2)))
    twice = replace(target, layers=(dense([[2], [2]], [Relu()]), dense([[1, 1]], bits=2)))
    assert_proved(target, twice)
    assert edges(target, twice) == 2
    assert unproved(target, once) == ["pair 0: weight [0][0], inputs ≥ 0: sat"]


ZERO_AND_3 = network([-2, -2], [2, 2], dense([[0, 3]], bits=2))


def test_units_that_no_output_takes():
    ticket = plain_ticket(ZERO_AND_3)
    for unit in (0, 1):
        ticket = with_weight(ticket, 1, 0, unit, None)
    assert_proved(ZERO_AND_3, ticket)


def test_a_kept_edge_in_an_excluded_half():
    target = network([0], [3], dense([[3]], bits=2))
    ticket = replace(target, layers=(dense([[1], [-2]], [Relu()]), dense([[3, 5]], bits=2)))
    weights = obligations(pair_up(target, ticket)[0]).weights
    assert weights.half.tolist() == [POSITIVE, NEGATIVE]
    assert (weights.u.tolist(), weights.v.tolist()) == ([1, -2], [3, 5])
    assert weights.range_of(1) == (0, 0)
    assert_proved(target, ticket)
    below = network([-1], [3], dense([[3]], bits=2))
    assert unproved(below, ticket) == ["pair 0: weight [0][0], inputs ≤ 0: sat"]
    assert_refuted(below, ticket)


@pytest.mark.parametrize("number", range(6))
def test_bits_added_where_no_input_is_kept(number):
    """A found ticket, with every output taking every unit that keeps nothing."""
    case = mutants.small_case(number)
    masks = list(case.ticket.masks)
    for pair in range(len(case.target.layers)):
        first, second = (mutants.bits_of(masks[2 * pair + side]) for side in (0, 1))
        assert not (second & ~first.any(axis=1)).any()
        masks[2 * pair + 1] = mutants.mask_of(second | ~first.any(axis=1))
    pruned = prune(case.target, case.ticket.base, masks)
    assert_proved(case.target, pruned)
    assert edges(case.target, pruned) == sum(mask.kept for mask in masks[1::2])
    assert (
        digest([obligations(pair) for pair in pair_up(case.target, pruned)]) == prove(case.target, pruned).obligations
    )
