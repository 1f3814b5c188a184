"""Masks as they are handed in, base ⊙ mask, and what is false of a mask."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from claimed_files import json_file, layout, npy_directory, npz, safetensors
from hypothesis import given
from hypothesis import strategies as st

from certify.base.claimed import BaseFiles, pruned, read_base, read_masks
from certify.base.claimed.assemble import full_rows
from certify.base.mask import from_bits
from certify.errors import FalseClaimError, InputError
from certify.network.arrays import File
from certify.network.model import Box, Dense, Network
from certify.network.steps import Relu

BOX = Box((3,), (-1,) * 3, (1,) * 3, 0)
WEIGHTS = {"a": np.array([[1, 0, -4], [0, 0, 3]]), "b": np.array([[2, -1]])}
MASKS = {"a": np.array([[1, 1, 0], [0, 1, 1]]), "b": np.array([[0, 1]])}
FIRST: dict[str, Any] = {"weights": "a", "precision_bits": 2, "then": [{"op": "relu"}]}
SECOND: dict[str, Any] = {"weights": "b", "precision_bits": 1}
TARGET = Network("", BOX, (Dense(full_rows(np.array([[1, 1, 1]])), 0, (0,)),))
BY_DEFAULT = {f"layers.{index}.weights": mask for index, mask in enumerate(MASKS.values())}
NAMED = layout(FIRST | {"mask": "a"}, SECOND | {"mask": "b"})
TORCH = {"a_orig": WEIGHTS["a"], "a_mask": MASKS["a"], "b_orig": WEIGHTS["b"], "b_mask": MASKS["b"]}
SCORES = {"s": np.array([[0.5, 2, 1], [3, 5, 4]]), "t": np.array([[-2.0, 1.0]])}
SCORED = (
    FIRST | {"scores": {"array": "s", "kept": "0.5", "by": "value"}},
    SECOND | {"scores": {"array": "t", "removed": "0.5", "by": "magnitude"}},
)
BY_SCORES = [[[0, 0, 0], [1, 1, 1]], [[1, 0]]]


def bits(masks) -> list[Any]:
    found = []
    for mask in masks:
        dense = np.zeros(mask.shape, dtype=int)
        dense[mask.rows(), mask.columns] = 1
        found.append(dense.tolist())
    return found


def read(arrays: dict[str, Any], explained: File, masks: tuple[File, ...] = ()) -> list[Any]:
    source = BaseFiles(npz(arrays), explained)
    return bits(read_masks(source, read_base(source, TARGET).network, masks))


EXPECTED = [mask.tolist() for mask in MASKS.values()]
PLAIN = layout(FIRST, SECOND)


@pytest.mark.parametrize("container", [npz, npy_directory, safetensors])
@pytest.mark.parametrize("kind", [np.bool_, np.int8, np.int64, np.float16, np.float32, np.float64])
def test_masks_by_default_names(container, kind):
    masks = container({name: mask.astype(kind) for name, mask in BY_DEFAULT.items()})
    assert read(WEIGHTS, PLAIN, masks) == EXPECTED


@pytest.mark.parametrize(
    ("arrays", "explained", "masks", "expected"),
    [
        pytest.param(WEIGHTS, NAMED, MASKS, EXPECTED, id="named in a mask file"),
        pytest.param(
            WEIGHTS,
            layout(FIRST, SECOND | {"mask": "b"}),
            {"layers.0.weights": MASKS["a"], "b": MASKS["b"]},
            EXPECTED,
            id="one named",
        ),
        pytest.param(
            WEIGHTS,
            layout(FIRST, SECOND | {"unpruned": True}),
            {"layers.0.weights": MASKS["a"]},
            [EXPECTED[0], [[1, 1]]],
            id="one unpruned",
        ),
        pytest.param(TORCH, PLAIN, None, EXPECTED, id="beside the weights"),
        pytest.param(TORCH | {"step": np.ones(1)}, PLAIN, None, EXPECTED, id="and others beside them"),
        pytest.param(
            TORCH,
            layout(FIRST | {"weights": "a_orig"}, SECOND | {"mask": "b_mask"}),
            None,
            EXPECTED,
            id="beside weights named in full",
        ),
        pytest.param(
            TORCH,
            layout(FIRST | {"mask": "b2"}, SECOND | {"unpruned": True}),
            {"b2": 1 - MASKS["a"]},
            [(1 - MASKS["a"]).tolist(), [[1, 1]]],
            id="a mask file goes before what is beside",
        ),
        pytest.param(TORCH, PLAIN, BY_DEFAULT, EXPECTED, id="by default names though others are beside"),
        pytest.param(
            TORCH,
            layout(FIRST | {"unpruned": True}, SECOND),
            None,
            [[[1, 1, 1], [1, 1, 1]], EXPECTED[1]],
            id="unpruned though a mask is beside",
        ),
        pytest.param(
            WEIGHTS,
            layout(FIRST | {"unpruned": True}, SECOND | {"unpruned": True}),
            None,
            [[[1, 1, 1], [1, 1, 1]], [[1, 1]]],
            id="nothing pruned",
        ),
        pytest.param(WEIGHTS | SCORES, layout(*SCORED), None, BY_SCORES, id="scores beside the weights"),
        pytest.param(WEIGHTS, layout(*SCORED), SCORES, BY_SCORES, id="scores in a mask file"),
        pytest.param(
            WEIGHTS,
            layout(SCORED[0], SECOND | {"mask": "b"}),
            {"s": SCORES["s"], "b": MASKS["b"]},
            [BY_SCORES[0], EXPECTED[1]],
            id="scores and a mask",
        ),
    ],
)
def test_where_masks_are_found(arrays, explained, masks, expected):
    assert read(arrays, explained, () if masks is None else npz(masks)) == expected


def test_masks_and_scores_lie_as_their_weights_do():
    arrays = {name: array.T for name, array in (WEIGHTS | SCORES).items()}
    transposed = [layer | {"transpose": True} for layer in SCORED]
    assert read(arrays, layout(*transposed)) == BY_SCORES
    plain = layout(FIRST | {"transpose": True}, SECOND | {"transpose": True})
    assert read(arrays, plain, npz({name: mask.T for name, mask in BY_DEFAULT.items()})) == EXPECTED


def network(weights: dict[str, Any], **others: Any) -> dict[str, Any]:
    first = {"op": "dense", "precision_bits": 2, "weights": weights["a"].tolist(), "then": [{"op": "relu"}]}
    second = {"op": "dense", "precision_bits": 1, "weights": weights["b"].tolist()}
    box = {"shape": [3], "low": -9, "high": 9, "precision_bits": 0}
    return {"format": "certify.network/1", "input": box, "layers": [first, second]} | others


def test_masks_of_a_base_that_is_a_network():
    source = BaseFiles((json_file(network(WEIGHTS)),))
    base = read_base(source, TARGET).network
    assert bits(read_masks(source, base, npz(BY_DEFAULT))) == EXPECTED
    with pytest.raises(InputError, match="expected a mask file, as the base is a network") as caught:
        read_masks(source, base, ())
    assert not isinstance(caught.value, FalseClaimError)


def test_masks_with_a_network_as_the_layout():
    explained = json_file(network(WEIGHTS))
    arrays = {"layers.0.weights": WEIGHTS["a"], "layers.1.weights": WEIGHTS["b"]}
    assert read(arrays, explained, npz(BY_DEFAULT)) == EXPECTED
    beside = {f"{name}_orig": array for name, array in arrays.items()}
    beside |= {f"{name}_mask": array for name, array in BY_DEFAULT.items()}
    assert read(beside, explained) == EXPECTED


def changed(place: tuple[int, ...], value: float, kind: Any = np.int8) -> dict[str, Any]:
    mask = MASKS["a"].astype(kind)
    mask[place] = value
    return BY_DEFAULT | {"layers.0.weights": mask}


MISSING = {"layers.0.weights": MASKS["a"]}

# name: (arrays, layout, mask file or None, place, what the problem says)
FALSE: dict[str, tuple[dict[str, Any], File, dict[str, Any] | None, str, str]] = {
    "two": (WEIGHTS, PLAIN, changed((1, 2), 2), "layers.0.weights[1][2]", "expected 0 or 1 in a mask, found 2"),
    "half": (WEIGHTS, PLAIN, changed((0, 1), 0.5, float), "layers.0.weights[0][1]", "found 0.5"),
    "transposed": (
        WEIGHTS,
        PLAIN,
        BY_DEFAULT | {"layers.0.weights": MASKS["a"].T},
        "layers.0.weights",
        "expected the shape (2, 3), as its weights have, found (3, 2)",
    ),
    "a row": (WEIGHTS, PLAIN, BY_DEFAULT | {"layers.1.weights": MASKS["b"][0]}, "layers.1.weights", "found (2,)"),
    "scores of another shape": (
        WEIGHTS | {"s": np.ones((3, 2)), "t": SCORES["t"]},
        layout(*SCORED),
        None,
        "s",
        "(3, 2)",
    ),
    "missing": (WEIGHTS, PLAIN, MISSING, "layers.1.weights", "the mask of layers[1], found no array of this name"),
    "a named one missing": (WEIGHTS, NAMED, MISSING, "a", "the mask of layers[0], found no array of this name"),
    "scores missing": (WEIGHTS, layout(*SCORED), {"s": SCORES["s"]}, "t", "the mask of layers[1]"),
    "extra": (WEIGHTS, PLAIN, BY_DEFAULT | {"layers.2.weights": MASKS["b"]}, "layers.2.weights", "that no layer has"),
    "a mask for an unpruned layer": (
        WEIGHTS,
        layout(FIRST, SECOND | {"unpruned": True}),
        BY_DEFAULT,
        "layers.1.weights",
        "that no layer has",
    ),
    "one without a mask beside it": (
        {"a_orig": WEIGHTS["a"], "a_mask": MASKS["a"], "b": WEIGHTS["b"]},
        PLAIN,
        None,
        "b",
        "expected the mask of layers[1], found none",
    ),
    "a named one not beside it": (
        TORCH,
        layout(FIRST, SECOND | {"mask": "m"}),
        None,
        "m",
        "mask of layers[1], found none",
    ),
    "two beside the weights": (TORCH | {"b_mask": np.array([[2, 0]])}, PLAIN, None, "b_mask[0][0]", "found 2"),
}


@pytest.mark.parametrize(("arrays", "explained", "masks", "place", "says"), FALSE.values(), ids=FALSE.keys())
def test_what_is_false_of_a_mask(arrays, explained, masks, place, says):
    with pytest.raises(FalseClaimError) as caught:
        read(arrays, explained, () if masks is None else npz(masks))
    assert caught.value.place == place
    assert says in caught.value.problem


@pytest.mark.parametrize(
    ("arrays", "explained", "says"),
    [
        pytest.param(WEIGHTS, PLAIN, "expected a mask file, or masks that the layout names", id="no masks at all"),
        pytest.param(
            WEIGHTS | {"a_mask": MASKS["a"], "b_mask": MASKS["b"]},
            PLAIN,
            "expected a mask file, or masks that the layout names",
            id="beside weights that are no X_orig",
        ),
        pytest.param(WEIGHTS | SCORES | {"t": np.ones((1, 2))}, layout(*SCORED), "both sides of the cut", id="a tie"),
    ],
)
def test_what_is_no_claim(arrays, explained, says):
    with pytest.raises(InputError) as caught:
        read(arrays, explained)
    assert says in caught.value.problem
    assert not isinstance(caught.value, FalseClaimError)


def test_pruned_keeps_what_the_mask_keeps():
    source = BaseFiles(npz(WEIGHTS | {"c": np.array([5, -5])}), layout(FIRST | {"bias": "c"}, SECOND))
    base = read_base(source, TARGET).network
    ticket = pruned(base, [from_bits(mask == 1) for mask in MASKS.values()])
    assert ticket.input is TARGET.input
    first, second = ticket.layers
    # The second weight of the first row, and the second of the second row, are kept and 0.
    assert [first.weights.row(index) for index in range(2)] == [([0, 1], [1, 0]), ([1, 2], [0, 3])]
    assert second.weights.row(0) == ([1], [-1])
    assert (first.bias, first.steps, first.precision_bits) == ((5, -5), (Relu(),), 2)
    assert (base.name, ticket.name) == ("base", "pruned base")


@given(
    st.lists(st.lists(st.tuples(st.integers(-4, 4), st.booleans()), min_size=3, max_size=3), min_size=1, max_size=4)
)
def test_pruned_is_the_product(rows):
    weights = np.array([[weight for weight, _ in row] for row in rows])
    mask = np.array([[keep for _, keep in row] for row in rows])
    base = Network("", BOX, (Dense(full_rows(weights), 2, (0,) * len(rows)),))
    ticket = pruned(base, [from_bits(mask)])
    assert ticket.matrices[0].to_dense().tolist() == (weights * mask).tolist()
    assert ticket.matrices[0].entries == mask.sum()
    assert ticket.name == "pruned"
