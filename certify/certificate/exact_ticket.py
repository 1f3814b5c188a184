"""The statement of an exact ticket: a target file, and a pruning of a random network that equals it.

`build` writes it from a target file's bytes, a ticket and a proof; `read_subject` takes from it just what cannot be
recomputed: the target's bytes, the name of the base network, the masks.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np

from certify.base.activation import RELU, Activation, activation_name, read_activation
from certify.base.law import GENERATOR, BaseNetwork, Blocks, Construction, Precision
from certify.base.layout import check_precisions, check_target, is_single, matrix_shapes
from certify.base.mask import Mask
from certify.certificate import parts
from certify.certificate.form import EXACT_TICKET_2, TICKET_TYPES, BaseForm, TicketStatementForm
from certify.certificate.limits import MAX_COPIES, MAX_SEED, MAX_UNITS
from certify.certificate.sizes import sizes
from certify.errors import InputError
from certify.network.model import Network
from certify.network.target import Target

if TYPE_CHECKING:
    # `certify show` reads a statement without loading the prover.
    from certify.proof.prover import Proof


@dataclass(frozen=True, eq=False)
class Subject:
    """What a certificate is about, and the ticket in it.

    Attributes:
        name: the target file's name, without folders.
        file: the target file.
        base: the base network's name.
        blocks: how hidden units were shared out among inputs; with copies those of the first layer's pair.
        masks: what pruning keeps, one for each matrix of the base network.
    """

    name: str
    file: Target
    base: BaseNetwork
    blocks: Blocks
    masks: tuple[Mask, ...]

    @property
    def target(self) -> Network:
        """The network to represent."""
        return self.file.network

    @property
    def sha256(self) -> str:
        """The digest of the target file."""
        return parts.digest(self.file.data)


def build(subject: Subject, kept_sha256: str, proof: Proof, versions: Mapping[str, str]) -> bytes:
    """Return the canonical payload of a proved claim.

    Args:
        subject: target and ticket.
        kept_sha256: the digest of all kept weights, `kept_digest` of what `prune` drew.
        proof: a proof whose verdict is `proved`.
        versions: of the program and what it rests on, by name.
    """
    check_limits(subject)
    predicate = {
        "target": parts.write_target(subject.file),
        "base": _base(subject, kept_sha256),
        "masks": parts.write_masks(subject.masks),
        "claim": {"relation": "equal", **parts.write_box(proof.claim)},
        "proof": {**parts.write_proof(proof), "neurons": proof.composition.neurons},
        "sizes": asdict(sizes(subject.target, subject.masks)),
        "versions": dict(versions),
    }
    return parts.write_statement(subject.name, subject.sha256, predicate_type(subject.base), predicate)


def check_limits(subject: Subject) -> None:
    """Check that a statement can hold a base network that is read again.

    Raises:
        InputError: its widths, its copies or its seed are beyond what is read.
    """
    if max(subject.base.widths, default=0) > MAX_UNITS:
        raise InputError(f"expected at most {MAX_UNITS} units in a layer, found {max(subject.base.widths)}")
    if len(subject.base.seed) > MAX_SEED:
        raise InputError(f"expected a seed of at most {MAX_SEED} characters, found {len(subject.base.seed)}")
    _check_copies(subject.base, [mask.shape for mask in subject.masks])


def _base(subject: Subject, kept_sha256: str) -> dict[str, Any]:
    base = subject.base
    return {
        "generator": GENERATOR,
        "seed": base.seed,
        "construction": base.construction,
        "blocks": subject.blocks,
        "widths": list(base.widths),
        "precisions": [asdict(precision) for precision in base.precisions],
        "quantization": base.quantization,
        "kept_sha256": kept_sha256,
        **({} if base.activation == RELU else {"activation": activation_name(base.activation)}),
    }


def predicate_type(base: BaseNetwork) -> str:
    """Return the type of a statement about a base network: the first version has ReLUs and pairs alone."""
    return TICKET_TYPES[base.construction] if base.activation == RELU else EXACT_TICKET_2


def read_subject(raw: TicketStatementForm) -> Subject:
    """Return target and ticket of a statement, well formed and fit for each other.

    Raises:
        InputError: they are not; the place is within the payload.
    """
    predicate, name = raw.predicate, raw.subject[0].name
    construction = predicate.base.construction
    named = predicate.base.activation
    activation: Activation = RELU
    if not isinstance(named, msgspec.UnsetType):
        activation = check_activation(named, raw.predicate_type, "predicate.base.activation")
    else:
        check_construction(construction, raw.predicate_type, "predicate.base.construction")
    parts.check_box_integers(predicate.claim)
    parts.check_proof_integers(predicate.proof)
    parts.check_name(name, "subject[0].name")
    sha256 = raw.subject[0].digest.sha256
    file = parts.read_target_form(predicate.target, "predicate.target", sha256, "subject[0].digest.sha256")
    _check_target(file.network, construction)
    base = replace(_read_base(predicate.base, file.network), activation=activation)
    masks = parts.read_masks(predicate.masks, _read_shapes(file.network, base), "predicate.masks")
    _check_blocks(masks, base, predicate.base.blocks)
    return Subject(name, file, base, predicate.base.blocks, masks)


def _check_target(target: Network, construction: Construction) -> None:
    """Check that there is a base network for such a target."""
    try:
        check_target(target, construction)
    except InputError as error:
        raise InputError(f"{error.problem} ({error.place} of the target)", "predicate.base.construction") from None


def check_construction(construction: Construction, predicate_type: str, place: str) -> None:
    """Rule: a construction has one predicate type, and no other.

    Raises:
        InputError: it is that of other constructions.
    """
    if TICKET_TYPES[construction] != predicate_type:
        expected = " or ".join(name for name, kind in TICKET_TYPES.items() if kind == predicate_type)
        raise InputError(f"expected {expected}, found {construction!r}", place)


def check_activation(name: str, predicate_type: str, place: str) -> Activation:
    """Rule: an activation is named where hidden units have another than ReLU, in the second version; return it.

    Raises:
        InputError: there is none of that name, it is ReLU, or the version has none.
    """
    if predicate_type != EXACT_TICKET_2:
        raise InputError(f"expected no activation but in {EXACT_TICKET_2}, found {name!r}", place)
    try:
        activation = read_activation(name)
    except InputError as error:
        raise InputError(error.problem, place) from None
    if activation == RELU:
        raise InputError("expected no activation where it is relu, found 'relu'", place)
    return activation


def _read_base(raw: BaseForm, target: Network) -> BaseNetwork:
    check_one_for_each(len(raw.widths), len(target.linear), "predicate.base.widths")
    check_one_for_each(len(raw.precisions), len(target.linear), "predicate.base.precisions")
    for index, bits in enumerate(raw.precisions):
        check_kept(bits.drawn, bits.kept, f"predicate.base.precisions[{index}]")
    precisions = tuple(Precision(bits.drawn, bits.kept) for bits in raw.precisions)
    try:
        check_precisions(target, precisions, raw.construction)
    except InputError as error:
        raise InputError(f"{error.problem} ({error.place} of the target)", "predicate.base.precisions") from None
    return BaseNetwork(raw.seed, tuple(raw.widths), precisions, raw.quantization, raw.construction)


def _read_shapes(target: Network, base: BaseNetwork) -> tuple[tuple[int, int], ...]:
    """Return the shapes of all matrices, of which nothing has been made yet."""
    try:
        shapes = matrix_shapes(target, base)
    except InputError as error:
        if error.place.startswith("widths"):
            raise InputError(error.problem, f"predicate.base.{error.place}") from None
        raise InputError(f"{error.problem} ({error.place} of the target)", "predicate.base") from None
    _check_copies(base, shapes)
    return shapes


def _check_copies(base: BaseNetwork, shapes: Sequence[tuple[int, int]]) -> None:
    """Hold against the limit what single matrices read: from the third on, in Theorem 2's network."""
    single = shapes[2:] if is_single(base.construction, 1) else ()
    check_columns(sum(columns for _, columns in single), "predicate.base.widths")


