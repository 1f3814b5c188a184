"""A second opinion: agreement is counted, anything else is never taken for it."""

from __future__ import annotations

import itertools
import re
from dataclasses import replace

import pytest
from mutants import dense, network, plain_ticket, with_weight

from certify.errors import DisagreementError
from certify.monitor import Monitor
from certify.network.steps import Relu, Requantize
from certify.proof import second_opinion
from certify.proof.obligations import digest, obligations
from certify.proof.questions import Question, composition_questions, obligation_questions
from certify.proof.second_opinion import SecondOpinion, SolversDisagreeError, ask_again
from certify.proof.structure import NotApplicableError, pair_up
from certify.work import ALONE, Crew
from solvers.smt import cvc5_session, session, smtlib
from solvers.smt.cvc5_session import Replies, Reply
from solvers.smt.session import Answer
from solvers.smt.terms import Z3

TARGET = network(
    [-2, -3],
    [3, 2],
    dense([[3, -2], [-1, 4]], [Relu(), Requantize(1, "half_even")], bits=2, bias=[5, -7]),
    dense([[2, -3]], bits=2, bias=[1]),
)
TICKET = plain_ticket(TARGET)
PAIRS = pair_up(TARGET, TICKET)
LISTED = [obligations(pair) for pair in PAIRS]
PROVED = digest(LISTED)
QUESTIONS = [
    *(question for item in LISTED for question in obligation_questions(item)),
    *composition_questions(TARGET, TICKET, PAIRS),
]


def ask(run=map, **options):
    return ask_again(TARGET, TICKET, PROVED, Crew(run), **options)


def changing(old, new, count=-1):
    """A run in which cvc5 reads other text."""
    return lambda call, scripts: [
        call(replace(script, text=script.text.replace(old, new, count))) for script in scripts
    ]


def test_agreement():
    opinion = ask()
    assert opinion == SecondOpinion("cvc5", opinion.version, len(QUESTIONS))
    assert (opinion.unknown, opinion.refuted_all) == (0, True)
    assert re.fullmatch(r"\d+\.\d+\.\d+", opinion.version)


def test_what_cvc5_is_given_is_every_question_in_order(monkeypatch):
    monkeypatch.setattr(second_opinion, "_BATCH", 1)
    given = []
    ask(lambda call, scripts: given.extend(scripts) or map(call, given))
    assert [script.text for script in given] == [smtlib.PREAMBLE + question.text() for question in QUESTIONS]
    assert str(given[0]) == f"cvc5: {QUESTIONS[0].name}, and what is asked with it"


@pytest.mark.parametrize("batch", [1, 700, 10**9])
@pytest.mark.parametrize("ahead", [1, 3, 100])
def test_how_questions_are_put_together_does_not_matter(monkeypatch, batch, ahead):
    monkeypatch.setattr(second_opinion, "_BATCH", batch)

    def run(call, scripts):
        while some := list(itertools.islice(scripts, ahead)):
            yield from [call(script) for script in reversed(some)][::-1]

    assert ask(run).agreed == len(QUESTIONS)


def test_questions_are_written_as_they_are_taken(monkeypatch):
    """However many there are: what is not yet given out, or answered, takes no memory."""
    written = []
    real_text = Question.text
    monkeypatch.setattr(second_opinion, "_BATCH", 1)
    monkeypatch.setattr(Question, "text", lambda question: written.append(question) or real_text(question))

    def run(call, scripts):
        for count, script in enumerate(scripts):
            assert len(written) == count + 1
            yield call(script)

    assert ask(run).agreed == len(written) == len(QUESTIONS)


def test_other_obligations_than_those_that_were_proved():
    with pytest.raises(DisagreementError, match="are not those that z3 refuted"):
        ask_again(TARGET, with_weight(TICKET, 1, 0, 0, 4), PROVED, ALONE)


def test_a_ticket_without_obligations():
    with pytest.raises(NotApplicableError):
        ask_again(TARGET, TARGET, PROVED, ALONE)


# Disagreement.

WRONG = with_weight(TICKET, 1, 0, 0, 4)
WRONGLY_PROVED = digest([obligations(pair) for pair in pair_up(TARGET, WRONG)])


def test_a_wrong_weight():
    """As if z3 had refuted what does not hold."""
    with pytest.raises(SolversDisagreeError) as caught:
        ask_again(TARGET, WRONG, WRONGLY_PROVED, ALONE)
    name = "pair 0: weight [0][0], inputs ≥ 0: w = 3, 1 edge"
    assert str(caught.value) == f"{name}: z3 and cvc5 disagree: expected unsat, found sat"
    record = caught.value.record
    versions = ask().version, session.version()
    assert record.startswith(
        f"; cvc5 {versions[0]} answers sat; needed is unsat, and z3 {versions[1]} has found nothing else.\n"
        "; One of them is wrong, or they were not given the same.\n\n; What cvc5 read:\n"
    )
    assert "\n; The formulas that z3 was given, as z3 prints them:\n" in record
    assert f"; {name}\n(push 1)\n" in record
    assert "(assert (distinct (* 4 (* 1 p)) (* 1 (* 3 p))))\n" in record
    assert "; What cvc5 read:\n(set-logic QF_LIA)\n" in record
    assert "as z3 prints them:\n; (and (<= 0 p) (<= p 3))\n; (distinct (+ (* 4 1 p)) (* 1 3 p))\n" in record
    assert [reply.answer for reply in cvc5_session.answers(record).replies] == [Answer.SAT]


