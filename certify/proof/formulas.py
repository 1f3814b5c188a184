"""Every obligation as a formula, written once, in whatever vocabulary its reader has (`solvers.smt.vocabulary`).

docs/proof.md, "The conditions". Every kept edge stands as v·(u·p), or as v·y where units are copies; nothing is
summed or multiplied before a solver sees it. A formula here is the negation of what is needed: no solver may find
values that make it true.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from itertools import pairwise

from certify.network import rounding
from certify.network.rounding import Q31_BITS, SIGNIFICANT_BITS, Rule
from certify.network.steps import (
    Clamp,
    Offset,
    Relu,
    Requantize,
    RequantizeQ31,
    RoundSignificant,
    Sign,
    Step,
    Threshold,
    Thresholds,
    apply_step,
)
from certify.proof.obligations import PieceObligations, StepsObligation, WeightObligations
from certify.proof.piece import NEGATIVE, UNFED, WHOLE, Piece, Single
from solvers.smt.vocabulary import Formula, Term, Vocabulary


def range_formula(words: Vocabulary, low: int, high: int, which: int | str = "") -> Formula:
    """Return low ≤ x ≤ high, which has to be satisfiable (condition 4).

    Where several boxes stand in one question, `which` gives each variables of its own; so in what follows.
    """
    return words.within(words.variable(f"x{which}"), low, high)


def relu_assumptions(words: Vocabulary, low: int, high: int, which: int | str = "") -> list[Formula]:
    """Return what condition 2 is asked under: x in its box, p = σ(x) and q = σ(-x)."""
    x, p, q = (words.variable(f"{name}{which}") for name in "xpq")
    return [
        words.within(x, low, high),
        words.equal(p, words.relu(x)),
        words.equal(q, words.relu(words.minus(x))),
    ]


def split_formula(words: Vocabulary, low: int, high: int, which: int | str = "") -> Formula:
    """Return the negation of: x = p - q, p in P and q in Q (condition 2)."""
    x, p, q = (words.variable(f"{name}{which}") for name in "xpq")
    return words.negate(
        words.all_of(
            [
                words.equal(x, words.subtract(p, q)),
                words.within(p, max(low, 0), max(high, 0)),
                words.within(q, max(-high, 0), max(-low, 0)),
            ]
        )
    )


def lemma_formula(words: Vocabulary, u: int, which: int | str = "") -> Formula:
    """Return the negation of: σ(u·x) = u·p for u ≥ 0, |u|·q for u < 0 (condition 2)."""
    half = words.variable(f"{'q' if u < 0 else 'p'}{which}")
    return words.differ(words.relu(words.times(u, words.variable(f"x{which}"))), words.times(abs(u), half))


class _Edges(dict[tuple[int, int], Term]):
    """The terms v·(|u|·p) by v and u, each made once: an edge on what a unit carries, by the lemma of condition 2.

    A copy carries its neuron's value as it is: there the term is v·y, whatever the value.
    """

    def __init__(self, words: Vocabulary, variable: Term, half: int) -> None:
        super().__init__()
        self.words, self.variable = words, variable
        self._units: dict[int, Term] = {1: variable} if half == WHOLE else {}

    def __missing__(self, edge: tuple[int, int]) -> Term:
        v, u = edge
        if u not in self._units:
            self._units[u] = self.words.times(abs(u), self.variable)
        self[edge] = made = self.words.times(v, self._units[u])
        return made


def half_variable(half: int) -> str:
    """Return the name of the variable of weight obligations: p for inputs ≥ 0, q for inputs ≤ 0, y for copies."""
    return "pqy"[half]


def weight_formulas(words: Vocabulary, listed: WeightObligations, weight_bits: int, variable: Term) -> list[Formula]:
    """Return the negations of weight obligations, all of one half: left ≠ right, on its variable (condition 3)."""
    half = int(listed.half[0]) if len(listed) else 0
    made, kept = _Edges(words, variable, half), zip(listed.v.tolist(), listed.u.tolist(), strict=True)
    edges = [made[edge] for edge in kept]
    sign = -1 if half == NEGATIVE else 1
    weights = [sign * weight for weight in listed.weight.tolist()]
    right = {
        weight: words.times(1 << weight_bits, words.times(weight, variable)) for weight in dict.fromkeys(weights)
    }
    spans = zip(weights, pairwise(listed.start.tolist()), strict=True)
    return [words.differ(words.total(edges[first:last]), right[weight]) for weight, (first, last) in spans]


def bias_formula(words: Vocabulary, item: PieceObligations, output: int) -> Formula:
    """Return the negation of: Σ v·σ(u·c) = s·(b + Σ w·constant) for one output (condition 3).

    Of a single layer the left side is Σ v·c.
    """
    piece, listed = item.piece, item.biases
    edges = slice(int(listed.start[output]), int(listed.start[output + 1]))
    kept = zip(listed.v[edges].tolist(), listed.u[edges].tolist(), listed.line[edges].tolist(), strict=True)
    left = words.total([words.times(v, line_term(words, piece, u, line)) for v, u, line in kept])
    return words.differ(left, words.times(1 << piece.scale_bits, _bias_term(words, piece, output)))


def line_term(words: Vocabulary, piece: Piece, u: int, line: int) -> Term:
    """Return what a unit carries that reads a constant line, or nothing: σ(u·c), and c itself of a single layer."""
    value = words.constant(0 if line == UNFED else piece.lines[line])
    return value if isinstance(piece, Single) else words.relu(words.times(u, value))


def _bias_term(words: Vocabulary, piece: Piece, output: int) -> Term:
    """Return b + Σ w·constant of one output of the target, unevaluated."""
    layer, first = piece.target, piece.taps * piece.target.channels
    columns, weights = layer.weights.row(output)
    constants = [
        words.times(w, words.constant(layer.constants[c - first]))
        for c, w in zip(columns, weights, strict=True)
        if c >= first
    ]
    return words.total([words.constant(layer.bias[output]), *constants])


def steps_formulas(words: Vocabulary, steps: StepsObligation) -> tuple[Formula, Formula]:
    """Return the range of the target's integers a, and the negation of: the steps on s·a and on a agree."""
    a, s = words.variable("a"), 1 << steps.finer_before
    ours = words.times(1 << steps.finer_after, step_terms(words, steps.target, a, steps.low, steps.high))
    theirs = step_terms(words, steps.ticket, words.times(s, a), s * steps.low, s * steps.high)
    return words.within(a, steps.low, steps.high), words.differ(ours, theirs)


