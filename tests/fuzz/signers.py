"""allowed_signers files: keys are trusted, or a line is named; a line written for a key trusts that key."""

from __future__ import annotations

from datetime import UTC, datetime

from fuzz.mutations import damage
from fuzz.target import ROOT, Target

from certify.certificate.trust import Trust, allowed_signers_line, parse_allowed_signers
from certify.errors import InputError

_KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIN2szqo6gJIQYEeMAjLp8bkGl7sqpZAcf+HO98mSAn2E"
_MOMENTS = tuple(datetime(year, 6, 1, tzinfo=UTC) for year in (1, 1969, 2026, 9999))


def check(data: bytes) -> bool:
    try:
        trust = parse_allowed_signers(data)
    except InputError as error:
        if not error.place.startswith("line "):
            raise
        return False
    for trusted in trust.keys:
        _check_line(trusted.principals, trust)
        for moment in _MOMENTS:
            trusted.why_not_at(moment)
    return True


def _check_line(principals: str, trust: Trust) -> None:
    for trusted in trust.keys:
        try:
            line = allowed_signers_line(principals, trusted.key)
        except InputError:
            line = allowed_signers_line("somebody", trusted.key)
        assert parse_allowed_signers(line.encode()).keys[0].key == trusted.key


def seeds() -> list[bytes]:
    texts = [
        f"me@example.com {_KEY} a comment\n# another\n\n",
        f'"some one" namespaces="git,certify",valid-after="20250101Z",valid-before="202601011200" {_KEY}\r\n',
        f'*@x.org NAMESPACES="c*,!g?t",valid-before="20991231235959Z" {_KEY}',
        'a cert-authority ssh-rsa AAAA\nb namespaces="git" ssh-rsa AAAA\n',
    ]
    return [text.encode() for text in texts] + [(ROOT / "certificates" / "allowed_signers").read_bytes()]


WORDS = (
    *(b"ssh-ed25519 ", _KEY.encode(), b'namespaces="', b'certify"', b'valid-after="', b'valid-before="', b"20250101"),
    *(b"cert-authority", b"ssh-rsa", b"sk-ssh-ed25519@openssh.com", b"!", b"**", b"99991231235959Z", b"00010101"),
)

TARGET = Target("signers", check, seeds, damage, WORDS)
