"""A second opinion from the command line: exports that other programs run, cross-checks, proofs, and failures."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest
import z3
from program import certificate, sha256, signing_key, target_bytes
from terminal import OnTerminal, assert_session_ends, children, kill_children, large

from certify.cli import export, second_opinion
from certify.errors import InputError
from certify.proof import questions
from solvers.smt import cvc5_session
from solvers.smt.session import Answer

ALICE = signing_key(1)
ANY = ("--any-signer",)
CROSS = ("--cross-check", "cvc5")


@pytest.fixture
def prepared(certify):
    certify.write("key.pem", ALICE.to_pem())
    certify.write("tiny.json")
    certify.write("c.json", certificate(ALICE))
    return certify


def expected_in(text):
    return [line.split()[-1][:-1] for line in text.splitlines() if line.startswith("(set-info :status")]


# Export.


def test_export_of_a_certificate(prepared):
    ran = prepared("export", "c.json", "--format", "smtlib")
    assert (ran.code, ran.err) == (0, "")
    expected = expected_in(ran.out)
    assert f"; sha256 of the target file: {sha256(target_bytes())}\n" in ran.out
    assert expected.count("unsat") > 30
    assert [reply.answer.value for reply in cvc5_session.answers(ran.out).replies] == expected
    assert z3.Z3_eval_smtlib2_string(z3.Context().ref(), ran.out).split() == expected


def test_z3s_own_program_runs_it(prepared):
    assert prepared("export", "c.json", "--format", "smtlib", "-o", "c.smt2").code == 0
    program = Path(sys.executable).with_name("z3")
    ran = subprocess.run([program, "c.smt2"], cwd=prepared.folder, capture_output=True, text=True, check=True)
    assert ran.stdout.split() == expected_in((prepared.folder / "c.smt2").read_text())


def test_export_of_a_target_is_that_of_its_certificate(prepared):
    """The same ticket is found, and so the same text comes out; into a file as to standard output."""
    of_certificate = prepared("export", "c.json", "--format", "smtlib")
    of_target = prepared("export", "tiny.json", "--format", "smtlib")
    assert of_target == of_certificate
    written = prepared("export", "tiny.json", "--format", "smtlib", "-o", "t.smt2")
    assert (written.code, written.out, written.err) == (0, "", "wrote t.smt2\n")
    assert (prepared.folder / "t.smt2").read_text() == of_target.out
    other = prepared("export", "tiny.json", "--format", "smtlib", "--seed", "two")
    assert "seed of the random network: 'two'" in other.out
    assert other.out != of_target.out


def test_export_needs_no_signature_and_no_true_proof(prepared):
    document = json.loads(certificate(ALICE))
    document["signatures"][0]["sig"] = "A" * 86 + "=="
    prepared.write("unsigned.json", document)
    assert (
        prepared("export", "unsigned.json", "--format", "smtlib").out
        == prepared("export", "c.json", "--format", "smtlib").out
    )


EXPORTS_REFUSED = {
    "no format": (["c.json"], "Missing option '--format'"),
    "another format": (["c.json", "--format", "nnef"], "'nnef' is not"),
    "no such file": (["none.json", "--format", "smtlib"], "expected a certificate or a target, found no such file"),
    "neither": (["key.pem", "--format", "smtlib"], "key.pem: "),
    "half a certificate": (["half.json", "--format", "smtlib"], "half.json: "),
    "a seed for a certificate": (
        ["c.json", "--format", "smtlib", "--seed", "1"],
        "expected no choices about the ticket",
    ),
    "onto itself": (["c.json", "--format", "smtlib", "-o", "c.json"], "found what is exported itself"),
    "no such folder": (["c.json", "--format", "smtlib", "-o", "none/x"], "expected a folder to write to"),
}


@pytest.mark.parametrize(("arguments", "problem"), EXPORTS_REFUSED.values(), ids=EXPORTS_REFUSED)
def test_exports_that_are_refused(prepared, arguments, problem):
    prepared.write("half.json", {"payload": "AAAA"})
    before = prepared.files()
    ran = prepared("export", *arguments)
    assert (ran.code if "half" not in arguments[0] else 2, ran.out) == (2, "")
    assert problem in ran.error
    assert prepared.files() == before


def test_export_of_a_ticket_that_does_not_decompose(prepared, monkeypatch):
    monkeypatch.setattr("certify.proof.conditions.MAX_BITS", 3)
    ran = prepared("export", "c.json", "--format", "smtlib", "-o", "x.smt2")
    assert ran.code == 2
    assert "expected a ticket that is proved by obligations, found one that is not: pair 0: numbers of" in ran.error
    assert not (prepared.folder / "x.smt2").exists()


def test_export_that_nobody_reads(prepared):
    with Path("/dev/full").open("wb") as full:
        ran = prepared.run("export", "c.json", "--format", "smtlib", stdout=full)
    assert (ran.code, ran.error) == (2, "certify: the result cannot be written: No space left on device")


def test_export_is_streamed(prepared, monkeypatch):
    """However many questions there are, no more of them are held than a piece has."""
    monkeypatch.setattr(export, "_PIECE", 1000)
    pieces = []
    monkeypatch.setattr(export, "write", lambda text: pieces.append(text) or True)
    assert prepared("export", "c.json", "--format", "smtlib").code == 0
    assert len(pieces) > 10
    assert max(map(len, pieces)) < 5000


# Cross-check.


def test_prove_with_a_cross_check(prepared):
    ran = prepared.run("tiny.json", "--key", "key.pem", "-o", "new.json", *CROSS, "--format", "json")
    said = ran.result["checks"]["cross_check"]
    assert (ran.code, ran.result["verdict"]) == (0, "proved")
    assert (said["solver"], said["unknown"], said["gave_up_on"], said["proofs"]) == ("cvc5", 0, {}, None)
    text = prepared("export", "new.json", "--format", "smtlib").out
    assert said["agreed"] == len(expected_in(text))
    # The payload says nothing of it.
    assert (prepared.folder / "new.json").read_bytes() == certificate(ALICE)


def test_audit_with_a_cross_check(prepared):
    ran = prepared("audit", "c.json", *ANY, *CROSS)
    assert ran.code == 0
    assert "\n  cross-check  cvc5 1." in ran.out
    assert " questions, each read from its text\n" in ran.out


@pytest.mark.parametrize("workers", ["1", "2"])
def test_in_other_processes(prepared, monkeypatch, workers):
    """This one never hears an answer."""
    monkeypatch.setattr(cvc5_session, "_reply", None)
    assert prepared("audit", "c.json", *ANY, *CROSS, "--workers", workers).code == 0


def test_cvc5_is_not_installed(prepared, monkeypatch):
    monkeypatch.setattr(cvc5_session, "find_spec", lambda _name: None)
    before = prepared.files()
    for arguments in (["tiny.json", "--key", "key.pem"], ["audit", "c.json", *ANY]):
        ran = prepared(*arguments, *CROSS)
        assert (ran.code, ran.out) == (2, "")
        assert ran.error.endswith("--cross-check: expected cvc5, found none: pip install 'certify[cvc5]'")
    assert prepared.files() == before


def test_proofs_are_cvc5s(prepared):
    ran = prepared("audit", "c.json", "--proof", "alethe")
    assert ran.code == 2
    assert "expected --cross-check cvc5 with --proof: the proofs are cvc5's" in ran.error


def change_questions(monkeypatch, kind, change):
    """Have cvc5 read other text than z3's formulas are, for the first question of a kind."""
    real = questions.Question.text
    changed = []

    def text(question):
        if question.kind == kind and not changed:
            changed.append(question.name)
            return change(real(question))
        return real(question)

    monkeypatch.setattr(questions.Question, "text", text)
    return changed


