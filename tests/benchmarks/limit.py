"""How far the limit is: what the reference job needs, against what this machine does in a second, on one core.

    PYTHONPATH=tests python tests/benchmarks/limit.py (--npz FILE | --random) [--seed SEED] [--json FILE]

Every line is something that the job cannot go without, as it is set up: random words of a Philox generator, subset
sums, a formula with every kept edge for z3, a digest of all of it. `needs` counts it, `a second` is measured here by
a small kernel that does nothing else, `least s` is their quotient, and `we take s` what the phase that does it takes,
with all that belongs to it, in processor time of one core.

words to find     v of every unit that an output looks at until its weight is first reached, and u of every unit;
                  at the rate of the generator's own kernel
sums to find      the words of the bitsets, live ranges only, of a dynamic program that stops there; a shift of two
                  words and an `or` each, at the rate of a loop that does this in a core's first cache
words to prune    the kept weights, drawn again for the proof
bytes to digest   the obligations' arrays, kept weights and masks, through SHA-256
terms             one for every different product v·(u·p), and four for every different obligation, at the rate at
                  which z3 copies such terms, without Python
obligations       z3's own time to refute different obligations of as many edges each, without making them
start             Python and the imports, in a process that does nothing else

The counts of the first two are the averages over 20,000 of the target's weights, with units of their own.
"""

from __future__ import annotations

import argparse
import hashlib
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import z3
from benchmarks import measure, targets
from benchmarks.recorded import record
from numba import njit

from certify.base import philox
from certify.base.law import key_of
from certify.base.layout import default_precisions, pairs
from certify.base.prune import prune
from certify.issue import Options
from certify.network.model import Network
from certify.proof.obligations import PieceObligations, obligations
from certify.proof.structure import pair_up
from certify.ticket import find_ticket
from solvers.subset_sum import solve

_SAMPLE = 20_000
_UNITS = 128
_IMPORTS = "import click, cryptography, msgspec, numba, numpy, z3"


@dataclass(frozen=True)
class Need:
    """Something the job needs: how much of it, how much this machine does in a second, and the phase that does it."""

    what: str
    count: float
    rate: float
    phase: str

    @property
    def seconds(self) -> float:
        return self.count / self.rate


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--npz", type=Path, help="the weights of Pensia et al.")
    parser.add_argument("--random", action="store_true", help="a random network of the same size instead")
    parser.add_argument("--seed", default="0")
    parser.add_argument("--json", type=Path, help="write the figures here")
    options = parser.parse_args()
    if options.npz is None and not options.random:
        raise SystemExit(targets.REFERENCE)
    network = targets.reference(options.npz) if options.npz else targets.random_network((784, 500, 10))
    compare(network, options.seed, options.json)


def compare(network: Network, seed: str, path: Path | None) -> dict[str, Any]:
    """Measure, print, and return the figures."""
    took = {phase.name: phase.alone for phase in record(network, Options(seed), away=False)}
    listed = needs(network, seed)
    phases = dict.fromkeys(need.phase for need in listed)
    rows: list[list[Any]] = []
    for phase in phases:
        own = [need for need in listed if need.phase == phase]
        for need in own:
            whole = took.get(phase) if need is own[-1] else None
            rows.append([need.what, need.count, need.rate, need.seconds, phase, whole])
    print(measure.table(["needed", "needs", "a second", "least s", "phase", "we take s"], rows))
    least = sum(need.seconds for need in listed)
    start = next(need.seconds for need in listed if need.phase == "start")
    whole = sum(took.values()) + start
    print(f"one core: the job needs {least:.2f} s, we take {whole:.2f} s, {whole / least:.1f} times as long")
    figures = {"needs": [asdict(need) for need in listed], "phases": took, "least": least, "taken": whole}
    return measure.report("limit", figures, path)


def needs(network: Network, seed: str) -> list[Need]:
    """Return what a network needs, and this machine's rates."""
    looked, live = _subset_sums(network)
    ticket = find_ticket(network, seed)
    pruned = prune(network, ticket.base, ticket.masks)
    listed = [obligations(pair) for pair in pair_up(network, pruned)]
    kept = sum(len(mask.columns) for mask in ticket.masks)
    edges = sum(len(item.weights.u) for item in listed)
    different, products = _different(listed)
    made, refuted = z3_rates(max(1, round(edges / max(1, sum(len(item.weights) for item in listed)))))
    start = median(measure.run([sys.executable, "-c", _IMPORTS]).cpu for _ in range(3))
    return [
        Need("words to find", looked, philox_rate(), "subset sums"),
        Need("sums to find, words", live, bitset_rate(), "subset sums"),
        Need("words to prune", kept, philox_rate(), "base network"),
        Need("bytes to digest", _digested(listed) + 5 * kept, sha256_rate(), "obligations"),
        Need("terms", products + 4 * different, made, "refutation"),
        Need("obligations", different, refuted, "refutation"),
        Need("start", 1, 1 / start, "start"),
    ]


# What is needed.


