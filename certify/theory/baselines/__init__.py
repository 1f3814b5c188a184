"""What came before exactness: networks in the base network that are a target's to within ε, as four papers have it.

    malach2020    one good unit for every weight
    orseau2020    every weight a greedy sum of hyperbolic weights
    pensia2020    every weight the nearest subset sum: of uniform numbers, or of products of two
    burkholz2022  depth ℓ+1: nearest subset sums of single weights, from copies of the neuron before

E. Malach, G. Yehudai, S. Shalev-Shwartz and O. Shamir, "Proving the Lottery Ticket Hypothesis: Pruning is All You
Need", ICML 2020; L. Orseau, M. Hutter and O. Rivasplata, "Logarithmic Pruning is All You Need", NeurIPS 2020; A.
Pensia, S. Rajput, A. Nagle, H. Vishwakarma and D. Papailiopoulos, "Optimal Lottery Tickets via SubsetSum", NeurIPS
2020; R. Burkholz, "Most Activation Functions Can Win the Lottery Without Excessive Depth", NeurIPS 2022.

A real number is an integer at a precision fine enough to stand for one (`reals`), so each of these is a network like
any other, and how far it is from its target on the whole grid is certified (`certified`), not estimated. Where the
papers say more than is done here, or other, docs/baselines.md says so.
"""

from __future__ import annotations

from certify.theory.baselines import burkholz2022, malach2020, orseau2020, pensia2020
from certify.theory.baselines.approximation import Approximation, Method
from certify.theory.baselines.certified import Certified, certify_error

__all__ = ["METHODS", "Approximation", "Certified", "Method", "certify_error"]

METHODS: dict[str, Method] = {
    "malach2020": malach2020.approximate,
    "orseau2020": orseau2020.approximate,
    "pensia2020 uniform": pensia2020.approximate_with_uniform,
    "pensia2020 products": pensia2020.approximate_with_products,
    "burkholz2022": burkholz2022.approximate,
}
"""By the names that tables use."""
