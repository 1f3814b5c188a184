"""Sparse integer matrices against plain lists."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from certify.network.matrix import Matrix, from_dense

ENTRY = st.just(0) | st.integers(-9, 9) | st.integers(-(2**63), 2**63 - 1)


@st.composite
def tables(draw):
    width = draw(st.integers(1, 5))
    return draw(st.lists(st.lists(ENTRY, min_size=width, max_size=width), min_size=1, max_size=5))


@given(tables())
def test_rows_hold_the_entries_that_are_not_zero(rows):
    matrix = from_dense(np.array(rows, dtype=np.int64))
    kept = [[(column, value) for column, value in enumerate(row) if value] for row in rows]
    assert [list(zip(*matrix.row(index), strict=True)) for index in range(len(rows))] == kept
    assert matrix.shape == (len(rows), len(rows[0]))
    assert matrix.entries == sum(map(len, kept))
    assert matrix.row_of_entry().tolist() == [index for index, row in enumerate(kept) for _ in row]
    assert matrix.to_dense().tolist() == rows


def stored(start, columns, values, shape=(2, 3)) -> Matrix:
    return Matrix(shape, *(np.array(array, dtype=np.int64) for array in (start, columns, values)))


def test_a_stored_zero_stays():
    matrix = stored([0, 2, 2], [0, 2], [0, 5])
    assert matrix.entries == 2
    assert matrix.row(0) == ([0, 2], [0, 5])
    assert matrix.row(1) == ([], [])


def test_some_entries_only():
    matrix = stored([0, 2, 3], [0, 2, 1], [4, 5, 6])
    some = matrix.only(np.array([False, True, True]))
    assert [some.row(index) for index in (0, 1)] == [([2], [5]), ([1], [6])]
    assert (matrix.empty().shape, matrix.empty().entries) == (matrix.shape, 0)
    last = matrix.rows(1, 2)
    assert (last.shape, last.row(0)) == ((1, 3), ([1], [6]))
    assert matrix.rows(2, 2).shape == (0, 3)
    assert (matrix.to_dense(np.float64).dtype, matrix.to_dense().tolist()) == (np.float64, [[4, 0, 5], [0, 6, 0]])


def test_its_arrays_cannot_be_written():
    matrix = stored([0, 1, 2], [0, 2], [4, 5])
    for array in (matrix.start, matrix.columns, matrix.values):
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 1


@pytest.mark.parametrize(
    ("start", "columns", "values"),
    [
        pytest.param([0, 1], [0], [1], id="too few rows"),
        pytest.param([1, 1, 1], [0], [1], id="does not start at 0"),
        pytest.param([0, 1, 1], [0, 1], [1, 1], id="an entry of no row"),
        pytest.param([0, 1, 2], [0, 1], [1], id="a value is missing"),
        pytest.param([0, 1, 2], [0, 3], [1, 1], id="column beyond the width"),
        pytest.param([0, 1, 2], [0, -1], [1, 1], id="column below 0"),
    ],
)
def test_what_does_not_hold_together(start, columns, values):
    with pytest.raises(AssertionError):
        stored(start, columns, values)
