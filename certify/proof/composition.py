"""Composition, checked besides: formulas over all inputs at once, with the masked rows written out.

The decomposition proves one (output, input) at a time; that outputs are sums over inputs, and that layers follow
each other, is argued in docs/proof.md. Here z3 is asked directly. A *neuron* formula has all inputs of one target
neuron as variables and both sides' accumulators in full; a *network* formula has the whole of both networks. In
both, σ(u·x) is written u·p or |u|·q, as the lemmas of condition 2 have already proved.

z3 must never find a difference in what the decomposition proves. That it may exhaust its budget, on whole networks
above all, is recorded and is not a disagreement.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from certify.network.compare import common_scale
from certify.network.model import Dense, Network
from certify.proof.refutation import step_terms
from certify.proof.structure import UNFED, Pair
from solvers.smt import session, terms
from solvers.smt.session import Outcome
from solvers.smt.terms import Formula, Term

NEURONS_PER_LAYER = 10
NETWORK_MAX_EDGES = 2_000
NETWORK_MAX_RELUS = 32
NETWORK_RLIMIT = 3_000_000


@dataclass(frozen=True)
class _Input:
    """One input of a layer as terms: x = p - q, with p = σ(x) and q = σ(-x)."""

    x: Term
    p: Term
    q: Term


def sample(outputs: int, most: int = NEURONS_PER_LAYER) -> tuple[int, ...]:
    """Return up to `most` of a layer's outputs, evenly spaced, the first and the last among them."""
    if outputs <= most:
        return tuple(range(outputs))
    return tuple(index * (outputs - 1) // (most - 1) for index in range(most))


def check_neuron(pair: Pair, output: int, rlimit: int) -> Outcome:
    """Ask z3 for an input on which one neuron's accumulators differ.

    p and q are free in their ranges, which allows more than x's ReLUs do; a formula refuted so holds for them too.
    """
    scale = pair.input_bits
    inputs: list[_Input] = []
    bounds: list[Formula] = []
    for column, (low, high) in enumerate(zip(pair.low, pair.high, strict=True)):
        p, q = terms.variable(f"p{column}"), terms.variable(f"q{column}")
        inputs.append(_Input(terms.subtract(p, q), p, q))
        bounds.append(terms.within(p, max(low, 0) << scale, max(high, 0) << scale))
        bounds.append(terms.within(q, max(-high, 0) << scale, max(-low, 0) << scale))
    ticket = _row(pair.output, output, hidden_terms(pair, inputs))
    target_inputs = [terms.times(1 << pair.weight_bits, value.x) for value in inputs]
    target_inputs += [terms.times(1 << pair.scale_bits, terms.constant(value)) for value in pair.target.constants]
    bias = terms.times(1 << pair.scale_bits, terms.constant(pair.target.bias[output]))
    target = terms.total([_row(pair.target, output, target_inputs), bias])
    return session.check([*bounds, terms.differ(ticket, target)], rlimit)


def hidden_terms(pair: Pair, inputs: Sequence[_Input]) -> list[Term]:
    """Return what every hidden unit carries: u·p or |u|·q, by the lemmas; σ(u·c) on constant lines; 0 unfed."""
    carried: list[Term] = []
    for column, u in zip(pair.unit_input.tolist(), pair.unit_weight.tolist(), strict=True):
        if column == UNFED:
            carried.append(terms.constant(0))
        elif column < len(inputs):
            carried.append(terms.times(abs(u), inputs[column].q if u < 0 else inputs[column].p))
        else:
            line = terms.constant(pair.hidden.constants[column - len(inputs)])
            carried.append(terms.relu(terms.times(u, line)))
    return carried


def _row(layer: Dense, output: int, inputs: Sequence[Term]) -> Term:
    """Return Σ weight·input over what the row keeps."""
    columns, weights = layer.weights.row(output)
    return terms.total([terms.times(w, inputs[c]) for c, w in zip(columns, weights, strict=True)])


def is_small(target: Network, ticket: Network) -> bool:
    """Tell whether the whole network is worth one formula."""
    edges = sum(layer.weights.entries for layer in (*target.layers, *ticket.layers))
    relus = target.input.features + sum(layer.outputs for layer in target.layers[:-1])
    return edges <= NETWORK_MAX_EDGES and relus <= NETWORK_MAX_RELUS


def check_network(target: Network, ticket: Network, pairs: Sequence[Pair], rlimit: int = NETWORK_RLIMIT) -> Outcome:
    """Ask z3 for a grid point on which the networks' outputs differ; the model names it x0, x1, …"""
    box = target.input
    known = _Definitions()
    target_out = [terms.variable(f"x{index}") for index in range(box.features)]
    ticket_out: Sequence[Term] = target_out
    bounds = [terms.within(term, low, high) for term, low, high in zip(target_out, box.low, box.high, strict=True)]
    for pair in pairs:
        inputs = [known.split(term) for term in ticket_out]
        carried = hidden_terms(pair, inputs)
        sums = [_row(pair.output, output, carried) for output in range(pair.output.outputs)]
        ticket_out = [known.name(step_terms(pair.output.steps, known.name(total))) for total in sums]
        sums = _accumulator_terms(pair.target, target_out)
        target_out = [known.name(step_terms(pair.target.steps, known.name(total))) for total in sums]
    left_bits, right_bits = common_scale(target, ticket)
    differences = [
        terms.differ(terms.times(1 << left_bits, left), terms.times(1 << right_bits, right))
        for left, right in zip(target_out, ticket_out, strict=True)
    ]
    return session.check([*bounds, *known.equations, terms.any_of(differences)], rlimit)


class _Definitions:
    """Variables that stand for terms, and the equations that say so.

    With the lemma x = p - q beside the definitions of p and q, z3 sees without a case for every sign that both
    networks compute the same sums.
    """

    def __init__(self) -> None:
        self.equations: list[Formula] = []

    def name(self, term: Term) -> Term:
        """Return a new variable equal to the term."""
        variable = terms.variable(f"y{len(self.equations)}")
        self.equations.append(terms.equal(variable, term))
        return variable

    def split(self, x: Term) -> _Input:
        """Return x with p = σ(x) and q = σ(-x), and the proved lemma x = p - q."""
        p, q = self.name(terms.relu(x)), self.name(terms.relu(terms.minus(x)))
        self.equations.append(terms.equal(x, terms.subtract(p, q)))
        return _Input(x, p, q)


def _accumulator_terms(layer: Dense, values: Sequence[Term]) -> list[Term]:
    inputs = [*values, *(terms.constant(value) for value in layer.constants)]
    return [
        terms.total([_row(layer, output, inputs), terms.constant(bias)]) for output, bias in enumerate(layer.bias)
    ]
