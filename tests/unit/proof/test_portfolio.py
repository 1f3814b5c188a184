"""Which steps run, in which order, and that what each says is held against plain evaluation."""

from __future__ import annotations

from dataclasses import replace

import pytest
from merged import RLIMIT, walk
from mutants import dense, network, with_layer

from certify.errors import DisagreementError
from certify.monitor import Monitor
from certify.network.steps import Clamp, Relu
from certify.proof import portfolio
from certify.proof.claim import EQUAL, Maximum, Relation, Stage, Verdict
from certify.proof.enumeration import Search, Sweep, TooWideError
from certify.proof.merging.merge import Merging
from certify.proof.obligations import Count
from certify.proof.portfolio import Decision, decide
from certify.proof.prover import Budget, prove

ARGMAX = Relation("argmax")
RELU = (Relu(),)
LEFT = network([-3, -2], [2, 3], dense([[1, -1], [2, 1]], RELU, bias=[0, -1]), dense([[1, 2], [0, 1]], bias=[1, 0]))
EQUAL_ONE = network(
    [-3, -2], [2, 3], dense([[2, 1], [2, -2]], RELU, bias=[-1, 0]), dense([[4, 1], [2, 0]], bias=[2, 0], bits=1)
)
OTHER = with_layer(LEFT, 1, bias=(1, 2))
AT_ONE_POINT = network(
    [-3, -2],
    [2, 3],
    dense([[1, -1], [2, 1], [-1, 1]], RELU, bias=[0, -1, -5]),
    dense([[1, 2, 7], [0, 1, 0]], bias=[1, 0]),
)
"""Differs by 7 where y - x = 6, which is (-3, 3)."""
POINTS = 36


def within(bound):
    return Relation("within", bound)


def decided(left, right, relation=EQUAL, sweep_budget=2**34, rlimit=RLIMIT):
    """The decision, after plain Python has walked the box."""
    found = decide(left, right, relation, sweep_budget=sweep_budget, rlimit=rlimit, workers=1, monitor=Monitor())
    truth = walk(left, right, relation)
    assert not (found.proved and truth.failing)
    if found.witness is not None:
        assert not found.proved
        assert found.witness.input in truth.failing
    assert found.maximum.seen <= truth.largest
    if relation != ARGMAX and found.maximum.upper is not None:
        assert truth.largest <= found.maximum.upper
    return found


def names(found):
    return [stage.name for stage in found.stages]


@pytest.fixture
def no_first_sweep(monkeypatch):
    monkeypatch.setattr(portfolio, "FIRST_SWEEP", 0)


@pytest.fixture
def nothing_found(monkeypatch):
    """Neither search nor merging decide anything."""
    monkeypatch.setattr(portfolio, "search_difference", lambda *_: Search(None, 0, 9))
    monkeypatch.setattr(portfolio, "merge", lambda *_: Merging(proved=False, reason="nothing was merged"))


# Order.


@pytest.mark.parametrize("right", [EQUAL_ONE, OTHER, AT_ONE_POINT], ids=["equal", "other", "at one point"])
@pytest.mark.parametrize("relation", [EQUAL, within(3), ARGMAX], ids=lambda relation: relation.name)
def test_a_small_grid_is_swept_and_nothing_else(right, relation):
    found = decided(LEFT, right, relation)
    assert names(found) == ["sweep"]
    assert found.proved == (found.witness is None)
    assert not found.merged
    assert found.left == ()


def test_what_a_sweep_says():
    assert decided(LEFT, EQUAL_ONE).stages == (Stage("sweep", f"all {POINTS} points hold"),)
    found = decided(LEFT, OTHER)
    assert found.stages == (Stage("sweep", f"{found.swept.points} points, the last one fails"),)


def test_without_a_sweep_some_points_are_looked_at_first():
    found = decided(LEFT, OTHER, sweep_budget=0)
    assert names(found) == ["search"]
    assert found.stages[0].outcome.endswith("points, the last one fails")
    assert found.witness is not None


def test_then_units_are_merged():
    found = decided(LEFT, EQUAL_ONE, sweep_budget=0)
    assert names(found) == ["search", "merging"]
    assert (found.proved, found.merged, found.swept) == (True, True, None)
    assert found.left == ("no witness was found",)
    assert found.obligations["sum"].count == 2


