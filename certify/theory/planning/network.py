"""The probability that all weights of a target have their subset sums, between two ends.

With blocks of n units (Lemmas 6 and 7), blocks are independent, and a block fails where one of its weights does, in a
half that it needs. The outputs of one block share u, which correlates their failures in a way that nothing here
assumes anything about: a block fails at most as often as all its weights together (the union bound), and at least as
often as the one that fails most. The two halves of a weight are given by different units, of which one half has the
fewer the more the other has: both are there at most as often as if they were independent. The network's ticket exists
with the product over blocks, of either end.

Copies (Theorem 2): a copy of a neuron exists if each of its weights has a subset of the copies that exist before it;
those of one layer depend on how many these are, and not on each other, as every weight is drawn on its own. So with
at least m copies of every neuron before, the copies of one neuron are at least as many as Bin(n, q(m)) counts, and a
ticket exists if the last layer finds its subsets. Only the copies of the first layer share units: by Markov's
inequality at least m of n of all neurons exist but with n/(n - m + 1) times the chance that one copy of some fails.
The lower end sums over m. The upper end gives every layer all copies of the layer before the one before it, and the
first layer's mean of copies to one neuron at a time, again by Markov's inequality.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from certify.network.matrix import Int64Array
from certify.theory.planning.arrival import Failing, Floats
from certify.ticket.block import Wanted

MOST = 1 << 12
NEGLIGIBLE = 1e-12
MARKS = 32
"""For so many numbers of copies the chain's ends are summed, or for all where these are fewer."""


@dataclass(frozen=True)
class Chance:
    """A probability, between two ends."""

    low: float
    high: float

    def __mul__(self, other: Chance) -> Chance:
        """Both of two independent things."""
        return Chance(self.low * other.low, self.high * other.high)


@dataclass(frozen=True)
class Expected:
    """A mean, between two ends."""

    low: float
    high: float


@dataclass(frozen=True, eq=False)
class Demand:
    """What one layer asks of its blocks.

    Attributes:
        magnitudes: int64[weights]: the distinct magnitudes but 0, rising, on the target's scale.
        counts: int64[blocks, weights]: how many weights and halves of a block have each.
        by_row: int64[rows, weights]: how many of a row.
        halves: int64[blocks]: how many halves each has.
        rows, columns, groups: of the layer by taps, with its constant lines.
    """

    magnitudes: Int64Array
    counts: Int64Array
    by_row: Int64Array
    halves: Int64Array
    rows: int
    columns: int
    groups: int


def demand(wanted: Wanted, *, single: bool = False) -> Demand:
    """Return what a layer asks: of pairs for each half that its input's range needs, of single weights once."""
    size = np.abs(wanted.targets)
    magnitudes = np.unique(size[size > 0])
    rows, columns = size.shape
    each, counts = rows // wanted.groups, []
    by_row = np.zeros((rows, len(magnitudes)), dtype=np.int64)
    halves = (wanted.positive.astype(np.int64) + wanted.negative).reshape(wanted.groups, columns)
    for group in range(wanted.groups):
        for column in range(columns):
            own = size[group * each : (group + 1) * each, column]
            times = 1 if single else halves[group, column]
            taking, which = np.flatnonzero(own), np.searchsorted(magnitudes, own[own > 0])
            by_row[group * each + taking, which] += times
            counts.append(np.bincount(which, minlength=len(magnitudes)) * times)
    return Demand(
        magnitudes,
        np.array(counts, dtype=np.int64).reshape(len(counts), len(magnitudes)),
        by_row,
        np.ones(len(counts), dtype=np.int64) if single else halves.ravel(),
        rows,
        columns,
        wanted.groups,
    )


def blocks(asked: Demand, failing: Failing, items: int) -> Chance:
    """Return the chance that all blocks of n units give all they have to."""
    if not len(asked.magnitudes):
        return Chance(1.0, 1.0)
    union = np.maximum(0, 1 - asked.counts @ failing.high(items))
    return Chance(float(union.prod()), float((1 - _worst(asked, failing, items)).prod()))


def _worst(asked: Demand, failing: Failing, items: int) -> Floats:
    """Return float64[blocks], how often at least the weight that fails most does so, in one half or another."""
    one: Floats = np.where(asked.counts > 0, failing.low(items), 0.0).max(axis=1, initial=0.0)
    worst: Floats = 1 - (1 - one) ** asked.halves
    return worst


