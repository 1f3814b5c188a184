"""Laws against enumeration."""

from __future__ import annotations

import itertools
from collections import Counter
from fractions import Fraction

import numpy as np
import pytest

from certify.theory.law import Law, of_counts, positive, products, signed, uniform

LAWS = {
    "positive": positive(3),
    "uniform": uniform(2, zero=False),
    "with 0": uniform(2, zero=True),
    "products": products(uniform(2, zero=True), positive(2)),
    "signed": signed(positive(2)),
    "one value": of_counts({-5: 7}),
    "uneven": of_counts({0: 2, 3: 1}),
}
NAMES = pytest.mark.parametrize("name", LAWS)


def draws(law: Law) -> list[int]:
    return [value for value, count in law.items() for _ in range(count)]


@NAMES
@pytest.mark.parametrize("number", range(4))
def test_a_sum_of_draws_is_what_enumeration_counts(name, number):
    law = LAWS[name]
    found = law.sum_of(number)
    assert found.total == law.total**number
    assert dict(found.items()) == Counter(map(sum, itertools.product(draws(law), repeat=number)))


def test_what_the_laws_are():
    assert draws(positive(3)) == [1, 2, 3]
    assert draws(uniform(2, zero=False)) == [-2, -1, 1, 2]
    assert draws(uniform(2, zero=True)) == [-2, -1, 0, 1, 2]
    assert draws(signed(positive(2))) == [-2, -1, 1, 2]
    both = [v * u for v in (-2, -1, 0, 1, 2) for u in (1, 2)]
    assert dict(LAWS["products"].items()) == Counter(both)


@NAMES
def test_probabilities_add_up(name):
    law = LAWS[name]
    assert sum(law.probability(value) for value in range(law.low - 2, law.high + 3)) == 1
    assert law.probability(law.high + 1) == law.probability(law.low - 1) == Fraction(0)


def test_products_are_not_uniform():
    """They cover 38 % of the positive integers up to 2^8 at four bits, and 25 % at ten (theory)."""
    law = sum(value > 0 for value, _ in products(positive(2**4), positive(2**4)).items()) / 4**4
    assert law == pytest.approx(0.38, abs=0.05)
    numbers = np.arange(1, 2**10 + 1)
    assert len(np.unique(np.outer(numbers, numbers))) / 4**10 == pytest.approx(0.25, abs=0.01)
