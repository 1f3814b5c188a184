"""The user's own keys and trust."""

from __future__ import annotations

import getpass
import stat
from pathlib import Path

import pytest
from program import certificate, signing_key, trust_line

from certify.certificate.revocation import NOBODY
from certify.certificate.storage import shell_argument, write_private
from certify.certificate.trust import parse_allowed_signers
from certify.cli import signing, userkeys
from certify.cli.blame import FileError, about
from certify.cli.userkeys import (
    KeyPair,
    check_free,
    default_key,
    default_trust,
    load_key,
    make_key,
    own_revoked,
    read_trust,
)
from certify.errors import InputError

ALICE, BOB = signing_key(1), signing_key(2)


@pytest.fixture
def settings(certify):
    """The configuration folder."""
    folder = certify.folder / "home" / "settings" / "certify"
    folder.mkdir(parents=True)
    return folder


def test_where(settings):
    assert default_key() == KeyPair(settings / "key.pem")


@pytest.mark.parametrize(
    ("private", "public"),
    [
        ("key.pem", "key.pub"),
        ("key", "key.pub"),
        ("a/my.key", "a/my.pub"),
        (".pem", ".pem.pub"),
        (".", ".pub"),
        ("", ".pub"),
    ],
)
def test_public_half(private, public):
    assert KeyPair(Path(private)).public == Path(public)


def test_make_key(certify, monkeypatch):
    monkeypatch.setattr(getpass, "getuser", lambda: "alice")
    pair = KeyPair(certify.folder / "new" / "key.pem")
    key = make_key(pair)
    assert load_key(pair.private).public == key.public
    assert stat.S_IMODE(pair.private.stat().st_mode) == 0o600
    (trusted,) = parse_allowed_signers(pair.public.read_bytes()).keys
    assert (trusted.principals, trusted.key) == ("alice", key.public)


@pytest.mark.parametrize("name", ["a b", "a,b", "", "ä", "a#b", "DOMAIN\\alice", "*"])
def test_login_that_could_mean_something_else(monkeypatch, name):
    monkeypatch.setattr(getpass, "getuser", lambda: name)
    assert userkeys.login() == "certify"


@pytest.mark.parametrize("error", [KeyError, OSError])
def test_no_login(monkeypatch, error):
    def fail():
        raise error

    monkeypatch.setattr(getpass, "getuser", fail)
    assert userkeys.login() == "certify"


@pytest.mark.parametrize("name", ["key.pem", "key.pub"])
def test_nothing_is_replaced(certify, name):
    certify.write(name, b"mine")
    with pytest.raises(InputError, match="expected no file there yet"):
        make_key(KeyPair(certify.folder / "key.pem"))
    assert (certify.folder / name).read_bytes() == b"mine"
    assert {path.name for path in certify.folder.iterdir()} == {name, "home"}


def test_no_half_of_a_pair_is_left(certify, monkeypatch):
    def fail(*_):
        raise InputError("expected a place to write to")

    monkeypatch.setattr(userkeys, "write_atomic", fail)
    with pytest.raises(InputError, match="expected a place to write to"):
        make_key(KeyPair(certify.folder / "key.pem"))
    assert {path.name for path in certify.folder.iterdir()} == {"home"}


def test_both_halves_in_one_file():
    with pytest.raises(InputError, match=r"found the ending of public ones, \.pub"):
        check_free(KeyPair(Path("key.pub")))


# Trust.


def trusted_by_default():
    return {(trusted.principals, trusted.key) for trusted in default_trust().keys}


@pytest.mark.usefixtures("settings")
def test_nobody():
    assert default_trust().keys == ()


def test_own_key(settings):
    write_private(settings / "key.pem", ALICE.to_pem())
    assert trusted_by_default() == {("own-key", ALICE.public)}


def test_own_key_and_others(settings):
    write_private(settings / "key.pem", ALICE.to_pem())
    (settings / "allowed_signers").write_text(trust_line(BOB, "bob"))
    assert trusted_by_default() == {("own-key", ALICE.public), ("bob", BOB.public)}


def test_what_the_file_says_of_the_own_key_goes(settings):
    """Its limits of time above all."""
    write_private(settings / "key.pem", ALICE.to_pem())
    line = trust_line(ALICE, "me").replace('"certify"', '"certify",valid-before="20250101Z"')
    (settings / "allowed_signers").write_text(line)
    (trusted,) = default_trust().keys
    assert trusted.principals == "me"
    assert trusted.valid_before is not None


