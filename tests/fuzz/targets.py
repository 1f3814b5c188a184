"""All targets, by name."""

from __future__ import annotations

from fuzz import arrays, certificate, claims, keys, mask, network, onnx, revoked, signers, strict_json, tflite
from fuzz.target import Target

TARGETS: dict[str, Target] = {
    target.name: target
    for target in (
        strict_json.TARGET,
        network.TARGET,
        certificate.TARGET,
        certificate.STATEMENT,
        mask.TARGET,
        signers.TARGET,
        revoked.TARGET,
        keys.TARGET,
        tflite.TARGET,
        onnx.TARGET,
        arrays.TARGET,
        claims.TARGET,
    )
}
