"""Tickets in somebody's own network, held against the target by the prover, by the grid and by plain sums.

What is pruned is multiplied out here from the base network's matrices and the masks, never from what the finder says.
"""

from __future__ import annotations

import itertools
import json
import math
import pickle
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from random_bases import base_of, layer, network, pruned, random_base
from strategies import documents

from certify.base.draw import random_weights
from certify.base.law import BaseNetwork, Precision
from certify.base.layout import matrix_shapes, pairs
from certify.base.mask import from_positions
from certify.errors import InputError, TicketNotFoundError
from certify.network.compare import same_values
from certify.network.evaluate import evaluate
from certify.network.reader import read_network
from certify.network.steps import Clamp, Offset, Relu, Requantize, RequantizeQ31, Sign, Threshold
from certify.proof.claim import Verdict
from certify.proof.prover import prove
from certify.ticket import find_ticket
from certify.ticket import given as module
from certify.ticket.given import find_ticket_in
from certify.work import Crew


def assert_proved(target, base, masks, strategy="decomposition"):
    proof = prove(target, pruned(base, masks))
    assert proof.verdict is Verdict.PROVED, proof.reason
    assert proof.strategy == strategy


def assert_equal_on_the_grid(target, base, masks):
    ticket = pruned(base, masks)
    for point in itertools.product(*map(range, target.input.low, (high + 1 for high in target.input.high))):
        assert same_values(target, ticket, evaluate(target, point), evaluate(ticket, point)), point


def assert_shape(base, masks):
    """Every kept unit keeps one column and is taken by an output, and nothing that is kept is 0."""
    for index, (first, second) in enumerate(zip(masks[::2], masks[1::2], strict=True)):
        assert max(np.diff(first.start), default=0) <= 1
        assert sorted(set(second.columns.tolist())) == first.rows().tolist()
        for mask, own in ((first, base.layers[2 * index]), (second, base.layers[2 * index + 1])):
            assert own.weights.to_dense()[mask.rows(), mask.columns].all()


def same_masks(left, right):
    return all(
        a.shape == b.shape and a.start.tolist() == b.start.tolist() and a.columns.tolist() == b.columns.tolist()
        for a, b in zip(left, right, strict=True)
    )


def found(target, base, strategy="decomposition"):
    masks = find_ticket_in(target, base)
    assert_shape(base, masks)
    assert_proved(target, base, masks, strategy)
    return masks


WEIGHTS = [[5, -16, 0], [7, 1, -3]]


@pytest.mark.parametrize(
    ("low", "high"),
    [
        pytest.param((-3, -3, -3), (4, 4, 4), id="signed"),
        pytest.param((0, 0, 0), (5, 5, 5), id="unsigned"),
        pytest.param((-5, -5, -5), (0, 0, 0), id="never positive"),
        pytest.param((-9, 0, -1), (-2, 6, 1), id="each its own"),
        pytest.param((4, 0, -4), (4, 0, -4), id="single points"),
    ],
)
@pytest.mark.parametrize("bits", [(2, 2), (1, 3), (4, 0), (3, 3)], ids=str)
def test_ranges_and_precisions(low, high, bits):
    target = network(low, high, layer(4, WEIGHTS), bits=3)
    found(target, random_base(target, [120], [bits]))


@pytest.mark.parametrize(
    "constants",
    [
        pytest.param((1,), id="1"),
        pytest.param((-1,), id="-1"),
        pytest.param((1, 16, 256), id="powers"),
        pytest.param((1, 1), id="1 twice"),
        pytest.param((0, -3, 2, 0), id="both signs and zeros"),
        pytest.param((6, 10, 15), id="coprime only together"),
        pytest.param((200, 1), id="one is too large for most"),
    ],
)
@pytest.mark.parametrize("low", [(0, 0), (-2, -2)], ids=["unsigned", "signed"])
def test_constants(constants, low):
    target = network(low, (3, 3), layer(4, [[5, -9], [0, 0], [1, 16]], bias=(37, -100, 0)))
    found(target, random_base(target, [160 + 40 * len(constants)], [(2, 3)], [constants]))


