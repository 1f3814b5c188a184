"""`certify keygen`: a key pair, or a new one in the own one's place."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from certify.certificate.keys import SigningKey
from certify.certificate.storage import read_capped
from certify.certificate.trust import MAX_BYTES
from certify.cli import rotation
from certify.cli.output import FILE, Output, failed, output_options
from certify.cli.passphrase import DESCRIPTOR, Passphrase
from certify.cli.rotation import Rotation
from certify.cli.streams import write
from certify.cli.userkeys import KeyPair, check_free, default_key, make_key
from certify.errors import CertifyError, InputError
from certify.report.exit_codes import FAILED, HOLDS


@click.command(name="keygen")
@click.option("-o", "--output", "out", type=FILE, help="The private key; else key.pem in your configuration folder.")
@click.option("--name", help="Whose key it is, as others will read it; else your login name.")
@click.option("--passphrase", "asked", is_flag=True, help="Encrypt it under a passphrase, asked for twice.")
@click.option("--passphrase-fd", type=DESCRIPTOR, metavar="N", help="The same, read from this descriptor.")
@click.option("--rotate", "rotates", is_flag=True, help="Make a new key of your own and keep the old one.")
@output_options
def command(
    output: Output, out: Path | None, name: str | None, asked: bool, passphrase_fd: int | None, rotates: bool
) -> None:
    """Make an Ed25519 key pair and print the line that makes others trust it.

    The private key can be read by you alone (0600); nothing is ever overwritten. The line is also written beside it,
    in a file ending in .pub: it is an allowed_signers file for `certify audit --trust`.

    With --rotate the new pair takes the place of your own, which is kept under a new name; your allowed_signers says
    that the old key counts until now (docs/keys.md).
    """
    if asked and passphrase_fd is not None:
        raise click.UsageError("expected --passphrase or --passphrase-fd, found both")
    if rotates and out is not None:
        raise click.UsageError("expected --rotate or -o, found both: it is your own key that is rotated")
    pair = default_key() if out is None else KeyPair(out)
    source = Passphrase(passphrase_fd) if asked or passphrase_fd is not None else None
    try:
        key, done = _rotated(name, source) if rotates else (_made(pair, name, source), None)
        line = read_capped(pair.public, MAX_BYTES, "a public key").decode().strip()
    except CertifyError as error:
        output.finish([failed("keygen", error, str(pair.private))])
    output.say(f"made {pair.private} (only you can read it) and {pair.public}")
    made = {"format": "certify.key/1", "key_id": key.public.key_id, "private": str(pair.private), "line": line}
    if done is not None:
        made |= _previous(done, output)
    raise click.exceptions.Exit(HOLDS if write(json.dumps(made) if output.form == "json" else line) else FAILED)


def _made(pair: KeyPair, name: str | None, source: Passphrase | None) -> SigningKey:
    check_free(pair)
    return make_key(pair, name, None if source is None else source.new())


def _rotated(name: str | None, source: Passphrase | None) -> tuple[SigningKey, Rotation]:
    planned = rotation.plan(name, datetime.now(UTC))
    if planned.is_encrypted and source is None:
        problem = (
            "expected --passphrase or --passphrase-fd for the new key, as the old one is encrypted, found neither"
        )
        raise InputError(problem)
    return rotation.rotate(planned, None if source is None else source.new()), planned


def _previous(done: Rotation, output: Output) -> dict[str, Any]:
    """Return what to say of the key that was rotated, after saying it."""
    line = done.ended_line().decode().strip()
    output.say(f"kept the old key, {done.old.key.key_id}, in {done.kept.private} and {done.kept.public}")
    output.say("from now on what it signed counts no more: certify sign signs it again with the new key")
    output.say(f"others who trust the old key need the new line, and this one for the old: {line}")
    return {"previous": {"key_id": done.old.key.key_id, "private": str(done.kept.private), "line": line}}
