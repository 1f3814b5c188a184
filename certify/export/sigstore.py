"""A certificate as a Sigstore bundle, version 0.3: a DSSE envelope, and by which key it is to be checked.

The format is sigstore's (`sigstore_bundle.proto`, protobuf-specs). The envelope goes in as it stands, so the
signature is the certificate's own. In place of a key there is a hint, here the key id: whoever verifies has to have
the key from elsewhere. There is no entry of a transparency log and no timestamp, as nothing was sent anywhere.

The format wants exactly one signature. Of a certificate with several a bundle has one, and loses nothing by it but
the others: each signs the same bytes.

Not checked here: the signature, and what the payload says.
"""

from __future__ import annotations

import base64

from certify.certificate.canonical import canonical
from certify.certificate.envelope import PAYLOAD_TYPE, Envelope, Signature
from certify.errors import InputError

MEDIA_TYPE = "application/vnd.dev.sigstore.bundle.v0.3+json"


def write_bundle(envelope: Envelope, signer: str | None = None) -> bytes:
    """Return the bundle's file: canonical JSON and a newline, the same bytes every time.

    Args:
        envelope: of a certificate.
        signer: the key id of the signature to take; None where there is only one.

    Raises:
        InputError: there are several signatures and none is chosen, or none is by `signer`.
    """
    signature = _choose(envelope.signatures, signer)
    bundle = {
        "mediaType": MEDIA_TYPE,
        "verificationMaterial": {"publicKey": {"hint": signature.key_id}},
        "dsseEnvelope": {
            "payload": _base64(envelope.payload),
            "payloadType": PAYLOAD_TYPE,
            "signatures": [{"keyid": signature.key_id, "sig": _base64(signature.value)}],
        },
    }
    return canonical(bundle) + b"\n"


def _choose(signatures: tuple[Signature, ...], signer: str | None) -> Signature:
    found = ", ".join(signature.key_id for signature in signatures)
    if signer is None:
        if len(signatures) != 1:
            raise InputError(f"expected --signer KEYID, as a bundle has one signature, found several: {found}")
        return signatures[0]
    for signature in signatures:
        if signature.key_id == signer:
            return signature
    raise InputError(f"expected a signature by {signer}, found {found}")


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode()
