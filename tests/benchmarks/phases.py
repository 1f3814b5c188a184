"""Where a run's time goes: the phases of finding, proving, signing and auditing given targets.

    PYTHONPATH=tests python tests/benchmarks/phases.py TARGET... [--workers N] [--repeat N] [--input-grid GRID]
        [--cross-check cvc5] [--json FILE]

Each run is a fresh process, so that imports and peak memory are its own; the first one of each target fills the JIT
cache and is not counted. Prints a table of medians, and the whole as JSON where asked. `rest` is what no phase has:
start-up, reading, signing, writing. Memory in MB (measure.py says how): of the process, of its largest child, and the
largest sum at one moment.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks import measure


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("targets", nargs="+", type=Path)
    parser.add_argument("--workers", default="1")
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--input-grid", help="passed on to prove, for ONNX targets with a float input")
    parser.add_argument("--cross-check", help="passed on to audit")
    parser.add_argument("--json", type=Path, help="write the figures here")
    options = parser.parse_args()
    check = ["--cross-check", options.cross_check] if options.cross_check else []
    rows = []
    with measure.scratch() as folder:
        for target in options.targets:
            grid = ["--input-grid", options.input_grid] if options.input_grid and target.suffix == ".onnx" else []
            rows += prove_and_audit(target, Path(folder), options.repeat, options.workers, prove=grid, audit=check)
    print(table(rows))
    measure.report("phases", {"runs": rows}, options.json)


def prove_and_audit(
    target: Path,
    folder: Path,
    repeat: int,
    workers: str | None,
    *,
    name: str = "",
    warm: bool = True,
    prove: Sequence[str] = (),
    audit: Sequence[str] = (),
) -> list[dict[str, Any]]:
    """Prove a target and audit the certificate, each `repeat` times; return a row of medians for both.

    Args:
        target: the file.
        folder: for the certificate, and for a key and the JIT's cache of nobody else.
        repeat: how many runs count.
        workers: --workers, None for the program's default.
        name: what to call the rows; the file's name by default.
        warm: run once more before, which does not count.
        prove: further arguments of `certify prove`.
        audit: and of `certify audit`.
    """
    certificate = folder / f"{target.stem}.certificate.json"
    common = ["--workers", workers] if workers else []
    commands = {
        "prove": ["prove", str(target), "-o", str(certificate), *prove, *common],
        "audit": ["audit", str(certificate), *audit, *common],
    }
    rows = []
    for command, arguments in commands.items():
        runs = [measure.certify(arguments, folder) for _ in range(repeat + warm)][warm:]
        row = {"target": name or target.name, "command": command, **medians(runs)}
        rows.append(row | {"certificate_kb": certificate.stat().st_size / 1000})
    return rows


def medians(runs: Sequence[tuple[measure.Run, dict[str, Any]]]) -> dict[str, Any]:
    """Return what runs of one command took: medians of seconds, the largest memory, and what the last one printed."""
    done, said = [run for run, _ in runs], [printed for _, printed in runs]
    phases = {phase: median(printed["timings"][phase] for printed in said) for phase in said[0]["timings"]}
    wall = median(run.wall for run in done)
    memory = {
        key: max((value for run in done if (value := getattr(run, key)) is not None), default=None)
        for key in ("peak", "own", "child", "together")
    }
    return {
        "wall": wall,
        "walls": [run.wall for run in done],
        "cpu": median(run.cpu for run in done),
        "phases": phases,
        "rest": wall - sum(phases.values()),
        "memory": memory,
        "ticket": said[-1]["ticket"],
    }


def table(rows: Sequence[dict[str, Any]]) -> str:
    """Return the table of such rows."""
    phases = list(dict.fromkeys(phase for row in rows for phase in row["phases"]))
    head = ["target", "command", *phases, "rest", "wall s", "cpu s", "MB", "child MB", "sum MB", "certificate kB"]
    body = [
        [
            row["target"],
            row["command"],
            *(row["phases"].get(phase) for phase in phases),
            *(row[key] for key in ("rest", "wall", "cpu")),
            *(row["memory"][key] for key in ("own", "child", "together")),
            row["certificate_kb"],
        ]
        for row in rows
    ]
    return measure.table(head, body)


if __name__ == "__main__":
    main()
