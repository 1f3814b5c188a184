"""Pensia et al. 2020: every weight the nearest sum of a subset of random numbers, after Lueker (1998).

O(log(1/ε)) numbers uniform on [-1, 1] hold, with high probability, a subset sum within ε of every w in [-1, 1]. The
paper's experiment has Gurobi find one for each weight of a 784-500-10 network, from n = 21 uniform numbers of its own
and with ε = 0.01: that is `approximate_with_uniform`, where first matrices hold 1 and -1 to put the numbers in a
network. In a random network items are products v·u whose u all outputs share, and only those with u of the half's
sign serve: that is `approximate_with_products`.

The subset is the nearest of all (`solvers.subset_sum.nearest`), of a half's first 24 items that are not 0.
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
from certify.theory.baselines.reals import BITS, FACTOR_BITS, ones, uniform
from solvers.subset_sum import nearest

UNIFORM = Law(ones, uniform, 0, BITS, fixed=True)
PRODUCTS = Law(uniform, uniform, FACTOR_BITS, FACTOR_BITS)
LOOKED_AT = 24
"""Of 2^24 subsets one is about as near as 20 bits can tell; a search among more only takes longer."""


def approximate_with_uniform(
    target: Network, units: Sequence[int], seed: str, epsilon: Fraction | None = None
) -> Approximation:
    """Return the approximation by subset sums of uniform numbers; as `Method` has it."""
    return approximate_by_pairs(target, units, seed, epsilon, UNIFORM, nearest_subset)


def approximate_with_products(
    target: Network, units: Sequence[int], seed: str, epsilon: Fraction | None = None
) -> Approximation:
    """Return the approximation by subset sums of products of two uniform numbers; as `Method` has it."""
    return approximate_by_pairs(target, units, seed, epsilon, PRODUCTS, nearest_subset)


def nearest_subset(items: Int64Array, targets: Int64Array) -> Chosen:
    """Choose the nearest subset of each row's first 24 items that are not 0."""
    seen = np.cumsum(items != 0, axis=1) <= LOOKED_AT
    return nearest(np.where(seen, items, 0), targets)[0]
