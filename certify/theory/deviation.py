"""How far noise can move a ticket's outputs: a bound over all errors that noise can make and all grid points.

Three intervals go through the network together, in Python integers: of the value without noise, of the noisy value,
and of their difference. A pair of matrices is read as the weights that it represents (`noisy_ticket`). For one output
and input, with represented weights W+ for x ≥ 0 and W- for x ≤ 0, their errors E+ and E-, and an input that is off by
d = x' - x, the pair is off by

    E+·σ(x') - E-·σ(-x')  +  s·d,   s between W+ and W-,

where the halves that no value reaches are left out. Accumulators add up. A step is monotone: it is off by at most
f(high') - f(low), and by at most what its own rule allows for a difference (`after_step`). So no realization and no
grid point differs by more than the bound; a smaller bound may hold too, as intervals forget which extremes exclude
each other. For one pair before its steps nothing is forgotten: the bound of each output is then reached.

What the bound does not say: how likely a difference is. `accumulator_moments` says it exactly for the accumulators
of the first pair at one point, and nothing is said of what comes after.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import TypeAlias

from certify.errors import InputError
from certify.network.bounds import LayerBounds, network_bounds
from certify.network.steps import (
    Clamp,
    Offset,
    Relu,
    Requantize,
    RequantizeQ31,
    Step,
    apply_step,
    channel_steps,
)
from certify.theory.noisy_ticket import NoisyPair, NoisyTicket, Represented, Weights

Span: TypeAlias = tuple[int, int]
"""Least and greatest."""


@dataclass(frozen=True)
class Ranges:
    """What one number may be.

    Attributes:
        exact: without noise.
        noisy: with noise.
        off: their difference, noisy minus exact.
    """

    exact: Span
    noisy: Span
    off: Span


@dataclass(frozen=True)
class LayerNoise:
    """What noise does to one layer of the target.

    Attributes:
        weights: how many represented weights, of inputs and constant lines, have a kept edge.
        scale_bits: errors are integers times δ_t/2^scale_bits.
        largest: the largest error of a represented weight, in magnitude, in a half that some value reaches.
        mean: the largest mean of an error, in magnitude.
        variance: the largest variance.
        off: the bound of every output after the steps, on the noisy network's scale.
    """

    weights: int
    scale_bits: int
    largest: int
    mean: Fraction
    variance: Fraction
    off: tuple[Span, ...]


@dataclass(frozen=True)
class Deviation:
    """A certified bound.

    Attributes:
        layers: one for each layer of the target.
        bound: no output differs by more, in integers times 2^-precision_bits.
        precision_bits: of the noisy network's outputs.
    """

    layers: tuple[LayerNoise, ...]
    bound: int
    precision_bits: int


def deviation(ticket: NoisyTicket) -> Deviation:
    """Return the bound of a noisy ticket's outputs, and what leads to it.

    Raises:
        InputError: a hidden unit reads several inputs.
    """
    box = ticket.target.input
    values = [Ranges((low, high), (low, high), (0, 0)) for low, high in zip(box.low, box.high, strict=True)]
    layers: list[LayerNoise] = []
    for pair, bounds in zip(ticket.pairs, network_bounds(ticket.target), strict=True):
        weights = pair.represented()
        lines = [*values, *(Ranges((c, c), (c, c), (0, 0)) for c in pair.layout.constants)]
        values = [_after(pair, output, own) for output, own in enumerate(_accumulators(pair, weights, lines, bounds))]
        layers.append(_summary(pair, weights, lines, values))
    off = layers[-1].off
    bound = max((max(-low, high) for low, high in off), default=0)
    none = [matrix.kind * 0 for matrix in ticket.matrices]
    return Deviation(tuple(layers), bound, ticket.realized(none).output_precision_bits())


def _accumulators(
    pair: NoisyPair, weights: Weights, lines: Sequence[Ranges], bounds: LayerBounds
) -> Iterator[Ranges]:
    shift = pair.layout.input_bits + pair.layout.weight_bits
    low, high = [0] * len(bounds.low), [0] * len(bounds.low)
    for (output, column), halves in weights.items():
        least, most = _contribution(halves, lines[column])
        low[output] += least
        high[output] += most
    for output, (least, most) in enumerate(zip(bounds.low, bounds.high, strict=True)):
        exact, off = (least << shift, most << shift), (low[output], high[output])
        yield Ranges(exact, (exact[0] + off[0], exact[1] + off[1]), off)


def _contribution(halves: tuple[Represented, Represented], value: Ranges) -> Span:
    """By how much one input's contribution to one accumulator is off."""
    positive, negative = halves
    low, high = value.noisy
    ends = []
    if high > 0:
        ends += [error * end for error in (positive.low, positive.high) for end in (max(low, 0), high)]
    if low < 0:
        ends += [error * end for error in (negative.low, negative.high) for end in (low, min(high, 0))]
    if low <= 0 <= high:
        ends.append(0)
    slopes = [half.exact for half, there in zip(halves, _reached(value), strict=True) if there] or [0]
    moved = [slope * end for slope in slopes for end in value.off]
    return min(ends) + min(moved), max(ends) + max(moved)


