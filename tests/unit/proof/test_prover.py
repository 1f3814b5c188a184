"""The prover's policy: strategies that are held against each other, and what each of them can tell apart."""

from __future__ import annotations

import json
from dataclasses import replace

import mutants
import naive
import pytest
from mutants import dense, network, plain_ticket, with_layer, with_weight
from verdicts import only_the_decomposition

from certify.errors import DisagreementError, InputError
from certify.monitor import Monitor
from certify.network.steps import Clamp, Offset, Relu, Requantize, Threshold
from certify.proof import composition, enumeration, prover
from certify.proof.claim import Claim, Verdict
from certify.proof.enumeration import Search, Sweep, TooWideError
from certify.proof.obligations import KINDS
from certify.proof.prover import Budget, prove
from certify.work import Crew
from solvers.grid.sweep import SweepError
from solvers.smt import many, session
from solvers.smt.session import Answer, Outcome, Refutation
from solvers.smt.terms import Z3

NO_SWEEP = Budget(sweep_work=0)
TARGET = network(
    [-2, -3],
    [3, 2],
    dense([[3, -2], [-1, 4]], [Relu(), Requantize(1, "half_even")], bits=2, bias=[5, -7]),
    dense([[2, -3]], bits=2, bias=[1]),
)
TICKET = plain_ticket(TARGET)
WRONG = with_weight(TICKET, 1, 0, 0, 4)


def is_witness(witness, target=TARGET, other=WRONG):
    ours, theirs = mutants.document_of(target), mutants.document_of(other)
    left, right = naive.evaluate(ours, witness.input), naive.evaluate(theirs, witness.input)
    assert (tuple(left), tuple(right)) == (witness.left, witness.right)
    return [naive.value(ours, x) for x in left] != [naive.value(theirs, x) for x in right]


# Verdicts.


def test_proved():
    proof = prove(TARGET, TICKET)
    assert (proof.verdict, proof.strategy, proof.reason) == (Verdict.PROVED, "decomposition", "")
    assert proof.claim == Claim((-2, -3), (3, 2), ((6, 2),))
    assert tuple(proof.obligations) == KINDS
    assert all(count.count for count in proof.obligations.values())
    assert proof.composition == prover.Composition(3, 0, Answer.UNSAT)
    edges = sum(layer.weights.entries for layer in (*TARGET.layers, *TICKET.layers))
    assert proof.sweep == Sweep(36, 36 * edges, None)
    assert proof.witness is None


def test_a_verdict_alone_has_nothing_beside_it():
    alone = prover.Proof(Verdict.PROVED, Claim.of(TARGET))
    assert alone == prover.Proof(Verdict.PROVED, Claim.of(TARGET), None, "", {}, prover.Composition(0, 0, None))
    assert (alone.sweep, alone.witness) == (None, None)


def test_refuted():
    proof = prove(TARGET, WRONG)
    assert (proof.verdict, proof.strategy) == (Verdict.REFUTED, None)
    assert proof.sweep.difference == proof.witness.input
    assert proof.reason == f"the networks differ at {proof.witness.input}"
    assert is_witness(proof.witness)
    assert proof.composition == prover.Composition()


def test_refuted_by_a_search():
    proof = prove(TARGET, WRONG, NO_SWEEP)
    assert (proof.verdict, proof.strategy, proof.sweep) == (Verdict.REFUTED, None, None)
    assert is_witness(proof.witness)


def test_undecided(monkeypatch):
    only_the_decomposition(monkeypatch)
    proof = prove(TARGET, WRONG, NO_SWEEP)
    assert (proof.verdict, proof.strategy, proof.sweep, proof.witness) == (Verdict.UNDECIDED, None, None, None)
    unproved = "obligations that z3 did not refute: pair 0: weight [0][0], inputs ≥ 0: sat"
    assert proof.reason == f"{unproved}; nothing else was tried"


