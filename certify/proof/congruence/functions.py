"""Functions of one integer: a chain of stages that never fall, and whether two of them are the same on a range.

A chain is what a layer's elements are made of their accumulation by, and what further layers without a sum of their
own make of that. Every stage is monotone, so a function with few values on a range is given by its least value and by
the places where it rises, which are found by bisection; one with many values that only shifts and clamps is given by
its slope and ends; one on a short range is evaluated everywhere. What is none of these is compared by z3, or kept
apart.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TypeAlias

import numpy as np

from certify.network.elementwise import Integers, run_steps
from certify.network.operators.operator import column
from certify.network.rounding import Rounding, divide
from certify.network.steps import Clamp, Offset, Relu, Step, apply_step, largest_intermediate

EXACT_WORD = 2**62
MOST_VALUES = 2**12
MOST_POINTS = 2**20
FINGERS = 65
_BRACKETS = 2**11
Span: TypeAlias = tuple[int, int]


@dataclass(frozen=True)
class Affine:
    """factor · x + constant, factor above 0."""

    factor: int
    constant: int


@dataclass(frozen=True)
class Divide:
    """x / by, above 0, rounded: what an average does."""

    by: int
    rounding: Rounding


Stage: TypeAlias = Affine | Divide | Step
Chain: TypeAlias = tuple[Stage, ...]


def extend(chain: Chain, stages: Sequence[Stage]) -> Chain:
    """Return the chain with more stages; what only multiplies and adds becomes one stage."""
    found = list(chain)
    for stage in stages:
        own: Stage = Affine(1, stage.value) if isinstance(stage, Offset) else stage
        if found and isinstance(before := found[-1], Affine) and isinstance(own, Affine):
            own = Affine(before.factor * own.factor, before.constant * own.factor + own.constant)
            found.pop()
        found += [] if own == Affine(1, 0) else [own]
    return tuple(found)


def value(chain: Chain, x: int) -> int:
    """Return what the chain makes of an integer, in Python integers."""
    for stage in chain:
        x = _value(stage, x)
    return x


def _value(stage: Stage, x: int) -> int:
    match stage:
        case Affine(factor, constant):
            return factor * x + constant
        case Divide(by, rounding):
            quotient: int = divide(column([x]), column([by]), rounding)[0]
            return quotient
        case _:
            return apply_step(stage, x)


def values(chain: Chain, points: Integers, span: Span) -> Integers:
    """Return what the chain makes of int[n] points of a range: int64 where that holds all, else Python integers."""
    found = points.astype(np.int64 if _largest(chain, span) < EXACT_WORD else object)
    for stage in chain:
        match stage:
            case Affine(factor, constant):
                found = found * factor + constant
            case Divide(by, rounding):
                found = divide(found, np.full(found.shape, by, dtype=found.dtype), rounding)
            case _:
                found = run_steps((stage,), found)
    return found


def _largest(chain: Chain, span: Span) -> int:
    """Return a bound on every number met on a range."""
    low, high = span
    largest = max(abs(low), abs(high))
    for stage in chain:
        match stage:
            case Affine(factor, constant):
                largest = max(largest, factor * max(abs(low), abs(high)) + abs(constant))
            case Divide(by):
                largest = max(largest, 2 * by)
            case _:
                largest = max(largest, largest_intermediate((stage,), low, high))
        low, high = _value(stage, low), _value(stage, high)
    return largest


def fingerprint(chain: Chain, span: Span) -> tuple[int, ...]:
    """Return by how much the chain has risen at some points of a range."""
    low, high = span
    points = [low + (high - low) * index // (FINGERS - 1) for index in range(FINGERS)]
    return tuple((values(chain, column(points), span) - value(chain, low)).tolist())


def same_rises(first: Chain, second: Chain, span: Span) -> bool | None:
    """Tell whether two chains rise from their values at the low end of a range by the same amounts all over it.

    None where neither a bisection nor an evaluation everywhere is short, and they do more than shift and clamp.
    """
    heights = [value(chain, span[1]) - value(chain, span[0]) for chain in (first, second)]
    if heights[0] != heights[1]:
        return False
    if heights[0] <= MOST_VALUES:
        return _rises_at(second, rises(first, span), span)
    lines = [_line(chain, span) for chain in (first, second)]
    if None not in lines:
        return lines[0] == lines[1]
    if span[1] - span[0] <= MOST_POINTS:
        return _same_everywhere(first, second, span)
    return None


@lru_cache(maxsize=2**12)
def rises(chain: Chain, span: Span) -> Integers:
    """Return for each value above the least one the first point of the range that reaches it, by bisection."""
    base = value(chain, span[0])
    wanted = _integers(chain, span, range(base + 1, value(chain, span[1]) + 1))
    grid = _integers(chain, span, [span[0] + (span[1] - span[0]) * i // _BRACKETS for i in range(_BRACKETS + 1)])
    after = np.searchsorted(values(chain, grid, span), wanted)
    low, high = grid[np.maximum(after - 1, 0)], grid[after]
    while (low < high).any():
        middle = (low + high) // 2
        reached = values(chain, middle, span) >= wanted
        low, high = np.where(reached, low, np.minimum(middle + 1, high)), np.where(reached, middle, high)
    low.setflags(write=False)
    return low


def _rises_at(chain: Chain, points: Integers, span: Span) -> bool:
    """Tell whether a chain rises where another does: it has risen at these points, and not just before."""
    wanted = np.arange(1, len(points) + 1).astype(points.dtype) + value(chain, span[0])
    at, before = values(chain, points, span), values(chain, np.maximum(points - 1, span[0]), span)
    return bool((at >= wanted).all() and (before < wanted).all())


def _integers(chain: Chain, span: Span, numbers: Sequence[int]) -> Integers:
    """Return int[n], in machine words where they hold all that the chain meets on the range."""
    return column(numbers).astype(np.int64) if _largest(chain, span) < EXACT_WORD // 2 else column(numbers)


def _same_everywhere(first: Chain, second: Chain, span: Span) -> bool:
    points = np.arange(span[1] - span[0] + 1, dtype=np.int64).astype(object) + span[0]
    ours, theirs = (values(chain, points, span) for chain in (first, second))
    return bool(np.array_equal(ours - ours[0], theirs - theirs[0]))


def _line(chain: Chain, span: Span) -> tuple[int, int, int] | None:
    """Return (slope, x, y): on the range the chain is its least value plus slope · p + x, at least 0 and at most y.

    None for a chain that does more.
    """
    slope, shift = 1, 0
    low, high = span
    for stage in chain:
        match stage:
            case Affine(factor, constant):
                slope, shift = slope * factor, shift * factor + constant
            case Relu() | Clamp():
                pass
            case _:
                return None
        low, high = _value(stage, low), _value(stage, high)
    return slope, shift - low, high - low
