"""Worker processes for independent pieces of work."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from typing import Any

from certify.errors import DisagreementError

Run = Callable[[Callable[[Any], Any], Iterable[Any]], Iterable[Any]]


@contextmanager
def worker_processes(count: int) -> Iterator[Run]:
    """Give a `map` over this many processes; over none besides this one for 1.

    Raises:
        DisagreementError: a worker died; what it was to decide is not decided.
    """
    if count == 1:
        yield map
        return
    with other_processes(count) as run:
        yield run


@contextmanager
def other_processes(count: int) -> Iterator[Run]:
    """Give a `map` over this many processes, none of them this one.

    Raises:
        DisagreementError: one of them died; what it was to decide is not decided.
    """
    # Fresh processes on every platform: a copy of one with compiled code and solver state is not safe.
    context = multiprocessing.get_context("spawn")
    pool = ProcessPoolExecutor(count, mp_context=context, initializer=_end_with_parent)

    def run(function: Callable[[Any], Any], work: Iterable[Any]) -> Iterable[Any]:
        with _interrupts_held():
            return pool.map(function, work)

    try:
        yield run
    except BaseException as error:
        for process in multiprocessing.active_children():
            process.terminate()
        pool.shutdown(wait=False, cancel_futures=True)
        if isinstance(error, BrokenProcessPool):
            raise DisagreementError("a worker process died, and with it what it was to decide") from None
        raise
    pool.shutdown()


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
