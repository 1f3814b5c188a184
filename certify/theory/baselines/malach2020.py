"""Malach et al. 2020: one good unit for every weight.

Theorem 2.1 there: for a weight w a wide enough layer has a unit with |w - v·u| ≤ ε, two of them for the two signs of
the input (x = σ(x) - σ(-x)), and pruning leaves these alone. The chance of one unit is about ε, so it takes some 1/ε
of them where a subset sum takes log(1/ε).

Here all outputs of a layer look in one block for each input, with v of their own; the paper gives every weight
units that serve nobody else, which its union bound needs.
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
from certify.theory.baselines.reals import FACTOR_BITS, uniform

LAW = Law(uniform, uniform, FACTOR_BITS, FACTOR_BITS)


def approximate(target: Network, units: Sequence[int], seed: str, epsilon: Fraction | None = None) -> Approximation:
    """Return the approximation by the single nearest product for every half of a weight; as `Method` has it."""
    return approximate_by_pairs(target, units, seed, epsilon, LAW, nearest_one)


def nearest_one(items: Int64Array, targets: Int64Array) -> Chosen:
    """Choose the nearest item, or none where 0 is as near: the first of several."""
    chosen = np.zeros(items.shape, dtype=np.bool_)
    if items.shape[1]:
        off = np.abs(items - targets[:, None])
        best = off.argmin(axis=1)
        rows = np.flatnonzero(off.min(axis=1) < np.abs(targets))
        chosen[rows, best[rows]] = True
    return chosen
