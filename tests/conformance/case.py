"""A conformance case and its folder: files that any implementation can be run on, and what it has to answer.

README.md describes the folder for those who read it without this module.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from conformance.making import TRUST

HERE = Path(__file__).parent
CERTIFICATE, SIGNERS, ARGUMENTS, EXPECTED, README = (
    "certificate.json",
    "allowed_signers",
    "arguments",
    "expected.json",
    "README.md",
)


EQUIVALENCES, ANY_CLAIM, OBLIGATIONS, OPERATORS, PATTERNS = (
    "equivalences",
    "any claim",
    "obligations",
    "operators",
    "patterns",
)


@dataclass(frozen=True)
class Expected:
    """What an audit has to come to.

    Attributes:
        exit_code: as of `certify audit`.
        kind: of the error; empty where there is none.
        file: the one to blame for the error.
        place: where in it; empty for the whole of it.
        verdict: None where none is reached.
        trusted: whether a trusted key signed, where a verdict was reached.
    """

    exit_code: int
    kind: str = ""
    file: str = ""
    place: str = ""
    verdict: str | None = None
    trusted: bool = False

    def document(self) -> dict[str, object]:
        """Return it as it stands in a case's folder."""
        error = {"kind": self.kind, "file": self.file, "place": self.place} if self.kind else None
        return {"exit_code": self.exit_code, "error": error, "verdict": self.verdict, "trusted": self.trusted}


@dataclass(frozen=True)
class Case:
    """One certificate, whom its auditor trusts, and what has to come of it.

    Attributes:
        name: what is tried, without the suffix that says what has to come of it.
        why: whether it is to be accepted or refused, and why, in one line.
        data: the certificate.
        expected: what has to come of it.
        trust: the file of trusted keys; None for none.
        arguments: for the program besides.
        needs: what an implementation has to cover besides the core, to decide it.
    """

    name: str
    why: str
    data: bytes
    expected: Expected
    trust: bytes | None = TRUST
    arguments: tuple[str, ...] = ()
    needs: tuple[str, ...] = ()

    @property
    def folder(self) -> str:
        """The name of its folder."""
        return self.name if self.expected.exit_code == 0 else f"{self.name}_fail"

    def files(self) -> Mapping[str, bytes]:
        """Return what is in its folder, by name."""
        expected = json.dumps({**self.expected.document(), "needs": self.needs}, indent=1) + "\n"
        tried = self.name.replace("_", " ")
        line = f"{tried[0].upper()}{tried[1:]}. {self.why}\n"
        files = {README: line.encode(), EXPECTED: expected.encode(), CERTIFICATE: self.data}
        if self.trust is not None:
            files[SIGNERS] = self.trust
        if self.arguments:
            files[ARGUMENTS] = "".join(f"{argument}\n" for argument in self.arguments).encode()
        return files


def accepted(name: str, why: str, data: bytes, trust: bytes | None = TRUST, *arguments: str) -> Case:
    """The verdict is `proved`, and a trusted key signed, where keys are looked at."""
    expected = Expected(0, verdict="proved", trusted="--any-signer" not in arguments)
    return Case(name, f"Accepted: {why}", data, expected, trust, arguments)


def invalid(name: str, why: str, data: bytes, place: str, trust: bytes = TRUST, *arguments: str) -> Case:
    """The certificate breaks a rule, or claims what does not hold."""
    expected = Expected(1, "certificate", CERTIFICATE, place)
    return Case(name, f"Refused: {why}", data, expected, trust, arguments)


def no_json(name: str, why: str, data: bytes) -> Case:
    """The file is no JSON, so no certificate at all."""
    return Case(name, f"Refused: {why}", data, Expected(2, "input", CERTIFICATE))


def refuted(name: str, why: str, data: bytes) -> Case:
    """There is a grid point on which the networks differ."""
    return Case(name, f"Refused: {why}", data, Expected(1, verdict="refuted", trusted=True))


def untrusted(name: str, why: str, data: bytes, trust: bytes = TRUST, *arguments: str) -> Case:
    """It is true, and nobody whom the auditor trusts signed it."""
    return Case(name, f"Refused: {why}", data, Expected(3, verdict="proved"), trust, arguments)


def claims_less(name: str, why: str, data: bytes) -> Case:
    """It is true, and says less than equality on the whole box."""
    return Case(name, f"Refused: {why}", data, Expected(3, verdict="proved", trusted=True))


def undecided(name: str, why: str, data: bytes) -> Case:
    """Within what the proof may spend nobody can say whether it is true."""
    return Case(name, f"Refused: {why}", data, Expected(3, verdict="undecided", trusted=True))


def bad_trust(name: str, why: str, data: bytes, trust: bytes, line: int) -> Case:
    """The file of trusted keys is not understood, so nothing is trusted."""
    return Case(name, f"Refused: {why}", data, Expected(2, "input", SIGNERS, f"line {line}"), trust)


def needing(cases: Iterable[Case], *needs: str) -> list[Case]:
    """The same cases, for implementations that cover these things besides; --any-claim is one of them."""
    return [
        replace(case, needs=(*needs, *([ANY_CLAIM] if "--any-claim" in case.arguments else []))) for case in cases
    ]
