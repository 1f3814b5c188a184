"""Our finder beside flsss, OR-Tools (knapsack and CP-SAT) and SCIP: microseconds an instance, on one thread each.

    PYTHONPATH=tests python tests/benchmarks/finder.py [--cell BITS,ITEMS,OBJECTIVE]... [--peers NAME,NAME…]
        [--instances N] [--seconds S] [--repeat N] [--json FILE]

The instances are those of instances.py, the same for everyone, in one process and in turns, round by round; times are
the processor's, which says more on a machine that others use too, and figures medians over the rounds. Ours gets all
instances in one call, as the program does. A peer is called once for each instance, its Python call and the writing
of its model included; one that is slow gets only the first instances, as many as it solves in about --seconds, and
one round, and the columns on agreement speak of those. Every answer is checked in plain Python. Of two objectives,
`first` takes any subset and `sparsest` one of the fewest items.

Columns: `ratio` is the peer's time over ours, `items` how many items a subset has on average (`ours` on the same
instances), `solved` how many of them it solved (`ours` likewise), `missed` what the peer solves and we do not, which
must be 0, `more` the contrary, `fewer` where its subset has fewer items than ours, `wrong` answers that are none, MB
the peak memory of a fresh process that does nothing else. Peers are installed from requirements.txt beside this file.
"""

from __future__ import annotations

import argparse
import importlib
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import mean, median
from typing import Any

import numpy as np
from benchmarks import measure
from benchmarks.finder_peers import PEERS, Peer, Subset
from benchmarks.instances import Instances, draw, wrong

OURS = "certify"
CELLS = (
    *((bits, length, "first") for bits, length in ((8, 16), (12, 20), (16, 26), (20, 32))),
    *((bits, length, "sparsest") for bits, length in ((8, 16), (12, 20), (16, 26), (20, 32), (12, 40), (20, 60))),
)
COUNTS = {8: 4000, 12: 2000, 16: 1000, 20: 400}


@dataclass(frozen=True)
class Cell:
    """What is measured in one go: precision, number of items, objective, number of instances."""

    bits: int
    length: int
    objective: str
    count: int

    def draw(self) -> Instances:
        return draw(self.bits, self.length, self.count)


@dataclass(frozen=True)
class Row:
    """What one solver did on one cell; see this file's opening. Times in microseconds, memory in MB."""

    bits: int
    items: int
    objective: str
    solver: str
    instances: int
    rounds: int
    microseconds: float
    ratio: float
    kept: float
    kept_ours: float
    solved: int
    solved_ours: int
    missed: int
    more: int
    fewer: int
    wrong: int
    megabytes: float


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cell", action="append", type=_cell, help="such as 12,20,first; all by default")
    parser.add_argument("--peers", default=",".join(PEERS), help="names, or nothing")
    parser.add_argument("--instances", type=int, help="of every cell")
    parser.add_argument("--seconds", type=float, default=5, help="for one round of a peer")
    parser.add_argument("--repeat", type=int, default=5)
    parser.add_argument("--json", type=Path, help="write the figures here")
    parser.add_argument("--alone", help=argparse.SUPPRESS)
    options = parser.parse_args()
    cells = [Cell(*cell, options.instances or COUNTS[cell[0]]) for cell in options.cell or CELLS]
    if options.alone:
        _alone(cells[0], options.alone)
        return
    compare(cells, [name for name in options.peers.split(",") if name], options.seconds, options.repeat, options.json)


def compare(
    cells: Sequence[Cell], peers: Sequence[str], seconds: float, repeat: int, path: Path | None
) -> dict[str, Any]:
    """Measure all cells, print, and return the figures."""
    missing = [name for name in peers if PEERS[name].load() is None]
    for name in missing:
        print(f"{name} is missing: pip install {PEERS[name].package}", flush=True)
    loaded = [name for name in peers if name not in missing]
    rows: list[Row] = []
    for cell in cells:
        measured = _measure(cell, loaded, seconds, repeat)
        print(_table(measured), flush=True)
        rows += measured
    packages = sorted({PEERS[name].package for name in peers})
    return measure.report("finder", {"missing": missing, "rows": [asdict(row) for row in rows]}, path, *packages)


def _cell(text: str) -> tuple[int, int, str]:
    bits, length, objective = text.split(",")
    if objective not in {"first", "sparsest"}:
        raise argparse.ArgumentTypeError(f"expected first or sparsest, found {objective}")
    return int(bits), int(length), objective


def ours(instances: Instances, objective: str) -> Any:
    """Solve all in one call; return what `subsets` reads."""
    subset_sum = importlib.import_module("solvers.subset_sum")  # not where a peer runs alone
    solutions = subset_sum.solve(instances.items, instances.targets, objective)
    return solutions.found, solutions.chosen


