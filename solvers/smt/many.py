"""Many formulas in one question, which z3 reads as SMT-LIB text.

Making terms through z3's Python package, an object for each of them, takes many times longer than z3 takes to refute
most of them; z3's own parser makes them about as fast as calls of its C interface could. So what z3 is asked is the
very text that any other solver would get (`smtlib`). Every question has a context of its own: no answer depends on
what was asked before, and the memory is free again afterwards.

Only `unsat` ends a question here. Whatever else z3 says, the formulas are made again as it holds them in memory
(`terms`), and it is asked which of them hold (`session.refute_all`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeAlias

import z3

from solvers.smt import session
from solvers.smt.session import Answer, Refutation
from solvers.smt.smtlib import SmtLib, assertions
from solvers.smt.terms import Z3
from solvers.smt.vocabulary import Formula, Vocabulary

WriteAll: TypeAlias = Callable[[Vocabulary], Sequence[Formula]]
"""Returns formulas that hold together."""
WriteMany: TypeAlias = Callable[[Vocabulary], tuple[Sequence[Formula], Sequence[Formula]]]
"""Returns what is known, and formulas none of which should hold then."""


class _Context(z3.Context):  # type: ignore[misc] # z3 has no types
    """A context that has nothing to free, and does not complain of it, where Ctrl-C comes while it is made."""

    owner = False


def check(write: WriteAll, rlimit: int = session.DEFAULT_RLIMIT, *, simple: bool = True) -> Answer:
    """Return whether formulas hold together anywhere.

    Args:
        write: returns them, in any vocabulary.
        rlimit: z3's steps.
        simple: ask z3's kernel without the tactics around it, which pay on hard formulas only.
    """
    words = SmtLib()
    text = assertions(words, write(words))
    context = _Context()
    solver = z3.SimpleSolver(ctx=context) if simple else z3.Solver(ctx=context)
    solver.set("rlimit", rlimit)
    # z3 would take SIGINT for itself while it searches; Python and whoever watches are to hear of it.
    solver.set("ctrl_c", False)
    solver.from_string(text)
    return Answer(str(solver.check()))


def refute(write: WriteMany, rlimit: int = session.DEFAULT_RLIMIT, *, simple: bool = True) -> Refutation:
    """Refute each of many formulas under assumptions: all in one disjunction, then what z3 does not refute so.

    The assumptions have to be satisfiable themselves, or everything is refuted: the caller asks z3 that too.

    Args:
        write: returns assumptions and formulas, in any vocabulary.
        rlimit: z3's steps for every question.
        simple: as for `check`, of the disjunction.
    """

    def together(words: Vocabulary) -> list[Formula]:
        assumptions, formulas = write(words)
        return [*assumptions, words.any_of(formulas)]

    if check(together, rlimit, simple=simple) is Answer.UNSAT:
        return Refutation()
    return session.refute_all(*write(Z3), rlimit)
