"""`certify sign`: nothing is signed that was not proved just now, and nothing but a signature is added."""

from __future__ import annotations

import base64
import json
import os
from dataclasses import replace

import pytest
from program import certificate, issued, payload_of, signed, signing_key, statement, trust_line

from certify.certificate import audit as audits
from certify.certificate import storage
from certify.certificate.canonical import canonical
from certify.certificate.envelope import read
from certify.certificate.signatures import add_signature, sign
from certify.certificate.storage import write_private
from certify.cli import sign as command
from certify.proof.claim import Verdict

ALICE, BOB, CAROL = signing_key(1), signing_key(2), signing_key(3)


def settings(program):
    return program.folder / "home" / "settings" / "certify"


@pytest.fixture
def bob(certify):
    """Bob's key is the own one, and there is a certificate by Alice, whom he does not trust."""
    write_private(settings(certify) / "key.pem", BOB.to_pem())
    (settings(certify) / "key.pub").write_text(trust_line(BOB, "bob"))
    certify.write("c.json", certificate(ALICE))
    certify.write("KEYS", trust_line(ALICE, "alice") + trust_line(BOB, "bob"))
    return certify


def content(program, name="c.json"):
    return (program.folder / name).read_bytes()


def unsigned(program, *arguments, code, says=""):
    """It ends with that code, and no file is made or changed."""
    before = program.files()
    ran = program("sign", *arguments)
    assert ran.code == code, ran.err
    assert says in ran.err
    assert "wrote" not in ran.err
    assert program.files() == before
    return ran


# What is signed.


def test_sign(bob):
    before = content(bob)
    ran = bob("sign", "c.json", "--format", "json")
    assert ran.code == 0, ran.err
    assert ran.error == f"wrote c.json, 2 signatures: {BOB.public.key_id} is the last"
    written = content(bob)
    assert payload_of(written) == payload_of(before)
    assert read(written).payload == read(before).payload == issued().payload
    assert read(written).signatures[0] == read(before).signatures[0]
    assert written == add_signature(read(before), BOB)
    result = ran.result
    assert (result["command"], result["certificate"], result["verdict"]) == ("sign", "c.json", "proved")
    assert [one["standing"] for one in result["signers"]] == ["unknown", "valid"]
    assert bob("audit", "c.json", "--trust", "KEYS", "--threshold", "2").code == 0


def test_sign_elsewhere(bob):
    before = content(bob)
    ran = bob("sign", "c.json", "-o", "both.json", "--format", "json")
    assert (ran.code, ran.result["certificate"]) == (0, "both.json")
    assert content(bob) == before
    assert len(read(content(bob, "both.json")).signatures) == 2


def test_sign_with_another_key(bob):
    bob.write("carol.pem", CAROL.to_pem())
    assert bob("sign", "c.json", "--key", "carol.pem").code == 0
    assert bob("sign", "c.json").code == 0
    ids = [signature.key_id for signature in read(content(bob)).signatures]
    assert ids == [key.public.key_id for key in (ALICE, CAROL, BOB)]


def test_sign_several(bob):
    bob.write("d.json", certificate(CAROL))
    assert bob("sign", "c.json", "d.json", "c.json", "-q").code == 0
    assert [len(read(content(bob, name)).signatures) for name in ("c.json", "d.json")] == [2, 2]


def test_envelope_is_written_in_the_one_form(bob):
    document = json.loads(content(bob))
    bob.write("c.json", json.dumps(document, indent=4))
    assert bob("sign", "c.json").code == 0
    written = content(bob)
    assert written == canonical(json.loads(written)) + b"\n"
    assert json.loads(written)["payload"] == document["payload"]


def test_a_link_stays(bob):
    (bob.folder / "link.json").symlink_to("c.json")
    assert bob("sign", "link.json").code == 0
    assert (bob.folder / "link.json").is_symlink()
    assert len(read(content(bob)).signatures) == 2