def _reached(value: Ranges) -> tuple[bool, bool]:
    """Whether the number can be above 0, and below, with noise or without."""
    return max(value.exact[1], value.noisy[1]) > 0, min(value.exact[0], value.noisy[0]) < 0


def _after(pair: NoisyPair, output: int, value: Ranges) -> Ranges:
    for step in channel_steps(pair.layout.steps, output):
        value = after_step(step, value)
    return value


def after_step(step: Step, value: Ranges) -> Ranges:
    """Return what one step of one output makes of ranges.

    ReLU and clamp never enlarge a difference, and an offset leaves it. A shift by s rounds both numbers: a difference
    d > 0 becomes at most ⌈d/2^s⌉ where equal remainders are rounded alike, or all toward zero, and at most
    ⌊d/2^s⌋ + 1 where nearest integers are taken and ties have a rule of their own. Of any other step nothing is used
    but that it is monotone.
    """
    exact, noisy = ((apply_step(step, low), apply_step(step, high)) for low, high in (value.exact, value.noisy))
    low, high = noisy[0] - exact[1], noisy[1] - exact[0]
    least, most = _own_rule(step, value.off)
    least, most = (low if least is None else max(low, least)), (high if most is None else min(high, most))
    # A monotone step turns no sign of a difference.
    least, most = (max(least, 0) if value.off[0] >= 0 else least), (min(most, 0) if value.off[1] <= 0 else most)
    reached = max(noisy[0], exact[0] + least), min(noisy[1], exact[1] + most)
    return Ranges(exact, reached, (least, most))


def _own_rule(step: Step, off: Span) -> tuple[int | None, int | None]:
    """What the step's own rule says of a difference; None where nothing."""
    low, high = off
    match step:
        case Relu() | Clamp():
            return min(low, 0), max(high, 0)
        case Offset():
            return low, high
        case Requantize(shift, rounding):
            if rounding in {"half_even", "half_away"}:
                return -(-low >> shift) - 1, (high >> shift) + 1
            # Toward zero, what lies around 0 comes together: a difference may shrink by one more.
            closer = rounding == "toward_zero"
            return (low >> shift) - (closer and low > 0), -(-high >> shift) + (closer and high < 0)
        case RequantizeQ31(int(multiplier), int(shift), "single"):
            return low * multiplier >> 31 + shift, -(-high * multiplier >> 31 + shift)
    return None, None


def _summary(pair: NoisyPair, weights: Weights, lines: Sequence[Ranges], outputs: Sequence[Ranges]) -> LayerNoise:
    errors = [
        half
        for (_, column), halves in weights.items()
        for half, there in zip(halves, _reached(lines[column]), strict=True)
        if there
    ]
    return LayerNoise(
        weights=len(weights),
        scale_bits=pair.layout.weight_bits,
        largest=max((max(-error.low, error.high) for error in errors), default=0),
        mean=max((abs(error.mean) for error in errors), default=Fraction(0)),
        variance=max((error.variance for error in errors), default=Fraction(0)),
        off=tuple(value.off for value in outputs),
    )


def accumulator_moments(ticket: NoisyTicket, point: Sequence[int], output: int) -> tuple[Fraction, Fraction]:
    """Return mean and variance of the difference of one accumulator of the first pair at one grid point, exactly.

    Blocks of different inputs have no weight in common, so the errors of their weights are independent. It is a
    statement about one point and one output, and about the network only where it has one layer without steps.

    Raises:
        InputError: the point has another length than the box, or a hidden unit reads several inputs.
    """
    pair = ticket.pairs[0]
    if len(point) != ticket.target.input.features:
        raise InputError(f"expected a point of {ticket.target.input.features} features, found {len(point)}")
    values = [*point, *pair.layout.constants]
    mean = variance = Fraction(0)
    for (row, column), (positive, negative) in pair.represented().items():
        if row == output:
            error, value = (positive if values[column] > 0 else negative), values[column]
            mean += error.mean * value
            variance += error.variance * value * value
    return mean, variance
