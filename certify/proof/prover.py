"""The prover: do two networks have equal values on every grid point of the target's box?

Ways to know, kept apart and held against each other:
- the decomposition of docs/proof.md, conditions 0 to 5, every obligation refuted by z3: it proves;
- formulas over whole neurons and small whole networks: they check that the decomposition composes;
- a sweep of the whole grid, where points times multiplications stay under a bound: it proves or refutes;
- a search over some points, where the grid is too large: it refutes.

What ran must agree, or the run stops with a DisagreementError. An obligation that fails refutes nothing, and only a
point that differs in plain Python integers makes `refuted`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal, TypeAlias

from certify.errors import DisagreementError
from certify.monitor import Monitor
from certify.network.compare import check_comparable
from certify.network.model import Network
from certify.proof import composition
from certify.proof.claim import EQUAL, Claim, Relation, Verdict, Witness, replay
from certify.proof.enumeration import Sweep, TooWideError, search_difference, sweep_grid, sweep_work
from certify.proof.obligations import Count, Kind, PairObligations, digest, obligations
from certify.proof.refutation import Unproved, tasks
from certify.proof.structure import NotApplicableError, Pair, pair_up
from solvers.smt import session
from solvers.smt.session import Answer, Outcome

Run: TypeAlias = Callable[[Callable[[Any], Any], Iterable[Any]], Iterable[Any]]
Strategy: TypeAlias = Literal["decomposition", "sweep", "merging"]

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
class Stage:
    """One step of the portfolio, and in words what it decided, simplified or left."""

    name: str
    outcome: str


@dataclass(frozen=True)
class Maximum:
    """How far two networks' outputs are apart, as integers on the common scale.

    Attributes:
        upper: no difference on the domain is larger; None where no bound was found.
        seen: the largest difference that was met; equal to `upper` where that is the maximum itself.
    """

    upper: int | None
    seen: int


@dataclass(frozen=True)
class Proof:
    """A verdict and how it was reached.

    Attributes:
        verdict: of the claim.
        claim: that both networks are equal on the target's whole box.
        strategy: what proved it; None unless proved.
        reason: why it is not proved; empty when it is.
        obligations: of the decomposition, by kind; empty where it does not apply.
        composition: what was checked besides.
        sweep: the sweep, where one ran.
        witness: for `refuted`.
        portfolio: the steps that ran, in their order.
        maximum: for the relation `within`.
    """

    verdict: Verdict
    claim: Claim
    strategy: Strategy | None = None
    reason: str = ""
    obligations: Mapping[Kind, Count] = field(default_factory=dict)
    composition: Composition = Composition()
    sweep: Sweep | None = None
    witness: Witness | None = None
    portfolio: tuple[Stage, ...] = ()
    maximum: Maximum | None = None


@dataclass(frozen=True)
class _Decomposition:
    """What conditions 0 to 5 gave; `reason` is empty when all of them hold."""

    reason: str
    pairs: tuple[Pair, ...] = ()
    obligations: Mapping[Kind, Count] = field(default_factory=dict)

    @property
    def holds(self) -> bool:
        return not self.reason


def prove(
    target: Network,
    ticket: Network,
    budget: Budget | None = None,
    *,
    relation: Relation = EQUAL,
    workers: int = 1,
    run: Run = map,
    monitor: Monitor | None = None,
) -> Proof:
    """Decide whether a ticket equals its target on the target's whole box.

    Args:
        target: the network to represent; its box is the domain, whatever the ticket's says.
        ticket: base ⊙ mask, as a network.
        budget: None for the default one.
        relation: what is claimed to hold.
        workers: threads of a sweep.
        run: maps a function over pieces of work, `map` or an executor's; it has no influence on the result.
        monitor: told of phases and progress.

    Raises:
        InputError: the networks are not comparable.
        DisagreementError: two ways to decide gave different answers.
    """
    check_comparable(target, ticket)
    budget, monitor = budget or Budget(), monitor or Monitor()
    ticket = replace(ticket, input=target.input)
    decomposition = _decompose(target, ticket, budget, run, monitor)
    composed = _compose(target, ticket, decomposition, budget, monitor) if decomposition.holds else Composition()
    swept, too_large = _sweep(target, ticket, budget, workers, monitor)
    witness = _witness(target, ticket, swept, monitor)
    if witness is not None and decomposition.holds:
        raise DisagreementError(f"the decomposition proves what {witness.input} refutes")
    verdict, strategy, reason = _decide(decomposition, swept, witness, too_large)
    return Proof(
        verdict=verdict,
        claim=Claim.of(target, relation),
        strategy=strategy,
        reason=reason,
        obligations=decomposition.obligations,
        composition=composed,
        sweep=swept,
        witness=witness,
    )


def _decide(
    decomposition: _Decomposition, swept: Sweep | None, witness: Witness | None, too_large: str
) -> tuple[Verdict, Strategy | None, str]:
    if witness is not None:
        return Verdict.REFUTED, None, f"the networks differ at {_shorten(witness.input)}"
    if decomposition.holds:
        return Verdict.PROVED, "decomposition", ""
    if swept is not None:
        return Verdict.PROVED, "sweep", ""
    return Verdict.UNDECIDED, None, f"{decomposition.reason}; no witness was found; {too_large}"


def _decompose(target: Network, ticket: Network, budget: Budget, run: Run, monitor: Monitor) -> _Decomposition:
    with monitor.phase("obligations"):
        try:
            pairs = pair_up(target, ticket)
        except NotApplicableError as error:
            return _Decomposition(str(error))
        listed = [obligations(pair) for pair in pairs]
        counts = digest(listed)
    unproved = _refute(listed, budget, run, monitor)
    return _Decomposition(_explain(unproved), pairs, counts)


def _refute(listed: Sequence[PairObligations], budget: Budget, run: Run, monitor: Monitor) -> list[Unproved]:
    work = [task for item in listed for task in tasks(item, budget.rlimit)]
    unproved: list[Unproved] = []
    done = 0
    with monitor.phase("refutation", len(work)):
        for left in run(_call, work):
            unproved += left
            done += 1
            monitor.reach(done)
    if done != len(work):
        # A result that got lost on its way must never pass for one without anything left.
        raise DisagreementError(f"{len(work)} pieces of work were given out, {done} came back")
    return unproved


def _call(task: Callable[[], tuple[Unproved, ...]]) -> tuple[Unproved, ...]:
    return task()


def _explain(unproved: Sequence[Unproved]) -> str:
    if not unproved:
        return ""
    named = "; ".join(f"{item.what}: {item.reason}" for item in unproved[:_NAMED])
    more = f"; and {len(unproved) - _NAMED} more" if len(unproved) > _NAMED else ""
    return f"obligations that z3 did not refute: {named}{more}"


def _compose(
    target: Network, ticket: Network, decomposition: _Decomposition, budget: Budget, monitor: Monitor
) -> Composition:
    """Ask over neurons and networks what the decomposition has proved already.

    Raises:
        DisagreementError: z3 finds inputs on which they differ.
    """
    asked = composition.sampled(decomposition.pairs)
    exhausted = 0
    with monitor.phase("composition", len(asked) + 1):
        for done, (pair, output) in enumerate(asked):
            outcome = composition.check_neuron(pair, output, budget.rlimit)
            _check_not_satisfied(outcome, f"pair {pair.index}, neuron {output}")
            exhausted += outcome.answer is Answer.UNKNOWN
            monitor.reach(done + 1)
        if not composition.is_small(target, ticket):
            return Composition(len(asked), exhausted)
        outcome = composition.check_network(target, ticket, decomposition.pairs)
        _check_not_satisfied(outcome, "the whole network")
        return Composition(len(asked), exhausted, outcome.answer)


def _check_not_satisfied(outcome: Outcome, what: str) -> None:
    if outcome.answer is Answer.SAT:
        raise DisagreementError(f"{what}: z3 finds what is proved equal to differ at {dict(outcome.model)}")


def _sweep(
    target: Network, ticket: Network, budget: Budget, workers: int, monitor: Monitor
) -> tuple[Sweep | None, str]:
    """Return the sweep, or why there is none."""
    work = sweep_work(target, ticket)
    if work > budget.sweep_work:
        return None, f"the grid is too large to sweep (2^{work.bit_length() - 1} multiplications or more)"
    with monitor.phase("sweep", target.input.points()):
        try:
            return sweep_grid(target, ticket, workers, monitor), ""
        except TooWideError as error:
            return None, f"the grid cannot be swept: {error}"


def _witness(target: Network, ticket: Network, swept: Sweep | None, monitor: Monitor) -> Witness | None:
    """Return a replayed witness from the sweep, or from a search where none ran."""
    if swept is not None:
        point = swept.difference
    else:
        with monitor.phase("search"):
            point = search_difference(target, ticket)
    return None if point is None else replay(target, ticket, point)


def _shorten(point: Sequence[int]) -> str:
    shown = ", ".join(map(str, point[:8]))
    return f"({shown}, … {len(point)} features)" if len(point) > 8 else f"({shown})"
