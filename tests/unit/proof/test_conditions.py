"""Every way to be wrong that the conditions of docs/proof.md exclude, one test each; sharing is in `test_sharing`.

Tickets are made by hand (`mutants.plain_ticket`): a unit of weight 1 and one of weight -1 for every input, so unit
2i + h of a pair is half h of input i, and the last unit is the constant line.
"""

from __future__ import annotations

from dataclasses import replace

import mutants
import numpy as np
import pytest
from mutants import dense, network, plain_ticket, with_layer, with_weight
from verdicts import (
    NO_SWEEP,
    TWO_BY_TWO,
    assert_not_applicable,
    assert_proved,
    assert_refuted,
    decide,
    only_the_decomposition,
    unproved,
    unproved_of,
)

from certify.network.steps import Clamp, Offset, Relu, Requantize, Sign, Step, Threshold
from certify.proof import conditions
from certify.proof.claim import Verdict
from certify.proof.obligations import obligations
from certify.proof.piece import NEGATIVE
from certify.proof.prover import prove
from certify.proof.structure import NotApplicableError, pair_up

DEEP = network(
    [-3, -2],
    [2, 3],
    dense([[3, -2], [1, 4]], [Relu(), Requantize(1, "half_even")], bits=2, bias=[5, -7]),
    dense([[2, -3]], bits=2, bias=[1]),
)


@pytest.mark.parametrize("target", [TWO_BY_TWO, DEEP], ids=["one layer", "two layers"])
def test_tickets_by_hand_are_proved(target):
    assert_proved(target, plain_ticket(target))


# Condition 1: a hidden unit that keeps two inputs.


def two_inputs_in_a_unit(low):
    """σ(x0 + x1) for x0 + x1: right where neither is negative."""
    target = network([low, low], [3, 3], dense([[1, 1]]))
    return target, network([low, low], [3, 3], dense([[1, 1]], [Relu()]), dense([[1]]))


def test_a_unit_that_keeps_two_inputs_and_is_right():
    target, ticket = two_inputs_in_a_unit(low=0)
    assert_not_applicable(target, ticket, r"condition 1: pair 0: hidden unit 0 keeps 2 inputs")
    swept = decide(target, ticket)
    assert (swept.verdict, swept.strategy, swept.sweep.points) == (Verdict.PROVED, "sweep", 16)
    assert decide(target, ticket, NO_SWEEP).strategy == "merging"


def test_a_unit_that_keeps_two_inputs_and_is_wrong():
    target, ticket = two_inputs_in_a_unit(low=-1)
    assert_not_applicable(target, ticket, "condition 1: pair 0: hidden unit 0 keeps 2 inputs")
    assert_refuted(target, ticket)


@pytest.mark.parametrize("second", [0, 2], ids=["an input of weight 0", "an input of weight 2"])
def test_a_second_input_that_a_mask_adds(second):
    ticket = with_weight(plain_ticket(TWO_BY_TWO), 0, 0, 1, second)
    assert_not_applicable(TWO_BY_TWO, ticket, r"condition 1: pair 0: hidden unit 0 keeps 2 inputs")
    assert decide(TWO_BY_TWO, ticket).verdict is (Verdict.REFUTED if second else Verdict.PROVED)


def test_an_input_and_a_constant_line_in_one_unit():
    ticket = with_weight(plain_ticket(TWO_BY_TWO), 0, 4, 1, 1)
    assert_not_applicable(TWO_BY_TWO, ticket, r"condition 1: pair 0: hidden unit 4 keeps 2 inputs")
    assert_refuted(TWO_BY_TWO, ticket)


def test_the_unit_that_keeps_two_inputs_is_named():
    """Not the one before it, which keeps none."""
    ticket = with_weight(with_weight(plain_ticket(TWO_BY_TWO), 0, 0, 0, None), 0, 1, 1, 1)
    assert_not_applicable(TWO_BY_TWO, ticket, r"condition 1: pair 0: hidden unit 1 keeps 2 inputs")


# A leak between blocks: a unit of another input's block.


def test_a_leak_between_blocks_that_one_output_feels():
    ticket = plain_ticket(TWO_BY_TWO)
    for unit in (2, 3):  # output 1 takes input 1 from input 0's units
        v = ticket.layers[1].weights.row(1)[1][unit]
        ticket = with_weight(with_weight(ticket, 1, 1, unit, None), 1, 1, unit - 2, v)
    assert set(unproved(TWO_BY_TWO, ticket)) == {
        f"pair 0: weight [1][{i}], inputs {sign} 0: sat" for i in (0, 1) for sign in "≥≤"
    }
    assert_refuted(TWO_BY_TWO, ticket)