@pytest.mark.parametrize("relation", [EQUAL, within(6)], ids=["equal", "within"])
def test_merging_may_name_a_point(monkeypatch, relation):
    monkeypatch.setattr(portfolio, "search_difference", lambda *_: Search(None, 0, 9))
    found = decided(LEFT, AT_ONE_POINT, relation, sweep_budget=0)
    assert names(found) == ["search", "merging", "simulation", "remainder"]
    assert found.witness.input == (-3, 3)
    assert not found.merged
    assert found.obligations == {}
    assert found.maximum.seen == 7


@pytest.mark.usefixtures("no_first_sweep", "nothing_found")
@pytest.mark.parametrize(("right", "proved"), [(EQUAL_ONE, True), (OTHER, False)], ids=["equal", "other"])
def test_a_larger_grid_is_swept_at_last(right, proved):
    found = decided(LEFT, right)
    assert names(found) == ["search", "sweep"]
    assert found.proved == proved
    assert found.left == ("no witness was found", "nothing was merged")


@pytest.mark.usefixtures("no_first_sweep")
@pytest.mark.parametrize("right", [EQUAL_ONE, OTHER], ids=["equal", "other"])
def test_a_larger_grid_is_not_swept_where_something_decided(monkeypatch, right):
    monkeypatch.setattr(portfolio, "sweep_grid", None)
    found = decided(LEFT, right)
    assert found.proved == (right is EQUAL_ONE)


@pytest.mark.usefixtures("nothing_found")
def test_what_nobody_decides_is_undecided():
    found = decided(LEFT, EQUAL_ONE, sweep_budget=0)
    assert (found.proved, found.witness, found.merged, found.swept) == (False, None, False, None)
    assert found.left[:2] == ("no witness was found", "nothing was merged")
    assert found.left[2].startswith("the grid is too large to sweep (2^")
    assert found.maximum == Maximum(None, 0)


@pytest.mark.usefixtures("nothing_found")
@pytest.mark.parametrize("first", [0, 2**28], ids=["a large grid", "a small grid"])
def test_a_sweep_that_is_too_wide_is_passed_over(monkeypatch, first):
    def too_wide(*_):
        raise TooWideError("numbers of up to 99 bits")

    monkeypatch.setattr(portfolio, "FIRST_SWEEP", first)
    monkeypatch.setattr(portfolio, "sweep_grid", too_wide)
    found = decided(LEFT, EQUAL_ONE)
    assert (found.proved, found.swept, names(found)) == (False, None, ["search"])
    assert "the grid cannot be swept: numbers of up to 99 bits" in found.left


@pytest.mark.parametrize("right", [EQUAL_ONE, OTHER], ids=["equal", "other"])
def test_a_sweep_that_is_too_wide_leaves_the_rest(monkeypatch, right):
    def too_wide(*_):
        raise TooWideError("numbers of up to 99 bits")

    monkeypatch.setattr(portfolio, "sweep_grid", too_wide)
    found = decided(LEFT, right)
    assert found.merged == (right is EQUAL_ONE)
    assert (found.witness is not None) == (right is OTHER)


# Steps that lie.


def test_a_point_of_merging_that_is_none(monkeypatch):
    monkeypatch.setattr(portfolio, "merge", lambda *_: Merging(proved=False, points=((0, 0),)))
    with pytest.raises(DisagreementError, match=r"a witness does not replay: equal holds .* at \(0, 0\)"):
        decided(LEFT, EQUAL_ONE, sweep_budget=0)


@pytest.mark.parametrize("relation", [within(2), ARGMAX], ids=lambda relation: relation.name)
def test_a_point_that_is_none_of_this_relation(monkeypatch, relation):
    """The networks differ there, by 2 and not in their argmax."""
    monkeypatch.setattr(portfolio, "merge", lambda *_: Merging(proved=False, points=((2, -2),)))
    monkeypatch.setattr(portfolio, "search_difference", lambda *_: Search(None, 0, 9))
    with pytest.raises(DisagreementError, match="does not replay"):
        decided(LEFT, OTHER, relation, sweep_budget=0)


def test_a_point_of_the_search_that_is_none(monkeypatch):
    monkeypatch.setattr(portfolio, "search_difference", lambda *_: Search((1, 1), 5, 9))
    with pytest.raises(DisagreementError, match="does not replay"):
        decided(LEFT, EQUAL_ONE, sweep_budget=0)


def test_a_difference_of_the_sweep_that_is_none(monkeypatch):
    monkeypatch.setattr(portfolio, "sweep_grid", lambda *_: Sweep(9, 9, (1, 1), 5))
    with pytest.raises(DisagreementError, match="does not replay"):
        decided(LEFT, EQUAL_ONE)


