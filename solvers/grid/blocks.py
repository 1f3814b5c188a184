"""A box cut into blocks of points that follow each other, and what the first layers make of a block.

Counting through a box, the last features run through all their values while the others stand still. So a block is
the last features, as many as have few enough values together, and some of the values of the feature before them.
From the first point of a block to another one only these features differ, and by the same amounts in every block.
Hence so do the sums of the first layers, which are linear: `differences` holds by how much, for every row and point
of a block. From one block to the next, one feature moves on, and perhaps those after it return to where they begin;
`slopes` says what that makes of the sums at the first point. So first layers are multiplied out once, at the first
point of a chunk.

A sum that is below 2^bits in magnitude whichever of its products are taken has differences below 2^(bits + 1), and so
are the sums of any of the products that a difference is made of. That is the bit which `lane_type` leaves free.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from solvers.grid.box import Box
from solvers.grid.flat import as_lanes, lane_type
from solvers.grid.kernel import Blocks, Lanes
from solvers.grid.pairs import padded
from solvers.grid.program import Int64Array, Program


@dataclass(frozen=True)
class Cut:
    """A box cut into blocks.

    Attributes:
        box: the whole box.
        features: how many features are counted: all but those that every block runs through.
        values: how many values the last one of them takes in a block; 1 where none is counted.
        each: how many points a block has for each of these values.
    """

    box: Box
    features: int
    values: int
    each: int

    @property
    def points(self) -> int:
        """How many points a block has, but for the last ones."""
        return self.values * self.each

    @property
    def counted(self) -> Box:
        """The blocks as a box: feature by feature how often it has moved on."""
        sizes = self.box.sizes[: self.features]
        last = [-(-size // self.values) for size in sizes[-1:]]
        return Box((0,) * self.features, tuple(size - 1 for size in (*sizes[:-1], *last)))

    def corner(self, block: int) -> tuple[int, ...]:
        """Return where the counted features are in the block of that number."""
        digits = self.counted.digits(block)
        low = self.box.low[: self.features]
        steps = (1,) * (self.features - 1) + (self.values,)
        return tuple(least + digit * step for least, digit, step in zip(low, digits, steps, strict=False))

    def number(self, corner: tuple[int, ...]) -> int:
        """Return the number of a block's first point in the box."""
        number = 0
        for value, low, size in zip(corner, self.box.low, self.box.sizes, strict=False):
            number = number * size + value - low
        return number * self.each


def cut(box: Box, most: int) -> Cut:
    """Return a box cut into blocks of at most so many points, at least one."""
    each, features = 1, len(box.sizes)
    while features and each * box.sizes[features - 1] <= most:
        features -= 1
        each *= box.sizes[features]
    if not features:
        return Cut(box, 0, 1, each)
    size = box.sizes[features - 1]
    parts = -(-size // (most // each))
    return Cut(box, features, -(-size // parts), each)


def blocks_of(programs: tuple[Program, Program], cut: Cut) -> Blocks:
    """Return what the kernel counts through for two programs."""
    kind, counted, moved = lane_type(programs), cut.features, _moved(cut)
    slopes = np.concatenate([_slopes(program) for program in programs], axis=1)
    differences = sum(
        slopes[feature, :, np.newaxis] * moved[feature] for feature in np.flatnonzero(moved.any(axis=1))
    )
    return Blocks(
        low=np.array(cut.box.low[:counted], dtype=np.int64),
        high=np.array(cut.box.high[:counted], dtype=np.int64),
        stride=np.array([1] * (counted - 1) + [cut.values] * bool(counted), dtype=np.int64),
        each=cut.each,
        slopes=as_lanes(kind, slopes[:counted]),
        differences=as_lanes(kind, differences + np.zeros((slopes.shape[1], cut.points), dtype=np.int64)),
    )


def sums_at(programs: tuple[Program, Program], point: Sequence[int]) -> Lanes:
    """Return [rows of both first layers in pairs], as the lanes are: their sums at a point, before any step."""
    found = []
    for program in programs:
        layer = program.layers[0]
        given = np.array([*point, *layer.constants.tolist()], dtype=np.int64)
        own = np.zeros(padded(layer.rows), dtype=np.int64)
        own[: layer.rows] = layer.bias
        np.add.at(own, layer.row_of_entry(), layer.values * given[layer.columns])
        found.append(own)
    return as_lanes(lane_type(programs), np.concatenate(found))


def _moved(cut: Cut) -> Int64Array:
    """Return int64[features, points of a block]: how far each feature is from its value at the first point."""
    found = np.zeros((len(cut.box.low), cut.points), dtype=np.int64)
    digits = np.unravel_index(np.arange(cut.points), [cut.values, *cut.box.sizes[cut.features :]])
    if cut.features:
        found[cut.features - 1] = digits[0]
    for feature, own in enumerate(digits[1:], cut.features):
        found[feature] = own
    return found


def _slopes(program: Program) -> Int64Array:
    """Return int64[inputs, rows in pairs]: the weights of a program's first layer, constants aside."""
    layer = program.layers[0]
    found = np.zeros((program.inputs, padded(layer.rows)), dtype=np.int64)
    own = layer.columns < program.inputs
    np.add.at(found, (layer.columns[own], layer.row_of_entry()[own]), layer.values[own])
    return found
