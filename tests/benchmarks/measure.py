"""What the benchmarks share: fresh processes and what they took, the machine, tables, JSON, exponents.

A figure of a run is that of a fresh process, so that imports, start-up and peak memory are its own. It is begun by
a small process, this file run as a script, because what `wait4` calls the peak of a process includes what its parent
held when it was begun. That peak is the largest process's of the run. Where there is /proc, the run and the processes
that it began are looked at every twentieth of a second as well: this tells it from its children, and gives the
largest sum at one moment. The sum counts pages that processes share once for each, so it is an upper bound.
"""

from __future__ import annotations

import json
import math
import os
import platform
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from importlib import metadata
from pathlib import Path
from typing import Any

PROGRAM = [sys.executable, "-c", "from certify.cli.main import main; main()"]
_PACKAGES = ("certify", "numpy", "numba", "z3-solver")
_EVERY = 0.05


@dataclass(frozen=True)
class Run:
    """What one fresh process did.

    Attributes:
        printed: its standard output.
        code: its exit code, negative where a signal ended it.
        wall: seconds from start to end.
        cpu: processor seconds, of its children too.
        peak: MB of the largest process among it and its children.
        own, child: MB of it, and of its largest child (0 without one); None without /proc.
        together: MB, the largest sum at one moment; None without /proc.
    """

    printed: str
    code: int
    wall: float
    cpu: float
    peak: float
    own: float | None
    child: float | None
    together: float | None


def run(command: Sequence[str], environment: Mapping[str, str] | None = None) -> Run:
    """Run a command to its end and measure it; its standard error goes where ours goes.

    Args:
        command: the program and its arguments.
        environment: what is to be added to ours.
    """
    ask = json.dumps(list(command))
    between = [sys.executable, "-S", __file__]
    done = subprocess.run(
        between, input=ask, stdout=subprocess.PIPE, text=True, check=True, env=os.environ | dict(environment or {})
    )
    return Run(**json.loads(done.stdout))


def certify(arguments: Sequence[str], folder: Path, codes: Sequence[int] = (0,)) -> tuple[Run, dict[str, Any]]:
    """Run the program, its configuration in a folder; return the run and the JSON that it printed.

    Raises:
        SystemExit: it ended with another exit code.
    """
    done = run([*PROGRAM, *arguments, "--format", "json", "-q"], {"XDG_CONFIG_HOME": str(folder)})
    if done.code not in codes:
        raise SystemExit(f"{' '.join(arguments)}: exit code {done.code}\n{done.printed}")
    return done, json.loads(done.printed)


def python_path() -> str:
    """Return PYTHONPATH for a fresh process that imports what this one does."""
    return os.pathsep.join(path or str(Path.cwd()) for path in sys.path)


def scratch() -> tempfile.TemporaryDirectory[str]:
    """Return a folder for the files of a benchmark."""
    return tempfile.TemporaryDirectory(prefix="benchmark-")


def machine(*packages: str) -> dict[str, Any]:
    """Return what a figure depends on besides the program: processor, cores, load, versions of packages."""
    return {
        "machine": platform.machine(),
        "processor": _processor(),
        "cores": os.cpu_count(),
        "load": [round(load, 2) for load in os.getloadavg()],
        "python": platform.python_version(),
        "versions": {package: version(package) for package in (*_PACKAGES, *packages)},
    }


def version(package: str) -> str | None:
    """Return the version of a package, None where it is not installed."""
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def report(name: str, figures: dict[str, Any], path: Path | None, *packages: str) -> dict[str, Any]:
    """Print the machine, and write it and the figures as JSON where a path is given; return what is written."""
    whole = {"benchmark": name, **machine(*packages), **figures}
    about = {key: whole[key] for key in ("processor", "cores", "load", "python", "versions")}
    print("; ".join(f"{key} {value}" for key, value in about.items()), flush=True)
    if path:
        path.write_text(json.dumps(whole, indent=2) + "\n")
    return whole