def test_a_unit_moved_to_another_block():
    """The first matrix leaks: both outputs are wrong in both inputs, and in nothing else."""
    ticket = with_weight(with_weight(plain_ticket(TWO_BY_TWO), 0, 0, 0, None), 0, 0, 1, 1)
    assert {line.split(",")[0] for line in unproved(TWO_BY_TWO, ticket)} == {
        f"pair 0: weight [{j}][{i}]" for j in (0, 1) for i in (0, 1)
    }
    assert_refuted(TWO_BY_TWO, ticket)


# Condition 3: every pair of output and input, also where there is nothing.

ZERO = network([-2, -2], [2, 2], dense([[0, 3]], bits=2))


def test_a_weight_0_has_obligations_and_none_of_its_own_edges():
    ticket = with_weight(with_weight(plain_ticket(ZERO), 1, 0, 0, None), 1, 0, 1, None)
    weights = obligations(pair_up(ZERO, ticket)[0]).weights
    assert list(zip(weights.input.tolist(), np.diff(weights.start).tolist(), strict=True)) == [
        (0, 0),
        (0, 0),
        (1, 1),
        (1, 1),
    ]
    assert_proved(ZERO, ticket)


@pytest.mark.parametrize("half", [0, 1])
def test_a_weight_0_with_a_kept_path(half):
    ticket = with_weight(plain_ticket(ZERO), 1, 0, half, 1)
    assert unproved(ZERO, ticket) == [f"pair 0: weight [0][0], inputs {'≤' if half else '≥'} 0: sat"]
    assert_refuted(ZERO, ticket)


def test_a_weight_0_with_paths_that_cancel():
    hidden = dense([[1, None], [2, None], [None, 1], [None, -1]], [Relu()])
    target_bits = dense([[2, -1, 3, -3]], bits=2)
    assert_proved(ZERO, replace(ZERO, layers=(hidden, target_bits)))


def test_a_weight_without_any_edge():
    target = network([0], [1], dense([[1]]))
    ticket = with_weight(plain_ticket(target), 1, 0, 0, None)
    assert unproved(target, ticket) == ["pair 0: weight [0][0], inputs ≥ 0: sat"]
    assert_refuted(target, ticket)


def test_a_weight_whose_range_is_only_zero_needs_nothing():
    target = network([0], [0], dense([[5]], bits=3, bias=[2]))
    ticket = with_weight(with_weight(plain_ticket(target), 1, 0, 0, None), 1, 0, 1, None)
    assert len(obligations(pair_up(target, ticket)[0]).weights) == 0
    assert_proved(target, ticket)


@pytest.mark.parametrize("output", [0, 1])
@pytest.mark.parametrize("v", [None, 0, 4])
def test_an_output_without_its_bias(output, v):
    ticket = with_weight(plain_ticket(TWO_BY_TWO), 1, output, 4, v)
    assert unproved(TWO_BY_TWO, ticket) == [f"pair 0: bias [{output}]: sat"]
    assert_refuted(TWO_BY_TWO, ticket)


def test_a_bias_of_0_with_a_kept_path():
    target = network([0], [1], dense([[1]]))
    ticket = with_weight(plain_ticket(target), 1, 0, 2, 1)
    assert unproved(target, ticket) == ["pair 0: bias [0]: sat"]
    assert_refuted(target, ticket)


def test_constants_of_the_target_are_part_of_its_bias():
    target = network([-2], [2], dense([[3, -2, 1]], bits=2, bias=[4], constants=[5, -7]))
    ticket = plain_ticket(target)
    assert_proved(target, ticket)
    assert unproved(with_layer(target, 0, constants=(5, -6)), ticket) == ["pair 0: bias [0]: sat"]
    assert_refuted(with_layer(target, 0, constants=(4, -7)), ticket)
    assert_refuted(with_weight(target, 0, 0, 2, 2), ticket)


