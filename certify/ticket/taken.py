"""Which rows of a layer take which hidden units, and the two masks that this makes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from certify.base.mask import Mask, from_positions
from certify.network.matrix import Int64Array
from certify.ticket.block import Wanted

_UNUSED = -1


@dataclass(frozen=True, eq=False)
class Found:
    """The masks of one layer's two matrices, and how many units each of its groups has."""

    width: int
    masks: tuple[Mask, Mask]


class Taken:
    """What the columns of a layer took so far."""

    def __init__(self, wanted: Wanted) -> None:
        self._wanted = wanted
        self._parts: list[tuple[NDArray[np.int32], NDArray[np.int32], int]] = []

    def add(self, column: int, rows: Int64Array, units: Int64Array) -> None:
        """Add that rows[i] takes units[i], of its group, for one column."""
        self._parts.append((rows.astype(np.int32), units.astype(np.int32), column))

    def masks(self, width: int) -> Found:
        """Return the first matrix's mask, block-diagonal over units that any row takes, and the second's."""
        (rows, columns), groups = self._wanted.targets.shape, self._wanted.groups
        takers = np.concatenate([np.zeros(0, dtype=np.int32), *(takers for takers, _, _ in self._parts)])
        units = np.concatenate([np.zeros(0, dtype=np.int32), *(units for _, units, _ in self._parts)])
        served = np.repeat([column for *_, column in self._parts], [len(takers) for takers, *_ in self._parts])
        owner = np.full(groups * width, _UNUSED, dtype=np.int64)
        owner[self._wanted.group_of(takers) * width + units] = served
        kept = np.flatnonzero(owner != _UNUSED)
        hidden = from_positions((groups * width, columns), kept, owner[kept])
        return Found(width, (hidden, from_positions((rows, width), takers, units)))
