"""Strips of the second matrix against the weights at their coordinates."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from certify.base.draw import random_weights
from certify.base.law import Precision
from certify.ticket.drawn import QUANTIZATION, Drawn, Strip

PRECISION = Precision(5, 4)
ROWS = 12


def alone(group, row, unit):
    (weight,) = random_weights("strip", 3, PRECISION, QUANTIZATION, np.array([row]), np.array([unit]), group)
    return int(weight)


@pytest.mark.parametrize("threads", [0, 1])
@pytest.mark.parametrize("groups", [1, 3])
@pytest.mark.parametrize("units", [1, 5, 128])
def test_what_a_strip_holds(groups, units, threads, monkeypatch):
    """Blocks begin further on each time, not in every group as far, and sometimes are looked at again and wider."""
    monkeypatch.setattr(Strip, "UNITS", units)
    with ThreadPoolExecutor(1) as thread:
        strip = Strip(Drawn("strip", 1, PRECISION), ROWS, groups, thread if threads else None)
        starts = np.zeros(groups, dtype=np.int64)
        for step, count in enumerate([3, 3, 9, 1, 14, 2, 5]):
            rows = np.arange(step % 2, ROWS, 2)
            found = strip.at(rows, starts, count)
            assert found.shape == (len(rows), count)
            for row, weights in zip(rows.tolist(), found.tolist(), strict=True):
                group, inner = divmod(row, ROWS // groups)
                first = int(starts[group])
                assert weights == [alone(group, inner, unit) for unit in range(first, first + count)]
            starts = starts + (np.arange(groups) + 2) * (200 if step == 3 else step % 3)
