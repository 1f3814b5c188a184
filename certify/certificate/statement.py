"""The statement: an in-toto Statement v1 about one file, and all that is needed to reach the verdict again.

There are two kinds: of an exact ticket, whose construction decides the version, and of the equivalence of two
networks. A payload of either has one form only.
Reading takes from it just what cannot be recomputed: files, names, masks, and of an equivalence the relation, the box
and what its proof may spend. Everything else it says (digests, counts, obligations, sizes) is informative to people
and worthless to an auditor, who builds the statement again and compares bytes.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeAlias

import msgspec

from certify.certificate import equivalence, exact_ticket
from certify.certificate.canonical import is_canonical
from certify.certificate.equivalence import Equivalence
from certify.certificate.exact_ticket import Subject
from certify.certificate.form import (
    CHOICES,
    EQUIVALENCE,
    EQUIVALENCE_CHOICES,
    TICKET_TYPES,
    EquivalenceStatementForm,
    TicketStatementForm,
)
from certify.errors import InputError, InvalidCertificateError
from certify.network import strict_json

AnySubject: TypeAlias = Subject | Equivalence


class _Kind(NamedTuple):
    form: type[Any]
    choices: dict[str, str]
    read_subject: Callable[[Any], AnySubject]


_TICKET = _Kind(TicketStatementForm, CHOICES, exact_ticket.read_subject)
_KINDS = {
    **dict.fromkeys(TICKET_TYPES.values(), _TICKET),
    EQUIVALENCE: _Kind(EquivalenceStatementForm, EQUIVALENCE_CHOICES, equivalence.read_subject),
}
PREDICATE_TYPES = tuple(_KINDS)


@dataclass(frozen=True, eq=False)
class Statement:
    """A payload that has been read.

    Attributes:
        payload: its own bytes.
        subject: what it claims.
        versions: those that it names.
        rlimit: of an equivalence, what its proof may spend on a question: z3's steps. A ticket's is the default.
    """

    payload: bytes
    subject: AnySubject
    versions: Mapping[str, str]
    rlimit: int | None = None


def read(payload: bytes) -> Statement:
    """Return the statement in a payload's bytes.

    Checked here: the form of everything, and that files, base network and masks are well formed and fit each other.
    Not checked here: whether what it says holds, which `certify.certificate.audit` finds out.

    Raises:
        InvalidCertificateError: with the place of the first offence.
    """
    try:
        kind = _KINDS[check_predicate_type(payload)]
        document, raw = strict_json.read_checked(payload, kind.form, kind.choices, strict_json.EXACT_IN_DOUBLES)
        check_canonical(document, payload)
        del document
        rlimit = getattr(raw.predicate.proof, "rlimit", None)
        return Statement(payload, kind.read_subject(raw), raw.predicate.versions, rlimit)
    except InputError as error:
        raise InvalidCertificateError(error.problem, f"payload.{error.place}".rstrip(".")) from None


_SHORT = 2**20
"""Bytes of a payload up to which it is looked at for better words."""


class _Typed(msgspec.Struct):
    predicateType: Any = None  # noqa: N815 - in-toto's name for it


def check_predicate_type(payload: bytes) -> str:
    """Rule: a statement's type is one of those that are read here, major version included; return it.

    Nothing else is looked at. Where there is no JSON, a key twice or another case, the strict reader says so.

    Raises:
        InputError: it is another, or there is none.
    """
    strict_json.check_bytes(payload)
    found: Any = None
    with contextlib.suppress(msgspec.DecodeError):
        found = msgspec.json.decode(payload, type=_Typed).predicateType
    if isinstance(found, str) and found in _KINDS:
        return found
    if len(payload) < _SHORT:
        strict_json.check_case(strict_json.parse(payload, strict_json.EXACT_IN_DOUBLES), TicketStatementForm)
    raise InputError(f"expected {' or '.join(_KINDS)}, found {str(found)[:80]!r}", "predicateType")


def check_canonical(document: Any, payload: bytes) -> None:
    """Rule: a payload is canonical JSON, and so the only one with its content.

    Raises:
        InputError: it is not.
    """
    if not is_canonical(document, payload):
        raise InputError("expected canonical JSON: sorted keys, no white space, UTF-8")


def first_difference(expected: Any, found: Any, place: str = "payload") -> tuple[str, str] | None:
    """Return the place where two parsed payloads first differ, and how; None where they do not."""
    if type(expected) is not type(found):
        return place, f"expected {_shorten(expected)}, found {_shorten(found)}"
    if isinstance(expected, dict):
        for key in sorted({*expected, *found}):
            if key not in expected or key not in found:
                return f"{place}.{key}", "expected such a key" if key in expected else "expected no such key"
            if difference := first_difference(expected[key], found[key], f"{place}.{key}"):
                return difference
        return None
    if isinstance(expected, list) and len(expected) == len(found):
        pairs = enumerate(zip(expected, found, strict=True))
        return next((d for i, (a, b) in pairs if (d := first_difference(a, b, f"{place}[{i}]"))), None)
    return None if expected == found else (place, f"expected {_shorten(expected)}, found {_shorten(found)}")


def _shorten(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 80 else text[:77] + "..."
