"""Equal networks written differently: each rewrite keeps every output on the whole box, in exact integers.

A rewrite takes a network and a source of randomness and returns another network; nothing tells where it changed
something. What it may do depends on the steps: a ReLU unit may be scaled, a threshold too, a rounding not. Where a
rewrite finds nothing to do it returns the network as it is. `repruned` rewrites layers by subset sums,
`rewritten_steps` what follows them, and `identities` has the pairs that no rewrite yields.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import msgspec
import numpy as np

from certify.network.bounds import layer_bounds, network_bounds
from certify.network.matrix import from_dense
from certify.network.model import Dense, Network
from certify.network.steps import Clamp, Relu, RequantizeQ31, Sign, Step, Threshold, apply_steps, rescale

Rewrite = Callable[[Network, random.Random], Network]
RELU = (Relu(),)


# Layers as arrays.


def own(layer: Dense) -> np.ndarray:
    """int64[outputs, inputs]: the weights without those of constants."""
    return layer.weights.to_dense()[:, : layer.inputs]


def with_own(layer: Dense, weights: np.ndarray, bias: Sequence[int] | None = None) -> Dense:
    """The layer with other weights for its inputs, however many there are now."""
    constants = layer.weights.to_dense()[:, layer.inputs :]
    matrix = from_dense(np.hstack([weights.astype(np.int64), constants]))
    return replace(layer, weights=matrix, bias=layer.bias if bias is None else tuple(map(int, bias)))


def plain(weights: np.ndarray, steps: Sequence[Step] = (), bias: Sequence[int] = (), bits: int = 0) -> Dense:
    """A layer without constants."""
    weights = np.asarray(weights, dtype=np.int64)
    return Dense(from_dense(weights), bits, tuple(map(int, bias)) or (0,) * len(weights), (), tuple(steps))


def take(layer: Dense, units: Sequence[int]) -> Dense:
    """The layer with these units, in this order, some of them perhaps more than once."""
    bias = tuple(layer.bias[unit] for unit in units)
    steps = tuple(_of_units(step, units) for step in layer.steps)
    return replace(layer, weights=from_dense(layer.weights.to_dense()[list(units)]), bias=bias, steps=steps)


def _of_units(step: Step, units: Sequence[int]) -> Step:
    if not isinstance(step, RequantizeQ31):
        return step
    fields = {name: getattr(step, name) for name in ("multiplier", "shift")}
    listed = {name: tuple(of[unit] for unit in units) for name, of in fields.items() if isinstance(of, tuple)}
    return msgspec.structs.replace(step, **listed)


def put(network: Network, index: int, *layers: Dense, instead_of: int | None = None) -> Network:
    """The network with these layers from `index` on, instead of as many."""
    end = index + (len(layers) if instead_of is None else instead_of)
    return replace(network, layers=(*network.layers[:index], *layers, *network.layers[end:]))


def input_bounds(network: Network, index: int) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Bounds of what layer `index` gets."""
    if index == 0:
        return network.input.low, network.input.high
    before = network_bounds(network)[index - 1]
    return before.output_low, before.output_high


def hidden(network: Network) -> range:
    """The layers whose units can be rearranged."""
    return range(len(network.layers) - 1)


def _hidden_layer(network: Network, rng: random.Random, steps: tuple[Step, ...] | None = None) -> int | None:
    fit = [index for index in hidden(network) if steps is None or network.layers[index].steps == steps]
    return rng.choice(fit) if fit else None


# Rearranged units.


def permute(network: Network, rng: random.Random) -> Network:
    """The units of every hidden layer in another order."""
    for index in hidden(network):
        layer, after = network.layers[index : index + 2]
        order = rng.sample(range(layer.outputs), layer.outputs)
        network = put(network, index, take(layer, order), with_own(after, own(after)[:, order]))
    return network


def finer(network: Network, index: int, bits: int) -> Network:
    """Layer `index` with weights at so many more precision bits, all that follows rescaled."""
    layers = list(network.layers)
    layer = layers[index]
    values = layer.weights.values << bits
    layers[index] = replace(
        layer, weights=replace(layer.weights, values=values), precision_bits=layer.precision_bits + bits
    )
    left, first = bits, True
    for number in range(index, len(layers)):
        layer, entered = layers[number], left
        steps, left = rescale(layer.steps, entered)
        bias = tuple(value << entered for value in layer.bias)
        constants = layer.constants if first else tuple(value << entered for value in layer.constants)
        layers[number], first = replace(layer, bias=bias, constants=constants, steps=steps), False
    return replace(network, layers=tuple(layers))


