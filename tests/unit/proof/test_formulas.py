"""What z3 is asked: every kept edge as v·(u·p), counted against the bits of the masks, nothing worked out before."""

from __future__ import annotations

from collections import Counter

import mutants
import pytest
import z3
from mutants import dense, network, plain_ticket, with_weight

from certify.network.rounding import RULES
from certify.network.steps import Clamp, Offset, Relu, Requantize, RequantizeQ31, Sign, Threshold
from certify.proof import composition, formulas, refutation
from certify.proof.obligations import StepsObligation, obligations
from certify.proof.piece import NEGATIVE, POSITIVE
from certify.proof.structure import pair_up
from solvers.smt import many, session
from solvers.smt.smtlib import SmtLib
from solvers.smt.terms import Z3
from solvers.smt.vocabulary import Vocabulary

CASES = [*(("small", number) for number in range(12)), ("large", 0), ("large", 3)]


def case_of(size, number):
    return (mutants.small_case if size == "small" else mutants.large_case)(number)


def items_of(case):
    return [obligations(pair) for pair in pair_up(case.target, case.pruned)]


def weight_formulas(item):
    """One for each obligation, before any sharing."""
    made = []
    for index in range(len(item.weights)):
        alone = item.weights.part(index, index + 1)
        variable = z3.Int("pq"[int(alone.half[0])])
        made += formulas.weight_formulas(Z3, alone, item.piece.weight_bits, variable)
    return made


def bias_formulas(item):
    return [formulas.bias_formula(Z3, item, output) for output in range(item.piece.target.outputs)]


def sides(formula):
    """left and right of left ≠ right."""
    assert formula.decl().kind() == z3.Z3_OP_DISTINCT
    left, right = formula.children()
    return left, right


def addends(term):
    if term.decl().kind() == z3.Z3_OP_ADD:
        return term.children()
    return [] if z3.is_int_value(term) and term.as_long() == 0 else [term]


def product(term):
    """(factor, rest) of a product of exactly two arguments with the numeral on the left."""
    assert term.decl().kind() == z3.Z3_OP_MUL, term
    factor, rest = term.children()
    assert z3.is_int_value(factor), term
    return factor.as_long(), rest


def weight_edge(term, variable):
    """(v, |u|) of v·(|u|·p)."""
    v, unit = product(term)
    u, rest = product(unit)
    assert rest.eq(z3.Int(variable)), term
    return v, u


def bias_edge(term):
    """(v, u, c) of v·σ(u·c)."""
    v, relu = product(term)
    condition, unit, zero = relu.children()
    assert relu.decl().kind() == z3.Z3_OP_ITE
    assert zero.as_long() == 0
    assert condition.children()[1].eq(unit)
    u, constant = product(unit)
    return v, u, constant.as_long()


def edges_from_documents(case):
    """Counters of (pair, output, input, half, v, |u|) and (pair, output, v, u, c), from lists of Python integers."""
    weights, biases = Counter(), Counter()
    for index, (first, second) in enumerate(zip(*[iter(case.pruned.layers)] * 2, strict=True)):
        for output in range(second.outputs):
            for unit, v in zip(*second.weights.row(output), strict=True):
                columns, us = first.weights.row(unit)
                if columns and columns[0] < first.inputs:
                    half = "q" if us[0] < 0 else "p"
                    weights[index, output, columns[0], half, v, abs(us[0])] += 1
                else:
                    line = (us[0], first.constants[columns[0] - first.inputs]) if columns else (0, 0)
                    biases[index, output, v, *line] += 1
    return weights, biases


@pytest.mark.parametrize(("size", "number"), CASES, ids=str)
def test_every_bit_of_the_second_masks_is_an_edge_in_a_formula(size, number):
    case = case_of(size, number)
    weights, biases = Counter(), Counter()
    for item in items_of(case):
        listed, index = item.weights, item.piece.index
        for at, formula in enumerate(weight_formulas(item)):
            half = "q" if listed.half[at] == NEGATIVE else "p"
            for term in addends(sides(formula)[0]):
                weights[index, int(listed.output[at]), int(listed.input[at]), half, *weight_edge(term, half)] += 1
        for output, formula in enumerate(bias_formulas(item)):
            for term in addends(sides(formula)[0]):
                biases[index, output, *bias_edge(term)] += 1
    assert (weights, biases) == edges_from_documents(case)
    assert weights.total() + biases.total() == sum(mask.kept for mask in case.ticket.masks[1::2])


