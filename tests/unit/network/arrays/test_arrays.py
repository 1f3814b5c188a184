"""Which reader a file goes to: by its bytes, never by its name; a directory of .npy; and how much is taken at all."""

from __future__ import annotations

import io

import numpy as np
import pytest
import torch_files

from certify.errors import InputError
from certify.network import arrays
from certify.network.arrays import File, read_arrays

TABLE = np.arange(6).reshape(2, 3)


def npy(array) -> bytes:
    file = io.BytesIO()
    np.save(file, array)
    return file.getvalue()


def npz(**state) -> bytes:
    file = io.BytesIO()
    np.savez(file, **state)
    return file.getvalue()


def safetensors() -> bytes:
    header = b'{"x":{"dtype":"I64","shape":[2,3],"data_offsets":[0,48]}}'
    return len(header).to_bytes(8, "little") + header + TABLE.tobytes()


def refused(*files: File) -> str:
    with pytest.raises(InputError) as caught:
        read_arrays(files)
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize("name", ["x.npy", "x.npz", "x.safetensors", "x.pt", "x"])
@pytest.mark.parametrize(
    "data",
    [
        pytest.param(npz(x=TABLE), id="npz"),
        pytest.param(safetensors(), id="safetensors"),
        pytest.param(torch_files.save({"x": TABLE}), id="zip"),
        pytest.param(torch_files.save({"x": TABLE}, legacy=True), id="legacy"),
    ],
)
def test_files_are_told_by_their_bytes(name, data):
    found = read_arrays([File(name, data)])
    assert {key: array.tolist() for key, array in found.items()} == {"x": TABLE.tolist()}


@pytest.mark.parametrize(
    ("name", "key"),
    [
        pytest.param("layers.0.weights.npy", "layers.0.weights", id="with its ending"),
        pytest.param("weights.pt", "weights.pt", id="with another"),
        pytest.param("weights", "weights", id="with none"),
    ],
)
def test_one_npy_has_the_name_of_its_file(name, key):
    assert list(read_arrays([File(name, npy(TABLE))])) == [key]


def test_a_directory():
    found = read_arrays([File("b.npy", npy(TABLE)), File("a.npy", npy(TABLE.T))])
    assert {key: array.tolist() for key, array in found.items()} == {"b": TABLE.tolist(), "a": TABLE.T.tolist()}


GOOD = File("a.npy", npy(TABLE))


@pytest.mark.parametrize(
    ("files", "problem"),
    [
        pytest.param([GOOD, GOOD], "a: expected every array once", id="one twice"),
        pytest.param([GOOD, File("b.npz", npz(x=TABLE))], "b.npz: expected several files to be .npy", id="an npz"),
        pytest.param([GOOD, File("b.npy", npz(x=TABLE))], "b.npy: expected a .npy file", id="an npz by another name"),
        pytest.param([GOOD, File("b.npy", b"")], "b.npy: expected a .npy file", id="an empty one"),
        pytest.param([], "expected a file of arrays, found none", id="none"),
    ],
)
def test_refused_directories(files, problem):
    assert problem in refused(*files)


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        pytest.param(b"", "found an empty one", id="empty"),
        pytest.param(b"\x89HDF\r\n\x1a\n", "one beginning with 0x894844460d0a1a0a", id="HDF5"),
        pytest.param(b'{"format": "certify.network/1"}', "one beginning with 0x7b", id="JSON"),
        pytest.param(b"TFL3", "one beginning with 0x54464c33", id="short"),
        pytest.param(b"\x80\x01", "one beginning with 0x8001", id="an old pickle"),
        pytest.param(b"(dp0\n.", "one beginning with 0x2864", id="a pickle of text"),
        pytest.param(npz(), "at least one array", id="an npz of nothing"),
    ],
)
def test_refused_files(data, problem):
    assert problem in refused(File("w", data))


def test_too_many_bytes(monkeypatch):
    monkeypatch.setattr(arrays, "MAX_BYTES", 2 * len(GOOD.data) - 1)
    assert list(read_arrays([GOOD])) == ["a"]
    assert f"at most {2 * len(GOOD.data) - 1} bytes" in refused(GOOD, File("b.npy", GOOD.data))


def test_names_in_messages_are_one_printable_line():
    assert refused(File("a\nb.npy", b"\x93NUMPY")).startswith("a\\nb.npy: ")
    assert len(refused(File("x" * 1000, b"\x93NUMPY"))) < 200
