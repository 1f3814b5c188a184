"""Tickets, held against the target on its whole grid and against the theory weight by weight.

The weights come from the plain-Python oracle of the base network and the masks' bits, never from what the finder
says that it chose.
"""

from __future__ import annotations

import itertools
import json
import pickle
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import naive_base as naive
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from strategies import documents

from certify.base.law import Precision
from certify.base.layout import matrix_shapes, pairs, radix_bits
from certify.base.prune import prune
from certify.errors import TicketNotFoundError
from certify.network.bounds import network_bounds
from certify.network.compare import same_values
from certify.network.evaluate import evaluate
from certify.network.matrix import from_dense
from certify.network.model import Box, Dense, Network
from certify.network.reader import read_network
from certify.network.steps import Relu
from certify.ticket import find_ticket, theorem1
from certify.ticket.goal import Goal
from certify.work import Crew
from solvers.subset_sum import ANY, Count

MAX_POINTS = 60


def network(document):
    return read_network(json.dumps(document).encode())


targets = documents(max_points=MAX_POINTS, encoded=False).map(network)
seeds = st.sampled_from(["0", "1", "Zürich 🎟"])
finer = st.lists(st.tuples(st.integers(0, 2), st.integers(0, 2)), min_size=3, max_size=3)


def precisions_of(target, more):
    """The coarsest δ that Theorem 1 allows and then finer, with δ_in finer still."""
    coarsest = [(layer.precision_bits + 1) // 2 for layer in target.layers]
    return tuple(Precision(bits + a + b, bits + a) for bits, (a, b) in zip(coarsest, more, strict=False))


def dense(bits, weights, *, bias=None, steps=(), constants=()):
    outputs = len(weights)
    matrix = from_dense(np.array(weights, dtype=np.int64))
    return Dense(matrix, bits, tuple(bias or (0,) * outputs), tuple(constants), tuple(steps))


def single(bits, weights, low, high, **more):
    layer = dense(bits, weights, **more)
    return Network("single", Box((layer.inputs,), low, high, 0), (layer,))


def edges_of(ticket, layer, output):
    """(column, u, v, unit) of every path that the masks keep from the layer's columns to one output."""
    first, second = ticket.masks[2 * layer], ticket.masks[2 * layer + 1]
    bits = ticket.base.precisions[layer]
    by_unit = {}
    for unit, column in zip(first.rows().tolist(), first.columns.tolist(), strict=True):
        by_unit.setdefault(unit, []).append(column)
    found = []
    for unit in second.columns[second.start[output] : second.start[output + 1]].tolist():
        v = weight(ticket, 2 * layer + 1, output, unit, bits)
        found += [(column, weight(ticket, 2 * layer, unit, column, bits), v, unit) for column in by_unit[unit]]
    return found


def weight(ticket, matrix, row, column, bits):
    return naive.weight(ticket.base.seed, matrix, row, column, bits.drawn, bits.kept, ticket.base.quantization)


def boxes(target):
    """The box of every layer's inputs."""
    bounds = network_bounds(target)
    lows = [target.input.low, *(layer.output_low for layer in bounds[:-1])]
    highs = [target.input.high, *(layer.output_high for layer in bounds[:-1])]
    return list(zip(lows, highs, strict=True))


def assert_equal_on_the_grid(target, ticket):
    pruned = prune(target, ticket.base, ticket.masks)
    for point in itertools.product(*map(range, target.input.low, (high + 1 for high in target.input.high))):
        assert same_values(target, pruned, evaluate(target, point), evaluate(pruned, point)), point


def assert_sum_identities(target, ticket):
    """Σ v·u = s·w for every output, input and half that the box needs; no edge where it needs none."""
    for index, (layer, (low, high)) in enumerate(zip(target.layers, boxes(target), strict=True)):
        scale = 2 ** (2 * ticket.base.precisions[index].kept - layer.precision_bits)
        weights = layer.weights.to_dense()
        for output in range(layer.outputs):
            edges = edges_of(ticket, index, output)
            for column in range(layer.inputs):
                mine = [(u, v) for c, u, v, _ in edges if c == column]
                wanted = scale * int(weights[output, column])
                positive = [v * u for u, v in mine if u > 0]
                negative = [v * u for u, v in mine if u < 0]
                assert len(positive) + len(negative) == len(mine)
                for needed, kept in ((high[column] > 0, positive), (low[column] < 0, negative)):
                    assert sum(kept) == wanted if needed else kept == []


def assert_bias_identities(target, ticket):
    """Σ v·σ(u·c) over the constant lines = s·b, and every edge there has u > 0."""
    around = pairs(target, ticket.base.precisions)
    for index, (layer, pair) in enumerate(zip(target.layers, around, strict=True)):
        for output, bias in enumerate(layer.offsets()):
            edges = [edge for edge in edges_of(ticket, index, output) if edge[0] >= layer.inputs]
            assert all(u > 0 for _, u, _, _ in edges)
            total = sum(v * max(0, u * pair.constants[column - layer.inputs]) for column, u, v, _ in edges)
            assert total == bias * 2 ** (pair.input_bits + pair.weight_bits)


def assert_shape(target, ticket):
    """Every kept unit feeds from one input and is taken by an output; masks have the base's shapes."""
    assert [mask.shape for mask in ticket.masks] == list(matrix_shapes(target, ticket.base))
    for first, second in zip(ticket.masks[::2], ticket.masks[1::2], strict=True):
        assert max(np.diff(first.start), default=0) <= 1
        assert sorted(set(second.columns.tolist())) == first.rows().tolist()


@settings(max_examples=60)
@given(targets, seeds, finer)
def test_tickets_equal_their_targets(target, seed, more):
    ticket = find_ticket(target, seed, precisions=precisions_of(target, more))
    assert ticket.base.seed == seed
    assert ticket.blocks == "grown"
    assert_shape(target, ticket)
    assert_sum_identities(target, ticket)
    assert_bias_identities(target, ticket)
    assert_equal_on_the_grid(target, ticket)


def edges_of_each_weight(target, ticket):
    """How many edges every weight that is not 0 keeps, in each half that it has."""
    for index, layer in enumerate(target.layers):
        weights = layer.weights.to_dense()
        for output in range(layer.outputs):
            for column in range(layer.inputs):
                mine = [u for c, u, _, _ in edges_of(ticket, index, output) if c == column]
                halves = [sum(u > 0 for u in mine), sum(u < 0 for u in mine)]
                yield int(weights[output, column]), [kept for kept in halves if kept]


@settings(max_examples=60)
@given(
    targets,
    seeds,
    finer,
    st.sampled_from(
        [Goal("width"), Goal("first"), Goal(count=Count(0, 3)), Goal("width", Count(0, 2)), Goal(count=Count(2, 2))]
    ),
)
def test_tickets_of_every_goal(target, seed, more, goal):
    try:
        ticket = find_ticket(target, seed, precisions=precisions_of(target, more), goal=goal)
    except TicketNotFoundError:
        # Sums of so few products need not exist, however many units there are: exactly two of ±1 are never 1.
        assert goal.count != ANY
        return
    assert ticket.blocks == ("shared" if goal.objective == "width" else "grown")
    assert_shape(target, ticket)
    assert_sum_identities(target, ticket)
    assert_bias_identities(target, ticket)
    assert_equal_on_the_grid(target, ticket)
    if goal.count != ANY:
        for weight_, halves in edges_of_each_weight(target, ticket):
            assert all(max(1, goal.count.least) <= kept <= goal.count.most for kept in halves)
            assert weight_ or not halves


@settings(max_examples=25)
@given(targets, seeds)
def test_tickets_of_fixed_blocks(target, seed):
    # So wide that a failure would be one in millions.
    block_width = 120
    ticket = find_ticket(target, seed, block_width=block_width)
    assert ticket.blocks == block_width
    around = pairs(target, ticket.base.precisions)
    columns = [layer.inputs + len(pair.constants) for layer, pair in zip(target.layers, around, strict=True)]
    assert ticket.base.widths == tuple(block_width * count for count in columns)
    for first in ticket.masks[::2]:
        assert (first.rows() // block_width).tolist() == first.columns.tolist()
    assert_shape(target, ticket)
    assert_sum_identities(target, ticket)
    assert_bias_identities(target, ticket)
    assert_equal_on_the_grid(target, ticket)


# The digits of a bias.


def naive_digits(bias, bits, lines):
    """Digits of S_δ_t from the highest line down, as much as fits on each."""
    rest, digits = abs(bias), []
    for line in reversed(range(lines)):
        digits.insert(0, min(rest // (2 ** radix_bits(bits)) ** line, 2**bits))
        rest -= digits[0] * (2 ** radix_bits(bits)) ** line
    assert rest == 0
    return [digit if bias > 0 else -digit for digit in digits]


def check_digits(bits, biases):
    digits = theorem1._bias_digits(dense(bits, [[0]] * len(biases), bias=biases))
    radix = 2 ** radix_bits(bits)
    for bias, row in zip(biases, digits.tolist(), strict=True):
        assert sum(digit * radix**line for line, digit in enumerate(row)) == bias
        assert all(abs(digit) <= 2**bits for digit in row)
        assert all(digit * bias >= 0 for digit in row)
        assert row == naive_digits(bias, bits, len(row))


@given(st.integers(0, 60), st.lists(st.integers(-(2**62), 2**62), min_size=1, max_size=4))
def test_digits_fit_and_sum_to_the_bias(bits, biases):
    check_digits(bits, biases)


@pytest.mark.parametrize("bits", [0, 1, 2, 3, 4])
def test_digits_of_every_small_bias(bits):
    for bias in range(-700, 701):
        check_digits(bits, [bias])


@pytest.mark.parametrize("bits", [0, 1, 2, 4, 8, 16, 31, 60])
def test_digits_around_every_boundary(bits):
    digit, radix = 2**bits, 2 ** radix_bits(bits)
    for lines in range(1, 63 // radix_bits(bits) + 1):
        greatest = sum(digit * radix**line for line in range(lines))
        for boundary in (greatest, digit * radix ** (lines - 1), radix**lines):
            for beside in (-1, 0, 1):
                check_digits(bits, [boundary + beside])
                check_digits(bits, [-boundary - beside, 1])


def test_the_targets_own_constants_are_part_of_the_bias():
    layer = dense(4, [[3, 5, -2], [1, 0, 16]], bias=(7, -1), constants=(9, -11))
    target = Network("constants", Box((1,), (-2,), (5,), 3), (layer,))
    ticket = find_ticket(target, "0")
    # 7 + 45 + 22 = 74 = 10 + 4·16 and -1 - 176 = -177 = -1 - 11·16.
    assert theorem1._bias_digits(layer).tolist() == [[10, 4], [-1, -11]]
    assert ticket.masks[0].shape[1] == 1 + 2
    assert_bias_identities(target, ticket)
    assert_equal_on_the_grid(target, ticket)


# Growth.


def naive_prefix(items, target):
    """The least number of leading items some of which sum to the target."""
    sums = {0}
    for length, item in enumerate(items):
        if target in sums:
            return length
        sums |= {total + item for total in sums}
    raise AssertionError("not reached")


def naive_blocks(target, seed, precisions):
    """The units of every input's block, layer by layer, each as short as its hardest weight allows."""
    around = pairs(target, precisions)
    for index, (layer, pair, (low, high)) in enumerate(zip(target.layers, around, boxes(target), strict=True)):
        lines, bits = len(pair.constants), precisions[index]
        digits = [naive_digits(bias, layer.precision_bits, lines) for bias in layer.offsets()]
        rows = [
            row[: layer.inputs] + more for row, more in zip(layer.weights.to_dense().tolist(), digits, strict=True)
        ]
        halves = [(low[c] < 0, high[c] > 0) for c in range(layer.inputs)] + [(False, True)] * lines
        start, sizes = 0, []
        for column, (negative, positive) in enumerate(halves):
            units = range(start, start + 200)
            u = (
                [draw(seed, 2 * index, unit, column, bits) for unit in units]
                if any(row[column] for row in rows)
                else []
            )
            size = 0
            for output, row in enumerate(rows):
                v = [draw(seed, 2 * index + 1, output, unit, bits) for unit in units] if row[column] else []
                for sign, needed in ((-1, negative), (1, positive)):
                    if needed and row[column]:
                        items = [a * b if a * sign > 0 else 0 for a, b in zip(u, v, strict=True)]
                        size = max(size, naive_prefix(items, row[column] << pair.weight_bits))
            sizes.append(size)
            start += size
        yield sizes


def draw(seed, matrix, row, column, bits):
    return naive.weight(seed, matrix, row, column, bits.drawn, bits.kept)


def blocks_of(ticket, layer):
    """The size of every column's block, read from the mask: a grown block ends at a unit that is kept."""
    first = ticket.masks[2 * layer]
    start, sizes = 0, []
    for column in range(first.shape[1]):
        mine = first.rows()[first.columns == column]
        end = int(mine.max()) + 1 if len(mine) else start
        assert not len(mine) or mine.min() >= start
        sizes.append(end - start)
        start = end
    assert first.shape[0] == max(start, 1)
    return sizes


@settings(max_examples=15)
@given(
    documents(max_points=2, max_layers=2, max_inputs=2, max_outputs=2, encoded=False, bits=(2, 4)).map(network), seeds
)
def test_blocks_end_where_the_last_of_their_weights_is_reached(target, seed):
    """So no block's last unit can go: the naive search needs it for at least one weight."""
    ticket = find_ticket(target, seed)
    sizes = [blocks_of(ticket, layer) for layer in range(len(target.layers))]
    assert sizes == list(naive_blocks(target, seed, ticket.base.precisions))


@pytest.mark.parametrize("look", [1, 3, 100])
def test_how_many_units_are_looked_at_first_has_no_influence(monkeypatch, look):
    target = single(6, [[33, -64, 1], [0, 21, -17]], (-3, 0, -2), (3, 5, -1), bias=(100, -3000))
    ticket = find_ticket(target, "7")
    monkeypatch.setattr(theorem1, "FIRST_LOOK", look)
    assert same_masks(find_ticket(target, "7"), ticket)


# Which halves and inputs need units.


@pytest.mark.parametrize(
    ("low", "high", "signs"),
    [
        pytest.param(0, 5, {1}, id="from 0"),
        pytest.param(3, 5, {1}, id="above 0"),
        pytest.param(-5, 0, {-1}, id="up to 0"),
        pytest.param(-5, -3, {-1}, id="below 0"),
        pytest.param(-5, 5, {-1, 1}, id="across 0"),
        pytest.param(4, 4, {1}, id="one positive point"),
        pytest.param(-4, -4, {-1}, id="one negative point"),
        pytest.param(0, 0, set(), id="only 0"),
    ],
)
@pytest.mark.parametrize("block_width", [None, 60])
def test_halves_that_the_box_needs(low, high, signs, block_width):
    target = single(4, [[5, 9], [-16, 1]], (low, -1), (high, 1))
    ticket = find_ticket(target, "0", block_width=block_width)
    kept = [u for output in range(2) for column, u, _, _ in edges_of(ticket, 0, output) if column == 0]
    assert {(u > 0) - (u < 0) for u in kept} == signs
    assert_sum_identities(target, ticket)
    assert_equal_on_the_grid(target, ticket)


def test_an_input_that_is_always_0_gets_no_units():
    target = single(4, [[5, 9, -3]], (0, 0, -2), (1, 0, 2))
    sizes = blocks_of(find_ticket(target, "0"), 0)
    assert sizes[1] == 0
    assert min(sizes[0], sizes[2]) > 0


def test_a_network_that_needs_no_units_has_one_all_the_same():
    target = single(4, [[5, 9], [-1, 0]], (0, 0), (0, 0))
    ticket = find_ticket(target, "0")
    assert ticket.base.widths == (1,)
    assert [mask.shape for mask in ticket.masks] == [(1, 2), (2, 1)]
    assert [mask.kept for mask in ticket.masks] == [0, 0]
    assert_equal_on_the_grid(target, ticket)


def test_weights_of_zero_need_no_units():
    ticket = find_ticket(single(4, [[0, 3]], (-2, -2), (2, 2)), "0")
    assert blocks_of(ticket, 0)[0] == 0


def test_after_a_relu_there_is_one_half():
    first = dense(4, [[3, -2], [7, 1]], steps=(Relu(),))
    target = Network("relu", Box((2,), (-2, -2), (2, 2), 0), (first, dense(4, [[-5, 11]])))
    ticket = find_ticket(target, "3")
    assert all(u > 0 for _, u, _, _ in edges_of(ticket, 1, 0))
    assert any(u < 0 for _, u, _, _ in edges_of(ticket, 0, 0))
    assert_equal_on_the_grid(target, ticket)


# What has no influence, and what has.

DEEP = Network(
    "deep",
    Box((2,), (-2, 0), (2, 3), 1),
    (
        dense(6, [[33, -64], [0, 21], [5, 6]], bias=(100, 0, -3), steps=()),
        dense(3, [[8, -1, 0], [3, 3, -7]], bias=(0, 70)),
        dense(5, [[-32, 17]]),
    ),
)


def same_masks(left, right):
    assert len(left.masks) == len(right.masks)
    return left.base == right.base and all(
        a.shape == b.shape and a.start.tolist() == b.start.tolist() and a.columns.tolist() == b.columns.tolist()
        for a, b in zip(left.masks, right.masks, strict=True)
    )


def reversed_map(function, items):
    return reversed([function(item) for item in reversed(list(items))])


def pickling_map(function, items):
    """What a pool of processes does to all that crosses to it and back."""
    return [
        pickle.loads(pickle.dumps(pickle.loads(pickle.dumps(function))(pickle.loads(pickle.dumps(i))))) for i in items
    ]


@pytest.mark.parametrize("block_width", [None, 120])
def test_how_layers_are_run_has_no_influence(block_width):
    plain = find_ticket(DEEP, "0", block_width=block_width)
    with ThreadPoolExecutor(3, initializer=partial(np.seterr, over="ignore")) as executor:
        crews = [Crew(run, remote=True) for run in (map, executor.map, reversed_map, pickling_map)]
        for crew in crews:
            assert same_masks(plain, find_ticket(DEEP, "0", block_width=block_width, crew=crew))
    assert_equal_on_the_grid(DEEP, plain)


def test_repeated_calls_give_the_same():
    assert same_masks(find_ticket(DEEP, "again"), find_ticket(DEEP, "again"))


def test_another_seed_another_ticket():
    tickets = [find_ticket(DEEP, seed) for seed in ("0", "1", "00", "")]
    assert not any(same_masks(a, b) for a, b in itertools.combinations(tickets, 2))
    for ticket in tickets:
        assert_equal_on_the_grid(DEEP, ticket)


def test_what_is_drawn_finer_is_another_base_network():
    plain = find_ticket(DEEP, "0", precisions=[Precision(3, 3)] * 3)
    finer = find_ticket(DEEP, "0", precisions=[Precision(5, 3)] * 3)
    assert not same_masks(plain, finer)
    assert_sum_identities(DEEP, finer)


@pytest.mark.parametrize("objective", ["sparsest", "first", "width"])
@pytest.mark.parametrize("bits", [12, *(pytest.param(bits, marks=pytest.mark.compiled) for bits in (16, 20, 24))])
def test_fine_targets(bits, objective):
    """Up to 24 bits, where sums are too wide for bitsets and halves have to meet."""
    weights = np.random.default_rng(bits).integers(-(2**bits), 2**bits + 1, (4, 3))
    target = single(bits, weights.tolist(), (0, -2, -1), (1, 0, 1), bias=(2**bits + 5, 0, -3, 1))
    ticket = find_ticket(target, "fine", goal=Goal(objective))
    assert_shape(target, ticket)
    assert_sum_identities(target, ticket)
    assert_bias_identities(target, ticket)
