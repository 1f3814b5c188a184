"""The three constructions side by side, on the same targets: depth, widths, parameters, kept edges.

A target has weights uniform on S_δ_t with δ_t = 2^-k, biases, a ReLU after every hidden layer, and inputs of either
sign. Theorem 1 puts pairs in the place of layers, Theorem 2 copies (`certify.ticket.theorem2`), and a binary network
pairs of signs. Each has the coarsest precision that it allows, and blocks and copies that grow.

What others state for binary networks, and then to within ε and not exactly, is here without its constants, which the
papers do not name: Diffenderfer and Kailkhura (2021), width O(ℓ·d^1.5/ε + ℓ·d·log(ℓ·d/ε)), and Sreenivasan et al.
(2022), depth Θ(ℓ·log(dℓ/ε)) and width Θ(d·log²(dℓ/ε)). They say how these grow, and are no
bounds of anything measured.
"""

from __future__ import annotations

import itertools
import math
import time
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import TYPE_CHECKING

import numpy as np

from certify.base.law import CONSTRUCTIONS, Construction
from certify.network.matrix import from_dense
from certify.network.model import Box, Dense, Network
from certify.network.steps import Relu
from certify.theory.experiments.style import COLOURS, GREY
from certify.theory.experiments.table import Point, Row, Value
from certify.ticket import Ticket, find_copies, find_ticket

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from certify.theory.experiments import Size

SUMMARY = "pairs, copies and signs for the same targets: depth, width, parameters, kept edges"
COLUMNS = ("construction", "sizes", "k", "target_parameters", "depth", "width", "parameters", "kept")

NAMES: dict[Construction, str] = {
    "theorem-1": "Theorem 1: pairs",
    "theorem-2": "Theorem 2: copies",
    "binary": "binary: pairs of ±1",
}
_REACH = 3


@dataclass(frozen=True)
class Setting:
    """A construction, how many units the target's layers have, inputs first, and its precision bits."""

    construction: Construction
    sizes: tuple[int, ...]
    k: int


@dataclass(frozen=True)
class Figures:
    """What a ticket comes to.

    Attributes:
        depth: matrices.
        width: the most rows that any of them but the last has.
        parameters: of the base network.
        kept: edges.
    """

    depth: int
    width: int
    parameters: int
    kept: int


def points(size: Size) -> tuple[Point, ...]:
    """Return a point for every construction and k."""
    small = size == "small"
    sizes, every = ((3, 3, 2), (1, 2)) if small else ((16, 16, 16, 8), tuple(range(1, 9)))
    settings = [Setting(construction, sizes, k) for construction in CONSTRUCTIONS for k in every]
    return tuple(Point(f"{one.construction} k={one.k}", one, 0.1 if small else 2.0) for one in settings)


def measure(point: Point, seed: int) -> list[tuple[Value, ...]]:
    """Return one row; the target is the same for all constructions."""
    setting: Setting = point.value
    target = random_target(setting.sizes, setting.k, seed)
    found = figures_of(ticket_of(target, setting.construction, str(seed)))
    sizes = "-".join(map(str, setting.sizes))
    return [
        (
            *(setting.construction, sizes, setting.k, target.parameters),
            *(found.depth, found.width, found.parameters, found.kept),
        )
    ]


def compare(target: Network, seed: str) -> dict[Construction, tuple[Figures, float]]:
    """Return what every construction comes to for a target, and the processor seconds of finding its ticket.

    Raises:
        InputError: the target is no chain of dense layers, for which alone there are copies.
        TicketNotFoundError: a construction has none.
    """
    found = {}
    for construction in CONSTRUCTIONS:
        start = time.process_time()
        ticket = ticket_of(target, construction, seed)
        found[construction] = figures_of(ticket), time.process_time() - start
    return found


def random_target(sizes: Sequence[int], k: int, seed: int) -> Network:
    """Return a target of these sizes, inputs first, that depends on nothing else than the arguments."""
    text = f"constructions {tuple(sizes)} {k} {seed}"
    chance = np.random.default_rng(int.from_bytes(sha256(text.encode()).digest()[:8], "little"))
    most = 1 << k
    layers: list[Dense] = []
    for inputs, outputs in itertools.pairwise(sizes):
        weights = chance.integers(-most, most, (outputs, inputs), endpoint=True)
        bias = tuple(chance.integers(-most, most, outputs, endpoint=True).tolist())
        steps = (Relu(),) if len(layers) + 2 < len(sizes) else ()
        layers.append(Dense(from_dense(weights), k, bias, (), steps))
    box = Box((sizes[0],), (-_REACH,) * sizes[0], (_REACH,) * sizes[0], 0)
    return Network(text, box, tuple(layers))


def ticket_of(target: Network, construction: Construction, seed: str) -> Ticket:
    """Return the ticket of a construction; errors as for the finders."""
    if construction == "theorem-2":
        return find_copies(target, seed)
    return find_ticket(target, seed, construction=construction)


def figures_of(ticket: Ticket) -> Figures:
    """Return the figures of a ticket."""
    shapes = [mask.shape for mask in ticket.masks]
    return Figures(
        depth=len(shapes),
        width=max(rows for rows, _ in shapes[:-1]),
        parameters=sum(map(math.prod, shapes)),
        kept=sum(mask.kept for mask in ticket.masks),
    )


def diffenderfer_kailkhura_width(layers: int, width: int, error: float) -> float:
    """Return ℓ·d^1.5/ε + ℓ·d·log(ℓ·d/ε), which their width is O of (2021); natural logarithms, no constants."""
    return layers * width * math.sqrt(width) / error + layers * width * math.log(layers * width / error)


def sreenivasan_depth(layers: int, width: int, error: float) -> float:
    """Return ℓ·log(d·ℓ/ε), which their depth is Θ of (2022); natural logarithms, no constants."""
    return layers * math.log(width * layers / error)


def sreenivasan_width(layers: int, width: int, error: float) -> float:
    """Return d·log²(d·ℓ/ε), which their width is Θ of (2022); natural logarithms, no constants."""
    return width * math.log(width * layers / error) ** 2


def draw(rows: Sequence[Row], figure: Figure) -> None:
    """Draw parameters and kept edges, for every weight of the target, against its precision bits."""
    for axes, column, title in zip(
        figure.subplots(1, 2), ("parameters", "kept"), ("parameters", "kept edges"), strict=True
    ):
        for number, (construction, name) in enumerate(NAMES.items()):
            own = [row for row in rows if row["construction"] == construction]
            each = [float(row[column]) / float(row["target_parameters"]) for row in own]
            axes.plot([float(row["k"]) for row in own], each, "o-", color=COLOURS[number], label=name)
        axes.axhline(1, color=GREY, linewidth=0.8, linestyle=":")
        axes.set_yscale("log")
        axes.set_xlabel("precision bits k of the target")
        axes.set_ylabel(f"{title} for each weight of the target")
    figure.axes[0].legend()
