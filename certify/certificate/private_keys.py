"""Private keys as files hold them: PKCS#8 in PEM (RFC 5958, 7468) and OpenSSH's own format, each plain or encrypted.

What is written is PKCS#8. Encrypted, it is PBES2 (RFC 8018): PBKDF2 with HMAC-SHA-256 makes an AES-256 key of the
passphrase and a random salt. The library that does all this writes 2,048 rounds and offers no other number, which
are a third of a millisecond to whoever guesses passphrases; so the few bytes around the ciphertext are written here,
with the 600,000 rounds that OWASP recommends. What is read may have any number, and is read by the library.

OpenSSH's format (PROTOCOL.key) names its algorithm before anything encrypted, so another one is refused by name,
without a passphrase.
"""

from __future__ import annotations

import base64
import os
import struct

from cryptography.exceptions import InternalError, InvalidTag, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES256
from cryptography.hazmat.primitives.ciphers.modes import CBC
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.pbkdf2 import PBKDF2HMAC
from cryptography.hazmat.primitives.padding import PKCS7
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
    load_ssh_private_key,
)

from certify.errors import InputError
from certify.network.base64_text import decode_base64

ROUNDS = 600_000
_EXPECTED = "expected an Ed25519 private key, PKCS#8 in PEM or OpenSSH's"
_OPENSSH_BEGIN, _OPENSSH_END = b"-----BEGIN OPENSSH PRIVATE KEY-----", b"-----END OPENSSH PRIVATE KEY-----"
_OPENSSH_MAGIC = b"openssh-key-v1\0"
_ED25519, _PLAIN = b"ssh-ed25519", b"none"
# RFC 8018, A.4, A.2, B.1.2 and B.2.5: the names of what is used, each with its tag and length.
_PBES2 = bytes.fromhex("06092a864886f70d01050d")
_PBKDF2 = bytes.fromhex("06092a864886f70d01050c")
_HMAC_WITH_SHA256 = bytes.fromhex("06082a864886f70d02090500")
_AES256_CBC = bytes.fromhex("060960864801650304012a")
_INTEGER, _BYTES, _SEQUENCE = 0x02, 0x04, 0x30
# What the libraries raise for files that are not what they should be. InternalError: OpenSSL refused a key that was
# parsed, one of 32 bytes for X448 for instance.
_UNREADABLE = (ValueError, InternalError, InvalidTag)


def looks_private(data: bytes) -> bool:
    """Return whether a file says that it holds a private key, of whatever kind."""
    return b"PRIVATE KEY-----" in data


def needs_passphrase(data: bytes, place: str = "") -> bool:
    """Return whether a private key's file is encrypted; False for what is no such file, which `load` refuses.

    Raises:
        InputError: a key in OpenSSH's format of another algorithm, or one that is damaged.
    """
    if _is_openssh(data):
        return _openssh_cipher(data, place) != _PLAIN
    try:
        load_pem_private_key(data, password=None)
    except TypeError:
        return True
    except (*_UNREADABLE, UnsupportedAlgorithm):
        return False
    return False


def load(data: bytes, passphrase: bytes | None = None, place: str = "") -> Ed25519PrivateKey:
    """Return the key in a private key's file.

    Args:
        data: the file.
        passphrase: of an encrypted one; not looked at where it is plain.
        place: for errors.

    Raises:
        InputError: of another algorithm, no private key at all, encrypted and no passphrase given, or another one.
    """
    if not needs_passphrase(data, place):
        return _load(data, None, place)
    if not passphrase:
        raise InputError(f"{_EXPECTED}, found an encrypted one and no passphrase", place)
    return _load(data, passphrase, place)


def _load(data: bytes, passphrase: bytes | None, place: str) -> Ed25519PrivateKey:
    try:
        private = (load_ssh_private_key if _is_openssh(data) else load_pem_private_key)(data, passphrase)
    except UnsupportedAlgorithm as error:
        raise InputError(f"{_EXPECTED}, found what is not supported: {error}", place) from None
    except _UNREADABLE:
        if passphrase is not None:
            raise InputError("expected the passphrase of this key, found one that does not open it", place) from None
        raise InputError(f"{_EXPECTED}, found something else", place) from None
    if not isinstance(private, Ed25519PrivateKey):
        name = type(private).__name__.removesuffix("PrivateKey")
        raise InputError(f"{_EXPECTED}, found a key of another algorithm: {name}", place)
    return private


