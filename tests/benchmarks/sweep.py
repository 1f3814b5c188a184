"""Points per second of a sweep against the same evaluation in vectorised int64 numpy, on the same points.

    python tests/benchmarks/sweep.py [--repeat N] [--json FILE]

The peer evaluates `x @ weights.T + bias`, np.maximum and shifts, chunk by chunk, in the chunk size that was fastest
for it in a trial; drawing up its points is not counted, ours is. Both run in one thread and in turns, time is the
processor's, and figures are medians. Both see every point (the relation holds everywhere), and the largest difference
that each of them reports has to be the same.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import random
import resource
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
from numpy.typing import NDArray

from certify.monitor import Monitor
from certify.network.matrix import from_dense
from certify.network.model import Box, Dense, Network
from certify.network.steps import Relu, Requantize, Step
from certify.proof.claim import Relation
from certify.proof.enumeration import sweep_grid

Int64Array = NDArray[np.int64]

_EVERYTHING = Relation("within", 2**80)
_CHUNKS = (256, 1024, 4096, 16384, 65536)
_TRIAL_POINTS = 2**18


@dataclass(frozen=True)
class Case:
    """Two random networks of these widths on a box of these sizes, weights up to a magnitude, a shift or none."""

    name: str
    widths: tuple[tuple[int, ...], tuple[int, ...]]
    sizes: tuple[int, ...]
    largest_weight: int = 8
    shift: int = 0


_WIDE = 2**26
CASES = (
    Case("10-35-2 / 10-15-15-2", ((10, 35, 2), (10, 15, 15, 2)), (4,) * 10),
    Case("10-35-2 / 10-15-15-2, 4 to 8 values", ((10, 35, 2), (10, 15, 15, 2)), (4, 4, 4, 4, 4, 4, 5, 5, 7, 8)),
    Case("6-16-4 / 6-16-4", ((6, 16, 4), (6, 16, 4)), (11,) * 6),
    Case("6-16-4 / 6-16-4, requantized", ((6, 16, 4), (6, 16, 4)), (11,) * 6, shift=4),
    Case("10-35-2 / 10-15-15-2, beyond 32 bits", ((10, 35, 2), (10, 15, 15, 2)), (4,) * 10, largest_weight=_WIDE),
)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeat", type=int, default=5)
    parser.add_argument("--json", type=Path, help="write the figures here")
    options = parser.parse_args()
    rows = [_measure(case, options.repeat) for case in CASES]
    print(_table(rows))
    if options.json:
        machine = {"machine": platform.machine(), "cores": os.cpu_count(), "load": os.getloadavg()}
        options.json.write_text(json.dumps({**machine, "runs": rows}, indent=2) + "\n")


def _measure(case: Case, repeat: int) -> dict[str, Any]:
    rng = random.Random(case.name)
    left, right = (_network(rng, case, widths) for widths in case.widths)
    small = Case(case.name, case.widths, (2,) * len(case.sizes))
    sweep_grid(*(_on_box(network, small.sizes) for network in (left, right)), 1, Monitor(), _EVERYTHING)
    chunk = min(_CHUNKS, key=lambda size: _numpy(left, right, size, _TRIAL_POINTS)[0])
    ours, theirs, memory = [], [], 0.0
    for _ in range(repeat):
        began = time.process_time()
        seen = sweep_grid(left, right, 1, Monitor(), _EVERYTHING)
        ours.append(seen.points / (time.process_time() - began))
        memory = memory or _megabytes()
        seconds, largest = _numpy(left, right, chunk, left.input.points())
        theirs.append(seen.points / seconds)
        if largest != seen.largest:
            raise SystemExit(f"{case.name}: the sweep's largest difference is {seen.largest}, numpy's {largest}")
    return {
        "case": case.name,
        "points": left.input.points(),
        "multiplications": seen.work // seen.points,
        "ours": median(ours),
        "numpy": median(theirs),
        "chunk": chunk,
        "ratio": median(a / b for a, b in zip(ours, theirs, strict=True)),
        "memory_mb": memory,
        "load": os.getloadavg()[0],
    }


def _network(rng: random.Random, case: Case, widths: Sequence[int]) -> Network:
    """Biases too are random, the last layer has no steps, and outputs are compared without a shift."""
    layers = []
    for index, (inputs, outputs) in enumerate(pairwise(widths)):
        draw = case.largest_weight if index == 0 else 8
        weights = [[rng.randint(-draw, draw) for _ in range(inputs)] for _ in range(outputs)]
        own: list[Step] = [Relu(), *([Requantize(case.shift, "floor")] if case.shift else [])]
        steps = tuple(own) if index < len(widths) - 2 else ()
        bias = tuple(rng.randint(-8, 8) for _ in range(outputs))
        layers.append(Dense(from_dense(np.array(weights, dtype=np.int64)), 0, bias, steps=steps))
    return _on_box(Network("", Box((1,), (0,), (0,), 0), tuple(layers)), case.sizes)


def _on_box(network: Network, sizes: Sequence[int]) -> Network:
    box = Box((len(sizes),), (0,) * len(sizes), tuple(size - 1 for size in sizes), 0)
    return Network(network.name, box, network.layers)


def _numpy(left: Network, right: Network, chunk: int, wanted: int) -> tuple[float, int]:
    """Return seconds and the largest difference on the first `wanted` points of the box."""
    ours, theirs = ([_matrices(layer) for layer in network.layers] for network in (left, right))
    seconds, largest = 0.0, 0
    for points in _points(left.input.sizes, chunk, min(wanted, left.input.points())):
        began = time.process_time()
        gap = np.abs(_evaluate(ours, points) - _evaluate(theirs, points)).max()
        seconds += time.process_time() - began
        largest = max(largest, int(gap))
    return seconds, largest


def _points(sizes: Sequence[int], chunk: int, wanted: int) -> Iterator[Int64Array]:
    for first in range(0, wanted, chunk):
        numbers = np.arange(first, min(first + chunk, wanted))
        yield np.stack(np.unravel_index(numbers, tuple(sizes)), axis=1)


def _matrices(layer: Dense) -> tuple[Int64Array, Int64Array, bool, int]:
    shift = next((step.shift for step in layer.steps if isinstance(step, Requantize)), 0)
    weights = np.ascontiguousarray(layer.weights.to_dense().T)
    return weights, np.array(layer.bias), Relu() in layer.steps, int(shift)


def _evaluate(layers: Sequence[tuple[Int64Array, Int64Array, bool, int]], values: Int64Array) -> Int64Array:
    for weights, bias, relu, shift in layers:
        values = values @ weights + bias
        if relu:
            values = np.maximum(values, 0)
        if shift:
            values = values >> shift
    return values


def _megabytes() -> float:
    """Return the peak memory so far; Linux counts it in kilobytes, macOS in bytes."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return round(peak / (2**20 if sys.platform == "darwin" else 2**10), 1)


def _table(rows: list[dict[str, Any]]) -> str:
    lines = [
        f"{'case':<40} {'points':>8} {'mult.':>5} {'ours M/s':>9} {'numpy M/s':>9} {'ratio':>6} {'MB':>5} {'load':>5}"
    ]
    lines += [
        f"{row['case']:<40} {row['points']:>8} {row['multiplications']:>5} {row['ours'] / 1e6:>9.1f}"
        f" {row['numpy'] / 1e6:>9.2f} {row['ratio']:>6.1f} {row['memory_mb']:>5.0f} {row['load']:>5.2f}"
        for row in rows
    ]
    return "\n".join(lines)


if __name__ == "__main__":
    main()
