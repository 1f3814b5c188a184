"""Tickets of convolutions, written out position by position and held against the target in loops."""

from __future__ import annotations

import itertools

import naive_convolution as naive
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from certify.base.law import Precision
from certify.base.layout import matrix_shapes, pairs
from certify.base.prune import prune
from certify.errors import TicketNotFoundError
from certify.network.evaluate import evaluate
from certify.network.matrix import from_dense
from certify.network.model import Box, Network
from certify.network.operators import Convolution
from certify.network.operators.window import Window
from certify.network.steps import Relu
from certify.ticket import find_ticket
from certify.ticket.goal import OBJECTIVES, Goal

both = st.tuples(st.integers(1, 2), st.integers(1, 2))
around = st.tuples(st.integers(0, 1), st.integers(0, 2))
BOXES = [(-2, 3), (0, 3), (-3, 0), (1, 2), (0, 0)]


@st.composite
def convolutions(draw):
    """A network of one small convolution: any window, groups, constants, biases of several lines."""
    size = draw(st.tuples(st.integers(1, 3), st.integers(1, 2)))
    window = Window(size, draw(both), draw(both), draw(st.tuples(around, around)))
    groups, channels, outputs = draw(st.integers(1, 3)), draw(st.integers(1, 2)), draw(st.integers(1, 2))
    bits, constants = draw(st.integers(0, 4)), draw(st.lists(st.integers(-5, 5), max_size=2))
    generator = np.random.default_rng(draw(st.integers(0, 2**32)))
    weights = generator.integers(
        -(2**bits), 2**bits + 1, (groups * outputs, size[0] * size[1] * channels + len(constants))
    )
    weights[generator.random(weights.shape) < 0.3] = 0
    largest = draw(st.sampled_from([0, 3, 2**9]))
    bias = tuple(generator.integers(-largest, largest + 1, groups * outputs).tolist())
    layer = Convolution(from_dense(weights), bits, bias, window, groups, tuple(constants), (Relu(),))
    shape = tuple(
        max(1, dilation * (length - 1) + 1 - sum(padding)) + draw(st.integers(0, 2))
        for length, dilation, padding in zip(size, window.dilation, window.padding, strict=True)
    )
    return network(layer, (*shape, groups * channels), *draw(st.sampled_from(BOXES)))


def network(layer, shape, low, high):
    features = int(np.prod(shape))
    return Network("convolution", Box(shape, (low,) * features, (high,) * features, 0), (layer,))


def points(target, count=4):
    box, generator = target.input, np.random.default_rng(3)
    inside = [generator.integers(box.low[0], box.high[0] + 1, box.features).tolist() for _ in range(count)]
    return [list(box.low), list(box.high), *inside]


def conv(weights, bits=4, *, bias=None, size=(1, 1), groups=1, low=0, high=3, plane=(2, 2)):
    weights = np.array(weights, dtype=np.int64)
    layer = Convolution(from_dense(weights), bits, bias or (0,) * len(weights), Window(size), groups)
    return network(layer, (*plane, groups * layer.channels), low, high)


@settings(max_examples=60)
@given(convolutions(), st.sampled_from(["0", "Zürich 🎟"]), st.integers(0, 1), st.sampled_from(OBJECTIVES))
def test_a_ticket_unrolled_is_the_target(target, seed, finer, objective):
    [layer] = target.layers
    kept = (layer.precision_bits + 1) // 2 + finer
    ticket = find_ticket(target, seed, precisions=[Precision(kept, kept)], goal=Goal(objective))
    [pair] = pairs(target, ticket.base.precisions)
    pruned = prune(target, ticket.base, ticket.masks)
    shape = target.input.shape
    for point in points(target):
        plane = np.array(point, dtype=object).reshape(shape).tolist()
        wanted = naive.convolve(layer, plane)
        found = naive.unrolled_ticket(layer, pair, ticket.base, 0, ticket.masks, point, shape)
        assert found == {
            (row, column, output): value << pair.weight_bits
            for row, line in enumerate(wanted)
            for column, outputs in enumerate(line)
            for output, value in enumerate(outputs)
        }
        expected = [max(0, value) << pair.weight_bits for line in wanted for outputs in line for value in outputs]
        assert list(evaluate(pruned, point)) == expected


@settings(max_examples=40)
@given(convolutions(), st.sampled_from([None, 24]))
def test_one_subset_sum_for_every_weight_of_a_kernel(target, block_width):
    [layer] = target.layers
    try:
        ticket = find_ticket(target, "sums", block_width=block_width)
    except TicketNotFoundError:
        assert block_width is not None
        return
    assert [mask.shape for mask in ticket.masks] == list(matrix_shapes(target, ticket.base))
    assert max(np.diff(ticket.masks[0].start), default=0) <= 1
    [pair] = pairs(target, ticket.base.precisions)
    low, high = target.input.low[0], target.input.high[0]
    sums = {}
    for row, column, u, v in naive.paths(layer, ticket.base, 0, ticket.masks):
        assert column >= layer.channels or (high > 0 if u > 0 else low < 0)
        sums[row, column, u > 0] = sums.get((row, column, u > 0), 0) + v * u
    kernels = layer.weights.to_dense()
    for output, tap, channel in itertools.product(*map(range, (layer.outputs, layer.taps, layer.channels))):
        wanted = int(kernels[output, tap * layer.channels + channel]) << pair.weight_bits
        for half, needed in ((True, high > 0), (False, low < 0)):
            assert sums.get((output * layer.taps + tap, channel, half), 0) == (wanted if needed else 0)


