"""Points per second of a sweep against the same evaluation in vectorised numpy, on the same points.

    PYTHONPATH=tests python tests/benchmarks/sweep.py [--repeat N] [--json FILE]

The peer multiplies matrices, adds biases, takes maxima and shifts, into arrays that it keeps, in int64 and in the
floats that are exact: float64 where interval bounds say that every number met is below 2^53, float32 below 2^24. Both
go through BLAS, which int64 does not. Points may be rows or columns, and chunks of several sizes are tried; the
fastest form of int64, and the fastest of all, are what is compared with. Drawing up the peer's points is not counted,
ours is. All run in one thread and in turns, time is the processor's, and figures are medians. All see every point
(the relation holds everywhere), and the largest difference that each of them reports has to be the same.
"""

from __future__ import annotations

import argparse
import os
import random
import resource
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from itertools import pairwise
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
from benchmarks import measure
from numpy.typing import NDArray

from certify.monitor import Monitor
from certify.network.matrix import from_dense
from certify.network.model import Box, Dense, Network
from certify.network.steps import Relu, Requantize, Step
from certify.proof.claim import Relation
from certify.proof.enumeration import program, sweep_grid

_EVERYTHING = Relation("within", 2**80)
_CHUNKS = (256, 1024, 4096, 16384)
_TRIAL_WORK = 2**27
_ONE_THREAD = dict.fromkeys(
    ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS", "VECLIB_MAXIMUM_THREADS"), "1"
)
_OTHER_PROCESSORS = ("OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE")
"""What would have BLAS compute as on another processor, which is slower."""


@dataclass(frozen=True)
class Form:
    """How numpy evaluates: in numbers of this type, points in rows or in columns, so many at a time."""

    kind: str
    columns: bool
    chunk: int


@dataclass(frozen=True)
class Case:
    """Two random networks of these widths on a box of these sizes, weights up to a magnitude, a shift or none."""

    name: str
    widths: tuple[tuple[int, ...], tuple[int, ...]]
    sizes: tuple[int, ...]
    largest_weight: int = 8
    shift: int = 0


CASES = (
    Case("10-35-2 / 10-15-15-2", ((10, 35, 2), (10, 15, 15, 2)), (4,) * 10),
    Case("10-35-2 / 10-15-15-2, 4 to 8 values", ((10, 35, 2), (10, 15, 15, 2)), (4, 4, 4, 4, 4, 4, 5, 5, 7, 8)),
    Case("6-16-4 / 6-16-4", ((6, 16, 4), (6, 16, 4)), (11,) * 6),
    Case("6-16-4 / 6-16-4, requantized", ((6, 16, 4), (6, 16, 4)), (11,) * 6, shift=4),
    Case("2-64-64-10 / 2-64-64-10", ((2, 64, 64, 10), (2, 64, 64, 10)), (256,) * 2),
    Case("2-64-64-10 / 2-64-64-10, requantized", ((2, 64, 64, 10), (2, 64, 64, 10)), (256,) * 2, shift=8),
    Case("10-35-2 / 10-15-15-2, beyond 32 bits", ((10, 35, 2), (10, 15, 15, 2)), (4,) * 10, largest_weight=2**26),
    Case("10-35-2 / 10-15-15-2, beyond 53 bits", ((10, 35, 2), (10, 15, 15, 2)), (4,) * 10, largest_weight=2**43),
)


def main() -> None:
    """Measure and print, in a process whose BLAS has one thread and the kernels of this processor."""
    environment = {name: value for name, value in os.environ.items() if name not in _OTHER_PROCESSORS} | _ONE_THREAD
    if environment != dict(os.environ):
        os.execve(sys.executable, [sys.executable, *sys.argv], environment)
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeat", type=int, default=5)
    parser.add_argument("--json", type=Path, help="write the figures here")
    options = parser.parse_args()
    rows = []
    for case in CASES:
        rows.append(_measure(case, options.repeat))
        print(_table(rows).splitlines()[-1] if len(rows) > 1 else _table(rows), flush=True)
    measure.report("sweep", {"runs": rows}, options.json)


def _measure(case: Case, repeat: int) -> dict[str, Any]:
    rng = random.Random(case.name)
    left, right = (_network(rng, case, widths) for widths in case.widths)
    small = Case(case.name, case.widths, (2,) * len(case.sizes))
    sweep_grid(*(_on_box(network, small.sizes) for network in (left, right)), 1, Monitor(), _EVERYTHING)
    bits = max(program(network).bits for network in (left, right))
    trial = _TRIAL_WORK // (left.multiplications() + right.multiplications())
    speed = {form: 1 / _numpy(left, right, form, trial)[0] for form in _forms(bits)}
    forms = [max((form for form in speed if form.kind == "int64"), key=speed.__getitem__)]
    forms += [form for form in (max(speed, key=speed.__getitem__),) if form not in forms]
    ours: list[float] = []
    theirs: dict[Form, list[float]] = {form: [] for form in forms}
    memory = 0.0
    for _ in range(repeat):
        began = time.process_time()
        seen = sweep_grid(left, right, 1, Monitor(), _EVERYTHING)
        ours.append(seen.points / (time.process_time() - began))
        memory = memory or _megabytes()
        for form, speeds in theirs.items():
            seconds, largest = _numpy(left, right, form, left.input.points())
            speeds.append(seen.points / seconds)
            if largest != seen.largest:
                raise SystemExit(f"{case.name}: the sweep's largest difference is {seen.largest}, {form}'s {largest}")
    peers = [
        {**asdict(form), "speed": median(of), "ratio": median(a / b for a, b in zip(ours, of, strict=True))}
        for form, of in theirs.items()
    ]
    return {
        "case": case.name,
        "points": left.input.points(),
        "multiplications": seen.work // seen.points,
        "bits": bits,
        "ours": median(ours),
        "int64": peers[0],
        "fastest": peers[-1],
        "memory_mb": memory,
        "load": os.getloadavg()[0],
    }


