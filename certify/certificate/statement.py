"""The statement: an in-toto Statement v1 about one target file, and all that is needed to reach the verdict again.

A certificate's payload has one form only. `build` writes it from a target file's bytes, a ticket and a proof; `read`
takes from it just what cannot be recomputed: the target's bytes, the name of the base network, the masks. Everything
else it says (digests, claim, obligations, sizes) is informative to people and worthless to an auditor, who builds the
statement again and compares bytes.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np

from certify.base.law import GENERATOR, BaseNetwork, Precision
from certify.base.layout import check_precisions, matrix_shapes
from certify.base.mask import Mask
from certify.certificate import mask_codec
from certify.certificate.canonical import canonical, integer, read_integer
from certify.certificate.form import (
    CHOICES,
    CONSTRUCTION,
    GROWN,
    PREDICATE_TYPE,
    STATEMENT_TYPE,
    BaseForm,
    MaskForm,
    NetworkForm,
    PredicateForm,
    StatementForm,
    TFLiteForm,
)
from certify.certificate.sizes import sizes
from certify.errors import InputError, InvalidCertificateError
from certify.network import strict_json
from certify.network.model import Network
from certify.network.reader import FORMAT
from certify.network.target import Target, read_target
from certify.network.tensors import decode_base64

if TYPE_CHECKING:
    # `certify show` reads a statement without loading the prover.
    from certify.proof.claim import Claim
    from certify.proof.prover import Proof


@dataclass(frozen=True, eq=False)
class Subject:
    """What a certificate is about, and the ticket in it.

    Attributes:
        name: the target file's name, without folders.
        file: the target file.
        base: the base network's name.
        block_width: units in every input's block; None where blocks grew.
        masks: what pruning keeps, two for each layer of the target.
    """

    name: str
    file: Target
    base: BaseNetwork
    block_width: int | None
    masks: tuple[Mask, ...]

    @property
    def target(self) -> Network:
        """The network to represent."""
        return self.file.network

    @property
    def sha256(self) -> str:
        """The digest of the target file."""
        return hashlib.sha256(self.file.data).hexdigest()


def build(subject: Subject, kept_sha256: str, proof: Proof, versions: Mapping[str, str]) -> bytes:
    """Return the canonical payload of a proved claim.

    Args:
        subject: target and ticket.
        kept_sha256: the digest of all kept weights, `kept_digest` of what `prune` drew.
        proof: a proof whose verdict is `proved`.
        versions: of the program and what it rests on, by name.
    """
    return canonical(
        {
            "_type": STATEMENT_TYPE,
            "subject": [{"name": subject.name, "digest": {"sha256": subject.sha256}}],
            "predicateType": PREDICATE_TYPE,
            "predicate": {
                "target": _target(subject.file),
                "base": _base(subject, kept_sha256),
                "masks": [_mask(mask) for mask in subject.masks],
                "claim": _claim(proof.claim),
                "proof": _proof(proof),
                "sizes": asdict(sizes(subject.target, subject.masks)),
                "versions": dict(versions),
            },
        }
    )


def _target(file: Target) -> dict[str, str]:
    data, conversion = _base64(file.data), file.conversion
    if conversion is None:
        return {"format": FORMAT, "bytes": data}
    said = {name: getattr(conversion, name) for name in TFLiteForm.__struct_fields__ if name != "bytes"}
    return {"format": conversion.format, "bytes": data, **said}


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def _base(subject: Subject, kept_sha256: str) -> dict[str, Any]:
    base = subject.base
    return {
        "generator": GENERATOR,
        "seed": base.seed,
        "construction": CONSTRUCTION,
        "blocks": GROWN if subject.block_width is None else subject.block_width,
        "widths": list(base.widths),
        "precisions": [asdict(precision) for precision in base.precisions],
        "quantization": base.quantization,
        "kept_sha256": kept_sha256,
    }


def _mask(mask: Mask) -> dict[str, str]:
    data = mask_codec.encode(mask)
    return {"data": _base64(data), "sha256": hashlib.sha256(data).hexdigest()}


def _claim(claim: Claim) -> dict[str, Any]:
    points = [[integer(base), integer(exponent)] for base, exponent in claim.point_factors]
    return {"relation": "equal", "low": _bound(claim.low), "high": _bound(claim.high), "points": points}


def _bound(values: Sequence[int]) -> Any:
    return integer(values[0]) if len(set(values)) == 1 else [integer(value) for value in values]


def _proof(proof: Proof) -> dict[str, Any]:
    assert proof.strategy is not None
    return {
        "result": proof.verdict.value,
        "strategy": proof.strategy,
        "obligations": {kind: asdict(count) for kind, count in proof.obligations.items()},
        "neurons": proof.composition.neurons,
        "sweep": None if proof.sweep is None else {"work": integer(proof.sweep.work)},
    }


@dataclass(frozen=True, eq=False)
class Statement:
    """A payload that has been read: its own bytes, its subject, and the versions it names."""

    payload: bytes
    subject: Subject
    versions: Mapping[str, str]


def read(payload: bytes) -> Statement:
    """Return the statement in a payload's bytes.

    Checked here: the form of everything, and that target, base network and masks are well formed and fit each other.
    Not checked here: whether what it says holds, which `certify.certificate.audit` finds out.

    Raises:
        InvalidCertificateError: with the place of the first offence.
    """
    try:
        document = strict_json.parse(payload, strict_json.EXACT_IN_DOUBLES)
        _check_predicate_type(document)
        raw = strict_json.convert(document, StatementForm, CHOICES)
        _check_canonical(document, payload)
        _check_integers(raw.predicate)
        return Statement(payload, _read_subject(raw), raw.predicate.versions)
    except InputError as error:
        raise InvalidCertificateError(error.problem, f"payload.{error.place}".rstrip(".")) from None


def _check_predicate_type(document: Any) -> None:
    found = document.get("predicateType") if isinstance(document, dict) else None
    if found != PREDICATE_TYPE:
        raise InputError(f"expected {PREDICATE_TYPE}, found {str(found)[:80]!r}", "predicateType")


def _check_canonical(document: Any, payload: bytes) -> None:
    if canonical(document) != payload:
        raise InputError("expected canonical JSON: sorted keys, no white space, UTF-8")


def _check_integers(predicate: PredicateForm) -> None:
    """Check that integers which may be large are in their one form."""
    claim, sweep = predicate.claim, predicate.proof.sweep
    for field, bound in (("low", claim.low), ("high", claim.high)):
        if isinstance(bound, list):
            _read_integers(bound, f"predicate.claim.{field}")
        else:
            read_integer(bound, f"predicate.claim.{field}")
    for index, factor in enumerate(claim.points):
        _read_integers(factor, f"predicate.claim.points[{index}]")
    if sweep is not None:
        read_integer(sweep.work, "predicate.proof.sweep.work")


def _read_integers(values: Iterable[int | str], place: str) -> None:
    for index, value in enumerate(values):
        read_integer(value, f"{place}[{index}]")


def check_name(name: str, place: str = "") -> None:
    """Check that a subject's name is a plain file name, which no folder or trick of a path is part of.

    Raises:
        InputError: it is not.
    """
    if not name or name in {".", ".."} or len(name) > 255 or not name.isprintable() or set(name) & set('/\\:"'):
        expected = 'a file name in printable text, without folders or any of / \\ : "'
        raise InputError(f"expected {expected}, found {name[:80]!r}", place)


def _read_subject(raw: StatementForm) -> Subject:
    predicate = raw.predicate
    check_name(raw.subject[0].name, "subject[0].name")
    data = decode_base64(predicate.target.bytes, "predicate.target.bytes")
    digest = hashlib.sha256(data).hexdigest()
    if digest != raw.subject[0].digest.sha256:
        raise InputError(f"expected the digest of the target's bytes, {digest}", "subject[0].digest.sha256")
    file = _read_target(predicate.target, data)
    target = file.network
    base = _read_base(predicate.base, target)
    masks = _read_masks(predicate.masks, target, base)
    block_width = None if isinstance(predicate.base.blocks, str) else predicate.base.blocks
    _check_blocks(masks, block_width)
    return Subject(raw.subject[0].name, file, base, block_width, masks)


def _read_target(raw: NetworkForm | TFLiteForm, data: bytes) -> Target:
    """Read the target again from its bytes, and hold what a model became against what the statement names."""
    rule = raw.rule if isinstance(raw, TFLiteForm) else None
    try:
        file = read_target(data, rule)
    except InputError as error:
        raise InputError(str(error), "predicate.target.bytes") from None
    expected = _target(file)
    for field, found in msgspec.to_builtins(raw).items():
        if expected.get(field) != found:
            wanted = expected.get(field, "no such key")[:80]
            problem = f"expected {wanted!r}, as read from the bytes, found {found[:80]!r}"
            raise InputError(problem, f"predicate.target.{field}")
    return file


def _read_base(raw: BaseForm, target: Network) -> BaseNetwork:
    for field, values in (("widths", raw.widths), ("precisions", raw.precisions)):
        if len(values) != len(target.layers):
            problem = f"expected {len(target.layers)}, one for each layer, found {len(values)}"
            raise InputError(problem, f"predicate.base.{field}")
    for index, bits in enumerate(raw.precisions):
        if bits.kept > bits.drawn:
            problem = f"expected kept ≤ drawn, found {bits.kept} > {bits.drawn}"
            raise InputError(problem, f"predicate.base.precisions[{index}]")
    precisions = tuple(Precision(bits.drawn, bits.kept) for bits in raw.precisions)
    try:
        check_precisions(target, precisions)
    except InputError as error:
        raise InputError(f"{error.problem} ({error.place} of the target)", "predicate.base.precisions") from None
    return BaseNetwork(raw.seed, tuple(raw.widths), precisions, raw.quantization)


def _read_masks(raw: Sequence[MaskForm], target: Network, base: BaseNetwork) -> tuple[Mask, ...]:
    shapes = matrix_shapes(target, base)
    if len(raw) != len(shapes):
        raise InputError(f"expected {len(shapes)} masks, found {len(raw)}", "predicate.masks")
    masks: list[Mask] = []
    for index, (mask, shape) in enumerate(zip(raw, shapes, strict=True)):
        place = f"predicate.masks[{index}]"
        data = decode_base64(mask.data, f"{place}.data")
        digest = hashlib.sha256(data).hexdigest()
        if digest != mask.sha256:
            raise InputError(f"expected the digest of the mask's bytes, {digest}", f"{place}.sha256")
        masks.append(mask_codec.decode(data, shape, f"{place}.data"))
    return tuple(masks)


def _check_blocks(masks: Sequence[Mask], block_width: int | None) -> None:
    """Check that each first matrix's mask has the blocks that the statement names."""
    for index, first in enumerate(masks[::2]):
        if block_width is None:
            _check_grown(first, index)
        else:
            _check_fixed(first, index, block_width)


