"""What arithmetic does not settle about two functions of one integer is put before z3, and counted."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

from certify.network.steps import Step
from certify.proof import formulas
from certify.proof.congruence.functions import Affine, Chain, Divide, Span, same_rises, value
from certify.proof.merging.facts import Facts
from certify.proof.obligations import Count, QuestionKind
from certify.proof.questions import Question
from solvers.smt.session import Answer
from solvers.smt.vocabulary import Formula, Term, Vocabulary

FACT_RLIMIT = 3_000_000
MOST_ASKED = 64
_TRIED = 257


class Asked:
    """Comparisons of functions, remembered.

    Attributes:
        facts: what z3 was asked and answered.
        compared: how many pairs of chains written differently were compared.
        left: how many of them neither arithmetic nor z3 settled; they are kept apart.
    """

    def __init__(self, facts: Facts | None = None) -> None:
        self.facts = facts or Facts(FACT_RLIMIT)
        self.compared = self.left = 0
        self._known: dict[tuple[Chain, Chain, Span], bool] = {}
        self._questions = 0

    def same_rises(self, first: Chain, second: Chain, span: Span) -> bool:
        """Tell whether two chains are known to rise by the same amount everywhere on a range."""
        key = (first, second, span)
        if key not in self._known:
            self.compared += 1
            same = same_rises(first, second, span)
            self._known[key] = self._ask(first, second, span) if same is None else same
        return self._known[key]

    def counts(self) -> Mapping[QuestionKind, Count]:
        """Return how many facts are z3's, and their digests, by kind."""
        return self.facts.counts()

    def questions(self) -> tuple[Question, ...]:
        """Return them one by one."""
        return tuple(self.facts.needed.values())

    def _ask(self, first: Chain, second: Chain, span: Span) -> bool:
        apart = value(second, span[0]) - value(first, span[0])
        points = {span[0] + (span[1] - span[0]) * index // (_TRIED - 1) for index in range(_TRIED)}
        near = {point + step for point in (0, *span) for step in (-1, 0, 1)}
        tried = [point for point in sorted(points | near) if span[0] <= point <= span[1]]
        if any(value(second, point) - value(first, point) != apart for point in tried):
            return False
        chains = (first, second)
        if self._questions >= MOST_ASKED or any(isinstance(stage, Divide) for chain in chains for stage in chain):
            self.left += 1
            return False
        self._questions += 1
        self.facts.not_empty(span)
        write = partial(_differ, first=first, second=second, span=span, apart=apart)
        name = f"two functions on {span[0]}..{span[1]} are the same"
        same = self.facts.holds((first, second, span), "curve", name, write).answer is Answer.UNSAT
        self.left += not same
        return same


def _differ(words: Vocabulary, first: Chain, second: Chain, span: Span, apart: int) -> list[Formula]:
    p = words.variable("p")
    ours, theirs = (_term(words, chain, p, span) for chain in (first, second))
    return [words.within(p, *span), words.differ(theirs, words.add(ours, apart))]


def _term(words: Vocabulary, chain: Chain, term: Term, span: Span) -> Term:
    low, high = span
    for stage in chain:
        if isinstance(stage, Affine):
            term = words.add(words.times(stage.factor, term), stage.constant)
        else:
            term = formulas.step_terms(words, [_step(stage)], term, low, high)
        low, high = value((stage,), low), value((stage,), high)
    return term


def _step(stage: Divide | Step) -> Step:
    assert not isinstance(stage, Divide)
    return stage
