"""A result as text for people: the verdict first, then what it rests on, a line each."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from certify.errors import printable
from certify.report.result import Result

_WIDTH = 13


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
    return f"{conversion['format']}, {' '.join(said)}, rounding rule {conversion['rule']}"


def _lines(result: Result, *, quiet: bool, verbose: bool) -> Iterator[str]:
    yield _headline(result)
    if quiet or not result.claim:
        return
    yield from (_line(name, text) for name, text in _evidence(result) if text)
    if verbose:
        yield _line("time", ", ".join(f"{phase} {seconds:.2f} s" for phase, seconds in result.timings.items()))
        yield _line("versions", ", ".join(f"{name} {version}" for name, version in result.versions.items()))


def _line(name: str, text: str) -> str:
    return f"  {name:<{_WIDTH}}{text}"


def _headline(result: Result) -> str:
    where = f"{printable(result.certificate)}: " if result.command == "audit" else ""
    if not result.claim:
        return f"{result.verdict or 'error'}: {result.error.line() if result.error else result.reason}"
    claim = result.claim
    equal = f"{claim['target']} equals its pruned random network on all {points(claim['points'])} input points"
    if result.verdict == "proved":
        return f"proved: {where}{equal}" + (f"; {result.reason}" if result.reason else "")
    return f"{result.verdict}: {where}whether {equal}: {result.reason}"


def _evidence(result: Result) -> Iterator[tuple[str, str]]:
    yield "target", f"sha256 {result.claim['sha256']}"
    yield "model", model(result.claim["conversion"])
    yield "ticket", _ticket(result.ticket)
    yield "size", _size(result.ticket)
    yield "obligations", _obligations(result)
    yield "besides", _besides(result.checks)
    if "cross_check" in result.checks:
        yield "cross-check", _cross_check(result.checks["cross_check"])
    if result.witness is not None:
        yield "witness", f"input {_vector(result.witness['input'])}"
        yield "", f"target {_vector(result.witness['left'])}, ticket {_vector(result.witness['right'])}"
    if result.command == "audit":
        yield "signature", _signature(result)


def _ticket(ticket: Mapping[str, Any]) -> str:
    widths = ", ".join(map(str, ticket["widths"]))
    blocks = "grown blocks" if ticket["blocks"] == "grown" else f"blocks of {ticket['blocks']} units"
    return f"seed {ticket['seed']!r}, hidden widths {widths} ({blocks})"


def _size(ticket: Mapping[str, Any]) -> str:
    kept, base = ticket["kept"], ticket["base_parameters"]
    return f"{kept:,} of {base:,} random weights kept; {ticket['ratio']} times the lower bound (Theorem 3)"


def _obligations(result: Result) -> str:
    if not result.obligations:
        return ""
    counts = ", ".join(f"{count['count']:,} {kind}" for kind, count in result.obligations.items())
    how = "all refuted by z3" if result.checks["strategy"] == "decomposition" else "not all refuted by z3"
    return f"{counts}: {how}"


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


def _vector(values: Sequence[int]) -> str:
    shown = ", ".join(map(str, values[:16]))
    return f"({shown})" if len(values) <= 16 else f"({shown}, … {len(values)} in all; --format json has them)"
