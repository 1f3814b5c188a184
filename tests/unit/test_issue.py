"""Issuing: the same target, seed and options give the same payload, and only what is proved gets one."""

from __future__ import annotations

import json

import numpy as np
import pytest
from equivalences import OTHER, base_bytes, equivalence, permuted
from program import TINY, changed, issued, signing_key, target_bytes
from verdicts import only_the_decomposition

from certify import issue as module
from certify.base.claimed import BaseFiles, read_base
from certify.base.law import BaseNetwork, Precision
from certify.base.mask import from_bits
from certify.certificate.audit import audit
from certify.certificate.signatures import sign
from certify.errors import DisagreementError, InputError, TicketNotFoundError
from certify.issue import Options, decide, issue, issue_in, versions
from certify.monitor import Monitor
from certify.network.arrays import File
from certify.network.target import read_target
from certify.proof.claim import Verdict
from certify.proof.prover import Budget
from certify.ticket import Ticket
from certify.ticket.given import find_ticket_in
from certify.work import Crew

DATA = target_bytes()
TARGET = read_target(DATA)


def test_the_same_again():
    first, second = (issue("tiny.json", TARGET, Options()) for _ in range(2))
    assert first.payload == second.payload == issued().payload
    assert first.payload


def test_order_of_work_changes_nothing():
    """Pieces of work are independent: whichever is done first, the payload is the same."""

    def backwards(function, work):
        return list(map(function, list(work)[::-1]))[::-1]

    assert issue("tiny.json", TARGET, Options(), crew=Crew(backwards, 2)).payload == issued().payload


@pytest.mark.parametrize(
    "options", [Options("1"), Options("0", 100), Options("0", None, 2)], ids=["seed", "width", "precision"]
)
def test_options_change_it(options):
    found = issued(TINY, options)
    assert found.payload != issued().payload
    assert found.subject.base.seed == options.seed
    assert found.subject.blocks == (options.block_width or "grown")
    assert audit(sign(found.payload, signing_key(1)), None, None).proof.verdict is Verdict.PROVED


def test_file_and_name_are_in_it():
    spacious = json.dumps(TINY, indent=1).encode()
    assert issue("tiny.json", read_target(spacious), Options()).payload != issued().payload
    assert issue("other.json", TARGET, Options()).payload != issued().payload


def test_precisions():
    assert Options().precisions(TARGET.network) is None
    assert Options("0", None, 3).precisions(TARGET.network) == (Precision(3, 3),) * 2


@pytest.mark.parametrize("name", ["", "..", "a/b.json"])
def test_name_is_checked_before_any_work(monkeypatch, name):
    monkeypatch.setattr(module, "find_ticket", lambda *_, **__: pytest.fail("it began to work"))
    with pytest.raises(InputError, match="expected a file name"):
        issue(name, TARGET, Options())


def test_too_coarse():
    with pytest.raises(InputError) as caught:
        issue("tiny.json", TARGET, Options("0", None, 0))
    assert caught.value.place == "layers[0].precision_bits"


def test_no_ticket():
    with pytest.raises(TicketNotFoundError, match=r"layers\[0\]\.weights\[0\]\[0\]"):
        issue("tiny.json", TARGET, Options("0", 1))


def test_undecided_has_no_payload(monkeypatch):
    only_the_decomposition(monkeypatch)
    found = issue("tiny.json", TARGET, Options(), budget=Budget(rlimit=1, sweep_work=0))
    assert found.payload == b""
    assert found.proof.verdict is Verdict.UNDECIDED
    assert found.proof.reason


def test_wrong_ticket_is_a_defect(monkeypatch):
    """The finder is not believed: a ticket that is not the target stops the run."""
    other = changed("layers", 0, "weights", 0, 0, to=2)
    found = issued(other).subject
    monkeypatch.setattr(module, "find_ticket", lambda *_, **__: Ticket(found.base, found.masks, "grown"))
    with pytest.raises(DisagreementError, match="the ticket that was found is not the target"):
        issue("tiny.json", TARGET, Options())


def test_finder_is_not_asked_what_it_chose(monkeypatch):
    """Masks of another seed: the prover draws the weights again, from the name of the base network alone."""
    found = issued().subject
    lying = BaseNetwork("another seed", found.base.widths, found.base.precisions)
    monkeypatch.setattr(module, "find_ticket", lambda *_, **__: Ticket(lying, found.masks, "grown"))
    with pytest.raises(DisagreementError):
        issue("tiny.json", TARGET, Options())


def test_phases():
    monitor = Monitor()
    issue("tiny.json", TARGET, Options(), monitor=monitor)
    names = ["loading", "subset sums", "base network", "obligations", "refutation", "composition", "sweep"]
    assert list(monitor.timings) == names


def test_versions():
    assert set(versions()) == {"certify", "numba", "numpy", "z3"}
    assert json.loads(issued().payload)["predicate"]["versions"] == dict(versions())


def test_ticket_that_only_merging_proves(monkeypatch):
    """Without the decomposition, on a grid too large to sweep: the statement says so, and an audit says the same."""
    monkeypatch.setattr("certify.proof.conditions.MAX_BITS", 3)
    target = read_target(target_bytes(changed("input", "low", to=-(2**40))))
    found = issue("wide.json", target, Options())
    assert found.proof.strategy == "merging"
    again = audit(sign(found.payload, signing_key(1)), None, None)
    assert again.proof == found.proof


# In a base network that somebody has.


def given():
    source = BaseFiles((File("base.json", base_bytes()),))
    return source, read_base(source, TARGET.network)


def test_issue_in_the_same_again():
    first, second = (issue_in("tiny.json", TARGET, *given()) for _ in range(2))
    assert first.payload == second.payload
    assert audit(sign(first.payload, signing_key(1)), None, None).proof == first.proof


def test_issue_in_checks_the_name_before_any_work(monkeypatch):
    monkeypatch.setattr(module, "find_ticket_in", lambda *_: pytest.fail("it began to work"))
    with pytest.raises(InputError, match="expected a file name"):
        issue_in("a/b", TARGET, *given())


def test_wrong_ticket_in_a_base_is_a_defect(monkeypatch):
    source, base = given()
    masks = find_ticket_in(TARGET.network, base.network)
    nothing = [from_bits(np.zeros(mask.shape, dtype=np.bool_)) for mask in masks]
    monkeypatch.setattr(module, "find_ticket_in", lambda *_: (*masks[:3], nothing[3]))
    with pytest.raises(DisagreementError, match="the ticket that was found is not the target"):
        issue_in("tiny.json", TARGET, source, base)


def test_decide():
    proved = decide(equivalence(permuted()))
    assert (proved.proof.verdict, proved.proof.claim.relation.name) == (Verdict.PROVED, "equal")
    assert proved.payload
    refuted = decide(equivalence(OTHER))
    assert (refuted.proof.verdict, refuted.payload) == (Verdict.REFUTED, b"")


def test_decide_under_another_budget_says_so():
    payload = decide(equivalence(permuted()), budget=Budget(remainder_rlimit=7)).payload
    assert json.loads(payload)["predicate"]["proof"]["rlimit"] == 7