def check_columns(found: int, place: str) -> None:
    """Rule: all copies that layers read, and their constant lines, are no more than `MAX_COPIES`.

    There is a constant for each line, whatever the masks keep, so shapes alone may not ask for more.

    Raises:
        InputError: they are.
    """
    if found > MAX_COPIES:
        raise InputError(f"expected at most {MAX_COPIES} copies and their constant lines, found {found}", place)


def check_one_for_each(found: int, layers: int, place: str) -> None:
    """Rule: widths and precisions are one for each layer of the target that has weights.

    Raises:
        InputError: they are more or fewer.
    """
    if found != layers:
        raise InputError(f"expected {layers}, one for each layer with weights, found {found}", place)


def check_kept(drawn: int, kept: int, place: str) -> None:
    """Rule: no weight is kept more finely than it was drawn.

    Raises:
        InputError: one is.
    """
    if kept > drawn:
        raise InputError(f"expected kept ≤ drawn, found {kept} > {drawn}", place)


def _check_blocks(masks: Sequence[Mask], base: BaseNetwork, blocks: Blocks) -> None:
    """Check that each first matrix's mask shares out its units, in every group, as the statement says."""
    pairs = 1 if is_single(base.construction, 1) else len(base.widths)
    for index, (first, width) in enumerate(zip(masks[: 2 * pairs : 2], base.widths[:pairs], strict=True)):
        if isinstance(blocks, int):
            check_fixed(first, width, index, blocks)
            continue
        if blocks == "grown":
            check_order(first, width, index)
        check_last(first, width, index, blocks)


def check_order(first: Mask, width: int, index: int) -> None:
    """Rule: grown blocks come in the order of their inputs.

    Raises:
        InputError: they do not.
    """
    group = first.rows() // width
    if ((np.diff(first.columns) < 0) & (np.diff(group) == 0)).any():
        raise InputError("expected grown blocks, in the order of their inputs", f"predicate.masks[{2 * index}]")


def check_last(first: Mask, width: int, index: int, blocks: str) -> None:
    """Rule: units that are not in fixed blocks end, in some group, with one that is kept.

    Raises:
        InputError: they do not.
    """
    units = int((first.rows() % width).max(initial=0)) + 1
    if width != units:
        problem = f"expected {blocks} blocks, {units} units up to the last kept one, found {width}"
        raise InputError(problem, f"predicate.base.widths[{index}]")


def check_fixed(first: Mask, width: int, index: int, block_width: int) -> None:
    """Rule: fixed blocks are so many units for every column; unit r of a group serves column r div their width.

    Raises:
        InputError: they do not.
    """
    columns = first.shape[1]
    if width != max(1, columns * block_width):
        problem = f"expected {columns} blocks of {block_width} units, found {width} units"
        raise InputError(problem, f"predicate.base.widths[{index}]")
    if (first.columns != first.rows() % width // block_width).any():
        problem = f"expected blocks of {block_width} units, each for one input"
        raise InputError(problem, f"predicate.masks[{2 * index}]")
