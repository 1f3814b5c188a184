"""Keys from outside: passphrases, OpenSSH's files, thresholds, revocation, rotation.

No output ever holds a passphrase or a private key; every run here goes through `said`, which looks.
"""

from __future__ import annotations

import base64
import getpass
import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from program import certificate, issued, signing_key, trust_line
from terminal import ON_ITS_TERMINAL, OnTerminal

from certify.certificate import private_keys
from certify.certificate.envelope import read
from certify.certificate.keys import SigningKey
from certify.certificate.private_keys import needs_passphrase
from certify.certificate.signatures import add_signature, sign
from certify.certificate.storage import write_private
from certify.cli import passphrase

ALICE, BOB, CAROL = signing_key(1), signing_key(2), signing_key(3)
WORD = "correct horse"  # of the files in tests/data/keys
DATA = Path(__file__).parents[1] / "data" / "keys"


@pytest.fixture(autouse=True)
def _few_rounds(monkeypatch):
    monkeypatch.setattr(private_keys, "ROUNDS", 1000)


@pytest.fixture(autouse=True)
def _no_terminal(monkeypatch):
    """Whoever runs the tests is not to be asked."""
    monkeypatch.setattr(passphrase, "_has_terminal", lambda: False)


@pytest.fixture
def typing(monkeypatch):
    """Answers at a terminal; returns what was asked."""

    def answer(*words):
        asked, left = [], list(words)
        monkeypatch.setattr(passphrase, "_has_terminal", lambda: True)
        monkeypatch.setattr(getpass, "getpass", lambda prompt: (asked.append(prompt), left.pop(0))[1])
        return asked

    return answer


def settings(program):
    return program.folder / "home" / "settings" / "certify"


def check_nothing_secret(program, *texts):
    """No text holds a passphrase, or the bytes of a private key of this folder that is not encrypted."""
    secrets = [WORD.encode(), b"hunter2"]
    for path in program.folder.rglob("*"):
        data = path.read_bytes() if path.is_file() else b""
        if b"PRIVATE KEY-----" in data and data.startswith(b"-----BEGIN PRIVATE") and not needs_passphrase(data):
            raw = SigningKey.from_pem(data).private.private_bytes_raw()
            secrets += [raw, raw.hex().encode(), base64.b64encode(raw), data.splitlines()[1]]
    for text in texts:
        assert not any(secret in text for secret in secrets)


def said(program, *arguments, word=None):
    """Run it, with a passphrase in a descriptor, and look at what it says."""
    descriptors = []
    if word is not None:
        reading, writing = os.pipe()
        os.write(writing, word.encode() + b"\nnot this line\n")
        os.close(writing)
        descriptors = ["--passphrase-fd", reading]
    ran = program(*arguments, *descriptors)
    if word is not None:
        os.close(reading)
    check_nothing_secret(program, ran.out.encode(), ran.err.encode())
    return ran


def refused(program, *arguments, says, word=None):
    """Nothing but one line, and no file made or changed."""
    before = program.files()
    ran = said(program, *arguments, word=word)
    assert (ran.code, ran.out) == (2, "")
    assert says in ran.error
    assert program.files() == before


# Passphrases of new keys.


def test_keygen_with_a_passphrase_from_a_descriptor(certify):
    ran = said(certify, "keygen", "-o", "k.pem", "--name", "me", word="hunter2")
    assert ran.code == 0
    data = (certify.folder / "k.pem").read_bytes()
    assert data.startswith(b"-----BEGIN ENCRYPTED PRIVATE KEY-----")
    assert stat.S_IMODE((certify.folder / "k.pem").stat().st_mode) == 0o600
    key = SigningKey.from_pem(data, passphrase=b"hunter2")
    assert ran.out == (certify.folder / "k.pub").read_text() == trust_line(key, "me")


def test_keygen_with_a_passphrase_from_a_terminal(certify, typing):
    asked = typing("hunter2", "hunter2")
    assert said(certify, "keygen", "--passphrase").code == 0
    assert len(asked) == 2
    data = (settings(certify) / "key.pem").read_bytes()
    assert SigningKey.from_pem(data, passphrase=b"hunter2").to_pem().startswith(b"-----BEGIN PRIVATE KEY")


