"""How a network that is refused has to be refused."""

from __future__ import annotations

import tracemalloc

import pytest

from certify.errors import InputError
from certify.network.reader import read_network

MAX_PEAK = 2**20


def refused(data: bytes) -> InputError:
    with pytest.raises(InputError) as caught:
        read_network(data)
    return caught.value


def check_refused(data: bytes, place: str, problem: str) -> None:
    """In one short line that says where, and what was expected there."""
    error = refused(data)
    assert error.place == place
    assert problem in error.problem
    assert error.problem.startswith(("expected", "object"))
    assert len(str(error).splitlines()) == 1
    assert len(str(error)) < 300


def check_refused_at_once(data: bytes, place: str, problem: str) -> None:
    """Before anything of the size that the data claims is made."""
    tracemalloc.start()
    try:
        error = refused(data)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert error.place == place
    assert problem in error.problem
    assert peak < MAX_PEAK
