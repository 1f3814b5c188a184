"""The prover beside solvers that get a whole neuron as one formula, in bit-vectors or in integers.

    PYTHONPATH=tests python tests/benchmarks/prover.py [--case INPUTS,BITS]... [--solvers NAME,NAME…]
        [--limit SECONDS] [--json FILE]

A case is one neuron of random weights in [-2^bits, 2^bits] without 0, on inputs -2^bits..2^bits-1, and a ticket of it
as the program finds it. The question is whether they differ anywhere: `unsat`. The same with one kept weight less of
the second matrix is `sat`. A peer gets both networks written out as SMT-LIB, σ(y) as `ite(y > 0, y, 0)`; bit-vectors
are wide enough for every sum. Ours is `prove` without a sweep, which reads the networks and no such formula.

Each question goes to a process of its own, which an alarm ends at the limit. Seconds are the processor's, from
reading the text to the answer, without start-up. Who did not answer in time is not asked of larger cases. A wrong
answer ends the run. Peers are installed from requirements.txt beside this file.
"""

from __future__ import annotations

import argparse
import importlib
import importlib.util
import json
import random
import signal
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from benchmarks import measure, targets
from benchmarks.whole_formula import smt_text

from certify.base.mask import Mask, from_positions
from certify.base.prune import prune
from certify.network.matrix import from_dense
from certify.network.model import Box, Dense, Network
from certify.network.reader import read_network
from certify.proof.prover import Budget, prove
from certify.ticket import find_ticket

