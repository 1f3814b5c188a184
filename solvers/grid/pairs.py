"""Rows two by two: what the kernel computes at a time.

Two rows that read the same node read it from memory once, and a row's sum goes back to memory once for every four
nodes. So rows are taken in pairs, on the nodes that either reads, and these in groups of four. What is missing has
the weight 0: in the one row where only the other reads a node, in the last group of a pair, and in the second row of
a layer's last pair where its rows are odd in number. Dense layers lose next to nothing by it. Rows that share no node
would be a quarter faster on their own.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from solvers.grid.program import Int64Array, Layer

GROUP = 4


@dataclass(frozen=True, eq=False)
class Pairs:
    """The rows of one layer in pairs.

    Attributes:
        groups: int64[pairs]: how many groups each pair sums, at least one.
        columns: int64[groups of all pairs, 4]: as the layer has them; -1 where nothing is read.
        weights: int64[groups of all pairs, 2, 4]: for each row of the pair.
    """

    groups: Int64Array
    columns: Int64Array
    weights: Int64Array


def padded(rows: int) -> int:
    """Return how many rows so many take in pairs."""
    return rows + rows % 2


def pairs_of(layer: Layer) -> Pairs:
    """Return the layer's rows in pairs; entries of one row in the same column are added."""
    rows = layer.row_of_entry()
    width = int(layer.columns.max(initial=0)) + 1
    read, which = np.unique(rows // 2 * width + layer.columns, return_inverse=True)
    counts = np.bincount(read // width, minlength=padded(layer.rows) // 2)
    groups = np.maximum(1, -(-counts // GROUP))
    # A pair's nodes stand in the first of the places that its groups have.
    skipped = np.cumsum(GROUP * groups) - GROUP * groups - (np.cumsum(counts) - counts)
    places = np.arange(len(read)) + np.repeat(skipped, counts)
    total = int(groups.sum())
    columns = np.full(GROUP * total, -1, dtype=np.int64)
    columns[places] = read % width
    weights = np.zeros((GROUP * total, 2), dtype=np.int64)
    np.add.at(weights, (places[which], rows % 2), layer.values)
    by_row = weights.reshape(total, GROUP, 2).transpose(0, 2, 1)
    return Pairs(groups, columns.reshape(total, GROUP), np.ascontiguousarray(by_row))
