"""The probability that all weights of a target have their subset sums, between two ends.

With blocks of n units (Lemmas 6 and 7), blocks are independent, and a block fails where one of its weights does, in a
half that it needs. The outputs of one block share u, which correlates their failures in a way that nothing here
assumes anything about: a block fails at most as often as all its weights together (the union bound), and at least as
often as the one that fails most. The network's ticket exists with the product over blocks, of either end.

Copies (Theorem 2): all rows of the first layer are there n times over, and every later weight has n single
random weights of its own, independent of all others. The lower end asks for every copy of every neuron, though a
ticket can do without some; the upper end only for the last layer, with all copies there.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from certify.network.matrix import Int64Array
from certify.theory.planning.arrival import Failing
from certify.ticket.block import Wanted


@dataclass(frozen=True)
class Chance:
    """A probability, between two ends."""

    low: float
    high: float

    def __mul__(self, other: Chance) -> Chance:
        """Both of two independent things."""
        return Chance(self.low * other.low, self.high * other.high)


@dataclass(frozen=True, eq=False)
class Demand:
    """What one layer asks of its blocks.

    Attributes:
        magnitudes: int64[weights]: the distinct magnitudes but 0, rising, on the target's scale.
        counts: int64[blocks, weights]: how many weights and halves of a block have each.
        rows, columns, groups: of the layer by taps, with its constant lines.
    """

    magnitudes: Int64Array
    counts: Int64Array
    rows: int
    columns: int
    groups: int


def demand(wanted: Wanted, *, single: bool = False) -> Demand:
    """Return what a layer asks: of pairs for each half that its input's range needs, of single weights once."""
    size = np.abs(wanted.targets)
    magnitudes = np.unique(size[size > 0])
    rows, columns = size.shape
    each, counts = rows // wanted.groups, []
    halves = (wanted.positive.astype(np.int64) + wanted.negative).reshape(wanted.groups, columns)
    for group in range(wanted.groups):
        for column in range(columns):
            own = size[group * each : (group + 1) * each, column]
            found = np.bincount(np.searchsorted(magnitudes, own[own > 0]), minlength=len(magnitudes))
            counts.append(found * (1 if single else halves[group, column]))
    return Demand(
        magnitudes,
        np.array(counts, dtype=np.int64).reshape(len(counts), len(magnitudes)),
        rows,
        columns,
        wanted.groups,
    )


def blocks(asked: Demand, failing: Failing, items: int, copies: int = 1) -> Chance:
    """Return the chance that all blocks of n units give all they have to; `copies` of each row."""
    if not len(asked.magnitudes):
        return Chance(1.0, 1.0)
    union = np.maximum(0, 1 - copies * (asked.counts @ failing.high(items)))
    worst = (np.where(asked.counts > 0, failing.low(items), 0.0)).max(axis=1)
    return Chance(float(union.prod()), float((1 - worst).prod()))


def singles(asked: Demand, failing: Failing, items: int, copies: int = 1) -> Chance:
    """Return the chance that each weight has its subset of n single ones, in all copies of its row."""
    if not len(asked.magnitudes):
        return Chance(1.0, 1.0)
    times = copies * asked.counts.sum(axis=0)
    return Chance(
        float(((1 - failing.high(items)) ** times).prod()), float(((1 - failing.low(items)) ** times).prod())
    )


def chain(asked: Sequence[Demand], failing: Sequence[Failing], items: int) -> Chance:
    """Return the chance of a ticket with n units in each block of the first layer, and n copies of every neuron."""
    last = len(asked) - 1
    if not last:
        return blocks(asked[0], failing[0], items)
    low = blocks(asked[0], failing[0], items, items).low
    for index in range(1, last + 1):
        low *= singles(asked[index], failing[index], items, items if index < last else 1).low
    return Chance(low, singles(asked[last], failing[last], items).high)