def finer_second_pair():
    """A first pair whose results are 4 times finer than the target's, so that the second's constant line is 4."""
    target = network([-2], [2], dense([[1]]), dense([[3]], bits=2, bias=[3]))
    first = dense([[1, None], [-1, None]], [Relu()], constants=[1]), dense([[4, -4]], bits=2)
    second = dense([[1, None], [-1, None], [None, 1]], [Relu()], constants=[4]), dense([[3, -3, 3]], bits=2)
    return target, network([-2], [2], *first, *second)


def test_biases_on_a_finer_scale():
    target, ticket = finer_second_pair()
    assert [(pair.input_bits, pair.weight_bits) for pair in pair_up(target, ticket)] == [(0, 2), (2, 0)]
    assert_proved(target, ticket)
    for unscaled in (with_layer(ticket, 2, constants=(1,)), with_layer(ticket, 2, constants=(16,))):
        assert unproved(target, unscaled) == ["pair 1: bias [0]: sat"]
        assert_refuted(target, unscaled)


def test_ranges_on_a_finer_scale():
    """The variables of the second pair are the ticket's integers, 4 times the target's."""
    second = obligations(pair_up(*finer_second_pair())[1])
    assert second.boxes == ((-8, 8),)
    assert second.weights.ranges == (((0, 8),), ((0, 8),))


def test_constants_that_cancel_are_inconclusive_for_obligations_and_equal_for_others(monkeypatch):
    """docs/proof.md: the converse does not hold."""
    target = network([3], [3], dense([[1]], bias=[0]))
    hidden = dense([[1, None], [None, 1]], [Relu()], constants=[1])
    ticket = replace(target, layers=(hidden, dense([[2, -3]])))
    proof = decide(target, ticket)
    assert (proof.verdict, proof.strategy) == (Verdict.PROVED, "sweep")
    assert set(unproved(target, ticket)) == {"pair 0: weight [0][0], inputs ≥ 0: sat", "pair 0: bias [0]: sat"}
    assert decide(target, ticket, NO_SWEEP).strategy == "merging"
    only_the_decomposition(monkeypatch)
    unswept = decide(target, ticket, NO_SWEEP)
    assert unswept.verdict is Verdict.UNDECIDED
    assert all(line in unswept.reason for line in unproved(target, ticket))


# Condition 0: steps.


def finer(target, bits, steps):
    """A ticket of one layer whose accumulators are finer, and the steps to try on it."""
    ticket = plain_ticket(target)
    output = ticket.layers[1]
    scaled = replace(output.weights, values=output.weights.values << bits)
    return with_layer(ticket, 1, weights=scaled, precision_bits=output.precision_bits + bits, steps=tuple(steps))


RESCALED: dict[str, tuple[list[Step], list[Step]]] = {
    "requantize": ([Requantize(2, "half_even", 1)], [Requantize(5, "half_even", 1)]),
    "clamp": ([Clamp(-3, 7)], [Clamp(-24, 56)]),
    "offset": ([Offset(-5)], [Offset(-40)]),
    "a clamp after its scale was reset": (
        [Requantize(1, "floor"), Clamp(-2, 3)],
        [Requantize(4, "floor"), Clamp(-2, 3)],
    ),
    "an offset after a step": ([Threshold(), Offset(3)], [Threshold(), Offset(3)]),
    "an offset after a sign": ([Offset(1), Sign(), Offset(3)], [Offset(8), Sign(), Offset(3)]),
}


@pytest.mark.parametrize(("ours", "theirs"), RESCALED.values(), ids=RESCALED)
def test_steps_rescaled(ours, theirs):
    target = with_layer(TWO_BY_TWO, 0, steps=tuple(ours))
    assert_proved(target, finer(target, 3, theirs))


@pytest.mark.parametrize("name", ["requantize", "clamp", "offset", "an offset after a sign"])
def test_steps_not_rescaled(name):
    target = with_layer(TWO_BY_TWO, 0, steps=tuple(RESCALED[name][0]))
    ticket = finer(target, 3, RESCALED[name][0])
    assert_not_applicable(target, ticket, "condition 0: pair 0: the steps are not the target's, rescaled")
    assert_refuted(target, ticket)


@pytest.mark.parametrize(("ours", "theirs"), RESCALED.values(), ids=RESCALED)
def test_the_steps_have_an_obligation_of_their_own(ours, theirs):
    """Even if the derivation of the ticket's steps were wrong, z3 would be asked what they do."""
    target = with_layer(TWO_BY_TWO, 0, steps=tuple(ours))
    pair = pair_up(target, finer(target, 3, theirs))[0]
    assert unproved_of(obligations(pair)) == []
    wrong = replace(pair, output=replace(pair.output, steps=(*theirs, Offset(1))))
    assert [left.what for left in unproved_of(obligations(wrong))] == ["pair 0: steps of the outputs"]


