"""The baselines: what they find is as near as they say, and what they cannot find they refuse."""

from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest

from certify.errors import InputError, TicketNotFoundError
from certify.network.evaluate import evaluate
from certify.network.matrix import Matrix
from certify.network.steps import Clamp
from certify.proof.claim import Relation, Verdict
from certify.proof.prover import prove
from certify.theory.baselines import METHODS, certify_error
from certify.theory.baselines.certified import error_bound
from certify.theory.baselines.malach2020 import nearest_one
from certify.theory.baselines.orseau2020 import greedy
from certify.theory.baselines.pensia2020 import LOOKED_AT, nearest_subset
from certify.theory.baselines.targets import random_target, synthetic_reference

TARGET = random_target((2, 3, 2), 6, 0)
SMALL = replace(TARGET, input=replace(TARGET.input, low=(-2, -2), high=(1, 1)))


@pytest.fixture(scope="module", params=list(METHODS))
def found(request):
    return METHODS[request.param](SMALL, (10, 10), "seed")


def test_the_bound_is_never_below_the_sweep_and_the_sweep_is_the_largest_difference(found):
    bound, certified = error_bound(SMALL, found.network), certify_error(SMALL, found.network)
    assert certified.means == "sweep"
    shift = certified.bits - SMALL.output_precision_bits()
    points = [(a, b) for a in range(-2, 2) for b in range(-2, 2)]
    differences = [
        abs((ours << shift) - theirs)
        for point in points
        for ours, theirs in zip(evaluate(SMALL, point), evaluate(found.network, point), strict=True)
    ]
    assert 0 < max(differences) == certified.upper <= bound
    assert prove(SMALL, found.network, relation=Relation("within", certified.upper)).verdict is Verdict.PROVED
    assert prove(SMALL, found.network, relation=Relation("within", certified.upper - 1)).verdict is Verdict.REFUTED


def test_a_grid_too_large_to_sweep_gets_the_bound(found):
    certified = certify_error(SMALL, found.network, sweep_budget=0)
    assert certified.means == "bound"
    assert certified.seen <= certified.upper == error_bound(SMALL, found.network)


def test_a_changed_network_has_a_bound_of_its_own(found):
    layers = list(found.network.layers)
    last = layers[-1].weights
    for entry in range(0, last.entries, 3):
        values = last.values.copy()
        values[entry] = -values[entry]
        changed = replace(layers[-1], weights=Matrix(last.shape, last.start, last.columns, values))
        mutant = replace(found.network, layers=(*layers[:-1], changed))
        certified = certify_error(SMALL, mutant)
        assert certified.means == "sweep"
        assert certified.upper <= error_bound(SMALL, mutant)
        claimed = Relation("within", error_bound(SMALL, found.network))
        expected = Verdict.PROVED if certified.upper <= claimed.bound else Verdict.REFUTED
        assert prove(SMALL, mutant, relation=claimed).verdict is expected


@pytest.mark.parametrize("name", list(METHODS))
def test_an_epsilon_that_nothing_reaches_is_a_failure(name):
    found = METHODS[name](SMALL, (4, 4), "seed")
    assert found.missed(found.weight_error) == 0
    assert METHODS[name](SMALL, (4, 4), "seed", found.weight_error).kept == found.kept
    less = found.weight_error - Fraction(1, 2**30)
    assert found.missed(less) >= 1
    with pytest.raises(TicketNotFoundError, match="weights are not within ε"):
        METHODS[name](SMALL, (4, 4), "seed", less)


def test_selections():
    items = np.array([[7, -5, 4, 0, 2], [7, -5, 4, 0, 2], [7, -5, 4, 0, 2]])
    targets = np.array([6, -4, 0])
    assert [np.flatnonzero(row).tolist() for row in nearest_one(items, targets)] == [[0], [1], []]
    assert [np.flatnonzero(row).tolist() for row in greedy(items, targets)] == [[2, 4], [], []]
    assert ((items * nearest_subset(items, targets)).sum(axis=1) - targets).tolist() in ([0, 1, 0], [0, -1, 0])
    late = np.zeros((1, LOOKED_AT + 1), dtype=np.int64) + 2
    late[0, -1] = 1
    assert not nearest_subset(late, np.array([1]))[0, -1]


def test_targets_that_no_paper_has_are_refused():
    last = TARGET.layers[-1]
    for layer, problem in (
        (replace(last, bias=(1, 0)), "no bias"),
        (replace(last, steps=(Clamp(0, 1),)), "nothing after the sum"),
        (replace(last, precision_bits=21), "of 20 bits or fewer"),
    ):
        with pytest.raises(InputError, match=problem):
            METHODS["malach2020"](replace(TARGET, layers=(TARGET.layers[0], layer)), (4, 4), "seed")


def test_networks_of_another_form_get_no_bound():
    with pytest.raises(InputError, match="expected 4 or 3 layers, found 2"):
        error_bound(TARGET, TARGET)


def test_the_synthetic_reference_says_so():
    small = synthetic_reference((6, 4, 2))
    assert small.name == "synthetic 6-4-2"
    assert synthetic_reference.__defaults__[0] == (784, 500, 10)