def test_a_point_outside_the_box(monkeypatch):
    monkeypatch.setattr(portfolio, "merge", lambda *_: Merging(proved=False, points=((-4, 3),)))
    monkeypatch.setattr(portfolio, "search_difference", lambda *_: Search(None, 0, 9))
    with pytest.raises(Exception, match="expected an integer from -3 to 2, found -4"):
        decided(LEFT, AT_ONE_POINT, sweep_budget=0)


# The decision.

COUNTED = {"sum": Count(1, "0" * 64)}
DECISIONS = {
    "nothing ran": (Decision(), False),
    "merged": (Decision(merged=True), True),
    "swept": (Decision(swept=Sweep(1, 1, None, 0)), True),
    "merged, and a witness": (Decision(merged=True, witness=portfolio.Witness((0,), (0,), (1,))), False),
    "swept, and a witness": (
        Decision(swept=Sweep(1, 1, (0,), 1), witness=portfolio.Witness((0,), (0,), (1,))),
        False,
    ),
    "only obligations": (Decision(obligations=COUNTED), False),
}


@pytest.mark.parametrize(("decision", "proved"), DECISIONS.values(), ids=DECISIONS)
def test_what_is_proved(decision, proved):
    assert decision.proved == proved


# The maximum.


@pytest.mark.parametrize("bound", [1, 6, 7, 8])
def test_the_maximum_of_a_sweep_is_exact_where_it_proves(bound):
    found = decided(LEFT, AT_ONE_POINT, within(bound))
    assert found.maximum.seen == 7
    assert found.maximum.upper == (7 if bound >= 7 else None)


@pytest.mark.parametrize("bound", [6, 7, 8])
def test_the_maximum_of_merging_is_a_bound(bound, monkeypatch):
    """Points that merging is told of are none of the search's."""
    monkeypatch.setattr(portfolio, "search_difference", lambda *_: Search(None, 3, 9))
    found = decided(LEFT, AT_ONE_POINT, within(bound), sweep_budget=0)
    assert found.proved == (bound >= 7)
    assert found.maximum == Maximum(7, 3 if bound >= 7 else 7)


def test_what_the_search_saw_counts():
    found = decided(LEFT, OTHER, within(5), sweep_budget=0)
    assert (found.merged, found.maximum) == (True, Maximum(2, 2))


def test_the_maximum_is_on_the_common_scale():
    finer = replace(EQUAL_ONE, layers=(EQUAL_ONE.layers[0], replace(EQUAL_ONE.layers[1], bias=(3, 0))))
    for budget in (2**34, 0):
        assert decided(LEFT, finer, within(1), sweep_budget=budget).maximum == Maximum(1, 1)
        assert decided(finer, LEFT, within(1), sweep_budget=budget).maximum == Maximum(1, 1)


# The prover above it.

BENT = with_layer(EQUAL_ONE, 0, steps=(Clamp(0, 99),))


@pytest.mark.parametrize(
    ("budget", "strategy", "steps"),
    [(Budget(), "sweep", ["sweep"]), (Budget(sweep_work=0), "merging", ["search", "merging"])],
    ids=["a sweep", "no sweep"],
)
@pytest.mark.parametrize("relation", [EQUAL, within(1), ARGMAX], ids=lambda relation: relation.name)
def test_the_prover_says_who_proved_it(budget, strategy, steps, relation):
    proof = prove(LEFT, BENT, budget, relation=relation)
    assert (proof.verdict, proof.strategy, proof.reason) == (Verdict.PROVED, strategy, "")
    assert [stage.name for stage in proof.portfolio] == steps
    assert proof.claim.relation == relation
    assert (proof.maximum is not None) == (relation.name == "within")
    assert bool(proof.obligations) == (strategy == "merging") or relation == EQUAL


def test_the_budget_of_z3_reaches_the_remainder(monkeypatch):
    seen = []

    def merge(*arguments):
        seen.append(arguments[3])
        return Merging(proved=False, reason="nothing was merged")

    monkeypatch.setattr(portfolio, "merge", merge)
    proof = prove(LEFT, BENT, Budget(sweep_work=0, remainder_rlimit=4321))
    assert seen == [4321]
    assert proof.verdict is Verdict.UNDECIDED
    assert "nothing was merged" in proof.reason
    assert proof.reason.startswith("condition 0")
