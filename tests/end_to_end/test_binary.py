"""Binary networks: weights 1 and -1, units that step or give a sign, as targets and against each other."""

from __future__ import annotations

import random
from itertools import pairwise

import pytest
from program import signing_key, trust_line

ALICE = signing_key(1)


def binary(step, low, sizes, seed):
    """A network of random weights 1 and -1, all of whose units but the last step or give a sign."""
    rng = random.Random(seed)
    layers = [
        {
            "op": "dense",
            "precision_bits": 0,
            "weights": [[rng.choice([-1, 1]) for _ in range(inputs)] for _ in range(outputs)],
            "bias": [rng.randint(-2, 2) for _ in range(outputs)],
            "then": [{"op": step}],
        }
        for inputs, outputs in pairwise(sizes)
    ]
    box = {"shape": [sizes[0]], "low": low, "high": 1, "precision_bits": 0}
    return {"format": "certify.network/1", "input": box, "layers": [*layers[:-1], layers[-1] | {"then": []}]}


def with_signs(document):
    """The same function with units that give a sign, 2·step - 1, and what follows written for them, times 2."""
    first, second = document["layers"]
    sums = [sum(row) for row in second["weights"]]
    bias = [2 * b + total for b, total in zip(second["bias"], sums, strict=True)]
    # Values are compared, so twice the integers at one bit more of precision are the same.
    signed = [first | {"then": [{"op": "sign"}]}, second | {"precision_bits": 1, "bias": bias}]
    return document | {"layers": signed}


@pytest.fixture
def keys(certify):
    certify.write("key.pem", ALICE.to_pem())
    certify.write("key.pub", trust_line(ALICE, "alice"))
    return certify


@pytest.mark.parametrize(("step", "low"), [("step", 0), ("sign", -1)])
def test_a_ticket_of_a_binary_network(keys, step, low):
    keys.write("binary.json", binary(step, low, [6, 9, 2], seed=step))
    assert keys("binary.json", "--key", "key.pem").code == 0
    ran = keys("audit", "binary.certificate.json", "--trust", "key.pub", "--format", "json")
    assert (ran.code, ran.result["verdict"], ran.result["checks"]["strategy"]) == (0, "proved", "decomposition")
    assert ran.result["obligations"]["steps"]["count"] == 2


def test_two_binary_networks(keys):
    """20 inputs of two values and 180 weights: more than is swept first."""
    document = binary("step", 0, [20, 15, 2], seed=7)
    keys.write("steps.json", document)
    keys.write("signs.json", with_signs(document))
    ran = keys("equal", "steps.json", "signs.json", "--format", "json")
    assert (ran.code, ran.result["checks"]["strategy"]) == (0, "merging")
    wrong = with_signs(document)
    wrong["layers"][1]["bias"][1] += 1
    keys.write("wrong.json", wrong)
    ran = keys("equal", "steps.json", "wrong.json", "--format", "json")
    assert (ran.code, ran.result["verdict"]) == (1, "refuted")
    assert ran.result["witness"]["right"][1] == 2 * ran.result["witness"]["left"][1] + 1
