"""An experiment of coins, small enough to be run many times."""

from __future__ import annotations

import random

from certify.theory.experiments import Point

SUMMARY = "heads of coins"
COLUMNS = ("heads", "throws", "share")
TRACE: list[str] = []
"""The points that were measured, in this process."""


def points(size):
    return tuple(Point(f"coins {n}", n, 1e-3) for n in range(1, 5 if size == "small" else 9))


def measure(point, seed):
    TRACE.append(point.key)
    rng = random.Random(f"{seed} {point.key}")
    rows = []
    for throws in (10, 20, 30):
        heads = sum(rng.random() < 0.5 for _ in range(throws * point.value))
        rows.append((heads, throws * point.value, heads / (throws * point.value)))
    return rows


def draw(rows, figure):
    axes = figure.subplots()
    axes.plot([row["throws"] for row in rows], [row["share"] for row in rows], "o")
    axes.set_xlabel("throws")
