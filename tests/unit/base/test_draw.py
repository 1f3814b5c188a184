"""Weights by name of seed, matrix, row and column: golden ones, the oracle's, and those that a mask keeps."""

from __future__ import annotations

import hashlib
import struct
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import naive_base as naive
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from certify.base.draw import kept_digest, kept_weights, random_rows, random_weights
from certify.base.law import QUANTIZATIONS, BaseNetwork, Precision
from certify.base.mask import from_bits

SEED = "Zürich, 東京 🎟"


def grid(rows, columns):
    places = [(row, column) for row in range(rows) for column in range(columns)]
    return tuple(np.array(side, dtype=np.int64) for side in zip(*places, strict=True))


def weights_at(seed, matrix, precision, quantization, places):
    rows, columns = (np.array(side, dtype=np.int64) for side in zip(*places, strict=True))
    return random_weights(seed, matrix, precision, quantization, rows, columns).tolist()


@pytest.mark.parametrize(
    ("matrix", "bits", "expected"),
    [
        pytest.param(0, 4, [[-9, -1, -5, 0, -5, 4], [-16, -3, 13, 4, 0, 14]], id="matrix 0, 4 bits"),
        pytest.param(1, 4, [[-6, 6, 10, -12, 4, 8], [-14, 10, 5, 9, -9, -2]], id="matrix 1, 4 bits"),
        pytest.param(3, 8, [[203, 99, 37, 207, -246, 212], [-219, -235, -162, 42, -226, 56]], id="matrix 3, 8 bits"),
    ],
)
def test_golden_weights(matrix, bits, expected):
    weights = random_weights(SEED, matrix, Precision(bits, bits), "floor", *grid(2, 6))
    assert weights.reshape(2, 6).tolist() == expected


@pytest.mark.parametrize(
    ("matrix", "row", "column", "drawn", "kept", "expected"),
    [
        pytest.param(2, 10**6, 10**9 + 3, 30, 30, -573262701, id="far away, 30 bits"),
        pytest.param(2, 2**40, 2**50 + 1, 30, 8, 161, id="beyond 2^32, 30 bits to 8"),
    ],
)
def test_golden_weights_alone(matrix, row, column, drawn, kept, expected):
    assert weights_at(SEED, matrix, Precision(drawn, kept), "floor", [(row, column)]) == [expected]
    assert naive.weight(SEED, matrix, row, column, drawn, kept) == expected


@pytest.mark.parametrize(
    ("group", "expected"),
    [
        pytest.param(0, [[203, 99, 37, 207, -246, 212], [-219, -235, -162, 42, -226, 56]], id="0, a dense layer's"),
        pytest.param(1, [[173, -224, -227, 194, -69, -237], [-83, 251, 244, 220, 88, -27]], id="1"),
        pytest.param(2, [[17, 100, 11, -117, -103, -47], [-86, 221, 200, 175, -123, -57]], id="2"),
    ],
)
def test_golden_weights_of_groups(group, expected):
    weights = random_weights(SEED, 3, Precision(8, 8), "floor", *grid(2, 6), group=group)
    assert weights.reshape(2, 6).tolist() == expected


def test_each_weight_may_be_of_another_group():
    places = [(0, 1, 2), (1, 1, 0), (0, 1, 0), (0, 0, 1), (0, 1, 1), (5, 9, 2**20)]
    rows, columns, groups = (np.array(side, dtype=np.int64) for side in zip(*places, strict=True))
    found = random_weights(SEED, 3, Precision(8, 6), "floor", rows, columns, groups)
    assert found.tolist() == [naive.weight(SEED, 3, row, column, 8, 6, group=group) for row, column, group in places]


@given(
    st.text(max_size=12),
    st.integers(0, 9),
    st.tuples(st.integers(0, 30), st.integers(0, 30)).map(sorted),
    st.sampled_from(QUANTIZATIONS),
    st.lists(st.tuples(st.integers(0, 2**40), st.integers(0, 2**40)), min_size=1, max_size=20),
)
def test_weights_are_the_oracles(seed, matrix, bits, quantization, places):
    kept, drawn = bits
    expected = [naive.weight(seed, matrix, row, column, drawn, kept, quantization) for row, column in places]
    assert weights_at(seed, matrix, Precision(drawn, kept), quantization, places) == expected


def test_floor_makes_one_rarer_and_toward_zero_zero_more_frequent():
    rows, columns = grid(300, 300)
    floor = random_weights("law", 0, Precision(4, 1), "floor", rows, columns)
    toward = random_weights("law", 0, Precision(4, 1), "toward_zero", rows, columns)
    counts = {name: [int((w == v).sum()) for v in range(-2, 3)] for name, w in (("f", floor), ("z", toward))}
    # Of 33 drawn values, floor sends 8 to each of -2 to 1 and 1 to 2; toward_zero 1, 8, 15, 8, 1.
    for name, shares in (("f", (8, 8, 8, 8, 1)), ("z", (1, 8, 15, 8, 1))):
        for found, share in zip(counts[name], shares, strict=True):
            chance = share / 33
            assert found == pytest.approx(90_000 * chance, abs=5 * (90_000 * chance * (1 - chance)) ** 0.5)


