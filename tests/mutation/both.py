"""Both audits against the oracle: `python tests/mutation/both.py --count 100000`.

Every number is a certificate of `liars`: one in which something is changed and the rest said as if it held, signed
with a trusted key. The full audit and `certify.minimal` decide it, and where either says `proved` or `refuted`, the
whole grid is swept by the oracle of the tests. What may never be: `proved` of what the oracle refutes, `refuted` of
what it finds equal, or two verdicts that differ. Certificates are taken a hundred at a time; each such chunk that is
decided is a line of the file of results, which a later run begins after.

z3 takes ten times as long to make a context as to answer such small questions, so here those of a chunk share one.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import sys
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from unittest import mock

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from liars import KEY, KINDS, Lie, lie
from program import trust_line

from certify import minimal
from certify.certificate.audit import audit
from certify.certificate.trust import parse_allowed_signers
from certify.errors import InvalidCertificateError
from solvers.smt import many

CHUNK = 100
LINE = trust_line(KEY).encode()
FULL_TRUST, MINIMAL_TRUST = parse_allowed_signers(LINE), minimal.read_trust(LINE)
NOW = datetime(2026, 1, 1, tzinfo=UTC)


def by_full(data: bytes) -> str:
    try:
        found = audit(data, FULL_TRUST, NOW)
    except InvalidCertificateError:
        return "invalid"
    assert found.trusted
    return found.proof.verdict.value


def by_minimal(data: bytes) -> str:
    try:
        code, text = minimal.audit(data, MINIMAL_TRUST, NOW, 2**16)
    except minimal.AuditError as error:
        three = "undecided" if "undecided" in str(error) else "not covered"
        return {1: "invalid", 2: "unreadable", 3: three}[error.code]
    verdict = text.partition(":")[0]
    assert code == {"proved": 0, "refuted": 1}[verdict]
    return verdict


def by_oracle(made: Lie, verdicts: tuple[str, str]) -> str:
    if not {"proved", "refuted"} & set(verdicts):
        return "not asked"
    return "equal" if made.is_true else "different"


def decide(seed: int) -> tuple[str, str, str, str]:
    """Return what was changed, the verdicts of both audits, and what the oracle says of the networks."""
    made = lie(seed)
    verdicts = by_full(made.data), by_minimal(made.data)
    return made.kind, *verdicts, by_oracle(made, verdicts)


def is_wrong(full: str, least: str, oracle: str) -> bool:
    """Tell whether a verdict is false, or the two are not the same."""
    false = {"equal": "refuted", "different": "proved"}.get(oracle)
    return full != least or false in (full, least)


def chunk(first: int) -> dict[str, Any]:
    """Return the verdicts of one chunk, and the numbers that are wrong."""
    context = many._Context()
    with mock.patch.object(many, "_Context", return_value=context):
        found = [decide(seed) for seed in range(first, first + CHUNK)]
    wrong = [first + at for at, (_, *verdicts) in enumerate(found) if is_wrong(*verdicts)]
    return {"first": first, "found": found, "wrong": wrong}


def table(rows: list[list[str]]) -> str:
    """Return the counts of verdicts by what was changed, as Markdown."""
    columns = sorted({tuple(verdicts) for _, *verdicts in rows})
    counts = Counter((kind, tuple(verdicts)) for kind, *verdicts in rows)
    heads = [f"{full}, {least}, {oracle}" for full, least, oracle in columns]
    lines = ["| changed | " + " | ".join(heads) + " | all |", "|---|" + "---:|" * (len(columns) + 1)]
    for kind in (*KINDS, "all"):
        each = [sum(counts[of, column] for of in (KINDS if kind == "all" else (kind,))) for column in columns]
        lines.append(f"| {kind} | " + " | ".join(f"{count:,}" for count in (*each, sum(each))) + " |")
    return "\n".join(lines)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--count", type=int, default=1000)
    parser.add_argument("--results", type=Path, default=Path("both.jsonl"), help="one line for every chunk decided")
    parser.add_argument("--processes", type=int, default=2)
    asked = parser.parse_args()
    before = asked.results.read_text().splitlines() if asked.results.exists() else []
    done = {line["first"]: line for line in map(json.loads, before)}
    wanted = range(0, asked.count, CHUNK)
    with multiprocessing.Pool(asked.processes) as pool, asked.results.open("a") as file:
        for line in pool.imap_unordered(chunk, [first for first in wanted if first not in done]):
            done[line["first"]] = line
            file.write(json.dumps(line) + "\n")
            file.flush()
            print(
                f"{len(done)} of {len(wanted)} chunks, wrong so far: {sum(len(d['wrong']) for d in done.values())}",
                file=sys.stderr,
            )
    print(table([row for first in wanted for row in done[first]["found"]]))
    wrong = sorted(seed for first in wanted for seed in done[first]["wrong"])
    print(f"{len(wanted) * CHUNK:,} certificates (full, minimal, oracle); wrong: {wrong or 'none'}")
    return bool(wrong)


if __name__ == "__main__":
    sys.exit(main())
