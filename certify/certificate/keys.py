"""Ed25519 keys, named by their OpenSSH fingerprint.

A key id is `SHA256:` and the base64, without padding, of SHA-256 over the key as OpenSSH writes it: what
`ssh-keygen -l` prints, and what both the Python and the Go verifiers of DSSE accept.

Not every 32 bytes are a public key worth having (RFC 8032, 5.1.3; Chalkias, Garillot and Nikolaenko, "Taming the
many EdDSAs", 2020). Three kinds are refused:
1. y not below p = 2^255 - 19: a second encoding of a key, hence a second key id for it.
2. The eight points whose order divides 8: under them one signature verifies for many messages, under the neutral
   point for all. They have five y between them, refused with either sign bit: 0, 1, -1, and ±y8 of the four points
   of order 8.
3. y of no point on the curve.

Not checked: that the point lies in the subgroup of prime order. A key with a component of small order has an owner
who knows its secret all the same.
"""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass, field

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from certify.certificate import private_keys
from certify.errors import InputError
from certify.network.base64_text import decode_base64

KEY_TYPE = "ssh-ed25519"
_BLOB_START = b"\x00\x00\x00\x0bssh-ed25519\x00\x00\x00\x20"
_P = 2**255 - 19
_D = -121665 * pow(121666, -1, _P) % _P
_Y8 = 0x5FC536D880238B13933C6D305ACDFD5F098EFF289F4C345B027B2C28F95E826  # of d·y⁴ + 2y² = 1
_SMALL_ORDER_Y = frozenset({0, 1, _P - 1, _Y8, _P - _Y8})


@dataclass(frozen=True)
class PublicKey:
    """A public key of Ed25519.

    Attributes:
        raw: its 32 bytes, as in RFC 8032.

    Raises:
        InputError: the bytes are no key worth trusting (see the module's three kinds).
    """

    raw: bytes

    def __post_init__(self) -> None:
        if len(self.raw) != 32:
            raise InputError(f"expected an Ed25519 key of 32 bytes, found {len(self.raw)}")
        y = int.from_bytes(self.raw, "little") % 2**255
        _check_canonical(y)
        _check_not_small_order(y)
        _check_on_curve(y)

    @property
    def key_id(self) -> str:
        """The OpenSSH fingerprint, `SHA256:` and 43 characters."""
        digest = hashlib.sha256(_BLOB_START + self.raw).digest()
        return "SHA256:" + base64.b64encode(digest).decode().rstrip("=")

    def openssh(self) -> str:
        """Return the key as in a `.pub` file, without a comment."""
        return f"{KEY_TYPE} {base64.b64encode(_BLOB_START + self.raw).decode()}"


def _check_canonical(y: int) -> None:
    if y >= _P:
        raise InputError("expected an Ed25519 key in its canonical encoding, found y not below 2^255 - 19")


def _check_not_small_order(y: int) -> None:
    if y in _SMALL_ORDER_Y:
        raise InputError("expected an Ed25519 key, found a point of small order")


def _check_on_curve(y: int) -> None:
    """-x² + y² = 1 + d·x²·y² has a solution x when (y² - 1) / (d·y² + 1) is a square (Euler's criterion).

    The denominator is never 0, because -1/d is not a square. A quotient of 0 belongs to y = ±1, refused before.
    """
    square = (y * y - 1) * pow(_D * y * y + 1, -1, _P) % _P
    if pow(square, (_P - 1) // 2, _P) != 1:
        raise InputError("expected an Ed25519 key, found bytes of no point on the curve")


def read_openssh_base64(text: str, place: str) -> PublicKey:
    """Return the key that follows `ssh-ed25519` in OpenSSH's files, from its base64.

    Raises:
        InputError: not canonical base64, not an Ed25519 key, or one that `PublicKey` refuses.
    """
    blob = decode_base64(text, place)
    if not blob.startswith(_BLOB_START):
        raise InputError("expected the base64 of an Ed25519 key in OpenSSH's format", place)
    try:
        return PublicKey(blob.removeprefix(_BLOB_START))
    except InputError as error:
        raise InputError(error.problem, place) from None


@dataclass(frozen=True, eq=False)
class SigningKey:
    """A private key of Ed25519; its bytes leave it only by `to_pem`."""

    private: Ed25519PrivateKey = field(repr=False)

    @classmethod
    def generate(cls) -> SigningKey:
        """Return a new key from the system's randomness."""
        return cls(Ed25519PrivateKey.generate())

    @classmethod
    def from_pem(cls, data: bytes, place: str = "", passphrase: bytes | None = None) -> SigningKey:
        """Return the key in a private key's file, in PKCS#8 PEM or in OpenSSH's format.

        Raises:
            InputError: as for `private_keys.load`.
        """
        return cls(private_keys.load(data, passphrase, place))

    def to_pem(self, passphrase: bytes | None = None) -> bytes:
        """Return the key in PKCS#8 PEM, encrypted where there is a passphrase: for a file of mode 0600."""
        return private_keys.to_pem(self.private, passphrase)

    @property
    def public(self) -> PublicKey:
        """The public half."""
        return PublicKey(self.private.public_key().public_bytes_raw())
