"""All questions of a proof as one SMT-LIB 2.6 script, piece by piece, for people and for any solver.

A section for each pair of layers says what sizes and boxes it is about. Every question is announced by a line in
words, leaves nothing behind for the next (push and pop), and has its expected answer before its `(check-sat)`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from certify.errors import printable
from certify.network.model import Linear, Network
from certify.network.operators import Convolution
from certify.proof.obligations import PieceObligations, obligations
from certify.proof.piece import Pair, Piece, Single
from certify.proof.questions import Question, composition_questions, count, obligation_questions
from certify.proof.structure import pair_up
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
    pieces = pair_up(target, ticket)
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
        *_of_copies(pieces),
        *_shared(target),
    )
    yield PREAMBLE
    for piece in pieces:
        item = obligations(piece)
        yield _comment(*_section(item, len(pieces)))
        yield from _texts(obligation_questions(item))
    yield _comment("Besides: that the pieces add up, over all inputs of a neuron or of the network at once.")
    yield from _texts(composition_questions(target, ticket, pieces))


def _of_copies(pieces: Sequence[Piece]) -> list[str]:
    """Return what an edge on a copy is; nothing where there are none."""
    if not any(isinstance(piece, Single) for piece in pieces):
        return []
    return ["Where units are copies of a neuron y, an edge is (* v y)."]


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


def _section(item: PieceObligations, pieces: int) -> list[str]:
    piece = item.piece
    accumulators = f"{min(piece.accumulator_low, default=0)}..{max(piece.accumulator_high, default=0)}"
    finer = f"2^{piece.input_bits} (inputs), 2^{piece.weight_bits} (weights), 2^{piece.left_bits} (outputs)"
    return [
        f"{piece.kind.capitalize()} {piece.index} of {pieces}: layer {piece.layer} of the target, {_places(piece)}",
        f"{len(piece.low)} inputs, {_units(piece)}, {piece.target.outputs} outputs{_kernel(piece)}",
        *_copies(piece),
        f"inputs of the ticket in {_boxes(item)}; accumulators of the target in {accumulators}",
        f"the ticket's integers are finer than the target's by {finer}",
        f"{count(item)} questions",
    ]


def _places(piece: Piece) -> str:
    if isinstance(piece, Pair):
        return f"layers {piece.place} and {piece.place + 1} of the ticket"
    return f"layer {piece.place} of the ticket"


def _units(piece: Piece) -> str:
    if isinstance(piece, Pair):
        return f"{piece.hidden.outputs} hidden units"
    return f"{piece.output.channels} units, each a copy of an input"


def _copies(piece: Piece) -> list[str]:
    """Return whose copies the outputs are; nothing where they are no copies."""
    if piece.copies is None:
        return []
    each = [f"{row} of {neuron}" for row, neuron in zip(piece.copies.rows, piece.copies.neurons, strict=True)]
    more = f" and {len(each) - _SHOWN} more" if len(each) > _SHOWN else ""
    return [f"outputs that are read, and the neurons they are copies of: {', '.join(each[:_SHOWN])}{more}"]


def _kernel(piece: Piece) -> str:
    """Return of which shape the kernels of a convolution are; nothing for a dense layer."""
    if not isinstance(piece.target, Convolution):
        return ""
    window = piece.target.window
    return (
        f"; kernels of {window.size[0]} by {window.size[1]}, {piece.groups} groups,"
        f" stride {window.stride}, dilation {window.dilation}, padding {window.padding}"
    )


def _boxes(item: PieceObligations) -> str:
    shown = ", ".join(f"{low}..{high}" for low, high in item.boxes[:_SHOWN])
    return f"{shown} and {len(item.boxes) - _SHOWN} more boxes" if len(item.boxes) > _SHOWN else shown


def _comment(*lines: str) -> str:
    return "\n" + "".join(f"; {line}".rstrip() + "\n" for line in lines)