def test_signed_already(bob):
    bob("sign", "c.json")
    ran = unsigned(bob, "c.json", code=0, says=f"c.json: {BOB.public.key_id} has signed it already")
    assert ran.out.startswith("proved: c.json")
    before = content(bob)
    assert bob("sign", "c.json", "-o", "copy.json").code == 0
    assert content(bob, "copy.json") == before


def test_signing_twice_gives_the_same_bytes(bob):
    bob.write("d.json", content(bob))
    assert bob("sign", "c.json", "d.json").code == 0
    assert content(bob, "c.json") == content(bob, "d.json")


# What is not.


def lie():
    """A statement that says what does not hold."""
    said = statement()
    said["predicate"]["sizes"]["kept"] += 1
    return signed(said, ALICE)


@pytest.mark.parametrize(
    ("data", "code", "says"),
    [
        (lie(), 1, "c.json: payload.predicate.sizes.kept: expected"),
        (b"", 2, "c.json: expected a JSON document"),
        (b"{}", 1, "c.json: "),
        (sign(b"{}", ALICE), 1, "c.json: payload.predicateType"),
        (sign(issued().payload[:-1], ALICE), 1, "c.json: payload"),
    ],
    ids=["lie", "empty", "no-envelope", "no-statement", "cut-off"],
)
def test_invalid(bob, data, code, says):
    bob.write("c.json", data)
    unsigned(bob, "c.json", code=code, says=says)
    unsigned(bob, "c.json", "-o", "out.json", code=code, says=says)


@pytest.mark.parametrize(("verdict", "code"), [("REFUTED", 1), ("UNDECIDED", 3)])
def test_not_proved(bob, monkeypatch, verdict, code):
    proof = replace(issued().proof, verdict=Verdict[verdict], strategy=None, reason="as the test says")
    monkeypatch.setattr(audits, "prove", lambda *_, **__: proof)
    unsigned(bob, "c.json", code=code, says="c.json: not signed")


def test_one_that_is_not_proved_does_not_keep_others_from_being_signed(bob):
    bob.write("lie.json", lie())
    before = content(bob, "lie.json")
    assert bob("sign", "lie.json", "c.json").code == 1
    assert content(bob, "lie.json") == before
    assert len(read(content(bob)).signatures) == 2


def test_signature_of_somebody_trusted_has_to_verify(bob):
    document = json.loads(certificate(ALICE))
    value = bytearray(base64.b64decode(document["signatures"][0]["sig"]))
    value[40] ^= 1
    document["signatures"][0]["sig"] = base64.b64encode(value).decode()
    bob.write("c.json", json.dumps(document))
    (settings(bob) / "allowed_signers").write_text(trust_line(ALICE, "alice"))
    unsigned(bob, "c.json", code=1, says="signatures[0]: expected a signature by")
    (settings(bob) / "allowed_signers").unlink()
    assert bob("sign", "c.json").code == 0  # a stranger's signature says nothing


def test_own_signature_that_is_none(bob):
    """Under the own key's id stands somebody else's signature: that is no `signed already`."""
    data = certificate(ALICE).replace(ALICE.public.key_id.encode(), BOB.public.key_id.encode())
    bob.write("c.json", data)
    unsigned(
        bob, "c.json", code=1, says=f"expected a signature by {BOB.public.key_id}, found one that does not verify"
    )


def test_own_signature_under_another_id(bob):
    data = certificate(BOB).replace(BOB.public.key_id.encode(), CAROL.public.key_id.encode())
    bob.write("c.json", data)
    unsigned(bob, "c.json", code=1, says=f"expected the key id {BOB.public.key_id}")


def test_no_more_than_sixteen(bob):
    data = sign(issued().payload, signing_key(100))
    for number in range(101, 116):
        data = add_signature(read(data), signing_key(number))
    bob.write("c.json", data)
    unsigned(bob, "c.json", code=2, says="c.json: signatures: expected fewer than 16 signatures, found as many")
    bob.write("own.pem", signing_key(107).to_pem())
    unsigned(bob, "c.json", "--key", "own.pem", code=0, says="has signed it already")


