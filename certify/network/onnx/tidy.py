"""The last look at a network: steps join the layers that they follow, and what nothing reads goes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from certify.network.operators import INPUT, Dense, Operator, Reshape
from certify.network.operators.operator import Shape
from certify.network.steps import Clamp, Offset, RequantizeQ31, Step


def tidy(layers: Sequence[Operator], output: int, shapes: Sequence[Shape]) -> tuple[Operator, ...]:
    """Return the layers that the output needs, the output last.

    Args:
        layers: each with its sources.
        output: the layer that is the network's output.
        shapes: of every layer.
    """
    found = list(layers)
    for index in range(len(found)):
        _skip_reshapes(found, index)
    readers = _readers(found, output)
    for index, layer in enumerate(found):
        if readers[index]:
            _join_steps(found, index, layer, readers, shapes)
    output = _behind(found, output)
    return _renumbered(found, output)


def _readers(layers: Sequence[Operator], output: int) -> list[int]:
    """Return how often every layer is read by what the output needs, the output itself once more."""
    count = [0] * len(layers)
    count[output] = 1
    for index in range(len(layers) - 1, -1, -1):
        if count[index]:
            for source in layers[index].sources:
                if source != INPUT:
                    count[source] += 1
    return count


def _skip_reshapes(layers: list[Operator], index: int) -> None:
    """Let a dense layer, which reads its input flattened, read what was only reshaped for it."""
    layer = layers[index]
    if not isinstance(layer, Dense):
        return
    (source,) = layer.sources
    while source != INPUT and isinstance(layers[source], Reshape) and not layers[source].steps:
        (source,) = layers[source].sources
    layers[index] = replace(layer, sources=(source,))


def _join_steps(
    layers: list[Operator],
    index: int,
    layer: Operator,
    readers: Sequence[int],
    shapes: Sequence[Shape],
) -> None:
    """Let the layer before take the steps of a reshape that changes no shape and is its only reader."""
    if not isinstance(layer, Reshape) or not layer.steps:
        return
    source = _behind(layers, layer.sources[0])
    if source == INPUT or readers[source] != 1 or shapes[source] != layer.to:
        return
    before: Any = layers[source]
    layers[source] = replace(before, steps=merged((*before.steps, *layer.steps)))
    layers[index] = Reshape(layer.to, sources=(source,), name=_JOINED)


_JOINED = "\0joined"


def _behind(layers: Sequence[Operator], index: int) -> int:
    """Return the layer that a layer whose steps were taken stands for."""
    while index != INPUT and isinstance(layers[index], Reshape) and layers[index].name == _JOINED:
        (index,) = layers[index].sources
    return index


def merged(steps: tuple[Step, ...]) -> tuple[Step, ...]:
    """Return the same steps with a zero point in the requantization where it came after a clamp."""
    found: list[Step] = []
    for step in steps:
        match [*found[-2:], step]:
            case [RequantizeQ31() as requantize, Clamp(low, high), Offset(value)]:
                zero_point = requantize.zero_point + value
                fields = {name: getattr(requantize, name) for name in requantize.__struct_fields__}
                found[-2:] = [RequantizeQ31(**fields | {"zero_point": zero_point}), Clamp(low + value, high + value)]
            case [*_, Clamp(low, high), Clamp(inner_low, inner_high)] if low <= inner_low and inner_high <= high:
                found[-1] = step
            case [*_, Clamp(low, high), Clamp(inner_low, inner_high)] if inner_low <= low and high <= inner_high:
                pass
            case _:
                found.append(step)
    return tuple(found)


def _renumbered(layers: Sequence[Operator], output: int) -> tuple[Operator, ...]:
    needed: set[int] = set()
    waiting = [output]
    while waiting:
        index = waiting.pop()
        if index != INPUT and index not in needed:
            needed.add(index)
            waiting += [_behind(layers, source) for source in layers[index].sources]
    kept = sorted(needed)
    number = {old: new for new, old in enumerate(kept)} | {INPUT: INPUT}
    found: list[Operator] = []
    for new, old in enumerate(kept):
        sources = tuple(number[_behind(layers, source)] for source in layers[old].sources)
        layer: Any = layers[old]
        found.append(replace(layer, sources=() if sources == (new - 1,) else sources, steps=merged(layer.steps)))
    return tuple(found)
