"""A result as text for people: the verdict first, then what it rests on, a line each."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from certify.errors import printable
from certify.report.forms.form import Manner
from certify.report.result import Result
from certify.report.words import box, claim_text, made_of, model, right_lines, vector

_WIDTH = 13
_BLOCKS = {"grown": "grown blocks", "shared": "units shared out"}


def write(results: Sequence[Result], manner: Manner) -> str:
    """Return the results as text, but for failures, which are talk and were said already."""
    shown = (result for result in results if result.error is None)
    return "\n".join(line for result in shown for line in _lines(result, manner))


def _lines(result: Result, manner: Manner) -> Iterator[str]:
    yield _headline(result)
    if manner.quiet or not result.claim:
        return
    yield from (_line(name, text) for name, text in _evidence(result, verbose=manner.verbose) if text)
    if manner.verbose:
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
        yield "witness", f"input {vector(result.witness['input'])}"
        yield "", f"{left} {vector(result.witness['left'])}, {right} {vector(result.witness['right'])}"
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


def _ticket(ticket: Mapping[str, Any]) -> str:
    widths = ", ".join(map(str, ticket["widths"]))
    blocks = _BLOCKS.get(ticket["blocks"]) or f"blocks of {ticket['blocks']} units"
    return f"seed {ticket['seed']!r}, {made_of(ticket)} {widths} ({blocks})"


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
