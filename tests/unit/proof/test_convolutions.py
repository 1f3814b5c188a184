"""Convolutions: obligations on kernels prove what the dense prover proves of the unrolled layers, and no more.

Tickets are made by hand (`kernels.plain_ticket`). docs/convolutions.md has the argument; here both sides of it are
computed: small convolutions of target and ticket are written out as dense layers, and z3 is asked about those too.
"""

from __future__ import annotations

import random
import re
from copy import copy
from dataclasses import replace
from itertools import product

import kernels
import numpy as np
import pytest
from kernels import AROUND, NO_PADDING, conv, differing_point, image, left_over, plain_ticket, unrolled
from mutants import dense, with_layer, with_weight

from certify.errors import InputError
from certify.network.compare import check_comparable
from certify.network.model import INPUT
from certify.network.operators import Convolution, Dense
from certify.network.steps import Clamp, Offset, Relu, Requantize, RequantizeQ31, RoundSignificant, Thresholds
from certify.proof.claim import Verdict
from certify.proof.obligations import digest, obligations
from certify.proof.prover import Budget, prove
from certify.proof.structure import pair_up

NO_SWEEP = Budget(sweep_work=0)


def rows(outputs, width, seed=0, most=4):
    rng = random.Random(seed)
    return [[rng.choice([w for w in range(-most, most + 1) if w]) for _ in range(width)] for _ in range(outputs)]


PER_CHANNEL = RequantizeQ31((2**30, 2**31 - 1), (1, 2), "double", -1)
COUNTS = Thresholds(((-3, 0, 0, 5), (1, 2, 3, 4)), -2)

TARGETS = {
    "one position": image((2, 2, 1), -1, 1, conv(rows(2, 4), (2, 2), bits=2, bias=[3, -1])),
    "padded": image((2, 2, 1), -1, 1, conv(rows(2, 9), (3, 3), [Relu()], bits=2, bias=[3, -1], padding=AROUND)),
    "padded on one side": image(
        (1, 3, 1), -2, 1, conv(rows(2, 2), (1, 2), bits=2, bias=[5, 0], padding=((0, 0), (0, 1)))
    ),
    "strided": image((3, 3, 1), 0, 1, conv(rows(1, 4), (2, 2), bits=2, stride=(2, 1), bias=[2])),
    "strided and padded": image(
        (2, 3, 1), -1, 1, conv(rows(1, 9), (3, 3), bits=2, stride=(1, 2), bias=[2], padding=AROUND)
    ),
    "dilated": image((3, 3, 1), 0, 1, conv(rows(1, 4), (2, 2), bits=2, dilation=(2, 2), bias=[2])),
    "dilated and padded": image(
        (2, 2, 1), -1, 1, conv(rows(1, 4), (2, 2), bits=2, dilation=(2, 2), bias=[2], padding=AROUND)
    ),
    "depthwise": image((2, 2, 2), 0, 1, conv(rows(2, 4), (2, 2), bits=2, groups=2, bias=[1, 2], padding=AROUND)),
    "two outputs of each channel": image((1, 2, 2), -1, 1, conv(rows(4, 2), (1, 2), bits=2, groups=2)),
    "two groups of two channels": image((1, 2, 4), 0, 1, conv(rows(2, 4), (1, 2), bits=2, groups=2)),
    "pointwise": image((1, 2, 2), -1, 2, conv(rows(3, 2), bits=2, bias=[1, 2, 3])),
    "constants of its own": image(
        (1, 2, 1), -1, 1, conv(rows(2, 4), (1, 2), bits=2, bias=[1, 2], constants=[3, -2], padding=AROUND)
    ),
    "a multiplier for each channel": image(
        (2, 2, 1), -2, 1, conv(rows(2, 4), (2, 2), [PER_CHANNEL, Clamp(-3, 9)], bits=2, bias=[1, 2], padding=AROUND)
    ),
    "thresholds for each channel": image(
        (2, 2, 1), -2, 1, conv(rows(2, 4), (2, 2), [COUNTS], bits=2, bias=[1, 2], padding=AROUND)
    ),
    "significant bits": image((1, 2, 1), -2, 1, conv(rows(1, 2), (1, 2), [RoundSignificant()], bits=2)),
    "two layers": image(
        (2, 2, 1),
        -1,
        1,
        conv(rows(2, 4), (2, 2), [Relu(), Requantize(1, "half_even")], bits=2, bias=[3, -1], padding=AROUND),
        conv(rows(2, 4, 1), (1, 2), [Offset(1)], bits=2, bias=[0, 9]),
        dense(rows(2, 12, 2), bits=2, bias=[4, -4]),
    ),
    "two layers that leave finer integers": image(
        (2, 2, 1),
        -1,
        1,
        conv(rows(1, 4), (2, 2), [Relu(), Clamp(0, 6)], bits=2, bias=[3]),
        conv(rows(2, 2, 1), (1, 2), bits=2, bias=[0, 9], padding=((0, 0), (1, 0))),
    ),
    "a kernel without weights": image((2, 2, 1), -1, 1, conv([[0] * 4], (2, 2), bits=2, bias=[2], padding=AROUND)),
}


