"""Keys: names, files, and the points of the curve that are no keys.

The curve is done again here in plain Python, from RFC 8032, so that the refused points are derived and not copied.
"""

from __future__ import annotations

import base64
import hashlib
import struct

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from certify.certificate import keys
from certify.certificate.keys import PublicKey, SigningKey, read_openssh_base64
from certify.errors import InputError

P = 2**255 - 19
ORDER = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, P - 2, P) % P
NEUTRAL = (0, 1)
# RFC 8032, 7.1, TEST 1; the fingerprint is what `ssh-keygen -l` of OpenSSH 9.2 prints for it.
SEED = bytes.fromhex("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60")
RAW = bytes.fromhex("d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a")
FINGERPRINT = "SHA256:bbXpuKG6zhzdmnxq256TlqzFBzRl2f6OOg722cYNbU8"


def add(a, b):
    """Edwards addition on -x² + y² = 1 + d·x²·y², complete because d is no square."""
    (x1, y1), (x2, y2) = a, b
    cross = D * x1 * x2 * y1 * y2 % P
    x = (x1 * y2 + x2 * y1) * pow(1 + cross, P - 2, P)
    y = (y1 * y2 + x1 * x2) * pow(1 - cross, P - 2, P)
    return x % P, y % P


def multiple(n, point):
    result = NEUTRAL
    while n:
        if n & 1:
            result = add(result, point)
        point = add(point, point)
        n >>= 1
    return result


