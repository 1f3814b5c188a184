"""The cases are those of the generator, byte for byte, and the edges of Ed25519 are what they are said to be."""

from __future__ import annotations

from functools import cache

import pytest
from conformance import ed25519_cases, edwards, generate
from conformance.case import Case, Expected
from program import signing_key


@cache
def cases():
    return generate.all_cases()


def test_the_same_bytes():
    assert generate.differences(cases()) == []


def test_what_differs_is_named():
    there = dict(cases())
    there.pop("true_ticket")
    there["nowhere"] = Case("nowhere", "", b"", Expected(0))
    names = ("README.md", "allowed_signers", "certificate.json", "expected.json")
    assert generate.differences(there) == [
        *(f"nowhere/{name}" for name in names),
        *(f"true_ticket/{name}" for name in names),
    ]


def test_another_byte_is_named(tmp_path, monkeypatch):
    case = cases()["true_ticket"]
    monkeypatch.setattr(generate, "HERE", tmp_path)
    generate.write({case.folder: case})
    assert generate.differences({case.folder: case}) == []
    (tmp_path / case.folder / "certificate.json").write_bytes(case.data + b"\n")
    assert generate.differences({case.folder: case}) == ["true_ticket/certificate.json"]
    generate.write({})
    assert list(tmp_path.iterdir()) == []


def test_size():
    assert sum(len(data) for case in cases().values() for data in case.files().values()) < 2_100_000


def test_curve():
    key = signing_key(1)
    scalar = edwards.secret(bytes([1]) * 32)
    assert edwards.encode(edwards.times(scalar, edwards.BASE)) == key.public.raw
    assert edwards.times(edwards.L, edwards.BASE) == edwards.NEUTRAL
    assert edwards.encode(edwards.decode(key.public.raw)) == key.public.raw


@pytest.mark.parametrize("name", ed25519_cases.SMALL_ORDER)
def test_small_order(name):
    """A key of the order that its name says, and a signature that holds under it by RFC 8032, 5.1.7."""
    y, sign = ed25519_cases.SMALL_ORDER[name]
    encoded = edwards.encode_as(y, sign)
    point, order = edwards.decode(encoded), int(name.split("_")[1])
    assert next(n for n in range(1, 9) if edwards.times(n, point) == edwards.NEUTRAL) == order
    value = ed25519_cases.forged(encoded)
    left = edwards.times(int.from_bytes(value[32:], "little"), edwards.BASE)
    k = edwards.hashed(value[:32], encoded, ed25519_cases.signed_message())
    assert left == edwards.add(edwards.decode(value[:32]), edwards.times(k, point))
