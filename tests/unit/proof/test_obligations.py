"""Counts and digests of obligations: what they depend on, and what they do not."""

from __future__ import annotations

import hashlib
from dataclasses import replace

import mutants
import numpy as np
import pytest
from mutants import dense, network, plain_ticket, with_layer, with_weight

from certify.network.model import Display
from certify.network.steps import Clamp, Offset, Relu, Requantize
from certify.proof.obligations import KINDS, digest, obligations
from certify.proof.piece import NEGATIVE, POSITIVE
from certify.proof.structure import Pair, pair_up

TARGET = network(
    [-2, 0],
    [3, 4],
    dense([[3, -2, 1], [0, 4, 2]], [Relu(), Requantize(1, "floor"), Offset(-1)], bits=2, bias=[5, -7], constants=[6]),
    dense([[2, -3]], [Clamp(-90, 90)], bits=2),
)
TICKET = plain_ticket(TARGET)


def listed(target=TARGET, ticket=TICKET):
    return [obligations(pair) for pair in pair_up(target, ticket)]


ORIGINAL = digest(listed())


def test_counts():
    """Inputs 0 and 1 of pair 0 need three halves, kept edges fill the fourth; no half is excluded in pair 1."""
    assert {kind: ORIGINAL[kind].count for kind in KINDS} == {
        "range": 2 + 2,
        "relu": 4 + 4,
        "weight": 2 * 4 + 1 * 4,
        "bias": 2 + 1,
        "steps": 2,
    }


def test_counts_are_those_before_any_sharing():
    target = network([0] * 5, [3] * 5, dense([[1] * 5] * 4))
    only_positive = plain_ticket(target)
    for output in range(4):
        for unit in range(1, 10, 2):
            only_positive = with_weight(only_positive, 1, output, unit, None)
    found = digest(listed(target, only_positive))
    assert (found["range"].count, found["relu"].count, found["weight"].count) == (1, 2, 20)


def test_every_half_that_an_input_has_is_listed_without_an_edge_too():
    """Inputs that are 0, 0..1, -1..0 and -3..2: a half that is only 0 has nothing to be right about."""
    target = network([0, 0, -1, -3], [0, 1, 0, 2], dense([[1, 1, 1, 1], [2, 0, 0, 2]], bits=1))
    ticket = plain_ticket(target)
    for output in range(2):
        for unit in range(8):
            ticket = with_weight(ticket, 1, output, unit, None)
    weights = listed(target, ticket)[0].weights
    halves = [(1, POSITIVE), (2, NEGATIVE), (3, POSITIVE), (3, NEGATIVE)]
    assert list(zip(weights.input.tolist(), weights.half.tolist(), strict=True)) == [*halves, *halves]
    assert weights.output.tolist() == [0] * 4 + [1] * 4
    assert weights.weight.tolist() == [1, 1, 1, 1, 0, 0, 2, 2]
    assert weights.ranges == (((0, 0), (0, 1), (0, 0), (0, 2)), ((0, 0), (0, 0), (0, 1), (0, 3)))


WRITTEN_OUT = (
    b'{"accumulator":[["28"],["43"]],"bias":["4"],"bits":[0,0,0],"box":[["-2"],["3"]],"constants":[["6"],["1"]],'
    b'"lemmas":[["-1","-2","3"],["1","-2","3"]],"pair":0,"steps":[[{"op":"relu"}],[{"op":"relu"}]]}\n'
)
ARRAYS = {
    "range": [],
    "relu": [],
    # Output, input, half, weight; where edges begin; u and v of both.
    "weight": [0, 0, 0, 0, 0, 1, 3, 3, 0, 1, 2, 1, -1, 3, -3],
    # Where edges begin; u, v and line of the only one; the target's weight on its constant.
    "bias": [0, 1, 1, 34, 0, 5],
    "steps": [],
}


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_hashed(kind):
    """Certificates of every version name the same digests; this is 3·x + 5·6 + 4, then a ReLU, on -2..3."""
    target = network([-2], [3], dense([[3, 5]], [Relu()], bits=2, bias=[4], constants=[6]))
    one = kind.encode() + b"\n" + WRITTEN_OUT + np.array(ARRAYS[kind], dtype="<i8").tobytes()
    assert digest(listed(target, plain_ticket(target)))[kind].sha256 == hashlib.sha256(one).hexdigest()


