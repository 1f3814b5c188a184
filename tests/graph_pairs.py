"""Pairs of graphs that are equal because the one is the other rewritten, and the same with one thing changed.

`PAIRS` has a pair for each rewrite, small enough for its whole grid to be walked. `changed` changes one weight, bias,
rounding, multiplier, padding or order of channels; whether that made a difference is for the grid to say.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Sequence
from dataclasses import replace

import msgspec
import numpy as np

from certify.network.batch import Batch
from certify.network.matrix import from_dense
from certify.network.model import INPUT, Box, Network, Operator
from certify.network.operators import (
    Addition,
    Concatenate,
    Convolution,
    Dense,
    Gather,
    Pad,
    Pooling,
    Product,
    Reshape,
    Slice,
    Softmax,
    Term,
    Transpose,
)
from certify.network.operators.window import Window
from certify.network.rounding import ROUNDINGS
from certify.network.steps import (
    Clamp,
    Offset,
    Relu,
    Requantize,
    RequantizeQ31,
    RoundSignificant,
    Sign,
    Step,
    Threshold,
    Thresholds,
)

Pair = tuple[Network, Network]
SAME = ((1, 1), (1, 1))
RELU = (Relu(),)
SMALL = (Relu(), Requantize(1, "floor"), Clamp(0, 5))


def window(size: int, stride: int = 1, padding: tuple[tuple[int, int], tuple[int, int]] = ((0, 0), (0, 0))) -> Window:
    """A square window."""
    return Window((size, size), (stride, stride), (1, 1), padding)


def conv(
    kernels: object,
    at: Window,
    bias: Sequence[int] | None = None,
    steps: tuple[Step, ...] = (),
    sources: tuple[int, ...] = (),
    groups: int = 1,
    constants: tuple[int, ...] = (),
    bits: int = 1,
) -> Convolution:
    """A convolution of int[outputs][taps · channels] kernels."""
    weights = np.array(kernels, dtype=np.int64)
    biases = tuple(bias) if bias is not None else (0,) * len(weights)
    return Convolution(from_dense(weights), bits, biases, at, groups, constants, steps, "", sources)


def dense(
    rows: object, bias: Sequence[int] | None = None, steps: tuple[Step, ...] = (), sources: tuple[int, ...] = ()
) -> Dense:
    """A dense layer."""
    weights = np.array(rows, dtype=np.int64)
    biases = tuple(bias) if bias is not None else (0,) * len(weights)
    return Dense(from_dense(weights), 1, biases, (), steps, "", sources)


def network(shape: tuple[int, ...], low: int, high: int, *layers: Operator) -> Network:
    """A network on a box that is the same for all inputs."""
    size = math.prod(shape)
    return Network("graph", Box(shape, (low,) * size, (high,) * size, 0), tuple(layers))


def grid(box: Box) -> np.ndarray:
    """All points, int64[points, features]."""
    axes = [np.arange(low, high + 1) for low, high in zip(box.low, box.high, strict=True)]
    return np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, box.features).astype(np.int64)


def outputs(net: Network) -> np.ndarray:
    """The outputs at all points, as integers that stand for one value whatever the precision bits are."""
    return Batch.of(net).run(grid(net.input)) << (8 - net.output_precision_bits())


def are_equal(left: Network, right: Network) -> bool:
    """Whether the networks are equal on the left one's grid."""
    return bool(np.array_equal(outputs(left), outputs(replace(right, input=left.input))))


# Rewrites.

K9 = [[1, -2, 0, 3, 1, -1, 2, 0, 1], [0, 1, 1, -2, 2, 0, 1, -1, 3], [-1, 0, 2, 1, 0, -3, 1, 1, 0]]
HEAD = [[1, -2, 3], [2, 1, -1]]
PER_CHANNEL = (RequantizeQ31((2**30, 2**30 + 5, 2**31 - 1), (0, 1, 0), "double", 1), Clamp(-3, 4))


def first(steps: tuple[Step, ...] = SMALL, padding: tuple[tuple[int, int], tuple[int, int]] = SAME) -> Convolution:
    """Three channels of a plane of one."""
    return conv(K9, window(3, 1, padding), [1, -2, 0], steps)


def body(*layers: Operator) -> Network:
    """On a plane of 2 × 3 points with three values each."""
    return network((2, 3, 1), -1, 1, *layers)


