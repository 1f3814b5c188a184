"""The oracle against published answers, numpy's own Philox against the oracle, the kernel against the oracle."""

from __future__ import annotations

import naive_base as naive
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from certify.base import philox, philox_arrays

LAST = 2**64 - 1
words = st.integers(0, LAST)
keys = st.tuples(words, words)
# Coordinates are int64; a block and a row are whole 64-bit counters, so large ones count too.
coordinates = st.integers(0, 40) | st.integers(0, 2**63 - 1)


def draw(key, matrix, bits, places):
    """Weights at (row, column) or (row, column, group): compiled, and on arrays, which hold them up to 30 bits."""
    places = [(*place, 0)[:3] for place in places]
    rows, columns, groups = (np.array(side, dtype=np.int64) for side in zip(*places, strict=True))
    where = np.array(key, dtype=np.uint64), matrix, 2 ** (bits + 1) + 1, groups, rows, columns
    found = philox.draw(*where)
    if bits <= 30:
        assert philox_arrays.draw(*where).tolist() == found.tolist()
    return (found - 2**bits).tolist()


def draw_naive(key, matrix, bits, places):
    return [naive.weight_of_word(naive.word_at(key, matrix, *place), bits) for place in places]


def block(key, *counter):
    out = np.zeros(4, dtype=np.uint64)
    philox._block(np.array(key, dtype=np.uint64), *map(np.uint64, counter), out)
    return tuple(int(word) for word in out)


KNOWN = pytest.mark.parametrize(
    ("key", "counter", "expected"),
    [
        pytest.param(
            (0, 0),
            (0, 0, 0, 0),
            (0x16554D9ECA36314C, 0xDB20FE9D672D0FDC, 0xD7E772CEE186176B, 0x7E68B68AEC7BA23B),
            id="zeros",
        ),
        pytest.param(
            (LAST,) * 2,
            (LAST,) * 4,
            (0x87B092C3013FE90B, 0x438C3C67BE8D0224, 0x9CC7D7C69CD777B6, 0xA09CAEBF594F0BA0),
            id="all ones",
        ),
        pytest.param(
            (0x452821E638D01377, 0xBE5466CF34E90C6C),
            (0x243F6A8885A308D3, 0x13198A2E03707344, 0xA4093822299F31D0, 0x082EFA98EC4E6C89),
            (0xA528F45403E61D95, 0x38C72DBD566E9788, 0xA5A1610E72FD18B5, 0x57BD43B5E52B7FE6),
            id="digits of pi",
        ),
    ],
)


@KNOWN
def test_the_oracle_gives_random123s_known_answers(key, counter, expected):
    assert naive.philox4x64_10(key, counter) == expected


@KNOWN
def test_known_answers_compiled(key, counter, expected):
    assert block(key, *counter) == expected


def block_of_arrays(key, *counter):
    """The last of several, so that others stand before it."""
    counters = (np.array([5, 7, value], dtype=np.uint64) for value in counter)
    return tuple(int(word[2]) for word in philox_arrays.block(np.array(key, dtype=np.uint64), *counters))


@KNOWN
def test_known_answers_on_arrays(key, counter, expected):
    assert block_of_arrays(key, *counter) == expected


def test_cpp26_ten_thousandth_value():
    # std::philox4x64 counts blocks from 0 and takes four words of each: value 10000 is word 3 of block 2499.
    assert block((20111115, 0), 2499, 0, 0, 0)[3] == 3409172418970261260


@given(keys, st.tuples(words, words, words, words))
def test_blocks_are_the_oracles(key, counter):
    assert block(key, *counter) == block_of_arrays(key, *counter) == naive.philox4x64_10(key, counter)


@given(keys, st.tuples(st.integers(0, LAST - 1), words, words, words))
def test_numpys_philox_is_one_block_ahead_of_the_oracle(key, counter):
    theirs = np.random.Philox(key=np.array(key, dtype=np.uint64), counter=np.array(counter, dtype=np.uint64))
    c0, *rest = counter
    assert tuple(theirs.random_raw(4).tolist()) == naive.philox4x64_10(key, (c0 + 1, *rest))


@given(words, words)
def test_multiply_high_is_the_big_product(a, b):
    assert int(philox._multiply_high(np.uint64(a), np.uint64(b))) == a * b >> 64


