"""Random small graphs, and tickets with random edits: what the decomposition proves holds on the whole grid.

A wrong `proved` is the worst that a prover can do. Whatever conditions 0 to 5 let pass is evaluated here, target and
ticket, on every grid point, in Python integers; and tickets that nothing was done to are proved.
"""

from __future__ import annotations

import math
import random
from collections import Counter
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st
from kernels import conv, differing_point, left_over, plain_ticket, unrolled
from mutants import dense, matrix, with_layer, with_weight

from certify.errors import InputError
from certify.network.compare import check_comparable
from certify.network.model import INPUT, Box, Linear, Network, Operator
from certify.network.operators import Addition, Convolution, Gather, Pooling, Reshape, Term
from certify.network.operators.window import Window
from certify.network.steps import Clamp, Offset, Relu, Requantize, RequantizeQ31, RoundSignificant, Step, Thresholds
from certify.proof.claim import Verdict
from certify.proof.prover import Budget, prove

QUIET = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
MAX_POINTS = 81
RANDOM = st.randoms(use_true_random=False)


# Targets.


def random_steps(rng: random.Random, channels: int) -> tuple[Step, ...]:
    """A few steps, all of which end on the scale that they began with or on one of their own: 0 bits."""
    return rng.choice(
        [
            (),
            (Relu(),),
            (Clamp(-rng.randint(0, 4), rng.randint(1, 6)),),
            (Offset(rng.randint(-3, 3)), Relu()),
            (Relu(), RoundSignificant()),
            (RequantizeQ31(tuple(rng.randint(2**29, 2**31 - 1) for _ in range(channels)), 0, "double"),),
            (RequantizeQ31(rng.randint(2**29, 2**31 - 1), 1, "single", rng.randint(-2, 2)), Clamp(-5, 5)),
            (Thresholds(tuple(_thresholds(rng) for _ in range(channels)), rng.randint(-2, 0)),),
            (Thresholds(_thresholds(rng)),),
        ]
    )


def _thresholds(rng: random.Random) -> tuple[int, ...]:
    return tuple(sorted(rng.randint(-6, 6) for _ in range(3)))


def random_conv(
    rng: random.Random, shape: tuple[int, ...], *, same: bool = False, outputs: int | None = None
) -> Convolution:
    """A convolution of a small plane; `same` keeps its size."""
    channels = shape[2]
    groups = rng.choice([g for g in range(1, channels + 1) if channels % g == 0])
    outputs = outputs or groups * rng.randint(1, 2)
    groups = groups if outputs % groups == 0 else 1
    size = tuple(rng.randint(1, min(2, side)) for side in shape[:2])
    dilation = tuple(1 if same or side < 3 else rng.randint(1, 2) for side in shape[:2])
    stride = (1, 1) if same else (rng.randint(1, 2), rng.randint(1, 2))
    padding: Any = tuple((kernel - 1, 0) if same else (rng.randint(0, 1), rng.randint(0, 1)) for kernel in size)
    constants = [rng.randint(-2, 2) for _ in range(rng.choice([0, 0, 1]))]
    width = size[0] * size[1] * channels // groups + len(constants)
    rows = [[rng.randint(-2, 2) for _ in range(width)] for _ in range(outputs)]
    bias = [rng.choice([0, 0, rng.randint(-4, 4)]) for _ in range(outputs)]
    if rng.random() < 0.3:
        bias, constants, rows = [0] * outputs, [], [row[: len(row) - len(constants)] for row in rows]
    return conv(
        rows,
        (size[0], size[1]),
        random_steps(rng, outputs),
        bias=bias,
        groups=groups,
        constants=constants,
        stride=stride,
        dilation=(dilation[0], dilation[1]),
        padding=padding,
    )


def random_target(rng: random.Random) -> Network:
    """One to three convolutions, with what can stand between and after them, on at most `MAX_POINTS` points."""
    shape = (rng.randint(1, 3), rng.randint(1, 3), rng.randint(1, 2))
    target = Network("", random_box(rng, shape), ())
    if rng.random() < 0.2:
        places = [rng.randrange(-1, math.prod(shape)) for _ in range(8)]
        target = appended(target, Gather(tuple(places), (2, 2, 2)))
    for _ in range(rng.randint(1, 2)):
        target = appended(target, random_conv(rng, shape_of(target)))
    last = len(target.layers) - 1
    if rng.random() < 0.5:
        found = target.shapes()[-1]
        target = appended(target, random_conv(rng, found, same=True, outputs=found[2]))
        if target.shapes()[-1] == found:
            terms = (Term(rng.randint(1, 2)), Term(rng.choice([1, -1]), (Clamp(-4, 4),)))
            target = appended(target, Addition((last, last + 1), terms, random_steps(rng, found[2])))
    if rng.random() < 0.3:
        target = appended(target, Pooling(rng.choice(["max", "sum"]), Window((1, 1), (1, 1))))
    if rng.random() < 0.3:
        target = appended(target, Reshape((math.prod(target.shapes()[-1]),)))
    if rng.random() < 0.4:
        inputs = math.prod(target.shapes()[-1])
        target = appended(target, dense([[rng.randint(-2, 2) for _ in range(inputs)]], bias=[rng.randint(-3, 3)]))
    return target


