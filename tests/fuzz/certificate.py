"""Certificates: an envelope, the statement in it, and all that a statement holds.

Bytes that a mutation has changed fail at the first digest. So a payload is read as it is and once more with its
digests made right, which lets a changed target or mask through to where it is decoded.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Iterator
from functools import cache
from typing import Any

import equivalences
from fuzz import network
from fuzz.mutations import edit_json
from fuzz.target import ROOT, Target
from fuzz.tflite import ONE_INPUT
from program import TINY, signing_key, target_bytes

from certify.certificate import envelope, mask_codec, statement
from certify.certificate.canonical import canonical
from certify.certificate.equivalence import Equivalence, NamedFile
from certify.certificate.signatures import sign
from certify.errors import InputError, InvalidCertificateError
from certify.issue import Options, issue
from certify.network.strict_json import NotJsonError
from certify.network.target import read_target
from certify.proof.prover import Budget

MAX_SEED = 1 << 16


def check(data: bytes) -> bool:
    try:
        found = envelope.read(data)
    except (InvalidCertificateError, NotJsonError):
        return False
    except InputError as error:
        if error.place:
            raise
        return False  # too large to be looked at
    signatures = [{"keyid": s.key_id, "sig": _encode(s.value)} for s in found.signatures]
    document = {"payload": _encode(found.payload), "payloadType": envelope.PAYLOAD_TYPE, "signatures": signatures}
    assert envelope.read(canonical(document)) == found
    return check_statement(found.payload)


def check_statement(payload: bytes) -> bool:
    """Read a payload as it is and with its digests made right."""
    read = [_is_read(form) for form in (payload, *repaired(payload))]
    return any(read)


def _is_read(payload: bytes) -> bool:
    try:
        found = statement.read(payload)
    except InvalidCertificateError as error:
        if not error.place.startswith("payload"):
            raise
        return False
    predicate, subject = json.loads(payload)["predicate"], found.subject
    if isinstance(subject, Equivalence):
        predicate, subject = predicate["right"], subject.right
    if not isinstance(subject, NamedFile):
        masks = [_encode(mask_codec.encode(mask)) for mask in subject.masks]
        assert masks == [mask["data"] for mask in predicate["masks"]]
    return True


def repaired(payload: bytes) -> Iterator[bytes]:
    """Yield the payload in canonical form and with digests of the bytes that are in it, where it has these places."""
    try:
        document = json.loads(payload)
        predicate = document["predicate"]
        file, masked = (
            (predicate["left"], predicate["right"]) if "left" in predicate else (predicate["target"], predicate)
        )
        document["subject"][0]["digest"]["sha256"] = _digest(file["bytes"])
        for mask in masked.get("masks", []):
            mask["sha256"] = _digest(mask["data"])
        yield canonical(document)
    except (ValueError, TypeError, LookupError, AttributeError, RecursionError, InputError):
        return


def _digest(text: Any) -> str:
    return hashlib.sha256(base64.b64decode(text)).hexdigest()


def _encode(data: bytes) -> str:
    return base64.b64encode(data).decode()


@cache
def payloads() -> list[bytes]:
    """Statements of a small target, of a small model, of pairs, and those of this repository that are short."""
    made = [
        issue(name, read_target(data), options, budget=Budget(sweep_work=0)).payload
        for name, data, options in (
            ("tiny.json", target_bytes(TINY), Options()),
            ("tiny.json", target_bytes(TINY), Options("0", 100)),
            ("tiny.tflite", ONE_INPUT, Options()),
        )
    ]
    made += [equivalences.proved(name).payload for name in ("within", "domain", "pruned")]
    files = [path.read_bytes() for path in sorted((ROOT / "certificates").glob("*.certificate.json"))]
    return made + [base64.b64decode(json.loads(data)["payload"]) for data in files if len(data) < MAX_SEED]


def certificates() -> list[bytes]:
    return [sign(payload, signing_key(1)) for payload in payloads()]


WORDS = (
    *(
        b'"payload":',
        b'"payloadType":',
        b'"signatures":',
        b'"keyid":"SHA256:',
        b'"sig":',
        b'"predicate":',
        b'"masks":',
    ),
    *(
        b'"subject":',
        b'"digest":',
        b'"sha256":',
        b'"widths":',
        b'"precisions":',
        b'"drawn":',
        b'"kept":',
        b'"blocks":',
    ),
    *(b'"grown"', b'"claim":', b'"points":', b'"sweep":', b'"work":', b'"sizes":', b'"seed":', b'"quantization":'),
)

TARGET = Target("certificate", check, certificates, edit_json, WORDS, max_megabytes=4096)
STATEMENT = Target("statement", check_statement, payloads, edit_json, (*WORDS, *network.WORDS), max_megabytes=4096)
