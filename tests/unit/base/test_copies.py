"""Theorem 2's network and the binary one: shapes, what stands around the matrices, and what they compute."""

from __future__ import annotations

import naive_base as naive
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from certify.base.copies import as_dense, of_layers
from certify.base.law import BaseNetwork, Precision
from certify.base.layout import check_precisions, check_target, default_precisions, matrix_shapes, pairs
from certify.base.mask import from_bits
from certify.base.prune import prune
from certify.errors import InputError
from certify.network.evaluate import evaluate
from certify.network.matrix import from_dense
from certify.network.model import Box, Dense, Network
from certify.network.operators import Convolution
from certify.network.operators.window import Window
from certify.network.steps import (
    Offset,
    Relu,
    Requantize,
    RequantizeQ31,
    Sign,
    Thresholds,
    apply_steps,
    channel_steps,
)


def dense(weights, bits, bias=None, steps=(), constants=()):
    matrix = from_dense(np.array(weights, dtype=np.int64))
    return Dense(matrix, bits, tuple(bias or (0,) * matrix.shape[0]), constants, tuple(steps))


TARGET = Network(
    "three layers",
    Box((2,), (-2, 0), (2, 3), 1),
    (
        dense([[3, -4], [0, 2]], 2, (0, 40), [Relu(), RequantizeQ31((2**30, 2**29), (0, 1), "single", -2)]),
        dense([[1, -2], [2, 0], [-1, 1]], 1, (5, 0, -1), [Thresholds(((-3, 0), (1,), (0, 0, 9)))]),
        dense([[2, 1, -1]], 1, (1,), [Offset(3)]),
    ),
)
BASE = BaseNetwork("copies", (7, 6, 9), (Precision(3, 3), Precision(2, 1), Precision(2, 2)), construction="theorem-2")
SHAPES = ((7, 5), (6, 7), (9, 3 * (2 + 2)), (1, 3 * (3 + 1)))


def test_shapes():
    assert of_layers(TARGET, BASE) == (1, 3, 3, 1)
    assert matrix_shapes(TARGET, BASE) == SHAPES
    assert of_layers(TARGET, BaseNetwork("pairs", (5, 5, 5), BASE.precisions)) == (1, 1, 1, 1)


@pytest.mark.parametrize(
    ("widths", "place"), [((7, 5, 9), "1"), ((7, 0, 9), "1"), ((7, 6, 2), "2"), ((7, 6, 10), "2")]
)
def test_copies_are_whole(widths, place):
    base = BaseNetwork("copies", widths, BASE.precisions, construction="theorem-2")
    with pytest.raises(InputError, match=rf"widths\[{place}\]: expected a multiple of"):
        matrix_shapes(TARGET, base)


def weight(matrix, row, column):
    precision = BASE.precision_of(matrix)
    word = naive.word_at(naive.key_of_seed(BASE.seed), matrix, row, column)
    return naive.quantize(
        naive.nonzero_weight_of_word(word, precision.drawn), precision.drawn, precision.kept, "floor"
    )


def evaluate_by_hand(bits, point):
    """The pruned network written out, source by source and copy by copy."""
    first, second, third = pairs(TARGET, BASE.precisions, "theorem-2")

    def rows(matrix, values):
        shape = SHAPES[matrix]
        return [
            sum(weight(matrix, row, c) * values[c] for c in range(shape[1]) if bits[matrix][row][c])
            for row in range(shape[0])
        ]

    def after(pair, sums, neurons):
        return [apply_steps(channel_steps(pair.steps, row % neurons), total) for row, total in enumerate(sums)]

    def columns(units, neurons, lines):
        return [value for copy in range(3) for value in (*units[copy * neurons : (copy + 1) * neurons], *lines)]

    hidden = [max(0, total) for total in rows(0, [*point, *first.constants])]
    units = after(first, rows(1, hidden), 2)
    units = after(second, rows(2, columns(units, 2, second.constants)), 3)
    return tuple(after(third, rows(3, columns(units, 3, third.constants)), 1))


