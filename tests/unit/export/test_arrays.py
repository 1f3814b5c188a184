"""Tickets as arrays, in npz and safetensors, read back by the formats' own packages and by the house."""

from __future__ import annotations

import io
import json

import naive_base
import numpy as np
import pytest
import safetensors.numpy
from exported import assert_same, random_ticket, small_target

from certify.base.claimed import BaseFiles, pruned, read_base, read_masks
from certify.base.law import BaseNetwork, Precision
from certify.base.layout import matrix_shapes
from certify.base.mask import from_bits
from certify.base.prune import prune
from certify.errors import InputError
from certify.export import arrays, networks
from certify.export.arrays import narrowest, ticket_arrays
from certify.export.networks import base_network, network_file
from certify.export.npz import write_npz
from certify.export.safetensors import write_safetensors
from certify.network.arrays import File, read_arrays
from certify.network.matrix import from_dense
from certify.network.model import Box, Dense, Network
from certify.network.reader import read_network
from certify.network.steps import Relu

TARGET = small_target()
LAYERS = (0, 1, 3, 4)
"""Of the ticket, those with weights: the sum stands between the pairs."""


def dense_target(bits=3):
    rng = np.random.default_rng(9)
    first, second = (rng.integers(-(2**bits), 2**bits, size=shape) for shape in ((4, 3), (2, 4)))
    layers = (Dense(from_dense(first), bits, (3, 0, -9, 1), (), (Relu(),)), Dense(from_dense(second), bits, (0, 50)))
    return Network("dense", Box((3,), (-4, 0, -1), (4, 2, 5), 1), layers)


def container(form, target, base, masks):
    found = ticket_arrays(target, base, masks)
    return write_npz(found) if form == "npz" else b"".join(write_safetensors(found))


def read_back(form, data):
    if form == "npz":
        with np.load(io.BytesIO(data)) as archive:
            return dict(archive)
    return safetensors.numpy.load(data)


