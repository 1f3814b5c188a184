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
    read, which = _distinct(rows // 2 * width + layer.columns)
    counts = np.bincount(read // width, minlength=padded(layer.rows) // 2)
    groups = np.maximum(1, -(-counts // GROUP))
    # A pair's nodes stand in the first of the places that its groups have.
    skipped = np.cumsum(GROUP * groups) - GROUP * groups - (np.cumsum(counts) - counts)
    places = np.arange(len(read)) + np.repeat(skipped, counts)
    total = int(groups.sum())
    columns = np.full(GROUP * total, -1, dtype=np.int64)
    columns[places] = read % width
    weights = np.zeros(2 * GROUP * total, dtype=np.int64)
    group, place = np.divmod(places[which], GROUP)
    np.add.at(weights, (2 * group + rows % 2) * GROUP + place, layer.values)
    return Pairs(groups, columns.reshape(total, GROUP), weights.reshape(total, 2, GROUP))


def _distinct(keys: Int64Array) -> tuple[Int64Array, Int64Array]:
    """Return the distinct keys in order, and which of them each key is.

    As `np.unique` does, with a sort that is quick where keys rise in a few long runs.
    """
    order = np.argsort(keys, kind="stable")
    in_order = keys[order]
    is_new = np.append(np.ones(min(1, len(keys)), dtype=np.bool_), in_order[1:] != in_order[:-1])
    which = np.empty(len(keys), dtype=np.int64)
    which[order] = np.cumsum(is_new) - 1
    return in_order[is_new], which
