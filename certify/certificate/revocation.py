"""Keys that count no more: text as sshd's RevokedKeys and `ssh-keygen -k` have it (ssh-keygen(1), KEY REVOCATION
LISTS).

A line is a public key, `ssh-ed25519 BASE64 [comment]`, the same after `key:` or `sha256:`, or `hash: SHA256:…`, a
fingerprint, which is what a certificate calls a key by. `#` begins a comment.

To pass over a line is to trust a key that somebody revoked, so every line has to be understood in full. What revokes
OpenSSH's certificates (`serial:`, `id:`) and SHA-1 have no meaning here and are refused by name, like keys of other
types; so is the binary form that `ssh-keygen -k` makes of such text.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from certify.certificate.keys import KEY_TYPE, PublicKey, read_openssh_base64
from certify.errors import InputError
from certify.network.base64_text import decode_base64

MAX_BYTES = 2**20
_BINARY = b"SSHKRL"
_DIRECTIVE = re.compile(r"(?P<name>[A-Za-z0-9]+):[ \t]*+(?P<rest>.*)")
_FINGERPRINT = re.compile(r"SHA256:(?P<digest>[A-Za-z0-9+/]{43})")
_KEY = re.compile(rf"{KEY_TYPE}[ \t]++(?P<key>[^ \t]++)(?:[ \t].*)?")


@dataclass(frozen=True)
class Revoked:
    """Keys that count no more, by key id."""

    key_ids: frozenset[str] = frozenset()

    def __contains__(self, key: PublicKey) -> bool:
        """Whether a key is among them."""
        return key.key_id in self.key_ids

    def merge(self, other: Revoked) -> Revoked:
        """Return those of both."""
        return Revoked(self.key_ids | other.key_ids)


NOBODY = Revoked()


def parse_revoked(data: bytes) -> Revoked:
    """Return the keys that a file revokes.

    Raises:
        InputError: a binary list; or at the first line, such as `line 3`, that is not understood in full.
    """
    if data.startswith(_BINARY):
        raise InputError("expected revoked keys as text, one a line, found a binary KRL, as ssh-keygen -k makes it")
    key_ids = set()
    for number, line in enumerate(data.split(b"\n"), start=1):
        place = f"line {number}"
        try:
            whole = line.decode("utf-8").strip(" \t\r")
        except UnicodeDecodeError:
            raise InputError("expected UTF-8, found other bytes", place) from None
        if "\r" in whole:
            # What follows it may be meant as a line of its own, and would be passed over in a comment.
            raise InputError("expected lines that end in a line feed, found a carriage return alone", place)
        if text := whole.partition("#")[0].strip(" \t"):
            key_ids.add(_read_line(text, place))
    return Revoked(frozenset(key_ids))


def _read_line(text: str, place: str) -> str:
    """Return the id of the key that a line revokes."""
    directive = _DIRECTIVE.fullmatch(text)
    name = directive["name"].lower() if directive else "key"
    rest = directive["rest"] if directive else text
    if name == "hash":
        return _read_fingerprint(rest, place)
    if name not in ("key", "sha256"):
        raise InputError(f"expected key:, sha256: or hash:, found {name[:24]}:", place)
    match = _KEY.fullmatch(rest)
    if match is None:
        expected = f"a public key ({KEY_TYPE} and its base64) or hash: SHA256:…"
        raise InputError(f"expected {expected}, found {rest[:24]!r}", place)
    return read_openssh_base64(match["key"], place).key_id


def _read_fingerprint(text: str, place: str) -> str:
    match = _FINGERPRINT.fullmatch(text)
    if match is None:
        raise InputError(f"expected SHA256: and 43 characters of base64, found {text[:24]!r}", place)
    decode_base64(f"{match['digest']}=", place)
    return text
