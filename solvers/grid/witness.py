"""Looking for a point on which a relation fails, where a grid is too large to be swept: cheapest points first.

1. `sample`: corners, the point nearest zero and its neighbours at the bounds, random points.
2. For every unit of both first layers the corners where it is lowest and highest, and two points on the way from the
   one to the other, one feature after the other, between which it changes its sign: a changed weight shows where its
   unit is active, or at its kink.
3. Axis sweeps: one feature over its range, all others as in a base point.
4. Random corners.
5. Neighbours, a few steps away in one feature, of near misses. A near miss of `within` is a point with one of the
   largest differences seen; of the same winner, one where the two largest outputs of a program are closest. For these
   two the search climbs, to neighbours of the best neighbours, while that makes anything better. For `equal` there is
   no slope, since the first difference ends the search: the points at the units' kinks are taken instead.
6. Random points, until the number of points that was granted is used up.

Everything is drawn from one seed, so the same point is found everywhere.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count as counting

import numpy as np

from solvers.grid import kernel
from solvers.grid.box import Box
from solvers.grid.flat import check_comparable, flatten, work_array
from solvers.grid.kernel import WITHIN, Relation
from solvers.grid.program import Int64Array, Program
from solvers.grid.relation import EQUAL
from solvers.grid.search import check_points, sample, splitmix64, uniform

_BATCH = 2**10
_AXIS_VALUES = 33
_AXIS_BASES = 4
_NEAR_MISSES = 8
_MOVED = 256
_MOVES = (1, -1, 3, -3)


@dataclass(frozen=True)
class Found:
    """What a number of points showed.

    Attributes:
        point: the first on which the relation fails, or None when there is none.
        largest: the largest |left - right| of an output on the points looked at, on the common scale.
        points: how many were looked at, the failing one included.
    """

    point: tuple[int, ...] | None
    largest: int
    points: int


def find_difference(left: Program, right: Program, points: Int64Array, relation: Relation = EQUAL) -> Found:
    """Compare two programs on int64[n, inputs] points, in their order, until the relation fails on one.

    That no value leaves int64 on them, and no output 62 bits, is not checked here; `program.py` says who does.

    Raises:
        ValueError: programs that cannot be compared, or points of another shape or dtype, or beyond the programs'
            bits.
    """
    check_comparable(left, right)
    check_points((left, right), points)
    looking = _Looking(left, right, relation, len(points))
    looking.at(points)
    return looking.found


def search(
    left: Program, right: Program, box: Box, sampled: int, points: int, seed: int, relation: Relation = EQUAL
) -> Found:
    """Look for a point of a box on which the relation fails, in the order that this module's head names.

    Args:
        left: the one program.
        right: the other, with as many inputs and outputs.
        box: of as many features as there are inputs.
        sampled: how many random points `sample` draws.
        points: how many to look at, at most; the sample is looked at in any case.
        seed: 0 to 2^64 - 1.
        relation: what has to hold between the outputs.

    Raises:
        ValueError: as for `find_difference` and `sample`.
    """
    check_comparable(left, right)
    first = sample(box.low, box.high, sampled, seed)
    check_points((left, right), first)
    looking = _Looking(left, right, relation, max(points, len(first)))
    looking.at(first)
    for batch in _candidates((left, right), looking, box, points // 4, seed):
        if looking.is_over:
            break
        looking.at(batch)
    return looking.found


def _candidates(
    programs: tuple[Program, Program], looking: _Looking, box: Box, limit: int, seed: int
) -> Iterator[Int64Array]:
    """Yield int64[n, features] points of the stages after the first, without end; about `limit` of each."""
    kinks = []
    for program in programs:
        for points in _unit_points(program, box, limit // 8):
            yield points
            kinks.append(points[2])
    yield from _axes(box, uniform(box, _AXIS_BASES, seed), limit)
    yield _corners(box, min(_BATCH, limit), seed)
    if looking.relation == EQUAL:
        neighbours = len(_MOVES) * max(1, min(_MOVED, len(box.low)))
        yield from (_neighbours(box, kink) for kink in kinks[: limit // neighbours])
    else:
        yield from _climb(looking, box)
    for number in counting(1):
        yield uniform(box, _BATCH, int(splitmix64((seed + number) % 2**64, 1)[0]))


class _Looking:
    """Two programs, the points looked at so far, and the nearest misses among them."""

    def __init__(self, left: Program, right: Program, relation: Relation, points: int) -> None:
        self._flat, self.relation, self._left = flatten((left, right)), relation, points
        self._work = work_array(self._flat)
        self.found = Found(None, 0, 0)
        self.near = np.empty((0, left.inputs), dtype=np.int64)
        self._scores = np.empty(0, dtype=np.int64)

    @property
    def is_over(self) -> bool:
        """Whether a point was found, or no more are granted."""
        return self.found.point is not None or self._left == 0

    def at(self, points: Int64Array) -> None:
        """Look at int64[n, inputs] points, or at as many of them as are still granted."""
        for first in range(0, len(points), self._work.shape[1]):
            if self.is_over:
                return
            self._block(points[first : first + self._work.shape[1]][: self._left])

    def _block(self, points: Int64Array) -> None:
        left, right = self._outputs(points)
        gaps = np.abs(left - right).max(axis=0, initial=0)
        if self.relation.kind == WITHIN:
            fails, scores = gaps > self.relation.bound, gaps
        else:
            fails, scores = _winners(left) != _winners(right), -np.minimum(_margins(left), _margins(right))
        index = int(fails.argmax()) if fails.any() else None
        count = len(points) if index is None else index + 1
        self._left -= count
        largest = max(self.found.largest, int(gaps[:count].max()))
        point = None if index is None else tuple(points[index].tolist())
        self.found = Found(point, largest, self.found.points + count)
        self._keep(points, scores)

    def _outputs(self, points: Int64Array) -> tuple[Int64Array, Int64Array]:
        """Return int64[outputs, n] of both programs on the common scale."""
        flat, count = self._flat, len(points)
        self._work[: flat.inputs, :count] = points.T
        kernel.evaluate(flat, self._work, count)
        left, right = (
            self._work[nodes, :count].astype(np.int64) * np.int64(scale)
            for nodes, scale in zip(flat.outputs, flat.scales, strict=True)
        )
        return left, right

    def _keep(self, points: Int64Array, scores: Int64Array) -> None:
        """Keep the nearest misses, all different, the earlier ones where scores are the same."""
        if self.relation == EQUAL:
            return
        points, scores = np.concatenate([self.near, points]), np.concatenate([self._scores, scores])
        kept: dict[bytes, int] = {}
        for index in np.argsort(-scores, kind="stable").tolist():
            kept.setdefault(points[index].tobytes(), index)
            if len(kept) == _NEAR_MISSES:
                break
        best = list(kept.values())
        self.near, self._scores = points[best], scores[best]


def _winners(outputs: Int64Array) -> Int64Array:
    return outputs.argmax(axis=0) if len(outputs) else np.zeros(outputs.shape[1], dtype=np.int64)


def _margins(outputs: Int64Array) -> Int64Array:
    """Return int64[n]: how far the second largest of [outputs, n] is below the largest, or 0 where there is none."""
    if len(outputs) < 2:
        return np.zeros(outputs.shape[1], dtype=np.int64)
    second, first = np.sort(outputs, axis=0)[-2:]
    margins: Int64Array = first - second
    return margins


def _climb(looking: _Looking, box: Box) -> Iterator[Int64Array]:
    """Yield the neighbours of the nearest misses until there are no nearer ones among them."""
    near = looking.near[:0]
    while not np.array_equal(near, looking.near):
        near = looking.near
        yield from (_neighbours(box, point) for point in near)


def _neighbours(box: Box, point: Int64Array) -> Int64Array:
    """Return int64[n, features]: a point moved a few steps in one feature, where it stays inside the box.

    Of very many features some hundred are moved, evenly spaced.
    """
    features = len(point)
    moved = np.arange(min(features, _MOVED)) * features // max(1, min(features, _MOVED))
    chosen = []
    for move in _MOVES:
        inside = [
            feature for feature in moved.tolist() if box.low[feature] <= point[feature] + move <= box.high[feature]
        ]
        neighbours = np.repeat(point[np.newaxis], len(inside), axis=0)
        neighbours[np.arange(len(inside)), inside] += move
        chosen.append(neighbours)
    return np.concatenate(chosen)


def _unit_points(program: Program, box: Box, limit: int) -> Iterator[Int64Array]:
    """Yield int64[4, features] for each unit of the first layer, of `limit` units at most.

    The unit's lowest corner; its highest; on the way from the one to the other, in the order of falling weights, the
    last point before its sign changes, and the next one.
    """
    layer, features = program.layers[0], program.inputs
    low, high = np.array(box.low, dtype=np.int64), np.array(box.high, dtype=np.int64)
    fixed = np.concatenate([np.zeros(features, dtype=np.int64), layer.constants])
    for row in range(min(layer.rows, limit)):
        span = slice(layer.start[row], layer.start[row + 1])
        columns, values = layer.columns[span], layer.values[span]
        weights = np.zeros(features + len(layer.constants), dtype=np.int64)
        np.add.at(weights, columns, values)
        base, weights = layer.bias[row] + (weights * fixed).sum(), weights[:features]
        lowest, highest = np.where(weights > 0, low, high), np.where(weights > 0, high, low)
        order = np.argsort(-np.abs(weights), kind="stable")
        sums = base + (weights * lowest).sum() + np.cumsum((weights * highest - weights * lowest)[order])
        place = np.argsort(order, kind="stable")
        before = int((sums < 0).sum())
        points = [lowest, highest, *(np.where(place < moved, highest, lowest) for moved in (before, before + 1))]
        yield np.stack(points)


def _axes(box: Box, bases: Int64Array, limit: int) -> Iterator[Int64Array]:
    """Yield int64[n, features], `limit` points at most: a feature at evenly spaced values, others as in a base."""
    for base in bases:
        for feature, (low, size) in enumerate(zip(box.low, box.sizes, strict=True)):
            steps = min(size, _AXIS_VALUES)
            limit -= steps
            if limit < 0:
                return
            points = np.repeat(base[np.newaxis], steps, axis=0)
            points[:, feature] = [low + step * (size - 1) // max(1, steps - 1) for step in range(steps)]
            yield points


def _corners(box: Box, count: int, seed: int) -> Int64Array:
    """Return int64[count, features]: every feature at one of its bounds."""
    features = len(box.low)
    words = splitmix64(int(splitmix64(seed, 1)[0]), count * features).reshape(count, features)
    low, high = np.array(box.low, dtype=np.int64), np.array(box.high, dtype=np.int64)
    return np.where(words >> np.uint64(63) == 1, high, low)
