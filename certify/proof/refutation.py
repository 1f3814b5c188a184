"""Putting the obligations before z3, and hearing its answers.

Every kept edge stands in a formula as v·(u·p); nothing is summed or multiplied before z3 sees it. Two obligations
share one refutation only when edges, right side, half and range are the same, and only within one call.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial

from certify.network.steps import Clamp, Offset, Relu, Requantize, Sign, Step, Threshold
from certify.proof.obligations import NEGATIVE, PairObligations, Range, WeightObligations
from certify.proof.structure import UNFED
from solvers.smt import session, terms
from solvers.smt.session import Answer
from solvers.smt.terms import Formula, Term

PART = 1 << 16


@dataclass(frozen=True)
class Unproved:
    """An obligation that z3 did not refute, and why.

    Attributes:
        what: the obligation in words.
        reason: `sat`, or z3's reason for giving up.
    """

    what: str
    reason: str


def tasks(item: PairObligations, rlimit: int) -> list[Callable[[], tuple[Unproved, ...]]]:
    """Return independent pieces of work that together refute all obligations of a pair.

    Each can be called anywhere, in any order, and returns the obligations that z3 did not refute; only when all
    return none is the pair proved.
    """
    size = len(item.weights)
    parts = [item.weights.part(first, min(first + PART, size)) for first in range(0, size, PART)]
    first = partial(_refute_all_but_weights, replace(item, weights=item.weights.part(0, 0)), rlimit)
    return [
        first,
        *(partial(_refute_weights, item.pair.index, item.pair.weight_bits, part, rlimit) for part in parts),
    ]


def _refute_all_but_weights(item: PairObligations, rlimit: int) -> tuple[Unproved, ...]:
    return (
        *_check_ranges(item, rlimit),
        *_refute_lemmas(item, rlimit),
        *_refute_biases(item, rlimit),
        *_refute_steps(item, rlimit),
    )


def _check_ranges(item: PairObligations, rlimit: int) -> Iterator[Unproved]:
    """Condition 4: z3 answers `sat` to every range alone."""
    halves = {span for half in item.weights.ranges for span in half}
    accumulators = (min(item.pair.accumulator_low), max(item.pair.accumulator_high))
    for low, high in sorted({*item.boxes, *halves, accumulators}):
        outcome = session.check([terms.within(terms.variable("x"), low, high)], rlimit)
        if low > high or outcome.answer is not Answer.SAT:
            yield Unproved(f"pair {item.pair.index}: the range {low}..{high} is not empty", outcome.answer)


def _refute_lemmas(item: PairObligations, rlimit: int) -> Iterator[Unproved]:
    """Condition 2, one question for each box."""
    for low, high in item.boxes:
        x, p, q = terms.variable("x"), terms.variable("p"), terms.variable("q")
        assumptions = [
            terms.within(x, low, high),
            terms.equal(p, terms.relu(x)),
            terms.equal(q, terms.relu(terms.minus(x))),
        ]
        weights = [u for u, *box in item.lemmas if box == [low, high]]
        split = terms.negate(
            terms.all_of(
                [
                    terms.equal(x, terms.subtract(p, q)),
                    terms.within(p, max(low, 0), max(high, 0)),
                    terms.within(q, max(-high, 0), max(-low, 0)),
                ]
            )
        )
        differences = [split] + [
            terms.differ(terms.relu(terms.times(u, x)), terms.times(abs(u), q if u < 0 else p)) for u in weights
        ]
        names = ["x = p - q", *(f"u = {u}" for u in weights)]
        where = f"pair {item.pair.index}: ReLU on {low}..{high}"
        yield from _report(session.refute_all(assumptions, differences, rlimit), where, names)


class Products:
    """The terms v·(|u|·p) over one variable, each made once."""

    def __init__(self, variable: Term) -> None:
        self.variable = variable
        self._units: dict[int, Term] = {}
        self._edges: dict[tuple[int, int], Term] = {}

    def unit(self, u: int) -> Term:
        """Return |u|·p: what a hidden unit of weight u carries on its half, by the lemma of condition 2."""
        if u not in self._units:
            self._units[u] = terms.times(abs(u), self.variable)
        return self._units[u]

    def edge(self, v: int, u: int) -> Term:
        """Return v·(|u|·p)."""
        if (v, u) not in self._edges:
            self._edges[v, u] = terms.times(v, self.unit(u))
        return self._edges[v, u]


def weight_formula(listed: WeightObligations, index: int, weight_bits: int, products: Products) -> Formula:
    """Return the negation of one weight obligation: left ≠ right."""
    edges = slice(int(listed.start[index]), int(listed.start[index + 1]))
    kept = zip(listed.v[edges].tolist(), listed.u[edges].tolist(), strict=True)
    left = terms.total([products.edge(v, u) for v, u in kept])
    weight = int(listed.weight[index])
    signed = -weight if listed.half[index] == NEGATIVE else weight
    return terms.differ(left, terms.times(1 << weight_bits, terms.times(signed, products.variable)))


def _refute_weights(index: int, weight_bits: int, listed: WeightObligations, rlimit: int) -> tuple[Unproved, ...]:
    """Condition 3 for inputs, one question for each half and range, equal obligations once."""
    groups: dict[tuple[int, Range], list[int]] = {}
    for position in range(len(listed)):
        groups.setdefault((int(listed.half[position]), listed.range_of(position)), []).append(position)
    unproved: list[Unproved] = []
    for (half, (low, high)), members in groups.items():
        shared = _share(listed, members)
        variable = terms.variable("q" if half == NEGATIVE else "p")
        products = Products(variable)
        formulas = [weight_formula(listed, same, weight_bits, products) for same in shared]
        refutation = session.refute_all([terms.within(variable, low, high)], formulas, rlimit)
        unproved += _report(refutation, f"pair {index}: weight", [_weight_name(listed, same) for same in shared])
    return tuple(unproved)


def _share(listed: WeightObligations, members: Sequence[int]) -> list[int]:
    """Return the first of each set of obligations, of one half and range, with the same right side and edges."""
    shared: dict[tuple[int, bytes, bytes], int] = {}
    for position in members:
        edges = slice(int(listed.start[position]), int(listed.start[position + 1]))
        key = (int(listed.weight[position]), listed.u[edges].tobytes(), listed.v[edges].tobytes())
        shared.setdefault(key, position)
    return list(shared.values())


def _weight_name(listed: WeightObligations, index: int) -> str:
    half = "inputs ≤ 0" if listed.half[index] == NEGATIVE else "inputs ≥ 0"
    return f"[{listed.output[index]}][{listed.input[index]}], {half}"


def _refute_biases(item: PairObligations, rlimit: int) -> Iterator[Unproved]:
    """Condition 3 for constant lines."""
    outputs = range(item.pair.target.outputs)
    refutation = session.refute_all([], [_bias_formula(item, output) for output in outputs], rlimit)
    yield from _report(refutation, f"pair {item.pair.index}: bias", [f"[{output}]" for output in outputs])


def _bias_formula(item: PairObligations, output: int) -> Formula:
    pair, listed = item.pair, item.biases
    edges = slice(int(listed.start[output]), int(listed.start[output + 1]))
    kept = zip(listed.v[edges].tolist(), listed.u[edges].tolist(), listed.line[edges].tolist(), strict=True)
    left = terms.total(
        [terms.times(v, terms.relu(terms.times(u, terms.constant(_line_value(item, line))))) for v, u, line in kept]
    )
    return terms.differ(left, terms.times(1 << pair.scale_bits, bias_term(item, output)))


def _line_value(item: PairObligations, line: int) -> int:
    return 0 if line == UNFED else item.pair.hidden.constants[line]


def bias_term(item: PairObligations, output: int) -> Term:
    """Return b + Σ w·constant of one output of the target, unevaluated."""
    layer = item.pair.target
    columns, weights = layer.weights.row(output)
    constants = [
        terms.times(w, terms.constant(layer.constants[c - layer.inputs]))
        for c, w in zip(columns, weights, strict=True)
        if c >= layer.inputs
    ]
    return terms.total([terms.constant(layer.bias[output]), *constants])


def _refute_steps(item: PairObligations, rlimit: int) -> Iterator[Unproved]:
    """The ticket's steps on s·a give the target's on a, for every accumulator a of the layer."""
    pair = item.pair
    a = terms.variable("a")
    bounds = terms.within(a, min(pair.accumulator_low), max(pair.accumulator_high))
    ours = terms.times(1 << pair.left_bits, step_terms(pair.target.steps, a))
    theirs = step_terms(pair.output.steps, terms.times(1 << pair.scale_bits, a))
    refutation = session.refute_all([bounds], [terms.differ(ours, theirs)], rlimit)
    yield from _report(refutation, f"pair {pair.index}: steps", ["of the outputs"])


def step_terms(steps: Sequence[Step], term: Term) -> Term:
    """Return what the steps, in their order, make of a term."""
    for step in steps:
        match step:
            case Relu():
                term = terms.relu(term)
            case Requantize(shift, rounding, zero_point):
                term = terms.add(terms.shift_right(term, shift, rounding), zero_point)
            case Clamp(low, high):
                term = terms.clamp(term, low, high)
            case Offset(value):
                term = terms.add(term, value)
            case Threshold():
                term = terms.at_least_zero(term, 1, 0)
            case Sign():
                term = terms.at_least_zero(term, 1, -1)
    return term


def _report(refutation: session.Refutation, where: str, names: Sequence[str]) -> Iterator[Unproved]:
    for index in refutation.satisfiable:
        yield Unproved(f"{where} {names[index]}", "sat")
    for index in refutation.unknown:
        yield Unproved(f"{where} {names[index]}", refutation.reason or "unknown")
