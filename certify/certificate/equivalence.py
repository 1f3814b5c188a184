"""The statement of an equivalence: two networks, a relation between their outputs, and the box on which it holds.

On the left is a file. On the right is another, or a base network that somebody has and the masks that prune it: the
base's own files are in the statement and are read again as they were (`certify.base.claimed`), and of masks, whatever
container they came in, the one form that the house has for them. Reading takes the files, the masks, the relation,
the box and what the proof may spend; everything else is recomputed.

The box lies in both files' boxes. A pruned base has no say in it: the box is the left network's whole one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, TypeAlias

from certify.base.claimed import Base, BaseFiles, pruned, read_base
from certify.base.mask import Mask
from certify.certificate import parts
from certify.certificate.canonical import integer, read_integer
from certify.certificate.form import (
    EQUIVALENCE,
    PRUNED,
    EquivalenceStatementForm,
    FileForm,
    NamedNetworkForm,
    NamedONNXForm,
    NamedTFLiteForm,
    PrunedForm,
    RelationForm,
)
from certify.errors import InputError
from certify.network.arrays.file import File
from certify.network.base64_text import decode_base64
from certify.network.compare import check_comparable
from certify.network.model import Box, Network
from certify.network.target import Target
from certify.proof.claim import Relation

if TYPE_CHECKING:
    # `certify show` reads a statement without loading what proves.
    from certify.proof.prover import Proof


@dataclass(frozen=True, eq=False)
class NamedFile:
    """A file that is a network or becomes one, and its name without folders."""

    name: str
    file: Target

    @property
    def network(self) -> Network:
        """The network."""
        return self.file.network

    @property
    def sha256(self) -> str:
        """The digest of the file."""
        return parts.digest(self.file.data)


@dataclass(frozen=True, eq=False)
class PrunedBase:
    """A base network as somebody has it, and what pruning keeps.

    Attributes:
        source: the base network's files, and how they are to be read.
        base: what they are.
        masks: one for each of its matrices.
        network: base ⊙ mask.
    """

    source: BaseFiles
    base: Base
    masks: tuple[Mask, ...]
    network: Network

    @staticmethod
    def of(source: BaseFiles, base: Base, masks: Sequence[Mask]) -> PrunedBase:
        """Return a base network pruned by masks of its matrices' shapes."""
        return PrunedBase(source, base, tuple(masks), pruned(base.network, masks))


Right: TypeAlias = NamedFile | PrunedBase


@dataclass(frozen=True, eq=False)
class Equivalence:
    """What is claimed to be what on which points.

    Attributes:
        left: the file that the certificate is about.
        right: what it is compared with.
        relation: between their outputs.
        box: on which it holds; it lies in the box of every file.
    """

    left: NamedFile
    right: Right
    relation: Relation
    box: Box

    @property
    def name(self) -> str:
        """The left file's name."""
        return self.left.name

    @property
    def sha256(self) -> str:
        """The digest of the left file."""
        return self.left.sha256

    @property
    def is_whole(self) -> bool:
        """Whether the box leaves out no point of any file's box."""
        return all(_is_same(self.box, network.input) for network in _bounding(self.left, self.right))

    def networks(self) -> tuple[Network, Network]:
        """Return both networks, the left one on the claim's box."""
        return replace(self.left.network, input=self.box), self.right.network


def _bounding(left: NamedFile, right: Right) -> tuple[Network, ...]:
    return (left.network, right.network) if isinstance(right, NamedFile) else (left.network,)


def _is_same(first: Box, second: Box) -> bool:
    return (first.low, first.high) == (second.low, second.high)


def build(subject: Equivalence, proof: Proof, rlimit: int, versions: Mapping[str, str]) -> bytes:
    """Return the canonical payload of a proved claim.

    Args:
        subject: what was to be proved.
        proof: a proof of it whose verdict is `proved`.
        rlimit: of z3's steps, what each question down to the inputs was allowed; how a claim is proved depends on it.
        versions: of the program and what it rests on, by name.
    """
    relation = subject.relation
    bound = integer(relation.bound) if relation.name == "within" else None
    upper = None if proof.maximum is None else proof.maximum.upper
    how = {**parts.write_proof(proof), "maximum": None if upper is None else integer(upper), "rlimit": rlimit}
    predicate = {
        "left": parts.write_target(subject.left.file),
        "right": _right(subject.right),
        "claim": {"relation": relation.name, "bound": bound, **parts.write_box(proof.claim)},
        "proof": how,
        "versions": dict(versions),
    }
    return parts.write_statement(subject.name, subject.sha256, EQUIVALENCE, predicate)


def _right(right: Right) -> dict[str, Any]:
    if isinstance(right, NamedFile):
        return {"name": right.name, **parts.write_target(right.file)}
    source = right.source
    base = {
        "files": [_file(file) for file in source.files],
        "layout": None if source.layout is None else _file(source.layout),
        "round_to": source.round_to,
        "seed": source.seed,
        "rounded": right.base.rounded,
    }
    return {"format": PRUNED, "base": base, "masks": parts.write_masks(right.masks)}


def _file(file: File) -> dict[str, str]:
    return {"name": file.name, "bytes": parts.encode(file.data)}


