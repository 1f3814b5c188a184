"""`certify plan`: how wide a base network has to be."""

from __future__ import annotations

import json
import re
from dataclasses import asdict
from operator import mul
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from certify.certificate.storage import read_capped
from certify.cli.output import FILE, Output, failed, output_options
from certify.cli.reading import Reading, reading_options
from certify.cli.streams import write
from certify.errors import CertifyError
from certify.network.reader import FORMAT, MAX_BYTES
from certify.report.exit_codes import FAILED, HOLDS, UNDECIDED

if TYPE_CHECKING:
    from certify.network.model import Network
    from certify.theory.planning.plan import Name, Option, Plan, Wish

MAX_WEIGHTS = 1 << 21
"""Of a random target, which is written out as a file: a file has no more values in lists."""
_NOTES = (
    "width: units of every block, and copies, at which the probability is surely as wanted, at this confidence;",
    "fewer than `at least` are excluded likewise. If grown: the mean of all layers' units without --width.",
    "Units, Corollary 1: no base network of fewer units in that layer serves every layer of this shape, whatever is",
    "drawn; one target may need fewer. d·log2(1/δ): Theorem 1's or 2's width without its constant, which nobody",
    "names: nothing to compare the width with in absolute terms.",
)


def _widths(_: click.Context, option: click.Parameter, text: str | None) -> tuple[int, ...] | None:
    if text is None:
        return None
    parts = text.split(",")
    if len(parts) < 2 or not all(re.fullmatch("[0-9]{1,5}", part) and 0 < int(part) <= 1 << 14 for part in parts):
        raise click.BadParameter("expected two or more widths from 1 to 16384 with commas between", param=option)
    widths = tuple(map(int, parts))
    if (weights := sum(map(mul, widths[1:], widths))) > MAX_WEIGHTS:
        raise click.BadParameter(f"expected at most {MAX_WEIGHTS} weights, found {weights}", param=option)
    return widths


@click.command(name="plan")
@click.argument("target", type=FILE, required=False)
@click.option("--widths", callback=_widths, metavar="N,N[,N...]", help="Instead of TARGET: random weights.")
@click.option("--target-bits", type=click.IntRange(0, 16), help="With --widths: the target's precision bits.")
@click.option("--construction", type=click.Choice(["pairs", "copies", "binary"]), help="This one alone; else all.")
@click.option("--precision", type=click.IntRange(0, 16), help="Bits of δ; else several are tried.")
@click.option("--success", type=float, default=0.99, show_default=True, help="The probability that is wanted.")
@click.option("--confidence", type=float, default=0.95, show_default=True, help="That the intervals hold.")
@click.option("--instances", type=click.IntRange(100, 10**7), default=20_000, show_default=True, help="Draws.")
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True, help="Of the simulation.")
@reading_options
@output_options
def command(
    output: Output,
    reading: Reading,
    target: Path | None,
    widths: tuple[int, ...] | None,
    target_bits: int | None,
    construction: Name | None,
    precision: int | None,
    **wished: Any,
) -> None:
    """Say how wide a base network has to be for TARGET, or for random weights, to have a ticket in it.

    Exit codes: 0 a plan was made, 2 a wrong call or input, 3 nothing reaches the probability within limits.
    """
    if (target is None) == (widths is None) or (widths is None) != (target_bits is None):
        raise click.UsageError("expected TARGET, or --widths with --target-bits")
    if construction == "binary" and precision is not None:
        raise click.UsageError("expected no --precision with binary: its weights are ±1")
    from certify.theory.planning.plan import Wish, make_plan  # noqa: PLC0415 - what computes is loaded late

    try:
        wish = Wish(**wished)
        network = _network(reading, target, widths, target_bits, wish)
        plan = make_plan(network, wish, None if construction is None else [construction], precision)
    except CertifyError as error:
        output.finish([failed("plan", error, str(target or ""))])
    text = json.dumps(_document(plan, wish), indent=2) if output.form == "json" else _text(plan, wish, output.quiet)
    code = UNDECIDED if plan.chosen is None else HOLDS
    raise click.exceptions.Exit(code if write(text) else FAILED)


def _network(
    reading: Reading, target: Path | None, widths: tuple[int, ...] | None, bits: int | None, wish: Wish
) -> Network:
    from certify.theory.planning.plan import random_target_weights  # noqa: PLC0415

    if target is not None:
        return reading.target(read_capped(target, MAX_BYTES, "a target")).network
    assert widths is not None
    assert bits is not None
    steps = [{"op": "relu"}, {"op": "requantize", "shift": bits, "rounding": "floor"}]
    weights = random_target_weights(widths, bits, wish.seed)
    layers = [{"op": "dense", "precision_bits": bits, "weights": own, "then": steps} for own in weights]
    layers[-1]["then"] = []
    span = {"shape": [widths[0]], "low": -(1 << bits), "high": 1 << bits, "precision_bits": bits}
    return reading.target(
        json.dumps({"format": FORMAT, "name": "random", "input": span, "layers": layers}).encode()
    ).network


def _document(plan: Plan, wish: Wish) -> dict[str, Any]:
    return {"format": "certify.plan/1", "wish": asdict(wish), **asdict(plan)}


def _text(plan: Plan, wish: Wish, quiet: bool) -> str:
    lines = [f"no width reaches {wish.success:g}"]
    if plan.chosen is not None:
        best = plan.options[plan.chosen]
        lines = [
            f"plan: {best.construction} at {_bits(best)} bits, width {best.width}, {best.parameters:,} parameters"
        ]
    if quiet:
        return lines[0]
    head = (
        *("construction", "bits of δ", "width", "at least", "success at width"),
        *("parameters", "units", "if grown", "Corollary 1", "d·log2(1/δ)"),
    )
    rows = [head, *map(_row, plan.options)]
    wide = [max(len(row[column]) for row in rows) for column in range(len(head))]
    lines += [
        "  " + "  ".join(cell.ljust(size) for cell, size in zip(row, wide, strict=True)).rstrip() for row in rows
    ]
    lines.append(f"Theorem 3: no fewer than {plan.fewest_parameters:,} parameters serve every target of this shape")
    return "\n".join([*lines, *_NOTES])


def _row(option: Option) -> tuple[str, ...]:
    low, high = option.chance.low, option.chance.high
    return (
        option.construction,
        _bits(option),
        "none" if option.width is None else str(option.width),
        "-" if option.at_least is None else str(option.at_least),
        f"{low:.4f} to {high:.4f}",
        "-" if option.parameters is None else f"{option.parameters:,}",
        _each(option.units),
        "-" if option.grown is None else f"{option.grown.low:.0f} to {option.grown.high:.0f}",
        _each(option.least_units),
        _each(option.expression),
    )


def _each(layers: tuple[int, ...]) -> str:
    return ",".join(map(str, layers)) or "-"


def _bits(option: Option) -> str:
    return str(option.bits[0]) if len(set(option.bits)) == 1 else ",".join(map(str, option.bits))
