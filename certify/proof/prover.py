"""The prover: does a relation hold between two networks on every grid point of the target's box?

Ways to know, kept apart and held against each other:
- for a ticket of Theorem 1 or 2, or one of a graph with convolutions, the decomposition of docs/proof.md, conditions
  0 to 5, every obligation refuted by z3: it proves; formulas over whole neurons and small whole networks check that
  it composes; a sweep of the whole grid, where points times multiplications stay under a bound, or a search over some
  points, must agree;
- for any other pair, and where that does not hold, the steps of `portfolio`.

What ran must agree, or the run stops with a DisagreementError. An obligation that fails refutes nothing, and only a
point that differs in plain Python integers makes `refuted`.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal, TypeAlias, TypeVar

from certify.errors import DisagreementError
from certify.monitor import Monitor
from certify.network.compare import check_comparable
from certify.network.model import Network
from certify.proof import composition, refutation
from certify.proof.claim import EQUAL, Claim, Maximum, Relation, Stage, Verdict, Witness, replay
from certify.proof.enumeration import Sweep, TooWideError, search_difference, sweep_grid, sweep_work
from certify.proof.obligations import Count, PieceObligations, QuestionKind, digest, obligations
from certify.proof.portfolio import Decision, decide
from certify.proof.questions import Question
from certify.proof.refutation import SECONDS_AN_OBLIGATION, Unproved, tasks
from certify.proof.structure import NotApplicableError, Piece, pair_up
from certify.work import ALONE, Crew, Task, do
from solvers.smt import session
from solvers.smt.session import Answer, Outcome

Strategy: TypeAlias = Literal["decomposition", "sweep", "merging", "congruence"]

_Result = TypeVar("_Result")
_NAMED = 3


@dataclass(frozen=True)
class Budget:
    """What a run may spend, in units that give the same result on every machine.

    Attributes:
        rlimit: z3's steps for each question, above 0, which z3 takes for no limit.
        sweep_work: points times multiplications up to which the whole grid is swept.
        remainder_rlimit: z3's steps for each question that goes down to the networks' inputs.
    """

    rlimit: int = session.DEFAULT_RLIMIT
    sweep_work: int = 2**34
    remainder_rlimit: int = 20_000_000

    def __post_init__(self) -> None:
        assert 0 < self.rlimit < 2**32


@dataclass(frozen=True)
class Composition:
    """What was asked over whole neurons and whole networks.

    Attributes:
        neurons: how many neurons z3 was asked about.
        exhausted: how many of them z3 gave up on within its budget; it refuted all others.
        network: z3's answer for the whole network, or None where it was too large to ask.
    """

    neurons: int = 0
    exhausted: int = 0
    network: Answer | None = None


@dataclass(frozen=True)
class Proof:
    """A verdict and how it was reached.

    Attributes:
        verdict: of the claim.
        claim: that both networks are equal on the target's whole box.
        strategy: what proved it; None unless proved.
        reason: why it is not proved; empty when it is.
        obligations: by kind, of what proved it; of the decomposition where it was tried and nothing was proved.
        composition: what was checked besides.
        sweep: the sweep, where one ran.
        witness: for `refuted`.
        portfolio: the steps that ran, in their order.
        maximum: for the relation `within`.
        questions: of merging, the obligations one by one; the decomposition's follow from the networks.
    """

    verdict: Verdict
    claim: Claim
    strategy: Strategy | None = None
    reason: str = ""
    obligations: Mapping[QuestionKind, Count] = field(default_factory=dict)
    composition: Composition = Composition()
    sweep: Sweep | None = None
    witness: Witness | None = None
    portfolio: tuple[Stage, ...] = ()
    maximum: Maximum | None = None
    questions: tuple[Question, ...] = field(default=(), compare=False, repr=False)


@dataclass(frozen=True)
class _Decomposition:
    """What conditions 0 to 5 gave; `reason` is empty when all of them hold."""

    reason: str
    pieces: tuple[Piece, ...] = ()
    obligations: Mapping[QuestionKind, Count] = field(default_factory=dict)

    @property
    def holds(self) -> bool:
        return not self.reason


def prove(
    target: Network,
    ticket: Network,
    budget: Budget | None = None,
    *,
    relation: Relation = EQUAL,
    crew: Crew = ALONE,
    monitor: Monitor | None = None,
) -> Proof:
    """Decide whether a ticket equals its target on the target's whole box.

    Args:
        target: the network to represent; its box is the domain, whatever the ticket's says.
        ticket: base ⊙ mask, as a network.
        budget: None for the default one.
        relation: what is claimed to hold.
        crew: who does the work; it has no influence on the result.
        monitor: told of phases and progress.

    Raises:
        InputError: the networks are not comparable.
        DisagreementError: two ways to decide gave different answers.
    """
    check_comparable(target, ticket)
    budget, monitor = budget or Budget(), monitor or Monitor()
    ticket = replace(ticket, input=target.input)
    decomposition = _Decomposition("the decomposition is for equality")
    if relation == EQUAL:
        decomposition = _decompose(target, ticket, budget, crew, monitor)
    if decomposition.holds:
        return _prove_by_decomposition(target, ticket, decomposition, budget, crew, monitor)
    decision = decide(
        target,
        ticket,
        relation,
        sweep_budget=budget.sweep_work,
        rlimit=budget.remainder_rlimit,
        workers=crew.threads,
        monitor=monitor,
    )
    verdict, strategy, reason = _verdict(decomposition, decision)
    return Proof(
        verdict=verdict,
        claim=Claim.of(target, relation),
        strategy=strategy,
        reason=reason,
        obligations=decision.obligations if decision.merged or decision.congruent else decomposition.obligations,
        sweep=decision.swept,
        witness=decision.witness,
        portfolio=decision.stages,
        maximum=decision.maximum if relation.name == "within" else None,
        questions=decision.questions,
    )


def _prove_by_decomposition(
    target: Network,
    ticket: Network,
    decomposition: _Decomposition,
    budget: Budget,
    crew: Crew,
    monitor: Monitor,
) -> Proof:
    """Check besides what conditions 0 to 5 have proved.

    Raises:
        DisagreementError: something finds a difference.
    """
    composed = _compose(target, ticket, decomposition, budget, crew, monitor)
    swept, point = _look(target, ticket, budget, crew, monitor)
    if point is not None:
        raise DisagreementError(f"the decomposition proves what {replay(target, ticket, point).input} refutes")
    return Proof(
        verdict=Verdict.PROVED,
        claim=Claim.of(target),
        strategy="decomposition",
        obligations=decomposition.obligations,
        composition=composed,
        sweep=swept,
    )


def _verdict(decomposition: _Decomposition, decision: Decision) -> tuple[Verdict, Strategy | None, str]:
    if decision.witness is not None:
        return Verdict.REFUTED, None, f"the networks differ at {_shorten(decision.witness.input)}"
    if decision.proved:
        return Verdict.PROVED, decision.means, ""
    return Verdict.UNDECIDED, None, "; ".join([decomposition.reason, *decision.left])


def _decompose(target: Network, ticket: Network, budget: Budget, crew: Crew, monitor: Monitor) -> _Decomposition:
    with monitor.phase("obligations"):
        try:
            pieces = pair_up(target, ticket)
        except NotApplicableError as error:
            return _Decomposition(str(error))
        crew.expect(
            sum(piece.weights.shape[0] * piece.weights.shape[1] for piece in pieces) * SECONDS_AN_OBLIGATION,
            refutation.__name__,
        )
        listed = [obligations(piece) for piece in pieces]
        counts = digest(listed)
    unproved = _refute(listed, budget, crew, monitor)
    return _Decomposition(_explain(unproved), pieces, counts)


def _refute(listed: Sequence[PieceObligations], budget: Budget, crew: Crew, monitor: Monitor) -> list[Unproved]:
    work = [task for item in listed for task in tasks(item, budget.rlimit)]
    with monitor.phase("refutation", len(work)):
        return [unproved for left in _done(work, crew, monitor) for unproved in left]


def _done(work: Sequence[Task[_Result]], crew: Crew, monitor: Monitor) -> Iterator[_Result]:
    """Yield the results of all pieces of work, in their order.

    Raises:
        DisagreementError: fewer or more came back than were given out.
    """
    done = 0
    for found in crew.run(do, work):
        done += 1
        yield found
        monitor.reach(done)
    if done != len(work):
        # A result that got lost on its way must never pass for one without anything left.
        raise DisagreementError(f"{len(work)} pieces of work were given out, {done} came back")


def _explain(unproved: Sequence[Unproved]) -> str:
    if not unproved:
        return ""
    named = "; ".join(f"{item.what}: {item.reason}" for item in unproved[:_NAMED])
    more = f"; and {len(unproved) - _NAMED} more" if len(unproved) > _NAMED else ""
    return f"obligations that z3 did not refute: {named}{more}"


def _compose(
    target: Network,
    ticket: Network,
    decomposition: _Decomposition,
    budget: Budget,
    crew: Crew,
    monitor: Monitor,
) -> Composition:
    """Ask over neurons and networks what the decomposition has proved already.

    Raises:
        DisagreementError: z3 finds inputs on which they differ.
    """
    work, pieces = composition.tasks(decomposition.pieces, budget.rlimit), decomposition.pieces
    names = [composition.neuron_name(piece, output) for piece, output in composition.sampled(pieces)]
    with monitor.phase("composition", len(work) + 1):
        outcomes = [outcome for found in _done(work, crew, monitor) for outcome in found]
        for name, outcome in zip(names, outcomes, strict=True):
            _check_not_satisfied(outcome, name)
        exhausted = sum(outcome.answer is Answer.UNKNOWN for outcome in outcomes)
        if not composition.is_small(target, ticket):
            return Composition(len(names), exhausted)
        outcome = composition.check_network(target, ticket, pieces)
        _check_not_satisfied(outcome, "the whole network")
        return Composition(len(names), exhausted, outcome.answer)


def _check_not_satisfied(outcome: Outcome, what: str) -> None:
    if outcome.answer is Answer.SAT:
        raise DisagreementError(f"{what}: z3 finds what is proved equal to differ at {dict(outcome.model)}")


def _look(
    target: Network, ticket: Network, budget: Budget, crew: Crew, monitor: Monitor
) -> tuple[Sweep | None, tuple[int, ...] | None]:
    """Sweep the grid, or search it where it is too large: return the sweep, and a point that differs."""
    if sweep_work(target, ticket) <= budget.sweep_work:
        with monitor.phase("sweep", target.input.points()), contextlib.suppress(TooWideError):
            swept = sweep_grid(target, ticket, crew.threads, monitor)
            return swept, swept.difference
    with monitor.phase("search"):
        return None, search_difference(target, ticket, briefly=True).point


def _shorten(point: Sequence[int]) -> str:
    shown = ", ".join(map(str, point[:8]))
    return f"({shown}, … {len(point)} features)" if len(point) > 8 else f"({shown})"
