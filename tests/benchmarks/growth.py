"""Time and memory from 10,000 to 1,000,000 weights, and the exponents that fit.

    PYTHONPATH=tests python tests/benchmarks/growth.py [--sizes N,N…] [--workers N] [--repeat N] [--json FILE]

Targets are random networks of d inputs, d/2 hidden units and 10 outputs (targets.py has the law of their weights).
`certify prove` and `certify audit` are fresh processes, medians of some runs, the first of all not counted. The
exponent b of time ~ weights^b is the least-squares fit of logarithms. It is printed twice: of what was measured,
which start-up flattens, and with a tiny network's time and memory taken off, which leaves what grows with the
network. Memory is the largest sum over all processes at one moment, or the largest one's peak without /proc.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

from benchmarks import measure, targets
from benchmarks.phases import prove_and_audit

SIZES = (10_000, 30_000, 100_000, 300_000, 1_000_000)
TINY = (8, 4, 10)  # of too many points to be swept, as the others are
QUANTITIES = ("seconds", "cpu", "megabytes", "kilobytes")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", default=",".join(map(str, SIZES)))
    parser.add_argument("--workers", help="the program's default is the number of cores")
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--json", type=Path, help="write the figures here")
    options = parser.parse_args()
    grow([int(size) for size in options.sizes.split(",")], options.workers, options.repeat, options.json)


def grow(sizes: Sequence[int], workers: str | None, repeat: int, path: Path | None) -> dict[str, Any]:
    """Measure all sizes, print, and return the figures."""
    with measure.scratch() as folder:
        shapes = [TINY, *map(targets.shape, sizes)]
        rows = [row for shape in shapes for row in _measure(shape, Path(folder), workers, repeat)]
    print(
        measure.table(
            ["weights", "shape", "command", "s", "cpu s", "MB", "certificate kB"], [_line(row) for row in rows]
        )
    )
    fits = {command: _fits([row for row in rows if row["command"] == command]) for command in ("prove", "audit")}
    print(measure.table(["exponent of", *QUANTITIES], [[name, *fit] for each in fits.values() for name, fit in each]))
    return measure.report("growth", {"runs": rows, "exponents": fits}, path)


def _measure(shape: Sequence[int], folder: Path, workers: str | None, repeat: int) -> list[dict[str, Any]]:
    network = targets.random_network(shape)
    target = targets.write(network, folder / f"{network.name}.json")
    weights = sum(a * b for a, b in pairwise(shape))
    tiny = shape == TINY
    rows = prove_and_audit(target, folder, repeat, workers, warm=tiny)
    return [{"weights": weights, "shape": network.name, **row, **_quantities(row)} for row in rows]


def _quantities(row: dict[str, Any]) -> dict[str, float]:
    memory = row["memory"]
    return {
        "seconds": row["wall"],
        "cpu": row["cpu"],
        "megabytes": memory["together"] or memory["peak"],
        "kilobytes": row["certificate_kb"],
    }


def _line(row: dict[str, Any]) -> list[Any]:
    return [row["weights"], row["shape"], row["command"], *(row[quantity] for quantity in QUANTITIES)]


def _fits(rows: Sequence[dict[str, Any]]) -> list[tuple[str, list[float | None]]]:
    """Return the exponents of each quantity as measured, and without the first row, the tiny network's."""
    tiny, larger = rows[0], rows[1:]
    sizes = [row["weights"] for row in larger]

    def fit(quantity: str, start: float) -> float | None:
        values = [row[quantity] - start for row in larger]
        return measure.exponent(sizes, values) if len(values) > 1 and min(values) > 0 else None

    command = tiny["command"]
    return [
        (f"{command}, as measured", [fit(quantity, 0) for quantity in QUANTITIES]),
        (f"{command}, without start-up", [fit(quantity, tiny[quantity]) for quantity in QUANTITIES]),
    ]


if __name__ == "__main__":
    main()