def test_biases_stand_on_the_first_tap():
    target = conv([[1, 2, 3, 4], [0, 0, 0, 0]], bias=(300, -7), size=(2, 2))
    ticket = find_ticket(target, "0")
    on_lines = {row for row, column, _, _ in naive.paths(target.layers[0], ticket.base, 0, ticket.masks) if column}
    assert on_lines == {0, 4}


def test_groups_have_as_many_units_as_the_one_that_needs_most():
    """Group 1 has no weight, and group 2 more than group 0; unit 0 of each is drawn for itself."""
    target = conv([[3], [0], [13]], groups=3)
    ticket = find_ticket(target, "0")
    [width] = ticket.base.widths
    assert ticket.masks[0].shape == (3 * width, 1)
    assert ticket.masks[1].shape == (3, width)
    alone = {weight: find_ticket(conv([[weight]]), "0").base.widths[0] for weight in (3, 13)}
    assert alone[3] == find_ticket(conv([[3], [0]], groups=2), "0").base.widths[0]
    groups = ticket.masks[0].rows() // width
    assert set(groups.tolist()) == {0, 2}
    assert width == int((ticket.masks[0].rows() % width).max()) + 1


def test_the_first_group_is_what_it_is_without_the_others():
    weights = np.random.default_rng(5).integers(-16, 17, (6, 4))
    together = find_ticket(conv(weights, bias=(900, -2, 0, 0, 77, 1), size=(2, 1), groups=2), "0", block_width=40)
    alone = find_ticket(conv(weights[:3], bias=(900, -2, 0), size=(2, 1)), "0", block_width=40)
    for both_groups, one in zip(together.masks, alone.masks, strict=True):
        half = both_groups.shape[0] // 2
        assert both_groups.shape == (2 * one.shape[0], one.shape[1])
        assert both_groups.start[: half + 1].tolist() == one.start.tolist()
        assert both_groups.columns[: one.kept].tolist() == one.columns.tolist()


def test_padding_needs_no_half():
    """Inputs from 1 to 2 with zeros around them need one half, and those from -2 to -1 the other."""
    for low, high, positive in ((1, 2, True), (-2, -1, False)):
        weights = from_dense(np.array([[3, -5]], dtype=np.int64))
        layer = Convolution(weights, 4, (0,), Window((1, 2), padding=((0, 0), (1, 1))))
        target = network(layer, (1, 2, 1), low, high)
        ticket = find_ticket(target, "0")
        assert {u > 0 for _, _, u, _ in naive.paths(layer, ticket.base, 0, ticket.masks)} == {positive}


# No product of two numbers from -4 to 4 is 7 or -7, so one unit never gives them, whatever the seed.


@pytest.mark.parametrize(
    ("target", "places"),
    [
        pytest.param(conv([[0, 0, 0, 7]], size=(2, 2)), ["layers[0].weights[0][3]"], id="the last tap"),
        pytest.param(
            conv([[0] * 6, [0, 0, 0, -7, 0, 0]], size=(1, 3), plane=(1, 3)),
            ["layers[0].weights[1][3]"],
            id="tap 1, channel 1",
        ),
        pytest.param(
            conv([[0, 0], [7, 0], [0, 0], [0, 7]], size=(2, 1), groups=4, plane=(2, 1)),
            ["layers[0].weights[1][0]", "layers[0].weights[3][1]"],
            id="two groups",
        ),
        pytest.param(conv([[0, 0], [0, 0]], bias=(0, 7), size=(2, 1), groups=2), ["layers[0].bias[1]"], id="bias"),
        pytest.param(
            conv([[7], [7]], groups=2, low=-1, high=0),
            ["layers[0].weights[0][0]", "layers[0].weights[1][0]"],
            id="inputs ≤ 0",
        ),
    ],
)
def test_failures_name_the_targets_own_places(target, places):
    with pytest.raises(TicketNotFoundError, match="no subset of the 1 units of a block") as caught:
        find_ticket(target, "0", block_width=1)
    named, _ = str(caught.value).split(" What would help: ")
    assert [part.split(" (")[0] for part in named.split(" gives ")[1].split("; ")] == places


def test_a_search_that_is_too_large_names_a_kernels_weight():
    with pytest.raises(TicketNotFoundError, match=r"^layers\[0\]\.weights\[1\]\[2\]: the search is too large at 30"):
        find_ticket(conv([[0, 0, 0], [0, 0, 200]], 8, size=(1, 3), plane=(1, 3)), "0", precisions=[Precision(30, 30)])
