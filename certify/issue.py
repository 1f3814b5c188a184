"""Issuing: from files to the payload of a certificate.

Finder, prover and statement meet only here. The prover gets the pruned network, drawn again from the seed or pruned
again from the base's files, and nothing of what the finder says about it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import metadata

from certify.base.activation import RELU, Activation
from certify.base.claimed import Base, BaseFiles
from certify.base.law import Construction, Precision
from certify.certificate import parts
from certify.certificate.audit import build, question
from certify.certificate.equivalence import Equivalence, NamedFile, PrunedBase
from certify.certificate.exact_ticket import Subject
from certify.certificate.statement import AnySubject
from certify.errors import DisagreementError, InputError
from certify.monitor import Monitor
from certify.network.model import Network
from certify.network.target import Target
from certify.proof.claim import EQUAL, Verdict
from certify.proof.prover import Budget, Proof, prove
from certify.ticket import Ticket, find_copies, find_ticket
from certify.ticket.given import find_ticket_in
from certify.ticket.goal import SPARSEST, Goal
from certify.work import ALONE, Crew
from solvers.jit import load

_PACKAGES = {"certify": "certify", "numba": "numba", "numpy": "numpy", "z3": "z3-solver"}


@dataclass(frozen=True)
class Options:
    """What a user may choose about a ticket; part of what determines the payload.

    Attributes:
        seed: of the base network.
        block_width: units in every input's block, and copies of every neuron; None lets them grow, or has units
            shared out.
        precision_bits: bits of δ for all layers with weights, or for each; None takes the coarsest that is allowed.
        goal: what there should be little of.
        construction: what stands for a layer.
        activation: of the base network's hidden units.
    """

    seed: str = "0"
    block_width: int | None = None
    precision_bits: int | tuple[int, ...] | None = None
    goal: Goal = SPARSEST
    construction: Construction = "theorem-1"
    activation: Activation = RELU

    def precisions(self, target: Network) -> Sequence[Precision] | None:
        """Return the precision of every pair, or None for the default.

        Raises:
            InputError: not as many as the target has layers with weights.
        """
        if self.precision_bits is None:
            return None
        pairs, bits = len(target.linear), self.precision_bits
        each = (bits,) * pairs if isinstance(bits, int) else bits
        if len(each) != pairs:
            problem = f"expected one precision, or {pairs}, one for each layer with weights, found {len(each)}"
            raise InputError(problem)
        return tuple(Precision(kept, kept) for kept in each)


@dataclass(frozen=True, eq=False)
class Issued:
    """A certificate's payload, and what it says.

    Attributes:
        payload: canonical bytes, to be signed; empty unless the proof's verdict is `proved`.
        subject: what was asked.
        proof: the prover's.
    """

    payload: bytes
    subject: AnySubject
    proof: Proof


def issue(
    name: str,
    target: Target,
    options: Options,
    *,
    budget: Budget | None = None,
    crew: Crew = ALONE,
    monitor: Monitor | None = None,
) -> Issued:
    """Find a ticket for a target, prove it, and write the payload that says so.

    Args:
        name: the target file's name, without folders.
        target: the file.
        options: of the ticket.
        budget: of the prover.
        crew: who does the work; it has no influence on the payload.
        monitor: told of phases and progress.

    Raises:
        InputError: a name that is not a plain file name, or a precision too coarse for the target.
        TicketNotFoundError: the base network holds no ticket under these options.
        DisagreementError: the prover refutes what the finder made, or its ways to decide disagree.
    """
    monitor, network = monitor or Monitor(), target.network
    parts.check_name(name)
    with monitor.phase("loading"):
        load()
    ticket = find(network, options, crew=crew, monitor=monitor)
    subject = Subject(name, target, ticket.base, ticket.blocks, ticket.masks)
    return _check_found(decide(subject, budget=budget, crew=crew, monitor=monitor))


def find(target: Network, options: Options, *, crew: Crew = ALONE, monitor: Monitor | None = None) -> Ticket:
    """Return a ticket for a target under a user's options; arguments and errors as for the finders."""
    if options.construction == "theorem-2":
        precisions, copies = options.precisions(target), options.block_width
        return find_copies(
            target, options.seed, copies=copies, precisions=precisions, goal=options.goal, monitor=monitor
        )
    return find_ticket(
        target,
        options.seed,
        block_width=options.block_width,
        precisions=options.precisions(target),
        goal=options.goal,
        construction=options.construction,
        activation=options.activation,
        crew=crew,
        monitor=monitor,
    )


def issue_in(
    name: str,
    target: Target,
    source: BaseFiles,
    base: Base,
    *,
    budget: Budget | None = None,
    crew: Crew = ALONE,
    monitor: Monitor | None = None,
) -> Issued:
    """Find a ticket for a target in a base network that somebody has, prove it, and write the payload that says so.

    Args:
        name: the target file's name, without folders.
        target: the file.
        source: the base network's files.
        base: what was read of them.
        budget: of the prover.
        crew: as for `issue`.
        monitor: told of phases and progress.

    Raises:
        InputError: a name that is not a plain file name.
        TicketNotFoundError: the base network holds no ticket.
        DisagreementError: the prover refutes what the finder made, or its ways to decide disagree.
    """
    monitor = monitor or Monitor()
    parts.check_name(name)
    with monitor.phase("subset sums"):
        masks = find_ticket_in(target.network, base.network, crew)
    subject = of_pruned(name, target, PrunedBase.of(source, base, masks))
    return _check_found(decide(subject, budget=budget, crew=crew, monitor=monitor))


def _check_found(issued: Issued) -> Issued:
    if issued.proof.verdict is Verdict.REFUTED:
        raise DisagreementError(f"the ticket that was found is not the target: {issued.proof.reason}")
    return issued


def of_pruned(name: str, target: Target, right: PrunedBase) -> Equivalence:
    """Return the claim that a pruned base network equals a target on the target's whole box."""
    return Equivalence(NamedFile(name, target), right, EQUAL, target.network.input)


def decide(
    subject: AnySubject,
    *,
    budget: Budget | None = None,
    crew: Crew = ALONE,
    monitor: Monitor | None = None,
) -> Issued:
    """Decide what a subject claims, and write the payload that says so where it is proved.

    Args:
        subject: what is claimed.
        budget: of the prover.
        crew: as for `issue`.
        monitor: told of phases and progress.

    Raises:
        InputError: the networks are not comparable.
        DisagreementError: the prover's ways to decide disagree.
    """
    budget, monitor = budget or Budget(), monitor or Monitor()
    with monitor.phase("base network"):
        left, right, relation = question(subject)
    proof = prove(left, right, budget, relation=relation, crew=crew, monitor=monitor)
    if proof.verdict is not Verdict.PROVED:
        return Issued(b"", subject, proof)
    return Issued(build(subject, right, proof, budget, versions()), subject, proof)


def versions() -> Mapping[str, str]:
    """Return the versions of this program and of what its result rests on, by name."""
    return {name: metadata.version(package) for name, package in _PACKAGES.items()}
