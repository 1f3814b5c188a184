"""Graphs of any operators looked at on many points at once: a whole grid in blocks, or some points of a large one.

Chains of dense layers run in compiled code (`solvers.grid`). Whatever else a network is made of runs operator by
operator on whole blocks of points (`certify.network.batch`), whose bounds say that nothing leaves a machine word. A
sweep, which proves, runs in integers alone. A search, whose find is replayed anyway, may hold sums in floats, where
they are exact. How many points are in a block follows from the largest tensor, and how many are searched from the
products that numpy really forms, which for a sparse network are more than its weights.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from certify.network.batch import EXACT_WORD, Batch, TooWideError
from certify.network.bounds import graph_reach
from certify.network.compare import common_scale
from certify.network.matrix import Int64Array
from certify.network.model import INPUT, Box, Dense, Linear, Network
from certify.network.operators.dense.model import SPARSE_FLOAT
from certify.proof.claim import Relation
from solvers.grid.box import box_of
from solvers.grid.search import sample, splitmix64, uniform

BLOCK_ELEMENTS = 2**22
"""Elements of the largest tensor of a block: 32 MB, of which some six are alive at once."""
BLOCK_POINTS = 2**12
SEARCH_PRODUCTS = 2**31
STEP_COST = 32
"""What the steps of one element cost, in products of a matrix product."""
SAMPLED_POINTS = 512
SEARCH_POINTS = 2**13
LEAST_POINTS = 8
FEW_POINTS = 64
_REGIONS = 16


@dataclass(frozen=True)
class Look:
    """What some points showed.

    Attributes:
        point: the first on which the relation fails; None where there is none.
        largest: the largest |left - right| of an output, on the common scale.
        points: how many were looked at, the failing one included.
        furthest: the point with that difference.
    """

    point: tuple[int, ...] | None
    largest: int
    points: int
    furthest: tuple[int, ...] | None = None


@dataclass(frozen=True, eq=False)
class Both:
    """Two comparable networks on the left one's box, ready for blocks of points.

    Attributes:
        left, right: ready to be evaluated.
        shifts: what brings the outputs of each to the common scale.
        relation: what has to hold.
        block: how many points are evaluated at once.
        cost: how many products numpy forms for one point, steps included.
    """

    left: Batch
    right: Batch
    shifts: tuple[int, int]
    relation: Relation
    block: int
    cost: int

    @staticmethod
    def of(left: Network, right: Network, relation: Relation, *, floats: bool) -> Both:
        """Return both networks, their widths checked on the left one's box.

        Raises:
            TooWideError: int64 may not hold every number met.
        """
        right = replace(right, input=left.input)
        if max(map(abs, (*left.input.low, *left.input.high)), default=0) >= EXACT_WORD:
            raise TooWideError("inputs of more than 62 bits")
        shifts = common_scale(left, right)
        batches = Batch.of(left, floats=floats), Batch.of(right, floats=floats)
        for batch, shift in zip(batches, shifts, strict=True):
            check_shifted(batch.network, shift)
        sizes = [_sizes(network) for network in (left, right)]
        block = max(1, min(BLOCK_POINTS, BLOCK_ELEMENTS // max(largest for largest, _ in sizes)))
        return Both(*batches, shifts, relation, block, max(1, sum(cost for _, cost in sizes)))

    def look(self, points: Int64Array) -> Look:
        """Compare both on int64[n, features] points of the box, in their order, until the relation fails on one."""
        largest, furthest = 0, None
        for first in range(0, len(points), self.block):
            block = points[first : first + self.block]
            fails, distance = self._compare(block)
            failing = int(np.argmax(fails)) if fails.any() else None
            distance = distance if failing is None else distance[: failing + 1]
            if not len(distance):
                continue
            if int(distance.max()) > largest or furthest is None:
                largest, furthest = int(distance.max()), _point(block[int(np.argmax(distance))])
            if failing is not None:
                return Look(_point(block[failing]), largest, first + failing + 1, furthest)
        return Look(None, largest, len(points), furthest)

    def _compare(self, points: Int64Array) -> tuple[NDArray[np.bool_], Int64Array]:
        """Return for each point whether the relation fails, and the largest difference."""
        left = self.left.run(points) << self.shifts[0]
        right = self.right.run(points) << self.shifts[1]
        distance: Int64Array = np.abs(left - right).max(axis=1, initial=0)
        if self.relation.name == "argmax":
            return left.argmax(axis=1) != right.argmax(axis=1), distance
        return distance > min(self.relation.bound, 2**63 - 1), distance


def check_shifted(network: Network, shift: int) -> None:
    """Check that outputs brought to the common scale stay within a machine word.

    Raises:
        TooWideError: they may not.
    """
    if not shift:
        # `Batch.of` has seen to it.
        return
    reach = graph_reach(network)[-1].output
    largest = max((abs(value) for end in (reach.low, reach.high) for value in end.flat), default=0) << shift
    if largest >= EXACT_WORD:
        raise TooWideError(f"outputs of {largest.bit_length()} bits on the common scale")


def _sizes(network: Network) -> tuple[int, int]:
    """Return how many elements the largest tensor has, and what one point costs."""
    shapes = {INPUT: network.input.shape, **dict(enumerate(network.shapes()))}
    cost = 0
    for index, layer in enumerate(network.layers):
        elements = math.prod(shapes[index])
        products = _products(layer, elements) if isinstance(layer, Linear) else 0
        if not isinstance(layer, Linear):
            products = layer.multiplications([shapes[source] for source in network.sources(index)])
        cost += products + STEP_COST * elements * (1 + len(layer.steps))
    return max(map(math.prod, shapes.values())), cost


def _products(layer: Linear, elements: int) -> int:
    """Return how many products of a matrix product a linear layer costs."""
    if isinstance(layer, Dense) and layer.is_sparse(np.float64):
        return SPARSE_FLOAT * layer.weights.entries
    return layer.taps * layer.channels * elements


def _point(row: Int64Array) -> tuple[int, ...]:
    return tuple(row.tolist())


def grid_block(box: Box, first: int, count: int) -> Int64Array:
    """Return int64[count, features]: points of a box from a number on, the last feature fastest."""
    index = np.arange(first, first + count, dtype=np.int64)
    found = np.empty((count, box.features), dtype=np.int64)
    for feature, (low, size) in reversed(list(enumerate(zip(box.low, box.sizes, strict=True)))):
        found[:, feature] = index % size + low
        index //= size
    return found


def sweep_blocks(both: Both, box: Box, workers: int, reach: Callable[[int], None]) -> Look:
    """Compare two networks on every point of a box, of fewer than 2^62, until the relation fails on one."""
    total, visited, largest = box.points(), 0, 0
    starts = range(0, total, both.block)

    def at(first: int) -> Look:
        return both.look(grid_block(box, first, min(both.block, total - first)))

    with ThreadPoolExecutor(max(1, workers)) as executor:
        for group in range(0, len(starts), max(1, workers)):
            for seen in executor.map(at, starts[group : group + max(1, workers)]):
                visited, largest = visited + seen.points, max(largest, seen.largest)
                if seen.point is not None:
                    return Look(seen.point, largest, visited)
            reach(visited)
    return Look(None, largest, visited)


def search_blocks(both: Both, box: Box, seed: int, *, briefly: bool = False) -> Look:
    """Look at some points of a box: corners, random points, and points that differ from these in a region.

    How many there are follows from what a point costs. A last quarter are neighbours of the point with the largest
    difference, where there are enough for that to be worth a block of their own.
    """
    budget = max(LEAST_POINTS, min(SEARCH_POINTS, SEARCH_PRODUCTS // both.cost) // (2 if briefly else 1))
    first, last = (budget, 0) if budget <= FEW_POINTS else (budget - budget // 4, budget // 4)
    seen = Look(None, 0, 0)
    for points in _in_blocks(_candidates(box, first, seed), both.block):
        seen = _joined(seen, both.look(points))
        if seen.point is not None:
            return seen
    if not last or seen.furthest is None:
        return seen
    return _joined(seen, both.look(_regions(box, np.array(seen.furthest, dtype=np.int64), last, seed + 2)))


def _joined(seen: Look, look: Look) -> Look:
    furthest = look.furthest if seen.furthest is None or look.largest > seen.largest else seen.furthest
    return Look(look.point, max(seen.largest, look.largest), seen.points + look.points, furthest)


def _in_blocks(parts: Iterator[Int64Array], least: int) -> Iterator[Int64Array]:
    """Join parts that are smaller than a block, which costs nearly the same with fewer points."""
    waiting: list[Int64Array] = []
    for part in parts:
        waiting.append(part)
        if sum(map(len, waiting)) >= least:
            yield np.concatenate(waiting)
            waiting = []
    if waiting:
        yield np.concatenate(waiting)


def _candidates(box: Box, count: int, seed: int) -> Iterator[Int64Array]:
    """Yield so many points: corners, the axes' ends and random points; random corners; a random point's regions."""
    part = max(1, count // 4)
    yield _few(sample(box.low, box.high, min(SAMPLED_POINTS, part), seed), count - 2 * part)
    words = splitmix64(seed + 1, part * box.features).reshape(part, box.features)
    yield np.where(words >> np.uint64(63) == 1, np.array(box.high), np.array(box.low)).astype(np.int64)
    yield _regions(box, uniform(box_of(box.low, box.high), 1, seed + 1)[0], part, seed + 1)


def _few(points: Int64Array, count: int) -> Int64Array:
    """Return some of the points, from the first to the last, so that random ones are among them."""
    if len(points) <= count:
        return points
    return points[np.linspace(0, len(points) - 1, count).astype(np.int64)]


def _regions(box: Box, base: Int64Array, count: int, seed: int) -> Int64Array:
    """Return int64[count, features]: a point with a run of features, of every length, at an end of the box."""
    found = np.tile(base, (max(0, count), 1))
    words = splitmix64(seed, 3 * max(1, len(found))).reshape(-1, 3)
    for row, (place, length, end) in zip(found, words.tolist(), strict=False):
        first, size = place % box.features, max(1, box.features >> (length % _REGIONS))
        row[first : first + size] = (box.low if end % 2 else box.high)[first : first + size]
    return found
