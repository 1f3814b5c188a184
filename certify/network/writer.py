"""Writing `certify.network/1`: the reader's inverse."""

from __future__ import annotations

import json
from typing import Any

import msgspec

from certify.network.matrix import Int64Array
from certify.network.model import Dense, Display, Network
from certify.network.reader import FORMAT
from certify.network.tensors import encode

LISTED_WEIGHTS = 4096


def write_network(network: Network) -> bytes:
    """Return the network as JSON, a line per layer; large matrices in base64."""
    layers = ",\n  ".join(json.dumps(_layer(layer)) for layer in network.layers)
    lines = [
        f'{{"format": "{FORMAT}", "name": {json.dumps(network.name)},',
        f' "input": {json.dumps(_input(network))},',
        f' "layers": [\n  {layers}]',
    ]
    if network.output != Display():
        lines[-1] += f',\n "output": {json.dumps(_display(network.output))}'
    return ("\n".join(lines) + "}\n").encode()


def _input(network: Network) -> dict[str, Any]:
    box = network.input
    bounds = {"low": _bounds(box.low), "high": _bounds(box.high)}
    return {"shape": list(box.shape), **bounds, "precision_bits": box.precision_bits, **_display(box.display)}


def _bounds(values: tuple[int, ...]) -> int | list[int]:
    return values[0] if len(set(values)) == 1 else list(values)


def _display(display: Display) -> dict[str, Any]:
    shown: dict[str, Any] = {} if display.scale is None else {"scale": display.scale}
    return shown | ({"zero_point": display.zero_point} if display.zero_point else {})


def _layer(layer: Dense) -> dict[str, Any]:
    written: dict[str, Any] = {"op": "dense"} | ({"name": layer.name} if layer.name else {})
    written["precision_bits"] = layer.precision_bits
    written["weights"] = _weights(layer.weights.to_dense())
    if any(layer.bias):
        written["bias"] = list(layer.bias)
    if layer.constants:
        written["constants"] = list(layer.constants)
    written["then"] = [msgspec.to_builtins(step) for step in layer.steps]
    return written


def _weights(dense: Int64Array) -> Any:
    return msgspec.to_builtins(encode(dense)) if dense.size > LISTED_WEIGHTS else dense.tolist()
