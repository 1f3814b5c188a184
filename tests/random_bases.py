"""Somebody's random networks to prune: any weights, widths, precisions and constants, and the steps of a ticket."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from certify.base.mask import Mask
from certify.network.matrix import Matrix, from_dense
from certify.network.model import Box, Dense, Network
from certify.network.steps import Relu, Step, rescale

Bits = tuple[int, int]


def full(rows: Sequence[Sequence[int]] | NDArray[np.int64]) -> Matrix:
    """A matrix that stores every entry, zeros included."""
    dense = np.array(rows, dtype=np.int64)
    height, width = dense.shape
    start = np.arange(height + 1, dtype=np.int64) * width
    return Matrix((height, width), start, np.tile(np.arange(width, dtype=np.int64), height), dense.reshape(-1))


def layer(
    bits: int,
    rows: Sequence[Sequence[int]],
    *,
    bias: Sequence[int] = (),
    constants: Sequence[int] = (),
    steps: Sequence[Step] = (),
) -> Dense:
    """A target's layer."""
    matrix = from_dense(np.array(rows, dtype=np.int64))
    return Dense(matrix, bits, tuple(bias) or (0,) * len(rows), tuple(constants), tuple(steps))


def network(low: Sequence[int], high: Sequence[int], *layers: Dense, bits: int = 0) -> Network:
    return Network("", Box((len(low),), tuple(low), tuple(high), bits), layers)


def base_of(
    target: Network,
    pairs: Sequence[tuple[Sequence[Sequence[int]], Sequence[Sequence[int]]]],
    bits: Sequence[Bits],
    constants: Sequence[Sequence[int]] = (),
) -> Network:
    """The base network with these matrices; constants are on the target's input scale, one tuple for each pair."""
    layers, input_bits = [], 0
    lines = constants or ((),) * len(pairs)
    for own, (first, second), (k, m), carried in zip(target.layers, pairs, bits, lines, strict=True):
        finer = tuple(constant << input_bits for constant in carried)
        layers.append(Dense(full(first), k, (0,) * len(first), finer, (Relu(),)))
        steps, input_bits = rescale(own.steps, input_bits + k + m - own.precision_bits)
        layers.append(Dense(full(second), m, (0,) * len(second), (), steps))
    return replace(target, name="base", layers=tuple(layers))


def random_base(
    target: Network,
    widths: Sequence[int],
    bits: Sequence[Bits],
    constants: Sequence[Sequence[int]] = (),
    *,
    seed: int = 0,
) -> Network:
    """Weights uniform on S_δ, from numpy's generator, which is nobody's base network law."""
    rng = np.random.default_rng(seed)
    lines = constants or ((),) * len(widths)
    pairs = []
    for own, width, (k, m), carried in zip(target.layers, widths, bits, lines, strict=True):
        first = rng.integers(-(2**k), 2**k, (width, own.inputs + len(carried)), endpoint=True)
        pairs.append((first, rng.integers(-(2**m), 2**m, (own.outputs, width), endpoint=True)))
    return base_of(target, pairs, bits, constants)


def pruned(base: Network, masks: Sequence[Mask]) -> Network:
    """base ⊙ mask, entry by entry."""
    layers = []
    for own, mask in zip(base.layers, masks, strict=True):
        dense = own.weights.to_dense()
        assert mask.shape == dense.shape
        kept = Matrix(mask.shape, mask.start, mask.columns, dense[mask.rows(), mask.columns])
        layers.append(replace(own, weights=kept))
    return replace(base, layers=tuple(layers))
