"""A second opinion: another solver refutes the obligations again, each from its text, in other processes.

What z3 refuted many at a time from terms in memory, cvc5 parses one by one from the text that `script` writes too.
So a mistake in z3, in its bindings, in how obligations share a refutation or in which of them were asked is seen by
somebody who shares none of that. What both share is what an obligation says, and that the obligations are enough
(docs/proof.md).

An answer other than the expected one is a disagreement, which ends the run. `unknown` is neither agreement nor
disagreement: it is counted.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import chain

from certify.errors import DisagreementError
from certify.monitor import Monitor
from certify.network.model import Network
from certify.proof import composition
from certify.proof.obligations import Count, QuestionKind, digest, obligations
from certify.proof.questions import (
    OBLIGATION_KINDS,
    Question,
    composition_questions,
    count,
    obligation_questions,
)
from certify.proof.structure import pair_up
from certify.work import Crew
from solvers.smt import cvc5_session, session
from solvers.smt.cvc5_session import Replies, Reply, UnansweredError
from solvers.smt.session import Answer
from solvers.smt.smtlib import PREAMBLE
from solvers.smt.terms import Z3

SOLVER = "cvc5"
# Characters of text.
_BATCH = 1 << 16

TakeProof = Callable[[str], None]


@dataclass(frozen=True)
class Proofs:
    """Proofs that were written.

    Attributes:
        written: how many, one for each `unsat`.
        with_holes: of how many, by kind, some steps do not say why they hold, which no checker can check.
    """

    written: int
    with_holes: Mapping[QuestionKind, int] = field(default_factory=dict)


@dataclass(frozen=True)
class SecondOpinion:
    """What the other solver said.

    Attributes:
        solver, version: who was asked.
        agreed: to how many questions it gave the expected answer, which was the answer to all of the others too
            that it did not give up on.
        gave_up: on how many it gave up, by kind.
        proofs: where they were asked for.
    """

    solver: str
    version: str
    agreed: int
    gave_up: Mapping[QuestionKind, int] = field(default_factory=dict)
    proofs: Proofs | None = None

    @property
    def unknown(self) -> int:
        """On how many questions the solver gave up."""
        return sum(self.gave_up.values())

    @property
    def refuted_all(self) -> bool:
        """Whether it agreed on every obligation; it may have given up on what is checked besides, as z3 may."""
        return self.agreed > 0 and not any(self.gave_up.get(kind) for kind in OBLIGATION_KINDS)


class SolversDisagreeError(DisagreementError):
    """The solvers disagree on one question.

    Attributes:
        record: everything that each of them was given, as a script that either can run.
    """

    def __init__(self, message: str, record: str) -> None:
        super().__init__(message)
        self.record = record

    def __reduce__(self) -> tuple[type[SolversDisagreeError], tuple[str, str]]:
        """Come whole out of a worker process."""
        return type(self), (str(self), self.record)


def ask_again(
    target: Network,
    ticket: Network,
    proved: Mapping[QuestionKind, Count],
    crew: Crew,
    *,
    take_proof: TakeProof | None = None,
    monitor: Monitor | None = None,
) -> SecondOpinion:
    """Put every question of a proof by decomposition to cvc5.

    Args:
        target: the network.
        ticket: base ⊙ mask, as a network.
        proved: count and digest of the obligations that z3 refuted.
        crew: who does the work, in other processes.
        take_proof: gets every proof as text, headed by the question's name; None asks for none.
        monitor: told of progress.

    Raises:
        SolversDisagreeError: cvc5 answers otherwise.
        DisagreementError: these are not the obligations that were proved, or answers are missing.
    """
    monitor = monitor or Monitor()
    pieces = pair_up(target, ticket)
    listed = [obligations(piece) for piece in pieces]
    if digest(listed) != proved:
        raise DisagreementError(f"the obligations for {SOLVER} are not those that z3 refuted")
    besides = len(composition.sampled(pieces)) + composition.is_small(target, ticket)
    with monitor.phase(SOLVER, sum(map(count, listed)) + besides):
        asked = (question for item in listed for question in obligation_questions(item))
        return _ask(_chain(asked, composition_questions(target, ticket, pieces)), crew, take_proof, monitor)


def ask_again_of_merging(
    questions: Sequence[Question],
    crew: Crew,
    *,
    take_proof: TakeProof | None = None,
    monitor: Monitor | None = None,
) -> SecondOpinion:
    """Put the questions of a proof by merging to cvc5; arguments and errors as for `ask_again`."""
    monitor = monitor or Monitor()
    with monitor.phase(SOLVER, len(questions)):
        return _ask(iter(questions), crew, take_proof, monitor)


def _chain(*parts: Iterator[Question]) -> Iterator[Question]:
    for part in parts:
        yield from part


def _ask(questions: Iterator[Question], crew: Crew, take_proof: TakeProof | None, monitor: Monitor) -> SecondOpinion:
    agreed, written, version = 0, 0, ""
    gave_up: Counter[QuestionKind] = Counter()
    incomplete: Counter[QuestionKind] = Counter()
    for asked, reply, version in _replies(questions, crew, proofs=take_proof is not None):
        if reply.answer is Answer.UNKNOWN:
            gave_up[asked.question.kind] += 1
            continue
        if reply.answer is not asked.question.expected:
            raise _disagreement(asked, reply.answer, version)
        agreed += 1
        monitor.reach(agreed)
        if take_proof is not None and reply.proof:
            take_proof(f"; {asked.question.name}\n{reply.proof}")
            written += 1
            incomplete[asked.question.kind] += reply.holes > 0
    proofs = None if take_proof is None else Proofs(written, dict(+incomplete))
    return SecondOpinion(SOLVER, version, agreed, dict(gave_up), proofs)


@dataclass(frozen=True)
class _Asked:
    """A question, and its text as cvc5 reads it."""

    question: Question
    text: str


@dataclass(frozen=True)
class Script:
    """What cvc5 reads at a time.

    Attributes:
        name: the first of its questions.
        text: all of them.
    """

    name: str
    text: str

    def __str__(self) -> str:
        return f"{SOLVER}: {self.name}, and what is asked with it"


def answers(script: Script, *, proofs: bool) -> Replies:
    """Return cvc5's answers to all questions of a script."""
    return cvc5_session.answers(script.text, proofs=proofs)


