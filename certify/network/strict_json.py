"""JSON from strangers: one reading only, or one error that names the place.

RFC 8259 leaves duplicate keys, number ranges and encodings to the reader, and readers that differ there are how
two programs come to see two documents in the same bytes. So this one refuses, each by a rule of its own: a byte order
mark, bytes that are not UTF-8, more depth or values than `json_limits` has, duplicate keys, floats (`1.0` and `1e3`
too), NaN and Infinity, integers outside a range, halves of surrogate pairs. Types and unknown keys are judged by
msgspec, in `convert`; names in another case than they have are told from unknown ones.

`NotJsonError` says that there is no document in the bytes at all; a plain `InputError` that there is one and that
something in it is refused.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Hashable
from dataclasses import dataclass
from functools import cache
from typing import Any, TypeVar, cast

import msgspec
from msgspec import inspect

from certify.errors import InputError
from certify.network.json_limits import TooDeepError, check_limits

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
        """Rule: integers lie in a range; of a longer one no digit is read."""
        if len(text) <= 20 and self.low <= (value := int(text)) <= self.high:
            return value
        return self._refuse(f"expected an integer from {self.low} to {self.high}, found {text[:24]}")

    def real(self, text: str) -> _Refused:
        """Rule: no floats, and nothing that JSON has no name for."""
        return self._refuse(f"expected an integer, found {text[:24]}")

    def pairs(self, pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        """Rule: every key once."""
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
    check_bytes(data)
    return _parse(data, integers)


def _parse(data: bytes, integers: tuple[int, int]) -> Any:
    text = decode(data)
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
    if hooks.refused or ("\\u" in text and _SURROGATE_ESCAPE.search(text)):
        _raise_first_refused(document)
    return document


def read(
    data: bytes, kind: type[_T], choices: dict[str, str] | None = None, integers: tuple[int, int] = INT64
) -> tuple[Any, _T]:
    """Return the document in `data`, and the same as a `kind` (a msgspec Struct).

    Raises:
        NotJsonError: the bytes are not a JSON document.
        InputError: something in it is refused, or does not fit; its place names the first offence.
    """
    check_bytes(data)
    return read_checked(data, kind, choices, integers)


def read_checked(
    data: bytes, kind: type[_T], choices: dict[str, str] | None = None, integers: tuple[int, int] = INT64
) -> tuple[Any, _T]:
    """Return the same of bytes that went through `check_bytes`."""
    document = _parse(data, integers)
    return document, convert(document, kind, choices)


def check_bytes(data: bytes) -> None:
    """Check what can be seen before parsing: that there is something, and no more depth or values than are read.

    Raises:
        NotJsonError: nothing is there, or it begins with a byte order mark, or is nested too deeply.
        InputError: too many values.
    """
    _check_not_empty(data)
    _check_no_mark(data)
    try:
        check_limits(data)
    except TooDeepError as error:
        raise NotJsonError(error.problem) from None


def _check_not_empty(data: bytes) -> None:
    if not data:
        raise NotJsonError("expected a JSON document, found an empty file")


def _check_no_mark(data: bytes) -> None:
    if data.startswith(b"\xef\xbb\xbf"):
        raise NotJsonError("expected UTF-8 without a byte order mark")


def decode(data: bytes) -> str:
    """Return UTF-8 as text.

    Raises:
        NotJsonError: it is none.
    """
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise NotJsonError(f"expected UTF-8, found byte {data[error.start]:#04x} at {error.start}") from None


def read_text(quoted: memoryview, place: str) -> str:
    """Return the text between two quotes, which are there too, with its escapes resolved.

    Raises:
        InputError: it is none.
    """
    try:
        return msgspec.json.decode(quoted, type=str)
    except msgspec.DecodeError as error:
        raise InputError(f"expected a text in JSON: {error}", place) from None


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


_SAID = 200
_MSGSPEC_ERROR = re.compile(r"(?P<problem>.*?)(?: - at `(?:key` in `)?\$\.?(?P<place>.*)`)?", re.DOTALL)


def convert(document: Any, kind: type[_T], choices: dict[str, str] | None = None) -> _T:
    """Return `document` as a `kind` (a msgspec Struct): types, ranges and keys hold.

    Args:
        document: what `parse` returned.
        kind: the type expected.
        choices: for fields with a closed list of values, what to say was expected.

    Raises:
        InputError: with the place of the first value that does not fit, or of a name in another case than it has.
    """
    try:
        return msgspec.convert(document, kind, strict=True)
    except msgspec.ValidationError as error:
        check_case(document, kind)
        raise _as_input_error(error, choices, document) from None


def _as_input_error(error: Exception, choices: dict[str, str] | None, document: Any) -> InputError:
    said = str(error)
    # What was found is in it, at any length; the place is at the end.
    said = said if len(said) <= 2 * _SAID else f"{said[:_SAID]}…{said[-_SAID:]}"
    match = _MSGSPEC_ERROR.fullmatch(said)
    problem, place = (match["problem"], match["place"] or "") if match else (said, "")
    expected = (choices or {}).get(place.rpartition(".")[2])
    if expected and problem.startswith("Invalid"):
        found = problem.removeprefix("Invalid enum value").removeprefix("Invalid value").strip()
        problem = f"expected {expected}, found {found}"
    elif problem.startswith("Expected") and ", got " not in problem:
        problem += _found(document, place)
    return InputError(problem[:1].lower() + problem[1:], place)


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


def check_case(document: Any, kind: type[Any]) -> None:
    """Check that no name of a `kind` stands in a document in another case: readers that ignore case would take it.

    Only of documents that are refused, to say why: in one that fits, every key is a known name already.

    Raises:
        InputError: names the first.
    """
    names = {name.casefold(): name for name in sorted(_names(cast("Hashable", kind)))}
    known = set(names.values())
    stack: list[tuple[str, Any]] = [("", document)]
    while stack:
        place, node = stack.pop()
        if isinstance(node, dict):
            for key in node:
                if key not in known and key.casefold() in names:
                    raise InputError(f"expected `{names[key.casefold()]}`, found `{key}`", place)
            stack += [(f"{place}.{key}".lstrip("."), node[key]) for key in reversed(node)]
        elif isinstance(node, list):
            nested = [index for index, child in enumerate(node) if isinstance(child, dict | list)]
            stack += [(f"{place}[{index}]", node[index]) for index in reversed(nested)]


@cache
def _names(kind: Hashable) -> frozenset[str]:
    """Return all names of fields, tags' fields too, in a type and in what it consists of."""
    found: set[str] = set()
    seen: list[Any] = []
    waiting: list[Any] = [inspect.type_info(kind)]
    while waiting:
        node = waiting.pop()
        if isinstance(node, inspect.StructType):
            if node.cls in seen:
                continue
            seen.append(node.cls)
            found |= {field.encode_name for field in node.fields} | ({node.tag_field} if node.tag_field else set())
            waiting += [field.type for field in node.fields]
        for name in ("types", "item_types"):
            waiting += getattr(node, name, ())
        for name in ("item_type", "key_type", "value_type", "type"):
            waiting += [getattr(node, name)] if isinstance(getattr(node, name, None), inspect.Type) else []
    return frozenset(found)