def _check_grown(first: Mask, index: int) -> None:
    """Grown blocks come in the order of their inputs, and the last ends at a unit that is kept."""
    if (np.diff(first.columns) < 0).any():
        raise InputError("expected grown blocks, in the order of their inputs", f"predicate.masks[{2 * index}]")
    units = int(first.rows()[-1]) + 1 if first.kept else 1
    if first.shape[0] != units:
        problem = f"expected grown blocks, {units} units up to the last kept one, found {first.shape[0]}"
        raise InputError(problem, f"predicate.base.widths[{index}]")


def _check_fixed(first: Mask, index: int, block_width: int) -> None:
    """Fixed blocks: so many units for every input and constant line; unit r serves input r div width."""
    units, columns = first.shape
    if units != columns * block_width:
        problem = f"expected {columns} blocks of {block_width} units, found {units} units"
        raise InputError(problem, f"predicate.base.widths[{index}]")
    if (first.columns != first.rows() // block_width).any():
        problem = f"expected blocks of {block_width} units, each for one input"
        raise InputError(problem, f"predicate.masks[{2 * index}]")


def first_difference(expected: Any, found: Any, place: str = "payload") -> tuple[str, str] | None:
    """Return the place where two parsed payloads first differ, and how; None where they do not."""
    if type(expected) is not type(found):
        return place, f"expected {_shorten(expected)}, found {_shorten(found)}"
    if isinstance(expected, dict):
        for key in sorted({*expected, *found}):
            if key not in expected or key not in found:
                return f"{place}.{key}", "expected such a key" if key in expected else "expected no such key"
            if difference := first_difference(expected[key], found[key], f"{place}.{key}"):
                return difference
        return None
    if isinstance(expected, list) and len(expected) == len(found):
        pairs = enumerate(zip(expected, found, strict=True))
        return next((d for i, (a, b) in pairs if (d := first_difference(a, b, f"{place}[{i}]"))), None)
    return None if expected == found else (place, f"expected {_shorten(expected)}, found {_shorten(found)}")


def _shorten(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 80 else text[:77] + "..."
