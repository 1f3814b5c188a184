"""What many machines would do to a network of 10^9 weights: a simulation from measured times of tasks.

    PYTHONPATH=tests python tests/benchmarks/cluster.py [--weights N] [--measured N] [--machines N,N…] [--cores N]
        [--link BYTES_PER_SECOND] [--task SECONDS] [--json FILE]

Measured here, in this process, on one core and in processor time: `certify`'s own run on random networks of a quarter
of --measured weights and of all of them (growth.py's shapes), their phases, and every piece of work that would be
given to others, how long that takes and how many bytes go out and come back. With dask.distributed installed, a
scheduler and a worker on loopback say what a task costs there (--task otherwise) and how fast bytes pass; a slower
--link counts instead. Two fresh runs, of --measured weights and four times as many, say how the memory of the process
that gives out work grows.

Assumed: the large network has as many more layers of the larger measured network's sizes, so as many more pieces.
What the parent does alone, and its memory, lie on a straight line through both sizes. Phases follow each other, and
in each the parent does its own part first. For every piece the parent's core pickles it and reads its result, the
scheduler takes its time, the bytes pass one link in either direction, and the first core that is free takes the
piece, in their order. Machines are equally fast, none fails, and all are there from the start.

Columns: makespan, `speed-up` over one core that does everything, `busy` the part of the time that cores work, and
where the time goes: `alone` when only the parent works, `waiting` when cores wait for pieces or the last one. Below
is what no number of machines shortens.
"""

from __future__ import annotations

import argparse
import heapq
import importlib
import importlib.util
import itertools
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from benchmarks import measure, targets
from benchmarks.recorded import Phase, Piece, record

from certify.work import Crew

WEIGHTS = 10**9
MEASURED = 200_000
MACHINES = (1, 10, 100)
GIGABIT = 1.25e8
ASSUMED_TASK = 1e-3
_ENOUGH = 0.1


@dataclass(frozen=True)
class Costs:
    """What a task costs the scheduler, in seconds, how many bytes pass in a second, and where that is known from."""

    task: float
    link: float
    source: str


@dataclass(frozen=True)
class Simulated:
    """What so many machines do: seconds, those of the parent alone among them, and seconds that cores work."""

    machines: int
    makespan: float
    alone: float
    work: float


def main() -> None:
    """Measure, simulate and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--weights", type=int, default=WEIGHTS)
    parser.add_argument("--measured", type=int, default=MEASURED)
    parser.add_argument("--machines", default=",".join(map(str, MACHINES)))
    parser.add_argument("--cores", type=int, default=8, help="of each machine")
    parser.add_argument("--link", type=float, default=GIGABIT, help="bytes a second")
    parser.add_argument("--task", type=float, help="the scheduler's seconds for a task, instead of measuring")
    parser.add_argument("--json", type=Path, help="write the figures here")
    options = parser.parse_args()
    machines = [int(count) for count in options.machines.split(",")]
    costs = Costs(options.task, options.link, "as asked") if options.task else loopback(options.link)
    predict(options.weights, options.measured, machines, options.cores, costs, options.json)


def predict(
    weights: int, measured: int, machines: Sequence[int], cores: int, costs: Costs, path: Path | None
) -> dict[str, Any]:
    """Measure, simulate, print, and return the figures."""
    fewer, phases = (record(targets.random_network(targets.shape(count))) for count in (measured // 4, measured))
    sizes = [_weights(targets.shape(count)) for count in (measured // 4, measured)]
    print(f"measured on {sizes[1]:,} weights:")
    print(_phases(phases))
    print(
        f"a task: {costs.task * 1e3:.2f} ms, bytes: {costs.link / 1e6:,.0f} MB/s ({costs.source}), {cores} cores each"
    )
    large = enlarge(fewer, phases, sizes, weights)
    runs = [simulate(large, count, cores, costs) for count in machines]
    last = saturation(large, cores, costs)
    print(f"foretold for {weights:,} weights:")
    print(_table([*runs, last], cores))
    print(f"from {last.machines} machines on, twice as many save less than {_ENOUGH:.0%}")
    shared = bounds(large, costs)
    print("; ".join(f"{name} {seconds:,.0f} s" for name, seconds in shared.items()))
    larger = [measured, 4 * measured]
    memory = parent_memory(larger)
    gigabytes = _line([_weights(targets.shape(count)) for count in larger], memory, weights) / 1e3
    print(f"memory of the parent: {memory[0]:.0f} MB, {memory[1]:.0f} MB, foretold {gigabytes:,.1f} GB")
    figures = {
        "weights": weights,
        "measured_on": sizes,
        "cores_each": cores,
        "costs": asdict(costs),
        "phases": [asdict(phase) for phase in phases],
        "runs": [asdict(run) for run in (*runs, last)],
        "bounds": shared,
        "parent_mb": memory,
        "parent_gb": gigabytes,
    }
    return measure.report("cluster", figures, path, "distributed")


def _weights(shape: Sequence[int]) -> int:
    return sum(a * b for a, b in itertools.pairwise(shape))


def _line(sizes: Sequence[int], values: Sequence[float], weights: int) -> float:
    """Return where a straight line through two values is, at least the larger size's own."""
    slope = (values[1] - values[0]) / (sizes[1] - sizes[0])
    return values[1] + max(0.0, slope) * (weights - sizes[1])


