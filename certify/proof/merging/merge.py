"""Merging two networks: the whole way from their inputs to a relation between their outputs.

First quickly, by what one line shows; if outputs are still apart, again with simulation and z3 down to the inputs;
what is left then is one formula for each output. Everything that a result rests on is in its obligations. Forms are
besides held against plain evaluation at some points, which would show a mistake in any of this.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from certify.errors import DisagreementError
from certify.monitor import Monitor
from certify.network.bounds import network_bounds
from certify.network.compare import common_scale
from certify.network.model import Network
from certify.proof.claim import Relation, Stage
from certify.proof.merging.atoms import Atoms
from certify.proof.merging.facts import Facts, GaveUpError
from certify.proof.merging.forms import Form, combine
from certify.proof.merging.relatives import Relatives
from certify.proof.merging.remainder import Asked, Outputs, Point, ask
from certify.proof.merging.rows import NotAffineError, stepped
from certify.proof.merging.walk import disagreements, input_ranges, layers
from certify.proof.obligations import Count, QuestionKind
from certify.proof.questions import Question
from solvers.grid.search import sample

FACT_RLIMIT = 3_000_000
MAX_BITS = 4096
MOST_SIMULATED = 600
MOST_UNROLLED = 4096
_CHECKED_POINTS = 2
_SEED = 2508_11020


@dataclass(frozen=True)
class Merging:
    """What merging gave.

    Attributes:
        proved: whether the relation holds, every obligation below refuted by z3.
        reason: why it is not proved: what is left, and which limit was hit.
        obligations: count and digest by kind.
        questions: the obligations themselves.
        stages: what was done, in words.
        upper: a bound of the largest difference; None where there is none.
        points: of the box, where z3 says that the relation fails.
    """

    proved: bool
    reason: str = ""
    obligations: Mapping[QuestionKind, Count] = field(default_factory=dict)
    questions: tuple[Question, ...] = ()
    stages: tuple[Stage, ...] = ()
    upper: int | None = None
    points: tuple[Point, ...] = ()


@dataclass(frozen=True, eq=False)
class _Attempt:
    """Both networks' outputs in one set of atoms."""

    atoms: Atoms
    outputs: Outputs
    units: int


def merge(
    left: Network,
    right: Network,
    relation: Relation,
    rlimit: int,
    monitor: Monitor,
) -> Merging:
    """Decide whether a relation holds between two networks on the left one's box, as far as merging can.

    Args:
        left: its box is the domain.
        right: another network, on the same box.
        relation: what is claimed.
        rlimit: z3's steps for each question that goes below one line.
        monitor: told of phases.

    Raises:
        DisagreementError: z3 denies what arithmetic says, or a form is not the unit that it stands for.
    """
    if (units := _units(left) + _units(right)) > MOST_UNROLLED and None in (left.chain, right.chain):
        return Merging(proved=False, reason=f"{units:,} units, merging unrolls graphs of at most {MOST_UNROLLED:,}")
    longest = _longest(left, replace(right, input=left.input))
    if longest > MAX_BITS:
        return Merging(proved=False, reason=f"numbers of {longest} bits, merging holds {MAX_BITS}")
    run = _Run(left, right, relation, rlimit)
    try:
        with monitor.phase("merging"):
            quick = run.quick()
        if quick.proved:
            return quick
        with monitor.phase("simulation"):
            return run.deep(quick)
    except GaveUpError as error:
        return Merging(proved=False, reason=f"z3 gave up: {error}")
    except NotAffineError as error:
        return Merging(proved=False, reason=str(error))


def _units(network: Network) -> int:
    return sum(map(math.prod, network.shapes()))


def _longest(left: Network, right: Network) -> int:
    """Return how many bits the longest number of either network has, its outputs on the common scale."""
    largest = max(bounds.largest for network in (left, right) for bounds in network_bounds(network))
    return largest.bit_length() + max(common_scale(left, right))