@pytest.mark.parametrize(("size", "number"), CASES, ids=str)
def test_the_right_sides_are_the_target(size, number):
    """2^r·(±w·p) for every output, input and half that the range does not exclude; s·(b + Σ w·constant)."""
    case = case_of(size, number)
    for item in items_of(case):
        listed, layer = item.weights, case.document["layers"][item.piece.index]
        seen = set()
        for at, formula in enumerate(weight_formulas(item)):
            output, column, half = (int(part[at]) for part in (listed.output, listed.input, listed.half))
            scale, signed = product(sides(formula)[1])
            factor, variable = product(signed)
            w = layer["weights"][output][column]
            assert (scale, factor) == (1 << item.piece.weight_bits, -w if half == NEGATIVE else w)
            assert variable.eq(z3.Int("q" if half == NEGATIVE else "p"))
            seen.add((output, column, half))
        ranges = zip(item.piece.low, item.piece.high, strict=True)
        needed = {
            (output, column, half)
            for column, (low, high) in enumerate(ranges)
            for half, nonzero in enumerate((high > 0, low < 0))
            if nonzero
            for output in range(len(layer["weights"]))
        }
        assert seen >= needed
        for output, formula in enumerate(bias_formulas(item)):
            scale, bias = product(sides(formula)[1])
            assert scale == 1 << item.piece.scale_bits
            assert z3.simplify(bias).as_long() == layer["bias"][output]


class Asked:
    """What is asked of one variable at a time, as text: (range, left side's addends, right side) of each p or q."""

    def __init__(self, monkeypatch):
        self.about = {"p": Counter(), "q": Counter()}
        self.lemmas = []
        original = many.refute

        def recorded(write, rlimit, **options):
            known, formulas = write(Z3)
            for formula in formulas:
                self.record(known, formula)
            words = SmtLib()
            assert [len(part) for part in write(words)] == [len(known), len(formulas)]
            assert {name[0] for name in words.variables} <= {"x", "p", "q", "a"}
            return original(write, rlimit, **options)

        monkeypatch.setattr(many, "refute", recorded)

    def record(self, known, formula):
        names = {str(name) for name in names_in(formula)}
        if len(names) == 1 and names != {"a"}:
            (name,) = names
            (span,) = [within for within in known if names == {str(found) for found in names_in(within)}]
            self.about[name[0]][as_asked(span, formula, name)] += 1
        if {name[0] for name in names} in ({"x", "p"}, {"x", "q"}):
            self.lemmas.append(product(sides(formula)[1])[0])


def as_asked(span, formula, name):
    """The text of a range and of a formula on it, in any order of its addends."""
    left, right = sides(formula)
    texts = span.sexpr(), *sorted(term.sexpr() for term in addends(left)), right.sexpr()
    return tuple(text.replace(name, name[0]) for text in texts)


def names_in(term):
    if z3.is_const(term) and term.decl().kind() == z3.Z3_OP_UNINTERPRETED:
        return {term}
    return set().union(*(names_in(child) for child in term.children()))


@pytest.mark.parametrize(("size", "number"), CASES, ids=str)
def test_z3_is_asked_exactly_those_formulas(monkeypatch, size, number):
    """Each once for its range; equal ones are the only ones that share."""
    case, asked = case_of(size, number), Asked(monkeypatch)
    expected = {"p": Counter(), "q": Counter()}
    for item in items_of(case):
        assert [left for task in refutation.tasks(item, 10**8) for left in task()] == []
        own = {
            ("pq"[half], as_asked(Z3.within(z3.Int("pq"[half]), *item.weights.range_of(at)), formula, "pq"[half]))
            for at, (half, formula) in enumerate(zip(item.weights.half.tolist(), weight_formulas(item), strict=True))
        }
        for variable, text in own:
            expected[variable][text] += 1
    assert asked.about == expected


