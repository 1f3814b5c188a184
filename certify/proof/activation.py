"""What the prover asks of an activation: which slope it has on either side of 0, and the identity of both sides.

docs/activations.md. Burkholz (2022a, "Most activation functions can win the lottery without excessive depth") uses
Theorem 1's idea for every σ for which σ(x) - σ(-x) is linear. Here a hidden layer may be followed by any ReLUs, leaky
ReLUs and clamps. What a unit of weight u carries on a box is guessed from its ends,

    σ(u·x) = above·p - below·q,   p = max(x, 0), q = max(-x, 0),

and z3 is asked whether it holds on all of the box; so is, where the ticket's accumulators are the target's times a
number that is no power of two, σ(x) - σ(-x) = factor·x. An activation that does not have these is refused by them.
Nothing that is guessed here is taken for true.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

from certify.network.matrix import Int64Array
from certify.network.steps import (
    Clamp,
    LeakyRelu,
    Relu,
    Requantize,
    RequantizeQ31,
    Step,
    apply_steps,
    precision_after,
    rescale,
)

Steps: TypeAlias = tuple[Step, ...]
RELU: Steps = (Relu(),)
MAX_SLOPE = 2**62


def is_activation(steps: Steps) -> bool:
    """Tell whether steps are among those that are looked into, and 0 where the input is."""
    known = all(isinstance(step, Relu | LeakyRelu | Clamp) for step in steps)
    return bool(steps) and known and apply_steps(steps, 0) == 0


def finer_bits(steps: Steps) -> int:
    """Return by how many bits finer what an activation gives is than what it is given."""
    return precision_after(steps, 0)


def factor(steps: Steps) -> int:
    """Return the guess for (σ(x) - σ(-x)) / x: what it is at 1."""
    return apply_steps(steps, 1) - apply_steps(steps, -1)


def slopes(steps: Steps, u: int, low: int, high: int) -> tuple[int, int]:
    """Return the guess for (above, below) of a unit of weight u on a box; 0 for a side that the box does not have."""
    above = apply_steps(steps, u * high) // high if high > 0 else 0
    below = apply_steps(steps, u * low) // low if low < 0 else 0
    return above, below


def slopes_fit(steps: Steps, weights: Int64Array) -> bool:
    """Tell whether the slopes of units of these weights fit a machine word, with room for a sum."""
    return all(abs(u) << finer_bits(steps) < MAX_SLOPE for u in set(weights.tolist()))


def slopes_of_units(
    steps: Steps, weights: Int64Array, inputs: Int64Array, boxes: Sequence[tuple[int, int]]
) -> Int64Array:
    """Return int64[2, units], above and below of each; 0 for a unit of a constant line, or of nothing."""
    found = np.zeros((2, len(inputs)), dtype=np.int64)
    for unit in np.flatnonzero((inputs >= 0) & (inputs < len(boxes))).tolist():
        found[:, unit] = slopes(steps, int(weights[unit]), *boxes[inputs[unit]])
    return found


@dataclass(frozen=True)
class Scale:
    """How the ticket's accumulators, and what its steps leave, stand to the target's.

    Attributes:
        more_bits: the accumulators are finer by this than by the inputs and the products of weights.
        left_bits: what the steps leave is finer by 2^left_bits.
        factor: the accumulators are besides times this.
        divides: whether the first step is the division by the factor.
    """

    more_bits: int
    left_bits: int
    factor: int = 1
    divides: bool = False


def scale_of(activation: Steps, target: Steps, ticket: Steps, bits: int) -> Scale | None:
    """Return the scale on which the ticket's steps are the target's; None where there is none.

    Args:
        activation: of the hidden layer.
        target: the steps after the accumulators.
        ticket: those of the ticket.
        bits: the ticket's inputs times its products of weights are finer than the target's by 2^bits.
    """
    more = finer_bits(activation)
    if (left := _left_bits(target, ticket, bits + more)) is not None:
        return Scale(more, left)
    times = factor(activation)
    if activation == RELU or times < 1 or not (ticket and isinstance(ticket[0], RequantizeQ31)):
        return None
    left = _left_bits(target, ticket[1:], bits)
    return None if left is None else Scale(0, left, times, divides=True)


def _left_bits(target: Steps, ticket: Steps, finer: int) -> int | None:
    """Return how much finer what the steps leave is, if they are the target's, rescaled.

    What is finer may be brought to the target's own scale by one more step, exactly.
    """
    steps, left = rescale(target, finer)
    if ticket == steps:
        return left
    return 0 if left and ticket == (*steps, Requantize(left, "floor")) else None
