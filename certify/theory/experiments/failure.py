"""How often a ticket is not there: one weight, a neuron, a network, against over-parameterization.

The successor of the paper (Kumar and Natale, arXiv:2607.03860) states that the probability of failure falls
exponentially in the number of random weights. Here it is counted, for a target weight uniform on S_δt, k bits, and

- uniform items, without 0 (Theorem 2): single random weights of k bits;
- products v·u (Theorem 1), of k/2 bits each, so that δ² = δ_t: u of one sign, as the units of one half have it.

The axis is how many parameters there are over what counting demands for one weight, log2(2^{k+1} + 1) (Theorem 3): an
item of uniform ones is one parameter, a product two.

Every failure has a cause at every number of items. Range: the items of the goal's sign do not add up to it. Parity:
the goal is odd and no item is, or the like with a higher power of two. Density: neither. For products of 4 bits, half
of the goals are odd, and an item is odd with probability 1/2·16/33: parity alone leaves ½·(25/33)^n, about ½·(3/4)^n.

The blocks of a neuron or a network are independent draws and have independent goals, so what was counted for one
block composes exactly: 1 - (1 - p)^blocks. A block of a network serves all outputs, each with a goal and with v of
its own, while u is the same for all.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from certify.theory.experiments.counted import CAUSES, PARTS, Curve, composed, curves
from certify.theory.experiments.kernels import failures, stream
from certify.theory.experiments.style import COLOURS, GREY, curve
from certify.theory.experiments.table import Point, Row, Value
from certify.theory.rate import Fit, Interval

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from certify.theory.experiments import Size

SUMMARY = "failure probability of one weight, a neuron and a network against over-parameterization"
COLUMNS = ("curve", "k", "bits", "goals", "part", "items", "failed", "trials", *CAUSES)

MOST = 80
_FLOOR = 5e-8
_HEADLINE = (2, 4, 8, 12, 16)
_NEURON = 64
_HIDDEN, _OUTPUTS = 32, 10
_MANY = 10_000_000
_FEWER = {14: 4_000_000, 16: 1_000_000}
_BLOCKS = 3_000_000  # draws of many goals


@dataclass(frozen=True)
class Setting:
    """A law of items and what they are to reach.

    Attributes:
        law: products or uniform.
        k: bits of the target weight.
        bits: of a random weight.
        goals: target weights of a block.
        draws: of one part.
        part: which, from 0.
    """

    law: str
    k: int
    bits: int
    goals: int
    draws: int
    part: int

    @property
    def name(self) -> str:
        """The curve that it is a part of."""
        return _name(self.law, self.k, self.bits, self.goals)


def _name(law: str, k: int, bits: int, goals: int = 1) -> str:
    return f"{law} k={k} bits={bits} goals={goals}"


def points(size: Size) -> tuple[Point, ...]:
    """Return the parts of every curve; those of the published size have 10^6 draws and more."""
    small = size == "small"
    ks = (2, 4, 8) if small else tuple(range(2, 17, 2))
    wanted = [("uniform", k, k, 1) for k in ks] + [("products", k, k // 2, 1) for k in ks]
    wanted += [("products", 8, 5, 1), ("products", 8, 4, _HIDDEN), ("products", 8, 4, _OUTPUTS)]
    found = []
    for law, k, bits, goals in wanted:
        for part in range(PARTS):
            draws = 200 if small else (_BLOCKS if goals > 1 else _FEWER.get(k, _MANY)) // PARTS
            setting = Setting(law, k, bits, goals, draws, part)
            found.append(Point(f"{setting.name} part={part}", setting, _seconds(setting)))
    return tuple(found)


def _seconds(setting: Setting) -> float:
    return float(setting.draws * setting.goals * 4e-7 * max(1.0, 2 ** ((setting.k - 8) * 0.6)))


def measure(point: Point, seed: int) -> list[tuple[Value, ...]]:
    """Return the counts of a part by number of items, up to the first with which nothing failed."""
    s: Setting = point.value
    state = stream(seed, f"failure {point.key}")
    causes = failures(state, s.draws, MOST, products=s.law == "products", bits=s.bits, target_bits=s.k, goals=s.goals)
    failed = [int(count) for count in causes.sum(axis=1)]
    end = failed.index(0) + 1 if 0 in failed else len(failed)
    return [
        (s.name, s.k, s.bits, s.goals, s.part, items, failed[items], s.draws, *map(int, causes[items]))
        for items in range(end)
    ]


def draw(rows: Sequence[Row], figure: Figure) -> None:
    """Draw uniform items and products with their rates, the causes, and what one weight means for a network."""
    found = curves(rows)
    figure.set_size_inches(6.3, 5.6)
    (uniform, products), (causes, network) = figure.subplots(2, 2)
    _weights(uniform, found, "uniform", "one weight, single random weights")
    _weights(products, found, "products", "one weight, products v·u of one half")
    products.set_ylabel("")
    _causes(causes, found[_name("products", 8, 4)])
    _network(network, found)


def rates(rows: Sequence[Row]) -> list[tuple[str, Fit]]:
    """Return by curve the exponential through its tail, where that is long enough for one."""
    fits = [(name, counted.fitted()) for name, counted in curves(rows).items()]
    return [(name, fitted) for name, fitted in fits if fitted is not None]


def bound(k: int) -> float:
    """Return how many parameters one weight needs at least (Theorem 3): log2(2^{k+1} + 1)."""
    return math.log2(2 ** (k + 1) + 1)


def ratio(law: str, k: int, items: float) -> float:
    """Return parameters over the bound; an item of products is two parameters."""
    return (2 if law == "products" else 1) * items / bound(k)


def _weights(axes: Axes, found: Mapping[str, Curve], law: str, title: str) -> None:
    for k, colour in zip(_HEADLINE, COLOURS, strict=False):
        counted = found.get(_name(law, k, k // 2 if law == "products" else k))
        if counted is None:
            continue
        fitted = counted.fitted()
        rate = f": {fitted.rate.estimate:.3f}" if fitted else ""
        _curve(axes, counted, partial(ratio, law, k), color=colour, label=f"k = {k}{rate}")
        if fitted:
            tail = [n for n in counted.shown() if fitted.probability(n) < 0.3]
            x = [ratio(law, k, n) for n in tail]
            axes.plot(x, [fitted.probability(n) for n in tail], color=colour, linewidth=0.8, linestyle=(0, (4, 2)))
    _logarithmic(axes)
    axes.set_title(title)
    axes.set_xlabel("parameters / lower bound of one weight")
    axes.set_ylabel("probability of failure")
    axes.set_xlim(0, 7 if law == "products" else 4.6)
    legend = axes.legend(title="rate per item", loc="lower left", title_fontsize=7.5, labelcolor="linecolor")
    legend.get_title().set_color(GREY)


def _curve(axes: Axes, counted: Curve, place: Callable[[int], float], **options: Any) -> None:
    shown = counted.shown()
    _band(axes, [place(n) for n in shown], [counted.measured(n) for n in shown], **options)


def _band(axes: Axes, x: Sequence[float], intervals: Sequence[Interval], **options: Any) -> None:
    low, high = [max(i.low, _FLOOR / 10) for i in intervals], [i.high for i in intervals]
    curve(axes, x, [i.estimate for i in intervals], low, high, **options)


def _logarithmic(axes: Axes) -> None:
    axes.set_yscale("log")
    axes.set_ylim(_FLOOR, 1.5)
    axes.minorticks_off()


def _causes(axes: Axes, counted: Curve) -> None:
    shown = counted.shown()
    _curve(axes, counted, float, color=COLOURS[6], label="all")
    for cause, colour in zip(CAUSES, COLOURS, strict=False):
        there = [n for n in shown if counted.causes[cause][n]]
        axes.plot(there, [counted.causes[cause][n] / counted.draws for n in there], color=colour, label=cause)
    odd = [256 / 513 * (25 / 33) ** n for n in shown]
    axes.plot(shown, odd, color=GREY, linestyle=(0, (1, 1.5)), label="½·(25/33)$^n$")
    _logarithmic(axes)
    axes.set_title("causes, products, k = 8, δ² = δ$_t$")
    axes.set_xlabel("units in one half")
    axes.set_ylabel("probability of failure")
    axes.legend(loc="upper right")


def _network(axes: Axes, found: Mapping[str, Curve]) -> None:
    one = found[_name("products", 8, 4)]
    hidden, outputs = (found[_name("products", 8, 4, goals)] for goals in (_HIDDEN, _OUTPUTS))
    shown = hidden.shown()
    blocks = 2 * _NEURON

    def neuron(p: Interval) -> Interval:
        return Interval(*(composed(value, blocks) for value in (p.low, p.estimate, p.high)))

    def network(n: int) -> Interval:
        ends = zip(*(_ends(which.measured(n)) for which in (hidden, outputs)), strict=True)
        return Interval(*(_either(composed(a, blocks), composed(b, _HIDDEN)) for a, b in ends))

    label = f"network {_NEURON}-{_HIDDEN}-{_OUTPUTS}"
    _band(axes, shown, [network(n) for n in shown], color=COLOURS[1], label=label)
    alone = [neuron(one.measured(n)) for n in one.shown()]
    _band(axes, one.shown(), alone, color=COLOURS[2], label=f"neuron, {_NEURON} inputs")
    _curve(axes, one, float, color=COLOURS[0], label="one weight, one half")
    _logarithmic(axes)
    axes.set_title("weight, neuron, network, k = 8")
    axes.set_xlabel("units in one half of a block")
    axes.legend(loc="lower left")


def _ends(interval: Interval) -> tuple[float, float, float]:
    return interval.low, interval.estimate, interval.high


def _either(one: float, other: float) -> float:
    return 1 - (1 - one) * (1 - other) if one + other > 1e-9 else one + other
