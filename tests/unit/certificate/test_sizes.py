"""Theorem 3's bound and the ratio, against numbers worked out by hand."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from program import issued, target_bytes

from certify.base.mask import from_bits
from certify.certificate.sizes import Sizes, lower_bound, rounded_up_logarithm, sizes
from certify.network.reader import read_network


def network(*layers):
    """A chain of layers given as (precision bits, outputs, inputs)."""
    box = {"shape": [layers[0][2]], "low": 0, "high": 1, "precision_bits": 0}
    written = [
        {"op": "dense", "precision_bits": bits, "weights": [[0] * inputs] * outputs}
        for bits, outputs, inputs in layers
    ]
    return read_network(target_bytes({"format": "certify.network/1", "input": box, "layers": written}))


@pytest.mark.parametrize(
    ("layers", "bound"),
    [
        pytest.param([(0, 1, 1)], 2, id="3-matrices"),
        pytest.param([(0, 1, 2)], 4, id="9-matrices"),
        pytest.param([(1, 1, 1)], 3, id="5-matrices"),
        pytest.param([(4, 2, 2)], 21, id="33^4-is-above-2^20"),
        pytest.param([(4, 2, 2), (4, 1, 2)], 31, id="33^6-is-below-2^31"),
        pytest.param([(0, 1, 1), (2, 2, 1)], 8, id="3·9^2-is-243"),
        pytest.param([(8, 10, 64)], 5762, id="513^640-is-2^5761.8"),
        pytest.param([(60, 1, 1)], 62, id="finest"),
    ],
)
def test_lower_bound(layers, bound):
    assert lower_bound(network(*layers)) == bound
    matrices = math.prod((2 ** (bits + 1) + 1) ** (outputs * inputs) for bits, outputs, inputs in layers)
    assert 2 ** (bound - 1) < matrices <= 2**bound


@pytest.mark.parametrize("digits", [1, 2, 7, 128])
@given(st.lists(st.tuples(st.integers(1, 61), st.integers(0, 300)), max_size=3))
def test_the_bound_is_that_of_the_product_however_few_digits_it_begins_with(digits, layers):
    powers = [(2**bits + 1, weights) for bits, weights in layers]
    with pytest.MonkeyPatch.context() as monkeypatch:
        monkeypatch.setattr("certify.certificate.sizes._DIGITS", digits)
        assert rounded_up_logarithm(powers) == (math.prod(base**weights for base, weights in powers) - 1).bit_length()


def test_the_bound_of_a_network_whose_product_would_fill_the_memory():
    """10^12 weights: 8 bits and a little each, log2(257) = 8.00562454919387… of them."""
    assert rounded_up_logarithm([(257, 10**12)]) == 8_005_624_549_194


def test_constants_have_columns_and_biases_do_not_count():
    box = {"shape": [1], "low": 0, "high": 1, "precision_bits": 0}
    layer = {"op": "dense", "precision_bits": 0, "weights": [[1, 1]], "constants": [7], "bias": [100]}
    target = read_network(target_bytes({"format": "certify.network/1", "input": box, "layers": [layer]}))
    assert lower_bound(target) == 4
    assert sizes(target, ()).target_parameters == 2


def masks_of(parameters, kept):
    bits = np.zeros((1, parameters), dtype=np.bool_)
    bits[0, :kept] = True
    return (from_bits(bits),)


@pytest.mark.parametrize(
    ("base", "ratio"),
    [(0, "0.000"), (1, "0.047"), (20, "0.952"), (21, "1.000"), (22, "1.047"), (210, "10.000"), (474, "22.571")],
)
def test_ratio_is_rounded_down(base, ratio):
    assert sizes(network((4, 2, 2)), masks_of(base, min(base, 3))) == Sizes(4, base, min(base, 3), 21, ratio)


@given(st.integers(0, 10_000), st.lists(st.integers(0, 12), min_size=1, max_size=3))
def test_ratio_is_the_largest_of_three_decimals_that_is_not_above(base, bits):
    target = network(*[(k, 1, 1) for k in bits])
    found = sizes(target, masks_of(base, 0))
    exact, shown = Fraction(base, found.lower_bound), Fraction(found.ratio)
    assert shown <= exact < shown + Fraction(1, 1000)
    assert len(found.ratio.partition(".")[2]) == 3


def test_of_a_ticket():
    subject = issued().subject
    found = sizes(subject.target, subject.masks)
    widths = subject.base.widths
    lines = [mask.shape[1] for mask in subject.masks[::2]]
    assert found.base_parameters == lines[0] * widths[0] + widths[0] * 2 + lines[1] * widths[1] + widths[1] * 4
    assert found.kept == sum(len(mask.columns) for mask in subject.masks)
    assert (found.target_parameters, found.lower_bound) == (12, 39)  # 9^12 is above 2^38