def test_public_half_alone_is_not_trusted(settings):
    (settings / "key.pub").write_text(trust_line(ALICE))
    assert default_trust().keys == ()


@pytest.mark.parametrize("name", ["key.pem", "allowed_signers"])
@pytest.mark.parametrize("what", ["link", "folder", "text"])
def test_what_cannot_be_read_is_not_passed_over(settings, name, what):
    path = settings / name
    if what == "link":
        path.symlink_to("nowhere")
    elif what == "folder":
        path.mkdir()
    else:
        path.write_text("what\n")
    with pytest.raises(FileError) as caught:
        default_trust()
    assert caught.value.file == str(path)


@pytest.mark.parametrize("read", [default_trust, own_revoked])
def test_what_cannot_be_looked_at_is_not_taken_for_missing(certify, monkeypatch, read):
    """Whoever may not search the folder has revoked keys all the same."""
    loop = certify.folder / "loop"
    loop.symlink_to("loop")
    monkeypatch.setenv("XDG_CONFIG_HOME", str(loop))
    with pytest.raises(FileError, match="found a file that cannot be read: "):
        read()


@pytest.mark.parametrize("nowhere", ["nowhere", "a file"])
def test_where_there_is_no_folder_there_are_no_keys(certify, monkeypatch, nowhere):
    certify.write("a file", "")
    monkeypatch.setenv("XDG_CONFIG_HOME", str(certify.folder / nowhere))
    assert default_trust().keys == ()
    assert own_revoked() == NOBODY


@pytest.mark.parametrize("home", [RuntimeError("no home"), Path("~/.config/certify")], ids=["none", "in this folder"])
@pytest.mark.parametrize("command", ["audit", "sign", "keygen"])
def test_no_home(certify, monkeypatch, home, command):
    """As in a container, for a user of no name. What the current folder has under such a path is not read."""

    def folder(*_, **__):
        if isinstance(home, Exception):
            raise home
        return home

    monkeypatch.setattr(userkeys, "user_config_path", folder)
    trusted = certify.folder / "~" / ".config" / "certify" / "allowed_signers"
    trusted.parent.mkdir(parents=True)
    trusted.write_text(trust_line(ALICE))
    ran = certify(command, *([] if command == "keygen" else [certify.write("c.json", certificate(ALICE))]))
    assert ran.code == 2
    assert ran.error.startswith("certify: expected a home for your keys, found none: HOME or XDG_CONFIG_HOME")


def test_trust_file_names_its_line(certify):
    path = certify.write("keys", "\nwhat\n")
    with pytest.raises(FileError) as caught:
        read_trust(path)
    assert (caught.value.file, caught.value.place) == (str(path), "line 2")


def test_blame():
    with pytest.raises(FileError) as caught, about(Path("a/b")):
        raise InputError("what", "where")
    assert (caught.value.file, caught.value.place, caught.value.problem) == ("a/b", "where", "what")
    with pytest.raises(ZeroDivisionError), about(Path("a/b")):
        raise ZeroDivisionError


# What prove prints of them.


@pytest.mark.parametrize(
    ("path", "argument"),
    [
        ("a.json", "a.json"),
        ("a b.json", "'a b.json'"),
        ("-a.json", "./-a.json"),
        ("--a b", "'./--a b'"),
        ("x/-a.json", "x/-a.json"),
        ("$HOME", "'$HOME'"),
        ("it's", "'it'\"'\"'s'"),
    ],
)
def test_argument_for_a_shell(path, argument):
    assert shell_argument(Path(path)) == argument


@pytest.mark.parametrize(
    ("called", "found", "program"),
    [
        ("/usr/bin/certify", "/usr/bin/certify", "certify"),
        (".venv/bin/certify", None, ".venv/bin/certify"),
        (".venv/bin/certify", "/usr/bin/certify", ".venv/bin/certify"),
        ("/a b/certify", None, "'/a b/certify'"),
        ("-c", None, "certify"),
        ("/x/pytest", None, "certify"),
    ],
)
def test_program(monkeypatch, called, found, program):
    monkeypatch.setattr("sys.argv", [called])
    monkeypatch.setattr("shutil.which", lambda _: found)
    assert signing._program() == program
