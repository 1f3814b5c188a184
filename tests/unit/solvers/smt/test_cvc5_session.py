"""Asking cvc5: what each of its answers becomes, and that giving up or failing is never taken for a refutation."""

from __future__ import annotations

import sys

import pytest

from solvers.smt import cvc5_session
from solvers.smt.cvc5_session import Reply, UnansweredError, answers
from solvers.smt.session import Answer
from solvers.smt.smtlib import PREAMBLE, commands


def asked(*questions, status=Answer.UNSAT):
    return PREAMBLE + "".join(commands("a question", write, status) for write in questions)


def differ(left, right):
    """left·x ≠ right·x for x in 0..9."""

    def write(words):
        x = words.variable("x")
        return [words.within(x, 0, 9), words.differ(words.times(left, x), words.times(right, x))]

    return write


def cubes(words):
    """x³ + y³ + z³ = 4: no budget of some thousand steps decides it."""
    return [
        "(let ((cube 4)) (= (+ (* x x x) (* y y y) (* z z z)) cube))",
        *(f"(< {words.variable(n)} 999)" for n in "xyz"),
    ]


def test_answers_come_in_order():
    found = answers(asked(differ(2, 2), differ(2, 3), differ(0, 0)))
    assert found.replies == (Reply(Answer.UNSAT), Reply(Answer.SAT), Reply(Answer.UNSAT))
    assert found.version.split(".")[0].isdigit()


def test_an_answer_alone_has_no_proof():
    assert Reply(Answer.SAT) == Reply(Answer.SAT, "", 0)


def test_the_default_budget():
    """What it gives up on depends on it, so it is the same in every version."""
    assert cvc5_session.RLIMIT == 400_000


def test_the_logic_is_that_of_the_text():
    """Products of variables are not in QF_LIA."""
    with pytest.raises(UnansweredError, match="non-linear"):
        answers(asked(cubes))


def test_no_questions():
    assert answers(PREAMBLE).replies == ()


def test_nothing_is_left_of_one_question_for_the_next():
    """Each declares its own x; the first would be contradicted by the second."""
    low, high = (lambda w: [w.within(w.variable("x"), 0, 1)]), (lambda w: [w.within(w.variable("x"), 5, 6)])
    assert [reply.answer for reply in answers(asked(low, high)).replies] == [Answer.SAT] * 2


@pytest.mark.parametrize("status", [Answer.SAT, Answer.UNSAT])
def test_the_expected_answer_is_no_answer(status):
    assert answers(asked(differ(1, 2), differ(1, 1), status=status)).replies == (
        Reply(Answer.SAT),
        Reply(Answer.UNSAT),
    )


def test_a_budget_that_runs_out_is_unknown():
    text = asked(cubes, differ(1, 1)).replace("QF_LIA", "QF_NIA")
    assert [reply.answer for reply in answers(text, 1000).replies] == [Answer.UNKNOWN, Answer.UNSAT]


@pytest.mark.parametrize("rlimit", [1, 10, 100, 1000])
def test_no_budget_turns_what_holds_into_a_refutation(rlimit):
    holds, fails = answers(asked(differ(15, 16), differ(15, 15)), rlimit).replies
    assert holds.answer in {Answer.SAT, Answer.UNKNOWN}
    assert fails.answer in {Answer.UNSAT, Answer.UNKNOWN}


NOT_TAKEN = {
    "no command": "(asert true)",
    "no such variable": "(push 1)(assert (< x 3))(check-sat)",
    "cut short": "(push 1)(declare-const x Int)(assert (< x",
    "no integer": "(push 1)(declare-const x Int)(assert x)(check-sat)",
    "two of one name": "(declare-const x Int)(declare-const x Int)(check-sat)",
    "nothing to pop": "(pop 1)",
    "another logic later": "(check-sat)(set-logic QF_LIA)",
}


@pytest.mark.parametrize("text", NOT_TAKEN.values(), ids=NOT_TAKEN)
def test_what_cvc5_does_not_take(text):
    with pytest.raises(UnansweredError, match=r"\w"):
        answers(PREAMBLE + text)


def test_proofs():
    refuted, found = answers(asked(differ(6, 6), differ(6, 7)), proofs=True).replies
    assert refuted.answer is Answer.UNSAT
    lines = refuted.proof.splitlines()
    assert (lines[0], lines[-1]) == ("(", ")")
    assert sum(line.startswith("(assume ") for line in lines) == 2
    assert lines[-2].startswith("(step t")
    assert "(cl)" in lines[-2]
    assert refuted.holes == 0
    assert found == Reply(Answer.SAT)


def test_holes_are_counted(monkeypatch):
    """Without steps for single rewrites cvc5 has no name for most of them."""
    monkeypatch.delitem(cvc5_session._PROOF_OPTIONS, "proof-granularity")
    (reply,) = answers(asked(differ(6, 6)), proofs=True).replies
    assert reply.holes == reply.proof.count("hole") > 0


def test_whether_it_is_installed(monkeypatch):
    assert cvc5_session.is_installed()
    monkeypatch.setitem(sys.modules, "cvc5", None)
    monkeypatch.setattr(cvc5_session, "find_spec", lambda _name: None)
    assert not cvc5_session.is_installed()