def _forms(bits: int) -> Iterator[Form]:
    """Yield the forms that are exact where every number met is below 2^bits."""
    exact = ["int64", *(["float64"] if bits <= 53 else []), *(["float32"] if bits <= 24 else [])]
    yield from (Form(kind, columns, chunk) for kind in exact for columns in (False, True) for chunk in _CHUNKS)


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


def _numpy(left: Network, right: Network, form: Form, wanted: int) -> tuple[float, int]:
    """Return seconds and the largest difference on the first `wanted` points of the box."""
    ours, theirs = ([_matrices(layer, form) for layer in network.layers] for network in (left, right))
    seconds, largest = 0.0, 0
    for points in _points(left.input.sizes, form, min(wanted, left.input.points())):
        began = time.process_time()
        gap = _evaluate(ours, points)
        gap -= _evaluate(theirs, points)
        largest = max(largest, int(np.abs(gap, out=gap).max()))
        seconds += time.process_time() - began
    return seconds, largest


def _points(sizes: Sequence[int], form: Form, wanted: int) -> Iterator[NDArray[Any]]:
    for first in range(0, wanted, form.chunk):
        numbers = np.arange(first, min(first + form.chunk, wanted))
        digits = np.unravel_index(numbers, tuple(sizes))
        yield np.ascontiguousarray(np.stack(digits, axis=0 if form.columns else 1).astype(form.kind))


@dataclass(frozen=True, eq=False)
class Matrices:
    """A layer as numpy multiplies it, and the array that it writes: points in rows, or in columns."""

    weights: NDArray[Any]
    bias: NDArray[Any]
    relu: bool
    shift: int
    sums: NDArray[Any]


def _matrices(layer: Dense, form: Form) -> Matrices:
    shift = next((step.shift for step in layer.steps if isinstance(step, Requantize)), 0)
    weights, bias = layer.weights.to_dense().astype(form.kind), np.array(layer.bias).astype(form.kind)
    assert isinstance(shift, int)
    if form.columns:
        sums = np.empty((layer.outputs, form.chunk), form.kind)
        return Matrices(weights, bias[:, np.newaxis], Relu() in layer.steps, shift, sums)
    sums = np.empty((form.chunk, layer.outputs), form.kind)
    return Matrices(np.ascontiguousarray(weights.T), bias, Relu() in layer.steps, shift, sums)


def _evaluate(layers: Sequence[Matrices], points: NDArray[Any]) -> NDArray[Any]:
    values = points
    for layer in layers:
        if layer.bias.ndim == 2:
            values = np.matmul(layer.weights, values, out=layer.sums[:, : values.shape[1]])
        else:
            values = np.matmul(values, layer.weights, out=layer.sums[: len(values)])
        values += layer.bias
        if layer.relu:
            np.maximum(values, 0, out=values)
        if layer.shift and values.dtype == np.int64:
            np.right_shift(values, layer.shift, out=values)
        elif layer.shift:
            np.multiply(values, 2.0**-layer.shift, out=values)
            np.floor(values, out=values)
    return values


def _megabytes() -> float:
    """Return the peak memory so far; Linux counts it in kilobytes, macOS in bytes."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return round(peak / (2**20 if sys.platform == "darwin" else 2**10), 1)


def _table(rows: list[dict[str, Any]]) -> str:
    head = f"{'case':<40} {'points':>8} {'mult.':>5} {'bits':>4} {'ours M/s':>9} {'int64 M/s':>9} {'ratio':>6}"
    lines = [f"{head} {'fastest exact form':>22} {'M/s':>6} {'ratio':>6} {'MB':>5} {'load':>5}"]
    for row in rows:
        int64, best = row["int64"], row["fastest"]
        form = f"{best['kind']} {'columns' if best['columns'] else 'rows'} {best['chunk']}"
        lines.append(
            f"{row['case']:<40} {row['points']:>8} {row['multiplications']:>5} {row['bits']:>4}"
            f" {row['ours'] / 1e6:>9.1f} {int64['speed'] / 1e6:>9.2f} {int64['ratio']:>6.1f} {form:>22}"
            f" {best['speed'] / 1e6:>6.1f} {best['ratio']:>6.1f} {row['memory_mb']:>5.0f} {row['load']:>5.2f}"
        )
    return "\n".join(lines)


if __name__ == "__main__":
    main()
