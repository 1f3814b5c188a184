"""What both statements are made of: the statement around a predicate, files, masks, boxes and what a proof leaves.

Each part is written in one way and read by the rules of its own reader; errors name the place inside the payload.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from certify.base.mask import Mask
from certify.certificate import mask_codec
from certify.certificate.canonical import canonical, integer, read_integer
from certify.certificate.form import STATEMENT_TYPE, BoxForm, MaskForm, ONNXForm, ProofForm, TargetForm, TFLiteForm
from certify.certificate.limits import MAX_MASK_NUMBERS, MAX_TARGET_BYTES
from certify.errors import InputError
from certify.network.base64_text import decode_base64
from certify.network.onnx.convert import InputGrid
from certify.network.reader import FORMAT
from certify.network.target import ONNX, Target, read_target

if TYPE_CHECKING:
    # `certify show` reads a statement without loading the prover.
    from certify.proof.claim import Claim
    from certify.proof.prover import Proof


def write_statement(name: str, sha256: str, predicate_type: str, predicate: Mapping[str, Any]) -> bytes:
    """Return the canonical payload of a predicate about one file."""
    return canonical(
        {
            "_type": STATEMENT_TYPE,
            "subject": [{"name": name, "digest": {"sha256": sha256}}],
            "predicateType": predicate_type,
            "predicate": predicate,
        }
    )


def check_name(name: str, place: str = "") -> None:
    """Rule: a file's name is a plain one, which no folder or trick of a path is part of.

    Raises:
        InputError: it is not.
    """
    if not name or name in {".", ".."} or len(name) > 255 or not name.isprintable() or set(name) & set('/\\:"'):
        expected = 'a file name in printable text, without folders or any of / \\ : "'
        raise InputError(f"expected {expected}, found {name[:80]!r}", place)


def encode(data: bytes) -> str:
    """Return base64."""
    return base64.b64encode(data).decode()


def digest(data: bytes) -> str:
    """Return the SHA-256 in hexadecimal."""
    return hashlib.sha256(data).hexdigest()


def write_target(file: Target) -> dict[str, str]:
    """Return a target file's exact bytes, and of a model how it was converted."""
    return {"bytes": encode(file.data), **_described(file)}


def _described(file: Target) -> dict[str, str]:
    conversion = file.conversion
    if conversion is None:
        return {"format": FORMAT}
    form = ONNXForm if conversion.format == ONNX else TFLiteForm
    said = {name: getattr(conversion, name) for name in form.__struct_fields__ if name != "bytes"}
    return {"format": conversion.format, **said}


def read_target_form(raw: TargetForm, place: str, sha256: str | None = None, digest_place: str = "") -> Target:
    """Return the target in a form, read again from its bytes.

    Args:
        raw: the form.
        place: of the form.
        sha256: the digest that a subject says the bytes have; None where no subject does.
        digest_place: of that digest.

    Raises:
        InputError: the bytes are no such target, or have another digest, or a model became something else than what
            the form says.
    """
    data = read_file_bytes(raw.bytes, f"{place}.bytes")
    if sha256 is not None:
        check_digest(data, sha256, digest_place)
    rule = raw.rule if isinstance(raw, TFLiteForm | ONNXForm) else None
    try:
        grid = InputGrid.parse(raw.input_grid) if isinstance(raw, ONNXForm) and raw.input_grid else None
        file = read_target(data, rule, grid)
    except InputError as error:
        raise InputError(str(error), f"{place}.bytes") from None
    check_conversion(raw, file, place)
    return file


def read_file_bytes(text: str, place: str) -> bytes:
    """Rule: a file in a statement is canonical base64 of no more bytes than are read of a file; return them.

    Raises:
        InputError: it is not.
    """
    if len(text) > (MAX_TARGET_BYTES + 2) // 3 * 4:
        raise InputError(f"expected a file of at most {MAX_TARGET_BYTES} bytes, found more", place)
    return decode_base64(text, place)


def check_conversion(raw: TargetForm, file: Target, place: str) -> None:
    """Rule: what is said of how a file became a network is what came of reading it.

    Raises:
        InputError: it is not; the place is that of the first that differs.
    """
    said = {name: getattr(raw, name) for name in raw.__struct_fields__ if name not in {"name", "bytes"}}
    expected = _described(file)
    for field, found in {"format": raw.__struct_config__.tag, **said}.items():
        if expected.get(field) != found:
            wanted = expected.get(field, "no such key")[:80]
            problem = f"expected {wanted!r}, as read from the bytes, found {str(found)[:80]!r}"
            raise InputError(problem, f"{place}.{field}")


