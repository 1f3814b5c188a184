"""A long run of one target or all of them, guided by coverage: `python tests/fuzz/campaign.py network --seconds 600`.

atheris (Linux; `pip install '.[fuzz]'`) instruments the modules of `certify` and lets libFuzzer change bytes; every
other change is one that knows the format, out of `mutations.py`. A target ends at its first finding, which is left as
a file `finding-…` in the folder of findings; it is tried again by `--replay FILE`. With `all` each target has an
equal part of the time, one process after the other, and a table of what was run is printed.
"""

from __future__ import annotations

import argparse
import os
import random
import re
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
ALL = (
    *("strict_json", "network", "certificate", "statement", "mask", "signers", "revoked"),
    *("keys", "tflite", "onnx", "arrays", "claims"),
)
MAX_SECONDS_EACH = 60
"""A process grows by some kilobytes an execution, in atheris; what one input takes is held in test_short.py."""
_STATE = re.compile(r"^#\d+\s.*?\bcov: (\d+) ft: (\d+) corp: (\d+)", re.MULTILINE)
_EXECUTIONS = re.compile(r"stat::number_of_executed_units:\s*(\d+)|^#(\d+)\s", re.MULTILINE)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("target", choices=[*ALL, "all"])
    parser.add_argument("--seconds", type=int, default=60, help="for all that was asked for, together")
    parser.add_argument("--findings", type=Path, default=Path("findings"), help="a folder for what was found")
    parser.add_argument("--corpus", type=Path, help="a folder for each target's corpus, to go on from")
    parser.add_argument("--replay", type=Path, help="only read this file")
    options = parser.parse_args()
    # The folder of this file comes off the path: its modules have common names, and are imported from `fuzz`.
    sys.path[:] = [
        str(ROOT),
        str(ROOT / "tests"),
        *(entry for entry in sys.path if entry != str(Path(__file__).parent)),
    ]
    if options.replay:
        replay(options.target, options.replay)
    elif options.target == "all":
        run_all(options)
    else:
        run_one(options.target, options.seconds, options.findings, options.corpus)


def replay(name: str, path: Path) -> None:
    from fuzz.targets import TARGETS  # noqa: PLC0415 - after sys.path

    print("read" if TARGETS[name].check(path.read_bytes()) else "refused")


def run_one(name: str, seconds: int, findings: Path, corpus: Path | None) -> None:
    """Fuzz one target in this process, which libFuzzer ends."""
    try:
        import atheris  # noqa: PLC0415 - an extra
    except ImportError:
        sys.exit("campaign.py: expected atheris to be installed: pip install '.[fuzz]' (Linux)")
    os.environ["NUMBA_DISABLE_JIT"] = "1"  # instrumented kernels are nothing that numba compiles
    with atheris.instrument_imports(include=["certify"]):
        from fuzz.targets import TARGETS  # noqa: PLC0415 - after sys.path, instrumented

    target = TARGETS[name]
    findings.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as scratch:
        found = corpus / name if corpus else Path(scratch) / "corpus"
        found.mkdir(parents=True, exist_ok=True)
        for number, seed in enumerate(target.seeds()):
            if len(seed) <= target.max_length:
                (found / f"seed-{number}").write_bytes(seed)
        words = Path(scratch) / "words"
        words.write_text("".join(f'"{_escaped(word)}"\n' for word in target.words))

        def once(data: bytes) -> None:
            target.check(data)

        def mutate(data: bytes, max_size: int, seed: int) -> bytes:
            rng = random.Random(seed)
            changed = target.mutate(data, rng) if rng.random() < 0.5 else atheris.Mutate(data, max_size)
            return changed[:max_size]

        options = [
            f"-max_total_time={seconds}",
            f"-runs={target.max_runs}",
            f"-timeout={MAX_SECONDS_EACH}",
            f"-report_slow_units={MAX_SECONDS_EACH}",
            f"-rss_limit_mb={target.max_megabytes}",
            f"-max_len={target.max_length}",
            f"-artifact_prefix={findings}/finding-{name}-",
            "-print_final_stats=1",
        ]
        options += [f"-dict={words}"] if target.words else []
        atheris.Setup([sys.argv[0], *options, str(found)], once, custom_mutator=mutate)
        atheris.Fuzz()


def _escaped(word: bytes) -> str:
    return "".join(chr(b) if 32 <= b < 127 and chr(b) not in '"\\' else f"\\x{b:02x}" for b in word)


@dataclass(frozen=True)
class Run:
    """What one target's process said at its end."""

    name: str
    executions: int
    edges: int
    features: int
    corpus: int
    findings: int


def run_all(options: argparse.Namespace) -> None:
    rows = [row_of(name, options.seconds // len(ALL), options) for name in ALL]
    print("| target | executions | edges | features | corpus | findings |\n|---|---|---|---|---|---|")
    for row in rows:
        print(f"| {row.name} | {row.executions:,} | {row.edges} | {row.features} | {row.corpus} | {row.findings} |")
    sys.exit(1 if any(row.findings for row in rows) else 0)


def row_of(name: str, seconds: int, options: argparse.Namespace) -> Run:
    command = [sys.executable, __file__, name, "--seconds", str(seconds), "--findings", str(options.findings)]
    command += ["--corpus", str(options.corpus)] if options.corpus else []
    ended = subprocess.run(command, stderr=subprocess.PIPE, text=True, errors="replace", check=False)
    executions = max((int(a or b) for a, b in _EXECUTIONS.findall(ended.stderr)), default=0)
    states = _STATE.findall(ended.stderr)
    if ended.returncode or not states:
        print(ended.stderr[-4000:], file=sys.stderr)
    edges, features, corpus = map(int, states[-1]) if states else (0, 0, 0)
    return Run(name, executions, edges, features, corpus, int(ended.returncode != 0))


if __name__ == "__main__":
    main()