def test_a_reason_names_three_obligations_and_counts_the_others(monkeypatch):
    only_the_decomposition(monkeypatch)
    wrong = TICKET
    for unit in range(4):
        wrong = with_weight(wrong, 1, 0, unit, 1)
    reason = prove(TARGET, wrong, NO_SWEEP).reason
    assert reason.count(": sat") == 3
    assert "; and 1 more; " in reason


@pytest.mark.parametrize(("wrong", "more"), [(1, ""), (3, ""), (4, "; and 1 more")])
def test_three_obligations_are_all_named(monkeypatch, wrong, more):
    only_the_decomposition(monkeypatch)
    target = network([0] * wrong, [3] * wrong, dense([range(2, 2 + wrong)], bits=1))
    ticket = plain_ticket(target)
    for unit in range(wrong):
        ticket = with_weight(ticket, 1, 0, 2 * unit, 1)
    named = "; ".join(f"pair 0: weight [0][{i}], inputs ≥ 0: sat" for i in range(min(wrong, 3)))
    assert prove(target, ticket, NO_SWEEP).reason.startswith(
        f"obligations that z3 did not refute: {named}{more}; nothing else was tried"
    )


@pytest.mark.parametrize(
    ("features", "shown"),
    [(1, "(0)"), (8, f"({', '.join('0' * 8)})"), (9, f"({', '.join('0' * 8)}, … 9 features)")],
)
def test_how_a_witness_is_shown(features, shown):
    one, other = (network([0] * features, [0] * features, dense([[1] * features], bias=[bias])) for bias in (0, 1))
    assert prove(one, other).reason == f"the networks differ at {shown}"


def test_a_witness_of_many_features_is_shown_in_part():
    target = network([0] * 64, [7] * 64, dense([[1] * 64], bits=1))
    proof = prove(target, with_weight(plain_ticket(target), 1, 0, 0, 2))
    assert proof.verdict is Verdict.REFUTED
    assert proof.reason.endswith(", … 64 features)")
    assert len(proof.reason) < 80
    assert len(proof.witness.input) == 64


def test_the_claim_is_on_the_targets_box():
    """Whatever the ticket says of its own, narrower or wider."""
    positive_only = with_weight(with_weight(TICKET, 1, 0, 1, None), 1, 1, 1, None)
    positive_target = replace(TARGET, input=replace(TARGET.input, low=(0, -3)))
    narrow = replace(positive_only, input=positive_target.input)
    for budget in (None, NO_SWEEP):
        assert prove(TARGET, narrow, budget).verdict is Verdict.REFUTED
        assert prove(positive_target, positive_only, budget).strategy == "decomposition"


def test_bounds_are_those_of_the_targets_box():
    """A network that says its inputs are 0 is still computed on inputs that need more than 64 bits."""
    target = network([2**40], [2**40 + 1], dense([[0]]))
    other = network([0], [0], dense([[2**24]], [Clamp(0, 1)]))
    assert enumeration.sweep_grid(target, other, 1, Monitor()).difference == (2**40,)
    assert enumeration.search_difference(target, other).point == (2**40,)
    with pytest.raises(TooWideError):
        enumeration._programs(target, other)


NOT_COMPARABLE = {
    "shape": (replace(TICKET, input=replace(TICKET.input, shape=(2, 1))), "input.shape"),
    "precision": (replace(TICKET, input=replace(TICKET.input, precision_bits=1)), "input.precision_bits"),
    "outputs": (with_layer(TICKET, 3, weights=mutants.matrix([[1] * 5] * 2), bias=(0, 0)), "outputs"),
}


@pytest.mark.parametrize(("other", "place"), NOT_COMPARABLE.values(), ids=NOT_COMPARABLE)
def test_networks_that_cannot_be_compared(other, place):
    with pytest.raises(InputError) as caught:
        prove(TARGET, other)
    assert caught.value.place == place


# Disagreements.