def random_box(rng: random.Random, shape: tuple[int, ...]) -> Box:
    low, high, points = [], [], 1
    for _ in range(math.prod(shape)):
        least = rng.randint(-2, 1)
        size = rng.randint(1, 3)
        size = size if points * size <= MAX_POINTS else 1
        points *= size
        low.append(least)
        high.append(least + size - 1)
    return Box(shape, tuple(low), tuple(high), 0)


def shape_of(network: Network) -> tuple[int, ...]:
    return network.shapes()[-1] if network.layers else network.input.shape


def appended(network: Network, layer: Operator) -> Network:
    return replace(network, layers=(*network.layers, layer))


# Edits.


def edited_weight(rng: random.Random, ticket: Network) -> Network:
    index = rng.choice([i for i, layer in enumerate(ticket.layers) if isinstance(layer, Linear)])
    layer = ticket.layers[index]
    assert isinstance(layer, Linear)
    row, column = rng.randrange(layer.outputs), rng.randrange(layer.weights.shape[1])
    return with_weight(ticket, index, row, column, rng.choice([None, -2, -1, 0, 1, 2, 3]))


def swapped_columns(rng: random.Random, ticket: Network) -> Network:
    """Two columns of a matrix exchanged: two taps of a unit, two units, or two channels."""
    index = rng.choice([i for i, layer in enumerate(ticket.layers) if isinstance(layer, Linear)])
    layer = ticket.layers[index]
    assert isinstance(layer, Linear)
    width = layer.weights.shape[1]
    one, other = rng.randrange(width), rng.randrange(width)
    table: list[list[int | None]] = [[None] * width for _ in range(layer.outputs)]
    for row in range(layer.outputs):
        for column, value in zip(*layer.weights.row(row), strict=True):
            table[row][other if column == one else one if column == other else column] = value
    return with_layer(ticket, index, weights=matrix(table))


def edited_window(rng: random.Random, ticket: Network) -> Network:
    places = [i for i, layer in enumerate(ticket.layers) if isinstance(layer, Convolution)]
    index = rng.choice(places)
    layer = ticket.layers[index]
    assert isinstance(layer, Convolution)
    window = layer.window
    changes: list[dict[str, Any]] = [
        {"stride": (window.stride[1], window.stride[0])},
        {"stride": (1, 1)},
        {"dilation": (window.dilation[1], window.dilation[0])},
        {"dilation": (1, 1)},
        {"padding": (window.padding[0][::-1], window.padding[1][::-1])},
        {"padding": window.padding[::-1]},
        {"padding": ((0, 0), (0, 0))},
        {"padding": ((1, 0), (0, 1))},
        {"size": window.size[::-1]},
    ]
    return with_layer(ticket, index, window=replace(window, **rng.choice(changes)))


def edited_steps(rng: random.Random, ticket: Network) -> Network:
    index = rng.randrange(len(ticket.layers))
    layer = ticket.layers[index]
    more: list[tuple[Step, ...]] = [
        layer.steps[:-1],
        (*layer.steps, Relu()),
        (*layer.steps, Requantize(0, "floor")),
        (*layer.steps, Requantize(1, "floor")),
        (*layer.steps, Clamp(-2, 2)),
        random_steps(rng, ticket.shapes()[index][-1]),
    ]
    return with_layer(ticket, index, steps=rng.choice(more))


def edited_graph(rng: random.Random, ticket: Network) -> Network:
    index = rng.randrange(len(ticket.layers))
    found = ticket.sources(index)
    sources = tuple(rng.choice([source, rng.randrange(INPUT, index)]) for source in found)
    return with_layer(ticket, index, sources=rng.choice([sources, found[::-1]]))


