"""Masks as bytes, against a plain reading of the format."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from certify.base.mask import Mask, from_bits
from certify.certificate.mask_codec import decode, encode
from certify.errors import InvalidCertificateError

HUGE = 2**31 - 1


# A naive codec: masks are lists of rows, rows are lists of columns.


def naive_leb128(number):
    digits = [number % 128]
    while number := number // 128:
        digits.append(number % 128)
    return bytes([digit + 128 for digit in digits[:-1]] + digits[-1:])


def naive_encode(rows):
    data = bytearray()
    for columns in rows:
        data += naive_leb128(len(columns))
        for before, column in zip([-1, *columns], columns, strict=False):
            data += naive_leb128(column - before)
    return bytes(data)


def naive_decode(data, shape):
    """Return the rows, or None for what is no mask."""
    rest = list(data)

    def number():
        value = place = 0
        while True:
            byte = rest.pop(0)
            value += byte % 128 * 128**place
            place += 1
            if byte < 128:
                return value if byte or place == 1 else None

    rows = []
    try:
        for _ in range(shape[0]):
            column, columns = -1, []
            for _ in range(number()):
                gap = number()
                column += gap
                if gap < 1 or column >= shape[1]:
                    return None
                columns.append(column)
            rows.append(columns)
    except (IndexError, TypeError):
        return None
    return None if rest else rows


def as_rows(mask):
    return [mask.columns[first:end].tolist() for first, end in zip(mask.start[:-1], mask.start[1:], strict=True)]


def as_mask(rows, width):
    start = np.cumsum([0] + [len(columns) for columns in rows]).astype(np.int64)
    flat = [column for columns in rows for column in columns]
    return Mask((len(rows), width), start, np.array(flat, dtype=np.int64))


def same(a, b):
    return a.shape == b.shape and np.array_equal(a.start, b.start) and np.array_equal(a.columns, b.columns)


@st.composite
def masks(draw):
    rows = draw(st.integers(1, 6))
    width = draw(st.sampled_from([1, 2, 5, 127, 128, 129, 20_000, 3_000_000, HUGE]))
    column = st.integers(0, width - 1) | st.integers(0, min(width, 300) - 1)
    kept = st.lists(column, max_size=8, unique=True).map(sorted)
    return as_mask(draw(st.lists(kept, min_size=rows, max_size=rows)), width)


@given(masks())
def test_round_trip_against_the_naive_codec(mask):
    data = encode(mask)
    assert data == naive_encode(as_rows(mask))
    assert naive_decode(data, mask.shape) == as_rows(mask)
    again = decode(data, mask.shape, "mask")
    assert same(again, mask)
    assert again.start.dtype == again.columns.dtype == np.int64


@given(st.integers(1, 5), st.integers(1, 200), st.floats(0, 1), st.integers(0, 2**32 - 1))
def test_dense_and_sparse_bits(rows, width, share, seed):
    mask = from_bits(np.random.default_rng(seed).random((rows, width)) < share)
    assert encode(mask) == naive_encode(as_rows(mask))
    assert same(decode(encode(mask), mask.shape, "mask"), mask)


def test_a_large_mask():
    mask = from_bits(np.random.default_rng(5).random((1000, 700)) < 0.2)
    assert encode(mask) == naive_encode(as_rows(mask))
    assert same(decode(encode(mask), mask.shape, "mask"), mask)


@pytest.mark.parametrize(
    ("rows", "width", "data"),
    [
        pytest.param([[]], 1, b"\x00", id="nothing kept"),
        pytest.param([[0]], 1, b"\x01\x01", id="first column"),
        pytest.param([[], [0, 1, 4], []], 5, b"\x00\x03\x01\x01\x03\x00", id="three rows"),
        pytest.param([[126]], 128, b"\x01\x7f", id="gap 127"),
        pytest.param([[127]], 128, b"\x01\x80\x01", id="gap 128"),
        pytest.param([[16382, 32766]], 40000, b"\x02\xff\x7f\x80\x80\x01", id="gaps 16383 and 16384"),
        pytest.param([[HUGE - 1]], HUGE, b"\x01\xff\xff\xff\xff\x07", id="the last column there can be"),
        pytest.param([list(range(200))], 200, b"\xc8\x01" + b"\x01" * 200, id="all of 200"),
        pytest.param([], 5, b"", id="no rows"),
    ],
)
def test_known_bytes(rows, width, data):
    mask = as_mask(rows, width)
    assert encode(mask) == data
    assert same(decode(data, mask.shape, "mask"), mask)


@pytest.mark.parametrize(
    ("data", "shape", "problem"),
    [
        pytest.param(b"", (1, 5), "expected 1 rows, found 0 numbers", id="empty"),
        pytest.param(b"\x80", (1, 5), "found the end of the bytes", id="number cut off"),
        pytest.param(b"\x02\x01\x81", (1, 5), "found the end of the bytes", id="second number cut off"),
        pytest.param(b"\x02\x01", (1, 5), "expected 2 gaps in row 0, found 1", id="gaps missing"),
        pytest.param(b"\x00\x03\x01\x01", (2, 5), "expected 3 gaps in row 1, found 2", id="gaps missing in row 1"),
        pytest.param(b"\x00\x00", (3, 5), "expected 3 rows, found 2 numbers", id="row missing"),
        pytest.param(b"\x01\x01\x01\x01", (3, 5), "expected 3 rows, found 2", id="row missing after gaps"),
        pytest.param(b"\x00\x00", (1, 5), "end after 1 rows, found 1 more", id="row too many"),
        pytest.param(b"\x01\x01\x00", (1, 5), "end after 1 rows, found 1 more", id="byte left over"),
        pytest.param(b"\x00", (0, 5), "end after 0 rows, found 1 more", id="row where there are none"),
        pytest.param(b"\x80\x00", (1, 5), "shortest form, found a longer one at byte 0", id="0 in two bytes"),
        pytest.param(b"\x01\x81\x00", (1, 5), "a longer one at byte 1", id="1 in two bytes"),
        pytest.param(b"\x01\x81\x80\x00", (1, 5), "a longer one at byte 1", id="1 in three bytes"),
        pytest.param(b"\x01\x00", (1, 5), "gaps from 1 to 5 in row 0, found 0", id="gap 0"),
        pytest.param(b"\x00\x02\x01\x00", (2, 5), "gaps from 1 to 5 in row 1, found 0", id="gap 0 in row 1"),
        pytest.param(b"\x01\x06", (1, 5), "gaps from 1 to 5 in row 0, found 6", id="past the end at once"),
        pytest.param(b"\x02\x03\x03", (1, 5), "columns below 5 in row 0, found 5", id="past the end by one"),
        pytest.param(b"\x01\x05\x02\x05\x05", (2, 5), "below 5 in row 1, found 9", id="past the end in row 1"),
        pytest.param(b"\x06" + b"\x01" * 6, (1, 5), "at most 5 kept columns in row 0, found 6", id="too many kept"),
        pytest.param(b"\x00\x06" + b"\x01" * 6, (2, 5), "columns in row 1, found 6", id="too many in row 1"),
        pytest.param(b"\x01" + b"\xff" * 8 + b"\x7f", (1, 5), f"found {2**63 - 1}", id="largest number"),
        pytest.param(b"\xff" * 8 + b"\x7f", (1, 5), f"found {2**63 - 1}", id="largest count"),
        pytest.param(b"\x01" + b"\x80" * 9 + b"\x01", (1, 5), "below 2^63, found a larger one at byte 1", id="2^63"),
        pytest.param(b"\x80" * 50 + b"\x01", (1, 5), "below 2^63, found a larger one at byte 0", id="2^350"),
        pytest.param(b"\x80" * 50 + b"\x00", (1, 5), "below 2^63, found a larger one", id="0 in 51 bytes"),
        pytest.param(b"\x00", (1, HUGE + 1), f"at most {HUGE} columns", id="matrix too wide"),
        pytest.param(b"\x00", (10**15, 5), "expected 1000000000000000 rows", id="matrix too high"),
    ],
)
def test_refused(data, shape, problem):
    with pytest.raises(InvalidCertificateError) as caught:
        decode(data, shape, "masks[0]")
    assert problem in caught.value.problem
    assert caught.value.place == "masks[0]"
    assert naive_decode(data, shape) is None or shape[1] > HUGE


def test_gaps_that_would_wrap_a_sum():
    """As many of the largest gaps as add up to a small column, were the sum taken modulo 2^32 or 2^64."""
    data = b"\x03" + naive_leb128(HUGE) * 2 + b"\x03"
    with pytest.raises(InvalidCertificateError, match="columns below"):
        decode(data, (1, HUGE), "mask")
    for gap in (2**62, 2**63 - 1):
        with pytest.raises(InvalidCertificateError, match="gaps from 1"):
            decode(b"\x04" + naive_leb128(gap) * 4, (1, HUGE), "mask")


@pytest.mark.parametrize(
    ("data", "shape"),
    [
        pytest.param(b"\x00\x00\x00", (10**12, 5), id="rows"),
        pytest.param(naive_leb128(HUGE - 5), (1, HUGE), id="count"),
        pytest.param(b"\x01" + naive_leb128(2**60), (1, HUGE), id="gap"),
        pytest.param(b"\x01" + naive_leb128(HUGE), (1, HUGE), id="columns"),
    ],
)
def test_lengths_are_not_trusted(data, shape):
    tracemalloc.start()
    try:
        decode(data, shape, "mask")
    except InvalidCertificateError:
        pass
    finally:
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    assert peak < 10**6


BYTES = st.binary(max_size=12) | st.lists(
    st.sampled_from([0, 0, 1, 1, 1, 2, 3, 5, 0x7F, 0x80, 0x81, 0xFF]), max_size=12
).map(bytes)


@given(BYTES, st.tuples(st.integers(0, 4), st.sampled_from([1, 2, 3, 130, HUGE])))
@example(b"\x00\x00", (2, 1))
@example(b"\x02\x01\x80\x01", (1, 130))
def test_bytes_are_one_mask_or_none(data, shape):
    """What decodes is the encoding of what it decodes to: no two strings of bytes mean the same mask."""
    expected = naive_decode(data, shape)
    if expected is None:
        with pytest.raises(InvalidCertificateError):
            decode(data, shape, "mask")
        return
    mask = decode(data, shape, "mask")
    assert as_rows(mask) == expected
    assert encode(mask) == data


@given(masks(), st.data())
def test_a_changed_byte_is_another_mask_or_none(mask, draw):
    data = bytearray(encode(mask))
    position = draw.draw(st.integers(0, len(data) - 1))
    data[position] ^= draw.draw(st.integers(1, 255))
    try:
        other = decode(bytes(data), mask.shape, "mask")
    except InvalidCertificateError:
        return
    assert not same(other, mask)
    assert encode(other) == bytes(data)
