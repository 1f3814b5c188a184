"""The fitted rate on counts whose rate is known, and what it says where the model does not hold."""

from __future__ import annotations

import math
import random

import pytest

from certify.errors import InputError
from certify.theory.rate import Failures, fit, proportion

TRIALS = 20_000


def counted(rng, rate, intercept=0.0, items=range(4, 24, 2)):
    """Failures drawn from the model."""
    entries = []
    for n in items:
        p = math.exp(intercept - rate * n)
        entries.append(Failures(n, sum(rng.random() < p for _ in range(TRIALS)), TRIALS))
    return entries


@pytest.mark.parametrize("rate", [0.05, 0.29, 0.7])
def test_the_interval_holds_the_rate_about_as_often_as_it_says(rate):
    rng = random.Random(7)
    held = 0
    for _ in range(20):
        found = fit(counted(rng, rate))
        held += found.rate.low <= rate <= found.rate.high
        assert found.rate.estimate == pytest.approx(rate, rel=0.1)
        assert found.deviance < 3 * found.freedom + 10
    assert 16 <= held <= 20


def test_counts_that_are_exact_give_the_rate_itself():
    rate = math.log(2)
    entries = [Failures(n, 2 ** (20 - n), 2**20) for n in range(1, 12)]
    found = fit(entries)
    assert found.rate.estimate == pytest.approx(rate, abs=1e-9)
    assert found.intercept == pytest.approx(0, abs=1e-8)
    assert found.deviance == pytest.approx(0, abs=1e-6)
    assert found.probability(3) == pytest.approx(1 / 8)


def test_no_exponential_has_a_large_deviance():
    entries = [Failures(n, round(TRIALS / (1 + n)), TRIALS) for n in range(1, 30)]
    found = fit(entries)
    assert found.deviance > 10 * found.freedom


def test_points_where_nothing_or_everything_failed_count_too():
    entries = [Failures(n, 2 ** (10 - n), 2**10) for n in range(2, 9)]
    more = [*entries, Failures(40, 0, 2**10)]
    assert fit(more).rate.estimate == pytest.approx(fit(entries).rate.estimate, rel=0.01)
    assert fit([*entries, Failures(1, 2**10, 2**10)]).rate.estimate < fit(entries).rate.estimate * 1.5


@pytest.mark.parametrize(
    "entries", [[], [Failures(3, 1, 9)], [Failures(3, 1, 9), Failures(3, 2, 9)], [Failures(3, 0, 9)] * 5]
)
def test_too_little_is_refused(entries):
    with pytest.raises(InputError, match="two numbers of items or more"):
        fit(entries)


def test_wilson():
    """The figures of Wilson's interval for 10 of 100, and its ends."""
    found = proportion(10, 100)
    assert (found.low, found.estimate, found.high) == pytest.approx((0.0552, 0.1, 0.1744), abs=1e-4)
    assert proportion(0, 100).low == 0
    assert 0 < proportion(0, 100).high < 0.04
    assert proportion(100, 100).high == 1
    assert proportion(1, 10, 0.99).high > proportion(1, 10, 0.9).high
