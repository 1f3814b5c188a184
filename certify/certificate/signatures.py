"""Signatures on an envelope: made and verified through securesystemslib, judged by the auditor's trust.

DSSE signs PAE(type, payload), so neither the payload nor its type can be read as anything but what was signed. Its
key ids are hints that nothing signs, and libraries differ in what they do with them. Here a key id is the signing
key's fingerprint, and these rules leave it no other meaning:
(a) a signature under a trusted key's id verifies with that key;
(b) a signature under any other id verifies with no trusted key: else one key would stand under two ids;
(c) what is left is by signers that nobody here knows, and says nothing.
A key that was revoked stays under (a) and (b), whatever else is said of it, and counts no more.
"""

from __future__ import annotations

import enum
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
from certify.certificate.limits import MAX_SIGNATURES, MAX_VERIFIED
from certify.certificate.revocation import NOBODY, Revoked
from certify.certificate.trust import Trust, TrustedKey
from certify.errors import InputError, InvalidCertificateError


class Standing(enum.Enum):
    """What a signature is worth to an auditor."""

    VALID = "valid"
    UNTIMELY = "untimely"
    REVOKED = "revoked"
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class Signer:
    """Who made one signature, and whether it counts.

    Attributes:
        key_id: under which it stands.
        standing: valid only where a trusted key made it that counts at the moment asked for.
        key: the trusted key that made it; None where nobody here knows it, and nothing was verified.
        reason: why a key that is known does not count.
    """

    key_id: str
    standing: Standing
    key: TrustedKey | None = None
    reason: str = ""


@dataclass(frozen=True)
class SignatureCheck:
    """Who signed an envelope: a signer for each signature, in their order."""

    signers: tuple[Signer, ...]

    @property
    def trusted(self) -> tuple[TrustedKey, ...]:
        """The trusted keys that signed and count, each once."""
        return tuple(one.key for one in self.of(Standing.VALID) if one.key is not None)

    @property
    def signer(self) -> TrustedKey | None:
        """The first of them; None: there is no trusted signature."""
        return next(iter(self.trusted), None)

    @property
    def unknown_key_ids(self) -> tuple[str, ...]:
        """Under which ids somebody signed whom nobody here knows; not verified."""
        return tuple(one.key_id for one in self.of(Standing.UNKNOWN))

    def of(self, standing: Standing) -> tuple[Signer, ...]:
        """Return the signers of one standing."""
        return tuple(one for one in self.signers if one.standing is standing)


def sign(payload: bytes, key: SigningKey) -> bytes:
    """Return the envelope's file: one signature, canonical JSON and a newline, the same bytes every time."""
    return add_signature(Envelope(payload, ()), key)


def add_signature(envelope: Envelope, key: SigningKey) -> bytes:
    """Return the envelope's file with one signature more: canonical JSON and a newline, the others in their order.

    Raises:
        InputError: the key has signed it already, or it has as many signatures as an envelope may have.
    """
    if any(signature.key_id == key.public.key_id for signature in envelope.signatures):
        raise InputError(f"expected a key that has not signed yet, found {key.public.key_id}", "signatures")
    if len(envelope.signatures) >= MAX_SIGNATURES:
        raise InputError(f"expected fewer than {MAX_SIGNATURES} signatures, found as many", "signatures")
    signatures = {one.key_id: SSlibSignature(one.key_id, one.value.hex()) for one in envelope.signatures}
    signed = dsse.Envelope(envelope.payload, PAYLOAD_TYPE, signatures)
    signed.sign(_signer(key))
    return canonical(signed.to_dict()) + b"\n"


def _signer(key: SigningKey) -> CryptoSigner:
    """Return securesystemslib's signer with this key, under the key id of its public half."""
    public = SSlibKey.from_crypto(key.private.public_key(), key.public.key_id)
    return CryptoSigner(key.private, public)


def check_signatures(envelope: Envelope, trust: Trust, at: datetime, revoked: Revoked = NOBODY) -> SignatureCheck:
    """Return who signed, judged by the keys in `trust` at the moment `at` (aware), none of which `revoked` names.

    That nobody trusted signed is no error: the caller reads it in what is returned.

    Raises:
        InvalidCertificateError: rule (a) or (b) is broken; the key id is named. Or checking (b) would take too long.
    """
    found = check_own(envelope, trust, at, revoked)
    check_strangers(envelope, trust)
    return found


def check_own(envelope: Envelope, trust: Trust, at: datetime, revoked: Revoked) -> SignatureCheck:
    """Return who signed, as `check_signatures` does, by rule (a) alone: one verification for each trusted key's id.

    Raises:
        InvalidCertificateError: a signature under a trusted key's id does not verify with that key.
    """
    signers: list[Signer] = []
    for index, signature in enumerate(envelope.signatures):
        trusted = trust.find(signature.key_id)
        if trusted is None:
            signers.append(_stranger(signature.key_id, revoked))
        else:
            _check_by_its_key(envelope, signature, trusted.key, f"signatures[{index}]")
            signers.append(_judge(trusted, at, revoked))
    return SignatureCheck(tuple(signers))


def check_strangers(envelope: Envelope, trust: Trust) -> None:
    """Rule (b): no signature under an id that nobody here knows is by a trusted key.

    Each such signature is tried with each trusted key, over the whole payload. Whoever makes a certificate chooses
    two of these three numbers, so together they have a limit.

    Raises:
        InvalidCertificateError: one is, or there is too much to try.
    """
    strangers = [(index, one) for index, one in enumerate(envelope.signatures) if trust.find(one.key_id) is None]
    check_work(len(strangers), len(trust.keys), len(envelope.payload))
    for index, signature in strangers:
        _check_not_by_trusted(envelope, signature, trust, f"signatures[{index}]")


def check_work(strangers: int, keys: int, payload: int) -> None:
    """Rule: signatures by strangers, trusted keys and bytes of the payload are together no more than `MAX_VERIFIED`.

    Raises:
        InvalidCertificateError: they are.
    """
    if strangers * keys * payload > MAX_VERIFIED:
        expected = (
            f"signatures by strangers times trusted keys times bytes of the payload to be at most {MAX_VERIFIED}"
        )
        raise InvalidCertificateError(f"expected {expected}, found {strangers} · {keys} · {payload}", "signatures")


def _stranger(key_id: str, revoked: Revoked) -> Signer:
    if key_id in revoked.key_ids:
        return Signer(key_id, Standing.REVOKED, reason="the key was revoked")
    return Signer(key_id, Standing.UNKNOWN)


def _judge(trusted: TrustedKey, at: datetime, revoked: Revoked) -> Signer:
    """Return whether a trusted key that signed counts. Revocation comes first: it holds at every moment."""
    key_id = trusted.key.key_id
    if trusted.key in revoked:
        return Signer(key_id, Standing.REVOKED, trusted, "the key was revoked")
    reason = trusted.why_not_at(at)
    if reason is not None:
        return Signer(key_id, Standing.UNTIMELY, trusted, reason)
    return Signer(key_id, Standing.VALID, trusted)


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
