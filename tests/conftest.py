"""Hypothesis without deadlines, numpy's scalars allowed to wrap, and Ctrl-C as on a terminal.

How long one example takes depends on who else uses the machine. Philox is arithmetic modulo 2^64: compiled, it
wraps in silence; with the JIT off numpy warns of the same thing. A job in the background may have been begun with
SIGINT ignored, and all its processes with it.
"""

from __future__ import annotations

import signal
from collections.abc import Iterator

import numpy as np
import pytest
from hypothesis import settings

settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")


@pytest.fixture(autouse=True, scope="session")
def _wrapping_words() -> Iterator[None]:
    with np.errstate(over="ignore"):
        yield


@pytest.fixture(autouse=True, scope="session")
def _interrupts_that_arrive() -> Iterator[None]:
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)
