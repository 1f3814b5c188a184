"""Pairs of matrices for a layer: blocks of hidden units, as in Malach et al., Orseau et al. and Pensia et al.

Every input has its own block (the first matrix is pruned to one weight a row), and a unit gives any output v·u; all
outputs share the block's u and have v of their own. This is the network of Theorem 1, with another choice of units.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from certify.network.matrix import Int64Array, Matrix, from_dense
from certify.network.model import Dense, Network
from certify.theory.baselines.approximation import Approximation, Select, dense, distance, goals, layers_of
from certify.theory.baselines.reals import Draw


@dataclass(frozen=True)
class Law:
    """How the two factors of an item are drawn, and at how many bits.

    Attributes:
        first, second: of u and of v.
        first_bits, second_bits: of each; their products have the sum.
        fixed: u is ±1 and not drawn: where inputs are never negative, none has to be -1.
    """

    first: Draw
    second: Draw
    first_bits: int
    second_bits: int
    fixed: bool = False

    @property
    def bits(self) -> int:
        """Of the items."""
        return self.first_bits + self.second_bits


def approximate(
    target: Network, units: Sequence[int], seed: str, epsilon: Fraction | None, law: Law, select: Select
) -> Approximation:
    """Return the approximation of depth 2ℓ: a pair for every layer; as `Method` has it."""
    layers = layers_of(target, law.bits)
    found: list[Dense] = []
    distances: list[Int64Array] = []
    parameters = 0
    for index, (layer, count) in enumerate(zip(layers, units, strict=True)):
        signed = index == 0 and min(target.input.low) < 0
        pair, off = make_pair(layer, count, seed, 2 * index, law, select, signed=signed)
        found += [dense(pair[0], law.first_bits, relu=True)]
        found += [dense(pair[1], law.second_bits, relu=index < len(layers) - 1)]
        distances.append(off)
        parameters += sum(matrix.shape[0] * matrix.shape[1] for matrix in pair)
    network = Network(f"approximation of {target.name}", target.input, tuple(found))
    return Approximation(network, parameters, np.concatenate(distances), law.bits).within(epsilon)


def make_pair(
    layer: Dense, count: int, seed: str, matrix: int, law: Law, select: Select, *, signed: bool, copies: int = 1
) -> tuple[tuple[Matrix, Matrix], Int64Array]:
    """Return a layer's two matrices, every row of the second so many times, and all distances.

    Args:
        layer: of the target.
        count: units in a block.
        seed: of the base network.
        matrix: the first one's number in it.
        law: of the items.
        select: which of them are taken.
        signed: whether inputs may be negative, so that weights have two halves.
        copies: how often each output is made, with weights of its own each time.
    """
    wanted = np.tile(goals(layer, law.bits), (copies, 1))
    rows, inputs = wanted.shape
    second = np.zeros((rows, inputs * count), dtype=np.int64)
    first = np.zeros((inputs * count, inputs), dtype=np.int64)
    distances = []
    for column in range(inputs):
        block = np.arange(column * count, (column + 1) * count, dtype=np.int64)
        u = law.first(seed, matrix, law.first_bits, block, column, 1)[:, 0]
        u = np.abs(u) if law.fixed and not signed else u
        v = law.second(seed, matrix + 1, law.second_bits, np.arange(rows, dtype=np.int64), column * count, count)
        taken = np.zeros(v.shape, dtype=np.bool_)
        for half in _halves(u, signed=signed):
            items = v * half
            chosen = select(items, wanted[:, column])
            distances.append(distance(items, wanted[:, column], chosen))
            taken |= chosen
        second[:, block] = v * taken
        first[block, column] = u * taken.any(axis=0)
    return (from_dense(first), from_dense(second)), np.concatenate(distances)


def _halves(u: Int64Array, *, signed: bool) -> Iterator[Int64Array]:
    """Yield u of the units that serve x ≥ 0, and of those that serve x < 0, 0 for the others."""
    yield np.where(u > 0, u, 0)
    if signed:
        yield np.where(u < 0, u, 0)
