"""What another solver said, in results: agreement is said only where it is on everything."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from program import issued
from written import to_json, to_text

from certify.proof.second_opinion import Proofs, SecondOpinion
from certify.report.result import of_proof, with_proofs_in, with_second_opinion

PROVED = of_proof(issued().subject, issued().proof, {}, {})
AGREED = SecondOpinion("cvc5", "1.4.2", 1234)
OPINIONS = {
    "all": (AGREED, 0, "cvc5 1.4.2 agrees on all 1,234 questions, each read from its text"),
    "not the network": (
        replace(AGREED, gave_up={"network": 1}),
        0,
        "cvc5 1.4.2 agrees on 1,234 of 1,235 questions and gave up on the others (1 network)",
    ),
    "not all obligations": (
        replace(AGREED, gave_up={"neuron": 3, "weight": 2}),
        3,
        "cvc5 1.4.2 agrees on 1,234 of 1,239 questions and gave up on the others (3 neuron, 2 weight)",
    ),
    "nothing": (
        replace(AGREED, agreed=0, gave_up={"bias": 1}),
        3,
        "cvc5 1.4.2 agrees on 0 of 1 questions and gave up on the others (1 bias)",
    ),
    "none": (None, 3, "none: there are no obligations for another solver to check"),
}


@pytest.mark.parametrize(("opinion", "code", "text"), OPINIONS.values(), ids=OPINIONS)
def test_what_is_said(opinion, code, text):
    result = with_second_opinion(PROVED, opinion)
    assert (result.exit_code, result.verdict) == (code, "proved")
    assert f"\n  cross-check  {text}\n" in to_text([result]) + "\n"
    assert bool(result.reason) == (code == 3)
    if code == 3:
        assert to_text([result], quiet=True).endswith(f"input points; {result.reason}")


def test_json():
    said = json.loads(to_json([with_second_opinion(PROVED, OPINIONS["not all obligations"][0])]))
    assert said["checks"]["cross_check"] == {
        "solver": "cvc5",
        "version": "1.4.2",
        "agreed": 1234,
        "unknown": 5,
        "gave_up_on": {"neuron": 3, "weight": 2},
        "proofs": None,
    }
    assert json.loads(to_json([with_second_opinion(PROVED, None)]))["checks"]["cross_check"] is None
    assert "cross_check" not in json.loads(to_json([PROVED]))["checks"]


@pytest.mark.parametrize("code", [1, 2, 3])
@pytest.mark.parametrize("opinion", [None, AGREED, replace(AGREED, gave_up={"weight": 1})])
def test_no_exit_code_gets_better(opinion, code):
    worse = replace(PROVED, exit_code=code, reason="because")
    result = with_second_opinion(worse, opinion)
    assert (result.exit_code, result.reason) == (code, "because")


@pytest.mark.parametrize(
    ("proofs", "text"),
    [
        (Proofs(1200), "; 1,200 proofs in x.alethe, none with a hole"),
        (Proofs(7, {"network": 1}), "; 7 proofs in x.alethe, some with holes that no checker can check (1 network)"),
    ],
)
def test_proofs(proofs, text):
    result = with_proofs_in(with_second_opinion(PROVED, replace(AGREED, proofs=proofs)), "x.alethe")
    assert f"each read from its text{text}\n" in to_text([result]) + "\n"
    said = json.loads(to_json([result]))["checks"]["cross_check"]["proofs"]
    assert said == {"file": "x.alethe", "written": proofs.written, "with_holes": dict(proofs.with_holes)}
