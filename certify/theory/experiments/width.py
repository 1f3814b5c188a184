"""How many units it takes, against log2(1/δ): the paper's width is C·d·log2(1/δ), with a constant that nobody names.

Counted is the number of items after which all goals are reached: one, as in Lemma 5, and as many as a layer has
outputs, for a block of hidden units, or the copies of a neuron, serve all of them (Lemma 7, Theorem 2). Products
(Theorem 1) are those of one half; an input of either sign needs both. Single weights are those of Theorem 2.

The median and the 99 % quantile are given, each between the order statistics that hold it with 95 % confidence. Below
them is what counting demands (Theorem 3, Corollary 1): N·log2(2^{k+1} + 1) parameters for N goals, of which a hidden
unit of products has N + 1, and a copy N.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from certify.theory.experiments.kernels import failures, stream
from certify.theory.experiments.style import COLOURS, GREY, curve
from certify.theory.experiments.table import Point, Row, Value

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from certify.theory.experiments import Size

SUMMARY = "units needed against log2(1/δ), for both theorems, with the lower bound"
COLUMNS = ("law", "k", "bits", "goals", "draws", "quantile", "items", "low", "high")

QUANTILES = (0.5, 0.99)
MOST = 120
_LAWS: Mapping[str, str] = {"products": "Theorem 1: products, one half", "uniform": "Theorem 2: single weights"}
_GOALS = (1, 16)
_Z = 1.96


@dataclass(frozen=True)
class Setting:
    """A law of items, its bits, a target's bits k, how many goals, and how many draws."""

    law: str
    k: int
    bits: int
    goals: int
    draws: int


def points(size: Size) -> tuple[Point, ...]:
    """Return a point for every law, k and number of goals."""
    small = size == "small"
    found = []
    for law in _LAWS:
        for goals in _GOALS:
            for k in (2, 4, 8) if small else range(2, 17, 2):
                draws = 400 if small else 100_000 if k <= 12 else 10_000
                setting = Setting(law, k, k // 2 if law == "products" else k, goals, draws)
                seconds = draws * goals * 4e-7 * max(1.0, 2 ** ((k - 8) * 0.6))
                found.append(Point(f"{law} k={k} goals={goals}", setting, seconds))
    return tuple(found)


def measure(point: Point, seed: int) -> list[tuple[Value, ...]]:
    """Return the quantiles of the number of items, between their order statistics."""
    s: Setting = point.value
    state = stream(seed, f"width {point.key}")
    law = s.law == "products"
    causes = failures(state, s.draws, MOST, products=law, bits=s.bits, target_bits=s.k, goals=s.goals)
    failed = causes.sum(axis=1)
    return [
        (s.law, s.k, s.bits, s.goals, s.draws, q, *(_quantile(failed, s.draws, at) for at in _places(q, s.draws)))
        for q in QUANTILES
    ]


def _places(quantile: float, draws: int) -> tuple[float, float, float]:
    """The quantile, and the shares of the order statistics around it that hold it with 95 % confidence."""
    half = _Z * math.sqrt(quantile * (1 - quantile) / draws)
    return quantile, max(0.0, quantile - half), min(1.0, quantile + half)


def _quantile(failed: NDArray[np.int64], draws: int, share: float) -> int:
    """The fewest items with which at least this share of the draws has all its goals."""
    enough = np.flatnonzero(draws - failed >= share * draws)
    assert len(enough), "more items than are drawn"
    return int(enough[0])


def least(law: str, k: int, goals: int) -> float:
    """Return the lower bound of items: N·log2(2^{k+1} + 1) parameters, over those of an item for each goal."""
    needed = math.log2(2 ** (k + 1) + 1)
    return needed * goals / (goals + 1) if law == "products" else needed


def draw(rows: Sequence[Row], figure: Figure) -> None:
    """Draw the quantiles of both laws side by side, over the lower bound."""
    figure.set_size_inches(6.3, 3.1)
    for axes, (law, title) in zip(figure.subplots(1, 2, sharey=True), _LAWS.items(), strict=True):
        _law(axes, law, [row for row in rows if row["law"] == law])
        axes.set_title(title)
        axes.set_xlabel("k = log$_2$(1/δ$_t$)")
    figure.axes[0].set_ylabel("items needed")


def _law(axes: Axes, law: str, rows: Sequence[Row]) -> None:
    for goals, colour in zip(_GOALS, COLOURS, strict=False):
        for quantile, style in zip(QUANTILES, ((0, (4, 2)), "-"), strict=True):
            mine = [row for row in rows if row["goals"] == goals and row["quantile"] == quantile]
            k, items, low, high = ([float(row[name]) for row in mine] for name in ("k", "items", "low", "high"))
            said = "median" if quantile == 0.5 else f"{quantile:.0%}"
            label = f"{goals} goal{'s' if goals > 1 else ''}, {said}"
            curve(axes, k, items, low, high, color=colour, linestyle=style, marker="o", label=label)
        k = sorted({float(row["k"]) for row in rows})
        if law == "products" or goals == 1:
            bound = [least(law, int(bits), goals) for bits in k]
            label = f"lower bound, {goals}" if law == "products" else "lower bound"
            axes.plot(k, bound, color=colour if law == "products" else GREY, linestyle=(0, (1, 1.5)), label=label)
    axes.set_ylim(0, 46)
    axes.legend(loc="upper left", ncols=2)
