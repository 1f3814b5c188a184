"""A model that others deployed, proved, and refuted again by cvc5."""

from __future__ import annotations

import json

import pytest
from tflite_models import DEPLOYED


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
