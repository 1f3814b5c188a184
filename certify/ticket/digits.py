"""A number as a sum of small multiples of given ones: how a bias is shared out among constant lines.

From the largest constant down, each digit is the nearest to what is left, divided by the constant, among those that
leave a multiple of the remaining constants' greatest common divisor. So every total that the constants can give at
all is given; for 1, R, R², … these are the digits to base R, from about -R/2 to R/2, but for the largest constant,
which has to take whatever is above it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence


def split(total: int, carried: Sequence[int]) -> tuple[int, ...]:
    """Return one digit for each constant, with Σ digit·constant = total.

    Args:
        total: a multiple of the constants' greatest common divisor.
        carried: at least one constant, none 0, magnitudes falling.
    """
    assert total % math.gcd(*carried) == 0
    digits: list[int] = []
    for index, constant in enumerate(carried):
        digit = _nearest(total, constant, math.gcd(*carried[index + 1 :]))
        digits.append(digit)
        total -= digit * constant
    return tuple(digits)


def _nearest(total: int, constant: int, divisor: int) -> int:
    """Return the digit nearest to total / constant that leaves a multiple of `divisor`, 0 to leave nothing."""
    if divisor == 0:
        return total // constant
    common = math.gcd(constant, divisor)
    step = divisor // common
    residue = total // common * pow(constant // common, -1, step) % step
    steps = (2 * (total - residue * constant) + step * constant) // (2 * step * constant)
    return residue + step * steps