@pytest.mark.parametrize("command", ["prove", "audit"])
def test_disagreement(prepared, monkeypatch, command):
    """An internal error that leaves what each solver was given, and no certificate."""
    changed = change_questions(monkeypatch, "weight", lambda text: text.replace("(assert (dis", "; (assert (dis"))
    before = {path.name for path in prepared.folder.iterdir()}
    arguments = (
        ["tiny.json", "--key", "key.pem", "-o", "new.json"] if command == "prove" else ["audit", "c.json", *ANY]
    )
    ran = prepared(*arguments, *CROSS, "--format", "json")
    assert ran.code == 2
    assert ran.result["error"]["kind"] == "internal"
    (left,) = {path.name for path in prepared.folder.iterdir()} - before
    assert (
        f"{changed[0]}: z3 and cvc5 disagree: expected unsat, found sat; what each of them was given is in {left}"
        in ran.error
    )
    record = (prepared.folder / left).read_text()
    assert left == f"certify-disagreement-{sha256(record.encode())[:12]}.smt2"
    assert record.startswith(f"; Found while tiny.json was proved, sha256 {sha256(target_bytes())}.\n; cvc5 1.")
    assert "\n; (assert (distinct " in record
    assert "; The formulas that z3 was given, as z3 prints them:\n; (and (<= 0 " in record
    assert [reply.answer for reply in cvc5_session.answers(record).replies] == [Answer.SAT]


def test_disagreement_that_cannot_be_left(prepared, monkeypatch):
    change_questions(monkeypatch, "range", lambda text: text.replace("(assert ", "(assert false)\n(assert "))

    def full(*_):
        raise InputError("the disk is full")

    monkeypatch.setattr(second_opinion, "write_atomic", full)
    ran = prepared("audit", "c.json", *ANY, *CROSS)
    assert ran.code == 2
    assert (
        "expected sat, found unsat; what each of them was given cannot be left in certify-disagreement-" in ran.error
    )


