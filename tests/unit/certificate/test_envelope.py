"""The envelope: its form, its signatures, and every way for either to be wrong."""

from __future__ import annotations

import base64
import json
import subprocess
from datetime import UTC, datetime

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from certify.certificate import envelope as module
from certify.certificate.canonical import canonical
from certify.certificate.envelope import Envelope, Signature, read
from certify.certificate.keys import SigningKey
from certify.certificate.revocation import Revoked
from certify.certificate.signatures import Signer, Standing, add_signature, check_signatures, sign
from certify.certificate.trust import Trust, TrustedKey
from certify.errors import InputError, InvalidCertificateError
from certify.network.strict_json import NotJsonError

PAYLOAD = b'{"_type":"https://in-toto.io/Statement/v1"}'
AT = datetime(2026, 1, 1, tzinfo=UTC)


def signing_key(number):
    return SigningKey(Ed25519PrivateKey.from_private_bytes(bytes([number]) * 32))


ALICE, BOB, CAROL = signing_key(1), signing_key(2), signing_key(3)
GOOD = sign(PAYLOAD, ALICE)


def trusted(key, **limits):
    return TrustedKey("someone", key.public, **limits)


def changed(**fields):
    """The good envelope with some fields replaced, or removed by None."""
    document = json.loads(GOOD) | fields
    return json.dumps({key: value for key, value in document.items() if value is not None}).encode()


def with_signature(**fields):
    entry = json.loads(GOOD)["signatures"][0] | fields
    return changed(signatures=[{key: value for key, value in entry.items() if value is not None}])


def b64(data):
    return base64.b64encode(data).decode()


def pae(payload, payload_type=b"application/vnd.in-toto+json"):
    """DSSE v1, protocol.md: "DSSEv1" SP LEN(type) SP type SP LEN(body) SP body, lengths in ASCII decimal."""
    fields = (payload_type, payload)
    return b"DSSEv1" + b"".join(b" " + str(len(field)).encode() + b" " + field for field in fields)


# Form.


def test_signed_is_read():
    envelope = read(GOOD)
    assert envelope.payload == PAYLOAD
    assert [signature.key_id for signature in envelope.signatures] == [ALICE.public.key_id]
    assert len(envelope.signatures[0].value) == 64


def test_file_is_canonical_and_deterministic():
    assert sign(PAYLOAD, ALICE) == GOOD
    document = json.loads(GOOD)
    assert list(document) == ["payload", "payloadType", "signatures"]
    assert document["payloadType"] == "application/vnd.in-toto+json"
    assert base64.b64decode(document["payload"]) == PAYLOAD
    assert json.dumps(document, sort_keys=True, separators=(",", ":")).encode() + b"\n" == GOOD


@given(st.binary(max_size=200))
def test_any_payload_comes_back(payload):
    assert read(sign(payload, ALICE)).payload == payload


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        pytest.param(b"", "empty", id="empty"),
        pytest.param(b"\xef\xbb\xbf" + GOOD, "byte order mark", id="byte order mark"),
        pytest.param(b"\xff\xfe", "expected UTF-8", id="not UTF-8"),
        pytest.param(GOOD.decode().encode("utf-16-le"), "expected JSON", id="UTF-16"),
        pytest.param(GOOD[:-10], "expected JSON", id="truncated"),
        pytest.param(GOOD + GOOD, "expected JSON", id="two documents"),
        pytest.param(b"\x7fELF\x02\x01", "expected JSON", id="binary"),
        pytest.param(b"[" * 100_000, "nested less deeply", id="nested"),
    ],
)
def test_what_is_no_document(data, problem):
    with pytest.raises(NotJsonError, match=problem) as caught:
        read(data)
    assert not isinstance(caught.value, InvalidCertificateError)


def test_size_is_capped(monkeypatch):
    monkeypatch.setattr(module, "MAX_BYTES", len(GOOD))
    assert read(GOOD).payload == PAYLOAD
    with pytest.raises(InputError, match="at most") as caught:
        read(GOOD + b" ")
    assert not isinstance(caught.value, InvalidCertificateError)


