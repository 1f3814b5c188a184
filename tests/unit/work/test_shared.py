"""Values whose arrays lie in a file come back as they were, and no file is left."""

from __future__ import annotations

import errno
import os
import pickle
import tempfile
from pathlib import Path

import numpy as np
import pytest

from certify.work.shared import LEAST, Packed, Store, unpack

LARGE = np.arange(LEAST // 8, dtype=np.int64)
VALUES = {
    "nothing": None,
    "text": "x" * (2 * LEAST),
    "small": np.arange(3),
    "just below": LARGE[1:],
    "large": LARGE,
    "several": (LARGE, [LARGE.astype(np.int16).repeat(4), {"rest": LARGE[:5]}], LARGE.reshape(2, -1)),
    "ragged": tuple(np.full(LEAST + size, size, dtype=np.uint8) for size in (1, 63, 64, 65)),
    "columns": np.asfortranarray(LARGE.reshape(4, -1)),
    "strides": np.repeat(LARGE, 2)[::2],
    "empty": (LARGE, np.empty((0, 3), dtype=np.int32)),
    "objects": LARGE.astype(object),
}


def same(left, right):
    if isinstance(left, np.ndarray):
        return left.dtype == right.dtype and left.shape == right.shape and bool((left == right).all())
    if isinstance(left, dict):
        return left.keys() == right.keys() and all(same(left[key], right[key]) for key in left)
    if isinstance(left, tuple | list):
        return len(left) == len(right) and all(map(same, left, right))
    return left == right


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Where temporary files go."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


@pytest.mark.parametrize("name", VALUES)
def test_a_value_comes_back(folder, name):
    store = Store()
    packed = store.pack(VALUES[name])
    again = unpack(pickle.loads(pickle.dumps(packed)))
    assert same(VALUES[name], again)
    store.drop(packed)
    store.close()
    assert same(VALUES[name], again)
    assert list(folder.iterdir()) == []


@pytest.mark.usefixtures("folder")
def test_only_large_arrays_go_into_a_file():
    store = Store()
    assert store.pack((LARGE[1:], "x" * LEAST)).path == ""
    packed = store.pack((LARGE, LARGE[1:]))
    assert packed.sizes == (LARGE.nbytes,)
    assert len(packed.pickled) < 2 * LEAST
    assert Path(packed.path).stat().st_size == LARGE.nbytes
    store.close()


@pytest.mark.usefixtures("folder")
def test_arrays_are_views_of_the_file_and_changes_stay_private():
    store = Store()
    packed = store.pack(LARGE)
    first, second = unpack(packed), unpack(packed)
    assert first.base is not None
    assert first.flags.writeable
    first[:] = 7
    assert (second == LARGE).all()
    assert (unpack(packed) == LARGE).all()
    store.close()


@pytest.mark.usefixtures("folder")
def test_only_the_owner_reads_them():
    store = Store()
    packed = store.pack(LARGE)
    assert Path(packed.path).parent.stat().st_mode & 0o077 == 0
    store.close()


def test_without_room(folder, monkeypatch):
    """What was begun is gone, and the value comes whole."""

    def full(_self, _buffer):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    class Full:
        def __init__(self, file):
            self._file = file

        def __enter__(self):
            return self

        def __exit__(self, *_):
            self._file.close()

        write = full

    store, opened = Store(), Path.open
    monkeypatch.setattr(Path, "open", lambda path, mode: Full(opened(path, mode)))
    packed = store.pack(LARGE)
    monkeypatch.undo()
    assert packed == Packed(packed.pickled)
    assert (unpack(packed) == LARGE).all()
    assert [path for path in folder.rglob("*") if path.is_file()] == []
    store.close()


def test_without_a_folder(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "missing"))
    store = Store()
    assert (unpack(store.pack(LARGE)) == LARGE).all()
    store.close()


def test_closed_twice(folder):
    store = Store()
    store.pack(LARGE)
    store.close()
    store.close()
    assert list(folder.iterdir()) == []
