"""safetensors: files of the library itself and made by hand, and every rule of the format broken once."""

from __future__ import annotations

import json
import struct
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays_of

from certify.errors import InputError
from certify.network.arrays import File, read_arrays
from certify.network.arrays.safetensors import read_safetensors

CLAIMS = Path(__file__).parents[3] / "data" / "claims"
NAMES = {
    "bool": "BOOL",
    **{f"float{bits}": f"F{bits}" for bits in (16, 32, 64)},
    **{f"int{bits}": f"I{bits}" for bits in (8, 16, 32, 64)},
    **{f"uint{bits}": f"U{bits}" for bits in (8, 16, 32, 64)},
}


def file(header, data: bytes = b"", length: int | None = None) -> bytes:
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(text) if length is None else length) + text + data


def entry(dtype="U8", shape=(2,), offsets=(0, 2), **others):
    return {"dtype": dtype, "shape": list(shape), "data_offsets": list(offsets), **others}


def saved(state, **metadata) -> bytes:
    header, data = ({"__metadata__": metadata} if metadata else {}), b""
    for name, array in state.items():
        end = len(data) + array.nbytes
        header[name] = entry(NAMES[array.dtype.name], array.shape, (len(data), end))
        data += array.tobytes()
    return file(header, data)


def read(data: bytes):
    return read_arrays([File("w.safetensors", data)])


def refused(data: bytes) -> str:
    with pytest.raises(InputError) as caught:
        read(data)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_a_file_of_the_library():
    found = read((CLAIMS / "pruned.safetensors").read_bytes())
    assert found["0.weight_orig"].tolist() == [[-0.375, -0.25], [-0.125, 0.0], [0.125, 0.25]]
    assert found["2.weight_mask"].tolist() == [[1.0, 0.0, 1.0]]
    assert found["scores"].tolist() == [1.0, 2.0]
    assert {array.dtype.name for array in found.values()} == {"float32"}
    assert len(found) == 7


@given(
    st.dictionaries(
        st.text(st.characters(exclude_categories=["Cs"]), max_size=5).filter(lambda name: name != "__metadata__"),
        st.sampled_from(sorted(NAMES)).flatmap(
            lambda name: arrays_of.arrays(np.dtype(name), arrays_of.array_shapes(min_dims=0, max_dims=3, min_side=0))
        ),
        min_size=1,
        max_size=4,
    )
)
def test_what_is_saved_is_read(state):
    found = read(saved(state, format="pt"))
    assert list(found) == list(state)
    for name, array in state.items():
        assert (found[name].dtype, found[name].shape) == (array.dtype, array.shape)
        assert found[name].tobytes() == array.tobytes()
        assert found[name].flags.writeable


def test_arrays_may_lie_in_another_order_than_the_header_has():
    header = {"a": entry(offsets=(2, 4)), "e": entry("F32", (0, 3), (2, 2)), "b": entry(offsets=(0, 2))}
    found = read(file(header, b"\1\2\3\4"))
    assert {name: array.tolist() for name, array in found.items()} == {"a": [3, 4], "e": [], "b": [1, 2]}


