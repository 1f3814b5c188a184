"""The envelope: DSSE v1 around the statement's bytes, read strictly, signed and verified through securesystemslib.

DSSE signs PAE(type, payload), so neither the payload nor its type can be read as anything but what was signed. Its
key ids are hints that nothing signs, and libraries differ in what they do with them. Here a key id is the signing
key's fingerprint, and these rules leave it no other meaning:
(a) a signature under a trusted key's id verifies with that key;
(b) a signature under any other id verifies with no trusted key: else one key would stand under two ids;
(c) what is left is by signers that nobody here knows, and says nothing.

No key is ever taken from an envelope; the format has no place for one. What the payload says is not judged here
but where the statement is read.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Literal

import msgspec
from securesystemslib import dsse
from securesystemslib.exceptions import UnverifiedSignatureError

# The library re-exports these without saying so in a way that mypy accepts.
from securesystemslib.signer import Signature as SSlibSignature  # type: ignore[attr-defined]
from securesystemslib.signer import SSlibKey  # type: ignore[attr-defined]

from certify.certificate.canonical import canonical
from certify.certificate.keys import PublicKey, SigningKey
from certify.certificate.trust import Trust, TrustedKey
from certify.errors import InputError, InvalidCertificateError
from certify.network import strict_json
from certify.network.tensors import decode_base64

PAYLOAD_TYPE = "application/vnd.in-toto+json"
MAX_BYTES = 2**27
MAX_SIGNATURES = 16
_KEY_ID_START = "SHA256:"


@dataclass(frozen=True)
class Signature:
    """One signature of an envelope.

    Attributes:
        key_id: the OpenSSH fingerprint of the key that is said to have signed.
        value: the 64 bytes of an Ed25519 signature.
    """

    key_id: str
    value: bytes


@dataclass(frozen=True)
class Envelope:
    """A payload of type `PAYLOAD_TYPE` and what is said to be signatures on it, key ids distinct."""

    payload: bytes
    signatures: tuple[Signature, ...]


@dataclass(frozen=True)
class Untimely:
    """A trusted key that signed and does not count at the moment asked for, and why not."""

    key: TrustedKey
    reason: str


@dataclass(frozen=True)
class SignatureCheck:
    """Who signed an envelope.

    Attributes:
        signer: the first trusted key that signed and counts; None: there is no trusted signature.
        untimely: the trusted keys that signed but do not count at that moment.
        unknown_key_ids: under which ids somebody signed whom nobody here knows; not verified.
    """

    signer: TrustedKey | None
    untimely: tuple[Untimely, ...]
    unknown_key_ids: tuple[str, ...]


class _Signature(msgspec.Struct, forbid_unknown_fields=True):
    keyid: str
    sig: str


class _Envelope(msgspec.Struct, forbid_unknown_fields=True):
    payload: str
    payloadType: Literal["application/vnd.in-toto+json"]  # noqa: N815 - DSSE's name for it
    signatures: Annotated[list[_Signature], msgspec.Meta(min_length=1, max_length=MAX_SIGNATURES)]


def sign(payload: bytes, key: SigningKey) -> bytes:
    """Return the envelope's file: one signature, canonical JSON and a newline, the same bytes every time."""
    envelope = dsse.Envelope(payload, PAYLOAD_TYPE, {})
    envelope.sign(key.signer())
    return canonical(envelope.to_dict()) + b"\n"


def read(data: bytes) -> Envelope:
    """Return the envelope in a file's bytes.

    Raises:
        NotJsonError: the bytes are not a JSON document (an InputError).
        InputError: above `MAX_BYTES`.
        InvalidCertificateError: everything else that is wrong with an envelope's form, and where.
    """
    if len(data) > MAX_BYTES:
        raise InputError(f"expected a certificate of at most {MAX_BYTES} bytes, found {len(data)}")
    try:
        document = strict_json.parse(data, strict_json.EXACT_IN_DOUBLES)
        raw = strict_json.convert(document, _Envelope, {"payloadType": PAYLOAD_TYPE})
        payload = decode_base64(raw.payload, "payload")
        signatures = tuple(_read_signature(entry, index) for index, entry in enumerate(raw.signatures))
        _check_key_ids_distinct(signatures)
    except strict_json.NotJsonError:
        raise
    except InputError as error:
        raise InvalidCertificateError(error.problem, error.place) from None
    return Envelope(payload, signatures)