SHARED: dict[str, tuple[list[list[int]], list[list[int]], list[int], int]] = {
    # weights, the second matrix (a unit of weight 1 for each input), high, questions
    "all the same": ([[2, 2], [2, 2]], [[2, 2], [2, 2]], [3, 3], 1),
    "another range": ([[2, 2], [2, 2]], [[2, 2], [2, 2]], [3, 2], 2),
    "another weight": ([[2, 2], [2, 1]], [[2, 2], [2, 2]], [3, 3], 2),
    "other edges": ([[2, 2], [2, 2]], [[2, 2], [2, 1]], [3, 3], 2),
}


@pytest.mark.parametrize(("weights", "second", "high", "questions"), SHARED.values(), ids=SHARED)
def test_obligations_that_share_a_question(monkeypatch, weights, second, high, questions):
    asked = Asked(monkeypatch)
    target = network([0, 0], high, dense(weights, bits=2))
    ticket = network([0, 0], high, dense([[1, None], [None, 1]], [Relu()]), dense(second, bits=2))
    (pair,) = pair_up(target, ticket)
    assert len(obligations(pair).weights) == 4
    left = [item for task in refutation.tasks(obligations(pair), 10**7) for item in task()]
    assert asked.about["p"].total() == questions
    assert bool(left) == (weights != second)


def test_halves_do_not_share():
    target = network([-2, -2], [2, 2], dense([[0, 0]], bits=1))
    ticket = network([-2, -2], [2, 2], dense([[1, None], [None, -1]], [Relu()]), dense([[0, 0]], bits=1))
    with pytest.MonkeyPatch.context() as monkeypatch:
        asked = Asked(monkeypatch)
        (pair,) = pair_up(target, ticket)
        assert [left for task in refutation.tasks(obligations(pair), 10**7) for left in task()] == []
        # 0·(1·p) and 0·(1·q), and for the other input's halves the sum of nothing.
        assert (asked.about["p"].total(), asked.about["q"].total()) == (2, 2)


def test_nothing_is_simplified():
    """Factors 0 and 1 and sums of one addend stay what they are."""
    target = network([-1], [1], dense([[1]]))
    ticket = network([-1], [1], dense([[1], [1], [-1], [0]], [Relu()]), dense([[1, 0, -1, 7]]))
    (item,) = [obligations(pair) for pair in pair_up(target, ticket)]
    positive, negative = (sides(formula)[0] for formula in weight_formulas(item))
    assert [weight_edge(term, "p") for term in addends(positive)] == [(1, 1), (0, 1), (7, 0)]
    assert [weight_edge(term, "q") for term in addends(negative)] == [(-1, 1)]


def test_numerals_outlive_what_made_them():
    """Many products in one sum, each of its own numerals."""
    products = formulas._Edges(Z3, z3.Int("p"), POSITIVE)
    made = [products[v, v + 5_000] for v in range(1, 4_000)]
    assert [weight_edge(term, "p") for term in made] == [(v, v + 5_000) for v in range(1, 4_000)]
    assert products[7, 5_007].eq(made[6])


STEPS = {
    "relu": Relu(),
    **{rule: Requantize(3, rule, -2) for rule in mutants.naive.ROUND},
    "no shift": Requantize(0, "half_even", 4),
    "clamp": Clamp(-4, 3),
    "offset": Offset(-6),
    "step": Threshold(),
    "sign": Sign(),
}


@pytest.mark.parametrize("step", STEPS.values(), ids=STEPS)
def test_what_a_step_is_to_z3(step):
    """On every integer around the ties, against the oracle."""
    document = mutants._step_document(step)
    for value in range(-41, 42):
        term = formulas.step_terms(Z3, [step], z3.IntVal(value), value, value)
        assert z3.simplify(term).as_long() == mutants.naive.apply_step(document, value)


MULTIPLIED = [
    RequantizeQ31(multiplier, shift, rule, -2)
    for rule in RULES
    for multiplier, shift in (
        (2**30, 0),
        (1518500250, 4),
        (1518500250, -1),
        (2**31 - 1, -3),
        (1, -31),
        (2**30 + 1, 20),
    )
]


