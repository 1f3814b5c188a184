"""Random pairs of networks by kind: equal by a rewrite or an identity, and with one thing changed.

`equal(kind, rng, size)` gives a pair that is equal; `changed` changes one weight, bias, rounding, bound or step of
one of them, and whether that made a difference is for the grid to say. All of it follows from the seed.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import identities
import msgspec
import numpy as np
import repruned
import rewrites
import rewritten_steps
from mutants import dense
from rewrites import Rewrite

from certify.network.compare import same_values
from certify.network.evaluate import evaluate
from certify.network.matrix import from_dense
from certify.network.model import Box, Dense, Network
from certify.network.rounding import ROUNDINGS, RULES
from certify.network.steps import Clamp, Offset, Relu, Requantize, RequantizeQ31, Sign, Step, Threshold

Pair = tuple[Network, Network]


@dataclass(frozen=True)
class Size:
    """How large a random network is: its widths, inputs and outputs included, and how many values an input has."""

    widths: tuple[int, ...]
    values: int = 5


def small(rng: random.Random) -> Size:
    """At most some hundred points, two or three layers of up to four units."""
    inputs = rng.choice([2, 2, 3])
    inner = [rng.randint(2, 4) for _ in range(rng.choice([1, 1, 2]))]
    return Size((inputs, *inner, rng.choice([1, 2])), {2: rng.randint(5, 9), 3: rng.randint(3, 5)}[inputs])


# Networks.


def random_steps(rng: random.Random, outputs: int, magnitude: int) -> tuple[Step, ...]:
    """The steps of a hidden layer whose accumulators are about so large."""
    shift = rng.randint(1, 2)
    rounded = Requantize(shift, rng.choice(ROUNDINGS), rng.choice([0, 0, 1, -2]))
    bound = max(2, magnitude // 3)
    alike = rng.random() < 0.5
    multiplier = rng.randint(2**30, 2**31 - 1)
    listed = tuple(rng.randint(2**30, 2**31 - 1) for _ in range(outputs))
    multiplied = RequantizeQ31(multiplier if alike else listed, rng.choice([0, 1, 2]), rng.choice(RULES))
    choices: list[tuple[Step, ...]] = [
        (Relu(),),
        (Relu(),),
        (Relu(),),
        (Relu(), Requantize(shift, rng.choice(ROUNDINGS))),
        (rounded, Clamp(-bound, bound)),
        (Clamp(rng.randint(-bound, 0), rng.randint(1, bound)),),
        (Offset(rng.randint(-3, 3)), Relu(), Requantize(shift, "half_up")),
        (Threshold(),),
        (Sign(),),
        (multiplied, Relu()),
    ]
    return rng.choice(choices)


def random_network(
    rng: random.Random, size: Size, steps: Sequence[Step] | None = None, bits: int = 2, *, constants: bool = True
) -> Network:
    """A network with biases, now and then with a constant input, and these steps after every hidden layer, or any."""
    low, high = zip(*[_ends(rng, size.values) for _ in range(size.widths[0])], strict=True)
    layers, magnitude = [], size.values * 2**bits
    for number, (inputs, outputs) in enumerate(zip(size.widths, size.widths[1:], strict=False)):
        last = number == len(size.widths) - 2
        chosen = tuple(steps) if steps is not None else random_steps(rng, outputs, magnitude)
        chosen = () if last and steps is not None else _last_steps(rng) if last else chosen
        fixed = [rng.choice([-2, 1, 3])] if rng.random() < 0.15 and constants else []
        layers.append(_random_layer(rng, inputs, outputs, bits, chosen, fixed))
    return Network("", Box((len(low),), low, high, rng.choice([0, 0, 2])), tuple(layers))


def _ends(rng: random.Random, values: int) -> tuple[int, int]:
    low = rng.choice([0, 0, -(values // 2), -(values // 2), 1 - values, -1, 1])
    return low, low + values - 1


def _last_steps(rng: random.Random) -> tuple[Step, ...]:
    return rng.choice([(), (), (), (Relu(),), (Requantize(1, rng.choice(ROUNDINGS)),), (Clamp(-9, 20), Offset(3))])


def _random_layer(
    rng: random.Random, inputs: int, outputs: int, bits: int, steps: tuple[Step, ...], constants: Sequence[int]
) -> Dense:
    limit = 1 << bits
    rows = [[_weight(rng, limit) for _ in range(inputs + len(constants))] for _ in range(outputs)]
    bias = [rng.choice([0, rng.randint(-2 * limit, 2 * limit)]) for _ in rows]
    rows = [row if any(row) else [1] * len(row) for row in rows]
    return dense(rows, steps, bits=bits, bias=bias, constants=constants)


def _weight(rng: random.Random, limit: int) -> int:
    return 0 if rng.random() < 0.2 else rng.randint(-limit, limit)


# Equal pairs.


def _rewritten(*rewrites_: Rewrite, steps: Sequence[Step] | None = None) -> Callable[[random.Random, Size], Pair]:
    def build(rng: random.Random, size: Size) -> Pair:
        network = random_network(rng, size, steps)
        other = network
        for rewrite in rewrites_:
            other = rewrite(other, rng)
        return network, other

    return build


def _merged(rng: random.Random, size: Size) -> Pair:
    network = rewrites.split(rewrites.duplicate(random_network(rng, size), rng), rng)
    return network, rewrites.merge(network, rng)


def _two_tickets(rng: random.Random, size: Size) -> Pair:
    one, other = repruned.reprune_all(random_network(rng, size), rng, 2)
    return one, rewrites.permute(other, rng)


def _silent(rng: random.Random, size: Size) -> Pair:
    network = rewrites.dead(random_network(rng, size), rng)
    box = network.input
    off = rng.randrange(box.features)
    low, high = [tuple(0 if i == off else x for i, x in enumerate(ends)) for ends in (box.low, box.high)]
    network = replace(network, input=replace(box, low=low, high=high))
    return network, rewrites.prune_silent(network, rng)


def _folded(rng: random.Random, size: Size) -> Pair:
    network = rewrites.constant(rewrites.constant(random_network(rng, size), rng), rng)
    return network, rewrites.fold_constants(network, rng)


def _composed(rng: random.Random, size: Size) -> Pair:
    network = random_network(rng, size)
    return network, rewritten(network, rng)


def rewritten(network: Network, rng: random.Random, among: Sequence[Rewrite] = ()) -> Network:
    """The network after two to four rewrites."""
    for rewrite in rng.choices(among or COMPOSED, k=rng.randint(2, 4)):
        network = rewrite(network, rng)
    return network


def _steps(rng: random.Random, size: Size) -> Pair:
    network = random_network(rng, size)
    words = [rewritten_steps.steps, rewritten_steps.without_steps, rewritten_steps.sign_as_step]
    other = network
    for _ in range(3):
        other = rng.choice(words)(other, rng)
    return network, other


COMPOSED: tuple[Rewrite, ...] = (
    rewrites.permute,
    rewrites.scale,
    rewrites.rescaled,
    rewrites.split,
    rewrites.merge,
    rewrites.duplicate,
    rewrites.dead,
    rewrites.fold_constants,
    rewrites.identity,
    rewrites.linear,
    repruned.reprune,
    rewritten_steps.steps,
)
_PERMUTED: dict[str, tuple[Rewrite, ...]] = {
    "permute": (rewrites.permute,),
    "scale": (rewrites.scale, rewrites.permute),
    "precision": (rewrites.rescaled, rewrites.permute),
    "split": (rewrites.split, rewrites.permute),
    "duplicate": (rewrites.duplicate, rewrites.permute),
    "dead": (rewrites.dead, rewrites.permute),
    "correlated": (rewrites.correlated, rewrites.permute),
    "identity layer": (rewrites.identity, rewrites.permute),
    "linear layer": (rewrites.linear, rewrites.permute),
    "re-pruned": (repruned.reprune, rewrites.permute),
    "re-pruned whole": (repruned.reprune_whole, rewrites.permute),
    "three units": (repruned.three_units, rewrites.permute),
    "theorem 1": (repruned.ticket, rewrites.permute),
}
EQUAL: dict[str, Callable[[random.Random, Size], Pair]] = {
    **{kind: _rewritten(*chosen) for kind, chosen in _PERMUTED.items()},
    "merge": _merged,
    "constants folded": _folded,
    "silent inputs": _silent,
    "two tickets": _two_tickets,
    "steps": _steps,
    "composed": _composed,
}
UNITS = ("permute", "scale", "precision", "split", "merge", "duplicate", "dead", "correlated", "constants folded")
"""Kinds of which nothing may be left undecided."""
PRUNED = ("re-pruned", "re-pruned whole", "three units", "two tickets", "silent inputs")
"""Kinds of which one in twenty may."""
IDENTITIES = tuple(f"{domain}: {name}" for domain, name in identities.NAMES)
KINDS = (*EQUAL, *IDENTITIES)


def equal(kind: str, rng: random.Random, size: Size) -> Pair:
    """A pair of equal networks; of an identity only the inputs and values of the size count."""
    if kind in EQUAL:
        return EQUAL[kind](rng, size)
    domain, name = kind.split(": ")
    fits = identities.FORMULAS[domain][1][name][0] <= size.widths[0]
    return identities.pair(domain, name, rng, inputs=size.widths[0], width=size.values if fits else 4)


# The pairs that are timed.


def threefold(widths: tuple[int, ...], rng: random.Random) -> Pair:
    """A ReLU network with 33 values an input, and the same with every weight as three units of its own, shuffled."""
    network = random_network(rng, Size(widths, 33), [Relu()], bits=4, constants=False)
    return network, rewrites.permute(repruned.three_units(network, rng), rng)


def binary(rng: random.Random) -> Pair:
    """A 10-35-2 and a 10-15-15-2 network of steps, weights -1, 0 and 1, on ten bits: 1,024 points.

    The deeper one has five thresholds of each of three signed sums, then steps of their alternating sums, which are
    these sums themselves. The other one adds up the thresholds at once, as often as they count, and has units that
    never fire.
    """
    sums = np.array([[rng.choice([-1, 1]) for _ in range(10)] for _ in range(3)])
    first = np.repeat(sums, 5, axis=0)
    bias = [
        -level
        for row in sums
        for level in sorted(rng.sample(range(-int((row < 0).sum()) + 1, int((row > 0).sum())), 5))
    ]
    windows = np.zeros((15, 15), dtype=np.int64)
    for unit in range(15):
        chosen = sorted(rng.sample(range(5), rng.choice([2, 4])))
        windows[unit, [5 * (unit // 5) + level for level in chosen]] = [1, -1, 1, -1][: len(chosen)]
    while True:
        last = np.array([[rng.choice([-1, 0, 1]) for _ in range(15)] for _ in range(2)])
        counted = last @ windows
        copies = np.abs(counted).max(axis=0)
        if copies.sum() <= 35:
            break
    step, box = [Threshold()], Box((10,), (0,) * 10, (1,) * 10, 0)
    deep = [rewrites.plain(first, step, bias), rewrites.plain(windows, step, [-1] * 15), rewrites.plain(last)]
    units = np.repeat(np.arange(15), copies)
    nth = np.concatenate([np.arange(count) for count in copies])
    idle = 35 - len(units)
    rows = np.vstack([first[units], sums[[0] * idle]])
    columns = np.hstack([np.sign(counted[:, units]) * (nth < np.abs(counted[:, units])), np.ones((2, idle))])
    wide = [rewrites.plain(rows, step, [*(bias[unit] for unit in units), *[-11] * idle]), rewrites.plain(columns)]
    networks = [rewrites.permute(Network("", box, tuple(layers)), rng) for layers in (wide, deep)]
    return networks[0], networks[1]


# One small change.


def changed(network: Network, rng: random.Random) -> Network:
    """The network with one small thing changed."""
    index = rng.randrange(len(network.layers))
    layer = network.layers[index]
    choices = [_weight_changed, _weight_changed, _bias_changed]
    if layer.steps:
        choices += [_step_changed, _step_changed]
    other = rng.choice(choices)(layer, rng)
    return rewrites.put(network, index, other)


def _weight_changed(layer: Dense, rng: random.Random) -> Dense:
    weights = layer.weights.to_dense()
    places = np.argwhere(weights != 0).tolist() if rng.random() < 0.8 else []
    row, column = rng.choice(places or np.argwhere(weights == weights).tolist())
    weights[row, column] += rng.choice([-1, 1])
    return replace(layer, weights=from_dense(weights))


def _bias_changed(layer: Dense, rng: random.Random) -> Dense:
    bias = list(layer.bias)
    bias[rng.randrange(len(bias))] += rng.choice([-1, 1])
    return replace(layer, bias=tuple(bias))


def _step_changed(layer: Dense, rng: random.Random) -> Dense:
    at = rng.randrange(len(layer.steps))
    other = _other_step(layer.steps[at], rng)
    return replace(layer, steps=(*layer.steps[:at], *other, *layer.steps[at + 1 :]))


def _other_step(step: Step, rng: random.Random) -> list[Step]:
    match step:
        case Requantize(shift, rounding, zero_point):
            rounding = rng.choice([other for other in ROUNDINGS if other != rounding])
            return [Requantize(shift, rounding, zero_point)]
        case RequantizeQ31():
            return [msgspec.structs.replace(step, zero_point=step.zero_point + 1)]
        case Clamp(low, high):
            return [rng.choice([Clamp(low - 1, high), Clamp(low, high + 1)])]
        case Offset(value):
            return [Offset(value + rng.choice([-1, 1]))]
        case Sign():
            return [Threshold()]
        case Threshold():
            return [Sign()]
        case _:
            return []


def changed_weight(left: Network, right: Network, rng: random.Random) -> Network:
    """The right network with one weight changed so that it differs from the left one at some random point."""
    box = left.input
    points = [tuple(map(rng.randint, box.low, box.high)) for _ in range(20)]
    expected = [evaluate(left, point) for point in points]
    for _ in range(200):
        index = rng.randrange(len(right.layers))
        other = rewrites.put(right, index, _weight_changed(right.layers[index], rng))
        for point, values in zip(points, expected, strict=True):
            if not same_values(left, other, values, evaluate(other, point)):
                return other
    raise AssertionError("no weight makes a difference")
