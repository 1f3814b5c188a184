"""The law of one random integer, and of sums of independent ones, exactly.

A law is a list of counts: how many of `total` equally likely draws give each integer. The law of a sum is a product
of polynomials, and a product of polynomials with integer coefficients is one product of large integers (Kronecker's
substitution): every coefficient has its own bits, wide enough for the largest that can come out.

The items of the paper's two problems are uniform: on {1..M} (Definition 1) and on {-M..M} without 0 (Definition 2).
Those of Theorem 1 are products v·u, which are not: `products` has them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property


@dataclass(frozen=True)
class Law:
    """The law of a random integer with finitely many values.

    Attributes:
        low: the least value that has a count, which may be 0.
        counts: how many draws give low, low + 1, …; none is negative, and not all are 0.
    """

    low: int
    counts: tuple[int, ...]

    def __post_init__(self) -> None:
        assert min(self.counts) >= 0
        assert any(self.counts)

    @cached_property
    def total(self) -> int:
        """How many draws there are."""
        return sum(self.counts)

    @cached_property
    def mean(self) -> Fraction:
        """The expected value."""
        return Fraction(sum(value * count for value, count in self.items()), self.total)

    @cached_property
    def variance(self) -> Fraction:
        """The expected squared distance from the mean."""
        return Fraction(sum(value * value * count for value, count in self.items()), self.total) - self.mean**2

    @property
    def high(self) -> int:
        """The largest value that has a count."""
        return self.low + len(self.counts) - 1

    def count(self, value: int) -> int:
        """Return how many draws give `value`."""
        return self.counts[value - self.low] if self.low <= value <= self.high else 0

    def probability(self, value: int) -> Fraction:
        """Return the probability of `value`."""
        return Fraction(self.count(value), self.total)

    def items(self) -> Iterable[tuple[int, int]]:
        """Return the values that can be drawn, rising, and their counts."""
        return ((self.low + index, count) for index, count in enumerate(self.counts) if count)

    def sum_of(self, number: int) -> Law:
        """Return the law of the sum of `number` independent draws; its total is total^number."""
        assert number >= 0
        width = (self.total**number).bit_length() // 8 + 1
        length = number * (len(self.counts) - 1) + 1
        return Law(number * self.low, _unpacked(_packed(self.counts, width) ** number, width, length))

    def plus(self, other: Law) -> Law:
        """Return the law of the sum with an independent draw; its total is the product of the totals."""
        width = (self.total * other.total).bit_length() // 8 + 1
        length = len(self.counts) + len(other.counts) - 1
        packed = _packed(self.counts, width) * _packed(other.counts, width)
        return Law(self.low + other.low, _unpacked(packed, width, length))


def _packed(counts: Iterable[int], width: int) -> int:
    """Return the integer that has each count in so many bytes."""
    return int.from_bytes(b"".join(count.to_bytes(width, "little") for count in counts), "little")


def _unpacked(packed: int, width: int, length: int) -> tuple[int, ...]:
    data = packed.to_bytes(length * width, "little")
    return tuple(int.from_bytes(data[place : place + width], "little") for place in range(0, length * width, width))


def of_counts(counts: Mapping[int, int]) -> Law:
    """Return the law with these counts by value."""
    low, high = min(counts), max(counts)
    return Law(low, tuple(counts.get(value, 0) for value in range(low, high + 1)))


def positive(largest: int) -> Law:
    """Return the uniform law on {1..M}: the items of Definition 1."""
    return Law(1, (1,) * largest)


def uniform(largest: int, *, zero: bool) -> Law:
    """Return the uniform law on {-M..M}: without 0 in Definition 2 and Theorem 2, with it in Definition 4."""
    return Law(-largest, (1,) * largest + (int(zero),) + (1,) * largest)


def products(first: Law, second: Law) -> Law:
    """Return the law of the product of two independent draws.

    The items of Theorem 1 that serve inputs x ≥ 0 are `products(uniform(2^k, zero=True), positive(2^k))`: v times a
    first weight u that is known to be positive.
    """
    counts: Counter[int] = Counter()
    for value, count in first.items():
        for other, others in second.items():
            counts[value * other] += count * others
    return of_counts(counts)


def signed(law: Law) -> Law:
    """Return the law of ±X, either sign as likely."""
    return of_counts(Counter(dict(law.items())) + Counter({-value: count for value, count in law.items()}))
