"""Every benchmark at a modest size, one after the other: all tables, and one JSON file.

    PYTHONPATH=tests python tests/benchmarks/all.py [--npz FILE] [--only NAME,NAME…] [--json FILE]

Takes about 40 minutes on two cores. Without the weights of Pensia et al. (--npz, see targets.py) a random network
of the same size stands for the reference job. A benchmark that fails is named, the others run, and the exit code is
1. Each can be run alone, with more options and at other sizes: their opening lines say how.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from benchmarks import measure

_HERE = Path(__file__).parent
_TARGETS = _HERE.parents[1] / "certificates" / "targets"


def steps(npz: Path | None) -> Mapping[str, list[str]]:
    """Return the scripts and their arguments."""
    job = ["--npz", str(npz)] if npz else ["--random"]
    return {
        "finder": ["--seconds", "2"],
        "prover": ["--limit", "10"],
        "phases": [str(_TARGETS / name) for name in ("iris.json", "digits.json")],
        "reference": [*job, "--fixed"],
        "limit": job,
        "growth": ["--repeat", "1"],
        "cluster": [],
        "sweep": ["--repeat", "3"],
        "peers_equal": ["--timeout", "10", "--repeat", "1"],
        "power": ["--figures", "--repeat", "1"],
        "hostile": [],
        "baselines": ["--npz", str(npz)] if npz else ["--synthetic"],
    }


def main() -> None:
    """Run and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--npz", type=Path, help="the weights of Pensia et al.")
    parser.add_argument("--only", help=", ".join(steps(None)))
    parser.add_argument("--json", type=Path, help="write all figures here")
    options = parser.parse_args()
    listed = steps(options.npz)
    names = options.only.split(",") if options.only else list(listed)
    found, failed = run({name: listed[name] for name in names})
    if options.json:
        options.json.write_text(json.dumps({"failed": failed, "benchmarks": found}, indent=2) + "\n")
    if failed:
        raise SystemExit(f"failed: {', '.join(failed)}")


def run(listed: Mapping[str, list[str]]) -> tuple[dict[str, Any], list[str]]:
    """Run scripts in processes of their own; return what each wrote, and the names of those that failed."""
    found, failed = {}, []
    with measure.scratch() as folder:
        for name, arguments in listed.items():
            print(f"\n{name}", flush=True)
            written = Path(folder) / f"{name}.json"
            command = [sys.executable, str(_HERE / f"{name}.py"), *arguments, "--json", str(written)]
            done = subprocess.run(command, env=os.environ | {"PYTHONPATH": measure.python_path()}, check=False)
            if done.returncode:
                failed.append(name)
            else:
                found[name] = json.loads(written.read_text())
    return found, failed


if __name__ == "__main__":
    main()
