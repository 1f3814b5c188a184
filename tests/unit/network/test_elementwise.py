"""Steps on whole tensors are the steps on every integer, in machine words and in Python integers alike."""

from __future__ import annotations

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import ALL_OPS, RULES, step_lists

from certify.network.elementwise import bounds_after, multiply_q31, round_significant, run_steps, shift_right, shrunk
from certify.network.rounding import ROUNDINGS
from certify.network.rounding import multiply_q31 as multiply_one
from certify.network.rounding import round_significant as round_one
from certify.network.rounding import shift_right as shift_one
from certify.network.step_form import StepForm, read_step
from certify.network.steps import Step, apply_steps, channel_steps, largest_intermediate

CHANNELS = 3


def as_steps(written: list[dict]) -> tuple[Step, ...]:
    return tuple(read_step(form, CHANNELS, "step") for form in msgspec.convert(written, list[StepForm]))


def objects(values: list[list[int]]) -> np.ndarray:
    found = np.empty((len(values), CHANNELS), dtype=object)
    for row, line in enumerate(values):
        found[row] = line
    return found


ROWS = st.lists(
    st.lists(st.integers(-300, 300) | st.integers(-(2**35), 2**35), min_size=CHANNELS, max_size=CHANNELS), min_size=1
)
STEPS = step_lists(ops=ALL_OPS, max_size=3, outputs=CHANNELS)


@given(STEPS, ROWS)
def test_tensors_go_the_way_of_integers(written, rows):
    steps = as_steps(written)
    expected = [[apply_steps(channel_steps(steps, c), x) for c, x in enumerate(row)] for row in rows]
    exact = run_steps(steps, objects(rows))
    assert exact.tolist() == expected
    assert {type(value) for value in exact.flat} == {int}
    met = [largest_intermediate(channel_steps(steps, c), x, x) for row in rows for c, x in enumerate(row)]
    if max(met) < 2**62:
        words = run_steps(steps, np.array(rows, dtype=np.int64))
        assert words.dtype == np.int64
        assert words.tolist() == expected


@given(STEPS, ROWS, st.integers(0, 40))
def test_bounds_are_the_images_of_the_ends(written, rows, size):
    steps = as_steps(written)
    low, high = objects(rows), objects([[x + size for x in row] for row in rows])
    least, greatest, largest = bounds_after(steps, low, high)
    assert least.tolist() == run_steps(steps, low).tolist()
    assert greatest.tolist() == run_steps(steps, high).tolist()
    each = [largest_intermediate(channel_steps(steps, c), x, x + size) for row in rows for c, x in enumerate(row)]
    assert largest == max(each)


@given(STEPS, st.lists(st.integers(-300, 300), min_size=CHANNELS, max_size=CHANNELS), st.integers(0, 40))
def test_bounds_that_repeat_are_computed_once_and_are_the_same(written, row, size):
    steps = as_steps(written)
    ends = [np.broadcast_to(objects([line])[0], (4, 5, CHANNELS)) for line in (row, [x + size for x in row])]
    assert shrunk(ends[0]).shape == (1, 1, CHANNELS)
    short, full = bounds_after(steps, *ends), bounds_after(steps, *(end.copy() for end in ends))
    assert shrunk(full[0]).shape == (4, 5, CHANNELS)
    assert [end.tolist() for end in short[:2]] == [end.tolist() for end in full[:2]]
    assert short[2] == full[2]


def test_one_bound_for_all_channels_becomes_one_for_each():
    steps = as_steps([{"op": "thresholds", "at": [[0], [5], [7]]}])
    end = np.broadcast_to(np.array([6], dtype=object), (2, 2, CHANNELS))
    least, greatest, _ = bounds_after(steps, end, end)
    assert least.tolist() == greatest.tolist() == [[[1, 1, 0]] * 2] * 2


WORDS = st.lists(st.integers(-(2**40), 2**40) | st.integers(-5, 5), min_size=1)


@given(WORDS, st.integers(0, 50), st.sampled_from(ROUNDINGS))
def test_shifts(values, shift, rounding):
    found = shift_right(np.array(values, dtype=np.int64), shift, rounding)
    assert found.tolist() == [shift_one(value, shift, rounding) for value in values]


@given(st.lists(st.integers(-(2**61), 2**61) | st.integers(-(2**26), 2**26), min_size=1))
def test_significant_bits(values):
    assert round_significant(np.array(values, dtype=np.int64)).tolist() == list(map(round_one, values))


@pytest.mark.parametrize("rule", RULES)
@given(
    st.lists(st.tuples(st.integers(-(2**29), 2**29), st.integers(1, 2**31 - 1), st.integers(-2, 20)), min_size=1),
)
def test_a_multiplier_for_every_channel(rule, channels):
    values, multipliers, shifts = (np.array(column) for column in zip(*channels, strict=True))
    assert multiply_q31(values[None], multipliers, shifts, rule).tolist() == [
        [multiply_one(*own, rule) for own in channels]
    ]