def test_a_sweep_that_sees_a_difference_where_there_is_none(monkeypatch):
    lie = Sweep(1, 1, (0, 0))
    monkeypatch.setattr(prover, "sweep_grid", lambda *_: lie)
    with pytest.raises(DisagreementError, match=r"a witness does not replay: equal holds between .* at \(0, 0\)"):
        prove(TARGET, TICKET)


def test_a_search_that_sees_a_difference_where_there_is_none(monkeypatch):
    monkeypatch.setattr(prover, "search_difference", lambda *_, **__: Search((0, 0), 0, 1))
    with pytest.raises(DisagreementError, match="a witness does not replay"):
        prove(TARGET, TICKET, NO_SWEEP)


def test_a_decomposition_that_z3_wrongly_grants(monkeypatch):
    """Without the decomposition's voice the sweep and the search still find out."""
    monkeypatch.setattr(prover, "_refute", lambda *_: [])
    for step in ("check_neuron", "check_network"):
        monkeypatch.setattr(composition, step, lambda *_: Outcome(Answer.UNSAT))
    for budget in (None, NO_SWEEP):
        with pytest.raises(DisagreementError, match=r"the decomposition proves what \(.*\) refutes"):
            prove(TARGET, WRONG, budget)


DIFFERS = Outcome(Answer.SAT, {"x0": 3})


@pytest.mark.parametrize(
    ("step", "found", "what"),
    [("check_neurons", (DIFFERS,) * 2, "pair 0, neuron 0"), ("check_network", DIFFERS, "the whole network")],
    ids=["a neuron", "the network"],
)
def test_a_composition_that_differs(monkeypatch, step, found, what):
    monkeypatch.setattr(composition, step, lambda *_: found)
    with pytest.raises(DisagreementError, match=rf"^{what}: z3 finds what is proved equal to differ at {{'x0': 3}}"):
        prove(TARGET, TICKET)


def test_composition_notices_by_itself_what_the_decomposition_overlooks(monkeypatch):
    monkeypatch.setattr(prover, "_refute", lambda *_: [])
    with pytest.raises(DisagreementError, match="pair 0, neuron 0: z3 finds what is proved equal to differ"):
        prove(TARGET, WRONG, NO_SWEEP)
    monkeypatch.setattr(composition, "check_neuron", lambda *_: Outcome(Answer.UNSAT))
    with pytest.raises(DisagreementError, match="the whole network: z3 finds"):
        prove(TARGET, WRONG, NO_SWEEP)


@pytest.mark.usefixtures("compiled_only")
def test_a_sweep_that_loses_its_way(monkeypatch):
    def lost(*_):
        raise SweepError("expected 36 points to be visited, found 35")

    monkeypatch.setattr(enumeration, "sweep", lost)
    with pytest.raises(DisagreementError, match="expected 36 points to be visited, found 35"):
        prove(TARGET, TICKET)


RUNS = {
    "all lost": lambda *_: [],
    "one lost": lambda call, work: map(call, list(work)[1:]),
    "one twice": lambda call, work: map(call, [*work, work[0]]),
}


@pytest.mark.parametrize("run", RUNS.values(), ids=RUNS)
def test_work_that_is_lost_or_done_twice(run):
    with pytest.raises(DisagreementError, match="pieces of work were given out, "):
        prove(TARGET, WRONG, crew=Crew(run))


def backwards_map(call, work):
    return reversed([call(task) for task in reversed(list(work))])


def test_how_work_is_mapped_does_not_matter():
    backwards = prove(TARGET, TICKET, crew=Crew(backwards_map))
    assert backwards == prove(TARGET, TICKET)
    assert backwards == prove(TARGET, TICKET, crew=Crew(threads=3))


# Budgets.


def test_the_default_budget():
    assert Budget() == Budget(session.DEFAULT_RLIMIT, 2**34)


@pytest.mark.parametrize("rlimit", [-1, 0, 2**32, 2**32 + 1])
def test_budgets_that_z3_would_not_take(rlimit):
    with pytest.raises(AssertionError):
        Budget(rlimit)


