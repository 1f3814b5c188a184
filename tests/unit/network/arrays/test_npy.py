"""numpy's .npy: what numpy writes is read, in every version, order and dtype; other headers are not."""

from __future__ import annotations

import io
import struct
import tracemalloc

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays_of

from certify.errors import InputError
from certify.network.arrays.npy import read_npy

INTEGERS = [f"{kind}{bits}" for kind in ("int", "uint") for bits in (8, 16, 32, 64)]
DTYPES = ["bool", *INTEGERS, "float16", "float32", "float64"]
TABLE = np.arange(6, dtype="<i2").reshape(2, 3)


def written(array, version=None) -> bytes:
    file = io.BytesIO()
    np.lib.format.write_array(file, array, version=version)
    return file.getvalue()


def npy(header: str | bytes, data: bytes = TABLE.tobytes(), version=(1, 0), length: int | None = None) -> bytes:
    header = header.encode("latin-1") if isinstance(header, str) else header
    said = len(header) if length is None else length
    return b"\x93NUMPY" + bytes(version) + struct.pack("<H" if version == (1, 0) else "<I", said) + header + data


def header(descr: str = "'<i2'", order: str = "False", shape: str = "(2, 3)") -> str:
    return f"{{'descr': {descr}, 'fortran_order': {order}, 'shape': {shape}, }}\n"


def refused(data: bytes) -> str:
    with pytest.raises(InputError) as caught:
        read_npy(data, "w.npy")
    assert caught.value.place == "w.npy"
    assert "\n" not in str(caught.value)
    return caught.value.problem


@pytest.mark.parametrize("version", [(1, 0), (2, 0), (3, 0)])
def test_versions(version):
    assert read_npy(written(TABLE, version), "w").tolist() == TABLE.tolist()