class _Run:
    """One claim, tried quickly and then deeply."""

    def __init__(
        self,
        left: Network,
        right: Network,
        relation: Relation,
        rlimit: int,
    ) -> None:
        self.left, self.right = left, replace(right, input=left.input)
        self.relation, self.rlimit = relation, rlimit
        self.facts = Facts(FACT_RLIMIT)

    def quick(self) -> Merging:
        """One line at a time, and then only what the atoms' ranges show."""
        attempt = self._attempt(None)
        asked = ask(attempt.atoms, attempt.outputs, self.relation, FACT_RLIMIT, deeply=False)
        return self._merging(attempt, asked, (_said(attempt, asked),))

    def deep(self, quick: Merging) -> Merging:
        """Simulation, z3 down to the inputs, and what is left as one formula for each output."""
        units = _units(self.left) + _units(self.right)
        relatives = None if units > MOST_SIMULATED else Relatives(self._points(2 * units), self.rlimit)
        self.facts.forget_needs()
        attempt = self._attempt(relatives)
        asked = ask(attempt.atoms, attempt.outputs, self.relation, self.rlimit, deeply=True)
        found = self._merging(attempt, asked, (*quick.stages, *_said_deeply(attempt, asked, relatives, units)))
        uppers = [merging.upper for merging in (quick, found) if merging.upper is not None]
        return replace(found, upper=min(uppers, default=None))

    def _points(self, count: int) -> Sequence[Point]:
        box = self.left.input
        return [tuple(point) for point in sample(box.low, box.high, count, _SEED).tolist()]

    def _attempt(self, relatives: Relatives | None) -> _Attempt:
        atoms = Atoms(input_ranges(self.left.input), self.facts, relatives)
        shifts = common_scale(self.left, self.right)
        sides: list[tuple[Form, ...]] = []
        for network, shift, side in zip((self.left, self.right), shifts, ("first", "second"), strict=True):
            forms = layers(network, atoms, side)
            sides.append(tuple(combine([(1 << shift, form)]) for form in forms[-1]))
            for point in self._points(_CHECKED_POINTS):
                if wrong := disagreements(network, forms, atoms, point):
                    problem = f"the {side} network's {wrong[0]} is not the form that was proved, at {point}"
                    raise DisagreementError(problem)
        units = sum(
            stepped(layer) * math.prod(shape)
            for network in (self.left, self.right)
            for layer, shape in zip(network.layers, network.shapes(), strict=True)
        )
        return _Attempt(atoms, Outputs(sides[0], sides[1]), units)

    def _merging(self, attempt: _Attempt, asked: Sequence[Asked], stages: tuple[Stage, ...]) -> Merging:
        proved = all(item.proved for item in asked)
        upper = attempt.outputs.upper(attempt.atoms) if self.relation.name != "argmax" else None
        if proved and self.relation.name != "argmax":
            upper = min(self.relation.bound, upper or 0)
        return Merging(
            proved=proved,
            reason=_left(asked),
            obligations=self.facts.counts() if proved else {},
            questions=tuple(self.facts.needed.values()) if proved else (),
            stages=stages,
            upper=upper,
            points=tuple(item.point for item in asked if item.point is not None),
        )


def _left(asked: Sequence[Asked]) -> str:
    """Return what is not proved, and why."""
    left = [item for item in asked if not item.proved]
    named = "; ".join(f"{item.what}: {item.reason}" for item in left[:3])
    more = f"; and {len(left) - 3} more" if len(left) > 3 else ""
    settled = f" ({len(asked) - len(left)} of {len(asked)} outputs proved)" if 0 < len(left) < len(asked) else ""
    return f"{named}{more}{settled}"


def _said(attempt: _Attempt, asked: Sequence[Asked]) -> Stage:
    atoms = attempt.atoms
    others = attempt.units - atoms.own - atoms.hashed - atoms.related
    outcome = (
        f"of {attempt.units} units, {atoms.own} are new, {atoms.hashed} the same as one before, "
        f"{others} combinations on one line; {_counted(asked)}"
    )
    return Stage("merging", outcome)


def _said_deeply(
    attempt: _Attempt, asked: Sequence[Asked], relatives: Relatives | None, units: int
) -> tuple[Stage, ...]:
    if relatives is None:
        simulated = f"not done: {units} units, at most {MOST_SIMULATED} are compared with each other"
    else:
        simulated = f"combinations of other units: {attempt.atoms.related}; z3 gave up on {relatives.gave_up}"
    return Stage("simulation", simulated), Stage("remainder", _counted(asked))


def _counted(asked: Sequence[Asked]) -> str:
    proved = sum(item.proved for item in asked)
    if len(asked) == 1:
        return f"{asked[0].what} {'proved' if proved else 'left: ' + asked[0].reason}"
    return f"{proved} of {len(asked)} outputs proved"
