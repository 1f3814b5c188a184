"""What a run reports while it works: phases, how long they took, and how far they are.

The parts are told of progress and never print; the command line passes a monitor that shows it.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager


class Monitor:
    """Measures phases and shows nothing.

    Attributes:
        timings: seconds spent in each phase, in the order in which they began.
    """

    def __init__(self) -> None:
        self.timings: dict[str, float] = {}

    @contextmanager
    def phase(self, name: str, total: int = 0) -> Iterator[None]:
        """Measure what is done inside; `total` steps are expected, 0 where that is not known."""
        began = time.perf_counter()
        self.begin(name, total)
        try:
            yield
        finally:
            self.timings[name] = self.timings.get(name, 0.0) + time.perf_counter() - began
            self.end()

    def begin(self, name: str, total: int) -> None:
        """Hear that a phase begins."""

    def reach(self, done: int) -> None:
        """Hear that `done` of the phase's steps are done."""

    def end(self) -> None:
        """Hear that the phase is over."""
