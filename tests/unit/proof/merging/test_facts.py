"""What counts as a fact: `unsat` from z3 and nothing else, each once, and named by its text."""

from __future__ import annotations

from functools import partial

import pytest
from merged import linear, unit

from certify.errors import DisagreementError
from certify.network.steps import Relu, Requantize
from certify.proof.merging import facts as module
from certify.proof.merging.atoms import Atoms
from certify.proof.merging.facts import Facts, GaveUpError
from solvers.smt.session import Answer, Outcome, Refutation

RLIMIT = 1_000_000


def above(words, bound, name="x"):
    """x in 0..9 and x > bound."""
    x = words.variable(name)
    return [words.within(x, 0, 9), words.at_most(words.constant(bound + 1), x)]


FALSE, TRUE = partial(above, bound=9), partial(above, bound=3)


def hard(words):
    """x·x·x + y·y·y = z·z·z without solution, far beyond the rlimit that it is asked within."""
    x, y, z = (words.variable(name) for name in "xyz")
    ranges = [words.within(v, 1, 10**6) for v in (x, y, z)]
    return [*ranges, words.equal(x * x * x + y * y * y, z * z * z)]


@pytest.fixture
def asked(monkeypatch):
    """The answers of a session that says whatever it is told to."""
    calls = []

    def answering(*answers):
        left = list(answers)

        def check(formulas, rlimit):
            calls.append((formulas, rlimit))
            return Outcome(left.pop(0), reason="told to")

        monkeypatch.setattr(module.session, "check", check)
        return calls

    return answering


def test_unsat_is_a_fact_and_needed():
    facts = Facts(RLIMIT)
    assert facts.holds("k", "curve", "no x is above 9", FALSE).answer is Answer.UNSAT
    [question] = facts.needed.values()
    assert (question.kind, question.name, question.expected) == ("curve", "no x is above 9", Answer.UNSAT)
    assert "(<= 10 x)" in question.text()


@pytest.mark.parametrize("key", ["k", None], ids=["a key", "no key"])
def test_sat_is_none(key):
    facts = Facts(RLIMIT)
    outcome = facts.holds(key, "curve", "", TRUE)
    assert outcome.answer is Answer.SAT
    assert 4 <= outcome.model["x"] <= 9
    assert not facts.needed
    assert facts.counts() == {}


@pytest.mark.parametrize("key", ["k", None], ids=["a key", "no key"])
def test_giving_up_is_none(key):
    facts = Facts(RLIMIT)
    outcome = facts.holds(key, "unit", "", hard, rlimit=1000)
    assert outcome.answer is Answer.UNKNOWN
    assert outcome.reason
    assert not facts.needed


@pytest.mark.parametrize("answer", [Answer.SAT, Answer.UNKNOWN])
def test_what_is_not_unsat_is_not_needed_the_second_time_either(asked, answer):
    calls = asked(answer)
    facts = Facts(RLIMIT)
    for _ in range(3):
        assert facts.holds("k", "curve", "", FALSE).answer is answer
    assert len(calls) == 1
    assert not facts.needed


def test_equal_keys_are_asked_once_and_others_each(asked):
    calls = asked(Answer.UNSAT, Answer.SAT, Answer.UNSAT, Answer.UNSAT)
    facts = Facts(RLIMIT)
    answers = [facts.holds(key, "curve", str(key), FALSE).answer for key in ("a", "b", "a", "b", None, None)]
    unsat, sat = Answer.UNSAT, Answer.SAT
    assert answers == [unsat, sat, unsat, sat, unsat, unsat]
    assert len(calls) == 4
    assert len(facts.needed) == 3


def test_a_limit_is_used_where_one_is_named(asked):
    calls = asked(Answer.UNSAT, Answer.UNSAT)
    facts = Facts(RLIMIT)
    facts.holds(None, "unit", "", FALSE, 77)
    facts.holds(None, "unit", "", FALSE)
    assert [rlimit for _, rlimit in calls] == [77, RLIMIT]


def test_needs_are_forgotten_and_answers_kept(asked):
    calls = asked(Answer.UNSAT, Answer.UNSAT)
    facts = Facts(RLIMIT)
    facts.holds("k", "curve", "", FALSE)
    facts.holds(None, "unit", "", FALSE)
    facts.forget_needs()
    assert facts.counts() == {}
    facts.holds("k", "curve", "", FALSE)
    assert len(calls) == 2
    assert facts.counts()["curve"].count == 1


# Many at once.


def test_all_hold():
    facts = Facts(RLIMIT)
    facts.all_hold("sum", [("one", FALSE), ("two", partial(above, bound=20))])
    assert facts.counts()["sum"].count == 2
    facts.all_hold("sum", [])
    assert facts.counts()["sum"].count == 2


def test_one_that_is_false_is_named():
    facts = Facts(RLIMIT)
    with pytest.raises(DisagreementError, match="two: z3 denies what arithmetic says"):
        facts.all_hold("sum", [("one", FALSE), ("two", TRUE), ("three", FALSE)])
    assert not facts.needed