def test_the_targets_own_constants_are_part_of_the_bias():
    target = network((-2,), (5,), layer(4, [[3, 5, -2], [1, 0, 16]], bias=(7, -1), constants=(9, -11)), bits=3)
    found(target, random_base(target, [200], [(2, 2)], [(1, 16)]))


DEEP = network(
    (-2, 0),
    (2, 3),
    layer(6, [[33, -64], [0, 21], [5, 6]], bias=(100, 0, -3)),
    layer(3, [[8, -1, 0], [3, 3, -7]], bias=(0, 70)),
    layer(5, [[-32, 17]], bias=(-900,)),
    bits=1,
)


def test_finer_bits_accumulate():
    """The third layer's inputs are 2^5 times the target's, and its constants with them."""
    base = random_base(DEEP, [150, 150, 150], [(3, 4), (4, 3), (3, 3)], [(1, 64), (1, 8), (1, 32)])
    assert base.layers[4].constants == (32, 1024)
    found(DEEP, base)


STEPS = {
    "requantized": (Relu(), Requantize(3, "half_even", 2)),
    "clamped": (Offset(-5), Clamp(-40, 90)),
    "single": (RequantizeQ31(1_500_000_000, 2, "single", 0, 1),),
    "double": (RequantizeQ31(1_500_000_000, 2, "double"), Relu()),
    "a multiplier each": (RequantizeQ31((1_500_000_000, 2**30), (2, 1), "float32"),),
    "step": (Threshold(),),
    "sign": (Sign(),),
}


@pytest.mark.parametrize("steps", STEPS.values(), ids=STEPS)
def test_steps_between_layers(steps):
    target = network(
        (-3, 0), (3, 2), layer(4, [[3, -16], [7, 2]], bias=(1, -20), steps=steps), layer(3, [[5, -8]], bias=(2,))
    )
    found(target, random_base(target, [120, 120], [(3, 2), (2, 2)], [(1, 16), (1,)]))


@pytest.mark.parametrize("rule", ["single", "float32"])
def test_a_multiplier_with_one_shift(rule):
    """The same function, though not the steps of the decomposition: the sweep proves it."""
    step = RequantizeQ31(1_500_000_000, 2, rule)
    target = network((-3, 0), (3, 2), layer(4, [[3, -16], [7, 2]], steps=(step,)))
    base = random_base(target, [90], [(3, 2)])
    masks = find_ticket_in(target, base)
    own = replace(base.layers[1], steps=(RequantizeQ31(1_500_000_000, 3, rule),))
    written = replace(base, layers=(base.layers[0], own))
    assert same_masks(find_ticket_in(target, written), masks)
    found(target, written, "sweep")


SIGNS = network(
    (-1,) * 4,
    (1,) * 4,
    layer(0, [[1, -1, 1, 1], [-1, -1, 1, -1], [1, 1, 1, -1]], bias=(0, 1, -2), steps=(Sign(),)),
    layer(0, [[1, -1, 1], [-1, -1, -1]], steps=(Threshold(),)),
    layer(0, [[1, -1]], bias=(1,), steps=(Sign(),)),
)


@pytest.mark.parametrize("bits", [(0, 0), (3, 3)], ids=["of ±1", "of ±1 at 3 bits"])
def test_binary_networks(bits):
    """±1 from ±1: a network of weights ±2^k has few distinct products, and all are multiples of one number."""
    rng = np.random.default_rng(2)
    lines = [(1,), (), (1,)]
    matrices = [
        (
            rng.choice([-1, 1], (40, own.inputs + len(carried))) << bits[0],
            rng.choice([-1, 1], (own.outputs, 40)) << bits[1],
        )
        for own, carried in zip(SIGNS.layers, lines, strict=True)
    ]
    base = base_of(SIGNS, matrices, [bits] * 3, lines)
    masks = found(SIGNS, base)
    assert_equal_on_the_grid(SIGNS, base, masks)


def test_digits_are_multiples_of_all_products():
    """With products of ±64 alone, 64 on lines of 3 and 1 is not 21·3 + 1."""
    target = network((0,), (3,), layer(2, [[4]], bias=(4,)))
    base = base_of(target, [([[8, 8, 8], [8, 8, 8], [8, -8, 8]], [[8, 8, -8]])], [(3, 3)], [(3, 1)])
    found(target, base)