@pytest.mark.parametrize(
    ("words", "says"), [(("hunter2", "hunter3"), "the same passphrase twice"), ((("",) * 2), "empty")]
)
def test_keygen_without_a_passphrase_after_all(certify, typing, words, says):
    typing(*words)
    refused(certify, "keygen", "-o", "k.pem", "--passphrase", says=says)


def test_keygen_refuses_an_empty_passphrase(certify):
    refused(certify, "keygen", "-o", "k.pem", word="", says="expected a passphrase, found an empty one")


def test_keygen_without_a_terminal(certify):
    refused(certify, "keygen", "-o", "k.pem", "--passphrase", says="(--passphrase-fd N), found no terminal")


def test_keygen_takes_no_passphrase_as_an_argument(certify):
    refused(certify, "keygen", "-o", "k.pem", "--passphrase=hunter3", says="does not take a value")
    refused(certify, "keygen", "-o", "k.pem", "--passphrase", "--passphrase-fd", "0", says="found both")


def test_keygen_replaces_no_encrypted_key(certify, typing):
    certify.write("k.pem", ALICE.to_pem(b"hunter2"))
    asked = typing()
    refused(certify, "keygen", "-o", "k.pem", "--passphrase", says="expected no file there yet")
    assert asked == []


# A real terminal: what is typed is not shown.


def test_terminal(certify):
    run = OnTerminal(certify, "keygen", "-o", "k.pem", "--passphrase", command=ON_ITS_TERMINAL)
    run.answer(b"Passphrase of the new key: ", b"hunter2\n")
    run.answer(b"The same once more: ", b"hunter2\n")
    code, out = run.end()
    assert code == 0, run.seen
    assert out.endswith((certify.folder / "k.pub").read_bytes())
    check_nothing_secret(certify, out, run.before, run.seen)
    assert SigningKey.from_pem((certify.folder / "k.pem").read_bytes(), passphrase=b"hunter2")


@pytest.mark.parametrize(("typed", "code"), [(b"\x03", 130), (b"\x04", 2)], ids=["Ctrl-C", "Ctrl-D"])
def test_terminal_left(certify, typed, code):
    before = certify.files()
    run = OnTerminal(certify, "keygen", "-o", "k.pem", "--passphrase", command=ON_ITS_TERMINAL)
    run.answer(b"Passphrase of the new key: ", typed)
    assert run.end()[0] == code, run.seen
    assert b"Traceback" not in run.seen
    assert certify.files() == before


def test_no_terminal_at_all(certify):
    ran = certify.run("keygen", "-o", "k.pem", "--passphrase", start_new_session=True)
    assert (ran.code, ran.out) == (2, "")
    assert "found no terminal" in ran.error


# Signing with an encrypted key.


@pytest.fixture
def encrypted(certify):
    """An encrypted own key, and what to sign."""
    certify.write("tiny.json")
    certify.write("other.json")
    write_private(settings(certify) / "key.pem", ALICE.to_pem(b"hunter2"))
    (settings(certify) / "key.pub").write_text(trust_line(ALICE))
    return certify


SIGNING = {
    "prove": ["tiny.json", "-o", "c.json"],
    "equal": ["equal", "tiny.json", "other.json", "-o", "c.json"],
    "audit": ["audit", "--target", "tiny.json", "--base", "base.json", "--mask", "mask.npz", "-o", "c.json"],
    "sign": ["sign", "by-bob.json", "-o", "c.json"],
}


@pytest.mark.parametrize("name", ["prove", "equal", "sign"])
@pytest.mark.parametrize("way", ["descriptor", "terminal"])
def test_signing(encrypted, typing, name, way):
    encrypted.write("by-bob.json", certificate(BOB))
    asked = typing("hunter2") if way == "terminal" else []
    ran = said(encrypted, *SIGNING[name], word=None if way == "terminal" else "hunter2")
    assert ran.code == 0, ran.err
    assert len(asked) == (way == "terminal")
    ran = said(encrypted, "audit", "c.json", "--format", "json")
    assert (ran.code, ran.result["signer"]["key_id"]) == (0, ALICE.public.key_id)