@pytest.mark.parametrize("rlimit", [1, 2**32 - 1])
def test_budgets_that_z3_takes(rlimit):
    assert Budget(rlimit).rlimit == rlimit


def test_a_solver_that_gives_up_proves_nothing(monkeypatch):
    assert prove(TARGET, TICKET, Budget(rlimit=1)).strategy == "sweep"
    assert prove(TARGET, WRONG, Budget(rlimit=1)).verdict is Verdict.REFUTED
    only_the_decomposition(monkeypatch)
    proof = prove(TARGET, TICKET, Budget(rlimit=1, sweep_work=0))
    assert (proof.verdict, proof.strategy) == (Verdict.UNDECIDED, None)
    assert "obligations that z3 did not refute: pair 0: the range " in proof.reason


@pytest.mark.parametrize("rlimit", [10, 100, 300, 1_000, 3_000, 10_000])
def test_a_solver_that_gives_up_somewhere(rlimit):
    """Wherever the budget runs out: equal networks are never refuted, others never proved."""
    assert prove(TARGET, TICKET, Budget(rlimit, 0)).verdict is not Verdict.REFUTED
    assert prove(TARGET, WRONG, Budget(rlimit, 0)).verdict is not Verdict.PROVED


@pytest.mark.parametrize("question", range(8))
def test_a_question_that_the_solver_gives_up_on(monkeypatch, question):
    """Any one of them: lemmas, biases, steps and weights of either pair."""
    asked = []
    original = many.refute

    def tired(write, rlimit, **options):
        asked.append(write(Z3)[1])
        if len(asked) == question + 1:
            return Refutation(unknown=tuple(range(len(asked[-1]))), reason="tired")
        return original(write, rlimit, **options)

    monkeypatch.setattr(many, "refute", tired)
    only_the_decomposition(monkeypatch)
    proof = prove(TARGET, TICKET, NO_SWEEP)
    assert proof.verdict is Verdict.UNDECIDED
    assert ": tired" in proof.reason
    assert proof.composition == prover.Composition()
    assert len(asked) >= 8


def test_a_solver_that_gives_up_without_a_word(monkeypatch):
    only_the_decomposition(monkeypatch)
    monkeypatch.setattr(many, "refute", lambda write, *_, **__: Refutation(unknown=tuple(range(len(write(Z3)[1])))))
    reason = prove(TARGET, TICKET, NO_SWEEP).reason
    assert reason.startswith("obligations that z3 did not refute: pair 0: bias [0]: unknown; ")


def test_a_composition_that_z3_gives_up_on_is_recorded(monkeypatch):
    unknown = Outcome(Answer.UNKNOWN, reason="resources")
    monkeypatch.setattr(composition, "check_neurons", lambda _, outputs, __: (unknown,) * len(outputs))
    monkeypatch.setattr(composition, "check_network", lambda *_: Outcome(Answer.UNKNOWN, reason="resources"))
    proof = prove(TARGET, TICKET)
    assert (proof.verdict, proof.composition) == (Verdict.PROVED, prover.Composition(3, 3, Answer.UNKNOWN))


def test_the_sweeps_budget_is_points_times_multiplications():
    work = 36 * sum(layer.weights.entries for layer in (*TARGET.layers, *TICKET.layers))
    assert prove(TARGET, TICKET, Budget(sweep_work=work)).sweep == Sweep(36, work, None)
    assert prove(TARGET, TICKET, Budget(sweep_work=work - 1)).sweep is None


def test_networks_without_a_weight_are_not_swept_for_nothing():
    nothing = network([0], [3], dense([[None]], bias=[2]))
    assert prove(nothing, nothing, NO_SWEEP).strategy == "merging"
    assert prove(nothing, nothing, Budget(sweep_work=4)).sweep == Sweep(4, 4, None)


# Integers too wide for a sweep.

