"""The facts that merging rests on: each put before z3, each kept as a question once z3 has refuted its negation.

A fact is about all values of its variables in their ranges; whatever the networks' values really are, it holds of
them. Equal questions are asked once.
"""

from __future__ import annotations

import hashlib
from collections.abc import Hashable, Mapping, Sequence
from functools import partial

from certify.errors import DisagreementError
from certify.proof import formulas
from certify.proof.merging.curves import Range
from certify.proof.obligations import Count, QuestionKind
from certify.proof.questions import Question, Write
from solvers.smt import session
from solvers.smt.session import Answer, Outcome
from solvers.smt.terms import Z3
from solvers.smt.vocabulary import Formula, Vocabulary


class GaveUpError(Exception):
    """z3 gave up on something without which nothing can be merged; the message says what."""


class Facts:
    """Questions that z3 was asked, and those of them that a result rests on.

    Attributes:
        rlimit: z3's steps for each question.
        needed: the questions, by what they are about, in the order in which they came to be needed.
    """

    def __init__(self, rlimit: int) -> None:
        self.rlimit = rlimit
        self.needed: dict[Hashable, Question] = {}
        self._answers: dict[Hashable, Outcome] = {}

    def forget_needs(self) -> None:
        """Begin a result anew; answers are kept."""
        self.needed = {}

    def holds(
        self, key: Hashable | None, kind: QuestionKind, name: str, write: Write, rlimit: int | None = None
    ) -> Outcome:
        """Ask z3 for values that make a fact false; only `unsat` makes it one, and then it counts as needed.

        Args:
            key: what the fact is about, in whatever atoms; equal keys have equal formulas. None for a fact about
                these atoms, which is asked at once.
            kind: of the question.
            name: of the question.
            write: returns the formulas that hold together only where the fact is false.
            rlimit: None for the usual one.
        """
        outcome = self._answers.get(key) if key is not None else None
        if outcome is None:
            outcome = session.check(write(Z3), rlimit or self.rlimit)
        if key is not None:
            self._answers[key] = outcome
        if outcome.answer is Answer.UNSAT:
            needed_as = (kind, len(self.needed)) if key is None else key
            self.needed.setdefault(needed_as, Question(kind, name, Answer.UNSAT, write))
        return outcome

    def all_hold(self, kind: QuestionKind, asked: Sequence[tuple[str, Write]]) -> None:
        """Ask about facts that arithmetic has already settled, all in one question.

        Raises:
            DisagreementError: z3 finds one of them false.
            GaveUpError: z3 gives up.
        """
        if not asked:
            return
        found = session.refute_all([], [Z3.all_of(write(Z3)) for _, write in asked], self.rlimit)
        if found.satisfiable:
            raise DisagreementError(f"{asked[found.satisfiable[0]][0]}: z3 denies what arithmetic says")
        if found.unknown:
            raise GaveUpError(f"{asked[found.unknown[0]][0]}: {found.reason or 'unknown'}")
        for name, write in asked:
            self.needed[kind, name] = Question(kind, name, Answer.UNSAT, write)

    def not_empty(self, span: Range) -> None:
        """Have z3 answer `sat` to a range alone: an empty one would prove anything.

        Raises:
            DisagreementError: it is empty.
            GaveUpError: z3 gives up.
        """
        key = ("range", span)
        if key in self.needed:
            return
        write = partial(_range, span=span)
        name = f"the range {span[0]}..{span[1]} is not empty"
        if key not in self._answers:
            self._answers[key] = session.check(write(Z3), self.rlimit)
        answer = self._answers[key].answer
        if span[0] > span[1] or answer is Answer.UNSAT:
            raise DisagreementError(f"a unit is bounded by the empty range {span[0]}..{span[1]}")
        if answer is Answer.UNKNOWN:
            raise GaveUpError(f"{name}: {self._answers[key].reason}")
        self.needed[key] = Question("range", name, Answer.SAT, write)

    def counts(self) -> Mapping[QuestionKind, Count]:
        """Return count and digest of the needed facts, by kind; what is hashed is their SMT-LIB text."""
        by_kind: dict[QuestionKind, list[Question]] = {}
        for question in self.needed.values():
            by_kind.setdefault(question.kind, []).append(question)
        found: dict[QuestionKind, Count] = {}
        for kind, questions in sorted(by_kind.items()):
            digest = hashlib.sha256()
            for question in questions:
                digest.update(question.text().encode())
            found[kind] = Count(len(questions), digest.hexdigest())
        return found


def _range(words: Vocabulary, span: Range) -> list[Formula]:
    return [formulas.range_formula(words, *span)]
