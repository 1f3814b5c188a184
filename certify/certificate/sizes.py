"""How large a ticket is, against how large any has to be. Integers throughout: a certificate holds no float."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from certify.base.mask import Mask
from certify.network.model import Network

_DIGITS = 128


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
    """Return the fewest parameters that any base network needs: Theorem 3, of all the target's layers together.

    It counts weights, not biases, and of a convolution those of its kernels, which two different kernels make
    different, however many positions they serve. How a ticket is constructed does not matter to it.
    """
    return parameters_needed([(layer.precision_bits, math.prod(layer.weights.shape)) for layer in target.linear])


def parameters_needed(matrices: Iterable[tuple[int, int]]) -> int:
    """Return the bound of Theorem 3 of Kumar and Natale (arXiv:2508.11020).

    p parameters have at most 2^p prunings, and there are |S_δ|^(d_in·d_out) matrices to represent in each layer, with
    |S_δ| = 2^(k+1) + 1; so p ≥ Σ d_in·d_out·log2(2^(k+1) + 1), rounded up.

    Args:
        matrices: of each of the target's layers precision bits k and number of weights d_in·d_out.
    """
    return rounded_up_logarithm([(2 ** (bits + 1) + 1, weights) for bits, weights in matrices])


def rounded_up_logarithm(powers: Sequence[tuple[int, int]]) -> int:
    """Return log2 of the product of all base^exponent, odd bases above 1, rounded up.

    Exact without the product, which has about as many bits as there are weights times k: it is held between two
    numbers of a few digits, of more where these do not agree on its length. A product of odd numbers is no power of
    two unless it is 1, so its length in bits is its logarithm rounded up.
    """
    if not any(exponent for _, exponent in powers):
        return 0
    digits = _DIGITS
    while True:
        low, high = (_length(powers, digits, up=up) for up in (False, True))
        if low == high:
            return low
        digits *= 2


def _length(powers: Sequence[tuple[int, int]], digits: int, *, up: bool) -> int:
    """Return how many bits the product has when every number met is cut to so many, and rounded up or down."""
    product = (1, 0)
    for base, exponent in powers:
        power = (1, 0)
        for bit in f"{exponent:b}":
            power = _cut(power[0] * power[0] * base ** int(bit), 2 * power[1], digits, up=up)
        product = _cut(product[0] * power[0], product[1] + power[1], digits, up=up)
    return product[0].bit_length() + product[1]


def _cut(number: int, shift: int, digits: int, *, up: bool) -> tuple[int, int]:
    """Return a number of at most so many bits, or one more, and a shift, not above number · 2^shift or not below."""
    more = max(number.bit_length() - digits, 0)
    return (-(-number >> more) if up else number >> more), shift + more