def drawn(target, seed, widths, precision_bits):
    """Theorem 1's base network from a seed, every weight of it."""
    own = BaseNetwork(seed, widths, tuple(Precision(bits, bits) for bits in precision_bits))
    matrices = []
    for index, (rows, columns) in enumerate(matrix_shapes(target, own)):
        at = [axis.reshape(-1).astype(np.int64) for axis in np.indices((rows, columns))]
        weights = random_weights(seed, index, own.precisions[index // 2], "floor", *at)
        matrices.append(weights.reshape(rows, columns))
    bits = [(k, k) for k in precision_bits]
    input_bits = [pair.input_bits for pair in pairs(target, own.precisions)]
    lines = [
        tuple(constant >> finer for constant in pair.constants)
        for pair, finer in zip(pairs(target, own.precisions), input_bits, strict=True)
    ]
    return base_of(target, list(zip(matrices[::2], matrices[1::2], strict=True)), bits, lines)


@pytest.mark.parametrize("seed", ["0", "1", "2"])
def test_in_the_network_that_a_ticket_was_found_in(seed):
    ticket = find_ticket(DEEP, seed)
    base = drawn(DEEP, seed, ticket.base.widths, [3, 2, 3])
    assert_proved(DEEP, base, ticket.masks)
    found(DEEP, base)


MAX_POINTS = 60
targets = documents(max_points=MAX_POINTS, encoded=False).map(lambda it: read_network(json.dumps(it).encode()))


@settings(max_examples=60)
@given(targets, st.integers(0, 3), st.lists(st.tuples(st.integers(0, 3), st.integers(0, 2)), min_size=3, max_size=3))
def test_random_targets(target, seed, more):
    bits = [
        ((own.precision_bits + 1) // 2 + a, own.precision_bits // 2 + b)
        for own, (a, b) in zip(target.layers, more, strict=False)
    ]
    lines = [(1, 1 << max(own.precision_bits, 1), 1 << 2 * max(own.precision_bits, 1)) for own in target.layers]
    base = random_base(target, [90 * (own.inputs + 3) for own in target.layers], bits, lines, seed=seed)
    masks = find_ticket_in(target, base)
    assert_shape(base, masks)
    assert_equal_on_the_grid(target, base, masks)


# What is kept is needed.


def without(mask, index):
    rows, columns = mask.rows(), mask.columns
    return from_positions(mask.shape, np.delete(rows, index), np.delete(columns, index))


def test_masks_with_one_weight_less_are_refuted():
    target = network((-3, 0), (3, 2), layer(4, [[3, -16], [7, 2]], bias=(9, -20)), layer(3, [[5, -8]]))
    base = random_base(target, [120, 120], [(2, 2), (2, 2)], [(1, 16), ()])
    masks = find_ticket_in(target, base)
    mutants = [(matrix, index) for matrix, mask in enumerate(masks) for index in range(mask.kept)]
    assert len(mutants) > 20
    for matrix, index in mutants[::3]:
        changed = (*masks[:matrix], without(masks[matrix], index), *masks[matrix + 1 :])
        assert prove(target, pruned(base, changed)).verdict is Verdict.REFUTED


def test_masks_with_one_weight_more_are_not_proved_by_the_decomposition():
    target = network((-3, 0), (3, 2), layer(4, [[3, -16], [7, 2]]))
    base = random_base(target, [60], [(2, 2)])
    first, second = find_ticket_in(target, base)
    unit = int(first.rows()[0])
    more = from_positions(first.shape, np.append(first.rows(), unit), np.append(first.columns, 1 - first.columns[0]))
    assert prove(target, pruned(base, (more, second))).strategy != "decomposition"


# What decides which masks are found.


def test_how_layers_are_run_has_no_influence():
    base = random_base(DEEP, [150] * 3, [(3, 4), (4, 3), (3, 3)], [(1, 64), (1, 8), (1, 32)])
    plain = find_ticket_in(DEEP, base)

    def pickling(function, items):
        return [pickle.loads(pickle.dumps(function(pickle.loads(pickle.dumps(item))))) for item in items]

    with ThreadPoolExecutor(3) as executor:
        assert all(same_masks(plain, find_ticket_in(DEEP, base, Crew(run))) for run in (map, executor.map, pickling))


def one_pair(rows, columns, weights, bits=(4, 4), *, high=None, precision=8, **more):
    """A target of one layer, and a base network of these two matrices, on inputs from 0."""
    constants = more.pop("constants", ())
    inputs = len(weights[0])
    target = network((0,) * inputs, high or (3,) * inputs, layer(precision, weights, **more))
    return target, base_of(target, [(rows, columns)], [bits], [constants])


def kept(masks):
    return [list(zip(mask.rows().tolist(), mask.columns.tolist(), strict=True)) for mask in masks]


def test_units_that_no_output_takes_are_given_back():
    target, base = one_pair([[1, 1], [1, 1]], [[3, 2]], [[2, 3]])
    assert kept(found(target, base)) == [[(0, 1), (1, 0)], [(0, 0), (0, 1)]]


def test_units_of_use_to_few_inputs_come_first(monkeypatch):
    """Unit 0 serves either input, unit 1 only the first, which so leaves unit 0 to the second."""
    monkeypatch.setattr(module, "TRIES", 1)
    target, base = one_pair([[1, 1], [1, -1]], [[2, 2]], [[2, 2]])
    assert kept(found(target, base)) == [[(0, 1), (1, 0)], [(0, 0), (0, 1)]]


def test_inputs_whose_weights_are_0_have_no_use_for_a_unit(monkeypatch):
    """Unit 0 serves inputs 0 and 1, unit 1 inputs 0 and 2; but nobody wants anything of input 2."""
    monkeypatch.setattr(module, "TRIES", 1)
    target, base = one_pair([[1, 1, 0], [1, 0, 1], [0, 0, 1]], [[2, 2, 0]], [[2, 2, 0]])
    assert kept(found(target, base)) == [[(0, 1), (1, 0)], [(0, 0), (0, 1)]]


def test_inputs_that_go_short_come_first_in_another_try(monkeypatch):
    """Input 0 takes the two units of product 1, of which input 1 needs one."""
    target, base = one_pair([[1, 1]] * 3, [[1, 1, 2]], [[2, 1]])
    assert kept(found(target, base)) == [[(0, 1), (2, 0)], [(0, 0), (0, 2)]]
    monkeypatch.setattr(module, "TRIES", 1)
    with pytest.raises(TicketNotFoundError, match=r"1 of 2 inputs and constant lines leave gives layers\[0\]"):
        find_ticket_in(target, base)


# When there is no ticket.


@pytest.mark.parametrize(
    ("first", "second", "weights", "said"),
    [
        pytest.param(
            [[1]],
            [[1]],
            [[5]],
            "the 1 units of base.layers[0] gives layers[0].weights[0][0] (inputs ≥ 0, 1 units): range",
            id="range",
        ),
        pytest.param([[2]], [[4]], [[5]], "(inputs ≥ 0, 1 units): parity", id="parity"),
        pytest.param([[1], [1]], [[2, 7]], [[5]], "(inputs ≥ 0, 2 units): density", id="density"),
        pytest.param([[-1], [0]], [[5, 5]], [[5]], "(inputs ≥ 0, 0 units): range", id="no unit of the sign"),
        pytest.param([[1], [1]], [[2, 7], [0, 3]], [[9], [4]], "layers[0].weights[1][0]", id="another output"),
        pytest.param([[1, 0]], [[5]], [[5, 5]], "layers[0].weights[0][1] (inputs ≥ 0, 0 units): range", id="input"),
        pytest.param(
            [[1, 1]],
            [[5]],
            [[5, 5]],
            "the units of base.layers[0] that 1 of 2 inputs and constant lines leave gives "
            "layers[0].weights[0][1] (inputs ≥ 0, 0 units): range",
            id="short",
        ),
    ],
)
def test_weights_that_are_not_there(first, second, weights, said):
    target, base = one_pair(first, second, weights)
    with pytest.raises(TicketNotFoundError) as caught:
        find_ticket_in(target, base)
    message = str(caught.value)
    assert said in message
    assert message.startswith("no subset of the ")
    assert "What would help: " in message
    assert "--" not in message
    assert "\n" not in message


def test_weights_that_no_units_give_are_named_before_those_that_go_short():
    target, base = one_pair([[1, 1, 1]], [[5]], [[5, 5, 7]])
    with pytest.raises(TicketNotFoundError) as caught:
        find_ticket_in(target, base)
    assert "weights[0][2]" in str(caught.value)
    assert "weights[0][1]" not in str(caught.value)


def naive_cause(items, target):
    sums = {sum(chosen) for n in range(len(items) + 1) for chosen in itertools.combinations(items, n)}
    if target in sums:
        return None
    if not min(sums) <= target <= max(sums):
        return "range"
    return "parity" if target % math.gcd(*items) else "density"


def test_one_input_has_a_ticket_exactly_when_a_subset_gives_it():
    seen = dict.fromkeys([None, "range", "parity", "density"], 0)
    rng = np.random.default_rng(0)
    for _ in range(300):
        first, second = rng.integers(-4, 5, (4, 1)), rng.integers(-4, 5, (1, 4))
        weight = int(rng.choice([3, -8, 13, 6]))
        target, base = one_pair(first, second, [[weight]], (2, 2), precision=4)
        items = [u * v for u, v in zip(first[:, 0].tolist(), second[0].tolist(), strict=True) if u > 0]
        cause = naive_cause(items, weight)
        seen[cause] += 1
        if cause is None:
            assert_equal_on_the_grid(target, base, find_ticket_in(target, base))
            continue
        with pytest.raises(TicketNotFoundError) as caught:
            find_ticket_in(target, base)
        units = sum(item != 0 for item in items)
        assert f"layers[0].weights[0][0] (inputs ≥ 0, {units} units): {cause}. " in str(caught.value)
    assert min(seen.values()) > 10


@pytest.mark.parametrize(
    ("constants", "first", "bias", "said"),
    [
        pytest.param(
            (),
            [[1]],
            -3,
            "layers[0].bias[1]: expected a constant line in base.layers[0], found none",
            id="none",
        ),
        pytest.param((0,), [[1, 5]], 3, "found [0], which no unit passes on", id="0"),
        pytest.param((-2, 1), [[1, 5, -1]], 3, "found [-2, 1], which no unit passes on", id="wrong signs"),
        pytest.param(
            (4, 6),
            [[1, 1, 1]],
            3,
            "layers[0].bias[1]: expected a multiple of 2, as units of base.layers[0]",
            id="even",
        ),
        pytest.param((1,), [[1, 1]], 2**61, "layers[0].bias[1] (inputs ≥ 0, 1 units): range", id="far too large"),
    ],
)
def test_biases_that_are_not_there(constants, first, bias, said):
    target, base = one_pair(first, [[1], [1]], [[0], [0]], bias=(0, bias), constants=constants, bits=(4, 4))
    with pytest.raises(TicketNotFoundError) as caught:
        find_ticket_in(target, base)
    assert said in str(caught.value)
    assert "What would help: " in str(caught.value)


@pytest.mark.compiled
def test_a_search_that_is_too_large():
    target = network((0,), (1,), layer(20, [[12345]]))
    base = random_base(target, [64], [(30, 30)])
    with pytest.raises(
        TicketNotFoundError, match=r"^layers\[0\].* the search is too large at 30 \+ 30 bits: 64 prod"
    ):
        find_ticket_in(target, base)
    base = random_base(target, [64], [(20, 20)])
    with pytest.raises(TicketNotFoundError, match=r"^layers\[0\]\.weights\[0\]\[0\]: the search is too large at 20 "):
        find_ticket_in(target, base)


def test_range_and_parity_are_named_however_large_the_search():
    rng = np.random.default_rng(0)
    first, second = 2 * rng.integers(-(2**14), 2**14, (40, 1)), rng.integers(-(2**15), 2**15, (1, 40))
    target, base = one_pair(first, second, [[4711]], (15, 15), precision=30)
    with pytest.raises(
        TicketNotFoundError, match=r"layers\[0\]\.weights\[0\]\[0\] \(inputs ≥ 0, \d+ units\): parity"
    ):
        find_ticket_in(target, base)


def test_a_base_that_does_not_fit_is_an_error_of_input():
    target, base = one_pair([[1]], [[5]], [[5]])
    with pytest.raises(InputError, match=r"^base\.layers: expected 4 layers"):
        find_ticket_in(network((0,), (3,), *target.layers * 2), base)
