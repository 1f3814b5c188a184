"""All questions of a proof as one SMT-LIB 2.6 script, piece by piece, for people and for any solver.

A section for each pair of layers says what sizes and boxes it is about. Every question is announced by a line in
words, leaves nothing behind for the next (push and pop), and has its expected answer before its `(check-sat)`.
"""

from __future__ import annotations

from collections.abc import Iterator

from certify.errors import printable
from certify.network.model import Linear, Network
from certify.network.operators import Convolution
from certify.proof.obligations import PairObligations, obligations
from certify.proof.questions import Question, composition_questions, count, obligation_questions
from certify.proof.structure import Pair, pair_up
from solvers.smt.smtlib import PREAMBLE

_SHOWN = 8


def script(name: str, sha256: str, seed: str, target: Network, ticket: Network) -> Iterator[str]:
    """Yield the script that proves a ticket equal to its target, in order.

    Args:
        name: of the target's file.
        sha256: of its bytes.
        seed: of the base network.
        target: the network.
        ticket: base ⊙ mask, as a network.

    Raises:
        NotApplicableError: the decomposition does not apply, so there are no obligations.
    """
    pairs = pair_up(target, ticket)
    yield _comment(
        f"What has to be refuted so that {printable(name)} equals its pruned random network on its whole input box.",
        f"sha256 of the target file: {sha256}",
        f"seed of the random network: {seed!a}",
        "",
        "Every question is a block of its own: its name, push, declarations, assertions, its expected answer as",
        ":status, check-sat, pop. `unsat` is expected everywhere but for ranges, which must be `sat` lest they",
        "prove anything. A solver that agrees prints the expected answers and nothing else:",
        "  z3 FILE, cvc5 --incremental FILE",
        "Variables are integers: p and q stand for max(x, 0) and max(-x, 0) of an input x. Every kept edge is a",
        "product (* v (* u p)). All products have a numeral factor, all divisions a numeral divisor.",
        *_shared(target),
    )
    yield PREAMBLE
    for pair in pairs:
        item = obligations(pair)
        yield _comment(*_section(item, len(pairs)))
        yield from _texts(obligation_questions(item))
    yield _comment("Besides: that the pieces add up, over all inputs of a neuron or of the network at once.")
    yield from _texts(composition_questions(target, ticket, pairs))


def _shared(target: Network) -> list[str]:
    """Return which layers nothing is asked about."""
    kinds = sorted({type(layer).__name__.lower() for layer in target.layers if not isinstance(layer, Linear)})
    return (
        [f"Layers without weights are the same in both, and nothing is asked of them: {', '.join(kinds)}."]
        if kinds
        else []
    )


def _texts(questions: Iterator[Question]) -> Iterator[str]:
    for question in questions:
        yield question.text()


def _section(item: PairObligations, pairs: int) -> list[str]:
    pair = item.pair
    accumulators = f"{min(pair.accumulator_low)}..{max(pair.accumulator_high)}"
    layers = f"layer {pair.layer} of the target, layers {pair.place} and {pair.place + 1} of the ticket"
    finer = f"2^{pair.input_bits} (inputs), 2^{pair.weight_bits} (weights), 2^{pair.left_bits} (outputs)"
    return [
        f"Pair {pair.index} of {pairs}: {layers}",
        f"{len(pair.low)} inputs, {pair.hidden.outputs} hidden units, {pair.target.outputs} outputs{_kernel(pair)}",
        f"inputs of the ticket in {_boxes(item)}; accumulators of the target in {accumulators}",
        f"the ticket's integers are finer than the target's by {finer}",
        f"{count(item)} questions",
    ]


def _kernel(pair: Pair) -> str:
    """Return of which shape the kernels of a convolution are; nothing for a dense layer."""
    if not isinstance(pair.target, Convolution):
        return ""
    window = pair.target.window
    return (
        f"; kernels of {window.size[0]} by {window.size[1]}, {pair.groups} groups,"
        f" stride {window.stride}, dilation {window.dilation}, padding {window.padding}"
    )


def _boxes(item: PairObligations) -> str:
    shown = ", ".join(f"{low}..{high}" for low, high in item.boxes[:_SHOWN])
    return f"{shown} and {len(item.boxes) - _SHOWN} more boxes" if len(item.boxes) > _SHOWN else shown


def _comment(*lines: str) -> str:
    return "\n" + "".join(f"; {line}".rstrip() + "\n" for line in lines)
