"""How fast failures become rarer: an exponential rate fitted to counted failures, with its interval.

The successor of the paper (Kumar and Natale, arXiv:2607.03860) states that the probability of failure falls
exponentially in the number of items, with constants that it does not name. Here p(n) = exp(a - r·n) is fitted by
maximum likelihood to failures counted out of trials at several n: the log-linear binomial model. The interval is
Wald's, from the expected information. It says how well the counts fix r *if* the model holds; `deviance` says how
well it holds.

E. B. Wilson's interval (1927) is for one proportion by itself: it never leaves [0, 1], and is not empty where nothing
failed.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist
from typing import NamedTuple

from certify.errors import InputError

_STEPS = 100
_CLOSE = 1e-12
_MOST = 1 - 1e-12


class Failures(NamedTuple):
    """How many of so many independent trials failed with this number of items."""

    items: int
    failed: int
    trials: int


@dataclass(frozen=True)
class Interval:
    """An estimate between the ends of its interval."""

    low: float
    estimate: float
    high: float


@dataclass(frozen=True)
class Fit:
    """p(n) = exp(intercept - rate·n).

    Attributes:
        rate: r per item, with its interval; exp(-r) is the factor by which one more item lowers p.
        intercept: a.
        deviance: twice the likelihood that the model leaves on the table; about `freedom` where it holds, more where
            p is no exponential.
        freedom: points less two parameters.
    """

    rate: Interval
    intercept: float
    deviance: float
    freedom: int

    def probability(self, items: float) -> float:
        """Return the fitted probability of failure."""
        return min(1.0, math.exp(self.intercept - self.rate.estimate * items))


def proportion(failed: int, trials: int, confidence: float = 0.95) -> Interval:
    """Return failed/trials between the ends of Wilson's interval."""
    z = _quantile(confidence)
    share, spread = failed / trials, z * z / trials
    middle = (share + spread / 2) / (1 + spread)
    half = z / (1 + spread) * math.sqrt(share * (1 - share) / trials + spread / (4 * trials))
    return Interval(0.0 if failed == 0 else middle - half, share, 1.0 if failed == trials else middle + half)


def fit(counted: Sequence[Failures], confidence: float = 0.95) -> Fit:
    """Return the exponential that the counts make most likely.

    Raises:
        InputError: fewer than two numbers of items at which something failed and something did not.
    """
    usable = {entry.items for entry in counted if 0 < entry.failed < entry.trials}
    if len(usable) < 2:
        raise InputError(f"expected failures and successes at two numbers of items or more, found {len(usable)}")
    intercept, slope = _start(counted)
    for _ in range(_STEPS):
        gradient, information = _derivatives(counted, intercept, slope)
        step = _solve(information, gradient)
        intercept, slope = _stepped(counted, (intercept, slope), step)
        if max(map(abs, step)) < _CLOSE:
            break
    _, information = _derivatives(counted, intercept, slope)
    half = _quantile(confidence) * math.sqrt(_solve(information, (0.0, 1.0))[1])
    rate = Interval(-slope - half, -slope, -slope + half)
    return Fit(rate, intercept, _deviance(counted, intercept, slope), len(counted) - 2)


def _quantile(confidence: float) -> float:
    return NormalDist().inv_cdf((1 + confidence) / 2)


def _start(counted: Sequence[Failures]) -> tuple[float, float]:
    """Least squares of log p, each point weighted by what it failed."""
    points = [(entry.items, math.log(entry.failed / entry.trials), entry.failed) for entry in counted if entry.failed]
    weight = sum(w for _, _, w in points)
    mean_x, mean_y = (sum(point[i] * point[2] for point in points) / weight for i in (0, 1))
    slope = sum(w * (x - mean_x) * (y - mean_y) for x, y, w in points) / sum(
        w * (x - mean_x) ** 2 for x, _, w in points
    )
    top = max(mean_y + slope * (entry.items - mean_x) for entry in counted)
    return mean_y - slope * mean_x - max(0.0, top + 1e-3), slope


def _likelihood(counted: Sequence[Failures], intercept: float, slope: float) -> float:
    total = 0.0
    for items, failed, trials in counted:
        exponent = intercept + slope * items
        if exponent >= 0:
            return -math.inf
        total += failed * exponent + (trials - failed) * math.log1p(-math.exp(exponent))
    return total


def _derivatives(
    counted: Sequence[Failures], intercept: float, slope: float
) -> tuple[tuple[float, float], tuple[float, float, float]]:
    """The gradient of the log-likelihood, and the expected information (aa, ar, rr)."""
    first, second = [0.0, 0.0], [0.0, 0.0, 0.0]
    for items, failed, trials in counted:
        p = min(math.exp(intercept + slope * items), _MOST)
        residual, weight = (failed - trials * p) / (1 - p), trials * p / (1 - p)
        first = [first[0] + residual, first[1] + residual * items]
        second = [second[0] + weight, second[1] + weight * items, second[2] + weight * items * items]
    return (first[0], first[1]), (second[0], second[1], second[2])


def _solve(information: tuple[float, float, float], right: tuple[float, float]) -> tuple[float, float]:
    aa, ar, rr = information
    determinant = aa * rr - ar * ar
    return (rr * right[0] - ar * right[1]) / determinant, (aa * right[1] - ar * right[0]) / determinant


def _stepped(counted: Sequence[Failures], at: tuple[float, float], step: tuple[float, float]) -> tuple[float, float]:
    """Fisher's step, halved until the likelihood does not fall."""
    before, share = _likelihood(counted, *at), 1.0
    while share > _CLOSE:
        after = (at[0] + share * step[0], at[1] + share * step[1])
        if _likelihood(counted, *after) >= before:
            return after
        share /= 2
    return at


def _deviance(counted: Sequence[Failures], intercept: float, slope: float) -> float:
    best = 0.0
    for _, failed, trials in counted:
        for part in (failed, trials - failed):
            best += part * math.log(part / trials) if part else 0.0
    return 2 * (best - _likelihood(counted, intercept, slope))
