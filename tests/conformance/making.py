"""What conformance cases are made of: fixed keys, true statements with fixed versions, and envelopes around anything.

Nothing here depends on when, where or under which versions it runs: the generator gives the same bytes everywhere.
"""

from __future__ import annotations

import base64
import copy
import hashlib
import json
from collections.abc import Callable
from functools import cache
from typing import Any

from program import TINY, b64, issued, sha256, signing_key, target_bytes, trust_line

from certify.base.mask import Mask
from certify.certificate import mask_codec
from certify.certificate.audit import build
from certify.certificate.canonical import canonical
from certify.certificate.envelope import PAYLOAD_TYPE
from certify.certificate.keys import SigningKey
from certify.certificate.statement import AnySubject
from certify.issue import Issued, Options, question
from certify.proof.prover import Budget

ALICE, BOB, CAROL = (signing_key(number) for number in (1, 2, 3))
TRUST = trust_line(ALICE).encode()
VERSIONS = {"certify": "0.1.0", "numba": "0.68.1", "numpy": "2.4.6", "z3": "4.16.0"}
NOBODY = "0" * 64
IDENTITY = {
    "format": "certify.network/1",
    "input": {"shape": [1], "low": -2, "high": 2, "precision_bits": 0},
    "layers": [{"op": "dense", "precision_bits": 0, "weights": [[1]]}],
}


def with_versions(made: Issued) -> bytes:
    """Its payload, with versions that never change."""
    said = json.loads(made.payload)
    said["predicate"]["versions"] = VERSIONS
    return canonical(said)


@cache
def true_payload() -> bytes:
    """The payload that most cases change: TINY's ticket."""
    return with_versions(issued())


@cache
def small_payload() -> bytes:
    """The payload of most cases that change nothing inside it: a ticket of y = x."""
    return with_versions(issued(IDENTITY))


def payload_for(document: Any, options: Options | None = None) -> bytes:
    """The payload of a target's ticket."""
    return with_versions(issued(document, options))


def payload_of(subject: AnySubject, made: Issued) -> bytes:
    """The payload about a subject that says what the proof of another found."""
    return build(subject, question(subject)[1], made.proof, Budget(), VERSIONS)


def pae(payload: bytes, payload_type: str = PAYLOAD_TYPE) -> bytes:
    """DSSE's pre-authentication encoding: what is signed."""
    kind = payload_type.encode()
    return b"DSSEv1 %d %b %d %b" % (len(kind), kind, len(payload), payload)


def signature(payload: bytes, key: SigningKey = ALICE, *, keyid: str | None = None) -> dict[str, str]:
    """A signature as an envelope has it."""
    return signature_of(pae(payload), key, keyid=keyid)


def signature_of(message: bytes, key: SigningKey = ALICE, *, keyid: str | None = None) -> dict[str, str]:
    """A signature of any bytes whatsoever."""
    return entry(key.private.sign(message), key.public.key_id if keyid is None else keyid)


def entry(value: bytes, keyid: str = ALICE.public.key_id) -> dict[str, str]:
    """Bytes in the place of a signature."""
    return {"keyid": keyid, "sig": b64(value)}


def envelope(payload: bytes, signatures: Any, **fields: Any) -> bytes:
    """An envelope as `certify` writes it, and fields that are replaced or added."""
    document = {"payload": b64(payload), "payloadType": PAYLOAD_TYPE, "signatures": signatures} | fields
    return canonical(document) + b"\n"


def signed(payload: bytes, key: SigningKey = ALICE) -> bytes:
    """A certificate of any bytes."""
    return envelope(payload, [signature(payload, key)])


def signed_text(text: str) -> bytes:
    """A certificate of any text."""
    return signed(text.encode())


def signed_statement(document: Any) -> bytes:
    """A certificate of any statement, in canonical JSON."""
    return signed(canonical(document))


def statement() -> Any:
    """TINY's statement, to be changed."""
    return json.loads(true_payload())


def put(document: Any, *path: Any, to: Any) -> Any:
    """A document with one value replaced, by what a function makes of it if `to` is one, or removed by `...`."""
    document = copy.deepcopy(document)
    node = document
    for key in path[:-1]:
        node = node[key]
    if to is ...:
        del node[path[-1]]
    else:
        node[path[-1]] = to(node[path[-1]]) if callable(to) else to
    return document


def lie(*path: Any, to: Any) -> bytes:
    """A certificate of TINY's statement with one value replaced, signed by the trusted key."""
    return signed_statement(put(statement(), *path, to=to))


def lie_in(*path: Any, to: Any) -> bytes:
    """The same within the predicate."""
    return lie("predicate", *path, to=to)


def lie_in_text(old: str, new: str, text: str | None = None) -> bytes:
    """A certificate of TINY's payload with its first `old` replaced, whatever JSON that is."""
    text = true_payload().decode() if text is None else text
    assert old in text
    return signed_text(text.replace(old, new, 1))


def with_target(data: bytes, document: Any = None) -> Any:
    """TINY's statement about other bytes, with their digest, and everything else as it was."""
    said = put(document or statement(), "predicate", "target", "bytes", to=b64(data))
    return put(said, "subject", 0, "digest", "sha256", to=sha256(data))


def in_target(old: str, new: str) -> bytes:
    """A certificate that carries TINY's file with its first `old` replaced."""
    text = target_bytes(TINY).decode()
    assert old in text
    return signed_statement(with_target(text.replace(old, new, 1).encode()))


def mask_form(data: bytes) -> dict[str, str]:
    """Bytes in the place of a mask, with their digest."""
    return {"data": b64(data), "sha256": sha256(data)}


def with_mask(index: int, data: bytes | Callable[[bytes], bytes]) -> bytes:
    """A certificate of TINY's statement with other bytes for a mask, and their digest."""
    made = data(mask_codec.encode(tiny_masks()[index])) if callable(data) else data
    return lie_in("masks", index, to=mask_form(made))


def tiny_masks() -> tuple[Mask, ...]:
    """The masks of TINY's ticket."""
    return issued().subject.masks


def flipped(data: bytes, index: int | None = None) -> bytes:
    """One bit changed, in the middle or at an index."""
    changed = bytearray(data)
    changed[len(data) // 2 if index is None else index] ^= 1
    return bytes(changed)


def base64_of(text: str) -> bytes:
    """The bytes that base64 says."""
    return base64.b64decode(text)


def digest_of(data: bytes) -> bytes:
    """SHA-256."""
    return hashlib.sha256(data).digest()
