"""Tickets by hand whose hidden layers have a leaky ReLU, of networks that `naive` can walk.

A unit of weight 1 for every input and the constant line; where an input has both signs, one of weight -1 beside each.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import mutants

from certify.network.model import Dense, Network
from certify.network.steps import LeakyRelu, RequantizeQ31, Step, rescale


def divide(factor: int, shift: int, precision_bits: int) -> RequantizeQ31:
    """The nearest Q31 multiplier to 2^shift / factor."""
    multiplier = (2 ** (32 + shift) + factor) // (2 * factor)
    return RequantizeQ31(multiplier, shift, "single", 0, precision_bits)


def pair(layer: Dense, bits: int, *, signed: bool, precision_bits: int) -> tuple[Dense, Dense, int]:
    """The two layers for one, and by how much finer what they leave is; with a slope of 2^-bits below 0.

    Args:
        layer: the target's, on inputs of its own scale.
        bits: of the slope.
        signed: whether an input has both signs.
        precision_bits: of the target's accumulators.
    """
    columns = layer.inputs + 1
    units = [(column, u) for column in range(columns) for u in ((1, -1) if signed else (1,))]
    hidden = [[u if at == column else None for at in range(columns)] for column, u in units]
    rows = [[*row[: layer.inputs], bias] for row, bias in zip(_rows(layer), layer.bias, strict=True)]
    output = [[u * row[column] for column, u in units] for row in rows]
    steps, left = rescale(layer.steps, 0 if signed else bits)
    first = (divide(2**bits + 1, bits, precision_bits),) if signed else ()
    return (
        mutants.dense(hidden, [LeakyRelu(bits)], constants=[1]),
        mutants.dense(output, [*first, *steps], bits=layer.precision_bits),
        left,
    )


def _rows(layer: Dense) -> list[list[int]]:
    return layer.weights.to_dense().tolist()


def ticket(target: Network, slopes: Sequence[int], signed: Sequence[bool]) -> Network:
    """The ticket, every pair with its own slope; all layers but the last leave integers of the target's own scale."""
    layers: list[Dense] = []
    before = target.input.precision_bits
    for layer, bits, both in zip(target.layers, slopes, signed, strict=True):
        hidden, output, left = pair(layer, bits, signed=both, precision_bits=before + layer.precision_bits)
        layers += [hidden, output]
        before = target.precisions()[len(layers) // 2 - 1]
        assert left == 0 or len(layers) == 2 * len(target.layers)
    return replace(target, layers=tuple(layers))


def with_activation(network: Network, index: int, *steps: Step) -> Network:
    return mutants.with_layer(network, 2 * index, steps=steps)
