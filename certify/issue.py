"""Issuing: from a target file's bytes to the payload of its certificate.

Finder, prover and statement meet only here. The prover gets the pruned network, drawn again from the seed, and
nothing of what the finder says about it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import metadata

from certify.base.draw import kept_digest
from certify.base.law import Precision
from certify.base.prune import prune
from certify.certificate import statement
from certify.certificate.statement import Subject
from certify.errors import DisagreementError
from certify.monitor import Monitor
from certify.network.model import Network
from certify.network.target import Target
from certify.proof.claim import Verdict
from certify.proof.prover import Budget, Proof, Run, prove
from certify.ticket import find_ticket

_PACKAGES = {"certify": "certify", "numba": "numba", "numpy": "numpy", "z3": "z3-solver"}


@dataclass(frozen=True)
class Options:
    """What a user may choose about a ticket; part of what determines the payload.

    Attributes:
        seed: of the base network.
        block_width: units in every input's block; None lets blocks grow.
        precision_bits: bits of δ in every pair of matrices; None takes the coarsest that Theorem 1 allows.
    """

    seed: str = "0"
    block_width: int | None = None
    precision_bits: int | None = None

    def precisions(self, target: Network) -> Sequence[Precision] | None:
        """Return the precision of every pair, or None for the default."""
        if self.precision_bits is None:
            return None
        return (Precision(self.precision_bits, self.precision_bits),) * len(target.layers)


@dataclass(frozen=True, eq=False)
class Issued:
    """A certificate's payload, and what it says.

    Attributes:
        payload: canonical bytes, to be signed; empty unless the proof's verdict is `proved`.
        subject: target and ticket.
        proof: the prover's.
    """

    payload: bytes
    subject: Subject
    proof: Proof


def issue(
    name: str,
    target: Target,
    options: Options,
    *,
    budget: Budget | None = None,
    workers: int = 1,
    run: Run = map,
    monitor: Monitor | None = None,
) -> Issued:
    """Find a ticket for a target, prove it, and write the payload that says so.

    Args:
        name: the target file's name, without folders.
        target: the file.
        options: of the ticket.
        budget: of the prover.
        workers: threads of a sweep.
        run: maps a function over pieces of work; it has no influence on the payload.
        monitor: told of phases and progress.

    Raises:
        InputError: a name that is not a plain file name, or a precision too coarse for the target.
        TicketNotFoundError: the base network holds no ticket under these options.
        DisagreementError: the prover refutes what the finder made, or its ways to decide disagree.
    """
    monitor, network = monitor or Monitor(), target.network
    statement.check_name(name)
    with monitor.phase("subset sums"):
        ticket = find_ticket(
            network, options.seed, block_width=options.block_width, precisions=options.precisions(network), run=run
        )
    with monitor.phase("base network"):
        pruned = prune(network, ticket.base, ticket.masks)
    proof = prove(network, pruned, budget, workers=workers, run=run, monitor=monitor)
    if proof.verdict is Verdict.REFUTED:
        raise DisagreementError(f"the ticket that was found is not the target: {proof.reason}")
    subject = Subject(name, target, ticket.base, ticket.block_width, ticket.masks)
    if proof.verdict is not Verdict.PROVED:
        return Issued(b"", subject, proof)
    return Issued(statement.build(subject, kept_digest(pruned.matrices), proof, versions()), subject, proof)


def versions() -> Mapping[str, str]:
    """Return the versions of this program and of what its result rests on, by name."""
    return {name: metadata.version(package) for name, package in _PACKAGES.items()}