def check_digest(data: bytes, sha256: str, place: str) -> None:
    """Rule: a subject's digest is that of the bytes that are carried.

    Raises:
        InputError: it is another one.
    """
    found = digest(data)
    if found != sha256:
        raise InputError(f"expected the digest of the target's bytes, {found}", place)


def write_mask(mask: Mask) -> dict[str, str]:
    """Return a mask's one form."""
    data = mask_codec.encode(mask)
    return {"data": encode(data), "sha256": digest(data)}


def read_masks(raw: Sequence[MaskForm], shapes: Sequence[tuple[int, int]], place: str) -> tuple[Mask, ...]:
    """Return the masks in their forms, one for each matrix of these shapes.

    Raises:
        InputError: as many as there are matrices are not there, or one is none of its shape, or all are too long.
    """
    check_mask_count(len(raw), len(shapes), place)
    coded = [_read_mask_bytes(mask, f"{place}[{index}]") for index, mask in enumerate(raw)]
    check_mask_numbers(sum(map(mask_codec.count_numbers, coded)), place)
    return tuple(
        mask_codec.decode(data, shape, f"{place}[{index}].data")
        for index, (data, shape) in enumerate(zip(coded, shapes, strict=True))
    )


def check_mask_count(found: int, matrices: int, place: str) -> None:
    """Rule: there is one mask for each matrix.

    Raises:
        InputError: there are more or fewer.
    """
    if found != matrices:
        raise InputError(f"expected {matrices} masks, found {found}", place)


def check_mask_numbers(found: int, place: str = "masks") -> None:
    """Rule: all masks together have no more rows and kept weights than `MAX_MASK_NUMBERS`.

    Raises:
        InputError: they have.
    """
    if found > MAX_MASK_NUMBERS:
        raise InputError(f"expected masks of at most {MAX_MASK_NUMBERS} rows and kept weights, found {found}", place)


def _read_mask_bytes(raw: MaskForm, place: str) -> bytes:
    """Rule: a mask's digest is that of its bytes."""
    data = decode_base64(raw.data, f"{place}.data")
    if (found := digest(data)) != raw.sha256:
        raise InputError(f"expected the digest of the mask's bytes, {found}", f"{place}.sha256")
    return data


def write_masks(masks: Sequence[Mask]) -> list[dict[str, str]]:
    """Return masks in their one form.

    Raises:
        InputError: they are more than are read again.
    """
    check_mask_numbers(sum(mask.shape[0] + mask.kept for mask in masks))
    return [write_mask(mask) for mask in masks]


def write_box(claim: Claim) -> dict[str, Any]:
    """Return a claim's box and the number of its points."""
    points = [[integer(base), integer(exponent)] for base, exponent in claim.point_factors]
    return {"low": _bound(claim.low), "high": _bound(claim.high), "points": points}


def _bound(values: Sequence[int]) -> Any:
    return integer(values[0]) if len(set(values)) == 1 else [integer(value) for value in values]


def check_box_integers(raw: BoxForm) -> None:
    """Check that a claim's integers, which may be large, are in their one form.

    Raises:
        InputError: one is not.
    """
    read_bound(raw.low, "predicate.claim.low")
    read_bound(raw.high, "predicate.claim.high")
    for index, factor in enumerate(raw.points):
        _read_integers(factor, f"predicate.claim.points[{index}]")


def read_bound(raw: int | str | list[int | str], place: str) -> int | tuple[int, ...]:
    """Return the bound of all inputs, or that of each.

    Raises:
        InputError: an integer in another form.
    """
    return _read_integers(raw, place) if isinstance(raw, list) else read_integer(raw, place)


def _read_integers(values: Iterable[int | str], place: str) -> tuple[int, ...]:
    return tuple(read_integer(value, f"{place}[{index}]") for index, value in enumerate(values))


def write_proof(proof: Proof) -> dict[str, Any]:
    """Return what every statement says of how its claim was proved."""
    assert proof.strategy is not None
    return {
        "result": proof.verdict.value,
        "strategy": proof.strategy,
        "obligations": {kind: asdict(count) for kind, count in proof.obligations.items()},
        "sweep": None if proof.sweep is None else {"work": integer(proof.sweep.work)},
    }


def check_proof_integers(raw: ProofForm) -> None:
    """Check that a proof's integers, which may be large, are in their one form.

    Raises:
        InputError: one is not.
    """
    if raw.sweep is not None:
        read_integer(raw.sweep.work, "predicate.proof.sweep.work")