def test_steps_equal_within_reach_are_proved_and_others_not():
    """A clamp that nothing reaches is still another step."""
    ticket = with_layer(plain_ticket(TWO_BY_TWO), 1, steps=(Relu(), Clamp(0, 1000)))
    assert_not_applicable(TWO_BY_TWO, ticket, "condition 0: pair 0: the steps")
    assert decide(TWO_BY_TWO, ticket).strategy == "sweep"


# Condition 0: hidden layers.

HIDDEN: dict[str, dict] = {
    "a clamp": {"steps": (Relu(), Clamp(0, 2))},
    "a clamp before the ReLU": {"steps": (Clamp(-9, 2), Relu())},
    "a requantization": {"steps": (Relu(), Requantize(1, "floor"))},
    "an offset": {"steps": (Relu(), Offset(1))},
    "no ReLU": {"steps": ()},
    "a step": {"steps": (Threshold(),)},
    "a bias": {"bias": (0, 1, 0, 0, 0)},
}


@pytest.mark.parametrize("changes", HIDDEN.values(), ids=HIDDEN)
def test_a_hidden_layer_with(changes):
    ticket = with_layer(plain_ticket(TWO_BY_TWO), 0, **changes)
    assert_not_applicable(TWO_BY_TWO, ticket, "condition 0: pair 0: ")
    assert_refuted(TWO_BY_TWO, ticket)


HARMLESS: dict[str, dict] = {
    "a clamp that nothing reaches": {"steps": (Relu(), Clamp(0, 3))},
    "a second ReLU": {"steps": (Relu(), Relu())},
    "a shift by 0": {"steps": (Relu(), Requantize(0, "floor"))},
}


@pytest.mark.parametrize("changes", HARMLESS.values(), ids=HARMLESS)
def test_a_hidden_layer_with_something_harmless_is_left_to_others(changes):
    ticket = with_layer(plain_ticket(TWO_BY_TWO), 0, **changes)
    assert_not_applicable(TWO_BY_TWO, ticket, "condition 0: pair 0: the hidden layer's steps are not exactly a ReLU")
    assert decide(TWO_BY_TWO, ticket).strategy == "sweep"
    assert decide(TWO_BY_TWO, ticket, NO_SWEEP).strategy == "merging"


def test_an_output_layer_with_a_bias():
    ticket = with_layer(plain_ticket(TWO_BY_TWO), 1, bias=(1, 0))
    assert_not_applicable(TWO_BY_TWO, ticket, "condition 0: pair 0: a layer of the ticket has a bias")
    assert_refuted(TWO_BY_TWO, ticket)


def test_an_output_layer_with_a_constant():
    """It takes the place of the hidden unit that carried the bias."""
    ticket = plain_ticket(TWO_BY_TWO)
    wider = dense([[*weights, 1] for weights in [[3, -3, -2, 2, 5], [1, -1, 4, -4, -7]]], [Relu()], bits=2)
    assert_not_applicable(
        TWO_BY_TWO,
        with_layer(ticket, 1, weights=wider.weights, constants=(1,)),
        r"condition 0: pair 0: expected sizes \(2, 5, 2\), found \(2, 6, 2\)",
    )
    narrow = mutants.matrix([[1, None], [-1, None], [None, 1], [None, -1]])
    moved = with_layer(with_layer(ticket, 0, weights=narrow, bias=(0,) * 4, constants=()), 1, constants=(1,))
    assert_not_applicable(TWO_BY_TWO, moved, r"condition 0: pair 0: expected sizes \(2, 4, 2\), found \(2, 5, 2\)")
    assert decide(TWO_BY_TWO, moved).strategy == "sweep"


def test_an_output_layer_that_has_a_constant_in_place_of_a_unit():
    """Such a network cannot be evaluated; nor is it taken for a ticket."""
    ticket = with_layer(plain_ticket(TWO_BY_TWO), 1, constants=(1,))
    with pytest.raises(NotApplicableError, match="condition 0: pair 0: the output layer has constants"):
        pair_up(TWO_BY_TWO, ticket)


