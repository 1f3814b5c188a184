"""Graphs of the size of deployed ones, with random weights, and the same with channels moved, added and removed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import msgspec
import numpy as np
from graph_pairs import SAME, network, window

from certify.network.matrix import from_dense
from certify.network.model import INPUT, Network, Operator
from certify.network.operators import Addition, Convolution, Dense, Linear, Pooling, Term
from certify.network.operators.window import Window
from certify.network.steps import Clamp, Offset, RequantizeQ31


def resnet8(seed: int, size: int = 32, width: int = 16) -> Network:
    """A network of the shape of MLPerf Tiny's image classification, with random weights, per-channel multipliers."""
    rng = np.random.default_rng(seed)
    layers: list[Operator] = [_int8(rng, 3, width, window(3, 1, SAME), (INPUT,))]
    last, channels = 0, width
    for outputs, stride in ((width, 1), (2 * width, 2), (4 * width, 2)):
        layers.append(_int8(rng, channels, outputs, window(3, stride, SAME), (last,)))
        layers.append(_int8(rng, outputs, outputs, window(3, 1, SAME), (len(layers) - 1,), low=-128))
        branch = len(layers) - 1
        if stride > 1:
            layers.append(_int8(rng, channels, outputs, window(1, 2), (last,), low=-128))
            last = branch + 1
        shortcut = RequantizeQ31(2**30, 1, "double", -128), Clamp(-128, 127), Offset(128)
        layers.append(Addition((branch, last), (Term(3), Term(2)), shortcut))
        last, channels = len(layers) - 1, outputs
    layers.append(Pooling("average", window(size // 4), "half_away"))
    rows = rng.integers(-127, 128, (10, channels))
    layers.append(Dense(from_dense(rows), 7, (5,) * 10, (), (RequantizeQ31(2**30, 5, "single"), Clamp(-128, 127))))
    return network((size, size, 3), -128, 127, *layers)


def _int8(
    rng: np.random.Generator, inputs: int, outputs: int, at: Window, sources: tuple[int, ...], low: int = 0
) -> Convolution:
    kernels = rng.integers(-127, 128, (outputs, at.taps * inputs)) * (rng.random((outputs, at.taps * inputs)) < 0.8)
    multipliers = tuple(rng.integers(2**30, 2**31 - 1, outputs).tolist())
    steps = RequantizeQ31(multipliers, 9, "single"), Clamp(low, 127)
    bias = tuple(rng.integers(-1000, 1000, outputs).tolist())
    return Convolution(from_dense(kernels), 7, bias, at, 1, (), steps, "", sources)


def with_channels(net: Network, index: int, order: Sequence[int | None]) -> Network:
    """The network with the channels of a convolution in another order, read by the next layer alone.

    None in the order stands for a channel of no weights that is 0 everywhere.
    """
    layer, reader = net.layers[index], net.layers[index + 1]
    assert isinstance(layer, Convolution)
    assert isinstance(reader, Convolution)
    places = [0 if place is None else place for place in order]
    alive = np.array([place is not None for place in order])
    kernels = layer.weights.to_dense()[places] * alive[:, None]
    bias = tuple(layer.bias[place] * int(kept) for place, kept in zip(places, alive, strict=True))
    steps = tuple(
        msgspec.structs.replace(step, multiplier=tuple(step.multiplier[place] for place in places))
        if isinstance(step, RequantizeQ31) and isinstance(step.multiplier, tuple)
        else step
        for step in layer.steps
    )
    read = reader.weights.to_dense().reshape(reader.outputs, reader.taps, -1)[:, :, places]
    # What multiplies a channel that is 0 everywhere does not matter.
    read = np.where(alive, read, 77).reshape(reader.outputs, -1)
    own = replace(layer, weights=from_dense(kernels), bias=bias, steps=steps)
    other = replace(reader, weights=from_dense(read))
    return replace(net, layers=(*net.layers[:index], own, other, *net.layers[index + 2 :]))


def linear_layers(net: Network) -> int:
    """How many layers have weights."""
    return sum(isinstance(layer, Linear) for layer in net.layers)
