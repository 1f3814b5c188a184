"""Orseau, Hutter and Rivasplata 2020: every weight a sum of hyperbolic weights, digit by digit.

A weight is written in binary, or to the golden ratio, and random weights stand for its digits. Their law is
hyperbolic, density proportional to 1/|w|, so that every octave has as many; products of two such weights have every
octave too. The decomposition is greedy: of the weights of w's own sign the largest that is not larger than what is
left, until there is none. The paper's Lemma needs one weight in every interval [γ^(k+1), γ^k] with γ² + γ = 1; where
an interval is empty, greed loses what a best subset would not.

The paper gives each digit a batch of units, so that with high probability each interval is met. Here a weight takes
from all units of its input's block, and what its error is, is measured.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

import numpy as np

from certify.network.matrix import Int64Array
from certify.network.model import Network
from certify.theory.baselines.approximation import Approximation, Chosen
from certify.theory.baselines.pairs import Law
from certify.theory.baselines.pairs import approximate as approximate_by_pairs
from certify.theory.baselines.reals import FACTOR_BITS, hyperbolic

LAW = Law(hyperbolic, hyperbolic, FACTOR_BITS, FACTOR_BITS)


def approximate(target: Network, units: Sequence[int], seed: str, epsilon: Fraction | None = None) -> Approximation:
    """Return the approximation by greedy sums of products of hyperbolic weights; as `Method` has it."""
    return approximate_by_pairs(target, units, seed, epsilon, LAW, greedy)


def greedy(items: Int64Array, targets: Int64Array) -> Chosen:
    """Choose, from the largest magnitude down, every item of the target's sign that fits into what is left."""
    sign = np.where(targets < 0, -1, 1)[:, None]
    order = np.argsort(-np.abs(items), axis=1, kind="stable")
    falling = np.take_along_axis(items * sign, order, axis=1)
    left = np.abs(targets)
    chosen = np.zeros(items.shape, dtype=np.bool_)
    for place in range(items.shape[1]):
        item = falling[:, place]
        rows = np.flatnonzero((item > 0) & (item <= left))
        chosen[rows, order[rows, place]] = True
        left[rows] -= item[rows]
    return chosen
