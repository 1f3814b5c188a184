"""Functions of one integer, held against their values at every point."""

from __future__ import annotations

import random

import pytest

from certify.network.rounding import ROUNDINGS, RULES
from certify.network.steps import (
    Clamp,
    Offset,
    Relu,
    Requantize,
    RequantizeQ31,
    RoundSignificant,
    Sign,
    Threshold,
    Thresholds,
)
from certify.proof.congruence import functions
from certify.proof.congruence.functions import Affine, Divide, extend, fingerprint, rises, same_rises, value, values
from solvers.grid.box import box_of
from solvers.grid.search import uniform

SPANS = [(-40, 60), (0, 1), (5, 5), (-300, -200), (-(2**70), -(2**70) + 90)]


def random_stage(rng):
    return rng.choice(
        [
            Affine(rng.randint(1, 4), rng.randint(-9, 9)),
            Divide(rng.randint(1, 6), rng.choice(ROUNDINGS)),
            Relu(),
            Clamp(rng.randint(-20, 0), rng.randint(1, 30)),
            Offset(rng.randint(-5, 5)),
            Requantize(rng.randint(0, 3), rng.choice(ROUNDINGS), rng.randint(-3, 3)),
            RequantizeQ31(rng.randint(2**29, 2**31 - 1), rng.randint(-1, 2), rng.choice(RULES), rng.randint(-2, 2)),
            RoundSignificant(),
            Threshold(),
            Sign(),
            Thresholds(tuple(sorted(rng.randint(-20, 20) for _ in range(5))), rng.randint(-3, 3)),
        ]
    )


def random_chain(rng):
    return extend((), [random_stage(rng) for _ in range(rng.randint(0, 4))])


def everywhere(chain, span):
    return [value(chain, p) for p in range(span[0], span[1] + 1)]


@pytest.mark.parametrize("span", SPANS, ids=str)
def test_values_at_once_are_the_values(span):
    rng = random.Random(1)
    for _ in range(40):
        chain = random_chain(rng)
        points = functions.column(list(range(span[0], span[1] + 1)))
        assert values(chain, points, span).tolist() == everywhere(chain, span)


def test_a_longer_chain_is_one_after_the_other():
    rng = random.Random(2)
    for _ in range(100):
        first, second = random_chain(rng), [random_stage(rng) for _ in range(3)]
        for x in (-70, -3, 0, 8, 51):
            expected = value(first, x)
            for stage in second:
                expected = value((stage,), expected)
            assert value(extend(first, second), x) == expected


@pytest.mark.parametrize("span", SPANS, ids=str)
@pytest.mark.parametrize("most", [2**12, 3, -1], ids=["bisection", "either", "everywhere"])
def test_functions_are_the_same_exactly_where_they_rise_alike(monkeypatch, span, most):
    monkeypatch.setattr(functions, "MOST_VALUES", most)
    rng, met = random.Random(7), set()
    for _ in range(150):
        first = random_chain(rng)
        second = extend(first, [random_stage(rng)]) if rng.random() < 0.7 else random_chain(rng)
        ours, theirs = everywhere(first, span), everywhere(second, span)
        expected = [x - ours[0] for x in ours] == [x - theirs[0] for x in theirs]
        found = same_rises(first, second, span)
        met.add(expected)
        # Lines of other slopes may be the same where both are held by clamps all the way.
        assert found == expected or (expected and not found and most < 2**12)
        assert not expected or fingerprint(first, span) == fingerprint(second, span)
    assert True in met


def test_rises_are_the_first_points_that_reach_a_value():
    rng = random.Random(4)
    for _ in range(60):
        chain, span = random_chain(rng), (-50, 70)
        seen = everywhere(chain, span)
        expected = [span[0] + next(i for i, x in enumerate(seen) if x >= v) for v in range(seen[0] + 1, seen[-1] + 1)]
        assert rises(chain, span).tolist() == expected


@pytest.mark.parametrize("shift", [1, 9])
def test_wide_ranges_that_differ_at_one_point(shift):
    """Two thresholds among millions of points."""
    span = (-(2**24), 2**24)
    at = [int(p) for p in uniform(box_of([span[0]], [span[1]]), 40, shift)[:, 0]]
    first = (Thresholds(tuple(sorted(at))),)
    for index in (0, 17, 39):
        moved = sorted(at)
        moved[index] += 1
        assert same_rises(first, (Thresholds(tuple(moved)),), span) is False
    assert same_rises(first, (Affine(1, 5), Thresholds(tuple(p + 5 for p in sorted(at)))), span) is True


WIDE = (-(2**40), 2**40)
LINES = {
    "the same": ((Affine(3, 1), Clamp(-5, 2**30)), (Affine(3, -4), Clamp(-10, 2**30 - 5)), True),
    "another slope": ((Affine(3, 0),), (Affine(4, 0),), False),
    "another end": ((Clamp(0, 2**30),), (Clamp(0, 2**30 + 1),), False),
    "another kink": ((Clamp(0, 2**30),), (Clamp(7, 2**30 + 7),), False),
    "a clamp that is a ReLU": ((Relu(),), (Clamp(0, 2**50),), True),
    "a rounding": ((Requantize(1, "floor"),), (Requantize(1, "half_up"),), None),
    "a rounding in other words": ((Requantize(1, "half_up"),), (Affine(1, 1), Requantize(1, "floor")), None),
}


@pytest.mark.parametrize(("first", "second", "expected"), LINES.values(), ids=LINES)
def test_functions_of_many_values(first, second, expected):
    assert same_rises(first, second, WIDE) is expected
    assert same_rises(second, first, WIDE) is expected


def test_a_short_range_of_many_values_is_evaluated_everywhere():
    span = (-(2**14), 2**14)
    words = (Requantize(1, "half_up"),), (Affine(1, 1), Requantize(1, "floor"))
    assert same_rises(*words, span) is True
    assert same_rises(words[0], (Requantize(1, "half_away"),), span) is False
