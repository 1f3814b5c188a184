"""Random small networks: what finds, what proves, what sweeps and what reads the documents all agree."""

from __future__ import annotations

import math

import mutants
import naive
import pytest
import strategies
from hypothesis import HealthCheck, event, given, note, settings
from hypothesis import strategies as st

from certify.base.law import Precision
from certify.base.prune import prune
from certify.errors import TicketNotFoundError
from certify.proof.claim import Verdict
from certify.proof.prover import Budget, prove
from certify.ticket import find_ticket

MAX_POINTS = 64
NO_SWEEP = Budget(sweep_work=0)
AGREEMENT = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
SEEDS = st.text(st.characters(codec="utf-8"), max_size=8)


@st.composite
def precisions(draw, target):
    """None for the default, or up to two bits more than each layer needs."""
    if draw(st.booleans()):
        return None
    kept = [(layer.precision_bits + 1) // 2 + draw(st.integers(0, 2)) for layer in target.layers]
    return [Precision(bits, bits) for bits in kept]


def check_agreement(document, seed, chosen):
    target = mutants.read(document)
    ticket = find_ticket(target, seed, precisions=chosen)
    pruned = prune(target, ticket.base, ticket.masks)
    note(f"masks keep {[mask.kept for mask in ticket.masks]}")
    points = math.prod(
        high - low + 1
        for low, high in zip(naive.bounds(document, "low"), naive.bounds(document, "high"), strict=True)
    )
    swept = prove(target, pruned)
    assert (swept.verdict, swept.strategy, swept.reason) == (Verdict.PROVED, "decomposition", "")
    assert swept.sweep is not None
    assert (swept.sweep.points, swept.sweep.difference) == (points, None)
    assert math.prod(base**exponent for base, exponent in swept.claim.point_factors) == points
    assert naive.equal_on_grid(document, mutants.document_of(pruned))
    unswept = prove(target, pruned, NO_SWEEP)
    assert (unswept.verdict, unswept.strategy, unswept.sweep) == (Verdict.PROVED, "decomposition", None)
    assert unswept.obligations == swept.obligations


@pytest.mark.compiled
@settings(AGREEMENT, max_examples=30)
@given(strategies.documents(max_points=MAX_POINTS), SEEDS, st.data())
def test_every_kind_of_network(document, seed, data):
    check_agreement(document, seed, data.draw(precisions(mutants.read(document))))


@pytest.mark.long
@settings(AGREEMENT, max_examples=280)
@given(strategies.documents(max_points=MAX_POINTS, max_inputs=4, max_outputs=4), SEEDS, st.data())
def test_many_more(document, seed, data):
    check_agreement(document, seed, data.draw(precisions(mutants.read(document))))


@pytest.mark.compiled
@settings(AGREEMENT, max_examples=12)
@given(strategies.documents(max_points=MAX_POINTS, then=st.just([{"op": "relu"}])), SEEDS)
def test_no_requantization_between_layers(document, seed):
    """The ticket grows finer with every layer."""
    check_agreement(document, seed, None)


@settings(AGREEMENT, max_examples=12)
@given(
    strategies.documents(max_points=MAX_POINTS, max_layers=1, max_inputs=2, bits=(2, 3)),
    SEEDS,
    st.integers(4, 60),
)
def test_blocks_of_one_width(document, seed, width):
    """A narrow block may hold no ticket; one that it does hold is proved."""
    target = mutants.read(document)
    try:
        ticket = find_ticket(target, seed, block_width=width)
    except TicketNotFoundError:
        event("no ticket in blocks of this width")
        return
    event("a ticket")
    assert {mask.shape[0] for mask in ticket.masks[::2]} == {width * ticket.masks[0].shape[1]}
    pruned = prune(target, ticket.base, ticket.masks)
    assert prove(target, pruned).strategy == "decomposition"
    assert naive.equal_on_grid(document, mutants.document_of(pruned))


@settings(AGREEMENT, max_examples=20)
@given(
    strategies.boxes(max_inputs=2, max_points=MAX_POINTS),
    st.data(),
)
def test_two_random_networks(box, data):
    """Nothing makes them equal; the verdict is the oracle's all the same, and a witness replays there."""
    inputs, outputs = math.prod(box["shape"]), data.draw(st.integers(1, 2))
    then = strategies.step_lists(max_size=3, magnitude=9, max_shift=5)
    one, other = (
        {
            "format": "certify.network/1",
            "input": box,
            "layers": [data.draw(strategies.layers(inputs, outputs, bits=(0, 1), then=then))],
        }
        for _ in range(2)
    )
    proof = prove(mutants.read(one), mutants.read(other))
    equal = naive.equal_on_grid(one, other)
    event(f"equal: {equal}")
    assert proof.verdict == (Verdict.PROVED if equal else Verdict.REFUTED)
    if proof.witness is not None:
        left, right = naive.evaluate(one, proof.witness.input), naive.evaluate(other, proof.witness.input)
        assert (list(proof.witness.left), list(proof.witness.right)) == (left, right)
        assert [naive.value(one, x) for x in left] != [naive.value(other, x) for x in right]