@pytest.mark.parametrize("kind", ["relu", "weight", "bias", "steps", "neuron", "network"])
def test_one_numeral_of_a_text_changed(kind):
    """As if cvc5 read something else than z3 was given: of its formulas' last numerals, some change is noticed."""
    question = next(question for question in QUESTIONS if question.kind == kind)
    text = question.text()
    last = [line for line in text.splitlines() if line.startswith("(assert ")][-1]
    numerals = list(re.finditer(r"(?<![a-z\d])\d+", last))[:8]
    changed = [f"{last[: at.start()]}{int(at.group()) + 1}{last[at.end() :]}" for at in numerals]
    noticed = [
        other
        for other in changed
        if cvc5_session.answers(smtlib.PREAMBLE + text.replace(last, other)).replies[0].answer is Answer.SAT
    ]
    assert noticed
    with pytest.raises(SolversDisagreeError) as caught:
        ask(changing(text, text.replace(last, noticed[0])))
    assert str(caught.value) == f"{question.name}: z3 and cvc5 disagree: expected unsat, found sat"


def test_a_range_that_is_empty():
    """`unsat` where `sat` is needed is a disagreement too."""
    empty = QUESTIONS[0].text().replace("(<= x", "(<= (+ x 1000)")
    assert QUESTIONS[0].expected is Answer.SAT
    with pytest.raises(SolversDisagreeError, match="is not empty: z3 and cvc5 disagree: expected sat, found unsat"):
        ask(changing(QUESTIONS[0].text(), empty))


# What is neither.


def answered(call, texts, change):
    return [change(call(text)) for text in texts]


def give_up_on(kind):
    """A run in which the solver gives up on all questions of one kind."""
    kinds = iter([question.kind for question in QUESTIONS])

    def change(replies):
        given = [Reply(Answer.UNKNOWN) if next(kinds) == kind else reply for reply in replies.replies]
        return Replies(replies.version, tuple(given))

    return lambda call, texts: answered(call, texts, change)


@pytest.mark.parametrize("kind", ["range", "relu", "weight", "bias", "steps", "neuron", "network"])
def test_unknown_is_counted_and_is_not_agreement(kind):
    opinion = ask(give_up_on(kind))
    count = sum(question.kind == kind for question in QUESTIONS)
    assert (opinion.agreed, opinion.unknown) == (len(QUESTIONS) - count, count)
    assert opinion.gave_up == {kind: count}
    assert opinion.refuted_all == (kind in {"neuron", "network"})


def test_a_solver_that_gives_up_on_everything(monkeypatch):
    monkeypatch.setattr(cvc5_session, "RLIMIT", 1)
    monkeypatch.setattr(cvc5_session, "answers", lambda text, proofs: real(text, 1, proofs=proofs))
    opinion = ask()
    assert opinion.unknown > 0
    assert not opinion.refuted_all


real = cvc5_session.answers


def test_nothing_asked_is_no_agreement():
    assert not SecondOpinion("cvc5", "1", 0).refuted_all
    assert SecondOpinion("cvc5", "1", 1).refuted_all


LOST = {
    "an answer": lambda call, texts: answered(call, texts, lambda said: replace(said, replies=said.replies[:-1])),
    "one too many": lambda call, texts: answered(call, texts, lambda said: replace(said, replies=said.replies * 2)),
    "all of a text's": lambda call, texts: answered(call, texts, lambda said: replace(said, replies=())),
    "a text": lambda call, texts: [call(text) for text in texts][1:],
    "a question": changing("(check-sat)", "", 1),
    "all texts": lambda _call, _texts: [],
    "none, and one comes twice": lambda call, texts: [call(text) for text in texts for _ in range(2)],
}


@pytest.mark.parametrize("run", LOST.values(), ids=LOST)
def test_what_gets_lost_is_never_agreement(run):
    with pytest.raises(DisagreementError, match="were put to cvc5, "):
        ask(run)


def test_text_that_cvc5_does_not_read():
    with pytest.raises(DisagreementError, match="cvc5 does not read what z3 reads: "):
        ask(changing("assert", "asert"))


# Proofs and progress.


def test_proofs_of_all_that_is_refuted():
    taken = []
    opinion = ask(take_proof=taken.append)
    unsat = [question for question in QUESTIONS if question.expected is Answer.UNSAT]
    assert opinion.proofs.written == len(unsat)
    assert set(opinion.proofs.with_holes) <= {"network"}
    assert [text.splitlines()[0] for text in taken] == [f"; {question.name}" for question in unsat]
    assert all("(step " in text and "(cl)" in text for text in taken)


def test_proofs_with_holes_are_counted(monkeypatch):
    monkeypatch.delitem(cvc5_session._PROOF_OPTIONS, "proof-granularity")
    taken = []
    proofs = ask(take_proof=taken.append).proofs
    assert proofs.written == len(taken)
    assert sum(proofs.with_holes.values()) == sum(":rule hole" in text for text in taken) > 0


def test_progress():
    heard = []

    class Listener(Monitor):
        def begin(self, name, total):
            heard.append((name, total))

        def reach(self, done):
            heard.append(done)

    monitor = Listener()
    ask(monitor=monitor)
    assert list(monitor.timings) == ["cvc5"]
    assert heard == [("cvc5", len(QUESTIONS)), *range(1, len(QUESTIONS) + 1)]


def test_z3_agrees_one_by_one():
    """z3 refutes many at a time; the questions by themselves are the same to it."""
    assert {question.name: session.check(question.write(Z3)).answer for question in QUESTIONS} == {
        question.name: question.expected for question in QUESTIONS
    }
