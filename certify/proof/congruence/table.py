"""The numbers: which element of which tensor is which function of the inputs.

An element is a *base* and an offset, and its value is base + offset. Bases are numbered, in *blocks*: a block is as
many bases as a plane has positions, and says of what *line* they are which function. A line is a sum of planes of
bases with integer weights, written so that equal sums are written alike, or something that is no sum (an input, a
maximum, a product, a softmax), known by what it is made of. Functions are chains of stages; those of one line are
compared, and equal ones, up to their least value, are one block. Every base is 0 at its least, so that what only adds
a constant changes no number. Base 0 is the constant 0.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass, field
from math import gcd
from typing import Any

import numpy as np

from certify.network.matrix import Int64Array
from certify.proof.congruence.functions import EXACT_WORD, Affine, Chain, Span, Stage, extend, fingerprint, value
from certify.proof.congruence.questions import Asked

MOST_NUMBERS = 2**26
ABSENT = -1
"""In place of a base where a window has nothing; never in an operator's result."""


class NotNumberedError(Exception):
    """A network is too large or its integers too long to be numbered; the message says which."""


@dataclass(frozen=True, eq=False)
class Elements:
    """A tensor: value = base + offset.

    Attributes:
        base: int64[shape], numbers of bases.
        offset: int64[shape].
    """

    base: Int64Array
    offset: Int64Array

    def reshape(self, *shape: int) -> Elements:
        """Return the same elements in another shape."""
        return Elements(self.base.reshape(shape), self.offset.reshape(shape))

    def at(self, places: Any) -> Elements:
        """Return some of them."""
        return Elements(self.base[places], self.offset[places])


@dataclass
class _Line:
    """What functions are functions of: P within a span, at each of so many positions."""

    span: Span
    length: int
    by_chain: dict[Chain, int] = field(default_factory=dict)
    alike: dict[tuple[int, ...], list[int]] = field(default_factory=dict)


@dataclass(frozen=True)
class _Block:
    """chain(P) - low, from 0 to high, on a line."""

    line: _Line
    chain: Chain
    low: int
    high: int
    first: int


