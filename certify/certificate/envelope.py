"""The envelope's form: DSSE v1 around the statement's bytes, read strictly.

The payload is nearly all of an envelope. It is cut out first, and what is around it is short or refused; so nothing
is parsed in a file of white space, brackets or signatures, and of a payload there is never more than one copy beside
the file. What is around goes through the strict reader, with an empty text where the payload was: a second payload,
one in another place, or a key in another case is found there.

No key is ever taken from an envelope; the format has no place for one. Whether its signatures are worth anything is
judged in `signatures`, and what its payload says where the statement is read.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Annotated, Literal

import msgspec

from certify.certificate.limits import MAX_AROUND, MAX_BYTES, MAX_SIGNATURES
from certify.errors import InputError, InvalidCertificateError
from certify.network import strict_json
from certify.network.base64_text import decode_base64, decode_base64_bytes

__all__ = ["MAX_BYTES", "PAYLOAD_TYPE", "Envelope", "Signature", "read"]

PAYLOAD_TYPE = "application/vnd.in-toto+json"
_KEY_ID_START = "SHA256:"
_PAYLOAD = re.compile(rb'"payload"[ \t\r\n]*:[ \t\r\n]*"')


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
        InputError: above `MAX_BYTES`, or above `MAX_AROUND` without the payload.
        InvalidCertificateError: everything else that is wrong with an envelope's form, and where.
    """
    check_size(data)
    start, end = _find_payload(data)
    around = data[:start] + data[end:]
    strict_json.check_bytes(around)
    check_around(around)
    try:
        _, raw = strict_json.read_checked(
            around, _Envelope, {"payloadType": PAYLOAD_TYPE}, strict_json.EXACT_IN_DOUBLES
        )
        payload = _read_payload(data, start, end) if end > start else decode_base64(raw.payload, "payload")
        signatures = tuple(_read_signature(entry, index) for index, entry in enumerate(raw.signatures))
        check_key_ids_distinct(signatures)
    except strict_json.NotJsonError:
        raise
    except InputError as error:
        raise InvalidCertificateError(error.problem, error.place) from None
    return Envelope(payload, signatures)


def check_size(data: bytes) -> None:
    """Rule: a certificate is no longer than `MAX_BYTES`.

    Raises:
        InputError: it is.
    """
    if len(data) > MAX_BYTES:
        raise InputError(f"expected a certificate of at most {MAX_BYTES} bytes, found {len(data)}")


def _find_payload(data: bytes) -> tuple[int, int]:
    """Return where the text of the first payload begins and ends, without its quotes; (0, 0) where there is none.

    The first is the envelope's own, or the key of an object in which it is unknown. A payload with an escaped quote
    is not base64, and is read with the rest.
    """
    found = _PAYLOAD.search(data)
    if found is None:
        return 0, 0
    end = data.find(b'"', found.end())
    return (found.end(), end) if end > 0 and data[end - 1] != ord("\\") else (0, 0)


def check_around(around: bytes) -> None:
    """Rule: besides its payload an envelope has no more than `MAX_AROUND` bytes.

    Raises:
        InputError: it has.
    """
    if len(around) > MAX_AROUND:
        raise InputError(f"expected at most {MAX_AROUND} bytes besides the payload, found {len(around)}")


def _read_payload(data: bytes, start: int, end: int) -> bytes:
    """Rule: a payload is canonical base64. JSON may write it with escapes, as some do of every slash."""
    if data.find(b"\\", start, end) < 0:
        return decode_base64_bytes(memoryview(data)[start:end], "payload")
    return decode_base64(strict_json.read_text(memoryview(data)[start - 1 : end + 1], "payload"), "payload")


def _read_signature(raw: _Signature, index: int) -> Signature:
    check_key_id(raw.keyid, f"signatures[{index}].keyid")
    value = decode_base64(raw.sig, f"signatures[{index}].sig")
    check_signature_length(value, f"signatures[{index}].sig")
    return Signature(raw.keyid, value)


def check_signature_length(value: bytes, place: str) -> None:
    """Rule: an Ed25519 signature has 64 bytes.

    Raises:
        InputError: it has not.
    """
    if len(value) != 64:
        raise InputError(f"expected a signature of 64 bytes, found {len(value)}", place)


def check_key_id(key_id: str, place: str) -> None:
    """Rule: a key id is `SHA256:` and the canonical base64 of 32 bytes without its one character of padding.

    Raises:
        InputError: it is not.
    """
    encoded = key_id.removeprefix(_KEY_ID_START)
    if not key_id.startswith(_KEY_ID_START) or len(encoded) != 43:
        raise InputError(f"expected {_KEY_ID_START} and 43 characters of base64", place)
    decode_base64(f"{encoded}=", place)


def check_key_ids_distinct(signatures: tuple[Signature, ...]) -> None:
    """Rule: no two signatures are under one key id.

    Raises:
        InputError: two are; the place is the second's.
    """
    seen: set[str] = set()
    for index, signature in enumerate(signatures):
        if signature.key_id in seen:
            problem = f"expected every key id once, found {signature.key_id} again"
            raise InputError(problem, f"signatures[{index}].keyid")
        seen.add(signature.key_id)
