"""Ctrl-C, made to arrive.

Python raises KeyboardInterrupt between two instructions of the main thread. That may be late, while z3 or compiled
code is at work, or lost, in a destructor or a conversion by ctypes. So a thread hears of SIGINT too, the moment it
comes, and gives the main thread a short while to leave in good order; then it ends the process itself.
"""

from __future__ import annotations

import os
import signal
import socket
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager

INTERRUPTED = 130
_PATIENCE = 0.5
# A progress bar hides it.
SHOW_CURSOR = "\x1b[?25h"


class Interrupts:
    """Whether the user has asked to stop.

    Attributes:
        received: SIGINT came.
    """

    def __init__(self, heard: socket.socket) -> None:
        self.received = False
        self.over = threading.Event()
        self._heard = heard

    def watch(self) -> None:
        """Wait for a signal, or for the other end to close; end the process unless `over` is set in time."""
        while number := self._heard.recv(1):
            if number[0] == signal.SIGINT:
                break
        else:
            return
        self.received = True
        if not self.over.wait(_PATIENCE):
            shown = SHOW_CURSOR if sys.stderr.isatty() else ""
            sys.stderr.write(f"{shown}certify: interrupted\n")
            sys.stderr.flush()
            os._exit(INTERRUPTED)


@contextmanager
def watched_interrupts() -> Iterator[Interrupts]:
    """Have an interrupt end the process even where the code inside does not hear of it.

    Where SIGINT is ignored on purpose, or this is not the main thread, everything stays as it is.
    """
    heard, told = socket.socketpair()
    with heard, told:
        interrupts = Interrupts(heard)
        main = threading.current_thread() is threading.main_thread()
        if not main or signal.getsignal(signal.SIGINT) is not signal.default_int_handler:
            yield interrupts
            return
        told.setblocking(False)
        before = signal.set_wakeup_fd(told.fileno())
        watcher = threading.Thread(target=interrupts.watch, daemon=True)
        watcher.start()
        try:
            yield interrupts
        finally:
            interrupts.over.set()
            signal.set_wakeup_fd(before)
            told.close()
            watcher.join()