def subsets(answer: Any) -> list[Subset]:
    """Return our answers as lists of positions, which is no part of solving."""
    return [np.flatnonzero(row).tolist() if is_there else None for is_there, row in zip(*answer, strict=True)]


def theirs(peer: Peer, instances: Instances, objective: str) -> list[Subset]:
    """Return a peer's subsets, one call for each."""
    module, function = peer.load(), peer.objectives[objective]
    return [function(module, *instance) for instance in _each(instances)]


def _each(instances: Instances) -> list[tuple[Any, int]]:
    return list(zip(instances.items, instances.targets.tolist(), strict=True))


def _measure(cell: Cell, peers: Sequence[str], seconds: float, repeat: int) -> list[Row]:
    instances = cell.draw()
    ours(instances.first(2), cell.objective)  # compiles
    able = [name for name in peers if cell.objective in PEERS[name].objectives]
    takes = {name: _affordable(PEERS[name], instances, cell.objective, seconds) for name in able}
    solvers: dict[str, Callable[[], Any]] = {OURS: lambda: ours(instances, cell.objective)}
    for name, (count, _) in takes.items():
        solvers[name] = _bound(PEERS[name], instances.first(count), cell.objective)
    times: dict[str, list[float]] = {name: [] for name in solvers}
    answers: dict[str, Any] = {}
    for number in range(repeat):
        for name, function in solvers.items():
            count, rounds = takes.get(name, (cell.count, repeat))
            if number < rounds:
                began = time.process_time()
                answers[name] = function()
                times[name].append((time.process_time() - began) / count * 1e6)
    answers[OURS] = subsets(answers[OURS])
    return [_row(cell, name, instances, answers, times) for name in solvers]


def _bound(peer: Peer, instances: Instances, objective: str) -> Callable[[], list[Subset]]:
    return lambda: theirs(peer, instances, objective)


def _affordable(peer: Peer, instances: Instances, objective: str, seconds: float) -> tuple[int, int]:
    """Return how many instances a peer gets, by a trial, and in how many rounds."""
    module, function = peer.load(), peer.objectives[objective]
    function(module, np.ones(1, dtype=np.int64), 1)
    began, done = time.process_time(), 0
    for instance in _each(instances):
        function(module, *instance)
        done += 1
        if time.process_time() - began > seconds:
            break
    return done, (sys.maxsize if done == len(instances.targets) else 1)


def _row(
    cell: Cell,
    name: str,
    instances: Instances,
    answers: dict[str, list[Subset]],
    times: dict[str, list[float]],
) -> Row:
    own, its = answers[OURS][: len(answers[name])], answers[name]
    bad = [subset is not None and wrong(instances, index, subset) for index, subset in enumerate(its)]
    pairs = [(a, b) for a, b, is_bad in zip(own, its, bad, strict=True) if not is_bad]
    both = [(a, b) for a, b in pairs if a is not None and b is not None]
    return Row(
        bits=cell.bits,
        items=cell.length,
        objective=cell.objective,
        solver=name,
        instances=len(its),
        rounds=len(times[name]),
        microseconds=median(times[name]),
        ratio=median(times[name]) / median(times[OURS]),
        kept=mean(len(b) for _, b in both) if both else 0.0,
        kept_ours=mean(len(a) for a, _ in both) if both else 0.0,
        solved=sum(b is not None for _, b in pairs),
        solved_ours=sum(a is not None for a, _ in pairs),
        missed=sum(a is None and b is not None for a, b in pairs),
        more=sum(a is not None and b is None for a, b in pairs),
        fewer=sum(len(b) < len(a) for a, b in both),
        wrong=sum(bad),
        megabytes=_memory(cell, name, len(its) if name == OURS else min(len(its), 50)),
    )


def _memory(cell: Cell, name: str, count: int) -> float:
    """Return the peak memory of a process that only draws the instances and has one solver solve them."""
    spec = f"{cell.bits},{cell.length},{cell.objective}"
    command = [sys.executable, "-m", "benchmarks.finder", "--cell", spec, "--instances", str(count), "--alone", name]
    return measure.run(command, {"PYTHONPATH": measure.python_path()}).peak


def _alone(cell: Cell, name: str) -> None:
    instances = cell.draw()
    if name == OURS:
        ours(instances, cell.objective)
    else:
        theirs(PEERS[name], instances, cell.objective)


def _table(rows: Sequence[Row]) -> str:
    head = ["b", "n", "objective", "solver", "instances", "rounds", "µs", "ratio", "items", "ours", "solved", "ours"]
    head += ["missed", "more", "fewer", "wrong", "MB"]
    return measure.table(head, [list(asdict(row).values()) for row in rows])


if __name__ == "__main__":
    main()
