"""The README's commands are those that CI runs, and what it shows is what the program prints."""

from __future__ import annotations

import json
import re
from pathlib import Path

import naive

from certify.issue import Options, issue
from certify.network.target import read_target
from certify.proof.claim import Verdict

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()
BLOCKS = re.findall(r"^```(\w*)\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)


def commands():
    return [line.partition("  #")[0].rstrip() for line in BLOCKS[0][1].splitlines()]


def test_ci_runs_the_readmes_commands():
    script = (ROOT / ".ci/run").read_text().splitlines()
    assert len(commands()) == 3
    for command in commands():
        assert command in script


def test_the_run_that_is_shown(certify):
    shown = next(text for _, text in BLOCKS if text.startswith("proved: digits.json"))
    ran = certify.run(str(ROOT / "certificates/targets/digits.json"))
    assert ran.code == 0
    assert ran.out == shown


def test_the_help_that_is_shown(certify):
    shown = next(text for _, text in BLOCKS if text.startswith("Usage:"))
    # Where lines break is click's affair.
    assert certify.run("--help").out.split() == shown.split()


def test_the_example_network_and_the_python_example():
    text = next(text for kind, text in BLOCKS if kind == "json")
    target = read_target(text.encode())
    point = next(iter(naive.grid(json.loads(text))))
    assert len(naive.evaluate(json.loads(text), point)) == target.network.outputs
    proof = issue("example.json", target, Options(seed="0")).proof
    assert proof.verdict is Verdict.PROVED


def test_the_example_in_the_docs_is_the_readmes():
    text = next(text for kind, text in BLOCKS if kind == "json")
    assert text in (ROOT / "docs/formats.md").read_text()


def test_links_lead_somewhere():
    for page in [
        ROOT / "README.md",
        *ROOT.glob("*.md"),
        *ROOT.glob("docs/**/*.md"),
        *ROOT.glob("certificates/**/*.md"),
    ]:
        for link in re.findall(r"\]\(([^)#]+)\)", page.read_text()):
            assert link.startswith("https://") or (page.parent / link).exists(), f"{page}: {link}"
