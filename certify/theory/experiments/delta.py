"""What a finer δ does: Theorem 1 asks for δ_t ≥ δ² only, and the coarsest δ that does is not all that can be had.

A target weight is uniform on S_δt, k bits, and its items are products v·u of k/2 bits and more, u of one sign. With
δ² = δ_t an odd goal needs an odd product; finer, every goal is a multiple of four, and parity is hardly a cause. But
products are then spread over more values, so it takes more of them. Each draw says after how many items its goal is
first reached, and so the outcome for every number of items; the kept edges are those of that first subset.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from certify.theory.experiments.kept import drawn
from certify.theory.experiments.style import COLOURS, curve
from certify.theory.experiments.table import Point, Row, Value
from certify.theory.rate import proportion
from solvers.subset_sum import ANY, solve

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from certify.theory.experiments import Size

SUMMARY = "δ finer than the coarsest: failures, their parity, units, parameters and kept edges"
COLUMNS = ("k", "bits", "items", "failed", "parity", "draws", "looked", "kept")
UNITS = 48
_KS, _FINER = (4, 8, 12), (0, 1, 2, 3)


@dataclass(frozen=True)
class Setting:
    """A target's bits k, the bits of δ, draws."""

    k: int
    bits: int
    draws: int


def points(size: Size) -> tuple[Point, ...]:
    """Return a point for every k and δ."""
    draws = 100 if size == "small" else 20_000
    found = [Setting(k, k // 2 + finer, draws) for k in _KS for finer in _FINER]
    return tuple(Point(f"k={s.k} bits={s.bits}", s, s.draws * 2e-4 * 2 ** (s.bits / 4)) for s in found)


def measure(point: Point, seed: int) -> list[tuple[Value, ...]]:
    """Return by number of items how many draws had not reached their goal, and for how many parity excludes it.

    `looked` and `kept` are means of those that reach it, the same in every row.
    """
    s: Setting = point.value
    items, targets = drawn(f"delta {point.key} {seed}", s.draws, UNITS, s.k, s.bits)
    solutions = solve(items, targets, "first", ANY)
    found = solutions.found
    needed = np.where(found, solutions.prefix, UNITS + 1)
    looked, kept = float(needed[found].mean()), float(solutions.chosen[found].sum(axis=1).mean())
    rows: list[tuple[Value, ...]] = []
    for count in range(UNITS + 1):
        missing = needed > count
        seen = np.bitwise_or.reduce(items[:, :count], axis=1, initial=0)
        parity = missing & (targets != 0) & ((targets & -targets) < (seen & -seen))
        rows.append((s.k, s.bits, count, int(missing.sum()), int(parity.sum()), s.draws, looked, kept))
    return rows


def draw(rows: Sequence[Row], figure: Figure) -> None:
    """Draw failures of k = 8 by δ with the part that parity has, and means by how much finer δ is."""
    figure.set_size_inches(6.3, 3.1)
    failures, means = figure.subplots(1, 2)
    for finer, colour in zip(_FINER, COLOURS, strict=False):
        own = [row for row in rows if row["k"] == 8 and row["bits"] == 4 + finer]
        for name, line in (("failed", "-"), ("parity", (0, (1, 1.5)))):
            there = [row for row in own if row[name]]
            x, shares = (
                [int(row["items"]) for row in there],
                [proportion(int(r[name]), int(r["draws"])) for r in there],
            )
            low, middle, high = ([getattr(s, end) for s in shares] for end in ("low", "estimate", "high"))
            label = f"δ = 2$^{{-{4 + finer}}}$" if name == "failed" else None
            curve(failures, x, middle, low, high, color=colour, linestyle=line, label=label)
    for k, colour in zip(_KS, COLOURS, strict=False):
        first = {int(row["bits"]) - k // 2: row for row in rows if row["k"] == k}
        for name, line, factor in (("looked", "-", 2), ("kept", (0, (4, 2)), 2)):
            y = [factor * float(row[name]) for row in first.values()]
            means.plot(list(first), y, color=colour, linestyle=line, marker="o", label=f"k = {k}, {_SAID[name]}")
    failures.set_yscale("log")
    failures.set(title="k = 8; dotted: parity", xlabel="units in one half", ylabel="probability of failure")
    means.set(title="one weight, one half, means", xlabel="bits of δ beyond k/2", ylabel="parameters")
    means.set_ylim(0, 1.8 * means.get_ylim()[1])
    means.set_xticks(_FINER)
    failures.legend()
    means.legend(ncols=2, loc="upper left")


_SAID = {"looked": "looked at", "kept": "kept"}
