"""Exact subset sums of integers, by a compiled bitset dynamic program."""

from solvers.subset_sum.solve import Solutions, WorkLimitError, fewest, solve

__all__ = ["Solutions", "WorkLimitError", "fewest", "solve"]
