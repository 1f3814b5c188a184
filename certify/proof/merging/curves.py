"""Units as functions of one integer, and exact affine dependencies between them.

A unit is steps((factor · P + constant) / denominator) on a range of P: a *curve*. Whether one curve is an affine
combination of others is guessed from their values at some points of the range, by linear algebra modulo a prime and
then exactly; z3 is asked afterwards whether it holds on all of it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import gcd

from certify.network.steps import (
    Clamp,
    LeakyRelu,
    Offset,
    Relu,
    Requantize,
    RequantizeQ31,
    RoundSignificant,
    Sign,
    Step,
    Threshold,
    Thresholds,
    apply_steps,
)

_PRIME = 2**61 - 1
# Rational coefficients up to here come out of their residues.
_LARGEST = 2**30 - 1
_ALL_POINTS = 64
_SPREAD = 24
_RUN = 4
STAIRS = "stairs"
"""The kink of a curve that rounds: it has one at every stair."""

Range = tuple[int, int]


@dataclass(frozen=True)
class Curve:
    """steps((factor · p + constant) / denominator), for integers p where the quotient is one.

    Attributes:
        factor: not 0.
        constant, denominator: integers, the latter above 0.
        steps: of one output, each with one multiplier and shift.
    """

    factor: int
    constant: int
    denominator: int
    steps: tuple[Step, ...]

    def is_defined(self, p: int) -> bool:
        """Tell whether the quotient is an integer."""
        return (self.factor * p + self.constant) % self.denominator == 0

    def value(self, p: int) -> int:
        """Return the value at p."""
        return apply_steps(self.steps, (self.factor * p + self.constant) // self.denominator)

    def accumulator_range(self, span: Range) -> Range:
        """Return what the quotient can be on a range of p; it may not be empty there."""
        ends = sorted(self.factor * p + self.constant for p in span)
        return -(-ends[0] // self.denominator), ends[1] // self.denominator

    def output_range(self, span: Range) -> Range:
        """Return what the values can be on a range of p: the steps are monotone."""
        low, high = self.accumulator_range(span)
        return apply_steps(self.steps, low), apply_steps(self.steps, high)

    def kinks(self) -> frozenset[int | str]:
        """Return the p next to which the slope may change, and STAIRS where it changes everywhere."""
        found: set[int | str] = set()
        for threshold in _thresholds(self.steps):
            if threshold is None:
                found.add(STAIRS)
            else:
                at = (threshold * self.denominator - self.constant) // self.factor
                found |= {at, at + 1}
        return frozenset(found)


def _thresholds(steps: Sequence[Step]) -> list[int | None]:
    """Return the accumulators at which the steps bend; None where they round."""
    found: list[int | None] = []
    shift = offset = 0
    for index, step in enumerate(steps):
        match step:
            case Relu():
                found.append(-offset << shift)
            case LeakyRelu(bits):
                bends = [0, *_thresholds(steps[index + 1 :])]
                return found + [None if t is None else ((t >> bits if t > 0 else t) - offset) << shift for t in bends]
            case Clamp(low, high):
                found += [(low - offset) << shift, (high - offset) << shift]
            case Offset(value):
                offset += value
            case Threshold() | Sign():
                found.append(-offset << shift)
            case Requantize(bits, _, zero_point):
                found += [None] * (bits > 0)
                offset = zero_point + (offset >> bits)
                shift += bits
            case RequantizeQ31() | RoundSignificant():
                found.append(None)
            case Thresholds(at):
                found += [(_integer(threshold) - offset) << shift for threshold in at]
                # What comes after bends at some of them.
                return found
    return found


def _integer(threshold: int | tuple[int, ...]) -> int:
    if not isinstance(threshold, int):
        raise TypeError("expected the steps of one output, found thresholds for each")
    return threshold


def points_of(span: Range, curves: Sequence[Curve]) -> list[int]:
    """Return the points of a range at which to compare curves: all of a short one; else some, and all kinks."""
    low, high = span
    if high - low < _ALL_POINTS:
        chosen = set(range(low, high + 1))
    else:
        chosen = {low + (high - low) * index // _SPREAD for index in range(_SPREAD + 1)}
        kinks = {kink for curve in curves for kink in curve.kinks() if isinstance(kink, int)}
        for start in {low, high, 0, *kinks}:
            chosen.update(range(start - _RUN, start + _RUN + 1))
    return sorted(p for p in chosen if low <= p <= high and all(curve.is_defined(p) for curve in curves))


@dataclass(frozen=True)
class Combination:
    """denominator · y = Σ factors[i] · columns[i]."""

    denominator: int
    factors: tuple[int, ...]


def dependency(columns: Sequence[Sequence[int]], values: Sequence[int]) -> Combination | None:
    """Return how int[n] `values` is a combination of int[n] columns, exactly; None where it is none.

    Columns that depend on others before them are not used.
    """
    solution = _solve_modulo(columns, values)
    if solution is None:
        return None
    fractions = [_rational(residue) for residue in solution]
    common = 1
    for _, denominator in fractions:
        common *= denominator // gcd(common, denominator)
    if common > _LARGEST:
        return None
    factors = tuple(numerator * (common // denominator) for numerator, denominator in fractions)
    for row, value in enumerate(values):
        if common * value != sum(factor * column[row] for factor, column in zip(factors, columns, strict=True)):
            return None
    return Combination(common, factors)


def _solve_modulo(columns: Sequence[Sequence[int]], values: Sequence[int]) -> list[int] | None:
    """Return residues of coefficients with Σ coefficient · column = values modulo the prime, or None."""
    # Every kept vector has 1 at its own row, and the combination of columns that it is.
    kept: list[tuple[int, list[int], list[int]]] = []
    for index, column in enumerate(columns):
        rest, used = _reduce([value % _PRIME for value in column], kept, len(columns))
        used[index] = (used[index] + 1) % _PRIME
        pivot = next((row for row, value in enumerate(rest) if value), None)
        if pivot is None:
            continue
        inverse = pow(rest[pivot], -1, _PRIME)
        scaled = [value * inverse % _PRIME for value in rest]
        kept.append((pivot, scaled, [value * inverse % _PRIME for value in used]))
    rest, used = _reduce([value % _PRIME for value in values], kept, len(columns))
    return None if any(rest) else [-value % _PRIME for value in used]


def _reduce(
    vector: list[int], kept: Sequence[tuple[int, list[int], list[int]]], columns: int
) -> tuple[list[int], list[int]]:
    """Return what is left of a vector, and the combination of columns that was added to it."""
    used = [0] * columns
    for pivot, basis, combination in kept:
        factor = vector[pivot]
        if factor:
            vector = [(a - factor * b) % _PRIME for a, b in zip(vector, basis, strict=True)]
            used = [(a - factor * b) % _PRIME for a, b in zip(used, combination, strict=True)]
    return vector, used


def _rational(residue: int) -> tuple[int, int]:
    """Return the fraction of small numerator and denominator with this residue (Wang's reconstruction)."""
    before, now = (_PRIME, 0), (residue, 1)
    while now[0] > _LARGEST:
        quotient = before[0] // now[0]
        before, now = now, (before[0] - quotient * now[0], before[1] - quotient * now[1])
    numerator, denominator = now
    return (-numerator, -denominator) if denominator < 0 else (numerator, denominator)
