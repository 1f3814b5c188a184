"""Every obligation as a question of its own, before any sharing, and the formulas that check composition.

What `refutation` puts before z3 many at a time, and `composition` besides, stands here one by one, for a reader or
another solver: a name in words, the formulas that hold together only if something is wrong, and the answer that is
needed. Both use the same formulas; only the vocabulary differs. Questions are made when they are asked for.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TypeAlias

from certify.network.model import Network
from certify.proof import composition, formulas
from certify.proof.obligations import KINDS, PieceObligations, QuestionKind, StepsObligation, WeightObligations
from certify.proof.piece import Piece
from certify.proof.refutation import (
    SPLIT,
    bias_name,
    box_name,
    lemma_name,
    range_name,
    ranges,
    steps_name,
    weight_name,
)
from solvers.smt.session import Answer
from solvers.smt.smtlib import commands
from solvers.smt.vocabulary import Formula, Vocabulary

Write: TypeAlias = Callable[[Vocabulary], Sequence[Formula]]
OBLIGATION_KINDS: tuple[QuestionKind, ...] = (*KINDS, "curve", "sum", "unit", "output")


@dataclass(frozen=True)
class Question:
    """Something to ask a solver.

    Attributes:
        kind: of the obligation, or `neuron` or `network` for what is checked besides; `range`, `curve`, `sum`, `unit`
            or `output` for a fact that merging rests on.
        name: for people.
        expected: `unsat`, or `sat` for a range.
        write: returns the formulas, in any vocabulary.
    """

    kind: QuestionKind
    name: str
    expected: Answer
    write: Write

    def text(self) -> str:
        """Return the question as SMT-LIB commands."""
        return commands(self.name, self.write, self.expected)


def count(item: PieceObligations) -> int:
    """Return how many questions the obligations of a piece are."""
    lemmas = len(item.boxes) + len(item.lemmas)
    return len(ranges(item)) + lemmas + len(item.weights) + item.piece.target.outputs + len(item.steps)


def obligation_questions(item: PieceObligations) -> Iterator[Question]:
    """Yield the questions of one piece, `count` of them."""
    where = f"{item.piece.name}:"
    for low, high in ranges(item):
        name = f"{where} {range_name(low, high)}"
        yield Question("range", name, Answer.SAT, partial(_range, low=low, high=high))
    for low, high in item.boxes:
        name = f"{where} {box_name(low, high)} {SPLIT}"
        yield Question("relu", name, Answer.UNSAT, partial(_split, low=low, high=high))
    for u, low, high in item.lemmas:
        name = f"{where} {box_name(low, high)} {lemma_name(u)}"
        yield Question("relu", name, Answer.UNSAT, partial(_lemma, u=u, low=low, high=high))
    for index in range(len(item.weights)):
        name = f"{where} {_described(item.weights, index)}"
        yield Question("weight", name, Answer.UNSAT, partial(_weight, item=item, index=index))
    for output in range(item.piece.target.outputs):
        yield Question(
            "bias", f"{where} {bias_name(item, output)}", Answer.UNSAT, partial(_bias, item=item, output=output)
        )
    for steps in item.steps:
        name = f"{where} {steps_name(item, steps)}"
        yield Question("steps", name, Answer.UNSAT, partial(_steps, steps=steps))


def composition_questions(target: Network, ticket: Network, pieces: Sequence[Piece]) -> Iterator[Question]:
    """Yield what is checked besides: sampled neurons over all inputs, and the whole network where it is small."""
    for piece, output in composition.sampled(pieces):
        name = composition.neuron_name(piece, output)
        yield Question("neuron", name, Answer.UNSAT, partial(_neuron, piece=piece, output=output))
    if composition.is_small(target, ticket):
        write = partial(_network, target=target, ticket=ticket, pieces=pieces)
        yield Question("network", "the whole network", Answer.UNSAT, write)


def _described(listed: WeightObligations, index: int) -> str:
    edges = int(listed.start[index + 1] - listed.start[index])
    return f"{weight_name(listed, index)}: w = {listed.weight[index]}, {edges} edge{'' if edges == 1 else 's'}"


def _range(words: Vocabulary, low: int, high: int) -> list[Formula]:
    return [formulas.range_formula(words, low, high)]


def _split(words: Vocabulary, low: int, high: int) -> list[Formula]:
    return [*formulas.relu_assumptions(words, low, high), formulas.split_formula(words, low, high)]


def _lemma(words: Vocabulary, u: int, low: int, high: int) -> list[Formula]:
    return [*formulas.relu_assumptions(words, low, high), formulas.lemma_formula(words, u)]


def _weight(words: Vocabulary, item: PieceObligations, index: int) -> list[Formula]:
    listed = item.weights.part(index, index + 1)
    variable = words.variable(formulas.half_variable(listed.half[0]))
    within = words.within(variable, *listed.range_of(0))
    return [within, *formulas.weight_formulas(words, listed, item.piece.weight_bits, variable)]


def _bias(words: Vocabulary, item: PieceObligations, output: int) -> list[Formula]:
    return [formulas.bias_formula(words, item, output)]


def _steps(words: Vocabulary, steps: StepsObligation) -> list[Formula]:
    return list(formulas.steps_formulas(words, steps))


def _neuron(words: Vocabulary, piece: Piece, output: int) -> list[Formula]:
    return composition.neuron_formulas(words, piece, output)


def _network(words: Vocabulary, target: Network, ticket: Network, pieces: Sequence[Piece]) -> list[Formula]:
    return composition.network_formulas(words, target, ticket, pieces)
