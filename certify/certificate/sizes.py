"""How large a ticket is, against how large any has to be. Integers throughout: a certificate holds no float."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from certify.base.mask import Mask
from certify.network.model import Network


@dataclass(frozen=True)
class Sizes:
    """The figures of a ticket.

    Attributes:
        target_parameters: weights of the target.
        base_parameters: weights of the base network.
        kept: weights that the masks keep.
        lower_bound: Theorem 3's; no base network with fewer parameters has a ticket for every target of this shape.
        ratio: the over-parameterization ratio, base parameters over the lower bound, to three decimals, rounded down.
    """

    target_parameters: int
    base_parameters: int
    kept: int
    lower_bound: int
    ratio: str


def sizes(target: Network, masks: Sequence[Mask]) -> Sizes:
    """Return the figures of a ticket for the target."""
    base = sum(math.prod(mask.shape) for mask in masks)
    bound = lower_bound(target)
    thousandths = base * 1000 // bound
    ratio = f"{thousandths // 1000}.{thousandths % 1000:03d}"
    return Sizes(target.parameters, base, sum(mask.kept for mask in masks), bound, ratio)


def lower_bound(target: Network) -> int:
    """Return the fewest parameters that any base network needs: Theorem 3 of Kumar and Natale (arXiv:2508.11020).

    p parameters have at most 2^p prunings, and there are |S_δ|^(d_in·d_out) matrices to represent in each layer, with
    |S_δ| = 2^(k+1) + 1; so p ≥ Σ d_in·d_out·log2(2^(k+1) + 1), rounded up. It counts weights, not biases, and of a
    convolution those of its kernels, which two different kernels make different, however many positions they serve.
    """
    targets: int = math.prod(
        (2 ** (layer.precision_bits + 1) + 1) ** math.prod(layer.weights.shape) for layer in target.linear
    )
    return (targets - 1).bit_length()