def permuted() -> Pair:
    order = [2, 0, 1]
    steps = (RequantizeQ31((2**31 - 1, 2**30, 2**30 + 5), (0, 0, 1), "double", 1), Clamp(-3, 4))
    other = conv([K9[i] for i in order], window(3, 1, SAME), [0, 1, -2], steps)
    heads = [[row[i] for i in order] for row in HEAD]
    return body(first(PER_CHANNEL), conv(HEAD, window(1))), body(other, conv(heads, window(1)))


def duplicated() -> Pair:
    twice = conv([*K9, K9[1]], window(3, 1, SAME), [1, -2, 0, -2], SMALL)
    heads = [[1, -5, 3, 3], [2, 0, -1, 1]]
    return body(first(), conv(HEAD, window(1), [3, 4])), body(twice, conv(heads, window(1), [3, 4]))


def dead() -> Pair:
    """Channel 1 has no weights and is 2 everywhere, channel 2 is 0 by its bounds."""
    kernels = [K9[0], [0] * 9, K9[2]]
    left = conv(kernels, window(3, 1, SAME), [1, 4, -50], SMALL)
    right = conv(K9[:1], window(3, 1, SAME), [1], SMALL)
    return body(left, conv(HEAD, window(1))), body(right, conv([[1], [2]], window(1), [-4, 2]))


def dead_at_borders() -> Pair:
    kernels = [K9[0], [0] * 9]
    second = [[1, 2, 0, 1, -1, 3, 2, 0], [2, 7, 1, -7, 0, 2, 1, 5]]
    left = conv(kernels, window(3, 1, SAME), [1, -4], SMALL)
    right = conv(K9[:1], window(3, 1, SAME), [1], SMALL)
    at = window(2, 1, ((1, 0), (0, 1)))
    return body(left, conv(second, at, [1, 2])), body(right, conv([row[::2] for row in second], at, [1, 2]))


def explicit_padding() -> Pair:
    pad = Pad(((1, 1), (1, 1), (0, 0)))
    return body(first()), body(pad, first(padding=((0, 0), (0, 0))))


def padded_with_a_zero_point() -> Pair:
    """Inputs have the zero point 1: padded with it first, or taken off first and padded with 0."""
    shifted = Reshape((2, 3, 1), (Offset(-1),))
    pad = Pad(((1, 1), (1, 1), (0, 0)), 1)
    taken_off = [b - sum(row) for row, b in zip(K9, [1, -2, 0], strict=True)]
    return body(shifted, first()), body(pad, conv(K9, window(3), taken_off, SMALL))


def dense_as_convolution() -> Pair:
    rows = [[1, -2, 3, 0, 1, 2], [0, 1, -1, 2, 2, -3]]
    at = Window((2, 3))
    return body(dense(rows, [1, 2], RELU)), body(conv(rows, at, [1, 2], RELU))


def dense_after_flatten() -> Pair:
    rows = [[1, -2, 3, 0, 1, 2], [0, 1, -1, 2, 2, -3]]
    point = conv(rows, window(1), [1, 2], RELU)
    return body(dense(rows, [1, 2], RELU)), body(Reshape((6,)), Reshape((1, 1, 6)), point)


def concatenated() -> Pair:
    upper = conv(K9[:2], window(3, 1, SAME), [1, -2], SMALL, (INPUT,))
    lower = conv(K9[2:], window(3, 1, SAME), [0], SMALL, (INPUT,))
    return body(first(), conv(HEAD, window(1))), body(upper, lower, Concatenate((0, 1), 2), conv(HEAD, window(1)))


def split() -> Pair:
    half = Slice((0, 0, 1), (2, 3, 3), (1, 1, 1))
    alone = conv(K9[1:], window(3, 1, SAME), [-2, 0], SMALL)
    return body(first(), half, conv([[1, 2]], window(1))), body(alone, conv([[1, 2]], window(1)))


def other_layout() -> Pair:
    """A residual sum of [channels, rows, columns], whose operands were transposed by gathering."""
    branch = conv([[1, 2, -1], [0, 1, 1], [2, 0, -2]], window(1), None, SMALL)
    added = Addition((0, 1), (Term(), Term(2)), (Clamp(0, 9),))
    places = [p * 3 + channel for channel in range(3) for p in range(6)]
    left = body(first(), branch, added, conv(HEAD, window(1)))
    right = body(
        first(),
        branch,
        replace(Transpose((2, 0, 1)), sources=(1,)),
        Gather(tuple(places), (3, 2, 3), sources=(0,)),
        Addition((2, 3), (Term(2), Term()), (Clamp(0, 9),)),
        Transpose((1, 2, 0)),
        conv(HEAD, window(1)),
    )
    return left, right