def _phases(phases: Sequence[Phase]) -> str:
    head = ["phase", "alone s", "pieces", "their s", "longest s", "sent MB", "back MB", "parent s"]
    rows = [
        [
            phase.name,
            phase.alone,
            len(phase.pieces),
            sum((piece.seconds for piece in phase.pieces), 0.0),
            max((piece.seconds for piece in phase.pieces), default=0.0),
            sum(piece.sent for piece in phase.pieces) / 1e6,
            sum(piece.received for piece in phase.pieces) / 1e6,
            sum((piece.parent for piece in phase.pieces), 0.0),
        ]
        for phase in phases
    ]
    return measure.table(head, rows)


def _table(runs: Sequence[Simulated], cores: int) -> str:
    head = ["machines", "makespan s", "speed-up", "busy %", "alone %", "waiting %"]
    rows = []
    for run in runs:
        alone, busy = run.alone / run.makespan, run.work / run.makespan / (run.machines * cores)
        rows.append(
            [
                run.machines,
                run.makespan,
                (run.alone + run.work) / run.makespan,
                *(100 * x for x in (busy, alone, 1 - alone - busy)),
            ]
        )
    return measure.table(head, rows)


# Measuring.


def loopback(link: float) -> Costs:
    """Return what a task takes on this machine's own cluster, and the slower of the link and what passes there."""
    if importlib.util.find_spec("distributed") is None:
        return Costs(ASSUMED_TASK, link, "assumed: distributed is missing, pip install distributed")
    distributed, own = (importlib.import_module(name) for name in ("distributed", "certify.work.cluster"))
    options = {"n_workers": 1, "threads_per_worker": 1, "processes": True, "dashboard_address": None}
    with (
        distributed.LocalCluster(**options, silence_logs=50) as here,
        own.cluster_crew(here.scheduler_address, 1) as crew,
    ):
        list(crew.run(len, [b""] * 10))
        task = _seconds(crew, 500, 0) / 500
        passed = 20 * 2**22 / max(1e-9, _seconds(crew, 20, 2**22) - 20 * task)
    where = "measured on loopback" if passed < link else "a task measured on loopback, the link assumed"
    return Costs(task, min(link, passed), where)


def _seconds(crew: Crew, count: int, size: int) -> float:
    began = time.perf_counter()
    list(crew.run(len, [bytes(size)] * count))
    return time.perf_counter() - began


def parent_memory(sizes: Sequence[int]) -> list[float]:
    """Return the peak memory in MB of the process that gives out work, from fresh runs of these sizes."""
    found = []
    with measure.scratch() as folder:
        for weights in sizes:
            target = targets.write(targets.random_network(targets.shape(weights)), Path(folder) / f"{weights}.json")
            done, _ = measure.certify(["prove", str(target), "-o", f"{target}.certificate.json"], Path(folder))
            found.append(done.own or done.peak)
    return found


# Simulating.


def enlarge(fewer: Sequence[Phase], phases: Sequence[Phase], sizes: Sequence[int], weights: int) -> list[Phase]:
    """Return the phases of so many weights, from those of two sizes."""
    times, before = weights / sizes[1], {phase.name: phase.alone for phase in fewer}
    return [
        Phase(
            phase.name,
            _line(sizes, [before.get(phase.name, 0.0), phase.alone], weights),
            list(itertools.islice(itertools.cycle(phase.pieces), round(len(phase.pieces) * times))),
        )
        for phase in phases
    ]


def simulate(phases: Sequence[Phase], machines: int, cores: int, costs: Costs) -> Simulated:
    """Return what so many machines do with the pieces of all phases."""
    now = 0.0
    for phase in phases:
        now = _phase_end(phase.pieces, now + phase.alone, machines * cores, costs)
    work = sum(piece.seconds for phase in phases for piece in phase.pieces)
    return Simulated(machines, now, sum(phase.alone for phase in phases), work)


def bounds(phases: Sequence[Phase], costs: Costs) -> dict[str, float]:
    """Return the seconds of everything that there is one of."""
    pieces = [piece for phase in phases for piece in phase.pieces]
    return {
        "the parent": sum(phase.alone for phase in phases) + sum(piece.parent for piece in pieces),
        "the scheduler": costs.task * len(pieces),
        "the link out": sum(piece.sent for piece in pieces) / costs.link,
        "the link back": sum(piece.received for piece in pieces) / costs.link,
    }


def saturation(phases: Sequence[Phase], cores: int, costs: Costs) -> Simulated:
    """Return the first power of two of machines where twice as many save little."""
    run = simulate(phases, 1, cores, costs)
    while True:
        more = simulate(phases, 2 * run.machines, cores, costs)
        if more.makespan > (1 - _ENOUGH) * run.makespan:
            return run
        run = more


def _phase_end(pieces: Sequence[Piece], now: float, cores: int, costs: Costs) -> float:
    """Return when the last result is there, everything having begun now."""
    parent = scheduler = out = now
    free = [now] * min(cores, max(1, len(pieces)))
    results: list[tuple[float, int]] = []
    for piece in pieces:
        parent += piece.parent
        scheduler = max(scheduler, parent) + costs.task
        out = max(out, scheduler) + piece.sent / costs.link
        ended = max(out, heapq.heappop(free)) + piece.seconds
        heapq.heappush(free, ended)
        results.append((ended, piece.received))
    back = now
    for ended, received in sorted(results):
        back = max(back, ended) + received / costs.link
    return max(back, parent)


if __name__ == "__main__":
    main()
