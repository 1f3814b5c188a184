"""The planner's promise against finders and simulations with fixed seeds, and wishes that it refuses."""

from __future__ import annotations

import itertools
import json
import math

import numpy as np
import pytest

from certify.base.law import Precision
from certify.errors import InputError, TicketNotFoundError
from certify.network.target import read_target
from certify.theory.planning.arrival import Binary, Measured, draw, measure
from certify.theory.planning.network import blocks, demand
from certify.theory.planning.plan import Wish, make_plan, random_target_weights
from certify.ticket import find_ticket
from certify.ticket.theorem1 import demands
from solvers.subset_sum import arrivals

QUICK = Wish(success=0.9, instances=300)


def random_network(widths, bits, seed):
    then = [{"op": "relu"}, {"op": "requantize", "shift": bits, "rounding": "floor"}]
    weights = random_target_weights(widths, bits, seed)
    layers = [{"op": "dense", "precision_bits": bits, "weights": own, "then": then} for own in weights]
    span = {"shape": [widths[0]], "low": -2, "high": 2, "precision_bits": bits}
    document = {"format": "certify.network/1", "name": "random", "input": span, "layers": layers}
    return read_target(json.dumps(document).encode()).network


def test_arrivals_are_those_of_all_subsets():
    rng = np.random.default_rng(3)
    items, targets = rng.integers(-9, 10, (40, 6)), np.array([1, -4, 7, 30])
    expected = np.zeros((4, 7), dtype=int)
    for own, (row, target) in itertools.product(items, enumerate(targets)):
        sums = [
            {sum(itertools.compress(own[:n], chosen)) for chosen in itertools.product((0, 1), repeat=n)}
            for n in range(7)
        ]
        expected[row, next((n for n in range(7) if target in sums[n]), 0)] += 1
    assert (arrivals(items, targets) == expected).all()


def test_binary_is_the_binomial_tail():
    found = Binary(np.array([1, 2, 3, 9])).low(8)
    tail = [sum(math.comb(8, i) * 3 ** (8 - i) for i in range(w)) / 4**8 for w in (1, 2, 3)]
    assert found == pytest.approx([*tail, 1.0])


def test_the_ends_hold_an_exact_probability():
    """One weight, single items ±1 (0 bits): a failure is n items of the other sign."""
    found = measure("singles", 0, np.array([1]), 2000, 0.05, 1)
    for n in range(1, 30):
        assert found.low(n)[0] <= 0.5**n <= found.high(n)[0]
    assert 0.5**200 <= found.high(200)[0] < 1e-3
    assert found.low(200)[0] == 0


def test_what_was_not_measured_is_a_product_of_what_was():
    found = Measured(np.zeros((1, 3)), np.array([[1.0, 0.5, 0.3]]), 10)
    assert found.high(1)[0] == 0.5
    assert found.high(5)[0] == pytest.approx(0.5**5)
    assert found.high(0)[0] == 1


def test_products_are_zero_in_the_other_half():
    items = draw("products", 2, 4000, np.random.default_rng(5))
    assert np.mean(items == 0) == pytest.approx(1 - 4 / 9 * 8 / 9, abs=0.02)


def observed(widths, bits, units, targets):
    """How many targets have their tickets, and the mean of the promised ends."""
    found, low, high = 0, 0.0, 0.0
    kept = (bits + 1) // 2
    measured = measure("products", kept, np.arange(1, (1 << bits) + 1) << (2 * kept - bits), 4000, 0.01, 0)
    for seed in range(targets):
        network = random_network(widths, bits, seed)
        try:
            find_ticket(
                network, f"plan {seed}", block_width=units, precisions=[Precision(kept, kept)] * (len(widths) - 1)
            )
            found += 1
        except TicketNotFoundError:
            pass
        chance = [1.0, 1.0]
        for wanted in demands(network):
            asked = demand(wanted)
            rows = asked.magnitudes - 1
            own = Measured(measured.lows[rows], measured.highs[rows], measured.instances)
            layer = blocks(asked, own, units)
            chance = [chance[0] * layer.low, chance[1] * layer.high]
        low, high = low + chance[0] / targets, high + chance[1] / targets
    return found / targets, low, high


def check(widths, units, targets):
    rate, low, high = observed(widths, 2, units, targets)
    noise = 3 * math.sqrt(0.25 / targets)
    assert low - noise <= rate <= high + noise
    return rate


@pytest.mark.compiled
def test_tickets_are_found_as_often_as_promised():
    check((2, 2, 1), 20, 30)


@pytest.mark.compiled
@pytest.mark.long
def test_over_200_targets_tickets_are_found_as_often_as_promised():
    """From where few are found to where nearly all are."""
    rates = [check((2, 2, 1), units, 200) for units in (10, 16, 24, 36, 60)]
    assert rates[0] < 0.5 < 0.9 < rates[-1]


def test_a_plan_holds_what_it_says():
    """One unit less does not do, as far as is computed."""
    network = random_network((3, 2), 2, 4)
    option = make_plan(network, QUICK, ["binary"]).options[0]
    asked = [demand(wanted) for wanted in demands(network)]
    assert blocks(asked[0], Binary(asked[0].magnitudes), option.width).low >= 0.9
    assert blocks(asked[0], Binary(asked[0].magnitudes), option.width - 1).low < 0.9


def test_no_probability_is_one():
    with pytest.raises(InputError, match="between 0 and 1"):
        Wish(success=1.0)
