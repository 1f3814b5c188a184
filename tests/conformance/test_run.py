"""The runner: right answers are right, and every wrong one is named, whoever gives it."""

from __future__ import annotations

import json
import shlex
import subprocess
import sys

import pytest
from conformance import run
from conformance.case import HERE

EXPECTED = json.loads((HERE / "mask_gap_of_zero_fail" / "expected.json").read_text())
SAID = {"format": "certify.result/1"} | EXPECTED


def says(code, out="", err=""):
    """A command that answers so, whatever it is asked."""
    lines = "import sys; print({!r}); sys.stderr.write({!r}); sys.exit({})"
    return [sys.executable, "-S", "-c", lines.format(out, err, code)]


ANSWERS = {
    "exit code": (says(1), "right", ""),
    "a result": (says(1, json.dumps(SAID)), "right", ""),
    "other output": (says(1, "[]"), "right", ""),
    "not covered": (says(3, "not covered: masks"), "not covered", ""),
    "not covered and wrong": (says(2, "not covered: masks"), "wrong", "exit code 2, expected 1"),
    "accepted": (says(0), "wrong", "exit code 0, expected 1"),
    "a crash": (says(1, err="Traceback (most recent call last):\n"), "wrong", "a traceback"),
    "another verdict": (says(1, json.dumps(SAID | {"verdict": "proved"})), "wrong", "verdict proved, expected None"),
    "another place": (
        says(1, json.dumps(SAID | {"error": EXPECTED["error"] | {"place": "payload"}})),
        "wrong",
        "'place': 'payload'}, expected {",
    ),
}


@pytest.mark.parametrize("name", ANSWERS)
def test_answer(name):
    command, outcome, part = ANSWERS[name]
    given = run.answer(HERE / "mask_gap_of_zero_fail", command, [])
    assert (given.outcome, part in given.says) == (outcome, True)
    assert given.seconds > 0


def test_what_a_command_gets():
    trust = ["certificate.json", "--trust", "allowed_signers"]
    for name, expected in (
        ("true_ticket", trust),
        ("trust_expired_fail", [*trust, "--at", "2026-11-22T12:00:00Z"]),
        ("any_signer", ["certificate.json", "--any-signer"]),
    ):
        assert run.arguments(HERE / name, ["another"]) == expected
        assert run.arguments(HERE / name, run.OURS) == [*expected, "--format", "json"]


def test_left_out():
    assert run.answer(HERE / "equivalence_equal", says(7), ["equivalences"]).outcome == "left out"


def test_what_is_written_is_named():
    writer = [sys.executable, "-c", "import os, pathlib; pathlib.Path(os.environ['HOME'], 'x').touch(); exit(1)"]
    assert run.answer(HERE / "mask_gap_of_zero_fail", writer, []).says == "wrote x"


def test_commands_can_be_called_anywhere(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "b.py").touch()
    assert run.absolute(["python", "a/b.py", "a/c"]) == ["python", str(tmp_path / "a" / "b.py"), "a/c"]


def program(*arguments):
    """Run the runner on one case, in a process of its own."""
    command = [sys.executable, str(HERE / "run.py"), *arguments, "file_empty_fail"]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_with_our_program():
    ran = program("--limit", "600")
    assert ran.returncode == 0, ran
    assert ran.stdout.splitlines()[0] == "1 cases: 1 right"


@pytest.mark.parametrize(("limit", "says"), [("0", "right        file_empty_fail"), ("600", "1 cases: 1 right")])
def test_with_another(limit, says):
    """Nothing is decided in no time at all, and what takes longer than it may is named."""
    ran = program("--limit", limit, "--command", shlex.join([sys.executable, "-S", "-c", "import sys; sys.exit(2)"]))
    assert ran.returncode == (limit == "0"), ran
    assert ran.stdout.splitlines()[0].endswith(says)