def wrong_steps(ticket):
    """Steps are derived, so they change in target and ticket together."""
    steps = (Relu(), Requantize(1, "half_up"), Offset(-1))
    return with_layer(TARGET, 0, steps=steps), with_layer(ticket, 1, steps=steps)


CHANGED = {
    "an edge removed": (TARGET, with_weight(TICKET, 1, 0, 0, None)),
    "an edge added": (TARGET, with_weight(with_weight(TICKET, 0, 4, 2, None), 1, 1, 4, 0)),
    "a weight of the first matrix": (TARGET, with_weight(TICKET, 0, 0, 0, 2)),
    "a weight of the second matrix": (TARGET, with_weight(TICKET, 1, 1, 2, 3)),
    "a weight of the second matrix, of a constant line": (TARGET, with_weight(TICKET, 1, 1, 4, 3)),
    "a weight of an unused unit": (TARGET, with_weight(with_weight(TICKET, 3, 0, 0, None), 2, 0, 0, 3)),
    "a constant line": (TARGET, with_layer(TICKET, 0, constants=(2,))),
    "a weight of the target": (with_weight(TARGET, 0, 1, 1, 3), TICKET),
    "a weight of the target, of a constant": (with_weight(TARGET, 0, 1, 2, 3), TICKET),
    "a constant of the target": (with_layer(TARGET, 0, constants=(7,)), TICKET),
    "a bias": (with_layer(TARGET, 0, bias=(5, -6)), TICKET),
    "a range": (replace(TARGET, input=replace(TARGET.input, high=(3, 5))), TICKET),
    "a step": wrong_steps(TICKET),
    "a scale": (
        TARGET,
        with_layer(TICKET, 3, precision_bits=3, steps=(Clamp(-180, 180),)),
    ),
}


@pytest.mark.parametrize(("target", "ticket"), CHANGED.values(), ids=CHANGED)
def test_the_digest_changes_with(target, ticket):
    changed = digest(listed(target, ticket))
    assert any(changed[kind].sha256 != ORIGINAL[kind].sha256 for kind in KINDS)


ITEM = listed()[0]
ALONE = digest([ITEM])
PAIR_FIELDS = {
    "index": 7,
    "low": (-3, 0),
    "high": (3, 5),
    "accumulator_low": (-100, -7),
    "accumulator_high": (14, 100),
    "input_bits": 1,
    "weight_bits": 1,
    "left_bits": 1,
    "target": replace(ITEM.piece.target, steps=()),
    "output": replace(ITEM.piece.output, steps=()),
    "hidden": replace(ITEM.piece.hidden, constants=(2,)),
}


@pytest.mark.parametrize(("field", "value"), PAIR_FIELDS.items(), ids=PAIR_FIELDS)
def test_every_digest_changes_with_this_alone_of_a_pair(field, value):
    changed = digest([replace(ITEM, piece=replace(ITEM.piece, **{field: value}))])
    assert all(changed[kind].sha256 != ALONE[kind].sha256 for kind in KINDS)
    assert all(changed[kind].count == ALONE[kind].count for kind in KINDS)


@pytest.mark.parametrize("field", ["bias", "constants"])
def test_every_digest_changes_with_this_alone_of_a_target(field):
    values = getattr(ITEM.piece.target, field)
    layer = replace(ITEM.piece.target, **{field: (values[0] + 1, *values[1:])})
    changed = digest([replace(ITEM, piece=replace(ITEM.piece, target=layer))])
    assert all(changed[kind].sha256 != ALONE[kind].sha256 for kind in KINDS)


def test_every_digest_changes_with_the_lemmas_alone():
    changed = digest([replace(ITEM, lemmas=ITEM.lemmas[1:])])
    assert all(changed[kind].sha256 != ALONE[kind].sha256 for kind in KINDS)


