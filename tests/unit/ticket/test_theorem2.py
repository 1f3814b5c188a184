"""Tickets of copies and of signs, held against the target on its whole grid, and what they say where there is none.

The weights of copies come from the plain-Python oracle of the base network and the masks' bits.
"""

from __future__ import annotations

import itertools
import re

import naive_base as naive
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from certify.base.copies import of_layers
from certify.base.law import Precision
from certify.base.prune import prune
from certify.errors import InputError, TicketNotFoundError
from certify.issue import Options, find
from certify.network.compare import same_values
from certify.network.evaluate import evaluate
from certify.network.matrix import from_dense
from certify.network.model import Box, Dense, Network
from certify.network.operators import Convolution
from certify.network.operators.window import Window
from certify.network.steps import Relu, Requantize
from certify.ticket import block, find_copies, find_ticket, theorem2
from certify.ticket.goal import Goal
from solvers.subset_sum import Count


def dense(bits, weights, bias=None, steps=()):
    matrix = from_dense(np.array(weights, dtype=np.int64))
    return Dense(matrix, bits, tuple(bias or (0,) * len(weights)), (), tuple(steps))


def network(*layers, low=(-2, 0), high=(2, 3)):
    return Network("copied", Box((len(low),), low, high, 1), layers)


THREE = network(
    dense(2, [[3, -4], [0, 2]], (0, 40), [Relu()]),
    dense(1, [[1, -2], [2, 0], [-1, 1]], (5, 0, -1), [Relu(), Requantize(1, "floor")]),
    dense(1, [[2, 1, -1]], (1,)),
)


def assert_equal_on_the_grid(target, ticket):
    pruned = prune(target, ticket.base, ticket.masks)
    box = [range(low, high + 1) for low, high in zip(target.input.low, target.input.high, strict=True)]
    for point in itertools.product(*box):
        assert same_values(target, pruned, evaluate(target, point), evaluate(pruned, point))


@pytest.mark.parametrize("goal", [Goal(), Goal("first"), Goal(count=Count(0, 3))], ids=str)
@pytest.mark.parametrize("options", [{}, {"copies": 24}, {"precisions": [Precision(3, 2)] * 3}], ids=str)
def test_copies_equal_their_target(options, goal):
    assert_equal_on_the_grid(THREE, find_copies(THREE, "a", goal=goal, **options))


@pytest.mark.parametrize(
    "options", [{}, {"block_width": 40}, {"goal": Goal("width")}, {"goal": Goal("first")}], ids=str
)
def test_signs_equal_their_target(options):
    ticket = find_ticket(THREE, "a", construction="binary", **options)
    assert_equal_on_the_grid(THREE, ticket)
    assert ticket.base.construction == "binary"
    assert all((np.abs(matrix.values) == 1).all() for matrix in prune(THREE, ticket.base, ticket.masks).matrices)


@st.composite
def chains(draw):
    """Some layers with biases and steps, on a small box with inputs of either sign."""
    sizes = draw(st.lists(st.integers(1, 3), min_size=2, max_size=4))
    layers = []
    for columns, rows in itertools.pairwise(sizes):
        bits = draw(st.integers(0, 3))
        weight = st.integers(-(1 << bits), 1 << bits)
        weights = draw(st.lists(st.lists(weight, min_size=columns, max_size=columns), min_size=rows, max_size=rows))
        bias = draw(st.lists(st.integers(-20, 20), min_size=rows, max_size=rows))
        steps = draw(
            st.sampled_from([(), (Relu(),), (Relu(), Requantize(1, "floor")), (Requantize(2, "half_even"),)])
        )
        layers.append(dense(bits, weights, bias, steps))
    low = draw(st.lists(st.integers(-2, 1), min_size=sizes[0], max_size=sizes[0]))
    return network(*layers, low=tuple(low), high=tuple(value + 1 for value in low))


@settings(max_examples=25)
@given(chains(), st.sampled_from(["theorem-1", "theorem-2", "binary"]), st.sampled_from("abc"))
def test_every_construction_equals_every_target(target, construction, seed):
    assert_equal_on_the_grid(target, find(target, Options(seed, construction=construction)))


@pytest.mark.parametrize("copies", [None, 24])
def test_only_copies_that_somebody_reads_are_made(copies):
    ticket = find_copies(THREE, "b", copies=copies)
    _, *of = of_layers(THREE, ticket.base)
    for number, (neurons, lines) in enumerate(((2, 2), (3, 1))):
        made, reading = ticket.masks[number + 1], ticket.masks[number + 2]
        copy, source = np.divmod(reading.columns, neurons + lines)
        read = set((copy * neurons + source)[source < neurons].tolist())
        assert set(made.rows().tolist()) <= read
        assert max(read) < of[number] * neurons
        assert copies is None or of[number] == copies


