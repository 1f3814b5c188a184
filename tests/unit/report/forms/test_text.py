"""Results as text for people."""

from __future__ import annotations

import dataclasses

import pytest
from program import issued, sha256, target_bytes
from written import to_text

from certify.proof.claim import Verdict, Witness
from certify.proof.prover import Composition
from certify.report.result import Result, of_proof
from certify.report.words import points
from solvers.smt.session import Answer

PROVED = of_proof(issued().subject, issued().proof, {"subset sums": 1.234, "sweep": 0.0}, {"certify": "1", "z3": "5"})


def proof(**changes):
    return of_proof(issued().subject, dataclasses.replace(issued().proof, **changes), {}, {})


def line(result, name, **options):
    """What stands behind one name."""
    (found,) = [text for text in to_text([result], **options).splitlines() if text.startswith(f"  {name} ")]
    return found.removeprefix(f"  {name}").strip()


@pytest.mark.parametrize(
    ("factors", "text"),
    [
        ([[17, 64]], "17^64"),
        ([[5, 1], [33, 2]], "5 · 33^2"),
        ([[1, 1]], "1"),
        ([], ""),
        ([[str(2**61), 2]], f"{2**61}^2"),
    ],
)
def test_points(factors, text):
    assert points(factors) == text


def test_proved():
    subject, counts = issued().subject, issued().proof.obligations
    ticket, masks = PROVED.ticket, subject.masks
    kept = f"{sum(mask.kept for mask in masks)} of {ticket['base_parameters']} random weights kept"
    kinds = ", ".join(f"{count.count} {kind}" for kind, count in counts.items())
    assert to_text([PROVED]).splitlines() == [
        "proved: tiny.json equals its pruned random network on all 5^2 input points",
        f"  target       sha256 {sha256(target_bytes())}",
        f"  ticket       seed '0', hidden widths {subject.base.widths[0]}, {subject.base.widths[1]} (grown blocks)",
        f"  size         {kept}; {ticket['ratio']} times the lower bound (Theorem 3)",
        f"  obligations  {kinds}: all refuted by z3",
        "  besides      6 neurons over all inputs; the whole network as one formula; all 25 points swept",
    ]


def test_quiet_and_verbose():
    assert to_text([PROVED], quiet=True) == to_text([PROVED]).splitlines()[0]
    verbose = to_text([PROVED], verbose=True).splitlines()
    assert verbose[:-2] == to_text([PROVED]).splitlines()
    assert verbose[-2:] == ["  time         subset sums 1.23 s, sweep 0.00 s", "  versions     certify 1, z3 5"]


def test_several():
    both = to_text([PROVED, PROVED], quiet=True).splitlines()
    assert both == [to_text([PROVED], quiet=True)] * 2
    assert to_text([]) == ""


def test_refuted():
    witness = Witness((1, -2), (3, 4), (3, -5))
    refuted = dataclasses.replace(
        proof(verdict=Verdict.REFUTED, strategy=None, reason="the networks differ at (1, -2)", witness=witness),
        command="audit",
        certificate="c.json",
        signature="valid",
        trusted=True,
        signer={"key_id": "SHA256:x", "principals": "alice"},
    )
    lines = to_text([refuted]).splitlines()
    assert lines[0] == (
        "refuted: c.json: whether tiny.json equals its pruned random network on all 5^2 input points: "
        "the networks differ at (1, -2)"
    )
    assert lines[-3:] == [
        "  witness      input (1, -2)",
        "               target (3, 4), ticket (3, -5)",
        "  signature    valid, trusted: alice SHA256:x",
    ]
    assert line(refuted, "obligations").endswith("not all refuted by z3")
    assert "swept" not in line(refuted, "besides")


def test_long_witness_is_shortened():
    witness = Witness(tuple(range(64)), (0,), (1,))
    shown = line(proof(verdict=Verdict.REFUTED, strategy=None, reason="x", witness=witness), "witness")
    assert shown == f"input ({', '.join(map(str, range(16)))}, … 64 in all; --format json has them)"


def test_undecided():
    result = proof(verdict=Verdict.UNDECIDED, strategy=None, reason="z3 gave up")
    assert to_text([result], quiet=True) == (
        "undecided: whether tiny.json equals its pruned random network on all 5^2 input points: z3 gave up"
    )


@pytest.mark.parametrize(
    ("changes", "besides"),
    [
        ({"composition": Composition(3, 0, None)}, "3 neurons over all inputs; all 25 points swept"),
        ({"composition": Composition(3, 0, Answer.UNKNOWN)}, "3 neurons over all inputs; all 25 points swept"),
        (
            {"composition": Composition(3, 1, None), "sweep": None},
            "2 of 3 neurons over all inputs (z3 gave up on the others)",
        ),
        ({"sweep": None}, "6 neurons over all inputs; the whole network as one formula"),
        ({"composition": Composition()}, "all 25 points swept"),
    ],
    ids=["too-large-to-ask", "given-up-on-the-network", "given-up-on-a-neuron", "not-swept", "sweep-alone"],
)
def test_besides(changes, besides):
    assert line(proof(**changes), "besides") == besides


def test_nothing_besides():
    text = to_text([proof(composition=Composition(), sweep=None)])
    assert "besides" not in text
    assert "obligations" not in to_text([proof(obligations={})])


def test_fixed_blocks():
    ticket = PROVED.ticket | {"blocks": 40, "base_parameters": 1_234_567}
    result = dataclasses.replace(PROVED, ticket=ticket)
    assert line(result, "ticket").endswith("(blocks of 40 units)")
    assert "of 1,234,567 random weights" in line(result, "size")


@pytest.mark.parametrize(
    ("signature", "trusted", "signer", "shown"),
    [
        ("unchecked", False, {}, "unchecked, not trusted"),
        ("unknown signer", False, {"key_id": "SHA256:x"}, "unknown signer, not trusted: SHA256:x"),
    ],
)
def test_signature(signature, trusted, signer, shown):
    result = dataclasses.replace(PROVED, command="audit", signature=signature, trusted=trusted, signer=signer)
    assert line(result, "signature") == shown


def test_nothing_of_a_name_or_seed_reaches_the_terminal_raw():
    ticket = PROVED.ticket | {"seed": "\x1b[2J\n"}
    result = dataclasses.replace(
        PROVED, command="audit", certificate="a\n\x1b[31m", ticket=ticket, signature="unchecked"
    )
    text = to_text([result], verbose=True)
    assert all(shown.isprintable() for shown in text.splitlines())
    assert text.startswith(r"proved: a\n\x1b[31m: tiny.json")


def test_without_a_claim():
    assert (
        to_text([Result("audit", 3, verdict="undecided", reason="nothing to check")]) == "undecided: nothing to check"
    )
