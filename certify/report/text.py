"""A result as text for people: the verdict first, then what it rests on, a line each."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from certify.errors import printable
from certify.report.claims import CONSTRUCTIONS
from certify.report.result import Result

_WIDTH = 13
_FILES = 4
_BLOCKS = {"grown": "grown blocks", "shared": "units shared out"}


def to_text(results: Sequence[Result], *, quiet: bool = False, verbose: bool = False) -> str:
    """Return the results as text: only verdicts when quiet, timings and versions too when verbose."""
    return "\n".join(line for result in results for line in _lines(result, quiet=quiet, verbose=verbose))


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


def _lines(result: Result, *, quiet: bool, verbose: bool) -> Iterator[str]:
    yield _headline(result)
    if quiet or not result.claim:
        return
    yield from (_line(name, text) for name, text in _evidence(result, verbose=verbose) if text)
    if verbose:
        yield _line("time", ", ".join(f"{phase} {seconds:.2f} s" for phase, seconds in result.timings.items()))
        yield _line("versions", ", ".join(f"{name} {version}" for name, version in result.versions.items()))


def _line(name: str, text: str) -> str:
    return f"  {name:<{_WIDTH}}{text}"


def _headline(result: Result) -> str:
    where = f"{printable(result.certificate)}: " if result.signature else ""
    if not result.claim:
        return f"{result.verdict or 'error'}: {result.error.line() if result.error else result.reason}"
    claim = claim_text(result.claim)
    if result.verdict == "proved":
        return f"proved: {where}{claim}" + (f"; {result.reason}" if result.reason else "")
    return f"{result.verdict}: {where}whether {claim}: {result.reason}"


def _evidence(result: Result, *, verbose: bool) -> Iterator[tuple[str, str]]:
    of_ticket = "target" in result.claim
    yield from _about_ticket(result) if of_ticket else _about_networks(result)
    yield "obligations", _obligations(result)
    if verbose or not of_ticket:
        for index, stage in enumerate(result.checks["portfolio"]):
            yield "" if index else "steps", f"{stage['name']}: {stage['outcome']}"
    yield "difference", _maximum(result.checks["maximum"])
    yield "besides", _besides(result.checks)
    if "rests_on" in result.checks:
        yield (
            "rests on",
            f"the workers of {printable(result.checks['rests_on']['workers_of'])}, where z3 refuted them",
        )
    if "cross_check" in result.checks:
        yield "cross-check", _cross_check(result.checks["cross_check"])
    if result.witness is not None:
        left, right = ("target", "ticket") if of_ticket else ("left", "right")
        yield "witness", f"input {_vector(result.witness['input'])}"
        yield "", f"{left} {_vector(result.witness['left'])}, {right} {_vector(result.witness['right'])}"
    if result.signature:
        yield "signature", _signature(result)
        if len(result.signers) > 1:
            yield from (("", _signer(one)) for one in result.signers)


def _about_ticket(result: Result) -> Iterator[tuple[str, str]]:
    yield "target", f"sha256 {result.claim['sha256']}"
    yield "model", model(result.claim["conversion"])
    yield "ticket", _ticket(result.ticket)
    yield "size", _size(result.ticket, "random weights")


def _about_networks(result: Result) -> Iterator[tuple[str, str]]:
    claim = result.claim
    yield "left", f"sha256 {claim['left']['sha256']}"
    yield "model", model(claim["left"]["conversion"])
    yield from right_lines(claim["right"])
    if not claim["whole_box"]:
        yield "box", box(claim)
    if result.ticket:
        yield "size", _size(result.ticket, "weights")


def box(claim: Mapping[str, Any]) -> str:
    """Return a claim's box: from where to where, for all inputs or for each."""
    low, high = ([bound] if isinstance(bound, int) else bound for bound in (claim["low"], claim["high"]))
    if len(low) == len(high) == 1:
        return f"{low[0]} to {high[0]}"
    return f"low {_vector(low)}, high {_vector(high)}"