def test_the_biases_digest_changes_with_a_constants_weight_alone():
    weights = with_weight(TARGET, 0, 0, 2, -4).layers[0].weights
    layer = replace(ITEM.piece.target, weights=weights)
    changed = digest([replace(ITEM, piece=replace(ITEM.piece, target=layer))])
    assert {kind for kind in KINDS if changed[kind] != ALONE[kind]} == {"bias"}


def bumped(array):
    changed = array.copy()
    changed[-1] += 1
    return changed


@pytest.mark.parametrize(("kind", "name"), [("weight", "weights"), ("bias", "biases")])
def test_a_digest_changes_with_every_array_of_its_kind(kind, name):
    arrays = getattr(ITEM, name)
    for field in set(arrays.__dataclass_fields__) - {"ranges", "taps"}:
        one = replace(arrays, **{field: bumped(getattr(arrays, field))})
        changed = digest([replace(ITEM, **{name: one})])
        assert {other for other in KINDS if changed[other] != ALONE[other]} == {kind}, field


def test_digests_of_different_changes_differ():
    digests = {tuple(count.sha256 for count in digest(listed(*pair)).values()) for pair in CHANGED.values()}
    assert len(digests) == len(CHANGED)


UNCHANGED = {
    "the same again": (plain_ticket(TARGET)),
    "a name": replace(TICKET, name="another"),
    "a layer's name": with_layer(TICKET, 0, name="hidden"),
    "how outputs read": replace(TICKET, output=Display("0.5", 3)),
}


@pytest.mark.parametrize("ticket", UNCHANGED.values(), ids=UNCHANGED)
def test_the_digest_does_not_change_with(ticket):
    assert digest(listed(TARGET, ticket)) == ORIGINAL
    assert digest(listed(replace(TARGET, name="x", output=Display("2")), ticket)) == ORIGINAL


@pytest.mark.parametrize("name", ["precision_bits", "shape"])
def test_the_digest_does_not_change_with_the_inputs_own(name):
    """Neither is in any formula; both are held against each other before."""
    changes = {"precision_bits": 5} if name == "precision_bits" else {"shape": (1, 2)}
    box = replace(TARGET.input, **changes)
    assert digest(listed(replace(TARGET, input=box), replace(TICKET, input=box))) == ORIGINAL


def test_the_digest_depends_on_the_order_of_pairs():
    assert digest(listed()[::-1]) != ORIGINAL
    assert digest(listed()[:1])["weight"] != ORIGINAL["weight"]
    assert {count.count for count in digest([]).values()} == {0}


def test_integers_of_any_size_have_a_digest():
    target = network([-1], [1], dense([[1]], [Offset(2**70), Clamp(0, 2**80)], bias=[-(2**90)]))
    assert digest(listed(target, plain_ticket_of_wide(target)))["steps"].count == 1


def plain_ticket_of_wide(target):
    hidden = dense([[1, None], [-1, None], [None, 1]], [Relu()], constants=[2**90])
    return replace(target, layers=(hidden, dense([[1, -1, -1]], target.layers[0].steps)))


@pytest.mark.parametrize("number", range(8))
def test_parts_are_the_whole(number):
    """Cut anywhere, the obligations and their edges are the same."""
    case = mutants.small_case(number)
    for item in listed(case.target, case.pruned):
        weights = item.weights
        for cut in range(len(weights) + 1):
            left, right = weights.part(0, cut), weights.part(cut, len(weights))
            assert len(left) + len(right) == len(weights)
            assert [len(left.start), len(right.start)] == [len(left) + 1, len(right) + 1]
            assert [*left.u.tolist(), *right.u.tolist()] == weights.u.tolist()
            assert [*left.v.tolist(), *right.v.tolist()] == weights.v.tolist()
            assert [*left.weight.tolist(), *right.weight.tolist()] == weights.weight.tolist()
            assert right.start[0] == 0
            if len(right):
                assert right.range_of(0) == weights.range_of(cut)


def test_a_pair_says_how_much_finer_its_accumulators_are():
    pairs = pair_up(mutants.small_case(0).target, mutants.small_case(0).pruned)
    assert all(isinstance(pair, Pair) and pair.scale_bits == pair.input_bits + pair.weight_bits for pair in pairs)
