"""`certify convert`: a model as a network in integers."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import click

from certify.certificate.storage import read_capped, write_atomic
from certify.cli.blame import about
from certify.cli.output import FILE, Output, failed, output_options
from certify.cli.reading import Reading, reading_options
from certify.cli.streams import write
from certify.cli.targets import check_output, stem
from certify.errors import CertifyError, printable
from certify.network.reader import FORMAT, MAX_BYTES
from certify.network.target import Target
from certify.network.writer import write_network
from certify.report.exit_codes import FAILED, HOLDS
from certify.report.layers import layer_texts


@click.command(name="convert")
@click.argument("model", type=FILE)
@click.option("-o", "--output", "out", type=FILE, help="The network; MODEL's name with .json.")
@reading_options
@output_options
def command(output: Output, model: Path, out: Path | None, reading: Reading) -> None:
    """Write MODEL as a network in the format certify.network/1.

    MODEL is an int8 TFLite model, or a quantized ONNX or QONNX model. What is proved of the network holds for the
    model from the tensor where its integers start to the one where they end, under one rule of requantization; both
    are said.
    """
    try:
        target = reading.target(read_capped(model, MAX_BYTES, "a model"))
        out = out or Path(f"{stem(model)}.json")
        with about(out):
            check_output(out, "the network", {"the model": model})
            data = write_network(target.network)
            write_atomic(out, data)
    except CertifyError as error:
        output.finish([failed("convert", error, str(model))])
    for note in target.conversion.notes if target.conversion else ():
        output.say(f"note: {printable(note)}")
    shown = _document(model, out, target, hashlib.sha256(data).hexdigest())
    text = json.dumps(shown, indent=2) if output.form == "json" else _text(shown, quiet=output.quiet)
    raise click.exceptions.Exit(HOLDS if write(text) else FAILED)


def _document(model: Path, out: Path, target: Target, network_sha256: str) -> dict[str, Any]:
    conversion = target.conversion
    return {
        "format": "certify.converted/1",
        "model": {
            "file": str(model),
            "format": conversion.format if conversion else FORMAT,
            "sha256": hashlib.sha256(target.data).hexdigest(),
        },
        "network": {
            "file": str(out),
            "format": FORMAT,
            "sha256": network_sha256,
            "layers": layer_texts(target.network),
        },
        "rule": conversion.rule if conversion else None,
        "input_grid": conversion.input_grid if conversion else "",
        "starts": {"after": conversion.starts_after, "tensor": conversion.input_tensor} if conversion else None,
        "ends": {"before": conversion.ends_before, "tensor": conversion.output_tensor} if conversion else None,
        "notes": list(conversion.notes) if conversion else [],
    }


def _text(shown: dict[str, Any], *, quiet: bool) -> str:
    model, network = shown["model"], shown["network"]
    headline = f"converted: {printable(model['file'])} to {printable(network['file'])}"
    if quiet:
        return headline
    lines = {
        "model": f"{model['format']}, sha256 {model['sha256']}",
        "network": f"sha256 {network['sha256']}",
        "layers": ", ".join(network["layers"]),
    }
    if shown["rule"]:
        lines["rule"] = f"{shown['rule']}, of requantization"
        grid = f", on the grid {shown['input_grid']}" if shown["input_grid"] else ""
        lines["starts"] = _end("after", shown["starts"]) + grid
        lines["ends"] = _end("before", shown["ends"])
    return "\n".join([headline, *(f"  {name:<9}{text}" for name, text in lines.items())])


def _end(side: str, end: dict[str, str]) -> str:
    operator = f"{side} {end[side]}, " if end[side] else ""
    return f'{operator}at tensor "{printable(end["tensor"])}"'
