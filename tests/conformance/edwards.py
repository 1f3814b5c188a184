"""The curve of Ed25519 in affine coordinates, as RFC 8032 defines it: for signatures and keys that no library makes.

Slow, and nothing here is secret.
"""

from __future__ import annotations

import hashlib

P = 2**255 - 19
L = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, -1, P) % P
Point = tuple[int, int]
NEUTRAL: Point = (0, 1)


def add(a: Point, b: Point) -> Point:
    """RFC 8032, 5.1.4, before it avoids divisions."""
    (x1, y1), (x2, y2) = a, b
    product = D * x1 * x2 * y1 * y2 % P
    x = (x1 * y2 + x2 * y1) * pow(1 + product, -1, P) % P
    y = (y1 * y2 + x1 * x2) * pow(1 - product, -1, P) % P
    return x, y


def negate(a: Point) -> Point:
    return -a[0] % P, a[1]


def times(scalar: int, a: Point) -> Point:
    total = NEUTRAL
    while scalar:
        if scalar & 1:
            total = add(total, a)
        a, scalar = add(a, a), scalar >> 1
    return total


def root(y: int) -> int | None:
    """Some x of a point with this y, or None where there is none (RFC 8032, 5.1.3)."""
    square = (y * y - 1) * pow(D * y * y + 1, -1, P) % P
    x = pow(square, (P + 3) // 8, P)
    if x * x % P != square:
        x = x * pow(2, (P - 1) // 4, P) % P
    return x if x * x % P == square else None


def encode(a: Point) -> bytes:
    """RFC 8032, 5.1.2."""
    return encode_as(a[1], a[0] & 1)


def encode_as(y: int, sign: int) -> bytes:
    """Any number below 2^255 and a sign bit, whether or not they are a point."""
    return (y | sign << 255).to_bytes(32, "little")


def decode(data: bytes) -> Point:
    """A point, from encodings that RFC 8032 refuses too: y not below p, and x = 0 with a sign."""
    number = int.from_bytes(data, "little")
    y, sign = number % 2**255 % P, number >> 255
    x = root(y)
    assert x is not None
    return (x if x & 1 == sign else -x % P), y


def hashed(*parts: bytes) -> int:
    """SHA-512 as a number (RFC 8032, 5.1.6 and 5.1.7)."""
    return int.from_bytes(hashlib.sha512(b"".join(parts)).digest(), "little")


def secret(seed: bytes) -> int:
    """The scalar of a private key (RFC 8032, 5.1.5)."""
    number = int.from_bytes(hashlib.sha512(seed).digest()[:32], "little")
    return number & (2**254 - 8) | 2**254


_BASE_Y = 4 * pow(5, -1, P) % P
BASE = decode(encode_as(_BASE_Y, 0))
