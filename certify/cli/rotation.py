"""A new key in the own one's place: `certify keygen --rotate`.

1. The old pair is kept, under names that say when it was put away.
2. The old public half goes to the user's allowed_signers, with valid-before: now.
3. The new private key takes the old one's name, then the new public half.

Files cannot be replaced together, so the order makes every state between two steps one to go on from. After step 1 or
2 the old key still signs, and rotating again rotates it. Between the two halves of step 3 the new key is there whole,
and `signing` refuses to hand out the old public half for it, and says which line the file has to have. An error or an
interrupt takes everything back.
"""

from __future__ import annotations

import contextlib
import os
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from certify.certificate.keys import SigningKey
from certify.certificate.private_keys import needs_passphrase
from certify.certificate.storage import read_capped, replace_private, write_atomic, write_private
from certify.certificate.trust import MAX_BYTES, TrustedKey, allowed_signers_line, parse_allowed_signers
from certify.cli.blame import about
from certify.cli.userkeys import KeyPair, default_key, login, own_public, own_trust_file, read_key, read_public
from certify.errors import InputError


@dataclass(frozen=True)
class Rotation:
    """What a rotation will replace, looked at before anything is asked or written.

    Attributes:
        pair: the own key.
        kept: where the old pair goes.
        old: the old public half, under the name that others know it by.
        name: of the new one.
        now: the moment, aware, to the second.
        is_encrypted: whether the old private key is.
    """

    pair: KeyPair
    kept: KeyPair
    old: TrustedKey
    name: str
    now: datetime
    is_encrypted: bool

    def ended_line(self) -> bytes:
        """Return the line that trusts the old key until now, to be handed to whoever trusts it without an end."""
        return f"{allowed_signers_line(self.old.principals, self.old.key, self.now)}\n".encode()


def plan(name: str | None, now: datetime) -> Rotation:
    """Return what is to be done.

    Args:
        name: whose the new key is; None for the name in the old one's .pub file.
        now: the moment (aware).

    Raises:
        FileError: there is no own key, a file cannot be read, or what would be written is there already.
    """
    pair, now = default_key(), now.astimezone(UTC).replace(microsecond=0)
    if not os.path.lexists(pair.private):
        with about(pair.private):
            raise InputError("expected a key to rotate, found none: certify keygen makes the first")
    old = own_public(pair)
    kept = KeyPair(pair.private.with_name(f"{pair.private.stem}-{now:%Y%m%dT%H%M%SZ}.pem"))
    for path in (kept.private, kept.public):
        with about(path):
            if os.path.lexists(path):
                raise InputError("expected no file there yet, found one, and it is not overwritten")
    for path in (pair.private, pair.public):
        with about(path):
            if path.is_symlink():
                raise InputError("expected a key of its own, found a link, which is not replaced")
    called = _called(pair, old)
    name = called if name is None else name
    with about(pair.private):
        allowed_signers_line(name, old.key)
        is_encrypted = needs_passphrase(read_key(pair.private))
    rotation = Rotation(pair, kept, TrustedKey(called, old.key), name, now, is_encrypted)
    _signers(rotation)
    return rotation


def _called(pair: KeyPair, old: TrustedKey) -> str:
    """Return the name that the .pub file has for the old key, where it can be written again."""
    try:
        said = read_public(pair)
        allowed_signers_line(said.principals, said.key)
    except InputError:
        return login()
    return said.principals if said.key == old.key else login()


def rotate(rotation: Rotation, passphrase: bytes | None) -> SigningKey:
    """Do it, and return the new key, encrypted where there is a passphrase.

    Raises:
        FileError: a file cannot be written; then everything is as before.
    """
    pair, kept, key = rotation.pair, rotation.kept, SigningKey.generate()
    before = _Before(rotation, read_key(pair.private), _content(pair.public), _content(own_trust_file()))
    line = f"{allowed_signers_line(rotation.name, key.public)}\n".encode()
    try:
        with about(kept.private):
            write_private(kept.private, before.private)
        with about(kept.public):
            write_atomic(kept.public, rotation.ended_line())
        with about(own_trust_file()):
            write_atomic(own_trust_file(), _signers(rotation))
        with about(pair.private):
            replace_private(pair.private, key.to_pem(passphrase))
        with about(pair.public):
            write_atomic(pair.public, line)
    except BaseException:
        before.take_back()
        raise
    return key


@dataclass(frozen=True)
class _Before:
    """What there was.

    Attributes:
        rotation: that replaces it.
        private: the old private key's file.
        public: that of the public half; None: there was none.
        signers: the user's allowed_signers; None: there was none.
    """

    rotation: Rotation
    private: bytes
    public: bytes | None
    signers: bytes | None

    def take_back(self) -> None:
        """Put everything back as it was, as far as that can be written; the old key is never left in no file."""
        pair, kept = self.rotation.pair, self.rotation.kept
        with contextlib.suppress(InputError):
            if read_key(pair.private) != self.private:
                replace_private(pair.private, self.private)
            _put_back(pair.public, self.public)
            _put_back(own_trust_file(), self.signers)
            _drop(kept.private, self.private)
            _drop(kept.public, self.rotation.ended_line())


def _put_back(path: Path, content: bytes | None) -> None:
    if content is None:
        path.unlink(missing_ok=True)
    elif _content(path) != content:
        write_atomic(path, content)


def _drop(path: Path, content: bytes) -> None:
    """Remove a file that was made here, and no other."""
    if _content(path) == content:
        path.unlink()


def _content(path: Path) -> bytes | None:
    with about(path):
        return read_capped(path, MAX_BYTES, "a file of trusted keys") if os.path.lexists(path) else None


def _signers(rotation: Rotation) -> bytes:
    """Return the user's allowed_signers with the old key, until now.

    Raises:
        FileError: it is not understood, or has the key without an end.
    """
    file = own_trust_file()
    content = _content(file) or b""
    with about(file):
        said = parse_allowed_signers(content).find(rotation.old.key.key_id)
        if said is None:
            return content + (b"" if content.endswith(b"\n") or not content else b"\n") + rotation.ended_line()
        if said.valid_before is None or said.valid_before > rotation.now:
            end = f"{rotation.now:%Y%m%d%H%M%SZ}"
            found = f"found {said.key.key_id} without one"
            raise InputError(f'expected valid-before="{end}" or earlier of a key to be rotated, {found}')
        return content
