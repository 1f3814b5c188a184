"""Units shared out among inputs: fewer of them, each for one input, none whose sign its input has no use for."""

from __future__ import annotations

import numpy as np
import pytest

from certify.base.draw import kept_weights
from certify.errors import TicketNotFoundError
from certify.network.matrix import from_dense
from certify.network.model import Box, Dense, Network
from certify.ticket import find_ticket, sharing, theorem1
from certify.ticket.goal import Goal
from solvers import subset_sum
from solvers.subset_sum import Count

WIDTH = Goal("width")


def network(inputs, outputs, low, *, seed=0, bits=7, largest=60):
    weights = np.random.default_rng(seed).integers(-largest, largest + 1, (outputs, inputs))
    layer = Dense(from_dense(weights), bits, (0,) * outputs)
    return Network("shared", Box((inputs,), (low,) * inputs, (9,) * inputs, 0), (layer,))


def width(target, goal=WIDTH, seed="0"):
    return find_ticket(target, seed, goal=goal).base.widths[0]


@pytest.mark.compiled
@pytest.mark.parametrize(("low", "percent"), [(0, 45), (-9, 65)], ids=["one half", "both halves"])
def test_fewer_units_than_in_blocks(low, percent):
    """Where an input has no use for half of the signs, others have."""
    target = network(40, 40, low)
    assert 100 * width(target) < percent * width(target, Goal())


@pytest.mark.compiled
def test_fewer_edges_too():
    target = network(40, 40, 0)
    tickets = [find_ticket(target, "0", goal=Goal(objective)) for objective in ("width", "first")]
    shared, first = (sum(mask.kept for mask in ticket.masks) for ticket in tickets)
    assert shared < first


@pytest.mark.parametrize("low", [0, -9])
def test_every_unit_is_of_use_to_its_input(low):
    target = network(12, 20, low)
    ticket = find_ticket(target, "0", goal=WIDTH)
    first, second = (kept_weights(ticket.base, matrix, ticket.masks[matrix]) for matrix in (0, 1))
    assert (np.diff(first.start) <= 1).all()
    assert np.unique(second.columns).tolist() == np.flatnonzero(np.diff(first.start)).tolist()
    assert (first.values != 0).all() if low else (first.values > 0).all()


def test_the_last_unit_is_kept():
    ticket = find_ticket(network(12, 20, 0), "0", goal=WIDTH)
    assert ticket.base.widths[0] == np.flatnonzero(np.diff(ticket.masks[0].start))[-1] + 1


def test_a_small_layer_leaves_few_units_over():
    """The window shrinks with the inputs that are to come."""
    target = network(3, 4, 0, bits=4, largest=16)
    assert 100 * width(target) < 60 * width(target, Goal())


def test_nothing_to_share():
    target = network(3, 2, 0, largest=0)
    ticket = find_ticket(target, "0", goal=WIDTH)
    assert ticket.base.widths == (1,)
    assert [mask.kept for mask in ticket.masks] == [0, 0]


def test_bitsets_that_are_too_large(monkeypatch):
    """Then units are taken in their order, and what nobody takes goes on to the next input."""
    monkeypatch.setattr(sharing, "choose", lambda *_: None)
    target = network(10, 20, 0)
    assert width(target) < width(target, Goal())


def test_a_bounded_number_of_edges():
    target = network(6, 10, 0, bits=4, largest=16)
    ticket = find_ticket(target, "0", goal=Goal("width", Count(0, 2)))
    first, second = ticket.masks
    owner = np.full(first.shape[0], -1)
    owner[first.rows()] = first.columns
    each = np.zeros((second.shape[0], first.shape[1]), dtype=np.int64)
    np.add.at(each, (second.rows(), owner[second.columns]), 1)
    assert each.max() == 2


def test_what_is_not_there(monkeypatch):
    monkeypatch.setattr(theorem1, "MAX_BLOCK", 2)
    with pytest.raises(TicketNotFoundError, match=r"no subset of the first 2 units of a block gives layers\[0\]"):
        find_ticket(network(3, 20, 0), "0", goal=WIDTH)


def test_fixed_blocks_are_not_shared():
    with pytest.raises(AssertionError):
        find_ticket(network(3, 2, 0), "0", block_width=9, goal=WIDTH)


def test_choices_do_not_come_from_elsewhere():
    assert sharing.choose is subset_sum.choose