def _replies(questions: Iterator[Question], crew: Crew, *, proofs: bool) -> Iterator[tuple[_Asked, Reply, str]]:
    """Yield every question with its reply and the version of cvc5; questions are written as the crew takes them."""
    batches = _batches(questions)
    given: deque[list[_Asked]] = deque()

    def scripts() -> Iterator[Script]:
        for batch in batches:
            given.append(batch)
            yield Script(batch[0].question.name, PREAMBLE + "".join(asked.text for asked in batch))

    try:
        for said in crew.run(partial(answers, proofs=proofs), scripts()):
            batch = given.popleft() if given else []
            _check_count(len(batch), said.replies)
            yield from ((asked, reply, said.version) for asked, reply in zip(batch, said.replies, strict=True))
    except UnansweredError as error:
        raise DisagreementError(f"{SOLVER} does not read what z3 reads: {error}") from None
    _check_count(sum(map(len, chain(given, batches))), ())


def _check_count(expected: int, found: Sequence[Reply]) -> None:
    if len(found) != expected:
        # An answer that got lost on its way must never pass for agreement.
        raise DisagreementError(f"{expected} questions were put to {SOLVER}, {len(found)} answers came back")


def _batches(questions: Iterable[Question]) -> Iterator[list[_Asked]]:
    """Yield several questions at a time; where the cuts are depends on the questions alone."""
    batch: list[_Asked] = []
    size = 0
    for question in questions:
        batch.append(_Asked(question, question.text()))
        size += len(batch[-1].text)
        if size >= _BATCH:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch


def _disagreement(asked: _Asked, answer: Answer, version: str) -> SolversDisagreeError:
    question = asked.question
    expected = question.expected.value
    printed = "\n".join(formula.sexpr() for formula in question.write(Z3))
    record = (
        f"; {SOLVER} {version} answers {answer.value}; needed is {expected}, and z3 {session.version()} has found"
        f" nothing else.\n; One of them is wrong, or they were not given the same.\n\n"
        f"; What {SOLVER} read:\n{PREAMBLE}{asked.text}\n"
        f"; The formulas that z3 was given, as z3 prints them:\n"
    )
    record += "".join(f"; {line}\n" for line in printed.splitlines())
    message = f"{question.name}: z3 and {SOLVER} disagree: expected {expected}, found {answer.value}"
    return SolversDisagreeError(message, record)
