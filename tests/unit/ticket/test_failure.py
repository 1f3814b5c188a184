"""The three causes of theory.md, and how a failure reads."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from certify.ticket.failure import Failure, cause_of, explain, help_with
from solvers.subset_sum import Count


@pytest.mark.parametrize(
    ("items", "target", "cause"),
    [
        pytest.param([], 3, "range", id="no units at all"),
        pytest.param([0, 0], -3, "range", id="only zeros"),
        pytest.param([1, 2, -50], 4, "range", id="above all that is positive"),
        pytest.param([1, 2, -50], -51, "range", id="below all that is negative"),
        pytest.param([50], -1, "range", id="no mass of the target's sign"),
        pytest.param([2, 4, -6, 0], 3, "parity", id="an odd target and no odd product"),
        pytest.param([3, 9], 4, "parity", id="any common divisor"),
        pytest.param([8], 4, "parity", id="a single item that is too large"),
        pytest.param([2, 7], 5, "density", id="too few"),
        pytest.param([4, 6, -10], 8, "density", id="even, and none all the same"),
        pytest.param([1, 9], 8, "density", id="coprime"),
    ],
)
def test_causes(items, target, cause):
    assert cause_of(np.array(items, dtype=np.int64), target) == cause


@given(st.lists(st.integers(-12, 12), max_size=5), st.integers(-40, 40), st.integers(2, 5))
def test_what_a_cause_means(items, target, factor):
    items = [factor * item for item in items]
    sums = {sum(chosen) for n in range(len(items) + 1) for chosen in itertools.combinations(items, n)}
    assume(target not in sums)
    match cause_of(np.array(items, dtype=np.int64), target):
        case "range":
            assert not min(sums) <= target <= max(sums)
        case "parity":
            divisor = np.gcd.reduce(items)
            assert divisor > 1
            assert target % divisor
        case "density":
            assert min(sums) < target < max(sums)
            assert target % np.gcd.reduce(items) == 0


def failure(place, cause, units=3):
    return Failure(place, "inputs ≥ 0", units, cause)


def test_one_failure():
    said = explain([failure("layers[0].weights[3][1]", "parity")], "8 units of a block")
    assert said == (
        "no subset of the 8 units of a block gives layers[0].weights[3][1] (inputs ≥ 0, 3 units): parity. "
        "What would help: parity: a finer --precision of its layer (δ² below δ_t makes every target even), a "
        "larger --width or another --seed"
    )


def test_each_cause_is_helped_once():
    said = explain([failure("a", "density"), failure("b", "range"), failure("c", "density", 0)], "first units")
    assert "gives a (inputs ≥ 0, 3 units): density; b (inputs ≥ 0, 3 units): range; c (inputs ≥ 0, 0 units)" in said
    _, helps = said.split("What would help: ")
    assert helps == "density: a larger --width, or none, so that blocks grow; range: a larger --width"


@pytest.mark.parametrize(("count", "more"), [(4, ""), (5, "; and 1 more"), (300, "; and 296 more")])
def test_four_are_named_and_the_rest_counted(count, more):
    said = explain([failure(f"w{index}", "range") for index in range(count)], "3 units of a block")
    named, _ = said.split(". What would help")
    assert named.count("w") == 4
    assert named.endswith(f"w3 (inputs ≥ 0, 3 units): range{more}")
    assert "\n" not in said


def test_what_helps_where_few_products_are_allowed():
    said = explain([failure("a", "density"), failure("b", "range")], "first units", help_with(Count(0, 1)))
    assert "density: another --kept-per-weight than at most 1, a finer --precision" in said
    assert "range: a larger --width" in said
    assert help_with(Count(2, 2))["density"].startswith("another --kept-per-weight than exactly 2")
    assert help_with(Count(2, 3))["density"].startswith("another --kept-per-weight than 2 to 3")
    assert explain([failure("a", "density")], "units", help_with(Count())) == explain(
        [failure("a", "density")], "units"
    )