def _is_openssh(data: bytes) -> bool:
    return data.lstrip().startswith(_OPENSSH_BEGIN)


def _openssh_cipher(data: bytes, place: str) -> bytes:
    """Return the cipher that a file in OpenSSH's format is encrypted with, `none` where it is plain.

    The file is `openssh-key-v1`, a zero byte, and as strings the cipher, the KDF and its options; then the number of
    keys and the public ones; what is private comes last.
    """
    text = b"".join(data.lstrip().removeprefix(_OPENSSH_BEGIN).partition(_OPENSSH_END)[0].split())
    try:
        cipher, rest = _string(_after_magic(decode_base64(text.decode("ascii"), place)))
        _kdf, rest = _string(rest)
        _options, rest = _string(rest)
        public, _ = _string(rest[4:])
        algorithm, _ = _string(public)
    except (InputError, UnicodeDecodeError):
        raise InputError(f"{_EXPECTED}, found something damaged", place) from None
    if algorithm != _ED25519:
        name = algorithm[:48].decode("ascii", "backslashreplace")
        raise InputError(f"{_EXPECTED}, found a key of another algorithm: {name}", place)
    return cipher


def _after_magic(data: bytes) -> bytes:
    if not data.startswith(_OPENSSH_MAGIC):
        raise InputError("expected OpenSSH's magic")
    return data.removeprefix(_OPENSSH_MAGIC)


def _string(data: bytes) -> tuple[bytes, bytes]:
    """Return the first string (RFC 4251, 5) and what follows it."""
    if len(data) < 4:
        raise InputError("expected a length")
    (length,) = struct.unpack(">I", data[:4])
    if len(data) < 4 + length:
        raise InputError("expected as many bytes as the length says")
    return data[4 : 4 + length], data[4 + length :]


def to_pem(private: Ed25519PrivateKey, passphrase: bytes | None = None) -> bytes:
    """Return a key in PKCS#8 PEM, encrypted where there is a passphrase: for a file that only its owner may read."""
    if passphrase is None:
        return private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    assert passphrase
    plain = private.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
    return _pem(_encrypted(plain, passphrase, salt=os.urandom(16), iv=os.urandom(16)))


def _encrypted(plain: bytes, passphrase: bytes, *, salt: bytes, iv: bytes) -> bytes:
    """Return EncryptedPrivateKeyInfo (RFC 5958, 3) in DER."""
    key = PBKDF2HMAC(SHA256(), length=32, salt=salt, iterations=ROUNDS).derive(passphrase)
    padder, encryptor = PKCS7(128).padder(), Cipher(AES256(key), CBC(iv)).encryptor()
    ciphertext = encryptor.update(padder.update(plain) + padder.finalize()) + encryptor.finalize()
    rounds = _der(_INTEGER, ROUNDS.to_bytes(ROUNDS.bit_length() // 8 + 1, "big"))
    derivation = _der(_SEQUENCE, _der(_BYTES, salt), rounds, _der(_SEQUENCE, _HMAC_WITH_SHA256))
    schemes = _der(_SEQUENCE, _PBKDF2, derivation), _der(_SEQUENCE, _AES256_CBC, _der(_BYTES, iv))
    algorithm = _der(_SEQUENCE, _PBES2, _der(_SEQUENCE, *schemes))
    return _der(_SEQUENCE, algorithm, _der(_BYTES, ciphertext))


def _der(tag: int, *parts: bytes) -> bytes:
    """Return one element of DER, of at most 255 bytes."""
    content = b"".join(parts)
    length = [len(content)] if len(content) < 128 else [0x81, len(content)]
    return bytes([tag, *length]) + content


def _pem(der: bytes) -> bytes:
    text = base64.b64encode(der).decode()
    lines = [text[start : start + 64] for start in range(0, len(text), 64)]
    label = "ENCRYPTED PRIVATE KEY"
    return "\n".join([f"-----BEGIN {label}-----", *lines, f"-----END {label}-----", ""]).encode()
