"""Theorem 2's shape: one layer of the ticket for each of the target's but the first, reading copies of neurons."""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import replace

import copied
import mutants
import naive
import pytest
from mutants import dense, network, plain_pair, with_layer, with_weight
from verdicts import NO_SWEEP, assert_not_applicable, assert_proved, decide, unproved

from certify.errors import DisagreementError
from certify.network.steps import Clamp, Relu, Requantize, RequantizeQ31, Sign
from certify.proof import composition, copies
from certify.proof.claim import Verdict
from certify.proof.copies import line_up
from certify.proof.obligations import digest, obligations
from certify.proof.piece import UNFED, Pair, Single
from certify.proof.prover import prove
from certify.proof.questions import composition_questions, count, obligation_questions
from certify.proof.script import script
from certify.proof.second_opinion import ask_again
from certify.proof.structure import NotApplicableError, pair_up
from certify.work import ALONE
from solvers.smt.session import Answer

TARGET = network(
    [-3, -2],
    [2, 3],
    dense([[3, -2], [1, 4]], [Relu()], bits=2, bias=[5, -7]),
    dense([[2, -1], [0, 3]], [Relu()], bits=2, bias=[-3, 1]),
    dense([[1, -4]], bits=2, bias=[2]),
)


def ticket(*later, owners=(0, 1, 0), target=TARGET):
    """A pair by hand for the target's first layer, its rows those of the owners, and these layers behind it."""
    first = target.layers[0]
    rows = first.weights.to_dense()[list(owners)].tolist()
    bias = [first.bias[owner] for owner in owners]
    pair = plain_pair(dense(rows, first.steps, bits=first.precision_bits, bias=bias))
    return replace(target, layers=(*pair, *later))


# Neuron 1 is there twice, and a unit that is nobody's copy.
SECOND = dense(
    [[None, 3, None, 1, None], [3, -1, -1, 1, -4], [None, 3, None, 2, -1], [7, 7, 7, 7, 7]],
    [Relu()],
    bits=2,
    constants=[1, 1],
)
THIRD = dense([[-1, 1, -3, None, 2]], bits=2, constants=[1])
TICKET = ticket(SECOND, THIRD)


def proved_by_decomposition(target, other):
    try:
        return not unproved(target, other)
    except NotApplicableError:
        return False


def test_by_hand():
    assert_proved(TARGET, TICKET)
    first, second, third = pair_up(TARGET, TICKET)
    assert [type(piece) for piece in (first, second, third)] == [Pair, Single, Single]
    assert [piece.name for piece in (first, second, third)] == ["pair 0", "layer 1", "layer 2"]
    assert (first.copies.rows, first.copies.neurons) == ((0, 1, 2), (0, 1, 0))
    assert (second.copies.rows, second.copies.neurons) == ((0, 1, 2), (1, 0, 1))
    assert second.unit_input.tolist() == [0, 1, 0, 2, 3]
    assert third.unit_input.tolist() == [1, 0, 1, UNFED, 2]


def test_every_copy_and_neuron_has_an_obligation_and_every_edge_stands_in_one():
    """Where the weight is 0 and nothing is kept, too."""
    item = obligations(pair_up(TARGET, TICKET)[1])
    asked = zip(item.weights.output, item.weights.input, item.weights.weight, strict=True)
    assert [tuple(map(int, each)) for each in asked] == [
        (0, 0, 0), (0, 1, 3), (1, 0, 2), (1, 1, -1), (2, 0, 0), (2, 1, 3),
    ]  # fmt: skip
    assert item.weights.start.tolist() == [0, 0, 1, 3, 4, 4, 5]
    assert item.weights.v.tolist() == [3, 3, -1, -1, 3]
    assert item.biases.start.tolist() == [0, 1, 3, 5]
    assert set(item.weights.u.tolist()) == set(item.biases.u.tolist()) == {1}
    assert item.lemmas == ()


def random_tickets(first, last):
    for number in range(first, last):
        rng = random.Random(f"copies {number}")
        yield rng, copied.make(rng, copied.random_target(rng))


def check(rng, made, seen):
    """A ticket is proved; of a mutant only what plain Python says of the whole grid may be."""
    assert naive.equal_on_grid(mutants.document_of(made.target), mutants.document_of(made.ticket))
    assert unproved(made.target, made.ticket) == []
    for name, target, other in copied.mutants(rng, made):
        there = replace(other, input=target.input)
        equal = naive.equal_on_grid(mutants.document_of(target), mutants.document_of(there))
        proved = proved_by_decomposition(target, there)
        assert equal or not proved, name
        seen[name, equal, proved] += 1


def test_random_tickets_and_mutants():
    seen = Counter()
    for rng, made in random_tickets(0, 12):
        check(rng, made, seen)
    assert {name for name, equal, _ in seen if not equal} >= set(copied.CHANGES) - {"a rounding", "the box"}
    assert any(proved for _, _, proved in seen)


