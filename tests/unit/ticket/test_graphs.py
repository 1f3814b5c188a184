"""Tickets of graphs: branches, shared operators, layers of different precision."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from certify.base.law import Precision
from certify.base.layout import pairs
from certify.base.prune import prune
from certify.errors import InputError, TicketNotFoundError
from certify.issue import Options
from certify.network.compare import same_values
from certify.network.evaluate import evaluate
from certify.network.matrix import from_dense
from certify.network.model import INPUT, Box, Dense, Network
from certify.network.operators import Addition, Concatenate, Convolution, Pooling, Product, Reshape, Softmax, Term
from certify.network.operators.window import Window
from certify.network.steps import Clamp, Offset, Relu, Requantize, Sign
from certify.ticket import find_ticket

SHIFT = (Requantize(3, "half_up"), Clamp(-8, 7))


class Random:
    """Layers with random weights and biases, from one generator."""

    def __init__(self, seed):
        self.generator = np.random.default_rng(seed)

    def weights(self, rows, columns, bits, kind="uniform"):
        found = self.generator.integers(-(2**bits), 2**bits + 1, (rows, columns))
        return from_dense(np.where(found >= 0, 1, -1) if kind == "binary" else found)

    def bias(self, outputs, bits):
        return tuple(self.generator.integers(-(2 ** (bits + 3)), 2 ** (bits + 3) + 1, outputs).tolist())

    def conv(self, channels, outputs, bits=4, *, size=1, groups=1, steps=SHIFT, sources=(), kind="uniform"):
        weights = self.weights(outputs, size * size * channels // groups, bits, kind)
        low = (size - 1) // 2
        window = Window((size, size), padding=((low, size - 1 - low),) * 2)
        return Convolution(weights, bits, self.bias(outputs, bits), window, groups, (), steps, sources=sources)

    def dense(self, inputs, outputs, bits=4, *, steps=SHIFT, sources=(), kind="uniform"):
        return Dense(
            self.weights(outputs, inputs, bits, kind), bits, self.bias(outputs, bits), (), steps, sources=sources
        )


def network(shape, *layers, low=-4, high=4):
    features = int(np.prod(shape))
    return Network("graph", Box(shape, (low,) * features, (high,) * features, 0), layers)


def residual(seed):
    """A branch of a depthwise and a pointwise convolution beside a projection, added, pooled and classified."""
    r = Random(seed)
    return network(
        (4, 4, 2),
        r.conv(2, 3, size=3),
        r.conv(3, 3, size=3, groups=3, steps=(Relu(),)),
        r.conv(3, 4, steps=(Requantize(7, "half_up"), Clamp(-8, 7))),
        r.conv(3, 4, sources=(0,)),
        Addition((2, 3), (Term(), Term(3, (Offset(1),))), (Relu(),), "sum"),
        Pooling("max", Window((2, 2), (2, 2))),
        r.dense(16, 2, 5, steps=()),
    )


def attention(seed):
    """Q, K and V of four tokens, the table softmax between two products, and a projection."""
    r = Random(seed)
    table = tuple(range(1, 31))
    return network(
        (4, 1, 2),
        r.conv(2, 2),
        r.conv(2, 2, sources=(INPUT,)),
        r.conv(2, 2, sources=(INPUT,)),
        Reshape((4, 2), sources=(0,)),
        Reshape((2, 4), sources=(1,)),
        Product((3, 4), (Clamp(-14, 15),)),
        Softmax(table, 15),
        Reshape((4, 2), sources=(2,)),
        Product((6, 7), SHIFT),
        r.dense(8, 3, steps=()),
    )


def both_kinds_read_one(seed):
    """A layer without a step that a dense layer and an addition read: it has to end at its own scale."""
    r = Random(seed)
    return network(
        (3,),
        r.dense(3, 3, 3, steps=(Relu(),)),
        r.dense(3, 3, 0, steps=()),
        Addition((1, 0), (Term(), Term())),
        Concatenate((2, 1), 0),
        r.dense(6, 2, 1, steps=(Sign(),)),
    )


GRAPHS = [residual, attention, both_kinds_read_one]


def assert_equal_on_points(target, ticket, count=12):
    pruned = prune(target, ticket.base, ticket.masks)
    box, generator = target.input, np.random.default_rng(11)
    chosen = [generator.integers(box.low[0], box.high[0] + 1, box.features).tolist() for _ in range(count)]
    for point in (list(box.low), list(box.high), *chosen):
        assert same_values(target, pruned, evaluate(target, point), evaluate(pruned, point)), point


@pytest.mark.parametrize("graph", GRAPHS)
@pytest.mark.parametrize("finer", [0, 1])
def test_a_ticket_equals_its_target(graph, finer):
    for seed in range(3):
        target = graph(seed)
        kept = [(layer.precision_bits + 1) // 2 + finer for layer in target.linear]
        ticket = find_ticket(target, str(seed), precisions=[Precision(bits, bits) for bits in kept])
        assert len(ticket.base.widths) == len(target.linear)
        assert len(ticket.masks) == 2 * len(target.linear)
        assert_equal_on_points(target, ticket)


def test_what_stands_where():
    target = residual(0)
    ticket = find_ticket(target, "0")
    pruned = prune(target, ticket.base, ticket.masks)
    kinds = [type(layer).__name__ for layer in pruned.layers]
    assert kinds == ["Convolution"] * 8 + ["Addition", "Pooling"] + ["Dense"] * 2
    sources = [pruned.sources(index) for index in range(len(pruned.layers))]
    assert sources[:8] == [(INPUT,), (0,), (1,), (2,), (3,), (4,), (1,), (6,)]
    assert sources[8:] == [(5, 7), (8,), (9,), (10,)]
    assert pruned.shapes()[1::2][:4] == target.shapes()[:4]
    addition = target.layers[4]
    assert pruned.layers[8] == Addition((5, 7), addition.terms, addition.steps, "sum")
    assert pruned.layers[9] == target.layers[5]
    hidden, output = pruned.layers[2:4]
    assert (hidden.window, hidden.groups) == (Window((1, 1), padding=((1, 1), (1, 1))), 3)
    assert (output.window, output.groups) == (Window((3, 3)), 3)
    assert (hidden.steps, hidden.bias) == ((Relu(),), (0,) * (3 * ticket.base.widths[1]))
    assert output.constants == ()


def test_stride_and_dilation_are_the_second_ones():
    window = Window((2, 3), (2, 1), (1, 2), ((0, 1), (2, 3)))
    layer = Convolution(Random(1).weights(2, 6, 4), 4, (0, 9), window)
    target = network((5, 4, 1), layer)
    ticket = find_ticket(target, "0")
    hidden, output = prune(target, ticket.base, ticket.masks).layers
    assert hidden.window == Window((1, 1), padding=((0, 1), (2, 3)))
    assert output.window == Window((2, 3), (2, 1), (1, 2))
    assert_equal_on_points(target, ticket)


def test_only_what_others_read_ends_at_its_own_scale():
    r = Random(0)
    layers = (
        r.dense(2, 2, 3, steps=()),
        r.dense(2, 2, 3, steps=(Relu(),)),
        r.dense(2, 2, 3, steps=(Sign(),), sources=(0,)),
        Addition((1, 2), (Term(), Term())),
        r.dense(2, 2, 3, steps=()),
    )
    found = pairs(network((2,), *layers), [Precision(3, 3)] * 4)
    assert [pair.input_bits for pair in found] == [0, 3, 3, 0]
    assert [pair.steps for pair in found] == [(), (Relu(), Requantize(6, "floor")), (Sign(),), ()]


def test_places_are_the_targets_own():
    r = Random(0)
    middle = Reshape((2,))
    nothing = Dense(from_dense(np.zeros((2, 2), dtype=np.int64)), 0, (0, 0))
    target = network((2,), middle, nothing, middle, r.dense(2, 2, 8, steps=()))
    with pytest.raises(InputError) as caught:
        find_ticket(target, "0", precisions=[Precision(0, 0), Precision(3, 3)])
    assert caught.value.place == "layers[3].precision_bits"
    with pytest.raises(TicketNotFoundError, match=r"gives layers\[3\]\.(weights|bias)\["):
        find_ticket(target, "0", precisions=[Precision(4, 4)] * 2, block_width=3)


def test_masks_of_another_shape_are_refused():
    target = residual(0)
    ticket = find_ticket(target, "0")
    for masks in (ticket.masks[:-1], ticket.masks[::-1], (*ticket.masks, ticket.masks[0])):
        with pytest.raises(AssertionError):
            prune(target, ticket.base, masks)


@pytest.mark.compiled
@settings(max_examples=25)
@given(st.integers(0, 2**32), st.lists(st.integers(0, 16), min_size=3, max_size=3), st.integers(0, 1))
def test_layers_of_different_precision(seed, bits, finer):
    r = Random(seed)
    target = network(
        (2, 2, 2),
        r.conv(2, 2, bits[0], size=2, groups=2, steps=(Requantize(bits[0], "half_even"), Clamp(-8, 7))),
        r.conv(2, 2, bits[1], steps=(Requantize(bits[1], "half_up"), Clamp(0, 7))),
        r.dense(8, 2, bits[2], steps=()),
    )
    options = Options("0", None, tuple((one + 1) // 2 + finer for one in bits) if finer else None)
    ticket = find_ticket(target, "0", precisions=options.precisions(target))
    assert [precision.kept for precision in ticket.base.precisions] == [(one + 1) // 2 + finer for one in bits]
    assert_equal_on_points(target, ticket, 4)


@pytest.mark.parametrize("kind", ["binary", "uniform"])
@pytest.mark.parametrize("block_width", [None, 80])
def test_binary_and_ternary_weights(kind, block_width):
    """Weights of ±1, or 0 too: a base network of such weights has them."""
    r = Random(3)
    target = network(
        (3, 3, 2),
        r.conv(2, 4, 0, size=3, steps=(Sign(),), kind=kind),
        r.conv(4, 4, 0, size=3, groups=4, steps=(Sign(),), kind=kind),
        r.dense(36, 3, 0, steps=(), kind=kind),
    )
    ticket = find_ticket(target, "0", block_width=block_width)
    assert {precision.kept for precision in ticket.base.precisions} == {0}
    assert_equal_on_points(target, ticket)


def test_one_precision_for_all_or_one_for_each():
    target = residual(0)
    assert Options().precisions(target) is None
    assert Options("0", None, 3).precisions(target) == (Precision(3, 3),) * 5
    each = (2, 3, 4, 5, 6)
    assert Options("0", None, each).precisions(target) == tuple(Precision(bits, bits) for bits in each)
    for wrong in ((2, 3, 4, 5), (3,), (3,) * 7):
        with pytest.raises(InputError, match=f"or 5, one for each layer with weights, found {len(wrong)}"):
            Options("0", None, wrong).precisions(target)
