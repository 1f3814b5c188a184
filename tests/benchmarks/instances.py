"""Subset sums as Theorem 1's construction meets them, the same for everyone who is measured.

An item is a product v·u of two weights of precision 2^-(b/2), uniform integers in [-2^(b/2), 2^(b/2)]. So
|v·u| ≤ 2^b, and 0 comes up, as it does in a base network. A target is a weight of precision 2^-b, a uniform integer
in [-2^b, 2^b] without 0, which is what δ_t = δ² makes of a layer's weights (Kumar and Natale, arXiv:2508.11020,
Theorem 1). The n items are one half of an input's block. Whether a subset reaches the target is left to chance, as in
the construction: instances that nobody can solve stay in.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, eq=False)
class Instances:
    """Subset-sum instances: int64[m, n] items and int64[m] targets."""

    items: NDArray[np.int64]
    targets: NDArray[np.int64]

    def first(self, count: int) -> Instances:
        """Return the first of them."""
        return Instances(self.items[:count], self.targets[:count])


def draw(bits: int, length: int, count: int, seed: int = 0) -> Instances:
    """Return `count` instances of `length` items of up to 2^bits, `bits` even."""
    assert bits % 2 == 0
    rng = np.random.default_rng([seed, bits, length])
    most = 1 << (bits // 2)
    u, v = (rng.integers(-most, most, (count, length), endpoint=True) for _ in range(2))
    magnitude = rng.integers(1, 1 << bits, count, endpoint=True)
    return Instances(v * u, magnitude * rng.choice(np.array([-1, 1]), count))


def wrong(instances: Instances, index: int, subset: list[int]) -> bool:
    """Say whether a subset, a list of positions, misses its target, in Python's own integers."""
    items = [int(instances.items[index, position]) for position in subset]
    return len(set(subset)) != len(subset) or sum(items) != int(instances.targets[index])
