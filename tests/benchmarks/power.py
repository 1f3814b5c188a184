"""What the prover decides of pairs of networks, by kind and size, and how long the pairs that are figures take.

    PYTHONPATH=tests python tests/benchmarks/power.py [--each N] [--size NAME]... [--kind KIND]... [--json FILE]
    PYTHONPATH=tests python tests/benchmarks/power.py --figures [--repeat N] [--json FILE]

The first prints, for every kind of equal pair and each size, how many are proved, undecided and refuted (which would
be wrong), the same for one small change of them, and seconds, none of it with a sweep. The second measures `certify
equal` on files, each run a fresh process, the first one of a pair not counted: medians of wall time and of processor
time, which says more on a machine that others use too, and peak memory.
"""

from __future__ import annotations

import argparse
import random
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

import pairs
from benchmarks import measure
from pairs import Pair, Size

from certify.network.writer import write_network
from certify.proof.prover import Budget, prove

_SIZES = {
    "small": None,
    "8-8-4": Size((8, 8, 4), 33),
    "16-16-8-4": Size((16, 16, 8, 4), 33),
    "64-64-10": Size((64, 64, 10), 33),
}
_EACH = {"small": 20, "8-8-4": 5, "16-16-8-4": 3, "64-64-10": 1}
_VERDICTS = ("proved", "undecided", "refuted")


@dataclass(frozen=True)
class Row:
    """What became of the pairs of one kind and size; `changed` are those with one small change."""

    kind: str
    size: str
    equal: Counter[str]
    changed: Counter[str]
    median: float
    worst: float
    undecided: list[int]


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--each", type=int, help="pairs of every kind, at every size")
    parser.add_argument("--size", action="append", choices=_SIZES, help="all but the largest by default")
    parser.add_argument("--kind", action="append", choices=pairs.KINDS)
    parser.add_argument("--figures", action="store_true", help="time the program on the pairs that are figures")
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--json", type=Path, help="write the figures here")
    options = parser.parse_args()
    if options.figures:
        rows = list(_figures(options.repeat))
    else:
        sizes = options.size or [name for name in _SIZES if name != "64-64-10"]
        rows = [vars(row) for row in _power(options.kind or pairs.KINDS, sizes, options.each)]
    measure.report("power", {"rows": rows}, options.json)


# What is decided.


def _power(kinds: list[str], sizes: list[str], each: int | None) -> Iterator[Row]:
    line = "{:24} {:10} {:>22} {:>22} {:>9} {:>9}  {}"
    print(line.format("kind", "size", "/".join(_VERDICTS), "one change", "median s", "worst s", "undecided"))
    for size in sizes:
        for kind in kinds:
            row = _measure(kind, size, each or _EACH[size])
            counts = ["/".join(str(of[verdict]) for verdict in _VERDICTS) for of in (row.equal, row.changed)]
            seconds = [f"{row.median:.3f}", f"{row.worst:.3f}"]
            print(line.format(kind, size, *counts, *seconds, row.undecided or ""), flush=True)
            yield row


def _measure(kind: str, size: str, each: int) -> Row:
    equal, changed, seconds, undecided = Counter[str](), Counter[str](), [], []
    for number in range(each):
        rng = random.Random(f"power {kind} {size} {number}")
        left, right = pairs.equal(kind, rng, _SIZES[size] or pairs.small(rng))
        other = pairs.changed(right, rng)
        began = time.perf_counter()
        verdict = _verdict((left, right))
        seconds.append(time.perf_counter() - began)
        equal[verdict] += 1
        changed[_verdict((left, other))] += 1
        if verdict == "undecided":
            undecided.append(number)
    return Row(kind, size, equal, changed, median(seconds), max(seconds), undecided)


def _verdict(pair: Pair) -> str:
    return prove(*pair, Budget(sweep_work=0)).verdict.value


# The pairs that are figures.


def _figures(repeat: int) -> Iterator[dict[str, Any]]:
    line = "{:40} {:10} {:>8} {:>8} {:>8} {:>8}"
    print(line.format("pair", "verdict", "wall s", "worst s", "cpu s", "peak MB"))
    with measure.scratch() as name:
        folder = Path(name)
        for what, pair in _timed_pairs():
            for number, network in enumerate(pair):
                (folder / f"{number}.json").write_bytes(write_network(network))
            runs = [_run(folder) for _ in range(repeat + 1)][1:]
            walls = [run["wall"] for run in runs]
            row = {"pair": what, "verdict": runs[0]["verdict"], "wall": median(walls), "worst": max(walls)}
            row["cpu"] = median(run["cpu"] for run in runs)
            row["memory_mb"] = max(run["memory"] for run in runs)
            numbers = [f"{row['wall']:.2f}", f"{row['worst']:.2f}", f"{row['cpu']:.2f}", f"{row['memory_mb']:.0f}"]
            print(line.format(what, row["verdict"], *numbers), flush=True)
            yield row


def _timed_pairs() -> Iterator[tuple[str, Pair]]:
    for what, build in (
        ("binary 10-35-2, 10-15-15-2", pairs.binary),
        ("16-16-4, three units a weight", lambda rng: pairs.threefold((16, 16, 4), rng)),
        ("64-64-10, three units a weight", lambda rng: pairs.threefold((64, 64, 10), rng)),
    ):
        rng = random.Random(what)
        left, right = build(rng)
        yield what, (left, right)
        yield f"{what}, changed", (left, pairs.changed_weight(left, right, rng))


def _run(folder: Path) -> dict[str, Any]:
    """Run once; return the verdict, wall and processor time in seconds, and peak memory in MB."""
    files = [str(folder / f"{number}.json") for number in range(2)]
    done, said = measure.certify(["equal", *files], folder, codes=(0, 1, 3))
    return {"verdict": said["verdict"], "wall": done.wall, "cpu": done.cpu, "memory": done.peak}


if __name__ == "__main__":
    main()
