"""Rotation: the old pair is kept, its key counts until now, and a failure at any step leaves everything as it was."""

from __future__ import annotations

import errno
import os
import stat
from datetime import UTC, datetime, timedelta

import pytest
from program import signing_key, trust_line

from certify.certificate.private_keys import needs_passphrase
from certify.certificate.storage import write_private
from certify.certificate.trust import allowed_signers_line
from certify.cli import rotation
from certify.cli.blame import FileError
from certify.cli.userkeys import default_key, default_trust, load_key, read_public
from certify.errors import InputError

ALICE, BOB = signing_key(1), signing_key(2)
NOW = datetime(2026, 3, 1, 12, 30, 15, 678, tzinfo=UTC)
KEPT = "key-20260301T123015Z"
ENDED = allowed_signers_line("alice", ALICE.public, NOW) + "\n"


@pytest.fixture
def settings(certify):
    """The configuration folder, with Alice's key for the own one."""
    folder = certify.folder / "home" / "settings" / "certify"
    write_private(folder / "key.pem", ALICE.to_pem())
    (folder / "key.pub").write_text(trust_line(ALICE, "alice"))
    return folder


def rotated(name=None, passphrase=None, now=NOW):
    return rotation.rotate(rotation.plan(name, now), passphrase)


def contents(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_rotate(settings):
    before = contents(settings)
    key = rotated()
    assert load_key(settings / "key.pem").public == key.public != ALICE.public
    assert (settings / "key.pub").read_text() == trust_line(key, "alice")
    assert (settings / f"{KEPT}.pem").read_bytes() == before["key.pem"]
    assert (settings / f"{KEPT}.pub").read_text() == (settings / "allowed_signers").read_text() == ENDED
    for name in ("key.pem", f"{KEPT}.pem"):
        assert stat.S_IMODE((settings / name).stat().st_mode) == 0o600
    assert len(contents(settings)) == 5


def test_trust_afterwards(settings):
    """The new key counts, the old one until then: moments are judged by whoever audits."""
    key = rotated()
    until, after = NOW - timedelta(seconds=1), NOW + timedelta(seconds=1)
    assert {trusted.key for trusted in default_trust().valid_at(until)} == {key.public, ALICE.public}
    assert {trusted.key for trusted in default_trust().valid_at(after)} == {key.public}
    assert settings.is_dir()


@pytest.mark.parametrize("end", ["", "\n"], ids=["no-line-end", "line-end"])
def test_others_stay_trusted(settings, end):
    (settings / "allowed_signers").write_text(f"# mine\n{trust_line(BOB, 'bob').strip()}{end}")
    rotated()
    assert (settings / "allowed_signers").read_text() == f"# mine\n{trust_line(BOB, 'bob')}{ENDED}"


def test_rotate_twice(settings):
    first = rotated()
    second = rotated(now=NOW + timedelta(days=1))
    ended = allowed_signers_line("alice", first.public, NOW + timedelta(days=1)) + "\n"
    assert (settings / "allowed_signers").read_text() == ENDED + ended
    assert load_key(settings / "key.pem").public == second.public


def test_encrypted(settings):
    """The old one is not opened."""
    (settings / "key.pem").unlink()
    write_private(settings / "key.pem", ALICE.to_pem(b"old word"))
    assert rotation.plan(None, NOW).is_encrypted
    key = rotated(passphrase=b"new word")
    assert needs_passphrase((settings / "key.pem").read_bytes())
    assert read_public(default_key()).key == key.public
    assert (settings / "allowed_signers").read_text() == ENDED


def test_name(settings):
    key = rotated("alice@example.org")
    assert (settings / "key.pub").read_text() == trust_line(key, "alice@example.org")
    assert (settings / "allowed_signers").read_text() == ENDED


@pytest.mark.parametrize("said", [None, f'"some one" {ALICE.public.openssh()}\n', trust_line(BOB, "bob"), "what\n"])
def test_public_half_that_says_no_name(settings, monkeypatch, said):
    monkeypatch.setattr(rotation, "login", lambda: "me")
    (settings / "key.pub").unlink()
    if said is not None:
        (settings / "key.pub").write_text(said)
    key = rotated()
    assert (settings / "allowed_signers").read_text() == allowed_signers_line("me", ALICE.public, NOW) + "\n"
    assert (settings / "key.pub").read_text() == trust_line(key, "me")


# What is refused, before anything is written.


def no_key(settings):
    (settings / "key.pem").unlink()
    return "expected a key to rotate, found none"


def kept_already(settings):
    (settings / f"{KEPT}.pub").write_text("mine")
    return "expected no file there yet"


def private_kept_already(settings):
    (settings / f"{KEPT}.pem").symlink_to("nowhere")
    return "expected no file there yet"


def open_to_others(settings):
    (settings / "key.pem").chmod(0o644)
    return "chmod 600"


def a_link(settings):
    (settings / "key.pem").rename(settings / "elsewhere")
    (settings / "key.pem").symlink_to("elsewhere")
    return "found a link, which is not replaced"


def a_linked_public_half(settings):
    (settings / "key.pub").rename(settings / "elsewhere")
    (settings / "key.pub").symlink_to("elsewhere")
    return "found a link, which is not replaced"


def signers_not_understood(settings):
    (settings / "allowed_signers").write_text("what\n")
    return "line 1: expected"


def trusted_without_an_end(settings):
    (settings / "allowed_signers").write_text(trust_line(ALICE, "me"))
    return 'expected valid-before="20260301123015Z" or earlier'


def trusted_for_longer(settings):
    line = allowed_signers_line("me", ALICE.public, NOW + timedelta(days=1))
    (settings / "allowed_signers").write_text(f"{line}\n")
    return 'expected valid-before="20260301123015Z" or earlier'


def encrypted_without_public_half(settings):
    (settings / "key.pem").unlink()
    write_private(settings / "key.pem", ALICE.to_pem(b"word"))
    (settings / "key.pub").unlink()
    return "found no such file"


REFUSED = [
    no_key,
    kept_already,
    private_kept_already,
    open_to_others,
    a_link,
    a_linked_public_half,
    signers_not_understood,
    trusted_without_an_end,
    trusted_for_longer,
    encrypted_without_public_half,
]


@pytest.mark.parametrize("spoil", REFUSED, ids=lambda spoil: spoil.__name__)
def test_refused(certify, settings, spoil):
    says = spoil(settings)
    before = certify.files()
    with pytest.raises(FileError) as caught:
        rotated()
    assert says in str(caught.value)
    assert certify.files() == before


def test_bad_name(certify, settings):
    before = certify.files()
    for name in ("", "two words"):
        with pytest.raises(InputError, match="expected a name"):
            rotated(name)
    assert certify.files() == before
    assert settings.is_dir()


# Failures at every write, and what is left of a run that was killed.

STEPS = ["write_private", "replace_private", "write_atomic", "write_atomic", "write_atomic"]
FAILURES = [(name, STEPS[:index].count(name)) for index, name in enumerate(STEPS)]


def failing_at(monkeypatch, step, error, *, after):
    """Have the program fail before or after it does a step."""
    name, count = step
    done = getattr(rotation, name)
    calls = []

    def write(*arguments):
        calls.append(arguments)
        fails = len(calls) == count + 1
        if fails and not after:
            raise error
        done(*arguments)
        if fails:
            raise error

    monkeypatch.setattr(rotation, name, write)


@pytest.mark.parametrize("with_signers", [False, True], ids=["no-signers", "signers"])
@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("error", [InputError("expected a place"), KeyboardInterrupt()], ids=["error", "interrupt"])
@pytest.mark.parametrize("step", FAILURES, ids=lambda step: f"{step[0]}-{step[1]}")
def test_everything_is_taken_back(settings, monkeypatch, step, error, after, with_signers):
    if with_signers:
        (settings / "allowed_signers").write_text(trust_line(BOB, "bob"))
    before = contents(settings)
    with monkeypatch.context() as patched:
        failing_at(patched, step, error, after=after)
        with pytest.raises(type(error)):
            rotated()
    assert contents(settings) == before
    assert stat.S_IMODE((settings / "key.pem").stat().st_mode) == 0o600
    rotated()


def test_old_key_is_in_a_file_even_where_nothing_can_be_taken_back(settings, monkeypatch):
    before = contents(settings)["key.pem"]
    with monkeypatch.context() as patched:
        failing_at(patched, ("write_atomic", 2), InputError("expected a place"), after=False)
        patched.setattr(rotation._Before, "take_back", lambda _: None)
        with pytest.raises(InputError):
            rotated()
    assert (settings / f"{KEPT}.pem").read_bytes() == before


def test_what_others_made_is_not_taken_back(settings, monkeypatch):
    """Somebody else rotates in the same second."""
    planned = rotation.plan(None, NOW)
    (settings / f"{KEPT}.pem").write_text("not ours")
    monkeypatch.setattr(os, "fsync", lambda _: None)
    with pytest.raises(InputError, match="it is not overwritten"):
        rotation.rotate(planned, None)
    assert (settings / f"{KEPT}.pem").read_text() == "not ours"
    assert load_key(settings / "key.pem").public == ALICE.public


class KilledError(BaseException):
    """What nothing of the program catches: no step after it is done."""


@pytest.mark.parametrize("step", FAILURES[:-1], ids=lambda step: f"{step[0]}-{step[1]}")
def test_killed_run_can_be_done_again(settings, monkeypatch, step):
    """After any step there is a key that signs, and rotating again ends well."""
    with monkeypatch.context() as patched:
        failing_at(patched, step, KilledError(), after=True)
        patched.setattr(rotation._Before, "take_back", lambda _: None)
        with pytest.raises(KilledError):
            rotated()
    left = load_key(settings / "key.pem")
    key = rotated(now=NOW + timedelta(seconds=5))
    assert {trusted.key for trusted in default_trust().valid_at(NOW + timedelta(days=1))} == {key.public}
    assert read_public(default_key()).key == key.public
    kept = {load_key(path).public for path in settings.glob("key-*.pem")}
    assert {ALICE.public, left.public} <= kept


def test_no_room_for_the_old_key(certify, settings, monkeypatch):
    def full(_):
        raise OSError(errno.ENOSPC, "full")

    before = certify.files()
    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", full)
        with pytest.raises(FileError, match="No space left"):
            rotated()
    after = certify.files()
    assert {path: what[-1] for path, what in after.items()} == {path: what[-1] for path, what in before.items()}
    assert settings.is_dir()
