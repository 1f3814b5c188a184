"""Private keys in files: PKCS#8 and OpenSSH's format, plain and encrypted, and all that is none.

What `ssh-keygen` made is in tests/data/keys. The number of rounds is the one of the program only where it is tested.
"""

from __future__ import annotations

import base64
import subprocess
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed448, rsa, x25519
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

from certify.certificate import private_keys
from certify.certificate.keys import SigningKey
from certify.certificate.private_keys import load, needs_passphrase, to_pem
from certify.errors import InputError

DATA = Path(__file__).parents[2] / "data" / "keys"
WORD = b"correct horse"
SEED = bytes.fromhex("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60")
KEY = Ed25519PrivateKey.from_private_bytes(SEED)
# What `ssh-keygen -l` says of the files.
FINGERPRINTS = {
    "openssh_plain": "SHA256:5JPrQaE0KcMFldRrK69xVFN+lRJXPwDXd2o8Hln2jhk",
    "openssh_encrypted": "SHA256:VfA3TrVE2VJo3oA6sFVb7muVbKvmBoRpDrNjufSXhJ0",
    "openssh_gcm": "SHA256:WN3KOjl+Q7lcEZmiaMQgPz2+ASQyBx4ineprcaUfDr4",
}


def pem(key, encryption=None, form=PrivateFormat.PKCS8):
    return key.private_bytes(Encoding.PEM, form, encryption or NoEncryption())


def openssh(name):
    return (DATA / f"openssh_{name}").read_bytes()


@pytest.fixture
def few_rounds(monkeypatch):
    monkeypatch.setattr(private_keys, "ROUNDS", 1000)


# What is read.


@pytest.mark.parametrize("name", FINGERPRINTS)
def test_keys_by_ssh_keygen(name):
    data = (DATA / name).read_bytes()
    assert needs_passphrase(data) == (name != "openssh_plain")
    assert SigningKey(load(data, WORD)).public.key_id == FINGERPRINTS[name]


@pytest.mark.parametrize("name", ["plain", "encrypted"])
def test_public_half_by_ssh_keygen(name):
    key = SigningKey.from_pem(openssh(name), passphrase=WORD)
    assert openssh(f"{name}.pub").decode().startswith(key.public.openssh() + " ")


@pytest.mark.parametrize("form", [PrivateFormat.PKCS8, PrivateFormat.OpenSSH])
@pytest.mark.parametrize("word", [None, b"word", "größe".encode(), b"\xff\xfe", b"w" * 200], ids=repr)
def test_keys_by_the_library(form, word):
    data = pem(KEY, None if word is None else BestAvailableEncryption(word), form)
    assert needs_passphrase(data) == (word is not None)
    assert load(data, word).private_bytes_raw() == SEED


def test_plain_key_needs_no_passphrase_and_looks_at_none():
    assert load(to_pem(KEY), b"whatever").private_bytes_raw() == SEED


def test_white_space_before_an_openssh_key():
    assert SigningKey(load(b"\n \n" + openssh("plain"))).public.key_id == FINGERPRINTS["openssh_plain"]


# What is written.


@pytest.mark.usefixtures("few_rounds")
def test_encrypted_pem_comes_back():
    data = to_pem(KEY, WORD)
    assert data.startswith(b"-----BEGIN ENCRYPTED PRIVATE KEY-----\n")
    assert max(map(len, data.splitlines())) == 64
    assert load(data, WORD).private_bytes_raw() == SEED
    assert to_pem(KEY, WORD) != data  # another salt and another iv


def test_encrypted_pem_is_what_rfc_8018_says():
    """openssl's reading of it: the scheme, and the rounds that guessing costs."""
    command = ["openssl", "asn1parse"]
    said = subprocess.run(command, input=to_pem(KEY, WORD), capture_output=True, check=True).stdout.decode()
    names = [line.rpartition(":")[2].strip() for line in said.splitlines() if "OBJECT" in line]
    assert names == ["PBES2", "PBKDF2", "hmacWithSHA256", "aes-256-cbc"]
    (rounds,) = (line.rpartition(":")[2] for line in said.splitlines() if "INTEGER" in line)
    assert int(rounds, 16) == private_keys.ROUNDS == 600_000


@pytest.mark.usefixtures("few_rounds")
def test_encrypted_pem_is_opened_by_openssl():
    command = ["openssl", "pkey", "-passin", "pass:correct horse"]
    opened = subprocess.run(command, input=to_pem(KEY, WORD), capture_output=True, check=True).stdout
    assert opened == to_pem(KEY)


@pytest.mark.usefixtures("few_rounds")
def test_nothing_of_the_key_is_in_its_encrypted_file():
    raw = base64.b64decode(b"".join(to_pem(KEY, WORD).splitlines()[1:-1]))
    assert SEED not in raw
    assert WORD not in raw


