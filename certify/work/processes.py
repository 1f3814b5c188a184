"""Worker processes on this machine, for independent items of work.

They begin with the first work that is worth it. Items say about how long they take (`Task.seconds`); as long as all
that were seen so far take less than processes need to begin, they are done here.

Every worker is an executor of one process (`concurrent.futures`), which does what it was given one by one. So when
it dies it is known with what, and nobody else is concerned: another one takes its place and does the same items
again. If that one dies of the same item, the run fails, and says which. Only some items ahead are given out, so that
neither they nor their results pile up.
"""

from __future__ import annotations

import contextlib
import importlib
import math
import multiprocessing
import os
import signal
import sys
import tempfile
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, ThreadPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from itertools import chain
from pathlib import Path
from typing import Any

from certify.errors import TimeLimitError, WorkLostError
from certify.work.crew import ALONE, Crew
from certify.work.shared import Packed, Store, remove, unpack
from certify.work.task import seconds_of

WORTH = 1.0
"""Seconds of work on one core from which on it is worth beginning processes."""

_DEPTH = 2  # items that a worker has at a time: one at work, and one to go on with
_AHEAD = 4  # items for each worker that are given out before the first of them is back


def cores() -> int:
    """Return how many cores this process may use, which may be fewer than the machine has."""
    if sys.version_info >= (3, 13):
        return os.process_cpu_count() or 1
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0)) or 1
    return os.cpu_count() or 1


@contextlib.contextmanager
def local_crew(count: int) -> Iterator[Crew]:
    """Give a crew of this many processes and threads, of this process alone for 1.

    Raises:
        WorkLostError: two workers died of one item; what it was to decide is not decided.
    """
    if count == 1:
        yield ALONE
        return
    with _pool(count) as pool:
        yield Crew(pool.run_if_worth, count, expect=pool.expect)


@contextlib.contextmanager
def other_processes(count: int) -> Iterator[Crew]:
    """Give a crew of this many processes, none of them this one.

    Raises:
        WorkLostError: two of them died of one item; what it was to decide is not decided.
    """
    with _pool(count) as pool:
        yield Crew(pool.run, count)


@contextlib.contextmanager
def _pool(count: int) -> Iterator[_Pool]:
    pool = _Pool(count)
    try:
        yield pool
    except BaseException:
        pool.stop()
        raise
    pool.close()


def call_within(seconds: float, function: Callable[[Any], Any], argument: Any) -> Any:
    """Return function(argument), called in a process of its own; when the time is over that process is killed.

    What is at work there, in Python, in z3 or in compiled code, is not asked. Processes that it began end with it.

    Raises:
        TimeLimitError: the time is over.
        WorkLostError: the process died.
        Exception: what the function raised.
    """
    _hush_tracker()
    store = Store()
    worker = _Worker(store.folder)
    try:
        future = worker.begin(_call_with_folder, (store.folder, function, argument))
        wait([future], timeout=seconds)
        if not future.done():
            raise TimeLimitError(f"time limit: {seconds:g} s are over")
        return future.result()
    except BrokenProcessPool:
        raise WorkLostError("not decided, as the process that was at it died") from None
    finally:
        for process in multiprocessing.active_children():
            process.kill()
        worker.close()
        store.close()


def _call_with_folder(call: tuple[Path, Callable[[Any], Any], Any]) -> Any:
    """Call with temporary files in a folder that whoever kills this process removes."""
    folder, function, argument = call
    tempfile.tempdir = str(folder)
    return function(argument)


def _hush_tracker() -> None:
    """Have the process that removes what killed processes leave (semaphores) do so without a word to the user."""
    if not hasattr(signal, "pthread_sigmask"):
        return
    from multiprocessing import resource_tracker  # noqa: PLC0415 - not there on every platform

    warnings = ",".join(filter(None, [os.environ.get("PYTHONWARNINGS"), "ignore:resource_tracker"]))
    with _found_by_name_only(), _environment("PYTHONWARNINGS", warnings):
        resource_tracker.ensure_running()


def _found_by_name_only() -> contextlib.AbstractContextManager[None]:
    """Have processes that begin inside import nothing from the current folder.

    They begin with `python -c`, which looks there first, before it gets this process's own path. That folder may hold
    strangers' certificates, as they were unpacked, with a `multiprocessing.py` beside them.
    """
    return _environment("PYTHONSAFEPATH", "1")


@contextlib.contextmanager
def _environment(name: str, value: str) -> Iterator[None]:
    before = os.environ.get(name)
    os.environ[name] = value
    try:
        yield
    finally:
        del os.environ[name]
        if before is not None:
            os.environ[name] = before


class _Item:
    """An item that was given out.

    Attributes:
        deaths: how many workers it has outlived.
        future: its result; None where the worker was dead before it could be given the item.
    """

    def __init__(self, name: str, packed: Packed) -> None:
        self.name, self.packed = name, packed
        self.deaths = 0
        self.future: Future[Any] | None = None

    @property
    def is_lost(self) -> bool:
        future = self.future
        if future is None:
            return True
        return future.done() and isinstance(future.exception(), BrokenProcessPool)

    @property
    def is_done(self) -> bool:
        return self.future is not None and self.future.done() and not self.is_lost

    def result(self) -> Any:
        assert self.future is not None
        return self.future.result()


