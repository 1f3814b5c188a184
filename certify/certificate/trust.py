"""Whose signatures count: OpenSSH's allowed_signers files (ssh-keygen(1), ALLOWED SIGNERS).

A line is `principals [options] ssh-ed25519 BASE64 [comment]`. The same file can serve git and ssh-keygen, so a
line whose `namespaces` leave out `certify` is about something else and is passed over, whatever its key. Every
other line has to be understood in full: an option that is unknown here could be a restriction, and to pass over a
restriction is to trust more than the file says. So unknown options, certificate authorities and other types of key
are refused by name.

What differs from OpenSSH: principals are kept as written and not matched against anything, since a certificate
names a key and no person (negated principals are refused, they name nobody); a key stands in a file only once;
dates that do not exist, such as 20250230, are refused.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime

from certify.certificate.keys import KEY_TYPE, PublicKey, read_openssh_base64
from certify.errors import InputError

NAMESPACE = "certify"
MAX_BYTES = 2**20

# Possessive: a quote that is never closed must not be tried in two ways.
_PRINCIPALS = re.compile(r'(?P<field>"[^"]*"|[^ \t"]++)(?:[ \t]++|$)')
_FIELD = re.compile(r'(?P<field>(?:"[^"]*"|[^ \t"])++)(?:[ \t]++|$)')
_OPTION = re.compile(r'(?P<name>[A-Za-z0-9-]++)(?:="(?P<value>[^"]*)")?')
_PUBLIC_LINE = re.compile(rf"{KEY_TYPE}[ \t]++AAAA")
_KEY_TYPES = re.compile(r'(?:ssh|ecdsa|sk)-[^=,"]*', re.IGNORECASE)
_OPTIONS_WITH_VALUE = ("namespaces", "valid-after", "valid-before")
_TIME = re.compile(r"([0-9]{4})([0-9]{2})([0-9]{2})(?:([0-9]{2})([0-9]{2})([0-9]{2})?)?(Z)?")


@dataclass(frozen=True)
class TrustedKey:
    """A key whose signatures count, and when.

    Attributes:
        principals: whose key it is, as the file writes it.
        key: the key.
        valid_after: the first moment at which it counts; None: no limit. Aware.
        valid_before: the last moment at which it counts; None: no limit. Aware.
    """

    principals: str
    key: PublicKey
    valid_after: datetime | None = None
    valid_before: datetime | None = None

    def why_not_at(self, at: datetime) -> str | None:
        """Return why the key does not count at the moment `at` (aware), or None when it does."""
        assert at.tzinfo is not None
        if self.valid_after is not None and at < self.valid_after:
            return f"the key is valid only from {self.valid_after.isoformat()}"
        if self.valid_before is not None and at > self.valid_before:
            return f"the key was valid only until {self.valid_before.isoformat()}"
        return None


@dataclass(frozen=True)
class Trust:
    """The keys whose signatures count, every key once."""

    keys: tuple[TrustedKey, ...]

    def __post_init__(self) -> None:
        assert len({trusted.key for trusted in self.keys}) == len(self.keys)

    @classmethod
    def of_key(cls, principal: str, key: PublicKey) -> Trust:
        """Return the trust in one key, at all times."""
        return cls((TrustedKey(principal, key),))

    def find(self, key_id: str) -> TrustedKey | None:
        """Return the key of this id, valid now or not."""
        return next((trusted for trusted in self.keys if trusted.key.key_id == key_id), None)

    def valid_at(self, at: datetime) -> tuple[TrustedKey, ...]:
        """Return the keys that count at the moment `at` (aware)."""
        return tuple(trusted for trusted in self.keys if trusted.why_not_at(at) is None)

    def merge(self, other: Trust) -> Trust:
        """Return the keys of both; what this one says of a key in both goes, its limits of time above all."""
        known = {trusted.key for trusted in self.keys}
        return Trust(self.keys + tuple(trusted for trusted in other.keys if trusted.key not in known))


def allowed_signers_line(principal: str, key: PublicKey, valid_before: datetime | None = None) -> str:
    """Return the line, without its end, that trusts `key` for certificates and nothing else, until a moment (aware).

    Raises:
        InputError: a principal that is empty, or that the file's format could read in another way.
    """
    if not principal or not principal.isprintable() or set(principal) & set(' "#!,*?'):
        raise InputError(f'expected a name without spaces or any of "#!,*?, found {principal!r}', "principal")
    until = "" if valid_before is None else f',valid-before="{valid_before.astimezone(UTC):%Y%m%d%H%M%SZ}"'
    return f'{principal} namespaces="{NAMESPACE}"{until} {key.openssh()}'


def parse_allowed_signers(data: bytes) -> Trust:
    """Return the keys that an allowed_signers file trusts for `certify`.

    Times without Z are in the system's time zone, as in OpenSSH.

    Raises:
        InputError: at the first line, such as `line 3`, that is not understood in full.
    """
    try:
        lines = data.decode("utf-8").split("\n")
    except UnicodeDecodeError as error:
        place = f"line {data.count(10, 0, error.start) + 1}"
        raise InputError(f"expected UTF-8, found byte {data[error.start]:#04x}", place) from None
    found: dict[PublicKey, tuple[int, TrustedKey]] = {}
    for number, line in enumerate(lines, start=1):
        trusted = _read_line(line.strip(" \t\r"), f"line {number}")
        if trusted is not None and trusted.key in found:
            problem = f"expected every key once, found {trusted.key.key_id} in line {found[trusted.key][0]} too"
            raise InputError(problem, f"line {number}")
        if trusted is not None:
            found[trusted.key] = (number, trusted)
    return Trust(tuple(trusted for _, trusted in found.values()))


def _read_line(line: str, place: str) -> TrustedKey | None:
    """Return the key that the line trusts, or None when it trusts none for `certify`."""
    if not line or line.startswith("#"):
        return None
    if _PUBLIC_LINE.match(line):
        expected = f'a name before the key, such as alice namespaces="{NAMESPACE}" {KEY_TYPE} …'
        raise InputError(f"expected {expected}, found a line as in OpenSSH's .pub files, without one", place)
    principals, rest = _split(_PRINCIPALS, line, "principals", place)
    field, after = _split(_FIELD, rest, "options or a type of key", place)
    options: dict[str, str] = {}
    if not _KEY_TYPES.fullmatch(field):
        options, rest = _read_options(field, place), after
    if not _namespace_matches(options.get("namespaces", NAMESPACE)):
        return None
    principals = _check_principals(principals, place)
    return TrustedKey(principals, _read_key(rest, place), *_read_validity(options, place))


def _split(pattern: re.Pattern[str], text: str, what: str, place: str) -> tuple[str, str]:
    match = pattern.match(text)
    if match is None:
        found = repr(text[:24]) if text else "the end of the line"
        raise InputError(f"expected {what}, found {found}", place)
    return match["field"], text[match.end() :]


def _check_principals(field: str, place: str) -> str:
    principals = field.strip('"')
    if not principals or not principals.isprintable():
        raise InputError(f"expected principals in printable text, found {principals[:24]!r}", place)
    if any(principal.startswith("!") for principal in principals.split(",")):
        raise InputError(f"expected principals without negation, found {principals[:24]}", place)
    return principals


def _read_options(field: str, place: str) -> dict[str, str]:
    """Return the values of an options field: `name="value"` and commas."""
    options: dict[str, str] = {}
    position = -1
    while position < len(field):
        match = _OPTION.match(field, position + 1)
        if match is None or field[match.end() : match.end() + 1] not in ("", ","):
            expected = 'options such as namespaces="certify" or a type of key'
            raise InputError(f"expected {expected}, found {field[position + 1 :][:24]!r}", place)
        name = match["name"].lower()
        options[name] = _check_option(name, match["value"], options, place)
        position = match.end()
    return options


def _check_option(name: str, value: str | None, others: dict[str, str], place: str) -> str:
    expected = ", ".join(_OPTIONS_WITH_VALUE)
    if name == "cert-authority":
        raise InputError("expected keys, found cert-authority: certificate authorities are not supported", place)
    if name not in _OPTIONS_WITH_VALUE:
        raise InputError(f"expected an option out of {expected}, found {name}", place)
    if value is None:
        raise InputError(f"expected a value in double quotes for {name}", place)
    if name in others:
        raise InputError(f"expected {name} once, found it twice", place)
    return value


def _namespace_matches(patterns: str) -> bool:
    """ssh_config(5), PATTERNS: `*` and `?` are wild, and one negated match outweighs every other."""
    matched = False
    for pattern in patterns.split(","):
        if _wild(pattern.removeprefix("!")).fullmatch(NAMESPACE):
            if pattern.startswith("!"):
                return False
            matched = True
    return matched


def _wild(pattern: str) -> re.Pattern[str]:
    parts = (re.escape(part).replace(r"\?", ".") for part in re.split(r"\*+", pattern))
    return re.compile(".*".join(parts))


def _read_key(text: str, place: str) -> PublicKey:
    key_type, rest = _split(_FIELD, text, "a type of key", place)
    if key_type != KEY_TYPE:
        raise InputError(f"expected a key of type {KEY_TYPE}, found {key_type[:48]}", place)
    encoded, _comment = _split(_FIELD, rest, "a key in base64", place)
    return read_openssh_base64(encoded, place)


def _read_validity(options: dict[str, str], place: str) -> tuple[datetime | None, datetime | None]:
    after, before = (
        _read_time(options[name], name, place) if name in options else None
        for name in ("valid-after", "valid-before")
    )
    if after is not None and before is not None and before <= after:
        raise InputError("expected valid-before later than valid-after", place)
    return after, before


def _read_time(text: str, name: str, place: str) -> datetime:
    match = _TIME.fullmatch(text)
    if match is None:
        raise InputError(f"expected {name} as YYYYMMDD[Z] or YYYYMMDDHHMM[SS][Z], found {text[:24]!r}", place)
    year, month, day, hour, minute, second = (int(group or 0) for group in match.groups()[:6])
    try:
        if match[7]:
            return datetime(year, month, day, hour, minute, second, tzinfo=UTC)
        return datetime(year, month, day, hour, minute, second).astimezone()
    except (ValueError, OverflowError):
        raise InputError(f"expected {name} to be a time that exists, found {text}", place) from None
