"""Ctrl-C, made to arrive.

Python raises KeyboardInterrupt between two instructions of whatever runs just then. In a destructor it is printed
and dropped; in a conversion by ctypes, which z3's interface is made of, it comes out as another error. So the first
SIGINT is remembered, and repeated twice a second until it has come through.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import FrameType
from typing import NoReturn

_AGAIN = 0.5


@dataclass
class Interrupts:
    """Whether the user has asked to stop."""

    received: bool = False

    def handle(self, _number: int, _frame: FrameType | None) -> NoReturn:
        """Handle a signal: interrupt, and again a little later."""
        if not self.received:
            self.received = True
            _repeat(_AGAIN)
        raise KeyboardInterrupt


@contextmanager
def repeated_interrupts() -> Iterator[Interrupts]:
    """Repeat an interrupt until it leaves the block, as a KeyboardInterrupt or as another exception in its stead."""
    interrupts = Interrupts()
    if threading.current_thread() is not threading.main_thread() or not hasattr(signal, "setitimer"):
        yield interrupts
        return
    before = {number: signal.signal(number, interrupts.handle) for number in (signal.SIGINT, signal.SIGALRM)}
    try:
        yield interrupts
    finally:
        _repeat(0)
        for number, handler in before.items():
            signal.signal(number, handler)


def _repeat(seconds: float) -> None:
    """Send SIGALRM again and again after this time; 0 ends it."""
    signal.setitimer(signal.ITIMER_REAL, seconds, seconds)
