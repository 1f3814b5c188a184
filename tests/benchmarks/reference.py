"""The reference job: 397,000 weights found, proved, signed and audited, by phase and objective, in time and memory.

    PYTHONPATH=tests python tests/benchmarks/reference.py (--npz FILE | --random) [--objectives NAME,NAME…]
        [--fixed [WIDTH]] [--workers N] [--repeat N] [--seed SEED] [--json FILE]

targets.py says what the job is, and where the file of Pensia et al. (--npz) comes from. `certify prove` and `certify
audit` are fresh processes, medians of some runs, the first not counted. The second table has what the tickets need:
`units` are hidden units of all layers together, `base` the base network's weights, `ratio` those over Theorem 3's
lower bound, `kept` the kept weights of both matrices for one of the target's, `kB` the certificate.

--fixed measures blocks of the same width for all inputs, as in the paper. Without a number it is the least width that
gives a ticket from this seed, found by doubling and halving, as if wider blocks could not fail where narrower do not.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks import measure, targets
from benchmarks.phases import prove_and_audit, table

LEAST = "least"
OBJECTIVES = ("sparsest", "width", "first")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--npz", type=Path, help="the weights of Pensia et al.")
    parser.add_argument("--random", action="store_true", help="a random network of the same size instead")
    parser.add_argument("--objectives", default=",".join(OBJECTIVES), help="names, or nothing")
    parser.add_argument("--fixed", nargs="?", const=LEAST, help="blocks of this width too")
    parser.add_argument("--workers", help="the program's default is the number of cores")
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--seed", default="0")
    parser.add_argument("--json", type=Path, help="write the figures here")
    options = parser.parse_args()
    if options.npz is None and not options.random:
        raise SystemExit(targets.REFERENCE)
    network = targets.reference(options.npz) if options.npz else targets.random_network((784, 500, 10))
    with measure.scratch() as name:
        folder = Path(name)
        target = targets.write(network, folder / "target.json")
        ways = {each: ["--objective", each] for each in options.objectives.split(",") if each}
        if options.fixed:
            width = least_width(target, options.seed) if options.fixed == LEAST else int(options.fixed)
            ways[f"fixed {width}"] = ["--width", str(width)]
        compare(target, folder, ways, options)


def compare(target: Path, folder: Path, ways: dict[str, list[str]], options: argparse.Namespace) -> None:
    """Measure the ways to find a ticket, and print."""
    rows: list[dict[str, Any]] = []
    for name, arguments in ways.items():
        asked = ["--seed", options.seed, *arguments]
        rows += prove_and_audit(
            target, folder, options.repeat, options.workers, name=name, warm=not rows, prove=asked
        )
    print(table(rows))
    print(tickets(rows))
    measure.report("reference", {"runs": rows}, options.json)


def tickets(rows: Sequence[dict[str, Any]]) -> str:
    """Return the table of what the tickets need."""
    head = ["ticket", "widths", "units", "base", "ratio", "kept", "kB"]
    body = [
        [
            row["target"],
            " ".join(map(str, row["ticket"]["widths"])),
            sum(row["ticket"]["widths"]),
            row["ticket"]["base_parameters"],
            float(row["ticket"]["ratio"]),
            row["ticket"]["kept"] / row["ticket"]["target_parameters"],
            row["certificate_kb"],
        ]
        for row in rows
        if row["command"] == "prove"
    ]
    return measure.table(head, body)


def least_width(target: Path, seed: str) -> int:
    """Return the least width of fixed blocks that gives a ticket."""
    from certify.errors import TicketNotFoundError  # noqa: PLC0415 - only this is done in the same process
    from certify.network.reader import read_network  # noqa: PLC0415
    from certify.ticket import find_ticket  # noqa: PLC0415

    network = read_network(target.read_bytes())

    def gives(width: int) -> bool:
        try:
            find_ticket(network, seed, block_width=width)
        except TicketNotFoundError:
            return False
        return True

    above = 16
    while not gives(above):
        above *= 2
    below = above // 2
    while above - below > 1:
        middle = (above + below) // 2
        below, above = (below, middle) if gives(middle) else (middle, above)
    return above


if __name__ == "__main__":
    main()