def naive_row(ticket, number, row, sources):
    """What one row of a single matrix gives each source, from the masks' bits."""
    mask, bits = ticket.masks[number + 1], ticket.base.precisions[number]
    sums = [0] * sources
    for column in mask.columns[mask.start[row] : mask.start[row + 1]].tolist():
        word = naive.word_at(naive.key_of_seed(ticket.base.seed), number + 1, row, column)
        weight = naive.nonzero_weight_of_word(word, bits.drawn)
        sums[column % sources] += naive.quantize(weight, bits.drawn, bits.kept, "floor")
    return sums


def test_kept_weights_of_one_row_add_up_to_the_targets():
    ticket = find_copies(THREE, "c", precisions=[Precision(2, 2), Precision(3, 2), Precision(2, 2)])
    assert naive_row(ticket, 2, 0, 4) == [4, 2, -2, 2]
    for row in np.unique(ticket.masks[2].rows()).tolist():
        weights = THREE.layers[1].weights.to_dense()[row % 3]
        assert naive_row(ticket, 1, row, 4)[:2] == [2 * value for value in weights.tolist()]


def test_a_copy_that_does_not_exist_is_done_without():
    """With these copies some are missing: a ticket that took only the first choice would not be there."""
    found = []
    for seed in range(12):
        try:
            found.append(find_copies(THREE, str(seed), copies=9))
        except TicketNotFoundError as error:
            assert "of the 9 copies of a neuron gives layers[2]" in str(error)  # noqa: PT017 - either may be
    assert 0 < len(found) < 12
    for ticket in found[:3]:
        assert_equal_on_the_grid(THREE, ticket)


@pytest.mark.parametrize(("weight", "cause"), [(4, "range"), (3, "parity")])
def test_too_few_copies(weight, cause):
    """One random weight of 2 bits is seldom the one that is wanted; 3 is no multiple of 4."""
    target = network(dense(0, [[1, 0]], steps=[Relu()]), dense(2, [[weight]]), low=(0, 0))
    of = r"no subset of the 1 copies of a neuron gives layers\[1\].weights\[0\]\[0\] \(all inputs, [01] units\)"
    refused = []
    for seed in range(100):
        try:
            assert_equal_on_the_grid(target, find_copies(target, str(seed), copies=1))
        except TicketNotFoundError as error:
            refused.append(str(error))
    assert 0 < len(refused) < 100
    assert all(re.match(of, problem) and "a larger --width" in problem for problem in refused)
    assert any(f"1 units): {cause}. " in problem for problem in refused)


def test_a_bias_names_its_output_and_not_its_copy(monkeypatch):
    monkeypatch.setattr(theorem2, "MAX_COPIES", 1)
    target = network(dense(0, [[1, 0]], steps=[Relu()]), dense(2, [[0]], (-4,)))
    with pytest.raises(TicketNotFoundError, match=r"first 1 copies of a neuron gives layers\[1\].bias\[0\] \(all"):
        find_copies(target, "0")


def test_what_copies_are_not_for():
    kernel = Convolution(from_dense(np.ones((1, 1), dtype=np.int64)), 0, (0,), Window((1, 1)), 1, (), ())
    picture = Network("picture", Box((1, 1, 1), (0,), (1,), 0), (kernel,))
    with pytest.raises(InputError, match=r"layers\[0\]: .*found convolution: copies"):
        find_copies(picture, "0")
    with pytest.raises(InputError, match=r"layers\[1\].precision_bits: .*δ_t ≥ δ fails"):
        find_copies(THREE, "0", precisions=[Precision(1, 1), Precision(0, 0), Precision(1, 1)])
    with pytest.raises(InputError, match="objective"):
        find_copies(THREE, "0", goal=Goal("width"))


def test_a_weight_that_takes_more_signs_than_a_block_has():
    target = network(dense(12, [[4096]]), low=(0,), high=(1,))
    with pytest.raises(TicketNotFoundError, match=r"weights\[0\]\[0\] \(inputs ≥ 0, \d+ units\): range") as caught:
        find_ticket(target, "0", construction="binary")
    assert "a weight w takes |w| units" in str(caught.value)
    assert "fewer precision bits, or --construction pairs" in str(caught.value)


def test_single_weights_beyond_the_search(monkeypatch):
    def give_up(*_, **__):
        raise ValueError("sums beyond 62 bits")

    target = network(dense(0, [[0, 0]], steps=[Relu()]), dense(8, [[200]]))
    monkeypatch.setattr(block, "serve", give_up)
    pattern = r"layers\[1\].weights\[0\]\[0\]: the search is too large at 30 bits: sums beyond 62 bits. .*coarser"
    with pytest.raises(TicketNotFoundError, match=pattern):
        find_copies(target, "0", precisions=[Precision(0, 0), Precision(30, 30)])
