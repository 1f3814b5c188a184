"""Programs that are not ours check our signatures: openssl, and sigstore's packages in Node.

The commands are those of docs/verify.md, taken from the page. What they accept they have to refuse as soon as the
payload, the type, the signature or the key is another one.
"""

from __future__ import annotations

import base64
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from program import ENTRY, SOURCE, TINY, certificate, sha256, signing_key, target_bytes, trust_line

from certify.certificate.canonical import canonical
from certify.certificate.keys import SigningKey

pytestmark = pytest.mark.interop

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/verify.md").read_text()
PEM, OPENSSL, SAID, EXPORT, INSTALL, NODE = re.findall(r"^```sh\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
ALICE, BOB = signing_key(1), signing_key(2)


@pytest.fixture
def shell(certify):
    """The folder that docs/verify.md speaks of, and what runs its commands there."""
    (certify.folder / "bin").mkdir()
    program = certify.write("bin/certify", f'#!/bin/sh\nexec "{sys.executable}" -c "{ENTRY}" "$@"\n')
    program.chmod(0o755)
    (certify.folder / "tests").symlink_to(ROOT / "tests")
    certify.write("certificate.json", certificate(ALICE))
    certify.write("maker.pub", trust_line(ALICE))
    path = f"{certify.folder / 'bin'}:{os.environ['PATH']}"
    environment = os.environ | certify.settings | {"PATH": path, "PYTHONPATH": str(SOURCE)}

    def run(*blocks):
        command = ["sh", "-euc", "".join(blocks)]
        return subprocess.run(
            command, cwd=certify.folder, env=environment, capture_output=True, text=True, check=False
        )

    run.write, run.folder, run.certify = certify.write, certify.folder, certify
    return run


def changed(data, what):
    """A certificate with one thing changed that its signature is about, in its one form all the same."""
    document = json.loads(data)
    payload = base64.b64decode(document["payload"])
    if what == "payload":
        document["payload"] = base64.b64encode(payload.replace(b"tiny.json", b"Tiny.json")).decode()
    elif what == "type":
        document["payloadType"] = "application/vnd.in-toto+JSON"
    else:
        value = bytearray(base64.b64decode(document["signatures"][0]["sig"]))
        value[{"first byte": 0, "last byte": 63}[what]] ^= 1
        document["signatures"][0]["sig"] = base64.b64encode(value).decode()
    return canonical(document) + b"\n"


CHANGES = pytest.mark.parametrize("what", ["payload", "type", "first byte", "last byte"])


def two_signatures():
    """A certificate that Alice and Bob have signed."""
    first, second = (json.loads(certificate(key)) for key in (ALICE, BOB))
    return canonical(first | {"signatures": first["signatures"] + second["signatures"]}) + b"\n"


def test_the_page_has_ci_install_what_node_needs():
    assert ".venv/bin/pytest -m interop\n" in (ROOT / ".ci/run").read_text()
    assert INSTALL in (ROOT / ".ci/run").read_text()


def test_the_pem_file_is_the_key(shell):
    assert shell(PEM).returncode == 0
    shell.write("key.pem", ALICE.to_pem())
    subprocess.run(["openssl", "pkey", "-in", "key.pem", "-pubout", "-out", "own.pem"], cwd=shell.folder, check=True)
    assert (shell.folder / "maker.pem").read_text() == (shell.folder / "own.pem").read_text()


# openssl.


def test_openssl(shell):
    ran = shell(PEM, OPENSSL, SAID)
    assert (ran.returncode, ran.stderr) == (0, "")
    verified, said = ran.stdout.splitlines()
    assert verified == "Signature Verified Successfully"
    subject = [{"digest": {"sha256": sha256(target_bytes())}, "name": "tiny.json"}]
    assert json.loads("{" + said) == {"predicateType": "urn:certify:exact-ticket:v1", "subject": subject}


@CHANGES
def test_openssl_refuses_what_was_changed(shell, what):
    shell.write("certificate.json", changed(certificate(ALICE), what))
    ran = shell(PEM, OPENSSL)
    assert ran.returncode != 0
    assert "Signature Verified Successfully" not in ran.stdout


def test_openssl_refuses_another_key(shell):
    shell.write("maker.pub", trust_line(BOB))
    assert shell(PEM, OPENSSL).returncode != 0
    # Under its own id there is no signature at all; one that is moved there does not verify.
    shell.write(
        "certificate.json", certificate(ALICE).replace(ALICE.public.key_id.encode(), BOB.public.key_id.encode())
    )
    ran = shell(PEM, OPENSSL)
    assert ran.returncode != 0
    assert "Signature Verification Failure" in ran.stdout + ran.stderr


def test_openssl_refuses_a_signature_of_the_payload_alone(shell):
    document = json.loads(certificate(ALICE))
    document["signatures"][0]["sig"] = base64.b64encode(
        ALICE.private.sign(base64.b64decode(document["payload"]))
    ).decode()
    shell.write("certificate.json", canonical(document) + b"\n")
    assert shell(PEM, OPENSSL).returncode != 0


@pytest.mark.parametrize("key", [ALICE, BOB])
def test_openssl_takes_the_signature_of_its_key(shell, key):
    shell.write("certificate.json", two_signatures())
    shell.write("maker.pub", trust_line(key))
    assert shell(PEM, OPENSSL).returncode == 0


@pytest.mark.parametrize("name", ["digits", "max_of_three", "ecg5000_autoencoder"])
def test_the_certificates_of_the_repository(shell, name):
    shell.write("certificate.json", (ROOT / f"certificates/{name}.certificate.json").read_bytes())
    shell.write("maker.pub", (ROOT / "certificates/allowed_signers").read_bytes())
    assert "Signature Verified Successfully" in shell(PEM, OPENSSL, SAID).stdout
    assert "signed by SHA256:" in shell(EXPORT, NODE).stdout


# Node.


def test_node(shell):
    ran = shell(PEM, EXPORT, NODE)
    assert ran.returncode == 0, ran.stderr
    assert ran.stdout == (
        f"signed by {ALICE.public.key_id}: urn:certify:exact-ticket:v1\n"
        f"about tiny.json, sha256 {sha256(target_bytes())}\n"
    )


def test_node_on_an_equivalence(shell):
    shell.write("tiny.json", target_bytes())
    shell.write("same.json", dict(TINY, name="same"))
    shell.write("key.pem", ALICE.to_pem())
    ran = shell.certify("equal", "tiny.json", "same.json", "-o", "certificate.json", "--key", "key.pem")
    assert ran.code == 0
    ran = shell(PEM, OPENSSL, EXPORT, NODE)
    assert ran.returncode == 0, ran.stderr
    assert f"signed by {ALICE.public.key_id}: urn:certify:equivalence:v1\n" in ran.stdout


@CHANGES
def test_node_refuses_what_was_changed(shell, what):
    """Changed in the bundle, as not every change is a certificate that is exported."""
    assert shell(PEM, EXPORT).returncode == 0
    bundle = json.loads((shell.folder / "bundle.json").read_bytes())
    bundle["dsseEnvelope"] = json.loads(changed(canonical(bundle["dsseEnvelope"]), what))
    shell.write("bundle.json", bundle)
    ran = shell(NODE)
    assert (ran.returncode, ran.stdout) == (1, "")
    expected = "found application/vnd.in-toto+JSON" if what == "type" else "signature verification failed"
    assert expected in ran.stderr


def test_node_refuses_another_type_that_was_signed(shell):
    """The verifier looks at the type itself: sigstore's packages check that it was signed, not which it is."""
    assert shell(PEM, EXPORT).returncode == 0
    bundle = json.loads((shell.folder / "bundle.json").read_bytes())
    payload = base64.b64decode(bundle["dsseEnvelope"]["payload"])
    signed = ALICE.private.sign(b"DSSEv1 4 text %d %s" % (len(payload), payload))
    bundle["dsseEnvelope"] |= {"payloadType": "text"}
    bundle["dsseEnvelope"]["signatures"][0]["sig"] = base64.b64encode(signed).decode()
    shell.write("bundle.json", bundle)
    assert "expected application/vnd.in-toto+json, found text" in shell(NODE).stderr


def test_node_refuses_another_key(shell):
    shell.write("maker.pub", trust_line(BOB))
    ran = shell(PEM, EXPORT, NODE)
    assert (ran.returncode, ran.stdout) == (1, "")
    assert f"key not found: {ALICE.public.key_id}" in ran.stderr
    bundle = (shell.folder / "bundle.json").read_bytes()
    shell.write("bundle.json", bundle.replace(ALICE.public.key_id.encode(), BOB.public.key_id.encode()))
    ran = shell(NODE)
    assert (ran.returncode, ran.stdout) == (1, "")
    assert "signature verification failed" in ran.stderr


def test_node_takes_the_signature_that_was_chosen(shell):
    shell.write("certificate.json", two_signatures())
    ran = shell(EXPORT)
    assert ran.returncode == 2
    assert "expected --signer KEYID" in ran.stderr
    shell.write("maker.pub", trust_line(BOB))
    chosen = EXPORT.rstrip() + f" --signer {BOB.public.key_id}\n"
    assert f"signed by {BOB.public.key_id}" in shell(PEM, chosen, NODE).stdout


@pytest.mark.parametrize("change", ["two signatures", "no signature", "no media type", "no key"])
def test_node_refuses_what_is_no_bundle(shell, change):
    assert shell(PEM, EXPORT).returncode == 0
    bundle = json.loads((shell.folder / "bundle.json").read_bytes())
    envelope = bundle["dsseEnvelope"]
    if change == "two signatures":
        envelope["signatures"] *= 2
    elif change == "no signature":
        envelope["signatures"] = []
    elif change == "no media type":
        del bundle["mediaType"]
    else:
        bundle["verificationMaterial"] = {}
    shell.write("bundle.json", bundle)
    ran = shell(NODE)
    assert (ran.returncode, ran.stdout) == (1, "")
    assert "invalid" in ran.stderr


def test_a_key_of_another_kind(shell):
    assert shell(EXPORT).returncode == 0
    make = ["openssl", "genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-out", "ec.pem"]
    subprocess.run(make, cwd=shell.folder, check=True, capture_output=True)
    subprocess.run(["openssl", "pkey", "-in", "ec.pem", "-pubout", "-out", "maker.pem"], cwd=shell.folder, check=True)
    assert "expected an Ed25519 key, found ec" in shell(NODE).stderr


def test_a_new_key_of_the_program(shell):
    """A key whose bytes nobody chose, for the form of its id."""
    key = SigningKey.generate()
    shell.write("certificate.json", certificate(key))
    shell.write("maker.pub", trust_line(key))
    assert shell(PEM, OPENSSL, EXPORT, NODE).returncode == 0