def _ticket(ticket: Mapping[str, Any]) -> str:
    widths = ", ".join(map(str, ticket["widths"]))
    blocks = _BLOCKS.get(ticket["blocks"]) or f"blocks of {ticket['blocks']} units"
    return f"seed {ticket['seed']!r}, {made_of(ticket)} {widths} ({blocks})"


def made_of(ticket: Mapping[str, Any]) -> str:
    """Return what a ticket's widths are of: hidden units, and where it is not pairs the construction before it."""
    construction, activation = ticket["construction"], ticket.get("activation")
    widths = "hidden widths" if construction == CONSTRUCTIONS["theorem-1"] else f"{construction}, widths"
    return f"{activation}, {widths}" if activation else widths


def _size(ticket: Mapping[str, Any], what: str) -> str:
    kept, base = ticket["kept"], ticket["base_parameters"]
    return f"{kept:,} of {base:,} {what} kept; {ticket['ratio']} times the lower bound (Theorem 3)"


def _obligations(result: Result) -> str:
    if not result.obligations:
        return ""
    counts = ", ".join(f"{count['count']:,} {kind}" for kind, count in result.obligations.items() if count["count"])
    proved = result.checks["strategy"] in {"decomposition", "merging", "congruence"}
    how = "all refuted by z3" if proved else "not all refuted by z3"
    return f"{counts}: {how}"


def _maximum(maximum: Mapping[str, Any] | None) -> str:
    if maximum is None:
        return ""
    upper, seen = maximum["upper"], maximum["seen"]
    if upper is None:
        return f"{seen} is the largest seen; no bound was found"
    return f"at most {upper}, which is reached" if upper == seen else f"at most {upper}; {seen} is the largest seen"


def _besides(checks: Mapping[str, Any]) -> str:
    said = [_neurons(checks["neurons"], checks["neurons_exhausted"])]
    said.append({None: "", "unsat": "the whole network as one formula"}.get(checks["network"], ""))
    if checks["sweep"]:
        said.append(f"all {checks['sweep']['points']:,} points swept" if checks["strategy"] else "")
    return "; ".join(part for part in said if part)


def _cross_check(said: Mapping[str, Any] | None) -> str:
    if said is None:
        return "none: there are no obligations for another solver to check"
    solver, asked = f"{said['solver']} {said['version']}", said["agreed"] + said["unknown"]
    text = f"{solver} agrees on all {asked:,} questions, each read from its text"
    if said["unknown"]:
        by_kind = _by_kind(said["gave_up_on"])
        text = f"{solver} agrees on {said['agreed']:,} of {asked:,} questions and gave up on the others ({by_kind})"
    return text + (f"; {_proofs(said['proofs'])}" if said["proofs"] else "")


def _proofs(said: Mapping[str, Any]) -> str:
    text = f"{said['written']:,} proofs in {printable(said['file'])}"
    if not said["with_holes"]:
        return f"{text}, none with a hole"
    return f"{text}, some with holes that no checker can check ({_by_kind(said['with_holes'])})"


def _by_kind(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{count:,} {kind}" for kind, count in counts.items())


def _neurons(asked: int, exhausted: int) -> str:
    if exhausted:
        return f"{asked - exhausted} of {asked} neurons over all inputs (z3 gave up on the others)"
    return f"{asked} neurons over all inputs" if asked else ""


def _signature(result: Result) -> str:
    who = " ".join(result.signer.get(name, "") for name in ("principals", "key_id")).strip()
    trusted = "trusted" if result.trusted else "not trusted"
    return f"{result.signature}, {trusted}" + (f": {who}" if who else "")


def _signer(one: Mapping[str, Any]) -> str:
    who = f"{one['principals']} {one['key_id']}" if one["principals"] else one["key_id"]
    return f"{who}: {one['standing']}" + (f" ({one['reason']})" if one["reason"] else "")


def _vector(values: Sequence[int]) -> str:
    shown = ", ".join(map(str, values[:16]))
    return f"({shown})" if len(values) <= 16 else f"({shown}, … {len(values)} in all; --format json has them)"