TWO = b"\1\2"


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        pytest.param(file({"x": entry("F8_E4M3")}, TWO), "x.dtype: expected one of BOOL", id="float8"),
        pytest.param(file({"x": entry("C64", (), (0, 8))}, bytes(8)), "found C64", id="complex"),
        pytest.param(file({"x": entry("f32")}, TWO), "found f32", id="lower case"),
        pytest.param(
            file({"x": entry(offsets=(1, 3))}, b"\0\1\2"), "from 0 on in the buffer, found 1 to 3", id="a hole"
        ),
        pytest.param(file({"x": entry(), "y": entry(offsets=(1, 3))}, b"\0\1\2"), "from 2 on", id="an overlap"),
        pytest.param(file({"x": entry(), "y": entry()}, TWO), "from 2 on", id="the same bytes"),
        pytest.param(
            file({"x": entry()}, b"\1\2\3"), "expected 2 bytes in the buffer, found 3", id="bytes left over"
        ),
        pytest.param(file({"x": entry()}, b"\1"), "expected 2 bytes in the buffer, found 1", id="bytes missing"),
        pytest.param(file({"x": entry(offsets=(0, 2**40))}, TWO), "found 2", id="an offset behind the end"),
        pytest.param(file({"x": entry(offsets=(2, 0))}, TWO), "found 2 to 0", id="backwards"),
        pytest.param(file({"x": entry(), "y": entry(offsets=(2, 0))}), "found 2 to 0", id="there and back"),
        pytest.param(file({"x": entry(offsets=(-2, 0))}, TWO), "x.data_offsets[0]", id="a negative offset"),
        pytest.param(file({"x": entry(offsets=(0, 1, 2))}, TWO), "x.data_offsets", id="three offsets"),
        pytest.param(file({"x": entry(shape=(3,))}, TWO), "expected 3 bytes for U8[3], found 2", id="another shape"),
        pytest.param(file({"x": entry("U16")}, TWO), "expected 4 bytes for U16[2], found 2", id="another size"),
        pytest.param(file({"x": entry(shape=(-2,))}, TWO), "x.shape[0]", id="a negative length"),
        pytest.param(
            file({"x": entry(shape=(2.0,))}, TWO), "x.shape[0]: expected an integer, found 2.0", id="a float"
        ),
        pytest.param(file({"x": entry(shape=(2**40,))}, TWO), "x.shape: expected dimensions", id="a huge length"),
        pytest.param(file({"x": entry(shape=(2**20, 2**20))}, TWO), "at most 268435456 elements", id="a huge shape"),
        pytest.param(file({"x": entry(shape=(1,) * 9)}, TWO), "at most 8 dimensions", id="nine dimensions"),
        pytest.param(file({"x": entry("BOOL")}, TWO), "x: expected bools of 0 or 1, found 2", id="a bool of 2"),
        pytest.param(file({"x": entry(more=1)}, TWO), "unknown field `more`", id="another key"),
        pytest.param(file({"x": {"dtype": "U8", "shape": [2]}}, TWO), "data_offsets", id="a key missing"),
        pytest.param(file({"x": 3}, TWO), "x: expected", id="no entry"),
        pytest.param(file({"__metadata__": {"a": 1}}), "__metadata__: expected an object of texts", id="metadata"),
        pytest.param(file({"__metadata__": ["a"]}), "__metadata__: expected", id="a list of metadata"),
        pytest.param(file(b'{"x": {}, "x": {}}'), "x: expected every key once", id="one name twice"),
        pytest.param(file(b'{"x": NaN}'), "found NaN", id="NaN"),
        pytest.param(file(b'{"\\ud800": 1}'), "half of a surrogate pair", id="half a character"),
        pytest.param(file(b'{"\xff": 1}'), "expected UTF-8", id="not UTF-8"),
        pytest.param(file(b"{" + b'"a":{' * 100_000), "expected JSON", id="nested"),
        pytest.param(file({}), "at least one array", id="no array"),
        pytest.param(file(b"{} x"), "expected JSON", id="more than JSON"),
        pytest.param(file({}, length=2**63), "at most 8388608 bytes, found 9223372036854775808", id="a huge header"),
        pytest.param(file({}, length=3), "header of 3 bytes, found 2", id="a header too short"),
        pytest.param(file({}, length=0), "found an empty file", id="no header"),
        pytest.param(
            file({str(n): entry(offsets=(0, 0)) for n in range(2**14 + 1)}), "at most 16384 arrays", id="many"
        ),
    ],
)
def test_refused(data, problem):
    assert problem in refused(data)


def test_a_header_that_is_no_object():
    with pytest.raises(InputError, match="header: expected an object of arrays"):
        read_safetensors(file(b"[]"))


def test_truncated_at_every_byte():
    data = (CLAIMS / "pruned.safetensors").read_bytes()
    for size in range(len(data)):
        refused(data[:size])
