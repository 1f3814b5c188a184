"""Conditions 0, 1 and 5 for one piece of a ticket: may it stand for its layer of the target?

docs/proof.md, "The conditions", and docs/convolutions.md. `structure` walks the networks and asks here.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypedDict

import numpy as np

from certify.network.matrix import Int64Array
from certify.network.model import Dense, Linear
from certify.network.operators import Convolution
from certify.network.operators.operator import Interval
from certify.network.operators.window import Window
from certify.network.steps import Relu, Requantize, Step, apply_steps, rescale
from certify.proof.piece import UNFED, NotApplicableError, Pair, Piece, Single

MAX_BITS = 8192
NO_PADDING = ((0, 0), (0, 0))


@dataclass(frozen=True, eq=False)
class Known:
    """What a layer of the target gives, and where the ticket has it.

    Attributes:
        place: the ticket's layer.
        values: its bounds, as the target's integers.
        finer_bits: the ticket's integers are the target's times 2^finer_bits.
    """

    place: int
    values: Interval
    finer_bits: int


def pair_of(at: tuple[int, int, int], layer: Linear, theirs: tuple[Linear, Linear], read: Known) -> Pair:
    """Return the pair of a layer of the target and two of the ticket's.

    Args:
        at: the index among the target's linear layers, and the places of its layer and of the first of the ticket's.
        layer: the target's.
        theirs: the hidden layer and the output layer.
        read: what the target's layer reads.

    Raises:
        NotApplicableError: a condition fails.
    """
    index, (hidden, output) = at[0], theirs
    _check_shapes(index, layer, hidden, output)
    _check_nothing_extra(index, hidden, output)
    weight_bits = hidden.precision_bits + output.precision_bits - layer.precision_bits
    if weight_bits < 0:
        raise NotApplicableError(f"condition 0: pair {index}: δ_t ≥ δ² fails by {-weight_bits} bits")
    common = _common(f"pair {index}", at, layer, output, read, weight_bits)
    unit_input, unit_weight = feeds(index, hidden)
    pair = Pair(hidden=hidden, unit_input=unit_input, unit_weight=unit_weight, **common)
    _check_padding(pair)
    return pair


def single_of(at: tuple[int, int, int], layer: Dense, output: Dense, read: Known, units: Int64Array) -> Single:
    """Return the piece of a layer of the target and one of the ticket's, which reads copies.

    Args:
        at: as for `pair_of`.
        layer: the target's.
        output: the ticket's.
        read: what the target's layer reads.
        units: int64[columns of the ticket's layer], the input that each is a copy of, constant lines after all
            inputs, or UNFED, where no weight may be kept.

    Raises:
        NotApplicableError: a condition fails.
    """
    index = at[0]
    if any(output.bias):
        raise NotApplicableError(f"condition 0: layer {index}: the ticket's layer has a bias")
    weight_bits = output.precision_bits - layer.precision_bits
    if weight_bits < 0:
        raise NotApplicableError(f"condition 0: layer {index}: δ_t ≥ δ fails by {-weight_bits} bits")
    assert (units[output.weights.columns] != UNFED).all()
    common = _common(f"layer {index}", at, layer, output, read, weight_bits)
    return Single(unit_input=units, unit_weight=(units != UNFED).astype(np.int64), **common)


class _Common(TypedDict):
    """The fields that both kinds of pieces have."""

    index: int
    layer: int
    place: int
    target: Linear
    output: Linear
    low: tuple[int, ...]
    high: tuple[int, ...]
    accumulator_low: tuple[int, ...]
    accumulator_high: tuple[int, ...]
    input_bits: int
    weight_bits: int
    left_bits: int


def _common(
    name: str, at: tuple[int, int, int], layer: Linear, output: Linear, read: Known, weight_bits: int
) -> _Common:
    scale_bits = read.finer_bits + weight_bits
    left_bits = _check_steps(name, layer, output, scale_bits)
    low, high = _channel_bounds(layer, read.values)
    least, greatest, _ = layer.kernel_bounds(low, high)
    _check_width(name, (*least, *greatest), scale_bits)
    return _Common(
        index=at[0],
        layer=at[1],
        place=at[2],
        target=layer,
        output=output,
        low=tuple(low),
        high=tuple(high),
        accumulator_low=tuple(least),
        accumulator_high=tuple(greatest),
        input_bits=read.finer_bits,
        weight_bits=weight_bits,
        left_bits=left_bits,
    )


def _channel_bounds(layer: Linear, values: Interval) -> tuple[list[int], list[int]]:
    """Return the box of every input: of a convolution the hull over all positions, padding included."""
    if isinstance(layer, Convolution):
        return layer.channel_bounds(values)
    return values.low.reshape(-1).tolist(), values.high.reshape(-1).tolist()


def _check_shapes(index: int, layer: Linear, hidden: Linear, output: Linear) -> None:
    kinds = {type(layer), type(hidden), type(output)}
    if len(kinds) != 1 or not kinds <= {Dense, Convolution}:
        names = ", ".join(type(part).__name__.lower() for part in (layer, hidden, output))
        raise NotApplicableError(f"condition 0: pair {index}: expected layers of one kind, found {names}")
    if {hidden.groups, output.groups} != {layer.groups}:
        problem = f"expected {layer.groups} groups, found {hidden.groups} and {output.groups}"
        raise NotApplicableError(f"condition 0: pair {index}: {problem}")
    if isinstance(layer, Convolution) and isinstance(hidden, Convolution) and isinstance(output, Convolution):
        _check_windows(index, layer.window, hidden.window, output.window)
    expected = (layer.channels, hidden.outputs, layer.outputs)
    found = (hidden.channels, layer.groups * (output.weights.shape[1] // output.taps), output.outputs)
    if expected != found:
        raise NotApplicableError(f"condition 0: pair {index}: expected sizes {expected}, found {found}")
    for part in (layer, hidden, output):
        whole = part.taps * part.channels + len(part.constants) == part.weights.shape[1]
        if not whole or part.outputs % part.groups:
            raise NotApplicableError(f"condition 0: pair {index}: a kernel's size does not divide evenly")


def _check_windows(index: int, layer: Window, hidden: Window, output: Window) -> None:
    """Check all but which of the two layers has the padding: `_check_padding`."""
    if (hidden.size, hidden.stride, hidden.dilation) != ((1, 1), (1, 1), (1, 1)):
        raise NotApplicableError(f"condition 0: pair {index}: the hidden layer's kernel is not of one tap")
    if (output.size, output.stride, output.dilation) != (layer.size, layer.stride, layer.dilation):
        problem = "the output layer's kernel size, stride or dilation is not the target's"
        raise NotApplicableError(f"condition 0: pair {index}: {problem}")


def _check_padding(pair: Pair) -> None:
    """Check that one of the two layers has the target's padding, the other none.

    Where it is the output layer, what a unit of a constant line adds is missing at the borders, so none may be kept
    (docs/convolutions.md).
    """
    layers = pair.target, pair.hidden, pair.output
    paddings = [layer.window.padding if isinstance(layer, Convolution) else NO_PADDING for layer in layers]
    if paddings == [paddings[0], paddings[0], NO_PADDING]:
        return
    if paddings != [paddings[0], NO_PADDING, paddings[0]]:
        raise NotApplicableError(f"condition 0: pair {pair.index}: the padding is not the target's")
    if (pair.unit_input[pair.kept_units] >= len(pair.low)).any():
        problem = "a constant line is kept under padding that follows it"
        raise NotApplicableError(f"condition 0: pair {pair.index}: {problem}")


def _check_steps(name: str, layer: Linear, output: Linear, scale_bits: int) -> int:
    """Check that the ticket's steps are the target's, rescaled; return how much finer what they leave is.

    What is finer may be brought to the target's own scale by one more step, exactly.
    """
    steps, left_bits = rescale(layer.steps, scale_bits)
    if output.steps == steps:
        return left_bits
    to_own_scale: tuple[Step, ...] = (Requantize(left_bits, "floor"),)
    if left_bits and output.steps == steps + to_own_scale:
        return 0
    raise NotApplicableError(f"condition 0: {name}: the steps are not the target's, rescaled")


def _check_width(name: str, ends: Sequence[int], scale_bits: int) -> None:
    """Check that no number of the piece is longer than is reasonable to put before z3."""
    bits = max((value.bit_length() for value in ends), default=0) + scale_bits
    if bits > MAX_BITS:
        raise NotApplicableError(f"{name}: numbers of {bits} bits, the decomposition holds {MAX_BITS}")


def _check_nothing_extra(index: int, hidden: Linear, output: Linear) -> None:
    if hidden.steps != (Relu(),):
        raise NotApplicableError(f"condition 0: pair {index}: the hidden layer's steps are not exactly a ReLU")
    if any(hidden.bias) or any(output.bias):
        raise NotApplicableError(f"condition 0: pair {index}: a layer of the ticket has a bias")
    if output.constants:
        raise NotApplicableError(f"condition 0: pair {index}: the output layer has constants")


def feeds(index: int, hidden: Linear) -> tuple[Int64Array, Int64Array]:
    """Condition 1: return for every hidden unit the one input it keeps, and the weight there.

    Returns:
        int64[units] the input, constant lines after all inputs, or UNFED; int64[units] the weight, 0 for UNFED.

    Raises:
        NotApplicableError: a unit keeps two inputs.
    """
    kept = np.diff(hidden.weights.start)
    if (kept > 1).any():
        unit = int(np.argmax(kept > 1))
        raise NotApplicableError(f"condition 1: pair {index}: hidden unit {unit} keeps {kept[unit]} inputs")
    unit_input = np.full(hidden.outputs, UNFED, dtype=np.int64)
    unit_weight = np.zeros(hidden.outputs, dtype=np.int64)
    fed = kept == 1
    unit_input[fed] = hidden.reads()
    unit_weight[fed] = hidden.weights.values
    return unit_input, unit_weight


def next_box(piece: Piece) -> tuple[list[int], list[int]]:
    """Condition 5: return the bounds of what every output channel leaves, the same for target and ticket.

    The steps are monotone, so mapped end points span what they leave. The ticket's accumulators are the target's
    times 2^scale_bits, as the obligations prove, and its end points are mapped by its own steps.

    Raises:
        NotApplicableError: they are not the same.
    """
    ends: tuple[list[int], list[int]] = ([], [])
    for output, accumulators in enumerate(zip(piece.accumulator_low, piece.accumulator_high, strict=True)):
        ours, theirs = piece.target.steps_of(output), piece.output.steps_of(output)
        for side, accumulator in zip(ends, accumulators, strict=True):
            end = apply_steps(ours, accumulator)
            if apply_steps(theirs, accumulator << piece.scale_bits) != end << piece.left_bits:
                raise NotApplicableError(f"condition 5: {piece.name}: the next layer's boxes differ")
            side.append(end)
    return ends
