"""First and second moments of the numbers of solutions, exactly.

Definition 1 (RNPP): X_1..X_n, and Z_{n,z} counts the signs σ with |σ·X| = z. Definition 2 (RSSP): a_1..a_n, and N_t
counts the subsets S with Σ_S a = t. By linearity E N_t is 2^n times the probability that a random subset of random
items has the sum t, and a random subset is n independent draws of "0 or an item". E N_t N_t' is the same for two
subsets at once: each item is in neither, one of them or both, and the two sums are kept apart as digits of one
integer, sum + base·other sum, with a base that no sum reaches.

Nothing here is an approximation, so nothing here is quick: the second moments take about (n·M)^2 numbers of
n·log2(4M) bits. `asymptotics` has what n → ∞ says.
"""

from __future__ import annotations

from collections import Counter
from fractions import Fraction

from certify.theory.law import Law, of_counts, positive


def subset_sums(law: Law, items: int) -> Law:
    """Return the law of the sum of a random subset of `items` independent items; its total is (2·law.total)^items."""
    return of_counts(Counter(dict(law.items())) + Counter({0: law.total})).sum_of(items)


def expected_subsets(law: Law, items: int, target: int) -> Fraction:
    """Return E N_t: how many subsets of `items` independent items have the sum `target` (Definition 2)."""
    return Fraction(subset_sums(law, items).count(target), law.total**items)


def expected_subset_pairs(law: Law, items: int, target: int, other: int) -> Fraction:
    """Return E N_t N_t' for two targets, which may be one: how many pairs of subsets have these sums."""
    base = _base(law, items)
    counts: Counter[int] = Counter()
    for value, count in law.items():
        for factor in (0, 1, base, 1 + base):
            counts[value * factor] += count
    if 2 * max(abs(target), abs(other)) >= base:
        return Fraction(0)
    return Fraction(of_counts(counts).sum_of(items).count(target + base * other), law.total**items)


def expected_partitions(largest: int, items: int, difference: int) -> Fraction:
    """Return E Z_{n,z}: how many signs give |σ·X| = z, X uniform on {1..M} (Definition 1)."""
    sums = _signed_sums(positive(largest), items)
    return Fraction(sum(sums.count(z) for z in {difference, -difference}), largest**items)


def expected_partition_pairs(largest: int, items: int, difference: int, other: int) -> Fraction:
    """Return E Z_{n,z} Z_{n,z'}: how many pairs of signs give |σ·X| = z and |σ'·X| = z'."""
    law = positive(largest)
    base = _base(law, items)
    counts: Counter[int] = Counter()
    for value, count in law.items():
        for factor in (1 + base, 1 - base, -1 + base, -1 - base):
            counts[value * factor] += count
    if 2 * max(difference, other) >= base:
        return Fraction(0)
    sums = of_counts(counts).sum_of(items)
    places = {z + base * w for z in (difference, -difference) for w in (other, -other)}
    return Fraction(sum(map(sums.count, places)), largest**items)


def _signed_sums(law: Law, items: int) -> Law:
    counts: Counter[int] = Counter()
    for value, count in law.items():
        counts[value] += count
        counts[-value] += count
    return of_counts(counts).sum_of(items)


def _base(law: Law, items: int) -> int:
    """A base in which the sums of two subsets are two digits of one integer: no sum reaches half of it."""
    return 2 * items * max(abs(law.low), abs(law.high)) + 1
