"""Conditions 0, 1 and 5 of the proof: is this the shape for which Theorem 1's decomposition holds?

docs/proof.md, "The conditions". Read from the two networks alone.
0. The ticket has a pair of layers for each of the target's. Hidden layers have no bias and exactly the step ReLU;
   output layers have no bias, no constants and the target's steps, rescaled.
1. In the first matrix of a pair every hidden unit keeps weights from one input only.
5. The box that the next layer is proved on contains every value of this one, for target and ticket.

When one of them fails, nothing is refuted: the decomposition does not apply, and says why.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from certify.network.bounds import LayerBounds, layer_bounds
from certify.network.compare import common_scale
from certify.network.matrix import Int64Array
from certify.network.model import Dense, Network
from certify.network.steps import Relu, apply_steps, rescale

UNFED = -1
MAX_BITS = 8192


class NotApplicableError(Exception):
    """The decomposition does not apply to this ticket; the message names the condition that fails."""


@dataclass(frozen=True, eq=False)
class Pair:
    """One layer of the target and the pair of layers that stands for it.

    Attributes:
        index: of the target's layer.
        target: the target's layer.
        hidden, output: the ticket's two layers.
        low, high: int[inputs], the box of the target layer's inputs.
        accumulator_low, accumulator_high: int[outputs], what the target's accumulators can reach on it.
        input_bits: the ticket's input integers are the target's times 2^input_bits.
        weight_bits: a product of two ticket weights is finer than a target weight by 2^weight_bits.
        left_bits: the ticket's output integers are the target's times 2^left_bits.
        unit_input: int64[hidden], the column that each unit keeps, or UNFED.
        unit_weight: int64[hidden], the weight kept there, 0 for UNFED.
    """

    index: int
    target: Dense
    hidden: Dense
    output: Dense
    low: tuple[int, ...]
    high: tuple[int, ...]
    accumulator_low: tuple[int, ...]
    accumulator_high: tuple[int, ...]
    input_bits: int
    weight_bits: int
    left_bits: int
    unit_input: Int64Array
    unit_weight: Int64Array

    @property
    def scale_bits(self) -> int:
        """log2 s: the ticket's accumulators are the target's times 2^scale_bits."""
        return self.input_bits + self.weight_bits


def pair_up(target: Network, ticket: Network) -> tuple[Pair, ...]:
    """Return the pairs of a ticket of depth 2ℓ, conditions 0, 1 and 5 checked.

    Raises:
        NotApplicableError: a condition fails.
    """
    if len(ticket.layers) != 2 * len(target.layers):
        expected = 2 * len(target.layers)
        raise NotApplicableError(f"condition 0: expected {expected} layers, found {len(ticket.layers)}")
    found: list[Pair] = []
    low, high, input_bits = target.input.low, target.input.high, 0
    for index, layer in enumerate(target.layers):
        hidden, output = ticket.layers[2 * index], ticket.layers[2 * index + 1]
        pair = _pair(index, layer, hidden, output, low, high, input_bits)
        found.append(pair)
        low, high = _next_box(pair)
        input_bits = pair.left_bits
    if common_scale(target, ticket) != (input_bits, 0):
        raise NotApplicableError("condition 0: the outputs' precision bits do not follow from the steps")
    return tuple(found)


def _pair(
    index: int,
    layer: Dense,
    hidden: Dense,
    output: Dense,
    low: Sequence[int],
    high: Sequence[int],
    input_bits: int,
) -> Pair:
    _check_shapes(index, layer, hidden, output)
    _check_nothing_extra(index, hidden, output)
    weight_bits = hidden.precision_bits + output.precision_bits - layer.precision_bits
    if weight_bits < 0:
        raise NotApplicableError(f"condition 0: pair {index}: δ_t ≥ δ² fails by {-weight_bits} bits")
    steps, left_bits = rescale(layer.steps, input_bits + weight_bits)
    if output.steps != steps:
        raise NotApplicableError(f"condition 0: pair {index}: the steps are not the target's, rescaled")
    unit_input, unit_weight = _feeds(index, hidden)
    bounds = layer_bounds(layer, low, high)
    _check_width(index, bounds, input_bits + weight_bits)
    return Pair(
        index=index,
        target=layer,
        hidden=hidden,
        output=output,
        low=tuple(low),
        high=tuple(high),
        accumulator_low=bounds.low,
        accumulator_high=bounds.high,
        input_bits=input_bits,
        weight_bits=weight_bits,
        left_bits=left_bits,
        unit_input=unit_input,
        unit_weight=unit_weight,
    )


def _check_shapes(index: int, layer: Dense, hidden: Dense, output: Dense) -> None:
    expected = (layer.inputs, hidden.outputs, layer.outputs)
    found = (hidden.inputs, output.weights.shape[1], output.outputs)
    if expected != found:
        raise NotApplicableError(f"condition 0: pair {index}: expected sizes {expected}, found {found}")


def _check_width(index: int, bounds: LayerBounds, scale_bits: int) -> None:
    """Check that no number of the pair is longer than is reasonable to put before z3."""
    bits = max(value.bit_length() for value in (*bounds.low, *bounds.high)) + scale_bits
    if bits > MAX_BITS:
        raise NotApplicableError(f"pair {index}: numbers of {bits} bits, the decomposition holds {MAX_BITS}")


def _check_nothing_extra(index: int, hidden: Dense, output: Dense) -> None:
    if hidden.steps != (Relu(),):
        raise NotApplicableError(f"condition 0: pair {index}: the hidden layer's steps are not exactly a ReLU")
    if any(hidden.bias) or any(output.bias):
        raise NotApplicableError(f"condition 0: pair {index}: a layer of the ticket has a bias")
    if output.constants:
        raise NotApplicableError(f"condition 0: pair {index}: the output layer has constants")


def _feeds(index: int, hidden: Dense) -> tuple[Int64Array, Int64Array]:
    """Condition 1: return for every hidden unit the one column it keeps, and the weight there."""
    kept = np.diff(hidden.weights.start)
    if (kept > 1).any():
        unit = int(np.argmax(kept > 1))
        raise NotApplicableError(f"condition 1: pair {index}: hidden unit {unit} keeps {kept[unit]} inputs")
    unit_input = np.full(hidden.outputs, UNFED, dtype=np.int64)
    unit_weight = np.zeros(hidden.outputs, dtype=np.int64)
    fed = kept == 1
    unit_input[fed] = hidden.weights.columns
    unit_weight[fed] = hidden.weights.values
    return unit_input, unit_weight


def _next_box(pair: Pair) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Condition 5: return the box of the next layer's inputs, the same for target and ticket.

    The steps are monotone, so mapped end points span what they leave. The ticket's accumulators are the target's
    times 2^scale_bits, as the obligations prove, and its end points are mapped by its own steps.
    """
    ends: tuple[list[int], list[int]] = ([], [])
    for output, accumulators in enumerate(zip(pair.accumulator_low, pair.accumulator_high, strict=True)):
        ours, theirs = pair.target.steps_of(output), pair.output.steps_of(output)
        for side, accumulator in zip(ends, accumulators, strict=True):
            end = apply_steps(ours, accumulator)
            if apply_steps(theirs, accumulator << pair.scale_bits) != end << pair.left_bits:
                raise NotApplicableError(f"condition 5: pair {pair.index}: the next layer's boxes differ")
            side.append(end)
    return tuple(ends[0]), tuple(ends[1])
