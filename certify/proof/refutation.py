"""Putting the obligations before z3, and hearing its answers.

Many at a time: z3 refutes their disjunction, in which every range has a variable of its own. Two obligations share a
place in it only when they say the same (`sharing`). `formulas` has what each of them says.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial

from certify.proof import formulas
from certify.proof.formulas import half_variable, weight_formulas
from certify.proof.obligations import PieceObligations, Range, StepsObligation, WeightObligations
from certify.proof.piece import NEGATIVE, POSITIVE
from certify.proof.sharing import distinct, runs
from certify.work import Task
from solvers.smt import many, session
from solvers.smt.session import Answer
from solvers.smt.vocabulary import Formula, Vocabulary

PART = 1 << 14
BOXES = 64
SECONDS_AN_OBLIGATION = 7e-6
SECONDS_A_LEMMA = 6e-5


@dataclass(frozen=True)
class Unproved:
    """An obligation that z3 did not refute, and why.

    Attributes:
        what: the obligation in words.
        reason: `sat`, or z3's reason for giving up.
    """

    what: str
    reason: str


def tasks(item: PieceObligations, rlimit: int) -> list[Task[tuple[Unproved, ...]]]:
    """Return independent pieces of work that together refute all obligations of a piece.

    Each can be called anywhere, in any order, and returns the obligations that z3 did not refute; only when all
    return none is the piece proved.
    """
    return [_task_of_others(item, rlimit), *_tasks_of_lemmas(item, rlimit), *_tasks_of_weights(item, rlimit)]


def _task_of_others(item: PieceObligations, rlimit: int) -> Task[tuple[Unproved, ...]]:
    call = partial(_refute_others, _without_kernels(item), rlimit)
    asked = len(item.boxes) + item.piece.target.outputs + len(item.steps)
    return Task(f"{item.piece.name}: ranges, biases and steps", call, asked * SECONDS_AN_OBLIGATION)


def _without_kernels(item: PieceObligations) -> PieceObligations:
    """Return the same without what stands in its weight obligations, which is nearly all of it."""
    return replace(item, piece=item.piece.without_kernels(), weights=item.weights.part(0, 0), lemmas=())


def _tasks_of_lemmas(item: PieceObligations, rlimit: int) -> Iterator[Task[tuple[Unproved, ...]]]:
    weights: dict[Range, list[int]] = {box: [] for box in item.boxes}
    for u, *box in item.lemmas:
        weights[box[0], box[1]].append(u)
    for first in range(0, len(item.boxes), BOXES):
        boxes = item.boxes[first : first + BOXES]
        call = partial(_refute_lemmas, item.piece.name, {box: weights[box] for box in boxes}, rlimit)
        seconds = sum(len(weights[box]) + 1 for box in boxes) * SECONDS_A_LEMMA
        yield Task(f"{item.piece.name}: {box_name(*boxes[0])} to {box_name(*boxes[-1])}", call, seconds)


def _tasks_of_weights(item: PieceObligations, rlimit: int) -> Iterator[Task[tuple[Unproved, ...]]]:
    piece, shared = item.piece, distinct(item.weights)
    for first in range(0, len(shared), PART):
        part = shared.part(first, min(first + PART, len(shared)))
        call = partial(_refute_weights, piece.name, piece.weight_bits, part, rlimit)
        yield Task(f"{piece.name}: {_names(part)}", call, len(part) * SECONDS_AN_OBLIGATION)


def _names(part: WeightObligations) -> str:
    """Return in words which obligations these are."""
    ends = dict.fromkeys(weight_name(part, place) for place in (0, len(part) - 1))
    return f"{len(part)} different ones, {' to '.join(ends)}" if len(part) > 1 else " to ".join(ends)


def _refute_others(item: PieceObligations, rlimit: int) -> tuple[Unproved, ...]:
    return (*_check_ranges(item, rlimit), *_refute_biases(item, rlimit), *_refute_steps(item, rlimit))


def ranges(item: PieceObligations) -> list[Range]:
    """Return every range that obligations of a piece are asked on, once."""
    halves = {span for half in item.weights.ranges for span in half}
    return sorted({*item.boxes, *halves, *((steps.low, steps.high) for steps in item.steps)})


def _check_ranges(item: PieceObligations, rlimit: int) -> Iterator[Unproved]:
    """Condition 4: z3 answers `sat` to every range alone, or to all at once, each of a variable of its own."""
    every = ranges(item)

    def together(words: Vocabulary) -> list[Formula]:
        return [formulas.range_formula(words, low, high, index) for index, (low, high) in enumerate(every)]

    if many.check(together, rlimit) is Answer.SAT and all(low <= high for low, high in every):
        return
    for low, high in every:
        answer = many.check(partial(_range, span=(low, high)), rlimit)
        if low > high or answer is not Answer.SAT:
            yield Unproved(f"{item.piece.name}: {range_name(low, high)}", answer)


def _range(words: Vocabulary, span: Range) -> list[Formula]:
    return [formulas.range_formula(words, *span)]


def _refute_lemmas(name: str, weights: Mapping[Range, Sequence[int]], rlimit: int) -> tuple[Unproved, ...]:
    """Condition 2, one question for some boxes, each with variables of its own."""

    def write(words: Vocabulary) -> tuple[list[Formula], list[Formula]]:
        assumptions: list[Formula] = []
        differences: list[Formula] = []
        for which, ((low, high), kept) in enumerate(weights.items()):
            assumptions += formulas.relu_assumptions(words, low, high, which)
            differences.append(formulas.split_formula(words, low, high, which))
            differences += [formulas.lemma_formula(words, u, which) for u in kept]
        return assumptions, differences

    names = [f"{box_name(*box)} {what}" for box, kept in weights.items() for what in (SPLIT, *map(lemma_name, kept))]
    return tuple(_report(many.refute(write, rlimit), f"{name}:", names.__getitem__))


def _refute_weights(name: str, weight_bits: int, listed: WeightObligations, rlimit: int) -> tuple[Unproved, ...]:
    """Condition 3 for inputs, one question, each half and range with a variable of its own.

    Were one of these ranges empty, all of it would be refuted: condition 4 is that none is.
    """

    def write(words: Vocabulary) -> tuple[list[Formula], list[Formula]]:
        assumptions: list[Formula] = []
        differences: list[Formula] = []
        for which, (first, last) in enumerate(runs(listed)):
            same = listed.part(first, last)
            variable = words.variable(f"{half_variable(same.half[0])}{which}")
            assumptions.append(words.within(variable, *same.range_of(0)))
            differences += weight_formulas(words, same, weight_bits, variable)
        return assumptions, differences

    return tuple(_report(many.refute(write, rlimit), f"{name}:", partial(weight_name, listed)))


def _refute_biases(item: PieceObligations, rlimit: int) -> Iterator[Unproved]:
    """Condition 3 for constant lines."""

    def write(words: Vocabulary) -> tuple[list[Formula], list[Formula]]:
        return [], [formulas.bias_formula(words, item, output) for output in range(item.piece.target.outputs)]

    yield from _report(many.refute(write, rlimit), f"{item.piece.name}:", partial(bias_name, item))


def _refute_steps(item: PieceObligations, rlimit: int) -> Iterator[Unproved]:
    """The ticket's steps on s·a give the target's on a, for every accumulator a that has these steps.

    Those that are the target's own, as from a multiplier on, are one question.
    """
    alone = [[steps] for steps in item.steps if steps.target != steps.ticket]
    own = [steps for steps in item.steps if steps.target == steps.ticket]
    for asked in (*alone, *([own] if own else [])):

        def write(words: Vocabulary, asked: Sequence[StepsObligation] = asked) -> tuple[list[Formula], list[Formula]]:
            return [], [words.all_of(formulas.steps_formulas(words, steps)) for steps in asked]

        names = [steps_name(item, steps) for steps in asked]
        yield from _report(many.refute(write, rlimit, simple=False), f"{item.piece.name}:", names.__getitem__)


def _report(refutation: session.Refutation, where: str, name: Callable[[int], str]) -> Iterator[Unproved]:
    for index in refutation.satisfiable:
        yield Unproved(f"{where} {name(index)}", "sat")
    for index in refutation.unknown:
        yield Unproved(f"{where} {name(index)}", refutation.reason or "unknown")


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
    half = {POSITIVE: ", inputs ≥ 0", NEGATIVE: ", inputs ≤ 0"}.get(int(listed.half[index]), "")
    output, tap = divmod(int(listed.output[index]), listed.taps)
    which = (
        f"[{output}][{listed.input[index]}]" if listed.taps == 1 else f"[{output}][{listed.input[index]}] tap {tap}"
    )
    return f"weight {which}{half}"


def bias_name(item: PieceObligations, output: int) -> str:
    """Return the name of a bias obligation."""
    return f"bias [{item.piece.row_names[output]}]"


def steps_name(item: PieceObligations, steps: StepsObligation) -> str:
    """Return the name of a steps obligation."""
    if len(steps.outputs) == item.piece.target.outputs:
        whose = "the outputs"
    else:
        more = f" and {len(steps.outputs) - 1} more" if len(steps.outputs) > 1 else ""
        whose = f"output {steps.outputs[0]}{more}"
    return f"steps of {whose}" + (f", {steps.part}" if steps.part else "")
