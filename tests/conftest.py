"""Hypothesis without deadlines, Ctrl-C as on a terminal, and what is left out where there is no compiled code.

How long one example takes depends on who else uses the machine. Fifty are tried where a test names no number of its
own, others in every run. A job in the background may have been begun with SIGINT ignored, and all its processes with
it. With NUMBA_DISABLE_JIT=1 kernels run in the interpreter, some thousand times slower: tests marked `compiled` can
not wait for that, and a search that finds nothing ends sooner.
"""

from __future__ import annotations

import signal
from collections.abc import Iterator

import numba
import pytest
from hypothesis import settings

from certify.proof import enumeration

INTERPRETED_POINTS = 600
settings.register_profile("untimed", deadline=None, max_examples=50)
settings.load_profile("untimed")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if numba.config.DISABLE_JIT:
        config.hook.pytest_deselected(items=[item for item in items if item.get_closest_marker("compiled")])
        items[:] = [item for item in items if not item.get_closest_marker("compiled")]


@pytest.fixture(autouse=True, scope="session")
def _interrupts_that_arrive() -> Iterator[None]:
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.fixture(autouse=True, scope="session")
def _searches_that_end() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        if numba.config.DISABLE_JIT:
            patch.setattr(enumeration, "SEARCH_POINTS", INTERPRETED_POINTS)
        yield
