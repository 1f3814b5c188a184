"""Graphs looked at in blocks: the same points, in the same order, with the same answers as in Python integers."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from graph_pairs import PAIRS, body, conv, dense, first, grid, network, window
from large_graphs import resnet8

from certify.monitor import Monitor
from certify.network.batch import TooWideError
from certify.network.steps import Relu, Thresholds
from certify.proof import enumeration, looking
from certify.proof.claim import Relation
from certify.proof.enumeration import search_difference, sweep_grid
from certify.proof.looking import Both, grid_block

RELATIONS = [Relation(), Relation("within", 2), Relation("argmax")]


@pytest.fixture
def blocks(monkeypatch):
    """Everything in blocks, small ones."""
    monkeypatch.setattr(enumeration, "EXACT_WORK", 0)
    monkeypatch.setattr(looking, "BLOCK_POINTS", 50)


def test_a_grid_in_blocks_is_the_grid():
    box = replace(network((3,), 0, 1).input, low=(-2, 5, 0), high=(1, 5, 2))
    found = np.concatenate([grid_block(box, start, min(5, 12 - start)) for start in range(0, 12, 5)])
    assert np.array_equal(found, grid(box))


@pytest.mark.parametrize("relation", RELATIONS, ids=lambda relation: relation.name)
@pytest.mark.parametrize("workers", [1, 3])
def test_a_sweep_in_blocks_sees_what_python_sees(request, relation, workers):
    left, right = PAIRS["a residual block"]()
    layer = right.layers[0]
    other = replace(right, layers=(replace(layer, bias=(5, *layer.bias[1:])), *right.layers[1:]))
    exact = [sweep_grid(left, net, workers, Monitor(), relation) for net in (right, other)]
    request.getfixturevalue("blocks")
    assert [sweep_grid(left, net, workers, Monitor(), relation) for net in (right, other)] == exact
    assert exact[0].points == 3**6
    assert exact[1].difference is not None


@pytest.mark.usefixtures("blocks")
def test_a_sweep_of_a_graph_holds_no_float(monkeypatch):
    kinds = []
    original = Both.of

    def of(*args, **options):
        found = original(*args, **options)
        kinds.extend([*found.left.kinds, *found.right.kinds])
        return found

    monkeypatch.setattr(Both, "of", of)
    left, right = PAIRS["depthwise"]()
    sweep_grid(left, right, 1, Monitor())
    assert set(kinds) == {np.int64}


@pytest.mark.usefixtures("blocks")
def test_a_chain_with_thresholds_is_swept_in_blocks():
    net = network((4,), -3, 3, dense([[1, 2, -1, 1]], [0], (Thresholds((-3, 0, 4)),)), dense([[2]]))
    assert sweep_grid(net, net, 2, Monitor()).points == 7**4
    assert search_difference(net, net).point is None


def test_outputs_too_wide_for_the_common_scale():
    fine = replace(dense([[2**40]]), precision_bits=40)
    graph = network((1, 1, 1), 0, 2**30, conv([[1]], window(1), bits=0))
    box = network((1, 1, 1), 0, 2**30, fine)
    with pytest.raises(TooWideError):
        Both.of(graph, box, Relation(), floats=False)
    found = search_difference(graph, box)
    assert found.point is None
    assert found.points > 3


@pytest.mark.parametrize("layer", [0, 2, 6])
def test_a_search_finds_a_bias_in_a_large_graph(monkeypatch, layer):
    monkeypatch.setattr(looking, "SEARCH_PRODUCTS", 2**26)
    net = resnet8(1, size=16, width=8)
    own = net.layers[layer]
    other = replace(own, bias=(own.bias[0] + 500, *own.bias[1:]))
    found = search_difference(net, replace(net, layers=(*net.layers[:layer], other, *net.layers[layer + 1 :])))
    assert found.point is not None
    assert search_difference(net, net).point is None


def test_a_search_is_the_same_every_time(monkeypatch):
    monkeypatch.setattr(looking, "SEARCH_PRODUCTS", 2**26)
    net = resnet8(1, size=8, width=4)
    assert search_difference(net, net) == search_difference(net, net)
    assert search_difference(net, net, briefly=True).points < search_difference(net, net).points


def test_blocks_grow_small_where_tensors_are_large():
    net = body(first(), conv([[1, 2, 3]] * 500, window(1), None, (Relu(),)))
    large = Both.of(net, net, Relation(), floats=True)
    small = Both.of(body(first()), body(first()), Relation(), floats=True)
    assert large.block < small.block
    assert large.block * 6 * 500 <= looking.BLOCK_ELEMENTS
    assert large.cost > small.cost
