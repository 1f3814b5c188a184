"""What stands around the random matrices, held against theory.md by hand and by brute force."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from certify.base.law import BaseNetwork, Precision
from certify.base.layout import (
    MAX_FINER_BITS,
    Pair,
    check_precisions,
    constant_lines,
    default_precisions,
    matrix_shapes,
    pairs,
    radix_bits,
)
from certify.errors import InputError
from certify.network.matrix import from_dense
from certify.network.model import Box, Dense, Network
from certify.network.steps import Clamp, Offset, Relu, Requantize, Sign


def dense(bits, *, bias=(0,), steps=(), weights=((1,),), constants=()):
    return Dense(from_dense(np.array(weights, dtype=np.int64)), bits, tuple(bias), tuple(constants), tuple(steps))


def chain(*layers):
    return Network("chain", Box((1,), (-3,), (3,), 2), layers)


def precise(*kept):
    return tuple(Precision(bits, bits) for bits in kept)


@pytest.mark.parametrize(
    ("bits", "kept"), [(0, 0), (1, 1), (2, 1), (3, 2), (4, 2), (7, 4), (8, 4), (9, 5), (59, 30), (60, 30)]
)
def test_the_default_is_the_coarsest_that_theorem_1_allows(bits, kept):
    target = chain(dense(bits))
    assert default_precisions(target) == precise(kept)
    check_precisions(target, default_precisions(target))
    assert 2 * kept >= bits
    assert kept == 0 or 2 * (kept - 1) < bits


def test_each_layer_has_its_own_default():
    assert default_precisions(chain(dense(8), dense(3), dense(0))) == precise(4, 2, 0)


@pytest.mark.parametrize(
    ("bits", "kept", "place", "needed"),
    [
        pytest.param((8,), (3,), "layers[0]", 4, id="one bit short"),
        pytest.param((8, 5), (4, 2), "layers[1]", 3, id="the second layer"),
        pytest.param((8, 5), (0, 0), "layers[0]", 4, id="the first of two is named"),
    ],
)
def test_precisions_that_are_too_coarse(bits, kept, place, needed):
    with pytest.raises(InputError) as caught:
        check_precisions(chain(*map(dense, bits)), precise(*kept))
    assert caught.value.place == f"{place}.precision_bits"
    assert f"expected a base precision of at least {needed} bits" in caught.value.problem


def test_what_counts_is_the_precision_that_is_kept():
    with pytest.raises(InputError, match="at least 4 bits, found 3"):
        check_precisions(chain(dense(8)), (Precision(20, 3),))
    check_precisions(chain(dense(8)), (Precision(20, 4),))
    check_precisions(chain(dense(8), dense(0)), precise(30, 30))


HALF_UP = Requantize(4, "half_up", -1)


@pytest.mark.parametrize(
    ("layers", "kept", "expected"),
    [
        pytest.param(
            (dense(4, steps=(Relu(), Offset(-3), Clamp(-2, 9))),),
            (2,),
            [Pair(0, 0, (), (Relu(), Offset(-3), Clamp(-2, 9)))],
            id="δ_t = δ²: nothing is rescaled",
        ),
        pytest.param(
            (dense(4, steps=(Relu(), Offset(-3), Clamp(-2, 9))),),
            (3,),
            [Pair(0, 2, (), (Relu(), Offset(-12), Clamp(-8, 36)))],
            id="s = 4 on offset and clamp",
        ),
        pytest.param(
            (dense(3, steps=(Offset(5), HALF_UP, Offset(5))),),
            (2,),
            [Pair(0, 1, (), (Offset(10), Requantize(5, "half_up", -1), Offset(5)))],
            id="a requantization ends at its own scale, and its zero point is on that",
        ),
        pytest.param(
            (dense(3, steps=(Relu(),)), dense(3, steps=(Relu(),)), dense(4)),
            (2, 2, 3),
            [Pair(0, 1, (), (Relu(),)), Pair(1, 1, (), (Relu(),)), Pair(2, 2, (), ())],
            id="s accumulates where nothing resets it",
        ),
        pytest.param(
            (dense(3, bias=(1,), steps=(HALF_UP,)), dense(3, bias=(1,), steps=(Sign(),)), dense(3, bias=(1,))),
            (2, 2, 2),
            [
                Pair(0, 1, (1,), (Requantize(5, "half_up", -1),)),
                Pair(0, 1, (1,), (Sign(),)),
                Pair(0, 1, (1,), ()),
            ],
            id="requantize and sign reset",
        ),
        pytest.param(
            (dense(3, bias=(200,)), dense(2, bias=(-30,))),
            (2, 1),
            [Pair(0, 1, (1, 8, 64), ()), Pair(1, 0, (2, 8, 32), ())],
            id="constant lines are on the pair's input scale",
        ),
        pytest.param(
            (dense(0, bias=(5,)),),
            (0,),
            [Pair(0, 0, (1, 2, 4), ())],
            id="k = 0 has digits of base 2",
        ),
    ],
)
def test_pairs(layers, kept, expected):
    assert list(pairs(chain(*layers), precise(*kept))) == expected


def test_a_ticket_becomes_so_much_finer_and_no_more():
    """2·30 - 4 = 56 bits a layer; a step that ends at its own scale begins again from 0."""
    plain, resetting = dense(4), dense(4, steps=[Sign()])
    assert 36 * 56 <= MAX_FINER_BITS < 37 * 56
    assert pairs(chain(*[plain] * 36), precise(*[30] * 36))[-1].input_bits == 35 * 56
    assert pairs(chain(*[plain] * 36, resetting, plain), precise(*[30] * 38))[-1].input_bits == 0
    with pytest.raises(InputError) as caught:
        pairs(chain(*[plain] * 40), precise(*[30] * 40))
    assert caught.value.place == "layers[36]"
    assert caught.value.problem.endswith("at most 2048 bits, found 2072")


def reach(bits, lines):
    """The largest Σ digit·R^line with every digit in S_δ_t, counted out."""
    return sum(2**bits * 2 ** (max(bits, 1) * line) for line in range(lines))


@pytest.mark.parametrize("bits", [0, 1, 2, 3])
def test_lines_are_as_few_as_any_choice_of_digits_allows(bits):
    digits, radix = range(-(2**bits), 2**bits + 1), 2 ** max(bits, 1)
    fewest = {}
    for lines in range(4 if bits < 3 else 3):
        for chosen in itertools.product(digits, repeat=lines):
            fewest.setdefault(sum(d * radix**line for line, d in enumerate(chosen)), lines)
    assert set(range(reach(bits, 2) + 1)) < set(fewest)
    for bias, lines in fewest.items():
        assert constant_lines(dense(bits, bias=(bias,))) == lines, bias


@pytest.mark.parametrize("bits", [0, 1, 2, 4, 8, 16, 30, 60])
@pytest.mark.parametrize("lines", range(5))
def test_one_more_than_can_be_reached_takes_one_more_line(bits, lines):
    for sign in (1, -1):
        assert constant_lines(dense(bits, bias=(sign * reach(bits, lines),))) == lines
        assert constant_lines(dense(bits, bias=(sign * (reach(bits, lines) + 1),))) == lines + 1


def test_the_largest_bias_of_a_layer_counts_of_either_sign():
    weights = ((0,), (0,), (0,))
    assert constant_lines(dense(4, bias=(1, -300, 2), weights=weights)) == 3
    assert constant_lines(dense(4, bias=(0, 0, 0), weights=weights)) == 0


@pytest.mark.parametrize("bits", [0, 1, 2, 7, 60])
def test_radix(bits):
    assert radix_bits(bits) == (1 if bits == 0 else bits)


@given(st.integers(0, 60), st.integers(-(2**62), 2**62))
def test_lines_of_large_biases(bits, bias):
    lines = constant_lines(dense(bits, bias=(bias,)))
    assert abs(bias) <= reach(bits, lines)
    assert lines == 0 or abs(bias) > reach(bits, lines - 1)


def test_matrix_shapes():
    target = chain(
        dense(4, bias=(20, 0, 3), weights=((1,), (2,), (3,)), steps=(Relu(),)),
        dense(4, bias=(0, 0), weights=((1, 2, 3), (4, 5, 6))),
    )
    base = BaseNetwork("s", (11, 13), precise(2, 2))
    assert matrix_shapes(target, base) == ((11, 1 + 2), (3, 11), (13, 3), (2, 13))


@pytest.mark.parametrize("precisions", [precise(2), precise(2, 2, 2)], ids=["too few", "too many"])
def test_every_layer_has_one_precision(precisions):
    target = chain(dense(4), dense(4))
    for function in (check_precisions, pairs):
        with pytest.raises(ValueError, match="zip"):
            function(target, precisions)


@pytest.mark.parametrize("widths", [(1,), (1, 1, 1)], ids=["too few", "too many"])
def test_every_pair_has_one_width(widths):
    with pytest.raises(ValueError, match="zip"):
        matrix_shapes(chain(dense(4), dense(4)), BaseNetwork("s", widths, precise(2, 2)))
