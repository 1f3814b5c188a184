"""Rounding in integers: a power of two taken away, a float's significant bits kept, a fixed-point factor applied.

The rules of a multiplication by multiplier · 2^-31 · 2^-shift are those that the runtimes of int8 networks follow,
each written as what it does to an integer (docs/tflite.md says which runtime follows which).
"""

from __future__ import annotations

from typing import Any, Literal, TypeAlias, get_args

from numpy.typing import NDArray

Integers: TypeAlias = NDArray[Any]
"""An array of int64, or of Python integers (dtype object)."""

Rounding: TypeAlias = Literal["floor", "half_up", "half_even", "half_away", "toward_zero"]
ROUNDINGS: tuple[Rounding, ...] = get_args(Rounding)
Rule: TypeAlias = Literal["single", "double", "float32"]
RULES: tuple[Rule, ...] = get_args(Rule)

Q31_BITS = 31
SIGNIFICANT_BITS = 24
"""Of an IEEE 754 single precision float."""


def shift_right(value: int, shift: int, rounding: Rounding) -> int:
    """Return value / 2^shift rounded to an integer."""
    if shift == 0:
        return value
    half = 1 << (shift - 1)
    match rounding:
        case "floor":
            return value >> shift
        case "half_up":
            return (value + half) >> shift
        case "half_even":
            quotient = value >> shift
            rest = value - (quotient << shift)
            return quotient + (rest > half or (rest == half and quotient % 2 == 1))
        case "half_away":
            return (value + half) >> shift if value >= 0 else -((half - value) >> shift)
        case "toward_zero":
            return value >> shift if value >= 0 else -(-value >> shift)


def round_significant(value: int) -> int:
    """Return the value rounded half-even to a float's 24 significant bits, at any exponent."""
    excess = max(value.bit_length() - SIGNIFICANT_BITS, 0)
    return shift_right(value, excess, "half_even") << excess


def multiply_q31(value: int, multiplier: int, shift: int, rule: Rule) -> int:
    """Return value · multiplier / 2^(31 + shift) as an integer, under one of three rules.

    Args:
        value: any integer.
        multiplier: above 0, below 2^31.
        shift: at least -31.
        rule: `single` rounds the product once, half-up. `double` rounds value · 2^max(-shift, 0) · multiplier / 2^31
            half-up, and that / 2^max(shift, 0) half-up again. `float32` rounds the value and then the product to 24
            significant bits, half-even, and the result to an integer, half-even.
    """
    match rule:
        case "single":
            return shift_right(value * multiplier, Q31_BITS + shift, "half_up")
        case "double":
            high = shift_right((value << max(-shift, 0)) * multiplier, Q31_BITS, "half_up")
            return shift_right(high, max(shift, 0), "half_up")
        case "float32":
            product = round_significant(round_significant(value) * multiplier)
            return shift_right(product, Q31_BITS + shift, "half_even")


def divide(values: Integers, divisor: Integers, rounding: Rounding) -> Integers:
    """Return int[…] values / divisor, above 0, rounded to integers by the named rule."""
    down = values // divisor
    rest = values - down * divisor
    match rounding:
        case "floor":
            up = rest < 0
        case "half_up":
            up = 2 * rest >= divisor
        case "half_even":
            up = (2 * rest > divisor) | ((2 * rest == divisor) & (down % 2 == 1))
        case "half_away":
            up = (2 * rest > divisor) | ((2 * rest == divisor) & (values >= 0))
        case "toward_zero":
            up = (rest != 0) & (values < 0)
    # A truth value of numpy's would turn a Python integer into a machine word.
    rounded: Integers = down + up.astype(values.dtype)
    return rounded
