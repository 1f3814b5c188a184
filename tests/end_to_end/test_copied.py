"""Somebody's ticket in Theorem 2's shape: claimed (`certify audit --target`), or beside its target."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
from claimed_files import npz
from mutants import dense, network, plain_pair, with_weight

from certify.network.steps import Relu
from certify.network.writer import write_network

TARGET = network([-3, -2], [2, 3], dense([[3, -2], [1, 4]], [Relu()], bits=2, bias=[3, -4]), dense([[2, -3]], bits=2))
FIRST = plain_pair(dense([[1, 4], [3, -2], [1, 4]], [Relu()], bits=2, bias=[-4, 3, -4]))
TICKET = replace(TARGET, layers=(*FIRST, dense([[-4, 2, 1]], bits=2)))
NAMES = [f"layers.{index}.weights" for index in range(3)]


def base_of(ticket):
    """The ticket with a weight of 1 wherever it keeps none, as JSON, and the masks that remove these."""
    document, masks = json.loads(write_network(ticket)), {}
    for name, layer, entry in zip(NAMES, ticket.layers, document["layers"], strict=True):
        kept = np.zeros(layer.weights.shape, dtype=np.int8)
        kept[layer.weights.row_of_entry(), layer.weights.columns] = 1
        masks[name] = kept
        entry["weights"] = np.where(kept == 1, layer.weights.to_dense(), 1).tolist()
    return document, npz(masks)[0].data


@pytest.fixture
def claimed(certify):
    base, masks = base_of(TICKET)
    certify.write("t.json", write_network(TARGET))
    certify.write("base.json", base)
    certify.write("m.npz", masks)
    return certify


def audited(program):
    return program("audit", "--target", "t.json", "--base", "base.json", "--mask", "m.npz", "--format", "json")


def test_claimed(claimed):
    ran = audited(claimed)
    assert (ran.code, ran.result["verdict"], ran.result["checks"]["strategy"]) == (0, "proved", "decomposition")
    counts = {kind: of["count"] for kind, of in ran.result["obligations"].items()}
    assert (counts["weight"], counts["bias"]) == (3 * 2 * 2 + 2, 3 + 1)


def test_an_edge_on_another_neurons_copy(claimed):
    """The sum 3·y0 stands for -3·y1."""
    base, masks = base_of(with_weight(with_weight(TICKET, 2, 0, 0, None), 2, 0, 1, -2))
    claimed.write("base.json", base)
    claimed.write("m.npz", masks)
    ran = audited(claimed)
    assert (ran.code, ran.result["verdict"]) == (1, "refuted")


def test_equal(claimed):
    claimed.write("ticket.json", write_network(TICKET))
    ran = claimed("equal", "t.json", "ticket.json", "--format", "json")
    assert (ran.code, ran.result["checks"]["strategy"]) == (0, "decomposition")