def test_the_cap_is_128_mebibytes():
    assert module.MAX_BYTES == 134_217_728


KEY_ID = ALICE.public.key_id
SIG = json.loads(GOOD)["signatures"][0]["sig"]


@pytest.mark.parametrize(
    ("data", "place", "problem"),
    [
        pytest.param(b"[]", "", "expected `object`", id="list"),
        pytest.param(b"null", "", "expected `object`", id="null"),
        pytest.param(b"1.5", "", "expected an integer, found 1.5", id="float"),
        pytest.param(changed(payload=None), "", "missing required field `payload`", id="no payload"),
        pytest.param(changed(payloadType=None), "", "missing required field `payloadType`", id="no type"),
        pytest.param(changed(signatures=None), "", "missing required field `signatures`", id="no signatures"),
        pytest.param(changed(extra=1), "", "unknown field `extra`", id="unknown key"),
        pytest.param(changed(Payload=b64(PAYLOAD)), "", "expected `payload`, found `Payload`", id="case variant"),
        pytest.param(changed(publicKey="x"), "", "unknown field `publicKey`", id="key material"),
        pytest.param(changed(extra=1.5), "extra", "expected an integer", id="float in an unknown key"),
        pytest.param(changed(extra=2**53), "extra", "expected an integer from", id="integer too large"),
        pytest.param(
            GOOD.replace(b'{"payload"', b'{"payload":"","payload"'), "payload", "every key once", id="twice"
        ),
        pytest.param(
            GOOD.replace(b'{"payload"', b'{"payloa\\u0064":"","payload"'),
            "payload",
            "every key once",
            id="twice, escaped",
        ),
        pytest.param(GOOD.replace(b'"sig"', b'"keyid"'), "signatures[0].keyid", "every key once", id="keyid twice"),
        pytest.param(changed(payload=7), "payload", "expected `str`", id="payload a number"),
        pytest.param(changed(payload="e30"), "payload", "expected base64", id="payload without padding"),
        pytest.param(changed(payload="e30=\n"), "payload", "expected base64", id="payload with a newline"),
        pytest.param(changed(payload="e31="), "payload", "canonical base64", id="payload with unused bits"),
        pytest.param(changed(payload="_-8="), "payload", "expected base64", id="payload in URL-safe base64"),
        pytest.param(changed(payload="ё"), "payload", "expected base64", id="payload not ASCII"),
        pytest.param(
            changed(payloadType="application/json"), "payloadType", "expected application/vnd.in-toto", id="type"
        ),
        pytest.param(
            changed(payloadType="Application/vnd.in-toto+json"), "payloadType", "expected", id="type in capitals"
        ),
        pytest.param(changed(payloadType=1), "payloadType", "expected `str`", id="type a number"),
        pytest.param(changed(signatures=[]), "signatures", "length >= 1", id="no signature"),
        pytest.param(changed(signatures=[{}] * 17), "signatures", "length <= 16", id="too many signatures"),
        pytest.param(changed(signatures={}), "signatures", "expected `array`", id="signatures an object"),
        pytest.param(changed(signatures=[SIG]), "signatures[0]", "expected `object`", id="signature a string"),
        pytest.param(with_signature(keyid=None), "signatures[0]", "missing required field `keyid`", id="no key id"),
        pytest.param(with_signature(sig=None), "signatures[0]", "missing required field `sig`", id="no sig"),
        pytest.param(with_signature(cert="x"), "signatures[0]", "unknown field `cert`", id="key beside signature"),
        pytest.param(with_signature(keyid=""), "signatures[0].keyid", "expected SHA256:", id="empty key id"),
        pytest.param(with_signature(keyid="a" * 64), "signatures[0].keyid", "expected SHA256:", id="hex key id"),
        pytest.param(with_signature(keyid=KEY_ID[:-1]), "signatures[0].keyid", "43 characters", id="short key id"),
        pytest.param(with_signature(keyid=KEY_ID + "="), "signatures[0].keyid", "43 characters", id="padded key id"),
        pytest.param(
            with_signature(keyid=KEY_ID.lower()), "signatures[0].keyid", "expected SHA256:", id="key id in small"
        ),
        pytest.param(
            with_signature(keyid="SHA256:" + "A" * 42 + "B"), "signatures[0].keyid", "canonical", id="key id's bits"
        ),
        pytest.param(
            with_signature(keyid="SHA256:" + "A" * 42 + "$"), "signatures[0].keyid", "base64", id="key id no base64"
        ),
        pytest.param(with_signature(sig=""), "signatures[0].sig", "64 bytes, found 0", id="empty signature"),
        pytest.param(with_signature(sig=b64(bytes(63))), "signatures[0].sig", "found 63", id="short signature"),
        pytest.param(with_signature(sig=b64(bytes(65))), "signatures[0].sig", "found 65", id="long signature"),
        pytest.param(with_signature(sig=SIG.rstrip("=")), "signatures[0].sig", "expected base64", id="sig padding"),
        pytest.param(
            with_signature(sig=b64(bytes(64)).replace("A==", "B==")),
            "signatures[0].sig",
            "canonical",
            id="sig's bits",
        ),
        pytest.param(
            changed(signatures=json.loads(GOOD)["signatures"] * 2),
            "signatures[1].keyid",
            "every key id once",
            id="key id twice",
        ),
    ],
)
def test_form_refused(data, place, problem):
    with pytest.raises(InvalidCertificateError) as caught:
        read(data)
    assert problem in caught.value.problem
    assert caught.value.place == place


