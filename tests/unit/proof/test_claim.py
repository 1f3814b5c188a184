"""Claims and witnesses."""

from __future__ import annotations

import pytest
from mutants import dense, network, plain_ticket, with_weight

from certify.errors import DisagreementError, InputError
from certify.network.steps import Requantize
from certify.proof.claim import Claim, Verdict, Witness, replay

TARGET = network([-2, 0], [3, 4], dense([[3, -2]], bits=2))


def test_the_words_for_verdicts():
    assert list(Verdict) == ["proved", "refuted", "undecided"]


def test_a_claim_is_on_the_targets_box():
    assert Claim.of(TARGET) == Claim((-2, 0), (3, 4), ((5, 1), (6, 1)))


def test_points_are_counted_by_factors():
    wide = network([0] * 70, [255] * 69 + [0], dense([[1] * 70]))
    assert Claim.of(wide).point_factors == ((1, 1), (256, 69))


def test_a_witness_that_replays():
    other = with_weight(plain_ticket(TARGET), 1, 0, 0, 2)
    assert replay(TARGET, other, (1, 4)) == Witness((1, 4), (-5,), (-6,))


def test_a_witness_that_does_not_replay():
    other = with_weight(plain_ticket(TARGET), 1, 0, 0, 2)
    with pytest.raises(DisagreementError, match=r"equal holds between \(-2,\) and \(-?\d+,\) at \(0, 1\)"):
        replay(TARGET, other, (0, 1))


def test_equal_values_at_different_precisions_are_no_witness():
    coarse = network([0], [6], dense([[2]], [Requantize(1, "floor")], bits=1))
    fine = network([0], [6], dense([[2]], bits=1))
    with pytest.raises(DisagreementError):
        replay(coarse, fine, (3,))
    half = network([0], [6], dense([[1]], bits=1))
    assert replay(coarse, half, (3,)) == Witness((3,), (3,), (3,))


@pytest.mark.parametrize("point", [(4, 0), (0, -1), (0,), (0, 0, 0)])
def test_a_point_outside_the_box_is_no_witness(point):
    with pytest.raises(InputError):
        replay(TARGET, TARGET, point)
