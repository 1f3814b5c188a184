"""Writes every conformance case, the same bytes every time, and removes the folders of cases that are no more.

    PYTHONPATH=tests python tests/conformance/generate.py [--check]

With --check nothing is written: what differs is named, and the exit code is 1.

All come from fixed keys, fixed targets and fixed seeds, and Ed25519 is deterministic. What each case expects is
written beside what makes it, by hand: it is what the program has to do, not what it did.
"""

from __future__ import annotations

import argparse
import shutil
from collections.abc import Mapping
from pathlib import Path

from conformance import (
    accepted_cases,
    ed25519_cases,
    encoding_cases,
    envelope_cases,
    equivalence_cases,
    mask_cases,
    proof_cases,
    second_cases,
    statement_cases,
    trust_cases,
)
from conformance.case import EXPECTED, HERE, Case

TOPICS = (
    accepted_cases,
    envelope_cases,
    encoding_cases,
    mask_cases,
    statement_cases,
    second_cases,
    proof_cases,
    equivalence_cases,
    ed25519_cases,
    trust_cases,
)


def all_cases() -> dict[str, Case]:
    """Return every case by the name of its folder."""
    found: dict[str, Case] = {}
    for topic in TOPICS:
        for case in topic.cases():
            assert case.folder not in found, case.folder
            found[case.folder] = case
    return found


def folders() -> list[Path]:
    """Return the folders of cases that are there."""
    return sorted(path.parent for path in HERE.glob(f"*/{EXPECTED}"))


def differences(wanted: Mapping[str, Case]) -> list[str]:
    """Return which files are missing, stale or of other bytes."""
    files = {f"{folder}/{name}": data for folder, case in wanted.items() for name, data in case.files().items()}
    there = {str(path.relative_to(HERE)): path for folder in folders() for path in folder.iterdir()}
    return sorted(
        name
        for name in {*files, *there}
        if name not in files or name not in there or there[name].read_bytes() != files[name]
    )


def write(wanted: Mapping[str, Case]) -> None:
    """Write all folders anew."""
    for folder in folders():
        shutil.rmtree(folder)
    for name, case in wanted.items():
        (HERE / name).mkdir()
        for file, data in case.files().items():
            (HERE / name / file).write_bytes(data)


def main() -> None:
    """Write, or check, and say what there is."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="write nothing")
    wanted = all_cases()
    if parser.parse_args().check:
        if different := differences(wanted):
            raise SystemExit("\n".join(["these differ:", *different]))
    else:
        write(wanted)
    size = sum(len(data) for case in wanted.values() for data in case.files().values())
    refused = sum(case.expected.exit_code != 0 for case in wanted.values())
    print(f"{len(wanted)} cases, {refused} of them to be refused, {size} bytes")


if __name__ == "__main__":
    main()