TOO_WIDE = {
    "a bias": network([-2], [2], dense([[3]], bits=2, bias=[2**62])),
    "a product": network([2**61 - 1], [2**61 + 1], dense([[3]], bits=2)),
    "a clamp": network([-2], [2], dense([[3]], [Clamp(-(2**63), 2**63)], bits=2)),
    "an offset": network([-2], [2], dense([[3]], [Offset(-(2**63)), Offset(2**63)], bits=2)),
    "a shift": network([-2], [2], dense([[3]], [Requantize(62, "half_up")], bits=2)),
    "a zero point": network([-2], [2], dense([[3]], [Requantize(1, "floor", 2**62)], bits=2)),
    "a constant": network([-2], [2], dense([[3, 1]], bits=2, constants=[2**62])),
}


@pytest.mark.usefixtures("compiled_only")
@pytest.mark.parametrize("target", TOO_WIDE.values(), ids=TOO_WIDE)
def test_too_wide_for_a_sweep(target):
    ticket = plain_ticket(target)
    proof = prove(target, ticket)
    assert (proof.verdict, proof.strategy, proof.sweep) == (Verdict.PROVED, "decomposition", None)
    for wrong in (with_weight(ticket, 1, 0, 0, 2), with_weight(ticket, 1, 0, 2, 2**40)):
        proof = prove(target, wrong)
        assert proof.sweep is None
        equal = naive.equal_on_grid(mutants.document_of(target), mutants.document_of(wrong))
        assert proof.verdict is (Verdict.PROVED if equal else Verdict.REFUTED)


@pytest.mark.usefixtures("compiled_only")
def test_outputs_too_many_bits_apart_for_a_sweep():
    """All is 0, so that no integer is wide; the common scale is."""
    target = network([0], [0], dense([[1]], [Requantize(100, "floor")]), bits=0)
    other = network([0], [0], dense([[1]]), bits=0)
    proof = prove(target, other)
    assert (proof.verdict, proof.strategy, proof.sweep) == (Verdict.PROVED, "merging", None)
    with pytest.raises(TooWideError, match="outputs 100 bits apart"):
        enumeration._programs(target, other)


def test_more_points_than_can_be_counted_in_a_budget_without_end():
    target = network([0] * 64, [1] * 64, dense([[1] * 64], bits=1))
    proof = prove(target, plain_ticket(target), Budget(sweep_work=2**200))
    assert (proof.strategy, proof.sweep) == ("decomposition", None)


# What each strategy can tell apart: a pair of networks that are equal and written differently, and a mutant of it.


def test_decomposition_of_networks_written_differently():
    """Products two bits finer than the target's weights, and steps for them."""
    target = network([-2], [3], dense([[3]], [Requantize(1, "half_away"), Offset(-1)], bits=2, bias=[5]))
    hidden = dense([[1, None], [2, None], [-2, None], [-1, None], [None, 1]], [Relu()], constants=[4])
    output = dense([[2, 5, -5, -2, 5]], [Requantize(3, "half_away"), Offset(-1)], bits=4)
    ticket = replace(target, layers=(hidden, output))
    proof = prove(target, ticket, NO_SWEEP)
    assert (proof.verdict, proof.strategy) == (Verdict.PROVED, "decomposition")
    mutant = with_weight(ticket, 1, 0, 1, 4)
    assert prove(target, mutant, NO_SWEEP).verdict is not Verdict.PROVED


def test_sweep_of_networks_written_differently():
    """max(x0, x1) and x1 + σ(x0 - x1), which no unit with one input computes."""
    target = network([-2, 0], [3, 4], dense([[1, -1], [0, 1]], [Relu()]), dense([[1, 1]]))
    other = network([-2, 0], [3, 4], dense([[-1, 1], [1, 0], [-1, 0]], [Relu()]), dense([[1, 1, -1]]))
    proof = prove(target, other)
    assert (proof.verdict, proof.strategy, proof.reason) == (Verdict.PROVED, "sweep", "")
    assert proof.sweep.points == 30
    assert prove(target, other, NO_SWEEP).strategy == "merging"
    mutant = with_weight(other, 1, 0, 2, -2)
    assert is_witness(prove(target, mutant).witness, target, mutant)


