"""`--cross-check` and `--proof`: the obligations refuted again by another solver, and its proofs written."""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from certify.certificate.storage import replacing, write_atomic
from certify.cli.blame import about
from certify.cli.crew import Workers
from certify.errors import DisagreementError, InputError, printable
from certify.monitor import Monitor
from certify.report.result import Result, with_proofs_in, with_second_opinion

if TYPE_CHECKING:
    from certify.certificate.statement import AnySubject
    from certify.proof.prover import Proof
    from certify.proof.second_opinion import SecondOpinion, TakeProof

_Function = TypeVar("_Function", bound=Callable[..., Any])


@dataclass(frozen=True)
class CrossCheck:
    """What was asked for.

    Attributes:
        solver: cvc5, or None where nobody else is asked.
        proof: alethe, or None where no proofs are written.
    """

    solver: str | None
    proof: str | None

    def check(self) -> None:
        """Check, before any work, that it can be had.

        Raises:
            UsageError: proofs are asked of nobody.
            InputError: cvc5 is not installed.
        """
        if self.solver is None:
            if self.proof is not None:
                raise click.UsageError("expected --cross-check cvc5 with --proof: the proofs are cvc5's")
            return
        from solvers.smt.cvc5_session import is_installed  # noqa: PLC0415 - z3 comes with it

        if not is_installed():
            raise InputError("expected cvc5, found none: pip install 'certify[cvc5]'", "--cross-check")

    def check_limit(self, seconds: float | None) -> None:
        """Check that no file of proofs is begun that a limit of time would leave half written.

        Raises:
            UsageError: both are asked for.
        """
        if self.proof is not None and seconds is not None:
            raise click.UsageError("expected --proof or --time-limit, found both: what is ended leaves no proofs")


def cross_check_options(function: _Function) -> _Function:
    """Add --cross-check and --proof; the command gets them as `cross_check` and `proof_format`."""
    solver = click.option(
        "--cross-check", type=click.Choice(["cvc5"]), help="Have every obligation refuted again, by another solver."
    )
    proof = click.option(
        "--proof", "proof_format", type=click.Choice(["alethe"]), help="Write the other solver's proofs."
    )
    return solver(proof(function))


def second_opinion(
    asked: CrossCheck,
    result: Result,
    subject: AnySubject,
    proof: Proof,
    certificate: Path,
    workers: Workers,
    monitor: Monitor,
) -> Result:
    """Return the result with what the other solver says of it, where one was asked for.

    Raises:
        InputError: the proofs cannot be written.
        DisagreementError: the solvers disagree; a file in the current folder has what each was given.
    """
    if asked.solver is None:
        return result
    if proof.strategy != "decomposition" and not proof.questions:
        return with_second_opinion(result, None)
    if asked.proof is None:
        return with_second_opinion(result, _opinion(subject, proof, None, workers, monitor))
    path = Path(f"{certificate.name.removesuffix('.json')}.alethe")
    with _proof_file(path) as take:
        opinion = _opinion(subject, proof, take, workers, monitor)
    return with_proofs_in(with_second_opinion(result, opinion), str(path))


@contextlib.contextmanager
def _proof_file(path: Path) -> Iterator[TakeProof]:
    with about(path), replacing(path) as sink:
        yield lambda text: sink.write(text.encode())


def _opinion(
    subject: AnySubject, proof: Proof, take_proof: TakeProof | None, workers: Workers, monitor: Monitor
) -> SecondOpinion:
    from certify.certificate.audit import question  # noqa: PLC0415 - what computes is loaded late
    from certify.proof.second_opinion import (  # noqa: PLC0415
        SolversDisagreeError,
        ask_again,
        ask_again_of_merging,
    )

    try:
        with workers.others() as crew:
            if proof.strategy != "decomposition":
                return ask_again_of_merging(proof.questions, crew, take_proof=take_proof, monitor=monitor)
            left, right, _ = question(subject)
            return ask_again(left, right, proof.obligations, crew, take_proof=take_proof, monitor=monitor)
    except SolversDisagreeError as error:
        raise DisagreementError(f"{error}; {_leave(subject, error.record)}") from None


def _leave(subject: AnySubject, record: str) -> str:
    """Write the record of a disagreement to a file, and say where; or why it could not be written."""
    about_target = f"; Found while {printable(subject.name)} was proved, sha256 {subject.sha256}.\n"
    data = (about_target + record).encode()
    path = Path(f"certify-disagreement-{hashlib.sha256(data).hexdigest()[:12]}.smt2")
    try:
        write_atomic(path, data)
    except InputError as error:
        return f"what each of them was given cannot be left in {path}: {error}"
    return f"what each of them was given is in {path}"
