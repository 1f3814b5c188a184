"""Exact against approximate at equal width: a ticket of Theorem 1 beside four baselines (`certify.theory.baselines`).

Every row is a network found in as many units for each input. Of the random targets the grid is swept, so that the
output error is the largest there is; of the large one it is an upper bound. A ticket that is found has no error,
and one that is not found has a row that says so: `none`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING

import numpy as np

from certify.base.prune import prune
from certify.errors import TicketNotFoundError
from certify.network.model import Network
from certify.proof.claim import Verdict
from certify.proof.prover import prove
from certify.theory.baselines import METHODS, certify_error
from certify.theory.baselines.targets import random_target, synthetic_reference
from certify.theory.experiments.style import COLOURS, MARKERS
from certify.theory.experiments.table import Point, Row, Value
from certify.ticket import find_ticket

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from certify.theory.experiments import Size

SUMMARY = "exact tickets against four papers' approximations at equal width, with certified output errors"
COLUMNS = ("target", "method", "units", "parameters", "kept", "missed", "weight_error", "output_error", "means")

EXACT = "theorem-1"
EPSILON = Fraction(1, 100)
"""What `missed` counts: weights further off."""
NONE = "none"


@dataclass(frozen=True)
class Setting:
    """A target by its widths and bits, which of them, and the units that every input has, for each method."""

    widths: tuple[int, ...]
    bits: int
    number: int
    units: int
    methods: tuple[str, ...]
    synthetic: bool = False

    def target(self, seed: int) -> Network:
        """Return the target."""
        if self.synthetic:
            return synthetic_reference(self.widths)
        return random_target(self.widths, self.bits, 1000 * seed + self.number)


def points(size: Size) -> tuple[Point, ...]:
    """Return a point for every width of every random target, and at the published size those of the large one."""
    if size == "small":
        return _random((2, 3, 2), 4, 1, (4, 16, 40))
    large = [
        Point(f"synthetic 784-500-10 {name} units={units}", Setting((784, 500, 10), 7, 0, units, (name,), True), 30.0)
        for name, units in (("pensia2020 uniform", 21), ("pensia2020 products", 42), ("malach2020", 42))
    ]
    return *_random((4, 5, 3), 8, 5, (4, 8, 16, 24, 32, 48, 64, 96)), *large


def _random(widths: tuple[int, ...], bits: int, targets: int, units: Sequence[int]) -> tuple[Point, ...]:
    shown = "-".join(map(str, widths))
    return tuple(
        Point(
            f"random {shown} k={bits} number={number} units={count}",
            Setting(widths, bits, number, count, (EXACT, *METHODS)),
        )
        for number in range(targets)
        for count in units
    )


def measure(point: Point, seed: int) -> list[tuple[Value, ...]]:
    """Return a row for every method."""
    setting: Setting = point.value
    target = setting.target(seed)
    text = f"baselines {seed} {setting.number}"
    return [
        _exact(target, setting.units, text) if name == EXACT else _approximate(name, target, setting.units, text)
        for name in setting.methods
    ]


def _exact(target: Network, units: int, seed: str) -> tuple[Value, ...]:
    parameters = sum(units * layer.channels * (layer.channels + layer.outputs) for layer in target.linear)
    try:
        ticket = find_ticket(target, seed, block_width=units)
    except TicketNotFoundError:
        return target.name, EXACT, units, parameters, 0, NONE, NONE, NONE, NONE
    pruned = prune(target, ticket.base, ticket.masks)
    proof = prove(target, pruned)
    assert proof.verdict is Verdict.PROVED, proof.reason
    kept = sum(matrix.entries for matrix in pruned.matrices)
    return target.name, EXACT, units, parameters, kept, 0, 0.0, 0.0, str(proof.strategy)


def _approximate(name: str, target: Network, units: int, seed: str) -> tuple[Value, ...]:
    found = METHODS[name](target, (units,) * len(target.layers), seed)
    certified = certify_error(target, found.network)
    missed, errors = found.missed(EPSILON), (float(found.weight_error), float(certified.error))
    return target.name, name, units, found.parameters, found.kept, missed, *errors, certified.means


def draw(rows: Sequence[Row], figure: Figure) -> None:
    """Draw the median certified output error of the random targets against the units, and where exact ones are."""
    axes = figure.subplots()
    mine = [row for row in rows if str(row["target"]).startswith("random")]
    units = sorted({int(row["units"]) for row in mine})
    for name, colour, marker in zip(METHODS, COLOURS, MARKERS, strict=False):
        errors = [
            [float(row["output_error"]) for row in mine if (row["method"], row["units"]) == (name, n)] for n in units
        ]
        middle, low, high = (np.quantile(errors, at, axis=1) for at in (0.5, 0.0, 1.0))
        (line,) = axes.plot(units, middle, marker=marker, color=colour, label=name)
        axes.fill_between(units, low, high, color=line.get_color(), alpha=0.15, linewidth=0)
    exact = [row for row in mine if row["method"] == EXACT]
    for n in units:
        found = [row["output_error"] != NONE for row in exact if row["units"] == n]
        axes.text(
            n, 1.02, f"{sum(found)}/{len(found)}", transform=axes.get_xaxis_transform(), ha="center", fontsize=7
        )
    axes.set_xscale("log", base=2)
    axes.set_xticks(units, [str(n) for n in units])
    axes.set_yscale("log")
    axes.set_xlabel("units for each input (above: exact tickets found, whose error is 0)")
    axes.set_ylabel("certified largest output error")
    axes.legend()
