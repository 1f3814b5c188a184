"""A ticket that somebody claims: a layout, a container of arrays, and masks in it; every byte of them theirs.

The bytes are a layout's length (two bytes, little-endian), the layout, and a container of arrays, which is read three
times: as the base network with masks of its own, as a mask file for it, and as one for a base network that is fixed.
What is accepted has to be a pruning: each kept weight is the base's, and masks have their layers' shapes. A
campaign's limit of memory is high for atheris, as for `mask`.
"""

from __future__ import annotations

import json
import random
from typing import Any

import numpy as np
from claimed_files import json_file, npz
from fuzz import arrays
from fuzz.mutations import damage, edit_json
from fuzz.target import Target

from certify.base.claimed import BaseFiles, pruned, read_base, read_masks
from certify.errors import InputError
from certify.network.arrays import File
from certify.network.reader import read_network

_LENGTH = 2
_DENSE = [[1, -2, 0], [3, 4, -4]]
_TARGET: dict[str, Any] = {
    "format": "certify.network/1",
    "input": {"shape": [3], "low": -3, "high": 3, "precision_bits": 0},
    "layers": [
        {"op": "dense", "precision_bits": 2, "weights": _DENSE, "then": [{"op": "relu"}]},
        {"op": "dense", "precision_bits": 2, "weights": [[1, -1]]},
    ],
}
_NETWORK = read_network(json.dumps(_TARGET).encode())


def check(data: bytes) -> bool:
    end = _LENGTH + int.from_bytes(data[:_LENGTH], "little")
    layout, container = File("layout.json", data[_LENGTH:end]), File("arrays.npz", data[end:])
    fixed = BaseFiles((json_file(_TARGET),))
    read = [_prunes(fixed, [container])]
    for seed in (None, "lottery"):
        source = BaseFiles((container,), layout, round_to=None if seed is None else 2, seed=seed)
        read += [_prunes(source, files) for files in ([], [container])]
    return any(read)


def _prunes(source: BaseFiles, mask_files: list[File]) -> bool:
    """Whether base and masks are read; then what they prune to is checked."""
    try:
        base = read_base(source, _NETWORK).network
        masks = read_masks(source, base, mask_files)
    except InputError as error:
        if not str(error).isprintable():
            raise
        return False
    for layer, kept, mask in zip(base.linear, pruned(base, masks).linear, masks, strict=True):
        bits = np.zeros(mask.shape, dtype=np.int64)
        bits[mask.rows(), mask.columns] = 1
        assert (kept.weights.to_dense() == layer.weights.to_dense() * bits).all()
    return True


def seeds() -> list[bytes]:
    first, second = np.array(_DENSE, dtype=np.int8), np.array([[0.25, -0.25]])
    ones = {"layers.0.weights": np.ones((2, 3), dtype=np.uint8), "layers.1.weights": np.array([[True, False]])}
    floats = {"a_orig": first / 4, "a_mask": np.eye(2, 3), "b": second.T, "s": np.array([[3.5], [-1.0]])}
    plain = {"weights": "a", "precision_bits": 2, "then": [{"op": "relu"}]}
    scores = {"array": "s", "kept": "0.5", "by": "magnitude"}
    last = {"weights": "b", "precision_bits": 2}
    return [
        _packed([plain, last], ones),
        _packed(
            [plain | {"mask": "m"}, last | {"unpruned": True}],
            {"a": first, "m": ones["layers.0.weights"], "b": second},
        ),
        _packed([plain, last | {"transpose": True, "scores": scores}], floats),
        _packed(
            [plain, last | {"transpose": True, "scores": {"array": "s", "removed_count": 1, "by": "value"}}], floats
        ),
    ]


def _packed(layers: list[dict[str, Any]], members: dict[str, Any]) -> bytes:
    return _join(json.dumps({"format": "certify.layout/1", "layers": layers}).encode(), npz(members)[0].data)


def _join(layout: bytes, container: bytes) -> bytes:
    layout = layout[: (1 << 8 * _LENGTH) - 1]
    return len(layout).to_bytes(_LENGTH, "little") + layout + container


def mutate(data: bytes, rng: random.Random) -> bytes:
    end = _LENGTH + int.from_bytes(data[:_LENGTH], "little")
    layout, container = data[_LENGTH:end], data[end:]
    match rng.randrange(5):
        case 0:
            return damage(data, rng)
        case 1 | 2:
            return _join(layout, arrays.mutate(container, rng))
        case _:
            return _join(edit_json(layout, rng), container)


WORDS = (
    *(b'"weights":"a"', b'"mask":"m"', b'"scores":{"array":"s","kept":"0.5","by":"magnitude"}', b'"unpruned":true'),
    *(
        b'"transpose":true',
        b'"axes":"ohwi"',
        b'"op":"conv2d"',
        b'"constants":[1]',
        b'"bias":"b"',
        b'"precision_bits":2',
    ),
)

TARGET = Target("claims", check, seeds, mutate, WORDS, peak=lambda size: 2**21 + 4000 * size, max_megabytes=2048)
