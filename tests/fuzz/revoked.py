"""Files of revoked keys: every line is understood, or named; a key that is revoked is found by its id."""

from __future__ import annotations

from fuzz.mutations import damage
from fuzz.target import Target

from certify.certificate.revocation import parse_revoked
from certify.errors import InputError

_KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIN2szqo6gJIQYEeMAjLp8bkGl7sqpZAcf+HO98mSAn2E"
_ID = "SHA256:5JPrQaE0KcMFldRrK69xVFN+lRJXPwDXd2o8Hln2jhk"


def check(data: bytes) -> bool:
    try:
        revoked = parse_revoked(data)
    except InputError as error:
        if not error.place.startswith("line ") and not data.startswith(b"SSHKRL"):
            raise
        return False
    for key_id in revoked.key_ids:
        assert parse_revoked(f"hash: {key_id}".encode()).key_ids == {key_id}
    return True


def seeds() -> list[bytes]:
    texts = [f"{_KEY} a comment\n# another\n\n", f"key: {_KEY}\r\nSHA256:{_KEY}#x", f"hash: {_ID} # stolen\n"]
    return [text.encode() for text in texts]


WORDS = (
    _KEY.encode(),
    _ID.encode(),
    b"hash: ",
    b"key:",
    b"sha256:",
    b"serial: 1",
    b"#",
    b"SSHKRL\n\0",
    b"ssh-rsa AAAA",
)

TARGET = Target("revoked", check, seeds, damage, WORDS)