@pytest.mark.long
def test_many_more_random_tickets_and_mutants():
    seen = Counter()
    for rng, made in random_tickets(100, 160):
        check(rng, made, seen)
    assert {name for name, equal, _ in seen if not equal} == set(copied.CHANGES)


@pytest.mark.parametrize("number", range(2))
def test_verdicts_of_random_mutants(number):
    """Whoever decides them: `decide` holds the verdict against plain Python on the whole grid."""
    rng, made = next(random_tickets(number, number + 1))
    assert_proved(made.target, made.ticket)
    for _, target, other in copied.mutants(rng, made):
        assert decide(target, replace(other, input=target.input)).verdict is not Verdict.UNDECIDED


WITH_A_CONSTANT = dense([[*row, 1] for row in TICKET.layers[1].weights.to_dense().tolist()]).weights


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        pytest.param(with_weight(TICKET, 2, 1, 3, 2), "condition 0: layer 2 of the ticket: row 1", id="a bias"),
        pytest.param(with_weight(TICKET, 2, 1, 2, None), "layer 2 of the ticket: row 1 is read", id="a weight"),
        pytest.param(with_weight(TICKET, 1, 0, 0, 2), "layer 1 of the ticket: row 0 is read", id="of the pair"),
        pytest.param(with_weight(TICKET, 3, 0, 3, 0), "layer 2 of the ticket: row 3", id="nobody's copy read with 0"),
        pytest.param(with_layer(TICKET, 2, bias=(0, 0, 1, 0)), "layer 1: the ticket's layer has a bias", id="bias"),
        pytest.param(with_layer(TICKET, 2, precision_bits=1), "is read, and a copy of no neuron", id="precision"),
        pytest.param(with_layer(TICKET, 3, precision_bits=1), "layer 2: δ_t ≥ δ fails by 1 bits", id="last"),
        pytest.param(with_layer(TICKET, 3, steps=(Relu(),)), "layer 2: the steps are not the target's", id="steps"),
        pytest.param(with_weight(TICKET, 0, 0, 1, 1), "condition 1: pair 0", id="two inputs"),
        pytest.param(
            with_layer(TICKET, 1, weights=WITH_A_CONSTANT, constants=(0,)),
            "condition 0: pair 0: the output layer has constants",
            id="constants of a pair's output",
        ),
        pytest.param(with_layer(TICKET, 0, steps=()), "pair 0: the hidden layer's steps", id="no ReLU"),
        pytest.param(
            with_layer(TICKET, 3, weights=dense([[1, 2, 3]]).weights),
            "layer 3 of the ticket: expected 4 inputs",
            id="size",
        ),
        pytest.param(
            with_layer(TICKET, 3, weights=dense([[1] * 5] * 2).weights, bias=(0, 0)),
            "condition 0: expected 1 outputs, found 2",
            id="outputs",
        ),
        pytest.param(
            replace(TICKET, input=replace(TICKET.input, shape=(1, 2))),
            "condition 0: the inputs have different shapes",
            id="input",
        ),
    ],
)
def test_conditions(changed, message):
    with pytest.raises(NotApplicableError, match=message):
        pair_up(TARGET, changed)


def test_what_fails_in_the_last_layer_is_refuted_by_a_witness():
    """Nobody guesses there, so that the obligations themselves fail."""
    changed = with_weight(TICKET, 3, 0, 1, 2)
    assert unproved(TARGET, changed) == ["layer 2: weight [0][0]: sat"]
    proof = decide(TARGET, changed)
    assert (proof.verdict, proof.strategy) == (Verdict.REFUTED, None)
    assert unproved(TARGET, with_weight(TICKET, 3, 0, 4, 3)) == ["layer 2: bias [0]: sat"]


def test_a_wrong_guess_proves_nothing(monkeypatch):
    """z3 is the judge of whose copy a unit is: any other assignment than the right one is left unproved."""
    right = copies.owners
    for wrong in ([1, 1, 0], [0, 0, 0], [0, 1, 1]):
        monkeypatch.setattr(copies, "owners", lambda layer, *rest, wrong=wrong: right(layer, *rest) * 0 + wrong)
        left = unproved(TARGET, TICKET)
        assert any(item.startswith("pair 0: weight") for item in left)


def test_sums_that_look_alike_modulo_a_word():
    """The guess takes 2^64 for 0; the obligation does not."""
    changed = with_layer(TICKET, 2, constants=(1, 1 + 2**64))
    assert pair_up(TARGET, changed)[1].copies.neurons == (1, 0, 1)
    assert unproved(TARGET, changed) == [f"layer 1: bias [{row}]: sat" for row in (1, 2)]
    assert decide(TARGET, changed, NO_SWEEP).verdict is not Verdict.PROVED