@pytest.mark.parametrize("form", ["npz", "safetensors"])
def test_every_weight_and_every_mask(form):
    base, masks = random_ticket(TARGET)
    found = read_back(form, container(form, TARGET, base, masks))
    assert set(found) == {f"layers.{index}.weights_{what}" for index in LAYERS for what in ("orig", "mask")}
    ticket = prune(TARGET, base, masks)
    for number, index in enumerate(LAYERS):
        weights, mask = (found[f"layers.{index}.weights_{what}"] for what in ("orig", "mask"))
        assert weights.shape == mask.shape == ticket.layers[index].weights.shape
        assert (weights.dtype, mask.dtype) == (np.int8, np.uint8)
        assert (weights * mask.astype(np.int64) == ticket.layers[index].weights.to_dense()).all()
        assert mask.sum() == masks[number].kept
        rows, columns = masks[number].shape
        groups = TARGET.linear[number // 2].groups
        expected = [
            naive_base.weight(base.seed, number, row % (rows // groups), column, 2, group=row // (rows // groups))
            for row in range(rows)
            for column in range(columns)
        ]
        assert weights.reshape(-1).tolist() == expected


@pytest.mark.parametrize("form", ["npz", "safetensors"])
def test_the_houses_own_reader(form):
    base, masks = random_ticket(TARGET)
    data = container(form, TARGET, base, masks)
    own, others = read_arrays([File(f"ticket.{form}", data)]), read_back(form, data)
    assert set(own) == set(others)
    assert all(np.array_equal(own[name], others[name]) for name in own)
    assert all(own[name].dtype == others[name].dtype for name in own)


@pytest.mark.parametrize("form", ["npz", "safetensors"])
def test_the_pieces_do_not_matter(form, monkeypatch):
    base, masks = random_ticket(TARGET)
    whole = container(form, TARGET, base, masks)
    assert container(form, TARGET, base, masks) == whole
    monkeypatch.setattr(arrays, "PIECE", 40)
    assert container(form, TARGET, base, masks) == whole
    (largest, *_) = sorted((len(list(array.pieces())) for array in ticket_arrays(TARGET, base, masks)), reverse=True)
    assert largest > 3


@pytest.mark.parametrize("form", ["npz", "safetensors"])
@pytest.mark.parametrize("target", [dense_target(), TARGET], ids=["dense", "graph"])
def test_what_is_claimed_of_it_is_read_back(form, target):
    """The ticket as a network is the layout with which the file says what its base and its masks are."""
    base, masks = random_ticket(target)
    ticket = prune(target, base, masks)
    layout = File("ticket.json", network_file(ticket))
    source = BaseFiles((File(f"t.{form}", container(form, target, base, masks)),), layout, None, base.seed)
    claimed = read_base(source, target)
    kept = read_masks(source, claimed.network, ())
    assert [mask.columns.tolist() for mask in kept] == [layer.weights.columns.tolist() for layer in ticket.linear]
    again = pruned(claimed.network, kept)
    for layer, expected in zip(again.linear, ticket.linear, strict=True):
        assert layer.weights.to_dense().tolist() == expected.weights.to_dense().tolist()
        assert (layer.bias, layer.constants, layer.steps) == (expected.bias, expected.constants, expected.steps)


def test_safetensors_header():
    base, masks = random_ticket(TARGET)
    data = container("safetensors", TARGET, base, masks)
    length = int.from_bytes(data[:8], "little")
    assert length % 8 == 0
    header = json.loads(data[8 : 8 + length])
    assert header["layers.0.weights_orig"]["data_offsets"][0] == 0
    assert max(entry["data_offsets"][1] for entry in header.values()) == len(data) - 8 - length


DTYPES = {0: "int8", 6: "int8", 7: "int16", 14: "int16", 15: "int32", 30: "int32"}


@pytest.mark.parametrize(("bits", "kind"), DTYPES.items())
def test_dtypes(bits, kind):
    assert narrowest(bits).name == kind
    assert np.iinfo(kind).max >= 2**bits


@pytest.mark.parametrize("form", ["npz", "safetensors"])
def test_wide_weights(form):
    target = dense_target()
    base = BaseNetwork("wide", (5, 5), (Precision(9, 7), Precision(20, 20)), "toward_zero")
    masks = tuple(from_bits(np.ones(shape, dtype=np.bool_)) for shape in matrix_shapes(target, base))
    found = read_back(form, container(form, target, base, masks))
    assert [found[f"layers.{index}.weights_orig"].dtype for index in range(4)] == ["int16", "int16", "int32", "int32"]
    ticket = prune(target, base, masks)
    for index, layer in enumerate(ticket.layers):
        assert found[f"layers.{index}.weights_orig"].tolist() == layer.weights.to_dense().tolist()


def test_arrays_beyond_the_limit(monkeypatch):
    base, masks = random_ticket(TARGET)
    weights = sum(mask.shape[0] * mask.shape[1] for mask in masks)
    monkeypatch.setattr(arrays, "MAX_WEIGHTS", weights)
    ticket_arrays(TARGET, base, masks)
    monkeypatch.setattr(arrays, "MAX_WEIGHTS", weights - 1)
    with pytest.raises(InputError, match=f"of at most {weights - 1} weights to write out, found {weights}"):
        ticket_arrays(TARGET, base, masks)


def test_base_network():
    base, masks = random_ticket(TARGET)
    whole, ticket = base_network(TARGET, base, masks), prune(TARGET, base, masks)
    assert whole.name == "base of small"
    assert whole.shapes() == ticket.shapes()
    for number, (full, kept) in enumerate(zip(whole.linear, ticket.linear, strict=True)):
        assert full.weights.entries == np.prod(full.weights.shape)
        rows, columns = kept.weights.row_of_entry(), kept.weights.columns
        assert (full.weights.to_dense()[rows, columns] == kept.weights.values).all()
        assert masks[number].kept == len(rows)


def test_base_network_as_a_file_is_itself():
    base, masks = random_ticket(TARGET)
    whole = base_network(TARGET, base, masks)
    again = read_network(network_file(whole))
    assert [layer.weights.to_dense().tolist() for layer in again.linear] == [
        layer.weights.to_dense().tolist() for layer in whole.linear
    ]


def test_networks_beyond_the_limits(monkeypatch):
    base, masks = random_ticket(TARGET)
    monkeypatch.setattr(networks, "MAX_BASE_WEIGHTS", 100)
    with pytest.raises(InputError, match="expected a base network of at most 100 weights to write out, found"):
        base_network(TARGET, base, masks)
    monkeypatch.setattr(networks, "MAX_BYTES", 100)
    with pytest.raises(InputError, match="expected a network of at most 100 bytes to write, found"):
        network_file(TARGET)


def test_ticket_and_base_as_onnx():
    base, masks = random_ticket(TARGET)
    assert_same(TARGET, 12)
    assert_same(prune(TARGET, base, masks), 12)
    assert_same(base_network(TARGET, base, masks), 12)