class _Worker:
    """One process, and what it was given: the first of that is what it is at."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.given: deque[_Item] = deque()
        self._begin()

    def _begin(self) -> None:
        # A fresh process on every platform: a copy of one with compiled code and solver state is not safe.
        context = multiprocessing.get_context("spawn")
        with _found_by_name_only():
            self._executor = ProcessPoolExecutor(1, context, initializer=_end_with_parent, initargs=(self._folder,))
        self._has_begun = False

    def load(self, module: str) -> None:
        """Have it begin, and import what it will need."""
        self._call(importlib.import_module, module)

    def begin(self, function: Callable[[Any], Any], argument: Any) -> Future[Any]:
        """Have it begin with a call, which is all that it is to do."""
        return self._call(function, argument)

    def give(self, item: _Item) -> None:
        """Give it an item."""
        self.given.append(item)
        self._submit(item)

    def _submit(self, item: _Item) -> None:
        item.future = None
        with contextlib.suppress(BrokenProcessPool):
            item.future = self._call(_do_packed, item.packed)

    def _call(self, function: Callable[[Any], Any], argument: Any) -> Future[Any]:
        # The process begins with the first call.
        if self._has_begun:
            return self._executor.submit(function, argument)
        with _interrupts_held(), _found_by_name_only():
            self._has_begun = True
            return self._executor.submit(function, argument)

    def look(self) -> None:
        """Forget what is done. Where the process has died, begin another one with all that is not.

        Raises:
            WorkLostError: the item that it was at has outlived another one already.
        """
        while self.given and self.given[0].is_done:
            self.given.popleft()
        if not self.given or not self.given[0].is_lost:
            return
        first = self.given[0]
        first.deaths += first.future is not None
        if first.deaths == 2:
            raise WorkLostError(f"{first.name}: not decided, as two worker processes died at it")
        self._executor.shutdown(wait=False)
        self._begin()
        for item in self.given:
            self._submit(item)

    def close(self) -> None:
        """Wait for its end."""
        self._executor.shutdown()


class _Pool:
    """Workers, who begin when there is work for them."""

    def __init__(self, count: int) -> None:
        self._count = count
        self._store = Store()
        self._workers: Sequence[_Worker] = ()

    def _begin(self) -> None:
        if not self._workers:
            self._workers = [_Worker(self._store.folder) for _ in range(self._count)]

    def expect(self, seconds: float, module: str) -> None:
        """Have workers begin for work that is to come, if it is worth it, and import what it needs."""
        if not self._workers and seconds >= WORTH:
            self._begin()
            for worker in self._workers[: math.ceil(seconds / WORTH) + 1]:
                worker.load(module)

    def run_if_worth(self, function: Callable[[Any], Any], items: Iterable[Any]) -> Iterable[Any]:
        """Map over the workers, or here where it takes less than they need to begin."""
        if self._workers:
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

    def run(self, function: Callable[[Any], Any], items: Iterable[Any]) -> Iterator[Any]:
        """Map over the workers."""
        self._begin()
        source, more = iter(items), True
        waiting: deque[_Item] = deque()
        while more or waiting:
            for worker in self._workers:
                worker.look()
            more = more and self._give(function, source, waiting)
            if waiting and waiting[0].is_done:
                item = waiting.popleft()
                self._store.drop(item.packed)
                yield item.result()
            else:
                wait(list(self._at_work()), return_when=FIRST_COMPLETED)

    def _at_work(self) -> Iterator[Future[Any]]:
        for worker in self._workers:
            if worker.given and worker.given[0].future is not None:
                yield worker.given[0].future

    def _give(self, function: Callable[[Any], Any], source: Iterator[Any], waiting: deque[_Item]) -> bool:
        """Give out items as long as there is somebody to take them; return whether there may be more."""
        while len(waiting) < _AHEAD * self._count:
            worker = min(self._workers, key=lambda worker: len(worker.given))
            if len(worker.given) == _DEPTH:
                return True
            for item in source:
                waiting.append(_Item(str(item), self._store.pack((function, item))))
                worker.give(waiting[-1])
                break
            else:
                return False
        return True

    def close(self) -> None:
        """Let them end."""
        if self._workers:
            with ThreadPoolExecutor(self._count) as threads:
                threads.map(_Worker.close, self._workers)
        self._store.close()

    def stop(self) -> None:
        """End them, whatever they are at."""
        for process in multiprocessing.active_children():
            process.terminate()
        # What is left of an executor when Python ends complains of what it is closing itself, so wait for that.
        for worker in self._workers:
            worker.close()
        self._store.close()


def _do_packed(packed: Packed) -> Any:
    function, item = unpack(packed)
    return function(item)


@contextlib.contextmanager
def _interrupts_held() -> Iterator[None]:
    """Hold SIGINT back: processes that begin inside never get it, so that only this one answers to Ctrl-C.

    Here it arrives at the end, in whichever thread it came: half a process is none that can be ended.
    """
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    from multiprocessing import resource_tracker  # noqa: PLC0415 - not there on every platform

    with _interrupts_deferred():
        # Begun while it is blocked, it would let SIGINT through again.
        resource_tracker.ensure_running()
        before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
        try:
            yield
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)


@contextlib.contextmanager
def _interrupts_deferred() -> Iterator[None]:
    handler = signal.getsignal(signal.SIGINT)
    if threading.current_thread() is not threading.main_thread() or handler is None:
        yield
        return
    came: list[int] = []
    signal.signal(signal.SIGINT, lambda number, _frame: came.append(number))
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, handler)
        if came:
            signal.raise_signal(signal.SIGINT)


def _end_with_parent(folder: Path) -> None:
    """End this worker as soon as the process that began it is gone, however that went, and leave no file of its."""
    parent = multiprocessing.parent_process()
    assert parent is not None

    def wait() -> None:
        parent.join()
        remove(folder)
        os._exit(1)

    threading.Thread(target=wait, daemon=True).start()
