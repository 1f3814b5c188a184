"""Counts of failures by number of items, as several experiments have them in their tables, and rates fitted to them.

A draw says the outcome for every number of items at once, so counts of one part of the draws rise and fall together
along a curve. A fit to the sum of all parts takes them for independent; its interval is therefore the spread of the
fits of the parts, Student's, whichever of the two is wider.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from statistics import stdev

from certify.theory.experiments.table import Row
from certify.theory.rate import Failures, Fit, Interval, fit, proportion

CAUSES = ("range", "parity", "density")
PARTS = 10
STUDENT = 2.262
"""The quantile of 97.5 % with PARTS - 1 degrees of freedom."""

TAIL = 0.1
"""Failures are fitted where they are rarer than this, and at least FEWEST were counted."""

FEWEST = 10


@dataclass
class Curve:
    """What was counted for one law of items.

    Attributes:
        trials: by part, how many draws.
        failed: by part and number of items, how many draws failed; 0 where nothing stands.
        causes: by cause and number of items, of all parts.
    """

    trials: dict[int, int] = field(default_factory=dict)
    failed: dict[int, dict[int, int]] = field(default_factory=lambda: defaultdict(dict))
    causes: dict[str, dict[int, int]] = field(default_factory=lambda: {cause: defaultdict(int) for cause in CAUSES})

    @property
    def draws(self) -> int:
        """How many draws in all."""
        return sum(self.trials.values())

    def total(self, items: int) -> int:
        """Return how many draws failed with so many items."""
        return sum(part.get(items, 0) for part in self.failed.values())

    def shown(self) -> list[int]:
        """Return the numbers of items with which something failed, rising."""
        return sorted({items for part in self.failed.values() for items, failed in part.items() if failed})

    def measured(self, items: int) -> Interval:
        """Return the probability of failure with Wilson's interval."""
        return proportion(self.total(items), self.draws)

    def fitted(self) -> Fit | None:
        """Return the exponential through the tail; None where the tail is too short for one."""
        tail = [n for n in self.shown() if n and self.total(n) < TAIL * self.draws and self.total(n) >= FEWEST]
        if len(tail) < 3:
            return None
        whole = fit([Failures(n, self.total(n), self.draws) for n in tail])
        rates = self._rates(tail)
        half = STUDENT * stdev(rates) / math.sqrt(len(rates)) if len(rates) == PARTS else 0.0
        rate = whole.rate
        half = max(half, rate.high - rate.estimate)
        wide = Interval(rate.estimate - half, rate.estimate, rate.estimate + half)
        return Fit(wide, whole.intercept, whole.deviance, whole.freedom)

    def _rates(self, tail: Sequence[int]) -> list[float]:
        rates = []
        for part, trials in self.trials.items():
            counted = [Failures(n, self.failed[part].get(n, 0), trials) for n in tail]
            if sum(entry.failed > 0 for entry in counted) >= 2:
                rates.append(fit(counted).rate.estimate)
        return rates


def curves(rows: Iterable[Row], name: str = "curve") -> Mapping[str, Curve]:
    """Return the curves of a table with the columns part, items, failed, trials and the causes, in its order."""
    found: dict[str, Curve] = {}
    for row in rows:
        curve = found.setdefault(str(row[name]), Curve())
        part, items = int(row["part"]), int(row["items"])
        curve.trials[part] = int(row["trials"])
        curve.failed[part][items] = int(row["failed"])
        for cause in CAUSES:
            curve.causes[cause][items] += int(row[cause])
    return found


def composed(one: float, number: int) -> float:
    """Return the probability that one of so many independent things fails: 1 - (1 - p)^number."""
    return -math.expm1(number * math.log1p(-one)) if one < 1 else 1.0