def grown(asked: Demand, failing: Failing) -> Expected | None:
    """Return the units that blocks of their own sizes have in all; None where MOST of one block do not surely do.

    A block is as long as its last weight takes, so its mean length is the sum over n of the chance that n units fail.
    Where groups have blocks side by side, the widest counts. A layer without weights has one unit nevertheless.
    """
    counts = asked.counts.reshape(asked.groups, asked.columns, len(asked.magnitudes))
    if (counts.sum(axis=0) @ failing.high(MOST)).sum() >= NEGLIGIBLE:
        return None
    low, high, union, units = np.zeros(counts.shape[:2]), 0.0, 1.0, 0
    while union >= NEGLIGIBLE:
        worst = _worst(asked, failing, units).reshape(counts.shape[:2])
        union = float(np.minimum(1.0, counts.sum(axis=0) @ failing.high(units)).sum())
        low, high, units = low + worst, high + union, units + 1
    return Expected(max(1.0, float(low.sum(axis=1).max())), max(1.0, high))


def chain(asked: Sequence[Demand], failing: Sequence[Failing], items: int) -> Chance:
    """Return the chance of a ticket with n units in each block of the first layer, and n copies of every neuron."""
    if len(asked) == 1:
        return blocks(asked[0], failing[0], items)
    marks = np.unique(np.linspace(0, items, min(items, MARKS) + 1).astype(np.int64))
    return Chance(_chain_low(asked, failing, items, marks), _chain_high(asked, failing, items, marks))


def _chain_low(asked: Sequence[Demand], failing: Sequence[Failing], items: int, marks: Int64Array) -> float:
    """Return the lower end: the chance of so many copies of every neuron, layer by layer."""
    lost = items * float(asked[0].by_row.sum(axis=0) @ failing[0].high(items))
    reached = np.where(marks > 0, np.maximum(0.0, 1 - lost / (items - marks + 1)), 1.0)
    for layer, fails in zip(asked[1:-1], failing[1:-1], strict=True):
        made = [_all(layer.by_row, fails.high(mark)) for mark in marks.tolist()]
        reached = _shares(reached) @ np.array([at_least(items, chance, marks).prod(axis=0) for chance in made])
    made = [_all(asked[-1].by_row, failing[-1].high(mark)) for mark in marks.tolist()]
    return float(_shares(reached) @ np.array([chance.prod() for chance in made]))


def _chain_high(asked: Sequence[Demand], failing: Sequence[Failing], items: int, marks: Int64Array) -> float:
    """Return the upper end, of the last layer and of the copies that it reads."""
    before, last, neurons = len(asked) - 2, asked[-1], asked[-2].rows
    made = _all(asked[before].by_row, failing[before].low(items))
    above = np.append(0, marks[:-1] + 1)  # what lies between two marks counts as the upper one
    if before:
        reached = at_least(items, made, above)
    else:
        reached = np.minimum(1.0, items * made[:, None] / np.maximum(above, 1))
        reached[:, 0] = 1.0
    given = np.array([_all(last.counts, failing[-1].low(mark)) for mark in marks.tolist()]).T
    each: Floats = (np.array([_shares(row) for row in reached]) * given[:neurons]).sum(axis=1)
    lines = float(given[neurons:, -1].prod())
    if before:
        return float(each.prod()) * lines
    others = given[:neurons, -1]
    return min(float(each[own] * np.delete(others, own).prod()) for own in range(neurons)) * lines


def _all(counts: Int64Array, fails: Floats) -> Floats:
    """Return float64[n]: the chance that no weight of int64[n, weights] fails."""
    chances: Floats = ((1 - fails) ** counts).prod(axis=1)
    return chances


def _shares(reached: Floats) -> Floats:
    """Return the chance of each mark itself, from those of no less."""
    shares: Floats = reached - np.append(reached[1:], 0.0)
    return shares


def at_least(items: int, chance: Floats, marks: Int64Array) -> Floats:
    """Return float64[chances, marks]: P(Bin(n, chance) ≥ mark), to the precision of floats."""
    counts = np.arange(items + 1)
    factorial = np.array([math.lgamma(count + 1) for count in range(items + 1)])
    sure = np.clip(chance, 1e-300, 1 - 2**-53)[:, None]
    logarithm = factorial[items] - factorial - factorial[::-1] + counts * np.log(sure)
    tail = np.cumsum(np.exp(logarithm + (items - counts) * np.log1p(-sure))[:, ::-1], axis=1)[:, ::-1]
    found: Floats = np.minimum(1.0, tail[:, marks])
    return found
