"""Copies: how Theorem 2's network has every neuron of a hidden layer several times, and who reads which copy.

Theorem 2 of Kumar and Natale (arXiv:2508.11020), Lemma 8, after R. Burkholz, "Most activation functions can win the
lottery without excessive depth" (2022). The target's first layer is a pair of matrices as in Theorem 1 whose second
has a row for every copy of a neuron. From then on a weight is the sum of single random weights with which a neuron
of the next layer, or a copy of it, reads some copies of one neuron. The last layer is not copied.

Copies of a whole layer follow each other: with d neurons, row r of its matrix is copy r div d of neuron r mod d. A
layer's constant lines are there once for every copy that it reads. Column c·(d + L) + i of its matrix is copy c of
source i: the d neurons, then the L lines. So more copies are more rows and more columns, and no weight moves. A
`Dense` layer has its constants after all units; `as_dense` moves the columns there.
"""

from __future__ import annotations

import numpy as np

from certify.base.law import BaseNetwork
from certify.errors import InputError
from certify.network.matrix import Matrix
from certify.network.model import Network


def of_layers(target: Network, base: BaseNetwork) -> tuple[int, ...]:
    """Return how often each layer with weights finds what it reads, and last how often the outputs are there: once.

    Raises:
        InputError: some neurons of a layer would have more copies than others, or none.
    """
    if base.construction != "theorem-2":
        return (1,) * (len(base.widths) + 1)
    found = [1]
    for index, (layer, width) in enumerate(zip(target.linear[:-1], base.widths[1:], strict=True)):
        if width < layer.outputs or width % layer.outputs:
            problem = f"expected a multiple of {layer.outputs}, the neurons that it has copies of, found {width}"
            raise InputError(problem, f"widths[{index + 1}]")
        found.append(width // layer.outputs)
    return (*found, 1)


def as_dense(matrix: Matrix, neurons: int, lines: int) -> Matrix:
    """Return a matrix whose columns are copies of sources with those of all neurons before those of all lines."""
    rows, columns = matrix.shape
    copy, source = np.divmod(matrix.columns, neurons + lines)
    units = columns // (neurons + lines) * neurons
    moved = np.where(source < neurons, copy * neurons + source, units + copy * lines + source - neurons)
    order = np.lexsort((moved, matrix.row_of_entry()))
    return Matrix((rows, columns), matrix.start, moved[order], matrix.values[order])
