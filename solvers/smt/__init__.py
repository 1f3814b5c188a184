"""Solver sessions: integer formulas in, `unsat`, `sat` with a model, or `unknown` with a reason out."""