def edited_lines(rng: random.Random, ticket: Network) -> Network:
    index = rng.choice([i for i, layer in enumerate(ticket.layers) if isinstance(layer, Linear) and layer.constants])
    return with_layer(ticket, index, constants=(rng.randint(-1, 3),))


def edited_operator(rng: random.Random, ticket: Network) -> Network:
    index = rng.randrange(len(ticket.layers))
    layer = ticket.layers[index]
    if isinstance(layer, Addition):
        terms = (layer.terms[1], layer.terms[0]) if rng.random() < 0.5 else (layer.terms[0], Term(1))
        return with_layer(ticket, index, terms=terms)
    if isinstance(layer, Gather):
        indices = list(layer.indices)
        rng.shuffle(indices)
        return with_layer(ticket, index, indices=tuple(indices))
    if isinstance(layer, Pooling):
        return with_layer(ticket, index, kind="sum" if layer.kind == "max" else "max")
    if isinstance(layer, Linear):
        return with_layer(ticket, index, bias=tuple(rng.choice([b, b + 1]) for b in layer.bias))
    return ticket


EDITS = [
    edited_weight,
    edited_weight,
    swapped_columns,
    edited_window,
    edited_steps,
    edited_graph,
    edited_lines,
    edited_operator,
]


# What is held against what.


def well_formed(target: Network, ticket: Network) -> bool:
    try:
        check_comparable(target, ticket)
        ticket.precisions()
    except (InputError, AssertionError, ValueError):
        return False
    return True


def check(rng: random.Random) -> str:
    """One target and one edited ticket; returns in a word what came of it."""
    target = random_target(rng)
    ticket = plain_ticket(target, rng.choice([0, 0, 1, 2]), pad_output=rng.random() < 0.3)
    edit = rng.choice([*EDITS, None])
    try:
        edited = edit(rng, ticket) if edit else ticket
    except AssertionError:
        return "no network"
    if not well_formed(target, edited):
        return "no network"
    left = left_over(target, edited)
    point = differing_point(target, edited)
    assert left or point is None, (target, edited, point)
    if point is not None:
        return "refused, rightly"
    return "proved" + (" after an edit" if edit else "") if not left else "not proved, though equal"


@settings(QUIET, max_examples=40)
@given(RANDOM)
def test_what_is_proved_is_so_on_the_whole_grid(rng):
    event(check(rng))


@pytest.mark.long
@settings(QUIET, max_examples=700)
@given(RANDOM)
def test_many_more(rng):
    event(check(rng))


def test_the_edits_reach_all_outcomes():
    """Lest everything is refused, or nothing is."""
    seen = Counter(check(random.Random(seed)) for seed in range(60))
    assert seen["proved"] >= 2
    assert seen["proved after an edit"] >= 2
    assert seen["refused, rightly"] >= 10


@settings(QUIET, max_examples=20)
@given(RANDOM)
def test_tickets_by_hand_are_proved(rng):
    target = random_target(rng)
    ticket = plain_ticket(target, rng.choice([0, 1, 3]))
    assert left_over(target, ticket) == []
    assert differing_point(target, ticket) is None


@settings(QUIET, max_examples=12)
@given(RANDOM)
def test_the_prover_says_what_the_grid_says(rng):
    target = random_target(rng)
    ticket = plain_ticket(target, rng.choice([0, 1]))
    try:
        edited = rng.choice(EDITS)(rng, ticket)
    except AssertionError:
        return
    if not well_formed(target, edited):
        return
    point = differing_point(target, edited)
    for budget in (None, Budget(sweep_work=0)):
        proof = prove(target, edited, budget)
        event(f"{proof.verdict}")
        assert proof.verdict is Verdict.UNDECIDED or (proof.verdict is Verdict.PROVED) == (point is None)


@settings(QUIET, max_examples=30)
@given(RANDOM)
def test_kernels_prove_no_more_than_unrolled_layers(rng):
    """A chain of convolutions, its ticket with one weight changed: what the kernels prove, the dense prover does."""
    shape = (rng.randint(1, 3), rng.randint(1, 3), rng.randint(1, 2))
    target = Network("", random_box(rng, shape), ())
    for _ in range(rng.randint(1, 2)):
        target = appended(target, random_conv(rng, shape_of(target)))
    ticket = plain_ticket(target, rng.choice([0, 1]))
    if rng.random() < 0.7:
        ticket = edited_weight(rng, ticket)
    if left_over(target, ticket):
        event("not proved")
        return
    event("proved")
    assert left_over(unrolled(target), unrolled(ticket)) == []
