"""Putting the obligations before z3, and hearing its answers.

Many at a time: z3 refutes the disjunction of all that have one range, or of several with variables of their own. Two
obligations share a place in it only when edges, right side, half and range are the same, and only within one call.
`formulas` has what each of them says.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial

from certify.proof import formulas
from certify.proof.formulas import Products, half_variable, weight_formula
from certify.proof.obligations import NEGATIVE, PairObligations, Range, StepsObligation, WeightObligations
from certify.proof.structure import Pair
from certify.work import Task
from solvers.smt import session
from solvers.smt.session import Answer
from solvers.smt.terms import Z3
from solvers.smt.vocabulary import Formula

PART = 1 << 16
BOXES = 16
SECONDS_AN_OBLIGATION = 2e-5


@dataclass(frozen=True)
class Unproved:
    """An obligation that z3 did not refute, and why.

    Attributes:
        what: the obligation in words.
        reason: `sat`, or z3's reason for giving up.
    """

    what: str
    reason: str


def tasks(item: PairObligations, rlimit: int) -> list[Task[tuple[Unproved, ...]]]:
    """Return independent pieces of work that together refute all obligations of a pair.

    Each can be called anywhere, in any order, and returns the obligations that z3 did not refute; only when all
    return none is the pair proved.
    """
    size = len(item.weights)
    parts = [item.weights.part(first, min(first + PART, size)) for first in range(0, size, PART)]
    return [_task_of_all_but_weights(item, rlimit), *(_task_of_weights(item.pair, part, rlimit) for part in parts)]


def _task_of_all_but_weights(item: PairObligations, rlimit: int) -> Task[tuple[Unproved, ...]]:
    call = partial(_refute_all_but_weights, replace(item, weights=item.weights.part(0, 0)), rlimit)
    asked = len(item.boxes) + len(item.lemmas) + item.pair.target.outputs + len(item.steps)
    return Task(f"pair {item.pair.index}: all but its weights", call, asked * SECONDS_AN_OBLIGATION)


def _task_of_weights(pair: Pair, part: WeightObligations, rlimit: int) -> Task[tuple[Unproved, ...]]:
    call = partial(_refute_weights, pair.index, pair.weight_bits, part, rlimit)
    first, last = weight_name(part, 0), weight_name(part, len(part) - 1)
    return Task(f"pair {pair.index}: {first} to {last}", call, len(part) * SECONDS_AN_OBLIGATION)


def _refute_all_but_weights(item: PairObligations, rlimit: int) -> tuple[Unproved, ...]:
    return (
        *_check_ranges(item, rlimit),
        *_refute_lemmas(item, rlimit),
        *_refute_biases(item, rlimit),
        *_refute_steps(item, rlimit),
    )


def ranges(item: PairObligations) -> list[Range]:
    """Return every range that obligations of a pair are asked on, once."""
    halves = {span for half in item.weights.ranges for span in half}
    return sorted({*item.boxes, *halves, *((steps.low, steps.high) for steps in item.steps)})


def _check_ranges(item: PairObligations, rlimit: int) -> Iterator[Unproved]:
    """Condition 4: z3 answers `sat` to every range alone, or to all at once, each of a variable of its own."""
    every = ranges(item)
    together = [formulas.range_formula(Z3, low, high, index) for index, (low, high) in enumerate(every)]
    if session.check(together, rlimit).answer is Answer.SAT and all(low <= high for low, high in every):
        return
    for low, high in every:
        outcome = session.check([formulas.range_formula(Z3, low, high)], rlimit)
        if low > high or outcome.answer is not Answer.SAT:
            yield Unproved(f"pair {item.pair.index}: {range_name(low, high)}", outcome.answer)


def _refute_lemmas(item: PairObligations, rlimit: int) -> Iterator[Unproved]:
    """Condition 2, one question for some boxes, each with variables of its own."""
    weights: dict[Range, list[int]] = {box: [] for box in item.boxes}
    for u, *box in item.lemmas:
        weights[box[0], box[1]].append(u)
    for first in range(0, len(item.boxes), BOXES):
        assumptions: list[Formula] = []
        differences: list[Formula] = []
        names: list[str] = []
        for which, (low, high) in enumerate(item.boxes[first : first + BOXES]):
            kept, where = weights[low, high], box_name(low, high)
            assumptions += formulas.relu_assumptions(Z3, low, high, which)
            differences.append(formulas.split_formula(Z3, low, high, which))
            differences += [formulas.lemma_formula(Z3, u, which) for u in kept]
            names += [f"{where} {SPLIT}", *(f"{where} {lemma_name(u)}" for u in kept)]
        refutation = session.refute_all(assumptions, differences, rlimit)
        yield from _report(refutation, f"pair {item.pair.index}:", names)


def _refute_weights(index: int, weight_bits: int, listed: WeightObligations, rlimit: int) -> tuple[Unproved, ...]:
    """Condition 3 for inputs, one question for each half and range, equal obligations once."""
    groups: dict[tuple[int, Range], list[int]] = {}
    for position in range(len(listed)):
        groups.setdefault((int(listed.half[position]), listed.range_of(position)), []).append(position)
    unproved: list[Unproved] = []
    for (_, (low, high)), members in groups.items():
        shared = _share(listed, members)
        products = Products(Z3, Z3.variable(half_variable(listed, members[0])))
        differences = [weight_formula(listed, same, weight_bits, products) for same in shared]
        refutation = session.refute_all([Z3.within(products.variable, low, high)], differences, rlimit)
        unproved += _report(refutation, f"pair {index}:", [weight_name(listed, same) for same in shared])
    return tuple(unproved)


def _share(listed: WeightObligations, members: Sequence[int]) -> list[int]:
    """Return the first of each set of obligations, of one half and range, with the same right side and edges."""
    shared: dict[tuple[int, bytes, bytes], int] = {}
    for position in members:
        edges = slice(int(listed.start[position]), int(listed.start[position + 1]))
        key = (int(listed.weight[position]), listed.u[edges].tobytes(), listed.v[edges].tobytes())
        shared.setdefault(key, position)
    return list(shared.values())


def _refute_biases(item: PairObligations, rlimit: int) -> Iterator[Unproved]:
    """Condition 3 for constant lines."""
    outputs = range(item.pair.target.outputs)
    refutation = session.refute_all([], [formulas.bias_formula(Z3, item, output) for output in outputs], rlimit)
    yield from _report(refutation, f"pair {item.pair.index}:", [bias_name(output) for output in outputs])


def _refute_steps(item: PairObligations, rlimit: int) -> Iterator[Unproved]:
    """The ticket's steps on s·a give the target's on a, for every accumulator a that has these steps.

    Those that are the target's own, as from a multiplier on, are one question.
    """
    alone = [[steps] for steps in item.steps if steps.target != steps.ticket]
    own = [steps for steps in item.steps if steps.target == steps.ticket]
    for asked in (*alone, *([own] if own else [])):
        differences = [Z3.all_of(formulas.steps_formulas(Z3, steps)) for steps in asked]
        refutation = session.refute_all([], differences, rlimit)
        yield from _report(refutation, f"pair {item.pair.index}:", [steps_name(item, steps) for steps in asked])


def _report(refutation: session.Refutation, where: str, names: Sequence[str]) -> Iterator[Unproved]:
    for index in refutation.satisfiable:
        yield Unproved(f"{where} {names[index]}", "sat")
    for index in refutation.unknown:
        yield Unproved(f"{where} {names[index]}", refutation.reason or "unknown")


# What obligations are called.

SPLIT = "x = p - q"


def range_name(low: int, high: int) -> str:
    """Return the name of a range's question."""
    return f"the range {low}..{high} is not empty"


def box_name(low: int, high: int) -> str:
    """Return the name of the lemmas of one box."""
    return f"ReLU on {low}..{high}"


def lemma_name(u: int) -> str:
    """Return the name of a lemma within its box."""
    return f"u = {u}"


def weight_name(listed: WeightObligations, index: int) -> str:
    """Return the name of a weight obligation."""
    half = "inputs ≤ 0" if listed.half[index] == NEGATIVE else "inputs ≥ 0"
    output, tap = divmod(int(listed.output[index]), listed.taps)
    which = (
        f"[{output}][{listed.input[index]}]" if listed.taps == 1 else f"[{output}][{listed.input[index]}] tap {tap}"
    )
    return f"weight {which}, {half}"


def bias_name(output: int) -> str:
    """Return the name of a bias obligation."""
    return f"bias [{output}]"


def steps_name(item: PairObligations, steps: StepsObligation) -> str:
    """Return the name of a steps obligation."""
    if len(steps.outputs) == item.pair.target.outputs:
        whose = "the outputs"
    else:
        more = f" and {len(steps.outputs) - 1} more" if len(steps.outputs) > 1 else ""
        whose = f"output {steps.outputs[0]}{more}"
    return f"steps of {whose}" + (f", {steps.part}" if steps.part else "")
