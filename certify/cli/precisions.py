"""The option that says how fine a drawn base network's weights are."""

from __future__ import annotations

from typing import Any, TypeAlias

import click

from certify.base.law import MAX_PRECISION_BITS

PrecisionBits: TypeAlias = int | tuple[int, ...]
"""Of all layers with weights, or of each."""

_BITS = click.IntRange(0, MAX_PRECISION_BITS)


def _read(context: click.Context, option: click.Parameter, text: str | None) -> PrecisionBits | None:
    """Return one number of bits alone, and several with commas between them as a tuple."""
    if text is None:
        return None
    parts: list[Any] = text.split(",")
    bits = tuple(int(_BITS.convert(part, option, context)) for part in parts)
    return bits if len(bits) > 1 else bits[0]


precision_option = click.option(
    "--precision",
    callback=_read,
    metavar="BITS[,BITS...]",
    help=f"Bits of the base network's weights, 0 to {MAX_PRECISION_BITS}, of all layers or each; else the fewest.",
)