@given(st.binary(max_size=60) | st.text(max_size=60).map(str.encode))
def test_any_bytes_give_one_kind_of_error(data):
    with pytest.raises(InputError):
        read(data)


# Signatures.


def both(*keys, payload=PAYLOAD):
    return Envelope(payload, tuple(read(sign(payload, key)).signatures[0] for key in keys))


def test_trusted_signer():
    check = check_signatures(read(GOOD), Trust((trusted(BOB), trusted(ALICE))), AT)
    assert check.signer == trusted(ALICE)
    assert check.of(Standing.UNTIMELY) == ()
    assert check.unknown_key_ids == ()


@pytest.mark.parametrize("trust", [Trust(()), Trust((trusted(BOB),))], ids=["nobody", "another"])
def test_unknown_signer_is_no_error(trust):
    check = check_signatures(read(GOOD), trust, AT)
    assert check.signer is None
    assert check.of(Standing.UNTIMELY) == ()
    assert check.unknown_key_ids == (ALICE.public.key_id,)


def test_one_trusted_signer_among_several_suffices():
    check = check_signatures(both(BOB, ALICE, CAROL), Trust((trusted(CAROL), trusted(ALICE))), AT)
    assert check.signer == trusted(ALICE)
    assert check.unknown_key_ids == (BOB.public.key_id,)


@pytest.mark.parametrize(
    ("limits", "reason"),
    [
        pytest.param({"valid_before": datetime(2025, 12, 31, tzinfo=UTC)}, "valid only until 2025", id="expired"),
        pytest.param({"valid_after": datetime(2026, 1, 2, tzinfo=UTC)}, "valid only from 2026", id="not yet valid"),
    ],
)
def test_key_outside_its_validity_is_not_trusted(limits, reason):
    key = trusted(ALICE, **limits)
    check = check_signatures(read(GOOD), Trust((key,)), AT)
    assert check.signer is None
    (untimely,) = check.of(Standing.UNTIMELY)
    assert untimely.key == key
    assert reason in untimely.reason
    assert check.unknown_key_ids == ()
    check = check_signatures(both(ALICE, BOB), Trust((key, trusted(BOB))), AT)
    assert check.signer == trusted(BOB)
    assert check.signers == (untimely, Signer(BOB.public.key_id, Standing.VALID, trusted(BOB)))


EXPIRED = {"valid_before": datetime(2020, 1, 1, tzinfo=UTC)}