def test_a_ticket_without_obligations_is_less_than_was_asked(prepared, monkeypatch):
    """The sweep proves it; there is nothing for cvc5 to check, and so not everything asked holds."""
    monkeypatch.setattr("certify.proof.conditions.MAX_BITS", 3)
    ran = prepared("tiny.json", "--key", "key.pem", "-o", "new.json", *CROSS, "--format", "json")
    assert (ran.code, ran.result["verdict"], ran.result["checks"]["strategy"]) == (3, "proved", "sweep")
    assert ran.result["checks"]["cross_check"] is None
    assert ran.result["reason"] == "there are no obligations for another solver to check"
    assert not (prepared.folder / "new.json").exists()


# Proofs.


def test_proofs_are_written(prepared):
    ran = prepared("audit", "c.json", *ANY, *CROSS, "--proof", "alethe", "--format", "json")
    said = ran.result["checks"]["cross_check"]
    assert (ran.code, said["proofs"]["file"]) == (0, "c.alethe")
    text = (prepared.folder / "c.alethe").read_text()
    script = prepared("export", "c.json", "--format", "smtlib").out
    assert said["proofs"]["written"] == expected_in(script).count("unsat")
    names = [line for line in text.splitlines() if line.startswith("; ")]
    assert names == [
        name
        for name, status in zip(
            [
                before
                for before, line in zip(script.splitlines(), script.splitlines()[1:], strict=False)
                if line == "(push 1)"
            ],
            expected_in(script),
            strict=True,
        )
        if status == "unsat"
    ]
    assert len(re.findall(r"^\(step t\d+ \(cl\) ", text, re.MULTILINE)) == len(names)
    assert sum(said["proofs"]["with_holes"].values()) == sum(":rule hole" in part for part in text.split("\n; "))


def test_proofs_beside_a_new_certificate(prepared):
    """Named after the certificate, in the current folder; none are left where the run fails."""
    (prepared.folder / "into").mkdir()
    ran = prepared("tiny.json", "--key", "key.pem", "-o", "into/new.json", *CROSS, "--proof", "alethe")
    assert (ran.code, (prepared.folder / "new.alethe").exists()) == (0, True)
    assert " proofs in new.alethe" in ran.out


def test_no_proofs_are_left_by_a_run_that_fails(prepared, monkeypatch):
    change_questions(monkeypatch, "bias", lambda text: text.replace("(assert ", "(assert true)\n; (assert "))
    ran = prepared("audit", "c.json", *ANY, *CROSS, "--proof", "alethe")
    assert (ran.code, (prepared.folder / "c.alethe").exists()) == (2, False)


def test_proofs_that_have_no_place(prepared):
    (prepared.folder / "c.alethe").mkdir()
    ran = prepared("audit", "c.json", *ANY, *CROSS, "--proof", "alethe")
    assert (ran.code, ran.out) == (2, "")
    assert ran.error == "certify: c.alethe: expected a place to write to, found a directory"


# Runs that are cut short.


@pytest.fixture
def asking(prepared):
    """A run on a terminal that has begun to ask cvc5."""
    prepared.write("large.json", large(units=32))
    run = OnTerminal(prepared, "large.json", "--key", "key.pem", "-o", "out.json", *CROSS, "--proof", "alethe")
    run.wait_for(b"cvc5")
    return run


def assert_nothing_is_left(folder):
    assert not {path.name for path in folder.iterdir()} & {"out.json", "out.alethe"}
    assert not list(folder.glob(".certify-*"))


def test_a_child_that_is_killed_is_replaced(prepared):
    prepared.write("large.json", large(units=4))
    asking = OnTerminal(prepared, "large.json", "--key", "key.pem", "-o", "out.json", *CROSS)
    asking.wait_for(b"cvc5")
    while not (begun := children(asking.process.pid)):
        pass
    os.kill(begun[0], signal.SIGKILL)
    code, out = asking.end()
    assert code == 0, asking.seen
    assert b"cvc5 1." in out
    assert_session_ends(asking.process.pid)


def test_children_that_are_all_killed(prepared, asking):
    """The run fails, and says at what."""
    killing = threading.Thread(target=kill_children, args=[asking.process])
    killing.start()
    code, out = asking.end()
    killing.join()
    assert (code, out) == (2, b"")
    assert re.search(rb"cvc5: pair \d: .*: not decided, as two worker processes died at it", asking.seen)
    assert_nothing_is_left(prepared.folder)
    assert_session_ends(asking.process.pid)


def test_interrupt_while_cvc5_is_asked(prepared, asking):
    os.killpg(asking.process.pid, signal.SIGINT)
    code, out = asking.end()
    assert (code, out) == (130, b"")
    assert b"certify: interrupted\r\n" in asking.seen
    assert b"Traceback" not in asking.seen
    assert_session_ends(asking.process.pid)
    assert not {"out.json", "out.alethe"} & {path.name for path in prepared.folder.iterdir()}


def test_children_end_with_a_killed_parent(asking):
    asking.process.kill()
    assert asking.end() == (-signal.SIGKILL, b"")
    assert_session_ends(asking.process.pid)
