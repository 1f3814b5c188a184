"""Ed25519 at its edges: signatures and keys of the classes that Wycheproof's tests have, on the true payload.

Every case says which rule of RFC 8032 it breaks, or that it breaks none. Where the RFC leaves a choice, certify's is
the stricter: [S]B = R + [k]A' without the cofactor (5.1.7: "sufficient, but not required"), and in trust files no key
of small order and none in a second encoding. A verifier that multiplies by the cofactor differs in the two cases of
which the name begins with `cofactor_`.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from itertools import count

from conformance import edwards, making
from conformance.case import Case, accepted, bad_trust, invalid, untrusted
from conformance.edwards import BASE, L, P
from conformance.making import ALICE, BOB, entry, envelope, pae
from program import b64

from certify.certificate.keys import PublicKey

SEED = bytes([1]) * 32
PREFIX = b"\x00\x00\x00\x0bssh-ed25519\x00\x00\x00\x20"
Y8 = 0x5FC536D880238B13933C6D305ACDFD5F098EFF289F4C345B027B2C28F95E826
SMALL_ORDER = {
    "order_1": (1, 0),
    "order_1_sign": (1, 1),
    "order_1_y_not_reduced": (P + 1, 0),
    "order_1_y_not_reduced_sign": (P + 1, 1),
    "order_2": (P - 1, 0),
    "order_2_sign": (P - 1, 1),
    "order_4": (0, 0),
    "order_4_sign": (0, 1),
    "order_4_y_not_reduced": (P, 0),
    "order_4_y_not_reduced_sign": (P, 1),
    "order_8": (Y8, 0),
    "order_8_sign": (Y8, 1),
    "order_8_other": (P - Y8, 0),
    "order_8_other_sign": (P - Y8, 1),
}


def cases() -> list[Case]:
    """Return them all."""
    return [*_lengths(), *_scalars(), *_points(), *_other_keys(), *_other_schemes(), *_cofactor(), *_keys()]


def signed_message() -> bytes:
    return pae(making.small_payload())


def _true() -> bytes:
    return ALICE.private.sign(signed_message())


def _s() -> int:
    return int.from_bytes(_true()[32:], "little")


def _with(value: bytes) -> bytes:
    return envelope(making.small_payload(), [entry(value)])


def _refused(name: str, rule: str, value: bytes, place: str = "signatures[0]") -> Case:
    return invalid(f"ed25519_{name}", f"RFC 8032, {rule}.", _with(value), place)


def _lengths() -> list[Case]:
    """RFC 8032, 5.1.6: a signature is R and S, 64 octets."""
    true, place = _true(), "signatures[0].sig"
    return [
        _refused("signature_empty", "5.1.6: a signature has 64 octets, and this none", b"", place),
        _refused("signature_truncated", "5.1.6: a signature has 64 octets, and this 63", true[:-1], place),
        _refused("signature_of_r_alone", "5.1.6: a signature has 64 octets, and this 32", true[:32], place),
        _refused("signature_extended", "5.1.6: a signature has 64 octets, and this 65", true + b"\0", place),
        _refused("signature_twice", "5.1.6: a signature has 64 octets, and this 128", true * 2, place),
        _refused(
            "signature_with_the_message",
            "5.1.6: NaCl's signature with its message behind it",
            true + signed_message(),
            place,
        ),
    ]


def _scalars() -> list[Case]:
    """RFC 8032, 5.1.7 step 1: S is below L, and step 3: [S]B = R + [k]A'."""
    true, s = _true(), _s()
    values = {
        "s_is_0": (0, "5.1.7 step 3: S = 0 is not this signature's"),
        "s_is_the_order": (L, "5.1.7 step 1: S = L is not below L"),
        "s_plus_the_order": (
            s + L,
            "5.1.7 step 1: S + L is the same scalar, and not below L: a second signature of the same",
        ),
        "s_plus_8_orders": (s + 8 * L, "5.1.7 step 1: S + 8L is the same scalar, and not below L"),
        "s_plus_all_orders_that_fit": (
            s + (2**256 - 1 - s) // L * L,
            "5.1.7 step 1: the largest S + nL in 32 octets, is not below L",
        ),
        "s_negated": (L - s, "5.1.7 step 3: -S is not this signature's"),
        "s_with_bit_253": (s | 1 << 253, "5.1.7 step 1: with bit 253 S is not below L"),
        "s_with_bit_254": (s | 1 << 254, "5.1.7 step 1: with bit 254 S is not below L"),
        "s_with_bit_255": (s | 1 << 255, "5.1.7 step 1: with bit 255 S is not below L; some mask it away"),
        "s_of_ones": (2**256 - 1, "5.1.7 step 1: S = 2^256 - 1 is not below L"),
        "s_with_a_bit_flipped": (s ^ 1, "5.1.7 step 3: one bit of S is another"),
    }
    return [
        *(_refused(name, rule, true[:32] + value.to_bytes(32, "little")) for name, (value, rule) in values.items()),
        _refused("s_big_endian", "5.1.6 step 6: S is little-endian", true[:32] + true[:31:-1]),
        _refused("r_and_s_exchanged", "5.1.6 step 6: R comes first", true[32:] + true[:32]),
        _refused(
            "signature_of_zeros",
            "5.1.7 step 3: R of order 4 and S = 0, which verify under keys of small order",
            bytes(64),
        ),
        _refused("signature_of_ones", "5.1.7 step 1: neither R nor S is one", b"\xff" * 64),
    ]