@pytest.mark.parametrize("limits", [{}, EXPIRED], ids=["valid key", "expired key"])
@pytest.mark.parametrize(
    "envelope",
    [
        pytest.param(Envelope(PAYLOAD + b" ", read(GOOD).signatures), id="payload changed"),
        pytest.param(Envelope(b"", read(GOOD).signatures), id="payload emptied"),
        pytest.param(Envelope(PAYLOAD, (Signature(KEY_ID, bytes(64)),)), id="signature zeroed"),
        pytest.param(
            Envelope(PAYLOAD, (Signature(KEY_ID, both(BOB).signatures[0].value),)), id="signed by another key"
        ),
        pytest.param(
            Envelope(PAYLOAD, (Signature(KEY_ID, ALICE.private.sign(PAYLOAD)),)),
            id="payload signed without its type",
        ),
        pytest.param(
            Envelope(PAYLOAD, (Signature(KEY_ID, ALICE.private.sign(pae(PAYLOAD, b"text/plain"))),)), id="other type"
        ),
    ],
)
def test_signature_under_a_trusted_id_has_to_verify(envelope, limits):
    with pytest.raises(InvalidCertificateError, match="does not verify") as caught:
        check_signatures(envelope, Trust((trusted(BOB), trusted(ALICE, **limits))), AT)
    assert KEY_ID in caught.value.problem
    assert caught.value.place == "signatures[0]"


def test_one_good_signature_does_not_excuse_a_bad_one():
    (good, bad) = both(ALICE, BOB).signatures
    envelope = Envelope(PAYLOAD, (good, Signature(bad.key_id, good.value)))
    trust = Trust((trusted(ALICE), trusted(BOB)))
    with pytest.raises(InvalidCertificateError, match=r"signatures\[1\]"):
        check_signatures(envelope, trust, AT)


@pytest.mark.parametrize("limits", [{}, EXPIRED], ids=["valid key", "expired key"])
def test_trusted_key_under_another_id_is_refused(limits):
    value = read(GOOD).signatures[0].value
    envelope = Envelope(PAYLOAD, (Signature(CAROL.public.key_id, value),))
    with pytest.raises(InvalidCertificateError) as caught:
        check_signatures(envelope, Trust((trusted(BOB), trusted(ALICE, **limits))), AT)
    assert caught.value.place == "signatures[0].keyid"
    assert f"expected the key id {KEY_ID}" in caught.value.problem
    assert f"found {CAROL.public.key_id}" in caught.value.problem


def test_one_key_under_two_ids_is_refused():
    good = read(GOOD).signatures[0]
    envelope = Envelope(PAYLOAD, (good, Signature(CAROL.public.key_id, good.value)))
    with pytest.raises(InvalidCertificateError, match="key id"):
        check_signatures(envelope, Trust((trusted(ALICE),)), AT)


# Revoked keys.


REVOKED = Revoked(frozenset({KEY_ID}))


@pytest.mark.parametrize("limits", [{}, EXPIRED], ids=["valid key", "expired key"])
def test_revoked_key_does_not_count(limits):
    """Whatever is said of its validity."""
    key = trusted(ALICE, **limits)
    check = check_signatures(both(ALICE, BOB), Trust((key, trusted(BOB))), AT, REVOKED)
    assert check.signers[0] == Signer(KEY_ID, Standing.REVOKED, key, "the key was revoked")
    assert check.trusted == (trusted(BOB),)
    assert check_signatures(read(GOOD), Trust((key,)), AT, REVOKED).signer is None


def test_signature_under_a_revoked_id_has_to_verify_all_the_same():
    envelope = Envelope(PAYLOAD, (Signature(KEY_ID, bytes(64)),))
    with pytest.raises(InvalidCertificateError, match="does not verify"):
        check_signatures(envelope, Trust((trusted(ALICE),)), AT, REVOKED)


def test_revoked_key_under_another_id_is_refused():
    envelope = Envelope(PAYLOAD, (Signature(CAROL.public.key_id, read(GOOD).signatures[0].value),))
    with pytest.raises(InvalidCertificateError, match="key id"):
        check_signatures(envelope, Trust((trusted(ALICE),)), AT, REVOKED)


def test_strangers_that_were_revoked_are_said_to_be():
    (signer,) = check_signatures(read(GOOD), Trust(()), AT, REVOKED).signers
    assert signer == Signer(KEY_ID, Standing.REVOKED, None, "the key was revoked")


