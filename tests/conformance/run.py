"""Runs every conformance case in a process of its own, through any implementation's command line, with its time.

    python tests/conformance/run.py [--command CMD] [--without NEED]... [--limit SECONDS] [--times] [CASE...]

The standard library is all it needs. An answer is right where its exit code is; where a `certify.result/1` comes with
it, its error's kind, file and place, verdict and trust have to be right too. An implementation may say `not covered`
with exit code 3. The exit code is 1 when anything is wrong, or took longer than the limit.
"""

from __future__ import annotations

import argparse
import json
import os
import shlex
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
OURS = [sys.executable, "-c", "from certify.cli.main import main; main()", "audit"]
SHOWN = ("kind", "file", "place")


@dataclass(frozen=True)
class Answer:
    """What a command said of a case.

    Attributes:
        outcome: right, wrong or not covered.
        says: what is wrong with it.
        seconds: from start to end.
        processor: seconds of the processor that it and its children had; 0 where the system does not say.
    """

    outcome: str
    says: str = ""
    seconds: float = 0.0
    processor: float = 0.0


def main() -> None:
    """Run, print, and exit."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--command", help="called with a certificate and options; else `certify audit` of this Python"
    )
    parser.add_argument("--without", action="append", default=[], metavar="NEED", help="leave out cases that need it")
    parser.add_argument("--limit", type=float, default=2.0, help="seconds that a case may take (2)")
    parser.add_argument("--times", action="store_true", help="print every case, its time, and its processor time")
    parser.add_argument("cases", nargs="*", metavar="CASE", help="names of folders; else all")
    asked = parser.parse_args()
    folders = [HERE / name for name in asked.cases] or sorted(path.parent for path in HERE.glob("*/expected.json"))
    command = [*OURS] if asked.command is None else absolute(shlex.split(asked.command))
    answers = {folder.name: answer(folder, command, asked.without) for folder in folders}
    bad = [name for name, given in answers.items() if given.outcome == "wrong" or given.seconds > asked.limit]
    for name in answers if asked.times else bad:
        given = answers[name]
        print(f"{given.seconds:6.2f} s  {given.processor:6.2f} s  {given.outcome:<11}  {name}  {given.says}".rstrip())
    counted = Counter(given.outcome for given in answers.values())
    print(f"{len(answers)} cases: " + ", ".join(f"{count} {outcome}" for outcome, count in sorted(counted.items())))
    for what in ("seconds", "processor"):
        name = max(answers, key=lambda name: getattr(answers[name], what))
        total = sum(getattr(given, what) for given in answers.values())
        print(f"{what}: {total:.0f} in all, {getattr(answers[name], what):.2f} at most, for {name}")
    sys.exit(1 if bad else 0)


def absolute(command: Sequence[str]) -> list[str]:
    """Return a command that can be called in any folder: files in it by their full names."""
    return [str(Path(part).absolute()) if "/" in part and Path(part).exists() else part for part in command]


def answer(folder: Path, command: Sequence[str], without: Sequence[str]) -> Answer:
    """Return what a command says of a case."""
    expected = json.loads((folder / "expected.json").read_bytes())
    if set(without) & set(expected["needs"]):
        return Answer("left out")
    with tempfile.TemporaryDirectory() as home:
        names = dict.fromkeys(("HOME", "XDG_CONFIG_HOME", "APPDATA", "USERPROFILE"), home)
        start, before = time.perf_counter(), processor()
        ran = subprocess.run(
            [*command, *arguments(folder, command)],
            cwd=folder,
            env=os.environ | names,
            capture_output=True,
            check=False,
            stdin=subprocess.DEVNULL,
        )
        spent = time.perf_counter() - start, processor() - before
        left = [path.name for path in Path(home).iterdir()]
    said = ran.stdout.decode(errors="replace"), ran.stderr.decode(errors="replace")
    if ran.returncode == 3 and "not covered" in "".join(said):
        return Answer("not covered", "", *spent)
    wrong = differences(expected, ran.returncode, *said) + [f"wrote {name}" for name in left]
    return Answer("wrong" if wrong else "right", "; ".join(wrong), *spent)


def processor() -> float:
    """Return how long all processes that ended had the processor."""
    times = os.times()
    return times.children_user + times.children_system


def arguments(folder: Path, command: Sequence[str]) -> list[str]:
    """Return what a command gets."""
    trust = ["--trust", "allowed_signers"] if (folder / "allowed_signers").exists() else []
    more = folder / "arguments"
    form = ["--format", "json"] if list(command) == OURS else []
    return ["certificate.json", *trust, *(more.read_text().splitlines() if more.exists() else []), *form]


def differences(expected: dict[str, Any], code: int, out: str, err: str) -> list[str]:
    """Return in words what is not as expected."""
    wrong = [] if code == expected["exit_code"] else [f"exit code {code}, expected {expected['exit_code']}"]
    if "Traceback" in err:
        wrong.append("a traceback")
    try:
        said = json.loads(out)
    except ValueError:
        return wrong
    if not isinstance(said, dict) or said.get("format") != "certify.result/1":
        return wrong
    error = said["error"] and {key: said["error"][key] for key in SHOWN}
    found = {"error": error, "verdict": said["verdict"], "trusted": said["trusted"]}
    return wrong + [
        f"{key} {value}, expected {expected[key]}" for key, value in found.items() if value != expected[key]
    ]


if __name__ == "__main__":
    main()