def _points() -> list[Case]:
    """RFC 8032, 5.1.7 step 1 decodes R by 5.1.3, which refuses y ≥ p, x = 0 with a sign, and what is no point."""
    true = _true()
    off_curve = next(y for y in count(2) if edwards.root(y) is None)
    encodings = {
        "r_not_canonical": (
            edwards.encode_as(P + 1, 0),
            "5.1.3 step 1: y = p + 1 is not below p, if R is neutral by it",
        ),
        "r_not_canonical_with_a_sign": (edwards.encode_as(P + 1, 1), "5.1.3 step 1: y = p + 1 is not below p"),
        "r_with_a_sign_of_0": (edwards.encode_as(1, 1), "5.1.3 step 4: x = 0 has no sign"),
        "r_not_on_the_curve": (edwards.encode_as(off_curve, 0), "5.1.3 step 3: there is no point with this y"),
    }
    made = [
        _refused(name, f"{rule}; S is such that the rest holds", value + _scalar_for(value))
        for name, (value, rule) in encodings.items()
    ]
    other = ALICE.private.sign(b"another message")
    return [
        *made,
        _refused("r_with_a_bit_flipped", "5.1.7 step 3: one bit of R is another", making.flipped(true, 7)),
        _refused(
            "r_with_its_sign_flipped", "5.1.7 step 3: -R is not R", true[:31] + bytes([true[31] ^ 0x80]) + true[32:]
        ),
        _refused("r_of_another_signature", "5.1.7 step 3: R is that of another message", other[:32] + true[32:]),
        _refused("r_is_the_key", "5.1.7 step 3: R is the public key", ALICE.public.raw + true[32:]),
        _refused(
            "r_is_the_base_point",
            "5.1.7 step 3: R is the base point, and S is another's",
            edwards.encode(BASE) + true[32:],
        ),
        accepted(
            "ed25519_r_neutral",
            "R is the neutral point and S = k·a: whoever knows the key may choose R so, breaking no rule of RFC 8032"
            " (the key can be computed from it, which is its owner's harm alone).",
            _with(edwards.encode_as(1, 0) + _scalar_for(edwards.encode_as(1, 0))),
        ),
    ]


def _scalar_for(r: bytes) -> bytes:
    """The S with which a neutral R verifies, in whatever encoding it is."""
    k = edwards.hashed(r, ALICE.public.raw, signed_message())
    return (k * edwards.secret(SEED) % L).to_bytes(32, "little")


