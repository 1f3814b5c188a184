"""The envelope's form: DSSE v1 around the statement's bytes, read strictly.

No key is ever taken from an envelope; the format has no place for one. Whether its signatures are worth anything is
judged in `signatures`, and what its payload says where the statement is read.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

import msgspec

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


class _Signature(msgspec.Struct, forbid_unknown_fields=True):
    keyid: str
    sig: str


class _Envelope(msgspec.Struct, forbid_unknown_fields=True):
    payload: str
    payloadType: Literal["application/vnd.in-toto+json"]  # noqa: N815 - DSSE's name for it
    signatures: Annotated[list[_Signature], msgspec.Meta(min_length=1, max_length=MAX_SIGNATURES)]


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
