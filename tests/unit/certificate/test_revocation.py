"""Revoked keys: every line is understood in full, or the file is refused."""

from __future__ import annotations

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import example, given
from hypothesis import strategies as st

from certify.certificate.keys import SigningKey
from certify.certificate.revocation import NOBODY, Revoked, parse_revoked
from certify.errors import InputError


def public(number):
    return SigningKey(Ed25519PrivateKey.from_private_bytes(bytes([number]) * 32)).public


A, B, C = public(1), public(2), public(3)
KEY = A.openssh()


def parse(text):
    return parse_revoked(text.encode())


@pytest.mark.parametrize(
    "line",
    [
        pytest.param(KEY, id="key"),
        pytest.param(f"{KEY} somebody@example.org, stolen in May", id="key and comment"),
        pytest.param(f"{KEY}# stolen", id="comment after the key"),
        pytest.param(f" \t{KEY.replace(' ', chr(9))}\t\r", id="tabs, spaces and a carriage return"),
        pytest.param(f"key: {KEY}", id="key directive"),
        pytest.param(f"KEY:{KEY}", id="key directive in capitals, no space"),
        pytest.param(f"sha256: {KEY} comment", id="sha256 directive"),
        pytest.param(f"hash: {A.key_id}", id="fingerprint"),
        pytest.param(f"Hash:\t{A.key_id} # größe", id="fingerprint and comment"),
    ],
)
def test_revoked(line):
    found = parse(f"# keys of ours\n\n{line}\n{B.openssh()}\n")
    assert found == Revoked(frozenset({A.key_id, B.key_id}))
    assert A in found
    assert B in found
    assert C not in found


@pytest.mark.parametrize("text", ["", "\n\n \t\n", f"# {KEY}\n  #{KEY}"], ids=["empty", "blank", "comments"])
def test_nobody(text):
    assert parse(text) == NOBODY


@pytest.mark.parametrize("text", ["# ours\r{}\r", "{} a comment\r{}\r", "\n{}# a comment\r{}"])
def test_no_line_is_passed_over_in_a_comment(text):
    with pytest.raises(InputError, match=r"^line \d: expected lines that end in a line feed, found a"):
        parse(text.format(KEY, B.openssh()))


def test_a_key_may_stand_twice():
    assert parse(f"{KEY}\n{KEY} again\nhash: {A.key_id}\n") == Revoked(frozenset({A.key_id}))


def test_merge():
    both = parse(KEY).merge(parse(B.openssh()))
    assert both == parse(f"{B.openssh()}\n{KEY}")


RSA = "ssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAABAQDQ"


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        pytest.param(RSA, "expected a public key (ssh-ed25519", id="RSA"),
        pytest.param(f"key: {RSA}", "expected a public key (ssh-ed25519", id="RSA in a directive"),
        pytest.param("ecdsa-sha2-nistp256 AAAAE2VjZHN", "found 'ecdsa-sha2-nistp256", id="ECDSA"),
        pytest.param("sk-ssh-ed25519@openssh.com AAAAGnNr", "found 'sk-ssh-ed25519@", id="security key"),
        pytest.param("ssh-ed25519-cert-v01@openssh.com AAAAIHNz", "found 'ssh-ed25519-cert", id="certificate"),
        pytest.param("serial: 1-10", "found serial:", id="serial"),
        pytest.param("id: somebody", "found id:", id="id"),
        pytest.param(f"sha1: {KEY}", "found sha1:", id="SHA-1"),
        pytest.param(A.key_id, "or hash: SHA256:…", id="bare fingerprint, which is no form of OpenSSH's"),
        pytest.param("hash: MD5:00:11", "expected SHA256: and 43", id="MD5"),
        pytest.param(f"hash: {A.key_id}=", "expected SHA256: and 43", id="padded fingerprint"),
        pytest.param(f"hash: {A.key_id[:-1]}", "expected SHA256: and 43", id="short fingerprint"),
        pytest.param(f"hash: {A.key_id} stolen", "expected SHA256: and 43", id="comment without #"),
        pytest.param(f"hash: {A.key_id.lower()}", "expected SHA256: and 43", id="fingerprint in small letters"),
        pytest.param("hash: SHA256:" + "A" * 42 + "B", "canonical", id="fingerprint's last bits"),
        pytest.param("hash:", "expected SHA256: and 43", id="no fingerprint"),
        pytest.param("key:", "expected a public key", id="no key"),
        pytest.param("ssh-ed25519", "expected a public key", id="type alone"),
        pytest.param(KEY[:-4], "32 bytes", id="key cut off"),
        pytest.param(f"{KEY}x", "expected base64", id="key too long"),
        pytest.param(f'alice namespaces="certify" {KEY}', "expected a public key", id="line of allowed_signers"),
        pytest.param(f"\ufeff{KEY}", "expected a public key", id="byte order mark"),
        pytest.param("everybody", "expected a public key", id="words"),
    ],
)
def test_refused(line, problem):
    with pytest.raises(InputError) as caught:
        parse(f"# keys of ours\n{B.openssh()}\n{line}\n{C.openssh()}\n")
    assert problem in caught.value.problem
    assert caught.value.place == "line 3"


def test_binary_list_is_refused_by_name():
    with pytest.raises(InputError, match="found a binary KRL, as ssh-keygen -k makes it"):
        parse_revoked(b"SSHKRL\n\0\0\0\0\1" + bytes(32))


def test_not_utf8():
    with pytest.raises(InputError, match="expected UTF-8") as caught:
        parse_revoked(KEY.encode() + b"\n\n\xff\n")
    assert caught.value.place == "line 3"


@given(st.binary(max_size=80) | st.text(max_size=80).map(lambda text: text.encode("utf-8", "surrogatepass")))
@example(b"a" * 100_000)
@example(b"key:" * 20_000)
@example(b"ssh-ed25519 " * 20_000)
def test_any_bytes_give_nobody_or_one_kind_of_error(data):
    try:
        found = parse_revoked(data)
    except InputError:
        return
    assert found == NOBODY
