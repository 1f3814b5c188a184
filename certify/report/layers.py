"""The layers of a network, each in a few words."""

from __future__ import annotations

from certify.network.model import Dense, Network, Operator
from certify.network.operators import Convolution, Pooling
from certify.network.operators.operator import Shape


def layer_texts(network: Network) -> list[str]:
    """Return a text for every layer: `4 to 3`, `3x3 convolution to 32x32x16`, `addition to 32x32x16`."""
    return [_text(layer, shape) for layer, shape in zip(network.layers, network.shapes(), strict=True)]


def _text(layer: Operator, shape: Shape) -> str:
    if isinstance(layer, Dense):
        return f"{layer.inputs} to {layer.outputs}"
    return f"{_kind(layer)} to {'x'.join(map(str, shape))}"


def _kind(layer: Operator) -> str:
    if isinstance(layer, Convolution):
        size = "x".join(map(str, layer.window.size))
        is_depthwise = layer.groups > 1 and layer.channels == 1
        grouped = "depthwise " if is_depthwise else f"{layer.groups}-group " if layer.groups > 1 else ""
        return f"{size} {grouped}convolution"
    if isinstance(layer, Pooling):
        return f"{layer.kind} pooling"
    return type(layer).__name__.lower()
