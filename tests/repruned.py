"""Layers as two, by subset sums of random products: tickets by hand, and those of Theorem 1 that are found.

Each weight w·x becomes a sum of u·σ(v·x), over units of a random block that outputs share or over units of its own.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import replace
from functools import cache

import numpy as np
from rewrites import RELU, finer, input_bounds, own, permute, plain, put, with_own

from certify.base.prune import prune
from certify.network.model import Dense, Network
from certify.ticket import find_ticket


def _factors(layer: Dense) -> tuple[tuple[int, int], tuple[int, int]]:
    """The precision bits of v and of u, which add up to the layer's, and the largest of either."""
    bits = layer.precision_bits
    most = max(bits, 2, (int(np.abs(layer.weights.values).max(initial=1)) - 1).bit_length())
    return ((bits + 1) // 2, bits // 2), (1 << (most + 1) // 2, 1 << most // 2)


def reprune_layer(
    network: Network, index: int, rng: random.Random, count: int, units: int = 9
) -> list[tuple[Dense, Dense]]:
    """`count` pairs of layers that equal one: subsets, with the right sums, of the same random products u·v.

    Every input has a block of units σ(v·x) for each of its halves, every output a random u for each of them.
    """
    layer, bounds = network.layers[index], input_bounds(network, index)
    (v_bits, u_bits), (v_most, u_most) = _factors(layer)
    halves = [
        (i, s)
        for i, ends in enumerate(zip(*bounds, strict=True))
        for s in (1, -1)
        if max(s * ends[0], s * ends[1]) > 0
    ]
    v = [[1] + [rng.randint(1, v_most) for _ in range(units - 1)] for _ in halves]
    rows = np.zeros((units * len(halves) or 1, layer.inputs), dtype=np.int64)
    seconds = [np.zeros((layer.outputs, len(rows)), dtype=np.int64) for _ in range(count)]
    weights = own(layer)
    for half, (i, sign) in enumerate(halves):
        block = slice(units * half, units * (half + 1))
        rows[block, i] = [sign * size for size in v[half]]
        for j in range(layer.outputs):
            for second, chosen in zip(
                seconds, _subsets(v[half], sign * int(weights[j, i]), u_most, rng, count), strict=True
            ):
                second[j, block] = chosen
    first = plain(rows, RELU, bits=v_bits)
    return [(first, with_own(replace(layer, precision_bits=u_bits), second)) for second in seconds]


_SUBSETS: dict[int, np.ndarray] = {}


def _subsets(v: Sequence[int], target: int, most: int, rng: random.Random, count: int) -> list[np.ndarray]:
    """`count` weights [units], each the same random u with some of them removed, so that Σ u·v is the target."""
    if len(v) not in _SUBSETS:
        _SUBSETS[len(v)] = (np.arange(1 << len(v))[:, np.newaxis] >> np.arange(len(v))) & 1
    for _ in range(10_000):
        u = np.array([rng.randint(-most, most) for _ in v])
        found = np.flatnonzero(_SUBSETS[len(v)] @ (u * np.array(v)) == target)
        if len(found) >= count:
            return [_SUBSETS[len(v)][number] * u for number in rng.sample(found.tolist(), count)]
    raise AssertionError(f"no subset sum is {target}")


def reprune_all(network: Network, rng: random.Random, count: int) -> list[Network]:
    """`count` networks of twice the depth, equal to this one and pruned from the same random layers."""
    pairs = [reprune_layer(network, index, rng, count) for index in range(len(network.layers))]
    return [replace(network, layers=tuple(half for pair in pairs for half in pair[n])) for n in range(count)]


def reprune(network: Network, rng: random.Random) -> Network:
    """One layer as two, by subset sums, with a bit or two more to choose from."""
    index = rng.randrange(len(network.layers))
    network = finer(network, index, rng.randint(0, 2))
    return put(network, index, *reprune_layer(network, index, rng, 1)[0], instead_of=1)


def reprune_whole(network: Network, rng: random.Random) -> Network:
    """Every layer as two."""
    return reprune_all(network, rng, 1)[0]


def three_units(network: Network, rng: random.Random) -> Network:
    """Every weight as three units u·σ(v·x) of its own, in a random order: both halves of x where it has two.

    Layers with signed inputs get twice the precision bits first, so that one u·v can be any weight.
    """
    for index in range(len(network.layers)):
        if min(input_bounds(network, index)[0]) < 0:
            network = finer(network, index, network.layers[index].precision_bits)
    pairs = [_three_units(layer, input_bounds(network, i)[0], rng) for i, layer in enumerate(network.layers)]
    return replace(network, layers=tuple(half for pair in pairs for half in pair))


def _three_units(layer: Dense, low: Sequence[int], rng: random.Random) -> tuple[Dense, Dense]:
    (v_bits, u_bits), most = _factors(layer)
    units: list[tuple[int, int, int, int]] = []
    for (j, i), w in np.ndenumerate(own(layer)):
        signs = rng.choice([(1, 1, -1), (1, -1, -1)]) if low[i] < 0 else (1, 1, 1)
        units += [(j, i, *factors) for factors in _three(int(w), signs, most, rng)]
    rng.shuffle(units)
    j, i, v, u = map(list, zip(*units, strict=True))
    number = list(range(len(units)))
    first, second = np.zeros((len(units), layer.inputs), np.int64), np.zeros((layer.outputs, len(units)), np.int64)
    first[number, i], second[j, number] = v, u
    return plain(first, RELU, bits=v_bits), with_own(replace(layer, precision_bits=u_bits), second)


def _three(w: int, signs: Sequence[int], most: tuple[int, int], rng: random.Random) -> list[tuple[int, int]]:
    """Three (v, u): the sum of u·|v| is w over those with v > 0, and -w over those with v < 0."""
    sides = {sign: signs.count(sign) for sign in sorted(set(signs))}
    return [(sign * v, u) for sign, count in sides.items() for v, u in _products(sign * w, count, *most, rng)]


@cache
def _pairs_of(product: int, v_most: int, u_most: int) -> tuple[tuple[int, int], ...]:
    every = ((v, product // v) for v in range(1, v_most + 1) if product % v == 0)
    return tuple((v, u) for v, u in every if abs(u) <= u_most)


def _products(w: int, count: int, v_most: int, u_most: int, rng: random.Random) -> list[tuple[int, int]]:
    """So many (v, u) whose products add up to w."""
    for _ in range(10_000):
        free = [(rng.randint(1, v_most), rng.randint(-u_most, u_most)) for _ in range(count - 1)]
        last = _pairs_of(w - sum(v * u for v, u in free), v_most, u_most)
        if last:
            return [*free, rng.choice(last)]
    raise AssertionError(f"{w} is no sum of {count} products")


def ticket(network: Network, rng: random.Random) -> Network:
    """A ticket of Theorem 1 with all hidden units in another order, those of the network itself among them."""
    found = find_ticket(network, f"shuffled {rng.random()}")
    return permute(replace(prune(network, found.base, found.masks), name=""), rng)
