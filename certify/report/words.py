"""The words for what results, `certify show` and reports say: claims, boxes, models, what a claim rests on."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from certify.errors import printable
from certify.report.claims import CONSTRUCTIONS

_FILES = 4


def points(factors: Sequence[Sequence[int]]) -> str:
    """Return a number of grid points as people write it: 17^64, or 33^2 · 5."""
    return " · ".join(str(base) if exponent == 1 else f"{base}^{exponent}" for base, exponent in factors)


def model(conversion: Mapping[str, str] | None) -> str:
    """Return between which of a model's tensors the claim is, and under which rule; empty for a network."""
    if conversion is None:
        return ""
    ends = {"from": ("after", "starts_after", "input_tensor"), "to": ("before", "ends_before", "output_tensor")}
    said = [
        f'{word} tensor "{printable(conversion[tensor])}"' + (f" ({side} {conversion[by]})" if conversion[by] else "")
        for word, (side, by, tensor) in ends.items()
    ]
    grid = f", inputs on the grid {conversion['input_grid']}" if conversion.get("input_grid") else ""
    return f"{conversion['format']}, {' '.join(said)}, rounding rule {conversion['rule']}{grid}"


def claim_text(claim: Mapping[str, Any]) -> str:
    """Return a claim as people say it."""
    if "target" in claim:
        said = f"{claim['target']} equals its pruned random network"
    else:
        left, right = printable(claim["left"]["name"]), right_name(claim["right"])
        said = {
            "equal": f"{left} equals {right}",
            "within": f"{left} is within {claim['bound']} of {right}",
            "argmax": f"{left} has the argmax of {right}",
        }[claim["relation"]]
    if claim.get("whole_box", True):
        return f"{said} on all {points(claim['points'])} input points"
    return f"{said} on {points(claim['points'])} input points, a part of the box"


def right_name(right: Mapping[str, Any]) -> str:
    """Return how a claim's second network is called: by its file, or by the files of the base that it prunes."""
    if "base" not in right:
        return printable(right["name"])
    names = [printable(file["name"]) for file in right["base"]]
    more = f" and {len(names) - 1} more" if len(names) > 1 else ""
    return f"{names[0]}{more}, pruned,"


def right_lines(right: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Return what a claim's second network rests on, a line each."""
    if "base" not in right:
        yield "right", f"sha256 {right['sha256']}"
        yield "model", model(right["conversion"])
        return
    files = right["base"]
    for file in files[:_FILES]:
        yield "base", f"{printable(file['name'])}, sha256 {file['sha256']}"
    if len(files) > _FILES:
        yield "", f"… {len(files)} files in all; --format json has them"
    if right["layout"]:
        yield "layout", f"{printable(right['layout']['name'])}, sha256 {right['layout']['sha256']}"
    if right["seed"] is not None:
        yield "seed", f"{right['seed']!r}, and every weight is that seed's"
    if right["round_to"] is not None:
        yield "rounding", f"{right['rounded']:,} weights rounded to multiples of 2^-{right['round_to']}"


def box(claim: Mapping[str, Any]) -> str:
    """Return a claim's box: from where to where, for all inputs or for each."""
    low, high = ([bound] if isinstance(bound, int) else bound for bound in (claim["low"], claim["high"]))
    if len(low) == len(high) == 1:
        return f"{low[0]} to {high[0]}"
    return f"low {vector(low)}, high {vector(high)}"


def made_of(ticket: Mapping[str, Any]) -> str:
    """Return what a ticket's widths are of: hidden units, and where it is not pairs the construction before it."""
    construction, activation = ticket["construction"], ticket.get("activation")
    widths = "hidden widths" if construction == CONSTRUCTIONS["theorem-1"] else f"{construction}, widths"
    return f"{activation}, {widths}" if activation else widths


def vector(values: Sequence[int]) -> str:
    """Return integers as people write a vector, the first 16 of them."""
    shown = ", ".join(map(str, values[:16]))
    return f"({shown})" if len(values) <= 16 else f"({shown}, … {len(values)} in all; --format json has them)"
