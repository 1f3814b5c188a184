"""Moments against all draws of all items, and asymptotics against exact moments."""

from __future__ import annotations

import itertools
import math
from collections import Counter
from fractions import Fraction

import pytest

from certify.certificate.sizes import parameters_needed
from certify.theory import asymptotics
from certify.theory.bounds import lemma_4_error, success, width_needed
from certify.theory.law import Law, positive, products, uniform
from certify.theory.moments import (
    expected_partition_pairs,
    expected_partitions,
    expected_subset_pairs,
    expected_subsets,
)

LAWS = {
    "uniform": uniform(2, zero=False),
    "with 0": uniform(2, zero=True),
    "products": products(uniform(1, zero=True), positive(2)),
}
NAMES = pytest.mark.parametrize("name", LAWS)
ITEMS = pytest.mark.parametrize("items", [1, 2, 3])


def all_draws(law: Law, items: int) -> list[tuple[int, ...]]:
    values = [value for value, count in law.items() for _ in range(count)]
    return list(itertools.product(values, repeat=items))


def subsets(draw: tuple[int, ...]) -> Counter[int]:
    return Counter(sum(itertools.compress(draw, chosen)) for chosen in itertools.product((0, 1), repeat=len(draw)))


def partitions(draw: tuple[int, ...]) -> Counter[int]:
    signs = itertools.product((1, -1), repeat=len(draw))
    return Counter(abs(sum(s * x for s, x in zip(sign, draw, strict=True))) for sign in signs)


@NAMES
@ITEMS
def test_subsets(name, items):
    law = LAWS[name]
    counted = [subsets(draw) for draw in all_draws(law, items)]
    for target in range(-5, 6):
        mean = Fraction(sum(found[target] for found in counted), len(counted))
        assert expected_subsets(law, items, target) == mean
        for other in (target, 0, 1 - target):
            pairs = Fraction(sum(found[target] * found[other] for found in counted), len(counted))
            assert expected_subset_pairs(law, items, target, other) == pairs


@ITEMS
@pytest.mark.parametrize("largest", [1, 2, 3])
def test_partitions(items, largest):
    counted = [partitions(draw) for draw in all_draws(positive(largest), items)]
    for difference in range(8):
        mean = Fraction(sum(found[difference] for found in counted), len(counted))
        assert expected_partitions(largest, items, difference) == mean
        for other in (difference, 0, 2):
            pairs = Fraction(sum(found[difference] * found[other] for found in counted), len(counted))
            assert expected_partition_pairs(largest, items, difference, other) == pairs


@NAMES
@ITEMS
def test_success_lies_in_its_bracket(name, items):
    """Lemmas 1 and 3; a bound that were turned around would not hold."""
    law = LAWS[name]
    draws = all_draws(law, items)
    for target in range(-5, 6):
        solved = Fraction(sum(subsets(draw)[target] > 0 for draw in draws), len(draws))
        bracket = success(law, items, target)
        assert bracket.low <= solved <= bracket.high


def test_a_bracket_is_one_where_subsets_coincide():
    found = success(uniform(2, zero=False), 3, 1)
    assert 0 < found.low < found.high


def test_of_a_target_out_of_reach():
    assert success(uniform(2, zero=False), 3, 7).high == 0


@pytest.mark.parametrize(("items", "largest"), [(10, 16), (16, 64), (24, 32)])
def test_asymptotics_are_within_four_percent(items, largest):
    for z in (0, 1, largest):
        exact = float(expected_partitions(largest, items, z))
        assert asymptotics.partitions(items, largest, z) == pytest.approx(exact, rel=0.04)
        exact = float(expected_subsets(uniform(largest, zero=False), items, z))
        assert asymptotics.subsets(items, largest, z) == pytest.approx(exact, rel=0.08)


def test_pairs_of_one_parity_alone():
    """|σ·X| and |σ'·X| have the parity of ΣX; so a mixed second moment is 0 (Theorem 4)."""
    assert expected_partition_pairs(4, 5, 2, 3) == 0
    both = float(expected_partition_pairs(8, 10, 0, 2))
    one = float(expected_partitions(8, 10, 0)) * float(expected_partitions(8, 10, 2))
    assert both == pytest.approx(2 * one, rel=0.2)


def test_threshold():
    for bits in (4, 8, 12, 16):
        found = asymptotics.threshold(2**bits)
        assert found == pytest.approx(bits + math.log2(found) / 2, abs=1.5)
        assert asymptotics.subsets(found, 2**bits, 0) >= 1 > asymptotics.subsets(found - 1, 2**bits, 0)


def test_lemma_4_is_vacuous_where_anybody_computes():
    assert lemma_4_error(40) == pytest.approx(1.18, abs=0.01)
    assert lemma_4_error(128) > 0.99


def test_counting():
    """2^p prunings are no fewer than matrices, and one parameter less has fewer."""
    for outputs, inputs, bits in [(1, 1, 0), (2, 3, 1), (4, 2, 7)]:
        needed = parameters_needed([(bits, outputs * inputs)])
        matrices = (2 ** (bits + 1) + 1) ** (outputs * inputs)
        assert 2**needed >= matrices > 2 ** (needed - 1)
        width = width_needed(outputs, inputs, bits)
        assert width * (outputs + inputs) >= needed > (width - 1) * (outputs + inputs)