@pytest.mark.parametrize("name", SIGNING)
def test_passphrase_comes_before_any_work(encrypted, monkeypatch, typing, name):
    """Nothing that computes has even been loaded when it turns out to be wrong."""
    encrypted.write("by-bob.json", certificate(BOB))
    for module in ("certify.issue", "certify.certificate.audit", "certify.proof.prover"):
        monkeypatch.setitem(sys.modules, module, None)
    says = "key.pem: expected the passphrase of this key, found one that does not open it"
    refused(encrypted, *SIGNING[name], word="hunter3", says=says)
    typing("hunter3")
    refused(encrypted, *SIGNING[name], says=says)


@pytest.mark.parametrize("name", SIGNING)
def test_no_passphrase(encrypted, name):
    encrypted.write("by-bob.json", certificate(BOB))
    refused(encrypted, *SIGNING[name], says="passphrase from a terminal or --passphrase-fd N, found no terminal")
    refused(encrypted, *SIGNING[name], word="", says="found an empty one")
    refused(encrypted, *SIGNING[name], "--passphrase-fd", "987", says="expected an open descriptor")


def test_passphrase_where_nothing_is_signed(encrypted):
    refused(encrypted, "equal", "tiny.json", "other.json", word="hunter2", says="expected -o with --passphrase-fd")


def test_passphrase_where_there_is_no_key(certify):
    certify.write("tiny.json")
    refused(certify, "tiny.json", "-o", "c.json", word="hunter2", says="certify keygen --passphrase-fd makes one")


def test_passphrase_of_a_key_that_has_none(certify):
    certify.write("tiny.json")
    certify.write("alice.pem", ALICE.to_pem())
    assert said(certify, "tiny.json", "-o", "c.json", "--key", "alice.pem", word="hunter2").code == 0
    assert (certify.folder / "c.json").read_bytes() == certificate(ALICE)


def test_trust_in_the_own_key_asks_for_nothing(encrypted, typing):
    asked = typing()
    encrypted.write("c.json", certificate(ALICE))
    ran = said(encrypted, "audit", "c.json")
    assert ran.code == 0
    assert f"trusted: own-key {ALICE.public.key_id}" in ran.out
    assert asked == []


@pytest.mark.parametrize(
    ("public", "says"),
    [
        (None, "key.pub: expected a file of trusted keys, found no such file"),
        (ALICE.public.openssh() + "\n", "key.pub: line 1: expected a name before the key"),
        (trust_line(ALICE) + trust_line(BOB), "key.pub: expected the line of one key, found 2"),
        ("", "key.pub: expected the line of one key, found 0"),
    ],
    ids=["none", "OpenSSH's", "two", "empty"],
)
def test_trust_in_the_own_key_needs_its_public_half(encrypted, public, says):
    (settings(encrypted) / "key.pub").unlink()
    if public is not None:
        (settings(encrypted) / "key.pub").write_text(public)
    encrypted.write("c.json", certificate(ALICE))
    refused(encrypted, "audit", "c.json", says=says)


def test_public_half_of_another_key_is_not_handed_out(encrypted):
    """As after a rotation that was killed between its last two steps."""
    (settings(encrypted) / "key.pub").write_text(trust_line(BOB))
    says = f"found that of {BOB.public.key_id}; its line would be "
    refused(encrypted, "tiny.json", "-o", "c.json", word="hunter2", says=says)


# Private keys that others can read.


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o602])
def test_key_that_others_can_read(certify, mode):
    certify.write("tiny.json")
    certify.write("my key.pem", ALICE.to_pem()).chmod(mode)
    found = f"found one with mode {mode:04o}: chmod 600 'my key.pem'"
    says = f"my key.pem: expected a private key that only you can read, {found}"
    refused(certify, "tiny.json", "-o", "c.json", "--key", "my key.pem", says=says)


def test_own_key_that_others_can_read_is_not_trusted_either(encrypted):
    (settings(encrypted) / "key.pem").chmod(0o644)
    encrypted.write("c.json", certificate(ALICE))
    refused(encrypted, "audit", "c.json", says="chmod 600")
    assert said(encrypted, "audit", "c.json", "--trust", settings(encrypted) / "key.pub").code == 0


# OpenSSH's keys.