@pytest.mark.parametrize("step", MULTIPLIED, ids=lambda step: f"{step.rule} {step.multiplier} {step.shift}")
def test_what_a_multiplier_is_to_z3(step):
    """On ties, and where a float's 24 bits end, with bounds that reach just as far and with wider ones."""
    document = mutants._step_document(step)
    values = {
        sign * (2**power + beside) for power in (1, 3, 23, 24, 25, 31) for beside in range(-2, 3) for sign in (1, -1)
    }
    for value in values | {sign * odd * 2**19 for sign in (1, -1) for odd in (1, 3, 5, 7)}:
        expected = mutants.naive.apply_step(document, value)
        for low, high in ((value, value), (-(2**40), 2**40)):
            term = formulas.step_terms(Z3, [step], z3.IntVal(value), low, high)
            assert z3.simplify(term).as_long() == expected


def test_the_range_is_that_of_each_step_in_turn():
    """A relu, a shift and an offset move the bounds that a float's rounding needs; here each is just reached."""
    steps = [
        Relu(),
        Requantize(2, "floor"),
        Offset(2**26),
        RequantizeQ31(2**30, -8, "float32"),
        Clamp(-(2**40), 2**40),
    ]
    document = [mutants._step_document(step) for step in steps]
    for value in (-(2**29), -1, 0, 3, 4, 2**29 - 4, 2**29 + 12):
        term = formulas.step_terms(Z3, steps, z3.IntVal(value), -(2**29), 2**29 + 12)
        expected = value
        for step in document:
            expected = mutants.naive.apply_step(step, expected)
        assert z3.simplify(term).as_long() == expected


def test_steps_with_values_for_each_output_are_not_those_of_one():
    with pytest.raises(TypeError, match="expected the steps of one output"):
        formulas.step_terms(Z3, [RequantizeQ31((1, 2), 0, "single")], z3.IntVal(0), 0, 0)


def test_a_lemma_for_every_weight_and_range(monkeypatch):
    """σ(u·x) is written out once for each distinct kept u, the unused ones included."""
    target = network([-3, 0], [2, 2], dense([[1, 1]]))
    ticket = network(
        [-3, 0], [2, 2], dense([[2, None], [2, None], [-1, None], [None, 2]], [Relu()]), dense([[0] * 4])
    )
    asked = Asked(monkeypatch)
    left = [
        item
        for pair in pair_up(target, ticket)
        for task in refutation.tasks(obligations(pair), 10**7)
        for item in task()
    ]
    assert {item.what for item in left} == {
        "pair 0: weight [0][0], inputs ≥ 0",
        "pair 0: weight [0][0], inputs ≤ 0",
        "pair 0: weight [0][1], inputs ≥ 0",
    }
    assert asked.lemmas == [1, 2, 2]


def test_a_wrong_lemma_is_noticed(monkeypatch):
    """Condition 2 is asked, not assumed: were σ something else, no obligation on p and q would help."""
    target = network([-3], [3], dense([[2]], bits=1))
    item = obligations(pair_up(target, plain_ticket(target))[0])
    monkeypatch.setattr(Vocabulary, "relu", lambda _, term: term)
    left = [left.what for task in refutation.tasks(item, 10**7) for left in task()]
    assert left == ["pair 0: ReLU on -3..3 x = p - q"]


# Composition.


@pytest.mark.parametrize(("size", "number"), CASES, ids=str)
def test_neurons_are_written_out_in_full(monkeypatch, size, number):
    """The masked rows of both matrices: every kept edge of the neuron's row, whatever its unit carries."""
    case, asked = case_of(size, number), []
    original = session.check
    monkeypatch.setattr(
        session, "check", lambda formulas, rlimit: asked.append(formulas) or original(formulas, rlimit)
    )
    for pair in pair_up(case.target, case.pruned):
        for output in composition.sample(pair.target.outputs):
            asked.clear()
            assert composition.check_neuron(pair, output, 10**8).answer == "unsat"
            ((*ranges, differ),) = asked
            assert len(ranges) == 2 * len(pair.low)
            columns, weights = pair.output.weights.row(output)
            written = [product(term) for term in addends(sides(differ)[0])]
            assert [v for v, _ in written] == weights
            for unit, (_, carried) in zip(columns, written, strict=True):
                column, u = int(pair.unit_input[unit]), int(pair.unit_weight[unit])
                if 0 <= column < len(pair.low):
                    assert product(carried)[0] == abs(u)
                    assert str(product(carried)[1]) == f"{'q' if u < 0 else 'p'}{column}"