def step_terms(words: Vocabulary, steps: Sequence[Step], term: Term, low: int, high: int) -> Term:
    """Return what one output's steps, in their order, make of a term that is known to lie in low..high."""
    for step in steps:
        match step:
            case Relu():
                term = words.relu(term)
            case Requantize(shift, rule, zero_point):
                term = words.add(words.shift_right(term, shift, rule), zero_point)
            case RequantizeQ31(int(multiplier), int(shift), rule, zero_point):
                product = _multiplied(words, term, multiplier, shift, rule, low, high)
                term = words.add(product, zero_point)
            case RequantizeQ31():
                raise TypeError("expected the steps of one output, found a multiplier or shift for each")
            case Clamp(least, most):
                term = words.clamp(term, least, most)
            case Offset(value):
                term = words.add(term, value)
            case Threshold():
                term = words.at_least_zero(term, words.constant(1), words.constant(0))
            case Sign():
                term = words.at_least_zero(term, words.constant(1), words.constant(-1))
            case RoundSignificant():
                term = words.round_significant(term, SIGNIFICANT_BITS, low, high)
            case Thresholds() if step.per_channel:
                raise TypeError("expected the steps of one output, found thresholds for each")
            case Thresholds():
                term = _counted(words, term, step)
        # Every step is monotone.
        low, high = apply_step(step, low), apply_step(step, high)
    return term


def _counted(words: Vocabulary, term: Term, step: Thresholds) -> Term:
    """Return low + how many thresholds the term reaches: a case for each distinct one, the largest first."""
    reached = sorted((at, bisect_right(step.at, at)) for at in set(step.at) if isinstance(at, int))

    def counted(value: Term) -> Term:
        cases = words.constant(step.low)
        for at, count in reached:
            cases = words.choose(words.at_most(words.constant(at), value), words.constant(step.low + count), cases)
        return cases

    return words.let("value", term, counted)


def _multiplied(words: Vocabulary, term: Term, multiplier: int, shift: int, rule: Rule, low: int, high: int) -> Term:
    """Return term · multiplier / 2^(31 + shift) under a rule; see `rounding.multiply_q31`."""
    match rule:
        case "single":
            return words.shift_right(words.times(multiplier, term), Q31_BITS + shift, "half_up")
        case "double":
            raised = words.times(1 << -shift, term) if shift < 0 else term
            product = words.shift_right(words.times(multiplier, raised), Q31_BITS, "half_up")
            return words.shift_right(product, max(shift, 0), "half_up")
        case "float32":
            rounded = words.round_significant(term, SIGNIFICANT_BITS, low, high)
            low, high = (multiplier * rounding.round_significant(end) for end in (low, high))
            product = words.round_significant(words.times(multiplier, rounded), SIGNIFICANT_BITS, low, high)
            return words.shift_right(product, Q31_BITS + shift, "half_even")
