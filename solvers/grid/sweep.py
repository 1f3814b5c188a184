"""Two programs on every point of a finite box, held against each other by a relation.

The box is cut into chunks of consecutive points, and threads run the compiled kernel on them: it releases the
interpreter's lock. Results are taken in the order of the chunks, so the point returned is the first that fails
whatever the number of threads, and what later chunks found meanwhile is dropped.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator, Iterable, Sequence
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from typing import TypeVar

import numpy as np

from solvers.grid import kernel
from solvers.grid.blocks import blocks_of, cut, sums_at
from solvers.grid.box import Box, box_of
from solvers.grid.flat import (
    LANES,
    check_comparable,
    check_fits,
    flatten,
    lane_type,
    lanes_of,
    operations_per_point,
    work_array,
)
from solvers.grid.kernel import Relation
from solvers.grid.program import Program
from solvers.grid.relation import EQUAL

MAX_POINTS = 2**62
_BLOCK = LANES
_CHUNK_OPERATIONS = 2**28
_Item = TypeVar("_Item")
_Result = TypeVar("_Result")


class SweepError(RuntimeError):
    """The sweep did not visit the points that it had to: a defect of this package."""


@dataclass(frozen=True)
class Sweep:
    """What a sweep saw.

    Attributes:
        points: how many points were compared, in order, the failing one included; counted by the kernel.
        difference: the first point on which the relation fails, or None when there is none.
        largest: the largest |left - right| of an output on those points, on the common scale.
    """

    points: int
    difference: tuple[int, ...] | None
    largest: int


def sweep(
    left: Program,
    right: Program,
    low: Sequence[int],
    high: Sequence[int],
    workers: int = 1,
    progress: Callable[[int], None] | None = None,
    relation: Relation = EQUAL,
) -> Sweep:
    """Compare two programs on the points of a box, the last feature fastest, until the relation fails on one.

    That no value leaves int64 on the box, and no output 62 bits, is not checked here; `program.py` says who does.

    Args:
        left: the one program.
        right: the other, with as many inputs and outputs.
        low: int[inputs], a corner of the box.
        high: int[inputs], the opposite corner.
        workers: how many threads; the result does not depend on it.
        progress: called in the calling thread with the number of points done so far.
        relation: what has to hold between the outputs.

    Raises:
        ValueError: programs that cannot be compared, no box, a box beyond the programs' bits, more than 2^62 points,
            no worker.
        SweepError: no difference was seen, but another number of points was visited than the box has.
    """
    check_comparable(left, right)
    box = box_of(low, high, left.inputs)
    if box.points > MAX_POINTS:
        raise ValueError(f"expected at most 2^62 points, found {box.points}")
    if workers < 1:
        raise ValueError(f"expected at least one worker, found {workers}")
    chunks = _Chunks((left, right), relation, box)
    visited = largest = 0
    with (
        ThreadPoolExecutor(workers) as executor,
        closing(_in_order(executor, chunks.compare, chunks.firsts(), 2 * workers)) as results,
    ):
        for result in results:
            visited += result.points
            largest = max(largest, result.largest)
            if progress is not None:
                progress(visited)
            if result.difference is not None:
                return Sweep(visited, result.difference, largest)
    if visited != box.points:
        raise SweepError(f"expected {box.points} points to be visited, found {visited}")
    return Sweep(visited, None, largest)


class _Chunks:
    """Two programs and a box, some blocks at a time."""

    def __init__(self, programs: tuple[Program, Program], relation: Relation, box: Box) -> None:
        kind = lane_type(programs)
        check_fits(kind, min(box.low, default=0), max(box.high, default=0))
        self._programs, self._relation = programs, relation
        self._flat = flatten(programs)
        self._cut = cut(box, min(_BLOCK, lanes_of(self._flat)))
        self._blocks = blocks_of(programs, self._cut)
        operations = self._cut.points * operations_per_point(self._flat)
        self._size = max(1, _CHUNK_OPERATIONS // operations)

    def firsts(self) -> range:
        """The number of each chunk's first block."""
        return range(0, self._cut.counted.points, self._size)

    def compare(self, first: int) -> Sweep:
        """Compare on the chunk that begins with block number `first`."""
        cut, work, corner = self._cut, work_array(self._flat), self._cut.corner(first)
        sums, point = (
            sums_at(self._programs, (*corner, *cut.box.low[cut.features :])),
            np.array(corner, dtype=np.int64),
        )
        count = min(self._size, cut.counted.points - first)
        seen = kernel.compare_blocks(self._flat, work, self._relation, self._blocks, point, sums, count)
        visited, largest, fails = seen
        difference = cut.box.point(cut.number(corner) + int(visited) - 1) if fails else None
        return Sweep(int(visited), difference, int(largest))


def _in_order(
    executor: Executor, task: Callable[[_Item], _Result], items: Iterable[_Item], window: int
) -> Generator[_Result, None, None]:
    """Yield task(item) in the order of the items, at most `window` handed out at a time."""
    waiting: deque[Future[_Result]] = deque()
    try:
        for item in items:
            waiting.append(executor.submit(task, item))
            if len(waiting) == window:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:
        for future in waiting:
            future.cancel()