def _read_signature(raw: _Signature, index: int) -> Signature:
    _check_key_id(raw.keyid, f"signatures[{index}].keyid")
    value = decode_base64(raw.sig, f"signatures[{index}].sig")
    if len(value) != 64:
        raise InputError(f"expected a signature of 64 bytes, found {len(value)}", f"signatures[{index}].sig")
    return Signature(raw.keyid, value)


def _check_key_id(key_id: str, place: str) -> None:
    """`SHA256:` and the canonical base64 of 32 bytes without its one character of padding."""
    encoded = key_id.removeprefix(_KEY_ID_START)
    if not key_id.startswith(_KEY_ID_START) or len(encoded) != 43:
        raise InputError(f"expected {_KEY_ID_START} and 43 characters of base64", place)
    decode_base64(f"{encoded}=", place)


def _check_key_ids_distinct(signatures: tuple[Signature, ...]) -> None:
    seen: set[str] = set()
    for index, signature in enumerate(signatures):
        if signature.key_id in seen:
            problem = f"expected every key id once, found {signature.key_id} again"
            raise InputError(problem, f"signatures[{index}].keyid")
        seen.add(signature.key_id)


def check_signatures(envelope: Envelope, trust: Trust, at: datetime) -> SignatureCheck:
    """Return who signed, judged by the keys in `trust` at the moment `at` (aware).

    That nobody trusted signed is no error: the caller reads it in `signer`.

    Raises:
        InvalidCertificateError: rule (a) or (b) is broken; the key id is named.
    """
    timely: list[TrustedKey] = []
    untimely: list[Untimely] = []
    unknown: list[str] = []
    for index, signature in enumerate(envelope.signatures):
        trusted = trust.find(signature.key_id)
        if trusted is None:
            _check_not_by_trusted(envelope, signature, trust, f"signatures[{index}]")
            unknown.append(signature.key_id)
            continue
        _check_by_its_key(envelope, signature, trusted.key, f"signatures[{index}]")
        reason = trusted.why_not_at(at)
        if reason is None:
            timely.append(trusted)
        else:
            untimely.append(Untimely(trusted, reason))
    return SignatureCheck(timely[0] if timely else None, tuple(untimely), tuple(unknown))


def _check_by_its_key(envelope: Envelope, signature: Signature, key: PublicKey, place: str) -> None:
    """Rule (a)."""
    if not _verifies(envelope, signature, key):
        problem = f"expected a signature by {signature.key_id}, found one that does not verify"
        raise InvalidCertificateError(problem, place)


def _check_not_by_trusted(envelope: Envelope, signature: Signature, trust: Trust, place: str) -> None:
    """Rule (b)."""
    for trusted in trust.keys:
        if _verifies(envelope, signature, trusted.key):
            problem = f"expected the key id {trusted.key.key_id} of the key that signed, found {signature.key_id}"
            raise InvalidCertificateError(problem, f"{place}.keyid")


def _verifies(envelope: Envelope, signature: Signature, key: PublicKey) -> bool:
    """Whether `key` made the signature, whatever its key id says.

    The library compares only keys whose id is the signature's, so it is handed the key under that id.
    """
    claimed = SSlibSignature(signature.key_id, signature.value.hex())
    under_claimed_id = SSlibKey(signature.key_id, "ed25519", "ed25519", {"public": key.raw.hex()})
    try:
        dsse.Envelope(envelope.payload, PAYLOAD_TYPE, {signature.key_id: claimed}).verify([under_claimed_id], 1)
    except UnverifiedSignatureError:
        return False
    return True