def point_at(y):
    """Return a point with this y, or None: x² = (y² - 1) / (d·y² + 1), the root for p = 5 mod 8."""
    square = (y * y - 1) * pow(D * y * y + 1, P - 2, P) % P
    for root in (1, pow(2, (P - 1) // 4, P)):
        x = pow(square, (P + 3) // 8, P) * root % P
        if x * x % P == square:
            return x, y
    return None


def torsion():
    """Return the eight points of order 1, 2, 4 and 8."""
    for y in range(2, 100):
        point = point_at(y)
        if point is not None:
            small = multiple(ORDER, point)
            if multiple(4, small) != NEUTRAL:
                return [multiple(n, small) for n in range(8)]
    raise AssertionError


def encodings(point):
    """Return every 32 bytes that some decoder takes for the point."""
    x, y = point
    signs = {x & 1} if x else {0, 1}
    return [(value | sign << 255).to_bytes(32, "little") for value in (y, y + P) if value < 2**255 for sign in signs]


def test_small_order_points_are_derived():
    points = torsion()
    assert len(set(points)) == 8
    assert all(multiple(8, point) == NEUTRAL for point in points)
    assert {y for _, y in points} == keys._SMALL_ORDER_Y


def test_every_encoding_of_a_small_order_point_is_refused():
    raws = [raw for point in torsion() for raw in encodings(point)]
    assert len(set(raws)) == len(raws) == 14  # eight, and six that are not canonical
    for raw in raws:
        with pytest.raises(InputError, match=r"small order|canonical"):
            PublicKey(raw)


def test_the_danger_of_a_small_order_key_is_real():
    neutral = Ed25519PublicKey.from_public_bytes(bytes([1]) + bytes(31))
    for message in (b"one", b"two"):
        neutral.verify(bytes([1]) + bytes(63), message)


def test_encodings_of_y_not_below_p_are_refused():
    for y in range(P, 2**255):
        for sign in (0, 2**255):
            with pytest.raises(InputError, match="canonical"):
                PublicKey((y + sign).to_bytes(32, "little"))


def test_exactly_the_points_of_the_curve_are_keys():
    for y in range(2, 60):
        for sign in (0, 2**255):
            raw = (y + sign).to_bytes(32, "little")
            if point_at(y) is None:
                with pytest.raises(InputError, match="no point on the curve"):
                    PublicKey(raw)
            else:
                assert PublicKey(raw).raw == raw


@pytest.mark.parametrize("length", [0, 31, 33, 64])
def test_other_lengths_are_refused(length):
    with pytest.raises(InputError, match=f"32 bytes, found {length}"):
        PublicKey(bytes([9]) * length)


def test_fingerprint_known_answer():
    assert PublicKey(RAW).key_id == FINGERPRINT


def test_openssh_form_and_fingerprint_by_hand():
    """RFC 8709: the blob is two strings, each a 32-bit big-endian length and its bytes."""
    key = SigningKey.generate().public
    blob = struct.pack(">I", 11) + b"ssh-ed25519" + struct.pack(">I", 32) + key.raw
    digest = base64.b64encode(hashlib.sha256(blob).digest()).decode()
    assert digest.endswith("=")
    assert key.openssh() == "ssh-ed25519 " + base64.b64encode(blob).decode()
    assert key.key_id == "SHA256:" + digest[:-1]
    assert len(key.key_id) == len("SHA256:") + 43


def test_keys_are_values():
    assert PublicKey(RAW) == PublicKey(bytes(RAW))
    assert len({PublicKey(RAW), PublicKey(bytes(RAW)), SigningKey.generate().public}) == 2
    with pytest.raises(AttributeError):
        PublicKey(RAW).raw = bytes(32)  # type: ignore[misc]


def test_openssh_base64_comes_back():
    key = PublicKey(RAW)
    assert read_openssh_base64(key.openssh().split()[1], "") == key


def blob(name=b"ssh-ed25519", raw=RAW, after=b""):
    return struct.pack(">I", len(name)) + name + struct.pack(">I", len(raw)) + raw + after


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        pytest.param("", "expected the base64", id="empty"),
        pytest.param("AAAA$", "expected base64", id="not base64"),
        pytest.param(base64.b64encode(blob()).decode().rstrip("=") + "\n", "expected base64", id="newline"),
        pytest.param(base64.b64encode(blob(name=b"ssh-ed448")).decode(), "expected the base64", id="name"),
        pytest.param(base64.b64encode(blob(raw=RAW[:31])).decode(), "expected the base64", id="short key"),
        pytest.param(base64.b64encode(blob(after=b"x")).decode(), "32 bytes, found 33", id="bytes after"),
        pytest.param(base64.b64encode(blob()[:-1]).decode(), "32 bytes, found 31", id="cut off"),
        pytest.param(base64.b64encode(blob(raw=bytes(32))).decode(), "small order", id="small order"),
    ],
)
def test_other_openssh_base64_is_refused(text, problem):
    with pytest.raises(InputError, match=problem) as caught:
        read_openssh_base64(text, "line 3")
    assert caught.value.place == "line 3"


# Private keys.


def test_public_half_known_answer():
    assert SigningKey(Ed25519PrivateKey.from_private_bytes(SEED)).public == PublicKey(RAW)


def test_pem_comes_back():
    key = SigningKey.generate()
    pem = key.to_pem()
    assert pem.startswith(b"-----BEGIN PRIVATE KEY-----\n")
    assert SigningKey.from_pem(pem).public == key.public
    assert SigningKey.from_pem(pem).to_pem() == pem
    assert SigningKey.generate().public != key.public


def test_pem_is_what_rfc_8410_says():
    key = SigningKey(Ed25519PrivateKey.from_private_bytes(SEED))
    der = bytes.fromhex("302e020100300506032b657004220420") + SEED
    body = base64.b64encode(der).decode()
    assert key.to_pem().decode().splitlines()[1:-1] == [body]


def test_secret_is_not_shown():
    key = SigningKey(Ed25519PrivateKey.from_private_bytes(SEED))
    shown = repr(key) + str(key)
    assert SEED.hex() not in shown
    assert "private" not in shown


def test_without_a_place_an_error_names_none():
    with pytest.raises(InputError) as caught:
        SigningKey.from_pem(b"")
    assert caught.value.place == ""