def test_composition_of_networks_written_differently():
    small = network([-2], [3], dense([[3], [-2]], [Relu()], bits=2, bias=[1, 2]), dense([[1, 2]], bits=2))
    proof = prove(small, plain_ticket(small), NO_SWEEP)
    assert proof.composition == prover.Composition(3, 0, Answer.UNSAT)


# Differences in a single point.


def one_point_apart(corner):
    """1 for the sum of all inputs at that end of the box, and only there; and 0 everywhere."""
    low, high = [-3, 0, 2], [2, 5, 6]
    if corner == "high":
        steps = (Offset(-sum(high)), Threshold())
        weights = [1, 1, 1]
    else:
        steps = (Offset(sum(low)), Threshold())
        weights = [-1, -1, -1]
    flat = network(low, high, dense([[0, 0, 0]], [Offset(-1), Threshold()]))
    return network(low, high, dense([weights], steps)), flat, tuple(high if corner == "high" else low)


@pytest.mark.parametrize("workers", [1, 2])
@pytest.mark.parametrize("corner", ["low", "high"])
def test_a_sweep_finds_the_one_point(corner, workers):
    target, flat, point = one_point_apart(corner)
    for left, right in ((target, flat), (flat, target)):
        proof = prove(left, right, crew=Crew(threads=workers))
        assert proof.verdict is Verdict.REFUTED
        assert proof.witness.input == point
        assert proof.sweep.points == (1 if corner == "low" else 6 * 6 * 5)
        assert {proof.witness.left, proof.witness.right} == {(0,), (1,)}


def test_a_sweep_finds_the_one_point_beside_a_clamp():
    """A clamp that cuts only the greatest accumulator, by 1; the ticket's does not."""
    target = network([-4, -4], [4, 5], dense([[3, 2]], [Clamp(-100, 21)], bits=2))
    ticket = with_layer(plain_ticket(target), 1, steps=(Clamp(-100, 22),))
    proof = prove(target, ticket)
    assert (proof.verdict, proof.witness.input) == (Verdict.REFUTED, (4, 5))
    assert (proof.witness.left, proof.witness.right) == ((21,), (22,))
    assert prove(replace(target, input=replace(target.input, high=(4, 4))), ticket).strategy == "sweep"


# Found tickets.


def test_a_found_ticket_and_one_for_another_seed():
    document = json.loads(json.dumps(mutants.document_of(TARGET) | {"format": "certify.network/1"}))
    case = mutants.find(document, "one")
    assert prove(case.target, case.pruned).strategy == "decomposition"
    other = mutants.prune(case.target, replace(case.ticket.base, seed="two"), case.ticket.masks)
    assert prove(case.target, other).verdict is Verdict.REFUTED


class Listener(Monitor):
    """Writes down every phase's total and how far it was said to be."""

    def __init__(self):
        super().__init__()
        self.heard = []

    def begin(self, name, total):
        self.heard.append((name, total, []))

    def reach(self, done):
        self.heard[-1][2].append(done)


def test_progress_is_told_step_by_step():
    """Three pieces of work for each pair, the neurons of both and the network, 36 points."""
    listener = Listener()
    prove(TARGET, TICKET, monitor=listener)
    assert listener.heard == [
        ("obligations", 0, []),
        ("refutation", 6, [1, 2, 3, 4, 5, 6]),
        ("composition", 3, [1, 2]),
        ("sweep", 36, [36]),
    ]


def test_phases_are_reported():
    monitor = Monitor()
    prove(TARGET, TICKET, monitor=monitor)
    assert list(monitor.timings) == ["obligations", "refutation", "composition", "sweep"]
    monitor = Monitor()
    prove(TARGET, WRONG, NO_SWEEP, monitor=monitor)
    assert list(monitor.timings) == ["obligations", "refutation", "search"]