def table(head: Sequence[str], rows: Sequence[Sequence[Any]]) -> str:
    """Return aligned columns: text to the left, numbers to the right with three digits that say something."""
    cells = [[_cell(value) for value in row] for row in rows]
    numbers = [all(not isinstance(row[index], str) for row in rows) for index in range(len(head))]
    widths = [max(len(line[index]) for line in [head, *cells]) for index in range(len(head))]
    return "\n".join(
        "  ".join(
            cell.rjust(width) if number else cell.ljust(width)
            for cell, width, number in zip(line, widths, numbers, strict=True)
        ).rstrip()
        for line in [head, *cells]
    )


def exponent(sizes: Sequence[float], values: Sequence[float]) -> float:
    """Return b of the least-squares fit log(value) = a + b·log(size)."""
    logs = [(math.log(size), math.log(value)) for size, value in zip(sizes, values, strict=True)]
    mean_x, mean_y = (sum(pair[axis] for pair in logs) / len(logs) for axis in range(2))
    above = sum((x - mean_x) * (y - mean_y) for x, y in logs)
    return above / sum((x - mean_x) ** 2 for x, _ in logs)


def _cell(value: Any) -> str:
    if value is None:
        return "-"
    if not isinstance(value, float):
        return str(value)
    if value == 0 or not math.isfinite(value):
        return f"{value:g}"
    return f"{value:.{max(0, 2 - math.floor(math.log10(abs(value))))}f}" if abs(value) < 1000 else f"{value:,.0f}"


def _from_kilobytes(count: float | None) -> float | None:
    return None if count is None else round(count / 2**10, 1)


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor()
    return next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), "")


# What the process between does.


@dataclass
class _Watch:
    """What /proc said of a process and its descendants: peaks by process, and the largest sum, in kB."""

    root: int
    peaks: dict[int, int] = field(default_factory=dict)
    together: int = 0

    def look_until(self, over: threading.Event) -> None:
        if not Path("/proc/self/status").exists():
            return
        while not over.is_set():
            self._look()
            over.wait(_EVERY)

    def _look(self) -> None:
        now = 0
        for process in _descendants(self.root):
            peak, resident = _memory(process)
            self.peaks[process] = max(self.peaks.get(process, 0), peak)
            now += resident
        self.together = max(self.together, now)

    def child(self) -> float | None:
        if not self.peaks:
            return None
        return _from_kilobytes(max((peak for process, peak in self.peaks.items() if process != self.root), default=0))


def _descendants(root: int) -> Iterator[int]:
    yield root
    for listed in Path(f"/proc/{root}/task").glob("*/children"):
        try:
            children = listed.read_text().split()
        except OSError:
            continue
        for child in children:
            yield from _descendants(int(child))


def _memory(process: int) -> tuple[int, int]:
    """Return kB: the peak of a process and what it has now, (0, 0) when it is gone."""
    try:
        lines = Path(f"/proc/{process}/status").read_text().splitlines()
    except OSError:
        return 0, 0
    said = dict(line.split(":", 1) for line in lines if line.startswith(("VmHWM", "VmRSS")))
    peak, now = (int(said.get(name, "0").split()[0]) for name in ("VmHWM", "VmRSS"))
    return peak, now


def _measured(command: Sequence[str]) -> Run:
    began = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stdin=subprocess.DEVNULL, start_new_session=True)
    assert process.stdout is not None
    watch, over = _Watch(process.pid), threading.Event()
    watcher = threading.Thread(target=watch.look_until, args=(over,), daemon=True)
    watcher.start()
    try:
        printed = process.stdout.read()
        _, status, usage = os.wait4(process.pid, 0)
    except KeyboardInterrupt:
        os.killpg(process.pid, signal.SIGKILL)
        raise
    finally:
        over.set()
    wall = time.perf_counter() - began
    watcher.join()
    process.returncode = os.waitstatus_to_exitcode(status)
    return Run(
        printed=printed.decode(),
        code=process.returncode,
        wall=wall,
        cpu=usage.ru_utime + usage.ru_stime,
        peak=_from_kilobytes(usage.ru_maxrss / (2**10 if sys.platform == "darwin" else 1)) or 0.0,
        own=_from_kilobytes(watch.peaks.get(process.pid)),
        child=watch.child(),
        together=_from_kilobytes(watch.together or None),
    )


if __name__ == "__main__":
    json.dump(asdict(_measured(json.load(sys.stdin))), sys.stdout)
