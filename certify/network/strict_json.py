"""JSON from strangers: one reading only, or one error that names the place.

RFC 8259 leaves duplicate keys, number ranges and encodings to the reader, and readers that differ there are how
two programs come to see two documents in the same bytes. So this one refuses: a byte order mark, bytes that are
not UTF-8, duplicate keys, floats (`1.0` and `1e3` too), NaN and Infinity, integers outside a range, and nesting
beyond what the parser can hold. Types and unknown keys are not judged here but by msgspec, in `convert`.

`NotJsonError` says that there is no document in the bytes at all; a plain `InputError` that there is one and that
something in it is refused.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from dataclasses import dataclass
from typing import Any, TypeVar

import msgspec

from certify.errors import InputError

INT64 = (-(2**63), 2**63 - 1)
EXACT_IN_DOUBLES = (-(2**53 - 1), 2**53 - 1)
_SURROGATE_ESCAPE = re.compile(r"\\u[dD][89a-fA-F]")
_T = TypeVar("_T")


class NotJsonError(InputError):
    """The bytes are no JSON document: empty, not UTF-8, not JSON, or nested too deeply."""


@dataclass(frozen=True)
class _Refused:
    """Stands in the parsed document where something is not allowed, until its place is known."""

    problem: str


class _Hooks:
    """Callbacks of the parser; `refused` tells whether any of them left a `_Refused` behind."""

    def __init__(self, low: int, high: int) -> None:
        self.low, self.high = low, high
        self.refused = False

    def _refuse(self, problem: str) -> _Refused:
        self.refused = True
        return _Refused(problem)

    def integer(self, text: str) -> int | _Refused:
        if len(text) <= 20 and self.low <= (value := int(text)) <= self.high:
            return value
        return self._refuse(f"expected an integer from {self.low} to {self.high}, found {text[:24]}")

    def real(self, text: str) -> _Refused:
        return self._refuse(f"expected an integer, found {text[:24]}")

    def pairs(self, pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        found = dict(pairs)
        if len(found) != len(pairs):
            keys = [key for key, _ in pairs]
            times = Counter(keys)
            double = next(key for key in keys if times[key] > 1)
            found[double] = self._refuse("expected every key once, found it twice")
        return found


def parse(data: bytes, integers: tuple[int, int] = INT64) -> Any:
    """Return the document in `data`; every integer in it lies in the range `integers`.

    Raises:
        NotJsonError: the bytes are not a JSON document.
        InputError: something in the document is refused; its place names the first offence.
    """
    if not data:
        raise NotJsonError("expected a JSON document, found an empty file")
    if data.startswith(b"\xef\xbb\xbf"):
        raise NotJsonError("expected UTF-8 without a byte order mark")
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise NotJsonError(f"expected UTF-8, found byte {data[error.start]:#04x} at {error.start}") from None
    hooks = _Hooks(*integers)
    decoder = json.JSONDecoder(
        parse_int=hooks.integer,
        parse_float=hooks.real,
        parse_constant=hooks.real,
        object_pairs_hook=hooks.pairs,
    )
    try:
        document = decoder.decode(text)
    except json.JSONDecodeError as error:
        raise NotJsonError(f"expected JSON: {error.msg} at line {error.lineno}, column {error.colno}") from None
    except RecursionError:
        raise NotJsonError("expected JSON nested less deeply") from None
    if hooks.refused or _SURROGATE_ESCAPE.search(text):
        _raise_first_refused(document)
    return document


def _raise_first_refused(document: Any) -> None:
    stack: list[tuple[str, Any]] = [("", document)]
    while stack:
        place, node = stack.pop()
        if isinstance(node, _Refused):
            raise InputError(node.problem, place)
        if isinstance(node, str):
            _check_text(node, place)
        elif isinstance(node, dict):
            for key in node:
                _check_text(key, place)
            stack += [(f"{place}.{key}".lstrip("."), child) for key, child in reversed(node.items())]
        elif isinstance(node, list):
            stack += [(f"{place}[{index}]", node[index]) for index in reversed(range(len(node)))]


def _check_text(text: str, place: str) -> None:
    """Half of a surrogate pair is no character, and no UTF-8 can hold it."""
    if any("\ud800" <= character <= "\udfff" for character in text):
        raise InputError("expected text, found half of a surrogate pair", place)


_MSGSPEC_ERROR = re.compile(r"(?P<problem>.*?)(?: - at `(?:key` in `)?\$\.?(?P<place>.*)`)?", re.DOTALL)


def convert(document: Any, kind: type[_T], choices: dict[str, str] | None = None) -> _T:
    """Return `document` as a `kind` (a msgspec Struct): types, ranges and keys hold.

    Args:
        document: what `parse` returned.
        kind: the type expected.
        choices: for fields with a closed list of values, what to say was expected.

    Raises:
        InputError: with the place of the first value that does not fit.
    """
    try:
        return msgspec.convert(document, kind, strict=True)
    except (msgspec.ValidationError, RecursionError) as error:
        match = _MSGSPEC_ERROR.fullmatch(str(error))
        problem, place = (match["problem"], match["place"] or "") if match else (str(error), "")
        expected = (choices or {}).get(place.rpartition(".")[2])
        if expected and problem.startswith("Invalid"):
            found = problem.removeprefix("Invalid enum value").removeprefix("Invalid value").strip()
            problem = f"expected {expected}, found {found}"
        elif problem.startswith("Expected") and ", got " not in problem:
            problem += _found(document, place)
        raise InputError(problem[:1].lower() + problem[1:], place) from None


def _found(document: Any, place: str) -> str:
    """Return what stands at a place, to be appended to what was expected there; nothing for what is long."""
    node = document
    for key, index in re.findall(r"([^.\[\]]+)|\[(\d+)\]", place):
        try:
            node = node[key] if key else node[int(index)]
        except (KeyError, IndexError, TypeError):
            return ""
    if isinstance(node, list):
        return f", found {len(node)}"
    return f", found {str(node)[:40]}" if isinstance(node, int | str) else ""
