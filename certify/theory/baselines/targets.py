"""Targets for the comparison: small ones whose grid can be swept, and one of the reference network's shape.

The reference network of Pensia et al. (784-500-10, trained on MNIST) is a file that this project does not have. In
its place stands a synthetic network of the same shape, called so wherever it appears: a random sign, and as magnitude
the rounding of a Weibull variable of shape 0.6 and scale 1.73, cut at 127 (at precision 2^-7). Its quantiles are
those of the reference's first layer. tests/benchmarks/baselines.py takes the file itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np

from certify.network.matrix import Int64Array, from_dense
from certify.network.model import Box, Dense, Network
from certify.network.steps import Relu


def random_target(widths: Sequence[int], bits: int, seed: int) -> Network:
    """Return a network with weights uniform on S_δ for δ = 2^-bits, and inputs from -4 to 3 at precision 2^-2."""
    rng = np.random.default_rng([seed, *widths])
    most = 1 << bits
    layers = [rng.integers(-most, most + 1, (outputs, inputs)) for inputs, outputs in pairwise(widths)]
    return _network("random " + "-".join(map(str, widths)), layers, bits, (-4, 3), 2)


def synthetic_reference(widths: Sequence[int] = (784, 500, 10), seed: int = 0) -> Network:
    """Return the synthetic network of the reference's look, on inputs from 0 to 255 at precision 2^-8."""
    rng = np.random.default_rng([seed, *widths])
    layers = []
    for inputs, outputs in pairwise(widths):
        magnitude = np.rint(1.73 * rng.weibull(0.6, (outputs, inputs))).clip(0, 127).astype(np.int64)
        layers.append(magnitude * rng.choice(np.array([-1, 1]), magnitude.shape))
    return _network("synthetic " + "-".join(map(str, widths)), layers, 7, (0, 255), 8)


def _network(name: str, layers: Sequence[Int64Array], bits: int, ends: tuple[int, int], input_bits: int) -> Network:
    inputs, last = layers[0].shape[1], len(layers) - 1
    box = Box((inputs,), (ends[0],) * inputs, (ends[1],) * inputs, input_bits)
    dense = (
        Dense(from_dense(weights), bits, (0,) * len(weights), steps=() if index == last else (Relu(),))
        for index, weights in enumerate(layers)
    )
    return Network(name, box, tuple(dense))
