"""The whole script: sections, names, and that two other programs' parsers run it with the expected answers."""

from __future__ import annotations

import mutants
import pytest
import z3
from mutants import dense, network, plain_ticket

from certify.network.steps import Relu, Requantize
from certify.proof.obligations import obligations
from certify.proof.questions import composition_questions, count
from certify.proof.script import script
from certify.proof.structure import NotApplicableError, pair_up
from solvers.smt import cvc5_session
from solvers.smt.session import Answer

TARGET = network(
    [-2, 0],
    [3, 4],
    dense([[3, -2], [0, 4]], [Relu(), Requantize(1, "floor")], bits=2, bias=[5, -7]),
    dense([[2, -3]], bits=2),
)
CASES = [("small", 0), ("small", 5), ("large", 1)]


def case_of(size, number):
    return (mutants.small_case if size == "small" else mutants.large_case)(number)


def expected_in(text):
    return [Answer(line.split()[-1][:-1]) for line in text.splitlines() if line.startswith("(set-info :status")]


@pytest.mark.parametrize(("size", "number"), CASES, ids=str)
def test_cvc5_runs_it(size, number):
    case = case_of(size, number)
    text = "".join(script("case.json", "0" * 64, "tests", case.target, case.pruned))
    expected = expected_in(text)
    assert [reply.answer for reply in cvc5_session.answers(text).replies] == expected
    pairs = pair_up(case.target, case.pruned)
    besides = len(list(composition_questions(case.target, case.pruned, pairs)))
    assert len(expected) == sum(count(obligations(pair)) for pair in pairs) + besides


@pytest.mark.parametrize(("size", "number"), CASES[:2], ids=str)
def test_z3_runs_it(size, number):
    """By its own front end, push and pop included; it prints nothing but answers."""
    case = case_of(size, number)
    text = "".join(script("case.json", "0" * 64, "tests", case.target, case.pruned))
    context = z3.Context()
    said = z3.Z3_eval_smtlib2_string(context.ref(), text).split()
    assert said == [answer.value for answer in expected_in(text)]


BEGINNING = """
; What has to be refuted so that target.json equals its pruned random network on its whole input box.
; sha256 of the target file: SHA256
; seed of the random network: 'a seed'
;
; Every question is a block of its own: its name, push, declarations, assertions, its expected answer as
; :status, check-sat, pop. `unsat` is expected everywhere but for ranges, which must be `sat` lest they
; prove anything. A solver that agrees prints the expected answers and nothing else:
;   z3 FILE, cvc5 --incremental FILE
; Variables are integers: p and q stand for max(x, 0) and max(-x, 0) of an input x. Every kept edge is a
; product (* v (* u p)). All products have a numeral factor, all divisions a numeral divisor.
(set-logic QF_LIA)

; Pair 0 of 2: layer 0 of the target, layers 0 and 1 of the ticket
"""


def test_how_it_begins():
    text = "".join(script("target.json", "ab" * 32, "a seed", TARGET, plain_ticket(TARGET)))
    assert text.startswith(BEGINNING.replace("SHA256", "ab" * 32))
    assert (
        text.count("\n; Besides: that the pieces add up, over all inputs of a neuron or of the network at once.\n")
        == 1
    )


def test_sections():
    text = "".join(script("target.json", "ab" * 32, "a seed", TARGET, plain_ticket(TARGET)))
    comments = [line for line in text.splitlines() if line.startswith(";")]
    assert comments[0].startswith("; What has to be refuted so that target.json equals its pruned random network")
    assert comments[1:3] == [f"; sha256 of the target file: {'ab' * 32}", "; seed of the random network: 'a seed'"]
    second = comments.index("; Pair 1 of 2: layer 1 of the target, layers 2 and 3 of the ticket")
    assert comments[second + 1 : second + 6] == [
        "; 2 inputs, 5 hidden units, 1 outputs",
        "; inputs of the ticket in 0..4, 0..7; accumulators of the target in -12..14",
        "; the ticket's integers are finer than the target's by 2^0 (inputs), 2^0 (weights), 2^0 (outputs)",
        f"; {count(obligations(pair_up(TARGET, plain_ticket(TARGET))[1]))} questions",
        "; pair 1: the range -12..14 is not empty",
    ]
    assert comments[-1] == "; the whole network"


def test_many_boxes_are_not_all_shown():
    target = network([0] * 20, list(range(20)), dense([[1] * 20]))
    (line,) = [
        part
        for part in "".join(script("x", "", "", target, plain_ticket(target))).splitlines()
        if "more boxes" in part
    ]
    assert "0..7 and 12 more boxes; accumulators" in line
    eight = network([0] * 8, list(range(8)), dense([[1] * 8]))
    text = "".join(script("x", "", "", eight, plain_ticket(eight)))
    assert "0..6, 0..7; accumulators" in text


@pytest.mark.parametrize("seed", ["a\n(check-sat)", "é", "\u2028(exit)", "'\""])
def test_a_seed_stays_in_its_comment(seed):
    text = "".join(script("x.json", "", seed, TARGET, plain_ticket(TARGET)))
    plain = "".join(script("x.json", "", "0", TARGET, plain_ticket(TARGET)))
    assert len(text.splitlines()) == len(plain.splitlines())
    assert text.splitlines()[4:] == plain.splitlines()[4:]


def test_it_comes_piece_by_piece():
    pieces = list(script("x.json", "", "0", TARGET, plain_ticket(TARGET)))
    assert len(pieces) > len(expected_in("".join(pieces)))
    assert all(piece.endswith("\n") for piece in pieces)


def test_a_ticket_without_obligations():
    with pytest.raises(NotApplicableError, match="condition 0"):
        list(script("x.json", "", "0", TARGET, TARGET))
