"""The user's own key and trust, in the user's configuration folder.

key.pem           the private key, 0600
key.pub           its public half as a line of an allowed_signers file, to hand to others
allowed_signers   the keys whose certificates the user trusts besides the own one, if there is such a file
"""

from __future__ import annotations

import contextlib
import getpass
import os
from dataclasses import dataclass
from pathlib import Path

from platformdirs import user_config_path

from certify.certificate.keys import SigningKey
from certify.certificate.storage import TakenError, read_capped, remove_second_names, write_atomic, write_private
from certify.certificate.trust import MAX_BYTES, Trust, allowed_signers_line, parse_allowed_signers
from certify.cli.blame import about
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
    return KeyPair(user_config_path("certify", appauthor=False) / "key.pem")


def load_key(path: Path) -> SigningKey:
    """Return the private key in a file.

    Raises:
        InputError: it cannot be read or is no key that signs here.
    """
    return SigningKey.from_pem(read_capped(path, _MAX_KEY_BYTES, "a private key"))


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


def make_key(pair: KeyPair, name: str | None = None) -> SigningKey:
    """Write a new key pair and return its private half.

    A kill between the two files leaves the private one, whole; `complete` makes up for the other.

    Raises:
        TakenError: a file is there already.
        InputError: one cannot be written; then no key is left behind.
    """
    check_free(pair)
    key = SigningKey.generate()
    line = allowed_signers_line(name if name is not None else _login(), key.public)
    write_private(pair.private, key.to_pem())
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
            write_atomic(pair.public, f"{allowed_signers_line(_login(), key.public)}\n".encode())


def _login() -> str:
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
    pair = default_key()
    trust = Trust(())
    file = pair.private.parent / "allowed_signers"
    if os.path.lexists(file):
        trust = trust.merge(read_trust(file))
    if os.path.lexists(pair.private):
        with about(pair.private):
            trust = trust.merge(Trust.of_key(_OWN, load_key(pair.private).public))
    return trust
