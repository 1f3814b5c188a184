"""`certify plan`: what it prints, and what it refuses."""

from __future__ import annotations

import pytest

from tests.program import TINY


@pytest.mark.compiled
def test_a_plan_in_json(certify):
    certify.write("t.json", TINY)
    ran = certify("plan", "t.json", "--instances", 300, "--format", "json", "--success", 0.9)
    assert ran.code == 0
    assert ran.result["format"] == "certify.plan/1"
    options = ran.result["options"]
    assert {option["construction"] for option in options} == {"pairs", "copies", "binary"}
    best = options[ran.result["chosen"]]
    assert best["parameters"] == min(option["parameters"] for option in options)
    assert all(len(option["least_units"]) == len(option["units"]) for option in options)
    for option in options:
        assert option["at_least"] <= option["width"]
        assert option["chance"]["low"] >= 0.9


def test_binary_text(certify):
    ran = certify("plan", "--widths", "2,2", "--target-bits", 1, "--construction", "binary")
    assert ran.code == 0
    assert ran.out.startswith("plan: binary at 1 bits")
    assert "Theorem 3" in ran.out
    assert "Corollary 1" in ran.out


def test_an_impossible_wish(certify):
    ran = certify("plan", "--widths", "2,2", "--target-bits", 14, "--construction", "binary")
    assert ran.code == 3
    assert "no width reaches" in ran.out


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        ([], "expected TARGET, or --widths"),
        (["--widths", "2,2"], "with --target-bits"),
        (["--widths", "2", "--target-bits", 2], "two or more widths"),
        (["--widths", f"2,{'9' * 5000}", "--target-bits", 2], "two or more widths"),
        (["--widths", "16384,16384", "--target-bits", 2], "at most 2097152 weights, found 268435456"),
        (["--widths", "2,2", "--target-bits", 2, "--success", 1.5], "between 0 and 1"),
        (["--widths", "2,2", "--target-bits", 4, "--construction", "pairs", "--precision", 1], "at least 2 bits"),
        (["--widths", "2,2", "--target-bits", 4, "--construction", "pairs", "--precision", 12], "to simulate"),
        (["--widths", "2,2", "--target-bits", 4, "--construction", "binary", "--precision", 4], "no --precision"),
    ],
)
def test_what_is_refused(certify, arguments, problem):
    ran = certify("plan", *arguments)
    assert ran.code == 2
    assert problem in ran.err
