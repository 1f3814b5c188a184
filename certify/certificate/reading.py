"""Reading a certificate: its envelope, who signed it, and the statement in it. Nothing is proved here.

The steps are in this order so that the cheapest is first: what is around the payload, the signatures of those who are
known, what it says, and then whether strangers' signatures are what they seem, which may be tried with many keys. No
step rests on another's result: that nobody trusted signed is found, and the statement read.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from certify.certificate import envelope, statement
from certify.certificate.revocation import Revoked
from certify.certificate.statement import Statement

if TYPE_CHECKING:
    # What verifies signatures is loaded only where there is one to verify.
    from certify.certificate.signatures import SignatureCheck
    from certify.certificate.trust import Trust


@dataclass(frozen=True, eq=False)
class Received:
    """A certificate that has been read.

    Attributes:
        signature: who signed; None where signatures were not to be checked.
        statement: what it says.
    """

    signature: SignatureCheck | None
    statement: Statement


def read(data: bytes, trust: Trust | None, at: datetime, revoked: Revoked) -> Received:
    """Return what a certificate's bytes say, and who signed that.

    Args:
        data: the certificate.
        trust: the keys that count; None leaves signatures unchecked.
        at: the moment, aware, at which their validity is judged.
        revoked: keys that count no more, whatever `trust` says of them.

    Raises:
        InputError: the bytes are not JSON, so no certificate at all, or too large.
        InvalidCertificateError: the certificate breaks a rule.
    """
    enclosed = envelope.read(data)
    del data
    if trust is None:
        return Received(None, statement.read(enclosed.payload))
    from certify.certificate.signatures import check_own, check_strangers  # noqa: PLC0415 - slow to load

    signature = check_own(enclosed, trust, at, revoked)
    said = statement.read(enclosed.payload)
    check_strangers(enclosed, trust)
    return Received(signature, said)