@pytest.mark.parametrize("finer_bits", [0, 2])
@pytest.mark.parametrize("target", TARGETS.values(), ids=TARGETS.keys())
def test_kernels_and_unrolled_layers_are_proved_alike(target, finer_bits):
    ticket = plain_ticket(target, finer_bits)
    assert left_over(target, ticket) == []
    assert left_over(unrolled(target), unrolled(ticket)) == []
    proof = prove(target, ticket)
    assert (proof.verdict, proof.strategy, proof.reason) == (Verdict.PROVED, "decomposition", "")
    assert proof.sweep is not None
    assert proof.sweep.difference is None


@pytest.mark.parametrize("name", ["padded", "depthwise", "dilated and padded", "two groups of two channels"])
def test_unrolling_is_the_same_function(name):
    target = TARGETS[name]
    ticket = plain_ticket(target)
    assert differing_point(target, unrolled(target)) is None
    assert differing_point(ticket, unrolled(ticket)) is None


def kernel_of(name):
    """What a weight obligation speaks of: output, channel, tap and half."""
    output, channel, tap, half = re.fullmatch(
        r"pair 0: weight \[(\d+)\]\[(\d+)\](?: tap (\d+))?, inputs ([≥≤]) 0", name
    ).groups()
    return int(output), int(channel), int(tap or 0), half


def kernels_of_dense(target, names):
    """The same of obligations on an unrolled first layer: which kernel weight each of its weights is."""
    layer, shape = target.layers[0], target.input.shape
    positions, every = layer.window.positions(shape[:2]), layer.groups * layer.channels
    known = {}
    for down, right, output in product(range(positions[0]), range(positions[1]), range(layer.outputs)):
        row = (down * positions[1] + right) * layer.outputs + output
        for place in range(layer.taps * layer.channels):
            column = kernels._column(layer, shape[:2], (down, right), output, place)
            if column is not None:
                known[row, column] = output, column % every, place // layer.channels
    found = set()
    for name in names:
        row, column, _, half = kernel_of(name)
        found.add((*known[row, column], half))
    return found


EDITED = ["one position", "padded", "strided", "dilated", "depthwise", "two groups of two channels", "pointwise"]