# What is refused.


def encrypted_keys():
    return {
        "PKCS#8": pem(KEY, BestAvailableEncryption(WORD)),
        "OpenSSH": openssh("encrypted"),
        "OpenSSH with an authenticated cipher": openssh("gcm"),
    }


@pytest.mark.parametrize("name", encrypted_keys())
@pytest.mark.parametrize("word", [b"wrong", b"correct horse ", b"Correct horse", b"\0", b"w" * 2000])
def test_wrong_passphrase(name, word):
    with pytest.raises(InputError) as caught:
        load(encrypted_keys()[name], word, "key.pem")
    assert str(caught.value) == "key.pem: expected the passphrase of this key, found one that does not open it"


@pytest.mark.parametrize("name", encrypted_keys())
@pytest.mark.parametrize("word", [None, b""])
def test_no_passphrase(name, word):
    with pytest.raises(InputError, match="found an encrypted one and no passphrase"):
        load(encrypted_keys()[name], word)


def not_private_keys():
    good, ssh = pem(KEY), openssh("plain")
    der = KEY.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
    public = KEY.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    curve = ec.generate_private_key(ec.SECP256R1())
    return {
        "EC": (pem(curve), "found a key of another algorithm: EC"),
        "EC encrypted": (pem(curve, BestAvailableEncryption(WORD)), "found a key of another algorithm: EC"),
        "RSA": (pem(rsa.generate_private_key(65537, 1024)), "found a key of another algorithm: RSA"),
        "X25519": (pem(x25519.X25519PrivateKey.generate()), "found a key of another algorithm: X25519"),
        "Ed448": (pem(ed448.Ed448PrivateKey.generate()), "found a key of another algorithm: Ed448"),
        "OpenSSH ECDSA": (openssh("ecdsa"), "found a key of another algorithm: ecdsa-sha2-nistp256"),
        "OpenSSH RSA encrypted": (openssh("rsa"), "found a key of another algorithm: ssh-rsa"),
        "OpenSSH another cipher": (openssh("chacha"), "not supported: Unsupported cipher: b'chacha20"),
        "empty": (b"", "found something else"),
        "text": (b"hello", "found something else"),
        "binary": (bytes(range(256)), "found something else"),
        "DER": (der, "found something else"),
        "cut off": (good[: len(good) // 2], "found something else"),
        "bytes changed": (good.replace(b"MC4C", b"MC5C"), "found something else"),
        "of X448 by name, too short for it": (good.replace(b"K2Vw", b"K2Vv"), "found something else"),
        "public": (public, "found something else"),
        "public of OpenSSH": (openssh("plain.pub"), "found something else"),
        "OpenSSH's first line alone": (ssh.splitlines()[0], "found something damaged"),
        "OpenSSH cut off": (ssh[:150], "found something damaged"),
        "OpenSSH without its magic": (ssh.replace(b"b3Bl", b"b3Bm"), "found something damaged"),
        "OpenSSH without an end": (ssh.replace(b"END", b"FIN"), "found something"),
        "OpenSSH not base64": (ssh.replace(b"AAAA", b"AA%A", 1), "found something damaged"),
        "OpenSSH not ASCII": (ssh.replace(b"AAAA", "AAßA".encode(), 1), "found something damaged"),
        "OpenSSH with another public half": (ssh.replace(b"pkk7HqDwac", b"pkk7HqDwaM"), "found something else"),
    }


@pytest.mark.parametrize("name", list(not_private_keys()))
def test_what_is_no_private_key(name):
    data, problem = not_private_keys()[name]
    with pytest.raises(InputError) as caught:
        load(data, WORD, "key.pem")
    assert caught.value.place == "key.pem"
    assert "expected an Ed25519 private key, PKCS#8 in PEM or OpenSSH's" in caught.value.problem
    assert problem in caught.value.problem


def test_every_start_of_an_openssh_key_is_refused():
    """Lengths that point past the end, above all."""
    raw = base64.b64decode(b"".join(openssh("plain").splitlines()[1:-1]))
    for size in range(0, len(raw), 3):
        text = base64.encodebytes(raw[:size])
        data = b"-----BEGIN OPENSSH PRIVATE KEY-----\n" + text + b"-----END OPENSSH PRIVATE KEY-----\n"
        with pytest.raises(InputError, match="expected an Ed25519 private key"):
            load(data)


@pytest.mark.parametrize("name", encrypted_keys())
def test_no_error_shows_the_passphrase(name):
    with pytest.raises(InputError) as caught:
        load(encrypted_keys()[name], b"hunter2hunter2")
    shown = repr(caught.value) + str(caught.value.__cause__)
    assert "hunter2" not in shown
