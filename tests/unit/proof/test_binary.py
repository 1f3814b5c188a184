"""Binary tickets: pairs with weights ±1, at 0 bits in the first matrix and at the target's bits in the second.

A product of two is ±δ_t, so that a weight w takes |w| units of one sign for each half, and nothing is finer.
"""

from __future__ import annotations

from dataclasses import replace

from mutants import dense, network, with_weight
from verdicts import assert_proved, decide, unproved

from certify.network.steps import Relu
from certify.proof.claim import Verdict
from certify.proof.structure import pair_up


def test_weights_that_are_signs():
    target = network([-1], [2], dense([[3], [-2]], [Relu()], bits=2, bias=[1, -1]), dense([[1, -2]], bits=1))
    layers = [half for layer in target.layers for half in _binary_pair(layer)]
    other = replace(target, layers=tuple(layers))
    assert_proved(target, other)
    assert {piece.weight_bits for piece in pair_up(target, other)} == {0}
    changed = with_weight(other, 1, 0, 0, -1)
    assert unproved(target, changed) == ["pair 0: weight [0][0], inputs ≥ 0: sat"]
    assert decide(target, changed).verdict is Verdict.REFUTED


def _binary_pair(layer):
    largest = int(abs(layer.weights.values).max())
    units = [(source, u) for source in range(layer.inputs) for u in (1, -1) for _ in range(largest)]
    hidden = [[u if column == source else None for column in range(layer.inputs + 1)] for source, u in units]
    rows = []
    for weights, bias in zip(layer.weights.to_dense().tolist(), layer.bias, strict=True):
        sign = [1 if weights[source] * u > 0 else -1 for source, u in units]
        kept = [at % largest < abs(weights[source]) for at, (source, _) in enumerate(units)]
        rows.append([v if keep else None for v, keep in zip(sign, kept, strict=True)] + [bias or None])
    hidden.append([None] * layer.inputs + [1])
    return dense(hidden, [Relu()], constants=[1]), dense(rows, layer.steps, bits=layer.precision_bits)