def test_a_hidden_unit_that_the_output_layer_lacks():
    ticket = plain_ticket(TWO_BY_TWO)
    narrow = mutants.matrix([[3, -3, -2, 2], [1, -1, 4, -4]])
    short = with_layer(ticket, 1, weights=narrow)
    with pytest.raises(NotApplicableError, match=r"expected sizes \(2, 5, 2\), found \(2, 4, 2\)"):
        pair_up(TWO_BY_TWO, short)


def test_too_few_layers():
    assert_not_applicable(TWO_BY_TWO, TWO_BY_TWO, "condition 0: expected 2 layers, found 1")
    assert decide(TWO_BY_TWO, TWO_BY_TWO).strategy == "sweep"
    assert_not_applicable(DEEP, DEEP, "condition 0: expected 4 layers, found 2")


@pytest.mark.parametrize("weight", [1, 2])
def test_too_many_layers(weight):
    ticket = plain_ticket(TWO_BY_TWO)
    longer = replace(ticket, layers=(*ticket.layers, dense([[1, None], [None, weight]])))
    assert_not_applicable(TWO_BY_TWO, longer, "condition 0: expected 2 layers, found 3")
    assert decide(TWO_BY_TWO, longer).verdict is (Verdict.PROVED if weight == 1 else Verdict.REFUTED)


def test_products_coarser_than_the_target():
    target = network([0], [3], dense([[4]], bits=2))
    ticket = network([0], [3], dense([[1]], [Relu()]), dense([[2]], bits=1))
    assert_not_applicable(target, ticket, "condition 0: pair 0: δ_t ≥ δ² fails by 1 bits")
    assert decide(target, ticket).strategy == "sweep"


@pytest.mark.parametrize("layer", range(4))
def test_a_layer_that_is_finer_than_it_says(layer):
    """The same integers at other precision bits are other values."""
    ticket = plain_ticket(DEEP)
    changed = with_layer(ticket, layer, precision_bits=ticket.layers[layer].precision_bits + 1)
    assert_refuted(DEEP, changed)


@pytest.mark.parametrize("bits", [(0, 1), (1, 0)], ids=["finer", "coarser"])
def test_inputs_of_another_precision(bits):
    networks = zip((DEEP, plain_ticket(DEEP)), bits, strict=True)
    target, ticket = (replace(one, input=replace(one.input, precision_bits=own)) for one, own in networks)
    with pytest.raises(NotApplicableError, match="condition 0: the outputs' precision bits do not follow"):
        pair_up(target, ticket)


def test_a_scale_that_is_lost_in_the_inputs():
    """Outputs twice as fine, of inputs half as fine: values that meet on one scale, and other integers."""
    target = network([-2], [3], dense([[3]]))
    finer_input = replace(target, input=replace(target.input, precision_bits=1))
    ticket = finer(target, 1, ())
    assert pair_up(target, ticket)[0].left_bits == 1
    with pytest.raises(NotApplicableError, match="condition 0: the outputs' precision bits do not follow"):
        pair_up(finer_input, ticket)


# Condition 5: what the next layer's inputs can be.

NEGATIVE_OFFSET = network(
    [-2], [2], dense([[3], [-2]], [Relu(), Offset(-5)], bits=2, bias=[1, 0]), dense([[2, -3]], bits=2, bias=[1])
)


def without_negative_half(ticket, index):
    """The pair's units for inputs ≤ 0 removed from what its outputs take."""
    for unit in range(1, ticket.layers[index].outputs - 1, 2):
        for output in range(ticket.layers[index + 1].outputs):
            ticket = with_weight(ticket, index + 1, output, unit, None)
    return ticket


def test_a_negative_offset_after_a_relu():
    ticket = plain_ticket(NEGATIVE_OFFSET)
    assert_proved(NEGATIVE_OFFSET, ticket)
    pruned = without_negative_half(ticket, 2)
    assert unproved(NEGATIVE_OFFSET, pruned) == [
        "pair 1: weight [0][0], inputs ≤ 0: sat",
        "pair 1: weight [0][1], inputs ≤ 0: sat",
    ]
    assert_refuted(NEGATIVE_OFFSET, pruned)


def test_a_negative_zero_point_after_a_relu():
    target = with_layer(NEGATIVE_OFFSET, 0, steps=(Relu(), Requantize(1, "floor", -4)))
    assert_proved(target, plain_ticket(target))
    assert_refuted(target, without_negative_half(plain_ticket(target), 2))


