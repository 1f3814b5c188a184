"""Masks: the order of what is kept, and what no mask can be."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from certify.base.mask import Mask, from_bits


def integers(*values):
    return np.array(values, dtype=np.int64)


def test_kept_positions_stand_row_by_row():
    mask = from_bits(np.array([[False, True, True], [False, False, False], [True, False, True]]))
    assert mask.shape == (3, 3)
    assert mask.start.tolist() == [0, 2, 2, 4]
    assert mask.columns.tolist() == [1, 2, 0, 2]
    assert mask.rows().tolist() == [0, 0, 2, 2]
    assert mask.kept == 4


shapes = st.tuples(st.integers(0, 6), st.integers(0, 6))


@given(
    shapes.flatmap(
        lambda shape: st.lists(
            st.lists(st.booleans(), min_size=shape[1], max_size=shape[1]), min_size=shape[0], max_size=shape[0]
        ).map(lambda rows: np.array(rows, dtype=np.bool_).reshape(shape))
    )
)
def test_from_bits_keeps_the_true_positions(bits):
    mask = from_bits(bits)
    expected = [(r, c) for r in range(bits.shape[0]) for c in range(bits.shape[1]) if bits[r, c]]
    assert mask.shape == bits.shape
    assert list(zip(mask.rows().tolist(), mask.columns.tolist(), strict=True)) == expected
    assert (mask.start.dtype, mask.columns.dtype) == (np.int64, np.int64)


def test_a_mask_cannot_be_changed():
    mask = from_bits(np.ones((2, 2), dtype=np.bool_))
    for array in (mask.start, mask.columns):
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 1


@pytest.mark.parametrize(
    ("shape", "start", "columns"),
    [
        pytest.param((2, 3), (0, 1), (0,), id="a row without its end"),
        pytest.param((1, 3), (0, 1, 1), (0,), id="a row too many"),
        pytest.param((1, 3), (1, 1), (0,), id="begins after 0"),
        pytest.param((1, 3), (-1, 1), (0,), id="begins before 0"),
        pytest.param((1, 3), (0, 2), (0,), id="more promised than kept"),
        pytest.param((1, 3), (0, 1), (0, 1), id="fewer promised than kept"),
        pytest.param((2, 3), (0, 2, 1), (0,), id="falls"),
        pytest.param((1, 3), (0, 1), (3,), id="column after the last"),
        pytest.param((1, 3), (0, 1), (4,), id="column far after the last"),
        pytest.param((1, 3), (0, 1), (-1,), id="negative column"),
        pytest.param((1, 3), (0, 2), (1, 0), id="columns that fall"),
        pytest.param((2, 3), (0, 1, 3), (0, 2, 2), id="a column twice in a row"),
    ],
)
def test_what_is_no_mask(shape, start, columns):
    with pytest.raises(AssertionError):
        Mask(shape, integers(*start), integers(*columns))