def folded_constant() -> Pair:
    """A sum with a tensor that is the same for all inputs."""
    constant = conv([[0], [0], [0]], window(1), [3, -1, 2], (), (INPUT,))
    unclamped = conv(K9, window(3, 1, SAME), [1, -2, 0], (), (INPUT,))
    added = Addition((0, 1), (Term(), Term()), SMALL)
    folded = conv(K9, window(3, 1, SAME), [4, -3, 2], SMALL)
    return body(unclamped, constant, added), body(folded)


def constant_lines() -> Pair:
    line = [[*row, weight] for row, weight in zip(K9, [1, -2, 2], strict=True)]
    left = conv(line, window(3, 1, SAME), [0, 1, 2], SMALL, constants=(3,))
    return body(left), body(conv(K9, window(3, 1, SAME), [3, -5, 8], SMALL))


def steps_apart() -> Pair:
    rest = Reshape((2, 3, 3), SMALL[1:])
    return body(first(), conv(HEAD, window(1))), body(first(RELU), rest, conv(HEAD, window(1)))


def steps_across_a_flatten() -> Pair:
    rows = [list(range(-9, 9))]
    late = Reshape((18,), SMALL)
    return body(first(), dense(rows)), body(first(()), late, dense(rows))


def other_words(steps: tuple[Step, ...], others: tuple[Step, ...]) -> Callable[[], Pair]:
    return lambda: (body(first(steps), conv(HEAD, window(1))), body(first(others), conv(HEAD, window(1))))


def depthwise() -> Pair:
    """Groups as a kernel of one group with zeros."""
    taps = [[1, 2, -1, 0], [3, 0, 1, 1], [0, -2, 1, 2]]
    full = [[taps[j][t] if c == j else 0 for t in range(4) for c in range(3)] for j in range(3)]
    return body(first(), conv(taps, window(2), [1, 2, 3], RELU, groups=3)), body(
        first(), conv(full, window(2), [1, 2, 3], RELU)
    )


def pooled() -> Pair:
    """An average of four as a sum with a shift, and that sum as a depthwise convolution."""
    average = Pooling("average", window(2), "half_up", RELU)
    ones = conv([[1] * 4] * 3, window(2), None, (), groups=3, bits=2)
    return body(first(), average), body(first(), replace(ones, steps=(Requantize(2, "half_up"), Offset(0), Relu())))


def averaged_at_borders() -> Pair:
    padded = Pooling("average", window(2, 1, ((1, 0), (0, 1))), "half_away")
    return body(first(), padded, conv(HEAD, window(1))), body(
        replace(first(), bias=(1, -2, 0)), padded, Pad(((0, 0), (0, 0), (0, 0))), conv(HEAD, window(1))
    )


def largest_of_windows() -> Pair:
    """A maximum over the plane does not depend on where what stands; twice the same channel is once."""
    turned = Gather(tuple(p * 3 + c for p in reversed(range(6)) for c in range(3)), (2, 3, 3))
    top = Pooling("max", Window((2, 3)))
    return body(first(), top, conv(HEAD, window(1))), body(first(), turned, top, conv(HEAD, window(1)))


def largest_with_padding() -> Pair:
    top = Pooling("max", window(2, 1, ((1, 0), (0, 1))), "", (Offset(2),))
    other = conv(K9, window(3, 1, SAME), [1, -2, 0], (*SMALL, Offset(2)))
    return body(first(), top), body(other, replace(top, steps=()))


def attention() -> Pair:
    """softmax(Q·Kᵀ)·V with everything transposed, and the scores of all keys moved by the same constant."""
    tokens = Reshape((3, 2), sources=(INPUT,))
    turned = Transpose((1, 0), sources=(0,))
    left = body(tokens, turned, Product((0, 1), (Clamp(-3, 3),)), Softmax((8, 4, 2, 1, 0), 16), Product((3, 0)))
    right = body(
        tokens,
        turned,
        Product((0, 1), (Clamp(-3, 3), Offset(5))),
        Softmax((8, 4, 2, 1), 16),
        Transpose((1, 0)),
        Product((1, 4)),
        Transpose((1, 0)),
    )
    return left, right


