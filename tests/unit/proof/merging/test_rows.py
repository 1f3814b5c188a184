"""Graphs unrolled for merging: the rows of a layer give its accumulations, and what is no sum is declined."""

from __future__ import annotations

import random
from dataclasses import replace

import numpy as np
import pytest
from graph_pairs import PAIRS, SAME, are_equal, body, changed, conv, dense, first, network, window

from certify.monitor import Monitor
from certify.network.model import INPUT
from certify.network.operators import (
    Addition,
    Concatenate,
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
from certify.network.steps import Clamp, Offset, Relu, Requantize, RoundSignificant, Thresholds, apply_steps
from certify.proof.claim import Relation
from certify.proof.merging import merge as module
from certify.proof.merging.merge import merge
from certify.proof.merging.rows import NotAffineError, bias_of, rounded, rows, stepped

RLIMIT = 1_000_000
SHAPE = (2, 3, 2)
LAYERS = {
    "dense": (dense(np.arange(24).reshape(2, 12) % 5 - 2, [3, -1]), 1),
    "convolution": (conv(np.arange(36).reshape(2, 18) % 5 - 2, window(3, 1, SAME), [1, 2]), 1),
    "depthwise": (conv(np.arange(16).reshape(4, 4) % 5 - 2, window(2), [1, 2, 3, 4], groups=2), 1),
    "stride": (conv(np.arange(16).reshape(2, 8) % 5 - 2, window(2, 2, ((0, 1), (1, 0)))), 1),
    "constants": (conv([[1, 2, 5], [0, 3, -1]], window(1), [1, 0], constants=(7,)), 1),
    "addition": (Addition((INPUT, INPUT), (Term(2, (Clamp(-1, 2),)), Term(-3))), 2),
    "addition, each channel's own steps": (
        Addition((INPUT, INPUT), (Term(2, (Thresholds(((-3, 0, 4), (1, 1, 2)), low=-1),)), Term(-3))),
        2,
    ),
    "sum": (Pooling("sum", window(2, 1, ((1, 0), (0, 1)))), 1),
    "average": (Pooling("average", window(2), "half_away"), 1),
    "reshape": (Reshape((12,)), 1),
    "transpose": (Transpose((2, 0, 1)), 1),
    "pad": (Pad(((1, 0), (0, 1), (0, 0)), -4), 1),
    "slice": (Slice((0, 1, 0), (2, 3, 1), (1, 1, 1)), 1),
    "concatenate": (Concatenate((INPUT, INPUT), 1), 2),
    "gather": (Gather((3, -1, 0, 0), (4,)), 1),
}


@pytest.mark.parametrize(("layer", "inputs"), LAYERS.values(), ids=LAYERS)
def test_rows_give_the_accumulation(layer, inputs):
    rng = np.random.default_rng(3)
    values = [rng.integers(-9, 10, (1, *SHAPE)) for _ in range(inputs)]
    flat = np.concatenate([value.reshape(-1) for value in values]).tolist()
    listed = rows(layer, [SHAPE] * inputs)
    sums = [
        sum(p.weight * (p.value if p.place is None else apply_steps(p.steps, flat[p.place])) for p in row) + bias
        for row, bias in zip(listed, bias_of(layer, len(listed)), strict=True)
    ]
    found = [apply_steps(rounded(layer), total) for total in sums]
    assert found == layer.accumulate(values).reshape(-1).tolist()


DECLINED = {
    "maxima": (Pooling("max", window(2)), "max pooling"),
    "averages of nine": (Pooling("average", window(3), "floor"), "averages of 9"),
    "products": (Product((INPUT, INPUT)), "product"),
    "softmax": (Softmax((2, 1), 8), "softmax"),
}


@pytest.mark.parametrize(("layer", "named"), DECLINED.values(), ids=DECLINED)
def test_what_is_no_sum_is_declined(layer, named):
    with pytest.raises(NotAffineError, match=f"merging does not go through {named}"):
        rows(layer, [SHAPE])


def test_a_graph_that_is_declined_is_undecided():
    left, right = PAIRS["a maximum with padding"]()
    found = merge(left, right, Relation(), RLIMIT, Monitor())
    assert (found.proved, found.reason) == (False, "merging does not go through max pooling")


def test_units_with_steps_are_counted():
    assert stepped(LAYERS["addition"][0]) == 1
    assert stepped(LAYERS["average"][0]) == 1
    assert stepped(first()) == 1
    assert stepped(LAYERS["reshape"][0]) == 0


MERGED = ["channels in another order", "another layout", "a residual block", "an average of four", "depthwise"]


@pytest.mark.parametrize("name", MERGED)
def test_small_graphs_are_merged(name):
    left, right = PAIRS[name]()
    found = merge(left, right, Relation(), RLIMIT, Monitor())
    assert found.proved
    assert found.upper == 0
    rng = random.Random(8)
    other = next(net for net in (changed(rng, right) for _ in range(50)) if not are_equal(left, net))
    assert not merge(left, other, Relation(), 10_000, Monitor()).proved


def test_a_split_and_scaled_channel():
    left = network((1, 2, 1), -3, 3, conv([[1], [-2]], window(1), [1, 0], (Relu(),)), conv([[4, 4]], window(1)))
    halves = conv([[2], [-2], [1]], window(1), [2, 0, 1], (Relu(),))
    right = network((1, 2, 1), -3, 3, halves, conv([[1, 4, 2]], window(1)))
    assert are_equal(left, right)
    assert merge(left, right, Relation(), RLIMIT, Monitor()).proved


@pytest.mark.parametrize(
    ("steps", "others"),
    [
        pytest.param((Thresholds((-1, 2, 2)),), (Offset(1), Thresholds((0, 3, 3))), id="thresholds"),
        pytest.param((RoundSignificant(), Relu()), (Relu(),), id="a float that holds all"),
        pytest.param(
            (Thresholds(((-1, 2), (0, 1))),), (Thresholds(((-1, 2), (0, 1))), Clamp(0, 2)), id="per channel"
        ),
    ],
)
def test_steps_that_chains_may_have_too(steps, others):
    sides = [network((2,), -3, 3, dense([[1, 2], [3, -1]], [1, 0], own), dense([[1, 1]])) for own in (steps, others)]
    assert are_equal(*sides)
    assert merge(*sides, Relation(), RLIMIT, Monitor()).proved
    wrong = replace(sides[1].layers[0], steps=(*others, Requantize(1, "half_even")))
    other = replace(sides[1], layers=(wrong, replace(sides[1].layers[1], precision_bits=2)))
    assert not are_equal(sides[0], other)
    assert not merge(sides[0], other, Relation(), RLIMIT, Monitor()).proved


def test_a_graph_too_large_to_unroll(monkeypatch):
    monkeypatch.setattr(module, "MOST_UNROLLED", 40)
    left, right = body(first()), body(first(), Reshape((18,)))
    found = merge(left, right, Relation(), RLIMIT, Monitor())
    assert found.reason == "54 units, merging unrolls graphs of at most 40"
