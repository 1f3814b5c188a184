"""The two forms of a tensor: what is read from each, and what is refused."""

from __future__ import annotations

import base64

import naive
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import DTYPES, encode

from certify.errors import InputError
from certify.network import tensors
from certify.network.base64_text import decode_base64
from certify.network.tensors import EncodedTensor, read_table, read_vector

DTYPE_NAMES = sorted(DTYPES)


def encoded(shape, dtype, data: bytes) -> EncodedTensor:
    return EncodedTensor(shape, dtype, base64.b64encode(data).decode())


@pytest.mark.parametrize("dtype", DTYPE_NAMES)
def test_every_dtype_reads_its_extremes(dtype):
    low, high = DTYPES[dtype]
    values = [low, high, 0, 1]
    assert read_vector(EncodedTensor(**encode(values, dtype)), "bias").tolist() == values
    assert naive.integers(encode(values, dtype)) == values


def test_bytes_are_little_endian_and_row_major():
    table = read_table(encoded([2, 3], "int16", bytes([1, 0, 0, 1, 255, 255, 4, 0, 5, 0, 6, 0])), "weights")
    assert table.tolist() == [[1, 256, -1], [4, 5, 6]]
    assert table.dtype == np.int64


@given(st.lists(st.integers(-(2**63), 2**63 - 1) | st.integers(-300, 300), max_size=5))
def test_encoding_is_read_back(values):
    written = tensors.encode(values)
    assert naive.integers({"shape": written.shape, "dtype": written.dtype, "data": written.data}) == values
    assert read_vector(written, "bias").tolist() == values


@pytest.mark.parametrize(
    ("values", "dtype"),
    [
        pytest.param([-128, 127], "int8", id="int8"),
        pytest.param([128], "int16", id="above int8"),
        pytest.param([-32769], "int32", id="below int16"),
        pytest.param([2**31], "int64", id="above int32"),
        pytest.param([], "int8", id="nothing"),
    ],
)
def test_the_narrowest_dtype_is_written(values, dtype):
    assert tensors.encode(values).dtype == dtype


@pytest.mark.parametrize(
    ("tensor", "place", "problem"),
    [
        pytest.param(
            encoded([2], "int8", b"\0\0"), "w.shape", "expected two dimensions above 0, found [2]", id="a vector"
        ),
        pytest.param(
            encoded([1, 1, 1], "int8", b"\0"),
            "w.shape",
            "expected two dimensions above 0, found [1, 1, 1]",
            id="three dimensions",
        ),
        pytest.param(
            encoded([0, 5], "int8", b""), "w.shape", "expected two dimensions above 0, found [0, 5]", id="no rows"
        ),
        pytest.param(
            encoded([0, 2**62], "int8", b""),
            "w.shape",
            f"expected two dimensions above 0, found [0, {2**62}]",
            id="no rows of endless length",
        ),
        pytest.param(
            encoded([2**40, 1], "int8", b""),
            "w.shape",
            f"expected at most {2**24} elements, found {2**40}",
            id="2^40 rows",
        ),
        pytest.param(
            encoded([2**32, 2**32], "int8", b""),
            "w.shape",
            f"expected at most {2**24} elements, found {2**64}",
            id="a product that is 0 in 64 bits",
        ),
        pytest.param(
            encoded([2, 2], "int16", bytes(7)),
            "w.data",
            "expected 8 bytes for [2, 2] of int16, found 7",
            id="a byte short",
        ),
        pytest.param(
            encoded([2, 2], "int16", bytes(10)),
            "w.data",
            "expected 8 bytes for [2, 2] of int16, found 10",
            id="an element long",
        ),
        pytest.param([], "w", "expected at least one row and one column", id="no row"),
        pytest.param([[], []], "w", "expected at least one row and one column", id="no column"),
        pytest.param([[1, 2], [3]], "w[1]", "expected 2 entries as in the first row, found 1", id="ragged"),
        pytest.param([[1], []], "w[1]", "expected 1 entries as in the first row, found 0", id="an empty row"),
    ],
)
def test_tables_that_do_not_hold_together(tensor, place, problem):
    with pytest.raises(InputError) as caught:
        read_table(tensor, "w")
    assert (caught.value.place, caught.value.problem) == (place, problem)


@pytest.mark.parametrize(
    ("tensor", "place", "problem"),
    [
        pytest.param(encoded([1, 1], "int8", b"\0"), "b.shape", "expected one dimension, found 2", id="a table"),
        pytest.param(
            encoded([2**40], "int64", b""),
            "b.shape",
            f"expected at most {2**24} elements, found {2**40}",
            id="2^40 elements",
        ),
        pytest.param(
            encoded([1], "int64", bytes(4)),
            "b.data",
            "expected 8 bytes for [1] of int64, found 4",
            id="half of one",
        ),
    ],
)
def test_vectors_that_do_not_hold_together(tensor, place, problem):
    with pytest.raises(InputError) as caught:
        read_vector(tensor, "b")
    assert (caught.value.place, caught.value.problem) == (place, problem)


def test_an_empty_vector_is_a_vector():
    assert read_vector([], "b").tolist() == []
    assert read_vector(encoded([0], "int32", b""), "b").tolist() == []


@given(st.binary(max_size=20))
def test_base64_is_read_back(data):
    assert decode_base64(base64.b64encode(data).decode(), "data") == data


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("AA=", id="padding short"),
        pytest.param("AA", id="no padding"),
        pytest.param("AA===", id="padding long"),
        pytest.param("AAAA====", id="padding alone"),
        pytest.param("AA==AA==", id="two texts"),
        pytest.param("A", id="one character"),
        pytest.param("=", id="one sign"),
        pytest.param("AB==", id="unused bits, two signs"),
        pytest.param("AAB=", id="unused bits, one sign"),
        pytest.param(" AAAA", id="white space before"),
        pytest.param("AA AA", id="white space within"),
        pytest.param("AAAA\n", id="new line after"),
        pytest.param("AA-_", id="the alphabet for URLs"),
        pytest.param("AAA\xe9", id="not ASCII"),
        pytest.param("AAA\ud800", id="a surrogate"),
        pytest.param("AAA\0", id="a zero"),
    ],
)
def test_base64_has_one_form(text):
    with pytest.raises(InputError) as caught:
        decode_base64(text, "data")
    assert caught.value.place == "data"
    assert caught.value.problem.startswith("expected ")
    assert "base64" in caught.value.problem
