"""Networks held against each other."""

from __future__ import annotations

import dataclasses

from certify.network.matrix import Matrix
from certify.network.model import Network, Operator


def parts(network: Network) -> list[object]:
    """All that a network holds, comparable with ==."""
    layers = [(type(layer), network.sources(index), *fields(layer)) for index, layer in enumerate(network.layers)]
    return [network.name, network.input, network.output, layers]


def fields(layer: Operator) -> list[object]:
    """All that an operator holds but for `sources`, which may be left out."""
    names = [field.name for field in dataclasses.fields(layer) if field.name != "sources"]
    values = [getattr(layer, name) for name in names]
    return [(value.shape, value.to_dense().tolist()) if isinstance(value, Matrix) else value for value in values]
