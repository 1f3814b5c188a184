"""What rounding noise on a ticket's kept weights does: to the weights that it represents, and to its outputs.

A random target 16-8-4, 8 bits, and its ticket, δ² = δ_t. For every form of noise: the exact standard deviations and
largest errors of all represented weights, and output differences of random realizations at random grid points beside
the bound over all realizations and all points (`certify.theory.deviation`). The bound is for the worst of everything;
what is drawn is typical, so the distance between them is no looseness alone.
"""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from certify.network.evaluate import evaluate
from certify.network.matrix import from_dense
from certify.network.model import Box, Dense, Network
from certify.network.steps import Relu
from certify.theory.deviation import deviation
from certify.theory.experiments.style import COLOURS
from certify.theory.experiments.table import Point, Row, Value
from certify.theory.noise import Noise
from certify.theory.noisy_ticket import NoisyTicket, with_noise
from certify.ticket import find_ticket

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from certify.theory.experiments import Size

SUMMARY = "errors of weights and of outputs under rounding noise, against the certified bound"
COLUMNS = ("form", "kind", "value")
FORMS = ("flip:1/16", "uniform:1:2", "uniform:1:1", "coarser:1", "coarser:2")
_BITS, _WIDTHS = 8, (16, 8, 4)


def points(size: Size) -> tuple[Point, ...]:
    """Return a point for every form of noise."""
    draws = 4 if size == "small" else 400
    return tuple(Point(form, draws, draws * 0.05) for form in (FORMS[::2] if size == "small" else FORMS))


def measure(point: Point, seed: int) -> list[tuple[Value, ...]]:
    """Return the bound, exact errors of weights, and drawn differences, in δ_t and in real units of outputs."""
    target = _target(random.Random(f"noise target {seed}"))  # noqa: S311 - an experiment, no secret
    ticket = find_ticket(target, f"noise {seed}")
    noisy = with_noise(target, ticket.base, ticket.masks, Noise.parse(point.key))
    found = deviation(noisy)
    rows: list[tuple[Value, ...]] = [(point.key, "bound", found.bound / 2**found.precision_bits)]
    pair, scale = noisy.pairs[0], 2 ** noisy.pairs[0].layout.weight_bits
    for halves in pair.represented().values():
        rows += [(point.key, "deviation", math.sqrt(half.variance) / scale) for half in halves if half.exact]
        rows += [(point.key, "largest", max(-half.low, half.high) / scale) for half in halves if half.exact]
    generator = random.Random(f"noise {point.key} {seed}")  # noqa: S311 - as above
    for _ in range(point.value):
        off = _off(noisy, target, generator, found.precision_bits)
        assert off <= found.bound, f"{point.key}: a difference of {off} is beyond the bound {found.bound}"
        rows.append((point.key, "output", off / 2**found.precision_bits))
    return rows


def _target(generator: random.Random) -> Network:
    most = 1 << _BITS
    layers = []
    for inputs, outputs in pairwise(_WIDTHS):
        weights = [[generator.randint(-most, most) for _ in range(inputs)] for _ in range(outputs)]
        matrix = from_dense(np.array(weights, dtype=np.int64))
        layers.append(Dense(matrix, _BITS, (0,) * outputs, (), (Relu(),) if outputs != _WIDTHS[-1] else ()))
    return Network("random", Box((_WIDTHS[0],), (-8,) * _WIDTHS[0], (7,) * _WIDTHS[0], 3), tuple(layers))


def _off(noisy: NoisyTicket, target: Network, generator: random.Random, bits: int) -> int:
    """Draw a realization and a grid point, and return the largest difference of an output."""
    other = noisy.realized(noisy.draw(generator))
    at = [generator.randint(low, high) for low, high in zip(target.input.low, target.input.high, strict=True)]
    finer = bits - target.output_precision_bits()
    pairs = zip(evaluate(target, at), evaluate(other, at), strict=True)
    return max(abs((left << finer) - right) for left, right in pairs)


def draw(rows: Sequence[Row], figure: Figure) -> None:
    """Draw how many weights have an error so large, and how many draws an output difference, with the bound."""
    figure.set_size_inches(6.3, 3.1)
    weights, outputs = figure.subplots(1, 2)
    forms = list(dict.fromkeys(str(row["form"]) for row in rows))
    for form, colour in zip(forms, COLOURS, strict=False):
        own = {kind: [float(r["value"]) for r in rows if r["form"] == form and r["kind"] == kind] for kind in _KINDS}
        _shares(weights, own["deviation"], colour, form)
        _shares(outputs, own["output"], colour, form)
        outputs.axvline(own["bound"][0], color=colour, linewidth=0.9, linestyle=(0, (4, 2)))
    weights.set_title("represented weights, first layer")
    weights.set_xlabel("standard deviation of the error / δ$_t$")
    weights.set_ylabel("share below")
    weights.legend(loc="lower right")
    outputs.set_title("outputs; dashed: bound")
    outputs.set_xlabel("largest difference of an output")
    outputs.set_xscale("log")
    outputs.set_ylim(0, 1.05)


_KINDS = ("bound", "deviation", "largest", "output")


def _shares(axes: Axes, values: Sequence[float], colour: str, label: str) -> None:
    ordered = sorted(values)
    shares = [(place + 1) / len(ordered) for place in range(len(ordered))]
    axes.step(ordered, shares, where="post", color=colour, label=label)
