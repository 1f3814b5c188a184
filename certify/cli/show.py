"""`certify show`: what a certificate says, for people who will audit it, or not."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click

from certify.certificate import envelope, statement
from certify.certificate.equivalence import Equivalence
from certify.certificate.exact_ticket import Subject
from certify.certificate.storage import read_capped
from certify.cli.output import FILE, Output, failed, output_options
from certify.cli.streams import write
from certify.errors import CertifyError
from certify.network import strict_json
from certify.report.claims import conversion, networks, ticket
from certify.report.exit_codes import FAILED, HOLDS
from certify.report.layers import layer_texts
from certify.report.words import box, claim_text, made_of, model, points, right_lines


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
    about = _about_networks(subject) if isinstance(subject, Equivalence) else _about_ticket(subject)
    return {
        "format": "certify.shown/1",
        "checked": False,
        **about,
        "claim": predicate["claim"],
        "ticket": ticket(subject),
        "proof": predicate["proof"],
        "signatures": [signature.key_id for signature in enclosed.signatures],
        "versions": dict(said.versions),
    }


def _about_ticket(subject: Subject) -> dict[str, Any]:
    return {
        "target": {"name": subject.name, "sha256": subject.sha256},
        "conversion": conversion(subject.file),
        "layers": layer_texts(subject.target),
    }


def _about_networks(subject: Equivalence) -> dict[str, Any]:
    said = networks(subject)
    return {
        "left": {**said["left"], "layers": layer_texts(subject.left.network)},
        "right": {**said["right"], "layers": layer_texts(subject.right.network)},
        "whole_box": said["whole_box"],
    }


def _text(shown: dict[str, Any]) -> str:
    lines = [*(_ticket_lines(shown) if "target" in shown else _network_lines(shown)), *_proof_lines(shown)]
    said = "\n".join(f"  {name:<11}{text}" for name, text in lines if text)
    return f"This certificate says, and nothing of it has been checked (certify audit does):\n{said}"


def _ticket_lines(shown: dict[str, Any]) -> Iterator[tuple[str, str]]:
    made = shown["ticket"]
    yield "target", f"{shown['target']['name']}, sha256 {shown['target']['sha256']}"
    yield "model", model(shown["conversion"])
    yield "layers", ", ".join(shown["layers"])
    yield "claim", f"{shown['claim']['relation']} on {points(shown['claim']['points'])} grid points"
    yield "ticket", f"seed {made['seed']!r}, {made_of(made)} {', '.join(map(str, made['widths']))}"
    yield "size", f"{made['kept']:,} of {made['base_parameters']:,} weights kept, {made['ratio']} times the bound"


def _network_lines(shown: dict[str, Any]) -> Iterator[tuple[str, str]]:
    left, right, made = shown["left"], shown["right"], shown["ticket"]
    yield "claim", claim_text({**shown["claim"], "left": left, "right": right, "whole_box": shown["whole_box"]})
    yield "box", "" if shown["whole_box"] else box(shown["claim"])
    yield "left", f"{left['name']}, sha256 {left['sha256']}"
    yield "model", model(left["conversion"])
    yield "layers", ", ".join(left["layers"])
    yield from right_lines(right)
    yield "layers", ", ".join(right["layers"])
    if made:
        yield "size", f"{made['kept']:,} of {made['base_parameters']:,} weights kept, {made['ratio']} times the bound"


def _proof_lines(shown: dict[str, Any]) -> Iterator[tuple[str, str]]:
    proof = shown["proof"]
    obligations = ", ".join(f"{count['count']:,} {kind}" for kind, count in proof["obligations"].items())
    yield "proof", f"{proof['result']} by {proof['strategy']}" + (f": {obligations}" if obligations else "")
    if proof.get("maximum") is not None:
        yield "difference", f"at most {proof['maximum']}"
    yield "signed by", ", ".join(shown["signatures"])
    yield "versions", ", ".join(f"{name} {version}" for name, version in shown["versions"].items())