@pytest.mark.parametrize("name", ["plain", "encrypted"])
def test_openssh_key(certify, name):
    certify.write("tiny.json")
    certify.write("id_ed25519", (DATA / f"openssh_{name}").read_bytes())
    certify.write("id_ed25519.pub", (DATA / f"openssh_{name}.pub").read_bytes())
    word = None if name == "plain" else WORD
    ran = said(certify, "tiny.json", "-o", "c.json", "--key", "id_ed25519", word=word)
    assert ran.code == 0, ran.err
    wrote, how, line = ran.err.splitlines()
    assert wrote == "wrote c.json"
    assert how.endswith("--trust KEYS, an allowed_signers file with the key, as in this line:")
    certify.write("KEYS", f"{line}\n")
    assert said(certify, "audit", "c.json", "--trust", "KEYS").code == 0
    says = "id_ed25519.pub: line 1: expected a name before the key, such as alice namespaces="
    refused(certify, "audit", "c.json", "--trust", "id_ed25519.pub", says=says)
    refused(certify, "tiny.json", "-o", "id_ed25519.pub", "--key", "id_ed25519", word=word, says="public key itself")


@pytest.mark.parametrize(("name", "algorithm"), [("rsa", "ssh-rsa"), ("ecdsa", "ecdsa-sha2-nistp256")])
def test_openssh_key_of_another_algorithm(certify, name, algorithm):
    certify.write("tiny.json")
    certify.write("id", (DATA / f"openssh_{name}").read_bytes())
    says = "id: expected an Ed25519 private key, PKCS#8 in PEM or OpenSSH's, "
    says += f"found a key of another algorithm: {algorithm}"
    refused(certify, "tiny.json", "-o", "c.json", "--key", "id", says=says)


# Thresholds.


def signed_by(*keys):
    data = sign(issued().payload, keys[0])
    for key in keys[1:]:
        data = add_signature(read(data), key)
    return data


@pytest.fixture
def three(certify):
    """Trust in three people; Carol's key has expired."""
    expired = trust_line(CAROL, "carol").replace('"certify"', '"certify",valid-before="20250101Z"')
    certify.write("KEYS", trust_line(ALICE, "alice") + trust_line(BOB, "bob") + expired)
    return certify


@pytest.mark.parametrize(
    ("keys", "threshold", "code"),
    [
        ([ALICE], 1, 0),
        ([ALICE], 2, 3),
        ([ALICE, BOB], 2, 0),
        ([BOB, signing_key(9), ALICE], 2, 0),
        ([ALICE, CAROL], 2, 3),
        ([ALICE, signing_key(9)], 2, 3),
        ([ALICE, BOB, CAROL], 3, 3),
        ([signing_key(9)], 1, 3),
    ],
    ids=["1-of-1", "1-of-2", "2-of-2", "2-and-a-stranger", "1-and-expired", "1-and-a-stranger", "2-of-3", "0-of-1"],
)
def test_threshold(three, keys, threshold, code):
    three.write("c.json", signed_by(*keys))
    ran = said(three, "audit", "c.json", "--trust", "KEYS", "--threshold", threshold, "--format", "json")
    result = ran.result
    assert (ran.code, result["exit_code"], result["verdict"]) == (code, code, "proved")
    assert (result["trusted"], result["threshold"]) == (code == 0, threshold)
    assert [one["key_id"] for one in result["signers"]] == [key.public.key_id for key in keys]
    counted = sum(one["standing"] == "valid" for one in result["signers"])
    assert (counted >= threshold) == (code == 0)
    if code and threshold > 1:
        expected = f"expected signatures by {threshold} keys that you trust, found {counted} of {threshold}: "
        assert f"c.json: {expected}" in ran.error


def test_threshold_counts_at_the_moment_asked_for(three):
    three.write("c.json", signed_by(ALICE, CAROL))
    arguments = ("audit", "c.json", "--trust", "KEYS", "--threshold", "2")
    assert said(three, *arguments, "--at", "2024-06-01").code == 0
    assert said(three, *arguments, "--at", "2025-06-01").code == 3


