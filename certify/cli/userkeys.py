"""The user's own key and trust, in the user's configuration folder.

key.pem           the private key, 0600; or one in OpenSSH's format
key.pub           its public half as a line of an allowed_signers file, to hand to others
allowed_signers   the keys whose certificates the user trusts besides the own one, if there is such a file
revoked_keys      the keys that count no more, whoever says they do, if there is such a file
"""

from __future__ import annotations

import contextlib
import getpass
import os
from dataclasses import dataclass, replace
from pathlib import Path

import click
from platformdirs import user_config_path

from certify.certificate import private_keys, revocation
from certify.certificate.keys import SigningKey
from certify.certificate.revocation import NOBODY, Revoked, parse_revoked
from certify.certificate.storage import (
    TakenError,
    read_capped,
    read_private,
    remove_second_names,
    write_atomic,
    write_private,
)
from certify.certificate.trust import MAX_BYTES, Trust, TrustedKey, allowed_signers_line, parse_allowed_signers
from certify.cli.blame import about
from certify.cli.passphrase import Passphrase
from certify.cli.targets import check_takes_files
from certify.errors import InputError

_MAX_KEY_BYTES = 1 << 16
_OWN = "own-key"


@dataclass(frozen=True)
class KeyPair:
    """A private key's file and, beside it, the line that makes others trust it."""

    private: Path

    @property
    def public(self) -> Path:
        """Where the public half is: the private key's name with .pub as its ending."""
        return self.private.parent / f"{self.private.stem}.pub"


def default_key() -> KeyPair:
    """Return where the user's own key is, or would be."""
    return KeyPair(_folder() / "key.pem")


def own_trust_file() -> Path:
    """Return where the keys are that the user trusts besides the own one."""
    return _folder() / "allowed_signers"


def _folder() -> Path:
    """Return the configuration folder.

    Raises:
        UsageError: there is none, for a user without a home; one in the current folder could be anybody's.
    """
    with contextlib.suppress(RuntimeError):
        folder = user_config_path("certify", appauthor=False)
        if folder.is_absolute():
            return folder
    raise click.UsageError("expected a home for your keys, found none: HOME or XDG_CONFIG_HOME has to say where")


def _is_there(path: Path) -> bool:
    """Whether a file is there, or may be; reading it then says why that cannot be told.

    What cannot be looked at is not taken for missing: what it revokes would count.
    """
    try:
        path.lstat()
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError:
        return True
    return True


def load_key(path: Path, passphrase: Passphrase | None = None) -> SigningKey:
    """Return the private key in a file.

    Args:
        path: the file.
        passphrase: where that of an encrypted key comes from; the terminal by default.

    Raises:
        InputError: it cannot be read, others can read it too, it is no key that signs here, or does not open.
    """
    data = read_key(path)
    word = (passphrase or Passphrase()).of(path) if private_keys.needs_passphrase(data) else None
    return SigningKey.from_pem(data, passphrase=word)


def read_key(path: Path) -> bytes:
    """Return the bytes of a private key's file, whether or not they are one.

    Raises:
        InputError: it cannot be read, or is a private key that others can read too.
    """
    return read_private(path, _MAX_KEY_BYTES, "a private key", private_keys.looks_private)


def check_free(pair: KeyPair) -> None:
    """Check that a new key pair would replace nothing, and that there is a place for it.

    Raises:
        TakenError: one of its files is there already.
        InputError: both have one name, or no new file may be made there.
    """
    if pair.private == pair.public:
        raise InputError("expected a name for the private key, found the ending of public ones, .pub")
    for path in (pair.private, pair.public):
        if os.path.lexists(path):
            raise TakenError(f"expected no file there yet, found {path}")
    folder = next((folder for folder in pair.private.parents if os.path.lexists(folder)), Path())
    if folder.is_dir():
        check_takes_files(folder)


def make_key(pair: KeyPair, name: str | None = None, passphrase: bytes | None = None) -> SigningKey:
    """Write a new key pair, encrypted where there is a passphrase, and return its private half.

    A kill between the two files leaves the private one, whole; `complete` makes up for the other.

    Raises:
        TakenError: a file is there already.
        InputError: one cannot be written; then no key is left behind.
    """
    check_free(pair)
    key = SigningKey.generate()
    line = allowed_signers_line(name if name is not None else login(), key.public)
    write_private(pair.private, key.to_pem(passphrase))
    try:
        write_atomic(pair.public, f"{line}\n".encode())
    except BaseException:
        pair.private.unlink(missing_ok=True)
        raise
    return key


def complete(pair: KeyPair, key: SigningKey) -> None:
    """Do what a killed run has left undone: write a key pair's public half, and leave the private one a single name.

    What cannot be written stays missing: the key signs all the same.
    """
    remove_second_names(pair.private)
    if not os.path.lexists(pair.public):
        with contextlib.suppress(InputError):
            write_atomic(pair.public, f"{allowed_signers_line(login(), key.public)}\n".encode())


def login() -> str:
    """Return the user's login name where it can stand in an allowed_signers file."""
    try:
        name = getpass.getuser()
    except (KeyError, OSError):
        return "certify"
    return name if name.isascii() and name.replace("-", "").replace("_", "").isalnum() else "certify"


def read_trust(path: Path) -> Trust:
    """Return the trust in a file.

    Raises:
        FileError: it cannot be read, or a line is not understood in full.
    """
    with about(path):
        return parse_allowed_signers(read_capped(path, MAX_BYTES, "a file of trusted keys"))


def default_trust() -> Trust:
    """Return the user's own trust file and own key, whichever there are.

    Raises:
        FileError: one of them is there and cannot be read.
    """
    pair, file, trust = default_key(), own_trust_file(), Trust(())
    if _is_there(file):
        trust = trust.merge(read_trust(file))
    if _is_there(pair.private):
        trust = trust.merge(Trust((own_public(pair),)))
    return trust


def own_public(pair: KeyPair) -> TrustedKey:
    """Return the public half of the user's own key, without asking for a passphrase.

    Of an encrypted key it is what the .pub file beside it says.

    Raises:
        FileError: one of the files cannot be read, or what is needed of it is not there.
    """
    with about(pair.private):
        data = read_key(pair.private)
        if not private_keys.needs_passphrase(data):
            return TrustedKey(_OWN, SigningKey.from_pem(data).public)
    return replace(read_public(pair), principals=_OWN)


def read_public(pair: KeyPair) -> TrustedKey:
    """Return what the .pub file beside a private key says.

    Raises:
        FileError: it cannot be read, or is not one line of an allowed_signers file.
    """
    keys = read_trust(pair.public).keys
    if len(keys) != 1:
        with about(pair.public):
            raise InputError(f"expected the line of one key, found {len(keys)}")
    return keys[0]


def read_revoked(path: Path) -> Revoked:
    """Return the keys that a file revokes.

    Raises:
        FileError: it cannot be read, or a line is not understood in full.
    """
    with about(path):
        return parse_revoked(read_capped(path, revocation.MAX_BYTES, "a file of revoked keys"))


def own_revoked() -> Revoked:
    """Return the keys that the user's own file revokes; none where there is no such file.

    Raises:
        FileError: it is there and cannot be read.
    """
    file = _folder() / "revoked_keys"
    return read_revoked(file) if _is_there(file) else NOBODY
