"""Digits of a bias over any constants: always exact, and small where the constants allow it."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from certify.ticket.digits import split


def rebuilt(digits, carried):
    return sum(digit * constant for digit, constant in zip(digits, carried, strict=True))


@pytest.mark.parametrize(
    ("total", "carried", "digits"),
    [
        pytest.param(7, [1], (7,), id="a single 1"),
        pytest.param(-7, [1], (-7,), id="a negative bias"),
        pytest.param(7, [-1], (-7,), id="a negative constant"),
        pytest.param(-12, [4], (-3,), id="a single 4"),
        pytest.param(300, [256, 16, 1], (1, 3, -4), id="powers of 16"),
        pytest.param(15, [16, 1], (1, -1), id="from above"),
        pytest.param(5000, [16, 1], (313, -8), id="the largest takes the rest"),
        pytest.param(1, [15, 10, 6], (1, -2, 1), id="only all three together give 1"),
        pytest.param(9, [15, -10, 6], (1, 0, -1), id="the middle one rests"),
        pytest.param(1, [3, -2], (1, 1), id="of both signs"),
        pytest.param(6, [2, 2, 2], (3, 0, 0), id="all the same"),
        pytest.param(0, [5, 3], (0, 0), id="nothing"),
    ],
)
def test_by_hand(total, carried, digits):
    assert split(total, carried) == digits
    assert rebuilt(digits, carried) == total


constants = st.lists(st.integers(-(2**40), 2**40).filter(bool), min_size=1, max_size=5)


@given(constants, st.integers(-(2**70), 2**70))
def test_every_multiple_of_the_divisor_is_given(carried, factor):
    carried = sorted(carried, key=lambda constant: -abs(constant))
    total = factor * math.gcd(*carried)
    assert rebuilt(split(total, carried), carried) == total


@given(st.integers(1, 12), st.integers(1, 6), st.integers(-(2**60), 2**60))
def test_digits_to_a_base_are_at_most_half_of_it(bits, lines, total):
    carried = [1 << (bits * line) for line in reversed(range(lines))]
    first, *others = split(total, carried)
    assert all(2 * abs(digit) <= 1 << bits for digit in others)
    assert abs(first * carried[0] - total) <= carried[0] // 2


def test_what_no_digits_give_is_not_asked_for():
    with pytest.raises(AssertionError):
        split(7, [4, 2])