@pytest.mark.parametrize("a", [0, 1, 2**32 - 1, 2**32, 2**63, LAST - 1, LAST])
@pytest.mark.parametrize("b", [0, 1, 2**32 - 1, 2**32, 2**63, LAST - 1, LAST])
def test_multiply_high_at_the_edges_of_its_halves(a, b):
    assert int(philox._multiply_high(np.uint64(a), np.uint64(b))) == a * b >> 64


@given(
    keys,
    st.integers(0, 100),
    st.integers(0, 61),
    st.lists(st.tuples(coordinates, coordinates, coordinates), min_size=1),
)
def test_weights_are_the_oracles(key, matrix, bits, places):
    assert draw(key, matrix, bits, places) == draw_naive(key, matrix, bits, places)


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 9)), min_size=1, max_size=60))
def test_repeated_and_unordered_neighbours_that_share_blocks(places):
    key = (20111115, 0)
    assert draw(key, 1, 5, places) == draw_naive(key, 1, 5, places)


@given(st.lists(st.tuples(st.integers(0, 1), st.integers(0, 9), st.integers(0, 2)), min_size=1, max_size=60))
def test_neighbours_of_other_groups_share_no_blocks(places):
    key = (20111115, 1)
    assert draw(key, 1, 5, places) == draw_naive(key, 1, 5, places)


def test_the_same_block_of_another_row_is_not_taken_for_it():
    places = [(0, 5), (0, 6), (1, 6), (1, 5), (0, 5), (0, 1), (1, 1)]
    assert draw((1, 2), 0, 20, places) == draw_naive((1, 2), 0, 20, places)


@given(keys, st.integers(0, 5), st.integers(0, 61), st.lists(st.tuples(coordinates, coordinates), min_size=1))
def test_a_weight_alone_is_the_weight_among_others(key, matrix, bits, places):
    assert [draw(key, matrix, bits, [place])[0] for place in places] == draw(key, matrix, bits, places)


@given(st.lists(st.tuples(st.integers(0, 1), st.integers(0, 9)), min_size=1, max_size=30), st.integers(1, 7))
def test_arrays_that_are_cut_anywhere(places, at_once):
    with pytest.MonkeyPatch.context() as monkeypatch:
        monkeypatch.setattr(philox_arrays, "AT_ONCE", at_once)
        assert draw((9, 8), 2, 12, places) == draw_naive((9, 8), 2, 12, places)


@given(st.lists(words, min_size=1), st.integers(0, 30))
def test_words_on_arrays_become_the_oracles_weights(values, bits):
    found = philox_arrays._scaled(np.array(values, dtype=np.uint64), 2 ** (bits + 1) + 1)
    assert (found - 2**bits).tolist() == [naive.weight_of_word(value, bits) for value in values]


def test_arrays_do_not_hold_weights_of_more_than_30_bits():
    with pytest.raises(AssertionError):
        philox_arrays._scaled(np.zeros(1, dtype=np.uint64), 2**32 + 1)


@pytest.mark.parametrize("by", [philox, philox_arrays])
def test_nothing_is_drawn_for_no_coordinates(by):
    none = np.zeros(0, dtype=np.int64)
    weights = by.draw(np.zeros(2, dtype=np.uint64), 0, 4, none, none, none)
    assert (weights.dtype, weights.shape) == (np.int64, (0,))


@pytest.mark.parametrize("bits", [0, 1, 4, 30, 61])
def test_the_oracles_extreme_words_are_the_extreme_weights(bits):
    assert naive.weight_of_word(0, bits) == -(2**bits)
    assert naive.weight_of_word(LAST, bits) == 2**bits


@pytest.mark.parametrize("bits", [0, 1, 2, 3])
def test_every_value_occurs_about_as_often_as_every_other(bits):
    count, values = 20_000, 2 ** (bits + 1) + 1
    weights = draw((3, 4), 0, bits, [(i % 7, i // 7) for i in range(count)])
    assert sorted(set(weights)) == list(range(-(2**bits), 2**bits + 1))
    expected = count / values
    squares = sum((weights.count(v) - expected) ** 2 / expected for v in range(-(2**bits), 2**bits + 1))
    # Chi-square with at most 16 degrees of freedom; 45 is beyond one in ten thousand.
    assert squares < 45


@pytest.mark.parametrize("bits", [4, 8, 30, 61])
def test_weights_stay_in_range(bits):
    weights = draw((5, 6), 1, bits, [(i, i % 11) for i in range(3000)])
    assert max(weights) <= 2**bits
    assert min(weights) >= -(2**bits)
    assert max(weights) > 2**bits * 0.99
    assert min(weights) < -(2**bits) * 0.99