# One signature more.


def test_added_signature_leaves_the_others_and_the_payload():
    order = [CAROL, ALICE, BOB]
    data = sign(PAYLOAD, order[0])
    for key in order[1:]:
        data = add_signature(read(data), key)
    enclosed = read(data)
    assert enclosed.payload == PAYLOAD
    assert enclosed.signatures == both(*order).signatures
    assert data == canonical(json.loads(data)) + b"\n"
    assert len(check_signatures(enclosed, Trust(tuple(trusted(key) for key in order)), AT).trusted) == 3


def test_nobody_signs_twice():
    with pytest.raises(InputError, match="has not signed yet"):
        add_signature(both(BOB, ALICE), ALICE)


@pytest.mark.parametrize("count", [15, 16])
def test_no_more_than_sixteen_sign(count):
    keys = [signing_key(n) for n in range(100, 100 + count)]
    envelope = both(*keys)
    if count < 16:
        assert len(read(add_signature(envelope, ALICE)).signatures) == 16
    else:
        with pytest.raises(InputError, match="expected fewer than 16 signatures"):
            add_signature(envelope, ALICE)


def test_malleable_signature_is_refused():
    """S + L satisfies the same equation; RFC 8032 demands S < L."""
    order = 2**252 + 27742317777372353535851937790883648493
    good = read(GOOD).signatures[0]
    s = int.from_bytes(good.value[32:], "little") + order
    envelope = Envelope(PAYLOAD, (Signature(good.key_id, good.value[:32] + s.to_bytes(32, "little")),))
    with pytest.raises(InvalidCertificateError, match="does not verify"):
        check_signatures(envelope, Trust((trusted(ALICE),)), AT)


@given(st.integers(0, len(GOOD) - 1), st.integers(1, 255))
def test_a_byte_changed_is_never_trusted_for_another_payload(position, change):
    data = bytearray(GOOD)
    data[position] ^= change
    try:
        envelope = read(bytes(data))
        check = check_signatures(envelope, Trust((trusted(ALICE),)), AT)
    except InputError:
        return
    assert check.signer is None or envelope == read(GOOD)


# The same, judged by other programs.


def spki_pem(raw):
    """RFC 8410: SEQUENCE { SEQUENCE { OID 1.3.101.112 }, BIT STRING }."""
    der = bytes.fromhex("302a300506032b6570032100") + raw
    return f"-----BEGIN PUBLIC KEY-----\n{b64(der)}\n-----END PUBLIC KEY-----\n"


def openssl_verifies(folder, document, raw):
    payload, payload_type = base64.b64decode(document["payload"]), document["payloadType"].encode()
    (folder / "signed").write_bytes(pae(payload, payload_type))
    (folder / "sig").write_bytes(base64.b64decode(document["signatures"][0]["sig"]))
    (folder / "key.pem").write_text(spki_pem(raw))
    arguments = ["-pubin", "-inkey", "key.pem", "-in", "signed", "-sigfile", "sig"]
    command = ["openssl", "pkeyutl", "-verify", "-rawin", *arguments]
    result = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert ("Signature Verified Successfully" in result.stdout) == (result.returncode == 0), result
    return result.returncode == 0


def test_openssl_verifies_the_signature(tmp_path):
    document = json.loads(GOOD)
    assert openssl_verifies(tmp_path, document, ALICE.public.raw)
    assert not openssl_verifies(tmp_path, document, BOB.public.raw)
    assert not openssl_verifies(tmp_path, document | {"payload": b64(PAYLOAD + b" ")}, ALICE.public.raw)


def test_signature_by_openssl_is_read(tmp_path):
    (tmp_path / "key.pem").write_bytes(ALICE.to_pem())
    (tmp_path / "pae").write_bytes(pae(PAYLOAD))
    command = ["openssl", "pkeyutl", "-sign", "-rawin", "-inkey", "key.pem", "-in", "pae", "-out", "sig"]
    subprocess.run(command, cwd=tmp_path, check=True, capture_output=True)
    assert with_signature(sig=b64((tmp_path / "sig").read_bytes())) == with_signature()
