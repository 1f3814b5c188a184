"""Deciding a relation between any two networks: the cheapest step first, and each decides or passes on.

A grid that is small for a sweep is swept. On any other, some points are looked at, which finds most differences at
once; graphs that are no chains are numbered together (`congruence`), which proves what is the same but for how it is
written; then units are merged (`merging`), which can prove, and whose questions to z3 may name a point; then a grid
that a sweep can still afford is swept. What nobody decided is undecided, with what each step left.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from certify.monitor import Monitor
from certify.network.compare import common_values
from certify.network.model import Network
from certify.proof.claim import Maximum, Relation, Stage, Witness, largest_difference, replay
from certify.proof.congruence.decide import Congruence, number
from certify.proof.enumeration import Sweep, TooWideError, search_difference, sweep_grid, sweep_work
from certify.proof.merging.merge import Merging, merge
from certify.proof.obligations import Count, QuestionKind
from certify.proof.questions import Question

FIRST_SWEEP = 2**28
"""Points times multiplications that are swept before anything else is tried: some tenths of a second."""


Means: TypeAlias = Literal["sweep", "congruence", "merging"]
"""What of a portfolio can prove."""


@dataclass(frozen=True)
class Decision:
    """What the steps gave together.

    Attributes:
        swept: the sweep, where one ran.
        merged: whether merging proved the relation.
        congruent: whether both networks' outputs got the same numbers.
        witness: where the relation fails, if anywhere.
        obligations: that merging or congruence rests on, counted.
        questions: the same, one by one.
        stages: what each step decided, simplified or left.
        left: why the steps that ran decided nothing.
        maximum: of the differences.
    """

    swept: Sweep | None = None
    merged: bool = False
    congruent: bool = False
    witness: Witness | None = None
    obligations: Mapping[QuestionKind, Count] = field(default_factory=dict)
    questions: tuple[Question, ...] = ()
    stages: tuple[Stage, ...] = ()
    left: tuple[str, ...] = ()
    maximum: Maximum | None = None

    @property
    def proved(self) -> bool:
        """Whether the relation holds on the whole grid."""
        return self.witness is None and (self.merged or self.congruent or self.swept is not None)

    @property
    def means(self) -> Means | None:
        """What proved it; None where it is not proved."""
        if not self.proved:
            return None
        if self.congruent:
            return "congruence"
        return "merging" if self.merged else "sweep"


def decide(
    left: Network,
    right: Network,
    relation: Relation,
    *,
    sweep_budget: int,
    rlimit: int,
    workers: int,
    monitor: Monitor,
) -> Decision:
    """Decide whether a relation holds between two comparable networks on the left one's box.

    Args:
        left: its box is the domain.
        right: another network, on the same box.
        relation: what is claimed.
        sweep_budget: points times multiplications up to which the whole grid is swept.
        rlimit: z3's steps for each question that goes down to the inputs.
        workers: threads of a sweep.
        monitor: told of phases and progress.

    Raises:
        DisagreementError: two ways to decide gave different answers, or a witness does not replay.
    """
    steps = _Steps(left, right, relation, workers, monitor)
    work = sweep_work(left, right)
    if work <= min(FIRST_SWEEP, sweep_budget) and steps.sweep():
        return steps.decision()
    if steps.search() or steps.number() or steps.merge(rlimit):
        return steps.decision()
    if FIRST_SWEEP < work <= sweep_budget and steps.sweep():
        return steps.decision()
    if work > sweep_budget:
        steps.left.append(f"the grid is too large to sweep (2^{work.bit_length() - 1} multiplications or more)")
    return steps.decision()


class _Steps:
    """The steps, each of which tells whether it decided; what they saw gathers here."""

    def __init__(self, left: Network, right: Network, relation: Relation, workers: int, monitor: Monitor) -> None:
        self._left, self._right, self._relation = left, right, relation
        self._workers, self._monitor = workers, monitor
        self.left: list[str] = []
        self._stages: list[Stage] = []
        self._swept: Sweep | None = None
        self._merging: Merging | None = None
        self._congruence: Congruence | None = None
        self._witness: Witness | None = None
        self._seen = 0

    def sweep(self) -> bool:
        points = self._left.input.points()
        with self._monitor.phase("sweep", points):
            try:
                swept = sweep_grid(self._left, self._right, self._workers, self._monitor, self._relation)
            except TooWideError as error:
                self.left.append(f"the grid cannot be swept: {error}")
                return False
        self._swept, self._seen = swept, max(self._seen, swept.largest)
        found = self._take(swept.difference)
        self._say("sweep", f"{swept.points:,} points, the last one fails" if found else f"all {points:,} points hold")
        return True

    def search(self) -> bool:
        with self._monitor.phase("search"):
            found = search_difference(self._left, self._right, self._relation)
        self._seen = max(self._seen, found.largest)
        self._say("search", f"{found.points:,} points, {'none' if found.point is None else 'the last one'} fails")
        if found.point is None:
            self.left.append("no witness was found")
        return self._take(found.point)

    def number(self) -> bool:
        """Number both graphs; chains of dense layers are left to merging, which knows more of them."""
        if self._left.chain is not None and self._right.chain is not None:
            return False
        self._congruence = found = number(self._left, self._right, self._monitor)
        self._stages += found.stages
        if not found.proved:
            self.left.append(found.reason)
        return found.proved

    def merge(self, rlimit: int) -> bool:
        merging = merge(self._left, self._right, self._relation, rlimit, self._monitor)
        self._merging = merging
        self._stages += merging.stages
        for point in merging.points[:1]:
            return self._take(point)
        if not merging.proved:
            self.left.append(merging.reason)
        return merging.proved

    def _take(self, point: tuple[int, ...] | None) -> bool:
        """Replay a point on which the relation is said to fail."""
        if point is None:
            return False
        self._witness = witness = replay(self._left, self._right, point, self._relation)
        values = common_values(self._left, self._right, witness.left, witness.right)
        self._seen = max(self._seen, largest_difference(*values))
        return True

    def _say(self, name: str, outcome: str) -> None:
        self._stages.append(Stage(name, outcome))

    def decision(self) -> Decision:
        merging, congruence = self._merging or Merging(proved=False), self._congruence or Congruence(proved=False)
        proved = congruence if congruence.proved else merging
        return Decision(
            swept=self._swept,
            merged=merging.proved,
            congruent=congruence.proved,
            witness=self._witness,
            obligations=proved.obligations,
            questions=proved.questions,
            stages=tuple(self._stages),
            left=tuple(self.left),
            maximum=Maximum(self._upper(merging), self._seen),
        )

    def _upper(self, merging: Merging) -> int | None:
        if self._swept is not None and self._witness is None:
            return self._swept.largest
        if self._congruence is not None and self._congruence.proved:
            return 0
        return merging.upper
