"""Two programs on every point of a finite box.

The box is cut into chunks of consecutive points, and threads run the compiled kernel on them: it releases the
interpreter's lock. Results are taken in the order of the chunks, so the point returned is the first that differs
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
from solvers.grid.box import Box, box_of
from solvers.grid.flat import check_comparable, flatten, points_per_chunk, work_array
from solvers.grid.program import Program

MAX_POINTS = 2**62
_Item = TypeVar("_Item")
_Result = TypeVar("_Result")


class SweepError(RuntimeError):
    """The sweep did not visit the points that it had to: a defect of this package."""


@dataclass(frozen=True)
class Sweep:
    """What a sweep saw.

    Attributes:
        points: how many points were compared, in order, the differing one included; counted by the kernel.
        difference: the first point on which outputs differ, or None when there is none.
    """

    points: int
    difference: tuple[int, ...] | None


def sweep(
    left: Program,
    right: Program,
    low: Sequence[int],
    high: Sequence[int],
    workers: int = 1,
    progress: Callable[[int], None] | None = None,
) -> Sweep:
    """Compare two programs on the points of a box, the last feature fastest, until one differs.

    That no value leaves int64 on the box is not checked here; `program.py` says who does.

    Args:
        left: the one program.
        right: the other, with as many inputs and outputs.
        low: int[inputs], a corner of the box.
        high: int[inputs], the opposite corner.
        workers: how many threads; the result does not depend on it.
        progress: called in the calling thread with the number of points done so far.

    Raises:
        ValueError: programs that cannot be compared, no box, more than 2^62 points, no worker.
        SweepError: no difference was seen, but another number of points was visited than the box has.
    """
    check_comparable(left, right)
    box = box_of(low, high, left.inputs)
    if box.points > MAX_POINTS:
        raise ValueError(f"expected at most 2^62 points, found {box.points}")
    if workers < 1:
        raise ValueError(f"expected at least one worker, found {workers}")
    chunks = _Chunks(left, right, box)
    visited = 0
    with (
        ThreadPoolExecutor(workers) as executor,
        closing(_in_order(executor, chunks.compare, chunks.firsts(), 2 * workers)) as results,
    ):
        for result in results:
            visited += result.points
            if progress is not None:
                progress(visited)
            if result.difference is not None:
                return Sweep(visited, result.difference)
    if visited != box.points:
        raise SweepError(f"expected {box.points} points to be visited, found {visited}")
    return Sweep(visited, None)


class _Chunks:
    """Two programs and a box, chunk by chunk."""

    def __init__(self, left: Program, right: Program, box: Box) -> None:
        self._left, self._right, self._box = flatten(left), flatten(right), box
        self._low = np.array(box.low, dtype=np.int64)
        self._high = np.array(box.high, dtype=np.int64)
        self._size = points_per_chunk(self._left, self._right)

    def firsts(self) -> range:
        """The number of each chunk's first point."""
        return range(0, self._box.points, self._size)

    def compare(self, first: int) -> Sweep:
        """Compare on the chunk that begins at point number `first`."""
        left_work, right_work = work_array(self._left), work_array(self._right)
        visited, lane = kernel.compare_grid(
            self._left,
            left_work,
            self._right,
            right_work,
            self._low,
            self._high,
            np.array(self._box.point(first), dtype=np.int64),
            min(self._size, self._box.points - first),
        )
        if lane < 0:
            return Sweep(int(visited), None)
        return Sweep(int(visited), tuple(left_work[: self._left.inputs, lane].tolist()))


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
