"""cvc5's answers to a piece of SMT-LIB text, from its own parser on; to be called in a process of its own.

Nothing of what z3 holds is seen here, only text. cvc5 is an extra (its wheel is `cvc5`) and is loaded when it is
asked. Its budget is counted in its own resource units, never in seconds, so that answers repeat.
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any

from solvers.smt.session import Answer

RLIMIT = 400_000
_PROOF_OPTIONS = {
    "produce-proofs": "true",
    "proof-format-mode": "alethe",
    # Rewriting in steps that Alethe has names for; else each is a hole.
    "proof-granularity": "dsl-rewrite",
}
_HOLE = ":rule hole"


class UnansweredError(Exception):
    """cvc5 does not take the text; the message is its own."""


@dataclass(frozen=True)
class Reply:
    """One answer.

    Attributes:
        answer: cvc5's.
        proof: of an `unsat`, in Alethe; empty where none was asked for.
        holes: how many of its steps say nothing of why they hold.
    """

    answer: Answer
    proof: str = ""
    holes: int = 0


@dataclass(frozen=True)
class Replies:
    """The answers to all questions of a text, in its order, and the version of cvc5 that gave them."""

    version: str
    replies: tuple[Reply, ...]


def is_installed() -> bool:
    """Tell whether cvc5's wheel is there."""
    return find_spec("cvc5") is not None


def answers(text: str, rlimit: int = RLIMIT, *, proofs: bool = False) -> Replies:
    """Return cvc5's answer to every `(check-sat)` of a text.

    Args:
        text: SMT-LIB 2.6 commands. Expected answers in it (`:status`) are for whoever compares them, not for cvc5.
        rlimit: cvc5's resource units for each question.
        proofs: whether every `unsat` comes with its proof.

    Raises:
        UnansweredError: the text is not what cvc5 takes for SMT-LIB.
    """
    import cvc5  # noqa: PLC0415 - an extra

    manager = cvc5.TermManager()
    solver = cvc5.Solver(manager)
    for name, value in {"rlimit-per": str(rlimit), **(_PROOF_OPTIONS if proofs else {})}.items():
        solver.setOption(name, value)
    symbols = cvc5.SymbolManager(manager)
    parser = cvc5.InputParser(solver, symbols)
    parser.setIncrementalStringInput(cvc5.InputLanguage.SMT_LIB_2_6, "obligations")
    parser.appendIncrementalStringInput(text)
    replies: list[Reply] = []
    try:
        while not (command := parser.nextCommand()).isNull():
            name = command.getCommandName()
            if name == "check-sat":
                replies.append(_reply(solver, proofs=proofs))
            elif name != "set-info" and (said := command.invoke(solver, symbols)):
                raise UnansweredError(said.strip())
    except RuntimeError as error:
        raise UnansweredError(str(error)) from None
    return Replies(str(cvc5.__version__), tuple(replies))


def _reply(solver: Any, *, proofs: bool) -> Reply:
    import cvc5  # noqa: PLC0415 - an extra

    result = solver.checkSat()
    if result.isSat():
        return Reply(Answer.SAT)
    if not result.isUnsat():
        return Reply(Answer.UNKNOWN)
    if not proofs:
        return Reply(Answer.UNSAT)
    proof = solver.proofToString(solver.getProof()[0], cvc5.ProofFormat.ALETHE)
    text = proof.decode() if isinstance(proof, bytes) else str(proof)
    return Reply(Answer.UNSAT, text, text.count(_HOLE))
