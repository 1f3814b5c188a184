"""From a seed to a key, and from δ_in to δ."""

from __future__ import annotations

import math
from fractions import Fraction

import naive_base as naive
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from certify.base.law import QUANTIZATIONS, BaseNetwork, Precision, key_of, quantize
from certify.errors import InputError

precisions = (
    st.tuples(st.integers(0, 30), st.integers(0, 30)).map(sorted).map(lambda bits: Precision(bits[1], bits[0]))
)


@given(st.text())
def test_keys_are_the_oracles(seed):
    key = key_of(seed)
    assert key.dtype == np.uint64
    assert tuple(key.tolist()) == naive.key_of_seed(seed)


@pytest.mark.parametrize("seed", ["0", "", "Zürich, 東京 🎟", "a\nb", "\x00"])
def test_keys_do_not_pass_through_float64(seed):
    key = key_of(seed).tolist()
    assert min(key) > 2**53
    # What a float64 would have made of them, so that this test can tell.
    assert [int(float(word)) for word in key] != key
    assert tuple(key) == naive.key_of_seed(seed)


def test_a_known_key():
    assert key_of("Zürich, 東京 🎟").tolist() == [6619690965846512325, 12464615052080828662]


@pytest.mark.parametrize("seed", ["\ud800", "a\udcff"], ids=["lone surrogate", "byte of a command line"])
def test_a_seed_that_utf8_cannot_hold(seed):
    with pytest.raises(InputError, match=r"^seed: expected text that UTF-8 can hold, found '.*ud"):
        key_of(seed)


def test_normalization_forms_are_different_seeds():
    assert key_of("é").tolist() != key_of("e\u0301").tolist()


@pytest.mark.parametrize(
    ("quantization", "expected"),
    [
        pytest.param("floor", [-2, -2, -2, -1, -1, 0, 0, 0, 1, 1, 2], id="floor"),
        pytest.param("toward_zero", [-2, -1, -1, -1, 0, 0, 0, 0, 1, 1, 2], id="toward_zero"),
    ],
)
def test_quantize_by_hand(quantization, expected):
    drawn = np.array([-8, -7, -5, -4, -1, 0, 1, 3, 4, 7, 8], dtype=np.int64)
    assert quantize(drawn, Precision(3, 1), quantization).tolist() == expected


ROUND = {"floor": math.floor, "toward_zero": math.trunc}


@pytest.mark.parametrize("quantization", QUANTIZATIONS)
@given(precisions, st.data())
def test_quantize_rounds_the_fraction(quantization, precision, data):
    limit = 2**precision.drawn
    drawn = data.draw(st.lists(st.integers(-limit, limit) | st.sampled_from([-limit, limit, 0])))
    exact = [Fraction(a, 2 ** (precision.drawn - precision.kept)) for a in drawn]
    quantized = quantize(np.array(drawn, dtype=np.int64), precision, quantization)
    assert quantized.dtype == np.int64
    assert quantized.tolist() == [ROUND[quantization](a) for a in exact]
    assert all(abs(a) <= 2**precision.kept for a in quantized.tolist())


def test_every_operator_has_a_definition_here():
    assert set(QUANTIZATIONS) == set(ROUND)


@pytest.mark.parametrize(
    ("drawn", "kept"),
    [
        pytest.param(3, 4, id="kept is finer than drawn"),
        pytest.param(31, 4, id="drawn is too fine"),
        pytest.param(3, -1, id="negative"),
    ],
)
def test_precision_refuses(drawn, kept):
    with pytest.raises(AssertionError):
        Precision(drawn, kept)


def test_floor_is_the_default():
    assert BaseNetwork("s", (1,), (Precision(1, 1),)).quantization == "floor"
