"""Whether a claimed base network is the one that its seed gives."""

from __future__ import annotations

import numpy as np

from certify.base.draw import random_weights
from certify.base.law import MAX_PRECISION_BITS, Precision
from certify.errors import FalseClaimError, InputError
from certify.network.model import Dense, Network


def check_seed(base: Network, seed: str) -> None:
    """Check that matrix i has the seed's weight at every row and column, those of constants too.

    Weights are drawn at their layer's precision bits, δ_in = δ. What a seed does not give is not checked: biases,
    constants and steps.

    Raises:
        FalseClaimError: names the first weight that is another.
        InputError: the seed is no UTF-8, or a layer is finer than weights can be drawn.
    """
    for index, layer in enumerate(base.layers):
        if layer.precision_bits > MAX_PRECISION_BITS:
            problem = f"expected at most {MAX_PRECISION_BITS} with a seed, found {layer.precision_bits}"
            raise InputError(problem, f"layers[{index}].precision_bits")
        _check_matrix(layer, index, seed)


def _check_matrix(layer: Dense, matrix: int, seed: str) -> None:
    """Row by row, so that no more than a row is drawn at a time."""
    precision = Precision(layer.precision_bits, layer.precision_bits)
    columns = np.arange(layer.weights.shape[1], dtype=np.int64)
    for row, found in enumerate(layer.weights.to_dense()):
        drawn = random_weights(seed, matrix, precision, "floor", np.full_like(columns, row), columns)
        if not np.array_equal(drawn, found):
            column = int((drawn != found).argmax())
            problem = f"expected {drawn[column]}, which the seed gives here, found {found[column]}"
            raise FalseClaimError(problem, f"layers[{matrix}].weights[{row}][{column}]")
