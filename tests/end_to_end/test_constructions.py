"""Each construction from target to proof, and mutants of its masks, which are never proved."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from program import TINY, payload_of, target_bytes

from certify.base.law import CONSTRUCTIONS
from certify.base.mask import Mask, from_bits
from certify.base.prune import prune
from certify.issue import Options, find
from certify.network.compare import same_values
from certify.network.evaluate import evaluate
from certify.network.reader import read_network
from certify.proof.claim import Verdict
from certify.proof.prover import prove

TARGET = read_network(target_bytes(TINY))


def bits_of(mask: Mask):
    bits = np.zeros(mask.shape, dtype=np.bool_)
    bits[mask.rows(), mask.columns] = True
    return bits


def differs(pruned):
    box = (range(low, high + 1) for low, high in zip(TARGET.input.low, TARGET.input.high, strict=True))
    return not all(
        same_values(TARGET, pruned, evaluate(TARGET, point), evaluate(pruned, point))
        for point in itertools.product(*box)
    )


@pytest.mark.parametrize("construction", CONSTRUCTIONS)
def test_found_and_proved(construction):
    ticket = find(TARGET, Options("0", construction=construction))
    proof = prove(TARGET, prune(TARGET, ticket.base, ticket.masks))
    assert proof.verdict is Verdict.PROVED
    assert len(ticket.masks) == (3 if construction == "theorem-2" else 4)


@pytest.mark.parametrize(("name", "construction", "matrices"), [("copies", "theorem-2", 3), ("binary", "binary", 4)])
def test_a_certificate_from_a_target(certify, name, construction, matrices):
    certify.write("t.json", TINY)
    made = certify("t.json", "--construction", name, "-o", "c.json", "--format", "json")
    assert (made.code, made.result["verdict"]) == (0, "proved")
    assert certify("audit", "c.json", "--any-signer").code == 0
    predicate = payload_of((certify.folder / "c.json").read_bytes())["predicate"]
    assert predicate["base"]["construction"] == construction
    assert len(predicate["masks"]) == matrices


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        (["--construction", "copies", "--width", "1"], "of the 1 copies of a neuron gives layers[1]"),
        (["--construction", "copies", "--precision", "1,1"], "layers[1].precision_bits"),
        (["--construction", "binary", "--width", "2"], "a weight w takes |w| units"),
    ],
)
def test_refused(certify, options, problem):
    certify.write("t.json", TINY)
    ran = certify("t.json", *options)
    assert ran.code in {2, 3}
    assert problem in ran.err
    assert not (certify.folder / "t.certificate.json").exists()


def moved(chance, bits):
    """One kept edge in the place of another, in the same row."""
    kept, free = np.argwhere(bits), np.argwhere(~bits)
    row, column = kept[chance.integers(len(kept))]
    bits[row, column] = False
    others = free[free[:, 0] == row]
    bits[tuple(others[chance.integers(len(others))])] = True


def added(chance, bits):
    """One more edge to what another row reads: in a later layer of copies, one more copy of a neuron."""
    free = np.argwhere(~bits & bits.any(axis=0))
    bits[tuple(free[chance.integers(len(free))])] = True


@pytest.mark.parametrize("mutate", [moved, added])
@pytest.mark.parametrize("construction", CONSTRUCTIONS)
def test_mutants_are_not_proved(construction, mutate):
    """A mutant may be another ticket, since what it changed is read by nobody or cancels; most are not."""
    chance, ticket = np.random.default_rng(7), find(TARGET, Options("0", construction=construction))
    different = 0
    for number in range(6):
        masks = list(ticket.masks)
        place = number % len(masks) if mutate is moved else len(masks) - 1
        bits = bits_of(masks[place])
        mutate(chance, bits)
        masks[place] = from_bits(bits)
        pruned = prune(TARGET, ticket.base, masks)
        different += differs(pruned)
        assert (prove(TARGET, pruned).verdict is Verdict.REFUTED) == differs(pruned)
    assert different >= 3
