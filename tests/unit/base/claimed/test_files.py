"""Which files are a network, told by their bytes."""

from __future__ import annotations

import json

import numpy as np
import pytest
from claimed_files import npy_directory, npz, safetensors

from certify.base.claimed.files import network_bytes
from certify.network.arrays import File

ARRAYS = {"w": np.eye(2)}


def with_header_length(length: int) -> tuple[File, ...]:
    """A safetensors file whose header has this length."""
    header = {"w": {"dtype": "F64", "shape": [0], "data_offsets": [0, 0]}}
    text = json.dumps(header).encode().ljust(length)
    assert len(text) == length
    return (File("w", length.to_bytes(8, "little") + text),)


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        pytest.param((File("b", b'{"format": "x"}'),), True, id="an object"),
        pytest.param((File("b", b" \r\n\t{}"),), True, id="after white space"),
        pytest.param((File("b", b"{"),), True, id="broken, so that JSON's reader says how"),
        pytest.param((File("b", b""),), False, id="empty"),
        pytest.param((File("b", b"[]"),), False, id="a list"),
        pytest.param((), False, id="no file"),
        pytest.param((File("a", b"{}"), File("b", b"{}")), False, id="two"),
        pytest.param(npz(ARRAYS), False, id="npz"),
        pytest.param(npy_directory(ARRAYS), False, id="npy"),
        pytest.param(safetensors(ARRAYS), False, id="safetensors"),
        pytest.param(with_header_length(ord("{")), False, id="safetensors whose length begins with a brace"),
        pytest.param(with_header_length(0x7B20), False, id="and after a space"),
    ],
)
def test_networks_and_containers(files, expected):
    assert network_bytes(files) == (files[0].data if expected else None)
