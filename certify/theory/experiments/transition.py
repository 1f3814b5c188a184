"""The phase transition of number partitioning and of random subset sums, in κ = log2(M)/n.

Below κ = 1 almost every instance of n numbers of n·κ bits has a perfect partition, above it almost none (S. Mertens,
"Phase transition in the number partitioning problem", 1998; C. Borgs, J. Chayes and B. Pittel, 2001, who prove it).
Perfect means: the two sums differ by 0, or by 1 where the sum of all is odd. A random subset sum is the same with
items of either sign and a goal of order M, here M/2 (Definition 2).

Numbers of solutions tend to Poisson's law, so P → 1 - exp(-λ) with the λ of Theorem 4; that is drawn beside what is
measured, and promises nothing at a finite n. What is certain is drawn for the fewest items: Markov above and
Cauchy-Schwarz below, from both moments (Lemmas 1 and 3).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from certify.theory.asymptotics import gamma, subsets
from certify.theory.experiments.kernels import perfect_partitions, solvable, stream
from certify.theory.experiments.style import COLOURS, GREY
from certify.theory.experiments.table import Point, Row, Value
from certify.theory.rate import proportion

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from certify.theory.experiments import Size

SUMMARY = "phase transition of number partitioning and random subset sums in κ = log2(M)/n"
COLUMNS = ("problem", "n", "kappa", "largest", "goal", "solved", "draws", "bound_low", "bound_high")

_PROBLEMS = ("partition", "subset")
_DRAWS = {10: 100_000, 15: 50_000, 20: 20_000, 30: 4_000}
_SMALL = {6: 300, 10: 300}
_AT_ONCE = 1 << 22
_SMOOTH = 120


@dataclass(frozen=True)
class Setting:
    """A problem, how many items, how large, how many draws of them, and whether to bracket the probability."""

    problem: str
    n: int
    largest: int
    draws: int
    bracketed: bool


def points(size: Size) -> tuple[Point, ...]:
    """Return the points of both problems: by number of items, and by κ."""
    draws = _SMALL if size == "small" else _DRAWS
    steps = range(4, 29, 8) if size == "small" else range(4, 29)
    return tuple(
        _point(problem, n, step / 20, draws[n], n == min(draws))
        for problem in _PROBLEMS
        for n in draws
        for step in steps
    )


def _point(problem: str, n: int, kappa: float, draws: int, fewest: bool) -> Point:
    largest = max(2, round(2 ** (n * kappa)))
    bracketed = problem == "subset" and fewest and kappa <= 1
    seconds = draws * 1.5e-8 * 2 ** (n / 2) + (5e-8 * (n * largest) ** 2 if bracketed else 0)
    return Point(f"{problem} n={n} kappa={kappa:g}", Setting(problem, n, largest, draws, bracketed), seconds)


def measure(point: Point, seed: int) -> list[tuple[Value, ...]]:
    """Return how many draws had a solution; for few items of the second problem the bracket too, else 0 and 1."""
    s: Setting = point.value
    state = stream(seed, f"transition {point.key}")
    goal = s.largest // 2
    if s.problem == "partition":
        solved = perfect_partitions(state, s.draws, s.n, s.largest)
    else:
        solved = solvable(state, s.draws, s.n, s.largest, goal)
    low, high = bracket(s.n, s.largest, goal) if s.bracketed else (0.0, 1.0)
    kappa = math.log2(s.largest) / s.n
    return [(s.problem, s.n, kappa, s.largest, goal, int(solved), s.draws, low, high)]


def bracket(n: int, largest: int, goal: int) -> tuple[float, float]:
    """Return what `bounds.success` brackets the probability of a solution with, for items on ±{1..M}, as floats.

    The moments come from characteristic functions on as many points as there are sums: E N_t is the mean over θ of
    (1 + φ(θ))^n·e^{-iθt}, φ that of one item, and E N_t² that over θ and θ' of (1 + φ(θ) + φ(θ') + φ(θ + θ'))^n·
    e^{-i(θ+θ')t}.
    """
    length = 2 * n * largest + 1
    phases = 2 * np.pi * np.arange(length) / length
    # The law is symmetric, so φ is real: the mean of cos(θa) over a = 1..M.
    law = np.zeros(length)
    law[1 : largest + 1] = law[length - largest :] = 1 / (2 * largest)
    one = np.fft.fft(law).real
    turned = np.exp(-1j * phases * goal)
    first = float((((1 + one) ** n) * turned).real.mean())
    second, rows = 0.0, max(1, _AT_ONCE // length)
    for begin in range(0, length, rows):
        index = np.arange(begin, min(begin + rows, length))
        both = one[(index[:, None] + np.arange(length)) % length]
        values = (1 + one[index, None] + one + both) ** n
        second += float(((values @ turned) * turned[index]).real.sum())
    second /= length**2
    return first**2 / second, min(1.0, first)


def limit(problem: str, n: int, largest: int, goal: int) -> float:
    """Return 1 - exp(-λ), what the probability tends to; for partitions the mean over an even and an odd sum."""
    if problem == "partition":
        mean = math.ldexp(gamma(n, largest), n)
        return -(math.expm1(-mean) + math.expm1(-2 * mean)) / 2
    return -math.expm1(-subsets(n, largest, goal))


def draw(rows: Sequence[Row], figure: Figure) -> None:
    """Draw both problems side by side: measured between Wilson's ends, the limit, and what is certain in grey."""
    figure.set_size_inches(6.3, 3.1)
    for axes, problem, title in zip(
        figure.subplots(1, 2, sharey=True), _PROBLEMS, ("perfect partition", "subset with sum M/2"), strict=True
    ):
        _problem(axes, [row for row in rows if row["problem"] == problem])
        axes.set_title(title)
        axes.set_xlabel("κ = log$_2$(M) / n")
    figure.axes[0].set_ylabel("probability of a solution")


def _problem(axes: Axes, rows: Sequence[Row]) -> None:
    for n, colour in zip(sorted({int(row["n"]) for row in rows}), COLOURS, strict=False):
        mine = [row for row in rows if row["n"] == n]
        _measured(axes, mine, color=colour, label=f"n = {n}")
        kappas, limits = _limits(mine)
        axes.plot(kappas, limits, color=colour, linewidth=0.9)
        certain = [row for row in mine if float(row["bound_low"]) > 0]
        if certain:
            x, low, high = ([float(row[name]) for row in certain] for name in ("kappa", "bound_low", "bound_high"))
            axes.fill_between(x, low, high, color=GREY, alpha=0.18, linewidth=0, label=f"certain, n = {n}")
    axes.axvline(1, color=GREY, linewidth=0.8, linestyle=(0, (1, 1.5)))
    axes.set_ylim(-0.02, 1.02)
    axes.legend(loc="lower left")


def _measured(axes: Axes, rows: Sequence[Row], **options: Any) -> None:
    """Draw points between the ends of Wilson's interval."""
    shares = [proportion(int(row["solved"]), int(row["draws"])) for row in rows]
    ends = [[s.estimate - s.low for s in shares], [s.high - s.estimate for s in shares]]
    kappas = [float(row["kappa"]) for row in rows]
    axes.errorbar(kappas, [s.estimate for s in shares], ends, fmt="o", markersize=2.6, elinewidth=1, **options)


def _limits(rows: Sequence[Row]) -> tuple[list[float], list[float]]:
    problem, n = str(rows[0]["problem"]), int(rows[0]["n"])
    first, last = (end(float(row["kappa"]) for row in rows) for end in (min, max))
    kappas = [first + (last - first) * step / _SMOOTH for step in range(_SMOOTH + 1)]
    sizes = [max(2, round(2 ** (n * kappa))) for kappa in kappas]
    return kappas, [limit(problem, n, largest, largest // 2) for largest in sizes]
