"""Keys: OpenSSH's base64 of a public key, and files of private ones; what is read is written back the same."""

from __future__ import annotations

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from fuzz.mutations import damage
from fuzz.target import ROOT, Target

from certify.certificate.keys import KEY_TYPE, PublicKey, SigningKey, read_openssh_base64
from certify.errors import InputError

_PRIVATE = SigningKey(Ed25519PrivateKey.from_private_bytes(b"a key that only the fuzzing uses"))


def check(data: bytes) -> bool:
    read = [_public(data), _raw(data), _private(data)]
    return any(read)


def _public(data: bytes) -> bool:
    try:
        text = data.decode()
        key = read_openssh_base64(text, "key")
    except (UnicodeDecodeError, InputError):
        return False
    assert key.openssh() == f"{KEY_TYPE} {text}"
    return True


def _raw(data: bytes) -> bool:
    try:
        key = PublicKey(data)
    except InputError:
        return False
    assert read_openssh_base64(key.openssh().split()[1], "key") == key
    return True


def _private(data: bytes) -> bool:
    try:
        key = SigningKey.from_pem(data)
    except InputError:
        return False
    assert SigningKey.from_pem(key.to_pem()).public == key.public
    return True


def seeds() -> list[bytes]:
    public = _PRIVATE.public
    raw = [public.raw, bytes(32), b"\x01" + bytes(31), b"\xff" * 32, b"\xed" + b"\xff" * 30 + b"\x7f"]
    openssh = (ROOT / "tests/data/keys/openssh_plain").read_bytes()
    return [public.openssh().split()[1].encode(), _PRIVATE.to_pem(), openssh, *raw]


WORDS = (
    b"-----BEGIN PRIVATE KEY-----",
    b"-----END PRIVATE KEY-----",
    b"ENCRYPTED ",
    b"OPENSSH ",
    b"b3BlbnNzaC1rZXktdjEAAAAA",
    b"RSA ",
    b"AAAAC3NzaC1lZDI1NTE5AAAAI",
)

TARGET = Target("keys", check, seeds, damage, WORDS)