def test_units_that_only_dead_units_read():
    """A row reads a unit that is nobody's copy, and is read by nobody itself."""
    deep = network([0], [3], *(dense([[1]], [Relu()]) for _ in range(3)))
    second, third = dense([[1, None], [5, 5]], [Relu()]), dense([[1, None]], [Relu()])
    assert_proved(deep, replace(deep, layers=(*ticket(target=deep, owners=(0, 0)).layers, second, third)))
    living = replace(deep, layers=(*ticket(target=deep, owners=(0, 0)).layers, second, dense([[1, 0]], [Relu()])))
    assert_not_applicable(deep, living, "condition 0: layer 2 of the ticket: row 1 is read")


def twins(steps, other=None):
    """Two neurons with the same weights and bias, and a sum of both; the ticket has copies of the first alone."""
    target = network([-2], [2], dense([[2], [2]], steps, bias=[1, 1]), dense([[3, -1]], bias=[4]))
    pair = plain_pair(dense([[2], [2]], other or steps, bias=[1, 1]))
    return target, replace(target, layers=(*pair, dense([[1, 1, 4]], constants=[1])))


def test_neurons_that_are_the_same():
    assert_proved(*twins([Relu()]))
    piece = pair_up(*twins([Relu()]))[1]
    assert piece.copies.same == (0, 0)
    assert piece.weights.to_dense().tolist() == [[2, 0]]


def test_neurons_with_steps_of_their_own_are_not_the_same():
    apart = [RequantizeQ31((2**30, 2**29), 0, "double")]
    assert unproved(*twins(apart)) == ["layer 1: weight [0][0]: sat", "layer 1: weight [0][1]: sat"]


def test_neurons_that_become_the_same_where_those_before_are_the_same():
    """Rows (3, -1) and (1, 1) on two neurons that are the same."""
    target = network(
        [-2], [2], dense([[2], [2]], bias=[1, 1]), dense([[3, -1], [1, 1]], [Relu()], bias=[4, 4]), dense([[5, -2]])
    )
    pair = plain_pair(dense([[2]], bias=[1]))
    assert_proved(target, replace(target, layers=(*pair, dense([[2, 4]], [Relu()], constants=[1]), dense([[3]]))))


def test_sums_over_the_same_neurons_that_a_word_does_not_hold():
    target = network([-2], [2], dense([[2], [2]], bits=62), dense([[2**62, 2**62]], bits=62))
    layers = (*plain_pair(target.layers[0]), dense([[2**62, 2**62]], bits=62))
    assert_not_applicable(target, replace(target, layers=layers), "condition 0: weights on neurons that are the same")


def test_constants_that_are_there_several_times():
    """The bias 7 from lines 1, 1, 1, -2, 4, of which no two have the same weight."""
    target = network([-2], [2], dense([[2]]), dense([[3]], bias=[7]))
    last = dense([[3, 5, 0, -2, None, 1]], constants=[1, 1, 1, -2, 4])
    assert_proved(target, ticket(last, owners=(0,), target=target))
    assert obligations(pair_up(target, ticket(last, owners=(0,), target=target))[1]).biases.line.tolist() == [
        0,
        1,
        2,
        4,
    ]


def test_a_finer_ticket():
    """The pair leaves integers finer by 2^3, and the layer behind it makes them finer by 2."""
    target = network([-2], [2], dense([[1], [-1]]), dense([[3, 1]], [Requantize(1, "half_even")], bias=[1]))
    hidden, output = plain_pair(dense([[8], [-8]], bits=3))
    last = dense([[6, 2, 16]], [Requantize(5, "half_even")], bits=1, constants=[1])
    assert_proved(target, replace(target, layers=(hidden, output, last)))
    assert obligations(pair_up(target, replace(target, layers=(hidden, output, last)))[1]).boxes == ((-16, 16),)
    unscaled = dense([[6, 2, 1]], [Requantize(5, "half_even")], bits=1, constants=[1])
    assert unproved(target, replace(target, layers=(hidden, output, unscaled))) == ["layer 1: bias [0]: sat"]


def test_a_pair_that_ends_at_the_targets_own_scale():
    target = network([-2], [2], dense([[1], [-1]]), dense([[3, 1]], bias=[1]))
    hidden, output = plain_pair(dense([[8], [-8]], [Requantize(3, "floor")], bits=3))
    other = replace(target, layers=(hidden, output, dense([[3, 1, 1]], constants=[1])))
    assert_proved(target, other)
    assert [piece.input_bits for piece in pair_up(target, other)] == [0, 0]


