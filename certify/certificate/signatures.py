"""Signatures on an envelope: made and verified through securesystemslib, judged by the auditor's trust.

DSSE signs PAE(type, payload), so neither the payload nor its type can be read as anything but what was signed. Its
key ids are hints that nothing signs, and libraries differ in what they do with them. Here a key id is the signing
key's fingerprint, and these rules leave it no other meaning:
(a) a signature under a trusted key's id verifies with that key;
(b) a signature under any other id verifies with no trusted key: else one key would stand under two ids;
(c) what is left is by signers that nobody here knows, and says nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from securesystemslib import dsse
from securesystemslib.exceptions import UnverifiedSignatureError

# The library re-exports these without saying so in a way that mypy accepts.
from securesystemslib.signer import CryptoSigner, SSlibKey  # type: ignore[attr-defined]
from securesystemslib.signer import Signature as SSlibSignature  # type: ignore[attr-defined]

from certify.certificate.canonical import canonical
from certify.certificate.envelope import PAYLOAD_TYPE, Envelope, Signature
from certify.certificate.keys import PublicKey, SigningKey
from certify.certificate.trust import Trust, TrustedKey
from certify.errors import InvalidCertificateError


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


def sign(payload: bytes, key: SigningKey) -> bytes:
    """Return the envelope's file: one signature, canonical JSON and a newline, the same bytes every time."""
    envelope = dsse.Envelope(payload, PAYLOAD_TYPE, {})
    envelope.sign(_signer(key))
    return canonical(envelope.to_dict()) + b"\n"


def _signer(key: SigningKey) -> CryptoSigner:
    """Return securesystemslib's signer with this key, under the key id of its public half."""
    public = SSlibKey.from_crypto(key.private.public_key(), key.public.key_id)
    return CryptoSigner(key.private, public)


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
