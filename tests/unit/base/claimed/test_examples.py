"""The worked examples of docs/claims.md: their files are built, and what they claim is read."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path
from typing import Any

import claimed_files
import numpy as np
import pytest
import torch_files

from certify.base.claimed import BaseFiles, pruned, read_base, read_masks
from certify.network.arrays import File
from certify.network.reader import read_network

DOCS = Path(__file__).parents[4] / "docs" / "claims.md"
WEIGHTS = (np.array([[4, 4, -3, -1], [3, -4, -2, 0], [0, -3, 3, -3]]) / 4, np.array([[-2, 2, -4], [3, 1, 4]]) / 4)
BIAS = np.array([0, 8, -4]) / 4
MASKS = (np.array([[1, 0, 0, 1], [0, 1, 1, 0], [0, 0, 1, 1]]), np.array([[1, 0, 1], [1, 0, 1]]))
BY_DEFAULT = {"layers.0.weights": MASKS[0], "layers.1.weights": MASKS[1]}
# Without their signs the three lowest are those of |s| = 1, 2, 3; with them -9, -8 and 1.
SCORES = (np.array([[1, 4, 5, 6], [7, 2, -8, -9], [10, 11, 12, 3]]) / 64, np.array([[-6.0, 2, 3], [1, 5, 4]]))
HIGHEST_MAGNITUDE = ([[0, 1, 1, 1], [1, 0, 1, 1], [1, 1, 1, 0]], [[1, 0, 0], [0, 1, 1]])
HIGHEST_VALUE = ([[0, 1, 1, 1], [1, 1, 0, 0], [1, 1, 1, 1]], [[0, 0, 1], [0, 1, 1]])
Files = tuple[File, ...]
RESIDUAL = "A residual block from PyTorch"


def torch(arrays: dict[str, Any], *, legacy: bool = False) -> Files:
    return (File("model.pt", torch_files.save(arrays, legacy=legacy)),)


def single(array: Any) -> Any:
    return np.asarray(array, dtype=np.float32)


PLAIN = {"fc1.weight": single(WEIGHTS[0]), "fc1.bias": single(BIAS), "fc2.weight": single(WEIGHTS[1])}
NOISY = {name: array + single(0.0625) for name, array in PLAIN.items()}
KERAS = {"dense_kernel": WEIGHTS[0].T, "dense_bias": BIAS, "dense_1_kernel": WEIGHTS[1].T}
PRUNED_BY_TORCH = {
    "fc1.bias": PLAIN["fc1.bias"],
    "fc1.weight_orig": PLAIN["fc1.weight"],
    "fc1.weight_mask": single(MASKS[0]),
    "fc2.weight_orig": PLAIN["fc2.weight"],
    "fc2.weight_mask": single(MASKS[1]),
    "bn.num_batches_tracked": np.array(7),
}
SCORED = PLAIN | {"fc1.scores": single(SCORES[0]), "fc2.scores": single(SCORES[1])}

# heading: (the base's arrays, the mask file, which positions stay); None: the section's own JSON, or no such file.
EXAMPLES: dict[str, tuple[Files | None, Files | None, Any]] = {
    "Masks in npz, base in our own format": (None, claimed_files.npz(BY_DEFAULT), MASKS),
    "The pruned network": (None, None, MASKS),
    "safetensors, with a mask file": (
        claimed_files.safetensors(PLAIN),
        claimed_files.safetensors({"fc1.mask": MASKS[0] == 1, "fc2.mask": MASKS[1] == 1}),
        MASKS,
    ),
    "A directory of npy, from Keras or JAX": (
        claimed_files.npy_directory(KERAS),
        claimed_files.npy_directory({name: mask.T for name, mask in BY_DEFAULT.items()}),
        MASKS,
    ),
    "torch.nn.utils.prune": (torch(PRUNED_BY_TORCH), None, MASKS),
    "Plain PyTorch weights, with a mask file": (torch(NOISY), torch({"fc1": MASKS[0], "fc2": MASKS[1]}), MASKS),
    "Edge-popup, the fraction that is kept": (torch(SCORED), None, HIGHEST_MAGNITUDE),
    "Edge-popup, the fraction that is removed": (torch(SCORED, legacy=True), None, HIGHEST_VALUE),
}


def sections() -> dict[str, str]:
    parts = re.split(r"^##+ (.*)$", DOCS.read_text(encoding="utf-8"), flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


SECTIONS = sections()


def documents(heading: str) -> list[File]:
    """The JSON of a section."""
    blocks = re.findall(r"^```json\n(.*?)^```$", SECTIONS[heading], flags=re.MULTILINE | re.DOTALL)
    return [File("block.json", block.encode()) for block in blocks]


def options(heading: str) -> dict[str, str]:
    """What a section's command gives, such as {"--target": "t.json"}."""
    (command,) = re.findall(r"^certify audit .*$", SECTIONS[heading], flags=re.MULTILINE)
    words = shlex.split(command)[2:]
    return dict(zip(words[::2], words[1::2], strict=True))