@pytest.mark.parametrize("name", EDITED)
def test_a_kernel_weight_that_is_off_by_one(name):
    """The obligations that fail are those of the kernel's weights, for kernels and unrolled layers alike."""
    target, rng = TARGETS[name], random.Random(name)
    ticket = plain_ticket(target)
    output = ticket.layers[1]
    halves = 1 if target.input.low[0] >= 0 else 2
    units = output.weights.columns % output.channels
    inner = np.flatnonzero((units != output.channels - 1) & (units % 2 < halves)).tolist()
    for entry in rng.sample(inner, 2):
        row, column = int(output.weights.row_of_entry()[entry]), int(output.weights.columns[entry])
        mutant = with_weight(ticket, 1, row, column, int(output.weights.values[entry]) + 1)
        left = left_over(target, mutant)
        assert len(left) == 1
        channel = column % output.channels // 2 + row * target.layers[0].groups // target.layers[0].outputs * (
            target.layers[0].channels
        )
        half = "≥≤"[column % output.channels % 2]
        assert kernel_of(left[0]) == (row, channel, column // output.channels, half)
        assert kernels_of_dense(target, left_over(unrolled(target), unrolled(mutant))) == {kernel_of(left[0])}
        assert prove(target, mutant).verdict is Verdict.REFUTED


@pytest.mark.parametrize("name", [name for name in EDITED if name != "pointwise"])
def test_a_bias_that_is_off_by_one_fails_for_kernels_and_unrolled_layers(name):
    target = TARGETS[name]
    wrong = with_layer(target, 0, bias=tuple(b + 1 for b in target.layers[0].bias))
    ticket = plain_ticket(wrong)
    assert left_over(target, ticket) == [f"pair 0: bias [{j}]" for j in range(target.layers[0].outputs)]
    assert left_over(unrolled(target), unrolled(ticket))
    assert prove(target, ticket).verdict is Verdict.REFUTED


# Every way that a pair of convolutions can be the wrong shape.

PADDED = TARGETS["padded"]
DEPTHWISE = TARGETS["depthwise"]


def with_window(ticket, index, **changes):
    return with_layer(ticket, index, window=replace(ticket.layers[index].window, **changes))


def moved_tap(ticket, first, second):
    """The output kernel with all units of two taps exchanged."""
    layer = ticket.layers[1]
    width = layer.channels
    order = [
        (second if tap == first else first if tap == second else tap) * width + unit
        for tap in range(layer.taps)
        for unit in range(width)
    ]
    kept = {(r, c): v for r in range(layer.outputs) for c, v in zip(*layer.weights.row(r), strict=True)}
    table = [[kept.get((row, column)) for column in order] for row in range(layer.outputs)]
    return with_layer(ticket, 1, weights=kernels.mutants.matrix(table))


def one_wider(ticket):
    """A hidden unit that keeps two channels: 0 of both groups' own, so a group of two channels is needed."""
    return with_weight(ticket, 0, 0, 1, 1)


WRONG = {
    "a tap moved": (PADDED, lambda t: moved_tap(t, 0, 5), "pair 0: weight"),
    "padding moved": (
        PADDED,
        lambda t: with_window(t, 0, padding=((2, 0), (1, 1))),
        "condition 0: pair 0: the padding is not the target's",
    ),
    "padding of the other layer too": (
        PADDED,
        lambda t: with_window(with_window(t, 0, padding=((1, 0), (1, 0))), 1, padding=((0, 1), (0, 1))),
        "condition 0: pair 0: the padding is not the target's",
    ),
    "no padding": (
        PADDED,
        lambda t: with_window(t, 0, padding=NO_PADDING),
        "condition 0: pair 0: the padding is not the target's",
    ),
    "a bias dropped at borders": (
        PADDED,
        lambda _: plain_ticket(PADDED, pad_output=True),
        "condition 0: pair 0: a constant line is kept under padding that follows it",
    ),
    "another stride": (
        TARGETS["strided"],
        lambda t: with_window(t, 1, stride=(1, 2)),
        "condition 0: pair 0: the output layer's kernel size, stride or dilation is not the target's",
    ),
    "a strided hidden layer": (
        TARGETS["strided and padded"],
        lambda t: with_window(with_window(t, 0, stride=(1, 2)), 1, stride=(1, 1)),
        "condition 0: pair 0: the hidden layer's kernel is not of one tap",
    ),
    "another dilation": (
        image((1, 4, 1), 0, 1, conv([[1, 2]], (1, 2), bits=2, dilation=(1, 2))),
        lambda t: with_window(t, 1, stride=(1, 2), dilation=(1, 1)),
        "condition 0: pair 0: the output layer's kernel size, stride or dilation is not the target's",
    ),
    "one group less": (
        TARGETS["two groups of two channels"],
        lambda t: with_layer(t, 1, groups=1),
        "condition 0: pair 0: expected 2 groups, found 2 and 1",
    ),
    "two channels in a hidden unit": (
        TARGETS["pointwise"],
        one_wider,
        "condition 1: pair 0: hidden unit 0 keeps 2 inputs",
    ),
    "another group's unit": (
        DEPTHWISE,
        lambda t: replace(t, layers=(regrouped(t.layers[0]), regrouped(t.layers[1]))),
        "condition 0: pair 0: expected 2 groups, found 1 and 1",
    ),
    "another rounding": (
        TARGETS["two layers"],
        lambda t: with_layer(t, 1, steps=(Relu(), Requantize(1, "half_up"))),
        "condition 0: pair 0: the steps are not the target's, rescaled",
    ),
    "a step more": (
        PADDED,
        lambda t: with_layer(t, 1, steps=(Relu(), Clamp(0, 9))),
        "condition 0: pair 0: the steps are not the target's, rescaled",
    ),
    "another threshold": (
        TARGETS["thresholds for each channel"],
        lambda t: with_layer(t, 1, steps=(replace_at(COUNTS, 1, (1, 2, 3, 5)),)),
        "condition 0: pair 0: the steps are not the target's, rescaled",
    ),
    "a bias in the output layer": (
        PADDED,
        lambda t: with_layer(t, 1, bias=(0, 1)),
        "condition 0: pair 0: a layer of the ticket has a bias",
    ),
    "a hidden layer without ReLU": (
        PADDED,
        lambda t: with_layer(t, 0, steps=()),
        "condition 0: pair 0: the hidden layer's steps are not exactly a ReLU",
    ),
}


def replace_at(step, channel, at):
    return Thresholds(tuple(at if index == channel else own for index, own in enumerate(step.at)), step.low)


def regrouped(layer):
    """The layer in one group, output 1 reading what output 0 reads: kernels as they were, of the wrong channels."""
    wide = layer.groups * layer.channels + len(layer.constants)
    if layer.taps > 1:
        wide = layer.taps * layer.groups * layer.channels
    rows: list[list[int | None]] = [[None] * wide for _ in range(layer.outputs)]
    for output in range(layer.outputs):
        for column, weight in zip(*layer.weights.row(output), strict=True):
            tap, unit = divmod(column, layer.channels)
            inner = column < layer.taps * layer.channels
            place = tap * layer.groups * layer.channels + unit
            rows[output][place if inner else wide - 1] = weight
    return replace(layer, groups=1, weights=kernels.mutants.matrix(rows))


@pytest.mark.parametrize(("target", "edit", "problem"), WRONG.values(), ids=WRONG.keys())
def test_what_is_wrong_is_never_proved(target, edit, problem):
    ticket = edit(plain_ticket(target))
    assert any(left.startswith(problem) for left in left_over(target, ticket))
    try:
        check_comparable(target, ticket)
    except InputError:
        return
    point = differing_point(target, ticket)
    for budget in (None, NO_SWEEP):
        proof = prove(target, ticket, budget)
        assert proof.strategy != "decomposition"
        assert (proof.verdict is Verdict.REFUTED) == (point is not None) == (proof.witness is not None)


def test_what_is_wrong_differs():
    """Most of the table; one of its tickets is right all the same, and some have other sizes."""
    differing = [name for name, (target, edit, _) in WRONG.items() if differs(target, edit(plain_ticket(target)))]
    assert set(WRONG) - set(differing) == {
        "padding of the other layer too",
        "no padding",
        "a strided hidden layer",
        "one group less",
    }


def differs(target, ticket):
    try:
        check_comparable(target, ticket)
    except InputError:
        return False
    return differing_point(target, ticket) is not None


# Padding that follows the hidden layer.


def test_padding_of_the_output_layer_where_nothing_is_constant():
    target = with_layer(PADDED, 0, bias=(0, 0))
    ticket = plain_ticket(target, pad_output=True)
    assert ticket.layers[0].window.padding == NO_PADDING
    assert left_over(target, ticket) == []
    assert differing_point(target, ticket) is None


def test_lines_that_nobody_keeps_are_no_constants():
    """A constant line may feed a unit as long as no output takes that unit."""
    target = with_layer(PADDED, 0, bias=(0, 0))
    ticket = plain_ticket(target, pad_output=True)
    assert 1 in ticket.layers[0].weights.columns  # the constant line's
    assert left_over(target, ticket) == []
    kept = with_weight(ticket, 1, 0, 2, 0)
    assert left_over(target, kept) == ["condition 0: pair 0: a constant line is kept under padding that follows it"]


def test_no_padding_needs_no_side():
    target = TARGETS["one position"]
    assert left_over(target, plain_ticket(target, pad_output=True)) == []


# The obligations.


def test_obligations_are_one_for_each_kernel_weight_and_half():
    """Not for each position: 3 by 3 kernels on a plane of 40 by 40."""
    target = image((40, 40, 2), -3, 3, conv(rows(4, 18), (3, 3), bits=2, bias=[1, 2, 3, 4], padding=AROUND))
    item = obligations(pair_up(target, plain_ticket(target))[0])
    assert len(item.weights) == 4 * 9 * 2 * 2
    assert len(item.biases.start) == 5
    assert item.boxes == ((-3, 3),)
    assert item.weights.output.max() == 4 * 9 - 1


def test_channels_of_a_group_are_numbered_through():
    target = TARGETS["two groups of two channels"]
    pair = pair_up(target, plain_ticket(target))[0]
    weights = obligations(pair).weights
    assert {(o // pair.taps, i) for o, i in zip(weights.output.tolist(), weights.input.tolist(), strict=True)} == {
        (0, 0),
        (0, 1),
        (1, 2),
        (1, 3),
    }


@pytest.mark.parametrize(
    ("padding", "expected"),
    [(NO_PADDING, ((3, -1), (6, 2))), (((1, 0), (0, 0)), ((0, -1), (6, 2)))],
    ids=["no padding", "padding"],
)
def test_boxes_are_hulls_over_positions_with_the_padding(padding, expected):
    target = image((1, 2, 2), 0, 0, conv(rows(1, 4), (1, 2), bits=2, padding=padding))
    target = replace(target, input=replace(target.input, low=(3, -1, 4, 0), high=(5, 2, 6, 0)))
    pair = pair_up(target, plain_ticket(target))[0]
    assert (pair.low, pair.high) == expected


def test_the_digest_knows_the_window():
    one = image((3, 3, 1), 0, 1, conv(rows(1, 4), (2, 2), bits=2))
    other = with_window(one, 0, padding=((1, 0), (0, 0)))
    digests = [digest([obligations(pair_up(t, plain_ticket(t))[0])])["weight"].sha256 for t in (one, other)]
    assert digests[0] != digests[1]


def test_layers_of_two_kinds_are_no_pair():
    """A dense layer and its twin as a convolution of one position are one function, and no pair here."""
    target = image((1, 1, 2), -1, 1, dense([[1, 2]], bits=2))
    twin = plain_ticket(image((1, 1, 2), -1, 1, conv([[1, 2]], bits=2)))
    assert left_over(target, twin) == [
        "condition 0: pair 0: expected layers of one kind, found dense, convolution, convolution"
    ]
    mixed = replace(twin, layers=(twin.layers[0], plain_ticket(target).layers[1]))
    assert left_over(target, mixed)[0].startswith("condition 0: pair 0: expected layers of one kind")


def test_a_kernel_that_does_not_divide():
    """Columns beyond the last whole tap are nobody's, and no weight may hide there."""
    target = TARGETS["one position"]
    ticket = plain_ticket(target)
    output = ticket.layers[1]
    wider = copy(output)
    shape = output.outputs, output.weights.shape[1] + 1
    object.__setattr__(wider, "weights", replace(output.weights, shape=shape))
    assert left_over(target, replace(ticket, layers=(ticket.layers[0], wider))) == [
        "condition 0: pair 0: a kernel's size does not divide evenly"
    ]


def test_an_empty_range_that_a_hull_would_hide():
    target = TARGETS["one position"]
    box = replace(target.input, low=(1, -1, -1, -1), high=(0, 1, 1, 1))
    target = replace(target, input=box)
    assert left_over(target, plain_ticket(target)) == ["condition 4: the box is empty"]


def test_inputs_of_another_shape():
    target = TARGETS["one position"]
    ticket = plain_ticket(target)
    other = replace(ticket, input=replace(ticket.input, shape=(4, 1, 1)))
    assert left_over(target, other) == ["condition 0: the inputs have different shapes"]


def test_every_unit_of_random_kernels():
    """Units in any order, several for a channel: sums of products, not single weights."""
    rng = np.random.default_rng(3)
    target = image((2, 2, 2), -2, 2, conv(rows(2, 8), (2, 2), bits=4, bias=[2, -3], padding=AROUND))
    ticket = plain_ticket(target)
    hidden, output = ticket.layers
    assert isinstance(hidden, Convolution)
    # Every unit twice, its weights shared out between the two, then all in another order.
    order = rng.permutation(2 * hidden.outputs)
    dense_hidden = np.repeat(hidden.weights.to_dense(), 2, axis=0)[order]
    halves = []
    for row in output.weights.to_dense():
        parts = []
        for tap in row.reshape(4, -1):
            first = rng.integers(-3, 4, len(tap))
            parts.append(np.stack([first, tap - first], axis=1).reshape(-1)[order])
        halves.append(np.concatenate(parts))
    shuffled = replace(
        ticket,
        layers=(
            replace(
                hidden,
                weights=kernels.mutants.matrix([[v or None for v in row] for row in dense_hidden.tolist()]),
                bias=(0,) * len(dense_hidden),
            ),
            replace(output, weights=kernels.mutants.matrix([row.tolist() for row in halves])),
        ),
    )
    assert left_over(target, shuffled) == []
    proof = prove(target, shuffled, NO_SWEEP)
    assert (proof.verdict, proof.composition.neurons) == (Verdict.PROVED, 2)


def test_a_dense_layer_after_a_convolution():
    target = TARGETS["two layers"]
    assert isinstance(target.layers[2], Dense)
    assert target.sources(0) == (INPUT,)
    pair = pair_up(target, plain_ticket(target))[2]
    assert (pair.layer, pair.place, pair.taps, len(pair.low)) == (2, 4, 1, 12)
