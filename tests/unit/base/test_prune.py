"""base ⊙ mask as a network: the oracle's weights where the mask keeps, and the target's steps around them."""

from __future__ import annotations

import naive_base as naive
import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from certify.base.law import BaseNetwork, Precision
from certify.base.layout import matrix_shapes, pairs
from certify.base.mask import from_bits
from certify.base.prune import prune
from certify.network.evaluate import evaluate
from certify.network.matrix import from_dense
from certify.network.model import Box, Dense, Network
from certify.network.steps import Clamp, Relu, Requantize, apply_steps

FIRST = Dense(
    from_dense(np.array([[3, -16], [0, 7]], dtype=np.int64)),
    4,
    (0, 40),
    steps=(Relu(), Requantize(3, "half_even", 1)),
)
SECOND = Dense(from_dense(np.array([[1, -2]], dtype=np.int64)), 1, (5,), steps=(Clamp(-7, 90),))
TARGET = Network("two layers", Box((2,), (-2, 0), (2, 3), 4), (FIRST, SECOND))
BASE = BaseNetwork("pruned", (5, 4), (Precision(5, 3), Precision(1, 1)), "toward_zero")
SHAPES = matrix_shapes(TARGET, BASE)


def random_bits(seed):
    chance = np.random.default_rng(seed)
    return [chance.random(shape) < 0.6 for shape in SHAPES]


def dense_weights(matrix, bits):
    precision = BASE.precisions[matrix // 2]
    return [
        [
            int(keep) * naive.weight(BASE.seed, matrix, r, c, precision.drawn, precision.kept, BASE.quantization)
            for c, keep in enumerate(row)
        ]
        for r, row in enumerate(bits.tolist())
    ]


def evaluate_by_hand(kept, point):
    """The pruned network written out: matrix, ReLU, matrix, the target's rescaled steps."""
    values = list(point)
    for index, pair in enumerate(pairs(TARGET, BASE.precisions)):
        values += pair.constants
        hidden = [max(0, sum(u * x for u, x in zip(row, values, strict=True))) for row in kept[2 * index]]
        sums = [sum(v * h for v, h in zip(row, hidden, strict=True)) for row in kept[2 * index + 1]]
        values = [apply_steps(pair.steps, total) for total in sums]
    return tuple(values)


@given(st.integers(0, 2**32), st.tuples(st.integers(-2, 2), st.integers(0, 3)))
def test_a_pruned_network_computes_what_its_kept_weights_say(seed, point):
    bits = random_bits(seed)
    pruned = prune(TARGET, BASE, [from_bits(one) for one in bits])
    kept = [dense_weights(matrix, one) for matrix, one in enumerate(bits)]
    assert [matrix.to_dense().tolist() for matrix in pruned.matrices] == kept
    assert [matrix.entries for matrix in pruned.matrices] == [int(one.sum()) for one in bits]
    assert evaluate(pruned, point) == evaluate_by_hand(kept, point)


def test_what_stands_around_the_matrices():
    pruned = prune(TARGET, BASE, [from_bits(np.ones(shape, dtype=np.bool_)) for shape in SHAPES])
    assert pruned.name == "ticket of two layers"
    assert pruned.input == TARGET.input
    assert [layer.precision_bits for layer in pruned.layers] == [3, 3, 1, 1]
    assert [layer.constants for layer in pruned.layers] == [(1, 16), (), (1, 2), ()]
    assert [layer.bias for layer in pruned.layers] == [(0,) * 5, (0,) * 2, (0,) * 4, (0,)]
    # s = 2^(2·3 - 4) = 4 in the first pair, which the requantization takes away; 2^(2·1 - 1) = 2 in the second.
    assert [layer.steps for layer in pruned.layers] == [
        (Relu(),),
        (Relu(), Requantize(5, "half_even", 1)),
        (Relu(),),
        (Clamp(-14, 180),),
    ]


def test_stored_zeros_stay_entries():
    base = BaseNetwork("zeros", (9, 9), (Precision(5, 3), Precision(1, 1)))
    shapes = matrix_shapes(TARGET, base)
    pruned = prune(TARGET, base, [from_bits(np.ones(shape, dtype=np.bool_)) for shape in shapes])
    assert 0 in pruned.matrices[2].values
    assert [matrix.entries for matrix in pruned.matrices] == [rows * columns for rows, columns in shapes]


def test_nothing_kept_is_the_steps_at_zero():
    pruned = prune(TARGET, BASE, [from_bits(np.zeros(shape, dtype=np.bool_)) for shape in SHAPES])
    assert evaluate(pruned, (2, 3)) == (0,)
