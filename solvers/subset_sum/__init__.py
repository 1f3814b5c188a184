"""Subset sums of integers: any subset, the fewest items, or a given number of them; or the nearest sum."""

from solvers.subset_sum.choose import choose
from solvers.subset_sum.halves import NONE, UNDECIDED
from solvers.subset_sum.nearest import nearest
from solvers.subset_sum.portfolio import ANY, Count, Limits, Objective, Solutions, arrivals, solve
from solvers.subset_sum.shared import Served, Shared, serve

__all__ = [
    "ANY",
    "NONE",
    "UNDECIDED",
    "Count",
    "Limits",
    "Objective",
    "Served",
    "Shared",
    "Solutions",
    "arrivals",
    "choose",
    "nearest",
    "serve",
    "solve",
]
