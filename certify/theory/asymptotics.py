"""What the moments tend to as n grows, with M fixed by κ = log2(M)/n.

Theorem 4 of Kumar and Natale (after Borgs, Chayes and Pittel, 2001), in terms of I = Z/2^{n+1} for z ≠ 0 and Z/2^n
for z = 0. These are limits with errors O(1/n) whose constants nobody names: figures to compare with, never
guarantees. What is guaranteed at a finite n is in `bounds`, from the exact moments.
"""

from __future__ import annotations

import math


def spread(largest: int) -> float:
    """Return c_M = E X²/M² = 1/3 + 1/(2M) + 1/(6M²), X uniform on {1..M}."""
    return 1 / 3 + 1 / (2 * largest) + 1 / (6 * largest**2)


def gamma(items: int, largest: int) -> float:
    """Return γ_n = 1/(M·sqrt(2πn·c_M)), the height of the density of σ·X at 0."""
    return 1 / (largest * math.sqrt(2 * math.pi * items * spread(largest)))


def rho(items: int, largest: int) -> float:
    """Return ρ_n = 2^{n+1}·γ_n, about how many partitions have a given small difference z ≠ 0."""
    return math.ldexp(gamma(items, largest), items + 1)


def partitions(items: int, largest: int, difference: int) -> float:
    """Return what E Z_{n,z} tends to: ρ_n·exp(-z²/(2nM²c_M)), and half of it for z = 0."""
    height = rho(items, largest) * math.exp(-(difference**2) / (2 * items * largest**2 * spread(largest)))
    return height / 2 if difference == 0 else height


def subsets(items: int, largest: int, target: int) -> float:
    """Return what E N_t tends to for items on {-M..M} without 0: 2^n·exp(-t²/(nM²c_M))/(M·sqrt(πc_M·n))."""
    scale = items * largest**2 * spread(largest)
    return math.ldexp(math.exp(-(target**2) / scale) / math.sqrt(math.pi * scale), items)


def threshold(largest: int) -> int:
    """Return the fewest items n for which `subsets` says that N_0 is 1 or more: about log2 M + ½ log2 n.

    It promises no solution at n: N_t has mean 1 there, and is 0 about as often as not.
    """
    items = 1
    while subsets(items, largest, 0) < 1:
        items += 1
    return items
