"""Where a certificate goes and who signs it: looked at before any work, passphrase included, done after it.

A user who has no key gets one with the first certificate. A key that the user's own file revokes signs nothing.
"""

from __future__ import annotations

import os
import shlex
import shutil
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import click

from certify.certificate.envelope import MAX_BYTES
from certify.certificate.keys import PublicKey, SigningKey
from certify.certificate.storage import TakenError, shell_argument, write_atomic
from certify.certificate.trust import allowed_signers_line
from certify.cli.blame import about
from certify.cli.output import Output
from certify.cli.passphrase import Passphrase
from certify.cli.targets import check_output
from certify.cli.userkeys import (
    KeyPair,
    check_free,
    complete,
    default_key,
    load_key,
    login,
    make_key,
    own_revoked,
    read_public,
)
from certify.errors import InputError, printable


@dataclass(frozen=True)
class Signing:
    """A place for a certificate and the key that is to sign it.

    Attributes:
        out: the certificate's path.
        pair: where the key is, or would be.
        own: whether it is the user's own.
        key: None where a first run will have to make it.
    """

    out: Path
    pair: KeyPair
    own: bool
    key: SigningKey | None


def prepare(out: Path, key: Path | None, inputs: Mapping[str, Path], passphrase_fd: int | None = None) -> Signing:
    """Return where a certificate goes and who signs it, before any work.

    Args:
        out: the certificate.
        key: a private key; None for the user's own.
        inputs: what was read, by what it is; nothing of it may be replaced.
        passphrase_fd: a descriptor with an encrypted key's passphrase; None for the terminal.

    Raises:
        FileError: there is no place to write to, or the key cannot be used.
    """
    pair = default_key() if key is None else KeyPair(key)
    others = {**inputs, "the private key": pair.private, "the public key": pair.public}
    with about(out):
        check_output(out, "the certificate", others)
    return Signing(out, pair, key is None, _existing_key(pair, own=key is None, passphrase_fd=passphrase_fd))


def check_signs(out: Path | None, key: Path | None, passphrase_fd: int | None) -> None:
    """Check that nothing is said of a key where nothing is signed.

    Raises:
        UsageError: it is.
    """
    for name, value in (("--key", key), ("--passphrase-fd", passphrase_fd)):
        if value is not None and out is None:
            raise click.UsageError(f"expected -o with {name}: without it nothing is signed")


def unlock(pair: KeyPair, *, own: bool, passphrase_fd: int | None = None) -> SigningKey:
    """Return a private key that may sign.

    Raises:
        FileError: it cannot be read or opened, was revoked, or is not the one that the user's own .pub file is of.
    """
    with about(pair.private):
        key = load_key(pair.private, Passphrase(passphrase_fd))
        if key.public in own_revoked():
            problem = f"expected a key that signs, found one that your revoked_keys names: {key.public.key_id}"
            raise InputError(problem)
    if own:
        _check_public_half(pair, key)
    return key


def _check_public_half(pair: KeyPair, key: SigningKey) -> None:
    """Check that what others are handed is of the key that signs; a rotation that was killed may leave it stale."""
    said = _said_public(pair)
    if said is None or said == key.public:
        return
    line = allowed_signers_line(login(), key.public)
    with about(pair.public):
        found = f"that of {said.key_id}"
        raise InputError(f"expected the public half of {pair.private}, found {found}; its line would be {line}")


def _said_public(pair: KeyPair) -> PublicKey | None:
    """Return the key in a .pub file that is an allowed_signers file; None where there is none."""
    try:
        return read_public(pair).key
    except InputError:
        return None


def write_certificate(signing: Signing, payload: bytes, output: Output) -> None:
    """Sign a payload, write the certificate, and say how to audit it.

    Raises:
        FileError: the certificate cannot be written, or would be larger than any that is read.
    """
    from certify.certificate.signatures import sign  # noqa: PLC0415 - slow to load

    key = signing.key or _new_key(signing.pair, output)
    if signing.own:
        complete(signing.pair, key)
    envelope = sign(payload, key)
    with about(signing.out):
        if len(envelope) > MAX_BYTES:
            raise InputError(f"expected a certificate of at most {MAX_BYTES} bytes, found {len(envelope)}")
        write_atomic(signing.out, envelope)
    _say_how_to_audit(output, signing, key)


def _existing_key(pair: KeyPair, *, own: bool, passphrase_fd: int | None) -> SigningKey | None:
    """Return the key to sign with; None where a first run will have to make it."""
    if not own or os.path.lexists(pair.private):
        return unlock(pair, own=own, passphrase_fd=passphrase_fd)
    with about(pair.private):
        if passphrase_fd is not None:
            raise InputError("expected an encrypted key, found none: certify keygen --passphrase-fd makes one")
        check_free(pair)
    return None


def _new_key(pair: KeyPair, output: Output) -> SigningKey:
    """Return a new key, or the one that another run has made while this one was at work."""
    with about(pair.private):
        try:
            key = make_key(pair)
        except TakenError:
            if not os.path.lexists(pair.private):
                raise
            return load_key(pair.private)
    output.say(f"made a signing key, {key.public.key_id}, in {pair.private} (only you can read it)")
    return key


def _say_how_to_audit(output: Output, signing: Signing, key: SigningKey) -> None:
    output.say(f"wrote {printable(str(signing.out))}")
    command = f"{_program()} audit {shell_argument(signing.out)}"
    public = f"--trust {shell_argument(signing.pair.public)}"
    if signing.own:
        output.say(f"audit it with: {command}")
        output.say(f"whoever else audits it needs your public key: {command} {public}")
    elif _said_public(signing.pair) == key.public:
        output.say(f"audit it with: {command} {public}")
    else:
        line = allowed_signers_line(login(), key.public)
        output.say(f"audit it with: {command} --trust KEYS, an allowed_signers file with the key, as in this line:")
        output.say(line)


def _program() -> str:
    """Return how to call this program from the same shell."""
    called = sys.argv[0]
    if Path(called).stem != "certify" or shutil.which("certify") == called:
        return "certify"
    return shlex.quote(called)
