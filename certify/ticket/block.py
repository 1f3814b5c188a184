"""One input's block of hidden units: which of them each output takes, or which weights no subset of them gives.

An output here is a row of the layer's kernel, one output channel and tap; a dense layer has one row for each output.

Kumar and Natale (arXiv:2508.11020), Lemmas 5 to 7. For inputs ≥ 0 the block's units with u > 0 carry the weight w:
Σ v·u = w on the scale of products; for inputs ≤ 0 those with u < 0 do. A half that the input's range excludes needs
no units. The search looks at ever more units until all weights are reached: the block ends there, and every output
takes one of the subsets of its units.

Where the products come from is the caller's: drawn from a seed, or read from somebody's matrices.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from certify.network.matrix import Int64Array
from certify.ticket.failure import Failure, cause_of
from certify.ticket.goal import SPARSEST, Goal
from solvers.subset_sum import UNDECIDED, Served, Shared, serve

FIRST_LOOK = 16

Half: TypeAlias = Literal["+", "-"]
HALVES: dict[Half, str] = {"+": "inputs ≥ 0", "-": "inputs ≤ 0"}

Products: TypeAlias = Callable[[Half, Int64Array, int], Int64Array]
"""products(half, rows, count): int64[rows, count], v·u of its group's first units, 0 for those of the other half."""


class TooLargeError(Exception):
    """The subset sums of a block need more than their solver holds.

    Attributes:
        place: the first weight that was looked for.
        problem: how much it takes.
    """

    def __init__(self, place: str, problem: str) -> None:
        self.place = place
        self.problem = problem
        super().__init__(f"{place}: {problem}")

    def __reduce__(self) -> tuple[type[TooLargeError], tuple[str, str]]:
        """Come whole out of a worker process."""
        return type(self), (self.place, self.problem)


@dataclass(frozen=True, eq=False)
class Wanted:
    """What the blocks of one layer have to give.

    A row of a kernel is one output channel and tap, as `Linear.by_tap` has them. With groups of channels, each group
    has blocks of its own: row r is of group r·groups div rows.

    Attributes:
        index: the layer's in the target.
        targets: int64[rows, inputs + lines], on the scale of products.
        positive, negative: bool[groups · (inputs + lines)]: which halves each input of each group needs.
        inputs: how many columns are inputs (of one group); the rest are constant lines.
        taps: how many rows an output channel has.
        groups: how many groups there are.
        first_row: the number of the first of these rows in the layer.
        copied: how many outputs the rows are copies of, one copy of all after the other; 0 where they are not.
    """

    index: int
    targets: Int64Array
    positive: NDArray[np.bool_]
    negative: NDArray[np.bool_]
    inputs: int
    taps: int = 1
    groups: int = 1
    first_row: int = 0
    copied: int = 0

    def group_of(self, rows: Int64Array) -> Int64Array:
        """Return int64[n], the groups of int64[n] rows."""
        return rows // max(1, len(self.targets) // self.groups)

    def halves(self, column: int) -> tuple[Half, ...]:
        """Return the halves that one column needs in some group."""
        needed: tuple[Half, ...] = ("+", "-")
        return tuple(half for half in needed if self._needed(half, column).any())

    def rows(self, half: Half, column: int) -> Int64Array:
        """Return int64[n], the rows that have a target in one column and need it for a half."""
        rows = np.flatnonzero(self.targets[:, column])
        return rows[self._needed(half, column)[self.group_of(rows)]]

    def _needed(self, half: Half, column: int) -> NDArray[np.bool_]:
        """bool[groups]."""
        needed = self.positive if half == "+" else self.negative
        return needed.reshape(self.groups, -1)[:, column]

    def of_group(self, group: int) -> Wanted:
        """Return what one group's blocks have to give."""
        if self.groups == 1:
            return self
        rows, columns = len(self.targets) // self.groups, self.targets.shape[1]
        own, halves = slice(group * rows, (group + 1) * rows), slice(group * columns, (group + 1) * columns)
        positive, negative = self.positive[halves], self.negative[halves]
        return Wanted(
            self.index, self.targets[own], positive, negative, self.inputs, self.taps, first_row=group * rows
        )

    def place(self, row: int, column: int) -> str:
        """Return where in the target's JSON the target of a row and a column stands."""
        output, tap = divmod(self.first_row + row, self.taps)
        output = output % self.copied if self.copied else output
        if column < self.inputs:
            return f"layers[{self.index}].weights[{output}][{tap * self.inputs + column}]"
        return f"layers[{self.index}].bias[{output}]"


