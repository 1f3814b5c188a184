"""Files of arrays from paths: one file, or a folder's .npy files in the order of their names."""

from __future__ import annotations

import pytest

from certify.cli.blame import FalseClaimInFileError, FileError, about
from certify.cli.claimed import read_files
from certify.errors import FalseClaimError, InputError
from certify.network.arrays import file as limits


def test_a_file(tmp_path):
    path = tmp_path / "base.npz"
    path.write_bytes(b"what")
    (found,) = read_files(path, "a base network")
    assert (found.name, found.data) == ("base.npz", b"what")


def test_a_folder(tmp_path):
    for name in ("b.npy", "a.npy", "c.txt", "d.NPY"):
        (tmp_path / name).write_bytes(name.encode())
    found = read_files(tmp_path, "a base network")
    assert [(file.name, file.data) for file in found] == [("a.npy", b"a.npy"), ("b.npy", b"b.npy")]


def refused(path, says):
    with pytest.raises(FileError) as caught:
        read_files(path, "a base network")
    assert caught.value.file == str(path)
    assert says in caught.value.problem


def test_nothing_to_read(tmp_path):
    refused(tmp_path, "expected a base network, found a folder without .npy files")
    refused(tmp_path / "none", "expected a base network, found no such file")
    refused(tmp_path / ("n" * 300), "expected a base network, found a file that cannot be read")
    (tmp_path / "x.npy").mkdir()
    refused(tmp_path, "expected a base network, found a directory")


@pytest.mark.parametrize("sizes", [[11], [6, 5], [10, 1]])
def test_too_large(tmp_path, monkeypatch, sizes):
    """The limit is on all files together."""
    monkeypatch.setattr(limits, "MAX_BYTES", 10)
    for index, size in enumerate(sizes):
        (tmp_path / f"{index}.npy").write_bytes(b"x" * size)
    refused(tmp_path, "expected a base network of at most")


def test_up_to_the_limit(tmp_path, monkeypatch):
    monkeypatch.setattr(limits, "MAX_BYTES", 10)
    for index, size in enumerate([6, 4]):
        (tmp_path / f"{index}.npy").write_bytes(b"x" * size)
    assert len(read_files(tmp_path, "a base network")) == 2


def test_a_false_claim_stays_one_when_its_file_is_named(tmp_path):
    with pytest.raises(FalseClaimInFileError) as caught, about(tmp_path):
        raise FalseClaimError("what", "where")
    assert isinstance(caught.value, FalseClaimError)
    assert (caught.value.file, caught.value.place, caught.value.problem) == (str(tmp_path), "where", "what")
    with pytest.raises(FileError) as other, about(tmp_path):
        raise InputError("what")
    assert not isinstance(other.value, FalseClaimError)


def test_a_folder_that_cannot_be_read(tmp_path, monkeypatch):
    def denied(_path):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("pathlib.Path.iterdir", denied)
    refused(tmp_path, "expected a base network, found a folder that cannot be read: Permission denied")


def test_a_path_that_cannot_be_looked_at(tmp_path, monkeypatch):
    def failing(_path):
        raise OSError(5, "Input/output error")

    monkeypatch.setattr("pathlib.Path.is_dir", failing)
    refused(tmp_path / "none", "expected a base network, found no such file")
