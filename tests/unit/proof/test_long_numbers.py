"""Numbers too long for the decomposition."""

from __future__ import annotations

import pytest
from mutants import dense, network, plain_ticket
from verdicts import NO_SWEEP, decide

from certify.proof.claim import Verdict


@pytest.mark.long
def test_numbers_too_long_to_put_before_z3():
    """The decomposition says so and decides nothing; the sweep in Python integers still does."""
    longest = network([-1], [1], *[dense([[2**60]], bits=60)] * 136)
    assert decide(longest, plain_ticket(longest), NO_SWEEP).strategy == "decomposition"
    longer = network([-1], [1], *[dense([[2**60]], bits=60)] * 137)
    proof = decide(longer, plain_ticket(longer), NO_SWEEP)
    assert proof.verdict is Verdict.UNDECIDED
    assert "pair 136: numbers of 8221 bits, the decomposition holds 8192" in proof.reason
    assert decide(longer, plain_ticket(longer)).strategy == "sweep"