def test_pieces_of_work_carry_what_they_ask_about_and_no_more():
    """The same text without the weights of others: of biases, and of some neurons."""
    for item in [item for number in range(12) for item in items_of(case_of("small", number))]:
        pair, others = item.piece, refutation._without_kernels(item)
        for output in range(pair.target.outputs):
            bias = formulas.bias_formula(SmtLib(), others, output)
            assert bias == formulas.bias_formula(SmtLib(), item, output)
            alone = pair.only((output,))
            written = composition.neuron_formulas(SmtLib(), alone, output)
            assert written == composition.neuron_formulas(SmtLib(), pair, output)
            assert alone.output.weights.entries == len(pair.output.weights.row(output)[0])
        assert (others.piece.output.weights.entries, others.piece.hidden.weights.entries) == (0, 0)
        assert ranges_of(others) == ranges_of(item)


def ranges_of(item):
    return refutation.ranges(item), item.steps


def test_a_neuron_that_differs_is_found():
    target = network([-3, -3], [3, 3], dense([[2, -1], [1, 1]], bits=2, bias=[1, 0]))
    ticket = with_weight(plain_ticket(target), 1, 1, 2, 2)
    (pair,) = pair_up(target, ticket)
    assert composition.check_neuron(pair, 0, 10**8).answer == "unsat"
    outcome = composition.check_neuron(pair, 1, 10**8)
    assert outcome.answer == "sat"
    assert outcome.model["p1"] != 0


def test_the_ranges_of_steps_are_the_accumulators(monkeypatch):
    """The ticket's on its finer scale, here 8 times."""
    given = []
    monkeypatch.setattr(formulas, "step_terms", lambda _w, _s, term, low, high: given.append((low, high)) or term)
    bounds, _ = formulas.steps_formulas(SmtLib(), StepsObligation((0,), (Relu(),), (Relu(),), -5, 10, 3, 3))
    assert bounds == "(and (<= (- 5) a) (<= a 10))"
    assert given == [(-5, 10), (-40, 80)]


def test_the_text_of_a_bias():
    """b and every constant of the target, with the weights that meet them."""
    target = network([0], [1], dense([[3, 5, -7]], bits=2, bias=[4], constants=[6, 9]))
    item = obligations(pair_up(target, plain_ticket(target))[0])
    assert formulas.bias_formula(SmtLib(), item, 0) == (
        "(distinct (* (- 29) (let ((value (* 1 1))) (ite (<= 0 value) value 0))) (* 1 (+ 4 (* 5 6) (* (- 7) 9))))"
    )


def test_steps_of_several_outputs_at_once_are_refused():
    steps = (RequantizeQ31((1, 2), 0, "single"),)
    with pytest.raises(TypeError, match="expected the steps of one output"):
        formulas.step_terms(Z3, steps, Z3.variable("x"), 0, 1)


@pytest.mark.parametrize(
    ("low", "high", "p", "q"), [(-2, 3, (0, 3), (0, 2)), (1, 4, (1, 4), (0, 0)), (-5, -2, (0, 0), (2, 5))]
)
def test_the_text_of_a_split(low, high, p, q):
    """The ranges of p and q are those that weights are asked on; wider ones would prove less than is used."""
    ranges = " ".join(f"(and (<= {a} {name}) (<= {name} {b}))" for name, (a, b) in (("p", p), ("q", q)))
    assert formulas.split_formula(SmtLib(), low, high) == f"(not (and (= x (- p q)) {ranges}))"


@pytest.mark.parametrize(
    ("u", "lemma"),
    [
        (3, "(distinct (let ((value (* 3 x))) (ite (<= 0 value) value 0)) (* 3 p))"),
        (-3, "(distinct (let ((value (* (- 3) x))) (ite (<= 0 value) value 0)) (* 3 q))"),
        (0, "(distinct (let ((value (* 0 x))) (ite (<= 0 value) value 0)) (* 0 p))"),
    ],
)
def test_the_text_of_a_lemma(u, lemma):
    assert formulas.lemma_formula(SmtLib(), u) == lemma


def test_the_text_of_a_range():
    assert formulas.range_formula(SmtLib(), -2, 3) == "(and (<= (- 2) x) (<= x 3))"
