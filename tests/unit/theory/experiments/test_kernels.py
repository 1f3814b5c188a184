"""The counting kernels against sets of sums, and against what was measured before they were written."""

from __future__ import annotations

import naive_sums
import numpy as np
import pytest

from certify.theory.experiments.kernels import failures, has_subset, item, perfect_partitions, solvable, stream
from certify.theory.rate import proportion


@pytest.mark.parametrize(
    ("products", "bits", "target_bits", "goals", "draws"),
    [
        (True, 1, 2, 1, 30),
        (True, 2, 4, 1, 20),
        (True, 3, 4, 3, 8),
        (False, 2, 2, 1, 30),
        (False, 7, 7, 2, 8),
        (False, 3, 2, 1, 20),
    ],
)
def test_failures_and_their_causes(products, bits, target_bits, goals, draws):
    name = f"{products} {bits} {target_bits} {goals}"
    found = failures(stream(3, name), draws, 8, products=products, bits=bits, target_bits=target_bits, goals=goals)
    expected = naive_sums.failures(naive_sums.Stream(3, name), draws, 8, products, bits, target_bits, goals)
    assert found.tolist() == expected


def test_one_stream_goes_on():
    """Two calls on one state are one call of all draws: nothing of a draw is left for the next."""
    state, options = stream(1, "x"), {"products": True, "bits": 3, "target_bits": 6}
    parts = [failures(state, draws, 12, **options) for draws in (7, 9)]
    assert (parts[0] + parts[1] == failures(stream(1, "x"), 16, 12, **options)).all()
    assert (stream(1, "x") != stream(2, "x")).all()
    assert (stream(1, "x") != stream(1, "y")).all()


@pytest.mark.parametrize("count", [2, 5, 8])
def test_solutions(count):
    name = f"solutions {count}"
    for largest in (3, 40, 300):
        drawn = (
            perfect_partitions(stream(0, name), 12, count, largest),
            solvable(stream(0, name), 12, count, largest, 2),
        )
        naive = (
            naive_sums.perfect_partitions(naive_sums.Stream(0, name), 12, count, largest),
            naive_sums.solvable(naive_sums.Stream(0, name), 12, count, largest, 2),
        )
        assert drawn == naive


def test_every_sum_is_found_and_no_other():
    state = stream(5, "sums")
    items = np.array([item(state, 0, 4) for _ in range(7)])
    sums = naive_sums.subset_sums(items.tolist())
    assert [goal for goal in range(-90, 91) if has_subset(items, goal)] == sorted(sums)


@pytest.mark.compiled
@pytest.mark.parametrize(
    ("k", "bits", "items", "failed"), [(4, 2, 24, 1.4e-3), (8, 4, 24, 2.1e-3), (8, 4, 16, 3.8e-2), (8, 5, 24, 2.3e-3)]
)
def test_what_another_program_measured(k, bits, items, failed):
    """392,000 instances each, of the finder's own search: to two digits."""
    counts = failures(stream(0, f"{k} {bits}"), 200_000, items, products=True, bits=bits, target_bits=k)
    found = proportion(int(counts[items].sum()), 200_000, 0.999)
    assert found.low < failed * 1.04
    assert found.high > failed * 0.96
