"""A ticket as arrays: the whole random network's weights, and what pruning keeps of them.

For every matrix X of the base network there are `X_orig`, all its weights, and `X_mask`, 1 where one is kept and 0
where not: the names that torch.nn.utils.prune gives them. X is `layers.<i>.weights`, layer i of the ticket as a
network, and has the shape that it has there, so that network is the layout with which `certify audit --target` reads
the file (docs/claims.md). Weights are the integers at the precision bits k of their layer, a weight's value times
2^k, in the narrowest signed integers that hold -2^k to 2^k; masks are uint8.

Unkept weights outnumber kept ones by far and are nowhere but here, so they are drawn a few rows at a time.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from certify.base.claimed.assemble import MAX_WEIGHTS
from certify.base.claimed.layout import default_name
from certify.base.copies import as_dense
from certify.base.draw import kept_weights
from certify.base.law import BaseNetwork
from certify.base.layout import constant_lines, is_single
from certify.base.mask import Mask
from certify.base.prune import prune
from certify.errors import InputError
from certify.network.matrix import Int64Array, Matrix
from certify.network.model import Linear, Network

PIECE = 2**20
"""How many elements are made at a time, unless a row has more."""


class Pieces(Protocol):
    """Makes an array's elements, as often as it is called."""

    def __call__(self) -> Iterator[bytes]:
        """Yield them in row-major order, little-endian, in pieces."""


@dataclass(frozen=True, eq=False)
class Array:
    """One array to be written.

    Attributes:
        name: its key.
        dtype: int8, int16, int32 or uint8.
        shape: rows and columns.
        pieces: its elements.
    """

    name: str
    dtype: np.dtype[Any]
    shape: tuple[int, int]
    pieces: Pieces

    @property
    def size(self) -> int:
        """How many bytes the elements take."""
        return self.shape[0] * self.shape[1] * self.dtype.itemsize


def ticket_arrays(target: Network, base: BaseNetwork, masks: Sequence[Mask]) -> list[Array]:
    """Return `X_orig` and `X_mask` for every matrix of a ticket, in order.

    Args:
        target: the network that the ticket equals.
        base: the random network.
        masks: one for each matrix.

    Raises:
        InputError: the matrices have more than `MAX_WEIGHTS` weights, more than an audit reads.
    """
    check_size(masks, MAX_WEIGHTS)
    ticket = prune(target, base, masks)
    places = [(i, layer.weights.shape) for i, layer in enumerate(ticket.layers) if isinstance(layer, Linear)]
    found = []
    for number, ((index, shape), mask) in enumerate(zip(places, masks, strict=True)):
        bits, groups = base.precision_of(number).kept, target.linear[number // 2].groups
        weights = _Weights(base, number, mask.shape, groups, _order(target, base, number, mask), narrowest(bits))
        name = default_name(index)
        found.append(Array(f"{name}_orig", weights.dtype, shape, weights))
        found.append(Array(f"{name}_mask", np.dtype(np.uint8), shape, _Kept(mask, weights.order)))
    return found


def _order(target: Network, base: BaseNetwork, number: int, mask: Mask) -> Int64Array | None:
    """Return which column of the drawn matrix each of the network's is, int64[columns]; None where none is moved."""
    if not is_single(base.construction, number - 1):
        return None
    row = full_rows((1, mask.shape[1]), 0, 1)
    layer = target.linear[number - 1]
    numbered = Matrix(row.shape, row.start, row.columns, row.columns)
    return as_dense(numbered, layer.channels, constant_lines(layer)).values


def check_size(masks: Sequence[Mask], limit: int) -> None:
    """Check that all matrices together have at most so many weights, kept or not.

    Raises:
        InputError: they have more.
    """
    weights = sum(mask.shape[0] * mask.shape[1] for mask in masks)
    if weights > limit:
        raise InputError(f"expected a base network of at most {limit} weights to write out, found {weights}")


def narrowest(precision_bits: int) -> np.dtype[Any]:
    """Return the narrowest signed integers that hold -2^precision_bits to 2^precision_bits."""
    return np.dtype(next(kind for kind in (np.int8, np.int16, np.int32) if np.iinfo(kind).max >= 1 << precision_bits))


def full_rows(shape: tuple[int, int], first: int, last: int) -> Mask:
    """Return the mask that keeps all of the rows from `first` to before `last`, and no other."""
    rows, columns = shape
    start = np.clip(np.arange(rows + 1, dtype=np.int64), first, last) - first
    return Mask(shape, start * columns, np.tile(np.arange(columns, dtype=np.int64), last - first))


def _spans(shape: tuple[int, int]) -> Iterator[tuple[int, int]]:
    step = max(1, PIECE // max(1, shape[1]))
    return ((first, min(first + step, shape[0])) for first in range(0, shape[0], step))


@dataclass(frozen=True, eq=False)
class _Weights:
    """All weights of one matrix of a base network."""

    base: BaseNetwork
    number: int
    shape: tuple[int, int]
    groups: int
    order: Int64Array | None
    dtype: np.dtype[Any]

    def __call__(self) -> Iterator[bytes]:
        for span in _spans(self.shape):
            drawn = kept_weights(self.base, self.number, full_rows(self.shape, *span), self.groups)
            values = drawn.values.reshape(-1, self.shape[1])
            moved = values if self.order is None else values[:, self.order]
            yield moved.astype(self.dtype.newbyteorder("<")).tobytes()


@dataclass(frozen=True, eq=False)
class _Kept:
    """A mask, element by element."""

    mask: Mask
    order: Int64Array | None

    def __call__(self) -> Iterator[bytes]:
        mask = self.mask
        for first, last in _spans(mask.shape):
            kept = np.zeros((last - first, mask.shape[1]), dtype=np.uint8)
            start = mask.start[first : last + 1]
            rows = np.repeat(np.arange(last - first), np.diff(start))
            kept[rows, mask.columns[start[0] : start[-1]]] = 1
            yield (kept if self.order is None else kept[:, self.order]).tobytes()