def test_all_signers_are_listed(three):
    three.write("c.json", signed_by(signing_key(9), ALICE, CAROL))
    lines = said(three, "audit", "c.json", "--trust", "KEYS").out.splitlines()[-4:]
    assert lines[0].endswith(f"valid, trusted: alice {ALICE.public.key_id}")
    assert lines[1].strip() == f"{signing_key(9).public.key_id}: unknown"
    assert lines[2].strip() == f"alice {ALICE.public.key_id}: valid"
    assert lines[3].strip().startswith(f"carol {CAROL.public.key_id}: untimely (the key was valid only until 2025")


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (
            ["--trust", "KEYS", "--threshold", "4"],
            "--threshold: expected at most 3, as many as you trust keys, found 4",
        ),
        (["--threshold", "2"], "--threshold: expected at most 0"),
        (["--trust", "KEYS", "--threshold", "0"], "Invalid value for '--threshold'"),
        (["--trust", "KEYS", "--threshold", "17"], "Invalid value for '--threshold'"),
        (["--any-signer", "--threshold", "2"], "expected --threshold or --any-signer, found both"),
        (["--any-signer", "--revoked", "KEYS"], "expected --revoked or --any-signer, found both"),
        (["--target", "tiny.json", "--base", "b.json", "--threshold", "2"], "found both"),
    ],
)
def test_threshold_that_no_certificate_could_reach(three, arguments, says):
    given = [] if "--target" in arguments else ["c.json"]
    three.write("c.json", signed_by(ALICE))
    refused(three, "audit", *given, *arguments, says=says)


# Revocation.


@pytest.mark.parametrize("line", [ALICE.public.openssh() + " stolen", f"hash: {ALICE.public.key_id} # stolen"])
@pytest.mark.parametrize("own", [False, True], ids=["--revoked", "own list"])
def test_revoked(three, line, own):
    three.write("c.json", signed_by(ALICE))
    arguments = ["audit", "c.json", "--trust", "KEYS", "--format", "json"]
    if own:
        settings(three).mkdir(parents=True)
        (settings(three) / "revoked_keys").write_text(f"{line}\n")
    else:
        three.write("gone", f"{line}\n")
        arguments += ["--revoked", "gone"]
    ran = said(three, *arguments)
    assert (ran.code, ran.result["trusted"], ran.result["verdict"]) == (3, False, "proved")
    assert ran.result["signature"] == "revoked: the key was revoked"
    assert ran.result["signer"] == {"key_id": ALICE.public.key_id, "principals": "alice"}
    assert "found revoked" in ran.error
    assert said(three, *arguments, "--at", "2020-01-01").code == 3
    three.write("c.json", signed_by(ALICE, BOB))
    ran = said(three, *arguments)
    assert (ran.code, [one["standing"] for one in ran.result["signers"]]) == (0, ["revoked", "valid"])
    assert said(three, *arguments, "--threshold", "2").code == 3


def test_both_lists_count(three):
    settings(three).mkdir(parents=True)
    (settings(three) / "revoked_keys").write_text(f"hash: {ALICE.public.key_id}\n")
    three.write("gone", f"hash: {BOB.public.key_id}\n")
    three.write("c.json", signed_by(ALICE, BOB))
    ran = said(three, "audit", "c.json", "--trust", "KEYS", "--revoked", "gone", "--format", "json")
    assert (ran.code, [one["standing"] for one in ran.result["signers"]]) == (3, ["revoked", "revoked"])


def test_own_key_that_was_revoked(certify):
    write_private(settings(certify) / "key.pem", ALICE.to_pem())
    (settings(certify) / "revoked_keys").write_text(f"hash: {ALICE.public.key_id}\n")
    certify.write("c.json", signed_by(ALICE))
    certify.write("tiny.json")
    assert said(certify, "audit", "c.json").code == 3
    says = f"key.pem: expected a key that signs, found one that your revoked_keys names: {ALICE.public.key_id}"
    refused(certify, "tiny.json", "-o", "out.json", says=says)
    refused(certify, "sign", "c.json", says=says)
    certify.write("alice.pem", ALICE.to_pem())
    refused(certify, "tiny.json", "-o", "out.json", "--key", "alice.pem", says="that your revoked_keys names")


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"SSHKRL\n\0" + bytes(40), "gone: expected revoked keys as text, one a line, found a binary KRL"),
        (b"# fine\nserial: 5\n", "gone: line 2: expected key:, sha256: or hash:, found serial:"),
        (b"ssh-rsa AAAA\n", "gone: line 1: expected a public key"),
        (b"x" * (2**20 + 1), "gone: expected a file of revoked keys of at most 1048576 bytes"),
    ],
)
def test_revoked_keys_that_are_not_understood(three, content, says):
    three.write("c.json", signed_by(BOB))
    three.write("gone", content)
    refused(three, "audit", "c.json", "--trust", "KEYS", "--revoked", "gone", says=says)
    settings(three).mkdir(parents=True)
    (settings(three) / "revoked_keys").write_bytes(content)
    refused(three, "audit", "c.json", "--trust", "KEYS", says=says.replace("gone", "revoked_keys", 1))


