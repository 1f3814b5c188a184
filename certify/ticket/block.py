"""One input's block of hidden units: which of them each output takes, or which weights no subset of them gives.

Kumar and Natale (arXiv:2508.11020), Lemmas 5 to 7. For inputs ≥ 0 the block's units with u > 0 carry the weight w:
Σ v·u = w on the scale of products; for inputs ≤ 0 those with u < 0 do. A half that the input's range excludes needs
no units. The search looks at ever more units until all weights are reached; every output then takes one of the
subsets with the fewest units.

Where the products come from is the caller's: drawn from a seed, or read from somebody's matrices.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
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
"""products(half, outputs, count): int64[outputs, count], v·u of the first units, 0 for those of the other half."""


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

    Attributes:
        index: the layer's in the target.
        targets: int64[outputs, inputs + lines], on the scale of products.
        positive, negative: bool[inputs + lines]: which halves each input needs.
        inputs: how many columns are inputs; the rest are constant lines.
    """

    index: int
    targets: Int64Array
    positive: NDArray[np.bool_]
    negative: NDArray[np.bool_]
    inputs: int

    def halves(self, column: int) -> tuple[Half, ...]:
        """Return the halves that one column needs."""
        needed: tuple[tuple[Half, NDArray[np.bool_]], ...] = (("+", self.positive), ("-", self.negative))
        return tuple(half for half, inputs in needed if inputs[column])

    def place(self, output: int, column: int) -> str:
        """Return where in the target's JSON the target of an output and a column stands."""
        if column < self.inputs:
            return f"layers[{self.index}].weights[{output}][{column}]"
        return f"layers[{self.index}].bias[{output}]"


@dataclass(frozen=True, eq=False)
class Block:
    """What a search found.

    Attributes:
        chosen: bool[outputs, units]: who takes which of the block's units; nothing to go by after a failure.
        failures: every weight, and half of it, that no subset gives.
    """

    chosen: NDArray[np.bool_]
    failures: tuple[Failure, ...]

    @property
    def units(self) -> int:
        """How many units the block has."""
        return int(self.chosen.shape[1])


def search_block(wanted: Wanted, column: int, products: Products, most: int, *, fixed: bool = False) -> Block:
    """Return the block of one column.

    Args:
        wanted: what the layer's blocks have to give.
        column: an input or a constant line.
        products: of the units that the block may have, in their order.
        most: how many these are.
        fixed: the block has all of them, and does not end with the last that is needed.

    Raises:
        TooLargeError: the sums are too many or too large.
    """
    outputs = np.flatnonzero(wanted.targets[:, column])
    failures: list[Failure] = []
    reached = {
        half: _reach(wanted, column, half, outputs, products, most, failures) for half in wanted.halves(column)
    }
    units = most if fixed else max((_units(chosen) for chosen in reached.values()), default=0)
    chosen = np.zeros((wanted.targets.shape[0], units), dtype=np.bool_)
    if not failures:
        for half, subset in reached.items():
            items = products(half, outputs, units)
            chosen[outputs] |= fewest(items, wanted.targets[outputs, column], subset[:, :units])
    return Block(chosen, tuple(failures))


def certain_failures(wanted: Wanted, column: int, products: Products, most: int) -> tuple[Failure, ...]:
    """Return what range or parity exclude with all of `most` units, for which nothing has to be searched."""
    outputs = np.flatnonzero(wanted.targets[:, column])
    failures = [
        failure
        for half in wanted.halves(column)
        for failure in _failures(wanted, column, half, outputs, products(half, outputs, most))
    ]
    return tuple(failure for failure in failures if failure.cause != "density")


def _reach(
    wanted: Wanted,
    column: int,
    half: Half,
    outputs: Int64Array,
    products: Products,
    most: int,
    failures: list[Failure],
) -> NDArray[np.bool_]:
    """Return bool[outputs, most]: for each the subset that is reached first, looking at ever more units."""
    chosen = np.zeros((len(outputs), most), dtype=np.bool_)
    missing = np.arange(len(outputs))
    looked = min(most, FIRST_LOOK)
    while len(missing):
        items = products(half, outputs[missing], looked)
        try:
            solutions = solve(items, wanted.targets[outputs[missing], column])
        except (WorkLimitError, ValueError) as error:
            raise TooLargeError(wanted.place(int(outputs[missing[0]]), column), str(error)) from None
        chosen[missing, :looked] = solutions.chosen
        reached = solutions.prefix >= 0
        missing = missing[~reached]
        if looked == most:
            failures += _failures(wanted, column, half, outputs[missing], items[~reached])
            break
        looked = min(most, 2 * looked)
    return chosen


def _units(chosen: NDArray[np.bool_]) -> int:
    """Return how many units there are up to the last one that is taken."""
    taken = np.flatnonzero(chosen.any(axis=0))
    return int(taken[-1]) + 1 if len(taken) else 0


def _failures(wanted: Wanted, column: int, half: Half, outputs: Int64Array, items: Int64Array) -> list[Failure]:
    return [
        Failure(
            place=wanted.place(int(output), column),
            half=HALVES[half],
            units=int(np.count_nonzero(row)),
            cause=cause_of(row, int(wanted.targets[output, column])),
        )
        for output, row in zip(outputs, items, strict=True)
    ]