def residual() -> Pair:
    """Sums with both operands in another order, a channel of the block in another place."""
    branch = conv([[1, 2, -1], [0, 1, 1], [2, 0, -2]], window(1), None, SMALL, (0,))
    moved = conv([[1, -1, 2], [2, -2, 0], [0, 1, 1]], window(1), None, SMALL, (0,))
    other = conv([K9[i] for i in (0, 2, 1)], window(3, 1, SAME), [1, 0, -2], SMALL)
    added = Addition((0, 1), (Term(3, (Clamp(0, 4),)), Term()), (Requantize(1, "half_even"),))
    swapped = Addition((1, 0), (Term(), Term(3, (Clamp(-7, 4),))), (Requantize(1, "half_even"),))
    heads = [[row[i] for i in (0, 2, 1)] for row in HEAD]
    return body(first(), branch, added, conv(HEAD, window(1))), body(other, moved, swapped, conv(heads, window(1)))


def finer() -> Pair:
    """Outputs on a finer scale."""
    twice = [[2 * w for w in row] for row in HEAD]
    return body(first(), conv(HEAD, window(1), [1, 2])), body(first(), conv(twice, window(1), [2, 4], bits=2))


PAIRS: dict[str, Callable[[], Pair]] = {
    "channels in another order": permuted,
    "a channel twice": duplicated,
    "dead channels": dead,
    "a dead channel at borders": dead_at_borders,
    "padding before": explicit_padding,
    "padding with a zero point": padded_with_a_zero_point,
    "dense as a convolution": dense_as_convolution,
    "dense as a 1 × 1 convolution": dense_after_flatten,
    "channels concatenated": concatenated,
    "channels split off": split,
    "another layout": other_layout,
    "a constant folded": folded_constant,
    "constant lines as biases": constant_lines,
    "steps apart": steps_apart,
    "steps across a flatten": steps_across_a_flatten,
    "a clamp is a ReLU": other_words(SMALL, (Clamp(0, 99), Requantize(1, "floor"), Clamp(-1, 5))),
    "thresholds": other_words(SMALL, (Thresholds((2, 4, 6, 8, 10)),)),
    "a shift as a multiplier": other_words(
        (Requantize(1, "half_up", 1), Clamp(0, 5)), (RequantizeQ31(2**30, 0, "single", 1), Clamp(0, 5))
    ),
    "rounding to a float": other_words(SMALL, (RoundSignificant(), *SMALL)),
    "sign as a step": other_words((Sign(),), (Threshold(), Thresholds((1, 1), -1))),
    "depthwise": depthwise,
    "an average of four": pooled,
    "averages at borders": averaged_at_borders,
    "a maximum in any order": largest_of_windows,
    "a maximum with padding": largest_with_padding,
    "attention": attention,
    "a residual block": residual,
    "a finer scale": finer,
}


# Changes.


def changed(rng: random.Random, net: Network) -> Network:
    """The network with one thing changed in one layer; it may be equal all the same."""
    while True:
        index = rng.randrange(len(net.layers))
        layer = net.layers[index]
        ways = [way for way in _WAYS if (found := way(rng, layer)) is not None and found is not layer]
        if ways:
            other = rng.choice(ways)(rng, layer)
            assert other is not None
            return replace(net, layers=(*net.layers[:index], other, *net.layers[index + 1 :]))


def _weight(rng: random.Random, layer: Operator) -> Operator | None:
    if not isinstance(layer, Dense | Convolution):
        return None
    weights = layer.weights.to_dense().copy()
    place = rng.randrange(weights.size)
    weights.flat[place] += rng.choice([-1, 1])
    return replace(layer, weights=from_dense(weights))


def _bias(rng: random.Random, layer: Operator) -> Operator | None:
    if not isinstance(layer, Dense | Convolution):
        return None
    bias = list(layer.bias)
    bias[rng.randrange(len(bias))] += rng.choice([-1, 1])
    return replace(layer, bias=tuple(bias))


def _channels(rng: random.Random, layer: Operator) -> Operator | None:
    """Two channels swapped, and nothing else."""
    if not isinstance(layer, Dense | Convolution) or layer.outputs < 2:
        return None
    order = list(range(layer.outputs))
    a, b = rng.sample(order, 2)
    order[a], order[b] = b, a
    return replace(layer, weights=from_dense(layer.weights.to_dense()[order]))


def _pad(_: random.Random, layer: Operator) -> Operator | None:
    """One row of padding moved from above to below."""
    if not isinstance(layer, Convolution | Pooling) or not layer.window.padded:
        return None
    (above, below), beside = layer.window.padding
    if above < 1:
        return None
    return replace(layer, window=replace(layer.window, padding=((above - 1, below + 1), beside)))


