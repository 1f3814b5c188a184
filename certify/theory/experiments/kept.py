"""How many edges a weight keeps: the sparsity of tickets.

A target weight is uniform on S_δt, k bits, and its items are products v·u of k/2 bits, u of one sign, as in one half
of a block of Theorem 1. It takes the first subset that its items give, as an early-stopping search does, or the
smallest among 40 items. Natale et al. (2024) ask for subsets of a fixed size m instead: among n items there are
C(n, m) of them, so few edges are paid for in units. Counted is how often a subset of exactly m of n items is there.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from certify.theory.experiments.style import COLOURS, curve
from certify.theory.experiments.table import Point, Row, Value
from certify.theory.rate import proportion
from solvers.subset_sum import ANY, Count, solve

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from certify.theory.experiments import Size

SUMMARY = "kept edges per weight: the first subset, the smallest, and subsets of a fixed size"
COLUMNS = ("kind", "k", "items", "kept", "count", "draws")
UNITS = 40
_SIZES = (2, 3, 4, 6)
_PLACES = (6, 8, 10, 12, 14, 16, 20, 24, 28, 32)


@dataclass(frozen=True)
class Setting:
    """`first`, `sparsest` or `fixed`; a target's bits k; items; the size of a fixed subset; draws."""

    kind: str
    k: int
    items: int
    kept: int
    draws: int


def points(size: Size) -> tuple[Point, ...]:
    """Return a point for every objective and k, and for every fixed size and number of items."""
    draws = 100 if size == "small" else 20_000
    found = [Setting(kind, k, UNITS, 0, draws) for kind in ("first", "sparsest") for k in (4, 8, 12)]
    places = _PLACES[::3] if size == "small" else _PLACES
    found += [Setting("fixed", 8, items, kept, draws // 10) for kept in _SIZES for items in places if items > kept]
    return tuple(Point(f"{s.kind} k={s.k} items={s.items} kept={s.kept}", s, s.draws * 3e-4) for s in found)


def measure(point: Point, seed: int) -> list[tuple[Value, ...]]:
    """Return how often so many were kept; of weights without a subset, kept is -1."""
    s: Setting = point.value
    items, targets = drawn(f"kept {point.key} {seed}", s.draws, s.items, s.k, s.k // 2)
    if s.kind == "fixed":
        found = int(solve(items, targets, "sparsest", Count(s.kept, s.kept)).found.sum())
        return [(s.kind, s.k, s.items, s.kept, found, s.draws)]
    solutions = solve(items, targets, "first" if s.kind == "first" else "sparsest", ANY)
    kept = np.where(solutions.found, solutions.chosen.sum(axis=1), -1)
    return [(s.kind, s.k, s.items, size, count, s.draws) for size, count in sorted(Counter(kept.tolist()).items())]


def drawn(name: str, draws: int, count: int, k: int, bits: int) -> tuple[np.ndarray, np.ndarray]:
    """Return int64[draws, count] products of `bits` bits, u > 0, and int64[draws] weights, k bits, on their scale."""
    generator = np.random.Generator(np.random.PCG64(list(name.encode())))
    most = 1 << bits
    u = generator.integers(1, most, (draws, count), endpoint=True)
    v = generator.integers(-most, most, (draws, count), endpoint=True)
    targets = generator.integers(-(1 << k), 1 << k, draws, endpoint=True) << (2 * bits - k)
    return u * v, targets


def draw(rows: Sequence[Row], figure: Figure) -> None:
    """Draw the distributions of both objectives, and how often a subset of a fixed size is there."""
    figure.set_size_inches(6.3, 3.1)
    every, fixed = figure.subplots(1, 2)
    for k, colour in zip((4, 8, 12), COLOURS, strict=False):
        for kind, line in (("sparsest", "-"), ("first", (0, (4, 2)))):
            own = [row for row in rows if (row["kind"], row["k"]) == (kind, k) and int(row["kept"]) >= 0]
            x, y = [int(row["kept"]) for row in own], [int(row["count"]) / int(row["draws"]) for row in own]
            every.plot(x, y, color=colour, linestyle=line, marker="o", label=f"k = {k}, {kind}")
    for size, colour in zip(_SIZES, COLOURS, strict=False):
        own = [row for row in rows if row["kind"] == "fixed" and row["kept"] == size]
        shares = [proportion(int(row["count"]), int(row["draws"])) for row in own]
        low, middle, high = ([getattr(s, name) for s in shares] for name in ("low", "estimate", "high"))
        curve(fixed, [int(row["items"]) for row in own], middle, low, high, color=colour, label=f"exactly {size}")
    every.set(title="kept edges of one weight", xlabel="kept edges", ylabel="share of weights")
    fixed.set(title="subsets of a fixed size, k = 8", xlabel="units in one half", ylabel="probability")
    every.legend()
    fixed.legend(loc="lower right")
