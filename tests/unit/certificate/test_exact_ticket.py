"""Statements about convolutions: the masks' shapes by group and tap, and the blocks of every group."""

from __future__ import annotations

import json

import numpy as np
import pytest
from program import b64, issued, sha256

from certify.base.draw import kept_digest
from certify.base.law import BaseNetwork, Precision
from certify.base.mask import from_positions
from certify.base.prune import prune
from certify.certificate.canonical import canonical
from certify.certificate.exact_ticket import _check_blocks, build
from certify.certificate.mask_codec import encode
from certify.certificate.statement import read
from certify.errors import InputError, InvalidCertificateError

DEPTHWISE = {
    "format": "certify.network/1",
    "name": "depthwise",
    "input": {"shape": [3, 2, 2], "low": -2, "high": 2, "precision_bits": 0},
    "layers": [
        {
            "op": "conv2d",
            "kernel": [2, 2],
            "groups": 2,
            "padding": [[0, 1], [1, 0]],
            "precision_bits": 3,
            "weights": [[3, -4, 0, 8], [-5, 1, 2, 0]],
            "bias": [5, -70],
            "then": [{"op": "relu"}, {"op": "requantize", "shift": 3, "rounding": "floor"}],
        },
        {"op": "max_pool", "kernel": [3, 2]},
        {"op": "dense", "precision_bits": 1, "weights": [[1, -2], [0, 2]], "then": []},
    ],
}


def statement():
    return json.loads(issued(DEPTHWISE).payload)


def test_what_is_read_builds_the_same():
    made = issued(DEPTHWISE)
    said = read(made.payload)
    ticket = prune(said.subject.target, said.subject.base, said.subject.masks)
    assert build(said.subject, kept_digest(ticket.matrices), made.proof, said.versions) == made.payload


def test_what_it_says():
    predicate = statement()["predicate"]
    widths, figures = predicate["base"]["widths"], predicate["sizes"]
    assert predicate["base"]["precisions"] == [{"drawn": 2, "kept": 2}, {"drawn": 1, "kept": 1}]
    shapes = [mask.shape for mask in issued(DEPTHWISE).subject.masks]
    # A channel and two constant lines (1 and 8) in each of two groups; two outputs of four taps; then dense.
    assert shapes == [(2 * widths[0], 1 + 2), (2 * 4, widths[0]), (widths[1], 2), (2, widths[1])]
    assert figures["base_parameters"] == sum(rows * columns for rows, columns in shapes)
    # 17^8 · 5^4 is above 2^41.
    assert (figures["target_parameters"], figures["lower_bound"]) == (12, 42)


def refused(document, place, says):
    with pytest.raises(InvalidCertificateError) as caught:
        read(canonical(document))
    assert caught.value.place == f"payload.{place}"
    assert says in caught.value.problem


def test_a_mask_without_the_second_group():
    document = statement()
    first = issued(DEPTHWISE).subject.masks[0]
    rows = first.shape[0] // 2
    one = from_positions((rows, 3), first.rows()[: first.start[rows]], first.columns[: first.start[rows]])
    document["predicate"]["masks"][0] = {"data": b64(encode(one)), "sha256": sha256(encode(one))}
    refused(document, "predicate.masks[0].data", f"expected {2 * rows} rows")


@pytest.mark.parametrize("width", [2**24, 2**20])
def test_widths_beyond_the_masks(width):
    document = statement()
    document["predicate"]["base"]["widths"][0] = width
    refused(document, "predicate.masks[0].data", f"expected {2 * width} rows")


def test_one_width_for_each_layer_with_weights():
    document = statement()
    document["predicate"]["base"]["widths"].append(1)
    refused(document, "predicate.base.widths", "expected 2, one for each layer with weights, found 3")


def first_mask(width, groups, columns, *positions):
    """Of (group, unit, column)."""
    rows = np.array([group * width + unit for group, unit, _ in positions], dtype=np.int64)
    served = np.array([column for *_, column in positions], dtype=np.int64)
    return from_positions((groups * width, columns), rows, served)


GROWN = {
    "every group from the first column": (3, 2, ((0, 0, 0), (0, 2, 1), (1, 0, 0), (1, 1, 1))),
    "only the last group reaches the end": (4, 3, ((0, 0, 1), (1, 1, 0), (2, 3, 0))),
    "a group without units": (2, 2, ((1, 0, 0), (1, 1, 1))),
    "nothing at all": (1, 2, ()),
}
NOT_GROWN = {
    "another order in the second group": (2, 2, ((0, 0, 0), (1, 0, 1), (1, 1, 0)), "predicate.masks[0]", "order"),
    "a unit too many in every group": (3, 2, ((0, 1, 0), (1, 1, 1)), "predicate.base.widths[0]", "2 units"),
    "nothing, and two units": (2, 2, (), "predicate.base.widths[0]", "1 units up to the last kept one, found 2"),
}
FIXED = {
    "each in its own": ((0, 0, 0), (0, 3, 1), (1, 1, 0), (1, 2, 1)),
    "a group without units": ((1, 3, 1),),
}
NOT_FIXED = {"of the first group": (0, 2, 0), "of the second group": (1, 1, 1)}


def check(mask, width, blocks="grown"):
    _check_blocks([mask, mask], BaseNetwork("0", (width,), (Precision(1, 1),)), blocks)


@pytest.mark.parametrize("name", GROWN)
def test_grown_blocks(name):
    width, groups, positions = GROWN[name]
    check(first_mask(width, groups, 2, *positions), width)


@pytest.mark.parametrize("name", NOT_GROWN)
def test_no_grown_blocks(name):
    width, groups, positions, place, says = NOT_GROWN[name]
    with pytest.raises(InputError) as caught:
        check(first_mask(width, groups, 2, *positions), width)
    assert caught.value.place == place
    assert says in caught.value.problem


@pytest.mark.parametrize("name", GROWN)
def test_grown_blocks_are_shared_ones_too(name):
    width, groups, positions = GROWN[name]
    check(first_mask(width, groups, 2, *positions), width, "shared")


def test_shared_units_are_in_any_order():
    width, groups, positions, *_ = NOT_GROWN["another order in the second group"]
    check(first_mask(width, groups, 2, *positions), width, "shared")


@pytest.mark.parametrize("name", ["a unit too many in every group", "nothing, and two units"])
def test_shared_units_end_with_a_kept_one(name):
    width, groups, positions, place, says = NOT_GROWN[name]
    with pytest.raises(InputError, match="expected shared blocks") as caught:
        check(first_mask(width, groups, 2, *positions), width, "shared")
    assert caught.value.place == place
    assert says in caught.value.problem


@pytest.mark.parametrize("name", FIXED)
def test_fixed_blocks(name):
    check(first_mask(4, 2, 2, *FIXED[name]), 4, 2)


@pytest.mark.parametrize("name", NOT_FIXED)
def test_a_unit_of_another_fixed_block(name):
    with pytest.raises(InputError, match=r"^predicate.masks\[0\]: expected blocks of 2 units, each for one input"):
        check(first_mask(4, 2, 2, NOT_FIXED[name]), 4, 2)


def test_fixed_blocks_of_another_width():
    with pytest.raises(InputError, match=r"widths\[0\]: expected 2 blocks of 3 units, found 4 units"):
        check(first_mask(4, 2, 2), 4, 3)