def test_every_example_is_run():
    with_json = {heading for heading in SECTIONS if documents(heading)}
    assert with_json == set(EXAMPLES) | {"The layout: `certify.layout/1`", RESIDUAL}


(BASE,) = documents("Masks in npz, base in our own format")
TARGET = read_network(
    json.dumps(
        {
            "format": "certify.network/1",
            "input": {"shape": [4], "low": -3, "high": 3, "precision_bits": 0},
            "layers": [{"op": "dense", "precision_bits": 0, "weights": [[1, 0, 0, 1], [0, 1, 1, 1]]}],
        }
    ).encode()
)


@pytest.mark.parametrize("heading", EXAMPLES)
def test_example(heading):
    base_files, mask_files, expected = EXAMPLES[heading]
    given = options(heading)
    (document,) = documents(heading)
    if heading == "The pruned network":
        mask_files = (document,)
    assert ("--mask" in given) == (mask_files is not None)
    assert ("--layout" in given) == (base_files is not None)
    source = BaseFiles(
        base_files or (BASE,),
        document if base_files else None,
        int(given["--round-to"]) if "--round-to" in given else None,
        given.get("--seed"),
    )
    base = read_base(source, TARGET)
    # The noise is rounded away wherever the scale is 2^-2, weights and biases alike.
    assert base.rounded == (21 if "--round-to" in given else 0)
    check_ticket(base.network, read_masks(source, base.network, mask_files or ()), expected)


def check_ticket(base, masks, expected):
    ticket = pruned(base, masks)
    assert [matrix.to_dense().tolist() for matrix in ticket.matrices] == [
        (4 * weights * mask).astype(int).tolist() for weights, mask in zip(WEIGHTS, expected, strict=True)
    ]
    assert [matrix.entries for matrix in ticket.matrices] == [int(np.sum(mask)) for mask in expected]
    assert [layer.bias for layer in ticket.layers] == [(0, 8, -4), (0, 0)]
    assert [[step.__struct_config__.tag for step in layer.steps] for layer in ticket.layers] == [["relu"], []]


def test_a_residual_block():
    """Weights in quarters, [outputs, channels, rows, columns]; what is kept of them is 1 where the sum is even."""
    rng = np.random.default_rng(3)
    weights = {
        "conv1.weight": rng.integers(-4, 5, (3, 2, 3, 3)),
        "conv2.weight": rng.integers(-4, 5, (3, 3, 1, 1)),
        "fc.weight": rng.integers(-4, 5, (2, 5 * 4 * 3)),
    }
    kept = {name: rng.integers(0, 2, array.shape) for name, array in weights.items()}
    arrays = {f"{name}_orig": single(array / 4) for name, array in weights.items()}
    arrays |= {f"{name}_mask": single(kept[name]) for name in weights}
    (document,) = documents(RESIDUAL)
    dense = {"op": "dense", "precision_bits": 0, "weights": np.ones((2, 40), dtype=int).tolist()}
    box = {"shape": [5, 4, 2], "low": -3, "high": 3, "precision_bits": 0}
    target = read_network(json.dumps({"format": "certify.network/1", "input": box, "layers": [dense]}).encode())
    source = BaseFiles(torch(arrays), document)
    base = read_base(source, target).network
    ticket = pruned(base, read_masks(source, base, ()))
    rows = [(weights[name] * kept[name]) for name in weights]
    rows = [array.transpose(0, 2, 3, 1) if array.ndim == 4 else array for array in rows]
    assert [matrix.to_dense().tolist() for matrix in ticket.matrices] == [
        array.reshape(len(array), -1).tolist() for array in rows
    ]
    assert [ticket.sources(index) for index in range(4)] == [(-1,), (0,), (0, 1), (2,)]


def test_the_layout_explained():
    (explained,) = documents("The layout: `certify.layout/1`")
    source = BaseFiles(torch(PLAIN), explained)
    base = read_base(source, TARGET).network
    check_ticket(base, read_masks(source, base, claimed_files.npz(BY_DEFAULT)), MASKS)


@pytest.mark.parametrize("heading", EXAMPLES)
def test_commands_give_what_the_synopsis_names(heading):
    synopsis = DOCS.read_text(encoding="utf-8").split("\n## ", 1)[0]
    assert set(options(heading)) <= set(re.findall(r"--[a-z-]+", synopsis))
    assert {"--target", "--base"} <= set(options(heading))
