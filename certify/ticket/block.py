"""One input's block of hidden units: which of them each output takes, or which weights no subset of them gives.

An output here is a row of the layer's kernel, one output channel and tap; a dense layer has one row for each output.

Kumar and Natale (arXiv:2508.11020), Lemmas 5 to 7. For inputs ≥ 0 the block's units with u > 0 carry the weight w:
Σ v·u = w on the scale of products; for inputs ≤ 0 those with u < 0 do. A half that the input's range excludes needs
no units. The search looks at ever more units until all weights are reached; every output then takes one of the
subsets with the fewest units.

Where the products come from is the caller's: drawn from a seed, or read from somebody's matrices.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from certify.network.matrix import Int64Array
from certify.ticket.failure import Failure, cause_of
from solvers.subset_sum import WorkLimitError, fewest, solve

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
    """

    index: int
    targets: Int64Array
    positive: NDArray[np.bool_]
    negative: NDArray[np.bool_]
    inputs: int
    taps: int = 1
    groups: int = 1

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

    def place(self, row: int, column: int) -> str:
        """Return where in the target's JSON the target of a row and a column stands."""
        output, tap = divmod(row, self.taps)
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


def search_block(wanted: Wanted, column: int, products: Products, most: int, *, fixed: bool = False) -> Block:
    """Return the block of one column, in all groups at once.

    Args:
        wanted: what the layer's blocks have to give.
        column: an input or a constant line.
        products: of the units that the block may have, in their order.
        most: how many these are.
        fixed: the block has all of them, and does not end with the last that is needed.

    Raises:
        TooLargeError: the sums are too many or too large.
    """
    failures: list[Failure] = []
    reached = {half: _reach(wanted, column, half, products, most, failures) for half in wanted.halves(column)}
    sizes = np.full(wanted.groups, most if fixed else 0, dtype=np.int64)
    for half, subset in reached.items():
        np.maximum.at(sizes, wanted.group_of(wanted.rows(half, column)), _units(subset))
    units = int(sizes.max(initial=0))
    chosen = np.zeros((len(wanted.targets), units), dtype=np.bool_)
    if not failures:
        for half, subset in reached.items():
            rows = wanted.rows(half, column)
            own = np.arange(units) < sizes[wanted.group_of(rows)][:, None]
            items = np.where(own, products(half, rows, units), 0)
            chosen[rows] |= fewest(items, wanted.targets[rows, column], _wide(subset, units))
    return Block(chosen, tuple(failures), sizes)


def certain_failures(wanted: Wanted, column: int, products: Products, most: int) -> tuple[Failure, ...]:
    """Return what range or parity exclude with all of `most` units, for which nothing has to be searched."""
    failures: list[Failure] = []
    for half in wanted.halves(column):
        rows = wanted.rows(half, column)
        failures += _failures(wanted, column, half, rows, products(half, rows, most))
    return tuple(failure for failure in failures if failure.cause != "density")


def _reach(
    wanted: Wanted, column: int, half: Half, products: Products, most: int, failures: list[Failure]
) -> NDArray[np.bool_]:
    """Return bool[rows, units looked at]: for each the subset that is reached first, looking at ever more units."""
    rows = wanted.rows(half, column)
    missing = np.arange(len(rows))
    looked = min(most, FIRST_LOOK)
    chosen = np.zeros((len(rows), looked), dtype=np.bool_)
    while len(missing):
        items = products(half, rows[missing], looked)
        try:
            solutions = solve(items, wanted.targets[rows[missing], column])
        except (WorkLimitError, ValueError) as error:
            raise TooLargeError(wanted.place(int(rows[missing[0]]), column), str(error)) from None
        chosen = _wide(chosen, looked)
        chosen[missing] = solutions.chosen
        reached = solutions.prefix >= 0
        missing = missing[~reached]
        if looked == most:
            failures += _failures(wanted, column, half, rows[missing], items[~reached])
            break
        looked = min(most, 2 * looked)
    return chosen


def _wide(chosen: NDArray[np.bool_], units: int) -> NDArray[np.bool_]:
    """Return bool[rows, units]: with more units, which nobody takes, or without those that nobody took."""
    more = units - chosen.shape[1]
    return chosen[:, :units] if more <= 0 else np.pad(chosen, ((0, 0), (0, more)))


def _units(chosen: NDArray[np.bool_]) -> Int64Array:
    """Return int64[rows]: how many units there are up to the last one that a row takes."""
    last = chosen.shape[1] - chosen[:, ::-1].argmax(axis=1) if chosen.shape[1] else np.zeros(len(chosen))
    return np.where(chosen.any(axis=1), last, 0).astype(np.int64)


def _failures(wanted: Wanted, column: int, half: Half, rows: Int64Array, items: Int64Array) -> list[Failure]:
    return [
        Failure(
            place=wanted.place(int(row), column),
            half=HALVES[half],
            units=int(np.count_nonzero(products)),
            cause=cause_of(products, int(wanted.targets[row, column])),
        )
        for row, products in zip(rows, items, strict=True)
    ]
