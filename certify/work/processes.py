"""Worker processes on this machine, for independent items of work.

They begin with the first work that is worth it. Items say about how long they take (`Task.seconds`); as long as all
that were seen so far take less than a process needs to begin, they are done here.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from itertools import chain
from typing import Any

from certify.errors import DisagreementError
from certify.work.crew import ALONE, Crew
from certify.work.task import seconds_of

WORTH = 1.5
"""Seconds of work on one core from which on it is worth beginning processes."""

_MOST_ON_WINDOWS = 61  # WaitForMultipleObjects takes no more


def cores() -> int:
    """Return how many cores this process may use, which may be fewer than the machine has."""
    if sys.version_info >= (3, 13):
        return os.process_cpu_count() or 1
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0)) or 1
    return os.cpu_count() or 1


@contextmanager
def local_crew(count: int) -> Iterator[Crew]:
    """Give a crew of this many processes and threads, of this process alone for 1.

    Raises:
        DisagreementError: a worker died; what it was to decide is not decided.
    """
    if count == 1:
        yield ALONE
        return
    with _pool(count) as pool:
        yield Crew(pool.run_if_worth, count)


@contextmanager
def other_processes(count: int) -> Iterator[Crew]:
    """Give a crew of this many processes, none of them this one.

    Raises:
        DisagreementError: one of them died; what it was to decide is not decided.
    """
    with _pool(count) as pool:
        yield Crew(pool.run, count)


@contextmanager
def _pool(count: int) -> Iterator[_Pool]:
    pool = _Pool(count)
    try:
        yield pool
    except BaseException as error:
        pool.stop()
        if isinstance(error, BrokenProcessPool):
            raise DisagreementError("a worker process died, and with it what it was to decide") from None
        raise
    pool.close()


class _Pool:
    """Processes that begin when there is work for them."""

    def __init__(self, count: int) -> None:
        self._count = min(count, _MOST_ON_WINDOWS) if sys.platform == "win32" else count
        self._executor: ProcessPoolExecutor | None = None

    def run(self, function: Callable[[Any], Any], items: Iterable[Any]) -> Iterable[Any]:
        """Map over the processes."""
        if self._executor is None:
            # Fresh processes on every platform: a copy of one with compiled code and solver state is not safe.
            context = multiprocessing.get_context("spawn")
            self._executor = ProcessPoolExecutor(self._count, mp_context=context, initializer=_end_with_parent)
        with _interrupts_held():
            return self._executor.map(function, items)

    def run_if_worth(self, function: Callable[[Any], Any], items: Iterable[Any]) -> Iterable[Any]:
        """Map over the processes, or here where it takes less than they need to begin."""
        if self._executor is not None:
            return self.run(function, items)
        source = iter(items)
        seen: list[Any] = []
        seconds = 0.0
        for item in source:
            seen.append(item)
            seconds += seconds_of(item)
            if len(seen) > 1 and seconds >= WORTH:
                return self.run(function, chain(seen, source))
        return map(function, seen)

    def close(self) -> None:
        if self._executor is not None:
            self._executor.shutdown()

    def stop(self) -> None:
        """End the processes, whatever they are at."""
        for process in multiprocessing.active_children():
            process.terminate()
        if self._executor is not None:
            self._executor.shutdown(wait=False, cancel_futures=True)


@contextmanager
def _interrupts_held() -> Iterator[None]:
    """Hold SIGINT back: processes that begin inside never get it, so that only this one answers to Ctrl-C."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    from multiprocessing import resource_tracker  # noqa: PLC0415 - not there on every platform

    # Begun inside, it would let SIGINT through again.
    resource_tracker.ensure_running()
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _end_with_parent() -> None:
    """End this worker as soon as the process that began it is gone, however that went."""
    parent = multiprocessing.parent_process()
    assert parent is not None

    def wait() -> None:
        parent.join()
        os._exit(1)

    threading.Thread(target=wait, daemon=True).start()
