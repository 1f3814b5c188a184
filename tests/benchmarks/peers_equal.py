"""The prover beside the plain way in one run: both networks as one formula for z3, in linear integer arithmetic.

    PYTHONPATH=tests python tests/benchmarks/peers_equal.py [--timeout SECONDS] [--repeat N] [--json FILE]

Pairs are ReLU networks with 33 values an input and a copy of each: the same units in another order, some split in
two; and every weight as three units. The peer gets inputs in their ranges, σ(y) as `ite(y > 0, y, 0)`, and that some
outputs differ. Ours may not sweep, which it would of the smallest. Prints medians and their ratio; where the peer did
not finish, the ratio is at least that.
"""

from __future__ import annotations

import argparse
import random
import time
from collections.abc import Iterator
from pathlib import Path
from statistics import median
from typing import Any

import pairs
import rewrites
import z3
from benchmarks import measure
from pairs import Pair, Size

from certify.network.compare import common_scale
from certify.network.model import Network
from certify.network.steps import Relu
from certify.proof.prover import Budget, prove

WIDTHS = ((2, 3, 2), (4, 4, 2), (8, 8, 4), (16, 16, 4))


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--timeout", type=float, default=60, help="seconds for the peer")
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--json", type=Path, help="write the figures here")
    options = parser.parse_args()
    line = "{:26} {:>10} {:>9} {:>10} {:>9} {:>9}"
    print(line.format("pair", "ours", "s", "z3", "s", "ratio"))
    rows = []
    for what, pair in _timed_pairs():
        ours = [_ours(pair) for _ in range(options.repeat)]
        peers = [_peer(pair, options.timeout)]
        if peers[0][1] < options.timeout / 10:
            peers += [_peer(pair, options.timeout) for _ in range(options.repeat - 1)]
        row = {"pair": what, "ours": ours[0][0], "s": median(s for _, s in ours)}
        row |= {"z3": peers[0][0], "z3_s": median(s for _, s in peers)}
        row["ratio"] = row["z3_s"] / row["s"]
        rows.append(row)
        least = "≥ " if row["z3"] == "unknown" else ""
        numbers = [f"{row['s']:.3f}", row["z3"], f"{row['z3_s']:.3f}", f"{least}{row['ratio']:.2g}"]
        print(line.format(what, row["ours"], *numbers), flush=True)
    measure.report("peers_equal", {"rows": rows}, options.json)


def _timed_pairs() -> Iterator[tuple[str, Pair]]:
    for widths in WIDTHS:
        name = "-".join(map(str, widths))
        rng = random.Random(name)
        network = pairs.random_network(rng, Size(widths, 33), [Relu()], bits=4)
        yield f"{name}, split", (network, rewrites.permute(rewrites.split(network, rng), rng))
        yield f"{name}, three units", pairs.threefold(widths, rng)


def _ours(pair: Pair) -> tuple[str, float]:
    began = time.perf_counter()
    verdict = prove(*pair, Budget(sweep_work=0)).verdict.value
    return verdict, time.perf_counter() - began


def _peer(pair: Pair, timeout: float) -> tuple[str, float]:
    """Ask z3, in a context of its own, whether outputs can differ; return its answer in our words, and seconds."""
    began = time.perf_counter()
    context = z3.Context()
    solver = z3.SolverFor("QF_LIA", ctx=context)
    solver.set("timeout", int(timeout * 1000))
    box = pair[0].input
    inputs = [z3.Int(f"x{index}", context) for index in range(box.features)]
    for x, low, high in zip(inputs, box.low, box.high, strict=True):
        solver.add(x >= low, x <= high)
    left, right = (
        [value * 2**shift for value in _outputs(network, inputs)]
        for network, shift in zip(pair, common_scale(*pair), strict=True)
    )
    solver.add(z3.Or([a != b for a, b in zip(left, right, strict=True)]))
    answer = {"unsat": "proved", "sat": "refuted"}.get(str(solver.check()), "unknown")
    return answer, time.perf_counter() - began


def _outputs(network: Network, values: list[Any]) -> list[Any]:
    for layer in network.layers:
        sums = []
        constants = [z3.IntVal(value, values[0].ctx) for value in layer.constants]
        for output, bias in enumerate(layer.bias):
            columns, weights = layer.weights.row(output)
            inputs = [*values, *constants]
            terms = [w * inputs[column] for column, w in zip(columns, weights, strict=True) if w]
            total = z3.Sum([z3.IntVal(bias, values[0].ctx), *terms])
            for _ in layer.steps:
                total = z3.If(total > 0, total, 0)
            sums.append(total)
        values = sums
    return values


if __name__ == "__main__":
    main()
