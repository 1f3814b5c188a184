"""The planner's promise against finders and simulations with fixed seeds, and wishes that it refuses."""

from __future__ import annotations

import itertools
import json
import math

import numpy as np
import pytest

from certify.errors import InputError, TicketNotFoundError
from certify.network.target import read_target
from certify.theory.bounds import width_needed
from certify.theory.planning.arrival import Binary, Measured, draw, measure
from certify.theory.planning.network import Chance, blocks, chain, demand, grown
from certify.theory.planning.plan import Wish, make_plan, random_target_weights
from certify.ticket import find_copies, find_ticket
from certify.ticket.block import Wanted
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


def counted(name, bits):
    """How often the weights of 1 to 2^bits fail, in a first layer and in later ones."""
    weights, kept = np.arange(1, (1 << bits) + 1), (bits + 1) // 2
    if name == "binary":
        return Binary(weights), Binary(weights)
    first = measure("nonzero" if name == "copies" else "products", kept, weights << (2 * kept - bits), 4000, 0.01, 0)
    return first, measure("singles", bits, weights, 4000, 0.01, 0) if name == "copies" else first


def of_weights(failing, magnitudes):
    if isinstance(failing, Binary):
        return Binary(magnitudes)
    return Measured(failing.lows[magnitudes - 1], failing.highs[magnitudes - 1], failing.instances)


def promised(name, network, fails, units):
    asked = [demand(wanted, single=name == "copies" and n > 0) for n, wanted in enumerate(demands(network))]
    failing = [of_weights(fails[min(n, 1)], layer.magnitudes) for n, layer in enumerate(asked)]
    if name == "copies":
        return chain(asked, failing, units)
    chances = [blocks(layer, own, units) for layer, own in zip(asked, failing, strict=True)]
    return Chance(math.prod(chance.low for chance in chances), math.prod(chance.high for chance in chances))


def has_ticket(name, network, seed, units):
    construction = "binary" if name == "binary" else "theorem-1"
    try:
        if name == "copies":
            find_copies(network, seed, copies=units)
        else:
            find_ticket(network, seed, block_width=units, construction=construction)
    except TicketNotFoundError:
        return False
    return True


def check(name, widths, units, targets, bits=2):
    """Hold the share of targets that have their tickets against the mean of the promised ends."""
    found, low, high = 0, 0.0, 0.0
    fails = counted(name, bits)
    for seed in range(targets):
        network = random_network(widths, bits, seed)
        found += has_ticket(name, network, f"plan {seed}", units)
        chance = promised(name, network, fails, units)
        low, high = low + chance.low / targets, high + chance.high / targets
    noise = 3 * math.sqrt(0.25 / targets)
    assert low - noise <= found / targets <= high + noise
    return found / targets


@pytest.mark.compiled
@pytest.mark.parametrize(("name", "units"), [("pairs", 20), ("copies", 10), ("binary", 24)])
def test_tickets_are_found_as_often_as_promised(name, units):
    check(name, (2, 2, 1), units, 30)


@pytest.mark.compiled
@pytest.mark.long
@pytest.mark.parametrize(
    ("name", "widths", "units"),
    [
        ("pairs", (2, 2, 1), (10, 16, 24, 36, 60)),
        ("copies", (2, 2, 1), (6, 10, 14, 28)),
        ("copies", (2, 2, 2, 1), (6, 10, 14, 28)),
        ("binary", (2, 2, 1), (16, 20, 28, 36, 60)),
    ],
)
def test_over_200_targets_tickets_are_found_as_often_as_promised(name, widths, units):
    """From where few are found to where nearly all are."""
    rates = [check(name, widths, each, 200) for each in units]
    assert rates[0] < 0.5 < 0.9 < rates[-1]


@pytest.mark.compiled
@pytest.mark.long
@pytest.mark.parametrize("name", ["pairs", "binary"])
def test_over_200_targets_grown_blocks_are_as_long_as_promised(name):
    fails, sizes, low, high = counted(name, 2), [], 0.0, 0.0
    for seed in range(200):
        network = random_network((2, 2, 1), 2, seed)
        ticket = find_ticket(network, f"plan {seed}", construction="binary" if name == "binary" else "theorem-1")
        sizes.append(sum(ticket.base.widths))
        for asked in map(demand, demands(network)):
            mean = grown(asked, of_weights(fails[0], asked.magnitudes))
            low, high = low + mean.low / 200, high + mean.high / 200
    noise = 3 * np.std(sizes) / math.sqrt(200)
    assert low - noise <= np.mean(sizes) <= high + noise


def test_a_block_grows_until_its_last_weight():
    """One weight of one half: a geometric law. With two halves, less than both after each other and more than one."""
    for halves, least, most in ((1, 10, 10), (2, 10, 20)):
        wanted = Wanted(0, np.array([[1]]), np.array([True]), np.array([halves == 2]), 1)
        mean = grown(demand(wanted), Known(0.9))
        assert least <= mean.low + 1e-9
        assert mean.low - 1e-9 <= mean.high <= most + 1e-9


def test_no_length_is_promised_of_what_never_comes():
    wanted = Wanted(0, np.array([[1]]), np.array([True]), np.array([False]), 1)
    assert grown(demand(wanted), Known(1.0)) is None


class Known:
    """A weight of 1 fails with q^n."""

    def __init__(self, q):
        self.q = q

    def low(self, items):
        return np.array([self.q**items])

    high = low


def test_a_chain_of_single_neurons_is_summed_over_its_copies():
    """Copies of the first layer that never fail leave a binomial number of those of the second."""
    asked = [demand(Wanted(0, np.array([[1]]), *np.array([[True], [False]]), 1), single=True)] * 3
    chance = chain(asked, [Known(0.0), Known(0.8), Known(0.5)], 7)
    made = 1 - 0.8**7
    exact = sum(math.comb(7, m) * made**m * (1 - made) ** (7 - m) * (1 - 0.5**m) for m in range(8))
    assert chance.low == pytest.approx(exact)
    assert chance.high == pytest.approx(exact)


def test_copies_that_cannot_be_made_are_no_ticket():
    asked = [demand(Wanted(0, np.array([[1]]), *np.array([[True], [False]]), 1), single=n > 0) for n in range(2)]
    assert chain(asked, [Known(1.0), Known(0.0)], 9).high == 0


def test_first_layers_of_copies_have_no_zero():
    items = draw("nonzero", 2, 4000, np.random.default_rng(5))
    assert np.mean(items == 0) == pytest.approx(0.5, abs=0.02)


def test_a_plan_holds_what_it_says():
    """One unit less does not do, as far as is computed."""
    network = random_network((3, 2), 2, 4)
    option = make_plan(network, QUICK, ["binary"]).options[0]
    asked = [demand(wanted) for wanted in demands(network)]
    assert blocks(asked[0], Binary(asked[0].magnitudes), option.width).low >= 0.9
    assert blocks(asked[0], Binary(asked[0].magnitudes), option.width - 1).low < 0.9


def test_units_of_a_plan_are_not_below_corollary_1():
    option = make_plan(random_network((3, 2), 2, 4), QUICK, ["binary"]).options[0]
    assert option.least_units == (width_needed(2, 3, 2),)
    assert option.units[0] > option.least_units[0]


def test_no_probability_is_one():
    with pytest.raises(InputError, match="between 0 and 1"):
        Wish(success=1.0)