OURS = "certify"
CASES = ((1, 4), (2, 4), (3, 4), (4, 4), (8, 4), (12, 4), (16, 4), (784, 7))
_UNSAT, _SAT = "unsat", "sat"


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--case", action="append", type=_case, help="such as 3,4; rising")
    parser.add_argument("--solvers", default=",".join(SOLVERS), help="names")
    parser.add_argument("--limit", type=float, default=20, help="processor seconds for each question")
    parser.add_argument("--json", type=Path, help="write the figures here")
    parser.add_argument("--one", nargs=2, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        name, folder = options.one
        _answer(SOLVERS[name][1](Path(folder)), options.limit)
        return
    compare(options.case or CASES, options.solvers.split(","), options.limit, options.json)


def compare(
    cases: Sequence[tuple[int, int]], solvers: Sequence[str], limit: float, path: Path | None
) -> dict[str, Any]:
    """Measure all cases, print, and return the figures."""
    missing = [name for name in solvers if importlib.util.find_spec(SOLVERS[name][0]) is None]
    for name in missing:
        print(f"{name} is missing: pip install {SOLVERS[name][0]}", flush=True)
    able = [name for name in solvers if name not in missing]
    rows = list(_rows(cases, able, limit))
    head = ["inputs", "bits", "units", "edges", "expected", *able]
    body = [[*(row[key] for key in head[:5]), *(_words(row[name], limit) for name in able)] for row in rows]
    print(measure.table(head, body))
    return measure.report("prover", {"missing": missing, "limit": limit, "rows": rows}, path, "cvc5", "bitwuzla")


def _case(text: str) -> tuple[int, int]:
    inputs, bits = text.split(",")
    return int(inputs), int(bits)


def _words(seconds: float | str | None, limit: float) -> str:
    if isinstance(seconds, str):
        return seconds
    return f"not in {limit:g} s" if seconds is None else f"{seconds:.3f}"


def _rows(cases: Sequence[tuple[int, int]], solvers: Sequence[str], limit: float) -> Iterator[dict[str, Any]]:
    given_up: set[tuple[str, str]] = set()
    for inputs, bits in cases:
        target, ticket, changed = _neuron(inputs, bits)
        hidden, output = ticket.layers[0].weights, ticket.layers[1].weights
        size = {"inputs": inputs, "bits": bits, "units": len(hidden.values), "edges": len(output.values)}
        for expected, pruned in ((_UNSAT, ticket), (_SAT, changed)):
            row: dict[str, Any] = size | {"expected": expected}
            with measure.scratch() as folder:
                _write(target, pruned, Path(folder))
                for name in solvers:
                    left_out = (name, expected) in given_up
                    row[name] = "not asked" if left_out else _ask(name, Path(folder), expected, limit)
                    if row[name] is None:
                        given_up.add((name, expected))
            yield row


def _neuron(inputs: int, bits: int) -> tuple[Network, Network, Network]:
    """Return a target of one neuron, its ticket, and that without one kept weight."""
    rng = random.Random(f"neuron {inputs} {bits}")
    weights = np.array([[rng.choice((-1, 1)) * rng.randint(1, 2**bits) for _ in range(inputs)]], dtype=np.int64)
    box = Box((inputs,), (-(2**bits),) * inputs, (2**bits - 1,) * inputs, bits)
    target = Network("neuron", box, (Dense(from_dense(weights), bits, (0,)),))
    ticket = find_ticket(target, "0")
    first, second = ticket.masks
    return target, prune(target, ticket.base, (first, second)), prune(target, ticket.base, (first, _less(second)))


def _less(mask: Mask) -> Mask:
    return from_positions(mask.shape, mask.rows()[:-1], mask.columns[:-1])


def _write(target: Network, ticket: Network, folder: Path) -> None:
    targets.write(target, folder / "target.json")
    targets.write(ticket, folder / "ticket.json")
    for logic in ("QF_LIA", "QF_BV"):
        (folder / f"{logic}.smt2").write_text(smt_text(target, ticket, logic))


def _ask(name: str, folder: Path, expected: str, limit: float) -> float | None:
    """Return seconds, None where there was no answer in time.

    Raises:
        SystemExit: the answer is wrong, or none.
    """
    command = [sys.executable, "-m", "benchmarks.prover", "--one", name, str(folder)]
    done = measure.run([*command, "--limit", str(limit)], {"PYTHONPATH": measure.python_path()})
    if done.code == -signal.SIGPROF:
        return None
    said = json.loads(done.printed) if done.code == 0 else {"answer": f"exit code {done.code}"}
    if said["answer"] != expected:
        raise SystemExit(f"{name} in {folder}: expected {expected}, found {said['answer']}")
    return float(said["seconds"])


# Solvers: each prepares what costs start-up, and returns what is timed, from reading the text to the answer.

Question = Callable[[], str]


def _answer(question: Question, limit: float) -> None:
    """Print the answer, or end by the alarm, for which no solver has to come back to Python."""
    signal.signal(signal.SIGPROF, signal.SIG_DFL)
    signal.setitimer(signal.ITIMER_PROF, limit)
    began = time.process_time()
    answer = question()
    seconds = time.process_time() - began
    signal.setitimer(signal.ITIMER_PROF, 0)
    print(json.dumps({"answer": answer, "seconds": seconds}))


def _certify(folder: Path) -> Question:
    target, ticket = (read_network((folder / f"{name}.json").read_bytes()) for name in ("target", "ticket"))
    small, *both = _neuron(1, 4)
    for pruned in both:
        prove(small, pruned, Budget(sweep_work=0))  # loads what is compiled

    def question() -> str:
        verdict = prove(target, ticket, Budget(sweep_work=0)).verdict.value
        return {"proved": _UNSAT, "refuted": _SAT}.get(verdict, verdict)

    return question


def _z3(folder: Path, logic: str) -> Question:
    z3 = importlib.import_module("z3")

    def question() -> str:
        solver = z3.SolverFor(logic)
        solver.from_string((folder / f"{logic}.smt2").read_text())
        return str(solver.check())

    return question


def _bitwuzla(folder: Path) -> Question:
    bitwuzla = importlib.import_module("bitwuzla")

    def question() -> str:
        parser = bitwuzla.Parser(bitwuzla.TermManager(), bitwuzla.Options())
        parser.parse((folder / "QF_BV.smt2").read_text(), True, False)
        answers = {bitwuzla.Result.UNSAT: _UNSAT, bitwuzla.Result.SAT: _SAT}
        return answers.get(parser.bitwuzla().check_sat(), "unknown")

    return question


def _cvc5(folder: Path) -> Question:
    cvc5 = importlib.import_module("cvc5")

    def question() -> str:
        manager = cvc5.TermManager()
        solver = cvc5.Solver(manager)
        symbols = cvc5.SymbolManager(manager)
        reader = cvc5.InputParser(solver, symbols)
        reader.setStringInput(cvc5.InputLanguage.SMT_LIB_2_6, (folder / "QF_LIA.smt2").read_text(), "neuron")
        while not (command := reader.nextCommand()).isNull():
            command.invoke(solver, symbols)
        return str(solver.checkSat())

    return question


SOLVERS: Mapping[str, tuple[str, Callable[[Path], Question]]] = {
    OURS: ("certify", _certify),
    "z3 bit-vectors": ("z3", lambda folder: _z3(folder, "QF_BV")),
    "bitwuzla": ("bitwuzla", _bitwuzla),
    "z3 integers": ("z3", lambda folder: _z3(folder, "QF_LIA")),
    "cvc5": ("cvc5", _cvc5),
}


if __name__ == "__main__":
    main()
