"""Composition, checked besides: formulas over all inputs at once, with the masked rows written out.

The decomposition proves one (output, input) at a time; that outputs are sums over inputs, and that layers follow
each other, is argued in docs/proof.md. Here z3 is asked directly. A *neuron* formula has all inputs of one target
neuron as variables and both sides' accumulators in full; of a convolution, all that an output's kernel reads, every
tap's inputs with variables of their own. A *network* formula has the whole of both networks, where they are chains of
dense layers. In both, σ(u·x) is written u·p or |u|·q, as the lemmas of condition 2 have already proved.

z3 must never find a difference in what the decomposition proves. That it may exhaust its budget, on whole networks
above all, is recorded and is not a disagreement.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import groupby

from certify.network.compare import common_scale
from certify.network.model import Linear, Network
from certify.network.steps import RequantizeQ31, RoundSignificant
from certify.proof.formulas import line_term, step_terms
from certify.proof.obligations import Range
from certify.proof.piece import UNFED, Piece, Single
from certify.work import Task
from solvers.smt import many, session
from solvers.smt.session import Answer, Outcome
from solvers.smt.terms import Z3
from solvers.smt.vocabulary import Formula, Term, Vocabulary

NEURONS_PER_LAYER = 10
SECONDS_AN_EDGE = 6e-6
NETWORK_MAX_EDGES = 2_000
NETWORK_MAX_RELUS = 32
NETWORK_RLIMIT = 3_000_000
# Two sides' multipliers and roundings are hard to see for equal: a second or two, then that is recorded.
MULTIPLIERS_RLIMIT = 500_000


@dataclass(frozen=True)
class _Input:
    """One input of a layer as terms: x = p - q, with p = σ(x) and q = σ(-x), which copies do without."""

    x: Term
    p: Term = None
    q: Term = None


def sample(outputs: int, most: int = NEURONS_PER_LAYER) -> tuple[int, ...]:
    """Return up to `most` of a layer's outputs, evenly spaced, the first and the last among them."""
    if outputs <= most:
        return tuple(range(outputs))
    return tuple(index * (outputs - 1) // (most - 1) for index in range(most))


def sampled(pieces: Sequence[Piece]) -> list[tuple[Piece, int]]:
    """Return the neurons that are asked about, as piece and output."""
    return [(piece, output) for piece in pieces for output in sample(piece.target.outputs)]


def tasks(pieces: Sequence[Piece], rlimit: int) -> list[Task[tuple[Outcome, ...]]]:
    """Return independent pieces of work that ask about all sampled neurons, an outcome for each in their order."""
    found: list[Task[tuple[Outcome, ...]]] = []
    for piece in pieces:
        for _, same in groupby(sample(piece.target.outputs), key=partial(_group_of, piece)):
            outputs = tuple(same)
            found.append(_task(piece.only(outputs), outputs, rlimit))
    return found


def _task(piece: Piece, outputs: Sequence[int], rlimit: int) -> Task[tuple[Outcome, ...]]:
    edges = piece.target.weights.entries + piece.output.weights.entries + 2 * piece.taps * piece.target.channels
    call = partial(check_neurons, piece, outputs, rlimit)
    return Task(neuron_name(piece, *outputs), call, edges * SECONDS_AN_EDGE)


def neuron_name(piece: Piece, *outputs: int) -> str:
    """Return the name of neurons of one piece."""
    named = ", ".join(str(piece.row_names[output]) for output in outputs)
    return f"{piece.name}, neuron{'s' if len(outputs) > 1 else ''} {named}"


def check_neurons(piece: Piece, outputs: Sequence[int], rlimit: int) -> tuple[Outcome, ...]:
    """Ask z3 for an input on which any of some neurons of one group differs, and one by one where it finds any."""

    def write(words: Vocabulary) -> list[Formula]:
        neurons = _Neurons(words, piece, _group_of(piece, outputs[0]))
        return [*neurons.bounds, words.any_of([neurons.difference(output) for output in outputs])]

    if many.check(write, rlimit) is Answer.UNSAT:
        return (Outcome(Answer.UNSAT),) * len(outputs)
    return tuple(check_neuron(piece, output, rlimit) for output in outputs)


def check_neuron(piece: Piece, output: int, rlimit: int) -> Outcome:
    """Ask z3 for an input on which one neuron's accumulators differ."""
    return session.check(neuron_formulas(Z3, piece, output), rlimit)


def check_network(target: Network, ticket: Network, pieces: Sequence[Piece], rlimit: int | None = None) -> Outcome:
    """Ask z3 for a grid point on which the networks' outputs differ; the model names it x0, x1, …"""
    if rlimit is None:
        multiplied = any(
            isinstance(step, (RequantizeQ31, RoundSignificant)) for layer in target.layers for step in layer.steps
        )
        rlimit = MULTIPLIERS_RLIMIT if multiplied else NETWORK_RLIMIT
    return session.check(network_formulas(Z3, target, ticket, pieces), rlimit)


def neuron_formulas(words: Vocabulary, piece: Piece, output: int) -> list[Formula]:
    """Return what holds together only for an input on which one neuron's accumulators differ.

    p and q are free in their ranges, which allows more than x's ReLUs do; a formula refuted so holds for them too.
    """
    neurons = _Neurons(words, piece, _group_of(piece, output))
    return [*neurons.bounds, neurons.difference(output)]


def _group_of(piece: Piece, output: int) -> int:
    return output * piece.groups // piece.target.outputs


class _Neurons:
    """The neurons of one group: what all of them read, made once.

    Attributes:
        bounds: the ranges of the inputs' halves.
    """

    def __init__(self, words: Vocabulary, piece: Piece, group: int) -> None:
        self.words, self.piece = words, piece
        self.bounds: list[Formula] = []
        taps: list[list[_Input]] = []
        for tap in range(piece.taps):
            inputs, within = _variables(words, piece, group, tap)
            taps.append(inputs)
            self.bounds += within
        self._read = [words.times(1 << piece.weight_bits, value.x) for inputs in taps for value in inputs]
        self._read += [words.times(1 << piece.scale_bits, words.constant(value)) for value in piece.target.constants]
        self._carried = _Carried(words, piece, group, taps)

    def difference(self, output: int) -> Formula:
        """Return that one neuron's accumulators differ."""
        words, piece = self.words, self.piece
        bias = words.times(1 << piece.scale_bits, words.constant(piece.target.bias[output]))
        target = words.total([_row(words, piece.target, output, self._read.__getitem__), bias])
        return words.differ(_row(words, piece.output, output, self._carried.term), target)


def _variables(words: Vocabulary, piece: Piece, group: int, tap: int) -> tuple[list[_Input], list[Formula]]:
    """Return the inputs that one tap of a group reads, and their ranges."""
    channels, scale = piece.target.channels, piece.input_bits
    inputs, bounds = [], []
    for channel in range(channels):
        low, high = (end[group * channels + channel] for end in (piece.low, piece.high))
        if isinstance(piece, Single):
            inputs.append(_Input(words.variable(f"y{channel}")))
            bounds.append(words.within(inputs[-1].x, low << scale, high << scale))
            continue
        p, q = (words.variable(f"{half}{tap * channels + channel}") for half in "pq")
        inputs.append(_Input(words.subtract(p, q), p, q))
        bounds.append(words.within(p, max(low, 0) << scale, max(high, 0) << scale))
        bounds.append(words.within(q, max(-high, 0) << scale, max(-low, 0) << scale))
    return inputs, bounds


class _Carried:
    """What the units of a group carry at every tap: u·p or |u|·q, by the lemmas; σ(u·c) on constant lines.

    Copies carry x itself, and of constant lines c.
    """

    def __init__(self, words: Vocabulary, piece: Piece, group: int, taps: Sequence[Sequence[_Input]]) -> None:
        self.words, self.piece, self.taps = words, piece, taps
        self.units = piece.kept.shape[1]
        self.first_unit, self.first_input = group * self.units, group * piece.target.channels
        self._made: dict[int, Term] = {}

    def term(self, place: int) -> Term:
        """Return the term of unit place % units at tap place // units, made once."""
        if place not in self._made:
            tap, unit = divmod(place, self.units)
            self._made[place] = self._of(self.taps[tap], self.first_unit + unit)
        return self._made[place]

    def _of(self, inputs: Sequence[_Input], unit: int) -> Term:
        piece, words = self.piece, self.words
        column, u = int(piece.unit_input[unit]), int(piece.unit_weight[unit])
        if column == UNFED:
            return words.constant(0)
        if column < len(piece.low):
            read = inputs[column - self.first_input]
            if isinstance(piece, Single):
                return read.x
            return words.times(abs(u), read.q if u < 0 else read.p)
        return line_term(words, piece, u, column - len(piece.low))


def _row(words: Vocabulary, layer: Linear, output: int, term: Callable[[int], Term]) -> Term:
    """Return Σ weight·input over what the row keeps."""
    columns, weights = layer.weights.row(output)
    return words.total([words.times(w, term(c)) for c, w in zip(columns, weights, strict=True)])


def is_small(target: Network, ticket: Network) -> bool:
    """Tell whether the whole network is worth one formula: a small chain of dense layers."""
    if target.chain is None or ticket.chain is None:
        return False
    edges = sum(layer.weights.entries for layer in (*target.chain, *ticket.chain))
    relus = target.input.features + sum(layer.outputs for layer in target.chain[:-1])
    return edges <= NETWORK_MAX_EDGES and relus <= NETWORK_MAX_RELUS


def network_formulas(words: Vocabulary, target: Network, ticket: Network, pieces: Sequence[Piece]) -> list[Formula]:
    """Return what holds together only for a grid point x0, x1, … on which the networks' outputs differ."""
    box = target.input
    known = _Definitions(words)
    target_out = [words.variable(f"x{index}") for index in range(box.features)]
    ticket_out = dict(enumerate(target_out))
    bounds = [words.within(term, low, high) for term, low, high in zip(target_out, box.low, box.high, strict=True)]
    for piece in pieces:
        sums = _ticket_sums(known, piece, ticket_out)
        theirs = known.after_steps(piece.output, _finer(piece), sums)
        ticket_out = dict(zip(piece.row_names, theirs, strict=True))
        target_out = _target_outputs(known, target, piece, target_out)
    left_bits, right_bits = common_scale(target, ticket)
    differences = [
        words.differ(words.times(1 << left_bits, left), words.times(1 << right_bits, right))
        for left, right in zip(target_out, ticket_out.values(), strict=True)
    ]
    return [*bounds, *known.equations, words.any_of(differences)]


class _Definitions:
    """Variables that stand for terms, and the equations that say so.

    With the lemma x = p - q beside the definitions of p and q, a solver sees without a case for every sign that both
    networks compute the same sums.
    """

    def __init__(self, words: Vocabulary) -> None:
        self.words = words
        self.equations: list[Formula] = []

    def name(self, term: Term) -> Term:
        """Return a new variable equal to the term."""
        variable = self.words.variable(f"y{len(self.equations)}")
        self.equations.append(self.words.equal(variable, term))
        return variable

    def split(self, x: Term) -> _Input:
        """Return x with p = σ(x) and q = σ(-x), and the proved lemma x = p - q."""
        p, q = self.name(self.words.relu(x)), self.name(self.words.relu(self.words.minus(x)))
        self.equations.append(self.words.equal(x, self.words.subtract(p, q)))
        return _Input(x, p, q)

    def after_steps(self, layer: Linear, ends: Sequence[Range], sums: Sequence[Term]) -> list[Term]:
        """Return the outputs of a layer from its accumulators, each with what it can reach."""
        return [
            self.name(step_terms(self.words, layer.steps_of(output), self.name(total), *ends[output]))
            for output, total in enumerate(sums)
        ]


def _finer(piece: Piece) -> list[Range]:
    """Return what the ticket's accumulators can reach."""
    ends = zip(piece.accumulator_low, piece.accumulator_high, strict=True)
    return [(low << piece.scale_bits, high << piece.scale_bits) for low, high in ends]


def _ticket_sums(known: _Definitions, piece: Piece, read: Mapping[int, Term]) -> list[Term]:
    """Return the accumulators of the ticket's layer from what it reads, by row: copies are read as they come."""
    words, outputs = known.words, range(piece.output.outputs)
    if isinstance(piece, Single):
        lines = (words.constant(value) for value in piece.lines)
        terms = dict(read) | dict(enumerate(lines, piece.output.channels))
        return [_row(words, piece.output, output, terms.__getitem__) for output in outputs]
    inputs = [known.split(term) for term in read.values()]
    carried = _Carried(words, piece, 0, [inputs]).term
    return [_row(words, piece.output, output, carried) for output in outputs]


def _target_outputs(known: _Definitions, target: Network, piece: Piece, read: Sequence[Term]) -> list[Term]:
    """Return the outputs of the target's own layer, all neurons and each weight of it."""
    layer = target.linear[piece.index]
    low, high, _ = layer.kernel_bounds(piece.low, piece.high)
    return known.after_steps(layer, list(zip(low, high, strict=True)), _accumulator_terms(known.words, layer, read))


def _accumulator_terms(words: Vocabulary, layer: Linear, values: Sequence[Term]) -> list[Term]:
    inputs = [*values, *(words.constant(value) for value in layer.constants)]
    return [
        words.total([_row(words, layer, output, inputs.__getitem__), words.constant(bias)])
        for output, bias in enumerate(layer.bias)
    ]
