"""Steps in other words: rewrites of what follows a linear map, as `rewrites` has them of units and weights."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from rewrites import RELU, finer, hidden, own, put, take, with_own

from certify.network.model import Dense, Network
from certify.network.steps import Clamp, Offset, Relu, Requantize, Sign, Step, Threshold, precision_after


def steps(network: Network, rng: random.Random) -> Network:
    """One layer's steps in other words."""
    order = rng.sample(range(len(network.layers)), len(network.layers))
    for index in order:
        layer = network.layers[index]
        found = [other for rule in rng.sample(RULES, len(RULES)) if (other := rule(layer, rng)) is not None]
        if found:
            return put(network, index, found[0])
    return network


def _shift_at(layer: Dense, roundings: Sequence[str]) -> int | None:
    fit = (n for n, step in enumerate(layer.steps) if isinstance(step, Requantize) and step.rounding in roundings)
    return next(fit, None)


def _with_steps(layer: Dense, at: int, instead_of: int, *new: Step) -> Dense:
    return replace(layer, steps=(*layer.steps[:at], *new, *layer.steps[at + instead_of :]))


def _half_up_as_floor(layer: Dense, rng: random.Random) -> Dense | None:
    del rng
    at = _shift_at(layer, ["half_up"])
    if at is None or not layer.steps[at].shift:
        return None
    step = layer.steps[at]
    return _with_steps(layer, at, 1, Offset(1 << (step.shift - 1)), Requantize(step.shift, "floor", step.zero_point))


def _two_shifts(layer: Dense, rng: random.Random) -> Dense | None:
    at = _shift_at(layer, ["floor"])
    if at is None or layer.steps[at].shift < 2:
        return None
    step, first = layer.steps[at], rng.randint(1, layer.steps[at].shift - 1)
    return _with_steps(
        layer, at, 1, Requantize(first, "floor"), Requantize(step.shift - first, "floor", step.zero_point)
    )


def _moved_zero_point(layer: Dense, rng: random.Random) -> Dense | None:
    at = _shift_at(layer, ["floor", "half_up"])
    if at is None:
        return None
    step, moved = layer.steps[at], rng.choice([-2, -1, 1, 2, 3])
    rounded = Requantize(step.shift, step.rounding, step.zero_point + moved)
    return _with_steps(layer, at, 1, Offset(-moved << step.shift), rounded)


def _same_above_zero(layer: Dense, rng: random.Random) -> Dense | None:
    del rng
    at = _shift_at(layer, ["floor", "toward_zero", "half_up", "half_away"])
    if at is None or Relu() not in layer.steps[:at] or layer.steps[at - 1] != Relu():
        return None
    other = {"floor": "toward_zero", "toward_zero": "floor", "half_up": "half_away", "half_away": "half_up"}
    step = layer.steps[at]
    return _with_steps(layer, at, 1, Requantize(step.shift, other[step.rounding], step.zero_point))


def _relu_after_shift(layer: Dense, rng: random.Random) -> Dense | None:
    del rng
    for at, (one, other) in enumerate(zip(layer.steps, layer.steps[1:], strict=False)):
        if one == Relu() and isinstance(other, Requantize) and other.zero_point == 0:
            return _with_steps(layer, at, 2, other, one)
    return None


def _offset_in_bias(layer: Dense, rng: random.Random) -> Dense | None:
    if layer.steps and isinstance(layer.steps[0], Offset):
        return replace(_with_steps(layer, 0, 1), bias=tuple(b + layer.steps[0].value for b in layer.bias))
    moved = rng.randint(1, 5)
    return replace(_with_steps(layer, 0, 0, Offset(-moved)), bias=tuple(b + moved for b in layer.bias))


RULES = (_half_up_as_floor, _two_shifts, _moved_zero_point, _same_above_zero, _relu_after_shift, _offset_in_bias)


def _accumulator_bits(network: Network, index: int) -> int:
    bits = network.input.precision_bits
    for layer in network.layers[:index]:
        bits = precision_after(layer.steps, bits + layer.precision_bits)
    return bits + network.layers[index].precision_bits


def sign_as_step(network: Network, rng: random.Random) -> Network:
    """A hidden layer's sign(y) as 2·step(y) - 1."""
    fit = [index for index in hidden(network) if network.layers[index].steps[-1:] == (Sign(),)]
    if not fit:
        return network
    index = rng.choice(fit)
    layer, after = network.layers[index : index + 2]
    bias = np.array(after.bias) - own(after).sum(axis=1)
    after = with_own(after, 2 * own(after), bias.tolist())
    return put(network, index, replace(layer, steps=(*layer.steps[:-1], Threshold())), after)


def without_steps(network: Network, rng: random.Random) -> Network:
    """A hidden layer's clamp or step by ReLU units: low + σ(y - low) - σ(y - high), and σ(y + 1) - σ(y)."""
    fit = [
        i for i in hidden(network) if len(s := network.layers[i].steps) == 1 and isinstance(s[0], (Clamp, Threshold))
    ]
    if not fit:
        return network
    index = rng.choice(fit)
    (step,), bits = network.layers[index].steps, _accumulator_bits(network, index)
    low, high, added = (step.low, step.high, step.low) if isinstance(step, Clamp) else (-1, 0, 0)
    if isinstance(step, Threshold):
        # A step's result has no precision bits, a ReLU's has its accumulator's: what follows has to be finer for it.
        network = finer(network, index + 1, bits)
        after = network.layers[index + 1]
        network = put(network, index + 1, replace(after, precision_bits=after.precision_bits - bits))
    layer, after = network.layers[index : index + 2]
    units = [*range(layer.outputs), *range(layer.outputs)]
    bias = [b - (low if n < layer.outputs else high) for n, b in enumerate([*layer.bias, *layer.bias])]
    two = replace(take(layer, units), bias=tuple(bias), steps=RELU)
    bias = np.array(after.bias) + added * own(after).sum(axis=1)
    return put(network, index, two, with_own(after, np.hstack([own(after), -own(after)]), bias.tolist()))
