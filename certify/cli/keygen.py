"""`certify keygen`: a key pair."""

from __future__ import annotations

import json
from pathlib import Path

import click

from certify.certificate.storage import read_capped
from certify.certificate.trust import MAX_BYTES
from certify.cli.output import FILE, Output, failed, output_options
from certify.cli.streams import write
from certify.cli.userkeys import KeyPair, default_key, make_key
from certify.errors import CertifyError
from certify.report.exit_codes import FAILED, HOLDS


@click.command(name="keygen")
@click.option("-o", "--output", "out", type=FILE, help="The private key; else key.pem in your configuration folder.")
@click.option("--name", help="Whose key it is, as others will read it; else your login name.")
@output_options
def command(output: Output, out: Path | None, name: str | None) -> None:
    """Make an Ed25519 key pair and print the line that makes others trust it.

    The private key can be read by you alone (0600); nothing is ever overwritten. The line is also written beside it,
    in a file ending in .pub: it is an allowed_signers file for `certify audit --trust`.
    """
    pair = default_key() if out is None else KeyPair(out)
    try:
        key = make_key(pair, name)
        line = read_capped(pair.public, MAX_BYTES, "a public key").decode().strip()
    except CertifyError as error:
        output.finish([failed("keygen", error, str(pair.private))])
    output.say(f"made {pair.private} (only you can read it) and {pair.public}")
    made = {"format": "certify.key/1", "key_id": key.public.key_id, "private": str(pair.private), "line": line}
    raise click.exceptions.Exit(HOLDS if write(json.dumps(made) if output.form == "json" else line) else FAILED)
