"""More than a thousand mutants of proved tickets, one thing changed in each.

On small grids the verdict has to be what walking the whole grid in plain Python says, whether the prover may sweep
or not. On large ones a mutant is first shown to differ by the identities of docs/proof.md, again in plain Python, and
must then not be proved. Each `refuted` comes with a witness, and the witness is replayed there too.
"""

from __future__ import annotations

import json
import random
from collections import Counter
from datetime import UTC, datetime
from functools import cache

import mutants
import naive
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from mutants import KINDS, Case, Mutant

from certify.certificate.audit import audit
from certify.certificate.canonical import canonical
from certify.certificate.keys import SigningKey
from certify.certificate.signatures import sign
from certify.certificate.trust import Trust
from certify.errors import InvalidCertificateError
from certify.issue import Options, issue
from certify.network.target import Target
from certify.proof.claim import Verdict, Witness
from certify.proof.prover import Budget, prove

SMALL_EACH, LARGE_EACH = 64, 30
PLAIN_SMALL, PLAIN_LARGE = 21, 9
PER_CASE = 3
SMALL = [(kind, number) for kind in (*KINDS, "claim") for number in range(SMALL_EACH)]
LARGE = [(kind, number) for kind in (*KINDS, "claim") for number in range(LARGE_EACH)]
LONG = 2

NO_SWEEP = Budget(sweep_work=0)
KEY = SigningKey(Ed25519PrivateKey.from_private_bytes(b"mutants of a certificate, signed"))
TRUST = Trust.of_key("tests", KEY.public)
AT = datetime(2026, 1, 1, tzinfo=UTC)


def cases(pairs, plain: int):
    """What is not a claim: the first `plain` numbers of each kind in every run, the others among the longer tests."""
    return [
        pytest.param(kind, number, marks=[] if number < plain else [pytest.mark.long])
        for kind, number in pairs
        if kind != "claim"
    ]


def check_witness(document, other, witness: Witness):
    left, right = naive.evaluate(document, witness.input), naive.evaluate(other, witness.input)
    assert (witness.left, witness.right) == (tuple(left), tuple(right))
    assert [naive.value(document, x) for x in left] != [naive.value(other, x) for x in right]
    ranges = zip(naive.bounds(document, "low"), witness.input, naive.bounds(document, "high"), strict=True)
    assert all(low <= x <= high for low, x, high in ranges)


