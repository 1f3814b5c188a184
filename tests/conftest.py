"""Hypothesis without deadlines, and numpy's scalars allowed to wrap.

How long one example takes depends on who else uses the machine. Philox is arithmetic modulo 2^64: compiled, it
wraps in silence; with the JIT off numpy warns of the same thing.
"""

from __future__ import annotations

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
