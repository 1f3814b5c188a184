"""`--activation`: a drawn base network of leaky ReLUs, from target to audited certificate of the second version."""

from __future__ import annotations

import pytest
from program import payload_of, signed, signing_key, target_bytes, trust_line

PROVE = ("prove", "t.json", "-o", "c.json", "--key", "alice.pem", "--activation")


@pytest.fixture
def drawn(certify):
    certify.write("t.json", target_bytes())
    certify.write("alice.pem", signing_key(1).to_pem())
    certify.write("alice.pub", trust_line(signing_key(1), "alice"))
    return certify


def audit(program, statement):
    program.write("c.json", signed(statement, signing_key(1)))
    return program("audit", "c.json", "--trust", "alice.pub", "--format", "json")


def test_proved_and_audited(drawn):
    ran = drawn(*PROVE, "leaky_relu:2", "--format", "json")
    assert (ran.code, ran.result["ticket"]["activation"]) == (0, "leaky_relu:2")
    said = payload_of((drawn.folder / "c.json").read_bytes())
    assert said["predicateType"] == "urn:certify:exact-ticket:v2"
    base = said["predicate"]["base"]
    assert (base["activation"], base["construction"]) == ("leaky_relu:2", "theorem-1")
    ran = drawn("audit", "c.json", "--trust", "alice.pub", "--cross-check", "cvc5")
    assert ran.code == 0
    assert "leaky_relu:2, hidden widths" in ran.out
    assert "leaky_relu:2, hidden widths" in drawn("show", "c.json").out
    for activation, what in WRONG.items():
        base["activation"] = activation
        ran = audit(drawn, said)
        assert (ran.code, ran.result["error"]["place"]) == (1, "payload.predicate.base.activation"), activation
        assert what in ran.result["error"]["message"]
    base["activation"] = "leaky_relu:3"
    assert audit(drawn, said).result["verdict"] != "proved"
    base["precisions"] = [{"drawn": 30, "kept": 30}] * 2
    error = audit(drawn, said).result["error"]
    assert error["place"] == "payload.predicate.base"
    assert "expected accumulators of 0 to 60 precision bits, found 62" in error["message"]
    assert "(layers[0] of the target)" in error["message"]


WRONG = {
    "relu": "expected no activation where it is relu",
    "tanh": "expected relu, or leaky_relu:A",
    "leaky_relu:0": "expected relu, or leaky_relu:A",
}


def test_a_relu_is_the_first_version(drawn):
    assert drawn(*PROVE, "relu").code == 0
    said = payload_of((drawn.folder / "c.json").read_bytes())
    assert said["predicateType"] == "urn:certify:exact-ticket:v1"
    assert "activation" not in said["predicate"]["base"]
    said["predicate"]["base"]["activation"] = "leaky_relu:2"
    ran = audit(drawn, said)
    assert (ran.code, ran.result["error"]["place"]) == (1, "payload.predicate.base.activation")


def test_an_activation_that_there_is_not(drawn):
    ran = drawn(*PROVE, "tanh")
    assert ran.code == 2
    assert "expected relu, or leaky_relu:A with A from 1 to 31" in ran.err
