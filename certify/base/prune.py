"""base ⊙ mask: the pruned random network.

Every layer of the target with weights becomes two, in its place. A dense layer's are dense. A convolution's are a
convolution of one tap, which pads what the target's pads, and one with the target's kernel, stride and dilation that
pads nothing: a padded channel is 0 after the activation as before it, and the constant lines, which are not padded,
carry biases to the borders too. Operators without weights are the target's own.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from certify.base.draw import kept_weights
from certify.base.law import BaseNetwork
from certify.base.layout import Pair, matrix_shapes, pairs
from certify.base.mask import Mask
from certify.network.matrix import Matrix
from certify.network.model import INPUT, Dense, Linear, Network, Operator
from certify.network.operators import Convolution
from certify.network.operators.window import Window


def prune(target: Network, base: BaseNetwork, masks: Sequence[Mask]) -> Network:
    """Return base ⊙ mask as a network, on the target's input box; only kept weights are generated.

    Args:
        target: the network that the ticket claims to equal.
        base: the base network.
        masks: one for each matrix, in order; their shapes are those of `matrix_shapes(target, base)`.
    """
    assert [mask.shape for mask in masks] == list(matrix_shapes(target, base))
    around = iter(enumerate(pairs(target, base.precisions, base.activation)))
    layers: list[Operator] = []
    places = {INPUT: INPUT}
    for index, layer in enumerate(target.layers):
        sources = tuple(places[source] for source in layer.sources)
        if isinstance(layer, Linear):
            number, pair = next(around)
            kept = [kept_weights(base, 2 * number + half, masks[2 * number + half], layer.groups) for half in (0, 1)]
            layers += _pair(layer, pair, base, number, kept, sources)
        else:
            shared: Any = layer
            layers.append(replace(shared, sources=sources))
        places[index] = len(layers) - 1
    return Network(f"ticket of {target.name}", target.input, tuple(layers))


def _pair(
    layer: Linear, pair: Pair, base: BaseNetwork, number: int, kept: Sequence[Matrix], sources: tuple[int, ...]
) -> list[Linear]:
    """Return the two layers that stand for one."""
    bits, activation = base.precisions[number].kept, (base.activation,)
    first, second = kept
    none = (0,) * first.shape[0]
    if not isinstance(layer, Convolution):
        hidden = Dense(first, bits, none, pair.constants, activation, sources=sources)
        return [hidden, Dense(second, bits, (0,) * second.shape[0], (), pair.steps)]
    window, groups = layer.window, layer.groups
    tap = Window((1, 1), padding=window.padding)
    inside = Window(window.size, window.stride, window.dilation)
    by_output = _by_output(second, layer.taps)
    return [
        Convolution(first, bits, none, tap, groups, pair.constants, activation, sources=sources),
        Convolution(by_output, bits, (0,) * layer.outputs, inside, groups, (), pair.steps),
    ]


def _by_output(matrix: Matrix, taps: int) -> Matrix:
    """Return the same entries, of (outputs · taps, width), as (outputs, taps · width)."""
    rows, width = matrix.shape
    columns = matrix.columns + matrix.row_of_entry() % taps * width
    return Matrix((rows // taps, taps * width), matrix.start[::taps], columns, matrix.values)
