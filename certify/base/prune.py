"""base ⊙ mask: the pruned random network.

Every layer of the target with weights becomes two, in its place. A dense layer's are dense. A convolution's are a
convolution of one tap, which pads what the target's pads, and one with the target's kernel, stride and dilation that
pads nothing: a padded channel is 0 after the ReLU as before it, and the constant lines, which are not padded, carry
biases to the borders too. Operators without weights are the target's own.

In Theorem 2's network only the first layer becomes two; the others stay one, whose rows are copies (`copies`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from certify.base import copies
from certify.base.draw import kept_weights
from certify.base.law import BaseNetwork
from certify.base.layout import Pair, matrix_shapes, pairs, weight_precisions
from certify.base.mask import Mask
from certify.network.matrix import Matrix
from certify.network.model import INPUT, Dense, Linear, Network, Operator, require_chain
from certify.network.operators import Convolution
from certify.network.operators.window import Window
from certify.network.steps import Relu, for_copies


def prune(target: Network, base: BaseNetwork, masks: Sequence[Mask]) -> Network:
    """Return base ⊙ mask as a network, on the target's input box; only kept weights are generated.

    Args:
        target: the network that the ticket claims to equal.
        base: the base network.
        masks: one for each matrix, in order; their shapes are those of `matrix_shapes(target, base)`.
    """
    assert [mask.shape for mask in masks] == list(matrix_shapes(target, base))
    build = _copied if base.construction == "theorem-2" else _paired
    return Network(f"ticket of {target.name}", target.input, tuple(build(target, base, masks)))


def _paired(target: Network, base: BaseNetwork, masks: Sequence[Mask]) -> list[Operator]:
    """Return the layers of a network with a pair for each of the target's that has weights."""
    around = iter(enumerate(pairs(target, base.precisions, base.construction)))
    layers: list[Operator] = []
    places = {INPUT: INPUT}
    for index, layer in enumerate(target.layers):
        sources = tuple(places[source] for source in layer.sources)
        if isinstance(layer, Linear):
            number, pair = next(around)
            bits = weight_precisions(base.construction, number, layer, base.precisions[number])
            kept = [kept_weights(base, 2 * number + half, masks[2 * number + half], layer.groups) for half in (0, 1)]
            layers += _pair(layer, pair, bits, kept, sources)
        else:
            shared: Any = layer
            layers.append(replace(shared, sources=sources))
        places[index] = len(layers) - 1
    return layers


def _copied(target: Network, base: BaseNetwork, masks: Sequence[Mask]) -> list[Operator]:
    """Return the layers of a network with a pair for the first of a chain's layers and copies of the others."""
    each, around = copies.of_layers(target, base), pairs(target, base.precisions, base.construction)
    kept = [kept_weights(base, index, mask) for index, mask in enumerate(masks)]
    layers: list[Operator] = []
    for number, (layer, pair) in enumerate(zip(require_chain(target), around, strict=True)):
        read, made = each[number], each[number + 1]
        bits = weight_precisions(base.construction, number, layer, base.precisions[number])
        many = replace(pair, steps=for_copies(pair.steps, made))
        if number == 0:
            layers += _pair(layer, many, bits, kept[:2], layer.sources)
            continue
        matrix = copies.as_dense(kept[number + 1], layer.channels, len(pair.constants))
        layers.append(Dense(matrix, bits[0], (0,) * matrix.shape[0], pair.constants * read, many.steps))
    return layers


def _pair(
    layer: Linear, pair: Pair, bits: Sequence[int], kept: Sequence[Matrix], sources: tuple[int, ...]
) -> list[Linear]:
    """Return the two layers that stand for one."""
    first, second = kept
    none = (0,) * first.shape[0]
    if not isinstance(layer, Convolution):
        hidden = Dense(first, bits[0], none, pair.constants, (Relu(),), sources=sources)
        return [hidden, Dense(second, bits[1], (0,) * second.shape[0], (), pair.steps)]
    window, groups = layer.window, layer.groups
    tap = Window((1, 1), padding=window.padding)
    inside = Window(window.size, window.stride, window.dilation)
    by_output = _by_output(second, layer.taps)
    return [
        Convolution(first, bits[0], none, tap, groups, pair.constants, (Relu(),), sources=sources),
        Convolution(by_output, bits[1], (0,) * layer.outputs, inside, groups, (), pair.steps),
    ]


def _by_output(matrix: Matrix, taps: int) -> Matrix:
    """Return the same entries, of (outputs · taps, width), as (outputs, taps · width)."""
    rows, width = matrix.shape
    columns = matrix.columns + matrix.row_of_entry() % taps * width
    return Matrix((rows // taps, taps * width), matrix.start[::taps], columns, matrix.values)