@given(
    st.sampled_from(DTYPES).flatmap(
        lambda name: arrays_of.arrays(np.dtype(name), arrays_of.array_shapes(min_dims=0, max_dims=4, min_side=0))
    ),
    st.sampled_from("<>"),
    st.sampled_from("CF"),
)
def test_what_numpy_writes_is_read(array, endian, order):
    found = read_npy(written(np.array(array, array.dtype.newbyteorder(endian), order=order)), "w")
    assert found.dtype == array.dtype
    assert found.dtype.isnative
    assert found.shape == array.shape
    assert found.tobytes() == array.tobytes()
    assert found.flags.c_contiguous
    assert found.flags.writeable


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(header(), id="as numpy"),
        pytest.param("{'descr':'<i2','fortran_order':False,'shape':(2,3)}", id="no spaces"),
        pytest.param("{'shape': (2, 3,), 'fortran_order': False, 'descr': '<i2'}", id="another order"),
        pytest.param('{"descr": "<i2", "fortran_order": False, "shape": (2, 3)}   \n', id="double quotes"),
        pytest.param(header("'i2'"), id="no byte order"),
    ],
)
def test_headers(text):
    assert read_npy(npy(text), "w").tolist() == TABLE.tolist()


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        pytest.param(written(np.array([{}], object), None), "Python objects, which are a pickle", id="objects"),
        pytest.param(written(np.array([1j])), "<c16 (complex numbers)", id="complex"),
        pytest.param(written(np.array(["a"])), "<U1 (text)", id="text"),
        pytest.param(written(np.array([b"a"])), "|S1 (text)", id="bytes"),
        pytest.param(written(np.array(["2026"], "M8[D]")), "a dtype of bools", id="dates"),
        pytest.param(written(np.zeros(1, "V2")), "|V2 (raw bytes)", id="void"),
        pytest.param(written(np.zeros(1, [("a", "<i2")])), "one of structures", id="structures"),
        pytest.param(written(np.zeros(1, np.longdouble)), "a dtype of bools", id="long doubles"),
        pytest.param(npy(header("'|i2'")), "'|i2'", id="no byte order where one is needed"),
        pytest.param(npy(header("'=i2'")), "'=i2'", id="the byte order of another machine"),
        pytest.param(npy(header("'<i3'")), "'<i3'", id="three bytes"),
        pytest.param(npy(header("'<i" + "9" * 9 + "'")), "a dtype of bools", id="a huge item"),
        pytest.param(npy(header("'" + "<i2" * 99 + "'")), "…'", id="a long dtype"),
        pytest.param(npy(header("'|b1'", shape="(3,)"), b"\0\1\2"), "bools of 0 or 1, found 2", id="a bool of 2"),
        pytest.param(npy(header(shape="(-2, -3)")), "dimensions from 0 to 268435456, found -2", id="negative"),
        pytest.param(npy(header(shape=f"({2**64}, 0)")), "dimensions from 0", id="huge"),
        pytest.param(npy(header(shape=f"({2**27}, {2**27})")), "at most 268435456 elements", id="a huge product"),
        pytest.param(npy(header(shape=f"({2**27}, {2**27}, 0)")), "at most 268435456 elements", id="huge and empty"),
        pytest.param(npy(header(shape=str((1,) * 9))), "at most 8 dimensions, found 9", id="nine dimensions"),
        pytest.param(npy(header(shape="(6)")), "found an integer", id="no tuple"),
        pytest.param(npy(header(shape="(2, , 3)")), "a tuple of integers", id="a hole in the shape"),
        pytest.param(npy(header(shape="(2 3,)")), "a tuple of integers", id="no comma"),
        pytest.param(npy(header(shape="(" + "9" * 30 + ",)")), "a tuple of integers", id="30 digits"),
        pytest.param(npy(header(shape="(2, 3.0)")), "expected a header of", id="a float"),
        pytest.param(npy(header(shape="'2'")), "a tuple 'shape'", id="a text as shape"),
        pytest.param(npy(header(order="0")), "expected a header of", id="an order of 0"),
        pytest.param(npy(header() + header()), "expected a header of", id="two headers"),
        pytest.param(
            npy("{'descr': '<i2', 'descr': '<i4', 'fortran_order': False, 'shape': (2, 3)}"), "once", id="twice"
        ),
        pytest.param(npy("{'descr': '<i2', 'shape': (2, 3)}"), "expected a header of", id="an item missing"),
        pytest.param(npy("__import__('os').system('true')"), "expected a header of", id="code"),
        pytest.param(npy(header(shape="((2, 3) if exit() else (2, 3))")), "expected a header of", id="code as shape"),
        pytest.param(npy("(" * 9000), "expected a header of", id="nested"),
        pytest.param(npy(b"{'d\xff", version=(3, 0)), "in UTF-8", id="not UTF-8"),
        pytest.param(npy(header(), version=(4, 0)), "found 4.0", id="version 4.0"),
        pytest.param(npy(header(), length=10_001), "at most 10000 bytes, found 10001", id="a long header"),
        pytest.param(npy(header(), version=(2, 0), length=2**32 - 1), "found 4294967295", id="a header of 4 GiB"),
        pytest.param(
            npy(header(), b"\0" * 11), "12 bytes for int16[2, 3] after the header, found 11", id="too short"
        ),
        pytest.param(npy(header(), b"\0" * 13), "found 13", id="too long"),
        pytest.param(b"", "beginning with 0x", id="empty"),
        pytest.param(b"PK\x03\x04 and so on", "beginning with 0x504b0304", id="a zip archive"),
    ],
)
def test_refused(data, problem):
    assert problem in refused(data)


def test_truncated_at_every_byte():
    data = written(TABLE)
    for size in range(len(data)):
        refused(data[:size])


def test_a_huge_shape_takes_no_memory():
    data = npy(header("'<f8'", shape=f"({2**28},)"))
    tracemalloc.start()
    try:
        refused(data)
        assert tracemalloc.get_traced_memory()[1] < 2**16
    finally:
        tracemalloc.stop()
