"""Bundles: the certificate's own envelope, one signature, and no more than the format asks for."""

from __future__ import annotations

import json

import pytest
from program import certificate, signing_key

from certify.certificate import envelope
from certify.certificate.canonical import canonical
from certify.errors import InputError
from certify.export.sigstore import write_bundle

ALICE, BOB, CAROL = (signing_key(number) for number in (1, 2, 3))
CERTIFICATE = certificate(ALICE)


def with_two_signatures():
    first, second = (json.loads(certificate(key)) for key in (ALICE, BOB))
    return envelope.read(canonical(first | {"signatures": first["signatures"] + second["signatures"]}))


def test_the_envelope_as_it_stands():
    written = write_bundle(envelope.read(CERTIFICATE))
    bundle = json.loads(written)
    assert bundle == {
        "mediaType": "application/vnd.dev.sigstore.bundle.v0.3+json",
        "verificationMaterial": {"publicKey": {"hint": ALICE.public.key_id}},
        "dsseEnvelope": json.loads(CERTIFICATE),
    }
    assert written == canonical(bundle) + b"\n"
    assert CERTIFICATE.strip() in written


@pytest.mark.parametrize("key", [ALICE, BOB])
def test_one_of_several_signatures(key):
    bundle = json.loads(write_bundle(with_two_signatures(), key.public.key_id))
    assert bundle["verificationMaterial"] == {"publicKey": {"hint": key.public.key_id}}
    assert bundle["dsseEnvelope"] == json.loads(certificate(key))


def test_the_only_signature_by_its_name():
    enclosed = envelope.read(CERTIFICATE)
    assert write_bundle(enclosed, ALICE.public.key_id) == write_bundle(enclosed)


def test_several_signatures_and_no_choice():
    with pytest.raises(InputError) as caught:
        write_bundle(with_two_signatures())
    found = f"{ALICE.public.key_id}, {BOB.public.key_id}"
    assert caught.value.problem == (f"expected --signer KEYID, as a bundle has one signature, found several: {found}")


@pytest.mark.parametrize("signer", [CAROL.public.key_id, "", "SHA256:", ALICE.public.key_id.lower()])
def test_nobody_who_signed(signer):
    with pytest.raises(InputError, match="expected a signature by"):
        write_bundle(envelope.read(CERTIFICATE), signer)
