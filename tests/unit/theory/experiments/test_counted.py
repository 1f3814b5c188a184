"""Curves of counted failures: a rate that is known comes out, and its interval is not too narrow."""

from __future__ import annotations

import math
import random

import pytest

from certify.theory.experiments.counted import PARTS, composed, curves

RATE = 0.4
DRAWS = 1000


def rows(seed, rate=RATE, parts=PARTS):
    """Draws that say the outcome for every number of items, as a prefix does: each ends at an exponential time."""
    rng = random.Random(seed)
    found = []
    for part in range(parts):
        ends = [rng.expovariate(rate) for _ in range(DRAWS)]
        for items in range(60):
            failed = sum(end > items for end in ends)
            counted = {"part": part, "items": items, "failed": failed, "trials": DRAWS}
            found.append({"curve": "c", **counted, "range": failed, "parity": 0, "density": 0})
            if not failed:
                break
    return found


def test_a_known_rate_comes_out():
    held = 0
    for seed in range(8):
        fitted = curves(rows(seed))["c"].fitted()
        assert fitted.rate.estimate == pytest.approx(RATE, rel=0.1)
        held += fitted.rate.low <= RATE <= fitted.rate.high
    assert held >= 7


def test_counts():
    curve = curves(rows(1))["c"]
    assert curve.draws == PARTS * DRAWS
    assert curve.total(0) == curve.draws
    assert curve.total(59) == 0
    assert curve.causes["range"][3] == curve.total(3)
    assert curve.measured(2).low < math.exp(-2 * RATE) < curve.measured(2).high
    assert curve.shown()[:4] == [0, 1, 2, 3]


def test_a_tail_too_short_has_no_rate():
    assert curves(rows(1, rate=9.0, parts=1))["c"].fitted() is None


def test_composed():
    assert composed(0.5, 2) == pytest.approx(0.75)
    assert composed(1e-12, 100) == pytest.approx(1e-10)
    assert composed(1.0, 3) == 1.0
    assert composed(0.0, 3) == 0.0