def _step(rng: random.Random, layer: Operator) -> Operator | None:
    if not layer.steps:
        return None
    place = rng.randrange(len(layer.steps))
    step = _other(rng, layer.steps[place])
    return replace(layer, steps=(*layer.steps[:place], step, *layer.steps[place + 1 :]))  # type: ignore[type-var]


def _other(rng: random.Random, step: Step) -> Step:
    match step:
        case Requantize(shift, rounding):
            return Requantize(shift, rng.choice([r for r in ROUNDINGS if r != rounding]), step.zero_point)
        case RequantizeQ31(int(multiplier)):
            return msgspec.structs.replace(step, multiplier=multiplier - 2**26)
        case RequantizeQ31():
            return msgspec.structs.replace(step, zero_point=step.zero_point + 1)
        case Clamp(low, high):
            return Clamp(low, high - 1)
        case Offset(value):
            return Offset(value + 1)
        case Thresholds(at, low) if not step.per_channel:
            return Thresholds((*at[:-1], at[-1] + 1), low)  # type: ignore[arg-type, operator]
        case Relu():
            return Clamp(0, 3)
        case Threshold():
            return Sign()
        case Sign():
            return Threshold()
        case _:
            return Relu()


def _operands(_: random.Random, layer: Operator) -> Operator | None:
    match layer:
        case Addition(terms=terms):
            return replace(layer, terms=(replace(terms[0], weight=terms[0].weight + 1), *terms[1:]))
        case Softmax(table=table):
            return replace(layer, table=(*table[:-2], table[-2] + 1, table[-1]))
        case Pooling(kind="average", rounding=rounding):
            return replace(layer, rounding="floor" if rounding != "floor" else "half_up")
        case Gather(indices=indices):
            return replace(layer, indices=(indices[1], indices[0], *indices[2:]))
    return None


_WAYS: tuple[Callable[[random.Random, Operator], Operator | None], ...] = (
    _weight,
    _bias,
    _channels,
    _pad,
    _step,
    _operands,
)


# Random graphs.


def random_graph(rng: random.Random) -> Network:
    """A few operators on a plane of 2 × 2 or 2 × 3 points with two channels."""
    rows, columns = 2, rng.choice([2, 3])
    layers: list[Operator] = [_random_conv(rng, 1, (INPUT,))]
    shape = (rows, columns, 2)
    layers += [_random_layer(rng, index, shape) for index in range(1, rng.randint(2, 5))]
    size = math.prod(shape)
    rest = (0,) if rng.random() < 0.3 else ()
    last = dense(
        [[rng.randint(-2, 2) for _ in range(size)] for _ in range(2)], [rng.randint(-2, 2), 1], rest and RELU
    )
    return network((rows, columns, 1), -1, 1, *layers, last)


def _random_layer(rng: random.Random, index: int, shape: tuple[int, ...]) -> Operator:
    earlier = rng.randrange(index)
    kind = rng.randrange(6)
    steps = rng.choice([(), RELU, (Offset(1),), (Clamp(-1, 2),), (Thresholds((0, 2, 3)),)])
    if kind == 0:
        terms = (Term(rng.choice([1, 2]), rng.choice([(), (Clamp(-2, 3),)])), Term(rng.choice([1, -1])))
        return Addition((index - 1, earlier), terms, steps)
    if kind == 1:
        at = window(2, 1, rng.choice([((1, 0), (0, 1)), ((0, 1), (1, 0))]))
        pooling = rng.choice(["max", "sum", "average"])
        return Pooling(pooling, at, "half_away" if pooling == "average" else "", steps, "", (earlier,))  # type: ignore[arg-type]
    if kind == 2:
        order = list(range(math.prod(shape)))
        rng.shuffle(order)
        return Gather(tuple(order), shape, steps, "", (earlier,))
    return _random_conv(rng, 2, (earlier,))


def _random_conv(rng: random.Random, inputs: int, sources: tuple[int, ...]) -> Convolution:
    size = rng.choice([1, 3])
    groups = rng.choice([1, inputs])
    kernels = [[rng.choice([0, 0, 1, -1, 2]) for _ in range(size * size * inputs // groups)] for _ in range(2)]
    at = window(size, 1, SAME) if size == 3 else window(1)
    steps = rng.choice([SMALL, RELU, (Requantize(1, "half_even"), Clamp(-2, 3)), (Offset(1), Clamp(0, 3))])
    bits = int(any(isinstance(step, Requantize) for step in steps))
    return conv(kernels, at, [rng.randint(-2, 2), rng.randint(-2, 2)], steps, sources, groups, bits=bits)
