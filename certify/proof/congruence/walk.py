"""A network's tensors as numbered elements, operator by operator.

An operator's accumulation becomes sums of planes, or something that is no sum; its steps are applied element by
element afterwards. A linear operator reads one plane for each tap and channel, whatever its window is, so that only
which elements meet which weights matters.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import pairwise
from typing import Any, TypeAlias, TypeVar

import numpy as np

from certify.network.matrix import Int64Array
from certify.network.model import INPUT, Network, Operator
from certify.network.operators import Addition, Convolution, Dense, Linear, Moving, Pad, Pooling, Product, Softmax
from certify.network.steps import Step, channel_steps, channels
from certify.proof.congruence.functions import EXACT_WORD, Divide
from certify.proof.congruence.table import ABSENT, Elements, NotNumberedError, Table, constants

MOST_PRODUCTS = 2**20
Rule: TypeAlias = Callable[[Any, Sequence[Elements], Table], Elements]
T = TypeVar("T")


def numbered(network: Network, table: Table) -> list[Elements]:
    """Return the elements of every layer's output.

    Raises:
        NotNumberedError: too many of them, or too long.
    """
    found = {INPUT: _inputs(network, table)}
    for index, layer in enumerate(network.layers):
        read = [found[source] for source in network.sources(index)]
        found[index] = _stepped(_accumulated(layer, read, table), layer.steps, table)
    return [found[index] for index in range(len(network.layers))]


def _inputs(network: Network, table: Table) -> Elements:
    """Return the inputs, those of one range a plane of their own."""
    box = network.input
    if max(map(abs, (*box.low, *box.high)), default=0) >= EXACT_WORD:
        raise NotNumberedError("inputs of more than 62 bits")
    low, high = np.array(box.low, dtype=np.int64), np.array(box.high, dtype=np.int64)
    base = np.zeros(len(low), dtype=np.int64)
    for size in np.unique(high - low).tolist():
        places = np.flatnonzero(high - low == size)
        base[places] = table.atom(("input", size), len(places), size).base
    return Elements(base, low).reshape(*box.shape)


def _accumulated(layer: Operator, read: Sequence[Elements], table: Table) -> Elements:
    for kind, rule in _RULES:
        if isinstance(layer, kind):
            return rule(layer, read, table)
    raise NotNumberedError(f"no rule for {type(layer).__name__.lower()}")


def _stepped(elements: Elements, steps: tuple[Step, ...], table: Table) -> Elements:
    if channels(steps) is None:
        return table.each(elements, steps)
    last = elements.base.shape[-1]
    return _stacked([table.each(elements.at((..., c)), channel_steps(steps, c)) for c in range(last)])


def _stacked(planes: Sequence[Elements]) -> Elements:
    """Return planes of one shape as the channels of a tensor."""
    return Elements(np.stack([p.base for p in planes], axis=-1), np.stack([p.offset for p in planes], axis=-1))


def _linear(layer: Linear, read: Sequence[Elements], table: Table) -> Elements:
    """Sums of planes by the kernels, and what offsets, constants and biases add at every position."""
    (given,) = read
    shape = layer.shape([given.base.shape])
    if isinstance(layer, Convolution):
        padded = layer.window.pad(given.base[np.newaxis])
        seen = np.stack([view[0].reshape(-1, view.shape[-1]).T for view in layer.window.views(padded)])
    else:
        seen = given.base.reshape(1, -1, 1)
    views = np.array([[table.view(plane) for plane in tap] for tap in seen], dtype=np.int64)
    matrix, length = layer.by_tap(), seen.shape[-1]
    tap = matrix.row_of_entry() % layer.taps
    group = matrix.row_of_entry() // layer.taps * layer.groups // max(1, layer.outputs)
    entries = views[tap, group * layer.channels + matrix.columns]
    starts = matrix.start[:: layer.taps].tolist()
    sums = [table.sum(entries[first:last], matrix.values[first:last], length) for first, last in pairwise(starts)]
    found = _stacked(sums).reshape(*shape)
    return Elements(found.base, found.offset + _bias(layer, given))


def _bias(layer: Linear, given: Elements) -> Int64Array:
    """Return int64[shape]: what the layer makes of the offsets alone.

    Raises:
        NotNumberedError: int64 may not hold it.
    """
    low, high = min(0, int(given.offset.min(initial=0))), max(0, int(given.offset.max(initial=0)))
    width = layer.groups * layer.channels
    largest = layer.kernel_bounds([low] * width, [high] * width)[2]
    if largest >= EXACT_WORD:
        raise NotNumberedError(f"biases of {largest.bit_length()} bits")
    found: Int64Array = layer.accumulate([given.offset[np.newaxis]])[0]
    return found


def _addition(layer: Addition, read: Sequence[Elements], table: Table) -> Elements:
    """Elements that come from the same blocks are a plane, in whatever order they stand."""
    terms = [_stepped(own, term.steps, table) for own, term in zip(read, layer.terms, strict=True)]
    shape = terms[0].base.shape
    bases = np.stack([term.base.reshape(-1) for term in terms])
    weights = np.array([_word(term.weight) for term in layer.terms], dtype=np.int64)
    _check_words([(abs(term.weight), own.offset) for term, own in zip(layer.terms, terms, strict=True)])
    offset = sum(own.offset.reshape(-1) * weight for own, weight in zip(terms, weights.tolist(), strict=True))
    blocks = table.blocks(bases)
    found = constants(np.zeros(bases.shape[1], dtype=np.int64))
    for places in _alike(blocks):
        order = np.argsort(blocks[:, places[0]], kind="stable")
        rows = bases[order][:, places]
        sorting = np.lexsort(rows[::-1])
        views = np.array([table.view(row[sorting]) for row in rows], dtype=np.int64)
        own = table.sum(views, weights[order], len(places))
        found.base[places[sorting]], found.offset[places[sorting]] = own.base, own.offset
    return Elements(found.base, found.offset + offset).reshape(*shape)


def _alike(rows: Int64Array) -> list[Int64Array]:
    """Return the places of equal columns of int64[k, n], for each distinct column."""
    _, which = np.unique(rows, axis=1, return_inverse=True)
    order = np.argsort(which.reshape(-1), kind="stable")
    edges = np.flatnonzero(np.diff(which.reshape(-1)[order])) + 1
    return [places for places in np.split(order, edges) if len(places)]


def _pooling(layer: Pooling, read: Sequence[Elements], table: Table) -> Elements:
    (given,) = read
    shape = layer.shape([given.base.shape])
    fill = ABSENT if layer.kind == "max" else 0
    base, offset = (
        np.stack([view[0] for view in layer.window.views(layer.window.pad(values[np.newaxis], around))])
        for values, around in ((given.base, fill), (given.offset, 0))
    )
    planes = [
        (base[..., channel].reshape(len(base), -1), offset[..., channel].reshape(len(base), -1))
        for channel in range(base.shape[-1])
    ]
    if layer.kind == "max":
        return _stacked([_maximum(*plane, table) for plane in planes]).reshape(*shape)
    _check_words([(layer.window.taps, given.offset)])
    summed = _stacked([_summed(*plane, table) for plane in planes]).reshape(*shape)
    return summed if layer.kind == "sum" else _averaged(layer, summed, given, table)


def _summed(base: Int64Array, offset: Int64Array, table: Table) -> Elements:
    views = np.array([table.view(row) for row in base], dtype=np.int64)
    found = table.sum(views, np.ones(len(views), dtype=np.int64), base.shape[1])
    return Elements(found.base, found.offset + offset.sum(axis=0))


def _averaged(layer: Pooling, summed: Elements, given: Elements, table: Table) -> Elements:
    """Divide by how many elements each window has."""
    assert layer.rounding
    inside = np.ones((1, *given.base.shape[:2], 1), dtype=np.int64)
    views = layer.window.views(layer.window.pad(inside))
    counts = np.broadcast_to(sum(view[0] for view in views), summed.base.shape)
    base, offset = summed.base.copy(), summed.offset.copy()
    for count in np.unique(counts).tolist():
        places = counts == count
        own = table.each(summed.at(places), (Divide(count, layer.rounding),))
        base[places], offset[places] = own.base, own.offset
    return Elements(base, offset)


def _maximum(base: Int64Array, offset: Int64Array, table: Table) -> Elements:
    """The maximum of int64[taps, positions] elements, ABSENT where a tap has nothing: known by the set of planes."""
    present = base != ABSENT
    high = np.where(present, offset + table.high(np.maximum(base, 0)), -EXACT_WORD).max(axis=0)
    low = np.where(present, offset, -EXACT_WORD).max(axis=0)
    if (low == high).all():
        return constants(low)
    least = int(offset[present].min())
    relative = np.where(present, offset - least, 0)
    planes = {(table.view(row), own.tobytes()): place for place, (row, own) in enumerate(zip(base, relative))}  # noqa: B905
    if len(planes) == 1 and present.all():
        return Elements(base[0], offset[0])
    found = table.atom(("max", frozenset(planes)), base.shape[1], int(high.max() - low.min()))
    return Elements(found.base, found.offset + int(low.min()))


def _product(layer: Product, read: Sequence[Elements], table: Table) -> Elements:
    """Sums of products of elements, known by which elements; a product with the constant 0 is left out."""
    shape = layer.shape([elements.base.shape for elements in read])
    if int(np.prod(shape)) * read[0].base.shape[-1] > MOST_PRODUCTS:
        raise NotNumberedError(f"more than {MOST_PRODUCTS:,} products of elements")
    left, right = (elements.reshape(-1, *elements.base.shape[-2:]) for elements in read)
    found = [
        _dot(left.at((index, row)), right.at((index, slice(None), column)), table)
        for index in range(left.base.shape[0])
        for row in range(left.base.shape[1])
        for column in range(right.base.shape[2])
    ]
    return Elements(*(np.concatenate(parts) for parts in zip(*found, strict=True))).reshape(*shape)


def _dot(left: Elements, right: Elements, table: Table) -> tuple[Int64Array, Int64Array]:
    pairs, low, high = [], 0, 0
    ends = [
        zip(own.base.tolist(), own.offset.tolist(), table.high(own.base).tolist(), strict=True)
        for own in (left, right)
    ]
    for (a, least_a, high_a), (b, least_b, high_b) in zip(*ends, strict=True):
        products = [x * y for x in (least_a, least_a + high_a) for y in (least_b, least_b + high_b)]
        low, high = low + min(products), high + max(products)
        if any(products):
            pairs.append(tuple(sorted([(a, least_a), (b, least_b)])))
    _word(max(abs(low), abs(high)))
    found = table.atom(("product", tuple(sorted(pairs))), 1, high - low)
    return found.base, found.offset + low


def _softmax(layer: Softmax, read: Sequence[Elements], table: Table) -> Elements:
    """An element of a row is known by the row, in any order and up to a constant, and by itself."""
    (given,) = read
    flat = given.reshape(-1, given.base.shape[-1])
    powers = layer.table
    while powers and not powers[-1]:
        powers = powers[:-1]
    base, offset = np.zeros_like(flat.base), np.zeros_like(flat.base)
    for row, (bases, offsets) in enumerate(zip(flat.base, flat.offset, strict=True)):
        own = list(zip(bases.tolist(), (offsets - offsets.min()).tolist(), strict=True))
        everything = tuple(sorted(own))
        for place, element in enumerate(own):
            found = table.atom(("softmax", powers, layer.scale, everything, element), 1, layer.scale)
            base[row, place], offset[row, place] = found.base[0], found.offset[0]
    return Elements(base, offset).reshape(*given.base.shape)


def _moving(layer: Moving, read: Sequence[Elements], _: Table) -> Elements:
    """The same elements elsewhere; what is put beside them is constant."""
    bare = replace(layer, value=0) if isinstance(layer, Pad) else layer
    base = bare.accumulate([elements.base[np.newaxis] for elements in read])[0]
    return Elements(base, layer.accumulate([elements.offset[np.newaxis] for elements in read])[0])


def _word(value: int) -> int:
    if abs(value) >= EXACT_WORD:
        raise NotNumberedError(f"numbers of {value.bit_length()} bits")
    return value


def _check_words(parts: Sequence[tuple[int, Int64Array]]) -> None:
    """Check that a sum of offsets with these weights stays within a machine word."""
    _word(sum(weight * int(np.abs(offset).max(initial=0)) for weight, offset in parts))


_RULES: tuple[tuple[type[Operator], Rule], ...] = (
    (Dense, _linear),
    (Convolution, _linear),
    (Addition, _addition),
    (Pooling, _pooling),
    (Product, _product),
    (Softmax, _softmax),
    (Moving, _moving),
)