def test_claim_of_less(bob):
    bob.write("tiny.json")
    assert bob("equal", "tiny.json", "tiny.json", "--argmax", "-o", "less.json", "-q").code == 0
    bob.write("carol.pem", CAROL.to_pem())
    unsigned(bob, "less.json", "--key", "carol.pem", code=3, says="less.json: not signed")
    assert bob("sign", "less.json", "--key", "carol.pem", "--any-claim").code == 0
    assert len(read(content(bob, "less.json")).signatures) == 2


# Keys and places.


def test_no_key(certify):
    certify.write("c.json", certificate(ALICE))
    unsigned(certify, "c.json", code=2, says="expected a key to sign with, found none: certify keygen makes one")
    unsigned(certify, "c.json", "--key", "missing", code=2, says="missing: expected a key to sign with, found none")


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["missing.json"], "missing.json: expected a certificate, found no such file"),
        (["n" * 300], "expected a place to write to, found one that fails: File name too long"),
        (
            ["n" * 300, "-o", "out.json"],
            "expected a certificate, found a file that cannot be read: File name too long",
        ),
        (["c.json", "--key", "n" * 300], "expected a key to sign with, found none"),
        (["folder"], "folder: expected an ordinary file, or -o OUT to write to, found neither"),
        (["pipe"], "pipe: expected an ordinary file, or -o OUT to write to, found neither"),
        (["c.json", "-o", "nowhere/out.json"], "nowhere/out.json: expected a folder to write to"),
        (["c.json", "-o", "folder"], "folder: expected a place to write to, found a directory"),
        (["c.json", "-o", "alice.pem", "--key", "alice.pem"], "found the private key itself"),
        (["alice.pem", "--key", "alice.pem"], "found the private key itself"),
        (["c.json", "c.json", "-o", "out.json"], "expected one CERT with -o, found several"),
        ([], "Missing argument 'CERT...'"),
        (["c.json", "--key", "c.json"], "found the private key itself"),
        (["c.json", "--key", "d.json"], "d.json: expected an Ed25519 private key"),
    ],
)
def test_wrong_call(bob, arguments, says):
    (bob.folder / "folder").mkdir()
    os.mkfifo(bob.folder / "pipe")
    bob.write("alice.pem", ALICE.to_pem())
    bob.write("d.json", certificate(CAROL))
    unsigned(bob, *arguments, code=2, says=says)


def test_disk_that_is_full(bob, monkeypatch):
    def full(_):
        raise OSError(28, "No space left on device")

    before = content(bob)
    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", full)
        ran = bob("sign", "c.json")
    assert (ran.code, ran.out) == (2, "")
    assert "No space left on device" in ran.error
    assert content(bob) == before
    assert not list(bob.folder.glob(".certify*"))


def test_interrupted_while_writing(bob, monkeypatch):
    def interrupt(_):
        raise KeyboardInterrupt

    before = content(bob)
    with monkeypatch.context() as patched:
        patched.setattr(storage.os, "fsync", interrupt)
        assert bob("sign", "c.json").code == 130
    assert content(bob) == before
    assert not list(bob.folder.glob(".certify*"))


def test_certificate_that_changes_while_it_is_audited(bob, monkeypatch):
    """Somebody else signs at the same time: neither signature is lost."""
    other = add_signature(read(content(bob)), CAROL)
    audited = audits.audit

    def audit(*arguments, **options):
        found = audited(*arguments, **options)
        (bob.folder / "c.json").write_bytes(other)
        return found

    monkeypatch.setattr(audits, "audit", audit)
    ran = bob("sign", "c.json")
    assert (ran.code, ran.out) == (2, "")
    assert "expected the certificate that was audited, found that it has changed meanwhile" in ran.error
    assert content(bob) == other


def test_larger_than_any_that_is_read(bob, monkeypatch):
    monkeypatch.setattr(command, "MAX_BYTES", len(content(bob)))
    unsigned(bob, "c.json", code=2, says=f"expected a certificate of at most {len(content(bob))} bytes")
