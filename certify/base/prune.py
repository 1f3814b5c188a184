"""base ⊙ mask: the pruned random network."""

from __future__ import annotations

from collections.abc import Sequence

from certify.base.draw import kept_weights
from certify.base.law import BaseNetwork
from certify.base.layout import pairs
from certify.base.mask import Mask
from certify.network.model import Dense, Network
from certify.network.steps import Relu


def prune(target: Network, base: BaseNetwork, masks: Sequence[Mask]) -> Network:
    """Return base ⊙ mask as a network, on the target's input box; only kept weights are generated.

    Args:
        target: the network that the ticket claims to equal.
        base: the base network.
        masks: one for each matrix, in order; their shapes are those of `matrix_shapes(target, base)`.
    """
    kept = [kept_weights(base, index, mask) for index, mask in enumerate(masks)]
    layers: list[Dense] = []
    for index, pair in enumerate(pairs(target, base.precisions)):
        first, second, bits = kept[2 * index], kept[2 * index + 1], base.precisions[index].kept
        layers.append(Dense(first, bits, (0,) * first.shape[0], pair.constants, (Relu(),)))
        layers.append(Dense(second, bits, (0,) * second.shape[0], (), pair.steps))
    return Network(f"ticket of {target.name}", target.input, tuple(layers))
