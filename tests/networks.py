"""Networks held against each other."""

from __future__ import annotations

from certify.network.model import Network


def parts(network: Network) -> list[object]:
    """All that a network holds, comparable with ==."""
    layers = [
        (
            layer.name,
            layer.precision_bits,
            layer.weights.to_dense().tolist(),
            layer.bias,
            layer.constants,
            layer.steps,
        )
        for layer in network.layers
    ]
    return [network.name, network.input, network.output, layers]
