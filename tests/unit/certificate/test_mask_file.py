"""Files of masks: what numpy reads of them, and the same bytes every time."""

from __future__ import annotations

import io

import numpy as np
from equivalences import found

from certify.base.claimed import BaseFiles, read_masks
from certify.base.mask import from_bits
from certify.certificate.mask_file import write_masks
from certify.network.arrays.file import File

BITS = [
    np.array([[1, 0, 1], [0, 0, 0]], dtype=np.bool_),
    np.zeros((1, 2), dtype=np.bool_),
    np.ones((3, 1), dtype=np.bool_),
]


def arrays(data):
    with np.load(io.BytesIO(data), allow_pickle=False) as archive:
        return {name: archive[name] for name in archive.files}


def test_what_numpy_reads():
    read = arrays(write_masks([from_bits(bits) for bits in BITS]))
    assert list(read) == ["layers.0.weights", "layers.1.weights", "layers.2.weights"]
    for found_bits, bits in zip(read.values(), BITS, strict=True):
        assert found_bits.dtype == np.uint8
        assert np.array_equal(found_bits, bits)


def test_the_same_bytes_whenever(monkeypatch):
    masks = [from_bits(bits) for bits in BITS]
    first = write_masks(masks)
    monkeypatch.setattr("time.time", lambda: 0)
    assert write_masks(masks) == first


def test_no_masks():
    assert arrays(write_masks([])) == {}


def test_they_are_read_as_a_claim():
    subject = found().subject
    source = BaseFiles(subject.right.source.files)
    masks = read_masks(source, subject.right.base.network, [File("m.npz", write_masks(subject.right.masks))])
    assert len(masks) == 4
    for read, made in zip(masks, subject.right.masks, strict=True):
        assert np.array_equal(read.start, made.start)
        assert np.array_equal(read.columns, made.columns)
