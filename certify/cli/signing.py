"""Where a certificate goes and who signs it: looked at before any work, done after it.

A user who has no key gets one with the first certificate.
"""

from __future__ import annotations

import os
import shlex
import shutil
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from certify.certificate.envelope import MAX_BYTES
from certify.certificate.keys import SigningKey
from certify.certificate.storage import TakenError, write_atomic
from certify.cli.blame import about
from certify.cli.output import Output
from certify.cli.targets import check_output
from certify.cli.userkeys import KeyPair, check_free, complete, default_key, load_key, make_key
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


def prepare(out: Path, key: Path | None, inputs: Mapping[str, Path]) -> Signing:
    """Return where a certificate goes and who signs it, before any work.

    Args:
        out: the certificate.
        key: a private key; None for the user's own.
        inputs: what was read, by what it is; nothing of it may be replaced.

    Raises:
        FileError: there is no place to write to, or the key cannot be used.
    """
    pair = default_key() if key is None else KeyPair(key)
    others = {**inputs, "the private key": pair.private, "the public key": pair.public}
    with about(out):
        check_output(out, "the certificate", others)
    return Signing(out, pair, key is None, _existing_key(pair, own=key is None))


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
    _say_how_to_audit(output, signing)


def _existing_key(pair: KeyPair, *, own: bool) -> SigningKey | None:
    """Return the key to sign with; None where a first run will have to make it."""
    with about(pair.private):
        if own and not os.path.lexists(pair.private):
            check_free(pair)
            return None
        return load_key(pair.private)


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


def _say_how_to_audit(output: Output, signing: Signing) -> None:
    output.say(f"wrote {printable(str(signing.out))}")
    command = f"{_program()} audit {_argument(signing.out)}"
    public = f"--trust {_argument(signing.pair.public)}"
    if signing.own:
        output.say(f"audit it with: {command}")
        output.say(f"whoever else audits it needs your public key: {command} {public}")
    elif signing.pair.public.exists():
        output.say(f"audit it with: {command} {public}")
    else:
        output.say(f"audit it with: {command} --trust KEYS, an allowed_signers file with the key")


def _program() -> str:
    """Return how to call this program from the same shell."""
    called = sys.argv[0]
    if Path(called).stem != "certify" or shutil.which("certify") == called:
        return "certify"
    return shlex.quote(called)


def _argument(path: Path) -> str:
    """Return a path as a shell takes it, and never for an option."""
    text = str(path)
    return shlex.quote(f"./{text}" if text.startswith("-") else text)
