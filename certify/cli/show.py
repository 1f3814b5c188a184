"""`certify show`: what a certificate says, for people who will audit it, or not."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

from certify.certificate import envelope, statement
from certify.certificate.storage import read_capped
from certify.cli.output import FILE, Output, failed, output_options
from certify.cli.streams import write
from certify.errors import CertifyError
from certify.network import strict_json
from certify.report.exit_codes import FAILED, HOLDS
from certify.report.result import conversion, ticket
from certify.report.text import model, points


@click.command(name="show")
@click.argument("certificate", metavar="CERT", type=FILE)
@output_options
def command(output: Output, certificate: Path) -> None:
    """Show what CERT says. Nothing of it is checked but its form: `certify audit` does that."""
    try:
        enclosed = envelope.read(read_capped(certificate, envelope.MAX_BYTES, "a certificate"))
        said = statement.read(enclosed.payload)
    except CertifyError as error:
        output.finish([failed("show", error, str(certificate))])
    shown = _document(enclosed, said)
    text = json.dumps(shown, indent=2) if output.form == "json" else _text(shown)
    raise click.exceptions.Exit(HOLDS if write(text) else FAILED)


def _document(enclosed: envelope.Envelope, said: statement.Statement) -> dict[str, Any]:
    predicate = strict_json.parse(said.payload)["predicate"]
    subject = said.subject
    return {
        "format": "certify.shown/1",
        "checked": False,
        "target": {"name": subject.name, "sha256": subject.sha256},
        "conversion": conversion(subject),
        "layers": [f"{layer.inputs} to {layer.outputs}" for layer in subject.target.layers],
        "claim": predicate["claim"],
        "ticket": ticket(subject),
        "proof": predicate["proof"],
        "signatures": [signature.key_id for signature in enclosed.signatures],
        "versions": dict(said.versions),
    }


def _text(shown: dict[str, Any]) -> str:
    proof, made = shown["proof"], shown["ticket"]
    obligations = ", ".join(f"{count['count']:,} {kind}" for kind, count in proof["obligations"].items())
    lines = {
        "target": f"{shown['target']['name']}, sha256 {shown['target']['sha256']}",
        "model": model(shown["conversion"]),
        "layers": ", ".join(shown["layers"]),
        "claim": f"{shown['claim']['relation']} on {points(shown['claim']['points'])} grid points",
        "ticket": f"seed {made['seed']!r}, hidden widths {', '.join(map(str, made['widths']))}",
        "size": f"{made['kept']:,} of {made['base_parameters']:,} weights kept, {made['ratio']} times the bound",
        "proof": f"{proof['result']} by {proof['strategy']}: {obligations}",
        "signed by": ", ".join(shown["signatures"]),
        "versions": ", ".join(f"{name} {version}" for name, version in shown["versions"].items()),
    }
    said = "\n".join(f"  {name:<11}{text}" for name, text in lines.items() if text)
    return f"This certificate says, and nothing of it has been checked (certify audit does):\n{said}"