@dataclass(frozen=True, eq=False)
class Block:
    """What a search found.

    Attributes:
        chosen: bool[rows, units]: who takes which of its group's units; nothing to go by after a failure.
        failures: every weight, and half of it, that no subset gives.
        sizes: int64[groups]: how many units the block of each group has, at most those that `chosen` has room for.
    """

    chosen: NDArray[np.bool_]
    failures: tuple[Failure, ...]
    sizes: Int64Array = field(default_factory=lambda: np.zeros(1, dtype=np.int64))


def search_block(
    wanted: Wanted,
    column: int,
    products: Products,
    most: int,
    *,
    goal: Goal = SPARSEST,
    fixed: bool = False,
    look: int = FIRST_LOOK,
) -> Block:
    """Return the block of one column, in all groups at once.

    Args:
        wanted: what the layer's blocks have to give.
        column: an input or a constant line.
        products: of the units that the block may have, in their order.
        most: how many these are.
        goal: which subsets are taken.
        fixed: the block has all of them, and does not end with the last that is needed.
        look: how many units are looked at first; the block does not depend on it.

    Raises:
        TooLargeError: the sums are too many or too large.
    """
    asked = [(half, wanted.rows(half, column)) for half in wanted.halves(column)]
    rows = np.concatenate([np.zeros(0, dtype=np.int64), *(rows for _, rows in asked)])
    if not len(rows):
        sizes = np.full(wanted.groups, most if fixed else 0, dtype=np.int64)
        return Block(np.zeros((len(wanted.targets), int(sizes.max(initial=0))), dtype=np.bool_), (), sizes)
    looked = most if fixed else min(most, look)
    while True:
        items = np.vstack([products(half, own, looked) for half, own in asked])
        shared = Shared(items, wanted.targets[rows, column], wanted.group_of(rows), wanted.groups)
        try:
            served = serve(shared, goal.subsets, goal.count, fixed=fixed)
        except ValueError as error:
            raise TooLargeError(wanted.place(int(rows[0]), column), str(error)) from None
        if served.solutions.found.all() or looked == most:
            break
        looked = min(most, 2 * looked)
    return _block(wanted, column, asked, shared, served)


def _block(
    wanted: Wanted, column: int, asked: Sequence[tuple[Half, Int64Array]], shared: Shared, served: Served
) -> Block:
    """Return the block that was found, or what is missing.

    Raises:
        TooLargeError: for a row nothing was decided, and range and parity say nothing.
    """
    failures: list[Failure] = []
    for index in np.flatnonzero(~served.solutions.found).tolist():
        half, row = [(half, int(row)) for half, own in asked for row in own][index]
        failure = _failure(wanted, column, half, row, shared.items[index])
        if served.solutions.prefix[index] == UNDECIDED and failure.cause == "density":
            count, largest = shared.items.shape[1], int(np.abs(shared.items[index]).max())
            raise TooLargeError(failure.place, f"undecided with {count} items of up to {largest}")
        failures.append(failure)
    chosen = np.zeros((len(wanted.targets), int(served.sizes.max(initial=0))), dtype=np.bool_)
    if not failures:
        first = 0
        for _, own in asked:
            chosen[own] |= served.solutions.chosen[first : first + len(own), : chosen.shape[1]]
            first += len(own)
    return Block(chosen, tuple(failures), served.sizes)


def certain_failures(wanted: Wanted, column: int, products: Products, most: int) -> tuple[Failure, ...]:
    """Return what range or parity exclude with all of `most` units, for which nothing has to be searched."""
    failures: list[Failure] = []
    for half in wanted.halves(column):
        rows = wanted.rows(half, column)
        items = products(half, rows, most)
        failures += [_failure(wanted, column, half, int(row), own) for row, own in zip(rows, items, strict=True)]
    return tuple(failure for failure in failures if failure.cause != "density")


def _failure(wanted: Wanted, column: int, half: Half, row: int, items: Int64Array) -> Failure:
    return Failure(
        place=wanted.place(row, column),
        half=HALVES[half],
        units=int(np.count_nonzero(items)),
        cause=cause_of(items, int(wanted.targets[row, column])),
        row=wanted.first_row + row,
    )
