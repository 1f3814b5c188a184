"""How often one weight has no subset sum among n items, between two ends.

Measured: items are drawn in their order, and for every magnitude of a weight it is noted with which item it was
first reached, so one draw serves all n and all weights. v is as likely as -v, so a weight fails as often as its
negative. The ends are Chernoff's bounds by relative entropy, which hold at every size, and together: the chance that
any of them is wrong is divided among all.

Beyond the n that were measured: units come in disjoint blocks, and who fails with a + b of them fails with the first
a and with the other b, so p(a + b) ≤ p(a)·p(b). That is a bound, and no extrapolation; it is not tight. The lower end
beyond is 0.

Binary: a product is ±1, and one half has it with the weight's sign with probability 1/4 for each unit; so a
weight w fails with P(Bin(n, 1/4) < |w|), to the precision of floats.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal, Protocol, TypeAlias, get_args

import numpy as np
from numpy.typing import NDArray

from certify.errors import InputError
from certify.network.matrix import Int64Array
from solvers.subset_sum import arrivals

Items: TypeAlias = Literal["products", "singles", "nonzero"]
"""Products of weights with 0, single weights without it, products of such."""
Floats: TypeAlias = NDArray[np.float64]

MEASURED = {"products": 112, "singles": 48, "nonzero": 112}
"""Units of a block, of which half or fewer serve one half; or single weights."""
MAX_BITS = {"products": 8, "singles": 16, "nonzero": 8}
_WORK = 1 << 31
_CHUNK = 1 << 10
_FEWEST = 200
_HALVINGS = 60


class Failing(Protocol):
    """p(n, w), between two ends, for magnitudes w."""

    def low(self, items: int) -> Floats:
        """Return float64[weights]."""

    def high(self, items: int) -> Floats:
        """Return float64[weights]."""


@dataclass(frozen=True, eq=False)
class Measured:
    """What was counted.

    Attributes:
        lows, highs: float64[weights, n + 1], for each n from 0.
        instances: how many draws are behind them.
    """

    lows: Floats
    highs: Floats
    instances: int

    def low(self, items: int) -> Floats:
        """Return float64[weights]; 0 where nothing was measured."""
        return self.lows[:, items] if items < self.lows.shape[1] else np.zeros(len(self.lows))

    def high(self, items: int) -> Floats:
        """Return float64[weights]: the least of p(a)^(n div a)."""
        parts = np.arange(1, min(items, self.highs.shape[1] - 1) + 1)
        if not len(parts):
            return np.ones(len(self.highs))
        powers: Floats = (self.highs[:, parts] ** (items // parts)).min(axis=1)
        return powers


@dataclass(frozen=True, eq=False)
class Binary:
    """Products ±1, for magnitudes int64[weights]."""

    magnitudes: Int64Array

    def low(self, items: int) -> Floats:
        """Return float64[weights], p itself."""
        counts = np.arange(items + 1)
        factorial = np.array([math.lgamma(count + 1) for count in range(items + 1)])
        chance = factorial[items] - factorial - factorial[::-1] + counts * math.log(0.25)
        below = np.cumsum(np.exp(chance + (items - counts) * math.log(0.75)))
        tail: Floats = np.minimum(1, below[np.minimum(self.magnitudes - 1, items)])
        return np.where(self.magnitudes > items, 1.0, tail)

    high = low


def measure(kind: Items, bits: int, magnitudes: Int64Array, instances: int, risk: float, seed: int) -> Measured:
    """Measure p(n, w).

    Args:
        kind: products v·u of one half (u of the other counts as 0), or single weights.
        bits: of δ.
        magnitudes: int64[weights], above 0, on the items' scale.
        instances: how many draws; fewer where their bitsets are long.
        risk: the chance that any end is wrong.
        seed: of the simulation.

    Raises:
        InputError: δ is too fine to be simulated.
    """
    if bits > MAX_BITS[kind]:
        raise InputError(f"expected {kind} of at most {MAX_BITS[kind]} bits to simulate, found {bits}", "precision")
    largest = 1 << (bits if kind == "singles" else 2 * bits)
    longest = MEASURED[kind]
    work = longest * (longest * largest // 256 + len(magnitudes) + 1)
    instances = min(instances, max(_FEWEST, _WORK // work))
    rng = np.random.default_rng([seed, bits, get_args(Items).index(kind)])
    counts = np.zeros((len(magnitudes), longest + 1), dtype=np.int64)
    for first in range(0, instances, _CHUNK):
        counts += arrivals(draw(kind, bits, min(_CHUNK, instances - first), rng), magnitudes)
    failed = instances - np.cumsum(np.hstack([np.zeros_like(counts[:, :1]), counts[:, 1:]]), axis=1)
    surprise = math.log(2 * max(1, counts.size) / risk) / instances
    shares = failed / instances
    return Measured(_end(shares, surprise, up=False), _end(shares, surprise, up=True), instances)


def draw(kind: Items, bits: int, instances: int, rng: np.random.Generator) -> Int64Array:
    """Return int64[instances, n]: items in their order."""
    shape, most = (instances, MEASURED[kind]), 1 << bits

    def weights() -> Int64Array:
        if kind == "products":
            return rng.integers(-most, most + 1, shape)
        signed: Int64Array = rng.integers(1, most + 1, shape) * rng.choice(np.array([-1, 1]), shape)
        return signed

    return weights() if kind == "singles" else weights() * np.maximum(weights(), 0)


def _end(shares: Floats, surprise: float, *, up: bool) -> Floats:
    """Return the p farthest from the share, above or below, of relative entropy at most `surprise`."""
    near, far = shares.copy(), np.full_like(shares, 1.0 if up else 0.0)
    for _ in range(_HALVINGS):
        middle = (near + far) / 2
        inside = _entropy(shares, middle) <= surprise
        near, far = np.where(inside, middle, near), np.where(inside, far, middle)
    return far


def _entropy(share: Floats, p: Floats) -> Floats:
    """Relative entropy of two coins, in nats."""
    with np.errstate(divide="ignore", invalid="ignore"):
        heads = np.where(share > 0, share * np.log(share / p), 0.0)
        tails = np.where(share < 1, (1 - share) * np.log((1 - share) / (1 - p)), 0.0)
    total: Floats = heads + tails
    return total
