"""Targets with shared weights: a small int8 attention block, and a convolution over a group of turns and flips."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from itertools import product

import numpy as np

from certify.network.matrix import from_dense
from certify.network.model import INPUT, Box, Network
from certify.network.operators import (
    Addition,
    Convolution,
    Gather,
    Pooling,
    Product,
    Reshape,
    Softmax,
    Term,
    Transpose,
)
from certify.network.operators.window import Window
from certify.network.steps import Clamp, Relu, Requantize, RequantizeQ31, Step

INT8 = Clamp(-128, 127)


def pointwise(
    rng: np.random.Generator, channels: int, outputs: int, steps: Sequence[Step], *sources: int, bits: int = 7
) -> Convolution:
    """A convolution of one tap: the same dense layer for every position, or every token."""
    most = 1 << bits
    weights = from_dense(rng.integers(-most + 1, most, (outputs, channels)).astype(np.int64))
    bias = tuple(rng.integers(-most * 8, most * 8, outputs).tolist())
    return Convolution(weights, bits, bias, Window((1, 1)), 1, (), tuple(steps), sources=sources)


def requantized(shift: int, outputs: int) -> tuple[Step, ...]:
    """To int8, by a multiplier for each channel."""
    return RequantizeQ31(tuple((1 << 30) + 977 * c for c in range(outputs)), shift, "double"), INT8


def attention(tokens: int = 4, features: int = 8, seed: int = 0) -> Network:
    """softmax(Q·Kᵀ)·V, projected and added to the input: [tokens, 1, features] in and out.

    Projections are convolutions of one tap, of which a ticket has a pair; both products of activations and the table
    softmax have no weights.
    """
    rng = np.random.default_rng(seed)
    plane = (tokens, features)
    table = tuple(round(2**15 * math.exp(-d / 16)) for d in range(160))
    project = (pointwise(rng, features, features, requantized(5, features), INPUT) for _ in "qkv")
    layers = (
        *project,  # 0, 1, 2
        Reshape(plane, sources=(0,)),
        Reshape(plane, sources=(1,)),
        Reshape(plane, sources=(2,)),
        Transpose((1, 0), sources=(4,)),
        Product((3, 6), (RequantizeQ31(1 << 30, 6, "double"), INT8)),  # [tokens, tokens]
        Softmax(table, 255, 0),
        Product((8, 5), (RequantizeQ31(1 << 30, 7, "double"), INT8)),
        Reshape((tokens, 1, features)),
        pointwise(rng, features, features, requantized(5, features)),
        Addition((INPUT, 11), (Term(), Term()), (Requantize(1, "half_away"), INT8)),
    )
    count = tokens * features
    return Network("attention", Box((tokens, 1, features), (-128,) * count, (127,) * count, 0), layers)


# A group convolution. The group is that of the square: four rotations, and a flip before them or none.

Plane = tuple[int, int]
Motion = Callable[[Plane], Plane]


def motions(side: int) -> list[Motion]:
    """The eight motions of a square of side · side places onto itself; the place a pixel comes from."""

    def motion(turns: int, flipped: bool) -> Motion:
        def moved(place: Plane) -> Plane:
            row, column = place
            for _ in range(turns):
                row, column = column, side - 1 - row
            return (row, side - 1 - column) if flipped else (row, column)

        return moved

    return [motion(turns, flipped) for turns, flipped in product(range(4), (False, True))]


def patches(side: int, kernel: int) -> Gather:
    """Every patch of kernel · kernel pixels under every motion: [positions, motions, kernel · kernel]."""
    across = side - kernel + 1
    indices = [
        (top + down) * side + left + right
        for top, left in product(range(across), repeat=2)
        for motion in motions(kernel)
        for down, right in (motion(place) for place in product(range(kernel), repeat=2))
    ]
    return Gather(tuple(indices), (across * across, 8, kernel * kernel))


def equivariant(side: int = 4, kernel: int = 3, outputs: int = 3, seed: int = 0) -> Network:
    """An image's features that do not change when it is turned or flipped.

    One kernel for every output, read at every position under all eight motions, then the sum over both: weights are
    shared over positions and over the group, and each stands once.
    """
    rng = np.random.default_rng(seed)
    lifted = patches(side, kernel)
    width = kernel * kernel
    layers = (
        lifted,
        pointwise(rng, width, outputs, (Relu(), *requantized(3, outputs)), bits=4),
        Pooling("sum", Window(lifted.to[:2])),
        pointwise(rng, outputs, 2, (), bits=4),
    )
    return Network("equivariant", Box((side, side, 1), (-8,) * side**2, (7,) * side**2, 0), layers)