def test_revoked_keys_that_are_not_there(three):
    three.write("c.json", signed_by(BOB))
    refused(three, "audit", "c.json", "--trust", "KEYS", "--revoked", "gone", says="gone: expected a file of revoked")


# Rotation; what is left where it fails is in tests/unit/cli/test_rotation.py.


def test_rotation(certify):
    """What a user does, from the first certificate to the one signed again."""
    certify.write("tiny.json")
    assert said(certify, "keygen", "--name", "me").code == 0
    assert said(certify, "tiny.json", "-o", "c.json").code == 0
    old = SigningKey.from_pem((settings(certify) / "key.pem").read_bytes()).public
    ran = said(certify, "keygen", "--rotate", "--format", "json")
    assert ran.code == 0, ran.err
    new = SigningKey.from_pem((settings(certify) / "key.pem").read_bytes()).public
    assert (ran.result["key_id"], ran.result["previous"]["key_id"]) == (new.key_id, old.key_id)
    kept = Path(ran.result["previous"]["private"])
    assert SigningKey.from_pem(kept.read_bytes()).public == old
    assert kept.with_suffix(".pub").read_text() == ran.result["previous"]["line"] + "\n"

    ran = said(certify, "audit", "c.json", "--format", "json")
    assert ran.code in (0, 3)  # within the second of the rotation, or after it
    ran = said(certify, "audit", "c.json", "--at", "2999-01-01")
    assert ran.code == 3
    assert "untimely: the key was valid only until" in ran.err
    assert said(certify, "audit", "c.json", "--at", "2026-01-01").code == 0
    assert said(certify, "sign", "c.json").code == 0
    ran = said(certify, "audit", "c.json", "--at", "2999-01-01", "--format", "json")
    assert (ran.code, [one["standing"] for one in ran.result["signers"]]) == (0, ["untimely", "valid"])


def test_rotation_to_a_key_with_a_passphrase(certify):
    assert said(certify, "keygen").code == 0
    assert said(certify, "keygen", "--rotate", word="hunter2").code == 0
    assert needs_passphrase((settings(certify) / "key.pem").read_bytes())


def test_rotation_of_a_key_with_a_passphrase(encrypted):
    """It is not opened, and its successor is not weaker."""
    says = "expected --passphrase or --passphrase-fd for the new key, as the old one is encrypted, found neither"
    refused(encrypted, "keygen", "--rotate", says=says)
    assert said(encrypted, "keygen", "--rotate", word="hunter2 again").code == 0
    assert needs_passphrase((settings(encrypted) / "key.pem").read_bytes())


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--rotate"], "expected a key to rotate, found none: certify keygen makes the first"),
        (["--rotate", "-o", "k.pem"], "expected --rotate or -o, found both"),
        (["--rotate", "--passphrase"], "expected a key to rotate"),
    ],
)
def test_nothing_to_rotate(certify, arguments, says):
    refused(certify, "keygen", *arguments, says=says)


def test_rotation_says_what_others_need(certify):
    said(certify, "keygen", "--name", "me")
    ran = said(certify, "keygen", "--rotate")
    assert ran.out == (settings(certify) / "key.pub").read_text()
    made, kept, signs, others = ran.err.splitlines()
    assert made.startswith("made ")
    assert kept.startswith("kept the old key, SHA256:")
    assert "certify sign" in signs
    assert others.endswith((settings(certify) / "allowed_signers").read_text().strip())


def test_openssl_reads_the_encrypted_key(certify):
    said(certify, "keygen", "-o", "k.pem", word="hunter2")
    command = ["openssl", "pkey", "-in", "k.pem", "-passin", "pass:hunter2", "-noout"]
    subprocess.run(command, cwd=certify.folder, check=True, capture_output=True)
