"""Writing `certify.network/1`: the reader's inverse."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import count
from typing import Any

from certify.network.model import INPUT, Display, Network
from certify.network.operators import Addition, Concatenate, Product
from certify.network.reader import FORMAT, INPUT_NAME
from certify.network.step_form import write_step


def write_network(network: Network) -> bytes:
    """Return the network as JSON, a line per layer; long tables and matrices in base64."""
    names = _names(network)
    layers = ",\n  ".join(json.dumps(_layer(network, index, names)) for index in range(len(names)))
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


def _layer(network: Network, index: int, names: Sequence[str]) -> dict[str, Any]:
    layer = network.layers[index]
    fields = layer.write()
    written: dict[str, Any] = {"op": fields.pop("op")} | ({"name": names[index]} if names[index] else {})
    if not _reads_previous(network, index):
        written["inputs"] = [INPUT_NAME if source == INPUT else names[source] for source in layer.sources]
    return written | fields | {"then": [write_step(step) for step in layer.steps]}


def _reads_previous(network: Network, index: int) -> bool:
    """Tell whether a layer reads the one before, and is of a kind that need not say so."""
    several = isinstance(network.layers[index], Addition | Concatenate | Product)
    return not several and network.sources(index) == (index - 1,)


def _names(network: Network) -> list[str]:
    """Return every layer's name; one that is read by its name gets another where its own is not its alone."""
    names = [layer.name for layer in network.layers]
    readers = [index for index in range(len(names)) if not _reads_previous(network, index)]
    named = {source for index in readers for source in network.sources(index)}
    taken = Counter([*names, INPUT_NAME, ""])
    for layer, name in enumerate(names):
        ambiguous = layer in named and (not name or taken[name] > 1)
        if ambiguous or (name == INPUT_NAME and INPUT in named):
            names[layer] = next(other for other in _alternatives(name or "layer", layer) if not taken[other])
            taken[names[layer]] += 1
    return names


def _alternatives(name: str, index: int) -> Iterator[str]:
    yield from (f"{name}{'_' * length}{index}" for length in count(1))
