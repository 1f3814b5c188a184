"""Experiments by name. Each is a module, loaded when it is asked for, with the five things of `Experiment`.

What an experiment measures is a deterministic function of a seed, and comes in points that do not depend on each
other; so it may be interrupted, go on, and be shared out, and its table is the same. What it draws, it draws from the
table alone.
"""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal, Protocol, cast

from certify.errors import InputError
from certify.theory.experiments.table import Point, Row, Value

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["EXPERIMENTS", "SIZES", "Experiment", "Point", "Row", "Size", "Value", "load"]

Size = Literal["small", "published"]
SIZES: tuple[Size, ...] = ("small", "published")

EXPERIMENTS: dict[str, str] = {
    "transition": "certify.theory.experiments.transition",
    "failure": "certify.theory.experiments.failure",
    "width": "certify.theory.experiments.width",
    "kept": "certify.theory.experiments.kept",
    "delta": "certify.theory.experiments.delta",
    "noise": "certify.theory.experiments.noise",
    "constructions": "certify.theory.experiments.constructions",
    "baselines": "certify.theory.experiments.baselines",
}
"""The module of every experiment, in the order in which `all` runs them."""


class Experiment(Protocol):
    """What the module of an experiment has.

    Attributes:
        SUMMARY: what it shows, in one line.
        COLUMNS: of its table, after the point's key.
    """

    SUMMARY: str
    COLUMNS: tuple[str, ...]

    def points(self, size: Size) -> tuple[Point, ...]:
        """Return the pieces of work of a size, each with a key of its own; `small` takes a second or two."""

    def measure(self, point: Point, seed: int) -> list[tuple[Value, ...]]:
        """Return a point's rows, a value for each of COLUMNS; a deterministic function of point and seed."""

    def draw(self, rows: Sequence[Row], figure: Figure) -> None:
        """Draw what the table says, of either size, into an empty figure."""


def load(name: str) -> Experiment:
    """Return an experiment by its name.

    Raises:
        InputError: there is none of that name.
    """
    if name not in EXPERIMENTS:
        raise InputError(f"expected an experiment, one of {', '.join(EXPERIMENTS)}, found {name!r}")
    return cast("Experiment", importlib.import_module(EXPERIMENTS[name]))
