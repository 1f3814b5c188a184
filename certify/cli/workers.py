"""Worker processes for independent pieces of work."""

from __future__ import annotations

import multiprocessing
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
    # Fresh processes on every platform: a copy of one with compiled code and solver state is not safe.
    pool = ProcessPoolExecutor(count, mp_context=multiprocessing.get_context("spawn"))
    try:
        yield pool.map
    except BrokenProcessPool:
        raise DisagreementError("a worker process died, and with it what it was to decide") from None
    finally:
        pool.shutdown(wait=False, cancel_futures=True)
