"""Random pairs of networks, equal ones written differently and others, held against a walk over the whole grid.

The prover may not sweep here. Whatever it decides has to be what plain Python says of every point. Of a changed
network it has to say so without a search too: there z3 alone has to withhold the proof.
"""

from __future__ import annotations

import random
from collections import Counter
from functools import cache

import identities
import mutants
import naive
import pairs
import pytest
import rewrites
import strategies
from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st
from pairs import EQUAL, IDENTITIES, KINDS, PRUNED, UNITS, Size

from certify.monitor import Monitor
from certify.proof.claim import Relation, Verdict
from certify.proof.enumeration import Search, sweep_grid
from certify.proof.merging.merge import Merging
from certify.proof.prover import Budget, prove

NO_SWEEP = Budget(sweep_work=0, remainder_rlimit=2_000_000)
EACH = {**dict.fromkeys(EQUAL, 3), **dict.fromkeys(IDENTITIES, 1)}
PAIRS = [(kind, number) for kind, count in EACH.items() for number in range(count)]
LONG = 10
LARGE = (Size((8, 8, 4), 33), Size((16, 16, 8, 4), 33))
LARGEST = Size((64, 64, 10), 33)


UNITS_ONLY = (rewrites.permute, rewrites.split, rewrites.duplicate, rewrites.dead, rewrites.linear, rewrites.identity)


def no_search(*_):
    return Search(None, 0, 0)


@cache
def case(kind: str, number: int):
    """A pair that is equal, and what a small change makes of its second network."""
    rng = random.Random(f"{kind} {number}")
    left, right = pairs.equal(kind, rng, pairs.small(rng))
    return left, right, pairs.changed(right, rng)


def check_witness(proof, left, right):
    ours, theirs = mutants.document_of(left), mutants.document_of(right)
    found = [naive.evaluate(document, proof.witness.input) for document in (ours, theirs)]
    assert [list(proof.witness.left), list(proof.witness.right)] == found
    assert [naive.value(ours, x) for x in found[0]] != [naive.value(theirs, x) for x in found[1]]
    assert all(
        low <= x <= high for low, x, high in zip(left.input.low, proof.witness.input, left.input.high, strict=True)
    )


def check(left, right, *, equal: bool):
    """What the prover says without a sweep, after it has been held against what is so."""
    proof = prove(left, right, NO_SWEEP)
    assert proof.sweep is None
    allowed = Verdict.PROVED if equal else Verdict.REFUTED
    assert proof.verdict in {allowed, Verdict.UNDECIDED}
    assert (proof.witness is not None) == (proof.verdict is Verdict.REFUTED)
    assert bool(proof.reason) == (proof.verdict is not Verdict.PROVED)
    if proof.witness is not None:
        check_witness(proof, left, right)
    return proof.verdict


def equal_on_grid(left, right):
    return naive.equal_on_grid(mutants.document_of(left), mutants.document_of(right))


@pytest.mark.compiled
@pytest.mark.parametrize(("kind", "number"), PAIRS, ids=str)
def test_equal(kind, number):
    left, right, _ = case(kind, number)
    assert equal_on_grid(left, right)
    assert check(left, right, equal=True) is Verdict.PROVED


@pytest.mark.compiled
@pytest.mark.parametrize(("kind", "number"), PAIRS, ids=str)
def test_one_small_change(monkeypatch, kind, number):
    left, _, right = case(kind, number)
    monkeypatch.setattr("certify.proof.portfolio.search_difference", no_search)
    check(left, right, equal=equal_on_grid(left, right))


@pytest.mark.parametrize("kind", [*UNITS, *PRUNED, "composed"])
def test_changed_networks_are_refuted(kind):
    """A small grid is looked at nearly whole, so a search finds what there is."""
    left, _, right = case(kind, 0)
    verdict = check(left, right, equal=(equal := equal_on_grid(left, right)))
    assert equal or verdict is Verdict.REFUTED


@pytest.mark.parametrize("kind", KINDS)
def test_the_compiled_sweep_agrees(kind):
    left, right, changed = case(kind, 0)
    assert sweep_grid(left, right, 1, Monitor()).difference is None
    assert (sweep_grid(left, changed, 1, Monitor()).difference is None) == equal_on_grid(left, changed)


# Steps in any order, constants, boxes without 0.


def check_document(document, seed, *, search):
    rng = random.Random(seed)
    left = mutants.read(document)
    right = pairs.rewritten(left, rng, UNITS_ONLY)
    if rng.random() < 0.5:
        right = pairs.changed(right, rng)
    equal = equal_on_grid(left, right)
    event(f"equal: {equal}")
    with pytest.MonkeyPatch.context() as patched:
        if not search:
            patched.setattr("certify.proof.portfolio.search_difference", no_search)
        event(check(left, right, equal=equal))


DOCUMENTS = strategies.documents(max_points=80, bits=(1, 3), encoded=False)
ANY = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])


@pytest.mark.compiled
@settings(ANY, max_examples=40)
@given(DOCUMENTS, st.integers(0, 2**16), st.booleans())
def test_every_kind_of_network(document, seed, search):
    check_document(document, seed, search=search)


@pytest.mark.long
@pytest.mark.compiled
@settings(ANY, max_examples=500)
@given(DOCUMENTS, st.integers(0, 2**16), st.booleans())
def test_many_more_kinds_of_networks(document, seed, search):
    check_document(document, seed, search=search)


# One point of very many.


