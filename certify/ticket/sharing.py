"""Hidden units shared out among inputs: the fewest of them, for the objective `width`.

In the base network every hidden unit has a weight for every input, and pruning says which input it serves. Lemmas 6
and 7 of Kumar and Natale (arXiv:2508.11020) give out blocks of units in order, whatever the weights there are. Here
the inputs come one after the other to a window of units that nobody has yet, and each takes those that it has most
use for: units that bring many of its weights to their targets (`solvers.subset_sum.choose`). A unit whose sign an
input has no use for stays for the others. Towards the last inputs the window shrinks, so that few are left over.

Where that has no answer, since sums are too wide or the number of kept edges is bounded, an input takes units in
their order, as far as a search over them goes, and gives back what none of its weights took.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

from certify.network.matrix import Int64Array
from certify.ticket.block import Block, Half, TooLargeError, Wanted, search_block
from certify.ticket.drawn import Drawn
from certify.ticket.failure import Failure
from certify.ticket.goal import Goal
from certify.ticket.taken import Taken
from solvers.subset_sum import ANY, choose, solve

WINDOW = 256
FOR_EACH = (4, 8, 16)
"""Units in the window for each input that is still to come; about as many as one takes, which is not known before."""
SMALL = 1 << 14
"""Layers of at most so many weights are shared out with each of these, and the fewest units are taken."""

Reach: TypeAlias = Callable[[int], None]


@dataclass(frozen=True, eq=False)
class _Window:
    """Units of one group that no input has yet.

    Attributes:
        drawn: where they are from.
        group: which group.
        units: int64[n], rising.
        second: int64[rows, n], their weights v with every row of the group.
        following: the first unit that was not looked at yet.
    """

    drawn: Drawn
    group: int
    units: Int64Array
    second: Int64Array
    following: int

    @staticmethod
    def before_all(drawn: Drawn, group: int, rows: int) -> _Window:
        """Return the window before any unit was looked at."""
        return _Window(drawn, group, np.zeros(0, dtype=np.int64), np.zeros((rows, 0), dtype=np.int64), 0)

    def filled(self, size: int) -> _Window:
        """Return the window with at least so many units."""
        more = size - len(self.units)
        if more <= 0:
            return self
        units = np.arange(self.following, self.following + more, dtype=np.int64)
        rows = np.arange(len(self.second), dtype=np.int64)
        start, group = np.full_like(rows, self.following), np.full_like(rows, self.group)
        second = np.hstack([self.second, self.drawn.second(rows, start, more, group)])
        return _Window(self.drawn, self.group, np.concatenate([self.units, units]), second, self.following + more)

    def without(self, places: Int64Array) -> _Window:
        """Return the window without the units at some places."""
        left = np.ones(len(self.units), dtype=np.bool_)
        left[places] = False
        return _Window(self.drawn, self.group, self.units[left], self.second[:, left], self.following)

    def first(self, column: int) -> Int64Array:
        """Return int64[n], the units' weights u with a column."""
        return self.drawn.first(column, self.units, np.full_like(self.units, self.group))


def share_out(
    wanted: Wanted, drawn: Drawn, goal: Goal, most: int, taken: Taken, reach: Reach
) -> tuple[int, list[Failure]]:
    """Share out the units of every group of a layer; return how many units a group has, and what is missing.

    Args:
        wanted: what the layer's weights have to give.
        drawn: its matrices.
        goal: how many kept edges a weight may have.
        most: how many units an input may look at.
        taken: told who takes what.
        reach: told how many weights were searched for, as they are.

    Raises:
        TooLargeError: the sums of some weight are too many or too large.
    """
    width = 1
    failures: list[Failure] = []
    for group in range(wanted.groups):
        shares = _share_group(wanted.of_group(group), drawn, group, goal, most, reach)
        for column, rows, units in shares.taken:
            taken.add(column, rows, units)
        width = max(width, shares.used)
        failures += shares.failures
    return width, failures


@dataclass(frozen=True)
class _Shares:
    """Who takes which units of a group.

    Attributes:
        used: how many units there are up to the last one that is taken.
        taken: of each column, the rows, int64[n], and the units that they take, int64[n].
        failures: what is missing.
    """

    used: int
    taken: Sequence[tuple[int, Int64Array, Int64Array]]
    failures: Sequence[Failure]


def _share_group(wanted: Wanted, drawn: Drawn, group: int, goal: Goal, most: int, reach: Reach) -> _Shares:
    """Return the shares with the fewest units; the first of those that are the same."""
    tries = FOR_EACH if wanted.targets.size <= SMALL else FOR_EACH[-1:]
    found: list[_Shares] = []
    for each in tries:
        window = _Window.before_all(drawn, group, len(wanted.targets))
        told: Reach = reach if each == tries[-1] else lambda _: None
        found.append(_share(wanted, window, each, goal, most, told))
    return min(found, key=lambda shares: (len(shares.failures), shares.used))


def _share(wanted: Wanted, window: _Window, for_each: int, goal: Goal, most: int, reach: Reach) -> _Shares:
    used, columns = 0, wanted.targets.shape[1]
    failures: list[Failure] = []
    taken: list[tuple[int, Int64Array, Int64Array]] = []
    for column in range(columns):
        size = min(WINDOW, for_each * (columns - column))
        while True:
            window = window.filled(size)
            block = _take(wanted, column, window, goal, last=len(window.units) >= most)
            if block is not None:
                break
            size = min(most, max(len(window.units) + FOR_EACH[0], 5 * len(window.units) // 4))
        failures += block.failures
        takers, places = np.nonzero(block.chosen)
        if len(takers):
            taken.append((column, takers + wanted.first_row, window.units[places]))
            used = max(used, int(window.units[places].max()) + 1)
            window = window.without(places)
        reach(len(wanted.targets))
    return _Shares(used, taken, failures)


def _take(wanted: Wanted, column: int, window: _Window, goal: Goal, *, last: bool) -> Block | None:
    """Return one column's block, whose units are places of the window; None where more units may help.

    Raises:
        TooLargeError: the sums of some weight are too many or too large, with the last window.
    """
    first = window.first(column)

    def products(half: Half, rows: Int64Array, count: int) -> Int64Array:
        u = first[:count]
        return window.second[rows, :count] * np.where(u > 0 if half == "+" else u < 0, u, 0)

    if goal.count == ANY:
        asked = [(half, wanted.rows(half, column)) for half in wanted.halves(column)]
        rows = np.concatenate([np.zeros(0, dtype=np.int64), *(own for _, own in asked)])
        if not len(rows):
            return Block(np.zeros((len(wanted.targets), 0), dtype=np.bool_), ())
        items = np.vstack([products(half, own, len(first)) for half, own in asked])
        places = choose(items, wanted.targets[rows, column])
        block = None if places is None else _sparsest(wanted, column, rows, items, np.sort(places))
        if block is not None:
            return block
    try:
        block = search_block(wanted, column, products, len(first), goal=goal)
    except TooLargeError:
        if last:
            raise
        return None
    return block if last or not block.failures else None


def _sparsest(wanted: Wanted, column: int, rows: Int64Array, items: Int64Array, places: Int64Array) -> Block | None:
    """Return the block in which every row takes the fewest of the chosen units; None where that is undecided."""
    solutions = solve(items[:, places], wanted.targets[rows, column])
    if not solutions.found.all():
        return None
    chosen = np.zeros((len(wanted.targets), items.shape[1]), dtype=np.bool_)
    which, place = np.nonzero(solutions.chosen)
    chosen[rows[which], places[place]] = True
    return Block(chosen, ())