class Table:
    """All numbers so far.

    Attributes:
        asked: what z3 was asked about functions.
        new, known: how many functions were new, and how many the same as one before.
    """

    def __init__(self, asked: Asked) -> None:
        self.asked = asked
        self.new = self.known = 0
        zero = _Line((0, 0), 1)
        self._blocks = [_Block(zero, (), 0, 0, 0)]
        self._block_of = np.zeros(1, dtype=np.int64)
        self._high = np.zeros(1, dtype=np.int64)
        self._count = 1
        self._lines: dict[Hashable, _Line] = {}
        self._views: dict[bytes, int] = {}
        self._planes: list[Int64Array] = []
        self._view_high: list[int] = []
        self._viewed = 0

    @property
    def count(self) -> int:
        """How many bases there are."""
        return self._count

    def high(self, base: Int64Array) -> Int64Array:
        """Return the greatest value of every base, int64[…]; the least is 0."""
        return self._high[base]

    def view(self, base: Int64Array) -> int:
        """Return the number of a plane of bases, int64[length]; equal planes have equal numbers."""
        key = base.astype(np.int32).tobytes()
        if key not in self._views:
            self._viewed += len(base)
            if self._viewed > MOST_NUMBERS:
                raise NotNumberedError(f"more than {MOST_NUMBERS:,} elements of planes")
            self._views[key] = len(self._planes)
            self._planes.append(base.copy())
            self._view_high.append(int(self._high[np.maximum(base, 0)].max()))
        return self._views[key]

    def plane(self, view: int) -> Int64Array:
        """Return the bases of a plane."""
        return self._planes[view]

    def sum(self, views: Int64Array, weights: Int64Array, length: int) -> Elements:
        """Return Σ weight · plane, int64[terms] each, as elements of so many positions."""
        views, weights = self._gathered(views, weights)
        if not len(views):
            return constants(np.zeros(length, dtype=np.int64))
        if len(views) == 1 and weights[0] > 0:
            plane = self._planes[int(views[0])]
            return self.each(Elements(plane, np.zeros(length, dtype=np.int64)), (Affine(int(weights[0]), 0),))
        factor = gcd(*weights.tolist())
        weights //= factor
        key = ("sum", length, views.tobytes(), weights.tobytes())
        if key not in self._lines:
            highs = [self._view_high[view] for view in views.tolist()]
            ends = [weight * high for weight, high in zip(weights.tolist(), highs, strict=True)]
            self._lines[key] = _Line((sum(min(end, 0) for end in ends), sum(max(end, 0) for end in ends)), length)
        return self._whole(self._lines[key], (Affine(factor, 0),))

    def _gathered(self, views: Int64Array, weights: Int64Array) -> tuple[Int64Array, Int64Array]:
        """Return every plane once, with all its weight, rising; those without weight or value are left out."""
        if max(map(abs, weights.tolist()), default=0) * max(1, len(weights)) >= EXACT_WORD:
            raise NotNumberedError(f"weights of more than {EXACT_WORD.bit_length() - 1} bits in a sum")
        distinct, place = np.unique(views, return_inverse=True)
        total = np.zeros(len(distinct), dtype=np.int64)
        np.add.at(total, place, weights)
        alive = np.array([self._view_high[view] > 0 for view in distinct.tolist()], dtype=np.bool_)
        kept = (total != 0) & alive
        return distinct[kept], total[kept]

    def atom(self, key: Hashable, length: int, high: int) -> Elements:
        """Return what is no sum, from 0 to `high` at so many positions, known by its key."""
        if high == 0:
            return constants(np.zeros(length, dtype=np.int64))
        if key not in self._lines:
            self._lines[key] = _Line((0, high), length)
        return self._whole(self._lines[key], ())

    def _whole(self, line: _Line, chain: Chain) -> Elements:
        block, low = self._function(line, chain)
        if block is None:
            return constants(np.full(line.length, low, dtype=np.int64))
        bases = np.arange(block.first, block.first + line.length, dtype=np.int64)
        return Elements(bases, np.full(line.length, low, dtype=np.int64))

    def each(self, elements: Elements, stages: Sequence[Stage]) -> Elements:
        """Return what stages make of every element."""
        if not stages:
            return elements
        base, offset = elements.base.reshape(-1), elements.offset.reshape(-1)
        offsets, which = np.unique(offset, return_inverse=True)
        codes, place = np.unique(self._block_of[base] * len(offsets) + which, return_inverse=True)
        moved, added = np.zeros(len(codes), dtype=np.int64), np.zeros(len(codes), dtype=np.int64)
        constant = np.zeros(len(codes), dtype=np.bool_)
        for index, code in enumerate(codes.tolist()):
            own = self._blocks[code // len(offsets)]
            chain = extend(own.chain, (Affine(1, int(offsets[code % len(offsets)]) - own.low), *stages))
            block, low = self._function(own.line, chain)
            moved[index] = 0 if block is None else block.first - own.first
            added[index], constant[index] = low, block is None
        found = Elements(np.where(constant[place], 0, base + moved[place]), added[place])
        return found.reshape(*elements.base.shape)

    def _function(self, line: _Line, chain: Chain) -> tuple[_Block | None, int]:
        """Return the block of a function on a line, None for a constant, and its least value."""
        low, high = value(chain, line.span[0]), value(chain, line.span[1])
        if max(abs(low), abs(high)) >= EXACT_WORD:
            raise NotNumberedError(f"numbers of {max(abs(low), abs(high)).bit_length()} bits")
        if low == high:
            return None, low
        index = line.by_chain.get(chain)
        if index is None:
            index = self._alike(line, chain, low, high - low)
            line.by_chain[chain] = index
        else:
            self.known += 1
        return self._blocks[index], low

    def _alike(self, line: _Line, chain: Chain, low: int, high: int) -> int:
        """Return the block of a chain that is new on its line, which may be that of another chain."""
        alike = line.alike.setdefault(fingerprint(chain, line.span), [])
        for index in alike:
            if self.asked.same_rises(self._blocks[index].chain, chain, line.span):
                self.known += 1
                return index
        self.new += 1
        alike.append(len(self._blocks))
        self._add(_Block(line, chain, low, high, self._count))
        return alike[-1]

    def _add(self, block: _Block) -> None:
        first, length = block.first, block.line.length
        if first + length > MOST_NUMBERS:
            raise NotNumberedError(f"more than {MOST_NUMBERS:,} elements")
        self._blocks.append(block)
        self._count = first + length
        if self._count > len(self._high):
            room = max(self._count, 2 * len(self._high))
            self._high, self._block_of = (_longer(array, room) for array in (self._high, self._block_of))
        self._high[first : self._count] = block.high
        self._block_of[first : self._count] = len(self._blocks) - 1

    def blocks(self, base: Int64Array) -> Int64Array:
        """Return the block of every base, int64[…]."""
        return self._block_of[base]


def constants(values: Int64Array) -> Elements:
    """Return int64[…] constants as elements."""
    return Elements(np.zeros(values.shape, dtype=np.int64), values)


def _longer(array: Int64Array, length: int) -> Int64Array:
    found = np.zeros(length, dtype=np.int64)
    found[: len(array)] = array
    return found
