"""When there is no ticket: the weights that are named, and the cause, against the plain-Python oracle."""

from __future__ import annotations

import itertools
import math

import naive_base as naive
import numpy as np
import pytest

from certify.base.law import Precision
from certify.errors import InputError, TicketNotFoundError
from certify.network.matrix import from_dense
from certify.network.model import Box, Dense, Network
from certify.ticket import block, find_ticket, theorem1
from certify.ticket.goal import Goal
from solvers import subset_sum
from solvers.subset_sum import Count


def dense(bits, weights, *, bias=None, constants=()):
    matrix = from_dense(np.array(weights, dtype=np.int64))
    return Dense(matrix, bits, tuple(bias or (0,) * len(weights)), tuple(constants))


def network(low, high, *layers):
    return Network("failing", Box((len(low),), low, high, 0), layers)


THREE = network((-2, 0), (2, 3), dense(6, [[33, -64], [0, 21]]), dense(3, [[8, -1]]), dense(5, [[-32]]))


def naive_cause(items, target):
    sums = {sum(chosen) for n in range(len(items) + 1) for chosen in itertools.combinations(items, n)}
    if target in sums:
        return None
    if not min(sums) <= target <= max(sums):
        return "range"
    return "parity" if target % math.gcd(*items) else "density"


@pytest.mark.parametrize(("low", "high", "half"), [(0, 3, "inputs ≥ 0"), (-3, 0, "inputs ≤ 0")])
def test_every_cause_is_named_end_to_end(low, high, half):
    seen = dict.fromkeys([None, "range", "parity", "density"], 0)
    for seed, weight_wanted in itertools.product(map(str, range(12)), (3, -8, 13)):
        target = network((low,), (high,), dense(4, [[weight_wanted]]))
        u, v = first_units(seed, 4, bits=2)
        items = [a * b for a, b in zip(u, v, strict=True) if (a > 0 if low == 0 else a < 0)]
        cause = naive_cause(items, weight_wanted)
        seen[cause] += 1
        if cause is None:
            find_ticket(target, seed, block_width=4)
            continue
        with pytest.raises(TicketNotFoundError) as caught:
            find_ticket(target, seed, block_width=4)
        units = sum(item != 0 for item in items)
        expected = (
            f"no subset of the 4 units of a block gives layers[0].weights[0][0] ({half}, {units} units): {cause}. "
        )
        assert str(caught.value).startswith(expected)
    assert min(seen.values()) > 0, seen


def first_units(seed, count, bits):
    """(u, v) of the first units of a pair of matrices with one input and one output."""
    u = [naive.weight(seed, 0, unit, 0, bits) for unit in range(count)]
    return u, [naive.weight(seed, 1, 0, unit, bits) for unit in range(count)]


# No product of two numbers from -4 to 4 is 7 or -7, so one unit never gives them, whatever the seed.


@pytest.mark.parametrize(
    ("layers", "places"),
    [
        pytest.param([dense(4, [[0, 7]])], ["layers[0].weights[0][1]"], id="weight"),
        pytest.param([dense(4, [[0, 0], [0, 0], [7, 0]])], ["layers[0].weights[2][0]"], id="output and input"),
        pytest.param(
            [dense(4, [[7, 0], [0, -7]])], ["layers[0].weights[0][0]", "layers[0].weights[1][1]"], id="two weights"
        ),
        pytest.param([dense(4, [[0, 0]], bias=(7,))], ["layers[0].bias[0]"], id="bias"),
        pytest.param([dense(4, [[0, 0]] * 3, bias=(0, 0, -7))], ["layers[0].bias[2]"], id="another output's bias"),
        pytest.param([dense(4, [[0, 0, 7]], constants=(1,))], ["layers[0].bias[0]"], id="the target's constants"),
        pytest.param(
            [dense(4, [[0, 0]] * 2), dense(4, [[0, 0]] * 3, bias=(0, 0, 7))], ["layers[1].bias[2]"], id="second layer"
        ),
    ],
)
def test_failures_name_their_places(layers, places):
    target = network((0, 0), (3, 3), *layers)
    for seed in "abc":
        with pytest.raises(TicketNotFoundError, match="no subset of the 1 units of a block") as caught:
            find_ticket(target, seed, block_width=1)
        named, helps = str(caught.value).split(" What would help: ")
        assert [part.split(" (")[0] for part in named.split(" gives ")[1].split("; ")] == places
        assert "--width" in helps


def test_both_halves_of_a_weight_can_fail():
    with pytest.raises(TicketNotFoundError) as caught:
        find_ticket(network((-1,), (1,), dense(4, [[7]])), "0", block_width=1)
    assert "[0][0] (inputs ≥ 0" in str(caught.value)
    assert "[0][0] (inputs ≤ 0" in str(caught.value)


def test_grown_blocks_end_somewhere(monkeypatch):
    monkeypatch.setattr(theorem1, "MAX_BLOCK", 1)
    with pytest.raises(TicketNotFoundError, match=r"no subset of the first 1 units of a block gives layers\[0\]"):
        find_ticket(network((0,), (1,), dense(4, [[7]])), "0")


@pytest.mark.compiled
def test_a_search_for_too_many_edges(monkeypatch):
    monkeypatch.setattr(theorem1, "MAX_BLOCK", 2048)
    with pytest.raises(TicketNotFoundError, match="the search is too large") as caught:
        find_ticket(network((0,), (1,), dense(2, [[3]])), "0", goal=Goal(count=Count(1000, 1000)))
    assert str(caught.value).endswith("a smaller --width or --kept-per-weight")


@pytest.mark.parametrize(
    ("layers", "place"),
    [
        pytest.param([dense(8, [[0, 0], [0, 200]])], "layers[0].weights[1][1]", id="weight"),
        pytest.param([dense(8, [[0, 0], [0, 0]], bias=(0, 3))], "layers[0].bias[1]", id="bias"),
    ],
)
@pytest.mark.parametrize("bits", [28, 30], ids=["more memory than the limit", "sums beyond 62 bits"])
def test_a_search_that_is_too_large(layers, place, bits):
    target = network((0, 0), (3, 3), *layers)
    with pytest.raises(TicketNotFoundError) as caught:
        find_ticket(target, "0", precisions=[Precision(bits, bits)])
    assert str(caught.value).startswith(f"{place}: the search is too large at {bits} bits: ")
    assert "a coarser --precision" in str(caught.value)


def test_what_the_solver_leaves_undecided_becomes_an_error_of_ours(monkeypatch):
    def give_up(shared, objective, count, **options):
        served = subset_sum.serve(shared, objective, count, **options)
        served.solutions.prefix[:] = subset_sum.UNDECIDED
        return served

    monkeypatch.setattr(block, "serve", give_up)
    monkeypatch.setattr(theorem1, "MAX_BLOCK", 40)
    with pytest.raises(TicketNotFoundError, match=r"too large at . bits: undecided with 40 items of up to"):
        find_ticket(THREE, "0")


@pytest.mark.parametrize(("layer", "kept"), [(0, (2, 2, 3)), (1, (3, 1, 3)), (2, (3, 2, 2))])
def test_precisions_that_are_too_coarse(layer, kept):
    with pytest.raises(InputError, match="expected a base precision of at least") as caught:
        find_ticket(THREE, "0", precisions=[Precision(bits, bits) for bits in kept])
    assert caught.value.place == f"layers[{layer}].precision_bits"


def test_a_seed_that_is_no_text():
    with pytest.raises(InputError, match=r"^seed: "):
        find_ticket(THREE, "\udcff")