def test_one_that_z3_gives_up_on_is_named(monkeypatch):
    monkeypatch.setattr(module.session, "refute_all", lambda *_: Refutation(unknown=(1,), reason="too hard"))
    facts = Facts(RLIMIT)
    with pytest.raises(GaveUpError, match="two: too hard"):
        facts.all_hold("sum", [("one", FALSE), ("two", FALSE)])
    assert not facts.needed


def test_giving_up_on_sums_is_no_proof():
    facts = Facts(1000)
    with pytest.raises(GaveUpError, match="the hard one"):
        facts.all_hold("sum", [("the hard one", hard)])
    assert not facts.needed


# Ranges.


def test_a_range_has_to_have_a_value():
    facts = Facts(RLIMIT)
    for _ in range(2):
        facts.not_empty((-3, -3))
    [question] = facts.needed.values()
    assert (question.kind, question.expected) == ("range", Answer.SAT)


def test_an_empty_range_is_an_error():
    facts = Facts(RLIMIT)
    with pytest.raises(DisagreementError, match=r"empty range 4\.\.3"):
        facts.not_empty((4, 3))
    assert not facts.needed


def test_an_empty_range_is_an_error_whatever_z3_says(asked):
    asked(Answer.SAT)
    with pytest.raises(DisagreementError, match="empty range"):
        Facts(RLIMIT).not_empty((4, 3))


@pytest.mark.parametrize(
    ("answer", "error"), [(Answer.UNSAT, DisagreementError), (Answer.UNKNOWN, GaveUpError)], ids=["denied", "gave up"]
)
def test_a_range_that_z3_does_not_confirm(asked, answer, error):
    calls = asked(answer)
    facts = Facts(RLIMIT)
    for _ in range(2):
        with pytest.raises(error):
            facts.not_empty((0, 3))
    assert len(calls) == 1
    assert not facts.needed


def test_a_unit_on_an_empty_range_is_an_error():
    """Nothing that is said of its values would say anything."""
    atoms = Atoms([(3, 2)], Facts(RLIMIT))
    with pytest.raises(DisagreementError, match="empty range"):
        atoms.unit(linear(1), (Relu(),))


# Counts and digests.


def counted(*questions):
    facts = Facts(RLIMIT)
    for kind, name, write in questions:
        facts.holds(None, kind, name, write)
    return facts.counts()


ONE = ("curve", "one", FALSE)
OTHER = ("curve", "one", partial(above, bound=12))


def test_counts_are_by_kind():
    found = counted(ONE, ("unit", "two", FALSE), OTHER)
    assert {kind: count.count for kind, count in found.items()} == {"curve": 2, "unit": 1}


def test_digests_come_again():
    assert counted(ONE, OTHER) == counted(ONE, OTHER)


CHANGED = {
    "a formula": [ONE, ("curve", "one", partial(above, bound=13))],
    "a variable's name": [ONE, ("curve", "one", partial(above, bound=12, name="y"))],
    "a question's name": [ONE, ("curve", "two", OTHER[2])],
    "the order": [OTHER, ONE],
    "one left out": [ONE],
    "one twice": [ONE, OTHER, OTHER],
}


@pytest.mark.parametrize("questions", CHANGED.values(), ids=CHANGED)
def test_a_digest_changes_with(questions):
    assert counted(*questions)["curve"].sha256 != counted(ONE, OTHER)["curve"].sha256


UNITS = {
    "the same": (linear(2, 1), True),
    "another factor": (linear(4, 1), False),
    "another constant": (linear(2, -1), False),
}


@pytest.mark.parametrize(("accumulator", "same"), UNITS.values(), ids=UNITS)
def test_what_atoms_ask_is_in_the_digest(accumulator, same):
    def digest(form):
        atoms = Atoms([(-5, 5)], Facts(RLIMIT))
        unit(atoms, linear(1), Relu())
        unit(atoms, linear(-1), Relu())
        unit(atoms, form, Relu(), Requantize(2, "floor"))
        unit(atoms, Atoms.unit(atoms, form, (Relu(),)), Relu())
        return atoms.facts.counts()

    assert (digest(accumulator) == digest(linear(2, 1))) == same


def test_answers_are_not_taken_from_other_ranges():
    """σ(x) = x where x ≥ 0, asked first; then of atoms that share the answers, on another range."""
    facts = Facts(RLIMIT)
    assert unit(Atoms([(0, 9)], facts), linear(1), Relu()) == linear(1)
    assert unit(Atoms([(-1, 9)], facts), linear(1), Relu()) != linear(1)
    assert unit(Atoms([(0, 9)], facts), linear(1), Relu()) == linear(1)
    assert unit(Atoms([(-9, 0)], facts), linear(1), Relu()) == linear(0)


def test_an_answer_about_atoms_is_not_taken_for_one_about_others():
    """The same question by name and kind, and no key: asked each time."""
    facts = Facts(RLIMIT)
    assert facts.holds(None, "unit", "t2 is t1", FALSE).answer is Answer.UNSAT
    assert facts.holds(None, "unit", "t2 is t1", TRUE).answer is Answer.SAT
