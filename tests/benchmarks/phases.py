"""Where a run's time goes: the phases of finding, proving, signing and auditing given targets.

    python tests/benchmarks/phases.py TARGET... [--workers N] [--repeat N] [--input-grid GRID] [--cross-check cvc5]
        [--json FILE]

Each run is a fresh process, so that imports and peak memory are its own; the first one of each target fills the JIT
cache and is not counted. Prints a table of medians, and the whole as JSON where asked.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median
from typing import Any

_PROGRAM = [sys.executable, "-c", "from certify.cli.main import main; main()"]


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
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for target in options.targets:
            rows += _measure(target, options, Path(folder))
    print(_table(rows))
    if options.json:
        machine = {"machine": platform.machine(), "cores": os.cpu_count(), "load": os.getloadavg()}
        options.json.write_text(json.dumps({**machine, "runs": rows}, indent=2) + "\n")


def _measure(target: Path, options: argparse.Namespace, folder: Path) -> list[dict[str, Any]]:
    certificate = folder / f"{target.stem}.certificate.json"
    common = ["--workers", options.workers, "--format", "json"]
    grid = ["--input-grid", options.input_grid] if options.input_grid and target.suffix == ".onnx" else []
    check = ["--cross-check", options.cross_check] if options.cross_check else []
    commands = {
        "prove": ["prove", str(target), "-o", str(certificate), *grid, *common],
        "audit": ["audit", str(certificate), *common, *check],
    }
    rows = []
    for name, arguments in commands.items():
        runs = [_run(arguments, folder) for _ in range(options.repeat + 1)][1:]
        phases = {phase: median(run["timings"][phase] for run in runs) for phase in runs[0]["timings"]}
        wall = median(run["wall"] for run in runs)
        memory = max(run["memory"] for run in runs)
        said = {"wall": wall, "memory_mb": memory, "certificate_kb": certificate.stat().st_size / 1000}
        rows.append({"target": target.name, "command": name, **said, "phases": phases})
    return rows


def _run(arguments: list[str], folder: Path) -> dict[str, Any]:
    """Run once; return timings, wall time in seconds and peak memory in MB."""
    environment = os.environ | {"XDG_CONFIG_HOME": str(folder)}
    began = time.perf_counter()
    process = subprocess.Popen([*_PROGRAM, *arguments, "-q"], stdout=subprocess.PIPE, env=environment)
    assert process.stdout is not None
    printed = process.stdout.read()
    _, status, usage = os.wait4(process.pid, 0)
    wall = time.perf_counter() - began
    if status:
        raise SystemExit(f"{arguments}: exit status {os.waitstatus_to_exitcode(status)}\n{printed.decode()}")
    return {"timings": json.loads(printed)["timings"], "wall": wall, "memory": _megabytes(usage)}


def _megabytes(usage: resource.struct_rusage) -> float:
    """Return the peak memory; Linux counts it in kilobytes, macOS in bytes."""
    return round(usage.ru_maxrss / (2**20 if sys.platform == "darwin" else 2**10), 1)


def _table(rows: list[dict[str, Any]]) -> str:
    phases = list(dict.fromkeys(phase for row in rows for phase in row["phases"]))
    head = ["target", "command", *phases, "wall s", "peak MB", "certificate kB"]
    body = [
        [
            row["target"],
            row["command"],
            *(f"{row['phases'][phase]:.2f}" if phase in row["phases"] else "" for phase in phases),
            f"{row['wall']:.2f}",
            f"{row['memory_mb']:.0f}",
            f"{row['certificate_kb']:.0f}",
        ]
        for row in rows
    ]
    widths = [max(len(line[index]) for line in [head, *body]) for index in range(len(head))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)) for line in [head, *body]
    )


if __name__ == "__main__":
    main()
