"""Burkholz 2022a: depth ℓ+1, by subset sums of single random weights that come from copies.

The target's first layer is a pair of matrices, as in Pensia et al., and each of its neurons is made many times
over. From there on a weight is the nearest subset sum of as many single weights as the neuron before it has copies:
no layer in between, no products, no halves. The last layer is not copied. No two copies have the same weights, so
none is quite the neuron, and each has an error of its own.

The paper searches subsets of up to 9 of 15 numbers, and draws them anew where that fails; here all subsets of the
first 24 are searched, and what fails, fails.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

import numpy as np

from certify.network.matrix import Int64Array, Matrix, from_dense
from certify.network.model import Dense, Network
from certify.theory.baselines.approximation import Approximation, dense, distance, goals, layers_of
from certify.theory.baselines.pairs import make_pair
from certify.theory.baselines.pensia2020 import PRODUCTS, nearest_subset
from certify.theory.baselines.reals import BITS, uniform


def approximate(target: Network, units: Sequence[int], seed: str, epsilon: Fraction | None = None) -> Approximation:
    """Return the approximation of depth ℓ+1; as `Method` has it, units[i] being the copies that layer i reads."""
    layers = layers_of(target, BITS)
    copies = [*units[1:], 1]
    signed = min(target.input.low) < 0
    pair, off = make_pair(layers[0], units[0], seed, 0, PRODUCTS, nearest_subset, signed=signed, copies=copies[0])
    found = [dense(pair[0], PRODUCTS.first_bits, relu=True)]
    found += [dense(pair[1], PRODUCTS.second_bits, relu=len(layers) > 1)]
    distances = [off]
    for index in range(1, len(layers)):
        matrix, off = _single(layers[index], units[index], copies[index], seed, index + 1)
        found.append(dense(matrix, BITS, relu=index < len(layers) - 1))
        distances.append(off)
    network = Network(f"approximation of {target.name}", target.input, tuple(found))
    return Approximation(network, network.parameters, np.concatenate(distances), BITS).within(epsilon)


def _single(layer: Dense, read: int, made: int, seed: str, matrix: int) -> tuple[Matrix, Int64Array]:
    """Return the matrix of a layer that reads so many copies and makes so many, and all distances."""
    wanted = np.tile(goals(layer, BITS), (made, 1))
    rows, inputs = wanted.shape
    drawn = uniform(seed, matrix, BITS, np.arange(rows, dtype=np.int64), 0, read * inputs)
    items = drawn.reshape(rows, read, inputs).transpose(0, 2, 1).reshape(rows * inputs, read)
    chosen = nearest_subset(items, wanted.ravel())
    off = distance(items, wanted.ravel(), chosen)
    kept = (items * chosen).reshape(rows, inputs, read).transpose(0, 2, 1).reshape(rows, read * inputs)
    return from_dense(kept), off