@cache
def small_mutant(kind: str, number: int) -> Mutant:
    case = mutants.small_case(number // PER_CASE)
    return mutants.mutate(kind, case, random.Random(f"{kind} {number}"))


def check_small(mutant: Mutant):
    other = mutants.document_of(mutant.pruned)
    equal = naive.equal_on_grid(mutant.document, other)
    points = sum(1 for _ in naive.grid(mutant.document))
    swept = prove(mutant.target, mutant.pruned)
    assert swept.verdict == (Verdict.PROVED if equal else Verdict.REFUTED), mutant.what
    assert swept.sweep is not None, mutant.what
    assert (swept.sweep.difference is None) == equal, mutant.what
    assert swept.sweep.points == points if equal else swept.sweep.points <= points, mutant.what
    unswept = prove(mutant.target, mutant.pruned, NO_SWEEP)
    assert unswept.sweep is None, mutant.what
    allowed = {Verdict.PROVED, Verdict.UNDECIDED} if equal else {Verdict.REFUTED, Verdict.UNDECIDED}
    assert unswept.verdict in allowed, mutant.what
    for proof in (swept, unswept):
        assert (proof.witness is not None) == (proof.verdict is Verdict.REFUTED), mutant.what
        assert bool(proof.reason) == (proof.verdict is not Verdict.PROVED), mutant.what
        if proof.witness is not None:
            check_witness(mutant.document, other, proof.witness)


@pytest.mark.parametrize(("kind", "number"), cases(SMALL, PLAIN_SMALL), ids=str)
def test_small(kind, number):
    check_small(small_mutant(kind, number))


def differing_point(document, other, rng: random.Random):
    """Some point on which the documents differ, or None."""
    sides = list(zip(naive.bounds(document, "low"), naive.bounds(document, "high"), strict=True))
    for _ in range(40):
        point = tuple(rng.randint(low, high) for low, high in sides)
        ours, theirs = naive.evaluate(document, point), naive.evaluate(other, point)
        if [naive.value(document, x) for x in ours] != [naive.value(other, x) for x in theirs]:
            return point
    return None


def is_shown_to_differ(mutant: Mutant, rng: random.Random) -> bool:
    """By a broken identity; by a point where only a rounding rule was changed, which is in no identity."""
    other = mutants.document_of(mutant.pruned)
    if "then" in mutant.what:
        return differing_point(mutant.document, other, rng) is not None
    return bool(mutants.broken_identities(mutant.document, other))


@cache
def large_mutant(kind: str, number: int) -> Mutant:
    case = mutants.large_case(number // PER_CASE)
    rng = random.Random(f"{kind} {number}")
    for _ in range(100):
        mutant = mutants.mutate(kind, case, rng)
        if is_shown_to_differ(mutant, rng):
            return mutant
    raise AssertionError(f"{kind} {number}: no mutant that differs")


def check_large(mutant: Mutant):
    assert mutant.target.input.features >= 64
    proof = prove(mutant.target, mutant.pruned)
    assert proof.strategy != "decomposition", mutant.what
    if proof.verdict is Verdict.PROVED:
        # Another sum that no output shows: the rounding behind it hides it, or no weight reads it.
        rng = random.Random(mutant.what)
        assert differing_point(mutant.document, mutants.document_of(mutant.pruned), rng) is None, mutant.what
    assert proof.sweep is None, mutant.what
    assert (proof.witness is not None) == (proof.verdict is Verdict.REFUTED), mutant.what
    if proof.witness is not None:
        check_witness(mutant.document, mutants.document_of(mutant.pruned), proof.witness)


@pytest.mark.compiled
@pytest.mark.parametrize(("kind", "number"), cases(LARGE, PLAIN_LARGE), ids=str)
def test_large(kind, number):
    check_large(large_mutant(kind, number))


# What a certificate claims.


@cache
def payload(case: Case) -> bytes:
    file = Target(json.dumps(case.document).encode(), case.target)
    issued = issue("target.json", file, Options(seed=case.ticket.base.seed))
    assert issued.proof.verdict is Verdict.PROVED
    return issued.payload


def changed_claim(claim: dict, rng: random.Random) -> dict:
    """The claim with another box or another number of points."""
    if rng.random() < 0.25:
        points = [list(factor) for factor in claim["points"]]
        points[rng.randrange(len(points))][rng.randrange(2)] += rng.choice([-1, 1, 2])
        return claim | {"points": points}
    side = rng.choice(["low", "high"])
    bound = claim[side]
    if isinstance(bound, int):
        return claim | {side: bound + rng.choice([-1, 1])}
    index = rng.randrange(len(bound))
    return claim | {side: [*bound[:index], bound[index] + rng.choice([-1, 1]), *bound[index + 1 :]]}


def check_claim(case: Case, rng: random.Random):
    genuine = json.loads(payload(case))
    claim = changed_claim(genuine["predicate"]["claim"], rng)
    assert claim != genuine["predicate"]["claim"]
    document = genuine | {"predicate": genuine["predicate"] | {"claim": claim}}
    with pytest.raises(InvalidCertificateError, match=r"payload\.predicate\.claim\."):
        audit(sign(canonical(document), KEY), TRUST, AT)


@pytest.mark.parametrize("number", [number for kind, number in SMALL if kind == "claim"])
def test_small_claim(number):
    check_claim(mutants.small_case(number // PER_CASE), random.Random(f"claim {number}"))


@pytest.mark.parametrize("number", [number for kind, number in LARGE if kind == "claim"])
def test_large_claim(number):
    check_claim(mutants.large_case(number // PER_CASE), random.Random(f"claim {number}"))


@pytest.mark.parametrize("number", range(3))
def test_the_certificates_that_were_mutated_are_good(number):
    for case in (mutants.small_case(number), mutants.large_case(number)):
        found = audit(sign(payload(case), KEY), TRUST, AT)
        assert found.trusted
        assert found.proof.verdict is Verdict.PROVED


# Whether all this could have failed.


@pytest.mark.parametrize("number", range(10))
def test_large_cases_are_proved_before_they_are_mutated(number):
    case = mutants.large_case(number)
    assert not mutants.broken_identities(case.document, mutants.document_of(case.pruned))
    proof = prove(case.target, case.pruned)
    assert (proof.verdict, proof.strategy) == (Verdict.PROVED, "decomposition")


def test_there_are_enough():
    assert len(set(SMALL)) + len(set(LARGE)) >= 1000
    assert len(set(LARGE)) >= 300
    assert {kind for kind, _ in LARGE} == {kind for kind, _ in SMALL} == {*KINDS, "claim"}


def test_no_two_are_the_same():
    small = [small_mutant(kind, number) for kind, number in SMALL if kind != "claim"]
    seen = {(json.dumps(m.document), json.dumps(mutants.document_of(m.pruned))) for m in small}
    assert len(seen) > 0.8 * len(small)


def test_most_small_ones_differ():
    """Equal mutants are wanted too: they show that nothing is refuted for its looks."""
    differ = Counter(
        kind
        for kind, number in SMALL
        if kind != "claim"
        and not naive.equal_on_grid(
            (mutant := small_mutant(kind, number)).document, mutants.document_of(mutant.pruned)
        )
    )
    assert set(differ) == set(KINDS)
    assert 400 <= differ.total() <= len(SMALL) - SMALL_EACH - 50


@pytest.mark.long
@pytest.mark.parametrize("kind", KINDS)
def test_many_more(kind):
    for number in range(SMALL_EACH, SMALL_EACH * (1 + LONG)):
        check_small(small_mutant(kind, number))
    for number in range(LARGE_EACH, LARGE_EACH * (1 + LONG)):
        check_large(large_mutant(kind, number))