def test_a_relu_alone_needs_no_negative_half():
    target = with_layer(NEGATIVE_OFFSET, 0, steps=(Relu(),))
    assert_proved(target, without_negative_half(plain_ticket(target), 2))


def test_found_tickets_keep_what_a_negative_offset_needs():
    case = mutants.find(mutants.document_of(NEGATIVE_OFFSET) | {"format": "certify.network/1"})
    assert_proved(case.target, case.pruned)
    second = obligations(pair_up(case.target, case.pruned)[1]).weights
    assert NEGATIVE in second.half.tolist()


def test_a_rescaling_that_is_wrong(monkeypatch):
    """The steps are derived by one function for target and prover; the end points of the next box notice its lies."""
    target = with_layer(DEEP, 0, steps=(Requantize(2, "floor"),))
    first = finer(replace(target, layers=target.layers[:1]), 3, target.layers[0].steps).layers
    ticket = replace(target, layers=(*first, *plain_ticket(target).layers[2:]))
    assert_not_applicable(target, ticket, "condition 0: pair 0: the steps are not the target's, rescaled")
    monkeypatch.setattr(conditions, "rescale", lambda steps, _: (steps, 0))
    assert_not_applicable(target, ticket, "condition 5: pair 0: the next layer's boxes differ")


@pytest.mark.parametrize(("low", "high"), [(0, 7), (-7, 0)], ids=["above", "below"])
def test_a_rescaling_that_is_wrong_at_one_end(monkeypatch, low, high):
    target = network([low], [high], dense([[1]], [Requantize(2, "floor")]), dense([[1]]))
    first = finer(replace(target, layers=target.layers[:1]), 3, target.layers[0].steps).layers
    ticket = replace(target, layers=(*first, *plain_ticket(target).layers[2:]))
    monkeypatch.setattr(conditions, "rescale", lambda steps, _: (steps, 0))
    with pytest.raises(NotApplicableError, match="condition 5: pair 0: the next layer's boxes differ"):
        pair_up(target, ticket)


# Condition 4: an empty range would prove anything.


def wrong_pair():
    target = network([0], [2], dense([[3]], bits=2, bias=[1]))
    ticket = with_weight(plain_ticket(target), 1, 0, 0, 2)
    return pair_up(target, ticket)[0]


@pytest.mark.parametrize(("low", "high"), [(2, 1), (1, -1), (-1, -3)])
def test_an_empty_range_is_not_proved(low, high):
    pair = replace(wrong_pair(), low=(low,), high=(high,))
    left = [f"{item.what}: {item.reason}" for item in unproved_of(obligations(pair))]
    assert f"pair 0: the range {low}..{high} is not empty: unsat" in left
    assert not any("weight" in line for line in left), "z3 refutes what is wrong, under an empty range"


def test_an_empty_half_is_not_proved():
    item = obligations(wrong_pair())
    empty = replace(item, weights=replace(item.weights, ranges=(((5, 4),), item.weights.ranges[NEGATIVE])))
    assert [left.what for left in unproved_of(empty)] == ["pair 0: the range 5..4 is not empty"]


def test_empty_accumulators_are_not_proved():
    pair = replace(wrong_pair(), accumulator_low=(8,), accumulator_high=(7,))
    assert "pair 0: the range 8..7 is not empty" in [left.what for left in unproved_of(obligations(pair))]


def test_a_box_that_is_empty_is_not_proved():
    """No reader lets such a box in."""
    target = network([0], [2], dense([[3]], bits=2))
    empty = replace(target, input=replace(target.input, low=(3,)))
    with pytest.raises(ValueError, match="expected low ≤ high"):
        prove(empty, plain_ticket(target))


def test_numbers_of_as_many_bits_as_the_decomposition_holds(monkeypatch):
    """Accumulators from -18 to 15, the ticket's 8 times finer."""
    target = with_layer(TWO_BY_TWO, 0, steps=())
    ticket = finer(target, 3, ())
    monkeypatch.setattr(conditions, "MAX_BITS", 8)
    assert pair_up(target, ticket)[0].scale_bits == 3
    monkeypatch.setattr(conditions, "MAX_BITS", 7)
    with pytest.raises(NotApplicableError, match="pair 0: numbers of 8 bits, the decomposition holds 7"):
        pair_up(target, ticket)
