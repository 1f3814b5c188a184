"""Asking z3, within a budget counted in z3's own steps and never in seconds, so that answers repeat.

`unknown` is an answer of its own: it is never taken for `unsat`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

import z3

from solvers.smt.terms import Z3
from solvers.smt.vocabulary import Formula

DEFAULT_RLIMIT = 2_000_000_000


class Answer(StrEnum):
    """What z3 said."""

    UNSAT = "unsat"
    SAT = "sat"
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class Outcome:
    """One answer.

    Attributes:
        answer: z3's.
        model: for `sat`, the value of every variable that the model names.
        reason: for `unknown`, z3's reason.
    """

    answer: Answer
    model: Mapping[str, int] = field(default_factory=dict)
    reason: str = ""


@dataclass(frozen=True)
class Refutation:
    """What was left of a list of formulas that each should be unsatisfiable.

    Attributes:
        satisfiable: indices of those that z3 found a model of.
        unknown: indices of those that z3 gave up on.
        reason: z3's reason for giving up.
    """

    satisfiable: tuple[int, ...] = ()
    unknown: tuple[int, ...] = ()
    reason: str = ""

    @property
    def complete(self) -> bool:
        """Whether every formula was refuted."""
        return not self.satisfiable and not self.unknown


def version() -> str:
    """Return z3's version."""
    return str(z3.get_version_string())


def check(formulas: Sequence[Formula], rlimit: int = DEFAULT_RLIMIT) -> Outcome:
    """Return whether the formulas hold together anywhere."""
    outcome, _ = _check(formulas, rlimit)
    return outcome


def refute_all(
    assumptions: Sequence[Formula], formulas: Sequence[Formula], rlimit: int = DEFAULT_RLIMIT
) -> Refutation:
    """Refute each formula under the assumptions: first all in one disjunction, then what a model singles out.

    The assumptions have to be satisfiable themselves, or everything is refuted: the caller asks z3 that first.
    """
    left = list(range(len(formulas)))
    satisfiable: list[int] = []
    while left:
        outcome, model = _check([*assumptions, Z3.any_of([formulas[index] for index in left])], rlimit)
        if outcome.answer is Answer.UNSAT:
            break
        if model is None:
            return Refutation(tuple(sorted(satisfiable)), tuple(left), outcome.reason)
        holds = [index for index in left if z3.is_true(model.eval(formulas[index], model_completion=True))]
        if not holds:
            raise RuntimeError("z3's model satisfies a disjunction and none of its members")
        satisfiable += holds
        left = sorted(set(left) - set(holds))
    return Refutation(tuple(sorted(satisfiable)))


def _check(formulas: Sequence[Formula], rlimit: int) -> tuple[Outcome, z3.ModelRef | None]:
    solver = z3.Solver()
    solver.set("rlimit", rlimit)
    # z3 would take SIGINT for itself while it searches; Python and whoever watches are to hear of it.
    solver.set("ctrl_c", False)
    solver.add(*formulas)
    answer = solver.check()
    if answer == z3.unsat:
        return Outcome(Answer.UNSAT), None
    if answer == z3.sat:
        model = solver.model()
        values = {str(name): model[name].as_long() for name in model.decls() if z3.is_int_value(model[name])}
        return Outcome(Answer.SAT, values), model
    return Outcome(Answer.UNKNOWN, reason=str(solver.reason_unknown())), None