def rescaled(network: Network, rng: random.Random) -> Network:
    """Some layer at more precision bits."""
    return finer(network, rng.randrange(len(network.layers)), rng.randint(1, 3))


def scale(network: Network, rng: random.Random) -> Network:
    """ReLU units times positive integers and their outgoing weights divided, or the other way round."""
    for index in hidden(network):
        if network.layers[index].steps == RELU:
            network = _scale_relu(finer(network, index + 1, rng.randint(0, 2)), index, rng)
        elif network.layers[index].steps in {(Threshold(),), (Sign(),)}:
            factors = [rng.randint(1, 5) for _ in network.layers[index].bias]
            network = put(network, index, _times(network.layers[index], factors))
    return network


def _scale_relu(network: Network, index: int, rng: random.Random) -> Network:
    layer, after = network.layers[index : index + 2]
    up = [_divisor(math.gcd(*column), rng) for column in own(after).T.tolist()]
    down = [_divisor(common_divisor(layer, unit), rng) if rng.random() < 0.3 else 1 for unit in range(layer.outputs)]
    rows = layer.weights.to_dense() * np.array(up)[:, np.newaxis] // np.array(down)[:, np.newaxis]
    bias = tuple(b * a // d for b, a, d in zip(layer.bias, up, down, strict=True))
    columns = own(after) // np.array(up) * np.array(down)
    return put(network, index, replace(layer, weights=from_dense(rows), bias=bias), with_own(after, columns))


def common_divisor(layer: Dense, unit: int) -> int:
    """What divides all weights and the bias of a unit; 1 where all are 0."""
    return math.gcd(layer.bias[unit], *layer.weights.row(unit)[1]) or 1


def _divisor(number: int, rng: random.Random) -> int:
    return rng.choice([d for d in range(1, 7) if number % d == 0]) if number else rng.randint(1, 5)


def _times(layer: Dense, factors: Sequence[int]) -> Dense:
    rows = layer.weights.to_dense() * np.array(factors)[:, np.newaxis]
    bias = tuple(b * factor for b, factor in zip(layer.bias, factors, strict=True))
    return replace(layer, weights=from_dense(rows), bias=bias)


def split(network: Network, rng: random.Random) -> Network:
    """Units in two, whose outgoing weights add up; two of different size where they may be scaled."""
    for index in hidden(network):
        layer, after = network.layers[index : index + 2]
        units = rng.sample(range(layer.outputs), rng.randint(1, min(3, layer.outputs)))
        factors = [rng.choice([1, 1, 2, 3]) if layer.steps == RELU else 1 for _ in units]
        copies = _times(take(layer, units), factors)
        parts = np.array([[rng.randint(-3, 3) for _ in units] for _ in range(after.outputs)])
        columns = own(after).copy()
        columns[:, units] -= parts * np.array(factors)
        network = put(network, index, beside(layer, copies), with_own(after, np.hstack([columns, parts])))
    return network


def duplicate(network: Network, rng: random.Random) -> Network:
    """Copies of units; every outgoing weight goes to one of them."""
    for index in hidden(network):
        layer, after = network.layers[index : index + 2]
        units = [rng.randrange(layer.outputs) for _ in range(rng.randint(1, 3))]
        columns = np.hstack([own(after), np.zeros((after.outputs, len(units)), dtype=np.int64)])
        for copy, unit in enumerate(units, layer.outputs):
            moved = [row for row in range(after.outputs) if rng.random() < 0.5]
            columns[moved, copy], columns[moved, unit] = columns[moved, unit], 0
        network = put(network, index, beside(layer, take(layer, units)), with_own(after, columns))
    return network


def beside(layer: Dense, more: Dense) -> Dense:
    """All units of both, which have the same inputs and steps; `more` was taken from `layer`."""
    rows = np.vstack([layer.weights.to_dense(), more.weights.to_dense()])
    steps = tuple(_joined(*pair) for pair in zip(layer.steps, more.steps, strict=True))
    return replace(layer, weights=from_dense(rows), bias=layer.bias + more.bias, steps=steps)


def _joined(one: Step, other: Step) -> Step:
    if not isinstance(one, RequantizeQ31) or not isinstance(other, RequantizeQ31):
        return one
    pairs = {name: (getattr(one, name), getattr(other, name)) for name in ("multiplier", "shift")}
    return msgspec.structs.replace(one, **{name: a + b for name, (a, b) in pairs.items() if isinstance(a, tuple)})


def merge(network: Network, rng: random.Random) -> Network:
    """The inverse of splitting: units that are each other's positive multiples in one."""
    del rng
    for index in hidden(network):
        layer, after = network.layers[index : index + 2]
        groups: dict[Any, list[tuple[int, int]]] = {}
        for unit in range(layer.outputs):
            factor = common_divisor(layer, unit) if layer.steps == RELU else 1
            row = tuple(value // factor for value in layer.weights.to_dense()[unit].tolist())
            groups.setdefault((row, layer.bias[unit] // factor, layer.steps_of(unit)), []).append((unit, factor))
        columns = own(after)
        merged = [sum(columns[:, unit] * factor for unit, factor in group) for group in groups.values()]
        kept = take(layer, [group[0][0] for group in groups.values()])
        rows = np.array([row for row, _, _ in groups], dtype=np.int64)
        kept = replace(kept, weights=from_dense(rows), bias=tuple(bias for _, bias, _ in groups))
        network = put(network, index, kept, with_own(after, np.stack(merged, axis=1)))
    return network


# Units that say nothing.


def with_units(network: Network, index: int, rows: np.ndarray, bias: Sequence[int], columns: np.ndarray) -> Network:
    """More units in hidden layer `index`, with the steps of its first one and these outgoing weights."""
    layer, after = network.layers[index : index + 2]
    more = take(layer, [0] * len(rows))
    more = replace(more, weights=from_dense(np.asarray(rows, dtype=np.int64)), bias=tuple(map(int, bias)))
    return put(network, index, beside(layer, more), with_own(after, np.hstack([own(after), columns])))


def _random_columns(network: Network, index: int, count: int, rng: random.Random) -> np.ndarray:
    outputs = network.layers[index + 1].outputs
    return np.array([[rng.randint(-3, 3) for _ in range(count)] for _ in range(outputs)], dtype=np.int64)


def unread(network: Network, rng: random.Random) -> Network:
    """Random units whose outgoing weights are all 0."""
    index = _hidden_layer(network, rng)
    if index is None:
        return network
    layer = network.layers[index]
    rows = np.array([[rng.randint(-3, 3) for _ in range(layer.weights.shape[1])] for _ in range(2)])
    return with_units(
        network, index, rows, [rng.randint(-5, 5)] * 2, np.zeros((network.layers[index + 1].outputs, 2))
    )


def constant(network: Network, rng: random.Random) -> Network:
    """Units that are one value on the whole box by interval bounds, and biases that make up for it."""
    index = _hidden_layer(network, rng)
    if index is None:
        return network
    layer = network.layers[index]
    first = take(layer, [0])
    row = np.array([[rng.randint(-2, 2) for _ in range(layer.weights.shape[1])]])
    unit = replace(first, weights=from_dense(row), bias=(0,))
    bounds = layer_bounds(unit, *input_bounds(network, index))
    low, high = bounds.low[0], bounds.high[0]
    tried = [-high - rng.randint(1, 9), -low + rng.randint(0, 9), -high - 10_000, -low + 10_000]
    fit = [bias for bias in tried if _value(unit, low + bias) == _value(unit, high + bias)]
    if not fit:
        row, low, fit = 0 * row, 0, [rng.randint(-5, 5)]
    columns = _random_columns(network, index, 1, rng)
    value = _value(unit, low + fit[0])
    network = with_units(network, index, row, fit[:1], columns)
    return _with_less_bias(network, index + 1, (columns[:, 0] * value).tolist())


def _value(unit: Dense, accumulator: int) -> int:
    return apply_steps(unit.steps_of(0), accumulator)


def _with_less_bias(network: Network, index: int, less: Sequence[int]) -> Network:
    layer = network.layers[index]
    bias = tuple(b - c for b, c in zip(layer.bias, less, strict=True))
    return put(network, index, replace(layer, bias=bias))


def correlated(network: Network, rng: random.Random) -> Network:
    """Units that are never active for what their inputs are to each other, which interval bounds do not see.

    With y a sum of several inputs: σ(σ(y - d) - σ(y)) and σ(σ(y) - σ(y - d) - d).
    """
    fit = [
        i for i in range(len(network.layers) - 2) if network.layers[i].steps == RELU == network.layers[i + 1].steps
    ]
    if not fit:
        network, fit = identity_at(identity_at(network, 0, rng, "relu"), 0, rng, "relu"), [0]
    index = rng.choice(fit)
    layer = network.layers[index]
    row, bias, d = [rng.randint(-2, 2) for _ in range(layer.weights.shape[1])], rng.randint(-3, 3), rng.randint(1, 4)
    outputs = network.layers[index + 1].outputs
    network = with_units(network, index, np.array([row, row]), [bias, bias - d], np.zeros((outputs, 2)))
    after = network.layers[index + 1]
    dead = np.zeros((2, after.weights.shape[1]), dtype=np.int64)
    dead[:, after.inputs - 2 : after.inputs] = [[-1, 1], [1, -1]]
    factor = rng.randint(1, 3)
    return with_units(
        network, index + 1, dead * factor, [0, -d * factor], _random_columns(network, index + 1, 2, rng)
    )


def dead(network: Network, rng: random.Random) -> Network:
    """Units that say nothing, of one kind or another."""
    return rng.choice([unread, constant, constant, correlated])(network, rng)


def fold_constants(network: Network, rng: random.Random) -> Network:
    """Constant inputs in biases, and units that bounds show to be constant too."""
    del rng
    layers = [_without_constants(layer) for layer in network.layers]
    network = replace(network, layers=tuple(layers))
    for index in hidden(network):
        layer, after, bounds = network.layers[index], network.layers[index + 1], network_bounds(network)[index]
        fixed = [a == b for a, b in zip(bounds.output_low, bounds.output_high, strict=True)]
        if all(fixed):
            continue
        kept = [unit for unit, same in enumerate(fixed) if not same]
        values = np.array([a if same else 0 for a, same in zip(bounds.output_low, fixed, strict=True)])
        after = with_own(after, own(after)[:, kept], np.array(after.bias) + own(after) @ values)
        network = put(network, index, take(layer, kept), after)
    return network


def _without_constants(layer: Dense) -> Dense:
    weights = layer.weights.to_dense()[:, layer.inputs :]
    bias = np.array(layer.bias) + weights @ np.array(layer.constants, dtype=np.int64)
    return replace(layer, weights=from_dense(own(layer)), constants=(), bias=tuple(bias.tolist()))


def prune_silent(network: Network, rng: random.Random) -> Network:
    """Other weights where the input is 0 on the whole box: of features and of units alike."""
    for index in range(len(network.layers)):
        layer, bounds = network.layers[index], input_bounds(network, index)
        silent = [i for i, ends in enumerate(zip(*bounds, strict=True)) if ends == (0, 0)]
        weights = own(layer)
        weights[:, silent] = [[rng.choice([0, 0, rng.randint(-3, 3)]) for _ in silent] for _ in range(layer.outputs)]
        network = put(network, index, with_own(layer, weights))
    return network


# Another depth.


def identity_at(network: Network, index: int, rng: random.Random, how: str) -> Network:
    """One more layer before layer `index`, or after the last: x = σ(x) - σ(-x), or a clamp that x never leaves."""
    bounds = list(zip(*input_bounds(network, index), strict=True))
    if how == "clamp":
        low, high = min(a for a, _ in bounds), max(b for _, b in bounds)
        added, columns = plain(np.eye(len(bounds)), [Clamp(low - rng.randint(0, 2), high + rng.randint(0, 2))]), None
    else:
        added, columns = _halves(bounds, rng)
    layers = list(network.layers)
    if columns is not None and index < len(layers):
        layers[index] = with_own(layers[index], own(layers[index]) @ columns)
    elif columns is not None:
        layers.append(plain(columns))
    layers.insert(index, added)
    return replace(network, layers=tuple(layers))


def _halves(bounds: Sequence[tuple[int, int]], rng: random.Random) -> tuple[Dense, np.ndarray]:
    """The layer of σ(x) and σ(-x), without what bounds make superfluous, and the columns that put them together."""
    units = [
        (feature, sign)
        for feature, (low, high) in enumerate(bounds)
        for sign in (1, -1)
        if (high > 0 if sign > 0 else low < 0) or rng.random() < 0.2
    ] or [(0, 1)]
    rng.shuffle(units)
    rows = np.zeros((len(units), len(bounds)), dtype=np.int64)
    rows[range(len(units)), [feature for feature, _ in units]] = [sign for _, sign in units]
    return plain(rows, RELU), rows.T.copy()


def identity(network: Network, rng: random.Random) -> Network:
    """One more layer somewhere."""
    return identity_at(network, rng.randint(0, len(network.layers)), rng, rng.choice(["relu", "relu", "clamp"]))


def linear(network: Network, rng: random.Random) -> Network:
    """One more layer without steps: W·x as (W·U^-1)·(U·x), U unimodular."""
    index = rng.randrange(len(network.layers))
    layer = network.layers[index]
    size = layer.inputs
    there, back = np.eye(size, dtype=np.int64), np.eye(size, dtype=np.int64)
    for _ in range(size if size > 1 else 0):
        a, b, factor = *rng.sample(range(size), 2), rng.choice([-1, 1, 2])
        there[a] += factor * there[b]
        back[:, b] -= factor * back[:, a]
    return put(network, index, plain(there), with_own(layer, own(layer) @ back), instead_of=1)