masks = st.tuples(st.integers(1, 5), st.integers(1, 9)).flatmap(
    lambda shape: st.lists(
        st.lists(st.booleans(), min_size=shape[1], max_size=shape[1]), min_size=shape[0], max_size=shape[0]
    )
)


@given(masks, st.integers(0, 3), st.sampled_from(QUANTIZATIONS))
def test_kept_weights_are_the_dense_draw_times_the_mask(bits, matrix, quantization):
    rows, columns = len(bits), len(bits[0])
    # Few bits, so that many of the weights are 0 and kept all the same.
    base = BaseNetwork("kept", (3, 3), (Precision(2, 1), Precision(1, 0)), quantization)
    precision = base.precisions[matrix // 2]
    matrix_kept = kept_weights(base, matrix, from_bits(np.array(bits)))
    dense = [
        [naive.weight("kept", matrix, r, c, precision.drawn, precision.kept, quantization) for c in range(columns)]
        for r in range(rows)
    ]
    assert matrix_kept.entries == sum(map(sum, bits))
    assert matrix_kept.to_dense().tolist() == [
        [w if keep else 0 for w, keep in zip(*pair, strict=True)] for pair in zip(dense, bits, strict=True)
    ]
    stored = [matrix_kept.row(r) for r in range(rows)]
    assert stored == [
        ([c for c in range(columns) if bits[r][c]], [dense[r][c] for c in range(columns) if bits[r][c]])
        for r in range(rows)
    ]


@given(st.integers(1, 4), st.integers(1, 3), st.integers(1, 9), st.integers(0, 2**32))
def test_kept_weights_of_groups_one_after_the_other(groups, rows, columns, seed):
    base = BaseNetwork("groups", (3,), (Precision(9, 7),))
    bits = np.random.default_rng(seed).random((groups * rows, columns)) < 0.6
    found = kept_weights(base, 1, from_bits(bits), groups)
    for group in range(groups):
        for row in range(rows):
            drawn = [naive.weight("groups", 1, row, column, 9, 7, group=group) for column in range(columns)]
            kept = np.flatnonzero(bits[group * rows + row]).tolist()
            assert found.row(group * rows + row) == (kept, [drawn[column] for column in kept])


def test_a_kept_zero_stays_an_entry():
    base = BaseNetwork("zeros", (4,), (Precision(0, 0),))
    everything = kept_weights(base, 0, from_bits(np.ones((4, 4), dtype=np.bool_)))
    assert 0 in everything.values
    assert everything.entries == 16


def test_kept_digest_is_over_int32_in_mask_order():
    base = BaseNetwork("digest", (2,), (Precision(30, 30),))
    kept = [
        kept_weights(base, 0, from_bits(np.array([[True, False, True], [False, True, True]]))),
        kept_weights(base, 1, from_bits(np.array([[True, False]]))),
    ]
    places = [(0, 0, 0), (0, 0, 2), (0, 1, 1), (0, 1, 2), (1, 0, 0)]
    packed = b"".join(struct.pack("<i", naive.weight("digest", *place, 30)) for place in places)
    assert kept_digest(kept) == hashlib.sha256(packed).hexdigest()


def test_kept_digest_of_nothing():
    assert kept_digest([]) == hashlib.sha256(b"").hexdigest()


def test_rows_in_parallel_are_the_rows_drawn_together():
    """Kernels release the interpreter's lock, and a row depends on its coordinates alone."""
    rows, columns = 24, 37

    def row(index):
        place = np.full(columns, index, dtype=np.int64)
        return random_weights("parallel", 3, Precision(9, 7), "floor", place, np.arange(columns, dtype=np.int64))

    with ThreadPoolExecutor(4, initializer=partial(np.seterr, over="ignore")) as pool:
        drawn = list(pool.map(row, reversed(range(rows))))[::-1]
    expected = [[naive.weight("parallel", 3, r, c, 9, 7, "floor") for c in range(columns)] for r in range(rows)]
    assert [values.tolist() for values in drawn] == expected


@pytest.mark.parametrize("count", [0, 1, 3, 4, 9])
@pytest.mark.parametrize("first", [0, 1, 3, 4, 5])
def test_rows_are_the_weights_at_their_coordinates(first, count):
    rows, group = np.array([0, 5, 2**33]), np.array([0, 1, 3])
    starts = first + np.array([0, 7, 2])
    drawn = random_rows("rows", 3, Precision(6, 4), "floor", rows, starts, count, group)
    assert drawn.shape == (3, count)
    for row, own, start, values in zip(rows, group, starts, drawn, strict=True):
        columns = start + np.arange(count)
        alone = random_weights("rows", 3, Precision(6, 4), "floor", np.full(count, row), columns, int(own))
        assert (values == alone).all()
