"""Values of the prover stay as they were made, and those that hold arrays are compared as objects."""

from __future__ import annotations

import pytest
from mutants import plain_ticket
from values import value_types
from verdicts import TWO_BY_TWO

import certify.proof
from certify.proof.obligations import obligations
from certify.proof.structure import pair_up


@pytest.mark.parametrize("kind", value_types(certify.proof), ids=lambda kind: kind.__name__)
def test_values_are_frozen(kind):
    assert kind.__dataclass_params__.frozen


def test_what_holds_arrays_is_compared_as_an_object():
    """Arrays have no truth value, so there is no `==` that could be asked for by mistake."""
    pairs = [pair_up(TWO_BY_TWO, plain_ticket(TWO_BY_TWO))[0] for _ in range(2)]
    items = [obligations(pair) for pair in pairs]
    for one, other in (pairs, items, [item.weights for item in items], [item.biases for item in items]):
        assert len({one, other, one}) == 2
