"""Whether a claimed base network is the one that its seed gives."""

from __future__ import annotations

import numpy as np

from certify.base.draw import random_weights
from certify.base.law import MAX_PRECISION_BITS, Precision
from certify.errors import FalseClaimError, InputError
from certify.network.model import Linear, Network


def check_seed(base: Network, seed: str) -> None:
    """Check that matrix i, that of linear layer i, has the seed's weight at every row and column, of constants too.

    Weights are drawn at their layer's precision bits, δ_in = δ. A kernel of several taps is the matrix that has a row
    for each output channel and tap, and each group draws for itself. What a seed does not give is not checked:
    biases, constants and steps.

    Raises:
        FalseClaimError: names the first weight that is another.
        InputError: the seed is no UTF-8, or a layer is finer than weights can be drawn.
    """
    linear = ((index, layer) for index, layer in enumerate(base.layers) if isinstance(layer, Linear))
    for matrix, (index, layer) in enumerate(linear):
        if layer.precision_bits > MAX_PRECISION_BITS:
            problem = f"expected at most {MAX_PRECISION_BITS} with a seed, found {layer.precision_bits}"
            raise InputError(problem, f"layers[{index}].precision_bits")
        if layer.taps > 1 and layer.constants:
            problem = "expected none beside a kernel of several taps, as no seed gives their weights, found some"
            raise InputError(problem, f"layers[{index}].constants")
        _check_matrix(layer, matrix, seed, f"layers[{index}].weights")


def _check_matrix(layer: Linear, matrix: int, seed: str, place: str) -> None:
    """Row by row, so that no more than a row is drawn at a time."""
    precision = Precision(layer.precision_bits, layer.precision_bits)
    found = layer.weights.to_dense().reshape(layer.outputs * layer.taps, -1)
    columns = np.arange(found.shape[1], dtype=np.int64)
    group_rows = len(found) // layer.groups
    for row, weights in enumerate(found):
        group, inner = divmod(row, group_rows)
        at = (np.full_like(columns, inner), columns)
        drawn = random_weights(seed, matrix, precision, "floor", *at, group=np.full_like(columns, group))
        if not np.array_equal(drawn, weights):
            column = int((drawn != weights).argmax())
            output, place_in_row = divmod(row * len(columns) + column, layer.weights.shape[1])
            problem = f"expected {drawn[column]}, which the seed gives here, found {weights[column]}"
            raise FalseClaimError(problem, f"{place}[{output}][{place_in_row}]")
