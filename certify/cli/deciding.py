"""What `certify equal` and `certify audit --target` do once everything is read: decide, and ask somebody else."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from certify.certificate.equivalence import Equivalence
from certify.cli.budget import budget_of
from certify.cli.crew import Workers
from certify.cli.output import Output
from certify.cli.second_opinion import CrossCheck, second_opinion
from certify.report.result import Result, of_proof, resting_on


@dataclass(frozen=True, eq=False)
class Question:
    """What is to be decided, and how.

    Attributes:
        command: that asks.
        subject: the claim.
        rlimit: z3's steps for each question down to the inputs; None for the default.
        workers: who does the work.
        asked: of another solver.
        named: the file after which one of proofs is called.
        output: how to speak meanwhile.
    """

    command: str
    subject: Equivalence
    rlimit: int | None
    workers: Workers
    asked: CrossCheck
    named: Path
    output: Output


def decided(question: Question) -> tuple[Result, bytes]:
    """Return the result, and the payload that says so; empty where it is not proved.

    Raises:
        InputError: the networks are not comparable, or a file cannot be written.
        DisagreementError: ways to decide, or solvers, disagree.
        WorkLostError: an item is not decided.
    """
    # What computes is loaded only now: a bad file is answered at once.
    from certify.issue import decide, versions  # noqa: PLC0415

    monitor, subject = question.output.monitor(), question.subject
    with question.workers.crew() as crew:
        issued = decide(subject, budget=budget_of(question.rlimit), crew=crew, monitor=monitor)
    result = of_proof(issued.subject, issued.proof, monitor.timings, versions(), command=question.command)
    result = resting_on(result, question.workers.scheduler)
    result = second_opinion(
        question.asked, result, issued.subject, issued.proof, question.named, question.workers, monitor
    )
    return result, issued.payload