def _signature(scalar: int, key: bytes, nonce: int, message: bytes) -> bytes:
    r = edwards.encode(edwards.times(nonce, BASE))
    k = edwards.hashed(r, key, message)
    return r + ((nonce + k * scalar) % L).to_bytes(32, "little")


def _other_keys() -> list[Case]:
    message, a = signed_message(), edwards.secret(SEED)
    negated = edwards.encode(edwards.negate(edwards.decode(ALICE.public.raw)))
    by_negated = _signature(L - a % L, negated, 12345, message)
    assert _signature(a, ALICE.public.raw, 12345, message) != by_negated
    return [
        _refused("of_another_message", "5.1.7 step 3: it signs another message", ALICE.private.sign(message + b" ")),
        _refused("of_no_message", "5.1.7 step 3: it signs the empty message", ALICE.private.sign(b"")),
        _refused("of_the_digest", "5.1.7: it signs the SHA-512 of the message", ALICE.private.sign(_sha512(message))),
        _refused("by_another_key", "5.1.7 step 3: another key signed", BOB.private.sign(message)),
        _refused("by_the_negated_key", "5.1.7 step 3: -A is another key than A", by_negated),
        _refused(
            "hashed_with_another_key",
            "5.1.7 step 2: k hashes the key that verifies, not another one",
            _signature(a, BOB.public.raw, 12345, message),
        ),
        untrusted(
            "ed25519_by_the_negated_key_under_its_id",
            "a right signature by -A under its own id; the auditor trusts A.",
            envelope(making.small_payload(), [entry(by_negated, PublicKey(negated).key_id)]),
        ),
        accepted(
            "ed25519_of_another_nonce",
            "a nonce that is not the RFC's own (5.1.6 step 2) cannot be told from one that is: it verifies.",
            _with(_signature(a, ALICE.public.raw, 12345, message)),
        ),
    ]


def _sha512(message: bytes) -> bytes:
    return edwards.hashed(message).to_bytes(64, "little")


def _other_schemes() -> list[Case]:
    """RFC 8032, 5.1: Ed25519 has no prefix; Ed25519ctx and Ed25519ph have that of section 2."""
    message, a = signed_message(), edwards.secret(SEED)
    dom2 = b"SigEd25519 no Ed25519 collisions"
    ph = _prefixed(dom2 + b"\x01\x00", a, _sha512(message))
    ctx = _prefixed(dom2 + b"\x00\x07certify", a, message)
    return [
        _refused("of_the_prehashed_kind", "5.1: an Ed25519ph signature is none of Ed25519", ph),
        _refused("of_the_kind_with_a_context", "5.1: an Ed25519ctx signature is none of Ed25519", ctx),
    ]


def _prefixed(dom2: bytes, scalar: int, message: bytes) -> bytes:
    r = edwards.encode(edwards.times(54321, BASE))
    k = edwards.hashed(dom2, r, ALICE.public.raw, message)
    return r + ((54321 + k * scalar) % L).to_bytes(32, "little")


# Keys with a component of small order: their owner knows the secret all the same.


@cache
def _mixed_key() -> bytes:
    """A + T, A Alice's key and T of order 8."""
    return edwards.encode(edwards.add(edwards.decode(ALICE.public.raw), edwards.decode(edwards.encode_as(Y8, 0))))


def _mixed_signatures() -> Iterator[tuple[int, bytes]]:
    """k and a signature under the mixed key for one nonce after the other."""
    point = edwards.NEUTRAL
    for nonce in count(1):
        point = edwards.add(point, BASE)
        r = edwards.encode(point)
        k = edwards.hashed(r, _mixed_key(), signed_message())
        yield k, r + ((nonce + k * edwards.secret(SEED)) % L).to_bytes(32, "little")