def check_needle(number: int):
    rng = random.Random(f"needle {number}")
    left, right, point = identities.needle(rng, inputs=rng.randint(2, 5), width=rng.choice([40, 1001]))
    assert naive.evaluate(mutants.document_of(left), point) != naive.evaluate(mutants.document_of(right), point)
    for pair in ((left, right), (right, left)):
        assert prove(*pair, NO_SWEEP).verdict is not Verdict.PROVED
        assert prove(*pair, NO_SWEEP, relation=Relation("within", 1)).verdict is not Verdict.REFUTED


@pytest.mark.compiled
@pytest.mark.parametrize("number", range(8))
def test_equal_at_every_point_but_one(number):
    check_needle(number)


@pytest.mark.long
@pytest.mark.compiled
def test_more_points():
    for number in range(8, 32):
        check_needle(number)


# Integers of any length.


def check_long_integers(number: int):
    """Weights of up to 60 bits, sums beyond a machine word; the walk is in Python's integers."""
    rng = random.Random(f"long {number}")
    left = pairs.random_network(rng, pairs.small(rng), bits=rng.choice([2, 20, 28]))
    right = pairs.rewritten(left, rng, UNITS_ONLY)
    for _ in range(2):
        right = rewrites.finer(right, rng.randrange(len(right.layers)), rng.choice([1, 8, 15]))
    if rng.random() < 0.5:
        right = pairs.changed(right, rng)
    check(left, right, equal=equal_on_grid(left, right))


@pytest.mark.compiled
@pytest.mark.parametrize("number", range(12))
def test_long_integers(number):
    check_long_integers(number)


@pytest.mark.long
@pytest.mark.compiled
def test_more_long_integers():
    for number in range(12, 60):
        check_long_integers(number)


# Whether all this could have failed.


def test_a_prover_that_says_yes_is_noticed(monkeypatch):
    monkeypatch.setattr("certify.proof.portfolio.search_difference", no_search)
    monkeypatch.setattr("certify.proof.portfolio.merge", lambda *_: Merging(proved=True))
    left, _, changed = next(
        pair for pair in map(case, KINDS, [0] * len(KINDS)) if not equal_on_grid(pair[0], pair[2])
    )
    with pytest.raises(AssertionError):
        check(left, changed, equal=False)


def test_some_changes_make_a_difference_and_some_do_not():
    counts = Counter(equal_on_grid(left, changed) for left, _, changed in (case(*which) for which in PAIRS))
    assert min(counts.values()) > len(PAIRS) // 6


def test_right_and_left_are_not_written_alike():
    written = [[mutants.document_of(network)["layers"] for network in case(*which)[:2]] for which in PAIRS]
    assert sum(left != right for left, right in written) > 0.9 * len(PAIRS)


def test_there_is_a_kind_for_every_promise():
    assert {*UNITS, *PRUNED, "theorem 1", "composed"} <= set(EQUAL)
    assert len(IDENTITIES) >= 20


# Thousands more.


def sweep_says(left, right) -> bool:
    return sweep_grid(left, right, 1, Monitor()).difference is None


@cache
def undecided(kind: str) -> tuple[int, ...]:
    """The numbers of the equal pairs that are left undecided; all of them and their mutants are checked."""
    left_over = []
    for number in range(EACH[kind], EACH[kind] + LONG * EACH[kind]):
        left, right, changed = case(kind, number)
        assert sweep_says(left, right), number
        if check(left, right, equal=True) is Verdict.UNDECIDED:
            left_over.append(number)
        with pytest.MonkeyPatch.context() as patched:
            patched.setattr("certify.proof.portfolio.search_difference", no_search)
            check(left, changed, equal=sweep_says(left, changed))
    return tuple(left_over)


@pytest.mark.long
@pytest.mark.compiled
@pytest.mark.parametrize("kind", KINDS)
def test_many_more(kind):
    assert undecided(kind) == ()


# Networks too large to sweep.


def large(kind: str, size: Size, number: int):
    rng = random.Random(f"{kind} {size} {number}")
    left, right = pairs.equal(kind, rng, size)
    return left, right, pairs.changed_weight(left, right, rng)


@pytest.mark.compiled
@pytest.mark.parametrize("kind", [*UNITS, "theorem 1"])
def test_no_large_one_is_undecided(kind):
    left, right, changed = large(kind, LARGE[0], 0)
    assert check(left, right, equal=True) is Verdict.PROVED
    assert check(left, changed, equal=False) is Verdict.REFUTED


@pytest.mark.compiled
@pytest.mark.parametrize(
    "build", [pairs.binary, lambda rng: pairs.threefold((6, 6, 3), rng)], ids=["binary", "threefold"]
)
def test_pairs_that_are_timed(build):
    rng = random.Random(0)
    left, right = build(rng)
    assert check(left, right, equal=True) is Verdict.PROVED
    assert check(left, pairs.changed_weight(left, right, rng), equal=False) is Verdict.REFUTED


@pytest.mark.long
@pytest.mark.compiled
@pytest.mark.parametrize("size", LARGE, ids=str)
@pytest.mark.parametrize("kind", EQUAL)
def test_larger(kind, size):
    left, right, changed = large(kind, size, 1)
    assert check(left, right, equal=True) is Verdict.PROVED
    assert check(left, changed, equal=False) is Verdict.REFUTED


@pytest.mark.long
@pytest.mark.compiled
@pytest.mark.parametrize("kind", [*UNITS, "re-pruned", "theorem 1"])
def test_largest(kind):
    left, right, changed = large(kind, LARGEST, 0)
    assert check(left, right, equal=True) is Verdict.PROVED
    assert check(left, changed, equal=False) is Verdict.REFUTED
