"""Models that others deployed, whole: found, proved, signed, audited, and refuted again by cvc5."""

from __future__ import annotations

import json

import pytest
from program import payload_of
from tflite_models import DEPLOYED

from certify.network.target import read_target

MAX_CERTIFICATE = 2_000_000


@pytest.mark.long
@pytest.mark.compiled
def test_the_anomaly_detector(certify):
    model = DEPLOYED["mlperf_tiny_anomaly_detection"]
    name = "mlperf_tiny_anomaly_detection.int8.certificate.json"
    ran = certify.run(str(model), "--format", "json")
    assert ran.code == 0, ran.err
    written = (certify.folder / name).read_bytes()
    assert len(written) < MAX_CERTIFICATE
    target = payload_of(written)["predicate"]["target"]
    conversion = read_target(model.read_bytes()).conversion
    assert conversion is not None
    assert (target["network_sha256"], target["ends_before"]) == (conversion.network_sha256, "DEQUANTIZE")
    found = certify.run("audit", name, "--format", "json").result
    assert (found["verdict"], found["trusted"], found["exit_code"]) == ("proved", True, 0)
    assert found["claim"]["points"] == [[256, 640]]
    assert found["obligations"]["weight"]["count"] == 264_192


@pytest.mark.long
@pytest.mark.compiled
@pytest.mark.parametrize("rule", ["single", "double", "float32"])
def test_cvc5_agrees_on_the_autoencoder(certify, rule):
    arguments = ["--rule", rule, "--cross-check", "cvc5", "--workers", "2", "--format", "json"]
    ran = certify.run(str(DEPLOYED["ecg5000_autoencoder"]), *arguments)
    assert ran.code == 0, ran.err
    said = json.loads(ran.out)
    asked = sum(kind["count"] for kind in said["obligations"].values())
    assert said["checks"]["cross_check"]["agreed"] >= asked
    assert set(said["checks"]["cross_check"]["gave_up_on"]) <= {"neuron", "network"}