def check_names(subject: Equivalence) -> None:
    """Check, before any work, that a statement can hold the names of all files.

    Raises:
        InputError: one is no plain file name.
    """
    right = subject.right
    if isinstance(right, NamedFile):
        names = [right.name]
    else:
        layout = right.source.layout
        names = [file.name for file in (*right.source.files, *([] if layout is None else [layout]))]
    for name in (subject.name, *names):
        parts.check_name(name)


def read_subject(raw: EquivalenceStatementForm) -> Equivalence:
    """Return what a statement claims, well formed and its parts fit for each other.

    Raises:
        InputError: they are not; the place is within the payload.
    """
    predicate, name = raw.predicate, raw.subject[0].name
    parts.check_box_integers(predicate.claim)
    parts.check_proof_integers(predicate.proof)
    if predicate.proof.maximum is not None:
        read_integer(predicate.proof.maximum, "predicate.proof.maximum")
    parts.check_name(name, "subject[0].name")
    sha256 = raw.subject[0].digest.sha256
    file = parts.read_target_form(predicate.left, "predicate.left", sha256, "subject[0].digest.sha256")
    left = NamedFile(name, file)
    right = _read_right(predicate.right, left.network)
    relation = _read_relation(predicate.claim)
    box = _read_box(predicate.claim, left, right)
    return Equivalence(left, right, relation, box)


def _read_right(raw: NamedNetworkForm | NamedTFLiteForm | NamedONNXForm | PrunedForm, left: Network) -> Right:
    right: Right
    if isinstance(raw, PrunedForm):
        right = _read_pruned(raw, left)
    else:
        parts.check_name(raw.name, "predicate.right.name")
        right = NamedFile(raw.name, parts.read_target_form(raw, "predicate.right"))
    try:
        check_comparable(left, right.network)
    except InputError as error:
        raise InputError(str(error), "predicate.right") from None
    return right


def _read_pruned(raw: PrunedForm, left: Network) -> PrunedBase:
    place = "predicate.right.base"
    files = tuple(_read_file(file, f"{place}.files[{index}]") for index, file in enumerate(raw.base.files))
    layout = None if raw.base.layout is None else _read_file(raw.base.layout, f"{place}.layout")
    source = BaseFiles(files, layout, raw.base.round_to, raw.base.seed)
    try:
        base = read_base(source, left)
    except InputError as error:
        raise InputError(str(error), place) from None
    shapes = [matrix.shape for matrix in base.network.matrices]
    return PrunedBase.of(source, base, parts.read_masks(raw.masks, shapes, "predicate.right.masks"))


def _read_file(raw: FileForm, place: str) -> File:
    parts.check_name(raw.name, f"{place}.name")
    return File(raw.name, decode_base64(raw.bytes, f"{place}.bytes"))


def _read_relation(raw: RelationForm) -> Relation:
    bound = check_bound(raw.relation, raw.bound, "predicate.claim.bound")
    return Relation(raw.relation) if bound is None else Relation("within", bound)


def check_bound(relation: str, raw: int | str | None, place: str) -> int | None:
    """Rule: `within` has a bound of 0 or more, and no other relation has one; return it.

    Raises:
        InputError: it has not.
    """
    if relation != "within":
        if raw is not None:
            raise InputError(f"expected null, as {relation} has no bound, found {raw}", place)
        return None
    bound = read_integer(raw, place)
    if bound < 0:
        raise InputError(f"expected 0 or more, found {bound}", place)
    return bound


def _read_box(raw: RelationForm, left: NamedFile, right: Right) -> Box:
    features = left.network.input.features
    low = _read_bounds(raw.low, features, "predicate.claim.low")
    high = _read_bounds(raw.high, features, "predicate.claim.high")
    check_not_empty(low, high)
    box = replace(left.network.input, low=low, high=high)
    for network in _bounding(left, right):
        check_inside(box, network.input)
    if isinstance(right, PrunedBase):
        check_whole(box, left.network.input)
    return box


def check_not_empty(low: Sequence[int], high: Sequence[int]) -> None:
    """Rule: every input of a box has a value.

    Raises:
        InputError: one has none.
    """
    for index, (least, most) in enumerate(zip(low, high, strict=True)):
        if least > most:
            raise InputError(f"expected low ≤ high, found {least} > {most} for input {index}", "predicate.claim.low")


def check_whole(box: Box, outer: Box) -> None:
    """Rule: a claim about a pruned base network is about the left network's whole box.

    Raises:
        InputError: it is about less.
    """
    if not _is_same(box, outer):
        raise InputError("expected the left network's whole box, found a part of it", "predicate.claim")


def _read_bounds(raw: int | str | list[int | str], features: int, place: str) -> tuple[int, ...]:
    bound = parts.read_bound(raw, place)
    if isinstance(bound, int):
        return (bound,) * features
    if len(bound) != features:
        raise InputError(f"expected one integer for each input, {features}, found {len(bound)}", place)
    return bound


def check_inside(box: Box, outer: Box) -> None:
    """Rule: a claim's box lies in the box of each file.

    Raises:
        InputError: a point of it does not.
    """
    for index in range(box.features):
        if box.low[index] < outer.low[index]:
            problem = f"expected {outer.low[index]} or more for input {index}, found {box.low[index]}"
            raise InputError(problem, "predicate.claim.low")
        if box.high[index] > outer.high[index]:
            problem = f"expected {outer.high[index]} or less for input {index}, found {box.high[index]}"
            raise InputError(problem, "predicate.claim.high")
