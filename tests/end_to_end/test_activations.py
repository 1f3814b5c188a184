"""Leaky ReLUs from the command line: in a target, and in the hidden layers of a ticket that somebody claims."""

from __future__ import annotations

import json

import pytest
from program import TINY, signing_key, target_bytes, trust_line

from certify import minimal
from certify.base.prune import prune
from certify.certificate.mask_file import write_masks
from certify.network.reader import read_network
from certify.network.steps import LeakyRelu
from certify.network.writer import write_network
from certify.ticket import find_ticket

LEAKY = {"op": "leaky_relu", "negative_shift": 2}
SHIFT = {"op": "requantize", "shift": 4, "rounding": "half_even"}
TARGET = {**TINY, "layers": [TINY["layers"][0] | {"then": [LEAKY, SHIFT]}, TINY["layers"][1] | {"then": [LEAKY]}]}


@pytest.fixture
def leaky(certify):
    certify.write("t.json", target_bytes(TARGET))
    certify.write("alice.pem", signing_key(1).to_pem())
    certify.write("alice.pub", trust_line(signing_key(1), "alice"))
    return certify


def test_a_target(leaky):
    assert leaky("prove", "t.json", "-o", "c.json", "--key", "alice.pem").code == 0
    ran = leaky("audit", "c.json", "--trust", "alice.pub", "--format", "json")
    assert (ran.code, ran.result["checks"]["strategy"]) == (0, "decomposition")
    assert "activation" not in ran.result["obligations"]
    assert minimal.main([str(leaky.folder / "c.json"), "--trust", str(leaky.folder / "alice.pub")]) == 0


def test_a_claimed_ticket(leaky):
    target = read_network(target_bytes(TARGET))
    ticket = find_ticket(target, "claimed", activation=LeakyRelu(3))
    base = write_network(prune(target, ticket.base, ticket.masks))
    leaky.write("base.json", base)
    leaky.write("m.npz", write_masks(ticket.masks))
    claim = ("audit", "--target", "t.json", "--base", "base.json", "--mask", "m.npz", "--format", "json")
    ran = leaky(*claim, "--cross-check", "cvc5", "-o", "c.json", "--key", "alice.pem")
    assert (ran.code, ran.result["verdict"], ran.result["checks"]["strategy"]) == (0, "proved", "decomposition")
    assert ran.result["obligations"]["activation"]["count"] > 0
    assert ran.result["checks"]["cross_check"]["unknown"] == 0
    assert leaky("audit", "c.json", "--trust", "alice.pub").code == 0
    for index in (0, 2):
        document = json.loads(base)
        document["layers"][index]["then"] = [LEAKY]
        leaky.write("base.json", json.dumps(document).encode())
        ran = leaky(*claim)
        assert (ran.code, ran.result["verdict"]) == (1, "refuted")
