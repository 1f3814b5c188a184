"""Solvers that know integers, formulas and matrices, and nothing of networks, tickets or certificates."""