def _cofactor() -> list[Case]:
    key = PublicKey(_mixed_key())
    trust = f"mixed {key.openssh()}\n".encode()
    payload = making.small_payload()
    agreed = next(value for k, value in _mixed_signatures() if k % 8 == 0 and k % L % 8 == 0)
    disputed = next(value for k, value in _mixed_signatures() if k % 8 and k % L % 8)
    eighth = edwards.encode_as(Y8, 0)
    return [
        accepted(
            "ed25519_key_with_a_component_of_small_order",
            "the key is not in the subgroup of prime order, which RFC 8032 does not ask for; k is a multiple of 8, so"
            " that it verifies with the cofactor and without.",
            envelope(payload, [entry(agreed, key.key_id)]),
            trust,
        ),
        invalid(
            "cofactor_of_a_key",
            "a key with a component of small order, k no multiple of 8: RFC 8032, 5.1.7, by the cofactor only.",
            envelope(payload, [entry(disputed, key.key_id)]),
            "signatures[0]",
            trust,
        ),
        invalid(
            "cofactor_of_r",
            "R of order 8 and S = k·a: RFC 8032, 5.1.7 step 3, holds with the cofactor only.",
            _with(eighth + _scalar_for(eighth)),
            "signatures[0]",
        ),
    ]


# Keys in the trust file.


def _line(raw: bytes, start: bytes = PREFIX) -> bytes:
    return f"somebody ssh-ed25519 {b64(start + raw)}\n".encode()


def _key_id(raw: bytes) -> str:
    return "SHA256:" + b64(making.digest_of(PREFIX + raw)).rstrip("=")


def _keys() -> list[Case]:
    payload = making.small_payload()
    true = envelope(payload, [entry(_true())])
    off_curve = next(y for y in count(2) if edwards.root(y) is None)
    unreduced = next(y for y in count(2) if edwards.root(y) is not None)
    others = {
        "not_on_the_curve": (edwards.encode_as(off_curve, 0), "5.1.3 step 3: there is no point with this y"),
        "not_canonical": (
            edwards.encode_as(P + unreduced, 0),
            "5.1.3 step 1: y is not below p: a second encoding, a second id",
        ),
        "of_ones": (b"\xff" * 32, "5.1.3 step 1: y is not below p"),
        "truncated": (ALICE.public.raw[:-1], "5.1.5: a key has 32 octets, and this 31"),
        "extended": (ALICE.public.raw + b"\0", "5.1.5: a key has 32 octets, and this 33"),
        "empty": (b"", "5.1.5: a key has 32 octets, and this none"),
    }
    small = [
        bad_trust(
            f"ed25519_key_of_small_{name}",
            f"y = {_said(y)}, sign {sign}: under a key of small order, which RFC 8032 does not refuse, anybody signs;"
            " this signature verifies, and no secret made it.",
            envelope(payload, [entry(forged(edwards.encode_as(y, sign)), _key_id(edwards.encode_as(y, sign)))]),
            _line(edwards.encode_as(y, sign)),
            1,
        )
        for name, (y, sign) in SMALL_ORDER.items()
    ]
    return small + [
        bad_trust(f"ed25519_key_{name}", f"RFC 8032, {rule}.", true, _line(raw), 1)
        for name, (raw, rule) in others.items()
    ]


def _said(y: int) -> str:
    names = {P - 1: "p - 1", P: "p", P + 1: "p + 1", Y8: "y8", P - Y8: "p - y8"}
    return names.get(y, str(y))


def forged(key: bytes) -> bytes:
    """A signature of the true payload that verifies under a key of small order: R = [S]B - [k]A, for some S."""
    a = edwards.decode(key)
    guess = edwards.negate(a)
    point = guess
    for s in count(1):
        point = edwards.add(point, BASE)
        r = edwards.encode(point)
        if edwards.times(edwards.hashed(r, key, signed_message()) % 8, a) == a:
            return r + s.to_bytes(32, "little")
    raise AssertionError