def _subset_sums(network: Network) -> tuple[float, float]:
    """Return how many words are drawn, and how many words of bitsets are shifted, until all weights are reached."""
    words = live = 0.0
    rng = np.random.default_rng(0)
    precisions = default_precisions(network)
    for layer, pair, precision in zip(network.linear, pairs(network, precisions), precisions, strict=True):
        weights = layer.weights.to_dense()
        wanted = weights[weights != 0] << pair.weight_bits
        drawn, shifted = _until_reached(rng.choice(wanted, min(len(wanted), _SAMPLE)), precision.kept, rng)
        words += drawn * len(wanted)
        live += shifted * len(wanted)
    return words, live


def _until_reached(wanted: Any, bits: int, rng: np.random.Generator) -> tuple[float, float]:
    """Return averages over targets: items looked at, and words of live bitsets."""
    u, v = (rng.integers(-(1 << bits), 1 << bits, (len(wanted), _UNITS), endpoint=True) for _ in range(2))
    items = np.where(u > 0, u * v, 0)
    prefix = solve(items, wanted, "first").prefix[:, None]
    looked = (u > 0) & (np.arange(_UNITS) < prefix)
    ranges = np.abs(items).cumsum(axis=1) // 64 + 1
    return float(looked.sum() / len(wanted)), float((ranges * looked).sum() / len(wanted))


def _different(listed: Sequence[PieceObligations]) -> tuple[int, int]:
    """Return how many obligations and how many products v·u are different, within their ranges."""
    seen, products = set(), set()
    for number, item in enumerate(listed):
        weights = item.weights
        start = weights.start.tolist()
        for index in range(len(weights)):
            edges = slice(start[index], start[index + 1])
            range_ = (number, int(weights.half[index]), *weights.range_of(index))
            pairs_ = tuple(zip(weights.u[edges].tolist(), weights.v[edges].tolist(), strict=True))
            seen.add((range_, int(weights.weight[index]), pairs_))
            products.update((range_, pair) for pair in pairs_)
    return len(seen), len(products)


def _digested(listed: Sequence[PieceObligations]) -> int:
    return sum(8 * (5 * len(item.weights) + 2 * len(item.weights.u)) for item in listed)


# What the machine does in a second.


def _rate(function: Callable[[], int], repeat: int = 5) -> float:
    """Return the median rate of a function that returns how much it has done, after a first call."""
    function()
    rates = []
    for _ in range(repeat):
        began = time.process_time()
        done = function()
        rates.append(done / max(1e-9, time.process_time() - began))
    return median(rates)


def philox_rate() -> float:
    """Return random words a second."""
    rows, key = np.arange(1000, dtype=np.int64), key_of("0")
    zeros = np.zeros_like(rows)
    return _rate(lambda: int(philox.draw_rows(key, 1, 33, zeros, rows, zeros, 1000).size))


@njit
def _shift_or(bits: Any, out: Any, times: int) -> int:
    for number in range(times):
        shift = np.uint64(number % 63 + 1)
        rest = np.uint64(64) - shift
        for word in range(1, len(bits)):
            out[word] |= (bits[word] << shift) | (bits[word - 1] >> rest)
    return times * (len(bits) - 1)


def bitset_rate() -> float:
    """Return words shifted and or-ed a second."""
    bits, out = np.ones(1025, dtype=np.uint64), np.zeros(1025, dtype=np.uint64)
    return _rate(lambda: int(_shift_or(bits, out, 50_000)))


def sha256_rate() -> float:
    """Return bytes digested a second."""
    data = bytes(1 << 24)

    def digest() -> int:
        hashlib.sha256(data).digest()
        return len(data)

    return _rate(digest)


def z3_rates(edges: int, count: int = 10_000) -> tuple[float, float]:
    """Return how many terms z3 makes in a second, and how many different obligations of so many edges it refutes.

    Terms are made by copying them to another context, which z3 does without Python.
    """
    p = z3.Int("p")
    different, terms = _differences(p, edges, count)
    made, refuted = [], []
    for _ in range(3):
        began = time.process_time()
        copied = different.translate(z3.Context())
        made.append(terms / (time.process_time() - began))
        solver = z3.Solver(ctx=copied.ctx)
        solver.add(p.translate(copied.ctx) >= 0, p.translate(copied.ctx) <= 255, copied)
        began = time.process_time()
        assert solver.check() == z3.unsat
        refuted.append(count / (time.process_time() - began))
    return median(made), median(refuted)


def _differences(p: Any, edges: int, count: int) -> tuple[Any, int]:
    """Return the disjunction of Σ v·(u·p) ≠ (Σ v·u)·p for random edges, and of how many terms it is made."""
    rng = np.random.default_rng(0)
    u, v = rng.integers(1, 17, (count, edges)).tolist(), rng.integers(-16, 17, (count, edges)).tolist()
    products = {(a, b): b * (a * p) for a in range(1, 17) for b in range(-16, 17)}
    different = []
    for us, vs in zip(u, v, strict=True):
        left = z3.Sum([products[pair] for pair in zip(us, vs, strict=True)])
        different.append(left != sum(a * b for a, b in zip(us, vs, strict=True)) * p)
    return z3.Or(different), len(products) + 4 * count


if __name__ == "__main__":
    main()