def test_outputs_of_other_precision_bits():
    """The last layer's integers are finer by what the steps have not taken away."""
    finer = replace(TICKET.input, precision_bits=1)
    with pytest.raises(NotApplicableError, match="the outputs' precision bits do not follow from the steps"):
        pair_up(TARGET, replace(TICKET, input=finer))


def test_a_last_layer_that_reads_nothing():
    """No unit of the pair counts, and every range is asked all the same."""
    target = network([-2], [2], dense([[2]], [Relu()]), dense([[0]], bias=[3]))
    empty = ticket(dense([[None, 3]], constants=[1]), owners=(0,), target=target)
    assert_proved(target, empty)
    assert pair_up(target, empty)[0].copies.rows == ()
    assert obligations(pair_up(target, empty)[1]).boxes == ((0, 4),)


def test_an_empty_box():
    box = replace(TARGET.input, low=(0, 3), high=(2, 1))
    target, other = replace(TARGET, input=box), replace(TICKET, input=box)
    assert any(item.startswith("pair 0: the range 3..1 is not empty") for item in unproved(target, other))


def test_a_neuron_that_is_never_anything_but_0():
    """What is kept on it makes no difference, and what it is made of has to be right all the same."""
    target = network([-2], [2], dense([[2], [1]], [Clamp(0, 0)]), dense([[3, 1]], bias=[4]))
    other = ticket(dense([[2, 9, 4]], constants=[1]), owners=(0, 1), target=target)
    assert proved_by_decomposition(target, other)
    assert decide(target, other).strategy == "decomposition"


def test_one_layer_is_a_pair():
    """With ℓ = 1 both theorems have the same shape."""
    target = network([-2], [2], dense([[2]], [Sign()], bias=[1]))
    (piece,) = pair_up(target, replace(target, layers=plain_pair(target.layers[0])))
    assert (piece.name, piece.copies) == ("pair 0", None)


def test_digests_say_whose_copies_units_are():
    pieces = line_up(TARGET, TICKET)
    first = digest([obligations(piece) for piece in pieces])
    assert set(first) == {"range", "relu", "weight", "bias", "steps"}
    assert (first["weight"].count, first["bias"].count) == (3 * 2 * 2 + 3 * 2 + 2, 3 + 3 + 1)
    for field, value in (("neurons", (0, 1, 1)), ("rows", (0, 1, 3)), ("same", (0, 0))):
        changed = replace(pieces[0], copies=replace(pieces[0].copies, **{field: value}))
        second = digest([obligations(piece) for piece in (changed, *pieces[1:])])
        assert all(first[kind].sha256 != second[kind].sha256 for kind in first)


def test_questions_one_by_one():
    """All that z3 is asked, as text for another solver: counted, answered as expected, an edge written v·y."""
    pieces = pair_up(TARGET, TICKET)
    for piece in pieces:
        item = obligations(piece)
        assert len(list(obligation_questions(item))) == count(item)
    texts = [question.text() for piece in pieces for question in obligation_questions(obligations(piece))]
    assert any("(distinct (+ (* 3 y) (* (- 1) y)) (* 1 (* 2 y)))" in text for text in texts)
    assert [question.kind for question in composition_questions(TARGET, TICKET, pieces)][-1] == "network"
    whole = "".join(script("target.json", "0" * 64, "seed", TARGET, TICKET))
    assert "; Layer 1 of 3: layer 1 of the target, layer 2 of the ticket" in whole
    assert "; outputs that are read, and the neurons they are copies of: 0 of 1, 1 of 0, 2 of 1" in whole


def test_another_solver_agrees():
    proof = prove(TARGET, TICKET)
    opinion = ask_again(TARGET, TICKET, proof.obligations, ALONE)
    assert opinion.gave_up.keys() <= {"network"}


def test_composition_is_asked_about_rows_as_they_stand():
    """Whole neurons and the whole network: what the obligations prove, and what they would not."""
    pieces = pair_up(TARGET, TICKET)
    answers = [composition.check_neuron(piece, output, 10**7).answer for piece, output in composition.sampled(pieces)]
    assert answers == [Answer.UNSAT] * 7
    assert composition.check_network(TARGET, TICKET, pieces).answer is Answer.UNSAT
    changed = with_weight(TICKET, 3, 0, 1, 2)
    last = pair_up(TARGET, changed)[2]
    assert composition.check_neuron(last, 0, 10**7).answer is Answer.SAT
    assert composition.check_network(TARGET, changed, pair_up(TARGET, changed)).answer is Answer.SAT


def test_a_wrong_proof_stops_the_run(monkeypatch):
    """Were z3 to refute whatever it is asked, the composition would still be asked."""
    monkeypatch.setattr("certify.proof.prover.tasks", lambda *_: [])
    with pytest.raises(DisagreementError, match="layer 2, neuron 0: z3 finds what is proved equal to differ"):
        prove(TARGET, with_weight(TICKET, 3, 0, 1, 2))