@given(st.integers(0, 2**32), st.tuples(st.integers(-2, 2), st.integers(0, 3)))
def test_a_pruned_network_computes_what_its_kept_weights_say(seed, point):
    chance = np.random.default_rng(seed)
    bits = [chance.random(shape) < 0.6 for shape in SHAPES]
    pruned = prune(TARGET, BASE, [from_bits(one) for one in bits])
    assert evaluate(pruned, point) == evaluate_by_hand([one.tolist() for one in bits], point)


def test_what_stands_around_the_matrices():
    pruned = prune(TARGET, BASE, [from_bits(np.ones(shape, dtype=np.bool_)) for shape in SHAPES])
    assert [layer.precision_bits for layer in pruned.layers] == [3, 3, 1, 2]
    assert [layer.constants for layer in pruned.layers] == [(1, 4, 16), (), (1, 2) * 3, (1,) * 3]
    q31 = RequantizeQ31((2**30, 2**29) * 3, (0, 1) * 3, "single", -2)
    assert [layer.steps for layer in pruned.layers] == [
        (Relu(),),
        (Relu(), Requantize(4, "floor"), q31),
        (Thresholds(((-3, 0), (1,), (0, 0, 9)) * 3),),
        (Offset(6),),
    ]


def test_columns_of_copies_become_units_and_then_lines():
    matrix = from_dense(np.arange(1, 11, dtype=np.int64)[None])
    assert as_dense(matrix, 3, 2).to_dense().tolist() == [[1, 2, 3, 6, 7, 8, 4, 5, 9, 10]]


def test_precisions():
    assert default_precisions(TARGET, "theorem-2") == (Precision(1, 1), Precision(1, 1), Precision(1, 1))
    assert default_precisions(TARGET, "binary") == (Precision(0, 0),) * 3
    with pytest.raises(InputError, match=r"layers\[1\].precision_bits: .* at least 1 bits, found 0: δ_t ≥ δ fails"):
        check_precisions(TARGET, (Precision(1, 1), Precision(5, 0), Precision(1, 1)), "theorem-2")
    with pytest.raises(InputError, match=r"layers\[0\].precision_bits: .* at least 1 bits, found 0: δ_t ≥ δ² fails"):
        check_precisions(TARGET, (Precision(0, 0), Precision(1, 1), Precision(1, 1)), "theorem-2")
    with pytest.raises(InputError, match=r"layers\[2\].precision_bits: expected a base precision of 0 bits"):
        check_precisions(TARGET, (Precision(0, 0), Precision(0, 0), Precision(1, 0)), "binary")


def test_only_chains_have_copies():
    tap = Window((1, 1))
    kernel = Convolution(from_dense(np.ones((1, 1), dtype=np.int64)), 0, (0,), tap, 1, (), (Sign(),))
    picture = Network("picture", Box((1, 1, 1), (0,), (1,), 0), (kernel,))
    with pytest.raises(
        InputError, match=r"layers\[0\]: .*found convolution: copies \(Theorem 2\) stand for no others"
    ):
        check_target(picture, "theorem-2")
    check_target(picture, "theorem-1")
    check_target(TARGET, "theorem-2")


def test_a_binary_network_counts_in_the_targets_units():
    base = BaseNetwork("signs", (8, 4, 4), (Precision(0, 0),) * 3, construction="binary")
    assert {pair.weight_bits for pair in pairs(TARGET, base.precisions, "binary")} == {0}
    shapes = matrix_shapes(TARGET, base)
    pruned = prune(TARGET, base, [from_bits(np.ones(shape, dtype=np.bool_)) for shape in shapes])
    assert [layer.precision_bits for layer in pruned.layers] == [0, 2, 0, 1, 0, 1]
    assert all(set(matrix.values.tolist()) == {-1, 1} for matrix in pruned.matrices)
    assert [layer.steps for layer in pruned.layers[1::2]] == [layer.steps for layer in TARGET.layers]
